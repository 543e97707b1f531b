package wire

import "github.com/go-json-experiment/json/jsontext"

// JobUpdate is the body of _update: nil leaves a member as it is.
type JobUpdate struct {
	Description                          *string                     `json:"description,omitzero"`
	Groups                               *[]string                   `json:"groups,omitzero"`
	Detectors                            []DetectorUpdate            `json:"detectors,omitempty"`
	AnalysisLimits                       *AnalysisLimits             `json:"analysis_limits,omitzero"`
	ModelPlotConfig                      *ModelPlotConfig            `json:"model_plot_config,omitzero"`
	CategorizationFilters                *[]string                   `json:"categorization_filters,omitzero"`
	PerPartitionCategorization           *PerPartitionCategorization `json:"per_partition_categorization,omitzero"`
	RenormalizationWindowDays            *int64                      `json:"renormalization_window_days,omitzero"`
	BackgroundPersistInterval            *string                     `json:"background_persist_interval,omitzero"`
	ModelSnapshotRetentionDays           *int64                      `json:"model_snapshot_retention_days,omitzero"`
	DailyModelSnapshotRetentionAfterDays *int64                      `json:"daily_model_snapshot_retention_after_days,omitzero"`
	ResultsRetentionDays                 *int64                      `json:"results_retention_days,omitzero"`
	// ModelPruneWindow is a duration, a multiple of the bucket span.
	ModelPruneWindow *string `json:"model_prune_window,omitzero"`
	// CustomSettings replace the old ones as a whole.
	CustomSettings jsontext.Value `json:"custom_settings,omitzero"`
	AllowLazyOpen  *bool          `json:"allow_lazy_open,omitzero"`
}

// DetectorUpdate changes the detector at an index.
type DetectorUpdate struct {
	DetectorIndex int     `json:"detector_index"`
	Description   *string `json:"description,omitzero"`
	CustomRules   *[]Rule `json:"custom_rules,omitzero"`
}

// MemoryEstimateRequest is the body of _estimate_model_memory. The maps tell how
// many values a field has.
type MemoryEstimateRequest struct {
	AnalysisConfig       AnalysisConfig   `json:"analysis_config"`
	OverallCardinality   map[string]int64 `json:"overall_cardinality,omitempty"`
	MaxBucketCardinality map[string]int64 `json:"max_bucket_cardinality,omitempty"`
}

// DatafeedConfig is the body of putting or updating a datafeed: what is not given
// is a default, or stays.
type DatafeedConfig struct {
	JobID                  string                  `json:"job_id,omitzero"`
	QueryDelay             string                  `json:"query_delay,omitzero"`
	Frequency              string                  `json:"frequency,omitzero"`
	Indices                []string                `json:"indices,omitempty"`
	Query                  jsontext.Value          `json:"query,omitzero"`
	Aggregations           jsontext.Value          `json:"aggregations,omitzero"`
	ScrollSize             *int64                  `json:"scroll_size,omitzero"`
	ChunkingConfig         *ChunkingConfig         `json:"chunking_config,omitzero"`
	DelayedDataCheckConfig *DelayedDataCheckConfig `json:"delayed_data_check_config,omitzero"`
	MaxEmptySearches       *int64                  `json:"max_empty_searches,omitzero"`
	IndicesOptions         *IndicesOptions         `json:"indices_options,omitzero"`
}

// PreviewRequest is the body of a preview of what does not exist yet.
type PreviewRequest struct {
	Datafeed *DatafeedConfig `json:"datafeed_config,omitzero"`
	Job      *Job            `json:"job_config,omitzero"`
}

// TaskOrDone is the answer to what may take long: done, or the task that does it.
type TaskOrDone struct {
	Acknowledged bool   `json:"acknowledged,omitzero"`
	Task         string `json:"task,omitzero"`
}
