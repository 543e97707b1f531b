package engine

import (
	"math"

	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/series"
	"tidemark/engine/spec"
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
	defer e.keepClocks()()
	for start := max(from, e.clock.FirstFullMs); start < to; start += e.clock.SpanMs {
		at := (start - e.clock.LastFinalizedMs) / e.clock.SpanMs
		e.shiftClocks(start)
		e.scheduled = e.eventsAt(start)
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

// interim judges what one shard has gathered for an open bucket. Silence is judged
// of series that had records in the bucket before and are known to have some by
// now.
func (s *shard) interim(e *Engine, at int, start int64) {
	open, share := s.open[at], e.completeness(start)
	if at == 0 && share > 0 {
		s.interimSilence(e, open, start, share)
	}
	if open.Empty() {
		return
	}
	shares := open.SharesByCell()
	s.listen(e, open, start)
	cells := open.Cells()
	var crowds []uint32
	for n := range cells {
		st := s.series.Get(cells[n].Series)
		unit := e.groups.Get(st.group).unit
		u := &e.units[unit]
		var list []uint32
		if shares != nil {
			list = shares[n]
		}
		switch {
		case u.together():
			crowds = append(crowds, uint32(n))
		case u.kind != spec.Scalar:
			s.visitEvents(e, uint32(n), list, start, false)
		default:
			v, core, season, ok := s.judgeOpen(e, open, uint32(n), start, share)
			if !ok {
				continue
			}
			partner := names.None
			if share >= 1 {
				partner = s.judgeBond(u, cells[n].Series, &v)
			}
			s.out.judged++
			if v.Reportable() && !e.rules(u, st, &v, start).skipResult && !s.frequent(e, u, st) {
				f := finding{unit: unit, group: st.group, by: st.by, verdict: v, partner: partner}
				f.blames = e.blame(open, u, st, core, season, uint32(n), list, &v, e.clockOf(u, start))
				s.out.findings = append(s.out.findings, f)
			}
		}
	}
	s.visitCrowds(e, open, crowds, shares, start, false)
}

// judgeOpen judges one series by its own past in a bucket of which a share has
// passed. It returns the state that it was judged by, too; ok is false if the
// records make no value.
func (s *shard) judgeOpen(e *Engine, open *gather.Bucket, cell uint32, start int64, share float64) (v series.Verdict, core *series.Core, season *series.Season, ok bool) {
	i := open.At(cell).Series
	u := &e.units[e.groups.Get(s.series.Get(i).group).unit]
	x, ok := sampleOf(u.fn, open, cell, e.clockOf(u, start))
	if !ok {
		return v, nil, nil, false
	}
	core, season = s.catchUp(e, i, start)
	v = u.params.JudgePartial(core, season, s.arrivalOf(s.series.Get(i)), x, share)
	if st := s.series.Get(i); st.pattern != 0 && share >= 1 {
		u.params.JudgePattern(core, s.patterns.Get(st.pattern-1), x, &v)
	}
	return v, core, season, true
}

// interimSilence judges the series that had records in the last bucket and none in
// the open one.
func (s *shard) interimSilence(e *Engine, open *gather.Bucket, start int64, share float64) {
	for _, i := range s.active {
		st := s.series.Get(i)
		if st.arrival == 0 || open.Touched(i) {
			continue
		}
		unit := e.groups.Get(st.group).unit
		u := &e.units[unit]
		core, season := s.catchUp(e, i, start)
		v := u.params.JudgePartial(core, season, s.arrivalOf(st), series.Sample{StartMs: e.clockOf(u, start)}, share)
		s.out.judged++
		if v.Reportable() && !e.rules(u, st, &v, start).skipResult && !s.frequent(e, u, st) {
			s.out.findings = append(s.out.findings, finding{unit: unit, group: st.group, by: st.by, verdict: v, blames: e.splitBlames(u, st)})
		}
	}
}

// arrivalOf is how the value of a series arrives, nil if that is not known.
func (s *shard) arrivalOf(st *state) *series.Arrival {
	if st.arrival == 0 {
		return nil
	}
	return s.arrivals.Get(st.arrival - 1)
}

// catchUp is the model of a series with its season as they are at a bucket's
// start: the silence that was final before it learned, on copies.
func (s *shard) catchUp(e *Engine, i uint32, start int64) (*series.Core, *series.Season) {
	st := s.series.Get(i)
	u := &e.units[e.groups.Get(st.group).unit]
	core, season := s.cores.Get(st.model-1), s.seasonOf(st)
	owed := min(e.clock.Number(start), e.clock.Number(e.clock.LastFinalizedMs)) - 1 - st.last
	if !u.zeros() || st.last == math.MinInt64 || owed <= 0 {
		return core, season
	}
	own := *core
	if season != nil {
		copied := *season
		season = &copied
	}
	u.params.LearnZeros(&own, season, nil, s.calendarCopy(st), e.clockOf(u, (st.last+1)*e.clock.SpanMs), owed)
	return &own, season
}
