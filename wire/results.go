package wire

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Result types, as documents name them.
const (
	ResultBucket           = "bucket"
	ResultBucketInfluencer = "bucket_influencer"
	ResultRecord           = "record"
	ResultInfluencer       = "influencer"
	ResultModelSizeStats   = "model_size_stats"
	ResultModelPlot        = "model_plot"
	ResultModelForecast    = "model_forecast"
	ResultForecastStats    = "model_forecast_request_stats"
)

// BucketTime names the bucket influencer that stands for the time itself.
const BucketTime = "bucket_time"

// Bucket is one bucket's result. Scores are 0 to 100.
type Bucket struct {
	JobID               string             `json:"job_id"`
	Timestamp           Millis             `json:"timestamp"`
	AnomalyScore        float64            `json:"anomaly_score"`
	BucketSpan          int64              `json:"bucket_span"` // seconds
	InitialAnomalyScore float64            `json:"initial_anomaly_score"`
	Records             []Record           `json:"records,omitempty"` // with expand
	EventCount          int64              `json:"event_count"`
	IsInterim           bool               `json:"is_interim"`
	BucketInfluencers   []BucketInfluencer `json:"bucket_influencers"`
	ProcessingTimeMs    int64              `json:"processing_time_ms"`
	ScheduledEvents     []string           `json:"scheduled_events,omitempty"`
	ResultType          string             `json:"result_type"`
}

// BucketInfluencer aggregates one influencer field, or the time, in a bucket.
type BucketInfluencer struct {
	JobID               string  `json:"job_id"`
	ResultType          string  `json:"result_type"`
	InfluencerFieldName string  `json:"influencer_field_name"`
	InitialAnomalyScore float64 `json:"initial_anomaly_score"`
	AnomalyScore        float64 `json:"anomaly_score"`
	RawAnomalyScore     float64 `json:"raw_anomaly_score"`
	Probability         float64 `json:"probability"`
	Timestamp           Millis  `json:"timestamp"`
	BucketSpan          int64   `json:"bucket_span"` // seconds
	IsInterim           bool    `json:"is_interim"`
}

// Record is one anomaly record: one value of one series that was out of the
// ordinary.
type Record struct {
	JobID      string `json:"job_id"`
	ResultType string `json:"result_type"`
	// Probability is in (0, 1]; what is less than the smallest double shows as
	// that.
	Probability float64 `json:"probability"`
	// MultiBucketImpact is -5 (this bucket alone) to 5 (the buckets before it).
	MultiBucketImpact  *float64 `json:"multi_bucket_impact,omitzero"`
	RecordScore        float64  `json:"record_score"`
	InitialRecordScore float64  `json:"initial_record_score"`
	// NoveltyScore is how unlike anything seen before the value is, 0 to 100.
	// It stands beside RecordScore, which is how improbable it is.
	NoveltyScore  *float64 `json:"novelty_score,omitzero"`
	BucketSpan    int64    `json:"bucket_span"` // seconds
	DetectorIndex int      `json:"detector_index"`
	IsInterim     bool     `json:"is_interim"`
	Timestamp     Millis   `json:"timestamp"`

	ByFieldName            string  `json:"by_field_name,omitzero"`
	ByFieldValue           *string `json:"by_field_value,omitzero"`
	CorrelatedByFieldValue string  `json:"correlated_by_field_value,omitzero"`
	PartitionFieldName     string  `json:"partition_field_name,omitzero"`
	PartitionFieldValue    *string `json:"partition_field_value,omitzero"`

	Function            string           `json:"function,omitzero"`
	FunctionDescription string           `json:"function_description,omitzero"`
	Typical             []float64        `json:"typical,omitempty"`
	Actual              []float64        `json:"actual,omitempty"`
	FieldName           string           `json:"field_name,omitzero"`
	OverFieldName       string           `json:"over_field_name,omitzero"`
	OverFieldValue      *string          `json:"over_field_value,omitzero"`
	Causes              []jsontext.Value `json:"causes,omitempty"`
	Influencers         []Influence      `json:"influencers,omitempty"`
	GeoResults          jsontext.Value   `json:"geo_results,omitzero"`

	AnomalyScoreExplanation *ScoreExplanation `json:"anomaly_score_explanation,omitzero"`

	// Fields repeat split and influencer values under the fields' own names.
	Fields FieldValues `json:",embed"`
}

// Influence lists the values of one influencer field that share the blame for
// an anomaly record, the strongest first.
type Influence struct {
	InfluencerFieldName   string   `json:"influencer_field_name"`
	InfluencerFieldValues []string `json:"influencer_field_values"`
}

// ScoreExplanation gives the factors behind a record's score. Impacts are about
// -log10 of a probability.
type ScoreExplanation struct {
	AnomalyType                  string   `json:"anomaly_type,omitzero"` // spike or dip
	AnomalyLength                *int     `json:"anomaly_length,omitzero"`
	SingleBucketImpact           *int     `json:"single_bucket_impact,omitzero"`
	MultiBucketImpact            *int     `json:"multi_bucket_impact,omitzero"`
	AnomalyCharacteristicsImpact *int     `json:"anomaly_characteristics_impact,omitzero"`
	LowerConfidenceBound         *float64 `json:"lower_confidence_bound,omitzero"`
	TypicalValue                 *float64 `json:"typical_value,omitzero"`
	UpperConfidenceBound         *float64 `json:"upper_confidence_bound,omitzero"`
	HighVariancePenalty          bool     `json:"high_variance_penalty"`
	IncompleteBucketPenalty      bool     `json:"incomplete_bucket_penalty"`
	// ByFieldFirstOccurrence is true if a rare value was never there before.
	ByFieldFirstOccurrence bool `json:"by_field_first_occurrence,omitzero"`
	// ExtrapolatedTail is true if the probability lies beyond what the series'
	// history can support by itself.
	ExtrapolatedTail bool `json:"extrapolated_tail,omitzero"`
}

// Category is a group of messages that belong together.
type Category struct {
	JobID               string   `json:"job_id"`
	CategoryID          int64    `json:"category_id"`
	PartitionFieldName  string   `json:"partition_field_name,omitzero"`
	PartitionFieldValue *string  `json:"partition_field_value,omitzero"`
	Terms               string   `json:"terms"`
	Regex               string   `json:"regex"`
	MaxMatchingLength   int64    `json:"max_matching_length"`
	Examples            []string `json:"examples"`
	GrokPattern         string   `json:"grok_pattern,omitzero"`
	// PreferredToCategories are those whose messages belong here by now.
	PreferredToCategories []int64 `json:"preferred_to_categories,omitempty"`
	NumMatches            int64   `json:"num_matches"`
	ResultType            string  `json:"result_type"`
	MLCategory            string  `json:"mlcategory"`
}

// CategoryList is the answer to reading categories.
type CategoryList struct {
	Count      int64      `json:"count"`
	Categories []Category `json:"categories"`
}

// Influencer is one blamed field value in one bucket.
type Influencer struct {
	JobID                  string  `json:"job_id"`
	ResultType             string  `json:"result_type"`
	InfluencerFieldName    string  `json:"influencer_field_name"`
	InfluencerFieldValue   string  `json:"influencer_field_value"`
	InfluencerScore        float64 `json:"influencer_score"`
	InitialInfluencerScore float64 `json:"initial_influencer_score"`
	Probability            float64 `json:"probability"`
	BucketSpan             int64   `json:"bucket_span"` // seconds
	IsInterim              bool    `json:"is_interim"`
	Timestamp              Millis  `json:"timestamp"`

	// Fields repeats the value under the field's own name.
	Fields FieldValues `json:",embed"`
}

// FieldValues are the members of a result document that are named by the
// user's own fields.
type FieldValues map[string]jsontext.Value

// Values returns the values under a field: one or a list of strings. Anything
// else counts as none.
func (f FieldValues) Values(field string) []string {
	var list []string
	if json.Unmarshal(f[field], &list) == nil {
		return list
	}
	var one string
	if json.Unmarshal(f[field], &one) == nil {
		return []string{one}
	}
	return nil
}

// BucketList, RecordList and InfluencerList answer the results endpoints.
// Count is how many match in all, not how many are on the page.
type BucketList struct {
	Count   int64    `json:"count"`
	Buckets []Bucket `json:"buckets"`
}

// RecordList answers results/records; see BucketList.
type RecordList struct {
	Count   int64    `json:"count"`
	Records []Record `json:"records"`
}

// InfluencerList answers results/influencers; see BucketList.
type InfluencerList struct {
	Count       int64        `json:"count"`
	Influencers []Influencer `json:"influencers"`
}

// PageRequest selects a part of an answer; From+Size must not exceed MaxPage.
type PageRequest struct {
	From *int `json:"from,omitzero"`
	Size *int `json:"size,omitzero"`
}

// DefaultPageSize and MaxPage bound pages of results.
const (
	DefaultPageSize = 100
	MaxPage         = 10_000
)

// BucketsRequest is the body of results/buckets.
type BucketsRequest struct {
	Timestamp      string       `json:"timestamp,omitzero"`
	AnomalyScore   *float64     `json:"anomaly_score,omitzero"`
	Start          string       `json:"start,omitzero"`
	End            string       `json:"end,omitzero"`
	ExcludeInterim bool         `json:"exclude_interim,omitzero"`
	Expand         bool         `json:"expand,omitzero"`
	Sort           string       `json:"sort,omitzero"`
	Desc           *bool        `json:"desc,omitzero"`
	Page           *PageRequest `json:"page,omitzero"`
}

// RecordsRequest is the body of results/records.
type RecordsRequest struct {
	RecordScore    *float64     `json:"record_score,omitzero"`
	Start          string       `json:"start,omitzero"`
	End            string       `json:"end,omitzero"`
	ExcludeInterim bool         `json:"exclude_interim,omitzero"`
	Sort           string       `json:"sort,omitzero"`
	Desc           *bool        `json:"desc,omitzero"`
	Page           *PageRequest `json:"page,omitzero"`
}

// InfluencersRequest is the body of results/influencers.
type InfluencersRequest struct {
	InfluencerScore *float64     `json:"influencer_score,omitzero"`
	Start           string       `json:"start,omitzero"`
	End             string       `json:"end,omitzero"`
	ExcludeInterim  bool         `json:"exclude_interim,omitzero"`
	Sort            string       `json:"sort,omitzero"`
	Desc            *bool        `json:"desc,omitzero"`
	Page            *PageRequest `json:"page,omitzero"`
}
