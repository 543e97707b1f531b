package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestCategories: messages fall into categories that can be read after a flush,
// also after a restart, and a burst of one kind is an anomaly of its category.
func TestCategories(t *testing.T) {
	r := newRig(t, Options{})
	r.open("logs", `{"analysis_config":{"bucket_span":"60s","categorization_field_name":"message","categorization_filters":["\\[statement:.*\\]"],
		"detectors":[{"function":"count","by_field_name":"mlcategory"}],"influencers":["mlcategory"]},
		"data_description":{"time_field":"time","time_format":"epoch"}}`)
	var b strings.Builder
	for i := range 300 {
		n := 2
		if i == 250 {
			n = 60
		}
		for k := range n {
			fmt.Fprintf(&b, `{"time":%d,"message":"Failed to open file /tmp/x%d for user u%d [statement: %d]"}`, 6000+60*i, k, i, k)
			fmt.Fprintf(&b, `{"time":%d,"message":"Connection %d accepted"}`, 6000+60*i, k*7)
			if i == 250 {
				break
			}
		}
		for k := range n {
			fmt.Fprintf(&b, `{"time":%d,"message":"Disk quota exceeded on volume v%d"}`, 6000+60*i, k)
		}
	}
	r.must(202, "POST", jobsPath+"logs/_data", b.String())
	r.must(200, "POST", jobsPath+"logs/_flush?advance_time=24000", "")
	check := func() {
		t.Helper()
		var list struct {
			Count      int
			Categories []struct {
				ID    int    `json:"category_id"`
				Terms string `json:"terms"`
				Regex string `json:"regex"`
				Count int64  `json:"num_matches"`
			}
		}
		body := r.must(200, "GET", jobsPath+"logs/results/categories?size=2", "")
		if err := json.Unmarshal([]byte(body), &list, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		if list.Count != 3 || len(list.Categories) != 2 || list.Categories[0].Terms != "Failed to open file for user" || list.Categories[1].Count < 500 {
			t.Errorf("categories are %s", body)
		}
	}
	check()
	one := r.must(200, "GET", jobsPath+"logs/results/categories/3", "")
	if !strings.Contains(one, `"terms":"Disk quota exceeded on volume"`) || !strings.Contains(one, `"mlcategory":"3"`) || !strings.Contains(one, `"count":1`) {
		t.Errorf("category 3 is %s", one)
	}
	if none := r.must(200, "GET", jobsPath+"logs/results/categories/99", ""); none != `{"count":0,"categories":[]}` {
		t.Errorf("an unknown category is %s", none)
	}
	r.refused(400, "illegal_argument_exception", "leave one of them out", "GET", jobsPath+"logs/results/categories/1?size=3", "")
	if records := r.must(200, "GET", jobsPath+"logs/results/records?record_score=50", ""); !strings.Contains(records, `"by_field_value":"3"`) || !strings.Contains(records, `"mlcategory":["3"]`) {
		t.Errorf("records are %s", records)
	}
	if stats := r.must(200, "GET", jobsPath+"logs/_stats", ""); !strings.Contains(stats, `"total_category_count":3`) || !strings.Contains(stats, `"categorization_status":"ok"`) {
		t.Errorf("stats are %s", stats)
	}
	r.restart()
	check()
}

// TestCategoriesOfTheFirstBucket: messages of a bucket that began before the first
// record are in no result, but their categories can be read after a flush.
func TestCategoriesOfTheFirstBucket(t *testing.T) {
	r := newRig(t, Options{})
	r.open("logs", `{"analysis_config":{"bucket_span":"1h","categorization_field_name":"message","detectors":[{"function":"count","by_field_name":"mlcategory"}]},"data_description":{}}`)
	r.must(202, "POST", jobsPath+"logs/_data", `{"time":1700000000000,"message":"Node 1 started"}{"time":1700000001000,"message":"Node 2 started"}`)
	r.must(200, "POST", jobsPath+"logs/_flush", "")
	contains(t, r.must(200, "GET", jobsPath+"logs/results/categories", ""), `"count":1`, `"examples":["Node 1 started","Node 2 started"]`, `"num_matches":2`)
	r.must(202, "POST", jobsPath+"logs/_data", `{"time":1700007200000,"message":"Node 3 started"}`)
	r.must(200, "POST", jobsPath+"logs/_close", "")
	contains(t, r.must(200, "GET", jobsPath+"logs/results/categories", ""), `"count":1`, `"num_matches":3`)
}

// TestCategoriesPerPartition: ids are unique in the job, definitions say whose
// they are.
func TestCategoriesPerPartition(t *testing.T) {
	r := newRig(t, Options{})
	r.open("logs", `{"analysis_config":{"bucket_span":"60s","categorization_field_name":"message","per_partition_categorization":{"enabled":true},
		"detectors":[{"function":"count","by_field_name":"mlcategory","partition_field_name":"app"}]},
		"data_description":{"time_field":"time","time_format":"epoch"}}`)
	r.must(202, "POST", jobsPath+"logs/_data", `{"time":6000,"app":"a","message":"one thing happened"}{"time":6001,"app":"b","message":"one thing happened"}{"time":6002,"app":"b","message":"quite another event"}`)
	all := r.must(200, "GET", jobsPath+"logs/results/categories", "")
	own := r.must(200, "POST", jobsPath+"logs/results/categories?partition_field_value=b", "")
	if !strings.Contains(all, `"count":3`) || !strings.Contains(own, `"count":2`) || !strings.Contains(own, `"partition_field_value":"b"`) || !strings.Contains(own, `"category_id":3`) {
		t.Errorf("all are %s, those of b %s", all, own)
	}
}
