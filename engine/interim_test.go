package engine

import (
	"testing"

	"tidemark/engine/entry"
	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// interim returns the interim scores of the open buckets by by value and bucket.
func (w *world) interim() map[string]map[int]float64 {
	scores := map[string]map[int]float64{}
	w.e.Interim(0, 0, false, func(b *result.Bucket) {
		for _, r := range b.Records {
			if scores[r.By] == nil {
				scores[r.By] = map[int]float64{}
			}
			scores[r.By][int((b.StartMs-monday)/3_600_000)] = r.Score
		}
	})
	return scores
}

// TestInterimSilence: a series that fills all the time and has nothing after most
// of a bucket is missed; one whose records always come at the end is not.
func TestInterimSilence(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "host", ""))
	hour := func(int) []row {
		var rows []row
		for i := range 60 {
			rows = append(rows, row{"host": "steady", "at": float64(i)}, row{"host": "clock", "at": float64(i) + 0.5})
		}
		for range 40 + w.rng.IntN(5) {
			rows = append(rows, row{"host": "batch", "at": 59.9})
		}
		return rows
	}
	w.hours(200, hour)
	w.send([]row{{"host": "clock", "at": 50.0}})
	got := w.interim()
	if got["steady"][200] < 25 || got["batch"][200] > 0 {
		t.Errorf("interim scores are %v", got)
	}
}

// TestInterimOfLaterBuckets: with latency several buckets are open. What is in the
// first is not silence when the second is judged.
func TestInterimOfLaterBuckets(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "host", ""))
	w.job.LatencyMs = 3 * 3_600_000
	w.e = New(Options{})
	w.apply(&entry.Entry{Kind: entry.Open, Config: w.job})
	hour := func(int) []row {
		var rows []row
		for range 100 + w.rng.IntN(20) {
			rows = append(rows, row{"host": "a"})
		}
		return rows
	}
	for range 100 {
		w.send(hour(w.hour))
		w.hour++
	}
	if got := w.interim(); len(got) > 0 {
		t.Errorf("interim scores of ordinary buckets are %v", got)
	}
}

// TestInterimTooMuch: what is too much already stays so, whatever may still come.
func TestInterimTooMuch(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "host", ""))
	w.hours(200, func(int) []row {
		var rows []row
		for range 50 + w.rng.IntN(10) {
			rows = append(rows, row{"host": "a"})
		}
		return rows
	})
	for range 300 {
		w.send([]row{{"host": "a", "at": 6.0}})
	}
	early := w.interim()["a"][200]
	w.hours(1, func(int) []row { return []row{{"host": "a", "at": 50.0}} })
	if final := w.found(200, 50).Score; early < final-1 || early > final+10 {
		t.Errorf("an interim score of %v became %v", early, final)
	}
}
