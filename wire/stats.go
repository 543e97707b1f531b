package wire

// DataCounts are the counts of one upload (answer to _data) or a job's running
// totals (stats).
type DataCounts struct {
	JobID                       string  `json:"job_id"`
	ProcessedRecordCount        int64   `json:"processed_record_count"`
	ProcessedFieldCount         int64   `json:"processed_field_count"`
	InputBytes                  int64   `json:"input_bytes"`
	InputFieldCount             int64   `json:"input_field_count"`
	InvalidDateCount            int64   `json:"invalid_date_count"`
	MissingFieldCount           int64   `json:"missing_field_count"`
	OutOfOrderTimestampCount    int64   `json:"out_of_order_timestamp_count"`
	EmptyBucketCount            int64   `json:"empty_bucket_count"`
	SparseBucketCount           int64   `json:"sparse_bucket_count"`
	BucketCount                 int64   `json:"bucket_count"`
	EarliestRecordTimestamp     *Millis `json:"earliest_record_timestamp,omitzero"`
	LatestRecordTimestamp       *Millis `json:"latest_record_timestamp,omitzero"`
	LastDataTime                *Millis `json:"last_data_time,omitzero"`
	LatestEmptyBucketTimestamp  *Millis `json:"latest_empty_bucket_timestamp,omitzero"`
	LatestSparseBucketTimestamp *Millis `json:"latest_sparse_bucket_timestamp,omitzero"`
	InputRecordCount            int64   `json:"input_record_count"`
	LogTime                     *Millis `json:"log_time,omitzero"`
}

// ModelSizeStats tell how much a job has learned and what that takes, in bytes.
type ModelSizeStats struct {
	JobID                         string  `json:"job_id"`
	ResultType                    string  `json:"result_type"`
	ModelBytes                    int64   `json:"model_bytes"`
	PeakModelBytes                *int64  `json:"peak_model_bytes,omitzero"`
	ModelBytesExceeded            *int64  `json:"model_bytes_exceeded,omitzero"`
	ModelBytesMemoryLimit         *int64  `json:"model_bytes_memory_limit,omitzero"`
	TotalByFieldCount             int64   `json:"total_by_field_count"`
	TotalOverFieldCount           int64   `json:"total_over_field_count"`
	TotalPartitionFieldCount      int64   `json:"total_partition_field_count"`
	BucketAllocationFailuresCount int64   `json:"bucket_allocation_failures_count"`
	MemoryStatus                  string  `json:"memory_status"`
	AssignmentMemoryBasis         string  `json:"assignment_memory_basis,omitzero"`
	CategorizedDocCount           int64   `json:"categorized_doc_count"`
	TotalCategoryCount            int64   `json:"total_category_count"`
	FrequentCategoryCount         int64   `json:"frequent_category_count"`
	RareCategoryCount             int64   `json:"rare_category_count"`
	DeadCategoryCount             int64   `json:"dead_category_count"`
	FailedCategoryCount           int64   `json:"failed_category_count"`
	CategorizationStatus          string  `json:"categorization_status"`
	LogTime                       Millis  `json:"log_time"`
	Timestamp                     *Millis `json:"timestamp,omitzero"`
}

// ForecastsStats sum up a job's forecasts.
type ForecastsStats struct {
	Total            int64            `json:"total"`
	ForecastedJobs   int64            `json:"forecasted_jobs"`
	MemoryBytes      *Spread          `json:"memory_bytes,omitzero"`
	Records          *Spread          `json:"records,omitzero"`
	ProcessingTimeMs *Spread          `json:"processing_time_ms,omitzero"`
	Status           map[string]int64 `json:"status,omitempty"`
}

// Spread sums up a set of numbers.
type Spread struct {
	Total float64 `json:"total"`
	Min   float64 `json:"min"`
	Avg   float64 `json:"avg"`
	Max   float64 `json:"max"`
}

// TimingStats tell how long a job's buckets took, in milliseconds. The single
// times are absent before the first bucket.
type TimingStats struct {
	JobID                                     string   `json:"job_id"`
	BucketCount                               int64    `json:"bucket_count"`
	TotalBucketProcessingTimeMs               float64  `json:"total_bucket_processing_time_ms"`
	MinimumBucketProcessingTimeMs             *float64 `json:"minimum_bucket_processing_time_ms,omitzero"`
	MaximumBucketProcessingTimeMs             *float64 `json:"maximum_bucket_processing_time_ms,omitzero"`
	AverageBucketProcessingTimeMs             *float64 `json:"average_bucket_processing_time_ms,omitzero"`
	ExponentialAverageBucketProcessingTimeMs  *float64 `json:"exponential_average_bucket_processing_time_ms,omitzero"`
	ExponentialAverageProcessingTimePerHourMs float64  `json:"exponential_average_bucket_processing_time_per_hour_ms"`
}

// Node says where a job runs.
type Node struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	EphemeralID      string            `json:"ephemeral_id"`
	TransportAddress string            `json:"transport_address"`
	Attributes       map[string]string `json:"attributes"`
}

// JobState is where a job is in its life.
type JobState string

// The states of a job.
const (
	StateClosed  JobState = "closed"
	StateOpening JobState = "opening"
	StateOpened  JobState = "opened"
	StateClosing JobState = "closing"
	StateFailed  JobState = "failed"
)

// JobStats are the figures of one job.
type JobStats struct {
	JobID          string         `json:"job_id"`
	DataCounts     DataCounts     `json:"data_counts"`
	ModelSizeStats ModelSizeStats `json:"model_size_stats"`
	ForecastsStats ForecastsStats `json:"forecasts_stats"`
	State          JobState       `json:"state"`
	Blocked        *Blocked       `json:"blocked,omitzero"`
	Node           *Node          `json:"node,omitzero"`
	// AssignmentExplanation tells why a job failed or does not run.
	AssignmentExplanation string `json:"assignment_explanation,omitzero"`
	// OpenTime is how long the job has been open, "123s".
	OpenTime    string      `json:"open_time,omitzero"`
	TimingStats TimingStats `json:"timing_stats"`
}

// JobStatsList is the answer to GET _stats.
type JobStatsList struct {
	Count int64       `json:"count"`
	Jobs  []*JobStats `json:"jobs"`
}
