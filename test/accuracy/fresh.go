package accuracy

import (
	"fmt"
	"math"
	"math/rand/v2"

	"tidemark/engine/rarity"
	"tidemark/engine/series"
)

// Fresh is a way in which values come that were never there before.
type Fresh struct {
	Name string
	// Next gives the values of a bucket beside those that come in every one.
	Next func(s *stream) []int
}

// stream is where a stream of values stands.
type stream struct {
	rng       *rand.Rand
	at, hours float64 // since the start, and of one bucket
	last      int     // the newest value
	until     float64 // the end of a burst
}

func (s *stream) fresh() []int {
	s.last++
	return []int{s.last}
}

// atRandom brings a new value once in so many hours.
func atRandom(every float64) Fresh {
	return Fresh{fmt.Sprintf("one in %.0f hours", every), func(s *stream) []int {
		if s.rng.Float64() < s.hours/every {
			return s.fresh()
		}
		return nil
	}}
}

// FreshKinds are streams in which new values are no news, or as rare as they are.
var FreshKinds = []Fresh{
	atRandom(50), atRandom(100), atRandom(200), atRandom(500), atRandom(1500),
	{"one each Monday", func(s *stream) []int {
		if math.Mod(s.at, 168) >= s.hours {
			return nil
		}
		return s.fresh()
	}},
	{"five hours of them, once in 200", func(s *stream) []int {
		if s.rng.Float64() < s.hours/200 {
			s.until = s.at + 5
		}
		if s.at >= s.until {
			return nil
		}
		return s.fresh()
	}},
	{"long tail", func(s *stream) (values []int) {
		for range int(math.Ceil(30 * s.hours)) {
			values = append(values, int(math.Pow(1-s.rng.Float64(), -1.5)))
		}
		return values
	}},
	{"each is new", func(s *stream) []int { return s.fresh() }},
}

// FreshScores are how often new values have a score of so much, per week, in the
// first four weeks and after them.
type FreshScores struct {
	Warm, Steady [3]float64
}

// String is the part of a row of the table in docs/accuracy.md.
func (f FreshScores) String() string {
	return fmt.Sprintf("%.2f | %.2f | %.2f | %.2f | %.2f", f.Warm[0], f.Warm[1], f.Steady[0], f.Steady[1], f.Steady[2])
}

// watch judges and learns streams of values, as an engine does.
type watch struct {
	population rarity.Population
	usual      rarity.Value
	values     map[int]*rarity.Value
	spanMs     int64
	atMs       int64
}

func newWatch(spanMs int64) *watch { return &watch{spanMs: spanMs, values: map[int]*rarity.Value{}} }

// bucket takes the values of the next bucket and returns the score of the rarest.
func (w *watch) bucket(values []int) float64 {
	rarest := w.usual.Class(w.atMs, w.spanMs)
	for _, number := range values {
		if w.values[number] == nil {
			w.values[number] = new(rarity.Value)
		}
		rarest = min(rarest, w.values[number].Class(w.atMs, w.spanMs))
	}
	score := 0.0
	if w.population.Ready() {
		score = series.Score(series.Scarce(-math.Log10(w.population.Bucket(rarest)), w.spanMs))
	}
	w.population.Pass(w.atMs, w.spanMs)
	w.population.LearnBucket(rarest)
	w.usual.Occur(w.atMs, w.spanMs, true)
	for _, number := range values {
		w.values[number].Occur(w.atMs, w.spanMs, true)
	}
	w.atMs += w.spanMs
	return score
}

// MeasureFresh runs streams of a kind for so many weeks, more than 4.
func MeasureFresh(kind Fresh, spanMs int64, weeks, seeds int) (f FreshScores) {
	const week = 7 * 86_400_000
	for seed := range seeds {
		s := &stream{rng: rand.New(rand.NewPCG(uint64(seed), 11)), hours: float64(spanMs) / 3_600_000}
		w := newWatch(spanMs)
		for range int64(weeks) * week / spanMs {
			score := w.bucket(kind.Next(s))
			s.at += s.hours
			at, of := &f.Steady, weeks-warmWeeks
			if w.atMs <= warmWeeks*week {
				at, of = &f.Warm, warmWeeks
			}
			for i := range at {
				if score >= float64(25*(i+1)) {
					at[i] += 1 / float64(of*seeds)
				}
			}
		}
	}
	return f
}

// FreshAfter is the score of a value that comes for the first time after so many
// hours in which nothing new came. Before them new values came for hours, ever
// fewer: half of the buckets had one at first, one in twenty at the end.
func FreshAfter(spanMs int64, discovery, quiet float64, seeds int) (mean float64) {
	for seed := range seeds {
		s := &stream{rng: rand.New(rand.NewPCG(uint64(seed), 12)), hours: float64(spanMs) / 3_600_000}
		w := newWatch(spanMs)
		for ; s.at < discovery+quiet; s.at += s.hours {
			var values []int
			if s.at < discovery && s.rng.Float64() < 0.5*math.Pow(0.1, s.at/discovery) {
				values = s.fresh()
			}
			w.bucket(values)
		}
		mean += w.bucket(s.fresh()) / float64(seeds)
	}
	return mean
}
