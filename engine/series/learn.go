package series

import (
	"math"

	"tidemark/engine/num"
)

const (
	// clipAt is the size, in scales, up to which a deviation is learned in
	// full; each further outlier on the same side doubles it, so that a new
	// level is adopted in a few buckets and a lone spike is not.
	clipAt = 4
	// maxRun bounds the doublings: 4*2^60 scales are beyond any value.
	maxRun = 60
	// youngLeak is how much of its width a young range loses, over the buckets seen.
	// Of 0.05 to 0.2 the largest ranked best.
	youngLeak = 0.2
	// rangeStep bounds how far one value may widen a range, in widths.
	rangeStep = 3
	// loud is the evidence, a score of 25, from which something counts as told.
	loud = 3
	// maxTold bounds what is told, so that it is forgotten in time.
	maxTold = 100
	// knownRun is how many outliers in a row are known, so that their end is no news.
	// Of 4 to 24 all ranked alike on web KPIs; less than 8 hid what came after a short
	// excursion.
	knownRun = 12
	// maxHourRatio bounds one error in the scatter of its hour.
	maxHourRatio = 20
)

// Learn takes the sample into the model. v is Judge's verdict about the same
// sample and state. Values that are not finite are left out.
func (p *Params) Learn(c *Core, s *Season, x Sample, v *Verdict) {
	if !num.Finite(x.Value) || math.Abs(x.Value) > largest {
		return
	}
	x.Value = p.enter(x)
	raw := x.Value
	x.Value -= v.job
	value := x.Value
	if c.seen == 0 {
		p.learnFirst(c, value, x.StartMs)
		return
	}
	if p.outage(c, s, raw, v) {
		p.learnOutage(c, x, v)
		return
	}
	if raw != 0 {
		c.out = 0
	}
	p.learnTails(c, v)
	p.learnRanges(c, v)
	p.learnRecords(c, x, v)
	if v.growth != 0 {
		// What the level is without the records' part.
		value -= v.growth
		x.Value = value
		v.short -= v.growth
		v.long -= v.growth
	}

	p.learnStray(c, value, v)
	short, long := c.deviations(value, v)
	xc, xl := v.short+short, v.long+long
	v.learned, v.clipped, v.apart = true, xc, c.apart(value, v)
	// What strays for a few buckets or may be another level leaves the curves as they
	// are: young ones learn from all they get.
	curve := xc
	if p.learnShift(c, s, value, v) || c.stray.long > 0 && p.settled(c, s) {
		curve = v.long
	}
	v.held = s != nil && s.alt.mode == altTried

	p.learnErrors(c, v, xc, xl)
	if s != nil {
		p.untriedWeek(c, s, v)
		p.learnExtra(c, s, x, v)
		p.learnSeason(c, s, x, v, xc, xl, curve)
	}
	c.last = value
	p.learnLevels(c, xc, xl)
	c.recent = num.Toward(c.recent, c.gainAt(p.recentMemory), math.Abs(short))
	c.lasting = num.Toward(c.lasting, c.scaleGain(p.longScaleMemory), math.Abs(short)/v.hourScatter)
	if s == nil || s.alt.mode != altTried {
		c.longScale = num.Toward(c.longScale, c.scaleGain(p.longScaleMemory), math.Abs(long)/v.hourLong)
	}
	p.learnCount(c, value)
	p.learnSparse(c, raw)
	p.adoptShift(c, s, value, v)
	c.seen++
	c.lastMs = x.StartMs
	if raw == 0 {
		c.zeroRun = max(c.zeroRun, c.zeroRun+1)
	} else {
		c.zeroRun = 0
	}
}

// deviations are how far a value is from what was expected shortly and in the long
// run, as far as that is learned.
func (c *Core) deviations(value float64, v *Verdict) (short, long float64) {
	short, long = value-v.short, value-v.long
	if c.seen >= 8 {
		short = clip(short, v.sigma, &c.shortRun, 1)
		long = clip(long, v.scale, &c.longRun, 0.25)
	}
	return short, long
}

// learnErrors follows how well each expert predicts.
func (p *Params) learnErrors(c *Core, v *Verdict, xc, xl float64) {
	for i := range c.err {
		m := p.shortMemory
		target := xc
		if i >= shortExperts {
			m, target = p.longMemory, xl
		}
		e := math.Abs(target - v.pred[i])
		if c.seen >= 8 {
			e = min(e, clipAt*(v.sigma+v.scale))
		}
		c.err[i] = num.Toward(c.err[i], c.gainAt(m), e)
	}
}

// learnLevels moves the levels toward a value, the slow ones toward what is learned
// of it in the long run.
func (p *Params) learnLevels(c *Core, xc, xl float64) {
	c.fast = num.Toward(c.fast, max(p.gainFast, 1/(c.seen+1)), xc)
	c.mid = num.Toward(c.mid, max(p.gainMid, 1/(c.seen+1)), xc)
	level := c.trendLevel + c.trend
	next := num.Toward(level, max(p.gainFast, 1/(c.seen+1)), xc)
	c.trend = num.Toward(c.trend*p.damping, p.gainTrend, next-c.trendLevel)
	c.trendLevel = next
	c.slow = num.Toward(c.slow, c.gainAt(p.slowMemory), xl)
	c.slower = num.Toward(c.slower, c.gainAt(p.slowerMemory), xl)
	c.meanAbs = num.Toward(c.meanAbs, c.gainAt(p.meanAbsMemory), math.Abs(xc))
}

// untriedWeek keeps the long prediction of the week from being believed for what it
// did not do: where the week has no curve yet it says what the day does, and is at
// most as good. What the first days leave in the curve, before the day is known,
// would be believed a week later otherwise.
func (p *Params) untriedWeek(c *Core, s *Season, v *Verdict) {
	if p.daySlots > 0 && s.weekVisits(v.weekPlace.inside) == 0 {
		c.err[expWeekSlow] = max(c.err[expWeekSlow], c.err[expDaySlow])
	}
}

func (p *Params) learnFirst(c *Core, x float64, startMs int64) {
	c.last, c.fast, c.mid, c.trendLevel, c.slow, c.slower = x, x, x, x, x, x
	c.meanAbs = math.Abs(x)
	c.meanCount = x
	c.low[0], c.high[0], c.low[1], c.high[1] = x, x, x, x
	p.learnSparse(c, x)
	c.seen = 1
	c.lastMs = startMs
	if x == 0 {
		c.zeroRun = 1
	}
}

// clip limits e to clipAt scales, doubled for every perRun-th outlier in a row
// on the same side.
func clip[T int8 | int16](e, scale float64, run *T, perRun float64) float64 {
	side := T(1)
	if e < 0 {
		side = -1
	}
	if math.Abs(e) <= clipAt*scale {
		*run = 0
		return e
	}
	if *run*side <= 0 {
		*run = 0
	}
	length := math.Abs(float64(*run))
	if length < maxRun/perRun {
		*run += side
	}
	bound := clipAt * scale * math.Exp2(length*perRun)
	return num.Clamp(e, -bound, bound)
}

func (p *Params) learnTails(c *Core, v *Verdict) {
	c.tailA.learn(math.Abs(v.zA), p.gainCrowd, c.seen)
	c.tailB.learn(math.Abs(v.zB), p.gainCrowd, c.seen)
	p.learnWindows(c, v)
	p.learnTold(c, v)
	c.chance.learn(v.surprise, p.gainCrowd, c.seen)
	c.rank.learn(v.raw, p.eventApart, p.rankPeriod, c.seen)
}

// learnTold follows for how long something that lasts was evident.
func (p *Params) learnTold(c *Core, v *Verdict) {
	if math.Abs(float64(c.longRun)) >= knownRun {
		c.told, c.heard = max(c.told, knownRun), math.MaxUint8
	}
	if v.Evidence < loud || v.multi <= v.single && !v.faded {
		c.told = float32(num.Toward(float64(c.told), p.gainTold, 0))
		return
	}
	most := uint8(num.Clamp(math.Ceil(v.whole*heardSteps), 0, math.MaxUint8))
	if c.told >= 1 {
		most = max(most, c.heard)
	}
	c.heard = most
	c.told = min(c.told+1, maxTold)
}

// learnRanges widens each range to the feature and lets it shrink slowly from
// both ends.
func (p *Params) learnRanges(c *Core, v *Verdict) {
	leak := max(1/p.rangeMemory, youngLeak/(c.seen+1))
	floor := scaleFloor(c.meanAbs)
	for i, f := range v.feature {
		lo, hi := c.low[i], c.high[i]
		width := hi - lo
		if c.seen >= 8 {
			reach := rangeStep * (width + floor)
			f = num.Clamp(f, lo-reach, hi+reach)
		}
		lo += leak * width
		hi -= leak * width
		c.low[i], c.high[i] = min(lo, f), max(hi, f)
	}
}

func (p *Params) learnSeason(c *Core, s *Season, x Sample, v *Verdict, xc, xl, curve float64) {
	if s.seen == 0 {
		// What the curves would have missed so far says nothing about them.
		c.daySlow, c.weekSlow = c.slow, c.slow
		for i := expDayLast; i <= expWeekOffset; i++ {
			c.err[i] = c.err[expLast]
		}
		c.err[expDaySlow], c.err[expWeekSlow] = c.err[expSlow], c.err[expSlow]
	}
	s.seen++
	s.chooseUnit(v.scale)
	random := dither(x.StartMs)
	// The curve learns what the short prediction makes of x, so that outliers
	// stay out of it. The level it deviates from is the one it is used with: the
	// slow level itself follows the pattern a little.
	if p.daySlots > 0 && !v.held {
		s.learnDay(v.dayPlace, p.daySlotRows, curve-c.daySlow, random)
	}
	if p.weekSlots > 0 && !v.held {
		memory, rows, level := uint8(weekMemory), p.weekSlotRows, c.weekSlow
		if s.on&seasonCycle != 0 {
			memory, rows = s.cycleMemory(p)
			level = c.daySlow // Its own level would take part of a young period's curve.
		}
		s.learnWeek(v.weekPlace, memory, rows, curve-v.dayCurve-level, random)
	}
	c.dayLast, c.weekLast = x.Value-v.dayShort, x.Value-v.weekShort
	g := max(p.gainOffset, 1/(c.seen+1))
	c.dayMean = num.Toward(c.dayMean, g, xc-v.dayShort)
	c.weekMean = num.Toward(c.weekMean, g, xc-v.weekShort)
	slow := num.Gain(float64(s.seen), p.slowMemory)
	c.daySlow = num.Toward(c.daySlow, slow, xl-v.dayCurve)
	c.weekSlow = num.Toward(c.weekSlow, slow, xl-v.weekCurve)
	if localDay(x.StartMs+p.spanMs) != localDay(x.StartMs) {
		s.refine(v.scale)
	}
	if p.daySlots > 0 {
		h := hourOfDay(p.at(x.StartMs))
		floor := scaleFloor(c.meanAbs)
		learnScatter(&s.scatter[h], math.Abs(xc-v.short), c.lasting+floor, p.gainHour, random)
		learnScatter(&s.scatterB[h], math.Abs(xl-v.long), c.longScale+floor, p.gainHour, random)
	}
}

// learnScatter moves the relative scatter of one hour of the day.
func learnScatter(hour *uint16, e, usual, gain, dither float64) {
	if *hour == 0 {
		*hour = scatterLevels
	}
	x := num.Toward(float64(*hour), gain, scatterLevels*min(e/usual, maxHourRatio))
	*hour = uint16(max(1, math.Floor(x+dither)))
}
