package engine

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"tidemark/engine/entry"
	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// stream is a series whose future is known.
type stream struct {
	name string
	// value is the value of an hour; noise has the deviation of one draw.
	value func(hour int, draw func() float64) float64
	// weeks are learned before the forecast.
	weeks int
	fn    spec.Function
}

func dayCurve(hour int) float64 { return math.Sin(2 * math.Pi * float64(hour%24) / 24) }

// workday is 1 in working hours of Monday to Friday.
func workday(hour int) float64 {
	if day := hour / 24 % 7; day < 5 && hour%24 >= 8 && hour%24 < 18 {
		return 1
	}
	return 0
}

var streams = []stream{
	{name: "flat", weeks: 2, fn: spec.Mean, value: func(_ int, draw func() float64) float64 { return 100 + 5*draw() }},
	{name: "daily", weeks: 3, fn: spec.Mean, value: func(h int, draw func() float64) float64 { return 100 + 50*dayCurve(h) + 5*draw() }},
	{name: "daily and weekly", weeks: 5, fn: spec.Mean, value: func(h int, draw func() float64) float64 {
		return 100 + 30*dayCurve(h) + 80*workday(h) + 5*draw()
	}},
	{name: "sum with a weekly season", weeks: 5, fn: spec.Sum, value: func(h int, draw func() float64) float64 { return 500 + 400*workday(h) + 20*draw() }},
	{name: "trend", weeks: 4, fn: spec.Mean, value: func(h int, draw func() float64) float64 { return 100 + 0.1*float64(h) + 5*draw() }},
	{name: "daily with a trend", weeks: 4, fn: spec.Mean, value: func(h int, draw func() float64) float64 { return 100 + 0.1*float64(h) + 30*dayCurve(h) + 5*draw() }},
}

// TestForecastQuality: over many draws, the forecast of the week to come is close
// to what comes, and its bounds hold about 95 % of it.
func TestForecastQuality(t *testing.T) {
	const horizon, seeds = 7 * 24, 12
	mean := 0.0
	for _, st := range streams {
		var inside, n, square, noise, first, last float64
		for seed := range uint64(seeds) {
			w := newWorld(t, det(st.fn, "v", "", ""))
			rng := rand.New(rand.NewPCG(seed, 7))
			w.hours(24*7*st.weeks, func(h int) []row { return []row{{"v": st.value(h, rng.NormFloat64)}} })
			var got []result.Forecast
			if err := w.e.Forecast(horizon, func(f *result.Forecast) bool { got = append(got, *f); return true }); err != nil {
				t.Fatal(err)
			}
			if len(got) != horizon {
				t.Fatalf("%s: %d values", st.name, len(got))
			}
			for k, f := range got {
				h := w.hour + k
				x, pure := st.value(h, rng.NormFloat64), st.value(h, func() float64 { return 0 })
				if f.StartMs != monday+int64(h)*3_600_000 || f.Lower > f.Value || f.Upper < f.Value {
					t.Fatalf("%s: value %d is %+v", st.name, k, f)
				}
				n++
				if x >= f.Lower && x <= f.Upper {
					inside++
				}
				square += (f.Value - pure) * (f.Value - pure)
				noise += (x - pure) * (x - pure)
			}
			first += got[0].Upper - got[0].Lower
			last += got[horizon-1].Upper - got[horizon-1].Lower
		}
		inside, miss := inside/n, math.Sqrt(square/noise)
		mean += inside / float64(len(streams))
		deviation := math.Sqrt(noise / n)
		first, last = first/seeds/deviation, last/seeds/deviation
		t.Logf("%-26s inside %.3f, error %.2f, width %.2f to %.2f noise deviations", st.name, inside, miss, first, last)
		// One draw of a level that is wrong by half a deviation moves the share by
		// three points for its whole week; twelve draws leave about one.
		if inside < 0.9 {
			t.Errorf("%s: the bounds hold %.3f of what comes", st.name, inside)
		}
		if miss > 2.5 {
			t.Errorf("%s: the error is %.2f deviations of the noise", st.name, miss)
		}
		// 95 % of normal noise need 3.92 deviations; twice that and a bit tells nobody
		// anything.
		if last < 0.98*first || last > 9 || first < 3.4 {
			t.Errorf("%s: the bounds are %.2f wide at first and %.2f at last", st.name, first, last)
		}
	}
	if math.Abs(mean-0.95) > 0.03 {
		t.Errorf("over all streams the bounds hold %.3f, not about 0.95", mean)
	}
}

// TestForecastFollows: the bounds of a series that is quiet by night and loud by
// day are wide by day; a forecast changes nothing and is the same each time; counts
// are never negative.
func TestForecastFollows(t *testing.T) {
	w := newWorld(t, det(spec.Mean, "v", "", ""))
	rng := rand.New(rand.NewPCG(1, 7))
	loud := func(h int) float64 { return 1 + 9*float64(h%24/12) }
	w.hours(24*70, func(h int) []row { return []row{{"v": 100 + 40*dayCurve(h) + loud(h)*rng.NormFloat64()}} })
	run := func() (all []result.Forecast) {
		if err := w.e.Forecast(48, func(f *result.Forecast) bool { all = append(all, *f); return true }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := stateOf(t, w.e)
	got := run()
	if !slices.Equal(got, run()) || !bytes.Equal(before, stateOf(t, w.e)) {
		t.Error("a forecast is not the same twice, or changed the state")
	}
	if night, noon := got[30].Upper-got[30].Lower, got[42].Upper-got[42].Lower; noon < 2*night {
		t.Errorf("the bounds are %.1f wide by night and %.1f by day", night, noon)
	}
	few := newWorld(t, det(spec.Count, "", "", ""))
	few.hours(24*7, func(int) []row { return make([]row, rng.IntN(2)) })
	if err := few.e.Forecast(48, func(f *result.Forecast) bool {
		if f.Lower < 0 || f.Value < 0 || f.Value > 1 {
			t.Errorf("a count is forecast as %+v", f)
		}
		return true
	}); err != nil {
		t.Error(err)
	}
}

// TestNoForecast: what cannot be forecast says why.
func TestNoForecast(t *testing.T) {
	over := det(spec.Mean, "v", "", "")
	over.OverField = "host"
	for name, c := range map[string]struct {
		d     spec.Detector
		hours int
		want  error
	}{
		"no data":    {det(spec.Mean, "v", "", ""), 0, ErrNothingToForecast},
		"little":     {det(spec.Mean, "v", "", ""), 2, ErrNothingToForecast},
		"population": {over, 50, ErrNoForecast},
		"rare":       {det(spec.Rare, "", "host", ""), 50, ErrNoForecast},
		"time":       {det(spec.TimeOfDay, "", "", ""), 50, ErrNoForecast},
		"place":      {det(spec.LatLong, "v", "", ""), 50, ErrNoForecast},
		"metric":     {det(spec.Metric, "v", "", ""), 50, ErrNoForecast},
	} {
		w := newWorld(t, c.d)
		w.hours(c.hours, func(h int) []row { return []row{{"v": float64(h % 5), "host": "a"}} })
		if err := w.e.Forecast(5, func(*result.Forecast) bool { return true }); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// stateOf is the engine's state as bytes.
func stateOf(t *testing.T, e *Engine) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := e.Freeze().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPlotQuality: once learned, the bounds of a model plot hold about 95 % of what
// comes and its median is close to what is expected, also for several series.
func TestPlotQuality(t *testing.T) {
	for _, st := range streams[:4] {
		w := newWorld(t, det(st.fn, "v", "host", ""))
		w.job.Plot = true
		rng := rand.New(rand.NewPCG(5, 7))
		var inside, n, square, noise float64
		w.plots = func(b *result.Bucket) {
			h := int((b.StartMs - monday) / 3_600_000)
			for _, p := range b.Plots {
				if h < 24*7*st.weeks {
					continue
				}
				scale := map[string]float64{"a": 1, "b": 3}[p.By]
				pure := scale * st.value(h, func() float64 { return 0 })
				n++
				if p.Actual >= p.Lower && p.Actual <= p.Upper {
					inside++
				}
				if p.Lower > p.Median || p.Median > p.Upper || !p.HasActual {
					t.Fatalf("%s: %+v", st.name, p)
				}
				square += (p.Median - pure) * (p.Median - pure) / scale / scale
				noise += (p.Actual - pure) * (p.Actual - pure) / scale / scale
			}
		}
		w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
		w.hours(24*7*(st.weeks+2), func(h int) []row {
			return []row{{"host": "a", "v": st.value(h, rng.NormFloat64)}, {"host": "b", "v": 3 * st.value(h, rng.NormFloat64)}}
		})
		t.Logf("%-26s inside %.3f of %.0f, median off by %.2f noise deviations", st.name, inside/n, n, math.Sqrt(square/noise))
		if n != 2*24*14-2 && n != 2*24*14 {
			t.Errorf("%s: %v plots", st.name, n)
		}
		// 670 buckets: the share of a true 95 % strays by less than three points.
		if inside/n < 0.92 {
			t.Errorf("%s: the bounds hold %.3f of what comes", st.name, inside/n)
		}
		if miss := math.Sqrt(square / noise); miss > 1.5 {
			t.Errorf("%s: the median is off by %.2f noise deviations", st.name, miss)
		}
	}
}
