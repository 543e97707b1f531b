package series

import (
	"math"
	"testing"

	"tidemark/engine/spec"
)

// TestEndOfARunIsNoNews: a deviation that has been told and ebbs away for hours
// is told once, not again when it falls below what counts as an outlier.
func TestEndOfARunIsNoNews(t *testing.T) {
	const begins, lasts, trials = 288 * 14, 144, 30
	for _, height := range []float64{12, 20} {
		again := 0
		for seed := range uint64(trials) {
			r, rng := newRun(spec.Mean, span), noise(900+seed)
			for i := range begins + lasts {
				x := 100 + 20*math.Sin(r.daily()) + rng.NormFloat64()
				if i >= begins {
					x += height * float64(begins+lasts-i) / lasts
				}
				if v := r.next(x); i >= begins+15 && v.Score >= 25 {
					again++
				}
			}
		}
		if again > trials/10 {
			t.Errorf("%d records while %d deviations of %g sigma end", again, trials, height)
		}
	}
}

// TestCoincidenceIsNoJob: spikes at the same time of three days are expected on the
// fourth, and nobody is told when they do not come.
func TestCoincidenceIsNoJob(t *testing.T) {
	for seed := range uint64(5) {
		r, rng := newRun(spec.Mean, span), noise(950+seed)
		for i := range 288 * 12 {
			day, x := i/288, 100+rng.NormFloat64()
			if i%288 == 150 && day >= 6 && day < 9 {
				x += 30
			}
			if v := r.next(x); i%288 == 150 && day == 9 && v.Score >= 25 {
				t.Errorf("seed %d: its absence scores %.0f", seed, v.Score)
			}
		}
	}
}
