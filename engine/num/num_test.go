package num

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestClamp(t *testing.T) {
	for _, c := range [][4]float64{{5, 0, 1, 1}, {-5, 0, 1, 0}, {0.5, 0, 1, 0.5}, {math.NaN(), 0, 1, 0}, {math.Inf(1), 0, 1, 1}, {math.Inf(-1), 0, 1, 0}} {
		if have := Clamp(c[0], c[1], c[2]); have != c[3] {
			t.Errorf("Clamp(%v, %v, %v) = %v, want %v", c[0], c[1], c[2], have, c[3])
		}
	}
}

func TestFinite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64().Draw(t, "x")
		if Finite(x) != !(math.IsNaN(x) || math.IsInf(x, 0)) {
			t.Fatalf("Finite(%v) = %v", x, Finite(x))
		}
	})
}

// TestGainIsTheMean: with Gain, Toward is the plain mean until the memory is
// full, and forgets after.
func TestGainIsTheMean(t *testing.T) {
	mean, sum := 0.0, 0.0
	for i := range 50 {
		x := float64(i * i)
		sum += x
		mean = Toward(mean, Gain(float64(i), 50), x)
		if want := sum / float64(i+1); math.Abs(mean-want) > 1e-9*want {
			t.Fatalf("after %d values %v, want %v", i+1, mean, want)
		}
	}
	for i := range 1000 {
		mean = Toward(mean, Gain(float64(50+i), 50), 7)
	}
	if math.Abs(mean-7) > 1e-5 {
		t.Errorf("after a thousand sevens %v", mean)
	}
}

func TestInterpolate(t *testing.T) {
	knots := []Knot{{1, 0}, {2, 10}, {4, 20}}
	for x, want := range map[float64]float64{-9: 0, 1: 0, 1.5: 5, 2: 10, 3: 15, 4: 20, 99: 20, math.Inf(1): 20, math.Inf(-1): 0} {
		if have := Interpolate(knots, x); have != want {
			t.Errorf("at %v: %v, want %v", x, have, want)
		}
	}
	if have := Interpolate(knots, math.NaN()); have != 0 {
		t.Errorf("at NaN: %v", have)
	}
}
