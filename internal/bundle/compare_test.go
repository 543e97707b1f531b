package bundle

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed is a set that a test has written.
func parsed(t *testing.T, text string) *Set {
	t.Helper()
	s, err := Parse([]byte(text), "file")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPlan: what is the same is left alone, however it is written; what differs is
// changed if it can be, and refused with its place if not. Nothing here asks a server.
func TestPlan(t *testing.T) {
	have := parsed(t, `[
		{"filter_id":"f","items":["a","b"]},
		{"job_id":"j","description":"d","groups":["x","y"],"analysis_config":{"bucket_span":"15m","influencers":[],"detectors":[{"function":"count","detector_description":"count"}]},
			"analysis_limits":{"model_memory_limit":"1gb","categorization_examples_limit":4},"data_description":{"time_field":"time","time_format":"epoch_ms"}},
		{"datafeed_id":"d","job_id":"j","indices":["i"],"query":{"match_all":{"boost":1}},"scroll_size":1000},
		{"calendar_id":"c","job_ids":["j"],"description":"","events":[{"description":"x","start_time":1000,"end_time":2000}]}]`)
	const job = `"analysis_config":{"detectors":[{"function":"count"}]}`
	for name, c := range map[string]struct {
		want   string
		action Action
		diff   []Difference
		note   string
	}{
		"new":                          {`{"job_id":"k",` + job + `}`, Create, nil, ""},
		"the same":                     {`{"job_id":"j",` + job + `}`, Unchanged, nil, ""},
		"by what it means":             {`{"job_id":"j","groups":["y","x"],"analysis_config":{"bucket_span":"900s","detectors":[{"function":"count"}]},"analysis_limits":{"model_memory_limit":"1024mb"}}`, Unchanged, nil, ""},
		"empty is nothing":             {`{"job_id":"j","allow_lazy_open":false,"custom_settings":{},` + job + `}`, Unchanged, nil, ""},
		"another description":          {`{"job_id":"j","description":"e",` + job + `}`, Update, []Difference{{"description", `"d"`, `"e"`}}, ""},
		"settings are one":             {`{"job_id":"j","custom_settings":{"a":1},` + job + `}`, Update, []Difference{{"custom_settings", "", `{"a":1}`}}, ""},
		"a detector's description":     {`{"job_id":"j","analysis_config":{"detectors":[{"function":"count","detector_description":"all"}]}}`, Update, []Difference{{"analysis_config.detectors[0].detector_description", `"count"`, `"all"`}}, ""},
		"another function":             {`{"job_id":"j","analysis_config":{"detectors":[{"function":"rare"}]}}`, Refused, []Difference{{"analysis_config.detectors[0].function", `"count"`, `"rare"`}}, "analysis_config.detectors[0].function cannot change in a job"},
		"more detectors":               {`{"job_id":"j","analysis_config":{"detectors":[{"function":"count"},{"function":"count"}]}}`, Refused, []Difference{{"analysis_config.detectors", `[{"detector_description":"count","function":"count"}]`, `[{"function":"count"},{"function":"count"}]`}}, "cannot change"},
		"a query that matches all":     {`{"datafeed_id":"d","job_id":"j","indices":["i"],"query":{"match_all":{}}}`, Unchanged, nil, ""},
		"another query":                {`{"datafeed_id":"d","job_id":"j","query":{"term":{"a":1}}}`, Update, []Difference{{"query", `{"match_all":{"boost":1}}`, `{"term":{"a":1}}`}}, ""},
		"another job of a datafeed":    {`{"datafeed_id":"d","job_id":"k"}`, Refused, []Difference{{"job_id", `"j"`, `"k"`}}, "job_id cannot change in a datafeed"},
		"items in another order":       {`{"filter_id":"f","items":["b","a","a"]}`, Unchanged, nil, ""},
		"other items":                  {`{"filter_id":"f","items":["a","c"]}`, Update, []Difference{{"items", `["a","b"]`, `["a","c"]`}}, ""},
		"a calendar's jobs":            {`{"calendar_id":"c","job_ids":["k"]}`, Update, []Difference{{Path: "job_ids", Want: `["k"]`}, {Path: "job_ids", Have: `["j"]`}}, ""},
		"a calendar's description":     {`{"calendar_id":"c","description":"new"}`, Refused, []Difference{{"description", `""`, `"new"`}}, "delete the calendar first"},
		"the same event":               {`{"calendar_id":"c","events":[{"description":"x","start_time":"1970-01-01T00:00:01Z","end_time":2000,"skip_result":true}]}`, Unchanged, nil, ""},
		"an event that cannot be read": {`{"calendar_id":"c","events":[{"description":"x","start_time":"now"}]}`, Refused, nil, "start_time"},
	} {
		changes := Plan(nil, have, parsed(t, c.want), false)
		if len(changes) != 1 {
			t.Fatalf("%s: %d changes", name, len(changes))
		}
		x := changes[0]
		if d := cmp.Diff(c.diff, x.Differences); x.Action != c.action || d != "" {
			t.Errorf("%s: %s, want %s; %s", name, x.Action, c.action, d)
		}
		if notes := strings.Join(x.Notes, "\n"); !strings.Contains(notes, c.note) || (c.note == "") != (notes == "") {
			t.Errorf("%s: notes %q, want one with %q", name, notes, c.note)
		}
		if acts := x.do != nil; acts != (x.Action == Create || x.Action == Update) {
			t.Errorf("%s: %s, and something would be done: %t", name, x.Action, acts)
		}
	}
	events := Plan(nil, have, parsed(t, `{"calendar_id":"c","events":[{"description":"y","start_time":1000,"end_time":2000}]}`), false)[0]
	if events.Action != Update || len(events.Differences) != 2 || events.Differences[0].Want == "" || events.Differences[1].Have == "" {
		t.Errorf("another event: %s %+v", events.Action, events.Differences)
	}
	kept := Plan(nil, have, parsed(t, `{"filter_id":"f","items":["z"]}`), true)[0]
	if kept.Action != Skipped || kept.do != nil || len(kept.Notes) != 1 {
		t.Errorf("an import over what exists: %s, %q", kept.Action, kept.Notes)
	}
}
