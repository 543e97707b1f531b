package series

import (
	"math"
	"testing"

	"tidemark/engine/spec"
)

// TestEdgeOfSlots: means of slots tell where a step is, and where there is none.
func TestEdgeOfSlots(t *testing.T) {
	const rows = 12
	for _, c := range []struct {
		name string
		at   func(row int) float64 // of 96 rows
		// from is the first row after the step, -1 for none.
		from int
	}{
		{"between slots", func(row int) float64 { return step(row >= 48) }, 48},
		{"within a slot", func(row int) float64 { return step(row >= 53) }, 53},
		{"down", func(row int) float64 { return 1 - step(row >= 40) }, 40},
		{"a ramp of three slots", func(row int) float64 { return math.Min(1, math.Max(0, float64(row-30)/36)) }, -1},
		{"a pulse", func(row int) float64 { return step(row >= 48 && row < 51) }, -1},
		{"flat", func(int) float64 { return 1 }, -1},
	} {
		var slots [8]float64
		for row := range rows * len(slots) {
			slots[row/rows] += c.at(row) / rows
		}
		for row := 3 * rows; row < 6*rows; row++ {
			pl := placeAt(float64(row)+0.5, 96, rows, 1, len(slots))
			a, b := slots[pl.lower], slots[pl.upper]
			r, ok := pl.edge(a+pl.share*(b-a), 0.5, func(slot int) (float64, bool) { return slots[slot], true })
			switch {
			case c.from < 0 && ok:
				t.Errorf("%s: an edge at row %d", c.name, row)
			case ok && math.Abs(r.value-c.at(row)) > 1e-9:
				t.Errorf("%s: at row %d the curve is %g, want %g", c.name, row, r.value, c.at(row))
			case !ok && c.from >= 0 && row >= c.from-2 && row <= c.from+2:
				t.Errorf("%s: no edge at row %d", c.name, row)
			}
		}
	}
}

func step(after bool) float64 {
	if after {
		return 1
	}
	return 0
}

// TestEdgesAreNoNews: hours of business on weekdays alone, 20 scales high and sharp,
// are no news once they are known, are no jobs, and leave the scales within a third of
// those of noise, as weeks are never believed whole; a day on which they do not begin is news within a quarter of an hour.
func TestEdgesAreNoNews(t *testing.T) {
	r, rng := newRun(spec.Mean, span), noise(91)
	value := func() float64 {
		at := r.startMs() % dayMs / span
		if weekdayOf(localDay(r.startMs())) < 5 && at >= 96 && at < 216 {
			return 80 + 3*rng.NormFloat64()
		}
		return 20 + 3*rng.NormFloat64()
	}
	records, scale := 0, 0.0
	const weeks = 8
	for week := range weeks {
		for range 7 * 288 {
			v := r.next(value())
			if week >= weeks/2 {
				scale += v.scale / (weeks / 2 * 7 * 288)
				if v.Score >= 25 {
					records++
				}
			}
		}
	}
	if records > 12 {
		t.Errorf("%d scores of 25 and more in four weeks", records)
	}
	if scale > 4 {
		t.Errorf("the long scale is %.1f with noise of 3", scale)
	}
	if jobs := r.s.Found().Jobs; len(jobs) > 0 {
		t.Errorf("edges are jobs: %+v", jobs)
	}
	for weekdayOf(localDay(r.startMs())) >= 5 || r.startMs()%dayMs/span != 96 {
		r.next(value())
	}
	most := 0.0
	for range 4 {
		most = math.Max(most, r.next(20+3*rng.NormFloat64()).Score)
	}
	if most < 50 {
		t.Errorf("a day that does not begin scores %.0f", most)
	}
}
