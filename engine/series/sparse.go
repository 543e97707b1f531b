package series

import (
	"math"

	"tidemark/engine/num"
)

// Sums that are mostly zero. Measured by a scale of next to nothing, every other
// value is far out. So their evidence is bounded by how often there is a value at
// all and how large such values are:
//
//	P(|X| >= x) = P(X is not 0) * P(log|X| >= log x | X is not 0)
//
// with a logistic law of the logarithm, whose tail is heavier than that of the
// normal law, and wider the fewer values it stands on. The bound only ever lowers
// evidence.
// Cost: a logarithm per value. Memory: three numbers. Source: mixtures with a
// point mass, any textbook on insurance claims.

const (
	// mostlyZero is the share of zeros from which the bound holds.
	mostlyZero = 0.5
	// logistic turns standard deviations into the logistic law's scale, π/√3.
	logistic = 1.8137993642342178
	// leastLogSpread keeps values that are all alike from making another one
	// impossible: a tenth more or less is nothing.
	leastLogSpread = 0.1
)

// sparse are the aged moments of a series with zeros: their share, that of zeros
// after a zero, and the moments of the logarithms of the others.
type sparse struct{ zeros, again, mean, square float32 }

func (p *Params) learnSparse(c *Core, x float64) {
	if p.curve != linear {
		return
	}
	g := c.gainAt(p.longScaleMemory)
	if p.counts {
		p.learnEmptiness(c, x, g)
		return
	}
	if x == 0 {
		c.sparse.zeros = float32(num.Toward(float64(c.sparse.zeros), g, 1))
		return
	}
	// The gain among values alone: as many have been seen as their share says.
	seen := (1 - float64(c.sparse.zeros)) * c.seen
	g2 := max(g, 1/(seen+1))
	y := math.Log(math.Abs(x))
	c.sparse.mean = float32(num.Toward(float64(c.sparse.mean), g2, y))
	c.sparse.square = float32(num.Toward(float64(c.sparse.square), g2, y*y))
	c.sparse.zeros = float32(num.Toward(float64(c.sparse.zeros), g, 0))
}

// boundSparse lowers the evidence of v about a value of a series of zeros, and
// returns the bound in powers of ten, +Inf if there is none.
func (p *Params) boundSparse(c *Core, x float64, v *Verdict) (most float64) {
	if p.counts || p.curve != linear || c.sparse.zeros < mostlyZero {
		return math.Inf(1)
	}
	x += v.job
	if x == 0 {
		return p.boundZero(c, v)
	}
	share := max(1-float64(c.sparse.zeros), 1/(c.seen+1))
	values := share * c.seen
	mean := float64(c.sparse.mean)
	spread := math.Sqrt(max(0, float64(c.sparse.square)-mean*mean))
	spread = max(spread*(1+2/(values+1)), leastLogSpread)
	z := (math.Log(math.Abs(x)) - mean) / spread * logistic
	logP := math.Log(share) - softplus(z)
	v.LogProb = max(v.LogProb, logP)
	most = -logP / math.Ln10
	v.raw = min(v.raw, most)
	return most
}

// boundZero does so for a zero where the long run expects little: after a value a
// zero is what usually follows. One where values are due keeps its evidence.
func (p *Params) boundZero(c *Core, v *Verdict) (most float64) {
	if math.Abs(v.long+v.job) > math.Exp(float64(c.sparse.mean))/2 {
		return math.Inf(1)
	}
	logP := math.Log(float64(c.sparse.zeros))
	v.LogProb = max(v.LogProb, logP)
	most = -logP / math.Ln10
	v.raw = min(v.raw, most)
	return most
}

// softplus is log(1 + e^z).
func softplus(z float64) float64 {
	if z > 40 {
		return z
	}
	return math.Log1p(math.Exp(z))
}
