package series

import (
	"math"
	"testing"

	"tidemark/engine/spec"
)

// TestWayBackIsNoSurprise plants one excursion of one to three buckets into a
// daily series, young or old enough for changes to be weighed: it is reported, the usual
// values right after it and at the same time of the next day are not. After three
// buckets of five minutes the moving means have followed a little, and one value may
// still be told as minor.
func TestWayBackIsNoSurprise(t *testing.T) {
	for _, c := range []struct {
		name   string
		spanMs int64
		long   int
		height float64 // in units of the noise
		most   float64 // score afterwards
	}{
		{"spike, 1 h", 3_600_000, 1, 40, 25},
		{"dip, 1 h", 3_600_000, 1, -40, 25},
		{"two buckets, 1 h", 3_600_000, 2, 40, 25},
		{"three buckets, 1 h", 3_600_000, 3, -40, 30},
		{"spike, 5 min", 300_000, 1, 40, 25},
		{"three buckets, 5 min", 300_000, 3, 40, 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range uint64(16) {
				seed, days := i/2, []int64{10, 24}[i%2]
				r, rng := newRun(spec.Mean, c.spanMs), noise(seed)
				at := days*int64(r.p.bucketsADay) + 10
				for r.i < at+int64(r.p.bucketsADay)+20 {
					i := r.i - at
					x := 50 + 40*math.Sin(r.daily()) + rng.NormFloat64()
					if i >= 0 && i < int64(c.long) {
						x += c.height
					}
					v := r.next(x)
					if i == 0 && v.Score < 75 {
						t.Errorf("seed %d: the excursion scores %.0f", seed, v.Score)
					}
					again := i - int64(r.p.bucketsADay)
					near := i >= int64(c.long) && i < int64(c.long)+5 || again >= -1 && again < int64(c.long)+5
					if near && v.Score >= c.most {
						t.Errorf("seed %d: %d buckets after it %.1f scores %.0f, typical %.1f", seed, i, x, v.Score, v.Typical)
					}
				}
			}
		})
	}
}
