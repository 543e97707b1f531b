package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tidemark/internal/inlog"
	"tidemark/internal/source"
)

// gate holds up whoever passes while it is shut.
type gate struct {
	mu sync.RWMutex
	// held has an element for each who is held up.
	held chan struct{}
}

func (g *gate) shut() { g.mu.Lock() }
func (g *gate) open() { g.mu.Unlock() }

func (g *gate) pass() {
	if !g.mu.TryRLock() {
		g.held <- struct{}{}
		g.mu.RLock()
	}
	g.mu.RUnlock()
}

// gatedLog is a log whose appends pass a gate.
type gatedLog struct {
	inlog.Log
	*gate
}

func (l gatedLog) Append(job, after uint64, entries [][]byte) *inlog.Ticket {
	l.pass()
	return l.Log.Append(job, after, entries)
}

// soon fails if what a request did took long.
func soon(t *testing.T, do func()) {
	t.Helper()
	began := time.Now()
	do()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestDatafeedStops: a stop waits for the batch in hand as long as it is told, one by
// force does not; whatever is done then, each document is taken once.
func TestDatafeedStops(t *testing.T) {
	r := &rig{t: t, dir: t.TempDir(), gate: &gate{held: make(chan struct{}, 100)}, feedOpt: source.Options{BatchBytes: 2000}}
	r.start()
	t.Cleanup(r.stop)
	r.serverMetrics("m", 2)
	const feed, config = "/_ml/datafeeds/df", `{"job_id":"j","indices":["m"],"query_delay":"1s","frequency":"1h"}`
	r.open("j", fmt.Sprintf(feedJob, ""))
	r.must(200, "PUT", feed, config)
	hold := func() {
		r.gate.shut()
		r.must(200, "POST", feed+"/_start", "")
		<-r.gate.held
	}
	stopped := func() {
		t.Helper()
		contains(t, r.must(200, "GET", feed+"/_stats", ""), `"state":"stopped"`)
	}
	hold()
	body := ""
	soon(t, func() { body = r.must(408, "POST", feed+"/_stop?timeout=50ms", "") })
	contains(t, body, `"type":"status_exception"`, "datafeed [df] has not stopped within [50ms]", "[force]")
	contains(t, r.must(200, "GET", feed+"/_stats", ""), `"state":"stopping"`)
	contains(t, r.must(409, "POST", feed+"/_start", ""), "its state is stopping")
	contains(t, r.must(408, "POST", feed+"/_stop", `{"timeout":"50ms"}`), "has not stopped")
	soon(t, func() { contains(t, r.must(200, "POST", feed+"/_stop?force=true", ""), `"stopped":true`) })
	stopped()
	// It starts again behind the batch that its job has not taken yet.
	r.must(200, "POST", feed+"/_start", "")
	soon(t, func() { r.must(200, "POST", feed+"/_stop", `{"force":true}`) })
	stopped()
	r.must(200, "POST", feed+"/_update", `{"scroll_size":7}`)
	r.must(200, "POST", feed+"/_start", "")
	contains(t, r.must(409, "DELETE", feed, ""), "while its status is started")
	soon(t, func() { r.must(200, "DELETE", feed+"?force=true", "") })
	r.must(404, "GET", feed, "")
	r.must(200, "PUT", feed, config)
	r.must(200, "POST", feed+"/_start", "")
	r.gate.open()
	r.waitFor(feed+"/_stats", `"real_time_running":true`)
	counts := []string{`"processed_record_count":240`, `"out_of_order_timestamp_count":0`}
	contains(t, r.must(200, "GET", jobsPath+"j/_stats", ""), counts...)
	// A stop that need not wait long.
	r.must(200, "POST", feed+"/_stop?timeout=20s", "")
	r.documents("m", 120, 150)
	hold()
	soon(t, func() { r.must(200, "POST", feed+"/_stop?force=true", "") })
	r.gate.open()
	// What was stopped by force is not started by the next process.
	r.restart()
	stopped()
	r.cycle("df")
	contains(t, r.must(200, "GET", jobsPath+"j/_stats", ""), `"processed_record_count":300`, counts[1])
}

// TestDatafeedStartsInTime: a start waits for the first answer of its indices as long
// as it is told, and can be given up meanwhile; nobody else waits for it.
func TestDatafeedStartsInTime(t *testing.T) {
	asked := make(chan struct{}, 10)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body) // Only then it is seen that the client has gone.
		asked <- struct{}{}
		<-q.Context().Done()
	}))
	defer silent.Close()
	remote, err := source.NewRemote(source.RemoteOptions{Name: "far", URL: silent.URL})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), remotes: map[string]*source.Remote{"far": remote}}
	r.start()
	t.Cleanup(r.stop)
	const feed = "/_ml/datafeeds/df"
	r.open("j", fmt.Sprintf(feedJob, ""))
	r.must(200, "PUT", feed, `{"job_id":"j","indices":["far:m"]}`)
	body := ""
	soon(t, func() { body = r.must(408, "POST", feed+"/_start?timeout=50ms", "") })
	contains(t, body, `"type":"status_exception"`, "datafeed [df] was not started", "[far:m]", "[50ms]")
	contains(t, r.must(200, "GET", feed+"/_stats", ""), `"state":"stopped"`)
	<-asked
	for _, c := range []struct {
		method, end string
		status      int
	}{{"POST", feed + "/_stop", 409}, {"POST", feed + "/_stop?force=true", 409}, {"POST", jobsPath + "j/_close", 409}, {"DELETE", feed + "?force=true", 404}} {
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if w := r.do("POST", feed+"/_start", ""); w.Code != c.status {
				t.Errorf("a start that %s ended: %d %s", c.end, w.Code, w.Body)
			}
		})
		<-asked
		soon(t, func() {
			contains(t, r.must(200, "GET", feed+"/_stats", ""), `"state":"starting"`)
			contains(t, r.must(409, "POST", feed+"/_start", ""), "its state is starting")
			contains(t, r.must(409, "POST", feed+"/_update", `{"scroll_size":5}`), "while its status is starting")
			contains(t, r.must(409, "DELETE", feed, ""), "while its status is starting")
			r.must(200, c.method, c.end, "")
		})
		waiting.Wait()
		if strings.HasSuffix(c.end, "_close") {
			r.must(200, "POST", jobsPath+"j/_open", "")
		}
	}
	r.must(404, "GET", feed, "")
}

// TestDatafeedOrdersItsIndices: documents whose time is a number that nobody declared,
// of any name, are found by it once a datafeed has started; the field of another
// datafeed is left to that one.
func TestDatafeedOrdersItsIndices(t *testing.T) {
	r := newRig(t, Options{})
	var b strings.Builder
	for m := range 120 {
		fmt.Fprintf(&b, `{"index":{}}`+"\n"+`{"ms":%d,"other":%d,"host":"h","v":%d}`+"\n", int64(metricsFrom+60*m)*1000, m, m%7)
	}
	r.must(200, "POST", "/m/_bulk", b.String(), "Content-Type", "application/x-ndjson")
	for _, field := range []string{"ms", "other"} {
		r.open(field, strings.Replace(fmt.Sprintf(feedJob, ""), "@timestamp", field, 1))
		r.must(200, "PUT", "/_ml/datafeeds/df-"+field, `{"job_id":"`+field+`","indices":["m"],"query_delay":"1s"}`)
	}
	for _, field := range []string{"ms", "other"} {
		r.must(200, "POST", "/_ml/datafeeds/df-"+field+"/_start", "")
		r.waitFor("/_ml/datafeeds/df-"+field+"/_stats", `"real_time_running":true`)
		contains(t, r.must(200, "GET", jobsPath+field+"/_stats", ""), `"processed_record_count":120`)
		for _, x := range r.docs.Indices() {
			if x.Name == "m" && x.TimeField != "ms" {
				t.Errorf("after a datafeed by %s the time field is %q", field, x.TimeField)
			}
		}
	}
}
