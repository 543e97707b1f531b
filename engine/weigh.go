package engine

import (
	"cmp"
	"math"
	"slices"

	"tidemark/engine/names"
	"tidemark/engine/score"
	"tidemark/engine/spec"
)

// part is what one finding adds to a bucket or to an influencer.
type part struct {
	logProb float64 // of the finding, to the power of the influencer's share
	// crowd is what it was judged together with, if together.
	crowd    crowdKey
	together bool
}

// crowdKey is what findings have in common that were judged together.
type crowdKey struct {
	unit, group uint32
	by          names.ID
}

// part is a finding's contribution, of which the influencer has a share.
func (e *Engine) part(f *finding, logProb, share float64) part {
	p := part{logProb: logProb * math.Min(share, 1)}
	if u := &e.units[f.unit]; u.together() {
		p.together, p.crowd = true, crowdKey{unit: f.unit, group: f.group}
		if u.kind != spec.Rarity {
			p.crowd.by = f.by
		}
	}
	return p
}

func (p *part) compare(q *part) int {
	return cmp.Or(cmp.Compare(p.crowd.unit, q.crowd.unit), cmp.Compare(p.crowd.group, q.crowd.group),
		cmp.Compare(p.crowd.by, q.crowd.by), cmp.Compare(p.logProb, q.logProb))
}

// independent are the log probabilities of the parts of one bucket, of which a crowd
// is one. parts is reordered.
//
// A crowd counts as its least probable member does: each member's probability says
// already how many there are, and they are no independent tests. Members that always
// are a little apart, or a bucket that spreads all of them, would add up.
func independent(parts []part) []float64 {
	slices.SortFunc(parts, func(p, q part) int { return p.compare(&q) })
	logs := make([]float64, 0, len(parts))
	for i := range parts {
		if i > 0 && parts[i].together && parts[i-1].together && parts[i].crowd == parts[i-1].crowd {
			continue
		}
		logs = append(logs, parts[i].logProb)
	}
	return logs
}

// aggregate is the log probability of the parts of one bucket in which judged things
// were judged; several of them together have at least that of bound.
func aggregate(parts []part, judged int, bound float64) float64 {
	return score.Aggregate(independent(parts), judged, bound)
}
