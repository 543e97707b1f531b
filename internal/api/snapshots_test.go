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
