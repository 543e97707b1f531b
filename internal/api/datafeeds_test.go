package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/internal/source"
)

// serverMetrics puts hours of documents, one a minute and host, into an index.
func (r *rig) serverMetrics(index string, hours int) {
	r.t.Helper()
	r.must(200, "PUT", "/"+index, `{"mappings":{"properties":{"@timestamp":{"type":"date"},"host":{"type":"keyword"},"v":{"type":"float"}}}}`)
	var b strings.Builder
	for m := range 60 * hours {
		for host := range 2 {
			fmt.Fprintf(&b, `{"index":{}}`+"\n"+`{"@timestamp":"%s","host":"h%d","v":%d,"other":"x"}`+"\n", time.Unix(int64(1_700_000_000/3600*3600+60*m), 0).UTC().Format(time.RFC3339), host, m%7)
		}
	}
	r.must(200, "POST", "/"+index+"/_bulk", b.String(), "Content-Type", "application/x-ndjson")
}

// feedJob is a job that datafeeds fill.
const feedJob = `{"analysis_config":{"bucket_span":"10m","detectors":[{"function":"mean","field_name":"v","partition_field_name":"host"}]%s},"data_description":{"time_field":"@timestamp"}}`

// waitFor asks until an answer has a text.
func (r *rig) waitFor(target, want string) string {
	r.t.Helper()
	for range 400 {
		if body := r.must(200, "GET", target, ""); strings.Contains(body, want) {
			return body
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.t.Fatalf("%s never answered with %q: %s", target, want, r.must(200, "GET", target, ""))
	return ""
}

// TestDatafeedLookBack: what a datafeed finds gives the results of the same
// records sent by hand; at its end it stops and closes the job.
func TestDatafeedLookBack(t *testing.T) {
	r := newRig(t, Options{})
	r.serverMetrics("m", 10)
	for _, c := range []struct{ id, feed, job string }{
		{"auto", `"scroll_size":50`, ""},
		{"off", `"chunking_config":{"mode":"off"},"query":{"terms":{"host":["h0","h1"]}}`, ""},
		{"aggs", `"aggs":{"t":{"date_histogram":{"field":"@timestamp","fixed_interval":"1m"},"aggs":{"@timestamp":{"max":{"field":"@timestamp"}},"host":{"terms":{"field":"host"},"aggs":{"v":{"avg":{"field":"v"}}}}}}}`,
			`,"summary_count_field_name":"doc_count"`},
		{"composite", `"aggs":{"t":{"composite":{"size":1000,"sources":[{"time":{"date_histogram":{"field":"@timestamp","fixed_interval":"1m"}}},{"host":{"terms":{"field":"host"}}}]},"aggs":{"@timestamp":{"max":{"field":"@timestamp"}},"v":{"avg":{"field":"v"}}}}},"chunking_config":{"mode":"manual","time_span":"1h"}`,
			`,"summary_count_field_name":"doc_count"`},
	} {
		r.open(c.id, fmt.Sprintf(feedJob, c.job))
		contains(t, r.must(200, "PUT", "/_ml/datafeeds/df-"+c.id, `{"job_id":"`+c.id+`","indices":["m"],`+c.feed+`}`), `"query_delay":"`, `"indices_options":{"expand_wildcards":["open"]`)
		contains(t, r.must(200, "POST", "/_ml/datafeeds/df-"+c.id+"/_start?start=0&end=2023-12-01T00:00:00Z", ""), `"started":true`)
		r.waitFor("/_ml/datafeeds/df-"+c.id+"/_stats", `"state":"stopped"`)
		body := r.waitFor(jobsPath+c.id+"/_stats", `"state":"closed"`)
		contains(t, body, `"processed_record_count":1200`, `"bucket_count":59`, `"input_field_count":`)
		contains(t, r.must(200, "GET", jobsPath+c.id+"/results/buckets?size=0&exclude_interim=true", ""), `"count":59`)
	}
	// The message of the last one may come after its state.
	if n := r.saying("Job closed", 4); n != 4 {
		t.Errorf("%d jobs were told of as closed, of 4", n)
	}
	// The same by hand.
	one := r.must(200, "GET", jobsPath+"auto/results/buckets?size=1000", "")
	for _, other := range []string{"off", "aggs", "composite"} {
		got := r.must(200, "GET", jobsPath+other+"/results/buckets?size=1000", "")
		if strings.ReplaceAll(got, `"job_id":"`+other+`"`, "") != strings.ReplaceAll(one, `"job_id":"auto"`, "") {
			t.Errorf("%s and auto differ:\n%.400s\n%.400s", other, got, one)
		}
	}
}

// TestDatafeedGoesOn: what comes after a stop, or after the end of the process,
// is found once.
func TestDatafeedGoesOn(t *testing.T) {
	r := newRig(t, Options{})
	r.serverMetrics("m", 2)
	r.open("go", fmt.Sprintf(feedJob, ""))
	r.must(200, "PUT", "/_ml/datafeeds/df", `{"job_id":"go","indexes":"m","query_delay":"1s","frequency":"1s"}`)
	r.must(200, "POST", "/_ml/datafeeds/df/_start", "")
	r.must(409, "POST", "/_ml/datafeeds/df/_start", "")
	r.must(409, "POST", "/_ml/datafeeds/df/_update", `{"scroll_size":5}`)
	r.must(409, "DELETE", "/_ml/datafeeds/df", "")
	contains(t, r.waitFor(jobsPath+"go/_stats", `"processed_record_count":240`), `"state":"opened"`)
	contains(t, r.waitFor("/_ml/datafeeds/df/_stats", `"real_time_running":true`), `"state":"started"`, `"real_time_configured":true`)
	r.restart()
	contains(t, r.must(200, "GET", "/_ml/datafeeds/df/_stats", ""), `"state":"started"`)
	r.waitFor("/_ml/datafeeds/df/_stats", `"real_time_running":true`)
	contains(t, r.must(200, "GET", jobsPath+"go/_stats", ""), `"processed_record_count":240`)
	contains(t, r.must(200, "POST", "/_ml/datafeeds/df/_stop", ""), `"stopped":true`)
	r.must(200, "POST", "/_ml/datafeeds/df/_stop", "")
	contains(t, r.must(200, "POST", "/_ml/datafeeds/df/_update", `{"scroll_size":5}`), `"scroll_size":5`)
	r.must(200, "POST", "/_ml/datafeeds/df/_start", "")
	r.must(200, "POST", jobsPath+"go/_flush", "")
	// Closing the job stops its datafeed.
	r.must(200, "POST", jobsPath+"go/_close", "")
	contains(t, r.must(200, "GET", "/_ml/datafeeds/df/_stats", ""), `"state":"stopped"`)
	contains(t, r.must(409, "POST", "/_ml/datafeeds/df/_start", ""), "because job [go] is closed")
	// A job goes with its datafeed.
	r.must(200, "DELETE", jobsPath+"go", "")
	r.must(404, "GET", "/_ml/datafeeds/df", "")
}

// TestDatafeedRefusals tries what cannot be.
func TestDatafeedRefusals(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"j", fmt.Sprintf(feedJob, ""))
	r.must(200, "PUT", jobsPath+"sums", fmt.Sprintf(feedJob, `,"summary_count_field_name":"doc_count"`))
	r.must(200, "PUT", jobsPath+"late", fmt.Sprintf(feedJob, `,"latency":"1h"`))
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{404, `{"job_id":"none","indices":["a"]}`, "No known job"},
		{400, `{"job_id":"j"}`, "indices"},
		{400, `{"job_id":"j","indices":[]}`, "indices"},
		{400, `{"job_id":"j","indices":["a"],"headers":{}}`, "unknown field [headers]"},
		{400, `{"job_id":"j","indices":["a"],"scroll_size":0}`, "scroll_size"},
		{400, `{"job_id":"j","indices":["a"],"script_fields":{"a":{}}}`, "script_fields"},
		{400, `{"job_id":"j","indices":["a"],"runtime_mappings":{"a":{}}}`, "runtime_mappings"},
		{400, `{"job_id":"j","indices":["a"],"frequency":"0s"}`, "frequency"},
		{400, `{"job_id":"j","indices":["a"],"aggs":{"a":{"date_histogram":{"field":"@timestamp","fixed_interval":"1m"}}}}`, "summary_count_field_name"},
		{400, `{"job_id":"j","indices":["a"],"chunking_config":{"mode":"manual"}}`, "time_span"},
		{400, `{"job_id":"late","indices":["a"]}`, "latency"},
		{400, `{"job_id":"j","indices":["a"],"datafeed_id":"other"}`, "Inconsistent"},
		{400, `{"job_id":"j","indices":["a"],"query":{"match_all2":{}}}`, "unknown query"},
		{400, `{"job_id":"j","indices":["a"],"max_empty_searches":0}`, "max_empty_searches"},
		{400, `{"job_id":"j","indices":["a","far:b"]}`, "several clusters"},
		{400, `{"job_id":"j","indices":["a"],"chunking_config":{"mode":"auto","time_span":"1h"}}`, "time_span must not be set"},
		{400, `{"job_id":"j","indices":["a"],"chunking_config":{"mode":"often"}}`, "mode"},
		{400, `{"job_id":"j","indices":["a"],"delayed_data_check_config":{"enabled":true,"check_window":"1m"}}`, "at least the bucket_span"},
		{400, `{"job_id":"j","indices":["a"],"delayed_data_check_config":{"enabled":true,"check_window":"4000d"}}`, "more than 10000 times"},
		{400, `{"job_id":"j","indices":["a"],"aggs":{},"aggregations":{}}`, "Found two aggregation definitions"},
		{400, `{"job_id":"sums","indices":["a"],"aggs":{"a":{"terms":{"field":"x"}}}}`, "date_histogram"},
		{400, `{"job_id":"sums","indices":["a"],"aggs":{"a":{"date_histogram":{"field":"@timestamp","fixed_interval":"1m"}}}}`, "Missing max aggregation for time_field [@timestamp]"},
		{400, `{"job_id":"sums","indices":["a"],"aggs":{"a":{"date_histogram":{"field":"other","fixed_interval":"1m"},"aggs":{"@timestamp":{"max":{"field":"@timestamp"}}}}}}`, "must be on the time_field"},
		{400, `{"job_id":"sums","indices":["a"],"aggs":{"a":{"date_histogram":{"field":"@timestamp","fixed_interval":"7m"},"aggs":{"@timestamp":{"max":{"field":"@timestamp"}}}}}}`, "must be a divisor"},
		{400, `{"job_id":"sums","indices":["a"],"frequency":"90s","aggs":{"a":{"date_histogram":{"field":"@timestamp","fixed_interval":"1m"},"aggs":{"@timestamp":{"max":{"field":"@timestamp"}}}}}}`, "multiple of the aggregation interval"},
		{200, `{"job_id":"j","indices":["a"]}`, `"scroll_size":1000`},
		{400, `{"job_id":"j","indices":["a"]}`, "already exists"},
	} {
		contains(t, r.must(c.status, "PUT", "/_ml/datafeeds/df", c.body), c.want)
	}
	contains(t, r.must(409, "PUT", "/_ml/datafeeds/df2", `{"job_id":"j","indices":["a"]}`), "already exists for job")
	r.must(200, "POST", jobsPath+"j/_open", "")
	contains(t, r.must(400, "POST", "/_ml/datafeeds/df/_start", ""), "no such index")
	contains(t, r.must(400, "POST", "/_ml/datafeeds/df/_start?start=10&end=5", ""), "must be earlier")
	r.must(404, "POST", "/_ml/datafeeds/none/_start", "")
	r.must(404, "POST", "/_ml/datafeeds/none/_stop", "")
	r.must(200, "POST", "/_ml/datafeeds/none*/_stop", "")
	r.must(404, "POST", "/_ml/datafeeds/none*/_stop?allow_no_match=false", "")
	contains(t, r.must(400, "POST", "/_ml/datafeeds/df/_update", `{"job_id":"x"}`), "cannot be changed")
	// An inline datafeed comes and goes with its job.
	contains(t, r.must(200, "PUT", jobsPath+"in", strings.TrimSuffix(fmt.Sprintf(feedJob, ""), "}")+`,"datafeed_config":{"indices":["a"]}}`), `"datafeed_id":"in"`)
	contains(t, r.must(200, "GET", jobsPath+"in", ""), `"datafeed_config":{"datafeed_id":"in"`)
	r.must(400, "PUT", jobsPath+"bad", strings.TrimSuffix(fmt.Sprintf(feedJob, ""), "}")+`,"datafeed_config":{"indices":["a"],"datafeed_id":"in"}}`)
	r.must(404, "GET", jobsPath+"bad", "")
}

// TestDatafeedPreview shows records as the job would get them.
func TestDatafeedPreview(t *testing.T) {
	r := newRig(t, Options{})
	r.serverMetrics("m", 1)
	r.must(200, "PUT", jobsPath+"j", fmt.Sprintf(feedJob, ""))
	r.must(200, "PUT", "/_ml/datafeeds/df", `{"job_id":"j","indices":["m"]}`)
	body := r.must(200, "GET", "/_ml/datafeeds/df/_preview", "")
	contains(t, body, `[{"host":"h0","v":0,"@timestamp":1699999200000},{"host":"h1","v":0,`)
	r.refused(400, "illegal_argument_exception", "[datafeed_id] cannot be supplied", "POST", "/_ml/datafeeds/df/_preview", `{"datafeed_config":{"indices":["m"]}}`)
	contains(t, r.must(200, "GET", "/_ml/datafeeds/df?exclude_generated=true", ""), `"datafeeds":[{"job_id":"j"`)
	if strings.Contains(body, "other") {
		t.Errorf("a field that the job does not analyze is shown: %.200s", body)
	}
	contains(t, r.must(200, "POST", "/_ml/datafeeds/_preview", `{"datafeed_config":{"indices":["m"]},"job_config":`+strings.Replace(fmt.Sprintf(feedJob, ""), "{", `{"job_id":"x",`, 1)+`}`), `"v":6`)
}

// TestRemoteDatafeed reads from another server of this kind, over HTTP.
func TestRemoteDatafeed(t *testing.T) {
	far := newRig(t, Options{})
	far.serverMetrics("m", 5)
	server := httptest.NewServer(far)
	defer server.Close()
	remote, err := source.NewRemote(source.RemoteOptions{Name: "far", URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	self, err := source.NewRemote(source.RemoteOptions{Name: "self", URL: server.URL, Own: []netip.AddrPort{netip.MustParseAddrPort(strings.TrimPrefix(server.URL, "http://"))}})
	if err != nil {
		t.Fatal(err)
	}
	link, err := source.NewRemote(source.RemoteOptions{Name: "link", URL: "http://169.254.169.254/"})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: t.TempDir(), remotes: map[string]*source.Remote{"far": remote, "self": self, "link": link}}
	r.start()
	t.Cleanup(r.stop)
	old, err := source.NewRemote(source.RemoteOptions{Name: "old", URL: scrolling(t, far), Key: "id:key"})
	if err != nil {
		t.Fatal(err)
	}
	r.remotes["old"] = old
	r.open("j", fmt.Sprintf(feedJob, ""))
	for name, want := range map[string]string{"none": "no remote cluster", "self": "is refused", "link": "is refused"} {
		r.must(200, "PUT", "/_ml/datafeeds/bad", `{"job_id":"j","indices":["`+name+`:m"]}`)
		if w := r.do("POST", "/_ml/datafeeds/bad/_start", ""); w.Code < 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		r.must(200, "DELETE", "/_ml/datafeeds/bad", "")
	}
	r.must(200, "PUT", "/_ml/datafeeds/df", `{"job_id":"j","indices":["far:m"],"scroll_size":70}`)
	r.must(200, "POST", "/_ml/datafeeds/df/_start?end=2023-12-01T00:00:00Z", "")
	contains(t, r.waitFor(jobsPath+"j/_stats", `"state":"closed"`), `"processed_record_count":600`)
	r.open("s", fmt.Sprintf(feedJob, ""))
	r.must(200, "PUT", "/_ml/datafeeds/scroll", `{"job_id":"s","indices":["old:m"],"scroll_size":70}`)
	r.must(200, "POST", "/_ml/datafeeds/scroll/_start?end=2023-12-01T00:00:00Z", "")
	contains(t, r.waitFor(jobsPath+"s/_stats", `"state":"closed"`), `"processed_record_count":600`)
}

// scrolling is a server from before points in time: it pages by scrolls, and
// answers only to a key.
func scrolling(t *testing.T, far *rig) string {
	var body []byte
	from := 0
	page := func(w http.ResponseWriter) {
		var tree map[string]any
		if err := json.Unmarshal(body, &tree); err != nil {
			t.Error(err)
		}
		tree["from"] = from
		from += 70
		raw, err := json.Marshal(tree)
		if err != nil {
			t.Error(err)
		}
		got := far.must(200, "POST", "/m/_search", string(raw))
		_, _ = w.Write([]byte(strings.Replace(got, "{", `{"_scroll_id":"s1",`, 1)))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "ApiKey aWQ6a2V5":
			w.WriteHeader(401)
		case strings.HasSuffix(r.URL.Path, "/_pit"):
			w.WriteHeader(400)
		case r.Method == http.MethodDelete:
			_, _ = w.Write([]byte("{}"))
		case r.URL.Path == "/_search/scroll":
			page(w)
		case r.URL.Query().Has("scroll"):
			from = 0
			body, _ = io.ReadAll(r.Body)
			page(w)
		default:
			far.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}
