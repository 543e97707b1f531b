package dist

import "math"

// CountLogUpper is log P(X >= k) of a negative binomial count with the given
// mean and variance mean + mean²/shape: the predictive law of a Poisson count
// whose rate is known only as a gamma belief of that shape.
//
//	P(X >= k) = I_q(k, shape),  q = mean/(mean+shape)
//
// k at or below 0 gives 0, a mean of 0 or less -Inf for positive k.
func CountLogUpper(k, mean, shape float64) float64 {
	switch {
	case k <= 0:
		return 0
	case !(mean > 0):
		return math.Inf(-1)
	}
	return logBeta(k, shape, mean/(mean+shape), shape/(mean+shape))
}

// CountLogLower is log P(X <= k) of the same law. k below 0 gives -Inf.
//
//	P(X <= k) = I_(1-q)(shape, k+1)
func CountLogLower(k, mean, shape float64) float64 {
	switch {
	case k < 0:
		return math.Inf(-1)
	case !(mean > 0):
		return 0
	}
	return logBeta(shape, k+1, shape/(mean+shape), mean/(mean+shape))
}
