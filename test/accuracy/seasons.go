package accuracy

import (
	"fmt"
	"math"
	"math/rand/v2"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Times in seconds.
const (
	day  = 86_400.0
	week = 7 * day
)

// SeasonTrial is a kind of random series with a season, or with none.
type SeasonTrial struct {
	Name string
	// SpanMs is the bucket span.
	SpanMs int64
	// Make draws a series: how many buckets it has, its values, and what is to be
	// found in it.
	Make func(rng *rand.Rand) (buckets int, value func(i int) float64, want series.Found)
}

// shape is a random periodic function of mean square one: a fundamental and weaker
// harmonics.
func shape(rng *rand.Rand) func(phase float64) float64 {
	var size, turn [4]float64
	total := 0.0
	for k := range size {
		size[k], turn[k] = 1, 2*math.Pi*rng.Float64()
		if k > 0 {
			size[k] = rng.Float64() * 0.7 / float64(k)
		}
		total += size[k] * size[k] / 2
	}
	return func(phase float64) float64 {
		sum := 0.0
		for k := range size {
			sum += size[k] * math.Sin(2*math.Pi*float64(k+1)*phase+turn[k])
		}
		return sum / math.Sqrt(total)
	}
}

// around is noise of unit variance with a level and, in half of all series, a
// trend.
func around(rng *rand.Rand, buckets int) func(i int) float64 {
	level, slope := 100*rng.NormFloat64(), 0.0
	if rng.IntN(2) == 0 {
		slope = 5 * rng.NormFloat64() / float64(buckets)
	}
	return func(i int) float64 { return level + slope*float64(i) + rng.NormFloat64() }
}

// ratio draws a signal-to-noise ratio (of variances) from least to thirty times
// that, most of them small.
func ratio(rng *rand.Rand, least float64) float64 { return least * math.Pow(30, rng.Float64()) }

// at is the second since the epoch, a Monday, of a bucket's middle.
func at(i int, spanMs int64) float64 { return 4*day + (float64(i)+0.5)*float64(spanMs)/1000 }

// seasonal are series with a season of a period, in seconds, after so many cycles.
func seasonal(spanMs int64, cycles, least float64, period func(*rand.Rand) float64) func(*rand.Rand) (int, func(int) float64, series.Found) {
	return func(rng *rand.Rand) (int, func(int) float64, series.Found) {
		length := period(rng)
		buckets := int(math.Ceil(cycles*length*1000/float64(spanMs))) + int(series.LeastStart)
		form, rest, size := shape(rng), around(rng, buckets), math.Sqrt(ratio(rng, least))
		want := series.Found{Day: length == day, Week: length == week}
		if !want.Day && !want.Week {
			want.Period = length
		}
		return buckets, func(i int) float64 { return size*form(at(i, spanMs)/length) + rest(i) }, want
	}
}

// null are series without a season.
func null(buckets int, next func(rng *rand.Rand, i int, last *float64) float64) func(*rand.Rand) (int, func(int) float64, series.Found) {
	return func(rng *rand.Rand) (int, func(int) float64, series.Found) {
		last := 0.0
		return buckets, func(i int) float64 { return next(rng, i, &last) }, series.Found{}
	}
}

// ramp is a straight line with noise that is a random share of its height.
func ramp(buckets int) func(*rand.Rand) (int, func(int) float64, series.Found) {
	return func(rng *rand.Rand) (int, func(int) float64, series.Found) {
		height := math.Pow(10, 4*rng.Float64()-1)
		return buckets, func(i int) float64 { return height*float64(i)/float64(buckets) + rng.NormFloat64() }, series.Found{}
	}
}

// weekdays are series with a daily pattern and another level, or a weaker pattern, at
// weekends.
func weekdays(rng *rand.Rand) (int, func(int) float64, series.Found) {
	const spanMs, buckets = 3_600_000, 14*24 + 13
	form, rest, size := shape(rng), around(rng, buckets), math.Sqrt(ratio(rng, 1))
	level, part := -2*size, 1.0
	if rng.IntN(2) == 0 {
		level, part = -size, 0.3
	}
	return buckets, func(i int) float64 {
		x := form(at(i, spanMs) / day)
		if math.Mod(at(i, spanMs)-4*day, week) >= 5*day {
			return level + part*size*x + rest(i)
		}
		return size*x + rest(i)
	}, series.Found{Day: true, Week: true}
}

// nightly are series with a job of one to three buckets each night, of varying
// height, on the third day.
func nightly(rng *rand.Rand) (int, func(int) float64, series.Found) {
	const spanMs, perDay = 300_000, 288
	rest := around(rng, 2*perDay)
	first, long, height := 80+rng.IntN(200), 1+rng.IntN(3), 10+30*rng.Float64()
	varies := 0.15 * rng.Float64()
	var want series.Found
	for k := range long {
		want.Jobs = append(want.Jobs, series.Job{Bucket: first + k})
	}
	return 2*perDay + 36, func(i int) float64 {
		x := rest(i)
		if k := i%perDay - first; k >= 0 && k < long {
			x += height * (1 + varies*rng.NormFloat64())
		}
		return x
	}, want
}

func fixed(length float64) func(*rand.Rand) float64 {
	return func(*rand.Rand) float64 { return length }
}

// other draws a period between two bounds that is not a day or week, nor close to a
// part of one: such a period waits until the day or week is known.
func other(from, to float64) func(*rand.Rand) float64 {
	return func(rng *rand.Rand) float64 {
		for {
			length := from * math.Pow(to/from, rng.Float64())
			if apart(day/length) && (length < day || apart(week/length)) {
				return length
			}
		}
	}
}

// apart reports whether x is not close to a small whole number.
func apart(x float64) bool { return x > 4.5 || x < 0.75 || math.Abs(x-math.Round(x)) > 0.3 }

// SeasonTrials are the rows of the table of seasons in docs/accuracy.md. The null
// series are four weeks of five minutes.
var SeasonTrials = []SeasonTrial{
	{"daily, 5 min, 2 cycles", 300_000, seasonal(300_000, 2, 1, fixed(day))},
	{"daily, 1 h, 2 cycles, ratio 4 and more", 3_600_000, seasonal(3_600_000, 2, 4, fixed(day))},
	{"daily, 1 h, 4 cycles", 3_600_000, seasonal(3_600_000, 4, 1, fixed(day))},
	{"weekly, 1 h, 2 cycles", 3_600_000, seasonal(3_600_000, 2, 1, fixed(week))},
	{"weekdays and weekends, 1 h, 2 weeks", 3_600_000, weekdays},
	{"nightly job, 5 min, 2 nights", 300_000, nightly},
	{"2 to 30 hours, 5 min, 4 cycles", 300_000, seasonal(300_000, 4, 1, other(7200, 30*3600))},
	{"1 to 16 days, 1 h, 4 cycles", 3_600_000, seasonal(3_600_000, 4, 1, other(1.05*day, 16*day))},
	{"white noise", 300_000, null(28*288, func(rng *rand.Rand, _ int, _ *float64) float64 { return rng.NormFloat64() })},
	{"AR(0.9)", 300_000, null(28*288, func(rng *rand.Rand, _ int, last *float64) float64 {
		*last = 0.9**last + rng.NormFloat64()
		return *last
	})},
	{"random walk", 300_000, null(28*288, func(rng *rand.Rand, _ int, last *float64) float64 { *last += rng.NormFloat64(); return *last })},
	{"ramp", 300_000, ramp(28 * 288)},
	{"white noise, 1 h", 3_600_000, null(28*24, func(rng *rand.Rand, _ int, _ *float64) float64 { return rng.NormFloat64() })},
	{"AR(0.9), 1 h", 3_600_000, null(28*24, func(rng *rand.Rand, _ int, last *float64) float64 {
		*last = 0.9**last + rng.NormFloat64()
		return *last
	})},
	{"random walk, 1 h", 3_600_000, null(28*24, func(rng *rand.Rand, _ int, last *float64) float64 { *last += rng.NormFloat64(); return *last })},
	{"ramp, 1 h", 3_600_000, ramp(28 * 24)},
	{"Student t, 3 degrees", 300_000, null(28*288, func(rng *rand.Rand, _ int, _ *float64) float64 { return student3(rng) })},
	{"log-normal", 300_000, null(28*288, func(rng *rand.Rand, _ int, _ *float64) float64 { return math.Exp(rng.NormFloat64()) })},
}

// Discovery is how well seasons are found.
type Discovery struct {
	// Recall is the share of seasons that were found, Precision the share of those
	// found that are there, Clean that of series in which nothing was found that is
	// not there.
	Recall, Precision, Clean float64
}

// String is a row of the table in docs/accuracy.md.
func (r Discovery) String() string {
	return fmt.Sprintf("%.3f | %.3f | %.3f", r.Recall, r.Precision, r.Clean)
}

// samePeriod is how far a period may be off.
const samePeriod = 0.05

// TrySeason runs trials series of a kind and asks for their seasons at the end.
func TrySeason(kind SeasonTrial, trials int) Discovery {
	p := series.NewParams(spec.Mean, kind.SpanMs)
	wanted, found, right, clean := 0, 0, 0, 0
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 17))
		buckets, value, want := kind.Make(rng)
		r := newRunner(p)
		for i := range buckets {
			r.next(value(i), int64(4*day)*1000+int64(i)*kind.SpanMs)
		}
		have := r.season.Found()
		w, f, ok := match(want, have)
		wanted, found, right = wanted+w, found+f, right+ok
		if f == ok {
			clean++
		}
	}
	share := func(a, b int) float64 {
		if b == 0 {
			return 1
		}
		return float64(a) / float64(b)
	}
	return Discovery{Recall: share(right, wanted), Precision: share(right, found), Clean: share(clean, trials)}
}

// match counts the seasons that are wanted, found, and both.
func match(want, have series.Found) (wanted, found, right int) {
	count := func(w, h, same bool) {
		if w {
			wanted++
		}
		if h {
			found++
		}
		if w && h && same {
			right++
		}
	}
	count(want.Day, have.Day, true)
	count(want.Week, have.Week, true)
	count(want.Period > 0, have.Period > 0, math.Abs(have.Period-want.Period) < samePeriod*want.Period)
	for _, w := range want.Jobs {
		same := false
		for _, h := range have.Jobs {
			same = same || h.Bucket == w.Bucket
		}
		count(true, same, true)
	}
	for _, h := range have.Jobs {
		same := false
		for _, w := range want.Jobs {
			same = same || h.Bucket == w.Bucket
		}
		count(false, !same, false)
	}
	return wanted, found, right
}
