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
	{"gamma, shape 2", spec.Mean, func(rng *rand.Rand, _, _ int, _ *float64) float64 {
		return rng.ExpFloat64() + rng.ExpFloat64()
	}},
	{"variance of the day", spec.Mean, func(rng *rand.Rand, i, perDay int, _ *float64) float64 {
		return 50 + (1+0.8*wave(i, perDay))*rng.NormFloat64()
	}},
	{"integers", spec.Mean, func(rng *rand.Rand, _, _ int, _ *float64) float64 {
		return math.Round(50 + 2*rng.NormFloat64())
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

// warmWeeks of every series are counted apart.
const warmWeeks = 4

// Frequencies are how often something was reported on noise.
type Frequencies struct {
	// Records, At25, At50 and Novel50 are records, scores of 25 and 50 and more,
	// and novelty scores of 50 and more, per week; At75 is per year.
	Records, At25, At50, Novel50, At75 float64
	// P is how often a probability below 1e-3, 1e-4 and 1e-5 occurred, relative to
	// nominal.
	P [3]float64
}

// String is the part of a row of the table in docs/accuracy.md that has one number
// for each.
func (f Frequencies) String() string {
	return fmt.Sprintf("%.0f | %.1f | %.2f | %.1f | %.2f | %.2f | %.2f | %.2f", f.Records, f.At25, f.At50, f.At75, f.Novel50, f.P[0], f.P[1], f.P[2])
}

// Quiet is what a kind of noise shows: in the first four weeks of all series, and
// after them.
type Quiet struct {
	Warm, Steady Frequencies
	// Low and High bound Steady.P among the series.
	Low, High [3]float64
}

// String is a row of the table in docs/accuracy.md.
func (q Quiet) String() string {
	row := q.Steady.String()
	for i := range q.Low {
		row += fmt.Sprintf(" | %.2f to %.2f", q.Low[i], q.High[i])
	}
	return row + fmt.Sprintf(" | %.1f | %.2f | %.2f", q.Warm.At25, q.Warm.P[0], q.Warm.P[1])
}

// tally counts what Frequencies report.
type tally struct {
	buckets, records, at25, at50, at75, novel50 int
	p                                           [3]int
}

// MeasureNoise runs seeds series of a kind for so many weeks of buckets. It keeps
// no more than one series at a time.
func MeasureNoise(kind Noise, spanMs int64, weeks, seeds int) (q Quiet) {
	const day = 86_400_000
	perDay := int(day / spanMs)
	p := series.NewParams(kind.Function, spanMs)
	var warm, steady tally
	for i := range q.Low {
		q.Low[i] = math.Inf(1)
	}
	for seed := range seeds {
		rng, last := rand.New(rand.NewPCG(uint64(seed)+1, 7)), 0.0
		r := newRunner(p)
		var own tally
		for i := range weeks * 7 * perDay {
			// Day 4 after the epoch is a Monday.
			v := r.next(kind.Next(rng, i, perDay, &last), 4*day+int64(i)*spanMs)
			if i < warmWeeks*7*perDay {
				warm.count(&v)
			} else {
				own.count(&v)
			}
		}
		for i, x := range own.frequencies(perDay).P {
			q.Low[i], q.High[i] = math.Min(q.Low[i], x), math.Max(q.High[i], x)
		}
		steady.add(&own)
	}
	q.Warm, q.Steady = warm.frequencies(perDay), steady.frequencies(perDay)
	return q
}

func (t *tally) count(v *series.Verdict) {
	t.buckets++
	power := -v.LogProb / math.Ln10
	for _, c := range []struct {
		at   *int
		true bool
	}{
		{&t.records, v.Reportable()}, {&t.at25, v.Score >= 25}, {&t.at50, v.Score >= 50}, {&t.at75, v.Score >= 75},
		{&t.novel50, v.NoveltyScore >= 50},
		{&t.p[0], v.Ready && power > 3}, {&t.p[1], v.Ready && power > 4}, {&t.p[2], v.Ready && power > 5},
	} {
		if c.true {
			*c.at++
		}
	}
}

func (t *tally) add(o *tally) {
	t.buckets += o.buckets
	t.records += o.records
	t.at25 += o.at25
	t.at50 += o.at50
	t.at75 += o.at75
	t.novel50 += o.novel50
	for i := range t.p {
		t.p[i] += o.p[i]
	}
}

func (t *tally) frequencies(perDay int) (f Frequencies) {
	week := float64(7*perDay) / float64(t.buckets)
	f.Records, f.At25, f.At50 = week*float64(t.records), week*float64(t.at25), week*float64(t.at50)
	f.Novel50, f.At75 = week*float64(t.novel50), 365.25/7*week*float64(t.at75)
	for i := range f.P {
		f.P[i] = float64(t.p[i]) / float64(t.buckets) * math.Pow(10, float64(i+3))
	}
	return f
}
