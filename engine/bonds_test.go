package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"tidemark/engine/entry"
	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// together makes rows of metrics: a and b move together, as do c and its mirror d,
// e is alone.
func together(rng *rand.Rand) func(change map[string]float64) []row {
	return func(change map[string]float64) []row {
		ab, cd := rng.NormFloat64(), rng.NormFloat64()
		values := map[string]float64{
			"a": 100 + 5*ab + 0.5*rng.NormFloat64(), "b": 300 + 20*ab + 2*rng.NormFloat64(),
			"c": 50 + 3*cd + 0.3*rng.NormFloat64(), "d": 80 - 3*cd + 0.3*rng.NormFloat64(),
			"e": 10 + rng.NormFloat64(),
		}
		var rows []row
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			v := values[name]
			if to, ok := change[name]; ok {
				v = to
			}
			rows = append(rows, row{"metric": name, "v": v})
		}
		return rows
	}
}

func multivariate(t *testing.T, on bool) *world {
	w := newWorld(t, det(spec.Mean, "v", "metric", ""))
	w.e = New(Options{})
	w.job.Multivariate = on
	w.apply(&entry.Entry{Kind: entry.Open, Config: w.job})
	return w
}

// TestMultivariate: one of two metrics that move together leaving the other is
// found, though it stays in its own range, and names the other; both moving as one
// is less of an anomaly than each alone.
func TestMultivariate(t *testing.T) {
	var scores [2]struct{ apart, mirror, both float64 }
	for i, on := range []bool{false, true} {
		w := multivariate(t, on)
		rows := together(w.rng)
		usual := func(int) []row { return rows(nil) }
		w.hours(1200, usual)
		if on {
			w.quiet(600, 1200, 50, 2)
		}
		w.hours(1, func(int) []row { return rows(map[string]float64{"a": 108, "b": 270}) })
		w.hours(50, usual)
		w.hours(1, func(int) []row { return rows(map[string]float64{"c": 54, "d": 84}) })
		w.hours(50, usual)
		w.hours(1, func(int) []row { return rows(map[string]float64{"a": 130, "b": 420}) })
		scores[i] = struct{ apart, mirror, both float64 }{w.top(1200, 1201).Score, w.top(1251, 1252).Score, w.top(1302, 1303).Score}
		if !on {
			continue
		}
		for _, r := range w.records[1200] {
			partner := map[string]string{"a": "b", "b": "a"}[r.By]
			if r.Score >= 25 && (r.CorrelatedBy != partner || !r.HasCorrelated) {
				t.Errorf("the record of %s is correlated with %q: %+v", r.By, r.CorrelatedBy, r)
			}
			if r.By == "a" && r.Typical > 97 {
				t.Errorf("with b at 270 a is expected at %v", r.Typical)
			}
		}
	}
	alone, bound := scores[0], scores[1]
	if alone.apart >= 25 || bound.apart < 50 || alone.mirror >= 25 || bound.mirror < 50 {
		t.Errorf("metrics that part score %v and %v, one by one %v and %v", bound.apart, bound.mirror, alone.apart, alone.mirror)
	}
	if bound.both > alone.both-20 {
		t.Errorf("both together score %v, one by one %v", bound.both, alone.both)
	}
}

// TestMultivariateGoesOn: restarts, batches and memory that runs out change nothing
// but what they must.
func TestMultivariateGoesOn(t *testing.T) {
	straight, broken := multivariate(t, true), multivariate(t, true)
	for _, w := range []*world{straight, broken} {
		w.job.ModelMemoryLimit = 120_000
		w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
		rows := together(w.rng)
		for n := range 12 {
			w.hours(50, func(h int) []row {
				list := rows(nil)
				if h%50 == 7 {
					for i := range 30 {
						list = append(list, row{"metric": fmt.Sprint("new", h, i), "v": 1.0})
					}
				}
				return list
			})
			if w == broken && n%3 == 1 {
				var snapshot bytes.Buffer
				if _, err := w.e.Freeze().WriteTo(&snapshot); err != nil {
					t.Fatal(err)
				}
				again, err := Restore(&snapshot, Options{})
				if err != nil {
					t.Fatal(err)
				}
				w.e = again
				w.e.Interim(0, 0, false, func(*result.Bucket) {})
			}
		}
	}
	if straight.e.Hash() != broken.e.Hash() {
		t.Error("a restart changes the state")
	}
	bonds := 0
	for _, s := range straight.e.shards {
		bonds += s.bonds.Len()
	}
	if bonds != 1 || straight.e.ModelSize().Evicted == 0 {
		t.Errorf("%d groups with bonds, %d series gave way", bonds, straight.e.ModelSize().Evicted)
	}
}
