package series

import (
	"math"

	"tidemark/engine/num"
)

// What to expect while nobody knows what has happened to a pattern.
//
// Model: each reading of a change predicts the next value from those since the
// trouble began, and is scored by how well it did, as Student's t does:
//
//	loss = keep*loss + (ν+1)·ln(1+e²/ν)    share ∝ exp(-loss/2)
//
// The blend of their predictions, by their shares, is what the offset experts
// predict with: where readings agree it does not matter which is right, and where
// they part the shares follow within a few buckets, because no loss lies further
// behind the least than lossLag. One reading is no change at all but a tracker, the
// line through the last residuals, for what the others do not explain.
//
// Cost: a few divisions a bucket, in trouble only. Source: prequential scoring, Dawid
// (1984); tracking the best expert, Herbster and Warmuth (1998).
type blend struct {
	loss [readings]float32
	// Sums over the last residuals, aged: of weights, ages, squared ages, residuals and
	// residuals times ages.
	n, a, aa, r, ra float64
	// heard are the mean deviations from level and curve of before in the slots of the
	// day, times how many values they are the means of.
	heard [maxDaySlots]float32
	times [maxDaySlots]uint8
}

// The readings that are blended.
const (
	readBefore = iota
	readLevel
	readSize
	readBoth
	readZero // larger or smaller as a whole, from zero
	readTime
	readDrift
	readings
)

const (
	// lossTail are the degrees of freedom of residuals, lossLag is how far a loss may
	// lie behind the least, lossMemory over how many buckets losses are added up.
	lossTail, lossLag, lossMemory = 4, 12, 48
	// driftMemory is over how many buckets the line of residuals is fitted.
	driftMemory = 16
	// factorSpread is how far factors usually lie from 1, and driftSpread slopes from 0,
	// in standard deviations of a residual a bucket.
	factorSpread, driftSpread = 1, 0.3
	// calmMost, in scales, is the largest residual of a series that is as before.
	calmMost = 2
	// blendLeast is from how many values, aged, on the blend is used: two.
	blendLeast = 1.5
)

// guesses are by how much, in units of the series, the value at a time lies away from
// level and curve k of before, according to each reading.
func (p *Params) guesses(c *Core, g *Change, at, k float64) (guess [readings]float64) {
	if g.w <= 0 {
		return guess
	}
	factor := func(b float64) float64 { return num.Clamp(b, 1.0/mostFactor-1, mostFactor-1) }
	const ridge = 1 / (factorSpread * factorSpread)
	guess[readLevel] = g.r / g.w
	size := factor(g.rk / (g.kk + ridge))
	guess[readSize] = size * (k - g.mean)
	det := g.w*(g.kk+ridge) - g.k*g.k
	both := factor((g.w*g.rk - g.k*g.r) / det)
	guess[readBoth] = (g.r-both*g.k)/g.w + both*(k-g.mean)
	zero := size
	guess[readZero] = guess[readSize]
	if c.low[0] >= 0 {
		l := g.level + g.mean
		zero = factor((l*g.r + g.rk) / (l*l*g.w + 2*l*g.k + g.kk + ridge))
		guess[readZero] = zero * (g.level + k)
	}
	i := p.leastLag(&g.before, g)
	_, off := g.trough(i)
	guess[readTime] = p.curveAt(&g.before, at+(lagOf(i)+off)*p.lagStep(&g.before), g.weekly != 0) - k
	guess[readDrift] = g.blend.next()
	p.recall(g, at, &guess, &[readings]float64{readLevel: 1, readSize: 1 + size, readBoth: 1 + both, readZero: 1 + zero, readTime: 1})
	return guess
}

// recall moves guesses towards what was heard at the same time of the day, since the
// trouble began: a curve is as far off as it was then, and that by a factor more that
// has become larger.
func (p *Params) recall(g *Change, at float64, guess, factor *[readings]float64) {
	if p.daySlots == 0 || g.before.on&seasonCycle != 0 {
		return
	}
	slot := placeAt(at, day, p.daySlotSec, p.span, p.daySlots).inside
	for i := range guess {
		guess[i] += p.believe(g, slot, factor[i]) * (float64(g.blend.heard[slot]) - guess[i])
	}
}

// believe is how far what was heard in a slot is believed rather than a curve that was
// changed by a factor.
func (p *Params) believe(g *Change, slot int, factor float64) float64 {
	n := float64(g.blend.times[slot]) * factor * factor
	return n / max(1, n+float64(g.before.dayVisits(slot))*p.daySlotRows)
}

// hear remembers by how much, in units of the series, a value deviates from what was.
func (p *Params) hear(g *Change, at, deviation float64) {
	if p.daySlots == 0 {
		return
	}
	slot := placeAt(at, day, p.daySlotSec, p.span, p.daySlots).inside
	n := &g.blend.times[slot]
	*n = min(*n+1, math.MaxUint8)
	heard := &g.blend.heard[slot]
	*heard += float32((deviation - float64(*heard)) / float64(*n))
}

// next is where the line through the last residuals leads to.
func (b *blend) next() float64 {
	det := b.n*(b.aa+1/(driftSpread*driftSpread)) - b.a*b.a
	if det <= 0 {
		return 0
	}
	// slope is by how much residuals grow with their age.
	slope := (b.n*b.ra - b.a*b.r) / det
	return (b.r-slope*b.a)/b.n - slope
}

// learn takes a residual in: guess is what was expected of it, in scales.
func (b *blend) learn(r float64, guess *[readings]float64, scale float64) {
	least := math.Inf(1)
	for i, x := range guess {
		e := r - x/scale
		loss := float64(b.loss[i])*(1-1.0/lossMemory) + (lossTail+1)*math.Log1p(e*e/lossTail)
		b.loss[i] = float32(loss)
		least = min(least, loss)
	}
	for i := range b.loss {
		b.loss[i] = float32(min(float64(b.loss[i]), least+lossLag))
	}
	const keep = 1 - 1.0/driftMemory
	b.aa = keep * (b.aa + 2*b.a + b.n)
	b.a = keep * (b.a + b.n)
	b.ra = keep * (b.ra + b.r)
	b.r, b.n = keep*b.r+r*scale, keep*b.n+1
}

// asBefore reports whether nothing seems to have happened yet.
func (p *Params) asBefore(s *Season, g *Change, r float64) bool {
	return s.alt.mode == altWeighed && math.Abs(r) < calmMost && g.calmShare()
}

// calmShare reports whether no change explains more than none.
func (g *Change) calmShare() bool { return g.blend.shares(g.inflation)[readBefore] >= 0.5 }

// forget lets the trouble begin anew.
func (g *Change) forget() {
	g.seen, g.w, g.r, g.k, g.rr, g.rk, g.kk = 0, 0, 0, 0, 0, 0, 0
	g.lag = [changeLags]float32{}
	g.blend = blend{loss: g.blend.loss}
}

// comeHome makes the reading that nothing has happened the best one.
func (g *Change) comeHome() {
	g.forget()
	for i := range g.blend.loss {
		g.blend.loss[i] = lossLag
	}
	g.blend.loss[readBefore] = 0
}

// shares are those of the readings.
func (b *blend) shares(inflation float64) (share [readings]float64) {
	least, sum := float64(b.loss[0]), 0.0
	for _, x := range b.loss {
		least = min(least, float64(x))
	}
	for i, x := range b.loss {
		share[i] = math.Exp((least - float64(x)) / (2 * inflation))
		sum += share[i]
	}
	for i := range share {
		share[i] /= sum
	}
	return share
}

// expect lets the offset experts predict the blend at the next bucket, or what was
// before if nothing has happened after all.
func (p *Params) expect(c *Core, s *Season, g *Change, at float64) {
	calm := g.seen < blendLeast || g.calmShare()
	if calm && g.blended == 0 {
		return
	}
	at += p.span
	k := p.curveAt(&g.before, at, g.weekly != 0)
	y := g.level + k
	g.blended = 0
	if !calm {
		g.blended = 1
		share := g.blend.shares(g.inflation)
		for i, x := range p.guesses(c, g, at, k) {
			y += share[i] * x
		}
	}
	f, lead := 1.0, 0.0
	if s.alt.mode == altTried {
		f, lead = float64(s.alt.factor), float64(s.alt.lead)
	}
	c.dayMean = y - f*p.curveAt(s, at+lead, false)
	c.weekMean = y - f*p.curveAt(s, at+lead, true)
}
