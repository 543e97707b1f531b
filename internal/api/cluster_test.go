package api

import (
	"fmt"
	"strings"
	"testing"
)

// TestCat writes tables for people and for programs.
func TestCat(t *testing.T) {
	r := newRig(t, Options{})
	if body := r.must(200, "GET", "/_cat/ml/anomaly_detectors?format=json", ""); body != "[]" {
		t.Errorf("no jobs: %s", body)
	}
	r.open("a", countJob("1m"))
	r.post("a", 60, 120, 180)
	r.must(200, "PUT", jobsPath+"b", countJob("1m"))
	contains(t, r.must(200, "GET", "/_cat/ml/anomaly_detectors?v=true&s=id:desc", "", "Accept", "text/plain"), "id state  data.processed_records model.bytes", "b  closed 0")
	text := r.must(200, "GET", "/_cat/ml/anomaly_detectors/a", "")
	if strings.Contains(text, "id ") || !strings.HasPrefix(text, "a opened 3 ") {
		t.Errorf("without a head: %q", text)
	}
	contains(t, r.must(200, "GET", "/_cat/ml/anomaly_detectors?h=id,dpr,mb,data.input_bytes&bytes=b&format=json", ""), `"dpr":"3"`, `"id":"a"`, `"data.input_bytes":"`)
	contains(t, r.must(200, "GET", "/_cat/ml/anomaly_detectors?help", ""), "dpr,dataProcessedRecords")
	r.must(404, "GET", "/_cat/ml/anomaly_detectors/none", "")
	r.must(404, "GET", "/_cat/ml/anomaly_detectors/none*?allow_no_match=false", "")
	r.must(400, "GET", "/_cat/ml/anomaly_detectors?s=none", "")
	r.must(400, "GET", "/_cat/ml/anomaly_detectors?bytes=x", "")
	r.must(200, "PUT", "/_ml/datafeeds/df", `{"job_id":"b","indices":["x"]}`)
	contains(t, r.must(200, "GET", "/_cat/ml/datafeeds?format=json", ""), `{"buckets.count":"0","id":"df","search.count":"0","state":"stopped"}`)
	contains(t, r.must(200, "GET", "/_cat/tasks?h=action,description", ""), "xpack/ml/job[c] job-a")
	r.must(201, "PUT", "/m/_doc/1", "{}")
	contains(t, r.must(200, "GET", "/_cat/indices/m?v", ""), "docs.count", " 1 ")
}

// TestCluster asks what ML clients ask of a cluster.
func TestCluster(t *testing.T) {
	r := newRig(t, Options{})
	r.open("a", countJob("1m"))
	contains(t, r.must(200, "GET", "/_cluster/health?wait_for_status=yellow&timeout=1s", ""), `"status":"green"`, `"timed_out":false`)
	contains(t, r.must(200, "PUT", "/_cluster/settings", `{"persistent":{"xpack.ml.x":"1"}}`), `"acknowledged":true`, `"persistent":{"xpack.ml.x":"1"}`)
	r.must(400, "PUT", "/_cluster/settings", `{"other":{}}`)
	contains(t, r.must(200, "GET", "/_tasks?actions=xpack/ml/*", ""), `"description":"job-a"`)
	contains(t, r.must(200, "GET", "/_tasks?actions=nothing*", ""), `"tasks":{}`)
	contains(t, r.must(200, "GET", "/_ml/memory/_stats?human", ""), `"anomaly_detectors_in_bytes":`, `"total":"`, `"successful":1`)
	contains(t, r.must(200, "GET", "/_ml/memory/none/_stats", ""), `"nodes":{}`)
	for range 100 {
		if body := r.must(200, "POST", "/.ml-notifications*/_search", `{"query":{"term":{"job_id":"a"}}}`); strings.Contains(body, "Job opened") && strings.Contains(body, "Job created") {
			return
		}
		r.waitFor("/_cluster/health", "green")
	}
	r.waitFor("/.ml-notifications-000002/_search", "Job opened")
}

// TestDeleteExpired removes results by the job's own time, and not young ones.
func TestDeleteExpired(t *testing.T) {
	r := newRig(t, Options{})
	r.open("e", strings.TrimSuffix(countJob("1h"), "}")+`,"results_retention_days":2}`)
	var b strings.Builder
	for h := range 24 * 10 {
		fmt.Fprintf(&b, `{"time":%d}`, 1_000_000_800+3600*h)
	}
	r.must(202, "POST", jobsPath+"e/_data", b.String())
	contains(t, r.must(200, "GET", jobsPath+"e/results/buckets?size=0", ""), `"count":239`)
	contains(t, r.must(200, "DELETE", "/_ml/_delete_expired_data/e", ""), `"deleted":true`)
	body := r.must(200, "GET", jobsPath+"e/results/buckets?size=0", "")
	if strings.Contains(body, `"count":239`) || strings.Contains(body, `"count":0`) {
		t.Errorf("after removal: %s", body)
	}
	contains(t, r.must(200, "DELETE", "/_ml/_delete_expired_data", `{"timeout":"1h","requests_per_second":10}`), `"deleted":true`)
	if again := r.must(200, "GET", jobsPath+"e/results/buckets?size=0", ""); again != body {
		t.Errorf("removed again: %s, before %s", again, body)
	}
	r.must(404, "DELETE", "/_ml/_delete_expired_data/none", "")
	r.must(400, "DELETE", "/_ml/_delete_expired_data", `{"a":1}`)
}
