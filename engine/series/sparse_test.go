package series

import (
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/engine/spec"
)

// TestMostlyZero: sums that are seldom anything are rare when they are there and
// no more improbable than that; one that is far larger than all is found, and so
// is one that fails to come when it always does.
func TestMostlyZero(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	r := &course{p: NewParams(spec.Sum, 300_000)}
	r.c.Init(r.p)
	value := func() float64 {
		if rng.IntN(20) > 0 {
			return 0
		}
		return 100 * math.Exp(rng.NormFloat64())
	}
	small, loud, n := 0, 0, 0
	for i := range 288 * 100 {
		v := r.next(value())
		if i < 288*20 {
			continue
		}
		n++
		if v.LogProb < math.Log(1e-3) {
			small++
		}
		if v.Score >= 50 {
			loud++
		}
	}
	if limit := 1.5e-3 * float64(n); float64(small) > limit || loud > 2 {
		t.Errorf("of %d buckets %d have p below 1e-3, at most %.0f expected, and %d score 50", n, small, limit, loud)
	}
	if v := r.next(1e6); v.Score < 50 {
		t.Errorf("a sum of ten thousand usual ones scores %v", v.Score)
	}

	job := newRun(spec.Sum, 3_600_000)
	nightly := func(i int) float64 {
		if i%24 == 2 {
			return 1000 + 20*rng.NormFloat64()
		}
		return 0
	}
	for i := range 24*40 + 2 {
		job.next(nightly(i))
	}
	if v := job.next(0); v.Evidence < 1.5 {
		t.Errorf("a nightly job that does not run has evidence %v", v.Evidence)
	}
}
