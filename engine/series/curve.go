package series

import (
	"math"

	"tidemark/engine/spec"
)

// curve is the scale on which a function's values are modeled: differences of
// variances and of numbers of distinct values are ratios.
type curve uint8

const (
	linear  curve = iota
	logOf         // log of the value, for variances
	logOf1p       // log of one more, for numbers that may be small
)

// leastVariance is what a variance of zero counts as, so that it has a
// logarithm.
const leastVariance = 1e-12

func curveOf(base spec.Function) curve {
	switch base {
	case spec.Varp:
		return logOf
	case spec.DistinctCount, spec.InfoContent:
		return logOf1p
	}
	return linear
}

// in brings a value to the curve's scale.
func (k curve) in(x float64) float64 {
	switch k {
	case logOf:
		return math.Log(max(x, 0) + leastVariance)
	case logOf1p:
		return math.Log1p(max(x, 0))
	}
	return x
}

// enter brings a sample's value to the scale on which it is modeled. The
// variance of n records is made that of their source: n/(n-1), and for the
// logarithm's own bias 1/(n-1), which is that of a chi-squared law.
func (p *Params) enter(x Sample) float64 {
	if p.curve == logOf && x.Count > 1 {
		free := x.Count - 1
		return p.curve.in(x.Value*x.Count/free) + 1/free
	}
	return p.curve.in(x.Value)
}

// out brings a value back.
func (k curve) out(y float64) float64 {
	switch k {
	case logOf:
		return max(0, math.Exp(min(y, 600))-leastVariance)
	case logOf1p:
		return max(0, math.Expm1(min(y, 600)))
	}
	return y
}
