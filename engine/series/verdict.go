package series

import (
	"math"

	"tidemark/engine/num"
)

// Widen makes a verdict that of the most improbable of n tests of the same
// values.
func (v *Verdict) Widen(n float64) {
	v.LogProb = AnyOf(v.LogProb, n)
	if v.Evidence > 0 {
		v.Evidence = max(0, v.Evidence-math.Log10(n))
		v.Score = Score(v.Evidence)
	}
}

// Strength is the evidence as it is, in powers of ten, 0 or more: not ranked among
// what the series has shown before, which tells nothing of several series together.
func (v *Verdict) Strength() float64 {
	switch {
	case !v.Ready:
		return 0
	case v.LogProb > likely:
		return num.Clamp(v.raw, 0, 1)
	}
	return max(0, v.raw)
}

// MultiBucketImpact is how far a verdict rests on several buckets rather than on
// one: -5 for one alone to 5 for what no single bucket shows.
func (v *Verdict) MultiBucketImpact() float64 {
	if !(v.Evidence > 0) || v.multi <= 0 {
		return -5
	}
	single := max(v.single, 0.01)
	impact := 5 * math.Log10(v.multi/single) * v.multi
	return math.Floor(100*max(-5, min(5, impact))) / 100
}

// Several is the evidence of several buckets together, in powers of ten, 0 or
// more.
func (v *Verdict) Several() float64 { return max(0, v.multi) }

// length counts the outliers in a row on one side that a value goes on.
func length(c *Core, v *Verdict) int {
	most := 0
	for _, x := range [...]struct {
		run int16
		z   float64
	}{{int16(c.shortRun), v.zA}, {c.longRun, v.zB}} {
		switch {
		case math.Abs(x.z) <= clipAt:
		case float64(x.run)*x.z > 0:
			most = max(most, int(math.Abs(float64(x.run)))+1)
		default:
			most = max(most, 1)
		}
	}
	return most
}
