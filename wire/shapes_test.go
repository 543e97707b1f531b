package wire_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// TestFieldOrder holds the names and the order that clients and people see.
func TestFieldOrder(t *testing.T) {
	ten := int64(10)
	zero, one := 0.0, "AAL"
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"flush before data", wire.FlushResponse{Flushed: true}, `{"flushed":true}`},
		{"flush", wire.FlushResponse{Flushed: true, LastFinalizedBucketEnd: wire.MillisOf(1514804400000)},
			`{"flushed":true,"last_finalized_bucket_end":1514804400000}`},
		{"flush request", wire.FlushRequest{JobID: "j", CalcInterim: true, AdvanceTime: "1514804400"},
			`{"job_id":"j","calc_interim":true,"advance_time":"1514804400"}`},
		{"job request", wire.Job{AnalysisConfig: wire.AnalysisConfig{Detectors: []wire.Detector{{Function: "count"}}}},
			`{"analysis_config":{"detectors":[{"function":"count","detector_index":0}],"influencers":[]},"data_description":{},"allow_lazy_open":false}`},
		{"job", wire.Job{
			JobID: "j", JobType: wire.JobType, JobVersion: "9.5.0", Groups: []string{"g"}, Description: "d",
			CreateTime: wire.MillisOf(1), FinishedTime: wire.MillisOf(2),
			AnalysisConfig: wire.AnalysisConfig{BucketSpan: "5m", Latency: "1m", SummaryCountFieldName: "n", ModelPruneWindow: "30d",
				Detectors: []wire.Detector{{DetectorDescription: "x", Function: "sum", FieldName: "f", ByFieldName: "b", OverFieldName: "o", PartitionFieldName: "p", UseNull: true, DetectorIndex: 1}}},
			AnalysisLimits:            &wire.AnalysisLimits{ModelMemoryLimit: "1024mb", CategorizationExamplesLimit: &ten},
			DataDescription:           wire.DataDescription{TimeField: "time", TimeFormat: "epoch_ms"},
			ModelPlotConfig:           &wire.ModelPlotConfig{Enabled: true},
			RenormalizationWindowDays: &ten, BackgroundPersistInterval: "1h", ModelSnapshotRetentionDays: &ten,
			DailyModelSnapshotRetentionAfterDays: &ten, ResultsRetentionDays: &ten, CustomSettings: jsontext.Value(`{"a":1}`),
			ModelSnapshotID: "s", ResultsIndexName: "shared",
		}, `{"job_id":"j","job_type":"anomaly_detector","job_version":"9.5.0","groups":["g"],"description":"d","create_time":1,"finished_time":2,` +
			`"analysis_config":{"bucket_span":"5m","latency":"1m","summary_count_field_name":"n","detectors":[{"detector_description":"x","function":"sum","field_name":"f",` +
			`"by_field_name":"b","over_field_name":"o","partition_field_name":"p","use_null":true,"detector_index":1}],"influencers":[],"model_prune_window":"30d"},` +
			`"analysis_limits":{"model_memory_limit":"1024mb","categorization_examples_limit":10},"data_description":{"time_field":"time","time_format":"epoch_ms"},` +
			`"model_plot_config":{"enabled":true},"renormalization_window_days":10,"background_persist_interval":"1h","model_snapshot_retention_days":10,` +
			`"daily_model_snapshot_retention_after_days":10,"results_retention_days":10,"custom_settings":{"a":1},"model_snapshot_id":"s","results_index_name":"shared","allow_lazy_open":false}`},
		{"data counts", wire.DataCounts{JobID: "j"}, `{"job_id":"j","processed_record_count":0,"processed_field_count":0,"input_bytes":0,"input_field_count":0,` +
			`"invalid_date_count":0,"missing_field_count":0,"out_of_order_timestamp_count":0,"empty_bucket_count":0,"sparse_bucket_count":0,"bucket_count":0,"input_record_count":0}`},
		{"list", wire.JobList{}, `{"count":0,"jobs":[]}`},
		{"error", wire.Refuse(wire.TypeStatus, "no %d", 1).Envelope(), `{"error":{"root_cause":[{"type":"status_exception","reason":"no 1"}],"type":"status_exception","reason":"no 1"},"status":400}`},
		{"error with cause", (&wire.Refusal{Status: 400, Type: wire.TypeXContentParse, Reason: "outer", Line: 1, Col: 2, Cause: wire.Refuse(wire.TypeStatus, "inner")}).Envelope(),
			`{"error":{"root_cause":[{"type":"status_exception","reason":"inner"}],"type":"x_content_parse_exception","reason":"outer","line":1,"col":2,` +
				`"caused_by":{"type":"status_exception","reason":"inner"}},"status":400}`},
		{"plain error", (&wire.Refusal{Status: 406, Reason: "r", Plain: true}).Envelope(), `{"error":"r","status":406}`},
		{"record", wire.Record{JobID: "j", ResultType: "record", Probability: 1e-300, NoveltyScore: &zero, ByFieldName: "airline", ByFieldValue: &one,
			Typical: []float64{1}, Actual: []float64{2}, Fields: wire.FieldValues{"airline": jsontext.Value(`["AAL"]`)}},
			`{"job_id":"j","result_type":"record","probability":1e-300,"record_score":0,"initial_record_score":0,"novelty_score":0,"bucket_span":0,"detector_index":0,` +
				`"is_interim":false,"timestamp":0,"by_field_name":"airline","by_field_value":"AAL","typical":[1],"actual":[2],"airline":["AAL"]}`},
		{"stats", wire.ForecastsStats{}, `{"total":0,"forecasted_jobs":0}`},
	} {
		got, err := json.Marshal(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
}

func TestFieldValues(t *testing.T) {
	var r wire.Record
	err := json.Unmarshal([]byte(`{"job_id":"j","airline":["AAL","BAW"],"region":"eu","n":7}`), &r)
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]int{"airline": 2, "region": 1, "n": 0, "none": 0} {
		if got := r.Fields.Values(field); len(got) != want {
			t.Errorf("%s: %q", field, got)
		}
	}
}

func TestInfoSaysWhatItIs(t *testing.T) {
	info := wire.NewInfo("n", "u", "", "b")
	if info.Version.Number != wire.Version || info.Tidemark.Version != wire.Release || info.Tagline == "" {
		t.Errorf("%+v", info)
	}
}

func TestClip(t *testing.T) {
	long := make([]byte, 1<<20)
	for i := range long {
		long[i] = "ä"[i%2]
	}
	if got := wire.Clip(string(long)); len(got) > 200 || !jsontext.Value(`"`+got+`"`).IsValid() {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	if got := wire.Clip("short\xff"); got != "short\uFFFD" {
		t.Errorf("%q", got)
	}
}
