package api

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tidemark/internal/source"
)

// metricsFrom is the time of the first document of serverMetrics, in seconds.
const metricsFrom = 1_700_000_000 / 3600 * 3600

// documents adds one document a minute for two hosts.
func (r *rig) documents(index string, fromMinute, toMinute int) {
	r.t.Helper()
	var b strings.Builder
	for m := fromMinute; m < toMinute; m++ {
		for host := range 2 {
			fmt.Fprintf(&b, `{"index":{}}`+"\n"+`{"@timestamp":%d,"host":"h%d","v":%d}`+"\n", int64(metricsFrom+60*m)*1000, host, m%7)
		}
	}
	r.must(200, "POST", "/"+index+"/_bulk", b.String(), "Content-Type", "application/x-ndjson")
}

// saying waits until so many messages with a text were recorded, and returns how many
// were, at least one.
func (r *rig) saying(part string, least int) (n int) {
	r.t.Helper()
	for range 400 {
		r.saidMu.Lock()
		n = 0
		for _, message := range r.said {
			if strings.Contains(message, part) {
				n++
			}
		}
		r.saidMu.Unlock()
		if n >= least {
			return n
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n > 0 {
		return n
	}
	r.t.Fatalf("nobody said %q: %q", part, r.said)
	return 0
}

// cycle lets a datafeed find what there is, and stops it.
func (r *rig) cycle(feed string) {
	r.t.Helper()
	r.must(200, "POST", "/_ml/datafeeds/"+feed+"/_start", "")
	r.waitFor("/_ml/datafeeds/"+feed+"/_stats", `"real_time_running":true`)
	r.must(200, "POST", "/_ml/datafeeds/"+feed+"/_stop", "")
}

// TestDatafeedOrderOfWork: requests to a job with a datafeed take their place in
// one order of work.
func TestDatafeedOrderOfWork(t *testing.T) {
	r := newRig(t, Options{})
	r.serverMetrics("m", 2)
	r.open("j", fmt.Sprintf(feedJob, ""))
	stats := func(want ...string) {
		t.Helper()
		contains(t, r.must(200, "GET", jobsPath+"j/_stats", ""), want...)
	}
	// The next search is an hour away: a flush does not wait for it.
	r.must(200, "PUT", "/_ml/datafeeds/df", `{"job_id":"j","indexes":"m","query_delay":"1s","frequency":"1h"}`)
	r.must(200, "POST", "/_ml/datafeeds/df/_start", "")
	r.waitFor("/_ml/datafeeds/df/_stats", `"real_time_running":true`)
	began := time.Now()
	contains(t, r.must(200, "POST", jobsPath+"j/_flush?calc_interim=true", ""), fmt.Sprintf(`"last_finalized_bucket_end":%d`, (metricsFrom+110*60)*1000))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a flush waited for %v", took)
	}
	// Data in between moves the job's time and not the datafeed's position.
	r.must(202, "POST", jobsPath+"j/_data", fmt.Sprintf(`{"@timestamp":%d,"host":"h9","v":1}`, int64(metricsFrom+125*60)*1000))
	r.must(200, "POST", "/_ml/datafeeds/df/_stop", "")
	r.documents("m", 120, 130)
	r.cycle("df")
	stats(`"processed_record_count":261`, `"out_of_order_timestamp_count":0`)
	r.cycle("df")
	stats(`"processed_record_count":261`)
	// An advance past the position takes effect: what comes before it is late.
	contains(t, r.must(200, "POST", jobsPath+fmt.Sprintf("j/_flush?advance_time=%d", metricsFrom+200*60), ""), fmt.Sprintf(`"last_finalized_bucket_end":%d`, (metricsFrom+200*60)*1000))
	r.documents("m", 130, 210)
	r.cycle("df")
	stats(`"processed_record_count":281`, `"out_of_order_timestamp_count":140`)
	if n := r.saying("older than the job takes", 1); n != 1 {
		t.Errorf("%d messages about documents out of order, want 1", n)
	}
	// The same with a skip, beside which nothing repeats.
	r.must(200, "POST", jobsPath+fmt.Sprintf("j/_flush?skip_time=%d", metricsFrom+300*60), "")
	r.documents("m", 210, 310)
	r.restart()
	r.cycle("df")
	stats(`"processed_record_count":301`, `"out_of_order_timestamp_count":320`)
	r.cycle("df")
	stats(`"processed_record_count":301`, `"out_of_order_timestamp_count":320`)
}

// TestDatafeedAmidRequests: flushes, restarts and stops while a datafeed delivers in
// small parts change nothing of what comes out.
func TestDatafeedAmidRequests(t *testing.T) {
	r := &rig{t: t, dir: t.TempDir(), feedOpt: source.Options{BatchBytes: 700}}
	r.start()
	t.Cleanup(r.stop)
	r.serverMetrics("m", 24)
	put := func(id string) {
		r.open(id, fmt.Sprintf(feedJob, ""))
		r.must(200, "PUT", "/_ml/datafeeds/df-"+id, `{"job_id":"`+id+`","indices":["m"],"scroll_size":20}`)
		r.must(200, "POST", "/_ml/datafeeds/df-"+id+"/_start?end=2023-12-01T00:00:00Z", "")
	}
	put("calm")
	r.waitFor(jobsPath+"calm/_stats", `"state":"closed"`)
	put("rough")
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 10 {
				if w := r.do("POST", jobsPath+"rough/_flush?calc_interim=true", ""); w.Code != 200 && w.Code != 409 {
					t.Errorf("a flush is answered %d %s", w.Code, w.Body)
				}
			}
		})
	}
	all.Wait()
	for range 4 {
		r.restart()
		if w := r.do("POST", "/_ml/datafeeds/df-rough/_stop", ""); w.Code != 200 {
			t.Errorf("a stop is answered %d %s", w.Code, w.Body)
		}
		if w := r.do("POST", "/_ml/datafeeds/df-rough/_start?end=2023-12-01T00:00:00Z", ""); w.Code != 200 && w.Code != 409 {
			t.Errorf("a start is answered %d %s", w.Code, w.Body)
		}
	}
	body := r.waitFor(jobsPath+"rough/_stats", `"state":"closed"`)
	contains(t, body, `"processed_record_count":2880`, `"out_of_order_timestamp_count":0`)
	result := func(id, kind string) string {
		return strings.ReplaceAll(r.must(200, "GET", jobsPath+id+"/results/"+kind+"?size=1000&exclude_interim=true", ""), `"job_id":"`+id+`"`, "")
	}
	for _, kind := range []string{"buckets", "records", "influencers"} {
		if got, want := result("rough", kind), result("calm", kind); got != want {
			t.Errorf("%s differ:\n%.600s\n%.600s", kind, got, want)
		}
	}
}

// TestDatafeedThatNeverSees: a datafeed without any data ends after as many searches
// as it is told, with its job; one that had data goes on.
func TestDatafeedThatNeverSees(t *testing.T) {
	r := newRig(t, Options{})
	r.serverMetrics("m", 1)
	r.must(200, "PUT", "/void", "")
	for _, id := range []string{"m", "void"} {
		r.open(id, fmt.Sprintf(feedJob, ""))
		r.must(200, "PUT", "/_ml/datafeeds/df-"+id, `{"job_id":"`+id+`","indices":["`+id+`"],"query_delay":"1ms","frequency":"1s","max_empty_searches":1}`)
		r.must(200, "POST", "/_ml/datafeeds/df-"+id+"/_start", "")
	}
	r.waitFor(jobsPath+"void/_stats", `"state":"closed"`)
	contains(t, r.must(200, "GET", "/_ml/datafeeds/df-void/_stats", ""), `"state":"stopped"`)
	r.saying("there was never any data", 1)
	contains(t, r.must(200, "GET", "/_ml/datafeeds/df-m/_stats", ""), `"state":"started"`)
	contains(t, r.must(409, "POST", "/_ml/datafeeds/df-m/_update", `{"max_empty_searches":-1}`), "started")
}

// TestDelayedData: documents that come after their bucket is final are told of once,
// in words and where charts show it.
func TestDelayedData(t *testing.T) {
	r := &rig{t: t, dir: t.TempDir(), feedOpt: source.Options{CheckEvery: time.Millisecond}}
	r.start()
	t.Cleanup(r.stop)
	recent := func(minutesAgo, n int) {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"index":{}}`+"\n"+`{"@timestamp":%d,"host":"h","v":1}`+"\n", time.Now().Add(-time.Duration(minutesAgo)*time.Minute).UnixMilli()/60000*60000+int64(i))
		}
		r.must(200, "POST", "/now/_bulk?refresh=true", b.String(), "Content-Type", "application/x-ndjson")
	}
	for m := range 30 {
		recent(30-m, 3)
	}
	r.open("j", strings.Replace(fmt.Sprintf(feedJob, ""), `"10m"`, `"1m"`, 1))
	r.must(200, "PUT", "/_ml/datafeeds/df", `{"job_id":"j","indices":["now"],"query_delay":"1ms","frequency":"1s"}`)
	r.must(200, "POST", "/_ml/datafeeds/df/_start", "")
	r.waitFor("/_ml/datafeeds/df/_stats", `"real_time_running":true`)
	recent(10, 7)
	if n := r.saying("Datafeed has missed 7 documents", 1); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	r.waitFor("/.ml-annotations-read/_search", `"event":"delayed_data"`)
	r.must(200, "POST", "/_ml/datafeeds/df/_stop", "")
}
