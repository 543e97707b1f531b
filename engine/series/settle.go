package series

import "math"

// cycleMemory is how many times a period other than day and week is averaged.
const cycleMemory = 12

// extra fills in what the jobs of a season add: the rest of the model judges and
// learns values without it.
func (p *Params) extra(s *Season, startMs int64, v *Verdict) {
	if s.on&seasonJobs != 0 {
		if slot, weekday, ok := p.slotOf(startMs); ok {
			v.job, v.slack = s.jobs.due(slot, weekday)
		}
	}
	p.extraDay(s, startMs, v)
}

// cycleSlots are the slots of the season's own period, which live in those of the
// week.
func (s *Season) cycleSlots(p *Params) (slots int, seconds float64) {
	slots = int(max(1, min(maxWeekSlots, math.Floor(s.period/p.span))))
	return slots, s.period / float64(slots)
}

// cycleMemory is how many visits of a slot are averaged, and how many buckets a
// visit has.
func (s *Season) cycleMemory(p *Params) (visits uint8, rows float64) {
	_, seconds := s.cycleSlots(p)
	return cycleMemory, max(1, seconds/p.span)
}

func (s *Season) cycleAt(p *Params, at float64) place {
	slots, seconds := s.cycleSlots(p)
	return placeAt(at-s.anchor, s.period, seconds, p.span, slots)
}

// learnExtra takes the same in.
func (p *Params) learnExtra(c *Core, s *Season, x Sample, v *Verdict) {
	p.learnJobs(c, s, x, v)
	v.rest = x.Value - v.weekCurve
	p.learnWatch(s, x.StartMs, v.rest)
	if s.on&seasonJobs == 0 && s.jobs.believed() {
		s.on |= seasonJobs
	}
}

// Settle lets a season predict what the hunt has found. The curves of day and week
// are there already: they are learned from the first hours, and predict where they
// err least.
func (p *Params) Settle(c *Core, s *Season, h *Hunt) {
	news := h.found &^ h.settled
	t := p.history(h)
	s.chooseUnit(t.scale)
	if news&seasonDay != 0 {
		p.dropEdges(s)
	}
	if news&seasonWeek != 0 && s.on&seasonCycle != 0 {
		p.settleWeek(c, s, h, t)
	}
	if news&seasonCycle != 0 {
		p.settleCycle(c, s, h, t)
	}
	for i := range s.since {
		if news>>i&1 != 0 {
			s.since[i] = localDay(c.lastMs)
		}
	}
	s.on = s.on&seasonJobs | h.found
	h.settled = h.found
}

// dropEdges forgets jobs that the day's curve shows: the edges of a pattern come
// each day, too.
func (p *Params) dropEdges(s *Season) {
	for i := range s.jobs {
		j := &s.jobs[i]
		at := (float64(j.slot) + 0.5) * p.span
		curve := s.dayAt(placeAt(at, day, p.daySlotSec, p.span, p.daySlots))
		if j.height != 0 && curve/float64(j.height) > 1.0/jobLike {
			*j = job{}
		}
	}
}

// detrended is a history without its trend, in units of the series.
func (t *history) detrended(h *Hunt) (z history) {
	z = *t
	s := t.known(h.found)
	r := t.regress(&s, 0)
	b := r.coefficients()
	for i := range z.y[:z.n] {
		z.y[i] = t.scale * (t.y[i] - b[0] - float64(b[1]*t.slope(i)))
	}
	return z
}

// fold is the mean of a history at a phase of a period, the number of times it was
// there with it.
func (z *history) fold(phase, period float64) (mean float64, times int) {
	first := phase + period*math.Ceil((z.start-phase)/period)
	for at := first; ; at += period {
		place := (at-z.start)/z.seconds - 0.5
		if place > float64(z.n)-1 {
			break
		}
		if x := z.at(max(place, 0)); !math.IsNaN(x) {
			mean += x
			times++
		}
	}
	return mean / max(1, float64(times)), times
}

// settleWeek gives the curve of the week its memory back, which another period had,
// with what the history shows.
func (p *Params) settleWeek(c *Core, s *Season, h *Hunt, t *history) {
	s.period, s.anchor = 0, 0
	rest := t.detrended(h)
	for i := range rest.y[:rest.n] {
		at := rest.start + (float64(i)+0.5)*rest.seconds
		rest.y[i] -= s.dayNow(p, at)
	}
	for i := range p.weekSlots {
		// The week begins on Monday; the epoch was a Thursday.
		x, times := rest.fold((float64(i)+0.5)*p.weekSlotSec-3*day, week)
		s.put(&s.week[i], x, halfway)
		s.setWeekVisits(i, uint8(min(times, weekMemory)))
	}
	p.begin(c, s, s.weekAt(placeAt(p.at(c.lastMs)+3*day, week, p.weekSlotSec, p.span, p.weekSlots)))
}

// dayNow is the daily curve at a time in seconds, 0 where buckets are too long for one.
func (s *Season) dayNow(p *Params, at float64) float64 {
	if p.daySlots == 0 {
		return 0
	}
	return s.dayAt(placeAt(at, day, p.daySlotSec, p.span, p.daySlots))
}

// begin lets the experts of a new curve in the memory of the week begin, where it is
// now, with the errors of the best.
func (p *Params) begin(c *Core, s *Season, now float64) {
	now += s.dayNow(p, p.at(c.lastMs))
	c.weekLast, c.weekMean, c.weekSlow = c.last-now, c.fast-now, c.slow
	short, long := c.err[best(c, 0, shortExperts)], c.err[best(c, shortExperts, experts)]
	c.err[expWeekLast], c.err[expWeekOffset], c.err[expWeekSlow] = short, short, long
}

func (p *Params) settleCycle(c *Core, s *Season, h *Hunt, t *history) {
	s.period, s.anchor = h.period, float64(h.startMs)/1000
	slots, seconds := s.cycleSlots(p)
	known := t.known(h.found &^ seasonCycle)
	from := known.n
	for k := 1; k <= int(h.harmonics); k++ {
		known.add(h.period/t.seconds, k)
	}
	r := t.regress(&known, 0)
	b := r.coefficients()
	times := uint8(min(float64(t.n)*t.seconds/s.period, cycleMemory))
	for i := range slots {
		x := 0.0
		// Tones count from the middle of the first sample.
		place := (float64(i)+0.5)*seconds/t.seconds - 0.5
		for k := from; k < known.n; k++ {
			sin, cos := math.Sincos(known.list[k] * place)
			x += float64(b[2+2*k]*cos) + float64(b[3+2*k]*sin)
		}
		s.put(&s.week[i], t.scale*x, halfway)
		s.setWeekVisits(i, times)
	}
	p.begin(c, s, s.weekAt(s.cycleAt(p, p.at(c.lastMs))))
}

// Found are the seasons that a series is believed to have.
type Found struct {
	Day, Week bool
	// Period is that of a season besides, in seconds, 0 without one.
	Period float64
	Jobs   []Job
}

// Job is what happens in one bucket of a local day.
type Job struct {
	// Bucket counts from midnight.
	Bucket int
	// Height is what it adds to the value.
	Height float64
	// Days are the weekdays on which it is expected, Monday first.
	Days [7]bool
}

// Found says which seasons s is believed to show; s may be nil.
func (s *Season) Found() (f Found) {
	if s == nil {
		return f
	}
	f.Day, f.Week = s.on&seasonDay != 0, s.on&seasonWeek != 0
	if s.on&seasonCycle != 0 {
		f.Period = s.period
	}
	for i := range s.jobs {
		j := &s.jobs[i]
		job, due := Job{Bucket: int(j.slot), Height: float64(j.height)}, false
		for weekday := range job.Days {
			job.Days[weekday] = j.expected(weekday)
			due = due || job.Days[weekday]
		}
		if due {
			f.Jobs = append(f.Jobs, job)
		}
	}
	return f
}

// None reports whether there is no season.
func (f Found) None() bool { return !f.Day && !f.Week && f.Period == 0 && len(f.Jobs) == 0 }
