package series

import (
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/engine/spec"
)

// TestCrowds: members of sixty that chance alone sets apart are hardly ever told,
// one that is far out is, by how far out the crowd makes it.
func TestCrowds(t *testing.T) {
	const buckets, weeks = 1200, (1200 - 168) / 168.0
	for _, c := range []struct {
		name  string
		fn    spec.Function
		draw  func(rng *rand.Rand, member int) float64
		odd   float64
		least float64 // score of the odd one
	}{
		{"small counts", spec.Count, func(rng *rand.Rand, _ int) float64 { return 1 + poisson(rng, 2) }, 70, 75},
		{"counts", spec.Count, func(rng *rand.Rand, _ int) float64 { return poisson(rng, 30) }, 210, 75},
		{"members of their own size", spec.Count, func(rng *rand.Rand, i int) float64 {
			return 1 + poisson(rng, 7*math.Exp(1.5*math.Sin(float64(7*i))))
		}, 1400, 25},
		{"sums", spec.Sum, func(rng *rand.Rand, _ int) float64 { return 100 * math.Exp(0.5*rng.NormFloat64()) }, 3000, 50},
		{"wide sums", spec.Sum, func(rng *rand.Rand, _ int) float64 { return 100 * math.Exp(rng.NormFloat64()) }, 20_000, 25},
		{"means", spec.Mean, func(rng *rand.Rand, _ int) float64 { return 100 + 10*rng.NormFloat64() }, 200, 75},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, rng := NewParams(c.fn, 3_600_000), noise(7)
			var m Peers
			m.Init()
			member := func(x float64) Member {
				count := 1.0
				if c.fn == spec.Count {
					count = x
				}
				return Member{Value: x, Count: count, Buckets: 1}
			}
			crowd := make([]Member, 60)
			minor, major := 0.0, 0.0
			for b := range buckets {
				for i := range crowd {
					crowd[i] = member(c.draw(rng, i))
				}
				verdicts := p.JudgePeers(&m, crowd, false)
				for _, v := range verdicts {
					if b >= 168 && v.Score >= 25 {
						minor++
					}
					if b >= 168 && v.Score >= 50 {
						major++
					}
				}
				p.LearnPeers(&m, crowd, verdicts)
			}
			if minor > weeks || major > 0.3*weeks {
				t.Errorf("%.2f scores of 25 and %.2f of 50 a week", minor/weeks, major/weeks)
			}
			crowd[0] = member(c.odd)
			if v := p.JudgePeers(&m, crowd, false)[0]; v.Score < c.least {
				t.Errorf("the odd one scores %.0f, typical %.1f", v.Score, v.Typical)
			}
		})
	}
}
