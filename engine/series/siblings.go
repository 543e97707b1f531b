package series

import "math"

// Siblings is the common curve of the series of one detector, which a young series
// may begin with.
//
// Model: the curves k of those with a day that was found, each divided by the root
// mean square of its day, are averaged to K; where they differ, little is left of
// it, and it counts for nothing. A young series x has it if
//
//	x = a + b·K(time) + e,  b > 0
//
// explains leastFit of its variance so far: then b·K becomes its curve as if it had
// seen one day, and a its level. Its own days soon outweigh that, and its experts
// are chosen by their errors as ever.
// Cost: a regression over at most huntSamples values a few times in the first day of
// a series. Memory: none of a series but one byte. Source: least squares.
type Siblings struct {
	day         [maxDaySlots]float64
	week        [maxWeekSlots]float64
	days, weeks float64 // series with a day, with a week
	usable      bool
}

const (
	// leastAgreement is the root mean square that the mean of curves must have of the
	// one that each has.
	leastAgreement = 0.6
	// leastFit is the share of a young series' variance, leastTurn the variance of the
	// common curve in the meantime that makes it tell anything, leastLearned the values
	// needed.
	leastFit, leastTurn, leastLearned = 0.7, 0.05, 12
	// siblingDays and siblingWeeks are for how many visits a common curve counts.
	siblingDays, siblingWeeks = 1, 3
)

// siblingAges are the ages, in days, at which a young series looks at its siblings.
var siblingAges = [...]float64{0.25, 0.375, 0.5, 0.75, 1}

// Add takes the curve of one series in, and reports whether it has any.
func (p *Params) Add(b *Siblings, s *Season) bool {
	if s.on&seasonDay == 0 {
		return false
	}
	mean, square := 0.0, 0.0
	for _, l := range s.day[:p.daySlots] {
		x := float64(s.unit) * float64(l)
		mean, square = mean+x, square+float64(x*x)
	}
	n := float64(p.daySlots)
	mean /= n
	size := math.Sqrt(square/n - float64(mean*mean))
	if !(size > 0) {
		return false
	}
	for i, l := range s.day[:p.daySlots] {
		b.day[i] += (float64(s.unit)*float64(l) - mean) / size
	}
	b.days++
	if s.on&seasonWeek != 0 {
		for i := range p.weekSlots {
			b.week[i] += s.weekSlot(i) / size
		}
		b.weeks++
	}
	return true
}

// Average ends the adding.
func (p *Params) Average(b *Siblings) {
	if b.days == 0 {
		return
	}
	square := 0.0
	for i := range p.daySlots {
		b.day[i] /= b.days
		square += float64(b.day[i] * b.day[i])
	}
	for i := range b.week {
		if b.weeks > b.days/2 {
			b.week[i] /= b.weeks
		} else {
			b.week[i] = 0
		}
	}
	b.usable = square >= leastAgreement*leastAgreement*float64(p.daySlots)
}

// at is the common curve at a time in seconds.
func (b *Siblings) at(p *Params, at float64) float64 {
	d := placeAt(at, day, p.daySlotSec, p.span, p.daySlots)
	w := placeAt(at+3*day, week, p.weekSlotSec, p.span, p.weekSlots)
	return b.day[d.lower] + float64(d.share*(b.day[d.upper]-b.day[d.lower])) +
		b.week[w.lower] + float64(w.share*(b.week[w.upper]-b.week[w.lower]))
}

// WantsSiblings reports whether it is time for a young series to look at its
// siblings. s and h may be nil.
func (p *Params) WantsSiblings(c *Core, s *Season, h *Hunt) bool {
	return s != nil && h != nil && p.daySlots > 0 && int(s.asked) < len(siblingAges) &&
		c.seen >= siblingAges[s.asked]*p.bucketsADay && int(h.samples) >= leastLearned
}

// Adopt lets a young series begin with the curve of its siblings if that explains
// it, and reports whether it did. It is not asked again for a while.
func (p *Params) Adopt(c *Core, s *Season, h *Hunt, b *Siblings) bool {
	s.asked++
	if !b.usable || s.on != 0 || s.alt.mode != altNone {
		return false
	}
	level, factor, noise, ok := p.fitSiblings(h, b)
	if !ok {
		return false
	}
	s.chooseUnit(c.lasting + scaleFloor(c.meanAbs))
	for i := range p.daySlots {
		s.setDayVisits(i, siblingDays)
		s.put(&s.day[i], factor*b.day[i], halfway)
	}
	for i := range p.weekSlots {
		s.setWeekVisits(i, siblingWeeks)
		// A slot is believed by its visits.
		s.put(&s.week[i], factor*b.week[i]*(siblingWeeks+1)/siblingWeeks, halfway)
	}
	now := factor * b.at(p, p.at(c.lastMs))
	c.daySlow, c.weekSlow = level, level
	c.dayLast, c.dayMean = c.last-now, c.fast-now
	c.weekLast, c.weekMean = c.dayLast, c.dayMean
	c.err[expDaySlow], c.err[expWeekSlow] = noise, noise
	short := c.err[best(c, 0, shortExperts)]
	for i := expDayLast; i <= expWeekOffset; i++ {
		c.err[i] = short
	}
	return true
}

// fitSiblings is the regression of what a hunt has kept on the common curve: level a,
// factor b, and the mean absolute deviation that is left; ok says that it explains
// the series.
func (p *Params) fitSiblings(h *Hunt, b *Siblings) (level, factor, noise float64, ok bool) {
	var n, x, y, xx, xy, yy float64
	for i, l := range h.levels[:h.samples] {
		if l == missing {
			continue
		}
		k := b.at(p, float64(h.startMs)/1000+(float64(i)+0.5)*float64(h.step)*p.span)
		v := h.unit * float64(l)
		n, x, y = n+1, x+k, y+v
		xx, xy, yy = xx+float64(k*k), xy+float64(k*v), yy+float64(v*v)
	}
	if n < leastLearned {
		return 0, 0, 0, false
	}
	x, y = x/n, y/n
	turn, both, all := xx/n-float64(x*x), xy/n-float64(x*y), yy/n-float64(y*y)
	if turn < leastTurn || both <= 0 || both*both < leastFit*turn*all {
		return 0, 0, 0, false
	}
	factor = both / turn
	noise = math.Sqrt(max(0, all-float64(factor*both))) / normalFromMeanAbs
	return h.base + y - float64(factor*x), factor, noise, true
}
