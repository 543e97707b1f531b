package series

import (
	"math"
	"slices"

	"tidemark/engine/num"
)

// watch notes which days of a series stand apart from those before them, and whether
// they do each month.
//
// Model: what the weekly curve leaves is averaged over hours, quarters of a day and
// days, above the median of the last five days' means: so one odd day shifts
// nothing. The largest of each kind on a day is compared with what is usual for it
// in this series, which makes noise that drifts as quiet as white noise. Days far
// beyond that are marked. A mark whose hours and side agree with one a month before
// and one two months before, at the same place of their months in some family, is
// found; together the three must stand out further than each by itself.
// Cost: three sums a bucket. Memory: part of SeasonBytes.
type watch struct {
	anchor float64 // what means count from
	// repeated is the last day that did what a day of the month before did, in sets
	// families; thrice is the set of those that did it two months running.
	repeated int32
	day      int32 // in work
	means    [medianDays]float32
	// weekdays are what is left of the week in the days' means.
	weekdays [7]float32
	days     uint16
	thrice   uint8
	parts    [watchParts]watchPart
	marks    [mostMarks]mark
}

// watchPart is the mean of the part of the day in work, and the largest of the day.
type watchPart struct {
	sum, best, usual float32
	n                uint16
	at, bestAt       uint8
}

// mark is a day that stood apart: from and to are hours, ratio is how far, in
// sixteenths of what was needed, with its side.
type mark struct {
	day      int32
	ratio    int8
	from, to uint8
}

const (
	medianDays = 5
	watchParts = 3
	mostMarks  = 10
	// watchAfter is how many days a season must be old, so that its week is known a
	// little; watchTrain is how many days what is usual takes to be known.
	watchAfter, watchTrain = 7, 7
	usualDays              = 60
	// markRatio is how far a mark must stand out for each kind of part, in what is
	// usual: of white noise that is a value beyond 2.2, 2.8 and 3.4 sigma. Three of
	// them must do so by threeRatio as much in the mean.
	threeRatio = 1.3
	// likeSize is how much smaller than the largest the smallest may be.
	likeSize = 0.45
	// One mark of nearSize of their size may have nothing to do with them, none of
	// asSize.
	nearSize, asSize = 0.6, 0.85
	// markDays is how long a mark counts: two months and some days.
	markDays  = 66
	markScale = 16
)

var (
	partHours = [watchParts]int32{1, 6, 24}
	markRatio = [watchParts]float32{1.6, 1.9, 2.75}
)

// learnWatch takes in what a curve leaves of a bucket.
func (p *Params) learnWatch(s *Season, startMs int64, rest float64) {
	w := &s.watch
	if float64(s.seen) < watchAfter*p.bucketsADay {
		return
	}
	day := localDay(startMs)
	if w.days == 0 && w.parts[watchParts-1].n == 0 {
		w.anchor, w.day = rest, day
	}
	if day != w.day {
		w.endDay()
		w.day = day
	}
	hour := int32((startMs - int64(day)*dayMs) / 3_600_000)
	for i := range w.parts {
		if q := &w.parts[i]; p.span <= float64(partHours[i])*3600 {
			if at := uint8(hour / partHours[i]); q.n > 0 && at != q.at {
				q.end(w.base(day))
				q.at = at
			} else if q.n == 0 {
				q.at = at
			}
			q.sum += float32(rest - w.anchor)
			q.n = max(q.n, q.n+1)
		}
	}
	if localDay(startMs+p.spanMs) != day {
		w.endDay()
	}
}

// base is what the mean of a day should be: the median of the last days' means, and
// what is left of the weekday.
func (w *watch) base(day int32) float32 { return w.median() + w.weekdays[weekdayOf(day)] }

func (w *watch) median() float32 {
	n := min(int(w.days), medianDays)
	if n == 0 {
		return 0
	}
	list := w.means
	slices.Sort(list[:n])
	return list[n/2]
}

// end closes a part.
func (q *watchPart) end(base float32) {
	if q.n == 0 {
		return
	}
	if d := q.sum/float32(q.n) - base; math.Abs(float64(d)) > math.Abs(float64(q.best)) {
		q.best, q.bestAt = d, q.at
	}
	q.sum, q.n = 0, 0
}

// endDay closes the day in work, if there is anything in it.
func (w *watch) endDay() {
	all := &w.parts[watchParts-1]
	if all.n == 0 {
		return
	}
	base := w.base(w.day)
	mean := all.sum / float32(all.n)
	var top mark
	for i := range w.parts {
		// The longest first: what is beyond measure in all of them lasts all day.
		i = watchParts - 1 - i
		q := &w.parts[i]
		q.end(base)
		best := float32(math.Abs(float64(q.best)))
		if need := markRatio[i] * q.usual; w.days >= watchTrain && need > 0 && best > need {
			ratio := int8(math.Copysign(min(math.MaxInt8, math.Floor(markScale*float64(best/need))), float64(q.best)))
			if magnitude(ratio) > magnitude(top.ratio) {
				from := int32(q.bestAt) * partHours[i]
				top = mark{day: w.day, ratio: ratio, from: uint8(from), to: uint8(from + partHours[i])}
			}
		}
		if w.days >= medianDays {
			g := 1 / min(youth*float64(w.days-medianDays)+1, usualDays)
			if q.usual > 0 {
				best = min(best, 3*q.usual)
			}
			q.usual = float32(num.Toward(float64(q.usual), g, float64(best)))
		}
		q.best = 0
	}
	w.learnWeekday(mean, all.usual)
	if n := int(w.days); n < medianDays {
		w.means[n] = mean
	} else {
		copy(w.means[:], w.means[1:])
		w.means[medianDays-1] = mean
	}
	w.days = max(w.days, w.days+1)
	if top.ratio != 0 {
		w.mark(top)
	}
}

// learnWeekday takes the mean of the day in work in, as far as it is not odd.
func (w *watch) learnWeekday(mean, usual float32) {
	if w.days < medianDays {
		return
	}
	at := &w.weekdays[weekdayOf(w.day)]
	d := float64(mean - w.median() - *at)
	if w.days >= medianDays+7 {
		d = num.Clamp(d, -2*float64(usual), 2*float64(usual))
	}
	*at += float32(d / min(float64(w.days-medianDays)/7+1, weekMemory))
}

func magnitude(ratio int8) int { return int(math.Abs(float64(ratio))) }

// like reports whether two marks are of the same hours and side.
func (m *mark) like(o *mark) bool {
	return (m.ratio > 0) == (o.ratio > 0) && m.from < o.to && o.from < m.to
}

// mark compares a day that stands apart with those of the two months before, and
// keeps it.
func (w *watch) mark(m mark) {
	now := monthDayOf(m.day)
	var once, twice [families]int // the largest ratio, a month and two before
	at, weakest := -1, math.MaxInt
	for i := range w.marks {
		o := &w.marks[i]
		if o.ratio == 0 || m.day-o.day > markDays || m.day <= o.day {
			*o = mark{}
		} else if m.like(o) {
			then := monthDayOf(o.day)
			back := now.month - then.month
			for f := range families {
				switch set := now.same(&then); {
				case set>>f&1 == 0:
				case back == 1:
					once[f] = max(once[f], magnitude(o.ratio))
				case back == 2:
					twice[f] = max(twice[f], magnitude(o.ratio))
				}
			}
		}
		if size := magnitude(o.ratio); size < weakest {
			at, weakest = i, size
		}
	}
	w.thrice = 0
	for f := range families {
		if once[f] == 0 {
			continue
		}
		w.repeated = m.day
		size, least, most := magnitude(m.ratio), min(magnitude(m.ratio), once[f], twice[f]), max(magnitude(m.ratio), once[f], twice[f])
		size = (size + once[f] + twice[f]) / 3
		if twice[f] > 0 && float64(size) >= threeRatio*markScale && float64(least) >= likeSize*float64(most) && !w.common(&m, size) {
			w.thrice |= 1 << f
		}
	}
	w.marks[at] = m
}

// common reports whether marks as large as a size are too frequent in a series to
// say anything: those like m that have nothing to do with the days of a month.
func (w *watch) common(m *mark, size int) bool {
	as, nearly := 0, 0
	for i := range w.marks {
		o := &w.marks[i]
		if o.ratio == 0 || !m.like(o) || w.repeats(o, m) {
			continue
		}
		if float64(magnitude(o.ratio)) >= asSize*float64(size) {
			as++
		}
		if float64(magnitude(o.ratio)) >= nearSize*float64(size) {
			nearly++
		}
	}
	return as > 0 || nearly > 1
}

// repeats reports whether a mark has one like it a month before or after, among all
// and m.
func (w *watch) repeats(o, m *mark) bool {
	day := monthDayOf(o.day)
	partner := func(x *mark) bool {
		if x.ratio == 0 || x.day == o.day || !o.like(x) {
			return false
		}
		other := monthDayOf(x.day)
		apart := day.month - other.month
		return (apart == 1 || apart == -1) && day.same(&other) != 0
	}
	for i := range w.marks {
		if partner(&w.marks[i]) {
			return true
		}
	}
	return partner(m)
}
