package series

import (
	"math"

	"tidemark/engine/num"
)

// Change weighs what may have happened to the pattern of a series: that it became
// larger or smaller, or comes earlier or later. It lives while a series with a
// believed curve errs more than usual, and is let go of afterwards.
//
// Model. With the curve k (day, and week or another period on it), its level l and
// the residual r = x - l - k, all in scales of the long prediction, the readings
// are
//
//	as before         r = 0
//	the level moved   r = a
//	larger, smaller   r = b·(k - mean), or b·(l + k) where values begin at zero
//	both              r = a + b·(k - mean)
//	late, early       r = k(t+h) - k(t)   for h of changeLags offsets around the period
//
// each judged by its sum of squares since the trouble began. Twice the logarithm of
// the likelihood ratio of two readings is the difference of theirs, divided by how
// much more the means of twelve buckets scatter than those of independent ones.
//
// Meanwhile the blend of all readings is what the offset experts predict with, see
// blend.go. A reading that wins by tryGain is tried: what predicts shortly uses the
// changed curve, a value that fits it is no surprise, and the curves learn nothing.
// After shiftAfter, if it still leads, the curves themselves are changed, and for a day
// the way back is open: a value that fits the old curve is no surprise, and if the old
// curve fits better again, it comes back. What is tried in vain is weighed on.
//
// Cost: a curve looked up changeLags times a bucket, in trouble only. Memory:
// ChangeBytes. Source: sequential likelihood ratios, Wald (1945), Page (1954).
type Change struct {
	seen float64 // values weighed, aged
	// level and mean are those of the curve when it began, scale that of the long
	// prediction.
	level, mean, scale float64
	// inflation is by how much more the means of twelve buckets scatter than those of
	// independent ones, at least 1.
	inflation float64
	// Sums over these values in scales: of weights, residual, curve, products.
	w, r, k, rr, rk, kk float64
	// Recent mean squares of the residual, as before and with the other reading.
	old, other float64
	// since is how many values have passed since the other reading was taken up,
	// next from how many seen on its numbers are looked at again.
	since, next float64
	levels      [4]float64       // of the series, before
	err         [experts]float64 // of the experts, before
	lag         [changeLags]float32
	blend       blend
	before      Season // what it was when it began
	weekly      uint8  // 1: the curve is that of the week, too
	over        uint8  // 1: it may be let go of
	blended     uint8  // 1: the offset experts predict the blend
}

const (
	// changeLags are the offsets of time that are weighed.
	changeLags = 48
	// troubleZ and troubleMean are from where the mean residual of several buckets,
	// in units of its usual scatter and in scales, begins trouble.
	troubleZ, troubleMean = 4, 0.8
	// curveShare: a curve is believed if its error is below this part of the level's.
	curveShare = 0.8
	// recentTrouble is over how many buckets recent mean squares are taken, calm the
	// mean square at which trouble is over.
	recentTrouble, calm = 12, 2
	// tryLeast is how many values are needed, tryGain by how much a reading must win
	// against that of before, tryLead against that of a moved level, and tryFit the
	// mean square that it may leave, or tryPart of the whole.
	tryLeast, tryGain, tryLead, tryFit, tryPart = 4, 20, 2, 2.5, 0.1
	// lagCost and bothCost are what readings with a choice of offsets and with two
	// numbers pay, as twice a logarithm of likelihood.
	lagCost, bothCost = 6, 6
	mostFactor        = 5
	// keptVisits is for how many days the values of a changed curve count.
	keptVisits = 3
	// retry is by which factor the values must have grown until the numbers of what
	// is tried are found anew.
	retry = 1.25
)

// alternative is another curve beside that of a season: level + factor*curve(t+lead).
type alternative struct {
	level        float64
	factor, lead float32
	mode, weekly uint8 // weekly as in Change
}

// What an alternative is for.
const (
	altNone    uint8 = iota
	altWeighed       // there is trouble, and no alternative yet
	altTried         // may be the curve that holds now
	altBack          // was the curve, and may come back
)

// reading is what may have happened: x = l + shift + factor*k(t+lead).
type reading struct {
	shift, factor, lead float64
	gain                float64 // twice the logarithm of its likelihood ratio, its cost taken off
}

// WantsChange reports whether a series has begun to err so that it is worth
// weighing why.
func (p *Params) WantsChange(c *Core, s *Season) bool {
	if s == nil || s.alt.mode != altNone || c.shift.left > 0 || !p.settled(c, s) {
		return false
	}
	for i, mean := range c.windows.mean {
		m := math.Abs(float64(mean))
		if m >= troubleMean && m >= troubleZ*math.Sqrt(float64(c.windows.square[i])) {
			return p.believed(c)
		}
	}
	return false
}

// believed reports whether a curve explains the series.
func (p *Params) believed(c *Core) bool {
	return min(c.err[expDaySlow], c.err[expWeekSlow]) < curveShare*c.err[expSlow]
}

// InitChange makes g that of a series in trouble.
func (p *Params) InitChange(c *Core, s *Season, g *Change) {
	s.alt.mode = altWeighed
	*g = Change{before: *s, level: c.daySlow, err: c.err, inflation: p.inflation(c), scale: normalFromMeanAbs*c.longScale + scaleFloor(c.meanAbs)}
	if c.err[expWeekSlow] < c.err[expDaySlow] || s.on&(seasonWeek|seasonCycle) != 0 {
		g.weekly, g.level = 1, c.weekSlow
	}
	g.keepLevels(c)
	for _, y := range s.day[:max(1, p.daySlots)] {
		g.mean += float64(s.unit) * float64(y) / max(1, float64(p.daySlots))
	}
}

// keepLevels remembers the levels as they are: those of the series follow what is
// only tried, a little.
func (g *Change) keepLevels(c *Core) {
	for i, x := range c.levels() {
		g.levels[i] = *x
	}
}

// Over reports whether nothing is left to be weighed.
func (g *Change) Over() bool { return g.over != 0 }

// curveAt is the curve of a season at a local time in seconds.
func (p *Params) curveAt(s *Season, at float64, weekly bool) float64 {
	y := 0.0
	if p.daySlots > 0 {
		y = s.dayAt(placeAt(at, day, p.daySlotSec, p.span, p.daySlots))
	}
	if !weekly {
		return y
	}
	return y + s.weekAt(p.weekPlace(s, at))
}

// weekPlace is where a time falls on the curve of the week, or of the period that
// has its memory.
func (p *Params) weekPlace(s *Season, at float64) place {
	if s.on&seasonCycle != 0 {
		return s.cycleAt(p, at)
	}
	// The week begins on Monday; the epoch was a Thursday.
	return placeAt(at+3*day, week, p.weekSlotSec, p.span, p.weekSlots)
}

// lagStep is the distance of two offsets that are weighed, in seconds.
func (p *Params) lagStep(s *Season) float64 {
	return max(p.lagPeriod(s)/changeLags, p.span)
}

func (p *Params) lagPeriod(s *Season) float64 {
	if s.on&seasonCycle != 0 {
		return s.period
	}
	return day
}

// LearnChange takes in a sample that was learned with verdict v.
func (p *Params) LearnChange(c *Core, s *Season, g *Change, x Sample, v *Verdict) {
	if !v.learned || g.over != 0 {
		return
	}
	value := p.enter(x) - v.job - v.growth
	at := p.at(x.StartMs)
	scale := g.scale * v.hourLong * v.countScale
	if v.home && s.alt.mode == altWeighed {
		g.comeHome()
	}
	p.weigh(c, s, g, value, at, scale)
	g.since++
	switch s.alt.mode {
	case altWeighed:
		if s.on != g.before.on || c.shift.left > 0 || g.since >= recentTrouble && g.old < calm && g.calmShare() || g.since > 2*p.shiftAfter {
			s.alt, g.over = alternative{}, 1
			return
		}
		if c.shift.far == shiftSoon {
			copy(c.err[:shortExperts], g.err[:])
		}
		if float64(c.shift.far) == math.Ceil(p.shiftHeld) && c.shift.alike(scale) {
			g.takeBack(s)
		}
		if best, ok := p.best(c, s, g); ok {
			p.try(c, s, g, best, value, at)
		}
		p.expect(c, s, g, at)
	case altTried:
		p.goOn(c, s, g, value, at)
		if s.alt.mode == altTried && g.over == 0 {
			p.expect(c, s, g, at)
		}
	case altBack:
		p.lookBack(c, s, g, value, at)
	}
}

// weigh adds a value to the sums of all readings.
func (p *Params) weigh(c *Core, s *Season, g *Change, value, at, scale float64) {
	keep := 1 - 1/max(changeLags, p.bucketsADay)
	weekly := g.weekly != 0
	k := p.curveAt(&g.before, at, weekly)
	r := num.Clamp((value-g.level-k)/scale, -mostExcess, mostExcess)
	if p.asBefore(s, g, r) {
		g.forget()
	}
	guess := p.guesses(c, g, at, k)
	g.blend.learn(r, &guess, scale)
	p.hear(g, at, r*scale)
	k, w := (k-g.mean)/scale, 1/scale
	g.seen = g.seen*keep + 1
	for _, sum := range [...]struct {
		to *float64
		x  float64
	}{{&g.w, w * w}, {&g.r, r * w}, {&g.k, k * w}, {&g.rr, r * r}, {&g.rk, r * k}, {&g.kk, k * k}} {
		*sum.to = *sum.to*keep + sum.x
	}
	step := p.lagStep(s)
	for i := range g.lag {
		e := (value - g.level - p.curveAt(&g.before, at+step*lagOf(i), weekly)) / scale
		g.lag[i] = float32(float64(g.lag[i])*keep + min(e*e, mostExcess*mostExcess))
	}
	gain := 1 / min(g.seen, recentTrouble)
	g.old += gain * (r*r - g.old)
	if s.alt.mode >= altTried {
		e := (value - p.other(s, at)) / scale
		g.other += gain * (min(e*e, mostExcess*mostExcess) - g.other)
	}
}

// other is what a season's alternative predicts.
func (p *Params) other(s *Season, at float64) float64 {
	return s.alt.level + float64(s.alt.factor)*p.curveAt(s, at+float64(s.alt.lead), s.alt.weekly != 0)
}

// lagOf is the i-th offset, in steps.
func lagOf(i int) float64 { return float64(i - changeLags/2) }

// best is the reading that explains the trouble best; ok reports whether it is one of
// the pattern, and wins.
func (p *Params) best(c *Core, s *Season, g *Change) (h reading, ok bool) {
	if g.seen < tryLeast || g.w <= 0 {
		return h, false
	}
	level := g.r * g.r / g.w
	h.gain = -1
	consider := func(x reading) {
		if x.gain > h.gain && x.factor >= 1.0/mostFactor && x.factor <= mostFactor {
			h = x
		}
	}
	inflation := g.inflation
	if g.kk > 0 {
		b := g.rk / g.kk
		consider(reading{factor: 1 + b, shift: -b * g.mean, gain: b * g.rk / inflation})
		if det := g.w*g.kk - g.k*g.k; det > 1e-9*g.w*g.kk {
			b := (g.w*g.rk - g.k*g.r) / det
			a := (g.r - b*g.k) / g.w
			consider(reading{factor: 1 + b, shift: a - b*g.mean, gain: (a*g.r+b*g.rk)/inflation - bothCost})
		}
	}
	if c.low[0] >= 0 {
		l := g.level + g.mean
		if square := l*l*g.w + 2*l*g.k + g.kk; square > 0 {
			b := (l*g.r + g.rk) / square
			consider(reading{factor: 1 + b, shift: b * g.level, gain: b * (l*g.r + g.rk) / inflation})
		}
	}
	least := p.leastLag(s, g)
	square, off := g.trough(least)
	consider(reading{factor: 1, lead: (lagOf(least) + off) * p.lagStep(s), gain: (g.rr-square)/inflation - lagCost})
	left := g.rr - h.gain*inflation
	return h, h.gain >= tryGain && h.gain >= level/inflation+tryLead && left <= max(tryFit*max(1, h.factor)*g.seen, tryPart*g.rr)
}

// leastLag is the offset that fits best.
func (p *Params) leastLag(s *Season, g *Change) int {
	least := changeLags / 2
	for i, square := range g.lag {
		lead := math.Abs(lagOf(i)) * p.lagStep(s)
		if lead <= p.lagPeriod(s)/2 && square < g.lag[least] {
			least = i
		}
	}
	return least
}

// trough is the least sum of squares around an offset, by a parabola, and how far, in
// steps, it is from there.
func (g *Change) trough(i int) (square, off float64) {
	a, b, d := float64(g.lag[(i+changeLags-1)%changeLags]), float64(g.lag[i]), float64(g.lag[(i+1)%changeLags])
	bend := a - 2*b + d
	if bend <= 0 {
		return b, 0
	}
	off = (a - d) / (2 * bend)
	return max(0, b-(a-d)*off/4), off
}

// inflation is by how much more the means of twelve buckets scatter than those of
// independent ones, at least 1.
func (p *Params) inflation(c *Core) float64 {
	g := p.gainWindow[1]
	return max(1, float64(c.windows.square[1])*(2-g)/g)
}

// try lets what predicts shortly use the changed curve.
func (p *Params) try(c *Core, s *Season, g *Change, h reading, value, at float64) {
	if s.alt.mode == altWeighed {
		g.takeBack(s)
		g.since, g.other = 0, 0
	}
	s.alt = alternative{level: g.level + h.shift, factor: float32(h.factor), lead: float32(h.lead), mode: altTried, weekly: g.weekly}
	g.next = retry * g.seen
	c.dayMean, c.weekMean = s.alt.level, s.alt.level
	c.dayLast = value - float64(s.alt.factor)*p.curveAt(s, at+float64(s.alt.lead), false)
	c.weekLast = value - float64(s.alt.factor)*p.curveAt(s, at+float64(s.alt.lead), true)
	copy(c.err[:shortExperts], g.err[:])
}

// takeBack makes a season forget what it learned of a change before it was recognized.
func (g *Change) takeBack(s *Season) {
	was := &g.before
	s.unit, s.day, s.dayVisit, s.week, s.weekVisit = was.unit, was.day, was.dayVisit, was.week, was.weekVisit
	s.scatter, s.scatterB, s.jobs = was.scatter, was.scatterB, was.jobs
	s.jobs.dropCandidates()
}

// goOn follows what is tried.
func (p *Params) goOn(c *Core, s *Season, g *Change, value, at float64) {
	if g.since > recentTrouble && g.other > g.old {
		p.weighAgain(c, s, g, value, at)
		return
	}
	if g.seen < g.next && g.since < p.shiftAfter {
		return
	}
	best, ok := p.best(c, s, g)
	if !ok {
		if g.r*g.r/g.w/g.inflation > best.gain+tryLead {
			p.weighAgain(c, s, g, value, at)
		}
		return
	}
	p.try(c, s, g, best, value, at)
	if g.since >= p.shiftAfter {
		p.settleChange(c, s, g)
	}
}

// settleChange lets the other curve be that of the season, and keeps the way back.
func (p *Params) settleChange(c *Core, s *Season, g *Change) {
	was := g.level
	to := s.alt
	moved := p.reshape(c, s, g, to)
	p.reshapeHeard(s, g, float64(to.factor), was-to.level-moved)
	*g = Change{before: *s, level: g.level, mean: g.mean, scale: g.scale, inflation: g.inflation, err: g.err, weekly: g.weekly}
	g.keepLevels(c)
	s.alt = alternative{level: was + moved/float64(to.factor), factor: 1 / to.factor, lead: -to.lead, mode: altBack, weekly: g.weekly}
}

// lookBack follows a change that was made, and undoes it if the old curve fits again.
func (p *Params) lookBack(c *Core, s *Season, g *Change, value, at float64) {
	switch {
	case g.since > recentTrouble && g.old > calm && g.other < g.old/2:
		p.reshape(c, s, g, s.alt)
		p.drop(c, s, g, value, at)
		g.over = 1
	case g.since >= max(shiftDay, p.bucketsADay):
		s.alt, g.over = alternative{}, 1
	}
}

// weighAgain gives up what was tried and goes on weighing.
func (p *Params) weighAgain(c *Core, s *Season, g *Change, value, at float64) {
	p.drop(c, s, g, value, at)
	s.alt.mode, g.since = altWeighed, 0
}

// drop goes back to the curve as it was.
func (p *Params) drop(c *Core, s *Season, g *Change, value, at float64) {
	s.alt = alternative{}
	c.dayLast = value - p.curveAt(s, at, false)
	c.weekLast = value - p.curveAt(s, at, true)
	c.dayMean, c.weekMean = c.dayLast, c.weekLast
	copy(c.err[:shortExperts], g.err[:])
}

// shortCurves are the daily and the weekly curve as what predicts shortly uses them.
func (p *Params) shortCurves(s *Season, at float64, v *Verdict) (daily, weekly float64) {
	if s.alt.mode != altTried {
		return v.dayCurve, v.weekCurve
	}
	f, at := float64(s.alt.factor), at+float64(s.alt.lead)
	return f * p.curveAt(s, at, false), f * p.curveAt(s, at, true)
}
