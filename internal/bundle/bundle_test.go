package bundle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
)

// listed are the resources of a set as lines: kind, id and configuration.
func listed(s *Set) []string {
	lines := []string{}
	for _, r := range s.Resources {
		lines = append(lines, string(r.Kind)+" "+r.ID+" "+text(r.Config))
	}
	return lines
}

const detectors = `"analysis_config":{"bucket_span":"15m","detectors":[{"function":"count"}]}`

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"a job": {`{"job_id":"a",` + detectors + `}`, []string{`job a {` + detectors + `}`}},
		"Kibana 7": {`[{"job":{"job_id":"a","job_type":"anomaly_detector","job_version":"7.17.0","create_time":1,"finished_time":2,"model_snapshot_id":"3","established_model_memory":4,
			"results_index_name":"shared",` + detectors + `,"custom_settings":{"created_by":"x"}},
			"datafeed":{"datafeed_id":"datafeed-a","job_id":"a","indices":["i"],"query":{"match_all":{}}}}]`,
			[]string{`job a {` + detectors + `,"custom_settings":{"created_by":"x"}}`, `datafeed datafeed-a {"indices":["i"],"job_id":"a","query":{"match_all":{}}}`}},
		"Kibana 8": {`[{"job":{"job_id":"a","results_index_name":"custom-own",` + detectors + `},"datafeed":{"datafeed_id":"f","indices":["i"],"authorization":{"roles":[]}}},{"job":{"job_id":"b",` + detectors + `},"datafeed":{}}]`,
			[]string{`job a {` + detectors + `,"results_index_name":"own"}`, `job b {` + detectors + `}`, `datafeed f {"indices":["i"],"job_id":"a"}`}},
		"one of Kibana's": {`{"job":{"job_id":"a",` + detectors + `},"datafeed":null}`, []string{`job a {` + detectors + `}`}},
		"an answer":       {`{"count":1,"jobs":[{"job_id":"a",` + detectors + `,"datafeed_config":{"datafeed_id":"f","indexes":["i"],"aggs":{}}}]}`, []string{`job a {` + detectors + `}`, `datafeed f {"aggregations":{},"indices":["i"],"job_id":"a"}`}},
		"no id of a datafeed": {`{"job":{"job_id":"a",` + detectors + `},"datafeed":{"indices":["i"]}}`,
			[]string{`job a {` + detectors + `}`, `datafeed datafeed-a {"indices":["i"],"job_id":"a"}`}},
		"several values":       {`{"filter_id":"f","items":["x"]}` + "\n" + `{"job_id":"a",` + detectors + `}`, []string{`filter f {"items":["x"]}`, `job a {` + detectors + `}`}},
		"byte order mark":      {"\xef\xbb\xbf" + `{"filter_id":"f","items":[]}`, []string{`filter f {"items":[]}`}},
		"YAML":                 {"job_id: a\nanalysis_config: {bucket_span: 15m, detectors: [{function: count}]}\n---\n# nothing\n---\nfilter_id: f\nitems: [x]\n", []string{`filter f {"items":["x"]}`, `job a {` + detectors + `}`}},
		"events in a calendar": {"calendar_id: c\njob_ids: [a]\nevents:\n- {description: x, start_time: 2026-01-01T00:00:00Z, end_time: 1767312000000, event_id: q, calendar_id: c}\n", []string{`calendar c {"events":[{"description":"x","end_time":1767312000000,"start_time":"2026-01-01T00:00:00Z"}],"job_ids":["a"]}`}},
		"events first":         {`{"events":[{"calendar_id":"c","event_id":"q","description":"x","start_time":1,"end_time":2}]}{"calendars":[{"calendar_id":"c","job_ids":[]}]}`, []string{`calendar c {"events":[{"description":"x","end_time":2,"start_time":1}],"job_ids":[]}`}},
		"unknown members stay": {`{"job_id":"a",` + detectors + `,"zzz":{"b":[1]}}`, []string{`job a {` + detectors + `,"zzz":{"b":[1]}}`}},
		"default analyzer": {`{"job_id":"a","analysis_config":{"categorization_analyzer":{"char_filter":["first_line_with_letters",{"type":"pattern_replace","pattern":"id=[0-9]+"}],"tokenizer":"ml_standard","filter":[{"type":"stop","stopwords":["Monday","Tuesday","Wednesday","Thursday","Friday","Saturday","Sunday","Mon","Tue","Wed","Thu","Fri","Sat","Sun","January","February","March","April","May","June","July","August","September","October","November","December","Jan","Feb","Mar","Apr","May","Jun","Jul","Aug","Sep","Oct","Nov","Dec","GMT","UTC"]},{"type":"limit","max_token_count":"100"}]}}}`,
			[]string{`job a {"analysis_config":{"categorization_filters":["id=[0-9]+"]}}`}},
		"empty lists": {`{"count":0,"jobs":[]}`, []string{}},
	} {
		s, err := Parse([]byte(c.in), "file")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(c.want, listed(s)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                   "file is empty",
		"# nothing\n":                        "file is empty",
		"hello":                              "hello is no configuration",
		`{"a":1}`:                            "a job has analysis_config",
		`[1]`:                                "element 1: 1 is no configuration",
		`{"job_id":`:                         "neither JSON nor YAML",
		"a: [":                               "neither JSON nor YAML",
		`{"job_id":"a","job_id":"b"}`:        "duplicate",
		`{` + detectors + `}`:                "a job has no job_id",
		`{"job_id":7,` + detectors + `}`:     "a job has no job_id",
		`{"job":7}`:                          "job is no object",
		`[{"job":{"x":1}}]`:                  "element 1: a job has no job_id",
		`{"filter_id":"f"}{"filter_id":"f"}`: `filter "f" is there twice`,
		`{"jobs":[{"job_id":"a",` + detectors + `},{"job_id":"a",` + detectors + `}]}`:       `job "a" is there twice`,
		`{"calendar_id":"c","start_time":1,"end_time":2}`:                                    `calendar "c", which is not there`,
		`[{"id":"x","source":{"index":["i"]},"dest":{"index":"o"},"analysis":{"x":{}}}]`:     "data frame analytics",
		`{"datafeed_id":"f","indices":["i"]}` + "\n" + `{"datafeed_id":"f","indices":["j"]}`: `datafeed "f" is there twice, also in file`,
	} {
		_, err := Parse([]byte(in), "file")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "file") {
			t.Errorf("%s: error %v, want one with %q", in, err, want)
		}
	}
}

// TestOneJob: a job is found in any form, with or without an id, if it is the only one.
func TestOneJob(t *testing.T) {
	for _, in := range []string{`{` + detectors + `}`, `{"job_id":"a","create_time":5,` + detectors + `}`, `[{"job":{"job_id":"a",` + detectors + `},"datafeed":{"indices":["i"]}}]`,
		"analysis_config:\n  bucket_span: 15m\n  detectors:\n  - function: count\n"} {
		if raw, err := OneJob([]byte(in), "file"); err != nil || string(raw) != `{`+detectors+`}` {
			t.Errorf("%s is read as %s, error %v", in, raw, err)
		}
	}
	for in, want := range map[string]string{`[]`: "file holds 0 jobs", `[{"job_id":"a",` + detectors + `},{"job_id":"b",` + detectors + `}]`: "file holds 2 jobs", `{"x":1}`: "file: this is no configuration"} {
		if _, err := OneJob([]byte(in), "file"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", in, err, want)
		}
	}
}

// TestRead: folders are read as a whole, in the order of their names, and events find
// their calendars in other files.
func TestRead(t *testing.T) {
	folder := t.TempDir()
	for name, content := range map[string]string{
		"a-events.json":   `{"events":[{"calendar_id":"c","description":"x","start_time":1,"end_time":2}]}`,
		"below/c.yml":     "calendar_id: c\njob_ids: [_all]\n",
		"below/notes.txt": "not read",
		"JOB.JSON":        `{"job_id":"a",` + detectors + `}`,
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Read([]string{folder, "-"}, strings.NewReader(`{"filter_id":"f","items":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`filter f {"items":[]}`, `job a {` + detectors + `}`, `calendar c {"events":[{"description":"x","end_time":2,"start_time":1}],"job_ids":["_all"]}`}
	if d := cmp.Diff(want, listed(s)); d != "" {
		t.Error(d)
	}
	if _, err := Read([]string{folder, filepath.Join(folder, "JOB.JSON")}, nil); err == nil || !strings.Contains(err.Error(), "is there twice, also in "+folder) {
		t.Errorf("a file that is read twice: %v", err)
	}
	if _, err := Read([]string{t.TempDir()}, nil); err == nil || !strings.Contains(err.Error(), "holds no .json, .yaml or .yml file") {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestRoundTrip: what is written is what was read, in both forms.
func TestRoundTrip(t *testing.T) {
	s, err := Parse([]byte(`{"filters":[{"filter_id":"f","items":["x"]}],"jobs":[{"job":{"job_id":"a",`+detectors+`},"datafeed":{"datafeed_id":"d","indices":["i"]}}],
		"datafeeds":[{"datafeed_id":"lone","job_id":"elsewhere","indices":["i"]}],"calendars":[{"calendar_id":"c","job_ids":["a"],"events":[]}]}`), "file")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(raw, "again")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(listed(s), listed(again)); d != "" {
		t.Error(d)
	}
	pairs, err := json.Marshal(s.Pairs())
	if err != nil {
		t.Fatal(err)
	}
	again, err = Parse(pairs, "pairs")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{`job a {` + detectors + `}`, `datafeed d {"indices":["i"],"job_id":"a"}`}, listed(again)); d != "" {
		t.Error(d)
	}
}

// TestChoose: a chosen job takes along what belongs to it, and nothing else.
func TestChoose(t *testing.T) {
	rule := func(filter string) string {
		return `"analysis_config":{"detectors":[{"custom_rules":[{"actions":["skip_result"],"scope":{"h":{"filter_id":"` + filter + `"}}}],"function":"count"}]}`
	}
	s, err := Parse([]byte(`[{"filter_id":"f","items":[]},{"filter_id":"g","items":[]},{"job_id":"web-1",`+rule("f")+`,"groups":["shop"]},{"job_id":"db",`+rule("g")+`},
		{"datafeed_id":"w","job_id":"web-1","indices":["i","far:j"]},{"datafeed_id":"d","job_id":"db","indices":["i"]},
		{"calendar_id":"all","job_ids":["_all"]},{"calendar_id":"shop","job_ids":["shop"]},{"calendar_id":"both","job_ids":["db","web-1"]},{"calendar_id":"other","job_ids":["db"]}]`), "file")
	if err != nil {
		t.Fatal(err)
	}
	chosen := s.Choose("x*, web-*")
	chosen.PointBack("origin")
	want := []string{`filter f {"items":[]}`, `job web-1 {` + rule("f") + `,"groups":["shop"]}`, `datafeed w {"indices":["origin:i","far:j"],"job_id":"web-1"}`,
		`calendar all {"job_ids":["_all"]}`, `calendar both {"job_ids":["web-1"]}`, `calendar shop {"job_ids":["shop"]}`}
	if d := cmp.Diff(want, listed(chosen)); d != "" {
		t.Error(d)
	}
	if notes := chosen.Find(Calendar, "both").Notes; len(notes) != 1 || !strings.Contains(notes[0], "without the jobs db") {
		t.Errorf("the calendar of both says %q", notes)
	}
	if notes := chosen.Find(Datafeed, "w").Notes; len(notes) != 1 || notes[0] != "it searches origin:i, far:j" {
		t.Errorf("the datafeed says %q", notes)
	}
	if kept := s.Find(Calendar, "both"); text(kept.Config["job_ids"]) != `["db","web-1"]` {
		t.Errorf("choosing has changed what there was to %v", kept.Config)
	}
	if none := s.Choose("x*"); len(none.Resources) != 0 {
		t.Errorf("a pattern of no job chose %v", listed(none))
	}
}
