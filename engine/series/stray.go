package series

import "math"

// Values that stray for a bucket or a few and come back.
//
// Model: experts that follow the last value stand at an outlier one bucket later,
// so that its end looks as surprising as its beginning, and what the curves then
// learn is the outlier's echo. While no more than strayLongest buckets in a row
// are away from where the last usual value led, that prediction is kept beside
// the one that followed, and the one nearer to the value holds:
//
//	home = short - stray    stray = deviation of the last value from home
//
// Cost: a comparison a bucket. Memory: two numbers. Source: docs/design/0020.

// strayLongest is for how many buckets in a row the way back is kept open; what
// lasts longer is followed, see shiftSoon. Of 1 to 3 all ranked alike, and 3 leaves
// the fewest echoes.
const strayLongest = 3

// strayAfter is how many buckets must have been learned before values can stray.
const strayAfter = 8

// stray is what the last values were away from where they should have been.
type stray struct {
	by   float32
	long uint8 // buckets in a row, 0 if the last value was at home
}

// follows reports whether an expert follows the last value whole.
func follows(expert int) bool {
	return expert == expLast || expert == expDayLast || expert == expWeekLast
}

// homeOf is where a value should be if those before only strayed; ok reports whether
// they did and the short prediction followed them. While it is weighed what has
// changed, that is where it would have been before.
func (c *Core) homeOf(v *Verdict) (home float64, ok bool) {
	switch {
	case c.stray.long == 0:
		return 0, false
	case follows(v.expert):
		return v.short - float64(c.stray.by), true
	}
	return v.long, v.weighed
}

// comesHome replaces the short prediction by the one that did not follow the last
// values away, if x is nearer to it.
func (c *Core) comesHome(x float64, v *Verdict) {
	if home, ok := c.homeOf(v); ok && math.Abs(x-home) < math.Abs(x-v.short) {
		v.short = home
		v.home = true
	}
}

// learnStray follows values away from home. v.short is still what was predicted.
func (p *Params) learnStray(c *Core, value float64, v *Verdict) {
	e := value - v.short
	if home, ok := c.homeOf(v); ok && !v.home {
		e = value - home
	}
	switch away := math.Abs(e) > clipAt*v.sigma; {
	case c.seen < strayAfter || away && c.stray.long == strayLongest:
		c.stray = stray{}
		return
	case !away:
		p.leaveOut(c)
		c.stray = stray{}
		return
	}
	c.stray.by = float32(e)
	c.stray.long++
}

// leaveOut takes an excursion that has just ended out of the moving means of several
// buckets: it has been told, and what follows is not to be blamed for it.
func (p *Params) leaveOut(c *Core) {
	if c.stray.long == 0 {
		return
	}
	for i := range c.windows.mean {
		g := p.gainWindow[i]
		part := windowClip * (1 - g) * (1 - math.Pow(1-g, float64(c.stray.long)))
		w := float64(c.windows.mean[i])
		if w*float64(c.stray.by) > 0 {
			c.windows.mean[i] = float32(math.Copysign(max(0, math.Abs(w)-part), w))
		}
	}
}
