package series

import "math"

// exactZeros is how many silent buckets are learned one by one.
const exactZeros = 64

// LearnZeros takes n buckets without records, the first at startMs, as zeros.
func (p *Params) LearnZeros(c *Core, s *Season, startMs, n int64) {
	for i := range n {
		x := Sample{StartMs: startMs + i*p.spanMs}
		v := p.Judge(c, s, x)
		p.Learn(c, s, x, &v)
	}
}

// SilenceDue says how many buckets from fromMs on it takes until a zero may
// become reportable. ok false: not within the returned number of buckets.
func (p *Params) SilenceDue(c *Core, s *Season, fromMs int64) (buckets int64, ok bool) {
	if !p.zeros {
		return math.MaxInt64 / 2 / p.spanMs, false
	}
	for i := range int64(96) {
		v := p.Judge(c, s, Sample{StartMs: fromMs + i*p.spanMs})
		if v.Reportable() {
			return i, true
		}
	}
	return 96, false
}

// Reportable reports whether the verdict is worth an anomaly record: rarer than
// one bucket in a hundred, or clearly novel.
func (v *Verdict) Reportable() bool {
	return v.Ready && (v.Evidence >= reportableEvidence || v.NoveltyScore >= reportableNovelty)
}

const (
	reportableEvidence = 2
	reportableNovelty  = 25
)
