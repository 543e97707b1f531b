package series

import "math"

// Model. A forecast is the long prediction, curve and slow level, plus what now
// separates the short prediction from it. How far that difference lasts is taken
// from the past errors of both: where the short one was better, the series moves
// like a random walk and keeps most of it.
//
//	x(h) = long(t+h) + d·(w + (1-w)·e^(-h/τ))      d = short - long, now
//	σ²(h) = σ² + (s²-σ²)⁺·(1-e^(-h/τ)) + w·h·σ₁²
//
// σ is the short scale, s the long one, σ₁ the scale of a single step. w is the
// share of the long error that the short prediction saves, if it saves more than
// half. Cost: one prediction a point; no memory.

// forgetTime is the time τ in which a deviation from the curve is half forgotten
// and more: most incidents of the development sets last less than a working day.
var forgetTime = memory{8 * hour, 10}

// Forecast is an expected value with the range that holds 95 % of values.
type Forecast struct{ Value, Lower, Upper float64 }

// Forecast predicts the bucket at startMs, ahead buckets after the one that comes
// next, for a series that has seen something. It changes nothing.
func (p *Params) Forecast(c *Core, s *Season, nextMs, startMs int64, ahead float64) Forecast {
	var now, then Verdict
	p.predict(c, s, Sample{StartMs: nextMs}, &now)
	p.predict(c, s, Sample{StartMs: startMs}, &then)
	w := p.persistence(c, s)
	faded := math.Exp(-ahead / forgetTime.in(p.span))
	value := then.long + (now.short-now.long)*(w+(1-w)*faded)
	variance := then.sigma*then.sigma + math.Max(0, then.scale*then.scale-then.sigma*then.sigma)*(1-faded)
	step := normalFromMeanAbs * c.err[best(c, 0, p.shortOf(s))]
	variance += w * ahead * step * step
	f := Forecast{Value: value, Lower: value - 1.96*math.Sqrt(variance), Upper: value + 1.96*math.Sqrt(variance)}
	if p.counts || p.zeros {
		f.Value, f.Lower, f.Upper = math.Max(0, f.Value), math.Max(0, f.Lower), math.Max(0, f.Upper)
	}
	if p.curve != linear {
		f.Value, f.Lower, f.Upper = p.curve.out(f.Value), p.curve.out(f.Lower), p.curve.out(f.Upper)
	}
	return f
}

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
	return math.Max(0, 2*saved-1)
}
