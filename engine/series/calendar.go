package series

import (
	"math"

	"tidemark/engine/num"
)

// Calendar holds what certain days of the month add to a series: its first, its
// last, its last working day and the like. It is made once a day that stands apart
// has repeated what one of the month before did (watch.go), and given back when
// nothing comes of it.
//
// Model: an effect is a height for each hour of the local day, averaged over the
// times it came, and the families of days in which all those times had the same
// place. What an effect adds is taken out of the value before anything is judged or
// learned, like that of a job: a month end that comes is nothing, one that does not
// come is a hole of its height. Where families disagree about a day it may come or
// not, and what happens rules some of them out.
//
// Cost: a sum a bucket, a search of two months after each time. Memory:
// CalendarBytes, only of series that need it.
type Calendar struct {
	day     int32 // in work
	base    float32
	sums    [dayHours]float32
	counts  [dayHours]uint16
	effects [mostEffects]effect
}

// effect is what days of a month add; without families there is none.
type effect struct {
	day      int32 // when it came last
	families uint8
	hits     uint8
	missed   uint8 // times running
	spread   float32
	height   [dayHours]float32
}

// due is the next day on which an effect is expected, and what it adds: unit times
// a level for each hour; slack is the part of it that it may be off by.
type due struct {
	day         int32
	unit, slack float32
	levels      [dayHours]int16
	doubt       uint8 // 1: it may come or not
}

const (
	dayHours    = 24
	mostEffects = 3
	// effectMemory is how many times of an effect its height averages, effectGone how
	// often running it must be missing to be forgotten.
	effectMemory, effectGone = 6, 2
	// cameShare and tooMuch bound how much of its height a day must have had.
	cameShare, tooMuch = 0.5, 2.5
	// leastHeight is that of an effect worth knowing, in long scales.
	leastHeight = 1.5
	// echoShare: what is smaller than this beside a known effect is what that has left
	// in the curves.
	echoShare = 0.35
	// smallHeight: hours whose neighborhood adds less, in what is usual for the largest
	// hour of a day, add nothing.
	smallHeight = 0.5
	// effectSpread is how many mean deviations a known effect may be off.
	effectSpread = 2
	// idleDays: without an effect, and a repetition so long ago, a calendar is let go.
	idleDays = 40
	// dueWithin is how far ahead the next day is looked for.
	dueWithin = 70
)

// WantsCalendar reports whether a day of the month has repeated what it did in the
// month before, so that a calendar is worth its memory. s may be nil.
func (s *Season) WantsCalendar() bool {
	return s != nil && s.watch.repeated != 0 && s.watch.repeated >= s.watch.day-1
}

// Idle reports whether a calendar has nothing to do.
func (m *Calendar) Idle(s *Season) bool {
	for i := range m.effects {
		if m.effects[i].families != 0 {
			return false
		}
	}
	return s.watch.day-s.watch.repeated > idleDays
}

// extraDay fills in what the day of the month adds.
func (p *Params) extraDay(s *Season, startMs int64, v *Verdict) {
	d := &s.due
	if d.unit == 0 || localDay(startMs) != d.day {
		return
	}
	v.due = float64(d.unit) * float64(d.levels[p.dayPart(startMs, d.day)])
	v.doubt = d.doubt != 0
	v.job += v.due
	v.slack = max(v.slack, float64(d.slack)*math.Abs(v.due))
}

// dayPart is the hour of the local day in which a bucket begins, or, if buckets are
// longer, the number of the part of that length: summer time must not move it.
func (p *Params) dayPart(startMs int64, day int32) int {
	const hourMs = 3_600_000
	length := (max(p.spanMs, hourMs) + hourMs - 1) / hourMs
	return int((startMs - int64(day)*dayMs) / (length * hourMs))
}

// decide leaves out what a day may add or not if the value is closer without it.
func (v *Verdict) decide(x float64) {
	if v.doubt && math.Abs(x-v.short-v.job+v.due) < math.Abs(x-v.short-v.job) {
		v.job -= v.due
		v.due = 0
	}
}

// LearnCalendar takes a bucket in that was learned with verdict v.
func (p *Params) LearnCalendar(s *Season, m *Calendar, x Sample, v *Verdict) {
	if !v.learned {
		return
	}
	day := localDay(x.StartMs)
	if day != m.day {
		p.endCalendarDay(s, m, v.scale)
		m.day, m.base = day, s.watch.base(day)
	}
	hour := p.dayPart(x.StartMs, day)
	m.sums[hour] += float32(v.rest + v.due - s.watch.anchor)
	m.counts[hour] = max(m.counts[hour], m.counts[hour]+1)
	if localDay(x.StartMs+p.spanMs) != day {
		p.endCalendarDay(s, m, v.scale)
	}
}

// endCalendarDay closes the day in work, if there is anything in it.
func (p *Params) endCalendarDay(s *Season, m *Calendar, scale float64) {
	var heights [dayHours]float64
	seen := false
	for i, n := range m.counts {
		heights[i] = math.NaN()
		if n > 0 {
			heights[i], seen = float64(m.sums[i])/float64(n)-float64(m.base), true
		}
	}
	if !seen {
		return
	}
	m.sums, m.counts = [dayHours]float32{}, [dayHours]uint16{}
	changed := m.day >= s.due.day
	for i := range m.effects {
		if e := &m.effects[i]; e.families != 0 {
			changed = e.learn(m.day, &heights) || changed
		}
	}
	if s.watch.thrice != 0 && s.watch.repeated == m.day {
		m.found(s, &heights, scale)
		s.watch.thrice, changed = 0, true
	}
	if changed {
		s.due = m.next(m.day + 1)
	}
}

// on says on which of an effect's families a day falls.
func (e *effect) on(day int32) uint8 {
	last, now := monthDayOf(e.day), monthDayOf(day)
	if last.month == now.month {
		return 0
	}
	return e.families & last.same(&now)
}

// learn takes a day in, and reports whether it matters for the effect.
func (e *effect) learn(day int32, heights *[dayHours]float64) bool {
	on := e.on(day)
	if on == 0 {
		return false
	}
	share, seen, size := 0.0, 0.0, 0.0
	for i, h := range e.height {
		square := float64(h) * float64(h)
		size += square
		if x := heights[i]; x == x {
			share += x * float64(h)
			seen += square
		}
	}
	if seen < size/2 {
		return true
	}
	share /= seen
	if share >= cameShare && share <= tooMuch {
		e.came(day, on, share, heights)
	} else if on == e.families {
		if e.missed++; e.missed >= effectGone {
			*e = effect{}
		}
	} else {
		e.families &^= on
	}
	return true
}

func (e *effect) came(day int32, on uint8, share float64, heights *[dayHours]float64) {
	e.families, e.day, e.missed = on, day, 0
	e.hits = max(e.hits, e.hits+1)
	g := 1 / min(float64(e.hits)-2, effectMemory)
	e.spread = float32(num.Toward(float64(e.spread), g, math.Abs(share-1)))
	for i, x := range heights {
		if x == x {
			e.height[i] = float32(num.Toward(float64(e.height[i]), g, x))
		}
	}
}

// found begins the effect that the last day has shown for the third time.
func (m *Calendar) found(s *Season, heights *[dayHours]float64, scale float64) {
	e := effect{day: m.day, families: s.watch.thrice, hits: 3}
	small := smallHeight * float64(s.watch.parts[0].usual)
	most := 0.0
	for i, x := range heights {
		if x != x {
			continue
		}
		near, n := x, 1.0
		for _, k := range [...]int{i - 1, i + 1} {
			if k >= 0 && k < dayHours && heights[k] == heights[k] {
				near, n = near+heights[k], n+1
			}
		}
		if math.Abs(near/n) >= small {
			e.height[i] = float32(x)
			most = max(most, math.Abs(x))
		}
	}
	if most < max(leastHeight*scale, echoShare*m.largest()) {
		return
	}
	at := 0
	for i := range m.effects {
		// One without families has no hits either.
		if m.effects[i].hits < m.effects[at].hits {
			at = i
		}
	}
	m.effects[at] = e
}

// largest is the greatest height of all effects.
func (m *Calendar) largest() (most float64) {
	for i := range m.effects {
		for _, h := range m.effects[i].height {
			most = max(most, math.Abs(float64(h)))
		}
	}
	return most
}

// next is the first day from one on for which an effect is due.
func (m *Calendar) next(from int32) (d due) {
	for day := from; day < from+dueWithin; day++ {
		var best *effect
		for i := range m.effects {
			if e := &m.effects[i]; e.families != 0 && e.on(day) != 0 && (best == nil || e.hits > best.hits) {
				best = e
			}
		}
		if best != nil {
			return best.due(day)
		}
	}
	return due{}
}

// due is what an effect adds on a day.
func (e *effect) due(day int32) due {
	most := 0.0
	for _, h := range e.height {
		most = max(most, math.Abs(float64(h)))
	}
	d := due{day: day, unit: float32(most / mostLevel)}
	if e.on(day) != e.families {
		d.doubt = 1
	}
	if d.unit == 0 {
		return due{}
	}
	d.slack = float32(max(effectSpread*float64(e.spread), youngSlack/(float64(e.hits)-2)))
	for i, h := range e.height {
		d.levels[i] = int16(math.Round(float64(h) / float64(d.unit)))
	}
	return d
}

// MonthDay is what certain days of the month add to a series.
type MonthDay struct {
	// Days names them: "last day of the month".
	Days string
	// Heights are what each hour of the local day adds.
	Heights [dayHours]float64
	// Times is how often it came.
	Times int
	// Last is the local day it came last, in days since the epoch.
	Last int
}

// Found says which days of the month are known to add something; m may be nil.
func (m *Calendar) Found() (list []MonthDay) {
	if m == nil {
		return nil
	}
	for i := range m.effects {
		e := &m.effects[i]
		if e.families == 0 {
			continue
		}
		f := MonthDay{Days: e.name(), Times: int(e.hits), Last: int(e.day)}
		for h, x := range e.height {
			f.Heights[h] = float64(x)
		}
		list = append(list, f)
	}
	return list
}
