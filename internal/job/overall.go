package job

import (
	"context"
	"maps"
	"math"
	"slices"

	"tidemark/internal/store"
	"tidemark/wire"
)

// OverallQuery asks for scores of several jobs together.
type OverallQuery struct {
	// TopN is how many jobs' highest scores are averaged, at least 1.
	TopN int
	// SpanMs is the length of the intervals, 0: that of the longest bucket.
	SpanMs         int64
	MinScore       float64
	ExcludeInterim bool
	// FromMs is rounded up and ToMs down to whole intervals.
	FromMs, ToMs   int64
	HasFrom, HasTo bool
	AllowNoMatch   bool
}

// maxOverall bounds the intervals of an answer, and maxInner those that are looked
// at for it.
const (
	maxOverall = 10_000
	maxInner   = 4_000_000
)

// interval is what is known of one interval.
type interval struct {
	scores  map[string]float64 // highest of each job
	interim bool
	score   float64 // highest of the intervals of the longest bucket in it
}

// Overall returns the scores of the jobs that an expression chooses, per interval.
func (m *Manager) Overall(ctx context.Context, expr string, q OverallQuery) ([]wire.OverallBucket, error) {
	jobs, err := m.choose(expr, q.AllowNoMatch)
	if err != nil {
		return nil, err
	}
	longest := int64(0)
	for _, j := range jobs {
		if s := j.conf.Load().spec; s != nil {
			longest = max(longest, s.BucketSpanMs)
		}
	}
	if longest == 0 {
		return nil, nil
	}
	if q.SpanMs == 0 {
		q.SpanMs = longest
	}
	if q.SpanMs < longest {
		return nil, &Error{Fault: BadRequest, Reason: "Param [bucket_span] must be greater or equal to the max bucket_span [" + wire.FormatMillis(longest) + "]"}
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if q.HasFrom {
		from = (q.FromMs + q.SpanMs - 1) / q.SpanMs * q.SpanMs
	}
	if q.HasTo {
		to = q.ToMs / q.SpanMs * q.SpanMs
	}
	inner := map[int64]*interval{}
	for _, j := range jobs {
		if err := j.scores(ctx, q, longest, from, to, inner); err != nil {
			return nil, err
		}
	}
	return overallBuckets(merge(inner, longest, q), q)
}

// scores adds a job's highest score of every interval of the longest bucket.
func (j *job) scores(ctx context.Context, q OverallQuery, longest, from, to int64, inner map[int64]*interval) error {
	tooMany := false
	err := j.m.opt.Store.Scores(ctx, j.num, from, to, func(r store.ScoreRow) {
		if r.Interim && q.ExcludeInterim || tooMany {
			return
		}
		first, last := max(r.StartMs, from), min(r.StartMs+r.Run*r.SpanMs, to)-1
		for at := first / longest; at <= last/longest; at++ {
			x := inner[at]
			if x == nil {
				if tooMany = len(inner) >= maxInner; tooMany {
					return
				}
				x = &interval{scores: map[string]float64{}}
				inner[at] = x
			}
			x.scores[j.id] = max(x.scores[j.id], r.Score)
			x.interim = x.interim || r.Interim
		}
	})
	if err == nil && tooMany {
		err = tooManyIntervals()
	}
	return err
}

func tooManyIntervals() *Error {
	return &Error{Fault: BadRequest, Reason: "Unable to return more than [10000] results; please use parameters [start] and [end] to limit the time range"}
}

// merge makes intervals of the asked length of those of the longest bucket: the
// highest score of them.
func merge(inner map[int64]*interval, longest int64, q OverallQuery) map[int64]*interval {
	outer := map[int64]*interval{}
	for _, at := range slices.Sorted(maps.Keys(inner)) {
		x := inner[at]
		start := at * longest / q.SpanMs * q.SpanMs
		y := outer[start]
		if y == nil {
			y = &interval{scores: map[string]float64{}}
			outer[start] = y
		}
		for _, id := range slices.Sorted(maps.Keys(x.scores)) {
			y.scores[id] = max(y.scores[id], x.scores[id])
		}
		y.score = max(y.score, topMean(x.scores, q.TopN))
		y.interim = y.interim || x.interim
	}
	return outer
}

// topMean is the mean of the n highest scores.
func topMean(scores map[string]float64, n int) float64 {
	list := slices.Sorted(maps.Values(scores))
	list = list[max(0, len(list)-n):]
	sum := 0.0
	for _, s := range list {
		sum += s
	}
	return sum / float64(max(len(list), 1))
}

func overallBuckets(outer map[int64]*interval, q OverallQuery) ([]wire.OverallBucket, error) {
	list := []wire.OverallBucket{}
	for _, start := range slices.Sorted(maps.Keys(outer)) {
		x := outer[start]
		if x.score < q.MinScore {
			continue
		}
		if len(list) == maxOverall {
			return nil, tooManyIntervals()
		}
		b := wire.OverallBucket{ResultType: "overall_bucket", Timestamp: wire.Millis(start), BucketSpan: q.SpanMs / 1000, OverallScore: x.score, IsInterim: x.interim}
		for _, id := range slices.Sorted(maps.Keys(x.scores)) {
			b.Jobs = append(b.Jobs, wire.OverallJob{JobID: id, MaxAnomalyScore: x.scores[id]})
		}
		list = append(list, b)
	}
	return list, nil
}
