package api

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sessionData are three days of messages from two hosts, one hour unlike the others.
func sessionData(from int64) string {
	var b strings.Builder
	for h := range int64(72) {
		for _, host := range []string{"a", "b"} {
			value := 10 + h%24
			if h == 60 && host == "a" {
				value = 4000
			}
			fmt.Fprintf(&b, `{"time":%d,"host":"%s","v":%d,"m":"node %s took %d ms"}`+"\n", from+3600*h, host, value, host, value)
		}
	}
	return b.String()
}

// lead is a session with everything there is to ask.
func lead(t *testing.T, ask func(status int, method, target, body string) string) {
	const from = 1_600_000_000 / 3600 * 3600
	const jobs = "/_ml/anomaly_detectors"
	const job = jobs + "/session"
	config := `{"description":"d","groups":["g"],"analysis_config":{"bucket_span":"1h","categorization_field_name":"m","detectors":[
		{"function":"mean","field_name":"v","by_field_name":"host","custom_rules":[{"actions":["skip_result"],"scope":{"host":{"filter_id":"hosts","filter_type":"include"}},
			"conditions":[{"applies_to":"actual","operator":"lt","value":1}]}]},
		{"function":"count","by_field_name":"mlcategory"}],"influencers":["host"]},
		"data_description":{"time_field":"time","time_format":"epoch"},"model_plot_config":{"enabled":true},"custom_settings":{"a":{"b":[1]}}}`

	ask(200, "GET", "/", "")
	ask(200, "GET", "/_ml/info", "")
	ask(200, "PUT", "/_ml/filters/hosts", `{"description":"d","items":["c*","d"]}`)
	ask(200, "GET", "/_ml/filters", "")
	ask(200, "GET", "/_ml/filters/hosts?from=0&size=5", "")
	ask(200, "POST", "/_ml/filters/hosts/_update", `{"description":"e","add_items":["x"],"remove_items":["d"]}`)
	ask(200, "PUT", "/_ml/calendars/days", `{"description":"d","job_ids":["session"]}`)
	events := ask(200, "POST", "/_ml/calendars/days/events", fmt.Sprintf(`{"events":[{"description":"e","start_time":%d,"end_time":%d,"skip_result":true}]}`, (from+7200)*1000, (from+10800)*1000))

	ask(200, "POST", jobs+"/_validate", config)
	ask(200, "POST", jobs+"/_validate/detector", `{"function":"mean","field_name":"v"}`)
	ask(200, "POST", jobs+"/_estimate_model_memory", `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"v","by_field_name":"host"}],"influencers":["host"]},"overall_cardinality":{"host":2},"max_bucket_cardinality":{"host":2}}`)
	ask(200, "PUT", job, config)
	ask(400, "PUT", job, config)
	ask(200, "GET", jobs, "")
	ask(200, "GET", job+"?exclude_generated=true", "")
	ask(200, "GET", jobs+"/_stats", "")
	ask(200, "POST", job+"/_open", `{"timeout":"10s"}`)
	ask(409, "POST", job+"/_open", "")
	ask(202, "POST", job+"/_data", sessionData(from))
	ask(200, "POST", job+"/_flush", `{"calc_interim":true}`)
	ask(200, "POST", job+"/_flush?calc_interim=true", "")
	ask(200, "GET", job+"/_stats", "")
	ask(200, "POST", job+"/_update", `{"description":"new","groups":["g","h"],"detectors":[{"detector_index":0,"description":"x"}],"results_retention_days":100}`)
	for _, method := range []string{"GET", "POST"} {
		ask(200, method, job+"/results/buckets?expand=true", "")
		ask(200, method, fmt.Sprintf("%s/results/buckets/%d", job, int64(from+7200)*1000), "")
		ask(200, method, job+"/results/records", "")
		ask(200, method, job+"/results/influencers", "")
		ask(200, method, job+"/results/categories", "")
		ask(200, method, job+"/results/categories/1", "")
		ask(200, method, job+"/results/overall_buckets?overall_score=0", "")
	}
	ask(200, "POST", job+"/results/buckets", `{"anomaly_score":1,"start":"0","end":"now","exclude_interim":true,"expand":true,"sort":"anomaly_score","desc":true,"page":{"from":0,"size":3}}`)
	ask(200, "POST", job+"/results/records", `{"record_score":1,"start":"0","end":"now","exclude_interim":true,"sort":"timestamp","desc":true,"page":{"from":0,"size":3}}`)
	ask(200, "POST", job+"/results/influencers", `{"influencer_score":1,"sort":"timestamp","page":{"size":3}}`)
	ask(200, "POST", job+"/results/categories", `{"page":{"size":3}}`)
	ask(200, "POST", job+"/results/overall_buckets", `{"top_n":1,"bucket_span":"2h","overall_score":0,"exclude_interim":true,"start":"0","end":"now","allow_no_match":true}`)

	ask(200, "POST", job+"/_forecast", `{"duration":"3h","expires_in":"1d","max_model_memory":"20mb"}`)
	forecast := member(t, ask(200, "POST", job+"/_forecast?duration=2h", ""), "forecast_id")
	until(t, func() bool { return strings.Contains(ask(200, "GET", job+"/_stats", ""), `"finished":2`) })
	ask(200, "DELETE", job+"/_forecast/"+forecast, "")
	ask(200, "DELETE", job+"/_forecast", "")
	ask(404, "DELETE", job+"/_forecast/none", "")

	ask(200, "POST", job+"/_close", `{"timeout":"10s","allow_no_match":true}`)
	snapshot := member(t, ask(200, "GET", job+"/model_snapshots", ""), "model_snapshots", 0, "snapshot_id")
	ask(200, "POST", job+"/model_snapshots", `{"sort":"timestamp","desc":true,"page":{"size":5}}`)
	ask(200, "GET", job+"/model_snapshots/"+snapshot, "")
	ask(200, "POST", job+"/model_snapshots/_all", "")
	ask(200, "POST", job+"/model_snapshots/"+snapshot+"/_update", `{"description":"d","retain":true}`)
	ask(400, "DELETE", job+"/model_snapshots/"+snapshot, "")
	ask(409, "POST", job+"/model_snapshots/"+snapshot+"/_upgrade?wait_for_completion=true", "")
	ask(200, "GET", job+"/model_snapshots/_all/_upgrade/_stats", "")
	ask(200, "POST", job+"/model_snapshots/empty/_revert", `{"delete_intervening_results":false}`)
	ask(200, "POST", job+"/model_snapshots/"+snapshot+"/_revert?delete_intervening_results=true", "")

	ask(200, "GET", "/_ml/calendars", "")
	ask(200, "POST", "/_ml/calendars", `{"page":{"from":0,"size":1}}`)
	ask(200, "GET", "/_ml/calendars/days", "")
	ask(200, "POST", "/_ml/calendars/days", "")
	ask(200, "GET", "/_ml/calendars/days/events", "")
	ask(200, "DELETE", "/_ml/calendars/days/events/"+member(t, ask(200, "GET", "/_ml/calendars/_all/events?job_id=session", ""), "events", 0, "event_id"), "")
	if !strings.Contains(events, `"event_id"`) {
		t.Errorf("posted events have no ids: %s", events)
	}
	ask(200, "PUT", "/_ml/calendars/days/jobs/g", "")
	ask(200, "DELETE", "/_ml/calendars/days/jobs/g", "")
	ask(200, "DELETE", "/_ml/calendars/days", "")

	leadFeeds(t, ask, from)

	ask(200, "GET", "/_ml/memory/_stats", "")
	ask(200, "GET", "/_ml/memory/node-1/_stats", "")
	ask(200, "DELETE", "/_ml/_delete_expired_data", `{"requests_per_second":10,"timeout":"1h"}`)
	ask(200, "DELETE", "/_ml/_delete_expired_data/session", "")
	ask(200, "GET", "/_cat/ml/anomaly_detectors?format=json", "")
	ask(200, "GET", "/_cat/ml/anomaly_detectors/session?format=json&h=*", "")
	ask(200, "POST", "/_ml/set_upgrade_mode?enabled=true", "")
	ask(429, "POST", job+"/_open", "")
	ask(200, "POST", "/_ml/set_upgrade_mode?enabled=false", "")
	ask(200, "GET", "/_cluster/health", "")
	ask(200, "GET", "/_cluster/settings", "")
	ask(200, "PUT", "/_cluster/settings", `{"persistent":{"a.b":"c"}}`)
	ask(200, "GET", "/_tasks", "")

	ask(200, "GET", "/_tasks/"+member(t, ask(200, "POST", job+"/_reset?wait_for_completion=false", ""), "task"), "")
	until(t, func() bool {
		return strings.Contains(ask(200, "GET", job+"/_stats", ""), `"processed_record_count":0`)
	})
	ask(200, "POST", job+"/_reset", "")
	ask(200, "DELETE", job, "")
	ask(404, "GET", job, "")
	ask(200, "DELETE", "/_ml/filters/hosts", "")
}

// leadFeeds is the part of the session about documents and datafeeds.
func leadFeeds(t *testing.T, ask func(status int, method, target, body string) string, from int64) {
	const feeds, feed = "/_ml/datafeeds", "/_ml/datafeeds/feed"
	ask(200, "PUT", "/docs", `{"mappings":{"properties":{"time":{"type":"date"}}}}`)
	var bulk strings.Builder
	for h := range int64(5) {
		fmt.Fprintf(&bulk, `{"index":{"_index":"docs","_id":"%d"}}`+"\n"+`{"time":%d,"host":"a","v":%d}`+"\n", h, (from+3600*h)*1000, h)
	}
	ask(200, "POST", "/_bulk", bulk.String()+`{"delete":{"_index":"docs","_id":"none"}}`+"\n"+`{"create":{"_index":"docs","_id":"1"}}`+"\n{}\n")
	ask(201, "PUT", "/docs/_doc/x", `{"time":1,"host":"z"}`)
	ask(409, "PUT", "/docs/_create/x", `{"time":1}`)
	ask(200, "POST", "/docs/_update/x", `{"doc":{"host":"y"}}`)
	ask(200, "GET", "/docs/_doc/x", "")
	ask(200, "GET", "/docs/_source/x", "")
	ask(200, "DELETE", "/docs/_doc/x", "")
	ask(404, "GET", "/docs/_doc/x", "")
	ask(200, "POST", "/docs/_search", `{"query":{"match_all":{}},"sort":[{"time":"asc"}],"aggs":{"h":{"terms":{"field":"host"},"aggs":{"m":{"avg":{"field":"v"}}}}}}`)
	ask(200, "GET", "/.ml-anomalies-*/_search?size=3", "")
	ask(200, "GET", "/docs/_count", "")
	ask(200, "POST", "/docs/_refresh", "")
	ask(200, "GET", "/docs", "")
	ask(200, "GET", "/docs/_mapping", "")
	ask(200, "PUT", "/docs/_mapping", `{"properties":{"v":{"type":"long"}}}`)
	ask(200, "GET", "/_alias", "")
	ask(200, "GET", "/_cat/indices?format=json", "")

	ask(200, "PUT", "/_ml/anomaly_detectors/fed", countJob("1h"))
	ask(200, "PUT", feed, `{"job_id":"fed","indices":["docs"],"query":{"match_all":{}},"query_delay":"1m","frequency":"5m","scroll_size":100,
		"chunking_config":{"mode":"auto"},"delayed_data_check_config":{"enabled":false},"max_empty_searches":3,"indices_options":{"ignore_unavailable":true}}`)
	ask(200, "GET", feeds, "")
	ask(200, "GET", feed+"?exclude_generated=true", "")
	ask(200, "GET", feeds+"/_stats", "")
	ask(200, "POST", feed+"/_update", `{"scroll_size":50}`)
	for _, method := range []string{"GET", "POST"} {
		ask(200, method, feed+"/_preview", "")
		ask(200, method, feeds+"/_preview", `{"datafeed_config":{"indices":["docs"]},"job_config":`+countJob("1h")+`}`)
	}
	ask(200, "POST", "/_ml/anomaly_detectors/fed/_open", "")
	ask(200, "POST", feed+"/_start", `{"start":"0","timeout":"10s"}`)
	ask(409, "POST", feed+"/_start", "")
	ask(200, "GET", feed+"/_stats", "")
	ask(200, "GET", "/_cat/ml/datafeeds?format=json", "")
	ask(200, "GET", "/_cat/ml/datafeeds/feed?format=json", "")
	ask(200, "GET", "/_tasks", "")
	ask(200, "GET", "/_cat/tasks?format=json", "")
	ask(200, "POST", feed+"/_stop", `{"force":false,"allow_no_match":true,"close_job":true,"timeout":"10s"}`)
	ask(200, "DELETE", feed, "")
	ask(200, "DELETE", "/_ml/anomaly_detectors/fed?force=true", "")
	ask(200, "DELETE", "/docs", "")
}

// until waits for something that takes a moment.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}
