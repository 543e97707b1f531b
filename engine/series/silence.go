package series

import "math"

// LearnZeros takes n buckets without records, the first at startMs, as zeros.
// Those of a series that has been silent for long teach nothing, so that the
// work is bounded whatever n is; the state is what n calls with one bucket
// each would leave.
func (p *Params) LearnZeros(c *Core, s *Season, startMs, n int64) {
	for i := int64(0); i < n && c.zeroRun < p.mostZeros; i++ {
		x := Sample{StartMs: startMs + i*p.spanMs}
		v := p.Judge(c, s, x)
		p.Learn(c, s, x, &v)
	}
}

// lookAhead is how many silent buckets are looked at at once: beyond it the
// zeros in between would have changed the verdict.
const lookAhead = 96

// SilenceDue says how many buckets from fromMs on it takes until a zero may
// become reportable, or, with ok false, until it is worth asking again.
// Forever: silence will never be.
func (p *Params) SilenceDue(c *Core, s *Season, fromMs int64) (buckets int64, ok bool) {
	if !p.zeros || c.zeroRun >= p.mostZeros {
		return Forever, false
	}
	for i := range int64(lookAhead) {
		v := p.Judge(c, s, Sample{StartMs: fromMs + i*p.spanMs})
		if v.Reportable() {
			return i, true
		}
	}
	return lookAhead, false
}

// Forever is a number of buckets that does not come.
const Forever = math.MaxInt64

// Reportable reports whether the verdict is worth an anomaly record: rarer than
// one bucket in a hundred, or clearly novel.
func (v *Verdict) Reportable() bool {
	return v.Ready && (v.Evidence >= reportableEvidence || v.NoveltyScore >= reportableNovelty)
}

const (
	reportableEvidence = 2
	reportableNovelty  = 25
)
