package accuracy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Trouble is something that happens to a series with a daily pattern and noise.
type Trouble struct {
	Name string
	// Lasts is how long it lasts, in five-minute buckets.
	Lasts int
	// Value is the value of bucket i of the trouble, at a time of the day from 0 to
	// 1; usual is what the value would have been, pattern its part without noise.
	Value func(rng *rand.Rand, i int, at, usual, pattern float64) float64
}

// sigma is the noise of the series of the power table, swing the amplitude of
// their daily pattern.
const sigma, swing = 3.0, 30.0

// daily is the usual value at a time of the day.
func daily(at float64) float64 { return 100 + swing*math.Sin(2*math.Pi*at) }

// Troubles are the rows of the power table.
var Troubles = []Trouble{
	{"spike of 6 sigma", 1, func(_ *rand.Rand, _ int, _, usual, _ float64) float64 { return usual + 6*sigma }},
	{"spike of 10 sigma", 1, func(_ *rand.Rand, _ int, _, usual, _ float64) float64 { return usual + 10*sigma }},
	{"level shift of 5 sigma", 288, func(_ *rand.Rand, _ int, _, usual, _ float64) float64 { return usual + 5*sigma }},
	{"level shift of 10 sigma", 288, func(_ *rand.Rand, _ int, _, usual, _ float64) float64 { return usual + 10*sigma }},
	{"1 sigma higher for a day", 288, func(_ *rand.Rand, _ int, _, usual, _ float64) float64 { return usual + sigma }},
	{"2 sigma higher for a day", 288, func(_ *rand.Rand, _ int, _, usual, _ float64) float64 { return usual + 2*sigma }},
	{"flat line for six hours", 72, func(_ *rand.Rand, _ int, _, _, _ float64) float64 { return 100 }},
	{"peak missing for a day", 288, func(_ *rand.Rand, _ int, at, usual, pattern float64) float64 {
		return usual - math.Max(0, pattern-100)
	}},
	{"three hours late for a day", 288, func(_ *rand.Rand, _ int, at, usual, pattern float64) float64 {
		return usual - pattern + daily(at-0.125)
	}},
	{"noise three times as wide for a day", 288, func(_ *rand.Rand, _ int, _, usual, pattern float64) float64 {
		return pattern + 3*(usual-pattern)
	}},
	{"ramp of 10 sigma over a day", 288, func(_ *rand.Rand, i int, _, usual, _ float64) float64 {
		return usual + 10*sigma*float64(i)/288
	}},
	{"night value at noon for an hour", 12, func(_ *rand.Rand, _ int, at, usual, pattern float64) float64 {
		return usual - pattern + daily(at+0.5)
	}},
	{"nothing", 288, func(_ *rand.Rand, _ int, _, usual, _ float64) float64 { return usual }},
}

// Power is how often and how fast a trouble is found.
type Power struct {
	// Record and Novelty are the shares of trials in which record_score or
	// novelty_score reached 50 while it lasted or in the hour after; Either that
	// one of them did.
	Record, Novelty, Either float64
	// Delay is the median time to the first of them.
	Delay time.Duration
	// Records is the mean number of buckets with a record_score of 25 and more.
	Records float64
}

// String is a row of the table in docs/accuracy.md.
func (p Power) String() string {
	return fmt.Sprintf("%.2f | %.2f | %.2f | %s | %.1f", p.Record, p.Novelty, p.Either, p.Delay, p.Records)
}

// TryTrouble runs trials series for four weeks each and lets the trouble begin at
// a time of the day that differs from trial to trial.
func TryTrouble(trouble Trouble, trials int) (p Power) {
	const weeks, perDay = 4, 288
	params := series.NewParams(spec.Mean, 300_000)
	var delays []time.Duration
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 11))
		begin := weeks*7*perDay + rng.IntN(perDay)
		if trouble.Lasts == 12 {
			begin = weeks*7*perDay + perDay/4 - 6 // At the peak.
		}
		r := newRunner(params)
		record, novel := -1, -1
		for i := range begin + trouble.Lasts + 12 {
			at := float64(i%perDay) / perDay
			pattern := daily(at)
			value := pattern + sigma*rng.NormFloat64()
			in := i >= begin && i < begin+trouble.Lasts
			if in {
				value = trouble.Value(rng, i-begin, at, value, pattern)
			}
			v := r.next(value, 4*86_400_000+int64(i)*300_000)
			if i < begin {
				continue
			}
			if v.Score >= 50 && record < 0 {
				record = i - begin
			}
			if v.NoveltyScore >= 50 && novel < 0 {
				novel = i - begin
			}
			if v.Score >= 25 {
				p.Records++
			}
		}
		first := record
		if record >= 0 {
			p.Record++
		}
		if novel >= 0 {
			p.Novelty++
			if first < 0 || novel < first {
				first = novel
			}
		}
		if first >= 0 {
			p.Either++
			delays = append(delays, time.Duration(first)*5*time.Minute)
		}
	}
	n := float64(trials)
	p.Record, p.Novelty, p.Either, p.Records = p.Record/n, p.Novelty/n, p.Either/n, p.Records/n
	if len(delays) > 0 {
		slices.Sort(delays)
		p.Delay = delays[len(delays)/2]
	}
	return p
}
