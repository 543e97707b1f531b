package series

import (
	"math"

	"tidemark/engine/num"
	"tidemark/engine/spec"
)

// Silence of a count that is often zero anyway. One empty bucket says little, many
// in a row say much, unless this series has always been silent for that long:
//
//	P(n empty buckets in a row) = P(0) * P(0 | 0)^(n-1)
//
// with both shares learned per series. Where they are high, there is no power, and
// nothing is made up. Cost: two logarithms per empty bucket. Memory: two numbers.
// Source: the law of runs of a two-state Markov chain.

// learnEmptiness follows the shares of zeros, before zeroRun takes the bucket in.
func (p *Params) learnEmptiness(c *Core, x, gain float64) {
	empty := 0.0
	if x == 0 {
		empty = 1
	}
	c.sparse.zeros = float32(num.Toward(float64(c.sparse.zeros), gain, empty))
	if c.zeroRun > 0 {
		c.sparse.again = float32(num.Toward(float64(c.sparse.again), max(gain, 1/(c.zeros()+1)), empty))
	}
}

// zeros is how many empty buckets the shares stand on.
func (c *Core) zeros() float64 { return float64(c.sparse.zeros) * c.seen }

// emptiness is the evidence of a count of zero by how many were before it, in powers
// of ten, 0 for other values.
func (p *Params) emptiness(c *Core, x float64) float64 {
	if !p.counts || x != 0 || p.side == spec.High {
		return 0
	}
	n := c.zeros()
	first := (n + 0.5) / (c.seen + 1)
	again := (n*float64(c.sparse.again) + 0.5) / (n + 1)
	return -math.Log10(first) - float64(c.zeroRun)*math.Log10(again)
}
