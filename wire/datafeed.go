package wire

import "github.com/go-json-experiment/json/jsontext"

// Datafeed is the configuration of a datafeed: what is searched for a job's data.
type Datafeed struct {
	DatafeedID string `json:"datafeed_id,omitzero"`
	JobID      string `json:"job_id,omitzero"`
	// QueryDelay is how long data is waited for; Frequency how often is searched.
	QueryDelay string   `json:"query_delay,omitzero"`
	Frequency  string   `json:"frequency,omitzero"`
	Indices    []string `json:"indices"`
	// Query is passed on as it is.
	Query          jsontext.Value `json:"query"`
	Aggregations   jsontext.Value `json:"aggregations,omitzero"`
	ScrollSize     *int64         `json:"scroll_size,omitzero"`
	ChunkingConfig ChunkingConfig `json:"chunking_config"`
	// DelayedDataCheckConfig says whether data that came too late is looked for.
	DelayedDataCheckConfig DelayedDataCheckConfig `json:"delayed_data_check_config"`
	MaxEmptySearches       *int64                 `json:"max_empty_searches,omitzero"`
	IndicesOptions         IndicesOptions         `json:"indices_options"`
}

// ChunkingConfig says how a long time is cut: auto, manual by TimeSpan, or off.
type ChunkingConfig struct {
	Mode     string `json:"mode"`
	TimeSpan string `json:"time_span,omitzero"`
}

// DelayedDataCheckConfig is kept with the datafeed.
type DelayedDataCheckConfig struct {
	Enabled     bool   `json:"enabled"`
	CheckWindow string `json:"check_window,omitzero"`
}

// IndicesOptions say what the names of indices may leave unmatched.
type IndicesOptions struct {
	ExpandWildcards   []string `json:"expand_wildcards"`
	IgnoreUnavailable bool     `json:"ignore_unavailable"`
	AllowNoIndices    bool     `json:"allow_no_indices"`
	IgnoreThrottled   bool     `json:"ignore_throttled"`
}

// DatafeedList is the answer to GET datafeeds.
type DatafeedList struct {
	Count     int64      `json:"count"`
	Datafeeds []Datafeed `json:"datafeeds"`
}

// DatafeedStats are the figures of one datafeed.
type DatafeedStats struct {
	DatafeedID            string                `json:"datafeed_id"`
	State                 string                `json:"state"`
	Node                  *Node                 `json:"node,omitzero"`
	AssignmentExplanation string                `json:"assignment_explanation,omitzero"`
	TimingStats           DatafeedTimingStats   `json:"timing_stats"`
	RunningState          *DatafeedRunningState `json:"running_state,omitzero"`
}

// DatafeedTimingStats tell how long a datafeed's searches took, in milliseconds.
type DatafeedTimingStats struct {
	JobID                       string   `json:"job_id"`
	SearchCount                 int64    `json:"search_count"`
	BucketCount                 int64    `json:"bucket_count"`
	TotalSearchTimeMs           float64  `json:"total_search_time_ms"`
	AverageSearchTimePerBucket  *float64 `json:"average_search_time_per_bucket_ms,omitzero"`
	ExponentialAveragePerHourMs float64  `json:"exponential_average_search_time_per_hour_ms"`
}

// DatafeedRunningState tells what a started datafeed is at.
type DatafeedRunningState struct {
	RealTimeConfigured bool            `json:"real_time_configured"`
	RealTimeRunning    bool            `json:"real_time_running"`
	SearchInterval     *SearchInterval `json:"search_interval,omitzero"`
}

// SearchInterval is the time that the last search covered.
type SearchInterval struct {
	StartMs int64 `json:"start_ms"`
	EndMs   int64 `json:"end_ms"`
}

// DatafeedStatsList is the answer to GET datafeeds/_stats.
type DatafeedStatsList struct {
	Count     int64           `json:"count"`
	Datafeeds []DatafeedStats `json:"datafeeds"`
}

// DatafeedStarted and DatafeedStopped are the answers to start and stop.
type (
	DatafeedStarted struct {
		Started bool   `json:"started"`
		Node    string `json:"node"`
	}
	DatafeedStopped struct {
		Stopped bool `json:"stopped"`
	}
)
