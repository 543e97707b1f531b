package accuracy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// CalendarTrial is a kind of random series of a year and a half in which certain
// days of the month add something, or none do.
type CalendarTrial struct {
	Name   string
	SpanMs int64
	// On says whether a day adds something, nil: none does.
	On func(day time.Time) bool
	// Hours is for how long; it begins at any hour that leaves as many.
	Hours int
	// Noise is what a bucket has besides, nil: white noise of unit variance.
	Noise func(rng *rand.Rand, last *float64) float64
}

// lastDay reports whether a day is the last of its month.
func lastDay(t time.Time) bool { return t.AddDate(0, 0, 1).Day() == 1 }

func firstDay(t time.Time) bool { return t.Day() == 1 }

func fifteenth(t time.Time) bool { return t.Day() == 15 }

// lastWorkday reports whether a day is the last of its month that is no weekend.
func lastWorkday(t time.Time) bool {
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		return false
	}
	next := t.AddDate(0, 0, 1)
	for next.Weekday() == time.Saturday || next.Weekday() == time.Sunday {
		next = next.AddDate(0, 0, 1)
	}
	return next.Month() != t.Month()
}

func firstMonday(t time.Time) bool { return t.Weekday() == time.Monday && t.Day() <= 7 }

const hourMs, dayMs = 3_600_000, 86_400_000

// CalendarTrials are the rows of the table of days of the month.
var CalendarTrials = []CalendarTrial{
	{"last day, 1 d", dayMs, lastDay, 24, nil},
	{"first day, 1 d", dayMs, firstDay, 24, nil},
	{"15th, 1 d", dayMs, fifteenth, 24, nil},
	{"last working day, 1 d", dayMs, lastWorkday, 24, nil},
	{"first Monday, 1 d", dayMs, firstMonday, 24, nil},
	{"last day, 1 h, all day", hourMs, lastDay, 24, nil},
	{"last day, 1 h, six hours", hourMs, lastDay, 6, nil},
	{"last working day, 1 h, all day", hourMs, lastWorkday, 24, nil},
	{"first day, 1 h, one hour", hourMs, firstDay, 1, nil},
	{"white noise, 1 d", dayMs, nil, 0, nil},
	{"white noise, 1 h", hourMs, nil, 0, nil},
	{"AR(0.9), 1 d", dayMs, nil, 0, ar9},
	{"AR(0.9), 1 h", hourMs, nil, 0, ar9},
	{"random walk, 1 d", dayMs, nil, 0, walk},
	{"random walk, 1 h", hourMs, nil, 0, walk},
	{"Student t, 3 degrees, 1 d", dayMs, nil, 0, func(rng *rand.Rand, _ *float64) float64 { return student3(rng) }},
	{"Student t, 3 degrees, 1 h", hourMs, nil, 0, func(rng *rand.Rand, _ *float64) float64 { return student3(rng) }},
	{"log-normal, 1 d", dayMs, nil, 0, func(rng *rand.Rand, _ *float64) float64 { return math.Exp(rng.NormFloat64()) }},
	{"log-normal, 1 h", hourMs, nil, 0, func(rng *rand.Rand, _ *float64) float64 { return math.Exp(rng.NormFloat64()) }},
}

func ar9(rng *rand.Rand, last *float64) float64 {
	*last = 0.9**last + rng.NormFloat64()
	return *last
}

func walk(rng *rand.Rand, last *float64) float64 {
	*last += rng.NormFloat64()
	return *last
}

// Month is how days of the month fared.
type Month struct {
	// After is the share of series in which the effect was known after its third,
	// fourth and sixth month, Clean that in which nothing else ever was.
	After [3]float64
	Clean float64
	// Known is the mean of the largest record score on the days of the first two
	// months and on those that came once it was known; Missing that of one that did not
	// come in the end, and Other that of an effect of the same size on another day.
	First, Known, Missing, Other float64
}

// String is a row of the table in docs/accuracy.md.
func (r Month) String() string {
	return fmt.Sprintf("%.3f, %.3f, %.3f | %.3f | %.0f | %.0f | %.0f | %.0f", r.After[0], r.After[1], r.After[2], r.Clean, r.First, r.Known, r.Missing, r.Other)
}

// months is how long a calendar trial lasts; in the last month the effect is missing
// and comes ten days early instead.
const months = 18

// TryCalendar runs trials series of a kind.
func TryCalendar(kind CalendarTrial, trials int) (r Month) {
	var first, known, missing, elsewhere mean
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 23))
		start := time.Date(2024, time.January, 10+rng.IntN(15), 0, 0, 0, 0, time.UTC)
		end := start.AddDate(0, months, 0)
		value, size, hour := kind.series(rng)
		run := newRunner(series.NewParams(spec.Mean, kind.SpanMs))
		came, clean, odd := 0, true, end.AddDate(0, 0, -40+rng.IntN(5))
		for day := start; day.Before(end); day = day.AddDate(0, 0, 1) {
			on := kind.On != nil && kind.On(day)
			late := kind.On != nil && day.After(end.AddDate(0, -1, 0)) && on
			other := kind.On != nil && day.Equal(odd) && !on
			knew := len(run.month.Found()) > 0
			most := 0.0
			for ms := int64(0); ms < dayMs; ms += kind.SpanMs {
				x := value(day.UnixMilli() + ms)
				if h := int(ms / hourMs); (on && !late || other) && h >= hour && h < hour+kind.Hours {
					x += size
				}
				most = math.Max(most, run.next(x, day.UnixMilli()+ms).Score)
			}
			switch {
			case other:
				elsewhere.add(most)
			case late && knew:
				missing.add(most)
			case on && !late:
				came++
				if came <= 2 {
					first.add(most)
				} else if knew && came > 3 {
					known.add(most)
				}
				for i, after := range [...]int{3, 4, 6} {
					if came == after && run.knows(day) {
						r.After[i]++
					}
				}
			}
			for _, f := range run.month.Found() {
				clean = clean && kind.On != nil && kind.On(time.Unix(int64(f.Last)*86_400, 0).UTC())
			}
		}
		if clean {
			r.Clean++
		}
	}
	for i := range r.After {
		r.After[i] /= float64(trials)
	}
	r.Clean /= float64(trials)
	r.First, r.Known, r.Missing, r.Other = first.of(), known.of(), missing.of(), elsewhere.of()
	return r
}

// knows reports whether an effect is known that came on a day.
func (r *runner) knows(day time.Time) bool {
	for _, f := range r.month.Found() {
		if int64(f.Last) == day.Unix()/86_400 {
			return true
		}
	}
	return false
}

// series draws the rest of a series, and the size and the first hour of the effect.
func (k CalendarTrial) series(rng *rand.Rand) (value func(ms int64) float64, size float64, hour int) {
	level, slope := 100*rng.NormFloat64(), 0.0
	if rng.IntN(2) == 0 {
		slope = 10 * rng.NormFloat64() / (months * 30)
	}
	daily, weekly := shape(rng), shape(rng)
	dailySize, weeklySize := 3*rng.Float64(), 3*rng.Float64()
	if k.SpanMs == dayMs {
		dailySize = 0
	}
	if k.Noise != nil {
		dailySize, weeklySize, slope = 0, 0, 0
	}
	last := 0.0
	value = func(ms int64) float64 {
		at := float64(ms) / 1000
		x := level + slope*float64(ms-1_704_067_200_000)/dayMs + dailySize*daily(at/day) + weeklySize*weekly(at/week)
		if k.Noise != nil {
			return x + k.Noise(rng, &last)
		}
		return x + rng.NormFloat64()
	}
	return value, (3 + 7*rng.Float64()) * sign(rng), rng.IntN(25 - max(k.Hours, 1))
}

// mean is a plain mean.
type mean struct{ sum, n float64 }

func (m *mean) add(x float64) { m.sum, m.n = m.sum+x, m.n+1 }

func (m *mean) of() float64 { return m.sum / math.Max(1, m.n) }
