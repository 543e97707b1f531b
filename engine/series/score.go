package series

import (
	"math"

	"tidemark/engine/num"
)

// scoreKnots map R = -log10 of a frequency to a score. On a null series of
// 5-minute buckets R 3 occurs twice a week, 4 once in five weeks, 5 about once
// a year; shorter buckets see proportionally more, longer ones fewer.
var scoreKnots = []num.Knot{
	{X: 1.3, Y: 0}, {X: 2, Y: 5}, {X: 3, Y: 25}, {X: 4, Y: 50}, {X: 5, Y: 75},
	{X: 7, Y: 90}, {X: 10, Y: 97}, {X: 30, Y: 99}, {X: 300, Y: 100},
}

// Scarce is evidence, the frequency of a bucket in powers of ten, as a frequency
// in time: of buckets longer than usualSpan fewer go by in a week. What is common
// stays so.
func Scarce(evidence float64, spanMs int64) float64 {
	return scarcer(evidence, math.Log10(max(1, float64(spanMs)/1000/usualSpan)))
}

// scarcer is evidence of buckets that are so many powers of ten rarer in time.
func scarcer(evidence, rarer float64) float64 { return evidence + rarer*min(1, evidence/2) }

// Score is the score, 0 to 100, of something as rare as 10^-r.
func Score(r float64) float64 { return num.Interpolate(scoreKnots, r) }
