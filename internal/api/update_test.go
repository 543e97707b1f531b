package api

import (
	"fmt"
	"strings"
	"testing"
)

// TestUpdate: what may change does, durably, and an open job works by it.
func TestUpdate(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", `{"groups":["old"],"analysis_config":{"bucket_span":"60s","detectors":[{"function":"mean","field_name":"v"},{"function":"max","field_name":"v"}]},
		"data_description":{"time_field":"time","time_format":"epoch"}}`)
	r.must(200, "PUT", jobsPath+"other", countJob("60s"))
	change := func(body string) string { return r.must(200, "POST", jobsPath+"j/_update", body) }
	got := change(`{"description":"new","groups":["new","more"],"custom_settings":{"a":1},"results_retention_days":5,"allow_lazy_open":true,
		"detectors":[{"detector_index":1,"description":"the highest","custom_rules":[{"conditions":[{"applies_to":"actual","operator":"lt","value":1e9}]}]}]}`)
	for _, want := range []string{`"description":"new"`, `"groups":["new","more"]`, `"custom_settings":{"a":1}`, `"results_retention_days":5`, `"allow_lazy_open":true`,
		`"detector_description":"the highest"`, `"actions":["skip_result"]`, `"detector_description":"mean(v)"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if got := r.must(200, "GET", jobsPath+"more", ""); !strings.Contains(got, `"job_id":"j"`) {
		t.Errorf("the new group selects %s", got)
	}
	r.refused(404, "resource_not_found_exception", "old", "GET", jobsPath+"old?allow_no_match=false", "")

	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, `{"time":%d,"v":%d}`, 6000+60*i, 100+i*7%5+i/150*i/199*900)
	}
	r.must(202, "POST", jobsPath+"j/_data", b.String())
	r.restart()
	r.must(202, "POST", jobsPath+"j/_data", `{"time":18000,"v":5000}{"time":18060,"v":100}`)
	records := r.must(200, "GET", jobsPath+"j/results/records", "")
	if !strings.Contains(records, `"detector_index":0`) || strings.Contains(records, `"detector_index":1`) {
		t.Errorf("the rule of detector 1 is not followed: %.600s", records)
	}

	for _, c := range []struct{ part, body string }{
		{"Cannot update analysis_limits while the job is open", `{"analysis_limits":{"model_memory_limit":"30mb"}}`},
		{"Supplied detector_index [7] is >= the number of detectors [2]", `{"detectors":[{"detector_index":7}]}`},
		{"[detector_index] must say which", `{"detectors":[{"description":"x"}]}`},
		{"unknown field [bucket_span]", `{"bucket_span":"5m"}`},
		{"at least scope or a condition", `{"detectors":[{"detector_index":0,"custom_rules":[{"actions":["skip_result"]}]}]}`},
		{"which does not exist", `{"description":"half","detectors":[{"detector_index":0,"custom_rules":[{"scope":{"v":{"filter_id":"f"}}}]}]}`},
		{"time_zone cannot be changed", `{"custom_settings":{"tidemark":{"time_zone":"Asia/Tokyo"}}}`},
		{"at least 2 times greater", `{"model_prune_window":"60s"}`},
		{"same name", `{"groups":["other"]}`},
	} {
		body := r.must(400, "POST", jobsPath+"j/_update", c.body)
		if !strings.Contains(body, c.part) && !strings.Contains(body, "scope field") {
			t.Errorf("%s: %s, want %q", c.body, body, c.part)
		}
	}
	if got := r.must(200, "GET", jobsPath+"j", ""); !strings.Contains(got, `"description":"new"`) || !strings.Contains(got, `"groups":["new","more"]`) {
		t.Errorf("after refusals the job is %s", got)
	}
	r.refused(404, "resource_not_found_exception", "none", "POST", jobsPath+"none/_update", `{"description":"x"}`)
	r.refused(400, "illegal_argument_exception", "more than 1 job", "POST", jobsPath+"_all/_update", `{"description":"x"}`)
	r.must(200, "POST", jobsPath+"j/_close", "")
	if got := change(`{"analysis_limits":{"model_memory_limit":"30mb"},"model_prune_window":"1h"}`); !strings.Contains(got, `"model_memory_limit":"30mb"`) || !strings.Contains(got, `"model_prune_window":"1h"`) {
		t.Errorf("a closed job is %s", got)
	}
	r.must(200, "POST", jobsPath+"j/_open", "")
}
