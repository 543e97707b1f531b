// Package dist computes logarithms of tail probabilities directly, so that they
// keep their relative accuracy far beyond where a probability underflows.
package dist

import "math"

// ParetoLogTail is log P(Y > y) of the generalized Pareto law for excesses over
// a threshold, natural logarithm:
//
//	P(Y > y) = (1 + shape*y/scale)^(-1/shape),  exp(-y/scale) at shape 0
//
// scale must be positive. A negative shape ends the law at -scale/shape; from
// half of that end on the logarithm continues along its tangent, so that it
// stays finite and strictly decreasing: an estimated end is never a reason to
// call something impossible.
func ParetoLogTail(y, scale, shape float64) float64 {
	if y <= 0 {
		return 0
	}
	r := y / scale
	if math.Abs(shape) < 1e-9 {
		return -r
	}
	if shape < 0 {
		if half := -0.5 / shape; r > half {
			// The slope of log1p(shape*r)/shape at half is 1/(1-0.5) = 2.
			return math.Log(2)/shape - 2*(r-half)
		}
	}
	return -math.Log1p(shape*r) / shape
}
