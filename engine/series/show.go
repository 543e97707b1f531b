package series

import "math"

// Cycle is a season that was found in a series.
type Cycle struct {
	// Seconds is its period.
	Seconds float64
	// Since is the local day on which it was found, in days since the epoch.
	Since int
	// Swing is from its lowest to its highest value, in the series' units or, for
	// variances and numbers of distinct values, their logarithm's.
	Swing float64
	// Strength is its share in the variance of itself and of the noise, 0 to 1.
	Strength float64
}

// Shown is what a series is believed to do by the clock and the calendar, in words
// and numbers for people.
type Shown struct {
	// Buckets is how many were learned.
	Buckets float64
	// Cycles are the day, the week and another period, as far as they were found.
	Cycles []Cycle
	Jobs   []Job
	Days   []MonthDay
	// Level is where the series is but for all that.
	Level float64
	// Moved is by how much the level has moved within the last day, 0: it has not.
	Moved float64
}

// Show says what is known of a series; s and m may be nil.
func (p *Params) Show(c *Core, s *Season, m *Calendar) (out Shown) {
	out = Shown{Buckets: c.seen, Level: c.slow, Days: m.Found()}
	if c.shift.left > 0 {
		out.Moved = c.shift.back
	}
	defer func() { out.Level = p.curve.out(out.Level) }()
	if s == nil {
		return out
	}
	noise := normalFromMeanAbs * c.lasting
	out.Jobs = s.Found().Jobs
	if s.on&seasonDay != 0 {
		out.Level = c.daySlow
		out.Cycles = append(out.Cycles, cycle(day, s.since[0], noise, p.daySlots, func(i int) float64 { return float64(s.unit) * float64(s.day[i]) }))
	}
	if s.on&seasonWeek != 0 {
		out.Level = c.weekSlow
		out.Cycles = append(out.Cycles, cycle(week, s.since[1], noise, p.weekSlots, s.weekSlot))
	}
	if s.on&seasonCycle != 0 {
		slots, _ := s.cycleSlots(p)
		out.Cycles = append(out.Cycles, cycle(s.period, s.since[2], noise, slots, s.weekSlot))
	}
	return out
}

// cycle sums a curve of n slots up.
func cycle(seconds float64, since int32, noise float64, n int, at func(i int) float64) Cycle {
	low, high, sum, square := math.Inf(1), math.Inf(-1), 0.0, 0.0
	for i := range n {
		x := at(i)
		low, high = min(low, x), max(high, x)
		sum, square = sum+x, square+float64(x*x)
	}
	mean := sum / float64(n)
	variance := max(0, square/float64(n)-float64(mean*mean))
	out := Cycle{Seconds: seconds, Since: int(since), Swing: high - low}
	if total := variance + float64(noise*noise); total > 0 {
		out.Strength = variance / total
	}
	return out
}
