package series

import (
	"math"

	"tidemark/engine/num"
)

// chance learns how often this series shows a probability as small as one that
// the tails computed, so that what is published is a frequency of buckets: the
// tails depend on each other, and a law fitted to what is seen is off where little
// was.
//
//	S = -log p of the tails
//	P(S > s) = chanceShare * (1 + d/n)^(-n)    d = (s-threshold)/mean >= 0
//	         = chanceShare ^ (s/threshold)     below
//
// Were the tails exact, S would be exponential with mean 1. So its excesses over the
// threshold are taken to be exponential; what is known of their mean after n of them
// is a gamma belief, which makes the predicted law of the next one Pareto's. The
// threshold follows the quantile by stochastic steps. Excesses that come in a crowd
// share one vote.
// Cost: a logarithm. Memory: four numbers. Source: Aitchison and Dunsmore,
// Statistical Prediction Analysis (1975), chapter 2.
type chance struct {
	threshold float32
	mean      float32 // of the excesses
	excesses  float32 // seen, up to chanceMemory
	crowd     float32 // recent excesses, aged
}

const (
	// chanceShare of all buckets lie above the threshold.
	chanceShare  = 0.03
	chanceMemory = 1000
	// priorChances is what the belief in exact tails weighs.
	priorChances = 20
	// leastChance and leastChanceMean bound threshold and mean: where a series hardly
	// varies, S says next to nothing of what has never been.
	leastChance, leastChanceMean = 2, 0.5
	// mostChance keeps what is always improbable within 32 bits.
	mostChance = 50
	// cutChance bounds one excess, in means, so that an incident is no law.
	cutChance = 8
)

func (t *chance) init() {
	*t = chance{threshold: float32(-math.Log(chanceShare)), mean: 1}
}

// logProb is the logarithm of the frequency of s = -log p or more.
func (t *chance) logProb(s float64) float64 {
	u := float64(t.threshold)
	if s < u {
		return math.Log(chanceShare) * s / u
	}
	n := float64(t.excesses) + priorChances
	return math.Log(chanceShare) - n*math.Log1p((s-u)/(n*float64(t.mean)))
}

// learn takes one s after it was judged; crowdGain and seen are those of tail.learn.
func (t *chance) learn(s, crowdGain, seen float64) {
	u, mean := float64(t.threshold), float64(t.mean)
	crowd := float64(t.crowd) * (1 - crowdGain)
	step := -chanceShare
	if s > u {
		step++
		vote := 1 / (1 + crowd)
		crowd++
		y := min(s-u, cutChance*mean)
		mean = num.Toward(mean, vote*num.Gain(float64(t.excesses)+priorChances, chanceMemory), y)
		t.mean = float32(max(mean, leastChanceMean))
		t.excesses = float32(min(float64(t.excesses)+vote, chanceMemory))
	}
	t.crowd = float32(crowd)
	t.threshold = float32(num.Clamp(u+2*mean*step*max(0.005, 1/(seen+50)), leastChance, mostChance))
}
