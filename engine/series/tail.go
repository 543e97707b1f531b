package series

import (
	"math"

	"tidemark/engine/dist"
	"tidemark/engine/num"
)

// tail learns how often, and how far, a non-negative statistic z exceeds what
// is usual, so that a z can be turned into a frequency.
//
//	P(Z > z) = rate * (1 + shape*y/scale)^(-1/shape)   y = z - threshold >= 0
//	         = rate ^ (z/threshold)²                    below the threshold
//
// The threshold follows the (1-tailShare) quantile by stochastic steps, the
// rate counts the buckets above it, and a generalized Pareto law is fitted to
// the excesses by their first two moments, with a prior worth priorExcesses.
// Excesses that come in a crowd are one event and share one vote.
type tail struct {
	threshold float32
	rate      float32
	mean      float32 // of the excesses
	square    float32 // mean square of the excesses
	excesses  float32 // seen, up to tailMemory
	crowd     float32 // recent excesses, aged
}

const (
	// tailShare of all buckets lie above the threshold.
	tailShare = 0.03
	// tailMemory is how many excesses the fit remembers. A fifth of it cost 2
	// points of recall on web KPIs.
	tailMemory = 1000
	// Threshold, rate and mean excess of |z| for a normal z.
	normalThreshold = 2.17
	normalExcess    = 0.39
	// priorExcesses and priorShape keep a young fit near a slightly heavy tail.
	priorExcesses = 20
	priorShape    = 0.1
	minShape      = -0.1
	maxShape      = 0.7
	// cutExcess bounds one excess in the fit, in mean excesses.
	cutExcess = 20
	// mostExcess bounds it absolutely, so that squares fit into 32 bits when
	// next to nothing is the scale of something huge.
	mostExcess = 1e15
)

func (t *tail) init() {
	*t = tail{
		threshold: normalThreshold,
		rate:      tailShare,
		mean:      normalExcess,
		square:    2 * normalExcess * normalExcess,
	}
}

// shapeAndScale fits the Pareto law to the moments:
// shape = (1 - mean²/variance)/2, scale = mean*(1-shape).
func (t *tail) shapeAndScale() (shape, scale float64) {
	mean := max(float64(t.mean), 1e-6)
	variance := max(float64(t.square)-mean*mean, 1e-3*mean*mean)
	n := float64(t.excesses)
	shape = (n*(1-mean*mean/variance)/2 + priorExcesses*priorShape) / (n + priorExcesses)
	shape = num.Clamp(shape, minShape, maxShape)
	return shape, mean * (1 - shape)
}

// logTail is log P(Z > z), natural logarithm.
func (t *tail) logTail(z float64) float64 {
	logRate := math.Log(float64(t.rate))
	u := float64(t.threshold)
	if z < u {
		r := z / u
		return logRate * r * r
	}
	shape, scale := t.shapeAndScale()
	return logRate + dist.ParetoLogTail(z-u, scale, shape)
}

// logCrowd is the logarithm of how many excesses an event has: what is left to
// turn the frequency of events into that of buckets.
func (t *tail) logCrowd() float64 {
	return max(0, math.Log(tailShare/float64(t.rate)))
}

// learn takes one z after it was judged. crowdGain is one over the number of
// buckets that excesses must lie apart to be events of their own; seen is the
// number of buckets before this one.
func (t *tail) learn(z, crowdGain, seen float64) {
	crowd := float64(t.crowd) * (1 - crowdGain)
	vote := 1 / (1 + crowd)
	if z > float64(t.threshold) {
		crowd++
	}
	t.crowd = float32(crowd)
	t.learnVote(z, vote, seen)
}

// learnVote takes one z that has a vote of this weight if it is an excess.
func (t *tail) learnVote(z, vote, seen float64) {
	u, mean := float64(t.threshold), max(float64(t.mean), 1e-6)
	step := -tailShare
	if z <= u {
		vote = 0
	} else {
		step += 1
		y := min(z-u, cutExcess*mean, mostExcess)
		g := vote * num.Gain(float64(t.excesses)+priorExcesses, tailMemory)
		t.mean = float32(num.Toward(float64(t.mean), g, y))
		t.square = float32(num.Toward(float64(t.square), g, y*y))
		t.excesses = float32(min(float64(t.excesses)+vote, tailMemory))
	}
	g := num.Gain(seen+50, tailMemory/tailShare)
	t.rate = float32(max(num.Toward(float64(t.rate), g, vote), 1e-5))
	t.threshold = float32(num.Clamp(u+2*mean*step*max(0.02, 1/(seen+1)), 0.05, 1e6))
}
