package series

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"tidemark/engine/spec"
)

const span = int64(300_000)

// run is one series with what the engine keeps of it.
type run struct {
	p *Params
	c Core
	s *Season
	h *Hunt
	m *Calendar
	g *Change
	i int64
}

func newRun(fn spec.Function, spanMs int64) *run {
	r := &run{p: NewParams(fn, spanMs)}
	r.c.Init(r.p)
	return r
}

// startMs is the start of the next bucket.
func (r *run) startMs() int64 { return 1_700_006_400_000 + r.i*r.p.spanMs }

// next judges and learns a value in the next bucket.
func (r *run) next(value float64) Verdict {
	x := Sample{Value: value, Count: 1, StartMs: r.startMs()}
	v := r.p.Judge(&r.c, r.s, x)
	r.p.Learn(&r.c, r.s, x, &v)
	r.weigh(x, &v)
	r.hunt(x, &v)
	r.i++
	return v
}

// seasonal is a run of a series with every kind of season: a day with jobs, a week,
// and a new hunt going on.
func seasonal(fn spec.Function) *run {
	r, rng := newRun(fn, 300_000), noise(50)
	for range 288 * 7 * 3 {
		x := 100 + 20*math.Sin(r.daily()) + rng.NormFloat64()
		if r.startMs()/86_400_000%7 >= 5 {
			x -= 40
		}
		if r.i%288 == 36 {
			x += 60
		}
		r.next(x)
	}
	return r
}

// cyclic is a run of a series with a period of ten hours.
func cyclic(fn spec.Function) *run {
	r, rng := newRun(fn, span), noise(51)
	for range 120 * 8 {
		r.next(100 + 20*math.Sin(2*math.Pi*float64(r.i)/120) + rng.NormFloat64())
	}
	return r
}

// weigh weighs changes of the pattern, as the engine does.
func (r *run) weigh(x Sample, v *Verdict) {
	if r.g == nil {
		if !r.p.WantsChange(&r.c, r.s) {
			return
		}
		r.g = new(Change)
		r.p.InitChange(&r.c, r.s, r.g)
	}
	r.p.LearnChange(&r.c, r.s, r.g, x, v)
	if r.g.Over() {
		r.g = nil
	}
}

// hunt looks for seasons, as the engine does.
func (r *run) hunt(x Sample, v *Verdict) {
	switch {
	case r.m == nil && r.s.WantsCalendar():
		r.m = new(Calendar)
	case r.m != nil:
		r.p.LearnCalendar(r.s, r.m, x, v)
		if r.m.Idle(r.s) {
			r.m = nil
		}
	}
	if r.s == nil && r.p.WantsSeason(&r.c) {
		r.s = new(Season)
	}
	switch {
	case r.h == nil && r.p.WantsHunt(&r.c):
		r.h = new(Hunt)
		r.p.InitHunt(&r.c, r.s, r.h, x.StartMs)
	case r.h != nil:
		r.p.LearnHunt(r.h, x, v)
		if r.s != nil && r.h.News() {
			r.p.Settle(&r.c, r.s, r.h)
		}
		if r.h.Over() {
			r.h = nil
		}
	}
}

func noise(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// daily is the phase of the day in radians.
func (r *run) daily() float64 {
	return float64(r.i*r.p.spanMs%86_400_000) / 86_400_000 * 2 * math.Pi
}

func TestSpikeIsReported(t *testing.T) {
	for _, fn := range []spec.Function{spec.Mean, spec.Sum, spec.Count, spec.Min, spec.Max} {
		r, rng := newRun(fn, span), noise(1)
		for range 1000 {
			r.next(math.Round(1000 + 20*rng.NormFloat64()))
		}
		odd := 1400.0
		if fn == spec.Min {
			odd = 600 // An extreme that is not reached proves nothing.
		}
		v := r.next(odd)
		if v.Score < 70 || v.Spike != (odd > 1000) || v.NoveltyScore < 50 || v.LogProb > math.Log(1e-4) || math.Abs(v.Typical-1000) > 30 || !v.Reportable() {
			t.Errorf("%s: a spike of 20 sigma: %+v", fn, v)
		}
		if v := r.next(1000); v.Score > 10 {
			t.Errorf("%s: back at the usual value scores %.0f", fn, v.Score)
		}
	}
}

// TestSides: a one-sided function reports its side only.
func TestSides(t *testing.T) {
	for fn, want := range map[spec.Function][2]bool{spec.Function("mean"): {true, true}, spec.Function("high_mean"): {false, true}, spec.Function("low_mean"): {true, false}} {
		for side, value := range []float64{60, 140} {
			r, rng := newRun(fn, span), noise(2)
			for range 1000 {
				r.next(100 + rng.NormFloat64())
			}
			if v := r.next(value); v.Reportable() != want[side] {
				t.Errorf("%s at %v: reported %t, score %.0f", fn, value, v.Reportable(), v.Score)
			}
		}
	}
}

// TestNullStreams: on noise of several kinds little is reported and next to
// nothing with a high score.
func TestNullStreams(t *testing.T) {
	kinds := map[string]func(r *run, rng *rand.Rand, last *float64) float64{
		"gauss": func(_ *run, rng *rand.Rand, _ *float64) float64 { return 50 + rng.NormFloat64() },
		"heavy": func(_ *run, rng *rand.Rand, _ *float64) float64 { return math.Exp(rng.NormFloat64()) },
		"day": func(r *run, rng *rand.Rand, _ *float64) float64 {
			return 100 + 30*math.Sin(r.daily()) + 3*rng.NormFloat64()
		},
		"autoregressive": func(_ *run, rng *rand.Rand, last *float64) float64 {
			*last = 0.9**last + rng.NormFloat64()
			return *last
		},
		"walk":     func(_ *run, rng *rand.Rand, last *float64) float64 { *last += rng.NormFloat64(); return *last },
		"constant": func(*run, *rand.Rand, *float64) float64 { return 42 },
		"weekend": func(r *run, rng *rand.Rand, _ *float64) float64 {
			level := 100.0
			if (1_700_006_400_000+r.i*r.p.spanMs)/86_400_000%7 >= 5 {
				level = 40
			}
			return level + 20*math.Sin(r.daily()) + 3*rng.NormFloat64()
		},
	}
	for name, value := range kinds {
		r, rng, last := newRun(spec.Mean, span), noise(3), 0.0
		records, minor, critical := 0, 0, 0
		const weeks = 8
		for i := range weeks * 2016 {
			v := r.next(value(r, rng, &last))
			if i < 2*2016 || name == "weekend" && i < 4*2016 {
				continue // The steps of a week take four of them to learn.
			}
			if v.Reportable() {
				records++
			}
			if v.Score >= 25 {
				minor++
			}
			if v.Score >= 75 {
				critical++
			}
		}
		if records > 50*(weeks-2) || minor > 6*(weeks-2) || critical > 1 {
			t.Errorf("%s: in %d weeks %d records, %d scores of 25 and more, %d of 75 and more", name, weeks-2, records, minor, critical)
		}
	}
}

// TestSecondWeek: what the first day leaves in the curve of the week, before the day is
// known, is not believed when the week comes round.
func TestSecondWeek(t *testing.T) {
	for _, spanMs := range []int64{300_000, 900_000, 3_600_000} {
		told, days := 0, int(86_400_000/spanMs)
		for seed := range uint64(10) {
			r, rng := newRun("mean", spanMs), noise(seed)
			for i := range 10 * days {
				v := r.next(100 + 40*math.Sin(r.daily()) + 2.3*rng.NormFloat64())
				if i >= 7*days && v.Score >= 10 {
					told++
				}
			}
		}
		if told > 10*3*days*3/200 {
			t.Errorf("buckets of %d s: %d scores of 10 and more in thirty days of nothing", spanMs/1000, told)
		}
	}
}

// TestDailySeason: after two days the daily curve is expected, and a missing
// peak is seen.
func TestDailySeason(t *testing.T) {
	r, rng := newRun(spec.Mean, span), noise(4)
	curve := func() float64 { return 1000 + 500*math.Sin(r.daily()) }
	for range 3 * 288 {
		r.next(curve() + 10*rng.NormFloat64())
	}
	off := 0.0
	for range 288 {
		want := curve()
		v := r.next(want + 10*rng.NormFloat64())
		off += math.Abs(v.Typical-want) / 288
	}
	if off > 45 {
		t.Errorf("on the fourth day the typical value is off by %.0f on average, the noise is 10", off)
	}
	for r.daily() < math.Pi/2 {
		r.next(curve() + 10*rng.NormFloat64())
	}
	if v := r.next(500); v.Score < 50 {
		t.Errorf("half the usual peak scores %.0f", v.Score)
	}
}

// TestLevelShift: a new level is learned, not reported for ever.
func TestLevelShift(t *testing.T) {
	for seed := range uint64(5) {
		r, rng := newRun(spec.Mean, span), noise(10+seed)
		for range 2000 {
			r.next(100 + 5*rng.NormFloat64())
		}
		first := r.next(150)
		loud, last := 0, 0
		for i := range 500 {
			if v := r.next(150 + 5*rng.NormFloat64()); v.Score >= 25 {
				loud++
				last = i
			}
		}
		if first.Score < 50 || loud > 20 || last > 400 {
			t.Errorf("seed %d: the shift scores %.0f, then %d scores of 25 and more, the last after %d buckets", seed, first.Score, loud, last)
		}
		if v := r.next(150); math.Abs(v.Typical-150) > 8 {
			t.Errorf("seed %d: after 500 buckets at 150 the typical value is %.1f", seed, v.Typical)
		}
	}
}

// TestRepeatedSpikes: equal spikes a day apart do not talk themselves out of
// their score.
func TestRepeatedSpikes(t *testing.T) {
	r, rng := newRun(spec.Mean, span), noise(6)
	for range 14 * 288 {
		r.next(100 + rng.NormFloat64())
	}
	first, least := 0.0, 100.0
	for i := range 10 {
		v := r.next(110)
		if i == 0 {
			first = v.Score
		}
		least = math.Min(least, v.Score)
		for range 287 + i { // A little later each day, so that it is no season.
			r.next(100 + rng.NormFloat64())
		}
	}
	if first < 50 || least < first-35 {
		t.Errorf("the first of ten equal spikes scores %.0f, the least %.0f", first, least)
	}
}

// fatal is what rapid's and testing's T have in common.
type fatal interface{ Fatalf(string, ...any) }

func finite(t fatal, v Verdict) {
	for _, x := range []float64{v.LogProb, v.Evidence, v.Score, v.NoveltyScore, v.Typical, v.Actual, v.Lower, v.Upper} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Fatalf("not finite: %+v", v)
		}
	}
	if v.LogProb > 0 || v.Score < 0 || v.Score > 100 || v.NoveltyScore < 0 || v.NoveltyScore > 100 {
		t.Fatalf("out of range: %+v", v)
	}
}

// TestAnyValues: no sequence of values makes a verdict that is no number.
func TestAnyValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fn := rapid.SampledFrom([]spec.Function{spec.Mean, spec.Sum, spec.Count, spec.Min, spec.Max}).Draw(t, "function")
		r := newRun(fn, rapid.SampledFrom([]int64{1000, 60_000, 3_600_000, 86_400_000, 30 * 86_400_000}).Draw(t, "span"))
		value := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, 1, 1e308, -1e308, 5e-324, math.Inf(1), math.Inf(-1), math.NaN()}))
		for range rapid.IntRange(1, 200).Draw(t, "buckets") {
			x := value.Draw(t, "value")
			finite(t, r.p.JudgePartial(&r.c, r.s, nil, Sample{Value: x, StartMs: r.i * r.p.spanMs}, rapid.Float64Range(0, 1).Draw(t, "complete")))
			finite(t, r.next(x))
		}
	})
}

// TestPartial: half a bucket with half of the usual is usual; with twice the
// usual it is an anomaly already.
func TestPartial(t *testing.T) {
	r, rng := newRun(spec.Count, span), noise(8)
	for range 1000 {
		r.next(math.Round(1000 + 30*rng.NormFloat64()))
	}
	at := Sample{StartMs: 1_700_006_400_000 + r.i*span}
	for value, want := range map[float64]bool{500: false, 450: false, 0: true, 2000: true} {
		at.Value, at.Count = value, value
		v := r.p.JudgePartial(&r.c, r.s, nil, at, 0.5)
		if v.Reportable() != want || v.Actual != value {
			t.Errorf("%v records in half a bucket: reported %t, score %.0f", value, v.Reportable(), v.Score)
		}
	}
}

func BenchmarkBucket(b *testing.B) {
	r, rng := newRun(spec.Mean, span), noise(9)
	values := make([]float64, 4096)
	for i := range values {
		values[i] = 100 + rng.NormFloat64()
	}
	for range 3000 {
		r.next(values[r.i&4095])
	}
	b.ReportAllocs()
	for b.Loop() {
		r.next(values[r.i&4095])
	}
}

// poisson draws a count of the given mean.
func poisson(rng *rand.Rand, mean float64) float64 {
	k, sum := 0.0, rng.ExpFloat64()
	for sum < mean {
		k++
		sum += rng.ExpFloat64()
	}
	return k
}

// TestRareCounts: what chance does to a count that is nearly always 0 is no
// anomaly, a burst is.
func TestRareCounts(t *testing.T) {
	for _, mean := range []float64{0.005, 0.05, 0.5, 2} {
		loud, bursts := 0, 0
		for seed := range uint64(4) {
			r, rng := newRun(spec.Count, span), noise(20+seed)
			for i := range 8 * 2016 {
				if v := r.next(poisson(rng, mean)); i > 2016 && v.Score >= 50 {
					loud++
				}
			}
			if r.next(math.Ceil(10+mean*8)).Score >= 50 {
				bursts++
			}
		}
		if loud > 12 || bursts < 4 {
			t.Errorf("mean %v: %d scores of 50 and more in 28 weeks of chance; %d of 4 bursts found", mean, loud, bursts)
		}
	}
}

// TestScarceBuckets: the same evidence counts more in hourly buckets than in those of
// five minutes, never more than in a day's, and none stays none.
func TestScarceBuckets(t *testing.T) {
	last := -1.0
	for _, minutes := range []int64{1, 5, 15, 60, 1440} {
		p := NewParams(spec.Mean, minutes*60_000)
		if p.scarce < last || p.scarce > 0.5 || minutes <= 5 && p.scarce != 0 || minutes >= 15 && p.scarce < 0.15 {
			t.Errorf("evidence in buckets of %d minutes gains %.2f", minutes, p.scarce)
		}
		last = p.scarce
		r := newRun(spec.Mean, minutes*60_000)
		for range 100 {
			if v := r.next(5); v.Evidence != 0 {
				t.Errorf("a constant in buckets of %d minutes has evidence of %g", minutes, v.Evidence)
			}
		}
	}
}
