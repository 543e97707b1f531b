package job

import (
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets, without a lock.
type histogram struct {
	counts []atomic.Uint64 // one more than the bounds
	nanos  atomic.Int64
	max    atomic.Int64
}

func newHistogram() *histogram {
	return &histogram{counts: make([]atomic.Uint64, len(DurationBounds)+1)}
}

// DurationBounds are the upper bounds of Histogram.Counts, in seconds.
var DurationBounds = []float64{0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5}

func (h *histogram) add(d time.Duration) {
	i := 0
	for i < len(DurationBounds) && d.Seconds() > DurationBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.nanos.Add(int64(d))
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

func (h *histogram) read() Histogram {
	out := Histogram{Counts: make([]uint64, len(h.counts))}
	for i := range h.counts {
		out.Counts[i] = h.counts[i].Load()
	}
	out.SumSeconds = time.Duration(h.nanos.Load()).Seconds()
	out.MaxSeconds = time.Duration(h.max.Load()).Seconds()
	return out
}

// Histogram is a distribution of durations since the process started.
type Histogram struct {
	// Counts are not cumulative; the last one has no upper bound.
	Counts     []uint64
	SumSeconds float64
	MaxSeconds float64
}

// Progress tells how far Recover is.
type Progress struct {
	// Jobs are to be looked at, Done of them are, Failed of those could not be
	// recovered.
	Jobs, Done, Failed int64
	// Entries of the log are to be replayed, Replayed of them are.
	Entries, Replayed int64
	// Finished is true once every job is done.
	Finished bool
}

// progress is the live form of Progress.
type progress struct {
	jobs, done, failed, entries, replayed atomic.Int64
	finished                              atomic.Bool
}

func (p *progress) read() Progress {
	return Progress{
		Jobs: p.jobs.Load(), Done: p.done.Load(), Failed: p.failed.Load(),
		Entries: p.entries.Load(), Replayed: p.replayed.Load(), Finished: p.finished.Load(),
	}
}

// Figures are what the manager measures over all jobs.
type Figures struct {
	// BucketClose is the time from the start of applying an entry that closed
	// a bucket until its results were committed.
	BucketClose Histogram
	// SnapshotStall is how long taking a snapshot held up a job's owner.
	SnapshotStall Histogram
	// BytesInFlight are the encoded uploads that wait or are being stored.
	BytesInFlight int64
	Recovery      Progress
}

// Figures returns the manager's measurements.
func (m *Manager) Figures() Figures {
	return Figures{
		BucketClose:   m.bucketClose.read(),
		SnapshotStall: m.snapshotStall.read(),
		BytesInFlight: m.bytes.Load(),
		Recovery:      m.recovery.read(),
	}
}

// JobFigures are one job's figures for monitoring.
type JobFigures struct {
	ID, State string
	// LastDataMs is the wall clock at the last upload, LatestRecordMs the
	// newest event time; -1: none yet.
	LastDataMs, LatestRecordMs int64
	// SinceDataSeconds is the wall-clock time since the last upload,
	// LagSeconds since the newest event time; -1: no data yet.
	SinceDataSeconds, LagSeconds float64
	Processed, Late, Invalid     int64
	QueueDepth                   int
	ModelBytes, ModelLimitBytes  int64
	// SnapshotAgeSeconds is the time since the last snapshot; -1: none yet.
	SnapshotAgeSeconds float64
	// ReplayWork is the estimated work of a recovery since the last stored
	// snapshot, in the units of engine.ReplayCost.
	ReplayWork int64
}

// Overview returns every job's figures, by id. Cost: about a microsecond per
// job, no disk and no engine.
func (m *Manager) Overview() []JobFigures {
	jobs := m.all()
	out := make([]JobFigures, 0, len(jobs))
	now := m.opt.Clock()
	for _, j := range jobs {
		out = append(out, j.overview(now))
	}
	return out
}

func (j *job) overview(now time.Time) JobFigures {
	v := j.view.Load()
	f := JobFigures{
		ID: j.id, State: string(j.stateNow()),
		LastDataMs: -1, LatestRecordMs: v.Counts.LatestRecord,
		SinceDataSeconds: -1, LagSeconds: -1, SnapshotAgeSeconds: -1,
		Processed: v.Counts.ProcessedRecords, Late: v.Counts.OutOfOrder, Invalid: v.Counts.InvalidDates,
		ModelBytes: v.Size.Bytes, ModelLimitBytes: v.Size.LimitBytes,
		ReplayWork: j.replayWork.Load(),
	}
	if v.LastDataMs > 0 {
		f.LastDataMs = v.LastDataMs
		f.SinceDataSeconds = secondsSince(now, v.LastDataMs)
	}
	if v.Counts.LatestRecord >= 0 {
		f.LagSeconds = secondsSince(now, v.Counts.LatestRecord)
	}
	if at := j.snapshotMs.Load(); at > 0 {
		f.SnapshotAgeSeconds = secondsSince(now, at)
	}
	if r := j.run.Load(); r != nil {
		f.QueueDepth = r.queue.depth()
	}
	return f
}

func secondsSince(now time.Time, ms int64) float64 {
	return float64(now.UnixMilli()-ms) / 1000
}
