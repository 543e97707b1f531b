package score

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func joint(parts ...float64) float64 {
	var j Joint
	for _, p := range parts {
		j.Add(p)
	}
	return j.Strength()
}

func TestJoint(t *testing.T) {
	if have := joint(); have != 0 {
		t.Errorf("no parts have a strength of %v", have)
	}
	if have := joint(4.5); math.Abs(have-4.5) > 1e-12 {
		t.Errorf("one part of 4.5 has a strength of %v", have)
	}
	one, three := joint(4, 0, 0, 0, 0, 0), joint(4, 4, 4, 0, 0, 0)
	if three < one+1 {
		t.Errorf("three of six metrics (%v) say hardly more than one (%v)", three, one)
	}
	if far := joint(8, 0, 0, 0, 0, 0); far <= joint(2, 2, 2, 2, 2, 2) {
		t.Errorf("six mild metrics say more than one that is far out (%v)", far)
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.Float64Range(0, 20), 1, 30).Draw(t, "parts")
		have, most, sum := joint(parts...), 0.0, 0.0
		for _, p := range parts {
			most, sum = math.Max(most, p), sum+p
		}
		n := math.Log10(float64(len(parts)))
		if have < most-n-1e-9 || have > sum-n+1e-9 && have > 0 {
			t.Fatalf("%v: strength %v is not between the largest and the sum", parts, have)
		}
	})
}
