package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestFailedPutLeavesNoTrace: a job whose datafeed cannot be made is not there, and
// what knew its name before still does.
func TestFailedPutLeavesNoTrace(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", "/_ml/calendars/c", `{"job_ids":["j"]}`)
	r.must(200, "PUT", jobsPath+"other", countJob("60s"))
	r.must(200, "PUT", "/_ml/datafeeds/feed", `{"job_id":"other","indices":["docs"]}`)
	with := func(feed string) string {
		return strings.TrimSuffix(countJob("60s"), "}") + `,"datafeed_config":` + feed + `}`
	}
	for _, c := range []struct{ feed, kind, part string }{
		{`{"datafeed_id":"feed","indices":["docs"]}`, "resource_already_exists_exception", "A datafeed with id [feed] already exists"},
		{`{"indices":[]}`, "illegal_argument_exception", "name at least one index"},
		{`{"indices":["docs"],"job_id":"other"}`, "illegal_argument_exception", "differs from the job's"},
		{`{"indices":["docs"],"datafeed_id":"A"}`, "illegal_argument_exception", "Invalid datafeed_id"},
		{`{"indices":["docs"],"nonsense":1}`, "x_content_parse_exception", "unknown field [nonsense]"},
		{`{}`, "illegal_argument_exception", "name at least one index"},
	} {
		r.refused(400, c.kind, c.part, "PUT", jobsPath+"j", with(c.feed))
		r.must(404, "GET", jobsPath+"j", "")
		contains(t, r.must(200, "GET", "/_ml/calendars/c", ""), `"job_ids":["j"]`)
		contains(t, r.must(200, "GET", "/_ml/datafeeds", ""), `"count":1`)
	}
	r.must(400, "PUT", jobsPath+"j?ignore_unavailable=maybe", with(`{"indices":["docs"]}`))
	r.must(400, "PUT", jobsPath+"j?expand_wildcards=some", with(`{"indices":["docs"]}`))
	got := r.must(200, "PUT", jobsPath+"j?ignore_unavailable=true&expand_wildcards=open,hidden", with(`{"indices":["docs"]}`))
	contains(t, got, `"datafeed_config":{"datafeed_id":"j","job_id":"j"`, `"ignore_unavailable":true`, `"expand_wildcards":["open","hidden"]`)
	contains(t, r.must(200, "GET", jobsPath+"j", ""), `"datafeed_config":{"datafeed_id":"j"`)
	r.refused(400, "resource_already_exists_exception", "The Id is already used", "PUT", jobsPath+"j", with(`{"indices":["docs"]}`))
	contains(t, r.must(200, "GET", "/_ml/datafeeds/j", ""), `"count":1`)
}

// TestMappingClash: what cannot stand in one index of results is refused there. Spans
// are shown as they were given.
func TestMappingClash(t *testing.T) {
	r := newRig(t, Options{})
	by := func(field, more string) string {
		return `{"analysis_config":{"bucket_span":"3600s","detectors":[{"function":"count","by_field_name":"` + field + `"}]},"data_description":{}` + more + `}`
	}
	contains(t, r.must(200, "PUT", jobsPath+"a", by("response", "")), `"bucket_span":"3600s"`)
	r.must(200, "PUT", jobsPath+"same", by("response", ""))
	r.must(200, "PUT", jobsPath+"other", by("responses.time", ""))
	r.must(200, "PUT", jobsPath+"reserved", by("timestamp", ""))
	r.refused(400, "illegal_argument_exception", "mapping clash with existing field [response]", "PUT", jobsPath+"b", by("response.time", ""))
	r.refused(400, "illegal_argument_exception", "mapping clash with existing field [responses.time]", "PUT", jobsPath+"b", by("responses", ""))
	r.refused(400, "illegal_argument_exception", "mapping clash with existing field [timestamp]", "PUT", jobsPath+"b", by("timestamp.x", ""))
	r.must(200, "PUT", jobsPath+"b", by("response.time", `,"results_index_name":"mine"`))
	r.must(200, "DELETE", jobsPath+"a", "")
	r.must(200, "DELETE", jobsPath+"same", "")
	r.must(200, "PUT", jobsPath+"c", by("response.time", ""))
}

// TestDeleteRemovesAll: the datafeed, the job in calendars, the aliases, and the
// annotations: those of people only if asked.
func TestDeleteRemovesAll(t *testing.T) {
	for _, flag := range []bool{false, true} {
		r := newRig(t, Options{})
		r.open("j", countJob("60s"))
		r.open("k", countJob("60s"))
		r.must(200, "PUT", "/_ml/calendars/c", `{"job_ids":["j","k"]}`)
		r.must(201, "PUT", "/docs/_doc/1", `{"time":1}`)
		r.must(200, "PUT", "/_ml/datafeeds/feed", `{"job_id":"j","indices":["docs"]}`)
		for id, doc := range map[string]string{
			"1": `{"job_id":"j","create_username":"_xpack","annotation":"system"}`, "2": `{"job_id":"j","create_username":"ann","annotation":"mine"}`,
			"3": `{"job_id":"k","create_username":"_xpack","annotation":"other"}`,
		} {
			r.must(201, "PUT", "/.ml-annotations-write/_doc/"+id, doc)
		}
		r.post("j", 6000, 6070, 6130)
		r.must(200, "GET", "/.ml-anomalies-j/_search", "")
		r.refused(409, "status_exception", "because the job is opened", "DELETE", jobsPath+"j", "")
		contains(t, r.must(200, "GET", "/_ml/datafeeds/feed", ""), `"count":1`)
		if got := r.must(200, "DELETE", fmt.Sprintf("%sj?force=true&delete_user_annotations=%v", jobsPath, flag), ""); got != `{"acknowledged":true}` {
			t.Error(got)
		}
		r.must(404, "GET", "/_ml/datafeeds/feed", "")
		contains(t, r.must(200, "GET", "/_ml/calendars/c", ""), `"job_ids":["k"]`)
		r.must(404, "GET", "/.ml-anomalies-j/_search", "")
		r.must(404, "GET", jobsPath+"j/results/buckets", "")
		want := `"count":2`
		if flag {
			want = `"count":1`
		}
		contains(t, r.must(200, "GET", "/.ml-annotations-read/_count", ""), want)
	}
}

// TestTasks: a removal that was not waited for is a task that can be asked for.
func TestTasks(t *testing.T) {
	r := newRig(t, Options{})
	seen := map[string]bool{}
	for _, path := range []string{"/_reset?", "?"} {
		for range 2 {
			r.must(200, "PUT", jobsPath+"j", countJob("60s"))
			method := "DELETE"
			if path == "/_reset?" {
				method = "POST"
			}
			var answer struct{ Task string }
			if err := json.Unmarshal([]byte(r.must(200, method, jobsPath+"j"+path+"wait_for_completion=false", "")), &answer, json.MatchCaseInsensitiveNames(true)); err != nil || seen[answer.Task] {
				t.Fatalf("%v %+v", err, answer)
			}
			seen[answer.Task] = true
			contains(t, r.must(200, "GET", "/_tasks/"+answer.Task+"?wait_for_completion=true", ""), `"completed":true`, `"response":{"acknowledged":true}`, `-job-j"`, `"cluster:admin/xpack/ml/job/`)
			if method == "POST" {
				r.must(200, "DELETE", jobsPath+"j", "")
			}
		}
	}
	r.refused(404, "resource_not_found_exception", "isn't running", "GET", "/_tasks/node-1:5", "")
	r.refused(404, "resource_not_found_exception", "isn't running", "GET", "/_tasks/other:5", "")
	r.refused(400, "illegal_argument_exception", "malformed task id", "GET", "/_tasks/x", "")
	r.open("k", countJob("60s"))
	contains(t, r.must(200, "GET", "/_tasks/node-1:1", ""), `"completed":false`, `"job-k"`)
}
