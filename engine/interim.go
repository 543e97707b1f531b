package engine

import (
	"math"

	"tidemark/engine/gather"
	"tidemark/engine/series"
)

// Interim computes results of the open buckets as they stand: those that start
// in [startMs, endMs) if hasRange, else all of them. It changes nothing.
// Nothing comes before the first data, and nothing of a partial first bucket.
func (e *Engine) Interim(startMs, endMs int64, hasRange bool, emit Emit) {
	if !e.open || !e.clock.Set || !e.clock.Started {
		return
	}
	from := e.clock.LastFinalizedMs
	to := from + int64(len(e.events))*e.clock.SpanMs
	if hasRange {
		from = max(from, e.clock.Floor(boundTime(startMs)))
		to = min(to, e.clock.Ceil(boundTime(endMs)))
	}
	for start := max(from, e.clock.FirstFullMs); start < to; start += e.clock.SpanMs {
		at := (start - e.clock.LastFinalizedMs) / e.clock.SpanMs
		for _, s := range e.shards {
			s.interim(e, int(at), start)
		}
		emit(e.assemble(start, e.events[at], true))
		for _, s := range e.shards {
			s.out = output{findings: s.out.findings[:0]}
		}
	}
}

// completeness is the elapsed part of the bucket at start, by the newest record.
func (e *Engine) completeness(start int64) float64 {
	elapsed := float64(e.totals.LatestRecord+1-start) / float64(e.clock.SpanMs)
	return math.Max(0, math.Min(1, elapsed))
}

// interim judges what one shard has gathered for an open bucket. Silence is
// not judged: the records may still come.
func (s *shard) interim(e *Engine, at int, start int64) {
	open := s.open[at]
	if open.Empty() {
		return
	}
	shares, share := open.SharesByCell(), e.completeness(start)
	cells := open.Cells()
	for n := range cells {
		v, st, season := s.judgeOpen(e, &cells[n], start, share)
		s.out.judged++
		if !v.Reportable() {
			continue
		}
		f := finding{detector: e.groups.Get(st.group).detector, group: st.group, state: st, verdict: v}
		var list []uint32
		if shares != nil {
			list = shares[n]
		}
		f.blames = e.blame(open, e.params[f.detector], &st, season, &cells[n], list, &v, start)
		s.out.findings = append(s.out.findings, f)
	}
}

// judgeOpen judges one series in a bucket of which a share has passed. It
// returns the state that it was judged by, too.
func (s *shard) judgeOpen(e *Engine, cell *gather.Cell, start int64, share float64) (series.Verdict, state, *series.Season) {
	st, season := s.catchUp(e, cell.Series, start)
	d := e.groups.Get(st.group).detector
	x := sampleOf(e.config.Detectors[d].Function, cell, start)
	return e.params[d].JudgePartial(&st.core, season, x, share), st, season
}
