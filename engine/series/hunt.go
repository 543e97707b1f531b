package series

import (
	"math"

	"tidemark/engine/num"
)

// Hunt looks for the seasons of a series: it keeps the means of the last weeks in
// at most huntSamples steps, twice as long each time they are full, and tests them
// for a day, a week and any other period at a few moments (period.go). It is let go
// of when it has seen enough, and begins anew later.
//
// Values are kept as 16-bit multiples of a unit, which doubles when they leave
// its range.
//
// Cost: a few operations a bucket; about a hundred microseconds per test, of
// which there are testsPerDoubling for each doubling of the history. Memory:
// HuntBytes.
type Hunt struct {
	startMs    int64   // of the first sample, in local time
	base, unit float64 // value = base + unit*level
	sum        float64 // of the sample that is filling
	// period is that of the season found besides day and week, in seconds, 0
	// without one.
	period    float64
	buckets   uint32 // in sum
	step      uint32 // buckets a sample
	samples   uint16
	tested    uint16 // samples at the last test
	found     uint8  // seasons found, a set of seasonDay and the like
	settled   uint8  // those that the season was told of
	harmonics uint8  // harmonics of period
	over      uint8  // 1: it has seen all it wants to see
	levels    [huntSamples]int16
}

// The seasons there are.
const (
	seasonDay uint8 = 1 << iota
	seasonWeek
	seasonCycle
	seasonJobs
)

const (
	huntSamples = 256
	// missing is the level of a sample without values.
	missing   = math.MinInt16
	mostLevel = 32000
	// unitShare is the first unit, in scales.
	unitShare        = 1.0 / 64
	testsPerDoubling = 4
	// LeastStart is how many buckets a series must have seen before a hunt begins.
	LeastStart = 8
	// firstTest is how many samples a first test needs.
	firstTest = 96
	// twoCycles of a day or week have passed when a hunt that began a little later
	// than the series has seen so many.
	twoCycles = 1.95
)

// huntTime is how long a history is at least before the hunt is over, restTime how
// long it is until the next.
var (
	huntTime = memory{8 * week, 512}
	restTime = memory{4 * week, 512}
)

// WantsHunt reports whether it is time to look for the seasons of a series that
// has none being looked for.
func (p *Params) WantsHunt(c *Core) bool {
	if p.daySlots == 0 && p.weekSlots == 0 || c.seen < LeastStart || c.lasting <= 0 {
		return false
	}
	// A hunt lasts for huntTime and more.
	return math.Mod(c.seen, p.huntEvery) < p.huntLeast/2
}

// InitHunt makes h the hunt of a series that has learned the sample at startMs.
func (p *Params) InitHunt(c *Core, s *Season, h *Hunt, startMs int64) {
	*h = Hunt{startMs: startMs + p.spanMs, step: 1, base: c.slow, unit: unitShare * (normalFromMeanAbs*c.lasting + scaleFloor(c.meanAbs))}
	if s == nil {
		return
	}
	h.found = s.on &^ seasonJobs
	h.settled, h.period = h.found, s.period
}

// LearnHunt takes a sample in that was learned with verdict v.
func (p *Params) LearnHunt(h *Hunt, x Sample, v *Verdict) {
	if h.over != 0 || !v.learned {
		return
	}
	at := (x.StartMs - h.startMs) / p.spanMs
	switch sample := at / int64(h.step); {
	case at < 0:
		return // Local time went back over the beginning.
	case sample-int64(h.samples) > huntSamples:
		// After so long a gap the past is no past.
		h.startMs, h.step, h.samples, h.tested, h.sum, h.buckets = x.StartMs, 1, 0, 0, 0, 0
	default:
		for int64(h.samples) < at/int64(h.step) && h.over == 0 {
			p.endSample(h)
		}
	}
	h.sum += v.clipped
	h.buckets++
}

// endSample puts the sample that was filling away.
func (p *Params) endSample(h *Hunt) {
	level := int16(missing)
	if h.buckets > 0 {
		level = h.level(h.sum / float64(h.buckets))
	}
	h.sum, h.buckets = 0, 0
	h.levels[h.samples] = level
	h.samples++
	p.testWhenDue(h)
	if h.samples < huntSamples {
		return
	}
	if float64(h.samples)*float64(h.step) >= p.huntLeast {
		h.over = 1
		return
	}
	for i := range huntSamples / 2 {
		h.levels[i] = middle(h.levels[2*i], h.levels[2*i+1])
	}
	h.samples /= 2
	h.tested /= 2
	h.step *= 2
}

// level is a value in units; the unit doubles until it fits.
func (h *Hunt) level(x float64) int16 {
	for math.Abs(x-h.base) > mostLevel*h.unit {
		h.unit *= 2
		for i, l := range h.levels[:h.samples] {
			if l != missing {
				h.levels[i] = l / 2
			}
		}
	}
	return int16(math.Round((x - h.base) / h.unit))
}

func middle(a, b int16) int16 {
	switch {
	case a == missing:
		return b
	case b == missing:
		return a
	}
	return int16((int(a) + int(b)) / 2)
}

// testWhenDue tests at a few sizes of the history, and for a day and a week as
// soon as two of them have passed.
func (p *Params) testWhenDue(h *Hunt) {
	n := int(h.samples)
	seconds := float64(h.step) * p.span
	before := float64(n-1) * seconds
	due := func(t float64) bool { return before < t && float64(n)*seconds >= t }
	scan := n >= firstTest && n-int(h.tested) >= huntSamples/2/testsPerDoubling
	if !scan && !due(twoCycles*day) && !due(3*day) && !due(twoCycles*week) && !due(3*week) {
		return
	}
	if scan {
		h.tested = h.samples
	}
	p.test(h, scan)
}

// Over reports whether the hunt has seen all it wants to see.
func (h *Hunt) Over() bool { return h.over != 0 }

// News reports whether something was found that Settle has not taken in.
func (h *Hunt) News() bool { return h.found != h.settled }

// history is what a hunt remembers, as values around zero with a variance of
// one; missing ones are NaN.
type history struct {
	y       [huntSamples]float64
	n       int
	start   float64 // second at which the first sample begins
	seconds float64 // per sample
	period  float64 // of the season found besides day and week, in seconds
	scale   float64 // what one is in the units of the series
	aged    bool    // samples are means of several buckets
	// rounding is the variance that rounding to levels adds.
	rounding float64
}

func (p *Params) history(h *Hunt) *history {
	t := &history{n: int(h.samples), start: float64(h.startMs) / 1000, period: h.period, seconds: float64(h.step) * p.span, aged: h.step > 1}
	sum, square, count := 0.0, 0.0, 0.0
	for _, l := range h.levels[:t.n] {
		if l != missing {
			x := float64(l)
			sum, square, count = sum+x, square+float64(x*x), count+1
		}
	}
	if count == 0 {
		return t
	}
	mean := sum / count
	spread := math.Sqrt(max(square/count-float64(mean*mean), 1e-9))
	t.scale, t.rounding = spread*h.unit, 1/(6*spread*spread)
	for i, l := range h.levels[:t.n] {
		t.y[i] = math.NaN()
		if l != missing {
			t.y[i] = (float64(l) - mean) / spread
		}
	}
	return t
}

// at is the value at a place between samples, NaN where there is none.
func (t *history) at(place float64) float64 {
	i := int(math.Floor(place))
	if i < 0 || i >= t.n {
		return math.NaN()
	}
	if i+1 == t.n || math.IsNaN(t.y[i+1]) {
		return t.y[i]
	}
	if math.IsNaN(t.y[i]) {
		return t.y[i+1]
	}
	return num.Toward(t.y[i], place-float64(i), t.y[i+1])
}
