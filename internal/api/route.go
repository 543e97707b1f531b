package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tidemark/internal/document"
)

// route is one row of the table.
type route struct {
	method string
	// path has {name} for a segment that is a value.
	path string
	// query lists the parameters that the route takes beside the common ones.
	query []string
	// body: the parameters may come in a body instead of the query; both: in a
	// body and the query together, the body being right.
	body, both bool
	handle     func(*request) error

	segments []string
}

// prefixes are the two roots of the API, the second one from before version 7.
const (
	prefix    = "/_ml"
	oldPrefix = "/_xpack/ml"
)

// table has every route: those of the API below both prefixes, and the root.
func table() []route {
	const jobs = "/anomaly_detectors"
	const one = jobs + "/{job_id}"
	const feeds = "/datafeeds"
	const feed = feeds + "/{datafeed_id}"
	unmatchedFeeds := []string{"allow_no_match", "allow_no_datafeeds", "exclude_generated"}
	const calendars = "/calendars"
	timeRange := []string{"start", "end"}
	paging := []string{"from", "size", "sort", "desc", "exclude_interim"}
	list := []route{
		{method: "PUT", path: one, handle: putJob, query: []string{"allow_no_indices", "expand_wildcards", "ignore_throttled", "ignore_unavailable"}},
		{method: "POST", path: jobs + "/_validate", handle: validate(document.CheckJob)},
		{method: "POST", path: jobs + "/_validate/detector", handle: validate(document.CheckDetector)},
		{method: "POST", path: jobs + "/_estimate_model_memory", handle: estimateMemory},
		{method: "GET", path: "/info", handle: mlInfo},
		{method: "POST", path: "/set_upgrade_mode", handle: setUpgradeMode, query: []string{"enabled", "timeout"}},
		{method: "DELETE", path: "/_delete_expired_data", handle: deleteExpired, query: []string{"requests_per_second", "timeout"}},
		{method: "DELETE", path: "/_delete_expired_data/{job_id}", handle: deleteExpired, query: []string{"requests_per_second", "timeout"}},
		{method: "GET", path: "/memory/_stats", handle: memoryStats, query: []string{"timeout", "master_timeout"}},
		{method: "GET", path: "/memory/{node_id}/_stats", handle: memoryStats, query: []string{"timeout", "master_timeout"}},
		{method: "PUT", path: feed, handle: putDatafeed, query: unmatched},
		{method: "GET", path: feeds, handle: getDatafeeds, query: unmatchedFeeds},
		{method: "GET", path: feed, handle: getDatafeeds, query: unmatchedFeeds},
		{method: "GET", path: feeds + "/_stats", handle: datafeedStats, query: unmatchedFeeds},
		{method: "GET", path: feed + "/_stats", handle: datafeedStats, query: unmatchedFeeds},
		{method: "POST", path: feed + "/_update", handle: updateDatafeed, query: unmatched},
		{method: "DELETE", path: feed, handle: deleteDatafeed, query: []string{"force"}},
		{method: "POST", path: feed + "/_start", handle: startDatafeed, body: true, both: true, query: []string{"start", "end", "timeout"}},
		{method: "POST", path: feed + "/_stop", handle: stopDatafeed, body: true, both: true, query: []string{"allow_no_match", "allow_no_datafeeds", "force", "timeout", "close_job"}},
		{method: "PUT", path: calendars + "/{calendar_id}", handle: putCalendar},
		{method: "DELETE", path: calendars + "/{calendar_id}", handle: deleteCalendar},
		{method: "PUT", path: calendars + "/{calendar_id}/jobs/{jobs}", handle: changeCalendarJobs(false)},
		{method: "DELETE", path: calendars + "/{calendar_id}/jobs/{jobs}", handle: changeCalendarJobs(true)},
		{method: "POST", path: calendars + "/{calendar_id}/events", handle: postEvents},
		{method: "GET", path: calendars + "/{calendar_id}/events", handle: getEvents, query: []string{"from", "size", "start", "end", "job_id"}},
		{method: "DELETE", path: calendars + "/{calendar_id}/events/{event_id}", handle: deleteEvent},
		{method: "PUT", path: "/filters/{filter_id}", handle: putFilter},
		{method: "GET", path: "/filters", handle: getFilters, query: []string{"from", "size"}},
		{method: "GET", path: "/filters/{filter_id}", handle: getFilters, query: []string{"from", "size"}},
		{method: "POST", path: "/filters/{filter_id}/_update", handle: updateFilter},
		{method: "DELETE", path: "/filters/{filter_id}", handle: deleteFilter},
		{method: "GET", path: jobs, handle: getJobs, query: []string{"allow_no_match", "allow_no_jobs", "exclude_generated"}},
		{method: "GET", path: one, handle: getJobs, query: []string{"allow_no_match", "allow_no_jobs", "exclude_generated"}},
		{method: "GET", path: jobs + "/_stats", handle: jobStats, query: []string{"allow_no_match", "allow_no_jobs"}},
		{method: "GET", path: one + "/_stats", handle: jobStats, query: []string{"allow_no_match", "allow_no_jobs"}},
		{method: "POST", path: one + "/model_snapshots/{snapshot_id}/_update", handle: updateSnapshot},
		{method: "DELETE", path: one + "/model_snapshots/{snapshot_id}", handle: deleteSnapshot},
		{method: "POST", path: one + "/model_snapshots/{snapshot_id}/_revert", handle: revertSnapshot, body: true, both: true, query: []string{"delete_intervening_results", "force"}},
		{method: "POST", path: one + "/model_snapshots/{snapshot_id}/_upgrade", handle: upgradeSnapshot, query: []string{"wait_for_completion", "timeout"}},
		{method: "GET", path: one + "/model_snapshots/{snapshot_id}/_upgrade/_stats", handle: snapshotUpgrades, query: []string{"allow_no_match"}},
		{method: "DELETE", path: one, handle: deleteJob, query: []string{"force", "wait_for_completion", "delete_user_annotations"}},
		{method: "POST", path: one + "/_reset", handle: resetJob, query: []string{"wait_for_completion", "delete_user_annotations"}},
		{method: "POST", path: one + "/_update", handle: updateJob},
		{method: "POST", path: one + "/_open", handle: openJob, body: true, query: []string{"timeout"}},
		{method: "POST", path: one + "/_close", handle: closeJob, body: true, query: []string{"timeout", "force", "allow_no_match", "allow_no_jobs"}},
		{method: "POST", path: one + "/_flush", handle: flushJob, body: true, query: []string{"calc_interim", "start", "end", "advance_time", "skip_time"}},
		{method: "POST", path: one + "/_forecast", handle: forecast, body: true, both: true, query: []string{"duration", "expires_in", "max_model_memory"}},
		{method: "DELETE", path: one + "/_forecast", handle: deleteForecast, query: []string{"allow_no_forecasts", "timeout"}},
		{method: "DELETE", path: one + "/_forecast/{forecast_id}", handle: deleteForecast, query: []string{"allow_no_forecasts", "timeout"}},
		{method: "POST", path: one + "/_data", handle: postData, query: []string{"reset_start", "reset_end"}},
	}
	for _, method := range []string{"GET", "POST"} {
		buckets := slices.Concat(timeRange, paging, []string{"anomaly_score", "expand"})
		list = append(list,
			route{method: method, path: one + "/model_snapshots", handle: getSnapshots, body: true, both: true, query: []string{"start", "end", "sort", "desc", "from", "size"}},
			route{method: method, path: one + "/model_snapshots/{snapshot_id}", handle: getSnapshots, body: true, both: true, query: []string{"start", "end", "sort", "desc", "from", "size"}},
			route{method: method, path: feed + "/_preview", handle: previewDatafeed, query: []string{"start", "end"}},
			route{method: method, path: feeds + "/_preview", handle: previewDatafeed, query: []string{"start", "end"}},
			route{method: method, path: calendars, handle: getCalendars, body: true, both: true, query: []string{"from", "size"}},
			route{method: method, path: calendars + "/{calendar_id}", handle: getCalendars, body: true, both: true, query: []string{"from", "size"}},
			route{method: method, path: one + "/results/buckets", handle: getBuckets, body: true, both: true, query: append(buckets, "timestamp")},
			route{method: method, path: one + "/results/buckets/{timestamp}", handle: getBuckets, body: true, both: true, query: buckets},
			route{method: method, path: one + "/results/records", handle: getRecords, body: true, both: true, query: slices.Concat(timeRange, paging, []string{"record_score"})},
			route{method: method, path: one + "/results/overall_buckets", handle: getOverall, body: true, both: true,
				query: []string{"top_n", "bucket_span", "overall_score", "exclude_interim", "start", "end", "allow_no_match", "allow_no_jobs"}},
			route{method: method, path: one + "/results/categories", handle: getCategories, body: true, both: true, query: []string{"from", "size", "partition_field_value"}},
			route{method: method, path: one + "/results/categories/{category_id}", handle: getCategories, body: true, both: true, query: []string{"from", "size", "partition_field_value"}},
			route{method: method, path: one + "/results/influencers", handle: getInfluencers, body: true, both: true, query: slices.Concat(timeRange, paging, []string{"influencer_score"})},
		)
	}
	var all []route
	for _, p := range []string{prefix, oldPrefix} {
		for _, r := range list {
			r.path = p + r.path
			all = append(all, r)
		}
	}
	all = append(all, documentRoutes()...)
	all = append(all, clusterRoutes()...)
	return append(all,
		route{method: "GET", path: "/", handle: getRoot},
		route{method: "HEAD", path: "/", handle: getRoot},
		route{method: "GET", path: "/_tidemark/openapi.json", handle: getOpenAPI},
		route{method: "GET", path: "/_tidemark/anomaly_detectors/{job_id}/seasons", handle: getSeasons, query: []string{"from", "size", "partition_field_value", "by_field_value"}},
	)
}

// clusterRoutes are those about the server as a whole.
func clusterRoutes() []route {
	health := []string{"wait_for_status", "wait_for_no_relocating_shards", "wait_for_no_initializing_shards", "wait_for_active_shards", "wait_for_nodes", "wait_for_events",
		"level", "local", "timeout", "master_timeout", "expand_wildcards"}
	tasks := []string{"actions", "detailed", "group_by", "nodes", "parent_task_id", "timeout", "wait_for_completion"}
	settings := []string{"flat_settings", "include_defaults", "timeout", "master_timeout"}
	const cat = "/_cat"
	return []route{
		{method: "GET", path: "/_cluster/health", handle: clusterHealth, query: health},
		{method: "GET", path: "/_cluster/health/{index}", handle: clusterHealth, query: health},
		{method: "GET", path: "/_cluster/settings", handle: clusterSettings, query: settings},
		{method: "PUT", path: "/_cluster/settings", handle: putClusterSettings, query: settings},
		{method: "GET", path: "/_tasks", handle: listTasks, query: tasks},
		{method: "GET", path: "/_tasks/{task_id}", handle: oneTask, query: tasks},
		{method: "GET", path: cat + "/tasks", handle: catTasks, query: catQuery},
		{method: "GET", path: cat + "/indices", handle: catIndices, query: catQuery},
		{method: "GET", path: cat + "/indices/{index}", handle: catIndices, query: catQuery},
		{method: "GET", path: cat + "/ml/anomaly_detectors", handle: catJobs, query: catQuery},
		{method: "GET", path: cat + "/ml/anomaly_detectors/{job_id}", handle: catJobs, query: catQuery},
		{method: "GET", path: cat + "/ml/datafeeds", handle: catFeeds, query: catQuery},
		{method: "GET", path: cat + "/ml/datafeeds/{datafeed_id}", handle: catFeeds, query: catQuery},
		{method: "GET", path: cat + "/ml/data_frame/analytics", handle: catNothing, query: catQuery},
		{method: "GET", path: cat + "/ml/data_frame/analytics/{id}", handle: catNothing, query: catQuery},
		{method: "GET", path: cat + "/ml/trained_models", handle: catNothing, query: catQuery},
		{method: "GET", path: cat + "/ml/trained_models/{id}", handle: catNothing, query: catQuery},
	}
}

// commonQuery are the parameters that every route takes.
var commonQuery = []string{"pretty", "human", "filter_path", "error_trace", "format"}

// routes finds rows by the number of segments and their texts. Nothing is ever
// redirected: a path with an empty segment is another path.
type routes struct {
	rows   []route
	bySize map[int][]*route
}

func newRoutes(table []route) *routes {
	t := &routes{rows: table, bySize: map[int][]*route{}}
	for i := range table {
		r := &table[i]
		r.segments = strings.Split(r.path[1:], "/")
		t.bySize[len(r.segments)] = append(t.bySize[len(r.segments)], r)
	}
	return t
}

// find returns the route of a request with the values in its path. Without a
// route, allowed lists the methods that the path knows. A literal segment wins
// over a value.
func (t *routes) find(method, path string) (found *route, values map[string]string, allowed []string) {
	if path == "" || path[0] != '/' {
		return nil, nil, nil
	}
	segments := strings.Split(path[1:], "/")
	best := -1
	for _, r := range t.bySize[len(segments)] {
		literal, in, ok := r.match(segments)
		if !ok || literal < best {
			continue
		}
		if literal > best {
			found, values, allowed, best = nil, nil, nil, literal
		}
		allowed = append(allowed, r.method)
		if r.method == method {
			found, values = r, in
		}
	}
	return found, values, allowed
}

// match compares a path with the route and returns how many segments are
// literally equal, and the values.
func (r *route) match(segments []string) (literal int, values map[string]string, ok bool) {
	for i, want := range r.segments {
		have := segments[i]
		if !strings.HasPrefix(want, "{") {
			if have != want {
				return 0, nil, false
			}
			literal++
			continue
		}
		value, err := url.PathUnescape(have)
		if err != nil || value == "" || want == "{index}" && value[0] == '_' && value != "_all" {
			return 0, nil, false
		}
		if values == nil {
			values = make(map[string]string, 2)
		}
		values[strings.Trim(want, "{}")] = value
	}
	return literal, values, true
}

func joinMethods(methods []string) string {
	list := slices.Clone(methods)
	if slices.Contains(list, http.MethodGet) && !slices.Contains(list, http.MethodOptions) {
		list = append(list, http.MethodOptions)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}
