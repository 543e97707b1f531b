package document_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/internal/document"
	"tidemark/wire"
)

var resultJob = &wire.Job{JobID: "j", AnalysisConfig: wire.AnalysisConfig{BucketSpan: "5m", Detectors: []wire.Detector{
	{Function: "count"},
	{Function: "high_mean", FieldName: "responsetime", ByFieldName: "airline", PartitionFieldName: "region", DetectorIndex: 1},
	{Function: "low_non_zero_count", ByFieldName: "probability", DetectorIndex: 2},
}}}

func TestDocuments(t *testing.T) {
	b := &result.Bucket{
		StartMs: 1454944200000, SpanMs: 300_000, Run: 1, Score: 94.5, EventCount: 7, Interim: true,
		BucketInfluencers: []result.BucketInfluencer{{Field: "bucket_time", LogProb: math.Log(0.25), RawScore: 50, Score: 40}},
		Records: []result.Record{
			{Detector: 1, LogProb: math.Log(0.5), Score: 90, NoveltyScore: 12.5, MultiBucketImpact: -5, Typical: 99.8, Actual: 282,
				By: "AAL", HasBy: true, Partition: "", HasPartition: true,
				Influencers: []result.RecordInfluencer{{Field: "airline", Values: []string{"AAL", "BAW"}}, {Field: "host", Values: []string{"h\"1"}}},
				Explanation: result.Explanation{Spike: true, SingleBucketImpact: 12, LowerBound: 80, UpperBound: 120, HighVariance: true, Extrapolated: true}},
			{Detector: 0, LogProb: -5000, Score: 1000, NoveltyScore: math.NaN(), Typical: math.NaN(), Actual: math.Inf(1), Explanation: result.Explanation{LowerBound: math.NaN()}},
			{Detector: 2, LogProb: math.NaN(), Score: -1, By: "x\xffy", HasBy: true, Typical: math.Copysign(0, -1), Actual: 1e300},
		},
		Influencers: []result.Influencer{{Field: "airline", Value: "AAL", LogProb: math.Log(0.5), Score: 33}, {Field: "timestamp", Value: "", Score: 1}},
	}
	bucket, records, influencers := document.ResultRows(resultJob, b)
	check := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
	check("bucket id", bucket.ID, "j_bucket_1454944200000_300")
	check("bucket", string(bucket.Doc), `{"job_id":"j","timestamp":1454944200000,"anomaly_score":94.5,"bucket_span":300,"initial_anomaly_score":94.5,"event_count":7,"is_interim":true,`+
		`"bucket_influencers":[{"job_id":"j","result_type":"bucket_influencer","influencer_field_name":"bucket_time","initial_anomaly_score":40,"anomaly_score":40,"raw_anomaly_score":50,`+
		`"probability":0.25,"timestamp":1454944200000,"bucket_span":300,"is_interim":true}],"processing_time_ms":0,"result_type":"bucket"}`)
	check("record", string(records[0].Doc), `{"job_id":"j","result_type":"record","probability":0.5,"multi_bucket_impact":-5,"record_score":90,"initial_record_score":90,"novelty_score":12.5,`+
		`"bucket_span":300,"detector_index":1,"is_interim":true,"timestamp":1454944200000,"by_field_name":"airline","by_field_value":"AAL","partition_field_name":"region","partition_field_value":"",`+
		`"function":"high_mean","function_description":"mean","typical":[99.8],"actual":[282],"field_name":"responsetime",`+
		`"influencers":[{"influencer_field_name":"airline","influencer_field_values":["AAL","BAW"]},{"influencer_field_name":"host","influencer_field_values":["h\"1"]}],`+
		`"anomaly_score_explanation":{"anomaly_type":"spike","single_bucket_impact":12,"multi_bucket_impact":0,"lower_confidence_bound":80,"typical_value":99.8,"upper_confidence_bound":120,`+
		`"high_variance_penalty":true,"incomplete_bucket_penalty":false,"extrapolated_tail":true},"airline":["AAL","BAW"],"region":[""],"host":["h\"1"]}`)
	check("record without numbers", string(records[1].Doc), `{"job_id":"j","result_type":"record","probability":5e-324,"multi_bucket_impact":0,"record_score":100,"initial_record_score":100,"novelty_score":0,`+
		`"bucket_span":300,"detector_index":0,"is_interim":true,"timestamp":1454944200000,"function":"count","function_description":"count","actual":[1.7976931348623157e+308],`+
		`"anomaly_score_explanation":{"anomaly_type":"dip","single_bucket_impact":0,"multi_bucket_impact":0,"high_variance_penalty":false,"incomplete_bucket_penalty":false}}`)
	check("record with a reserved name", string(records[2].Doc), `{"job_id":"j","result_type":"record","probability":1,"multi_bucket_impact":0,"record_score":0,"initial_record_score":0,"novelty_score":0,`+
		`"bucket_span":300,"detector_index":2,"is_interim":true,"timestamp":1454944200000,"by_field_name":"probability","by_field_value":"x�y","function":"low_non_zero_count","function_description":"count",`+
		`"typical":[0],"actual":[1e+300],"anomaly_score_explanation":{"anomaly_type":"dip","single_bucket_impact":0,"multi_bucket_impact":0,`+
		`"high_variance_penalty":false,"incomplete_bucket_penalty":false}}`)
	check("influencer", string(influencers[0].Doc), `{"job_id":"j","result_type":"influencer","influencer_field_name":"airline","influencer_field_value":"AAL","airline":"AAL","influencer_score":33,`+
		`"initial_influencer_score":33,"probability":0.5,"bucket_span":300,"is_interim":true,"timestamp":1454944200000}`)
	check("influencer with a reserved name", string(influencers[1].Doc), `{"job_id":"j","result_type":"influencer","influencer_field_name":"timestamp","influencer_field_value":"","influencer_score":1,`+
		`"initial_influencer_score":1,"probability":1,"bucket_span":300,"is_interim":true,"timestamp":1454944200000}`)
	if records[0].Function != "high_mean" || records[0].Field != "responsetime" {
		t.Errorf("%+v", records[0])
	}
	if !strings.HasPrefix(records[0].ID, "j_record_1454944200000_300_1_") || !strings.HasSuffix(records[0].ID, "_3") {
		t.Error(records[0].ID)
	}
}

// TestDocumentsFitTheShapes: every member a document has is one of the shape,
// in the shape's order.
func TestDocumentsFitTheShapes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBucket(t)
		bucket, records, influencers := document.ResultRows(resultJob, b)
		fits(t, bucket.Doc, &wire.Bucket{})
		for _, r := range records {
			fits(t, r.Doc, &wire.Record{})
		}
		for _, f := range influencers {
			var v wire.Influencer
			if err := json.Unmarshal(f.Doc, &v); err != nil || v.Timestamp != wire.Millis(b.StartMs) {
				t.Fatalf("%s: %v", f.Doc, err)
			}
		}
	})
}

// fits decodes into a shape and back; the user's own members stand at the end
// of both.
func fits(t *rapid.T, doc []byte, shape any) {
	if err := json.Unmarshal(doc, shape); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	again, err := json.Marshal(shape, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	one, two := jsontext.Value(doc).Clone(), jsontext.Value(again)
	if r, is := shape.(*wire.Record); is && len(r.Fields) > 0 {
		// The order among the user's members is theirs.
		for range 2 {
			one, two = two, one
			if err := one.Canonicalize(); err != nil {
				t.Fatal(err)
			}
		}
	} else if err := errFirst(one.Format(jsontext.CanonicalizeRawFloats(true)), two.Format(jsontext.CanonicalizeRawFloats(true))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Fatalf("\n%s\n%s", one, two)
	}
}

func errFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func drawBucket(t *rapid.T) *result.Bucket {
	number := rapid.Float64()
	if rapid.Bool().Draw(t, "wild") {
		number = rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 5e-324, 1e21, 1e-7, math.MaxFloat64})
	}
	n := func() float64 { return number.Draw(t, "n") }
	text := func() string { return rapid.String().Draw(t, "text") }
	b := &result.Bucket{StartMs: rapid.Int64Range(0, wire.MaxTimeMs).Draw(t, "at"), SpanMs: 300_000, Run: 1, Score: n(),
		EventCount: rapid.Int64().Draw(t, "events"), Interim: rapid.Bool().Draw(t, "interim")}
	for range rapid.IntRange(0, 3).Draw(t, "records") {
		b.Records = append(b.Records, result.Record{
			Detector: rapid.IntRange(0, 2).Draw(t, "detector"), LogProb: n(), Score: n(), NoveltyScore: n(), MultiBucketImpact: n(), Typical: n(), Actual: n(),
			By: text(), HasBy: rapid.Bool().Draw(t, "by"), Partition: text(), HasPartition: rapid.Bool().Draw(t, "partition"),
			Influencers: []result.RecordInfluencer{{Field: text(), Values: []string{text(), text()}}},
			Explanation: result.Explanation{Spike: rapid.Bool().Draw(t, "spike"), LowerBound: n(), UpperBound: n()},
		})
	}
	b.Influencers = []result.Influencer{{Field: text(), Value: text(), LogProb: n(), Score: n()}}
	b.BucketInfluencers = []result.BucketInfluencer{{Field: text(), LogProb: n(), RawScore: n(), Score: n()}}
	return b
}

// TestRecordIDs: other values, or the same ones elsewhere, are other documents.
func TestRecordIDs(t *testing.T) {
	seen := map[string]int{}
	series := []result.Record{
		{Detector: 1}, {Detector: 2}, {Detector: 1, HasBy: true}, {Detector: 1, HasPartition: true},
		{Detector: 1, HasBy: true, By: "a"}, {Detector: 1, HasPartition: true, Partition: "a"},
		{Detector: 1, HasBy: true, By: "ab", HasPartition: true, Partition: "c"}, {Detector: 1, HasBy: true, By: "a", HasPartition: true, Partition: "bc"},
		{Detector: 1, HasBy: true, By: strings.Repeat("a", 1<<20)},
	}
	for round := range 2 {
		_, records, _ := document.ResultRows(resultJob, &result.Bucket{SpanMs: 1000, Records: series})
		for i, r := range records {
			if at, known := seen[r.ID]; known != (round == 1) || known && at != i {
				t.Errorf("round %d, record %d: id %s, seen for %d", round, i, r.ID, at)
			}
			seen[r.ID] = i
			if len(r.ID) > 200 {
				t.Errorf("an id of %d bytes", len(r.ID))
			}
		}
	}
}

// TestShiftBucket against the obvious: making the document at that time.
func TestShiftBucket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBucket(t)
		first, _, _ := document.ResultRows(resultJob, b)
		b.StartMs = rapid.Int64Range(0, wire.MaxTimeMs).Draw(t, "then")
		then, _, _ := document.ResultRows(resultJob, b)
		before := string(first.Doc)
		if got := document.ShiftBucket(first.Doc, b.StartMs); string(got) != string(then.Doc) {
			t.Fatalf("\n%s\n%s", got, then.Doc)
		}
		if string(first.Doc) != before {
			t.Fatal("the first document changed")
		}
	})
}

func TestCounts(t *testing.T) {
	c := document.Counts("j", record.NewCounts(), 0, 0)
	if c.EarliestRecordTimestamp != nil || c.LatestRecordTimestamp != nil || c.LastDataTime != nil || c.LatestEmptyBucketTimestamp != nil || c.LogTime != nil {
		t.Errorf("unset times show: %+v", c)
	}
	c = document.Counts("j", record.Counts{ProcessedRecords: 1, ProcessedFields: 2, InputBytes: 3, InputFields: 4, InvalidDates: 5, MissingFields: 6, OutOfOrder: 7,
		EmptyBuckets: 8, SparseBuckets: 9, Buckets: 10, InputRecords: 11, EarliestRecord: 0, LatestRecord: 12, LatestEmpty: 13, LatestSparse: 14}, 15, 16)
	got, _ := json.Marshal(c)
	want := `{"job_id":"j","processed_record_count":1,"processed_field_count":2,"input_bytes":3,"input_field_count":4,"invalid_date_count":5,"missing_field_count":6,` +
		`"out_of_order_timestamp_count":7,"empty_bucket_count":8,"sparse_bucket_count":9,"bucket_count":10,"earliest_record_timestamp":0,"latest_record_timestamp":12,` +
		`"last_data_time":15,"latest_empty_bucket_timestamp":13,"latest_sparse_bucket_timestamp":14,"input_record_count":11,"log_time":16}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestModelSize(t *testing.T) {
	got, _ := json.Marshal(document.ModelSize("j", result.ModelSize{BucketMs: -1}, 0))
	want := `{"job_id":"j","result_type":"model_size_stats","model_bytes":0,"peak_model_bytes":0,"model_bytes_exceeded":0,"total_by_field_count":0,"total_over_field_count":0,` +
		`"total_partition_field_count":0,"bucket_allocation_failures_count":0,"memory_status":"ok","categorized_doc_count":0,"total_category_count":0,"frequent_category_count":0,` +
		`"rare_category_count":0,"dead_category_count":0,"failed_category_count":0,"categorization_status":"ok","log_time":0}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	m := document.ModelSize("j", result.ModelSize{Bytes: 5, PeakBytes: 6, LimitBytes: 7, ExceededBytes: 8, ByValues: 1, PartitionValues: 2, OverValues: 3, AllocationFailures: 4,
		Status: result.MemoryHard, BucketMs: 9}, 10)
	if m.ModelBytes != 5 || *m.PeakModelBytes != 6 || *m.ModelBytesMemoryLimit != 7 || *m.ModelBytesExceeded != 8 || m.MemoryStatus != "hard_limit" || *m.Timestamp != 9 || m.LogTime != 10 {
		t.Errorf("%+v", m)
	}
}

func BenchmarkResultRows(b *testing.B) {
	bucket := &result.Bucket{StartMs: 1454944200000, SpanMs: 300_000, Run: 1}
	for range 500 {
		bucket.Records = append(bucket.Records, result.Record{Detector: 1, LogProb: -20, Score: 50, Typical: 1.5, Actual: 2.5, By: "AAL", HasBy: true, Partition: "eu", HasPartition: true,
			Influencers: []result.RecordInfluencer{{Field: "airline", Values: []string{"AAL"}}}})
	}
	b.ReportAllocs()
	for b.Loop() {
		document.ResultRows(resultJob, bucket)
	}
}
