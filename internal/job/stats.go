package job

import (
	"context"
	"fmt"
	"time"

	"tidemark/internal/document"
	"tidemark/wire"
)

// Stats returns the statistics of the jobs that the expression chooses, by id.
// They are as of the last committed position: nothing in them can be lost any
// more. Neither an engine nor the disk is asked.
func (m *Manager) Stats(_ context.Context, expr string, allowNoMatch bool) ([]*wire.JobStats, error) {
	jobs, err := m.choose(expr, allowNoMatch)
	if err != nil {
		return nil, err
	}
	now := m.opt.Clock()
	out := make([]*wire.JobStats, len(jobs))
	for i, j := range jobs {
		out[i] = j.stats(now)
	}
	return out, nil
}

func (j *job) stats(now time.Time) *wire.JobStats {
	v := j.view.Load()
	j.mu.Lock()
	current, reason := j.state, j.row.Reason
	j.mu.Unlock()
	s := &wire.JobStats{
		JobID:          j.id,
		DataCounts:     document.Counts(j.id, v.Counts, v.LastDataMs, v.LogMs),
		ModelSizeStats: document.ModelSize(j.id, v.Size, v.LogMs),
		State:          current,
		ForecastsStats: j.forecastStats(),
		TimingStats:    v.Timing.document(j.id),
	}
	if current == failed {
		s.AssignmentExplanation = reason
	}
	if current == opened && j.m.UpgradeMode() {
		s.AssignmentExplanation = "persistent task cannot be assigned while upgrade mode is enabled."
	}
	if current == opened && v.OpenedMs > 0 {
		s.OpenTime = fmt.Sprintf("%ds", max(0, now.UnixMilli()-v.OpenedMs)/1000)
	}
	return s
}

func (t *timing) document(id string) wire.TimingStats {
	s := wire.TimingStats{
		JobID: id, BucketCount: t.Buckets, TotalBucketProcessingTimeMs: t.TotalMs,
		ExponentialAverageProcessingTimePerHourMs: t.perHour(),
	}
	if t.Buckets > 0 {
		average := t.TotalMs / float64(t.Buckets)
		s.MinimumBucketProcessingTimeMs = &t.MinMs
		s.MaximumBucketProcessingTimeMs = &t.MaxMs
		s.AverageBucketProcessingTimeMs = &average
		s.ExponentialAverageBucketProcessingTimeMs = &t.ExpMs
	}
	return s
}
