package score

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestKnots are the bands that mean the same everywhere.
func TestKnots(t *testing.T) {
	for r, want := range map[float64]float64{0: 0, 1.3: 0, 2: 5, 3: 25, 4: 50, 5: 75, 7: 90, 10: 97, 300: 100, 1e9: 100} {
		if have := Score(r); math.Abs(have-want) > 1e-9 {
			t.Errorf("10^-%v scores %v, want %v", r, have, want)
		}
	}
	if have := OfLogProb(math.Log(1e-4)); math.Abs(have-50) > 1e-9 {
		t.Errorf("a probability of 1e-4 scores %v", have)
	}
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(0, 300).Draw(t, "a")
		b := rapid.Float64Range(a, 300).Draw(t, "b")
		if Score(a) > Score(b) {
			t.Fatalf("%v scores more than %v", a, b)
		}
	})
}

func TestAggregate(t *testing.T) {
	if Aggregate(nil, 5, math.Inf(-1)) != 0 || Aggregate([]float64{-9}, 0, math.Inf(-1)) != 0 {
		t.Error("nothing remarkable is not certain")
	}
	if have := Aggregate([]float64{-20}, 1, math.Inf(-1)); math.Abs(have+20) > 1e-9 {
		t.Errorf("one series: %v, want its own probability", have)
	}
	if one, of := Aggregate([]float64{-20}, 1, math.Inf(-1)), Aggregate([]float64{-20}, 10_000, math.Inf(-1)); of <= one {
		t.Errorf("one in ten thousand series (%v) is no more remarkable than one alone (%v)", of, one)
	}
	few, many := Aggregate([]float64{-10}, 100, math.Inf(-1)), Aggregate([]float64{-10, -10, -10, -10, -10, -10, -10, -10}, 100, math.Inf(-1))
	if many >= few {
		t.Errorf("eight of a hundred (%v) are less remarkable than one (%v)", many, few)
	}
	rapid.Check(t, func(t *rapid.T) {
		logs := rapid.SliceOfN(rapid.Float64Range(-800, 0), 1, 50).Draw(t, "logs")
		active := rapid.IntRange(1, 1_000_000).Draw(t, "active")
		if p := Aggregate(logs, active, math.Inf(-1)); math.IsNaN(p) || p > 0 || math.IsInf(p, 0) {
			t.Fatalf("%v of %d", p, active)
		}
	})
}

// TestAggregateIsCalibrated: on independent uniform probabilities the
// aggregate is about uniform, for few and for many series.
func TestAggregateIsCalibrated(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rounds = 20_000
	for _, active := range []int{1, 4, 64, 1000} {
		below := map[float64]int{0.1: 0, 0.01: 0, 0.001: 0}
		logs := make([]float64, active)
		n := rounds
		if active == 1000 {
			n = rounds / 10
		}
		for range n {
			for i := range logs {
				logs[i] = math.Log(1 - rng.Float64())
			}
			p := Aggregate(logs, active, math.Inf(-1))
			for level := range below {
				if p < math.Log(level) {
					below[level]++
				}
			}
		}
		for level, count := range below {
			want := level * float64(n)
			if want < 15 {
				continue
			}
			if have := float64(count); have > 1.6*want || have < want/2.2 {
				t.Errorf("%d series: %v times below %v in %d, want %v", active, have, level, n, want)
			}
		}
	}
}

func TestRawScore(t *testing.T) {
	if RawScore(0) != 0 || RawScore(math.Inf(-1)) != 100 || math.Abs(RawScore(math.Log(1e-4))-20) > 1e-9 {
		t.Error("five points for each power of ten, 0 to 100")
	}
}
