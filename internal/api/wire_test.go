package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// TestErrorTrace: error_trace adds a stack_trace to every cause, and filter_path
// never hides an error.
func TestErrorTrace(t *testing.T) {
	r := newRig(t, Options{})
	for _, c := range []struct {
		query string
		want  bool
	}{{"", false}, {"?error_trace=false", false}, {"?error_trace", true}, {"?error_trace=true&filter_path=x", true}} {
		var e wire.Envelope
		raw := r.must(400, "PUT", jobsPath+"j"+c.query, `{"analysis_config":{"detectors":[{"function":"cuont"}]},"data_description":{}}`)
		if err := json.Unmarshal([]byte(raw), &e); err != nil {
			t.Fatal(err)
		}
		if e.Error.CausedBy == nil || len(e.Error.RootCause) != 1 {
			t.Fatalf("%s: %s", c.query, raw)
		}
		for _, trace := range []string{e.Error.StackTrace, e.Error.CausedBy.StackTrace, e.Error.RootCause[0].StackTrace} {
			if (trace != "") != c.want || c.want && (!strings.Contains(trace, "Unknown function 'cuont'") || !strings.Contains(trace, "PUT "+jobsPath+"j")) {
				t.Errorf("%s: trace %q in %s", c.query, trace, raw)
			}
		}
	}
	r.must(400, "GET", jobsPath+"_all?error_trace=maybe", "")
}

// TestFilterPathIsCheap: paths with many ** do not double with every level of a
// document.
func TestFilterPathIsCheap(t *testing.T) {
	r := newRig(t, Options{})
	deep := strings.Repeat(`{"a":`, 400) + "1" + strings.Repeat("}", 400)
	r.must(200, "PUT", jobsPath+"j", `{"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{},"custom_settings":`+deep+`}`)
	paths := strings.TrimSuffix(strings.Repeat("**.a.", 16), ".")
	contains(t, r.must(200, "GET", jobsPath+"j?filter_path="+paths+","+strings.Repeat("**.", 30)+"a", ""), `{"a":{"a":`)
}

// TestStrictBodies: JSON that is not exactly one sound object is refused, with the
// place and what is wrong.
func TestStrictBodies(t *testing.T) {
	r := newRig(t, Options{})
	for body, part := range map[string]string{
		`{"description":"a","description":"b"}`:           "[1:20] [job_details] Duplicate field 'description'; give it once",
		`{"custom_settings":{"a":1,"a":2}}`:               "Duplicate field 'a'",
		`{"custom_settings":{"a":{"b":1,"b":2}}}`:         "Duplicate field 'b'",
		"{\n \"groups\": [NaN]}":                          "[2:13]",
		`{"results_retention_days":Infinity}`:             "[1:27]",
		`{"results_retention_days":1e999}`:                "[1e999] is not a whole number within 64 bits",
		`{"results_retention_days":99999999999999999999}`: "is not a whole number within 64 bits",
		`{"results_retention_days":1.5}`:                  "[1.5] is not a whole number",
		`{"results_retention_days":01}`:                   "[1:",
		`{} {}`:                                           "unexpected text after the object",
		`{}x`:                                             "unexpected text after the object",
		`{"description":"a"`:                              "the text ends too early",
		"{\"description\":\"\xff\"}":                      "invalid UTF-8",
		`{"description":"\ud800"}`:                        "surrogate",
		"{\"description\":\"a\nb\"}":                      "[1:18]",
		`{'a':1}`:                                         "[1:2]",
		`{"custom_settings":` + strings.Repeat(`{"a":`, 12_000) + "1" + strings.Repeat("}", 12_001): "depth",
		`[{}]`:     "doesn't support values of type: START_ARRAY; give an object",
		`null`:     "VALUE_NULL; give an object",
		`"x"`:      "VALUE_STRING; give an object",
		"// x\n{}": "[1:1]",
	} {
		have := r.must(400, "PUT", jobsPath+"j", body)
		var e wire.Envelope
		if err := json.Unmarshal([]byte(have), &e); err != nil || e.Error.Type != wire.TypeXContentParse || e.Error.Line == 0 || e.Error.Col == 0 || !strings.Contains(e.Error.Reason, part) {
			t.Errorf("%.80q: %.400s, want %q", body, have, part)
		}
		r.must(404, "GET", jobsPath+"j", "")
	}
	r.refused(400, "parse_exception", "request body is required", "PUT", jobsPath+"j", "")
}

// TestMissingContentType: a body needs a type, and only JSON is spoken.
func TestMissingContentType(t *testing.T) {
	r := newRig(t, Options{})
	for content, part := range map[string]string{
		" ": "is missing", "text/plain": "[text/plain] is not supported", "multipart/form-data; boundary=x": "is not supported", "application/cbor": "is not supported",
		"application/json; charset=latin1": "is not supported", "application/json;": "", "APPLICATION/JSON": "", "application/x-ndjson": "",
	} {
		w := r.do("PUT", jobsPath+"j", countJob("60s"), "Content-Type", strings.TrimSpace(content))
		var e wire.PlainEnvelope
		switch {
		case part == "" && w.Code != 200:
			t.Errorf("%q: %d %s", content, w.Code, w.Body)
		case part == "":
			r.must(200, "DELETE", jobsPath+"j", "")
		case json.Unmarshal(w.Body.Bytes(), &e) != nil || w.Code != 406 || e.Status != 406 || !strings.Contains(e.Error, part):
			t.Errorf("%q: %d %s, want 406 %s", content, w.Code, w.Body, part)
		}
	}
}

// TestNoCrossOrigin: without an option no answer lets a page of another origin read.
func TestNoCrossOrigin(t *testing.T) {
	r := newRig(t, Options{})
	for _, method := range []string{"GET", "OPTIONS"} {
		w := r.do(method, "/", "", "Origin", "https://pages.example.org", "Access-Control-Request-Method", "GET")
		for name := range w.Header() {
			if strings.HasPrefix(name, "Access-Control") {
				t.Errorf("%s: %s: %v", method, name, w.Header())
			}
		}
		if method == "GET" && w.Code != 403 {
			t.Errorf("a page of another origin is answered with %d", w.Code)
		}
	}
}

// TestRetryAfter: whoever is told to come back is told when.
func TestRetryAfter(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s"))
	r.must(200, "POST", "/_ml/set_upgrade_mode?enabled=true", "")
	if w := r.do("POST", jobsPath+"j/_data", `{"time":1}`); w.Code != 429 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	q := &request{h: r.Handler, Request: httptest.NewRequest("GET", "/", nil)}
	for status, want := range map[int]string{503: "5", 429: "1", 409: "", 400: ""} {
		w := httptest.NewRecorder()
		q.w = w
		q.refuse(&wire.Refusal{Status: status, Type: wire.TypeStatus, Reason: "for now"})
		if w.Header().Get("Retry-After") != want {
			t.Errorf("%d: Retry-After %q, want %q", status, w.Header().Get("Retry-After"), want)
		}
	}
}
