package series

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"tidemark/engine/spec"
)

// hilly is a random-looking daily pattern around 100, in a value's units, the noise
// of the tests being one.
func hilly(at float64) float64 {
	w := 2 * math.Pi * at / day
	return 100 + 12*math.Sin(w) + 6*math.Sin(2*w+1) + 3*math.Sin(3*w+2)
}

// weeks is a run that has seen a pattern for four weeks.
func weeks(spanMs int64, pattern func(at float64) float64, seed uint64) (r *run, next func(pattern func(at float64) float64) Verdict) {
	r = newRun(spec.Mean, spanMs)
	rng := noise(seed)
	next = func(pattern func(at float64) float64) Verdict {
		return r.next(pattern(r.p.at(r.startMs())) + rng.NormFloat64())
	}
	for range int(28 * r.p.bucketsADay) {
		next(pattern)
	}
	return r, next
}

// TestPatternChanges: a pattern that becomes larger or smaller, or comes earlier or
// later, is recognized within two days, and then it is the curve.
func TestPatternChanges(t *testing.T) {
	for name, to := range map[string]func(at float64) float64{
		"twice as large":    func(at float64) float64 { return 100 + 2*(hilly(at)-100) },
		"half as large":     func(at float64) float64 { return 100 + 0.5*(hilly(at)-100) },
		"three hours late":  func(at float64) float64 { return hilly(at - 3*hour) },
		"an hour early":     func(at float64) float64 { return hilly(at + hour) },
		"both at once":      func(at float64) float64 { return 40 + 2*(hilly(at)-100) },
		"a factor of three": func(at float64) float64 { return 3 * hilly(at) },
	} {
		for _, spanMs := range []int64{300_000, 3_600_000} {
			r, next := weeks(spanMs, hilly, 60)
			for range int(2 * r.p.bucketsADay) {
				next(to)
			}
			off, n := 0.0, int(r.p.bucketsADay)
			for range n {
				at := r.p.at(r.startMs())
				v := next(to)
				off += math.Abs(v.long-to(at)) / float64(n)
			}
			if off > 1 {
				t.Errorf("%s, %d ms: the long prediction is off by %.1f on the third day", name, spanMs, off)
			}
		}
	}
}

// TestPatternBack: a pattern that comes back within a day finds its old curve.
func TestPatternBack(t *testing.T) {
	large := func(at float64) float64 { return 100 + 2*(hilly(at)-100) }
	r, next := weeks(3_600_000, hilly, 61)
	for range 30 {
		next(large)
	}
	if r.s.alt.mode != altBack {
		t.Fatalf("the change was not made; mode %d", r.s.alt.mode)
	}
	for range 20 {
		if v := next(hilly); v.Score >= 25 {
			t.Errorf("coming back scores %.0f", v.Score)
		}
	}
	off := 0.0
	for range 24 {
		at := r.p.at(r.startMs())
		v := next(hilly)
		off += math.Abs(v.long-hilly(at)) / 24
	}
	if off > 1 {
		t.Errorf("the long prediction is off by %.1f on the day after", off)
	}
}

// TestPatternStays: noise of any kind around a pattern changes no curve.
func TestPatternStays(t *testing.T) {
	for _, spanMs := range []int64{900_000, 3_600_000} {
		for seed := range uint64(4) {
			r, rng, ar := newRun(spec.Mean, spanMs), noise(70+seed), 0.0
			for range int(70 * r.p.bucketsADay) {
				ar = 0.9*ar + rng.NormFloat64()
				x := hilly(r.p.at(r.startMs()))
				if seed%2 == 0 {
					x += ar
				} else {
					x += rng.NormFloat64() / math.Sqrt(rng.ExpFloat64()+0.1)
				}
				r.next(x)
				if r.s != nil && r.s.alt.mode == altBack {
					t.Fatalf("seed %d, %d ms: bucket %d changes the curve", seed, spanMs, r.i)
				}
			}
		}
	}
}

// TestChangeEncoding: what is weighed comes back bit for bit and goes on alike; what was
// cut off or harmed is refused, or kept as it is.
func TestChangeEncoding(t *testing.T) {
	large := func(at float64) float64 { return 100 + 2*(hilly(at)-100) }
	r, next := weeks(3_600_000, hilly, 62)
	for r.s.alt.mode != altTried {
		next(large)
	}
	enc := r.g.Append(nil)
	back := *r
	back.g, back.s = new(Change), new(Season)
	if _, err := back.s.Decode(r.s.Append(nil)); err != nil || *back.s != *r.s {
		t.Fatalf("the season comes back otherwise, error %v", err)
	}
	if rest, err := back.g.Decode(append(enc, 7)); err != nil || len(rest) != 1 || *back.g != *r.g || len(enc) != ChangeBytes {
		t.Fatalf("decoded with %d bytes left, error %v", len(rest), err)
	}
	for range 40 {
		x := large(r.p.at(r.startMs()))
		if r.next(x) != back.next(x) {
			t.Fatal("what was decoded weighs differently")
		}
	}
	if _, err := new(Change).Decode(enc[:len(enc)-1]); !errors.Is(err, ErrShort) {
		t.Errorf("cut off: error %v", err)
	}
	for at := range enc {
		harmed := bytes.Clone(enc)
		harmed[at] ^= 0xff
		var g Change
		switch _, err := g.Decode(harmed); {
		case err != nil && !errors.Is(err, ErrCorrupt):
			t.Fatalf("byte %d: error %v", at, err)
		case err == nil && !bytes.Equal(g.Append(nil), harmed):
			t.Fatalf("byte %d: what was taken is not what is kept", at)
		case err == nil:
			b := back
			s := *back.s
			b.s, b.g = &s, &g
			finite(t, b.next(100))
			finite(t, b.next(1e9))
		}
	}
}
