package document

import (
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/wire"
)

// Counts returns data counts as the API shows them. lastDataMs is when the
// counts last changed, logTimeMs when they were stored; neither is shown if it
// is 0 or less.
func Counts(jobID string, c record.Counts, lastDataMs, logTimeMs int64) wire.DataCounts {
	return wire.DataCounts{
		JobID:                       jobID,
		ProcessedRecordCount:        c.ProcessedRecords,
		ProcessedFieldCount:         max(0, c.ProcessedFields),
		InputBytes:                  c.InputBytes,
		InputFieldCount:             c.InputFields,
		InvalidDateCount:            c.InvalidDates,
		MissingFieldCount:           c.MissingFields,
		OutOfOrderTimestampCount:    c.OutOfOrder,
		EmptyBucketCount:            c.EmptyBuckets,
		SparseBucketCount:           c.SparseBuckets,
		BucketCount:                 c.Buckets,
		EarliestRecordTimestamp:     recordTime(c.EarliestRecord),
		LatestRecordTimestamp:       recordTime(c.LatestRecord),
		LastDataTime:                stamp(lastDataMs),
		LatestEmptyBucketTimestamp:  recordTime(c.LatestEmpty),
		LatestSparseBucketTimestamp: recordTime(c.LatestSparse),
		InputRecordCount:            c.InputRecords,
		LogTime:                     stamp(logTimeMs),
	}
}

// recordTime is an optional time of the data, where 0 is a time.
func recordTime(ms int64) *wire.Millis {
	if ms == record.NoTime {
		return nil
	}
	return wire.MillisOf(ms)
}

// stamp is an optional time of the wall clock, where 0 is none.
func stamp(ms int64) *wire.Millis {
	if ms <= 0 {
		return nil
	}
	return wire.MillisOf(ms)
}

// ModelSize returns the size of what a job has learned as the API shows it.
// logTimeMs is when the figures were stored.
func ModelSize(jobID string, m result.ModelSize, logTimeMs int64) wire.ModelSizeStats {
	s := wire.ModelSizeStats{
		JobID:                         jobID,
		ResultType:                    wire.ResultModelSizeStats,
		ModelBytes:                    m.Bytes,
		PeakModelBytes:                &m.PeakBytes,
		ModelBytesExceeded:            &m.ExceededBytes,
		TotalByFieldCount:             m.ByValues,
		TotalOverFieldCount:           m.OverValues,
		TotalPartitionFieldCount:      m.PartitionValues,
		BucketAllocationFailuresCount: m.AllocationFailures,
		MemoryStatus:                  string(m.Status),
		CategorizedDocCount:           m.Categories.Documents,
		TotalCategoryCount:            m.Categories.Total,
		FrequentCategoryCount:         m.Categories.Frequent,
		RareCategoryCount:             m.Categories.Rare,
		DeadCategoryCount:             m.Categories.Dead,
		FailedCategoryCount:           m.Categories.Failed,
		CategorizationStatus:          "ok",
		LogTime:                       wire.Millis(max(0, logTimeMs)),
		Timestamp:                     recordTime(m.BucketMs),
	}
	if m.LimitBytes > 0 {
		s.ModelBytesMemoryLimit = &m.LimitBytes
	}
	if m.Categories.Warn {
		s.CategorizationStatus = "warn"
	}
	if s.MemoryStatus == "" {
		s.MemoryStatus = string(result.MemoryOK)
	}
	return s
}
