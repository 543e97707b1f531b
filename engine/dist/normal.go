// Package dist computes logarithms of tail probabilities directly, so that they
// keep their relative accuracy far beyond where a probability underflows.
package dist

import "math"

const (
	// halfLog2Pi is log(2*pi)/2.
	halfLog2Pi = 0.918938533204672741780329736405617639861
	// farTail is where Erfc hands over to the continued fraction: Erfc(x/√2)
	// is still a normal number up to x = 37, and the fraction needs fewer than
	// 20 levels from 8 on.
	farTail = 8
)

// NormalLogTail is log P(Z > z) for a standard normal Z, natural logarithm.
//
//	P(Z > z) = erfc(z/√2)/2
//	         = φ(z) / (z + 1/(z + 2/(z + 3/(z + …))))   for z > 0
//
// The fraction is Laplace's (Abramowitz and Stegun 26.2.14). Relative accuracy of the logarithm
// is about 1e-14 everywhere; z = ±Inf gives -Inf and 0.
func NormalLogTail(z float64) float64 {
	switch {
	case math.IsNaN(z):
		return math.NaN()
	case z < -farTail:
		// The tail is all but everything: log1p of what is missing.
		return math.Log1p(-math.Exp(NormalLogTail(-z)))
	case z < 0:
		return math.Log1p(-math.Erfc(-z/math.Sqrt2) / 2)
	case z < farTail:
		return math.Log(math.Erfc(z/math.Sqrt2) / 2)
	case z > 1e150:
		return math.Inf(-1)
	}
	f := z
	for k := 24.0; k > 0; k-- {
		f = z + k/f
	}
	return -z*z/2 - halfLog2Pi - math.Log(f)
}

// NormalDeviate is the inverse of NormalLogTail: the z with log P(Z > z) =
// logP. logP is at most 0; 0 gives -Inf, -Inf gives +Inf.
//
// Newton's method on the logarithm of the tail, which is concave and smooth;
// the start is good to 0.01 near the center and exact in the limit far out.
func NormalDeviate(logP float64) float64 {
	switch {
	case math.IsNaN(logP) || logP > 0:
		return math.NaN()
	case logP == 0:
		return math.Inf(-1)
	case math.IsInf(logP, -1):
		return math.Inf(1)
	case logP > -math.Ln2:
		// Upper half: work on the smaller side, where logarithms have room.
		return -NormalDeviate(math.Log(-math.Expm1(logP)))
	}
	// Abramowitz and Stegun 26.2.22, absolute error below 3e-3.
	t := math.Sqrt(-2 * logP)
	z := t - (2.30753+0.27061*t)/(1+t*(0.99229+0.04481*t))
	for range 4 {
		tail := NormalLogTail(z)
		// d/dz log tail = -φ(z)/tail.
		slope := -math.Exp(-z*z/2 - halfLog2Pi - tail)
		step := (tail - logP) / slope
		z -= step
		if math.Abs(step) < 1e-15*(1+math.Abs(z)) {
			break
		}
	}
	return z
}
