package series

import (
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/engine/spec"
)

// drawShape is a random daily pattern of three harmonics, weaker and lower at
// weekends.
func drawShape(rng *rand.Rand) func(at float64) float64 {
	var size, phase [3]float64
	for k := range size {
		size[k], phase[k] = rng.Float64()/float64(k+1), 2*math.Pi*rng.Float64()
	}
	size[0] = 1
	weekend := rng.Float64()
	return func(at float64) float64 {
		y := 0.0
		for k := range size {
			y += size[k] * math.Sin(2*math.Pi*float64(k+1)*at/day+phase[k])
		}
		if math.Mod(at/day+3, 7) >= 5 {
			return y*(1-0.7*weekend) - weekend
		}
		return y
	}
}

// kin is a series with a shape, a little of its own, and noise.
func kin(rng *rand.Rand, shape func(float64) float64) func(at float64) float64 {
	own, level, size := drawShape(rng), 200*rng.Float64(), 5+15*rng.Float64()
	return func(at float64) float64 { return level + size*(shape(at)+0.15*own(at)) + rng.NormFloat64() }
}

// TestSiblings: a new series errs far less on its second day if its siblings show
// its shape, and hardly more if they have none in common.
func TestSiblings(t *testing.T) {
	const trials, donors, spanMs = 12, 6, 3_600_000
	for _, alike := range []bool{true, false} {
		var with, without float64
		adopted := 0
		for trial := range uint64(trials) {
			rng := rand.New(rand.NewPCG(trial, 5))
			shape := drawShape(rng)
			of := func() func(float64) float64 {
				if alike {
					return kin(rng, shape)
				}
				return kin(rng, drawShape(rng))
			}
			b, start := &Siblings{}, int64(28*24)
			p := NewParams(spec.Mean, spanMs)
			for range donors {
				r, value := newRun(spec.Mean, spanMs), of()
				for range start {
					r.next(value(p.at(r.startMs())))
				}
				p.Add(b, r.s)
			}
			p.Average(b)
			start += int64(rng.IntN(24))
			value := of()
			lone, young := newRun(spec.Mean, spanMs), newRun(spec.Mean, spanMs)
			lone.i, young.i = start, start
			for i := range 48 {
				x := value(p.at(lone.startMs()))
				v, w := lone.next(x), young.next(x)
				if p.WantsSiblings(&young.c, young.s, young.h) && p.Adopt(&young.c, young.s, young.h, b) {
					adopted++
					if _, err := new(Season).Decode(young.s.Append(nil)); err != nil {
						t.Fatal(err)
					}
				}
				if i >= 24 {
					without, with = without+math.Abs(x-v.short), with+math.Abs(x-w.short)
				}
			}
			if int(young.s.asked) != len(siblingAges) {
				t.Errorf("asked %d times", young.s.asked)
			}
		}
		if alike && (adopted < trials || with > 0.7*without) || !alike && (adopted > trials || with > 1.05*without) {
			t.Errorf("alike %t: adopted %d times, error %.2f, alone %.2f", alike, adopted, with/trials/24, without/trials/24)
		}
	}
}
