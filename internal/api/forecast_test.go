package api

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// daily posts days of hourly records with a daily curve.
func (r *rig) daily(id string, days int) {
	r.t.Helper()
	var b strings.Builder
	for h := range 24 * days {
		fmt.Fprintf(&b, `{"time":%d,"v":%.4f,"host":"a"}`+"\n", 1_600_041_600+3600*h, 100+50*math.Sin(2*math.Pi*float64(h)/24))
	}
	r.must(202, "POST", jobsPath+id+"/_data", b.String())
}

// TestForecast: a daily curve goes on; forecasts are found by search, counted and
// deleted.
func TestForecast(t *testing.T) {
	r := newRig(t, Options{})
	r.open("f", `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"v","partition_field_name":"host"}]},"data_description":{"time_field":"time","time_format":"epoch"}}`)
	contains(t, r.must(400, "POST", jobsPath+"f/_forecast", ""), "Cannot run forecast")
	r.daily("f", 21)
	for body, want := range map[string]string{`{"duration":"0s"}`: "must be positive", `{"duration":"1s"}`: "bucket span", `{"duration":"4000d"}`: "3650 days",
		`{"expires_in":"-1s"}`: "", `{"max_model_memory":"600mb"}`: "less than 500mb", `{"max_model_memory":"1kb"}`: "at least 1", `{"a":1}`: "unknown field"} {
		contains(t, r.must(400, "POST", jobsPath+"f/_forecast", body), want)
	}
	var made struct {
		ID string `json:"forecast_id"`
	}
	if err := json.Unmarshal([]byte(r.must(200, "POST", jobsPath+"f/_forecast?duration=2d", "")), &made); err != nil {
		t.Fatal(err)
	}
	r.waitFor(jobsPath+"f/_stats", `"status":{"finished":1}`)
	var found struct {
		Hits struct {
			Total struct{ Value int }
			Hits  []struct {
				Source struct {
					Timestamp           int64   `json:"timestamp"`
					Value               float64 `json:"forecast_prediction"`
					Lower               float64 `json:"forecast_lower"`
					Upper               float64 `json:"forecast_upper"`
					PartitionFieldValue string  `json:"partition_field_value"`
				} `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	raw := r.must(200, "POST", "/.ml-anomalies-f/_search", `{"size":100,"sort":["timestamp"],"query":{"bool":{"filter":[{"term":{"forecast_id":"`+made.ID+`"}},{"term":{"result_type":"model_forecast"}}]}}}`)
	if err := json.Unmarshal([]byte(raw), &found, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	if found.Hits.Total.Value != 48 {
		t.Fatalf("%d values, want 48: %.300s", found.Hits.Total.Value, raw)
	}
	for _, h := range found.Hits.Hits {
		s := h.Source
		want := 100 + 50*math.Sin(2*math.Pi*float64((s.Timestamp/1000-1_600_041_600)/3600)/24)
		if math.Abs(s.Value-want) > 12 || s.Lower > s.Value || s.Upper < s.Value || s.PartitionFieldValue != "a" {
			t.Errorf("at %d: %+v, the curve has %.1f", s.Timestamp, s, want)
		}
	}
	r.restart()
	contains(t, r.must(200, "GET", jobsPath+"f/_stats", ""), `"forecasts_stats":{"total":1,"forecasted_jobs":1`)
	r.must(404, "DELETE", jobsPath+"f/_forecast/none", "")
	r.must(200, "DELETE", jobsPath+"f/_forecast/"+made.ID, "")
	contains(t, r.must(200, "POST", "/.ml-anomalies-f/_count", `{"query":{"exists":{"field":"forecast_id"}}}`), `"count":0`)
	r.must(200, "DELETE", jobsPath+"f/_forecast/_all", "")
	r.must(404, "DELETE", jobsPath+"f/_forecast/_all?allow_no_forecasts=false", "")
	r.must(200, "POST", jobsPath+"f/_close", "")
	r.must(409, "POST", jobsPath+"f/_forecast", "")
	r.open("over", `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"v","over_field_name":"host"}]},"data_description":{"time_field":"time","time_format":"epoch"}}`)
	r.daily("over", 3)
	contains(t, r.must(400, "POST", jobsPath+"over/_forecast", ""), "populations")
}

// TestModelPlot: a plot shows what was expected of each series in each bucket.
func TestModelPlot(t *testing.T) {
	r := newRig(t, Options{})
	const config = `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"v","by_field_name":"host"}]},"data_description":{"time_field":"time","time_format":"epoch"},"model_plot_config":{"enabled":true%s}}`
	r.open("p", fmt.Sprintf(config, ""))
	contains(t, r.must(200, "GET", jobsPath+"p", ""), `"model_plot_config":{"enabled":true,"annotations_enabled":true}`)
	r.daily("p", 5)
	r.must(200, "POST", jobsPath+"p/_flush", "")
	contains(t, r.must(200, "POST", "/.ml-anomalies-p/_search", `{"size":1,"sort":[{"timestamp":"desc"}],"query":{"term":{"result_type":"model_plot"}}}`),
		`"value":119}`, `"model_feature":"mean of v"`, `"by_field_value":"a"`, `"actual":`, `"model_lower":`, `"model_median":`)
	r.open("q", fmt.Sprintf(config, `,"terms":"b"`))
	r.daily("q", 5)
	contains(t, r.must(200, "POST", "/.ml-anomalies-q/_count", `{"query":{"term":{"result_type":"model_plot"}}}`), `"count":0`)
}

// asked asks for a forecast and returns its id.
func (r *rig) asked(target string) string {
	r.t.Helper()
	var made struct {
		ID string `json:"forecast_id"`
	}
	if err := json.Unmarshal([]byte(r.must(200, "POST", jobsPath+target, "")), &made); err != nil {
		r.t.Fatal(err)
	}
	return made.ID
}

// forecastDoc is the document of a forecast's progress.
func (r *rig) forecastDoc(job, id string) (s wire.ForecastStats) {
	r.t.Helper()
	var found struct {
		Source jsontext.Value `json:"_source"`
	}
	if err := json.Unmarshal([]byte(r.must(200, "GET", "/.ml-anomalies-"+job+"/_doc/"+job+"_model_forecast_request_stats_"+id, "")), &found); err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal(found.Source, &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

const meanJob = `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"v","partition_field_name":"host"}]},"data_description":{"time_field":"time","time_format":"epoch"}}`

// TestForecasts: several at once, each with its own documents, figures and end;
// they may be removed singly, in a list and all together, and expire.
func TestForecasts(t *testing.T) {
	at := now()
	r := newRig(t, Options{})
	r.clock = func() time.Time { return at }
	r.restart()
	r.open("f", meanJob)
	r.daily("f", 10)
	ids := []string{r.asked("f/_forecast?duration=1h&expires_in=1h"), r.asked("f/_forecast?duration=3d&expires_in=0"), r.asked("f/_forecast?duration=120d&expires_in=2h"), r.asked("f/_forecast")}
	r.waitFor(jobsPath+"f/_stats", `"status":{"finished":4}`)
	for i, want := range []int64{1, 72, 2880, 24} {
		s := r.forecastDoc("f", ids[i])
		if s.ProcessedRecordCount != want || s.ForecastProgress != 1 || s.ForecastStatus != "finished" || s.ForecastEnd-s.ForecastStart != wire.Millis(want*3_600_000) || s.JobID != "f" || s.MemoryBytes != 24*want {
			t.Errorf("forecast %d is %+v", i, s)
		}
		contains(t, r.must(200, "POST", "/.ml-anomalies-f/_count", `{"query":{"bool":{"filter":[{"term":{"forecast_id":"`+ids[i]+`"}},{"term":{"result_type":"model_forecast"}}]}}}`), fmt.Sprintf(`"count":%d}`, want))
	}
	if s := r.forecastDoc("f", ids[0]); int64(s.ForecastExpiry) != at.UnixMilli()+3_600_000 || r.forecastDoc("f", ids[1]).ForecastExpiry != 0 || int64(r.forecastDoc("f", ids[3]).ForecastExpiry) != at.UnixMilli()+14*24*3_600_000 {
		t.Errorf("expiries, the first %+v", s)
	}
	contains(t, r.must(200, "GET", jobsPath+"f/_stats", ""), `"forecasts_stats":{"total":4,"forecasted_jobs":1,"memory_bytes":{"total":71448,"min":24,"avg":17862,"max":69120},"records":{"total":2977,"min":1,`)
	// An hour and a half later one has expired.
	at = at.Add(90 * time.Minute)
	r.must(200, "DELETE", "/_ml/_delete_expired_data/f", "")
	contains(t, r.must(200, "GET", jobsPath+"f/_stats", ""), `"total":3,`)
	r.must(404, "DELETE", jobsPath+"f/_forecast/"+ids[0], "")
	r.must(404, "DELETE", jobsPath+"f/_forecast/"+ids[1]+","+ids[0], "")
	contains(t, r.must(200, "GET", jobsPath+"f/_stats", ""), `"total":3,`)
	r.must(200, "DELETE", jobsPath+"f/_forecast/"+ids[1]+","+ids[2], "")
	contains(t, r.must(200, "POST", "/.ml-anomalies-f/_count", `{"query":{"exists":{"field":"forecast_id"}}}`), `"count":25}`)
	r.must(200, "DELETE", jobsPath+"f/_forecast", "")
	contains(t, r.must(200, "POST", "/.ml-anomalies-f/_count", `{"query":{"exists":{"field":"forecast_id"}}}`), `"count":0}`)
	r.must(200, "DELETE", jobsPath+"none/_forecast/_all", "")
	r.must(404, "DELETE", jobsPath+"none/_forecast/_all?allow_no_forecasts=false", "")
	r.must(404, "DELETE", jobsPath+"none/_forecast/x", "")
	// What does not fit is refused as a whole.
	r.refused(400, "illegal_argument_exception", "max_model_memory [1mb]", "POST", jobsPath+"f/_forecast?duration=3650d&max_model_memory=1mb", "")
	contains(t, r.must(200, "GET", jobsPath+"f/_stats", ""), `"forecasts_stats":{"total":0,"forecasted_jobs":0}`)
	// A job that is reset or made anew has none of its predecessor's.
	r.asked("f/_forecast")
	r.waitFor(jobsPath+"f/_stats", `"status":{"finished":1}`)
	r.must(200, "POST", jobsPath+"f/_close", "")
	r.must(200, "POST", jobsPath+"f/_reset", "")
	contains(t, r.must(200, "GET", jobsPath+"f/_stats", ""), `"forecasts_stats":{"total":0`)
	r.must(404, "POST", jobsPath+"none/_forecast", "")
	r.refused(409, "status_exception", "not open", "POST", jobsPath+"f/_forecast", "")
	r.refused(400, "illegal_argument_exception", "duration", "POST", jobsPath+"f/_forecast?duration=-1h", "")
}

// TestForecastCutOff: a forecast that a restart interrupts has failed, with what it
// stored before; it is never under way for ever, and can be removed.
func TestForecastCutOff(t *testing.T) {
	r := newRig(t, Options{})
	r.open("f", meanJob)
	r.daily("f", 3)
	id := r.asked("f/_forecast?duration=3650d")
	r.restart()
	s := r.forecastDoc("f", id)
	if s.ForecastStatus != "failed" || len(s.ForecastMessages) != 1 || s.ForecastProgress >= 1 {
		t.Fatalf("after a restart it is %+v", s)
	}
	contains(t, r.must(200, "GET", jobsPath+"f/_stats", ""), `"status":{"failed":1}`)
	contains(t, r.must(200, "POST", "/.ml-anomalies-f/_count", `{"query":{"term":{"result_type":"model_forecast"}}}`), fmt.Sprintf(`"count":%d}`, s.ProcessedRecordCount))
	r.must(200, "DELETE", jobsPath+"f/_forecast/"+id, "")
	contains(t, r.must(200, "POST", "/.ml-anomalies-f/_count", `{"query":{"exists":{"field":"forecast_id"}}}`), `"count":0}`)
}
