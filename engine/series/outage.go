package series

import "math"

// Outages: a series of counts or sums whose records all stop for up to a day is judged
// by what it was before when they come back.
//
// Model: a zero where zeros are rare and the long prediction is far from it is learned
// by nothing, as a value that is missing is, for a day at most; only how long it has
// lasted is kept. Later it is learned like any other value: then nothing is what is
// normal. Cost: a comparison a bucket. Memory: a number.

const (
	// outageAge is how many days a series must have had a season.
	outageAge = 7
	// outageZeros is the share of zeros up to which they are rare.
	outageZeros = 0.05
)

// outage reports whether a value belongs to an outage.
func (p *Params) outage(c *Core, s *Season, raw float64, v *Verdict) bool {
	return p.zeros && raw == 0 && s != nil && float64(s.seen) >= outageAge*p.bucketsADay &&
		c.sparse.zeros <= outageZeros && float64(c.out) < p.bucketsADay && math.Abs(v.long) > shiftFar*v.scale
}

// learnOutage takes a bucket of an outage in.
func (p *Params) learnOutage(c *Core, x Sample, v *Verdict) {
	p.learnTold(c, v)
	c.out++
	c.lastMs = x.StartMs
	c.zeroRun = max(c.zeroRun, c.zeroRun+1)
}
