package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tidemark/client"
	"tidemark/wire"
)

// watched is a server that notes which routes were asked.
type watched struct {
	*httptest.Server
	routes *routes
	mu     sync.Mutex
	asked  map[string]bool
}

func watch(t *testing.T, h http.Handler) *watched {
	w := &watched{routes: newRoutes(table()), asked: map[string]bool{}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if route, _, _ := w.routes.find(r.Method, r.URL.EscapedPath()); route != nil {
			w.mu.Lock()
			w.asked[route.method+" "+route.path] = true
			w.mu.Unlock()
		}
		// Read deadlines would be set by the tests' clock, which stands still.
		h.ServeHTTP(struct{ http.ResponseWriter }{rw}, r)
	}))
	t.Cleanup(w.Close)
	return w
}

// ask is one call of the client: what is done, and what the answer must hold.
type ask struct {
	method string
	do     func(*client.Client) (any, error)
	check  func(answer any) bool
}

// call makes an ask of a method; the check may be nil.
func call[Q, R any](method func(*client.Client, context.Context, Q) (*R, error), name string, q Q, check func(*R) bool) ask {
	return ask{name, func(c *client.Client) (any, error) { return method(c, context.Background(), q) },
		func(answer any) bool { return check == nil || check(answer.(*R)) }}
}

func acked(a *wire.Acknowledged) bool { return a.Acknowledged }

// TestClientAsksEveryRoute runs each method of the client against a real server,
// in an order in which each has something to do, under both roots of the API. A
// route of the machine learning API that none of them asks is missing in the client,
// as is here a method that is not tried.
func TestClientAsksEveryRoute(t *testing.T) {
	for _, old := range []bool{false, true} {
		r := newRig(t, Options{})
		server := watch(t, r)
		c, err := client.New(server.URL, client.Options{OldPaths: old, MaxAttempts: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		tried := map[string]bool{}
		for i, a := range asks(r) {
			tried[a.method] = true
			answer, err := a.do(c)
			if err != nil {
				t.Fatalf("step %d, %s: %v", i, a.method, err)
			}
			if !a.check(answer) {
				t.Errorf("step %d, %s: %+v", i, a.method, reflect.ValueOf(answer).Elem())
			}
		}
		root := prefix
		if old {
			root = oldPrefix
		}
		for _, x := range server.routes.all() {
			twin := strings.Replace(x, "GET ", "POST ", 1)
			if strings.HasPrefix(x, "POST ") {
				twin = strings.Replace(x, "POST ", "GET ", 1)
			}
			if strings.Contains(x, " "+root+"/") && !server.asked[x] && !server.asked[twin] {
				t.Errorf("no method of the client asks %s", x)
			}
		}
		of := reflect.TypeFor[*client.Client]()
		for i := range of.NumMethod() {
			if name := of.Method(i).Name; name != "Close" && !strings.HasSuffix(name, "Async") && !tried[name] {
				t.Errorf("%s is not tried against a server", name)
			}
		}
	}
}

// all lists the table's rows.
func (t *routes) all() (list []string) {
	for _, rows := range t.bySize {
		for _, r := range rows {
			list = append(list, r.method+" "+r.path)
		}
	}
	slices.Sort(list)
	return list
}

// at is a time in the data of asks.
func at(minute int) time.Time {
	return time.UnixMilli(1_767_000_000_000).Add(time.Duration(minute) * time.Minute)
}

type point struct {
	Time    int64  `json:"time"`
	Host    string `json:"host"`
	Message string `json:"message"`
}

// asks is the life of a job and of all that belongs to it.
func asks(r *rig) []ask {
	type C = client.Client
	detector := wire.Detector{Function: "count", ByFieldName: "mlcategory"}
	job := wire.Job{
		AnalysisConfig:  wire.AnalysisConfig{BucketSpan: "1m", CategorizationFieldName: "message", Detectors: []wire.Detector{detector}, Influencers: []string{"host"}},
		DataDescription: wire.DataDescription{TimeField: "time", TimeFormat: "epoch_ms"},
	}
	plain := wire.Job{AnalysisConfig: wire.AnalysisConfig{BucketSpan: "1m", Detectors: []wire.Detector{{Function: "count"}}}, DataDescription: job.DataDescription}
	var points []point
	for i := range 300 {
		points = append(points, point{at(i).UnixMilli(), "a", "service started in good order"})
	}
	snapshot, event := "", ""
	one := func(n int64) bool { return n == 1 }
	before := []ask{
		call((*C).Info, "Info", client.InfoRequest{}, func(i *wire.Info) bool { return i.Tidemark.Version == wire.Release }),
		call((*C).MLInfo, "MLInfo", client.MLInfoRequest{}, func(i *wire.MLInfo) bool { return i.Defaults.AnomalyDetectors.ModelMemoryLimit != "" }),
		call((*C).ClusterHealth, "ClusterHealth", client.ClusterHealthRequest{WaitForStatus: "yellow"}, func(h *wire.ClusterHealth) bool { return h.Status == "green" }),
		call((*C).SetUpgradeMode, "SetUpgradeMode", client.SetUpgradeModeRequest{Enabled: true}, acked),
		call((*C).SetUpgradeMode, "SetUpgradeMode", client.SetUpgradeModeRequest{}, acked),
		call((*C).GetMemoryStats, "GetMemoryStats", client.GetMemoryStatsRequest{}, func(m *wire.MemoryStats) bool { return m.Nodes["node-1"].Mem.Total > 0 }),
		call((*C).GetMemoryStats, "GetMemoryStats", client.GetMemoryStatsRequest{NodeID: "node-1"}, func(m *wire.MemoryStats) bool { return len(m.Nodes) == 1 }),
		call((*C).ValidateJob, "ValidateJob", client.ValidateJobRequest{Job: job}, acked),
		call((*C).ValidateDetector, "ValidateDetector", client.ValidateDetectorRequest{Detector: wire.Detector{Function: "count"}}, acked),
		call((*C).EstimateModelMemory, "EstimateModelMemory", client.EstimateModelMemoryRequest{AnalysisConfig: plain.AnalysisConfig}, func(e *wire.MemoryEstimate) bool { return strings.HasSuffix(e.ModelMemoryEstimate, "mb") }),

		call((*C).PutJob, "PutJob", client.PutJobRequest{JobID: "j", Job: job}, func(j *wire.Job) bool { return j.JobID == "j" && j.CreateTime != nil }),
		call((*C).PutJob, "PutJob", client.PutJobRequest{JobID: "k", Raw: []byte(`{"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{"time_field":"time"}}`)}, nil),
		call((*C).UpdateJob, "UpdateJob", client.UpdateJobRequest{JobID: "j", Update: wire.JobUpdate{Description: new("all"), Groups: &[]string{"g"}}}, func(j *wire.Job) bool { return j.Description == "all" && j.Groups[0] == "g" }),
		call((*C).UpdateJob, "UpdateJob", client.UpdateJobRequest{JobID: "k", Raw: []byte(`{"description":"x"}`)}, func(j *wire.Job) bool { return j.Description == "x" }),
		call((*C).GetJobs, "GetJobs", client.GetJobsRequest{}, func(l *wire.JobList) bool { return l.Count == 2 }),
		call((*C).GetJobs, "GetJobs", client.GetJobsRequest{IDs: "g,j*", NoMatchFails: true, ExcludeGenerated: true}, func(l *wire.JobList) bool { return one(l.Count) && l.Jobs[0].CreateTime == nil }),

		call((*C).PutFilter, "PutFilter", client.PutFilterRequest{FilterID: "f", Filter: wire.Filter{Items: []string{"a"}}}, nil),
		call((*C).UpdateFilter, "UpdateFilter", client.UpdateFilterRequest{FilterID: "f", Change: wire.FilterChange{AddItems: []string{"b"}}}, func(f *wire.Filter) bool { return len(f.Items) == 2 }),
		call((*C).GetFilters, "GetFilters", client.GetFiltersRequest{Page: client.Page{Size: new(5)}}, func(l *wire.FilterList) bool { return one(l.Count) }),
		call((*C).GetFilters, "GetFilters", client.GetFiltersRequest{IDs: "f*"}, func(l *wire.FilterList) bool { return one(l.Count) }),
		call((*C).DeleteFilter, "DeleteFilter", client.DeleteFilterRequest{FilterID: "f"}, acked),

		call((*C).PutCalendar, "PutCalendar", client.PutCalendarRequest{CalendarID: "c", Calendar: wire.Calendar{JobIDs: []string{"j"}}}, nil),
		call((*C).AddCalendarJobs, "AddCalendarJobs", client.AddCalendarJobsRequest{CalendarID: "c", JobIDs: "k"}, func(c *wire.Calendar) bool { return len(c.JobIDs) == 2 }),
		call((*C).RemoveCalendarJobs, "RemoveCalendarJobs", client.RemoveCalendarJobsRequest{CalendarID: "c", JobIDs: "k"}, func(c *wire.Calendar) bool { return len(c.JobIDs) == 1 }),
		call((*C).GetCalendars, "GetCalendars", client.GetCalendarsRequest{Page: client.Page{Size: new(5)}}, func(l *wire.CalendarList) bool { return one(l.Count) }),
		call((*C).GetCalendars, "GetCalendars", client.GetCalendarsRequest{IDs: "c"}, func(l *wire.CalendarList) bool { return one(l.Count) }),
		call((*C).PostEvents, "PostEvents", client.PostEventsRequest{CalendarID: "c", Events: []wire.CalendarEvent{{Description: "d", StartTime: wire.Millis(at(900).UnixMilli()), EndTime: wire.Millis(at(960).UnixMilli())}}},
			func(l *wire.CalendarEvents) bool { event = l.Events[0].EventID; return event != "" }),
		call((*C).GetEvents, "GetEvents", client.GetEventsRequest{JobID: "j", Start: at(0), End: at(2000)}, func(l *wire.CalendarEventList) bool { return one(l.Count) }),
		{"DeleteEvent", func(c *client.Client) (any, error) {
			return c.DeleteEvent(context.Background(), client.DeleteEventRequest{CalendarID: "c", EventID: event})
		}, func(a any) bool { return acked(a.(*wire.Acknowledged)) }},
		call((*C).DeleteCalendar, "DeleteCalendar", client.DeleteCalendarRequest{CalendarID: "c"}, acked),

		call((*C).OpenJob, "OpenJob", client.OpenJobRequest{JobID: "j", Timeout: time.Minute}, func(o *wire.OpenResponse) bool { return o.Opened }),
		{"PostData", func(c *client.Client) (any, error) {
			body, err := client.Lines(points)
			if err != nil {
				return nil, err
			}
			return c.PostData(context.Background(), client.PostDataRequest{JobID: "j", Body: body, ResetStart: at(0), ResetEnd: at(1)})
		}, func(a any) bool { return a.(*wire.DataCounts).ProcessedRecordCount == 300 }},
		call((*C).FlushJob, "FlushJob", client.FlushJobRequest{JobID: "j", CalcInterim: true}, func(f *client.FlushJobResponse) bool { return f.LastFinalizedBucketEnd.Equal(at(299)) }),
		call((*C).GetJobStats, "GetJobStats", client.GetJobStatsRequest{}, func(l *wire.JobStatsList) bool { return l.Count == 2 }),
		call((*C).GetJobStats, "GetJobStats", client.GetJobStatsRequest{IDs: "j"}, func(l *wire.JobStatsList) bool { return l.Jobs[0].DataCounts.ProcessedRecordCount == 300 }),
		call((*C).GetBuckets, "GetBuckets", client.GetBucketsRequest{JobID: "j", Query: client.Query{Page: client.Page{Size: new(1)}, ExcludeInterim: true}}, func(l *wire.BucketList) bool { return l.Count == 299 && len(l.Buckets) == 1 }),
		call((*C).GetBuckets, "GetBuckets", client.GetBucketsRequest{JobID: "j", Timestamp: at(7), Expand: true}, func(l *wire.BucketList) bool { return one(l.Count) }),
		call((*C).GetRecords, "GetRecords", client.GetRecordsRequest{JobID: "j", Query: client.Query{Start: at(0), Sort: "timestamp", Desc: new(false)}}, nil),
		call((*C).GetInfluencers, "GetInfluencers", client.GetInfluencersRequest{JobID: "j"}, nil),
		call((*C).GetCategories, "GetCategories", client.GetCategoriesRequest{JobID: "j", Page: client.Page{Size: new(5)}}, func(l *wire.CategoryList) bool { return one(l.Count) }),
		call((*C).GetCategories, "GetCategories", client.GetCategoriesRequest{JobID: "j", CategoryID: 1}, func(l *wire.CategoryList) bool { return one(l.Count) }),
		call((*C).GetOverallBuckets, "GetOverallBuckets", client.GetOverallBucketsRequest{TopN: 2, BucketSpan: time.Hour, Start: at(0), End: at(299)}, func(l *wire.OverallBucketList) bool { return l.Count > 0 }),
		call((*C).Seasons, "Seasons", client.SeasonsRequest{JobID: "j"}, func(s *wire.SeasonsResponse) bool { return s.Count > 0 && len(s.Series) > 0 }),
		call((*C).Forecast, "Forecast", client.ForecastRequest{JobID: "j", Duration: time.Hour, ExpiresIn: new(time.Hour)}, func(f *wire.ForecastStarted) bool { return f.ForecastID != "" }),
		call((*C).FlushJob, "FlushJob", client.FlushJobRequest{JobID: "j"}, nil),
		call((*C).CloseJob, "CloseJob", client.CloseJobRequest{IDs: "g"}, func(a *wire.CloseResponse) bool { return a.Closed }),
		call((*C).DeleteForecasts, "DeleteForecasts", client.DeleteForecastsRequest{JobID: "j", IDs: "_all"}, acked),
		call((*C).DeleteForecasts, "DeleteForecasts", client.DeleteForecastsRequest{JobID: "j"}, acked),

		call((*C).GetModelSnapshots, "GetModelSnapshots", client.GetModelSnapshotsRequest{JobID: "j"}, func(l *wire.ModelSnapshotList) bool {
			snapshot = l.ModelSnapshots[0].SnapshotID
			return one(l.Count)
		}),
		call((*C).GetModelSnapshots, "GetModelSnapshots", client.GetModelSnapshotsRequest{JobID: "j", IDs: "*", Asc: true, Sort: "timestamp", Page: client.Page{From: new(0)}}, func(l *wire.ModelSnapshotList) bool { return one(l.Count) }),
	}
	return slices.Concat(before, snapshotAsks(&snapshot), feedAsks(plain), documentAsks(), []ask{
		call((*C).DeleteExpiredData, "DeleteExpiredData", client.DeleteExpiredDataRequest{}, func(d *wire.DeletedExpired) bool { return d.Deleted }),
		call((*C).DeleteExpiredData, "DeleteExpiredData", client.DeleteExpiredDataRequest{JobIDs: "j", RequestsPerSecond: 100, Timeout: time.Hour}, func(d *wire.DeletedExpired) bool { return d.Deleted }),
		call((*C).ResetJob, "ResetJob", client.ResetJobRequest{JobID: "j"}, func(d *wire.TaskOrDone) bool { return d.Acknowledged }),
		call((*C).DeleteJob, "DeleteJob", client.DeleteJobRequest{JobID: "j", Force: true}, func(d *wire.TaskOrDone) bool { return d.Acknowledged }),
		call((*C).DeleteJob, "DeleteJob", client.DeleteJobRequest{JobID: "k", NoWait: true}, func(d *wire.TaskOrDone) bool { return d.Task != "" }),
	})
}

// snapshotAsks need the id of a snapshot, which only an answer tells.
func snapshotAsks(id *string) []ask {
	ctx := context.Background()
	return []ask{
		{"UpdateModelSnapshot", func(c *client.Client) (any, error) {
			return c.UpdateModelSnapshot(ctx, client.UpdateModelSnapshotRequest{JobID: "j", SnapshotID: *id, Update: wire.ModelSnapshotUpdate{Retain: new(true)}})
		}, func(a any) bool { return a.(*wire.ModelSnapshotUpdated).Model.Retain }},
		{"UpgradeModelSnapshot", func(c *client.Client) (any, error) {
			_, err := c.UpgradeModelSnapshot(ctx, client.UpgradeModelSnapshotRequest{JobID: "j", SnapshotID: *id, Wait: true})
			var refused *client.Error
			if !errors.As(err, &refused) {
				return nil, err
			}
			return refused, nil // This version wrote it: there is nothing to upgrade.
		}, func(a any) bool { return a.(*client.Error).Status == http.StatusConflict }},
		{"GetModelSnapshotUpgrades", func(c *client.Client) (any, error) {
			return c.GetModelSnapshotUpgrades(ctx, client.GetModelSnapshotUpgradesRequest{JobID: "j"})
		}, func(a any) bool { return a.(*wire.ModelUpgradeList).Count == 0 }},
		{"RevertModelSnapshot", func(c *client.Client) (any, error) {
			return c.RevertModelSnapshot(ctx, client.RevertModelSnapshotRequest{JobID: "j", SnapshotID: "empty", DeleteResults: true})
		}, func(a any) bool { return a.(*wire.ModelReverted).Model.JobID == "j" }},
		{"DeleteModelSnapshot", func(c *client.Client) (any, error) {
			return c.DeleteModelSnapshot(ctx, client.DeleteModelSnapshotRequest{JobID: "j", SnapshotID: *id})
		}, func(a any) bool { return acked(a.(*wire.Acknowledged)) }},
	}
}

func feedAsks(job wire.Job) []ask {
	type C = client.Client
	config := wire.DatafeedConfig{JobID: "k", Indices: []string{"metrics"}, ChunkingConfig: &wire.ChunkingConfig{Mode: "off"}}
	inline := config
	inline.JobID = ""
	return []ask{
		call((*C).PutDatafeed, "PutDatafeed", client.PutDatafeedRequest{DatafeedID: "d", Datafeed: config}, func(d *wire.Datafeed) bool { return d.JobID == "k" && d.DelayedDataCheckConfig.Enabled }),
		call((*C).UpdateDatafeed, "UpdateDatafeed", client.UpdateDatafeedRequest{DatafeedID: "d", Update: wire.DatafeedConfig{QueryDelay: "5s"}}, func(d *wire.Datafeed) bool { return d.QueryDelay == "5s" && d.ChunkingConfig.Mode == "off" }),
		call((*C).GetDatafeeds, "GetDatafeeds", client.GetDatafeedsRequest{}, func(l *wire.DatafeedList) bool { return l.Count == 1 }),
		call((*C).GetDatafeeds, "GetDatafeeds", client.GetDatafeedsRequest{IDs: "d", NoMatchFails: true}, func(l *wire.DatafeedList) bool { return l.Count == 1 }),
		call((*C).Index, "Index", client.IndexRequest{Index: "metrics", Document: []byte(`{"time":1766999999000}`)}, func(w *wire.DocumentWritten) bool { return w.Result == "created" }),
		call((*C).PreviewDatafeed, "PreviewDatafeed", client.PreviewDatafeedRequest{DatafeedID: "d"}, nil),
		call((*C).PreviewDatafeed, "PreviewDatafeed", client.PreviewDatafeedRequest{Datafeed: &inline, Job: &job}, nil),
		call((*C).OpenJob, "OpenJob", client.OpenJobRequest{JobID: "k"}, nil),
		call((*C).StartDatafeed, "StartDatafeed", client.StartDatafeedRequest{DatafeedID: "d", Start: at(-60)}, func(s *wire.DatafeedStarted) bool { return s.Started }),
		call((*C).GetDatafeedStats, "GetDatafeedStats", client.GetDatafeedStatsRequest{}, func(l *wire.DatafeedStatsList) bool { return l.Count == 1 }),
		call((*C).GetDatafeedStats, "GetDatafeedStats", client.GetDatafeedStatsRequest{IDs: "d"}, func(l *wire.DatafeedStatsList) bool { return l.Datafeeds[0].State == "started" }),
		call((*C).StopDatafeed, "StopDatafeed", client.StopDatafeedRequest{IDs: "d", CloseJob: true}, func(s *wire.DatafeedStopped) bool { return s.Stopped }),
		call((*C).DeleteDatafeed, "DeleteDatafeed", client.DeleteDatafeedRequest{DatafeedID: "d"}, acked),
	}
}

func documentAsks() []ask {
	type C = client.Client
	return []ask{
		call((*C).CreateIndex, "CreateIndex", client.CreateIndexRequest{Index: "i", Body: []byte(`{"mappings":{"properties":{"n":{"type":"long"}}}}`)}, func(a *wire.IndexCreated) bool { return a.Acknowledged && a.Index == "i" }),
		call((*C).GetIndex, "GetIndex", client.GetIndexRequest{Index: "i"}, nil),
		call((*C).Index, "Index", client.IndexRequest{Index: "i", ID: "1", Document: []byte(`{"n":1}`), Create: true}, func(w *wire.DocumentWritten) bool { return w.ID == "1" }),
		call((*C).Index, "Index", client.IndexRequest{Index: "i", ID: "1", Document: []byte(`{"n":2}`)}, func(w *wire.DocumentWritten) bool { return w.Result == "updated" }),
		call((*C).GetDocument, "GetDocument", client.GetDocumentRequest{Index: "i", ID: "1"}, func(d *wire.Document) bool { return d.Found && string(d.Source) == `{"n":2}` }),
		call((*C).Bulk, "Bulk", client.BulkRequest{Index: "i", Lines: []byte("{\"index\":{\"_id\":\"2\"}}\n{\"n\":3}\n{\"create\":{\"_id\":\"2\"}}\n{\"n\":3}\n")},
			func(b *wire.BulkResponse) bool {
				return b.Errors && b.Items[0]["index"].Status == 201 && b.Items[1]["create"].Error != nil
			}),
		call((*C).Bulk, "Bulk", client.BulkRequest{Lines: []byte("{\"delete\":{\"_index\":\"i\",\"_id\":\"2\"}}\n")}, func(b *wire.BulkResponse) bool { return b.Items[0]["delete"].Result == "deleted" }),
		call((*C).Refresh, "Refresh", client.RefreshRequest{Index: "i"}, nil),
		call((*C).Search, "Search", client.SearchRequest{Index: "i", Body: []byte(`{"aggs":{"m":{"max":{"field":"n"}}}}`)},
			func(s *wire.SearchResponse) bool {
				return s.Hits.Total.Value == 1 && string(s.Aggregations["m"]) != "" && s.Hits.Hits[0].ID == "1"
			}),
		call((*C).Count, "Count", client.CountRequest{Index: "i", Body: []byte(`{"query":{"match_all":{}}}`)}, func(n *wire.CountResponse) bool { return n.Count == 1 }),
		call((*C).DeleteDocument, "DeleteDocument", client.DeleteDocumentRequest{Index: "i", ID: "1"}, func(w *wire.DocumentWritten) bool { return w.Result == "deleted" }),
		call((*C).DeleteIndex, "DeleteIndex", client.DeleteIndexRequest{Index: "i"}, acked),
	}
}

// TestClientErrorsAreTyped: what a server refuses arrives with status, type and
// reason, by every kind of call.
func TestClientErrorsAreTyped(t *testing.T) {
	server := watch(t, newRig(t, Options{}))
	c, err := client.New(server.URL, client.Options{MaxAttempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	type C = client.Client
	for _, x := range []struct {
		ask
		status int
		kind   wire.ErrorType
	}{
		{call((*C).GetJobs, "GetJobs", client.GetJobsRequest{IDs: "x"}, nil), 404, wire.TypeNotFound},
		{call((*C).PutJob, "PutJob", client.PutJobRequest{JobID: "x"}, nil), 400, "x_content_parse_exception"},
		{call((*C).ValidateDetector, "ValidateDetector", client.ValidateDetectorRequest{Detector: wire.Detector{Function: "x"}}, nil), 400, wire.TypeStatus},
		{call((*C).FlushJob, "FlushJob", client.FlushJobRequest{JobID: "x"}, nil), 409, wire.TypeStatus},
		{call((*C).GetRecords, "GetRecords", client.GetRecordsRequest{JobID: "x"}, nil), 404, wire.TypeNotFound},
		{call((*C).GetModelSnapshots, "GetModelSnapshots", client.GetModelSnapshotsRequest{JobID: "x"}, nil), 404, wire.TypeNotFound},
		{call((*C).GetDatafeeds, "GetDatafeeds", client.GetDatafeedsRequest{IDs: "x"}, nil), 404, wire.TypeNotFound},
		{call((*C).StartDatafeed, "StartDatafeed", client.StartDatafeedRequest{DatafeedID: "x"}, nil), 404, wire.TypeNotFound},
		{call((*C).DeleteFilter, "DeleteFilter", client.DeleteFilterRequest{FilterID: "x"}, nil), 404, wire.TypeNotFound},
		{call((*C).PostEvents, "PostEvents", client.PostEventsRequest{CalendarID: "x"}, nil), 0, ""},
		{call((*C).GetDocument, "GetDocument", client.GetDocumentRequest{Index: "x", ID: "1"}, nil), 404, "index_not_found_exception"},
		{call((*C).Search, "Search", client.SearchRequest{Index: "x", Body: []byte(`{"query":{"no":{}}}`)}, nil), 0, ""},
	} {
		_, err := x.do(c)
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Reason == "" || x.status != 0 && (refused.Status != x.status || refused.Type != x.kind) {
			t.Errorf("%s: %v (%+v)", x.method, err, refused)
		}
	}
}
