package api

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// walkStep thins the walk out; 1 tries everything.
var walkStep = flag.Int("walk.step", 8, "try every `n`-th case of TestBadInputOnEveryRoute")

// oddTexts stand in for names in paths and values in queries, percent-escaped
// where they have to be.
var oddTexts = []string{
	"*", "_all", "a,b", ",", "x*", "nobody", "UPPER", "_stats", "%00", "%2F", "%2e%2e", ".", "-", "%ff", "%C3%A4", "%F0%9F%98%80", "a%20b", "%25", "%0A",
	"-1", "0", "99999999999999999999", "1e400", "NaN", "now", "2018-13-40", "-5d", "5", "1ns", "null", "%7B%22a%22%3A1%7D", "<script>", "'--", "",
	strings.Repeat("a", 300),
}

// oddValues replace the members of valid bodies.
var oddValues = []string{
	`null`, `true`, `-1`, `0`, `1.5`, `1e999`, `99999999999999999999`, `9223372036854775807`, `-9223372036854775808`,
	`""`, `"x"`, `"-1"`, `"now"`, `"*"`, `"_all"`, `"ä😀"`, `"\u0000"`, `"a\nb"`, `[]`, `{}`, `[null]`, `[[1]]`, `[{}]`, `{"a":{}}`, `{"":1}`,
}

// oddBodies are no bodies of anything.
var oddBodies = []string{
	`null`, `[]`, `"x"`, `5`, `{`, `{"a"`, `{"a":}`, `{}{}`, `{} x`, `{"a":1,"a":2}`, `{"a":NaN}`, `{"a":01}`, `{'a':1}`, "\xff", "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
	strings.Repeat("[", 20_000), strings.Repeat(`{"a":`, 20_000), `{"a":1e999}`, "\x00", "\xef\xbb\xbf{}", `{"unknown_field":1}`,
}

// bodies has a valid body for every route that reads one, by the end of its path.
var walkBodies = map[string]string{
	"PUT /anomaly_detectors/{job_id}": `{"job_id":"walked","groups":["g"],"description":"d","analysis_config":{"bucket_span":"5m","latency":"0s","model_prune_window":"1d",
		"summary_count_field_name":"n","categorization_field_name":"m","categorization_filters":["a"],"per_partition_categorization":{"enabled":true,"stop_on_warn":true},"multivariate_by_fields":false,
		"detectors":[{"detector_description":"d","function":"mean","field_name":"v","by_field_name":"mlcategory","partition_field_name":"p","use_null":true,"exclude_frequent":"all",
			"custom_rules":[{"actions":["skip_result"],"scope":{"p":{"filter_id":"f","filter_type":"include"}},"conditions":[{"applies_to":"actual","operator":"gt","value":1}],"params":{"force_time_shift":{"time_shift_amount":1}}}]}],
		"influencers":["i"]},
		"analysis_limits":{"model_memory_limit":"12mb","categorization_examples_limit":4},"data_description":{"format":"delimited","time_field":"t","time_format":"epoch","field_delimiter":",","quote_character":"'"},
		"model_plot_config":{"enabled":true,"terms":"a","annotations_enabled":true},"renormalization_window_days":1,"background_persist_interval":"2h","model_snapshot_retention_days":3,
		"daily_model_snapshot_retention_after_days":1,"results_retention_days":9,"custom_settings":{"tidemark":{"time_zone":"Europe/Berlin","idle_advance":"1h","max_future":"1h"}},"results_index_name":"w","allow_lazy_open":true}`,
	"POST /_validate":          `{"job_id":"walked","analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}`,
	"POST /_validate/detector": `{"function":"mean","field_name":"v","by_field_name":"b","custom_rules":[{"actions":["skip_result"],"conditions":[{"applies_to":"time","operator":"gt","value":1}]}]}`,
	"POST /_estimate_model_memory": `{"analysis_config":{"bucket_span":"15m","detectors":[{"function":"max","field_name":"v","by_field_name":"a"}],"influencers":["i"]},
		"overall_cardinality":{"a":5},"max_bucket_cardinality":{"i":5}}`,
	"POST /set_upgrade_mode":       `{"enabled":false}`,
	"DELETE /_delete_expired_data": `{"requests_per_second":1.5,"timeout":"1h"}`,
	"POST /anomaly_detectors/{job_id}/_update": `{"groups":["g"],"description":"d","analysis_limits":{"model_memory_limit":"12mb"},"model_plot_config":{"enabled":true,"terms":"a"},
		"renormalization_window_days":1,"background_persist_interval":"2h","model_snapshot_retention_days":3,"daily_model_snapshot_retention_after_days":1,"results_retention_days":9,
		"custom_settings":{"tidemark":{"idle_advance":"1h"}},"allow_lazy_open":true,"model_prune_window":"30d","categorization_filters":["a"],"per_partition_categorization":{"enabled":false},
		"detectors":[{"detector_index":0,"description":"x","custom_rules":[{"conditions":[{"applies_to":"time","operator":"gt","value":1}]}]}]}`,
	"POST /{job_id}/_open":     `{"job_id":"j","timeout":"10s"}`,
	"POST /{job_id}/_close":    `{"job_id":"j","timeout":"10s","force":false,"allow_no_match":true}`,
	"POST /{job_id}/_flush":    `{"job_id":"j","calc_interim":true,"start":"1","end":"2","advance_time":"5","skip_time":"3"}`,
	"POST /{job_id}/_forecast": `{"duration":"1h","expires_in":"1d","max_model_memory":"20mb"}`,
	"POST /{job_id}/_data":     `{"time":6000,"v":1,"o":{"a":1}}`,
	"PUT /datafeeds/{datafeed_id}": `{"datafeed_id":"walked","job_id":"closed","indices":["docs"],"query":{"match_all":{}},"query_delay":"60s","frequency":"60s","scroll_size":10,
		"aggregations":{"a":{"date_histogram":{"field":"time","fixed_interval":"1m"},"aggs":{"time":{"max":{"field":"time"}}}}},
		"chunking_config":{"mode":"manual","time_span":"1h"},"delayed_data_check_config":{"enabled":true,"check_window":"2h"},"max_empty_searches":5,
		"indices_options":{"expand_wildcards":["open"],"ignore_unavailable":true,"allow_no_indices":true,"ignore_throttled":true},"runtime_mappings":{},"script_fields":{}}`,
	"POST /datafeeds/{datafeed_id}/_update":       `{"indices":["docs"],"query_delay":"60s","frequency":"60s","scroll_size":10}`,
	"POST /_start":                                `{"start":"1","end":"4102444800000","timeout":"10s"}`,
	"POST /_stop":                                 `{"timeout":"10s","force":false,"allow_no_match":true,"close_job":false}`,
	"/_preview":                                   `{"datafeed_config":{"job_id":"j","indices":["docs"]},"job_config":{"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}}`,
	"PUT /calendars/{calendar_id}":                `{"calendar_id":"walked","job_ids":["j"],"description":"d"}`,
	"POST /calendars/{calendar_id}/events":        `{"events":[{"description":"e","start_time":1,"end_time":2,"calendar_id":"c","skip_result":true,"skip_model_update":true,"force_time_shift":3600}]}`,
	"PUT /filters/{filter_id}":                    `{"filter_id":"walked","description":"d","items":["a"]}`,
	"POST /filters/{filter_id}/_update":           `{"description":"d","add_items":["b"],"remove_items":["a"]}`,
	"POST /model_snapshots/{snapshot_id}/_update": `{"description":"d","retain":true}`,
	"POST /_revert":                               `{"delete_intervening_results":true}`,
	"/model_snapshots":                            `{"start":"1","end":"2","sort":"timestamp","desc":true,"page":{"from":0,"size":1}}`,
	"/calendars":                                  `{"page":{"from":0,"size":1}}`,
	"/results/buckets":                            `{"anomaly_score":1,"start":"1","end":"2","exclude_interim":true,"expand":true,"desc":true,"sort":"timestamp","page":{"from":0,"size":1},"timestamp":"5"}`,
	"/results/records":                            `{"record_score":1,"start":"1","end":"2","exclude_interim":true,"desc":true,"sort":"record_score","page":{"from":0,"size":1}}`,
	"/results/influencers":                        `{"influencer_score":1,"start":"1","end":"2","exclude_interim":true,"desc":true,"sort":"influencer_score","page":{"from":0,"size":1}}`,
	"/results/categories":                         `{"partition_field_value":"a","page":{"from":0,"size":1}}`,
	"/results/overall_buckets":                    `{"top_n":1,"bucket_span":"1h","overall_score":1,"exclude_interim":true,"start":"1","end":"2","allow_no_match":true}`,
	"PUT /_cluster/settings":                      `{"persistent":{"a":1},"transient":{}}`,
	"/_search": `{"query":{"bool":{"filter":[{"range":{"time":{"gte":1,"lt":"now-1d/d","format":"epoch_millis"}}},{"term":{"v":1}},{"terms":{"v":[1]}},{"exists":{"field":"v"}},{"prefix":{"s":"a"}},{"wildcard":{"s":"a*"}},{"ids":{"values":["1"]}}],"must_not":[{"match_all":{}}],"minimum_should_match":1}},
		"size":1,"from":0,"sort":[{"time":{"order":"asc"}}],"search_after":[1],"track_total_hits":true,"_source":{"includes":["a"]},
		"aggs":{"h":{"date_histogram":{"field":"time","fixed_interval":"1m","offset":"5s","time_zone":"Europe/Berlin","min_doc_count":0},"aggs":{"m":{"avg":{"field":"v"}},"t":{"terms":{"field":"s","size":5}},"p":{"percentiles":{"field":"v","percents":[50]}}}},
			"c":{"composite":{"size":5,"after":{"x":1},"sources":[{"x":{"terms":{"field":"v"}}},{"d":{"date_histogram":{"field":"time","calendar_interval":"1d"}}}]}}}}`,
	"/_count":                `{"query":{"term":{"v":{"value":1}}}}`,
	"/_bulk":                 "{\"index\":{\"_index\":\"docs\",\"_id\":\"1\"}}\n{\"time\":1}\n{\"delete\":{\"_index\":\"docs\",\"_id\":\"7\"}}\n{\"update\":{\"_index\":\"docs\",\"_id\":\"1\"}}\n{\"doc\":{\"a\":1}}\n",
	"/{index}/_doc/{id}":     `{"time":1,"v":2}`,
	"/{index}/_create/{id}":  `{"time":1,"v":2}`,
	"/{index}/_doc":          `{"time":1,"v":2}`,
	"/{index}/_update/{id}":  `{"doc":{"v":2},"doc_as_upsert":true}`,
	"/{index}/_mapping":      `{"properties":{"v":{"type":"long"}}}`,
	"PUT /{index}":           `{"mappings":{"properties":{"time":{"type":"date"}}},"settings":{"index.number_of_shards":1},"aliases":{"al":{}}}`,
	"DELETE /_pit":           `{"id":"x"}`,
	"/_search/scroll":        `{"scroll":"1m","scroll_id":"x"}`,
	"/_mget":                 `{"docs":[{"_index":"docs","_id":"1","_source":["time"]}]}`,
	"/_msearch":              "{\"index\":\"docs\"}\n{\"query\":{\"match_all\":{}}}\n",
	"/_field_caps":           `{"fields":["*"]}`,
	"POST /_aliases":         `{"actions":[{"add":{"index":"docs","alias":"al"}},{"remove":{"indices":["docs"],"aliases":["al"]}}]}`,
	"PUT /{index}/_settings": `{"index":{"refresh_interval":"1s"}}`,
}

// exampleBody is the valid body of a route, "" if it reads none.
func exampleBody(r *route) string {
	long, best := -1, ""
	for end, body := range walkBodies { // order-free: the longest wins
		method, path, has := strings.Cut(end, " ")
		if !has {
			method, path = r.method, end
		}
		if method == r.method && strings.HasSuffix(r.path, path) && len(end) > long {
			long, best = len(end), body
		}
	}
	return best
}

// walkNames are names that exist, for the parts of paths.
var walkNames = map[string]string{"job_id": "j", "datafeed_id": "feed", "calendar_id": "c", "filter_id": "f", "index": "docs", "id": "1", "timestamp": "6000000",
	"category_id": "1", "snapshot_id": "none", "forecast_id": "none", "event_id": "none", "jobs": "j", "node_id": "node-1", "task_id": "node-1:5", "name": "al", "fields": "time", "scroll_id": "x"}

// target is a route's path with every part a name that exists, but one.
func (w *walker) target(r *route, odd, value string) string {
	var b strings.Builder
	for _, s := range r.segments {
		b.WriteByte('/')
		name := strings.Trim(s, "{}")
		switch {
		case name == s:
			b.WriteString(s)
		case name == odd:
			b.WriteString(value)
		default:
			b.WriteString(walkNames[name])
		}
	}
	return b.String()
}

// walker sends bad input to every route and looks at what comes back.
type walker struct {
	*rig
	cases, tried, refused int
	before                string
	// started: a datafeed was started since the world was made.
	started bool
	slowest time.Duration
	slow    string
}

// world makes everything that paths name; what is there stays.
func (w *walker) world() {
	w.do("POST", "/_ml/set_upgrade_mode?enabled=false", "")
	w.do("POST", "/_ml/datafeeds/_all/_stop", "")
	if w.started {
		// A datafeed that has reached its end is stopped before it closes its job. Only
		// the end of the server waits for that.
		w.stop()
		w.start()
		w.started = false
	}
	w.do("POST", jobsPath+"closed/_close", "")
	w.do("PUT", "/_ml/filters/f", `{"items":["a"]}`)
	w.do("PUT", jobsPath+"j", countJob("60s"))
	w.do("PUT", jobsPath+"closed", countJob("60s"))
	for i := 0; i < 1000 && !strings.Contains(w.do("POST", jobsPath+"j/_open", "").Body.String(), "opened"); i++ {
		time.Sleep(time.Millisecond) // It is closing.
	}
	w.do("PUT", "/docs/_doc/1", `{"time":1,"v":2,"s":"a"}`)
	w.do("PUT", "/_ml/datafeeds/feed", `{"job_id":"j","indices":["docs"]}`)
	w.do("PUT", "/_ml/calendars/c", `{"job_ids":["j"]}`)
	// What a request did not wait for ends in its own time.
	for now := w.listing(); now != w.before; now = w.listing() {
		w.before = now
	}
}

// listing is everything there is, as clients see it.
func (w *walker) listing() string {
	var b strings.Builder
	for _, target := range []string{jobsPath + "_all", "/_ml/datafeeds", "/_ml/datafeeds/_stats?filter_path=datafeeds.state", "/_ml/calendars", "/_ml/calendars/_all/events", "/_ml/filters",
		jobsPath + "_all/_stats?filter_path=jobs.state,jobs.data_counts.input_record_count,jobs.forecasts_stats.total"} {
		b.WriteString(w.must(200, "GET", target, ""))
	}
	for _, in := range w.docs.Indices() {
		if !strings.HasPrefix(in.Name, ".ml-") { // What happens to jobs is noted.
			b.WriteString(in.Name + " ")
		}
	}
	return b.String()
}

// send sends a request as a server would get it; text that is no request at all
// is passed over.
func (w *walker) send(method, target, body, content string) *httptest.ResponseRecorder {
	at, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	req := httptest.NewRequest(method, "http://127.0.0.1:7270/", strings.NewReader(body))
	req.URL, req.RequestURI = at, target
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", content)
	}
	rec := httptest.NewRecorder()
	began := time.Now()
	w.ServeHTTP(rec, req)
	if took := time.Since(began); took > w.slowest {
		w.slowest, w.slow = took, method+" "+target+" "+body
	}
	return rec
}

// try sends a request, if it is its turn, and checks what every answer must be.
func (w *walker) try(method, target, body string) {
	w.t.Helper()
	if w.cases++; w.cases%*walkStep != 0 {
		return
	}
	content := "application/json"
	if strings.HasSuffix(strings.Split(target, "?")[0], "_bulk") {
		content = "application/x-ndjson"
	}
	rec := w.send(method, target, body, content)
	if rec == nil {
		return
	}
	w.tried++
	what := func() string {
		return fmt.Sprintf("%s %.300s %.600s: %d %.600s", method, target, body, rec.Code, rec.Body)
	}
	if rec.Code < 200 || rec.Code >= 500 {
		w.t.Errorf("not a client's fault: %s", what())
	}
	if method == http.MethodHead {
		if rec.Body.Len() != 0 {
			w.t.Errorf("a body for HEAD: %s", what())
		}
		return
	}
	if rec.Code >= 400 {
		w.refused++
		if err := envelope(rec); err != nil {
			w.t.Errorf("%v: %s", err, what())
		}
	}
	if method == http.MethodGet || strings.HasSuffix(target, "_search") || strings.Contains(target, "/results/") {
		return
	}
	w.started = w.started || rec.Code < 400 && strings.HasSuffix(strings.Split(target, "?")[0], "/_start")
	now := w.listing()
	if now == w.before && !w.started {
		return
	}
	before := w.before
	w.world()
	// What a timeout ended the wait for goes on.
	if rec.Code >= 400 && rec.Code != http.StatusRequestTimeout && now != before {
		w.t.Errorf("a refusal left a trace: %s\nbefore: %s\n after: %s", what(), before, now)
	}
}

// envelope checks the form of an error.
func envelope(rec *httptest.ResponseRecorder) error {
	var e struct {
		Error  jsontext.Value `json:"error"`
		Status int            `json:"status"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &e); err != nil {
		return fmt.Errorf("no envelope: %w", err)
	}
	if len(e.Error) == 0 && rec.Code == 404 {
		return nil // A document that is not there: its answer says so.
	}
	if e.Status != rec.Code {
		return fmt.Errorf("the envelope says status %d", e.Status)
	}
	if rec.Body.Len() > 8<<10 {
		return fmt.Errorf("%d bytes of error", rec.Body.Len())
	}
	var plain string
	if json.Unmarshal(e.Error, &plain) == nil {
		if plain == "" {
			return fmt.Errorf("an error without words")
		}
		return nil
	}
	type cause struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	var full struct {
		cause
		Root []cause `json:"root_cause"`
	}
	if err := json.Unmarshal(e.Error, &full); err != nil || full.Type == "" || len(full.Reason) < 5 || len(full.Root) == 0 || full.Root[0].Type == "" || full.Root[0].Reason == "" {
		return fmt.Errorf("an incomplete error (%v)", err)
	}
	return nil
}

// variants are a JSON text with one member or element replaced, or removed.
func variants(t testing.TB, body string) (list []string) {
	t.Helper()
	var tree any
	if err := json.Unmarshal([]byte(body), &tree); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	emit := func() {
		raw, err := json.Marshal(tree, json.Deterministic(true), jsontext.AllowDuplicateNames(true))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(raw))
	}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(keysOf(v)) {
				have := v[name]
				for _, odd := range oddValues {
					v[name] = jsontext.Value(odd)
					emit()
				}
				delete(v, name)
				emit()
				v[name] = have
				visit(have)
			}
			v["unknown_member"] = 1
			emit()
			delete(v, "unknown_member")
		case []any:
			for i := range v {
				have := v[i]
				for _, odd := range oddValues {
					v[i] = jsontext.Value(odd)
					emit()
				}
				v[i] = have
				visit(have)
			}
		}
	}
	visit(tree)
	return list
}

func keysOf(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m { // order-free: sorted by the caller
			if !yield(k) {
				return
			}
		}
	}
}

// TestBadInputOnEveryRoute walks the whole table: odd names in paths, odd values of
// every parameter, wrong types of every member of a body. Nothing is a failure of
// the server, every refusal has its envelope, and none leaves a trace.
func TestBadInputOnEveryRoute(t *testing.T) {
	w := &walker{rig: newRig(t, Options{MaxUploadBytes: 1 << 20})}
	w.world()
	for i := range w.routes.rows {
		r := &w.routes.rows[i]
		if strings.HasPrefix(r.path, oldPrefix) {
			continue // The same handlers again.
		}
		body := exampleBody(r)
		for _, s := range r.segments {
			if name := strings.Trim(s, "{}"); name != s {
				for _, odd := range oddTexts {
					w.try(r.method, w.target(r, name, odd), body)
				}
			}
		}
		target := w.target(r, "", "")
		for _, name := range r.query {
			for _, odd := range oddTexts {
				w.try(r.method, target+"?"+name+"="+odd, "")
			}
		}
		for i, name := range commonQuery {
			w.try(r.method, target+"?"+name+"="+oddTexts[(i+len(target))%len(oddTexts)], "")
		}
		w.try(r.method, target+"?unknown_parameter=1", body)
		w.try(r.method, target+"?%zz", body)
		if r.method == http.MethodHead {
			continue
		}
		for _, odd := range oddBodies {
			w.try(r.method, target, odd)
		}
		if body != "" && !bytes.Contains([]byte(body), []byte("\n{")) {
			for _, v := range variants(t, body) {
				w.try(r.method, target, v)
			}
		}
	}
	if w.cases < 10_000 || w.refused < w.tried/2 {
		t.Errorf("%d of %d cases were tried and %d refused: the walk misses something", w.tried, w.cases, w.refused)
	}
	if w.slowest > 3*time.Second {
		t.Errorf("%v for %.500s", w.slowest, w.slow)
	}
}

// FuzzRequests: whatever comes to whatever route, the answer is JSON or a table, an
// error has its envelope, and nothing is a failure of the server.
func FuzzRequests(f *testing.F) {
	w := &walker{rig: newRig(f, Options{MaxUploadBytes: 1 << 16})}
	w.world()
	for i := range w.routes.rows {
		r := &w.routes.rows[i]
		query := ""
		if i%3 == 0 && len(r.query) > 0 {
			query = "?" + r.query[i%len(r.query)] + "=1"
		}
		if !strings.HasPrefix(r.path, oldPrefix) {
			f.Add(r.method, w.target(r, "", "")+query, exampleBody(r))
		}
	}
	f.Add("POST", jobsPath+"j/_flush?calc_interim=true&start=1&end=now", "")
	f.Add("POST", jobsPath+"j/_data?reset_start=5", `[{"time":1},{"time":2}]`)
	f.Add("GET", jobsPath+"j/results/buckets/5?filter_path=a.**,-b*&pretty&error_trace", "")
	f.Add("GET", "/_xpack/ml/anomaly_detectors/_all/_stats?human", "")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if !strings.HasPrefix(target, "/") || len(method) > 20 || method == "" {
			return
		}
		if _, err := http.NewRequest(method, "/", http.NoBody); err != nil {
			return // No request line holds such a method.
		}
		rec := w.send(method, target, body, "application/json")
		if rec == nil {
			return
		}
		if rec.Code < 200 || rec.Code >= 500 {
			t.Fatalf("%s %q %q: %d %s", method, target, body, rec.Code, rec.Body)
		}
		raw := rec.Body.Bytes()
		if rec.Code >= 400 && method != http.MethodHead {
			if err := envelope(rec); err != nil {
				t.Fatalf("%s %q %q: %v: %d %s", method, target, body, err, rec.Code, raw)
			}
		}
		if strings.Contains(rec.Header().Get("Content-Type"), "json") && len(raw) > 0 && !jsontext.Value(raw).IsValid() {
			t.Fatalf("%s %q: no JSON: %s", method, target, raw)
		}
	})
}
