package series

import (
	"math"

	"tidemark/engine/num"
)

// Evidence of several buckets together, so that a mild deviation that lasts
// counts as much as a strong one that does not.
//
// Model: moving means of the lasting residual B over three lengths, each in units
// of its own root mean square,
//
//	w += g*(clip(B) - w)    g = 2/(length + 1)
//	C  = w / rms(w)
//
// The mean square is measured, not derived, so that what neighboring buckets have
// in common is in it. Each length has a tail of its own (tail.go); the least
// probable of the three speaks. The clip keeps one spike from standing for an
// excursion. Cost: three tails. Memory: six numbers and three tails. Source:
// exponentially weighted moving average charts, Roberts (1959).

// windowLengths are 4, 12 and 48 buckets, and as long in time as those of five
// minutes where buckets are shorter.
var windowLengths = [...]memory{{20 * minute, 4}, {hour, 12}, {4 * hour, 48}}

const (
	// windowClip, in scales, is what one bucket counts at most.
	windowClip = 4
	// leastWindow is the mean deviation, in scales, that a moving mean is measured
	// by at least: with many short buckets even a trifle would be significant.
	leastWindow = 0.1
)

// windows are the moving means and their mean squares.
type windows struct {
	mean, square [len(windowLengths)]float32
	tail         [len(windowLengths)]tail
}

func (w *windows) init() {
	for i := range w.tail {
		w.tail[i].init()
	}
}

// judgeWindows finds the length over which the last buckets together are least
// probable, and returns the logarithms of that, for events and for buckets.
func (p *Params) judgeWindows(c *Core, zB float64, v *Verdict) (logC, logBuckets float64) {
	z := num.Clamp(zB, -windowClip, windowClip)
	for i := range c.windows.mean {
		w := num.Toward(float64(c.windows.mean[i]), p.gainWindow[i], z)
		v.window[i] = float32(w)
		z := math.Abs(p.sided(w)) / max(math.Sqrt(float64(c.windows.square[i])), leastWindow)
		v.zWindow[i] = z
		if log := c.windows.tail[i].logTail(z); log < logC {
			logC, v.zC = log, z
			logBuckets = log + c.windows.tail[i].logCrowd()
		}
	}
	return logC, logBuckets
}

func (p *Params) learnWindows(c *Core, v *Verdict) {
	g := c.scaleGain(p.longScaleMemory)
	for i, w := range v.window {
		c.windows.tail[i].learn(v.zWindow[i], p.gainWindow[i]/2, c.seen)
		square := &c.windows.square[i]
		*square = float32(num.Toward(float64(*square), g, float64(w)*float64(w)))
	}
	c.windows.mean = v.window
}
