package series

import (
	"math"
	"testing"

	"tidemark/engine/spec"
)

// TestNightlyJob: a job of one bucket a night is no news from the third night on,
// its absence is, each time, and it stays known.
func TestNightlyJob(t *testing.T) {
	for seed := range uint64(5) {
		r, rng := newRun(spec.Mean, span), noise(70+seed)
		loud, silent := 0, 0
		for i := range 288 * 21 {
			day, job := i/288, i%288 == 150
			absent := job && (day == 10 || day == 16)
			x := 100 + rng.NormFloat64()
			if job && !absent {
				x += 30 * (1 + 0.1*rng.NormFloat64())
			}
			v := r.next(x)
			if job && day >= 2 && day < 14 && !absent && v.Score >= 25 {
				loud++
			}
			if absent && v.Score < 50 {
				silent++
			}
		}
		if loud > 1 || silent > 0 {
			t.Errorf("seed %d: %d of 11 nights score 25 and more, %d of 2 absences less than 50", seed, loud, silent)
		}
		f := r.s.Found()
		if len(f.Jobs) != 1 || f.Jobs[0].Bucket != 150 || math.Abs(f.Jobs[0].Height-30) > 6 {
			t.Errorf("seed %d: found %+v", seed, f)
		}
	}
}

// TestWeeklyJob: a job of Mondays is expected on Mondays only.
func TestWeeklyJob(t *testing.T) {
	r, rng := newRun(spec.Mean, span), noise(80)
	for range 288 * 7 * 5 {
		x := 100 + rng.NormFloat64()
		// The first bucket is on a Wednesday.
		if r.startMs()/86_400_000%7 == 4 && r.startMs()%86_400_000/span == 100 {
			x += 40
		}
		r.next(x)
	}
	f := r.s.Found()
	if len(f.Jobs) != 1 || f.Jobs[0].Bucket != 100 || f.Jobs[0].Days != [7]bool{true} {
		t.Fatalf("found %+v", f)
	}
}

// TestEndedJob: a job that comes no more is forgotten within a few days.
func TestEndedJob(t *testing.T) {
	r, rng := newRun(spec.Mean, span), noise(81)
	for i := range 288 * 24 {
		x := 100 + rng.NormFloat64()
		if i%288 == 150 && i < 288*14 {
			x += 30
		}
		r.next(x)
		if i == 288*14-1 && len(r.s.Found().Jobs) != 1 {
			t.Fatalf("after two weeks found %+v", r.s.Found())
		}
	}
	if f := r.s.Found(); len(f.Jobs) != 0 {
		t.Errorf("ten days after the last one found %+v", f)
	}
}

// TestOtherPeriod: a period of ten hours is found, predicts, and gives way to the
// week when there is one.
func TestOtherPeriod(t *testing.T) {
	r := cyclic(spec.Mean)
	f := r.s.Found()
	if f.Day || f.Week || math.Abs(f.Period-36_000) > 360 {
		t.Fatalf("found %+v", f)
	}
	off := 0.0
	for range 120 {
		want := 100 + 20*math.Sin(2*math.Pi*float64(r.i)/120)
		ahead, last := r.p.NewForecaster(&r.c, r.s, r.startMs()), Forecast{}
		for k := range int64(61) {
			last = ahead.Next(r.startMs() + k*span)
		}
		off += math.Abs(last.Value-(200-want)) / 120
		r.next(want)
	}
	if off > 4 {
		t.Errorf("half a period ahead forecasts are off by %.1f on average", off)
	}
	for range 288 * 7 * 6 {
		x := 100.0
		if r.startMs()/86_400_000%7 >= 5 {
			x = 40
		}
		r.next(x + float64(r.i%7))
	}
	if f := r.s.Found(); !f.Week || f.Period != 0 {
		t.Errorf("after six weeks of another kind found %+v", f)
	}
}

// TestHuntEnds: a hunt that finds nothing lasts for weeks, not for ever, and begins
// again.
func TestHuntEnds(t *testing.T) {
	r, rng := newRun(spec.Mean, 3_600_000), noise(82)
	hunted, hunts, was := 0, 0, false
	for range 24 * 7 * 60 {
		r.next(rng.NormFloat64())
		if r.h != nil {
			hunted++
			if !was {
				hunts++
			}
		}
		was = r.h != nil
	}
	if f := r.s.Found(); !f.None() || hunts < 2 || hunted > 24*7*50 {
		t.Errorf("%d hunts for %d hours of 60 weeks, found %+v", hunts, hunted, f)
	}
}

// TestHuntGaps: buckets without values, long gaps and times that go back do no
// harm.
func TestHuntGaps(t *testing.T) {
	r, rng := newRun(spec.Mean, span), noise(83)
	for range 3000 {
		r.next(100 + 20*math.Sin(2*math.Pi*float64(r.i)/120) + rng.NormFloat64())
		r.i += int64(rng.IntN(2))
	}
	if f := r.s.Found(); math.Abs(f.Period-36_000) > 720 {
		t.Errorf("with every third bucket missing found %+v", f)
	}
	for _, by := range []int64{1 << 30, -(1 << 29), 5000, -400, 1} {
		r.i += by
		for range 100 {
			finite(t, r.next(100*rng.Float64()))
		}
		if _, err := new(Hunt).Decode(r.h.Append(nil)); err != nil {
			t.Fatalf("after a step of %d buckets: %v", by, err)
		}
	}
}

// BenchmarkHunt is a bucket of a series while its seasons are looked for.
func BenchmarkHunt(b *testing.B) {
	rng := noise(84)
	values := make([]float64, 4096)
	for i := range values {
		values[i] = 100 + rng.NormFloat64()
	}
	for b.Loop() {
		r := newRun(spec.Mean, span)
		for i := range 56 * 288 {
			r.next(values[i&4095])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(56*288), "ns/bucket")
}
