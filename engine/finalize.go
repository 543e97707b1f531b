package engine

import (
	"cmp"
	"math"
	"slices"

	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/result"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// output is what finalizing one bucket yields in one shard.
type output struct {
	findings []finding
	plots    []result.Plot
	// young are series that want to look at their siblings.
	young  []uint32
	judged int
}

// finding is a value that may become an anomaly record.
type finding struct {
	unit     uint32
	group    uint32
	by, over names.ID
	verdict  series.Verdict
	blames   []blame
	// causes are the values of a population's member, the least probable first.
	causes []finding
	places []gather.At // actual and typical
	// partner is the by value of the series that the value was judged by, None: its
	// own past alone.
	partner names.ID
}

// finalizeUntil finalizes every bucket that a time t makes due.
func (e *Engine) finalizeUntil(t int64, emit Emit) {
	for {
		due := e.clock.Due(t)
		if due == 0 {
			return
		}
		if n := min(due, e.uneventful()); n > 0 {
			e.pass(n, emit)
		} else {
			e.finalize(emit)
		}
	}
}

// uneventful is how many buckets from the last finalized end on have nothing
// gathered and no series to look at.
func (e *Engine) uneventful() int64 {
	n := int64(math.MaxInt64)
	for i := len(e.events) - 1; i >= 0; i-- {
		if e.events[i] > 0 {
			n = int64(i)
		}
	}
	n = min(n, e.untilEvent(e.clock.LastFinalizedMs))
	number := e.clock.Number(e.clock.LastFinalizedMs)
	for _, s := range e.shards {
		if len(s.active) > 0 {
			return 0
		}
		for i, b := range s.open {
			if !b.Empty() {
				n = min(n, int64(i))
				break
			}
		}
		if due, ok := s.wheel.Next(); ok {
			n = min(n, max(due-number, 0))
		}
	}
	return n
}

// pass finalizes n buckets in which nothing happens.
func (e *Engine) pass(n int64, emit Emit) {
	start := e.clock.LastFinalizedMs
	e.memory.failing = false
	e.clock.LastFinalizedMs += n * e.clock.SpanMs
	e.shiftOpen(min(n, int64(len(e.events))))
	last := e.clock.Number(e.clock.LastFinalizedMs) - 1
	for _, s := range e.shards {
		s.wheel.Advance(last, nil)
	}
	if !e.clock.Started {
		return
	}
	if before := (e.clock.FirstFullMs - start) / e.clock.SpanMs; before > 0 {
		start += before * e.clock.SpanMs
		n -= before
	}
	if n > 0 {
		e.emptyBuckets(start, n, emit)
	}
}

// emptyBuckets adds n empty buckets to the run that will be emitted.
func (e *Engine) emptyBuckets(start, n int64, emit Emit) {
	if q := &e.quiet; q.Run > 0 && q.StartMs+q.Run*q.SpanMs == start {
		q.Run += n
		return
	}
	e.endRun(emit)
	e.quiet = result.Bucket{StartMs: start, SpanMs: e.clock.SpanMs, Run: n}
}

// endRun emits the run of empty buckets, if there is one.
func (e *Engine) endRun(emit Emit) {
	if e.quiet.Run > 0 {
		b := e.quiet
		e.quiet = result.Bucket{}
		emit(&b)
	}
}

// finalize judges, reports and learns the bucket that starts at the last
// finalized end.
func (e *Engine) finalize(emit Emit) {
	start := e.clock.LastFinalizedMs
	number := e.clock.Number(start)
	e.shiftClocks(start)
	e.scheduled = e.eventsAt(start)
	e.opt.Parallel(shardCount, func(i int) { e.shards[i].finalize(e, number, start) })
	e.shareSeasons()
	count := e.events[0]
	reported := e.clock.Started && start >= e.clock.FirstFullMs
	if reported {
		b := e.assemble(start, count, false)
		if count == 0 && len(b.Records) == 0 && len(b.Plots) == 0 && b.Score == 0 && len(b.ScheduledEvents) == 0 {
			e.emptyBuckets(start, 1, emit)
		} else {
			e.endRun(emit)
			emit(b)
		}
	}
	judged := 0
	for _, s := range e.shards {
		judged += s.out.judged
		s.out = output{findings: s.out.findings[:0], plots: s.out.plots[:0], young: s.out.young[:0]}
	}
	e.cost += 1 + judgeCost*int64(judged)
	e.memory.failing = false
	// A bucket that only a stale entry of a wheel made worth a look changes
	// nothing: after a restore the wheels have no such entries.
	if judged > 0 || count > 0 {
		e.memory.peak = max(e.memory.peak, e.bytes()+e.gathered())
		e.updateStatus()
	}
	e.clock.LastFinalizedMs += e.clock.SpanMs
	e.shiftOpen(1)
	if judged > 0 || count > 0 {
		e.tidyNames()
	}
}

// updateStatus follows how full the memory is. hard_limit stays until the job
// closes or uses little again, so that nobody misses it.
func (e *Engine) updateStatus() {
	limit := e.config.ModelMemoryLimit
	if limit <= 0 {
		e.memory.status = result.MemoryOK
		return
	}
	bytes := e.bytes() + e.openEstimate()
	switch {
	case e.memory.status == result.MemoryHard && float64(bytes) > 0.5*float64(limit):
	case float64(bytes) > softShare*float64(limit):
		e.memory.status = result.MemorySoft
	default:
		e.memory.status = result.MemoryOK
	}
}

// finalize judges and learns one bucket in one shard: the series with records,
// those that had some in the bucket before, and those whose silence is due.
func (s *shard) finalize(e *Engine, number, start int64) {
	open := s.open[0]
	due := s.wheel.Advance(number, nil)
	if open.Empty() && len(due) == 0 && len(s.active) == 0 {
		return
	}
	shares := open.SharesByCell()
	cells := open.Cells()
	order := make([]uint32, len(cells))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(cells[a].Series, cells[b].Series) })

	silent := s.visits[:0]
	for _, i := range s.active {
		if !open.Touched(i) {
			silent = append(silent, i)
		}
	}
	for _, i := range due {
		if st := s.series.Get(i); st.used && st.due == number && !open.Touched(i) {
			silent = append(silent, i)
		}
	}
	slices.Sort(silent)
	silent = slices.Compact(silent)
	s.visits = silent

	s.active = s.active[:0]
	s.listen(e, open, start)
	var crowds []uint32
	for _, i := range order {
		st := s.series.Mut(cells[i].Series)
		st.buckets++
		u := &e.units[e.groups.Get(st.group).unit]
		if u.together() {
			crowds = append(crowds, i)
			continue
		}
		var list []uint32
		if shares != nil {
			list = shares[i]
		}
		if u.kind == spec.Scalar {
			s.visit(e, cells[i].Series, i, list, number, start)
		} else {
			s.visitEvents(e, i, list, start, true)
		}
	}
	for _, i := range silent {
		s.visit(e, i, noCell, nil, number, start)
		s.wait(e, i, number, start)
	}
	s.visitCrowds(e, open, crowds, shares, start, true)
	s.learnBonds(e, open, order, number)
	slices.Sort(s.active)
}

// noCell stands for a bucket without records of a series.
const noCell = math.MaxUint32

// visit judges one series in one bucket by its own past and learns from it. cell
// is noCell for a bucket without records.
func (s *shard) visit(e *Engine, i, cell uint32, shares []uint32, number, start int64) {
	st := s.series.Mut(i)
	n := e.groups.Get(st.group).unit
	u := &e.units[n]
	core, season, hunt := s.cores.Mut(st.model-1), s.mutableSeason(st), s.mutableHunt(st)
	if u.zeros() && st.last != math.MinInt64 {
		if owed := number - 1 - st.last; owed > 0 {
			u.params.LearnZeros(core, season, hunt, s.mutableCalendar(st), e.clockOf(u, (st.last+1)*e.clock.SpanMs), owed)
		}
	}
	x, ok := series.Sample{StartMs: e.clockOf(u, start)}, true
	if cell != noCell {
		x, ok = sampleOf(u.fn, s.open[0], cell, x.StartMs)
	}
	st.last, st.due = number, never
	if cell != noCell && u.zeros() {
		s.active = append(s.active, i)
	}
	if !ok {
		return
	}
	v := u.params.Judge(core, season, x)
	if st.pattern != 0 {
		u.params.JudgePattern(core, s.patterns.Get(st.pattern-1), x, &v)
	}
	s.out.judged++
	s.plot(e, u, st, result.Plot{Lower: v.Lower, Upper: v.Upper, Median: v.Typical, Actual: v.Actual}, cell != noCell)
	partner := names.None
	if cell != noCell {
		partner = s.judgeBond(u, i, &v)
	}
	effect := e.rules(u, st, &v, start)
	if v.Reportable() && !effect.skipResult && !s.frequent(e, u, st) {
		f := finding{unit: n, group: st.group, by: st.by, verdict: v, partner: partner}
		if cell == noCell {
			f.blames = e.splitBlames(u, st)
		} else {
			f.blames = e.blame(s.open[0], u, st, core, season, cell, shares, &v, x.StartMs)
		}
		s.out.findings = append(s.out.findings, f)
	}
	if effect.skipUpdate {
		return
	}
	if cell != noCell && u.arrives() {
		s.learnArrival(u, st, core, cell, x, &v)
	}
	u.params.Learn(core, season, x, &v)
	s.learnChange(u, st, core, x, &v)
	s.learnSeasons(u, st, core, hunt, x, &v)
	if u.params.WantsSiblings(core, season, hunt) {
		s.out.young = append(s.out.young, i)
	}
	if st.pattern != 0 {
		u.params.LearnPattern(s.patterns.Mut(st.pattern-1), &v)
	} else if u.params.WantsPattern(core) {
		st.pattern = s.patterns.Alloc() + 1
	}
}

// learnArrival takes in how the value of a bucket arrived.
func (s *shard) learnArrival(u *unit, st *state, core *series.Core, cell uint32, x series.Sample, v *series.Verdict) {
	if st.arrival == 0 {
		if !u.params.WantsArrival(core) {
			return
		}
		st.arrival = s.arrivals.Alloc() + 1
		s.arrivals.Mut(st.arrival - 1).Init()
	}
	soFar := s.open[0].Passed(cell, x.Value)
	u.params.LearnArrival(s.arrivals.Mut(st.arrival-1), x, &soFar, s.open[0].At(cell).Min < 0, v)
}

func (s *shard) mutableSeason(st *state) *series.Season {
	if st.season == 0 {
		return nil
	}
	return s.seasons.Mut(st.season - 1)
}

// wait puts a series that was silent in bucket number into the wheel, until
// its silence may matter.
func (s *shard) wait(e *Engine, i uint32, number, start int64) {
	st := s.series.Mut(i)
	u := &e.units[e.groups.Get(st.group).unit]
	n, _ := u.params.SilenceDue(s.cores.Get(st.model-1), s.seasonOf(st), e.clockOf(u, start+e.clock.SpanMs))
	if n == series.Forever {
		st.due = never
		return
	}
	st.due = number + 1 + max(n, 0)
	s.wheel.Add(i, st.due)
}

// sampleOf is the value of a cell under a scalar function, ok false if its
// records make none.
func sampleOf(fn spec.Function, open *gather.Bucket, cell uint32, start int64) (x series.Sample, ok bool) {
	c := open.At(cell)
	if extraOf(fn.Base()) == gather.Plain {
		return plainSample(fn, c, start), true
	}
	extra := open.ExtraOf(cell)
	if extra == nil {
		return x, false
	}
	x = series.Sample{StartMs: start, Count: c.Count}
	switch fn.Base() {
	case spec.Median:
		x.Value = extra.Median()
	case spec.Varp:
		x.Value, ok = extra.Variance()
		return x, ok
	case spec.DistinctCount:
		x.Value = extra.Number()
	case spec.InfoContent:
		x.Value = extra.Information()
	}
	return x, true
}

// plainSample is the value of sums and extremes.
func plainSample(fn spec.Function, c *gather.Cell, start int64) series.Sample {
	x := series.Sample{StartMs: start, Count: c.Count}
	switch fn.Base() {
	case spec.Count, spec.NonZeroCount:
		x.Value = c.Count
	case spec.Sum, spec.NonNullSum:
		x.Value = c.Sum
	case spec.Mean:
		x.Value = c.Sum / c.Count
	case spec.Min:
		x.Value = c.Min
	case spec.Max:
		x.Value = c.Max
	}
	return x
}

// skipSeries moves every series over a gap that is not to be learned, from
// bucket number from to bucket number to.
func (e *Engine) skipSeries(from, to int64) {
	for _, s := range e.shards {
		s.wheel.Advance(to-1, nil)
		for i := uint32(0); i < s.series.Limit(); i++ {
			if !s.series.Get(i).used {
				continue
			}
			st := s.series.Mut(i)
			u := &e.units[e.groups.Get(st.group).unit]
			if !u.zeros() || st.last == math.MinInt64 {
				continue
			}
			if owed := from - 1 - st.last; owed > 0 {
				u.params.LearnZeros(s.cores.Mut(st.model-1), s.mutableSeason(st), s.mutableHunt(st), s.mutableCalendar(st), e.clockOf(u, (st.last+1)*e.clock.SpanMs), owed)
			}
			st.last = max(st.last, to-1)
			if st.due != never {
				st.due = to
				s.wheel.Add(i, to)
			}
		}
	}
}
