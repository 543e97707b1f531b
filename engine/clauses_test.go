package engine

import (
	"fmt"
	"math"
	"testing"

	"tidemark/engine/entry"
	"tidemark/engine/gather"
	"tidemark/engine/spec"
)

// TestSilenceAddsUp: of a series with one record an hour or none, an empty hour is
// nothing and an empty day is something; of one with a record a week no silence is.
func TestSilenceAddsUp(t *testing.T) {
	w := newWorld(t, det("low_count", "", "host", ""))
	hour := func(int) []row {
		rows := []row{{"host": "clock"}}
		for range 4 {
			if w.rng.Float64() < 0.5 {
				rows = append(rows, row{"host": "busy"})
			}
		}
		if w.rng.Float64() < 1.0/168 {
			rows = append(rows, row{"host": "seldom"})
		}
		return rows
	}
	w.hours(24*60, hour)
	w.quiet(24*10, 24*60, 25, 1)
	w.hours(24, func(int) []row { return []row{{"host": "clock"}} })
	found := false
	for h := 24 * 60; h < 24*61; h++ {
		for _, r := range w.records[h] {
			found = found || r.By == "busy" && r.Score >= 25
			if r.By == "seldom" {
				t.Errorf("hour %d: the silence of a series of one record a week is told: %+v", h, r)
			}
		}
	}
	if !found {
		t.Errorf("a day without records is not found: %+v", w.top(24*60, 24*61))
	}
}

// TestOverdispersedCounts: bursts that a series always has are not told, though a
// law of independent records would not allow them.
func TestOverdispersedCounts(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "", ""))
	w.hours(24*60, func(int) []row { return make([]row, int(40*w.rng.ExpFloat64())) })
	w.quiet(24*10, 24*60, 50, 3)
	w.hours(1, func(int) []row { return make([]row, 1500) })
	w.found(24*60, 50)
}

// TestMeanOfFewRecords: the mean of two records scatters ten times as far as that of
// two hundred, and each is judged by its own measure.
func TestMeanOfFewRecords(t *testing.T) {
	w := newWorld(t, det(spec.Mean, "v", "", ""))
	hour := func(n int, more float64) func(int) []row {
		return func(int) []row {
			var rows []row
			for range n {
				rows = append(rows, row{"v": 100 + more + 10*w.rng.NormFloat64()})
			}
			return rows
		}
	}
	for range 600 {
		w.hours(1, hour([]int{2, 200}[w.rng.IntN(2)], 0))
	}
	w.quiet(100, 600, 50, 1)
	w.hours(1, func(int) []row { return []row{{"v": 112.0}, {"v": 108.0}} })
	w.quiet(600, 601, 25, 0)
	w.hours(5, hour(200, 0))
	w.hours(1, hour(200, 10))
	w.found(606, 50)
}

// TestMinFallsWithRecords: ten times the records make a lower minimum usual.
func TestMinFallsWithRecords(t *testing.T) {
	w := newWorld(t, det(spec.Min, "v", "", ""))
	hour := func(n int) []row {
		var rows []row
		for range n {
			rows = append(rows, row{"v": 100 - 10*w.rng.ExpFloat64()})
		}
		return rows
	}
	w.hours(500, func(int) []row { return hour([]int{5, 50, 500}[w.rng.IntN(3)]) })
	w.quiet(100, 500, 50, 2)
	w.hours(1, func(int) []row { return append(hour(5), row{"v": -50.0}) })
	w.found(500, 50)
}

// TestSumOfBothSigns: sums around zero, exactly zero in empty hours, in both
// directions; what is far from zero on either side is found.
func TestSumOfBothSigns(t *testing.T) {
	w := newWorld(t, det(spec.Sum, "v", "", ""))
	hour := func(more float64) func(int) []row {
		return func(int) []row {
			rows := []row{{"v": more}}
			for range w.rng.IntN(20) {
				rows = append(rows, row{"v": 10 * w.rng.NormFloat64()})
			}
			return rows
		}
	}
	w.hours(24*40, hour(0))
	w.quiet(24*10, 24*40, 50, 2)
	w.hours(1, hour(-600))
	if r := w.found(24*40, 50); r.Explanation.Spike || r.Actual > 0 {
		t.Errorf("the record is %+v", r)
	}
	w.hours(40, hour(0))
	w.hours(1, hour(600))
	if r := w.found(24*40+41, 50); !r.Explanation.Spike {
		t.Errorf("the record is %+v", r)
	}
}

// TestVarpOfHeavyTails: values with wild outliers have variances that scatter more
// than a normal law allows.
func TestVarpOfHeavyTails(t *testing.T) {
	w := newWorld(t, det(spec.Varp, "v", "", ""))
	hour := func(scale float64) func(int) []row {
		return func(int) []row {
			var rows []row
			for range 40 {
				z := w.rng.NormFloat64() / math.Sqrt((square(w.rng.NormFloat64())+square(w.rng.NormFloat64())+square(w.rng.NormFloat64())+square(w.rng.NormFloat64()))/4)
				rows = append(rows, row{"v": 100 + scale*z})
			}
			return rows
		}
	}
	w.hours(24*40, hour(5))
	w.quiet(24*10, 24*40, 50, 2)
	w.hours(1, hour(60))
	w.found(24*40, 50)
}

func square(x float64) float64 { return x * x }

// TestInfoContentIsCanonical: the same names in another order and more often hold as
// much information.
func TestInfoContentIsCanonical(t *testing.T) {
	w := newWorld(t, det(spec.InfoContent, "name", "", ""))
	names := []string{"alpha", "beta", "gamma", "delta", "epsilon"}
	var first float64
	for n := range 20 {
		var rows []row
		for range 50 {
			rows = append(rows, row{"name": names[w.rng.IntN(5)]})
		}
		for _, name := range names {
			rows = append(rows, row{"name": name})
		}
		w.send(rows)
		value, _ := sampleOf(spec.InfoContent, w.openCell(), 0, 0)
		if n == 0 {
			first = value.Value
		}
		if value.Value != first || first == 0 {
			t.Fatalf("hour %d holds %v, the first %v", n, value.Value, first)
		}
		w.hour++
		w.apply(&entry.Entry{Kind: entry.Advance, TimeMs: monday + int64(w.hour)*3_600_000})
	}
}

// openCell is the open bucket that has cells.
func (w *world) openCell() *gather.Bucket {
	for _, s := range w.e.shards {
		if !s.open[0].Empty() {
			return s.open[0]
		}
	}
	w.t.Fatal("nothing is open")
	return nil
}

// TestFreqRareOfManyRecords: freq_rare does not alarm on members that have many records of
// common values.
func TestFreqRareOfManyRecords(t *testing.T) {
	w := newWorld(t, det(spec.FreqRare, "", "uri", "client"))
	w.hours(24*10, func(int) []row {
		var rows []row
		for c := range 20 {
			for range []int{5, 5, 5, 200}[c%4] {
				rows = append(rows, row{"client": fmt.Sprint("c", c), "uri": fmt.Sprint("/", w.rng.IntN(12))})
			}
		}
		return rows
	})
	w.quiet(48, 240, 25, 1)
}

// TestLocalTimes: a habit of a local hour stays one when the clocks change.
func TestLocalTimes(t *testing.T) {
	for _, local := range []bool{true, false} {
		w := newWorld(t, det(spec.TimeOfDay, "", "user", ""))
		change := int64(monday + 24*40*3_600_000)
		if local {
			w.job.Zone = spec.Zone{{FromMs: 0, OffsetMs: 3_600_000}, {FromMs: change, OffsetMs: 7_200_000}}
			w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
		}
		shift := 1
		w.hours(24*60, func(h int) []row {
			if h >= 24*40 {
				shift = 2
			}
			if (h+shift)%24 != 9 {
				return nil
			}
			return []row{{"user": "eve"}, {"user": "eve"}, {"user": "eve"}}
		})
		if n := w.above(24*40, 24*45, 25); (n == 0) != local {
			t.Errorf("local days %v: %d records after the clocks changed", local, n)
		}
	}
}
