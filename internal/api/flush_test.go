package api

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
)

const flushAction = "_flush"

// TestFlushRefuses: the order of checks is form, state, times.
func TestFlushRefuses(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"closed", countJob("1h"))
	r.open("j", countJob("1h"))
	flush := jobsPath + "j/" + flushAction
	illegal, parse, content := "illegal_argument_exception", "parse_exception", "x_content_parse_exception"
	for _, c := range []struct {
		status                   int
		kind, part, target, body string
	}{
		{400, illegal, "contains unrecognized parameter: [calc_interim]", flush + "?calc_interim=true", `{}`},
		{400, illegal, "contains unrecognized parameters: [end], [start]", flush + "?start=1&end=2", `{"calc_interim":true}`},
		{400, illegal, "contains unrecognized parameter: [nonsense]", flush + "?nonsense=1", ""},
		{400, content, "unknown field [advance]", flush, `{"advance":"1"}`},
		{400, content, "[1:11]", flush, `{"start": 5}`},
		{400, illegal, "[maybe]", flush + "?calc_interim=maybe", ""},
		// The form comes before the job's state, the times after it.
		{400, content, "unknown field", jobsPath + "closed/_flush", `{"x":1}`},
		{409, "status_exception", "job [closed] is not open", jobsPath + "closed/_flush", `{"start":"garbage"}`},
		{409, "status_exception", "job [nobody] is not open", jobsPath + "nobody/_flush", ""},
		{404, "resource_not_found_exception", "No known job with id 'nobody'", "/_xpack/ml/anomaly_detectors/nobody/_flush", ""},
		{409, "status_exception", "not open", jobsPath + "*/_flush", ""},
		{409, "status_exception", "not open", jobsPath + "_all/_flush", ""},
		{409, "status_exception", "not open", jobsPath + "j,closed/_flush", ""},
		{400, parse, "Query param [start] with value [x]", flush, `{"start":"x","end":"y"}`},
		{400, parse, "Query param [end] with value [y]", flush, `{"start":"1","end":"y"}`},
		{400, illegal, "earlier than start", flush, `{"start":"20","end":"10","calc_interim":true}`},
		{400, illegal, "earlier than start", flush, `{"start":"20","end":"10"}`},
		{400, illegal, "unexpected 'start'", flush, `{"start":"20"}`},
		{400, illegal, "unexpected 'end'", flush, `{"end":"20"}`},
		{400, illegal, "'start' has not been specified", flush, `{"end":"20","calc_interim":true}`},
		{400, parse, "[advance_time]", flush, `{"advance_time":"z","skip_time":"y"}`},
		{400, parse, "[skip_time]", flush, `{"advance_time":"5","skip_time":"y"}`},
		{400, parse, "before 1970", flush, `{"advance_time":"-5"}`},
		{400, illegal, "advance_time [5] must be later than skip_time [5]", flush, `{"advance_time":"5","skip_time":"5"}`},
		{400, illegal, "must be later", flush + "?advance_time=5&skip_time=5999", ""},
	} {
		r.refused(c.status, c.kind, c.part, "POST", c.target, c.body)
	}
	for _, fine := range []string{`{}`, `{"calc_interim":"true"}`, `{"start":"","end":""}`, `{"job_id":"other"}`, `{"start":"20","end":"20","calc_interim":true}`, `{"start":"20","calc_interim":true}`} {
		r.must(200, "POST", flush, fine)
	}
	r.must(200, "POST", flush+"?calc_interim&start=&advance_time=", "")
	r.must(200, "GET", jobsPath+"j", "")
	r.must(405, "GET", flush, "")
}

// flushed checks a flush's answer; -1: no end.
func (r *rig) flushed(want int64, target, body string) {
	r.t.Helper()
	text := `{"flushed":true}`
	if want >= 0 {
		text = fmt.Sprintf(`{"flushed":true,"last_finalized_bucket_end":%d}`, want)
	}
	if have := r.must(200, "POST", target, body); have != text {
		r.t.Errorf("%s %s: %s, want %s", target, body, have, text)
	}
}

// TestLastFinalizedBucketEnd runs the examples that the API's own tests and
// documentation give.
func TestLastFinalizedBucketEnd(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarts %t", restarts), func(t *testing.T) {
			r := newRig(t, Options{})
			between := r.between(restarts)
			r.open("j", countJob("3600s"))
			flush := jobsPath + "j/_flush"
			r.flushed(-1, flush, "")
			r.post("j", 1403481600, 1403481700)
			between()
			r.flushed(1403481600000, flush, "")
			r.post("j", 1403485200)
			r.flushed(1403485200000, flush, "")
			between()
			r.flushed(1403488800000, flush+"?skip_time=1403488700", "")
			between()
			late := r.post("j", 1403488600, 1403488700)
			if !strings.Contains(late, `"out_of_order_timestamp_count":2`) || !strings.Contains(late, `"processed_record_count":0`) {
				t.Errorf("records before the skip: %s", late)
			}
			r.post("j", 1403488900, 1403492400)
			between()
			r.must(200, "POST", jobsPath+"j/_close", "")
			buckets := r.must(200, "GET", jobsPath+"j/results/buckets?filter_path=count,buckets.timestamp,buckets.event_count", "")
			if want := `{"count":2,"buckets":[{"timestamp":1403481600000,"event_count":2},{"timestamp":1403488800000,"event_count":1}]}`; buckets != want {
				t.Errorf("buckets %s, want %s", buckets, want)
			}
		})
	}
}

// TestServerMetrics is the documentation's example.
func TestServerMetrics(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarts %t", restarts), func(t *testing.T) {
			r := newRig(t, Options{})
			between := r.between(restarts)
			r.open("total-requests", `{"description":"Total sum of requests","analysis_config":{"bucket_span":"10m",
				"detectors":[{"detector_description":"Sum of total","function":"sum","field_name":"total"}]},
				"data_description":{"time_field":"timestamp","time_format":"epoch_ms"}}`)
			flush := jobsPath + "total-requests/_flush"
			var body strings.Builder
			for _, total := range []int{40476, 15287, -776, 11366, 3606, 19006, 38613, 19516, -258, 9551, 11217, 22557, 40508, 11887, 31659} {
				fmt.Fprintf(&body, `{"timestamp":1490274000000,"total":%d}`+"\n", total)
			}
			r.must(202, "POST", jobsPath+"total-requests/_data", body.String())
			between()
			r.flushed(1490274000000, flush, `{"calc_interim":true}`)
			count := func(interim int) {
				t.Helper()
				all := r.must(200, "GET", jobsPath+"total-requests/results/buckets?size=1&sort=timestamp&desc=true&filter_path=buckets.is_interim", "")
				if strings.Contains(all, "true") != (interim > 0) {
					t.Errorf("interim results: %s", all)
				}
			}
			count(1)
			between()
			r.flushed(1514804400000, flush, `{"advance_time":"1514804400"}`)
			count(0)
			r.flushed(1514804400000, flush, `{"advance_time":"1514804400000"}`)
			between()
			if have := r.must(200, "GET", jobsPath+"total-requests/results/buckets?size=1&filter_path=count", ""); have != `{"count":40884}` {
				t.Errorf("buckets of empty time: %s", have)
			}
			r.flushed(1514808000000, flush, `{"skip_time":"1514808000"}`)
			r.must(202, "POST", jobsPath+"total-requests/_data", `{"timestamp":1514808060000,"total":1}`)
			r.must(200, "POST", jobsPath+"total-requests/_close", "")
			between()
			r.must(200, "POST", jobsPath+"total-requests/_open", "")
			r.must(202, "POST", jobsPath+"total-requests/_data", `{"timestamp":1514808120000,"total":1}`)
			between()
			r.flushed(1514808600000, flush, `{"advance_time":"1514808600"}`)
			last := r.must(200, "GET", jobsPath+"total-requests/results/buckets/1514808000000?filter_path=buckets.event_count,buckets.is_interim", "")
			if last != `{"buckets":[{"event_count":2,"is_interim":false}]}` {
				t.Errorf("the bucket that was open at the close: %s", last)
			}
		})
	}
}

// TestFirstAnswer is the documentation's first flush: a five-minute job with
// data up to 1455235194.
func TestFirstAnswer(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("5m"))
	var times []int64
	for at := int64(1455230000); at < 1455235194; at += 60 {
		times = append(times, at)
	}
	r.post("j", append(times, 1455235194)...)
	r.flushed(1455234900000, jobsPath+"j/_flush", `{"calc_interim":true}`)
	r.flushed(1455234900000, jobsPath+"j/_flush", `{"calc_interim":true}`)
	have := r.must(200, "GET", jobsPath+"j/results/buckets?start=1455234900&filter_path=count,buckets.timestamp,buckets.is_interim", "")
	if want := `{"count":1,"buckets":[{"timestamp":1455234900000,"is_interim":true}]}`; have != want {
		t.Errorf("interim buckets %s, want %s", have, want)
	}
}

// TestInterimRange: with latency several buckets are open, and a range chooses
// among them.
func TestInterimRange(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s", `,"latency":"180s"`))
	r.post("j", 6000, 6060, 6120, 6180, 6240, 6300)
	for _, c := range []struct{ body, want string }{
		{`{"calc_interim":true}`, "6120 6180 6240 6300"},
		{`{"calc_interim":true,"start":"6190","end":"6250"}`, "6180 6240"},
		{`{"calc_interim":true,"start":"1970-01-01T01:43:00Z"}`, "6180"},
		{`{"calc_interim":true,"start":"0","end":"9999999999"}`, "6120 6180 6240 6300"},
		{`{"calc_interim":true,"start":"100","end":"200"}`, ""},
	} {
		r.flushed(6120000, jobsPath+"j/_flush", c.body)
		have := r.must(200, "GET", jobsPath+"j/results/buckets?start=6120&filter_path=buckets.timestamp", "")
		have = strings.NewReplacer(`{"buckets":[`, "", `]}`, "", `{"timestamp":`, "", `000}`, "", ",", " ", "{}", "").Replace(have)
		if c.want != "" && have != c.want {
			t.Errorf("%s: interim buckets %q, want %q", c.body, have, c.want)
		}
	}
}

// TestFlushIsCheap: with nothing buffered a flush appends nothing, syncs
// nothing and stores no snapshot; a close stores one.
func TestFlushIsCheap(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s"))
	r.post("j", 6000, 6061)
	r.flushed(6060000, jobsPath+"j/_flush", "")
	snapshots := func() int {
		t.Helper()
		list, err := r.store.Snapshots(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before, had := r.log.Stats(), snapshots()
	for range 100 {
		r.flushed(6060000, jobsPath+"j/_flush", `{"calc_interim":true}`)
		r.flushed(6060000, jobsPath+"j/_flush", `{"advance_time":"6000"}`)
	}
	after := r.log.Stats()
	if n := after.Entries - before.Entries; n != 0 && n != 100 {
		t.Errorf("200 flushes with nothing to do appended %d entries", n)
	}
	if snapshots() != had {
		t.Error("a flush stored a snapshot")
	}
	r.must(200, "POST", jobsPath+"j/_close", "")
	if n := snapshots() - had; n != 1 {
		t.Errorf("a close stored %d snapshots", n)
	}
}

// TestEmptyChunkedBody: an empty body sent in chunks is no body.
func TestEmptyChunkedBody(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("1h"))
	for _, target := range []string{"j/_flush?calc_interim=true", "j/_close?force=true", "j/_open?timeout=5s", "j/results/buckets?size=1"} {
		req := httptest.NewRequest("POST", "http://127.0.0.1"+jobsPath+target, struct{ io.Reader }{strings.NewReader("")})
		req.ContentLength = -1
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if w.Code != 200 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}
