// Package result holds what the engine reports: buckets, anomaly records and
// influencers as plain values.
package result

// Bucket is one finalized or interim bucket, or a run of buckets that differ
// only in their time.
type Bucket struct {
	// StartMs is the start of the bucket (of the first one of a run).
	StartMs int64
	SpanMs  int64
	// Run is how many consecutive buckets this stands for, at least 1. More
	// than one only for empty buckets without records.
	Run int64
	// Score is 0..100; InitialScore is the same number until a job-wide
	// re-scoring exists.
	Score      float64
	EventCount int64
	Interim    bool
	// ScheduledEvents are the descriptions of the events that the bucket is part of.
	ScheduledEvents []string
	// BucketInfluencers hold "bucket_time" and one entry per influencer field
	// that contributed, when the bucket has records.
	BucketInfluencers []BucketInfluencer
	// Records are the anomaly records, least probable first.
	Records []Record
	// Influencers are the blamed values, least probable first.
	Influencers []Influencer
	// Plots are what the models expected, if the job asks for that.
	Plots []Plot
	// Omitted counts records and influencers beyond the cap that were left out.
	OmittedRecords, OmittedInfluencers int64
}

// Record is one anomalous value of one series in one bucket.
type Record struct {
	Detector int
	// LogProb is the natural logarithm of the probability.
	LogProb float64
	// Score and NoveltyScore are 0..100.
	Score        float64
	NoveltyScore float64
	// MultiBucketImpact is -5 (single bucket) to 5 (multi-bucket).
	MultiBucketImpact float64
	Typical, Actual   float64
	// Split values; the matching Has tells an empty value from no split.
	Partition, By, Over          string
	HasPartition, HasBy, HasOver bool
	// CorrelatedBy is the by value that the value was judged by, if HasCorrelated.
	CorrelatedBy  string
	HasCorrelated bool
	Influencers   []RecordInfluencer
	Explanation   Explanation
	// Causes are the values that make a member of a population stand out, the
	// least probable first; By is absent if there are several.
	Causes []Cause
	// ActualPlace and TypicalPlace take the place of Typical and Actual.
	ActualPlace, TypicalPlace Place
	HasPlace                  bool
}

// Place is a point on earth in degrees.
type Place struct{ Lat, Lon float64 }

// Cause is one value of a member of a population.
type Cause struct {
	LogProb         float64
	By              string
	HasBy           bool
	Typical, Actual float64
	// ActualPlace and TypicalPlace take the place of Typical and Actual where the
	// record has places.
	ActualPlace, TypicalPlace Place
}

// RecordInfluencer lists the values of one influencer field that share the
// blame for a record, the strongest first.
type RecordInfluencer struct {
	Field  string
	Values []string
}

// Explanation gives the factors behind a record's score.
type Explanation struct {
	// Spike is true if the actual value lies above the typical one.
	Spike bool
	// SingleBucketImpact is about -log10 of the single-bucket probability.
	SingleBucketImpact int
	// MultiBucketImpact is about -log10 of that of several buckets together.
	MultiBucketImpact int
	// Length is how many buckets in a row lay far out on the same side, this one
	// included.
	Length int
	// LowerBound and UpperBound enclose 95 % of expected values.
	LowerBound, UpperBound float64
	// HighVariance is true if wide scatter of the series lowered the score.
	HighVariance bool
	// IncompleteBucket is true if the score was lowered because the bucket is
	// still filling.
	IncompleteBucket bool
	// Extrapolated is true if the probability lies beyond what the series'
	// history can support.
	Extrapolated bool
	// FirstOccurrence is true if a rare value was never there before.
	FirstOccurrence bool
}

// BucketInfluencer aggregates one influencer field, or "bucket_time".
type BucketInfluencer struct {
	Field   string
	LogProb float64
	// RawScore and Score are 0..100.
	RawScore, Score float64
}

// Influencer is one blamed field value in one bucket.
type Influencer struct {
	Field, Value string
	LogProb      float64
	Score        float64
}

// Category is a group of messages that belong together.
type Category struct {
	// ID is unique in the job, from 1.
	ID           int
	Partition    string
	HasPartition bool
	// Terms are what the messages have in common, in order; Regex matches them.
	Terms, Regex string
	// MaxMatchingLength is how long a message may be, in characters.
	MaxMatchingLength int
	Examples          []string
	NumMatches        int64
	// PreferredTo are categories whose messages belong here by now.
	PreferredTo []int
}

// CategoryStats sum up the categories of a job.
type CategoryStats struct {
	Documents, Total, Frequent, Rare, Dead, Failed int64
	// Warn: the messages do not look like ones that can be grouped.
	Warn bool
}

// MemoryStatus says how the learned state stands to its limit.
type MemoryStatus string

// The memory states, by their wire names.
const (
	MemoryOK   MemoryStatus = "ok"
	MemorySoft MemoryStatus = "soft_limit"
	MemoryHard MemoryStatus = "hard_limit"
)

// ModelSize describes the learned state. All byte counts are pure functions of
// the state.
type ModelSize struct {
	Bytes, PeakBytes, LimitBytes, ExceededBytes int64
	ByValues, OverValues, PartitionValues       int64
	Series                                      int64
	// AllocationFailures counts buckets in which a series was refused.
	AllocationFailures int64
	// Evicted counts series that gave way to more useful ones.
	Evicted    int64
	Status     MemoryStatus
	Categories CategoryStats
	// BucketMs is the start of the last finalized bucket, or -1.
	BucketMs int64
}
