package series

import (
	"math"
	"testing"
)

// TestReadingsCompete: within a day of hours the reading that is true has most of the
// say, whatever led before.
func TestReadingsCompete(t *testing.T) {
	for name, c := range map[string]struct {
		to   func(at float64) float64
		true []int
	}{
		"level":  {func(at float64) float64 { return hilly(at) + 9 }, []int{readLevel, readBoth}},
		"size":   {func(at float64) float64 { return 100 + 2*(hilly(at)-100) }, []int{readSize, readBoth}},
		"time":   {func(at float64) float64 { return hilly(at - 4*hour) }, []int{readTime}},
		"factor": {func(at float64) float64 { return 2 * hilly(at) }, []int{readZero, readBoth}},
	} {
		r, next := weeks(3_600_000, hilly, 63)
		most := 0.0
		for range 24 {
			next(c.to)
			if r.g == nil || r.s.alt.mode == altBack {
				continue
			}
			sum, share := 0.0, r.g.blend.shares(r.g.inflation)
			for _, i := range c.true {
				sum += share[i]
			}
			most = math.Max(most, sum)
		}
		if most < 0.8 {
			t.Errorf("%s: the true reading has a share of %.2f at most", name, most)
		}
	}
}

// TestBlendFollows: whatever the hour at which a pattern becomes larger, the short
// prediction follows from the fourth value on, when no reading has won yet.
func TestBlendFollows(t *testing.T) {
	large := func(at float64) float64 { return 100 + 2.5*(hilly(at)-100) }
	off := 0.0
	for first := range 24 {
		r, next := weeks(3_600_000, hilly, 64)
		for range first {
			next(hilly)
		}
		for i := range 8 {
			at := r.p.at(r.startMs())
			if v := next(large); i >= 3 {
				off += math.Abs(v.short-large(at)) / (24 * 5)
			}
		}
	}
	if off > 3.5 {
		t.Errorf("the short prediction is off by %.1f", off)
	}
}

// TestDrift: the line through the last residuals leads on where they do.
func TestDrift(t *testing.T) {
	var b blend
	for i := range 60 {
		b.learn(3-0.5*float64(i), new([readings]float64), 1)
	}
	if x := b.next(); math.Abs(x-(3-0.5*60)) > 0.5 {
		t.Errorf("the line leads to %.2f, not to %.2f", x, 3-0.5*60)
	}
}

// TestTypicalMoves: from a day after a move of the level, each bucket shows the new
// level as typical, whatever the evidence of several buckets says.
func TestTypicalMoves(t *testing.T) {
	up := func(at float64) float64 { return hilly(at) + 4 }
	for seed := range uint64(8) {
		r, next := weeks(300_000, hilly, 80+seed)
		for i := range 60 {
			at := r.p.at(r.startMs())
			if v := next(up); i >= 24 && math.Abs(v.Typical-up(at)) > 3 {
				t.Errorf("seed %d, bucket %d: typical is off by %.1f", seed, i, v.Typical-up(at))
			}
		}
	}
}

// TestSpikesLeaveCurves: what strays for three buckets is not learned by the curve of a
// series that knows its weekends.
func TestSpikesLeaveCurves(t *testing.T) {
	r, next := weeks(3_600_000, hilly, 65)
	was, start := r.s.day, r.startMs()
	for i := range 4 {
		next(func(at float64) float64 {
			if i == 3 {
				return hilly(at)
			}
			return hilly(at) + 30
		})
	}
	for at := start; at < start+3*3_600_000; at += 3_600_000 {
		slot := int(at / 3_600_000 % 24)
		if off := float64(r.s.unit) * math.Abs(float64(r.s.day[slot])-float64(was[slot])); off > 0.3 {
			t.Errorf("the curve of hour %d moved by %.2f", slot, off)
		}
	}
}

// TestHeardTwice: a curve that has become three times as large is three times as far
// off; the second day is expected with what the first one has shown.
func TestHeardTwice(t *testing.T) {
	large := func(at float64) float64 { return 100 + 3*(hilly(at)-100) }
	off := 0.0
	for seed := range uint64(20) {
		r, next := weeks(3_600_000, hilly, 90+seed)
		for i := range 50 {
			at := r.p.at(r.startMs())
			if v := next(large); i >= 26 {
				off += math.Abs(v.long-large(at)) / (20 * 24)
			}
		}
	}
	if off > 0.6 {
		t.Errorf("the second day is off by %.2f", off)
	}
}
