package dist

import "math"

// Tails of counts.
//
// A negative binomial count with the given mean and shape has variance
// mean + mean²/shape; shape +Inf is Poisson. It is the predictive law of a
// Poisson count whose rate is known only as a gamma belief of that shape.
//
//	P(X >= k) = I_q(k, shape),  P(X <= k) = I_(1-q)(shape, k+1),  q = mean/(mean+shape)
//	Poisson:    P(k, mean)             and Q(k+1, mean)
//
// I is the regularized incomplete beta function, P and Q the regularized
// incomplete gamma functions; each is computed from the series or continued
// fraction that converges on its small side, and only the large side is one
// minus the other (Numerical Recipes 6.2 and 6.4 describe the method). Cost:
// three logarithms of gamma and O(√k) steps.

// maxSteps bounds every series and fraction here; both need a few times √k
// steps, so this is enough beyond counts of a million.
const maxSteps = 10000

const epsilon = 1e-16

// CountLogUpper is log P(X >= k). k at or below 0 gives 0, a mean of 0 or less
// -Inf for positive k.
func CountLogUpper(k, mean, shape float64) float64 {
	switch {
	case k <= 0:
		return 0
	case !(mean > 0):
		return math.Inf(-1)
	case math.IsInf(shape, 1):
		return logGammaLower(k, mean)
	}
	return logBeta(k, shape, mean/(mean+shape), shape/(mean+shape))
}

// CountLogLower is log P(X <= k). k below 0 gives -Inf.
func CountLogLower(k, mean, shape float64) float64 {
	switch {
	case k < 0:
		return math.Inf(-1)
	case !(mean > 0):
		return 0
	case math.IsInf(shape, 1):
		return logGammaUpper(k+1, mean)
	}
	return logBeta(shape, k+1, shape/(mean+shape), mean/(mean+shape))
}

// logGammaLower is log P(a, x).
func logGammaLower(a, x float64) float64 {
	if x < a+1 {
		return gammaSeries(a, x)
	}
	return math.Log1p(-math.Exp(gammaFraction(a, x)))
}

// logGammaUpper is log Q(a, x).
func logGammaUpper(a, x float64) float64 {
	if x < a+1 {
		return math.Log1p(-math.Exp(gammaSeries(a, x)))
	}
	return gammaFraction(a, x)
}

// gammaSeries is log P(a, x) by x^a e^-x / Γ(a+1) * Σ x^n / ((a+1)…(a+n)).
func gammaSeries(a, x float64) float64 {
	sum, term := 1.0, 1.0
	for n := 1.0; n < maxSteps; n++ {
		term *= x / (a + n)
		sum += term
		if term < sum*epsilon {
			break
		}
	}
	lg, _ := math.Lgamma(a + 1)
	return a*math.Log(x) - x - lg + math.Log(sum)
}

// gammaFraction is log Q(a, x) by Legendre's continued fraction, evaluated
// forward (Lentz).
func gammaFraction(a, x float64) float64 {
	const tiny = 1e-300
	b := x + 1 - a
	c := 1 / tiny
	d := 1 / b
	h := d
	for n := 1.0; n < maxSteps; n++ {
		an := -n * (n - a)
		b += 2
		d = an*d + b
		if math.Abs(d) < tiny {
			d = tiny
		}
		c = b + an/c
		if math.Abs(c) < tiny {
			c = tiny
		}
		d = 1 / d
		h *= d * c
		if math.Abs(d*c-1) < epsilon {
			break
		}
	}
	lg, _ := math.Lgamma(a)
	return a*math.Log(x) - x - lg + math.Log(h)
}

// logBeta is log I_x(a, b); y is 1-x, given by the caller who can compute it
// without loss.
func logBeta(a, b, x, y float64) float64 {
	if x <= 0 {
		return math.Inf(-1)
	}
	if y <= 0 {
		return 0
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := lab - la - lb + a*math.Log(x) + b*math.Log(y)
	if x < (a+1)/(a+b+2) {
		return front + math.Log(betaFraction(a, b, x)/a)
	}
	return math.Log1p(-math.Exp(front + math.Log(betaFraction(b, a, y)/b)))
}

// betaFraction is the continued fraction of the incomplete beta function.
func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1-(a+b)*x/(a+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	d = 1 / d
	h := d
	for m := 1.0; m < maxSteps; m++ {
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		last := 0.0
		for _, e := range [2]float64{even, odd} {
			d = 1 + e*d
			if math.Abs(d) < tiny {
				d = tiny
			}
			c = 1 + e/c
			if math.Abs(c) < tiny {
				c = tiny
			}
			d = 1 / d
			last = d * c
			h *= last
		}
		if math.Abs(last-1) < epsilon*4 {
			break
		}
	}
	return h
}

// BinomialLogUpper is log P(X >= k) for X of n trials that each succeed with
// probability exp(logP): I_p(k, n-k+1). It works for probabilities that
// underflow.
func BinomialLogUpper(k, n int, logP float64) float64 {
	switch {
	case k <= 0 || logP >= 0:
		return 0
	case k > n || math.IsInf(logP, -1):
		return math.Inf(-1)
	}
	a, b := float64(k), float64(n-k+1)
	p := math.Exp(logP)
	if p >= (a+1)/(a+b+2) {
		return logBeta(a, b, p, -math.Expm1(logP))
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := lab - la - lb + a*logP + b*math.Log1p(-p)
	return front + math.Log(betaFraction(a, b, p)/a)
}
