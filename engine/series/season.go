package series

import "math"

// Season holds the daily and weekly curve of one series, and its scatter by
// hour of day. Slots are equal parts of the UTC day and week; values between
// the middles of slots are interpolated. A slot that was never visited lends
// its neighbor's value.
type Season struct {
	seen      float32 // buckets learned
	day       [maxDaySlots]float32
	week      [maxWeekSlots]float32
	scatter   [24]float32 // of the short residual, relative to its mean
	scatterB  [24]float32 // of the long one
	dayVisit  [maxDaySlots]uint8
	weekVisit [maxWeekSlots / 2]uint8 // two of four bits each
	// period and anchor, in seconds, are of the season besides day and week, whose
	// curve lives in week.
	period, anchor float64
	jobs           jobs
	alt            alternative
	on             uint8 // the seasons that are believed: only they predict
	watch          watch
	due            due
}

// place is where a time falls on a ring of slots: between the middles of two
// slots, the second with weight share.
type place struct {
	lower, upper, inside int
	share                float64
	// position is the number of buckets since the slot inside began.
	position float64
}

func placeAt(seconds, period, slotSec, span float64, slots int) place {
	phase := seconds - period*math.Floor(seconds/period)
	inside := min(int(phase/slotSec), slots-1)
	start := float64(inside) * slotSec
	middle := (phase-start)/slotSec - 0.5
	pl := place{inside: inside, position: math.Floor((phase - start) / span)}
	if middle < 0 {
		pl.lower, pl.upper, pl.share = inside-1, inside, 1+middle
		if pl.lower < 0 {
			pl.lower = slots - 1
		}
	} else {
		pl.lower, pl.upper, pl.share = inside, inside+1, middle
		if pl.upper == slots {
			pl.upper = 0
		}
	}
	return pl
}

func (s *Season) weekVisits(slot int) uint8 {
	return s.weekVisit[slot>>1] >> (4 * uint(slot&1)) & 15
}

func (s *Season) setWeekVisits(slot int, n uint8) {
	shift := 4 * uint(slot&1)
	s.weekVisit[slot>>1] = s.weekVisit[slot>>1]&^(15<<shift) | n<<shift
}

// dayAt is the daily curve at a place.
func (s *Season) dayAt(pl place) float64 {
	a, b := float64(s.day[pl.lower]), float64(s.day[pl.upper])
	switch {
	case s.dayVisit[pl.lower] == 0:
		return b
	case s.dayVisit[pl.upper] == 0:
		return a
	}
	return a + float64(pl.share*(b-a))
}

// weekAt is the weekly deviation from the daily curve at a place, each slot
// believed by visits/(visits+1).
func (s *Season) weekAt(pl place) float64 {
	a, b := s.weekSlot(pl.lower), s.weekSlot(pl.upper)
	return a + float64(pl.share*(b-a))
}

// weekEdge is how far the two slots at a place lie from the curve, below and
// above: next to a step the curve, which runs through it slantwise, is on
// neither side of it.
func (s *Season) weekEdge(pl place) (below, above float64) {
	a, b := s.weekSlot(pl.lower), s.weekSlot(pl.upper)
	at := a + float64(pl.share*(b-a))
	return math.Max(0, at-math.Min(a, b)), math.Max(0, math.Max(a, b)-at)
}

func (s *Season) weekSlot(slot int) float64 {
	v := float64(s.weekVisits(slot))
	return float64(s.week[slot]) * (v / (v + 1))
}

// visitGain is the weight of the next value in a slot: the plain mean over up
// to limit visits of rows values each.
func visitGain(visits uint8, limit, rows, position float64) float64 {
	n := math.Min(float64(visits), limit)
	if n < 1 {
		return 1
	}
	return 1 / math.Max(1, math.Min((n-1)*rows+position+1, limit*rows))
}

func (s *Season) learnDay(pl place, rows, deviation float64) {
	v := s.dayVisit[pl.inside]
	if v == 0 || pl.position == 0 {
		if v < dayMemory {
			v++
			s.dayVisit[pl.inside] = v
		}
	}
	g := visitGain(v, dayMemory, rows, pl.position)
	if v == 1 && pl.position == 0 {
		g = 1
	}
	slot := &s.day[pl.inside]
	*slot += float32(g * (deviation - float64(*slot)))
}

func (s *Season) learnWeek(pl place, memory uint8, rows, deviation float64) {
	v := s.weekVisits(pl.inside)
	if v == 0 || pl.position == 0 {
		if v < memory {
			v++
			s.setWeekVisits(pl.inside, v)
		}
	}
	g := visitGain(v, float64(memory), rows, pl.position)
	slot := &s.week[pl.inside]
	*slot += float32(g * (deviation - float64(*slot)))
}
