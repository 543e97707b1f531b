package series

import (
	"math"

	"tidemark/engine/num"
)

// JudgePartial judges a bucket that is still filling. completeness, 0 to 1, is
// the elapsed share of the bucket. The missing part of a value that adds up (a
// count, a sum) is made up from what is typical:
//
//	x' = x + clamp(typical - x, between 0 and (1-completeness)*typical)
//
// so that a half-filled bucket with half the usual records is usual, and one
// that already holds too much stays too much. A maximum or minimum can only
// become more extreme, a mean is as good as its records: they are judged as they
// are, except that a maximum not yet reached and a minimum not yet undercut
// prove nothing, which their sides (high, low) already say.
func (p *Params) JudgePartial(c *Core, s *Season, x Sample, completeness float64) Verdict {
	if completeness >= 1 || !p.sums || c.seen == 0 {
		return p.Judge(c, s, x)
	}
	missing := 1 - math.Max(0, completeness)
	var expected Verdict
	p.predict(c, s, x, &expected)
	typical := expected.Typical
	gap := missing * typical
	filled := x
	filled.Value += math.Max(math.Min(typical-x.Value, math.Max(gap, 0)), math.Min(gap, 0))
	v := p.Judge(c, s, filled)
	if num.Finite(x.Value) {
		v.Actual = num.Clamp(x.Value, -largest, largest)
	}
	v.Incomplete = filled.Value != x.Value
	return v
}
