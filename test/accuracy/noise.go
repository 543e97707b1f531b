package accuracy

import (
	"fmt"
	"math"
	"math/rand/v2"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Noise is a kind of seeded stream in which nothing ever happens.
type Noise struct {
	Name     string
	Function spec.Function
	// Next is the value of bucket i of the day's perDay; last is what the
	// stream keeps between buckets.
	Next func(rng *rand.Rand, i, perDay int, last *float64) float64
}

// Noises are the kinds that docs/accuracy.md reports.
var Noises = []Noise{
	{"Gaussian", spec.Mean, func(rng *rand.Rand, _, _ int, _ *float64) float64 { return 50 + rng.NormFloat64() }},
	{"Student t, 3 degrees", spec.Mean, func(rng *rand.Rand, _, _ int, _ *float64) float64 { return 50 + student3(rng) }},
	{"log-normal", spec.Mean, func(rng *rand.Rand, _, _ int, _ *float64) float64 { return math.Exp(rng.NormFloat64()) }},
	{"sine and noise", spec.Mean, func(rng *rand.Rand, i, perDay int, _ *float64) float64 {
		return 100 + 30*wave(i, perDay) + 3*rng.NormFloat64()
	}},
	{"AR(0.9)", spec.Mean, func(rng *rand.Rand, _, _ int, last *float64) float64 {
		*last = 0.9**last + rng.NormFloat64()
		return *last
	}},
	{"random walk", spec.Mean, func(rng *rand.Rand, _, _ int, last *float64) float64 {
		*last += rng.NormFloat64()
		return *last
	}},
	{"Poisson 2", spec.Count, poisson(2)},
	{"Poisson 30", spec.Count, poisson(30)},
	{"Poisson 0.05", spec.Count, poisson(0.05)},
	{"Poisson 0.005", spec.Count, poisson(0.005)},
	{"mostly zero sum", spec.Sum, func(rng *rand.Rand, _, _ int, _ *float64) float64 {
		if rng.Float64() > 0.02 {
			return 0
		}
		return 10 * rng.ExpFloat64()
	}},
	{"negative binomial, mean 5", spec.Count, func(rng *rand.Rand, _, _ int, _ *float64) float64 {
		return Poisson(rng, 5*rng.ExpFloat64())
	}},
	{"daily Poisson", spec.Count, func(rng *rand.Rand, i, perDay int, _ *float64) float64 {
		return Poisson(rng, 100*(1+0.995*wave(i, perDay)))
	}},
	{"weekday pattern", spec.Mean, func(rng *rand.Rand, i, perDay int, _ *float64) float64 {
		level := 100.0
		if i/perDay%7 >= 5 {
			level = 40
		}
		return level + 20*wave(i, perDay) + 3*rng.NormFloat64()
	}},
}

func wave(i, perDay int) float64 {
	return math.Sin(float64(i%perDay) / float64(perDay) * 2 * math.Pi)
}

func student3(rng *rand.Rand) float64 {
	z, a, b, c := rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
	return z / math.Sqrt((a*a+b*b+c*c)/3)
}

func poisson(mean float64) func(*rand.Rand, int, int, *float64) float64 {
	return func(rng *rand.Rand, _, _ int, _ *float64) float64 { return Poisson(rng, mean) }
}

// Poisson draws a count of the given mean by counting arrivals.
func Poisson(rng *rand.Rand, mean float64) float64 {
	k, sum := 0.0, rng.ExpFloat64()
	for sum < mean {
		k++
		sum += rng.ExpFloat64()
	}
	return k
}

// Frequencies are how often something was reported on noise.
type Frequencies struct {
	// Records, At25, At50 and Novel50 are records, scores of 25 and 50 and more,
	// and novelty scores of 50 and more, per week; At75 is per year.
	Records, At25, At50, Novel50, At75 float64
	// P3, P4 and P5 are how often a probability below 1e-3, 1e-4 and 1e-5
	// occurred, relative to nominal.
	P3, P4, P5 float64
}

// String is a row of the table in docs/accuracy.md.
func (f Frequencies) String() string {
	return fmt.Sprintf("%.0f | %.1f | %.2f | %.1f | %.2f | %.2f | %.2f | %.2f", f.Records, f.At25, f.At50, f.At75, f.Novel50, f.P3, f.P4, f.P5)
}

// Measure runs seeds series of a kind for so many weeks of buckets and counts
// after the first four weeks.
func Measure(kind Noise, spanMs int64, weeks, seeds int) Frequencies {
	const day = 86_400_000
	perDay := int(day / spanMs)
	p := series.NewParams(kind.Function, spanMs)
	var f Frequencies
	counted := 0
	for seed := range seeds {
		rng, last := rand.New(rand.NewPCG(uint64(seed)+1, 7)), 0.0
		r := newRunner(p)
		for i := range weeks * 7 * perDay {
			// Day 4 after the epoch is a Monday.
			v := r.next(kind.Next(rng, i, perDay, &last), 4*day+int64(i)*spanMs)
			if i < 4*7*perDay {
				continue
			}
			counted++
			f.count(&v)
		}
	}
	perWeek := float64(7*perDay) / float64(counted)
	for _, x := range []*float64{&f.Records, &f.At25, &f.At50, &f.Novel50} {
		*x *= perWeek
	}
	f.At75 *= 365.25 / 7 * perWeek
	f.P3, f.P4, f.P5 = f.P3/float64(counted)*1e3, f.P4/float64(counted)*1e4, f.P5/float64(counted)*1e5
	return f
}

func (f *Frequencies) count(v *series.Verdict) {
	power := -v.LogProb / math.Ln10
	for _, c := range []struct {
		at   *float64
		true bool
	}{
		{&f.Records, v.Reportable()}, {&f.At25, v.Score >= 25}, {&f.At50, v.Score >= 50}, {&f.At75, v.Score >= 75},
		{&f.Novel50, v.NoveltyScore >= 50}, {&f.P3, power > 3}, {&f.P4, power > 4}, {&f.P5, power > 5},
	} {
		if c.true {
			*c.at++
		}
	}
}
