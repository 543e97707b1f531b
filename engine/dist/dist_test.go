package dist

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// binomialTwin sums the law term by term in 400 bits.
func binomialTwin(k, n int, p float64) float64 {
	const bits = 400
	P := new(big.Float).SetPrec(bits).SetFloat64(p)
	Q := new(big.Float).SetPrec(bits).Sub(big.NewFloat(1).SetPrec(bits), P)
	power := func(x *big.Float, e int) *big.Float {
		out := big.NewFloat(1).SetPrec(bits)
		for range e {
			out.Mul(out, x)
		}
		return out
	}
	sum := new(big.Float).SetPrec(bits)
	for i := k; i <= n; i++ {
		term := new(big.Float).SetPrec(bits).SetInt(new(big.Int).Binomial(int64(n), int64(i)))
		term.Mul(term, power(P, i))
		term.Mul(term, power(Q, n-i))
		sum.Add(sum, term)
	}
	mantissa := new(big.Float)
	exponent := sum.MantExp(mantissa)
	m, _ := mantissa.Float64()
	return math.Log(m) + float64(exponent)*math.Ln2
}

func TestBinomialLogUpper(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 80).Draw(t, "n")
		k := rapid.IntRange(1, n).Draw(t, "k")
		logP := -rapid.Float64Range(0.01, 60).Draw(t, "-logP")
		have, want := BinomialLogUpper(k, n, logP), binomialTwin(k, n, math.Exp(logP))
		if math.Abs(have-want) > 1e-9*math.Max(1, math.Abs(want)) {
			t.Fatalf("P(X >= %d of %d) at p = e^%v: %v, want %v", k, n, logP, have, want)
		}
	})
}

func TestBinomialEdges(t *testing.T) {
	for _, c := range []struct {
		k, n       int
		logP, want float64
	}{
		{0, 5, -1, 0}, {-1, 5, -1, 0}, {3, 5, 0, 0}, {6, 5, -1, math.Inf(-1)}, {1, 5, math.Inf(-1), math.Inf(-1)},
		// P underflows: only the first term is left.
		{1, 1000, -2000, -2000 + math.Log(1000)}, {2, 3, -5000, -10000 + math.Log(3)},
	} {
		if have := BinomialLogUpper(c.k, c.n, c.logP); have != c.want && !(math.Abs(have-c.want) < 1e-9*math.Abs(c.want)) {
			t.Errorf("P(X >= %d of %d) at e^%v: %v, want %v", c.k, c.n, c.logP, have, c.want)
		}
	}
	if have := BinomialLogUpper(500_000, 1_000_000, math.Log(0.5)); math.Abs(have-math.Log(0.5)) > 0.001 {
		t.Errorf("the middle of a million: %v", have)
	}
}

// TestParetoLogTail compares with the density, integrated.
func TestParetoLogTail(t *testing.T) {
	for _, shape := range []float64{0, 1e-12, 0.1, 0.5, 0.7} {
		const scale = 2.0
		density := func(y float64) float64 {
			if shape < 1e-9 {
				return math.Exp(-y/scale) / scale
			}
			return math.Pow(1+shape*y/scale, -1/shape-1) / scale
		}
		inside, dy := 0.0, 1e-4
		for i := range 50_000 {
			inside += density((float64(i)+0.5)*dy) * dy
		}
		if have, want := ParetoLogTail(5, scale, shape), math.Log(1-inside); math.Abs(have-want) > 1e-5 {
			t.Errorf("shape %v: %v, want %v", shape, have, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.Float64Range(-0.4, 0.9).Draw(t, "shape")
		scale := rapid.Float64Range(1e-6, 1e6).Draw(t, "scale")
		y := rapid.Float64Range(0, 1e3).Draw(t, "y") * scale
		a, b := ParetoLogTail(y, scale, shape), ParetoLogTail(y*1.001+scale*1e-3, scale, shape)
		if math.IsNaN(a) || math.IsInf(b, 0) || a > 0 || b >= a {
			t.Fatalf("not finite and strictly decreasing: %v at %v, %v after it", a, y, b)
		}
	})
}

// countTwin sums the negative binomial law term by term.
func countTwin(from, to int, mean, shape float64) float64 {
	q := mean / (mean + shape)
	logTerm := shape * math.Log(1-q)
	sum := 0.0
	for k := 0; k <= to; k++ {
		if k > 0 {
			logTerm += math.Log(q) + math.Log((shape+float64(k)-1)/float64(k))
		}
		if k >= from {
			sum += math.Exp(logTerm)
		}
	}
	return math.Log(sum)
}

func TestCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mean := rapid.Float64Range(1e-3, 30).Draw(t, "mean")
		shape := rapid.Float64Range(0.3, 500).Draw(t, "shape")
		k := rapid.IntRange(0, 40).Draw(t, "k")
		if have, want := CountLogLower(float64(k), mean, shape), countTwin(0, k, mean, shape); math.Abs(have-want) > 1e-8*math.Max(1, math.Abs(want)) {
			t.Fatalf("P(X <= %d): %v, want %v", k, have, want)
		}
		if have, want := CountLogUpper(float64(k), mean, shape), countTwin(k, 20_000, mean, shape); math.Abs(have-want) > 1e-6*math.Max(1, math.Abs(want)) {
			t.Fatalf("P(X >= %d): %v, want %v", k, have, want)
		}
	})
	if CountLogUpper(0, 5, 1) != 0 || !math.IsInf(CountLogUpper(1, 0, 1), -1) || !math.IsInf(CountLogLower(-1, 5, 1), -1) || CountLogLower(3, 0, 1) != 0 {
		t.Error("a count below 0 is impossible, one of 0 and more is certain")
	}
}
