package score

import (
	"math"

	"tidemark/engine/codec"
	"tidemark/engine/dist"
	"tidemark/engine/num"
)

// Agreement learns how often the series of a job stand out together by chance.
// Series of one system are not independent: they share users, releases and what a
// model that is still learning has not seen yet. Taken as independent, sixty quiet
// hosts had a bucket of 75 and more every other day, instead of one in eleven
// years.
//
//	S = -log of the probability of several small ones among independent series
//	P(S > s) = agreementShare * (1 + d/(n*mean))^(-n)    d = s - threshold >= 0
//
// The excesses over a threshold that follows the quantile are taken to be
// exponential; what is known of their mean after n of them is a gamma belief, which
// makes the law of the next one Pareto's. The belief begins with excesses that are
// wider than those of independent series, so that a job must have shown how quiet it
// is. The law only ever lowers evidence. One event has one vote, and an incident is cut
// so that it is no law.
// Cost: a logarithm a bucket. Memory: five numbers a job. Source: Aitchison and
// Dunsmore, Statistical Prediction Analysis (1975), chapter 2; docs/design/0026.
type Agreement struct {
	threshold, mean, excesses, crowd, seen float64
}

const (
	agreementShare  = 0.03
	agreementMemory = 1000
	// priorAgreements excesses of a mean of priorAgreement are what the belief
	// begins with. Independent series have a mean of 1.
	priorAgreements, priorAgreement = 10, 6
	// leastAgreement bounds the mean: what never agrees tells nothing about how far
	// it would.
	leastAgreement = 1
	// cutAgreement bounds one excess, in means.
	cutAgreement = 8
	// mostAgreement bounds the threshold, so that series which always stand out
	// together do not carry it away.
	mostAgreement = 300
	// agreementCrowd is within how many buckets excesses are one event.
	agreementCrowd = 5
)

// NewAgreement is that of a job which has seen nothing.
func NewAgreement() Agreement {
	return Agreement{threshold: -math.Log(agreementShare), mean: priorAgreement}
}

// Bound is the least logarithm that the probability of Together may have.
func (a *Agreement) Bound(together float64) (logProb float64) {
	return math.Log(agreementShare) + dist.ParetoLogTail(-together-a.threshold, a.mean, 1/(a.excesses+priorAgreements))
}

// Learn takes a bucket's Together after it was judged.
func (a *Agreement) Learn(together float64) {
	s := -together
	a.crowd -= a.crowd / agreementCrowd
	step := -agreementShare
	if s > a.threshold {
		step++
		vote := 1 / (1 + a.crowd)
		a.crowd++
		g := vote * num.Gain(a.excesses+priorAgreements, agreementMemory)
		a.mean = math.Max(leastAgreement, num.Toward(a.mean, g, math.Min(s-a.threshold, cutAgreement*a.mean)))
		a.excesses = math.Min(a.excesses+vote, agreementMemory)
	}
	a.seen++
	a.threshold = num.Clamp(a.threshold+2*a.mean*step*math.Max(0.005, 1/(a.seen+50)), -math.Log(agreementShare), mostAgreement)
}

// Append adds the encoding of a to dst.
func (a *Agreement) Append(dst []byte) []byte {
	for _, x := range [...]float64{a.threshold, a.mean, a.excesses, a.crowd, a.seen} {
		dst = codec.AppendFloat(dst, x)
	}
	return dst
}

// Decode reads a; it returns false for what no job can have learned.
func (a *Agreement) Decode(r *codec.Reader) bool {
	for _, x := range [...]*float64{&a.threshold, &a.mean, &a.excesses, &a.crowd, &a.seen} {
		*x = r.Float()
		if !(*x >= 0 && *x <= math.MaxInt64) {
			return false
		}
	}
	return a.mean >= leastAgreement && a.threshold <= mostAgreement
}
