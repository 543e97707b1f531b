package series

import (
	"math"

	"tidemark/engine/num"
)

// rankTail learns how often ranking evidence as strong occurs by chance in this
// series: it turns evidence e into R = -log10 P(E >= e).
//
//	P(E >= e) = rate * (1 + others*exp(-thinning*d)) * exp(-d)    d = (e-threshold)/mean >= 0
//	          = share ^ (e/threshold)                             below
//
// rate is the share of buckets in which an event begins and share that of
// buckets above the threshold, so an event has others = share/rate - 1 more of
// them there, and fewer the higher one looks: just above the threshold buckets
// are counted, far above it events. Counting events everywhere gave every tenth
// bucket of a random walk a record.
//
// Evidence is already logarithmic, so an exponential tail fits light and heavy
// residuals alike. It learns one value per event, the event's peak, and leaves
// the spared largest ones of each period out: an exponential law is
// estimated without bias from a sample whose largest values are only known to be
// at least as large as the rest (type II censoring),
//
//	mean = (sum of learned + spared * largest learned) / number learned
//
// so rare incidents never raise the bar they are measured by, while what
// happens every day does.
type rankTail struct {
	threshold float32
	rate      float32 // events per bucket above the threshold
	mean      float32
	events    float32 // learned, up to rankMemory
	peak      float32 // of the running event, 0 if none
	still     float32 // buckets since the running event's last excess
	spared    [rankSpared]float32
	most      float32 // largest learned in this period
	passed    float32 // buckets of this period passed
}

const (
	rankSpared = 2
	rankShare  = 0.02
	// rankThinning: of 1 to 10, 1 lost scores of 25 and more on autocorrelated
	// noise, 5 and more gave 1.5 times the nominal records on white noise.
	rankThinning = 3
	rankMemory   = 500
	priorRank    = 50
	// Threshold and mean of a young tail: what white noise shows.
	rankThreshold = 1.3
	rankMean      = 0.42
)

func (t *rankTail) init() {
	*t = rankTail{threshold: rankThreshold, rate: rankShare * 0.7, mean: rankMean}
}

// rank is R of evidence e, at least 0.
func (t *rankTail) rank(e float64) float64 {
	rate, u := float64(t.rate), float64(t.threshold)
	share := max(rate, rankShare)
	if e < u {
		return -math.Log10(share) * max(0, e) / u
	}
	d := (e - u) / float64(t.mean)
	others := share/rate - 1
	return d/math.Ln10 - math.Log10(rate*(1+float64(others*math.Exp(-rankThinning*d))))
}

// learn takes the evidence of one bucket after it was judged.
func (t *rankTail) learn(e, apart, period, seen float64) {
	u := float64(t.threshold)
	step := -rankShare
	started := 0.0
	if e > u {
		step += 1
		if t.peak == 0 {
			started = 1
		}
		t.peak = max(t.peak, float32(e-u))
		t.still = 0
	} else if t.peak > 0 {
		t.still++
		if float64(t.still) >= apart {
			t.event(t.peak)
			t.peak, t.still = 0, 0
		}
	}
	t.rate = float32(max(num.Toward(float64(t.rate), num.Gain(seen+priorRank/rankShare, rankMemory/rankShare), started), 1e-4))
	t.threshold = float32(num.Clamp(u+2*float64(t.mean)*step*max(0.005, 1/(seen+50)), 0.3, 8))
	t.passed++
	if float64(t.passed) >= period {
		t.endPeriod()
	}
}

func (t *rankTail) event(peak float32) {
	for i := range t.spared {
		if peak > t.spared[i] {
			peak, t.spared[i] = t.spared[i], peak
		}
	}
	if peak == 0 {
		return
	}
	t.most = max(t.most, peak)
	g := num.Gain(float64(t.events)+priorRank, rankMemory)
	t.mean = float32(num.Toward(float64(t.mean), g, float64(peak)))
	t.events = min(t.events+1, rankMemory)
}

func (t *rankTail) endPeriod() {
	if t.most > 0 {
		g := num.Gain(float64(t.events)+priorRank, rankMemory)
		for i := range t.spared {
			t.mean += float32(g * min(float64(t.spared[i]), float64(t.most)))
		}
	}
	t.spared = [rankSpared]float32{}
	t.most, t.passed = 0, 0
}
