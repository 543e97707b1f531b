package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// snapshotsOf lists a job's model snapshots.
func (r *rig) snapshotsOf(id, query string) wire.ModelSnapshotList {
	r.t.Helper()
	var list wire.ModelSnapshotList
	if err := json.Unmarshal([]byte(r.must(200, "GET", jobsPath+id+"/model_snapshots"+query, "")), &list); err != nil {
		r.t.Fatal(err)
	}
	return list
}

// hours posts a record for each minute of some hours.
func (r *rig) hours(id string, from, to int) {
	var b strings.Builder
	for m := from * 60; m < to*60; m++ {
		fmt.Fprintf(&b, `{"time":%d}`, 36000+60*m)
	}
	r.must(202, "POST", jobsPath+id+"/_data", b.String())
}

// TestRevertModel goes back to a snapshot and sends the time since then again:
// the results are those of the first time.
func TestRevertModel(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		r := newRig(t, Options{})
		r.open("s", countJob("10m"))
		r.hours("s", 0, 20)
		r.must(200, "POST", jobsPath+"s/_close", "")
		first := r.snapshotsOf("s", "").ModelSnapshots[0]
		r.must(200, "POST", jobsPath+"s/_open", "")
		r.hours("s", 20, 40)
		r.must(200, "POST", jobsPath+"s/_close", "")
		before := r.must(200, "GET", jobsPath+"s/results/buckets?size=1000", "")
		list := r.snapshotsOf("s", "?sort=timestamp&desc=false")
		if list.Count != 2 || list.ModelSnapshots[0].SnapshotID != first.SnapshotID || list.ModelSnapshots[0].LatestRecordTimeStamp == nil {
			t.Fatalf("snapshots %+v", list)
		}
		if contains(t, r.must(200, "GET", jobsPath+"s", ""), `"model_snapshot_id":"`+list.ModelSnapshots[1].SnapshotID+`"`); t.Failed() {
			return
		}
		if restarts {
			r.restart()
		}
		contains(t, r.must(200, "POST", jobsPath+"s/model_snapshots/"+first.SnapshotID+"/_revert?delete_intervening_results=true", ""), `"snapshot_id":"`+first.SnapshotID+`"`)
		contains(t, r.must(200, "GET", jobsPath+"s/results/buckets?size=0", ""), `"count":119`)
		contains(t, r.must(200, "GET", jobsPath+"s/_stats", ""), `"processed_record_count":1200`)
		contains(t, r.must(200, "GET", jobsPath+"s", ""), `"model_snapshot_id":"`+first.SnapshotID+`"`)
		if restarts {
			r.restart()
		}
		r.must(200, "POST", jobsPath+"s/_open", "")
		r.must(409, "POST", jobsPath+"s/model_snapshots/"+first.SnapshotID+"/_revert", "")
		r.hours("s", 20, 40)
		r.must(200, "POST", jobsPath+"s/_flush", "")
		if again := r.must(200, "GET", jobsPath+"s/results/buckets?size=1000", ""); again != before {
			t.Errorf("sent again the results differ:\n%.300s\n%.300s", before, again)
		}
	}
}

// TestRevertKeepingResults: without deletion what came since stays, and the time
// before its end is not taken again.
func TestRevertKeepingResults(t *testing.T) {
	r := newRig(t, Options{})
	r.open("s", countJob("10m"))
	r.hours("s", 0, 5)
	r.must(200, "POST", jobsPath+"s/_close", "")
	r.must(200, "POST", jobsPath+"s/model_snapshots/empty/_revert", `{"delete_intervening_results":false}`)
	contains(t, r.must(200, "GET", jobsPath+"s/results/buckets?size=0", ""), `"count":29`)
	r.must(200, "POST", jobsPath+"s/_open", "")
	r.hours("s", 0, 5)
	contains(t, r.must(200, "GET", jobsPath+"s/_stats", ""), `"out_of_order_timestamp_count":290`)
	r.must(200, "POST", jobsPath+"s/_close", "")
	r.must(200, "POST", jobsPath+"s/model_snapshots/empty/_revert", `{"delete_intervening_results":true}`)
	contains(t, r.must(200, "GET", jobsPath+"s/results/buckets?size=0", ""), `"count":0`)
	contains(t, r.must(200, "GET", jobsPath+"s/_stats", ""), `"processed_record_count":0`)
}

// TestSnapshotDocuments: snapshots that a client wrote are shown, changed and
// removed like others.
func TestSnapshotDocuments(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"d", countJob("1h"))
	for i, id := range []string{"foo-1", "foo-2", "bar-3"} {
		r.must(201, "PUT", "/.ml-anomalies-d/_doc/d_model_snapshot_"+id, fmt.Sprintf(
			`{"job_id":"d","timestamp":"2016-06-0%dT00:00:00Z","snapshot_id":"%s","description":"text %d","latest_record_time_stamp":"2016-06-02T00:00:00Z","latest_result_time_stamp":"2016-06-0%dT00:00:00Z","snapshot_doc_count":1,"retain":false}`, i+1, id, 3-i, i+1))
	}
	if l := r.snapshotsOf("d", ""); l.Count != 3 || l.ModelSnapshots[0].SnapshotID != "bar-3" || l.ModelSnapshots[0].Timestamp != 1464912000000 {
		t.Errorf("%+v", l)
	}
	if l := r.snapshotsOf("d", "?sort=description&desc=false&from=1&size=1"); l.Count != 3 || len(l.ModelSnapshots) != 1 || l.ModelSnapshots[0].SnapshotID != "foo-2" {
		t.Errorf("%+v", l)
	}
	if l := r.snapshotsOf("d", "/foo*?start=2016-06-02"); l.Count != 1 {
		t.Errorf("%+v", l)
	}
	r.must(404, "GET", jobsPath+"d/model_snapshots/none", "")
	r.must(400, "GET", jobsPath+"d/model_snapshots?size=-1", "")
	contains(t, r.must(200, "POST", jobsPath+"d/model_snapshots/foo-1/_update", `{"description":"new","retain":true}`), `"acknowledged":true`, `"description":"new"`, `"retain":true`)
	contains(t, r.must(200, "GET", jobsPath+"d/model_snapshots/foo-1", ""), `"description":"new"`)
	r.must(404, "POST", jobsPath+"d/model_snapshots/none/_update", `{"description":"new"}`)
	r.must(201, "PUT", "/.ml-anomalies-d/_doc/b1", `{"job_id":"d","result_type":"bucket","timestamp":"2016-06-01T00:00:00Z","anomaly_score":9,"bucket_span":3600}`)
	r.must(201, "PUT", "/.ml-anomalies-d/_doc/b2", `{"job_id":"d","result_type":"bucket","timestamp":"2016-06-03T00:00:00Z","anomaly_score":9,"bucket_span":3600}`)
	contains(t, r.must(200, "POST", jobsPath+"d/model_snapshots/foo-2/_revert", `{"delete_intervening_results":true}`), `"snapshot_id":"foo-2"`)
	contains(t, r.must(200, "GET", jobsPath+"d/results/buckets", ""), `"count":1`)
	contains(t, r.must(400, "DELETE", jobsPath+"d/model_snapshots/foo-2", ""), "active snapshot")
	r.must(200, "DELETE", jobsPath+"d/model_snapshots/foo-1", "")
	r.must(404, "DELETE", jobsPath+"d/model_snapshots/foo-1", "")
	contains(t, r.must(200, "GET", jobsPath+"d/model_snapshots/foo-2/_upgrade/_stats", ""), `"count":0`)
}

// TestSnapshotRetention: snapshots go by their age from the newest one: all after
// some days, all but the first of a day after fewer; those to retain and the active
// one stay.
func TestSnapshotRetention(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"d", strings.TrimSuffix(countJob("1h"), "}")+`,"model_snapshot_retention_days":5,"daily_model_snapshot_retention_after_days":2}`)
	for _, s := range []struct{ id, at, more string }{
		{"old", "2016-06-01T08:00:00Z", ""}, {"kept", "2016-06-01T09:00:00Z", `,"retain":true`},
		{"first-4", "2016-06-04T01:00:00Z", ""}, {"second-4", "2016-06-04T10:00:00Z", ""}, {"active", "2016-06-04T11:00:00Z", ""}, {"third-4", "2016-06-04T12:00:00Z", ""},
		{"young-1", "2016-06-07T13:00:00Z", ""}, {"young-2", "2016-06-07T14:00:00Z", ""}, {"newest", "2016-06-09T00:30:00Z", ""}} {
		r.must(201, "PUT", "/.ml-anomalies-d/_doc/d_model_snapshot_"+s.id, fmt.Sprintf(`{"job_id":"d","timestamp":"%s","snapshot_id":"%s","description":"x","latest_result_time_stamp":0,"snapshot_doc_count":1%s}`, s.at, s.id, s.more))
	}
	r.must(200, "POST", jobsPath+"d/model_snapshots/active/_revert", "")
	r.must(200, "DELETE", "/_ml/_delete_expired_data/d", "")
	var left []string
	for _, s := range r.snapshotsOf("d", "?desc=false").ModelSnapshots {
		left = append(left, s.SnapshotID)
	}
	if got := strings.Join(left, " "); got != "kept first-4 active young-1 young-2 newest" {
		t.Errorf("left are %s", got)
	}
}

// TestSnapshotRequests: paging, order, expressions and refusals.
func TestSnapshotRequests(t *testing.T) {
	r := newRig(t, Options{})
	r.open("s", countJob("10m"))
	r.hours("s", 0, 5)
	r.must(200, "POST", jobsPath+"s/_close", "")
	id := r.snapshotsOf("s", "").ModelSnapshots[0].SnapshotID
	at := jobsPath + "s/model_snapshots"
	body := r.must(200, "GET", at+"/"+id+"?human", "")
	contains(t, body, `"count":1`, `"snapshot_doc_count":1`, `"model_size_stats":{`, `"retain":false`, `"latest_record_time_stamp":53940000`, `"latest_result_time_stamp":52800000`, `"latest_record_time_stamp_string":"1970-01-01T14:59:00.000Z"`, `"min_version":"`)
	if strings.Contains(body, "quantiles") {
		t.Errorf("quantiles are never shown: %s", body)
	}
	contains(t, r.must(200, "POST", at+"/_all", `{"start":"0","end":"2100-01-01","sort":"snapshot_id","desc":true,"page":{"from":0,"size":5}}`), `"count":1`)
	contains(t, r.must(200, "GET", at+"?from=1&size=1", ""), `{"count":1,"model_snapshots":[]}`)
	contains(t, r.must(200, "GET", at+"/none*", ""), `{"count":0,"model_snapshots":[]}`)
	contains(t, r.must(200, "GET", at+"?sort=snapshot_doc_count", ""), `"count":1`)
	const illegal, missing = "illegal_argument_exception", "resource_not_found_exception"
	r.refused(404, missing, "No model snapshot with id [none] exists for job [s]", "GET", at+"/none", "")
	r.refused(404, missing, "No known job", "GET", jobsPath+"none/model_snapshots", "")
	r.refused(400, illegal, "[from]", "GET", at+"?from=-1", "")
	r.refused(400, illegal, "[nonsense]", "GET", at+"?sort=nonsense", "")
	r.refused(400, "parse_exception", "[start]", "GET", at+"?start=x", "")
	r.refused(400, "parse_exception", "required", "POST", at+"/"+id+"/_update", "")
	r.refused(400, "x_content_parse_exception", "unknown field [x]", "POST", at+"/"+id+"/_update", `{"x":1}`)
	contains(t, r.must(200, "POST", at+"/"+id+"/_update", `{"retain":true}`), `"retain":true`, `"description":"taken at close"`)
	for target, method := range map[string]string{"/none/_update": "POST", "/none/_revert": "POST", "/none/_upgrade": "POST", "/none": "DELETE", "/none/_upgrade/_stats": "GET"} {
		body := ""
		if strings.HasSuffix(target, "_update") {
			body = `{"retain":true}`
		}
		r.refused(404, missing, "none", method, at+target, body)
	}
	r.refused(400, illegal, "active snapshot", "DELETE", at+"/"+id, "")
	r.refused(409, "status_exception", "already compatible", "POST", at+"/"+id+"/_upgrade?wait_for_completion=true", "")
	contains(t, r.must(200, "GET", at+"/_all/_upgrade/_stats", ""), `{"count":0,"model_snapshot_upgrades":[]}`)
	r.must(404, "GET", at+"/_all/_upgrade/_stats?allow_no_match=false", "")
	r.must(200, "POST", jobsPath+"s/_open", "")
	r.refused(409, "status_exception", "Can only revert to a model snapshot when the job is closed.", "POST", at+"/"+id+"/_revert", "")
	r.refused(404, missing, "none", "POST", at+"/none/_revert", "")
	contains(t, r.must(200, "POST", at+"/"+id+"/_update", `{"description":"while open"}`), `"while open"`)
}
