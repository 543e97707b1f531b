package series

import (
	"math"

	"tidemark/engine/num"
)

// Model. A forecast is the long prediction, curve and slow level, plus what now
// separates the short prediction from it, plus a trend. How far that difference
// lasts is taken from the past errors of both: where the short one was better, the
// series moves like a random walk and keeps most of it.
//
//	x(h) = long(t+h) + d·(w + (1-w)·e^(-h/τ)) + b·h      d = short - long, now
//	σ²(h) = σ² + D·(1-e^(-h/τ) + 2·w·h/M) + (σb·h)²      D = (s² - σ² - (b·M)²)⁺
//
// σ is the short scale over its longer memory, s the long one, M the memory of the
// slow level. What s² has beyond σ² is how far the level moved within that memory:
// at the growth of a random walk it is q·M/2, which gives the last term its rate.
// w is the share of the long error that the short prediction saves, if it saves
// more than half. Cost: one prediction a point; no memory.
//
// Trend. A moving mean of memory M lags b·M behind a level that rises by b a
// bucket. The slower level lags more than the slow one does, and both lags are known,
// so that their distance tells b. A level that has just moved, or strays for a day
// and comes back, is as far from both: the smaller of the two slopes counts, as far
// as it stands out of noise.

// forgetTime is the time τ in which a deviation from the curve is half forgotten
// and more: most incidents of the development sets last less than a working day.
var forgetTime = memory{8 * hour, 10}

// Forecast is an expected value with the range that holds 95 % of values.
type Forecast struct{ Value, Lower, Upper float64 }

// Forecaster predicts the buckets of one series that come next, one after the
// other. It works on a copy of the model, which learns what it predicts: the daily
// curve goes through the week as it does with data, and the weekly one is learned
// from where it stood on each day.
type Forecaster struct {
	p         *Params
	core      Core
	season    Season
	hasSeason bool
	// apart is what the short prediction stands from the long one now, but for the
	// trend; stays is the part w of it that does not fade.
	apart, stays float64
	// slope is the trend b, unsure its standard deviation, lag what the slow level
	// lies behind it.
	slope, unsure, lag float64
	ahead              float64
}

// NewForecaster returns one for a series that has seen something. nextMs is the
// start of the bucket that comes next. It changes nothing in the series.
func (p *Params) NewForecaster(c *Core, s *Season, nextMs int64) *Forecaster {
	f := &Forecaster{p: p, core: *c, hasSeason: s != nil}
	if s != nil {
		f.season = *s
	}
	var now Verdict
	p.predict(c, s, Sample{StartMs: nextMs}, &now)
	f.slope, f.unsure = p.slope(c, s)
	f.lag = f.slope * (p.slowLag() + 1/p.gainOffset)
	f.apart, f.stays = now.short-now.long-f.lag, p.persistence(c, s)
	return f
}

// Next predicts the next bucket, which starts at startMs.
func (f *Forecaster) Next(startMs int64) Forecast {
	p, c := f.p, &f.core
	var s *Season
	if f.hasSeason {
		s = &f.season
	}
	var v Verdict
	p.predict(c, s, Sample{StartMs: startMs}, &v)
	faded := math.Exp(-f.ahead / forgetTime.in(p.span))
	value := v.long + f.apart*(f.stays+(1-f.stays)*faded) + f.lag + v.job
	short, long := p.spread(c, s, &v)
	moved := max(0, long*long-short*short-f.lag*f.lag)
	variance := short*short + moved*(1-faded+2*f.stays*f.ahead/p.slowMemory) + f.unsure*f.unsure*f.ahead*f.ahead
	width := normal95 * math.Sqrt(variance)
	out := Forecast{Value: value, Lower: value - width, Upper: value + width}
	f.ahead++
	// With the trend in what is learned the slow level keeps its distance.
	next := v.long + f.lag
	if s != nil {
		scatter, scatterB := s.scatter, s.scatterB
		p.learnSeason(c, s, Sample{Value: next, StartMs: startMs}, &v, next, next, next)
		s.scatter, s.scatterB = scatter, scatterB
	}
	c.slow = num.Toward(c.slow, c.gainAt(p.slowMemory), next)
	if p.counts || p.zeros {
		out.Value, out.Lower, out.Upper = max(0, out.Value), max(0, out.Lower), max(0, out.Upper)
	}
	if p.curve != linear {
		out.Value, out.Lower, out.Upper = p.curve.out(out.Value), p.curve.out(out.Lower), p.curve.out(out.Upper)
	}
	return out
}

// normal95 is how many standard deviations to either side hold 95 % of a normal
// distribution.
const normal95 = 1.96

// spread is the scale of the short prediction's errors and of the long one's, at
// the time of a prediction. Both scales have seen the series' first days, when it
// had no season yet; the errors of the experts forget them sooner.
func (p *Params) spread(c *Core, s *Season, v *Verdict) (short, long float64) {
	floor := scaleFloor(c.meanAbs)
	quick, slow := c.err[best(c, 0, p.shortOf(s))], c.err[expSlow]
	if s != nil {
		slow = c.err[best(c, shortExperts, experts)]
	}
	short = normalFromMeanAbs*min(c.lasting, quick)*v.hourScatter*v.countScale + floor
	long = normalFromMeanAbs*min(c.longScale, slow)*v.hourLong*v.countScale + floor
	return short, long
}

// slope is by how much the level rises a bucket, as far as that stands out, and the
// standard deviation of that.
func (p *Params) slope(c *Core, s *Season) (slope, unsure float64) {
	if s == nil || p.daySlots == 0 || c.seen < 2*p.slowMemory {
		return 0, 0
	}
	offset := 0.0
	for _, d := range s.day[:p.daySlots] {
		offset += float64(s.unit) * float64(d)
	}
	offset /= float64(p.daySlots)
	quick, slow := c.dayMean, c.daySlow
	if p.weekSlots > 0 {
		quick, slow = c.weekMean, c.weekSlow
	}
	near, far := quick-slow, quick+offset-c.slower
	nearLag, farLag := p.slowLag(), p.slowerLag(c)
	scatter := normalFromMeanAbs * c.lasting * math.Sqrt(p.gainOffset/2)
	b, unsure := (far-near)/(farLag-nearLag), scatter/(farLag-nearLag)
	if b*near <= 0 {
		return 0, 0
	}
	// The noise of the near distance is larger; it need not hide the slope.
	b = math.Copysign(min(math.Abs(b), (math.Abs(near)+scatter)/nearLag), b)
	sure := max(0, 1-math.Pow(surely*unsure/b, 2))
	if sure == 0 {
		return 0, 0
	}
	return sure * b, unsure
}

// slowLag is by how many buckets the slow level with its curve lies behind: the
// curve takes up a part of each move, too.
func (p *Params) slowLag() float64 {
	return 1/(1/p.slowMemory+1/(dayMemory*p.bucketsADay)) - 1/p.gainOffset
}

// slowerLag is that of the slower level, which begins as a plain mean.
func (p *Params) slowerLag(c *Core) float64 {
	m := p.slowerMemory
	if c.seen <= m {
		return c.seen / 2
	}
	return m - m/2*math.Exp(1-c.seen/m)
}

// surely is how many standard deviations of its noise a trend must exceed.
const surely = 2

func (p *Params) shortOf(s *Season) int {
	if s == nil {
		return expDayLast
	}
	return shortExperts
}

// persistence is the part w of the present deviation that stays.
func (p *Params) persistence(c *Core, s *Season) float64 {
	long := c.err[expSlow]
	if s != nil {
		long = c.err[best(c, shortExperts, experts)]
	}
	if long <= 0 {
		return 0
	}
	saved := 1 - c.err[best(c, 0, p.shortOf(s))]/long
	return max(0, 2*saved-1)
}
