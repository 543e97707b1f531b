package wire

import "github.com/go-json-experiment/json/jsontext"

// Job is a job's configuration: the body of PUT and an element of GET. Fields
// that only the server sets are absent from a request.
type Job struct {
	JobID string `json:"job_id,omitzero"`
	// JobType is "anomaly_detector"; JobVersion the API version that made it.
	JobType     string   `json:"job_type,omitzero"`
	JobVersion  string   `json:"job_version,omitzero"`
	Groups      []string `json:"groups,omitempty"`
	Description string   `json:"description,omitzero"`
	// CreateTime and FinishedTime are set by the server.
	CreateTime   *Millis `json:"create_time,omitzero"`
	FinishedTime *Millis `json:"finished_time,omitzero"`
	// DatafeedConfig is the job's datafeed; in a request it makes one.
	DatafeedConfig  *Datafeed        `json:"datafeed_config,omitzero"`
	AnalysisConfig  AnalysisConfig   `json:"analysis_config"`
	AnalysisLimits  *AnalysisLimits  `json:"analysis_limits,omitzero"`
	DataDescription DataDescription  `json:"data_description"`
	ModelPlotConfig *ModelPlotConfig `json:"model_plot_config,omitzero"`
	// RenormalizationWindowDays is kept and has no effect: scores of the past
	// are not rewritten.
	RenormalizationWindowDays *int64 `json:"renormalization_window_days,omitzero"`
	// BackgroundPersistInterval is a duration, at least 1h. It is kept and has
	// no effect: snapshots fall due by the work they save.
	BackgroundPersistInterval            string         `json:"background_persist_interval,omitzero"`
	ModelSnapshotRetentionDays           *int64         `json:"model_snapshot_retention_days,omitzero"`
	DailyModelSnapshotRetentionAfterDays *int64         `json:"daily_model_snapshot_retention_after_days,omitzero"`
	ResultsRetentionDays                 *int64         `json:"results_retention_days,omitzero"`
	CustomSettings                       jsontext.Value `json:"custom_settings,omitzero"`
	ModelSnapshotID                      string         `json:"model_snapshot_id,omitzero"`
	ModelSnapshotMinVersion              string         `json:"model_snapshot_min_version,omitzero"`
	ResultsIndexName                     string         `json:"results_index_name,omitzero"`
	AllowLazyOpen                        bool           `json:"allow_lazy_open"`
	Blocked                              *Blocked       `json:"blocked,omitzero"`
}

// JobType is the only type of job there is.
const JobType = "anomaly_detector"

// AnalysisConfig says what a job analyses.
type AnalysisConfig struct {
	// BucketSpan is a duration of whole seconds; the server's default is "5m".
	BucketSpan string `json:"bucket_span,omitzero"`
	// CategorizationFieldName holds messages; their categories are the values of
	// the field mlcategory. Filters are regular expressions: what they match is
	// taken out first. The analyzer says how messages are cut into tokens.
	CategorizationFieldName    string                      `json:"categorization_field_name,omitzero"`
	CategorizationFilters      []string                    `json:"categorization_filters,omitempty"`
	CategorizationAnalyzer     jsontext.Value              `json:"categorization_analyzer,omitzero"`
	PerPartitionCategorization *PerPartitionCategorization `json:"per_partition_categorization,omitzero"`
	// Latency is how late records may come, a duration of whole seconds.
	Latency               string     `json:"latency,omitzero"`
	SummaryCountFieldName string     `json:"summary_count_field_name,omitzero"`
	Detectors             []Detector `json:"detectors"`
	Influencers           []string   `json:"influencers"`
	// ModelPruneWindow is how long a series may be silent before a close
	// forgets it, a multiple of the bucket span.
	ModelPruneWindow string `json:"model_prune_window,omitzero"`
	// MultivariateByFields: by values of a detector that move together are judged by
	// one another.
	MultivariateByFields *bool `json:"multivariate_by_fields,omitzero"`
}

// PerPartitionCategorization gives each partition categories of its own.
type PerPartitionCategorization struct {
	Enabled    bool `json:"enabled"`
	StopOnWarn bool `json:"stop_on_warn,omitzero"`
}

// Detector is one function with its field and splits.
type Detector struct {
	// DetectorDescription is generated if absent, "mean(responsetime) by
	// airline".
	DetectorDescription string `json:"detector_description,omitzero"`
	Function            string `json:"function"`
	FieldName           string `json:"field_name,omitzero"`
	ByFieldName         string `json:"by_field_name,omitzero"`
	OverFieldName       string `json:"over_field_name,omitzero"`
	PartitionFieldName  string `json:"partition_field_name,omitzero"`
	UseNull             bool   `json:"use_null,omitzero"`
	// ExcludeFrequent is all, by, over or none: values that are there all the
	// time are let be.
	ExcludeFrequent string `json:"exclude_frequent,omitzero"`
	CustomRules     []Rule `json:"custom_rules,omitempty"`
	// DetectorIndex is the detector's place in the list; the server sets it.
	DetectorIndex int `json:"detector_index"`
}

// Rule changes what happens with values that all its conditions and its whole
// scope apply to.
type Rule struct {
	// Actions are skip_result, the default, skip_model_update and
	// force_time_shift.
	Actions []string `json:"actions"`
	// Scope tells by the value of a by, over or partition field.
	Scope      map[string]RuleScope `json:"scope,omitempty"`
	Conditions []RuleCondition      `json:"conditions,omitempty"`
	Params     *RuleParams          `json:"params,omitzero"`
}

// RuleScope holds for the values of a filter (include) or for all others.
type RuleScope struct {
	FilterID   string `json:"filter_id"`
	FilterType string `json:"filter_type"`
}

// RuleCondition compares actual, typical, diff_from_typical or time (seconds)
// with a value by gt, gte, lt or lte.
type RuleCondition struct {
	AppliesTo string  `json:"applies_to"`
	Operator  string  `json:"operator"`
	Value     float64 `json:"value"`
}

// RuleParams says what force_time_shift does.
type RuleParams struct {
	ForceTimeShift *TimeShift `json:"force_time_shift,omitzero"`
}

// TimeShift is how far the model's clock is moved, in seconds.
type TimeShift struct {
	TimeShiftAmount int64 `json:"time_shift_amount"`
}

// MemoryEstimate is how much memory a job is expected to need, "25mb".
type MemoryEstimate struct {
	ModelMemoryEstimate string `json:"model_memory_estimate"`
}

// AnalysisLimits bound what a job may use.
type AnalysisLimits struct {
	// ModelMemoryLimit is a size; the server answers whole megabytes, "1024mb".
	ModelMemoryLimit            string `json:"model_memory_limit,omitzero"`
	CategorizationExamplesLimit *int64 `json:"categorization_examples_limit,omitzero"`
}

// DataDescription says where a record's time is and how it is written.
type DataDescription struct {
	// Format is "xcontent", JSON, if absent; "delimited" are lines of cells under a
	// line of names, with FieldDelimiter between and QuoteCharacter around them.
	Format         string `json:"format,omitzero"`
	FieldDelimiter string `json:"field_delimiter,omitzero"`
	QuoteCharacter string `json:"quote_character,omitzero"`
	// TimeField is "time" if absent.
	TimeField string `json:"time_field,omitzero"`
	// TimeFormat is "epoch" (seconds), "epoch_ms" (if absent) or a pattern such
	// as "yyyy-MM-dd HH:mm:ssX".
	TimeFormat string `json:"time_format,omitzero"`
}

// ModelPlotConfig asks for model bounds beside the results.
type ModelPlotConfig struct {
	Enabled            bool   `json:"enabled"`
	Terms              string `json:"terms,omitzero"`
	AnnotationsEnabled *bool  `json:"annotations_enabled,omitzero"`
}

// Blocked tells why a job takes no requests for now.
type Blocked struct {
	Reason string `json:"reason"`
	TaskID string `json:"task_id,omitzero"`
}

// JobList is the answer to GET of jobs.
type JobList struct {
	Count int64  `json:"count"`
	Jobs  []*Job `json:"jobs"`
}

// OpenRequest is the optional body of _open.
type OpenRequest struct {
	JobID string `json:"job_id,omitzero"`
	// Timeout is a duration, 30m if absent.
	Timeout string `json:"timeout,omitzero"`
}

// OpenResponse is the answer to _open.
type OpenResponse struct {
	Opened bool   `json:"opened"`
	Node   string `json:"node"`
}

// CloseRequest is the optional body of _close.
type CloseRequest struct {
	JobID        string `json:"job_id,omitzero"`
	AllowNoMatch *bool  `json:"allow_no_match,omitzero"`
	Force        bool   `json:"force,omitzero"`
	Timeout      string `json:"timeout,omitzero"`
}

// CloseResponse is the answer to _close.
type CloseResponse struct {
	Closed bool `json:"closed"`
}

// Acknowledged is the answer to deletes.
type Acknowledged struct {
	Acknowledged bool `json:"acknowledged"`
}
