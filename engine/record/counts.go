package record

// Counts are the data counts of one upload or the running totals of a job.
// Times are in milliseconds; a time of NoTime is unset.
type Counts struct {
	ProcessedRecords int64
	ProcessedFields  int64
	InputBytes       int64
	InputFields      int64
	InvalidDates     int64
	MissingFields    int64
	OutOfOrder       int64
	EmptyBuckets     int64
	SparseBuckets    int64
	Buckets          int64
	InputRecords     int64
	EarliestRecord   int64
	LatestRecord     int64
	LatestEmpty      int64
	LatestSparse     int64
}

// NoTime marks an unset time in Counts. Records before 1970 are refused, so
// no valid time is negative.
const NoTime int64 = -1

// NewCounts returns zero counts with every time unset.
func NewCounts() Counts {
	return Counts{EarliestRecord: NoTime, LatestRecord: NoTime, LatestEmpty: NoTime, LatestSparse: NoTime}
}
