package series

import "math"

// Season holds the daily and weekly curve of one series, and its scatter by
// hour of day. Slots are equal parts of the local day and week; values between
// the middles of slots are interpolated. A slot that was never visited lends
// its neighbor's value.
//
// Curves are kept in 16 bits, as levels of a unit: a power of two that doubles when
// they leave its range and is halved, once a day, while it is coarse beside the
// scatter. Values are rounded up or down as the time of the bucket decides, in
// proportion to how close they are, so that no small step is lost in the mean.
type Season struct {
	seen      float32 // buckets learned
	unit      float32
	day       [maxDaySlots]int16
	week      [maxWeekSlots]int16
	scatter   [24]uint16              // of the short residual, relative to its mean
	scatterB  [24]uint16              // of the long one
	dayVisit  [maxDaySlots / 2]uint8  // two of four bits each
	weekVisit [maxWeekSlots / 2]uint8 // likewise
	// period and anchor, in seconds, are of the season besides day and week, whose
	// curve lives in week.
	period, anchor float64
	jobs           jobs
	alt            alternative
	on             uint8 // the seasons that are believed: only they predict
	asked          uint8 // how often it has looked at its siblings
	// since are the local days on which day, week and the season besides were found.
	since [3]int32
	watch watch
	due   due
}

const (
	// scatterLevels is what a scatter of one is kept as: 20 must fit 16 bits.
	scatterLevels = 3200
	// fineUnits is how many units a scale is at first; coarseUnits is how few of them
	// a scale may be before they are halved.
	fineUnits, coarseUnits = 4096, 2048
	leastUnit              = 1e-20
	// clearLevels is how many units from zero a slot of the week stands out: five to
	// ten scales. With visits/(visits+1) for all, a weekend 20 scales lower made the long
	// prediction of every day err three times as much as noise; from one unit on, a
	// holiday's first hours were all that was told of it. Of 1 to 8, 5 ranked best.
	clearLevels = 5 * fineUnits
)

// place is where a time falls on a ring of slots: between the middles of two
// slots, the second with weight share.
type place struct {
	lower, upper, inside int
	share                float64
	// position is the number of buckets since the slot inside began.
	position float64
	// slots is how many the ring has, bucket the length of a bucket in slots.
	slots  int
	bucket float64
}

func placeAt(seconds, period, slotSec, span float64, slots int) place {
	phase := seconds - period*math.Floor(seconds/period)
	inside := min(int(phase/slotSec), slots-1)
	start := float64(inside) * slotSec
	middle := (phase-start)/slotSec - 0.5
	pl := place{inside: inside, position: math.Floor((phase - start) / span), slots: slots, bucket: span / slotSec}
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

// visits and setVisits are for numbers of four bits.
func visits(list []uint8, slot int) uint8 { return list[slot>>1] >> (4 * uint(slot&1)) & 15 }

func setVisits(list []uint8, slot int, n uint8) {
	shift := 4 * uint(slot&1)
	list[slot>>1] = list[slot>>1]&^(15<<shift) | n<<shift
}

func (s *Season) weekVisits(slot int) uint8       { return visits(s.weekVisit[:], slot) }
func (s *Season) setWeekVisits(slot int, n uint8) { setVisits(s.weekVisit[:], slot, n) }
func (s *Season) dayVisits(slot int) uint8        { return visits(s.dayVisit[:], slot) }
func (s *Season) setDayVisits(slot int, n uint8)  { setVisits(s.dayVisit[:], slot, n) }

// dither is a number from 0 to 1 that a time decides.
func dither(startMs int64) float64 {
	h := uint64(startMs) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return float64(h>>11) / (1 << 53)
}

// halfway is the dither that rounds to the nearest level.
const halfway = 0.5

// put sets a slot of a curve to a value.
func (s *Season) put(slot *int16, x, dither float64) {
	for math.Abs(x) > mostLevel*float64(s.unit) {
		s.coarser()
	}
	*slot = int16(math.Floor(x/float64(s.unit) + dither))
}

// chooseUnit gives curves without a unit one that suits a scale.
func (s *Season) chooseUnit(scale float64) {
	if s.unit == 0 {
		s.unit = float32(math.Exp2(math.Ceil(math.Log2(max(scale, leastUnit) / fineUnits))))
	}
}

func (s *Season) coarser() {
	s.unit *= 2
	for i := range s.day {
		s.day[i] /= 2
	}
	for i := range s.week {
		s.week[i] /= 2
	}
}

// refine halves the unit while it is coarse beside a scale and levels allow it.
func (s *Season) refine(scale float64) {
	if scale >= coarseUnits*float64(s.unit) || s.unit < leastUnit {
		return
	}
	for _, curve := range [...][]int16{s.day[:], s.week[:]} {
		for _, l := range curve {
			if l > mostLevel/2 || l < -mostLevel/2 {
				return
			}
		}
	}
	s.unit /= 2
	for i := range s.day {
		s.day[i] *= 2
	}
	for i := range s.week {
		s.week[i] *= 2
	}
}

// dayAt is the daily curve at a place.
func (s *Season) dayAt(pl place) float64 { return s.readDay(&pl).value }

func (s *Season) readDay(pl *place) curveReading {
	unit := float64(s.unit)
	a, b := unit*float64(s.day[pl.lower]), unit*float64(s.day[pl.upper])
	switch {
	case s.dayVisits(pl.lower) == 0:
		return curveReading{value: b}
	case s.dayVisits(pl.upper) == 0:
		return curveReading{value: a}
	}
	line := a + float64(pl.share*(b-a))
	if math.Abs(b-a) < leastEdge*unit/2 {
		return curveReading{value: line}
	}
	if r, ok := pl.edge(line, leastEdge*unit, s.daySlot); ok {
		return r
	}
	return curveReading{value: line}
}

// daySlot and seenWeek are the values of slots, and whether they were ever visited.
func (s *Season) daySlot(slot int) (value float64, seen bool) {
	return float64(s.unit) * float64(s.day[slot]), s.dayVisits(slot) > 0
}

func (s *Season) seenWeek(slot int) (value float64, seen bool) {
	return s.weekSlot(slot), s.weekVisits(slot) > 0
}

// weekAt is the weekly deviation from the daily curve at a place.
func (s *Season) weekAt(pl place) float64 { return s.readWeek(&pl).value }

// readWeek tolerates both slots next to a place: where there is a step the line
// between them is on neither side of it.
func (s *Season) readWeek(pl *place) curveReading {
	a, b := s.weekSlot(pl.lower), s.weekSlot(pl.upper)
	line := a + float64(pl.share*(b-a))
	if math.Abs(b-a) >= leastEdge*float64(s.unit)/2 {
		if r, ok := pl.edge(line, leastEdge*float64(s.unit), s.seenWeek); ok {
			return r
		}
	}
	return curveReading{value: line, below: max(0, line-min(a, b)), above: max(0, max(a, b)-line)}
}

// weekSlot is the value of a slot of the week, as far as it is believed: what stands
// out and has come again nearly whole, what may be noise by visits/(visits+1), as all
// of another period is.
func (s *Season) weekSlot(slot int) float64 {
	level, v := float64(s.week[slot]), float64(s.weekVisits(slot))
	doubt := 1.0
	if s.on&seasonCycle == 0 {
		clear := level * level / (level*level + clearLevels*clearLevels)
		doubt = 1 / (1 + float64((v-1)*(v-1)*clear))
	}
	return float64(s.unit) * level * (v / (v + doubt))
}

// visitGain is the weight of the next value in a slot: the plain mean over up
// to limit visits of rows values each.
func visitGain(visits uint8, limit, rows, position float64) float64 {
	n := min(float64(visits), limit)
	if n < 1 {
		return 1
	}
	return 1 / max(1, min((n-1)*rows+position+1, limit*rows))
}

func (s *Season) learnDay(pl place, rows, deviation, dither float64) {
	v := s.dayVisits(pl.inside)
	if (v == 0 || pl.position == 0) && v < dayMemory {
		v++
		s.setDayVisits(pl.inside, v)
	}
	g := visitGain(v, dayMemory, rows, pl.position)
	if v == 1 && pl.position == 0 {
		g = 1
	}
	s.learnSlot(&s.day[pl.inside], g, deviation, dither)
}

func (s *Season) learnWeek(pl place, memory uint8, rows, deviation, dither float64) {
	v := s.weekVisits(pl.inside)
	if (v == 0 || pl.position == 0) && v < memory {
		v++
		s.setWeekVisits(pl.inside, v)
	}
	s.learnSlot(&s.week[pl.inside], visitGain(v, float64(memory), rows, pl.position), deviation, dither)
}

func (s *Season) learnSlot(slot *int16, gain, deviation, dither float64) {
	now := float64(s.unit) * float64(*slot)
	s.put(slot, now+gain*(deviation-now), dither)
}
