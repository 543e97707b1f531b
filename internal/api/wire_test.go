package api

import (
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
