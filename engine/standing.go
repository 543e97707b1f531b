package engine

import (
	"math"

	"tidemark/engine/series"
)

// Standing is how unusual a series is while its bucket is still filling.
// Scores are 0 to 100.
type Standing struct{ Score, Novelty float64 }

// Standing judges the open bucket of the last record that was applied, as of
// that record: the highest scores among the series that the record went to. A
// record that went nowhere has none. filled says that no more records of these
// series are expected in the bucket, so that nothing is made up for the rest of
// it. It changes nothing.
func (e *Engine) Standing(filled bool) Standing {
	s := &e.scratch
	var top Standing
	if !e.open || len(s.keep) == 0 {
		return top
	}
	last := len(s.keep) - 1
	share := 1.0
	for d := range e.columns.detectors {
		n := last
		if !e.columns.detectors[d].split() {
			n = 0
		}
		r := s.refs[d][n]
		if !r.ok {
			continue
		}
		at := (e.totals.LatestRecord - e.clock.LastFinalizedMs) / e.clock.SpanMs
		if at < 0 || at >= int64(len(e.events)) || !e.shards[r.shard].open[at].Touched(r.series) {
			continue
		}
		start := e.clock.LastFinalizedMs + at*e.clock.SpanMs
		if !filled {
			share = e.completeness(start)
		}
		shard := e.shards[r.shard]
		open := shard.open[at]
		v, _, _ := shard.judgeOpen(e, open.At(open.Cell(r.series)), start, share)
		top.Score = math.Max(top.Score, v.Score)
		top.Novelty = math.Max(top.Novelty, v.NoveltyScore)
	}
	return top
}

// catchUp is a series with its season as they are at a bucket's start: the
// silence before it learned, on copies.
func (s *shard) catchUp(e *Engine, i uint32, start int64) (state, *series.Season) {
	st := *s.cores.Get(i)
	season := s.seasonOf(&st)
	d := e.groups.Get(st.group).detector
	owed := start/e.clock.SpanMs - 1 - st.last
	if !e.config.Detectors[d].Function.ZeroWhenEmpty() || st.last == math.MinInt64 || owed <= 0 {
		return st, season
	}
	if season != nil {
		own := *season
		season = &own
	}
	e.params[d].LearnZeros(&st.core, season, (st.last+1)*e.clock.SpanMs, owed)
	return st, season
}
