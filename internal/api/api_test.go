package api

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

func TestRoot(t *testing.T) {
	r := newRig(t, Options{ClusterUUID: "uuid", Build: "b"})
	var info wire.Info
	if err := json.Unmarshal([]byte(r.must(200, "GET", "/", "")), &info); err != nil {
		t.Fatal(err)
	}
	if info.Version == nil || info.Version.Number != wire.Version || info.Tidemark.Version != wire.Release || info.ClusterUUID != "uuid" || info.Tagline == "" {
		t.Errorf("%+v", info)
	}
	if w := r.do("HEAD", "/", ""); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", w.Code, w.Body.Len())
	}
	bare := newRig(t, Options{NoCompatHeaders: true})
	w := bare.do("GET", "/", "")
	if w.Header().Get("X-Elastic-Product") != "" || strings.Contains(w.Body.String(), "lucene") || strings.Contains(w.Body.String(), "tagline") {
		t.Errorf("without compatibility: %v %s", w.Header(), w.Body)
	}
}

// TestEveryAnswer: the headers that clients demand are on errors too.
func TestEveryAnswer(t *testing.T) {
	r := newRig(t, Options{})
	for _, target := range []string{"/", "/nowhere", jobsPath + "nobody", jobsPath + "%", "//_flush", jobsPath + "/_flush"} {
		w := r.do("GET", target, "", "X-Opaque-Id", "me")
		h := w.Header()
		if h.Get("X-Elastic-Product") != "Elasticsearch" || h.Get("Server") != "Tidemark/"+wire.Release || h.Get("X-Opaque-Id") != "me" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s: headers %v", target, h)
		}
	}
}

func TestUnknownRoutes(t *testing.T) {
	r := newRig(t, Options{})
	for _, c := range []struct {
		status               int
		method, target, want string
	}{
		{400, "POST", jobsPath + "/_flush", "no handler found for uri"},
		{400, "GET", "/_ml/anomaly_detectors//", "no handler found"},
		{400, "GET", "/_nothing", "no handler found"},
		{400, "GET", "/_nothing/", "no handler found"},
		{405, "GET", jobsPath + "j/_flush/", "allowed: [POST]"},
		{405, "GET", jobsPath + "j/_flush", "allowed: [POST]"},
		{405, "PATCH", jobsPath + "j", "allowed: [DELETE, GET, OPTIONS, PUT]"},
	} {
		w := r.do(c.method, c.target, "")
		var e wire.PlainEnvelope
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != c.status || e.Status != c.status || !strings.Contains(e.Error, c.want) {
			t.Errorf("%s %s: %d %s (%v), want %d %s", c.method, c.target, w.Code, w.Body, err, c.status, c.want)
		}
		if c.status == 405 && w.Header().Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.target)
		}
	}
	// A slash at the end means nothing, as to the API's own router.
	contains(t, r.must(200, "GET", "/_ml/anomaly_detectors/?pretty=false", ""), `"count":0`)
	if w := r.do("OPTIONS", jobsPath+"j", ""); w.Code != 200 || !strings.Contains(w.Header().Get("Allow"), "PUT") {
		t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
	}
}

func TestMediaTypes(t *testing.T) {
	r := newRig(t, Options{})
	vendor := "application/vnd.elasticsearch+json;compatible-with="
	for _, c := range []struct {
		accept, content string
		status          int
		answer          string
	}{
		{"", "application/json", 200, "application/json"},
		{"*/*", "application/json; charset=UTF-8", 200, "application/json"},
		{vendor + "9", vendor + "9", 200, vendor + "9"},
		{vendor + "7", vendor + "7", 200, vendor + "7"},
		{vendor + "9", "application/json", 200, vendor + "9"},
		{vendor + "8", vendor + "9", 400, vendor + "8"},
		{vendor + "6", "application/json", 400, "application/json"},
		{"text/html", "application/json", 406, "application/json"},
		{"", "application/x-www-form-urlencoded", 406, "application/json"},
		{"", "application/yaml", 406, "application/json"},
	} {
		r.do("DELETE", jobsPath+"j", "")
		w := r.do("PUT", jobsPath+"j", countJob("1m"), "Accept", c.accept, "Content-Type", c.content)
		if w.Code != c.status || w.Header().Get("Content-Type") != c.answer {
			t.Errorf("Accept %q, Content-Type %q: %d %q, want %d %q: %s", c.accept, c.content, w.Code, w.Header().Get("Content-Type"), c.status, c.answer, w.Body)
		}
	}
	r.do("PUT", jobsPath+"j", countJob("1m"))
	old := "/_xpack/ml/anomaly_detectors/j"
	if w := r.do("GET", old, ""); w.Code != 200 || w.Header().Get("Warning") != "" {
		t.Errorf("old prefix: %d %v", w.Code, w.Header())
	}
	if w := r.do("GET", old, "", "Accept", vendor+"7"); !strings.HasPrefix(w.Header().Get("Warning"), "299 Elasticsearch-") {
		t.Errorf("old prefix for version 7: %v", w.Header())
	}
}

func TestShapes(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s"))
	r.post("j", 600, 661)
	r.must(200, "POST", jobsPath+"j/_flush", "")
	for query, want := range map[string]string{
		"filter_path=buckets.event_count":          `{"buckets":[{"event_count":1}]}`,
		"filter_path=count,buckets.*_span":         `{"count":1,"buckets":[{"bucket_span":60}]}`,
		"filter_path=**.event_count":               `{"buckets":[{"event_count":1}]}`,
		"filter_path=nothing":                      `{}`,
		"filter_path=buckets.timestamp&human=true": `{"buckets":[{"timestamp":600000}]}`,
		"filter_path=buckets.timestamp*&human":     `{"buckets":[{"timestamp_string":"1970-01-01T00:10:00.000Z","timestamp":600000}]}`,
		"filter_path=-buckets":                     `{"count":1}`,
		"filter_path=buckets.*,-buckets.*score,-**.is_interim,-**.bucket_influencers,-buckets.processing*,-buckets.job_id,-buckets.result_type": `{"buckets":[{"timestamp":600000,"bucket_span":60,"event_count":1}]}`,
		"filter_path=count&pretty":                               "{\n  \"count\": 1\n}\n",
		"filter_path=count&pretty=false&format=json&error_trace": `{"count":1}`,
	} {
		if have := r.must(200, "GET", jobsPath+"j/results/buckets?"+query, ""); have != want {
			t.Errorf("%s: %s, want %s", query, have, want)
		}
	}
	r.must(200, "PUT", "/_ml/calendars/c", "")
	contains(t, r.must(200, "POST", "/_ml/calendars/c/events?human", `{"events":[{"description":"e","start_time":0,"end_time":1700000000000}]}`),
		`"start_time_string":"1970-01-01T00:00:00.000Z","start_time":0,"end_time_string":"2023-11-14T22:13:20.000Z","end_time":1700000000000`)
	// A document of a search is what was written.
	r.must(201, "PUT", "/own/_doc/1?refresh=true", `{"timestamp":600000}`)
	contains(t, r.must(200, "GET", "/own/_search?human", ""), `"_source":{"timestamp":600000}`)
	if w := r.do("GET", jobsPath+"j?format=yaml", ""); w.Code != 406 {
		t.Errorf("yaml: %d", w.Code)
	}
	for i := range 20 {
		r.must(200, "PUT", fmt.Sprintf("%sk%d", jobsPath, i), countJob("60s"))
	}
	w := r.do("GET", jobsPath+"_all", "", "Accept-Encoding", "deflate, gzip")
	if w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("not compressed: %v", w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || string(plain) != r.must(200, "GET", jobsPath+"_all", "") {
		t.Errorf("the compressed answer differs: %v", err)
	}
	if w := r.do("GET", jobsPath+"_all", "", "Accept-Encoding", "gzip;q=0"); w.Header().Get("Content-Encoding") != "" {
		t.Error("compressed although refused")
	}
}

func TestJobs(t *testing.T) {
	r := newRig(t, Options{})
	created := r.must(200, "PUT", jobsPath+"b", countJob("1h"))
	for _, want := range []string{`"job_id":"b"`, `"job_type":"anomaly_detector"`, `"model_memory_limit":"1024mb"`, `"create_time":`, `"results_index_name":"shared"`, `"influencers":[]`} {
		if !strings.Contains(created, want) {
			t.Errorf("no %s in %s", want, created)
		}
	}
	r.must(200, "PUT", jobsPath+"a", `{"groups":["g"],`+countJob("7m")[1:])
	if w := r.do("PUT", jobsPath+"odd", countJob("7m")); !strings.Contains(w.Header().Get("Warning"), "does not divide a day") {
		t.Errorf("no warning about an odd span: %v", w.Header())
	}
	r.must(200, "DELETE", jobsPath+"odd", "")
	for expr, want := range map[string]string{"": "2 a b", "_all": "2 a b", "a": "1 a", "g": "1 a", "*": "2 a b", "b,a": "2 a b", "x*": "0", "a*,b": "2 a b"} {
		for _, rest := range []string{"", "/_stats"} {
			target := strings.TrimSuffix(jobsPath+expr, "/") + rest
			var list wire.JobList
			if err := json.Unmarshal([]byte(r.must(200, "GET", target, "")), &list); err != nil {
				t.Fatal(err)
			}
			have := fmt.Sprint(list.Count)
			for _, j := range list.Jobs {
				have += " " + j.JobID
			}
			if have != want {
				t.Errorf("%s: %s, want %s", target, have, want)
			}
		}
	}
	missing := "resource_not_found_exception"
	r.refused(404, missing, "nobody", "GET", jobsPath+"nobody", "")
	r.refused(404, missing, "x*", "GET", jobsPath+"x*?allow_no_match=false", "")
	r.refused(404, missing, "nobody", "DELETE", jobsPath+"nobody?force=true", "")
	r.refused(404, missing, "nobody", "POST", jobsPath+"nobody/_open", "")
	r.refused(400, "resource_already_exists_exception", "Id 'a'", "PUT", jobsPath+"a", countJob("1h"))
	r.refused(400, "resource_already_exists_exception", "[g]", "PUT", jobsPath+"g", countJob("1h"))
	r.refused(400, "illegal_argument_exception", "Inconsistent job_id", "PUT", jobsPath+"c", `{"job_id":"d",`+countJob("1h")[1:])
	r.refused(400, "x_content_parse_exception", "unknown field [x]", "PUT", jobsPath+"c", `{"x":1,`+countJob("1h")[1:])
	r.must(400, "PUT", jobsPath+"c", "")
	r.refused(404, missing, "'c'", "GET", jobsPath+"c", "")

	if have := r.must(200, "POST", jobsPath+"a/_open?timeout=30s", ""); have != `{"opened":true,"node":"node-1"}` {
		t.Error(have)
	}
	r.refused(409, "status_exception", "already been opened", "POST", jobsPath+"a/_open", `{"job_id":"zzz","timeout":"5s"}`)
	r.refused(409, "status_exception", "because the job is opened", "DELETE", jobsPath+"a", "")
	r.refused(400, "illegal_argument_exception", "unit is missing", "POST", jobsPath+"a/_close?timeout=5", "")
	for range 2 { // Closing is idempotent.
		if have := r.must(200, "POST", jobsPath+"a/_close?force", ""); have != `{"closed":true}` {
			t.Error(have)
		}
	}
	r.must(200, "POST", jobsPath+"_all/_close", `{"allow_no_match":true}`)
	bare := r.must(200, "GET", jobsPath+"a?exclude_generated=true&filter_path=jobs", "")
	again := strings.TrimSuffix(strings.TrimPrefix(bare, `{"jobs":[`), `]}`)
	if strings.Contains(bare, "create_time") || strings.Contains(bare, "finished_time") {
		t.Errorf("generated fields in %s", bare)
	}
	r.must(200, "POST", jobsPath+"a/_open", "")
	if have := r.must(200, "DELETE", jobsPath+"a?force=true", ""); have != `{"acknowledged":true}` {
		t.Error(have)
	}
	r.must(200, "PUT", jobsPath+"a", again)
	if have := r.must(200, "DELETE", jobsPath+"a?wait_for_completion=false", ""); !strings.Contains(have, `"task":"node-1:`) {
		t.Error(have)
	}
}

// TestValidate: the same rules as creating a job, without a trace.
func TestValidate(t *testing.T) {
	r := newRig(t, Options{})
	validate := jobsPath + "_validate"
	for _, target := range []string{validate, "/_xpack/ml/anomaly_detectors/_validate"} {
		if have := r.must(200, "POST", target, countJob("1h")); have != `{"acknowledged":true}` {
			t.Error(have)
		}
	}
	r.must(200, "POST", validate, `{"job_id":"fine",`+countJob("1h")[1:])
	r.must(200, "POST", validate+"/detector", `{"function":"mean","field_name":"v","by_field_name":"a"}`)
	for _, c := range []struct{ target, body, part string }{
		{validate, `{"job_id":"BAD",` + countJob("1h")[1:], "Invalid job_id"},
		{validate, countJob("0s"), "bucket_span"},
		{validate, `{"x":1}`, "unknown field [x]"},
		{validate, `{}`, "analysis_config must be set"},
		{validate + "/detector", `{"function":"mean"}`, "field_name must be set"},
		{validate + "/detector", `{"function":"nonsense"}`, "Unknown function"},
		{validate + "/detector", `{"function":"count","x":1}`, "unknown field [x]"},
	} {
		have := r.must(400, "POST", c.target, c.body)
		if !strings.Contains(have, c.part) {
			t.Errorf("%s %s: %s, want %q", c.target, c.body, have, c.part)
		}
	}
	r.must(400, "POST", validate, "")
	if have := r.must(200, "GET", jobsPath+"_all?filter_path=count", ""); have != `{"count":0}` {
		t.Errorf("validation left a job: %s", have)
	}
	if have := r.must(200, "GET", "/_ml/info?filter_path=upgrade_mode,defaults.anomaly_detectors.model_memory_limit,defaults.**.tokenizer", ""); have != `{"defaults":{"anomaly_detectors":{"categorization_analyzer":{"tokenizer":"ml_standard"},"model_memory_limit":"1gb"}},"upgrade_mode":false}` {
		t.Error(have)
	}
}

func TestGuard(t *testing.T) {
	r := newRig(t, Options{Guard: Guard{Loopback: true, AllowOrigins: []string{"https://tools.example.org"}, AllowHosts: []string{"box.lan"}}})
	for _, c := range []struct {
		host, origin, fetch string
		status              int
	}{
		{"127.0.0.1:7270", "", "", 200},
		{"localhost:7270", "", "same-origin", 200},
		{"[::1]:7270", "", "none", 200},
		{"127.0.0.1:7270", "http://127.0.0.1:7270", "same-origin", 200},
		{"127.0.0.1:7270", "https://tools.example.org", "cross-site", 200},
		{"box.lan:7270", "", "", 200},
		{"evil.example.com:7270", "", "", 403},
		{"127.0.0.1:7270", "https://evil.example.com", "", 403},
		{"127.0.0.1:7270", "null", "", 403},
		{"127.0.0.1:7270", "http://127.0.0.1:8080", "same-site", 403},
		{"127.0.0.1:7270", "", "cross-site", 403},
		{"evil.example.com", "http://evil.example.com", "same-origin", 403},
	} {
		req, err := http.NewRequest("POST", "http://x"+jobsPath+"_all/_close", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host, req.RequestURI = c.host, jobsPath+"_all/_close"
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		if c.fetch != "" {
			req.Header.Set("Sec-Fetch-Site", c.fetch)
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if w.Code != c.status {
			t.Errorf("host %s, origin %q, %q: %d %s", c.host, c.origin, c.fetch, w.Code, w.Body)
		}
		if w.Code == 403 && !strings.Contains(w.Body.String(), "--allow-") {
			t.Errorf("host %s, origin %q: no remedy in %s", c.host, c.origin, w.Body)
		}
		if c.origin == "https://tools.example.org" && w.Header().Get("Access-Control-Allow-Origin") != c.origin {
			t.Errorf("an allowed origin cannot read: %v", w.Header())
		}
	}
	anywhere := newRig(t, Options{})
	if w := anywhere.do("GET", "/", ""); w.Code != 200 {
		t.Error(w.Body)
	}
}
