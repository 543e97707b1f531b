// Package score turns probabilities into scores: of one record, of a bucket
// over all its active series, and of an influencer.
package score

import (
	"math"
	"slices"

	"tidemark/engine/dist"
	"tidemark/engine/series"
)

// Score is the score, 0 to 100, of something that occurs with frequency 10^-r.
func Score(r float64) float64 { return series.Score(r) }

// OfLogProb is the score of a probability given by its natural logarithm.
func OfLogProb(logProb float64) float64 {
	return Score(-logProb / math.Ln10)
}

// RawScore is an unbounded severity squeezed into 0 to 100: five points for
// each power of ten.
func RawScore(logProb float64) float64 {
	return math.Max(0, math.Min(100, -logProb/math.Ln10*5))
}

// Aggregate is the logarithm of the probability that, among active series that
// behave as they always do, something at least as remarkable as these
// probabilities occurs: either one very small one or several small ones.
//
//	extreme  = 1 - (1 - min p)^active
//	together = 1 - (1 - min q(k))^effective    over k = 2, 4, 8, …
//	q(k)     = P(at least k of active uniform p lie at or below the k-th smallest)
//	p        = 1 - (1 - min(extreme, max(together, bound)))^2
//
// The tests for neighboring k are dependent; effective is the number of
// independent ones they are worth, found by simulation (see the test). One series
// scores like its record. bound is the least logarithm that several together may
// have, see Agreement. logProbs need not hold the unremarkable series, and is
// reordered.
func Aggregate(logProbs []float64, active int, bound float64) (logProb float64) {
	return Either(logProbs, active, math.Max(Together(logProbs, active), bound))
}

// Either is Aggregate where it is known what several show together.
func Either(logProbs []float64, active int, together float64) (logProb float64) {
	if len(logProbs) == 0 || active < 1 {
		return 0
	}
	active = max(active, len(logProbs))
	if active == 1 {
		return math.Min(0, logProbs[0])
	}
	extreme := dist.BinomialLogUpper(1, active, slices.Min(logProbs))
	return series.AnyOf(math.Min(extreme, together), 2)
}

// Together is the logarithm of the probability of several small ones alone, 0 for
// fewer than two.
func Together(logProbs []float64, active int) (logProb float64) {
	active = max(active, len(logProbs))
	slices.Sort(logProbs)
	least := 0.0
	for k := 2; k <= len(logProbs); k *= 2 {
		least = math.Min(least, dist.BinomialLogUpper(k, active, logProbs[k-1]))
	}
	return series.AnyOf(least, math.Max(1, testsPerDoubling*math.Log2(float64(active))))
}

const testsPerDoubling = 0.8
