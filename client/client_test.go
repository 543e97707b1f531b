package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidemark/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seen is one request as a server got it.
type seen struct {
	method, uri, body string
	header            http.Header
}

// answer is what the scripted server does next.
type answer struct {
	status int
	body   string
	header map[string]string
	// drop reads the request and closes the connection without an answer.
	drop bool
	// half sends the header and half of the body, then closes.
	half bool
	// unread answers without reading the body.
	unread bool
	// hang waits for the test before anything else.
	hang chan struct{}
}

// server answers by a script and notes what it got. After the script's end the
// last answer repeats.
type server struct {
	*httptest.Server
	got    chan seen
	script chan answer
}

func serve(t *testing.T, script ...answer) (*server, *Client) {
	t.Helper()
	s := &server{got: make(chan seen, 10_000), script: make(chan answer, 100)}
	for _, a := range script {
		s.script <- a
	}
	last := script[len(script)-1]
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := last
		select {
		case a = <-s.script:
		default:
		}
		var raw []byte
		if !a.unread {
			raw, _ = io.ReadAll(r.Body)
		}
		s.got <- seen{r.Method, r.RequestURI, string(raw), r.Header}
		if a.hang != nil {
			select {
			case <-a.hang:
			case <-r.Context().Done():
			}
		}
		if a.drop {
			panic(http.ErrAbortHandler)
		}
		for name, value := range a.header {
			w.Header().Set(name, value)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		if a.half {
			io.WriteString(w, a.body[:len(a.body)/2])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = nil
	c, err := New(s.URL+"/", Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	t.Cleanup(func() { c.Close() })
	return s, c
}

// requests are those received so far.
func (s *server) requests() []seen {
	var all []seen
	for {
		select {
		case r := <-s.got:
			all = append(all, r)
		default:
			return all
		}
	}
}

const (
	notOpen = `{"error":{"root_cause":[{"type":"status_exception","reason":"Cannot perform requested action because job [j] is not open"}],"type":"status_exception","reason":"Cannot perform requested action because job [j] is not open"},"status":409}`
	busy    = `{"error":{"root_cause":[{"type":"status_exception","reason":"Unable to submit operation"}],"type":"status_exception","reason":"Unable to submit operation"},"status":429}`
	counts  = `{"job_id":"j","processed_record_count":2,"earliest_record_timestamp":1403481600000}`
)

var ctx = context.Background()

func TestFlushJob(t *testing.T) {
	s, c := serve(t, answer{status: 200, body: `{"flushed":true,"last_finalized_bucket_end":1514804400000,"later":{"more":1}}`}, answer{status: 200, body: `{"flushed":true}`})
	at := time.Date(2018, 1, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	flushed, err := c.FlushJob(ctx, FlushJobRequest{JobID: "j", CalcInterim: true, Start: at, End: at.Add(time.Hour), AdvanceTime: at, SkipTime: time.Unix(1, 0)})
	if err != nil || !flushed.Flushed || flushed.LastFinalizedBucketEnd == nil || !flushed.LastFinalizedBucketEnd.Equal(at) {
		t.Fatalf("%+v, %v", flushed, err)
	}
	if flushed, err = c.FlushJob(ctx, FlushJobRequest{JobID: "j"}); err != nil || flushed.LastFinalizedBucketEnd != nil {
		t.Fatalf("%+v, %v", flushed, err)
	}
	got := s.requests()
	if got[0].method != "POST" || got[0].uri != "/_ml/anomaly_detectors/j/_flush" || got[0].header.Get("Content-Type") != "application/json" ||
		got[0].body != `{"job_id":"j","calc_interim":true,"start":"1514804400000","end":"1514808000000","advance_time":"1514804400000","skip_time":"1970-01-01T00:00:01.000Z"}` {
		t.Errorf("%+v", got[0])
	}
	if got[1].body != `{"job_id":"j"}` {
		t.Errorf("%+v", got[1])
	}
}

// TestCalls: what each call sends, and that each answer is read.
func TestCalls(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer string
		do     func(*Client) (any, error)
		want   string
	}{
		{"info", `{"name":"n","version":{"number":"9.5.0"},"tidemark":{"version":"1"}}`, func(c *Client) (any, error) { return c.Info(ctx, InfoRequest{}) }, "GET / "},
		{"put", `{"job_id":"j","create_time":5}`, func(c *Client) (any, error) {
			return c.PutJob(ctx, PutJobRequest{JobID: "j", Job: wire.Job{AnalysisConfig: wire.AnalysisConfig{Detectors: []wire.Detector{{Function: "count"}}}}})
		}, `PUT /_ml/anomaly_detectors/j {"analysis_config":{"detectors":[{"function":"count","detector_index":0}],"influencers":[]},"data_description":{},"allow_lazy_open":false}`},
		{"get all", `{"count":1,"jobs":[{"job_id":"j"}]}`, func(c *Client) (any, error) { return c.GetJobs(ctx, GetJobsRequest{}) }, "GET /_ml/anomaly_detectors "},
		{"get some", `{"count":0,"jobs":[]}`, func(c *Client) (any, error) {
			return c.GetJobs(ctx, GetJobsRequest{IDs: "a,b*", NoMatchFails: true, ExcludeGenerated: true})
		}, "GET /_ml/anomaly_detectors/a%2Cb%2A?allow_no_match=false&exclude_generated=true "},
		{"stats", `{"count":1,"jobs":[{"job_id":"j","state":"opened"}]}`, func(c *Client) (any, error) { return c.GetJobStats(ctx, GetJobStatsRequest{IDs: "_all"}) },
			"GET /_ml/anomaly_detectors/_all/_stats "},
		{"open", `{"opened":true,"node":"n"}`, func(c *Client) (any, error) { return c.OpenJob(ctx, OpenJobRequest{JobID: "j", Timeout: time.Minute}) },
			`POST /_ml/anomaly_detectors/j/_open {"job_id":"j","timeout":"1m"}`},
		{"close", `{"closed":true}`, func(c *Client) (any, error) {
			return c.CloseJob(ctx, CloseJobRequest{IDs: "j,g-*", Force: true, NoMatchFails: true})
		}, `POST /_ml/anomaly_detectors/j%2Cg-%2A/_close {"allow_no_match":false,"force":true}`},
		{"delete", `{"acknowledged":true}`, func(c *Client) (any, error) { return c.DeleteJob(ctx, DeleteJobRequest{JobID: "j", Force: true}) },
			"DELETE /_ml/anomaly_detectors/j?force=true "},
		{"buckets", `{"count":1,"buckets":[{"timestamp":5}]}`, func(c *Client) (any, error) {
			return c.GetBuckets(ctx, GetBucketsRequest{JobID: "j", Expand: true, Query: Query{Start: time.UnixMilli(1514804400000), MinScore: 50, ExcludeInterim: true, Sort: "anomaly_score", Desc: new(true), Page: Page{new(0), new(10)}}})
		}, `POST /_ml/anomaly_detectors/j/results/buckets {"anomaly_score":50,"start":"1514804400000","exclude_interim":true,"expand":true,"sort":"anomaly_score","desc":true,"page":{"from":0,"size":10}}`},
		{"one bucket", `{"count":1,"buckets":[{}]}`, func(c *Client) (any, error) {
			return c.GetBuckets(ctx, GetBucketsRequest{JobID: "j", Timestamp: time.UnixMilli(1514804400000)})
		}, `POST /_ml/anomaly_detectors/j/results/buckets/1514804400000 {}`},
		{"records", `{"count":1,"records":[{"airline":["AAL"]}]}`, func(c *Client) (any, error) {
			return c.GetRecords(ctx, GetRecordsRequest{JobID: "j", Query: Query{End: time.UnixMilli(1514804400000), Page: Page{Size: new(0)}}})
		}, `POST /_ml/anomaly_detectors/j/results/records {"end":"1514804400000","page":{"size":0}}`},
		{"influencers", `{"count":0,"influencers":[]}`, func(c *Client) (any, error) { return c.GetInfluencers(ctx, GetInfluencersRequest{JobID: "j"}) },
			`POST /_ml/anomaly_detectors/j/results/influencers {}`},
		{"categories", `{"count":1,"categories":[{"category_id":1}]}`, func(c *Client) (any, error) {
			return c.GetCategories(ctx, GetCategoriesRequest{JobID: "j", Partition: "p", Page: Page{Size: new(5)}})
		}, "GET /_ml/anomaly_detectors/j/results/categories?partition_field_value=p&size=5 "},
		{"overall", `{"count":0,"overall_buckets":[]}`, func(c *Client) (any, error) {
			return c.GetOverallBuckets(ctx, GetOverallBucketsRequest{TopN: 2, BucketSpan: time.Hour, MinScore: 50})
		}, "GET /_ml/anomaly_detectors/_all/results/overall_buckets?bucket_span=1h&overall_score=50&top_n=2 "},
		{"update", `{"job_id":"j"}`, func(c *Client) (any, error) {
			return c.UpdateJob(ctx, UpdateJobRequest{JobID: "j", Update: wire.JobUpdate{Description: new("x")}})
		}, `POST /_ml/anomaly_detectors/j/_update {"description":"x"}`},
		{"put filter", `{"filter_id":"f","items":["a"]}`, func(c *Client) (any, error) {
			return c.PutFilter(ctx, PutFilterRequest{FilterID: "f", Filter: wire.Filter{Items: []string{"a"}}})
		}, `PUT /_ml/filters/f {"filter_id":"f","items":["a"]}`},
		{"get filters", `{"count":0,"filters":[]}`, func(c *Client) (any, error) { return c.GetFilters(ctx, GetFiltersRequest{Page: Page{From: new(3)}}) }, "GET /_ml/filters?from=3 "},
		{"update filter", `{"filter_id":"f","items":[]}`, func(c *Client) (any, error) {
			return c.UpdateFilter(ctx, UpdateFilterRequest{FilterID: "f", Change: wire.FilterChange{AddItems: []string{"b"}}})
		}, `POST /_ml/filters/f/_update {"add_items":["b"]}`},
		{"delete filter", `{"acknowledged":true}`, func(c *Client) (any, error) { return c.DeleteFilter(ctx, DeleteFilterRequest{FilterID: "f"}) }, "DELETE /_ml/filters/f "},
		{"put calendar", `{"calendar_id":"c","job_ids":["j"]}`, func(c *Client) (any, error) {
			return c.PutCalendar(ctx, PutCalendarRequest{CalendarID: "c", Calendar: wire.Calendar{JobIDs: []string{"j"}}})
		}, `PUT /_ml/calendars/c {"calendar_id":"c","job_ids":["j"]}`},
		{"get calendars", `{"count":0,"calendars":[]}`, func(c *Client) (any, error) { return c.GetCalendars(ctx, GetCalendarsRequest{}) }, "GET /_ml/calendars "},
		{"delete calendar", `{"acknowledged":true}`, func(c *Client) (any, error) {
			return c.DeleteCalendar(ctx, DeleteCalendarRequest{CalendarID: "c"})
		}, "DELETE /_ml/calendars/c "},
		{"post events", `{"events":[{"event_id":"e"}]}`, func(c *Client) (any, error) {
			return c.PostEvents(ctx, PostEventsRequest{CalendarID: "c", Events: []wire.CalendarEvent{{Description: "d", StartTime: 1, EndTime: 2}}})
		}, `POST /_ml/calendars/c/events {"events":[{"description":"d","start_time":1,"end_time":2}]}`},
		{"get events", `{"count":0,"events":[]}`, func(c *Client) (any, error) { return c.GetEvents(ctx, GetEventsRequest{CalendarIDs: "c"}) }, "GET /_ml/calendars/c/events "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, client := serve(t, answer{status: 200, body: c.answer})
			if _, err := c.do(client); err != nil {
				t.Fatal(err)
			}
			got := s.requests()
			if line := got[0].method + " " + got[0].uri + " " + got[0].body; len(got) != 1 || line != c.want {
				t.Errorf("\n got %s\nwant %s", line, c.want)
			}
			if got[0].header.Get("Accept") != "application/json" || !strings.HasPrefix(got[0].header.Get("User-Agent"), "tidemark-go/") {
				t.Errorf("%v", got[0].header)
			}
		})
	}
}

func TestOldPathsAndHeaders(t *testing.T) {
	s, _ := serve(t, answer{status: 200, body: `{"flushed":true}`})
	c, err := New(s.URL+"/under", Options{OldPaths: true, Header: http.Header{"authorization": {"ApiKey x"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.FlushJob(ctx, FlushJobRequest{JobID: "j"}); err != nil {
		t.Fatal(err)
	}
	got := s.requests()[0]
	if got.uri != "/under/_xpack/ml/anomaly_detectors/j/_flush" || got.header.Get("Authorization") != "ApiKey x" {
		t.Errorf("%+v", got)
	}
}

func TestNewRefusesAddresses(t *testing.T) {
	for _, address := range []string{"", "localhost:7270", "ftp://h", "http://", "http://h?x=1", "http://h#f", ":"} {
		if _, err := New(address, Options{}); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}

// TestWrongRequests are not sent.
func TestWrongRequests(t *testing.T) {
	s, c := serve(t, answer{status: 200, body: "{}"})
	before := time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)
	for name, do := range map[string]func() (any, error){
		"no id": func() (any, error) { return c.FlushJob(ctx, FlushJobRequest{}) },
		"no snapshot": func() (any, error) {
			return c.RevertModelSnapshot(ctx, RevertModelSnapshotRequest{JobID: "j"})
		},
		"no datafeed": func() (any, error) { return c.PreviewDatafeed(ctx, PreviewDatafeedRequest{}) },
		"stop none":   func() (any, error) { return c.StopDatafeed(ctx, StopDatafeedRequest{}) },
		"no filter":   func() (any, error) { return c.DeleteFilter(ctx, DeleteFilterRequest{}) },
		"no index":    func() (any, error) { return c.DeleteIndex(ctx, DeleteIndexRequest{}) },
		"no document": func() (any, error) { return c.Index(ctx, IndexRequest{Index: "i"}) },
		"early start": func() (any, error) {
			return c.StartDatafeed(ctx, StartDatafeedRequest{DatafeedID: "d", Start: before})
		},
		"path":       func() (any, error) { return c.FlushJob(ctx, FlushJobRequest{JobID: "../x"}) },
		"pattern":    func() (any, error) { return c.DeleteJob(ctx, DeleteJobRequest{JobID: "*"}) },
		"close none": func() (any, error) { return c.CloseJob(ctx, CloseJobRequest{}) },
		"early":      func() (any, error) { return c.FlushJob(ctx, FlushJobRequest{JobID: "j", AdvanceTime: before}) },
		"early page": func() (any, error) {
			return c.GetRecords(ctx, GetRecordsRequest{JobID: "j", Query: Query{End: before}})
		},
		"early bucket": func() (any, error) { return c.GetBuckets(ctx, GetBucketsRequest{JobID: "j", Timestamp: before}) },
		"no body":      func() (any, error) { return c.PostData(ctx, PostDataRequest{JobID: "j"}) },
		"key": func() (any, error) {
			return c.PostData(ctx, PostDataRequest{JobID: "j", Body: strings.NewReader("{}"), Key: "ä"})
		},
		"long key": func() (any, error) {
			return c.PostData(ctx, PostDataRequest{JobID: "j", Body: strings.NewReader("{}"), Key: strings.Repeat("k", 129)})
		},
		"reset": func() (any, error) {
			return c.PostData(ctx, PostDataRequest{JobID: "j", Body: strings.NewReader("{}"), ResetStart: before})
		},
	} {
		var wrong *RequestError
		if _, err := do(); !errors.As(err, &wrong) || wrong.Call == "" || wrong.Field == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := s.requests(); len(got) > 0 {
		t.Errorf("sent %v", got)
	}
}

func TestTypedErrors(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		want   Error
	}{
		"refusal": {answer{status: 409, body: notOpen}, Error{Status: 409, Type: wire.TypeStatus, Reason: "Cannot perform requested action because job [j] is not open"}},
		"plain":   {answer{status: 405, body: `{"error":"Incorrect HTTP method","status":405}`}, Error{Status: 405, Reason: "Incorrect HTTP method"}},
		"proxy":   {answer{status: 403, body: "<html>no</html>"}, Error{Status: 403, Reason: "<html>no</html>"}},
		"empty":   {answer{status: 404}, Error{Status: 404}},
		"garbage": {answer{status: 200, body: "<html>"}, Error{Status: 200, Reason: "the answer is not the API's"}},
		"moved":   {answer{status: 302, header: map[string]string{"Location": "/elsewhere"}}, Error{Status: 302}},
	} {
		s, client := serve(t, c.answer)
		_, err := client.FlushJob(ctx, FlushJobRequest{JobID: "j"})
		var got *Error
		if !errors.As(err, &got) || got.Status != c.want.Status || got.Type != c.want.Type || !strings.HasPrefix(got.Reason, c.want.Reason) ||
			got.Attempts != 1 || !strings.Contains(err.Error(), "flush job [j]") || len(s.requests()) != 1 {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

func TestUseAfterClose(t *testing.T) {
	s, c := serve(t, answer{status: 200, body: "{}"})
	c.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Info(ctx, InfoRequest{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	var failed error
	c.InfoAsync(ctx, InfoRequest{}, Listener[wire.Info]{OnFailure: func(err error) { failed = err }}).Wait()
	if !errors.Is(failed, ErrClosed) || len(s.requests()) > 0 {
		t.Error(failed)
	}
}
