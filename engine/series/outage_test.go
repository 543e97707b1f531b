package series

import (
	"math"
	"testing"

	"tidemark/engine/spec"
)

// counted is a run that has counted for three weeks, and a function that counts on.
func counted(spanMs int64, seed uint64) (r *run, next func(works bool) Verdict) {
	r = newRun(spec.Count, spanMs)
	rng := noise(seed)
	next = func(works bool) Verdict {
		if !works {
			return r.next(0)
		}
		expected := 80 + 40*math.Sin(2*math.Pi*r.p.at(r.startMs())/day)
		return r.next(math.Round(math.Max(1, expected+math.Sqrt(expected)*rng.NormFloat64())))
	}
	for range int(21 * r.p.bucketsADay) {
		next(true)
	}
	return r, next
}

// TestOutage: an outage is told; when the records come back nothing is, and they
// are expected as before.
func TestOutage(t *testing.T) {
	for _, spanMs := range []int64{300_000, 3_600_000} {
		for _, hours := range []int64{1, 5, 12, 23} {
			r, next := counted(spanMs, 80+uint64(hours))
			told, score := 0, 0.0
			for range hours * 3_600_000 / spanMs {
				v := next(false)
				score = math.Max(score, v.Score)
				if v.Score >= 25 {
					told++
				}
			}
			if score < 50 || told > 5 {
				t.Errorf("%d ms, %d h: %d records, the highest score %.0f", spanMs, hours, told, score)
			}
			for i := range 24 {
				v := next(true)
				if v.Score >= 25 {
					t.Errorf("%d ms, %d h: bucket %d after the return scores %.0f", spanMs, hours, i, v.Score)
				}
				expected := 80 + 40*math.Sin(2*math.Pi*r.p.at(r.startMs()-spanMs)/day)
				if math.Abs(v.Typical-expected) > 20 {
					t.Errorf("%d ms, %d h: bucket %d after the return expects %.0f, not %.0f", spanMs, hours, i, v.Typical, expected)
				}
			}
		}
	}
}

// TestEnd: after days of nothing, nothing is what is normal.
func TestEnd(t *testing.T) {
	r, next := counted(3_600_000, 90)
	for range 24 * 4 {
		next(false)
	}
	if v := r.p.Judge(&r.c, r.s, Sample{Count: 1, StartMs: r.startMs()}); v.Typical > 10 || v.Score >= 25 {
		t.Errorf("after four days %.0f is expected, and nothing scores %.0f", v.Typical, v.Score)
	}
}
