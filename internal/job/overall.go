package job

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

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

// maxOverall bounds the intervals of an answer.
const maxOverall = 10_000

// Overall returns the scores of the jobs that an expression chooses, per interval.
func (m *Manager) Overall(ctx context.Context, expr string, q OverallQuery) ([]wire.OverallBucket, error) {
	jobs, err := m.choose(expr, q.AllowNoMatch)
	if err != nil {
		return nil, err
	}
	s := sweep{q: q, ids: map[uint64]string{}}
	nums := make([]uint64, len(jobs))
	for i, j := range jobs {
		nums[i], s.ids[j.num] = j.num, j.id
		if sp := j.conf.Load().spec; sp != nil {
			s.inner = max(s.inner, sp.BucketSpanMs)
		}
	}
	if s.inner == 0 {
		return nil, nil
	}
	if s.q.SpanMs == 0 {
		s.q.SpanMs = s.inner
	}
	if s.q.SpanMs < s.inner {
		return nil, &Error{Fault: BadRequest, Reason: "Param [bucket_span] must be greater or equal to the max bucket_span [" + wire.FormatMillis(s.inner) + "]"}
	}
	s.from, s.to = math.MinInt64, math.MaxInt64
	if q.HasFrom {
		s.from = (q.FromMs + s.q.SpanMs - 1) / s.q.SpanMs * s.q.SpanMs
	}
	if q.HasTo {
		s.to = q.ToMs / s.q.SpanMs * s.q.SpanMs
	}
	err = m.opt.Store.Scores(ctx, nums, s.from, s.to, s.add)
	if err == nil {
		err = s.until(math.MaxInt64)
	}
	if err == nil {
		err = s.close()
	}
	var refused *Error
	if errors.As(err, &refused) {
		return nil, refused
	}
	return s.list, err
}

// sweep goes through the scores of all jobs by time, an interval of the longest
// bucket at a time, and holds only what reaches into the present one. Intervals
// in which nothing begins or ends are equal, however many there are.
type sweep struct {
	q        OverallQuery
	ids      map[uint64]string
	inner    int64 // length of an interval, ms
	from, to int64
	// at is the number of the present interval, active what reaches into it.
	at     int64
	active []activeRow
	// outer is the answer's interval under way, if any.
	outer  *wire.OverallBucket
	scores map[string]float64
	list   []wire.OverallBucket
}

// activeRow is a job's score for the intervals up to last.
type activeRow struct {
	job  string
	row  store.ScoreRow
	last int64
}

// add takes the next row.
func (s *sweep) add(num uint64, r store.ScoreRow) error {
	if r.Interim && s.q.ExcludeInterim {
		return nil
	}
	first, end := max(r.StartMs, s.from), min(r.StartMs+r.Run*r.SpanMs, s.to)
	if first >= end {
		return nil
	}
	at := first / s.inner
	if err := s.until(at); err != nil {
		return err
	}
	s.at = at
	s.active = append(s.active, activeRow{job: s.ids[num], row: r, last: (end - 1) / s.inner})
	return nil
}

// until handles the intervals before number end.
func (s *sweep) until(end int64) error {
	for s.at < end && len(s.active) > 0 {
		same := end - 1
		for i := range s.active {
			same = min(same, s.active[i].last)
		}
		if err := s.intervals(s.at, same); err != nil {
			return err
		}
		s.at = same + 1
		s.active = slices.DeleteFunc(s.active, func(a activeRow) bool { return a.last < s.at })
	}
	return nil
}

// intervals adds those from number first to last, which have the same scores.
func (s *sweep) intervals(first, last int64) error {
	scores, interim := map[string]float64{}, false
	for i := range s.active {
		a := &s.active[i]
		scores[a.job] = max(scores[a.job], a.row.Score)
		interim = interim || a.row.Interim
	}
	score := topMean(scores, s.q.TopN)
	for at := first; at <= last; {
		start := at * s.inner / s.q.SpanMs * s.q.SpanMs
		if s.outer == nil || int64(s.outer.Timestamp) != start {
			if err := s.close(); err != nil {
				return err
			}
			s.outer = &wire.OverallBucket{ResultType: "overall_bucket", Timestamp: wire.Millis(start), BucketSpan: s.q.SpanMs / 1000}
			s.scores = map[string]float64{}
		}
		s.outer.OverallScore, s.outer.IsInterim = max(s.outer.OverallScore, score), s.outer.IsInterim || interim
		for id, x := range scores {
			s.scores[id] = max(s.scores[id], x)
		}
		// The rest of an interval of the answer adds nothing new, nor do whole
		// ones whose score nobody asked for.
		at = (start + s.q.SpanMs + s.inner - 1) / s.inner
		if last > at && score < s.q.MinScore {
			at = max(at, last*s.inner/s.q.SpanMs*s.q.SpanMs/s.inner)
		}
	}
	return nil
}

// close adds the interval of the answer that was under way to it.
func (s *sweep) close() error {
	b := s.outer
	s.outer = nil
	if b == nil || b.OverallScore < s.q.MinScore {
		return nil
	}
	if len(s.list) == maxOverall {
		return &Error{Fault: BadRequest, Reason: "Unable to return more than [10000] results; please use parameters [start] and [end] to limit the time range"}
	}
	for id, x := range s.scores {
		b.Jobs = append(b.Jobs, wire.OverallJob{JobID: id, MaxAnomalyScore: x})
	}
	slices.SortFunc(b.Jobs, func(x, y wire.OverallJob) int { return strings.Compare(x.JobID, y.JobID) })
	s.list = append(s.list, *b)
	return nil
}

// topMean is the mean of the n highest scores.
func topMean(scores map[string]float64, n int) float64 {
	list := make([]float64, 0, len(scores))
	for _, x := range scores {
		list = append(list, x)
	}
	slices.Sort(list)
	list = list[max(0, len(list)-n):]
	sum := 0.0
	for _, x := range list {
		sum += x
	}
	return sum / float64(max(len(list), 1))
}
