package series

import (
	"math"

	"tidemark/engine/num"
)

// The mean of n records scatters by what changes between buckets and by what
// differs within one:
//
//	variance(n) = between + within/n
//
// Both are learned by regressing the squared standardized error on 1/n with aged
// moments, so that one record never weighs like a thousand.

// maxCountScale bounds how much wider than usual a bucket of few records may be.
const maxCountScale = 30

// countScale is how much wider than usual the scatter is for a value made of
// this many records; 1 if unknown or of no influence.
func (p *Params) countScale(c *Core, records float64) float64 {
	if !p.mean || !(records > 0) || c.inverse == 0 {
		return 1
	}
	mean := float64(c.inverse)
	spread := float64(c.inverse2) - mean*mean
	if spread < 1e-3*mean*mean {
		return 1
	}
	within := math.Max(0, (float64(c.errorInverse)-float64(c.error2)*mean)/spread)
	usual := float64(c.error2)
	if within*mean > usual {
		within = usual / mean
	}
	ratio := (usual + within*(1/records-mean)) / usual
	return math.Sqrt(num.Clamp(ratio, 0.25, maxCountScale*maxCountScale))
}

// learnRecords takes the squared error of one bucket, in usual variances and
// cut at 16 so that anomalies do not pose as few records.
func (p *Params) learnRecords(c *Core, x Sample, v *Verdict) {
	if !p.mean || !(x.Count > 0) {
		return
	}
	inverse := 1 / x.Count
	z := (x.Value - v.short) / (v.sigma / v.countScale)
	z2 := math.Min(z*z, 16*v.countScale*v.countScale)
	g := c.gainAt(p.longScaleMemory)
	c.inverse = float32(num.Toward(float64(c.inverse), g, inverse))
	c.inverse2 = float32(num.Toward(float64(c.inverse2), g, inverse*inverse))
	c.error2 = float32(num.Toward(float64(c.error2), g, z2))
	c.errorInverse = float32(num.Toward(float64(c.errorInverse), g, z2*inverse))
}
