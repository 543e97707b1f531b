package score

import "math"

// Joint is what several measures of one thing show together, such as the metrics of
// a server.
//
//	strength = (sum of strength^4)^(1/4) - log10(parts)
//
// Such measures depend on each other in ways nobody has told, so neither adding
// logarithms, which takes them for independent, nor the largest alone is right; a
// norm lies between. The more parts, the more often one of them stands out by chance.
// Ranked among what each series has shown before, the evidence of
// the liveliest metrics would hide what many show at once, so it is taken as it is.
// Cost: a multiplication a part. Memory: two numbers. Source: the generalized mean;
// docs/design/0022.
type Joint struct {
	fourths float64
	parts   int
}

// Add takes the strength of one part, in powers of ten, at least 0.
func (j *Joint) Add(strength float64) {
	square := strength * strength
	j.fourths += square * square
	j.parts++
}

// Parts is how many were added.
func (j *Joint) Parts() int { return j.parts }

// Strength is that of all parts together, in powers of ten.
func (j *Joint) Strength() float64 {
	if j.parts == 0 {
		return 0
	}
	return math.Max(0, math.Sqrt(math.Sqrt(j.fourths))-math.Log10(float64(j.parts)))
}
