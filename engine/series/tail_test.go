package series

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// drawEvidence draws a stream of non-negative numbers: heavy or light, with
// crowds or without.
func drawEvidence(t *rapid.T) []float64 {
	rng := noise(rapid.Uint64().Draw(t, "seed"))
	scale := math.Pow(10, rapid.Float64Range(-3, 3).Draw(t, "scale"))
	crowd := rapid.Float64Range(0, 0.98).Draw(t, "crowd")
	out, last := make([]float64, rapid.IntRange(0, 3000).Draw(t, "n")), 0.0
	for i := range out {
		last = crowd*last + (1-crowd)*rng.ExpFloat64()
		out[i] = scale * last
	}
	return out
}

// TestRankRises: stronger evidence never ranks lower, at any state, and what is
// no evidence ranks 0.
func TestRankRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r rankTail
		r.init()
		for i, e := range drawEvidence(t) {
			r.learn(e, 5, 2016, float64(i))
		}
		if r.rank(0) != 0 || r.rank(-1) != 0 {
			t.Fatalf("no evidence ranks %v", r.rank(0))
		}
		u := float64(r.threshold)
		if below, at := r.rank(u*(1-1e-9)), r.rank(u); math.Abs(at-below) > 1e-6 {
			t.Fatalf("a step from %v to %v at the threshold", below, at)
		}
		last := 0.0
		for e := 0.0; e < 40; e += 0.01 {
			x := r.rank(e)
			if !(x >= last) || math.IsInf(x, 0) {
				t.Fatalf("evidence %v ranks %v, a little less ranked %v", e, x, last)
			}
			last = x
		}
	})
}

// TestTailRises is the same for the tail of a residual, whose logarithm falls.
func TestTailRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a tail
		a.init()
		for i, z := range drawEvidence(t) {
			a.learn(z, 0.2, float64(i))
		}
		if a.logTail(0) != 0 {
			t.Fatalf("a residual of 0 has the logarithm %v", a.logTail(0))
		}
		last := 0.0
		for z := 1e-6; z < 1e12; z *= 1.1 {
			x := a.logTail(z)
			if !(x <= last) || math.IsInf(x, 0) {
				t.Fatalf("a residual of %v has %v, a smaller one %v", z, x, last)
			}
			last = x
		}
	})
}

// TestTailFrequency: on independent noise of several laws a tail's probability
// of 1e-3 occurs about that often.
func TestTailFrequency(t *testing.T) {
	rng := noise(70)
	for name, draw := range map[string]func() float64{
		"normal":      func() float64 { return math.Abs(rng.NormFloat64()) },
		"exponential": rng.ExpFloat64,
		"log-normal":  func() float64 { return math.Exp(rng.NormFloat64()) },
	} {
		var a tail
		a.init()
		const learn, count = 20_000, 200_000
		below := 0
		for i := range learn + count {
			z := draw()
			if i >= learn && a.logTail(z) < math.Log(1e-3) {
				below++
			}
			a.learn(z, 0.2, float64(i))
		}
		if want := count / 1000; below < want/2 || below > want*2 {
			t.Errorf("%s: a probability below 1e-3 occurs %d times, %d are nominal", name, below, want)
		}
	}
}

// TestRankFrequency: on independent evidence of any size a rank of 2 and of 3
// occurs about as often as it says.
func TestRankFrequency(t *testing.T) {
	for _, mean := range []float64{0.1, 0.43, 1.5} {
		rng := noise(71)
		var r rankTail
		r.init()
		const learn, count = 50_000, 500_000
		var at [4]int
		for i := range learn + count {
			e := mean * rng.ExpFloat64()
			if i >= learn {
				for k := range at {
					if r.rank(e) >= float64(k) {
						at[k]++
					}
				}
			}
			r.learn(e, 5, 2016, float64(i))
		}
		for k, nominal := range map[int]int{2: count / 100, 3: count / 1000} {
			if at[k] < nominal/2 || at[k] > nominal*2 {
				t.Errorf("evidence of mean %v: a rank of %d occurs %d times, %d are nominal", mean, k, at[k], nominal)
			}
		}
	}
}

// TestIncidentsKeepTheirRank: two incidents a week do not raise the bar that
// they are measured by, one every two hours does.
func TestIncidentsKeepTheirRank(t *testing.T) {
	last := func(every int) (first, last float64) {
		rng := noise(72)
		var r rankTail
		r.init()
		for i := range 26 * 2016 {
			e := 0.43 * rng.ExpFloat64()
			if i > 2*2016 && i%every == 0 {
				e = 8
				last = r.rank(e)
				if first == 0 {
					first = last
				}
			}
			r.learn(e, 5, 2016, float64(i))
		}
		return first, last
	}
	if first, last := last(1009); last < 0.9*first {
		t.Errorf("two a week: the first ranks %.1f, the last %.1f", first, last)
	}
	if first, last := last(24); last > 0.5*first {
		t.Errorf("one every two hours: the first ranks %.1f, the last %.1f", first, last)
	}
}

// TestCrowdsAreOneEvent: excesses side by side share a vote.
func TestCrowdsAreOneEvent(t *testing.T) {
	var a tail
	a.init()
	rng := noise(73)
	for i := range 100_000 {
		z := rng.Float64()
		if i%300 < 10 {
			z = 20 + rng.ExpFloat64()
		}
		a.learn(z, 0.2, float64(i))
	}
	// A thirtieth of the buckets are excesses, in crowds of ten: with a vote
	// each the rate would be 0.033.
	if rate := float64(a.rate); rate < 1.0/300 || rate > 0.02 {
		t.Errorf("the rate is %.4f", rate)
	}
}

// TestHugeExcess: what is huge for years is still a number in 32 bits.
func TestHugeExcess(t *testing.T) {
	var a tail
	a.init()
	for i := range 100_000 {
		a.learn(1e40, 0.2, float64(i))
		a.learn(0, 0.2, float64(i))
	}
	if x := a.logTail(1e40); !a.sound() || math.IsNaN(x) || math.IsInf(x, 0) {
		t.Errorf("%v from %+v", x, a)
	}
}

// TestChanceFrequency: whatever the tails make of a stream, what is published is a
// frequency of buckets.
func TestChanceFrequency(t *testing.T) {
	rng := noise(74)
	for name, draw := range map[string]func() float64{
		"exact":         rng.ExpFloat64,
		"cautious":      func() float64 { return 0.7 * rng.ExpFloat64() },
		"careless":      func() float64 { return 1.5 * rng.ExpFloat64() },
		"many tests":    func() float64 { return max(rng.ExpFloat64(), rng.ExpFloat64(), rng.ExpFloat64()) },
		"heavy residue": func() float64 { x := rng.ExpFloat64(); return x + 0.02*x*x },
	} {
		var c chance
		c.init()
		const learn, count = 50_000, 500_000
		var below [2]int
		for i := range learn + count {
			s := draw()
			for k := range below {
				if i >= learn && c.logProb(s) < -math.Ln10*float64(3+k) {
					below[k]++
				}
			}
			c.learn(s, 0.2, float64(i))
		}
		if n := below[0]; n*2 < count/1000 || n*2 > count/1000*3 {
			t.Errorf("%s: a probability below 1e-3 occurs %d times, %d are nominal", name, n, count/1000)
		}
		if n := below[1]; n*2 < count/10_000 || n > count/10_000*2 {
			t.Errorf("%s: a probability below 1e-4 occurs %d times, %d are nominal", name, n, count/10_000)
		}
	}
}

// TestChanceRises: what the tails call less probable is published as no more
// probable, at any state, without a step at the threshold.
func TestChanceRises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c chance
		c.init()
		for i, s := range drawEvidence(t) {
			c.learn(s, 0.2, float64(i))
		}
		if c.logProb(0) != 0 || !c.sound() {
			t.Fatalf("what is certain has the logarithm %v", c.logProb(0))
		}
		u, last := float64(c.threshold), 0.0
		if below, at := c.logProb(u*(1-1e-9)), c.logProb(u); math.Abs(at-below) > 1e-6 {
			t.Fatalf("a step from %v to %v at the threshold", below, at)
		}
		for s := 1e-3; s < 1e6; s *= 1.05 {
			x := c.logProb(s)
			if !(x <= last) || math.IsInf(x, 0) {
				t.Fatalf("%v has the logarithm %v, a little less had %v", s, x, last)
			}
			last = x
		}
	})
}
