package v8

import (
	"fmt"
	"strings"
	"testing"

	elasticsearch "github.com/elastic/go-elasticsearch/v8"

	"tidemark/test/conformance/script"
)

// TestBesideJobs drives filters, calendars, categories, updates and overall
// buckets through the unmodified client.
func TestBesideJobs(t *testing.T) {
	es, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{script.Serve(t)}})
	if err != nil {
		t.Fatal(err)
	}
	ml := es.ML
	var messages strings.Builder
	for i := range 50 {
		fmt.Fprintf(&messages, `{"time":%d,"host":"h","message":"User u%d logged in from 10.0.0.%d"}`, 1_760_000_000+60*i, i, i)
	}
	body := strings.NewReader
	for _, step := range []struct {
		name string
		do   func() (script.Answer, error)
		want string
	}{
		{"put filter", func() (script.Answer, error) { return read(ml.PutFilter(body(`{"items":["a","b*"]}`), "f")) }, `"items":["a","b*"]`},
		{"update filter", func() (script.Answer, error) { return read(ml.UpdateFilter(body(`{"add_items":["c"]}`), "f")) }, `"c"`},
		{"get filters", func() (script.Answer, error) { return read(ml.GetFilters()) }, `"count":1`},
		{"estimate", func() (script.Answer, error) {
			return read(ml.EstimateModelMemory(body(`{"analysis_config":{"detectors":[{"function":"count"}]}}`)))
		}, `"model_memory_estimate":"11mb"`},
		{"put job", func() (script.Answer, error) {
			return read(ml.PutJob("j", body(`{"analysis_config":{"bucket_span":"1m","categorization_field_name":"message","detectors":[{"function":"rare","by_field_name":"mlcategory","over_field_name":"host",
				"custom_rules":[{"scope":{"host":{"filter_id":"f"}}}]}]},"data_description":{"time_field":"time","time_format":"epoch"}}`)))
		}, `"job_id":"j"`},
		{"put calendar", func() (script.Answer, error) {
			return read(ml.PutCalendar("c", ml.PutCalendar.WithBody(body(`{"job_ids":["j"]}`))))
		}, `"calendar_id":"c"`},
		{"add job", func() (script.Answer, error) { return read(ml.PutCalendarJob("c", "other")) }, `"job_ids":["j","other"]`},
		{"post events", func() (script.Answer, error) {
			return read(ml.PostCalendarEvents("c", body(`{"events":[{"description":"sale","start_time":1760001000000,"end_time":1760001100000}]}`)))
		}, `"event_id"`},
		{"get events", func() (script.Answer, error) { return read(ml.GetCalendarEvents("c")) }, `"count":1`},
		{"get calendars", func() (script.Answer, error) { return read(ml.GetCalendars()) }, `"count":1`},
		{"open", func() (script.Answer, error) { return read(ml.OpenJob("j")) }, `"opened":true`},
		{"update job", func() (script.Answer, error) {
			return read(ml.UpdateJob("j", body(`{"description":"changed","groups":["g"]}`)))
		}, `"description":"changed"`},
		{"post data", func() (script.Answer, error) { return read(ml.PostData("j", body(messages.String()))) }, `"processed_record_count":50`},
		{"flush", func() (script.Answer, error) { return read(ml.FlushJob("j")) }, `"flushed":true`},
		{"categories", func() (script.Answer, error) { return read(ml.GetCategories("j")) }, `"terms":"User logged in from"`},
		{"overall buckets", func() (script.Answer, error) { return read(ml.GetOverallBuckets("g")) }, `"result_type":"overall_bucket"`},
		{"buckets", func() (script.Answer, error) { return read(ml.GetBuckets("j")) }, `"scheduled_events":["sale"]`},
		{"upgrade mode on", func() (script.Answer, error) { return read(ml.SetUpgradeMode(ml.SetUpgradeMode.WithEnabled(true))) }, `"acknowledged":true`},
		{"flush then", func() (script.Answer, error) { return read(ml.FlushJob("j")) }, `while upgrade mode is enabled`},
		{"upgrade mode off", func() (script.Answer, error) { return read(ml.SetUpgradeMode(ml.SetUpgradeMode.WithEnabled(false))) }, `"acknowledged":true`},
		{"delete used filter", func() (script.Answer, error) { return read(ml.DeleteFilter("f")) }, `currently used by jobs [j]`},
		{"remove job", func() (script.Answer, error) { return read(ml.DeleteCalendarJob("c", "other")) }, `"job_ids":["j"]`},
		{"delete calendar", func() (script.Answer, error) { return read(ml.DeleteCalendar("c")) }, `"acknowledged":true`},
		{"delete job", func() (script.Answer, error) { return read(ml.DeleteJob("j", ml.DeleteJob.WithForce(true))) }, `"acknowledged":true`},
		{"delete filter", func() (script.Answer, error) { return read(ml.DeleteFilter("f")) }, `"acknowledged":true`},
	} {
		a, err := step.do()
		if err != nil || !strings.Contains(string(a.Body), step.want) {
			t.Errorf("%s: %v, status %d: %.300s, want %s", step.name, err, a.Status, a.Body, step.want)
		}
	}
}
