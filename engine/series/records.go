package series

import (
	"math"

	"tidemark/engine/num"
	"tidemark/engine/spec"
)

// Dependence on the number of records n behind a value. The mean of n records
// scatters by what changes between buckets and by what differs within one:
//
//	variance(n) = between + within/n
//
// and extremes and numbers of distinct values move with n:
//
//	value(n) = value + slope*(log n - mean log n)
//
// Both are regressions with aged moments, on 1/n and on log n, so that one
// record never weighs like a thousand, and traffic alone is no anomaly.
// Cost: a few multiplications. Memory: four numbers. Source: least squares.

const (
	// maxCountScale bounds how much wider than usual a bucket of few records may
	// be.
	maxCountScale = 30
	// minCountScale bounds how much narrower one of many records may be.
	minCountScale = 0.15
	// leastSpread is the variance of log n from which a slope can be told: that
	// of counts that differ by a tenth.
	leastSpread = 0.01
	// slopePrior are buckets without any slope, so that a few cannot invent one.
	slopePrior = 20
)

// records are the aged moments of one series. x is 1/n or log n, y the squared
// error in usual variances or the error in usual scales.
type records struct{ x, xx, y, xy float32 }

func (r *records) learn(gain, x, y float64) {
	for _, m := range [...]struct {
		to *float32
		v  float64
	}{{&r.x, x}, {&r.xx, x * x}, {&r.y, y}, {&r.xy, x * y}} {
		*m.to = float32(num.Toward(float64(*m.to), gain, m.v))
	}
}

// within is the variance that the records of a bucket add over their number; ok is
// false if their numbers hardly differ.
func (r *records) within() (v float64, ok bool) {
	mean := float64(r.x)
	spread := float64(r.xx) - mean*mean
	if spread < 1e-3*mean*mean {
		return 0, false
	}
	v = max(0, (float64(r.xy)-float64(r.y)*mean)/spread)
	return min(v, float64(r.y)/mean), true
}

// scale is how much wider than usual the scatter is for a value made of n
// records; 1 if unknown or of no influence.
func (r *records) scale(n float64) float64 {
	mean := float64(r.x)
	if !(n > 0) || mean <= 0 {
		return 1
	}
	within, ok := r.within()
	if !ok {
		return 1
	}
	usual := float64(r.y)
	ratio := (usual + within*(1/n-mean)) / usual
	return math.Sqrt(num.Clamp(ratio, minCountScale*minCountScale, maxCountScale*maxCountScale))
}

// slope is how much the value grows, in its own units, per unit of log n.
func (r *records) slope(seen float64) float64 {
	mean := float64(r.x)
	spread := float64(r.xx) - mean*mean
	if spread < leastSpread {
		return 0
	}
	return (float64(r.xy) - float64(r.y)*mean) / spread * seen / (seen + slopePrior)
}

// countScale is how much wider than usual the scatter of a value of this many
// records is.
func (p *Params) countScale(c *Core, n float64) float64 {
	if !p.sampled {
		return 1
	}
	return c.records.scale(n)
}

// growth is what the number of records adds to what is expected. A maximum and
// a number of distinct values only grow with it, a minimum only falls.
func (p *Params) growth(c *Core, n float64) float64 {
	if !p.grows || !(n > 0) {
		return 0
	}
	slope := c.records.slope(c.seen)
	if p.side == spec.Low && p.curve == linear {
		slope = min(slope, 0)
	} else {
		slope = max(slope, 0)
	}
	return slope * (math.Log(n) - float64(c.records.x))
}

// learnRecords takes one bucket in; errors are cut so that anomalies do not pose
// as few or many records.
func (p *Params) learnRecords(c *Core, x Sample, v *Verdict) {
	if !(x.Count > 0) {
		return
	}
	g := c.gainAt(p.longScaleMemory)
	switch {
	case p.sampled:
		z := (x.Value - v.short) / (v.sigma / v.countScale)
		c.records.learn(g, 1/x.Count, min(z*z, 16*v.countScale*v.countScale))
	case p.grows:
		// The level that is left when the records' part is taken out again.
		level := v.long - v.growth
		bound := 4*normalFromMeanAbs*c.longScale + math.Abs(v.growth) + scaleFloor(c.meanAbs)
		c.records.learn(g, math.Log(x.Count), num.Clamp(x.Value-level, -bound, bound))
	}
}
