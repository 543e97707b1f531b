package series

import (
	"math"

	"tidemark/engine/num"
)

// JudgePartial judges a bucket that is still filling. share, 0 to 1, is the part
// of its time that has passed, 1 and more after its end; a is how the series'
// value arrives, nil if that was not learned.
//
// What the final value may be is narrowed down to a range, and the value of the
// range that is closest to the expected one is judged: so a value that is already
// too large stays too large, and nothing is said of what may still come.
//
//   - What adds up: the range of Arrival.
//   - A mean or median of n records is judged as one of n records, if it is known
//     how much more it scatters than one of all of them (records.go). If all buckets
//     have the same number of records that is not known: then those that are missing
//     may bring it back toward what is expected.
//   - An extreme can only become more extreme, and is measured by what N records
//     make usual.
func (p *Params) JudgePartial(c *Core, s *Season, a *Arrival, x Sample, share float64) Verdict {
	if c.seen == 0 || share >= 1 && !p.adds {
		return p.Judge(c, s, x)
	}
	share = num.Clamp(share, leastShare, 1)
	filled := x
	_, known := c.records.within()
	if p.grows || p.sampled && !known {
		filled.Count = p.finalCount(c, x.Count, share)
	}
	var v Verdict
	p.predict(c, s, filled, &v)
	typical, scale := p.expected(&v)
	low, high := x.Value, x.Value
	switch {
	case p.adds:
		if a == nil {
			a = &evenArrival
		}
		low, high = a.outlook(x.Value, share, typical, scale)
	case p.sampled && p.curve == linear && !known:
		low, high = p.remaining(c, x, filled.Count, typical, scale/v.countScale)
	case p.falls:
		low = math.Inf(-1)
	case p.grows:
		high = math.Inf(1)
	}
	filled.Value = num.Clamp(typical, low, high)
	v = p.Judge(c, s, filled)
	if num.Finite(x.Value) {
		v.Actual = num.Clamp(x.Value, -largest, largest)
	}
	v.Incomplete = filled.Value != x.Value
	return v
}

// leastShare bounds how many more records than there are may be expected.
const leastShare = 0.01

// finalCount is how many records a bucket will have when it has n after a share of
// its time: those that are missing come as usual.
func (p *Params) finalCount(c *Core, n, share float64) float64 {
	switch known := float64(c.records.x); {
	case !(n > 0):
		return n
	case p.sampled && known > 0: // the mean of 1/n
		return max(n, min(n+(1-share)/known, 1/known))
	case p.grows && known > 0: // the mean of log n
		return n + (1-share)*math.Exp(known)
	}
	return n / share
}

// remaining is the range in which a mean of n records lies when there will be
// final ones. scale is its usual scatter.
//
//	mean of the bucket ~ N(typical, between)    records ~ N(mean of the bucket, within)
func (p *Params) remaining(c *Core, x Sample, final, typical, scale float64) (low, high float64) {
	if !(x.Count > 0) {
		return x.Value, x.Value
	}
	// Nothing tells them apart: half of the scatter is taken to be of each kind.
	between, within := 0.5, 0.5*final
	now := between + within/x.Count
	d := (x.Value - typical) / scale
	bound := withinScatter * math.Sqrt(now)
	in := num.Clamp(d, -bound, bound)
	mean, left := d-in, 0.0
	if now > 0 {
		mean += in * between / now
		left = between * (1 - between/now)
	}
	share := x.Count / final
	rest := 1 - share
	value := share*d + rest*mean
	reach := doubt * math.Sqrt(rest*rest*left+rest*within/final)
	return typical + scale*(value-reach), typical + scale*(value+reach)
}
