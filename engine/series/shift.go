package series

import "math"

// A level that moved, and one that only strayed.
//
// Model: while values are far from the long prediction on one side, both readings
// are kept: that the series strays and will come back, and that it has moved by
// the mean of these deviations. What is short starts anew at the new level after
// four of them. If they are large and alike, the curves learn nothing from them
// after shiftHeld, and after shiftAfter the move wins: all levels are moved by it at
// once. For another day the way back stays open: a value that is where it would
// have been is no surprise.
// Cost: a comparison a bucket. Memory: six numbers. Source: two running hypotheses
// as in Page (1954), with an outcome that can be taken back; docs/design/0016.

const (
	// shiftFar, in long scales, is from where a value may belong to another level.
	shiftFar = 2.5
	// shiftSoon is after how many of them what is short starts anew.
	shiftSoon = 4
	// shiftMemory is over how many of them the move is averaged.
	shiftMemory = 20
	// shiftLarge, in long scales, is from where a move counts.
	shiftLarge = 3
	// shiftEven, in long scales, is how far the deviations may lie apart: those of a
	// holiday differ from hour to hour.
	shiftEven = 1.5
	// shiftWeeks is how long a series must have had a season: until it knows its
	// weekends it would take each for a move.
	shiftWeeks = 3
	// movedMean, in long scales, is the moving mean of the window movedWindow from where
	// what is typical is what the series shows now.
	movedMean, movedWindow = 1.2, 1
	// shiftDay is the fewest buckets that a day stands for.
	shiftDay = 24
)

// shift is what may be a move of the level.
type shift struct {
	// mean of the deviations in a row, of which there are far, and their mean
	// distance from it.
	mean, spread float64
	// back is what a move that won has added, for left buckets more.
	back float64
	far  float32
	left float32
}

// settled reports whether the series is old enough to tell a move from a pattern
// that it does not know yet.
func (p *Params) settled(c *Core, s *Season) bool {
	if p.daySlots == 0 && p.weekSlots == 0 {
		return c.seen >= p.full
	}
	return s != nil && float64(s.seen) >= shiftWeeks*7*p.bucketsADay
}

// strayed is the deviation from what the series would show had it not moved; ok
// reports whether it has, of late.
func (c *Core) strayed(x float64, v *Verdict) (e float64, ok bool) {
	if v.hasBack {
		return x - v.back, true
	}
	return x - v.long + c.shift.back, c.shift.left > 0
}

// moved reports whether the last buckets together are as far from the long prediction
// as those of another level, rather than of a mild excursion.
func (c *Core) moved() bool {
	return math.Abs(float64(c.windows.mean[movedWindow])) >= movedMean
}

// learnShift follows a possible move and reports whether the curves should learn
// nothing from this value.
func (p *Params) learnShift(c *Core, s *Season, value float64, v *Verdict) (held bool) {
	h := &c.shift
	h.left = max(0, h.left-1)
	if !p.settled(c, s) {
		return false
	}
	e := value - v.long
	switch {
	case math.Abs(e) <= shiftFar*v.scale:
		h.far = float32(math.Floor(float64(h.far) / 2))
	case e*h.mean <= 0 || h.far == 0:
		h.mean, h.spread, h.far = e, 0, 1
	default:
		h.far++
		g := 1 / min(float64(h.far), shiftMemory)
		h.spread += g * (math.Abs(e-h.mean) - h.spread)
		h.mean += g * (e - h.mean)
	}
	return float64(h.far) >= p.shiftHeld && h.alike(v.scale)
}

// alike reports whether the deviations are a move rather than an excursion.
func (h *shift) alike(scale float64) bool {
	return h.spread <= shiftEven*scale && math.Abs(h.mean) >= shiftLarge*scale
}

// adoptShift lets what is short start anew, and moves all levels if the move has
// won. It comes after everything else has learned the value.
func (p *Params) adoptShift(c *Core, s *Season, value float64, v *Verdict) {
	h := &c.shift
	if h.far == shiftSoon && h.spread <= shiftEven*v.scale {
		c.fast, c.mid, c.trendLevel, c.trend = value, value, value, 0
		c.dayMean, c.weekMean = c.dayLast, c.weekLast
	}
	if s != nil && s.alt.mode == altTried {
		return // Another reading is ahead.
	}
	if float64(h.far) < p.shiftAfter || !h.alike(v.scale) {
		return
	}
	for _, level := range c.levels() {
		*level += h.mean
	}
	c.windows.mean = [len(windowLengths)]float32{}
	c.longRun = 0
	*h = shift{back: h.mean, left: float32(max(shiftDay, p.bucketsADay))}
}
