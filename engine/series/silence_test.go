package series

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"tidemark/engine/spec"
)

// TestSilence: a busy series that falls silent is reported at once, and for no
// more than a bounded number of buckets.
func TestSilence(t *testing.T) {
	r, rng := newRun(spec.Count, span), noise(7)
	for range 2000 {
		r.next(math.Round(1000 + 30*rng.NormFloat64()))
	}
	if n, ok := r.p.SilenceDue(&r.c, r.s, 0); n != 0 || !ok {
		t.Errorf("the silence of a busy series is due after %d buckets", n)
	}
	loud := 0
	for range 1000 {
		if r.next(0).Score >= 25 {
			loud++
		}
	}
	if loud == 0 || loud > 40 {
		t.Errorf("%d buckets of silence score 25 and more", loud)
	}
	for range 5000 {
		r.next(0)
	}
	if n, _ := r.p.SilenceDue(&r.c, r.s, 0); n != Forever {
		t.Errorf("after weeks of silence it is due again in %d buckets", n)
	}
}

// TestLearnZeros: many silent buckets at once leave the same bits as one after
// the other.
func TestLearnZeros(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, rng := newRun(spec.Sum, span), noise(rapid.Uint64().Draw(t, "seed"))
		switch rapid.IntRange(0, 4).Draw(t, "season") {
		case 0:
			a = seasonal(spec.Sum)
		case 1:
			a = cyclic(spec.Sum)
		default:
			for range rapid.IntRange(0, 300).Draw(t, "before") {
				a.next(100 * rng.Float64())
			}
		}
		b := *a
		if a.s != nil {
			own := *a.s
			b.s = &own
		}
		if a.h != nil {
			own := *a.h
			b.h = &own
		}
		n := rapid.Int64Range(1, 300).Draw(t, "silent")
		a.p.LearnZeros(&a.c, a.s, a.h, a.m, a.startMs(), n)
		for i := range n {
			b.p.LearnZeros(&b.c, b.s, b.h, b.m, b.startMs()+i*b.p.spanMs, 1)
		}
		if !bytes.Equal(a.c.Append(nil), b.c.Append(nil)) || a.s != nil && *a.s != *b.s || a.h != nil && *a.h != *b.h {
			t.Fatal("the states differ")
		}
	})
}

// TestSilenceIsNotMissed: between the buckets at which SilenceDue asks for a
// look no zero is reportable, and the one it names with ok is.
func TestSilenceIsNotMissed(t *testing.T) {
	kinds := map[string]func(r *run, g float64) float64{
		"busy":   func(_ *run, g float64) float64 { return math.Round(1000 + 30*g) },
		"small":  func(_ *run, g float64) float64 { return math.Max(0, math.Round(3+2*g)) },
		"sparse": func(_ *run, g float64) float64 { return math.Max(0, math.Round(g)) },
		"daily":  func(r *run, g float64) float64 { return math.Max(0, math.Round(50*math.Sin(r.daily())+5*g)) },
	}
	looked, reported := 0, 0
	for name, value := range kinds {
		for seed, fn := range []spec.Function{spec.Count, spec.Sum, spec.Function("low_count"), spec.Function("high_sum"), spec.Count, spec.Sum} {
			r, rng := newRun(fn, span), noise(40+uint64(seed/4))
			for range 1500 {
				r.next(value(r, rng.NormFloat64()))
			}
			for asked := int64(0); asked < 1500; {
				n, due := r.p.SilenceDue(&r.c, r.s, r.startMs())
				if n < 0 || n == Forever {
					t.Fatalf("%s of a %s series: due after %d buckets", fn, name, n)
				}
				for i := range n {
					if v := r.next(0); v.Reportable() {
						t.Fatalf("%s of a %s series: silence scores %.0f in bucket %d, nothing was due before %d", fn, name, v.Score, i, n)
					}
				}
				asked += n
				looked++
				if due {
					v := r.next(0)
					if !v.Reportable() {
						t.Fatalf("%s of a %s series: nothing to report where it was due", fn, name)
					}
					reported++
					asked++
				}
			}
		}
	}
	if reported < 100 || looked < 200 {
		t.Errorf("%d looks, %d records: too few to prove anything", looked, reported)
	}
}

// TestSilenceDueOnlyLooks: it changes neither state nor season.
func TestSilenceDueOnlyLooks(t *testing.T) {
	r := cyclic(spec.Count)
	core, season := r.c, *r.s
	for range 10 {
		r.p.SilenceDue(&r.c, r.s, r.startMs())
	}
	if r.c != core || *r.s != season {
		t.Error("the state has changed")
	}
	if n, ok := newRun(spec.Mean, span).p.SilenceDue(&r.c, r.s, 0); n != Forever || ok {
		t.Errorf("the silence of a mean, which has no value then, is due after %d buckets", n)
	}
}

// TestEndlessSilence: any number of silent buckets at any time is learned in a
// bounded number of steps, and then silence is due no more.
func TestEndlessSilence(t *testing.T) {
	for _, spanMs := range []int64{60_000, 300_000, 3_600_000, 86_400_000, 1 << 50} {
		for _, at := range []int64{0, 1 << 53, math.MaxInt64, math.MinInt64} {
			r, rng := newRun(spec.Sum, spanMs), noise(42)
			for range 200 {
				r.next(100 + rng.NormFloat64())
			}
			r.p.LearnZeros(&r.c, r.s, r.h, r.m, at, 1<<40)
			if r.c.zeroRun != r.p.mostZeros {
				t.Fatalf("span %d ms: %d zeros learned, the bound is %d", spanMs, r.c.zeroRun, r.p.mostZeros)
			}
			before := r.c
			r.p.LearnZeros(&r.c, r.s, r.h, r.m, at, 1<<62)
			if n, _ := r.p.SilenceDue(&r.c, r.s, at); n != Forever || r.c != before {
				t.Errorf("span %d ms: a silence that ended all is due after %d buckets", spanMs, n)
			}
			finite(t, r.next(100))
		}
	}
}
