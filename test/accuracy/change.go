package accuracy

import (
	"fmt"
	"math"
	"math/rand/v2"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Change is something that happens to a series once and stays.
type Change struct {
	Name string
	// Pattern is the value without noise, in standard deviations of the noise, at
	// a time in seconds, size of the change and the curve of the series given.
	Pattern func(at, size float64, curve *wavy) float64
	// Size draws how large the change is.
	Size func(rng *rand.Rand) float64
}

// Changes are the rows of the table of changes.
var Changes = []Change{
	{"level shift of 5 to 30 sigma", func(at, size float64, c *wavy) float64 { return c.at(at) + size }, func(rng *rand.Rand) float64 {
		return (5 + 25*rng.Float64()) * sign(rng)
	}},
	{"pattern 1.5 to 3 times as large, or as small", func(at, size float64, c *wavy) float64 { return c.level + size*(c.at(at)-c.level) }, func(rng *rand.Rand) float64 {
		return math.Pow(1.5+1.5*rng.Float64(), sign(rng))
	}},
	{"pattern 1 to 6 hours early or late", func(at, size float64, c *wavy) float64 { return c.at(at + size) }, func(rng *rand.Rand) float64 {
		return 3600 * (1 + 5*rng.Float64()) * sign(rng)
	}},
}

func sign(rng *rand.Rand) float64 {
	if rng.IntN(2) == 0 {
		return -1
	}
	return 1
}

// wavy is a random daily curve: a level, and three harmonics, the first being
// the largest.
type wavy struct {
	level, size  float64
	share, phase [3]float64
}

func newWavy(rng *rand.Rand) *wavy {
	w := &wavy{level: 100 * rng.Float64(), size: 5 + 15*rng.Float64()}
	for k := range w.share {
		w.share[k], w.phase[k] = rng.Float64()/float64(k*k+1), 2*math.Pi*rng.Float64()
	}
	w.share[0] = 1
	return w
}

func (w *wavy) at(seconds float64) float64 {
	y := w.level
	for k := range w.share {
		y += w.size * w.share[k] * math.Sin(2*math.Pi*float64(k+1)*seconds/86_400+w.phase[k])
	}
	return y
}

// Recovery is what happened after changes.
type Recovery struct {
	// Recovered is the share of trials in which the mean absolute error of buckets
	// 24 to 47 after the change is at most 1.5 times that of the week before it;
	// Quiet the share with at most five record scores of 25 and more in the week
	// after it; Both that of both.
	Recovered, Quiet, Both float64
	// Ratio is the mean ratio of the errors, Records the mean number of those
	// records.
	Ratio, Records float64
}

// String is a row of the table in docs/accuracy.md.
func (r Recovery) String() string {
	return fmt.Sprintf("%.3f | %.3f | %.3f | %.2f | %.1f", r.Recovered, r.Quiet, r.Both, r.Ratio, r.Records)
}

// TryChange runs series of a daily pattern for four weeks, changes them and goes on
// for a week: as many as trials, seeded by their numbers from first on.
func TryChange(change Change, spanMs int64, first, trials int) (r Recovery) {
	const day, settle, after = 86_400_000, 24, 48
	perDay := int(day / spanMs)
	params := series.NewParams(spec.Mean, spanMs)
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(first+trial), 13))
		curve, size := newWavy(rng), change.Size(rng)
		onset := 28*perDay + rng.IntN(perDay)
		run := newRunner(params)
		old, now, records := 0.0, 0.0, 0
		for i := range onset + 7*perDay {
			at := float64(i) * float64(spanMs) / 1000
			value := curve.at(at)
			if i >= onset {
				value = change.Pattern(at, size, curve)
			}
			v := run.next(value+rng.NormFloat64(), 4*day+int64(i)*spanMs)
			e := math.Abs(v.Actual - v.Typical)
			switch {
			case i >= onset-7*perDay && i < onset:
				old += e / float64(7*perDay)
			case i >= onset+settle && i < onset+after:
				now += e / (after - settle)
			}
			if i >= onset && v.Score >= 25 {
				records++
			}
		}
		recovered, quiet := now <= 1.5*old, records <= 5
		r.count(recovered, quiet)
		r.Ratio += now / old
		r.Records += float64(records)
	}
	n := float64(trials)
	r.Recovered, r.Quiet, r.Both, r.Ratio, r.Records = r.Recovered/n, r.Quiet/n, r.Both/n, r.Ratio/n, r.Records/n
	return r
}

func (r *Recovery) count(recovered, quiet bool) {
	if recovered {
		r.Recovered++
	}
	if quiet {
		r.Quiet++
	}
	if recovered && quiet {
		r.Both++
	}
}

// Outage is a function whose data stop for some hours.
type Outage struct {
	Name     string
	Function spec.Function
}

// Outages are the rows of the table of outages: counts are zero meanwhile, means are
// not there.
var Outages = []Outage{{"counts are zero", spec.Count}, {"values are missing", spec.Mean}}

// Return is what happened after outages.
type Return struct {
	// Silent is the share of trials without a record score of 25 and more in the
	// first 24 buckets after the return, Recovered that in which their mean absolute
	// error is at most 1.5 times that of the week before, Kept that in which the same
	// holds for the day after these.
	Silent, Recovered, Kept float64
	// Told is the share in which the outage itself had such a record.
	Told float64
}

// String is a row of the table in docs/accuracy.md.
func (r Return) String() string {
	return fmt.Sprintf("%.3f | %.3f | %.3f | %.3f", r.Silent, r.Recovered, r.Kept, r.Told)
}

// TryOutage runs series of a daily pattern for four weeks, stops their data for one to
// 24 hours and goes on as before: as many as trials, seeded by their numbers from first
// on.
func TryOutage(o Outage, spanMs int64, first, trials int) (r Return) {
	const day, settle = 86_400_000, 24
	perDay := int(day / spanMs)
	params := series.NewParams(o.Function, spanMs)
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(first+trial), 14))
		curve := newWavy(rng)
		onset := 28*perDay + rng.IntN(perDay)
		back := onset + max(1, int((1+23*rng.Float64())*3_600_000/float64(spanMs)))
		run := newRunner(params)
		old, soon, later, records, told := 0.0, 0.0, 0.0, 0, 0
		for i := range back + settle + perDay {
			at := float64(i) * float64(spanMs) / 1000
			x := series.Sample{Value: curve.at(at) + rng.NormFloat64(), Count: 1, StartMs: 4*day + int64(i)*spanMs}
			if o.Function == spec.Count {
				x.Value = Poisson(rng, 60*math.Exp((curve.at(at)-curve.level)/curve.size/2))
				x.Count = x.Value
			}
			out := i >= onset && i < back
			switch {
			case out && o.Function != spec.Count:
				continue
			case out:
				x.Value, x.Count = 0, 0
			}
			v := run.judge(x)
			e := math.Abs(v.Actual - v.Typical)
			switch {
			case i >= onset-7*perDay && i < onset:
				old += e / float64(7*perDay)
			case out && v.Score >= 25:
				told++
			case i >= back && i < back+settle:
				soon += e / settle
				if v.Score >= 25 {
					records++
				}
			case i >= back+settle:
				later += e / float64(perDay)
			}
		}
		for _, c := range []struct {
			share *float64
			true  bool
		}{{&r.Silent, records == 0}, {&r.Recovered, soon <= 1.5*old}, {&r.Kept, later <= 1.5*old}, {&r.Told, told > 0}} {
			if c.true {
				*c.share += 1 / float64(trials)
			}
		}
	}
	return r
}
