package series

import (
	"math"

	"tidemark/engine/num"
)

// reshape makes the curve of a season that of an alternative, and returns what it
// took from the curve and gave to the level, so that the curve keeps its mean.
func (p *Params) reshape(c *Core, s *Season, g *Change, to alternative) (moved float64) {
	f, lead := float64(to.factor), float64(to.lead)
	moved = f*g.mean - g.mean
	p.reshapeDay(s, f, lead, moved)
	if s.on&seasonCycle != 0 {
		s.anchor -= lead
		lead = 0
	}
	p.reshapeWeek(s, f, lead)
	level := to.level + moved - g.level
	for i, x := range c.levels() {
		*x = g.levels[i] + level
	}
	g.level += level
	copy(c.err[shortExperts:], g.err[shortExperts:])
	c.windows.mean = [len(windowLengths)]float32{}
	c.longRun, c.shift = 0, shift{}
	for _, x := range [...]*float64{&c.dayMean, &c.weekMean, &c.dayLast, &c.weekLast} {
		*x += moved
	}
	return moved
}

// reshapeDay makes the daily curve factor times what it is lead later, less moved, and
// takes the scatter of the hours and the jobs along.
func (p *Params) reshapeDay(s *Season, factor, lead, moved float64) {
	old := *s
	for i := range p.daySlots {
		from := placeAt((float64(i)+0.5)*p.daySlotSec+lead, day, p.daySlotSec, p.span, p.daySlots)
		s.put(&s.day[i], factor*old.dayAt(from)-moved, halfway)
		s.setDayVisits(i, uint8(num.Clamp(float64(old.dayVisits(from.inside))/(factor*factor), 1, keptVisits)))
	}
	hours := int(math.Round(lead / hour))
	for h := range s.scatter {
		from := ((h+hours)%24 + 24) % 24
		s.scatter[h], s.scatterB[h] = old.scatter[from], old.scatterB[from]
	}
	if p.jobs {
		s.jobs.move(-int32(math.Round(lead/p.span)), int32(math.Round(p.bucketsADay)))
	}
}

// reshapeHeard moves a daily curve that has become factor times as large towards what
// was heard since. level is by how much what it was lies above what it is now.
func (p *Params) reshapeHeard(s *Season, g *Change, factor, level float64) {
	if s.on&seasonCycle != 0 {
		return
	}
	for i := range p.daySlots {
		if g.blend.times[i] == 0 {
			continue
		}
		heard := float64(g.before.unit)*float64(g.before.day[i]) + float64(g.blend.heard[i]) + level
		now := float64(s.unit) * float64(s.day[i])
		s.put(&s.day[i], now+p.believe(g, i, factor)*(heard-now), halfway)
		s.setDayVisits(i, s.dayVisits(i)+1)
	}
}

// reshapeWeek does the same with the curve of the week, or of the period in its place.
func (p *Params) reshapeWeek(s *Season, factor, lead float64) {
	slots, seconds, period := p.weekSlots, p.weekSlotSec, week
	if s.on&seasonCycle != 0 {
		slots, seconds = s.cycleSlots(p)
		period = s.period
	}
	old := *s
	for i := range slots {
		from := placeAt((float64(i)+0.5)*seconds+lead, period, seconds, p.span, slots)
		a, b := float64(old.unit)*float64(old.week[from.lower]), float64(old.unit)*float64(old.week[from.upper])
		s.put(&s.week[i], factor*(a+from.share*(b-a)), halfway)
		s.setWeekVisits(i, old.weekVisits(from.inside))
	}
}
