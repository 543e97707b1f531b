package dist

import "math"

// The upper tail of the binomial law.
//
//	P(X >= k) = I_p(k, n-k+1)
//
// I is the regularized incomplete beta function, from the continued fraction
// that converges on its small side; only the large side is one minus the other
// (Numerical Recipes 6.4 describes the method). Cost: three logarithms of gamma
// and O(√k) steps.

// maxSteps bounds every fraction here; they need a few times √k steps, so this
// is enough beyond counts of a million.
const maxSteps = 10000

const epsilon = 1e-16

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
