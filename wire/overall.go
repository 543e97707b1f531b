package wire

import "time"

// OverallBucket is the score of several jobs in one interval.
type OverallBucket struct {
	Timestamp  Millis `json:"timestamp"`
	BucketSpan int64  `json:"bucket_span"` // seconds
	// OverallScore is the mean of the highest scores of the worst jobs.
	OverallScore float64      `json:"overall_score"`
	Jobs         []OverallJob `json:"jobs"`
	IsInterim    bool         `json:"is_interim"`
	ResultType   string       `json:"result_type"`
}

// OverallJob is one job's part in an OverallBucket.
type OverallJob struct {
	JobID           string  `json:"job_id"`
	MaxAnomalyScore float64 `json:"max_anomaly_score"`
}

// OverallBucketList is the answer to reading overall buckets.
type OverallBucketList struct {
	Count          int64           `json:"count"`
	OverallBuckets []OverallBucket `json:"overall_buckets"`
}

// FormatMillis writes a duration in milliseconds as FormatDuration does.
func FormatMillis(ms int64) string { return FormatDuration(time.Duration(ms) * time.Millisecond) }
