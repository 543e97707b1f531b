package series

import (
	"math"

	"tidemark/engine/num"
)

// edge is a step of a curve near a place: a business that opens at eight, a weekend
// that begins at midnight. A line between the means of two slots runs through it
// slantwise and is on neither side of it for up to two slots.
//
// Model: where a curve is flat on both sides of a step, at a before and b after it,
// the mean m of the slot in which it happens says when,
//
//	share of the slot before the step = (b - m) / (b - a)
//
// and the curve is a until then and b from then on. A ramp as long as the slot has the
// same means, and an edge may come a bucket or two early or late, so the line and,
// close to the step, its other side are readings of the curve too: the one nearest to
// the value holds. An edge that has not come by then is news.
// Cost: two comparisons a bucket, a dozen more next to an edge. Memory: none. Source:
// Harten (1989), "ENO schemes with subcell resolution".
type edge struct {
	// known: there is one; near: it may come so early or so late; due: it should have
	// come by this bucket for the first time.
	known, near, due bool
	// step is to its other side, slant is to the line.
	step, slant float64
}

// curveReading is what a curve says at a place, and how far a value may lie below and
// above it because the curve does not know better.
type curveReading struct {
	value, below, above float64
	edge                edge
}

const (
	// leastEdge is the height of a step, in levels of the curve: one to three scales, or
	// a thirteenth of what the curve can hold. Of one to two times fineUnits this kept
	// what a benchmark scored, and the lower ones took slots of noise for edges.
	leastEdge = 1.25 * fineUnits
	// flatShare is how uneven, in heights of the step, a curve may be on either side.
	// Of 0.12 to 0.35 all ranked alike.
	flatShare = 0.2
	// edgeReach is by how many buckets an edge may come early or late.
	edgeReach = 2
)

// slotAt is the slot so many after the lower one of a place.
func (pl *place) slotAt(after int) int {
	i := (pl.lower + after) % pl.slots
	if i < 0 {
		i += pl.slots
	}
	return i
}

// edge looks for a step of at least some height near a place of a curve, whose line
// there is at line.
func (pl *place) edge(line, least float64, at func(slot int) (value float64, seen bool)) (r curveReading, ok bool) {
	if pl.slots < 8 || pl.bucket >= 1 {
		return r, false
	}
	var w [6]float64
	for i := range w {
		seen := false
		if w[i], seen = at(pl.slotAt(i - 2)); !seen {
			return r, false
		}
	}
	a, b, split := 0.0, 0.0, 0.0
	for mixed := 2; mixed <= 3; mixed++ {
		from, to := w[mixed-1], w[mixed+1]
		height := math.Abs(to - from)
		slack := flatShare * height
		if height < least || height <= math.Abs(b-a) || math.Abs(from-w[mixed-2]) > slack || math.Abs(w[mixed+2]-to) > slack {
			continue
		}
		if before := (to - w[mixed]) / (to - from); before > -flatShare && before < 1+flatShare {
			a, b = from, to
			split = float64(mixed) - 2.5 + num.Clamp(before, 0, 1)
		}
	}
	if a == b {
		return r, false
	}
	late := (pl.share - split) / pl.bucket // in buckets
	r.value, r.edge.step = a, b-a
	if late > 0 {
		r.value, r.edge.step = b, a-b
	}
	r.edge.known, r.edge.slant = true, line-r.value
	r.edge.near = math.Abs(late) <= edgeReach
	r.edge.due = late > edgeReach && late <= edgeReach+1
	lo, hi := min(line, r.value), max(line, r.value)
	if math.Abs(late) < 1 {
		lo, hi = min(a, b), max(a, b)
	}
	r.below, r.above = r.value-lo, hi-r.value
	return r, true
}

// readings are how else, from what it says, a curve may be read.
func (e *edge) readings() [3]float64 {
	if !e.near {
		return [...]float64{0, e.slant, 0}
	}
	return [...]float64{0, e.slant, e.step}
}

// followEdge chooses the reading of the curves next to an edge that is nearest to a
// value, and lets the short prediction be that of an expert who knows it where that is
// nearer.
func (c *Core) followEdge(x float64, v *Verdict) {
	if !v.dayEdge.known && !v.weekEdge.known || v.tried {
		return
	}
	known := c.knows(v)
	e := x - v.growth - v.pred[known]
	var day, week float64
	for _, d := range v.dayEdge.readings() {
		for _, w := range v.weekEdge.readings() {
			if math.Abs(e-d-w) < math.Abs(e-day-week) {
				day, week = d, w
			}
		}
	}
	v.readAs(day, week)
	due := v.dayEdge.due || v.weekEdge.due
	if y := v.pred[known] + v.growth; due || math.Abs(x-y) < math.Abs(x-v.short) {
		v.short = y
	}
}

// readAs moves what the curves say, and all that rests on it.
func (v *Verdict) readAs(day, week float64) {
	if day == 0 && week == 0 {
		return
	}
	both := day + week
	if v.readAway = day; v.weekEdge.known {
		v.readAway = both
	}
	v.dayCurve, v.dayShort = v.dayCurve+day, v.dayShort+day
	v.weekCurve, v.weekShort = v.weekCurve+both, v.weekShort+both
	for _, i := range [...]int{expDayLast, expDayOffset, expDaySlow} {
		v.pred[i] += day
	}
	for _, i := range [...]int{expWeekLast, expWeekOffset, expWeekSlow} {
		v.pred[i] += both
	}
	switch v.longExpert {
	case expDaySlow:
		v.long += day
	case expWeekSlow:
		v.long += both
	}
}

// knows is the best short expert that knows the edge at a place.
func (c *Core) knows(v *Verdict) int {
	from := expDayLast
	if v.weekEdge.known {
		from = expWeekLast
	}
	return best(c, from, shortExperts)
}

// fromEdge is how far a value lies from both sides of an edge and from all between,
// +Inf where there is none.
func (c *Core) fromEdge(x float64, v *Verdict) float64 {
	d, w := v.dayEdge.step, v.weekEdge.step
	if d == 0 && w == 0 {
		return math.Inf(1)
	}
	side := v.pred[c.knows(v)] - v.readAway
	return x - num.Clamp(x, side+min(0, d)+min(0, w), side+max(0, d)+max(0, w))
}
