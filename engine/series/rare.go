package series

import (
	"math"

	"tidemark/engine/dist"
	"tidemark/engine/num"
)

// Rare counts. The learned tails need values that vary; a count that is nearly
// always 0 shows them only its few events, and to its usual error even one
// record is far out. Chance alone gives such counts a known law, so the evidence
// is bounded by how often chance gives a count at least as far out:
//
//	P(X >= k) or P(X <= k) of a negative binomial law with mean m and
//	shape m*n + 1/2
//
// m is, for high counts, the largest of the predictions and the long mean, for
// low ones the long mean; n the buckets that the mean stands on. The bound only ever lowers evidence. It is left out above
// commonCount, where the learned tails have all they need and real counts vary
// more than chance alone.
// Cost: one continued fraction for counts above their prediction. Source: the
// gamma belief about a Poisson rate, any textbook on Bayesian inference.

const (
	commonCount = 20
	// mostBelief bounds the buckets that the mean is taken to stand on: rates
	// drift.
	mostBelief = 300
)

// boundRare lowers the evidence of v about a count x to what chance allows, and
// returns that bound in powers of ten, +Inf if there is none.
func (p *Params) boundRare(c *Core, x float64, v *Verdict) (most float64) {
	if !p.counts || c.meanCount <= 0 {
		return math.Inf(1)
	}
	logP, low := 0.0, c.meanCount+v.job
	if high, x := c.countMean(v), x+v.job; x > high {
		if high > commonCount {
			return math.Inf(1)
		}
		logP = dist.CountLogUpper(math.Ceil(x), high, belief(high, c.seen))
	} else if x < v.Typical+v.job {
		if low > commonCount {
			return math.Inf(1)
		}
		logP = dist.CountLogLower(max(0, math.Floor(x)), max(0, low), belief(max(0, low), c.seen))
		logP = min(logP, -p.emptiness(c, x)*math.Ln10)
	}
	v.LogProb = max(v.LogProb, logP)
	most = -logP / math.Ln10
	v.raw = min(v.raw, most)
	return most
}

// belief is the shape of what is known about a rate after so many buckets.
func belief(mean, seen float64) float64 { return mean*min(seen, mostBelief) + 0.5 }

// rare reports whether most buckets of a count are empty. Then the channels that
// average over time see events where there are none: after one by chance they
// stay high while nothing happens.
func (p *Params) rare(c *Core, v *Verdict) bool { return p.counts && c.countMean(v) < 1 }

// countMean is the largest of what is expected of a count.
func (c *Core) countMean(v *Verdict) float64 {
	return max(c.meanCount, max(v.short, v.long)) + v.job
}

// learnCount follows the plain mean, which outliers may move: that of a rare
// count is nothing but outliers.
func (p *Params) learnCount(c *Core, x float64) {
	c.meanCount = num.Toward(c.meanCount, c.gainAt(p.longScaleMemory), x)
}
