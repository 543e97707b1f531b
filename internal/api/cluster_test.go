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
	for accept, want := range map[string]string{"text/plain,application/json": "a opened", "*/*": "a opened", "application/vnd.elasticsearch+json;compatible-with=8": `"id":"a"`} {
		contains(t, r.must(200, "GET", "/_cat/ml/anomaly_detectors/a", "", "Accept", accept), want)
	}
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
	contains(t, r.must(200, "GET", "/_cat/ml/datafeeds?format=json", ""), `[{"id":"df","state":"stopped","buckets.count":"0","search.count":"0"}]`)
	contains(t, r.must(200, "GET", "/_cat/tasks?h=action,description", ""), "xpack/ml/job[c] job-a")
	r.must(201, "PUT", "/m/_doc/1", "{}")
	contains(t, r.must(200, "GET", "/_cat/indices/m?v", ""), "docs.count", " 1 ")
}

// TestCluster asks what ML clients ask of a cluster.
func TestCluster(t *testing.T) {
	r := newRig(t, Options{})
	r.open("a", countJob("1m"))
	contains(t, r.must(200, "GET", "/_cluster/health?wait_for_status=yellow&timeout=1s", ""), `"status":"green"`, `"timed_out":false`)
	contains(t, r.must(200, "GET", "/_tasks?actions=xpack/ml/*", ""), `"description":"job-a"`)
	contains(t, r.must(200, "GET", "/_tasks?actions=nothing*", ""), `"tasks":{}`)
	contains(t, r.must(200, "GET", "/_ml/memory/_stats?human", ""), `"anomaly_detectors_in_bytes":`, `"total":"`, `"successful":1`)
	contains(t, r.must(200, "GET", "/_ml/memory/none/_stats", ""), `"nodes":{}`)
	contains(t, r.must(200, "POST", "/.ml-notifications*/_search", `{"query":{"term":{"job_id":"a"}}}`), "Job created", "Job opened")
}

// TestSettings: settings are kept, persistent ones over a restart; one of them bounds
// the memory of jobs.
func TestSettings(t *testing.T) {
	r := newRig(t, Options{})
	const path, limit = "/_cluster/settings", "xpack.ml.max_model_memory_limit"
	limited := func(memory string) string {
		return strings.TrimSuffix(countJob("1h"), "}") + `,"analysis_limits":{"model_memory_limit":"` + memory + `"}}`
	}
	contains(t, r.must(200, "GET", path+"?include_defaults", ""), `"defaults":{}`, `"persistent":{}`, `"transient":{}`)
	contains(t, r.must(200, "GET", "/_ml/info", ""), `"total_ml_memory":"`, `"effective_max_model_memory_limit":"`, `"model_memory_limit":"1gb"`)
	for _, body := range []string{"", "{}", `{"persistent":{}}`, `{"other":{}}`, `{"persistent":5}`, `{"persistent":{"` + limit + `":"much"}}`} {
		r.must(400, "PUT", path, body)
	}
	if w := r.do("PUT", path, `{"persistent": {"xpack": {"ml": {"max_model_memory_limit": "500mb"}}}, "transient": {}}`); w.Code != 200 || w.Header().Get("Warning") != "" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	w := r.do("PUT", path, `{"transient":{"logger.a":"debug","b":[1,"x"]}}`)
	contains(t, w.Body.String(), `"acknowledged":true`, `"transient":{"b":[1,"x"],"logger":{"a":"debug"}}`)
	contains(t, w.Header().Get("Warning"), "no effect here: [b], [logger.a]")
	var many []string
	for i := range 2 * mostIdle {
		many = append(many, fmt.Sprintf(`"idle.%d":1`, i))
	}
	w = r.do("PUT", path, `{"transient":{`+strings.Join(many, ",")+`}}`)
	if list := w.Header().Values("Warning"); len(list) != 1 || !strings.Contains(list[0], fmt.Sprintf(", and %d more", mostIdle)) {
		t.Errorf("%d idle settings: %d, %q", len(many), w.Code, list)
	}
	contains(t, r.must(200, "GET", path, ""), `"persistent":{"xpack":{"ml":{"max_model_memory_limit":"500mb"}}}`, `"logger":{"a":"debug"}`)
	r.restart()
	contains(t, r.must(200, "GET", path+"?flat_settings", ""), `"persistent":{"`+limit+`":"500mb"}`, `"transient":{}`)
	contains(t, r.must(200, "GET", "/_ml/info", ""), `"max_model_memory_limit":"500mb"`, `"effective_max_model_memory_limit":"`, `"model_memory_limit":"500mb"`)

	contains(t, r.must(200, "PUT", jobsPath+"plain", countJob("1h")), `"model_memory_limit":"500mb"`)
	r.must(200, "PUT", jobsPath+"just", limited("500mb"))
	r.refused(400, "illegal_argument_exception", limit, "PUT", jobsPath+"more", limited("501mb"))
	r.refused(400, "illegal_argument_exception", limit, "POST", jobsPath+"just/_update", `{"analysis_limits":{"model_memory_limit":"1gb"}}`)
	r.must(200, "PUT", path, `{"transient":{"`+limit+`":"0"}}`)
	r.must(200, "PUT", jobsPath+"more", limited("501mb"))
	r.must(200, "PUT", path, `{"transient":{"*":null},"persistent":{"xpack.ml.*":null}}`)
	contains(t, r.must(200, "GET", path, ""), `"persistent":{}`, `"transient":{}`)
	contains(t, r.must(200, "PUT", jobsPath+"free", countJob("1h")), `"model_memory_limit":"1024mb"`)
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

// TestCatParameters: columns by alias and pattern, in the order asked for, sorted,
// in units.
func TestCatParameters(t *testing.T) {
	r := newRig(t, Options{})
	for i, id := range []string{"a", "b", "c"} {
		r.open(id, countJob("1m"))
		r.post(id, []int64{60, 120, 180, 240, 300}[:2+i]...)
		r.must(200, "POST", jobsPath+id+"/_flush", "")
	}
	at := "/_cat/ml/anomaly_detectors"
	for query, want := range map[string]string{
		"?h=bc,id&format=json":                        `[{"bc":"1","id":"a"},{"bc":"2","id":"b"},{"bc":"3","id":"c"}]`,
		"?h=id,dpr&s=data.processed_records:desc":     "c 4\nb 3\na 2\n",
		"?h=id,forecasts.t*&format=json&s=id:desc":    `[{"id":"c","forecasts.total":"0","forecasts.time.total":"","forecasts.time.min":"","forecasts.time.max":"","forecasts.time.avg":""}`,
		"?h=id,mml&bytes=kb&format=json":              `[{"id":"a","mml":"1048576"}`,
		"?h=id,model.memory_limit&format=json":        `[{"id":"a","model.memory_limit":"1gb"}`,
		"?h=state&v=true":                             "state \n",
		"?h=id&format=json&s=bc:desc,id":              `[{"id":"c"},{"id":"b"},{"id":"a"}]`,
		"/a,c?h=id":                                   "a\nc\n",
		"/x*?h=id&format=json":                        "[]",
		"?h=buckets.time.total,id&time=s&format=json": `[{"buckets.time.total":"0","id":"a"}`,
		"?help": "buckets.time.exp_avg_hour",
	} {
		if have := r.must(200, "GET", at+query, ""); !strings.HasPrefix(have, want) && query != "?help" || !strings.Contains(have, want) {
			t.Errorf("%s: %q, want %q", query, have, want)
		}
	}
	r.must(400, "GET", at+"?time=x", "")
	r.must(400, "GET", at+"?v=x", "")
	r.must(400, "GET", at+"?nonsense=x", "")
}

// TestNotifications: what happens to a job can be read in the index of
// notifications.
func TestNotifications(t *testing.T) {
	r := newRig(t, Options{})
	r.open("n", countJob("10m"))
	r.must(200, "POST", jobsPath+"n/_update", `{"description":"d"}`)
	r.hours("n", 0, 5)
	r.must(200, "POST", jobsPath+"n/_close", "")
	r.must(200, "POST", jobsPath+"n/model_snapshots/empty/_revert", "")
	r.must(200, "POST", jobsPath+"n/_reset", "")
	r.must(200, "DELETE", jobsPath+"n", "")
	for _, message := range []string{"Job created", "Job opened", "Job updated", "Job closed", "Job model snapshot reverted to [empty]", "Job reset", "Job deleted"} {
		contains(t, r.must(200, "GET", "/.ml-notifications-*/_search?size=100", ""), `"job_id":"n","message":"`+message+`","level":"info"`)
	}
}
