package accuracy

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Mild is how often a rise of one sigma for 48 buckets is found when each number is
// alarmed by at the threshold that gives one false alert a month: by record score, by
// novelty score, and by the evidence of several buckets alone.
type Mild struct {
	Thresholds, Found [3]float64
}

// String is a row of the table in docs/accuracy.md.
func (m Mild) String() string {
	return fmt.Sprintf("found %.2f, %.2f, %.2f at %.1f, %.1f, %.2f", m.Found[0], m.Found[1], m.Found[2], m.Thresholds[0], m.Thresholds[1], m.Thresholds[2])
}

// TryMild runs trials series with a daily pattern and noise, four weeks to learn,
// four to count false alerts, and then the rise. Alerts less than an hour apart are
// one.
func TryMild(trials int) (m Mild) {
	const perDay, quiet, lasts, apart = 288, 28 * 288, 48, 12
	params := series.NewParams(spec.Mean, 300_000)
	var peaks [3][]float64 // of each false event
	most := make([][3]float64, trials)
	for trial := range trials {
		rng := rand.New(rand.NewPCG(uint64(trial), 12))
		r := newRunner(params)
		begin := 2*quiet + rng.IntN(perDay)
		var events [3]eventPeaks
		for i := range begin + lasts {
			value := daily(float64(i%perDay)/perDay) + sigma*rng.NormFloat64()
			if i >= begin {
				value += sigma
			}
			v := r.next(value, 4*86_400_000+int64(i)*300_000)
			for k, x := range [3]float64{v.Evidence, v.NoveltyScore, v.Several()} {
				switch {
				case i >= begin:
					most[trial][k] = max(most[trial][k], x)
				case i >= quiet && i < 2*quiet:
					events[k].next(x, apart)
				}
			}
		}
		for k := range events {
			peaks[k] = append(peaks[k], events[k].peaks...)
		}
	}
	for k := range peaks {
		slices.Sort(peaks[k])
		// One a month of 30 days in the 28 days of each series.
		alerts := min(trials*28/30, len(peaks[k])-1)
		m.Thresholds[k] = peaks[k][len(peaks[k])-1-alerts]
		for trial := range most {
			if most[trial][k] > m.Thresholds[k] {
				m.Found[k] += 1 / float64(trials)
			}
		}
	}
	return m
}

// eventPeaks are the largest values of stretches, each the largest within apart
// buckets on either side.
type eventPeaks struct {
	peaks []float64
	last  int // buckets since the last peak
}

func (e *eventPeaks) next(x float64, apart int) {
	e.last++
	n := len(e.peaks)
	switch {
	case n == 0 || e.last >= apart:
		e.peaks = append(e.peaks, x)
		e.last = 0
	case x > e.peaks[n-1]:
		e.peaks[n-1] = x
		e.last = 0
	}
}
