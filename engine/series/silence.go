package series

import "math"

// LearnZeros takes n buckets without records, the first at startMs, as zeros.
// Those of a series that has been silent for long teach nothing, so that the
// work is bounded whatever n is; the state is what n calls with one bucket
// each would leave. s, h and m are nil without a season, a hunt for one or a calendar.
func (p *Params) LearnZeros(c *Core, s *Season, h *Hunt, m *Calendar, startMs, n int64) {
	for i := int64(0); i < n && c.zeroRun < p.mostZeros; i++ {
		x := Sample{StartMs: startMs + i*p.spanMs}
		v := p.Judge(c, s, x)
		p.Learn(c, s, x, &v)
		if h != nil {
			p.LearnHunt(h, x, &v)
		}
		if m != nil {
			p.LearnCalendar(s, m, x, &v)
		}
	}
}

const (
	// SilenceDue looks at as many buckets at once as the series has been silent
	// for, within these bounds: work that is thrown away when records come back
	// is then no more than the silence itself has cost.
	leastAhead, mostAhead = 4, 96
)

// SilenceDue says how many buckets from fromMs on it takes until a zero is
// reportable, or, with ok false, for how many it is certain that none is:
// ask again then. Forever: silence never will be.
//
// It runs ahead on a copy of the state: the zeros in between are learned, and
// deviations that last add up.
func (p *Params) SilenceDue(c *Core, s *Season, fromMs int64) (buckets int64, ok bool) {
	if !p.zeros || c.zeroRun >= p.mostZeros {
		return Forever, false
	}
	core := *c
	var season *Season
	if s != nil {
		own := *s
		season = &own
	}
	ahead := min(max(int64(c.zeroRun), leastAhead), mostAhead)
	for i := range ahead {
		x := Sample{StartMs: fromMs + i*p.spanMs}
		v := p.Judge(&core, season, x)
		if v.Reportable() {
			return i, true
		}
		p.Learn(&core, season, x, &v)
	}
	return ahead, false
}

// Forever is a number of buckets that does not come.
const Forever = math.MaxInt64

// Reportable reports whether the verdict is worth an anomaly record: rarer than
// one bucket in a hundred, or clearly novel and not just what was expected.
func (v *Verdict) Reportable() bool {
	return v.Ready && (v.Evidence >= reportableEvidence || v.NoveltyScore >= reportableNovelty && !v.expected)
}

const (
	reportableEvidence = 2
	reportableNovelty  = 25
)
