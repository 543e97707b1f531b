package api

import (
	"fmt"
	"strings"
	"testing"
)

// TestFilters: a list of values that rules refer to, and a running job that
// follows its changes, also across a restart.
func TestFilters(t *testing.T) {
	r := newRig(t, Options{})
	r.refused(404, "resource_not_found_exception", "No filter with id [safe] exists", "PUT", jobsPath+"early", filterJob)
	if got := r.must(200, "PUT", "/_ml/filters/safe", `{"description":"ours","items":["web*","b","a","b"]}`); got != `{"filter_id":"safe","description":"ours","items":["a","b","web*"]}` {
		t.Errorf("a new filter is %s", got)
	}
	r.refused(400, "resource_already_exists_exception", "already exists", "PUT", "/_ml/filters/safe", `{"items":[]}`)
	r.must(200, "PUT", "/_ml/filters/other", `{"items":[]}`)
	r.open("j", filterJob)

	if got := r.must(200, "GET", "/_ml/filters?size=1&from=1", ""); got != `{"count":2,"filters":[{"filter_id":"safe","description":"ours","items":["a","b","web*"]}]}` {
		t.Errorf("the second page is %s", got)
	}
	r.refused(404, "resource_not_found_exception", "No filter with id [none] exists", "GET", "/_ml/filters/none", "")
	r.refused(400, "illegal_argument_exception", "Cannot remove item [z]", "POST", "/_ml/filters/safe/_update", `{"remove_items":["z"]}`)
	r.refused(409, "status_exception", "currently used by jobs [j]", "DELETE", "/_ml/filters/safe", "")
	r.refused(400, "illegal_argument_exception", "may have one *", "PUT", "/_ml/filters/f", `{"items":["a*b"]}`)
	r.refused(400, "illegal_argument_exception", "Inconsistent filter_id", "PUT", "/_ml/filters/f", `{"filter_id":"g","items":[]}`)
	r.refused(400, "illegal_argument_exception", "Inconsistent filter_id", "POST", "/_ml/filters/safe/_update", `{"filter_id":"g","add_items":["c"]}`)
	r.refused(400, "illegal_argument_exception", "too many items", "PUT", "/_ml/filters/f", `{"items":["`+manyItems(10_001)+`"]}`)

	minute := 28_000_000
	loud := 900
	spikes := func() string {
		t.Helper()
		var b strings.Builder
		for range 60 {
			for _, host := range []string{"web1", "db"} {
				v := 100 + minute*7%5
				if minute%60 == 59 {
					v += loud
				}
				fmt.Fprintf(&b, `{"time":%d,"host":"%s","v":%d}`, 60*minute, host, v)
			}
			minute++
		}
		from := 60_000 * (minute - 1)
		fmt.Fprintf(&b, `{"time":%d,"host":"web1","v":100}`, 60*minute)
		r.must(202, "POST", jobsPath+"j/_data", b.String())
		return r.must(200, "GET", fmt.Sprintf("%sj/results/records?record_score=20&start=%d", jobsPath, from-60_000*59), "")
	}
	loud = 0
	spikes()
	spikes()
	spikes()
	loud = 900
	if got := spikes(); strings.Contains(got, `"host":["web1"]`) || !strings.Contains(got, `"host":["db"]`) {
		t.Errorf("with web* safe the records are %s", got)
	}
	r.must(200, "POST", "/_ml/filters/safe/_update", `{"remove_items":["web*"],"add_items":["db"],"description":"changed"}`)
	if got := spikes(); !strings.Contains(got, `"host":["web1"]`) || strings.Contains(got, `"host":["db"]`) {
		t.Errorf("with db safe the records are %s", got)
	}
	r.restart()
	if got := spikes(); !strings.Contains(got, `"host":["web1"]`) || strings.Contains(got, `"host":["db"]`) {
		t.Errorf("after a restart the records are %s", got)
	}
	if got := r.must(200, "GET", "/_ml/filters/safe", ""); !strings.Contains(got, `"description":"changed","items":["a","b","db"]`) {
		t.Errorf("after a restart the filter is %s", got)
	}
	r.must(200, "DELETE", jobsPath+"j?force=true", "")
	r.must(200, "DELETE", "/_ml/filters/safe", "")
	r.refused(404, "resource_not_found_exception", "safe", "DELETE", "/_ml/filters/safe", "")
}

const filterJob = `{"analysis_config":{"bucket_span":"60s","detectors":[{"function":"mean","field_name":"v","by_field_name":"host",
	"custom_rules":[{"scope":{"host":{"filter_id":"safe"}}}]}]},"data_description":{"time_field":"time","time_format":"epoch"}}`

func manyItems(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprint(i)
	}
	return strings.Join(items, `","`)
}
