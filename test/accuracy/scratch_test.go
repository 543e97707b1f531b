package accuracy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"testing"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

func TestScratchTop(t *testing.T) {
	f := os.Getenv("TOP")
	if f == "" {
		t.Skip()
	}
	rows, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	Score(rows, spec.Function(os.Getenv("FN")))
	idx := make([]int, len(rows))
	for i := range idx {
		idx[i] = i
	}
	sort.Slice(idx, func(a, b int) bool { return rows[idx[a]].Verdict.Evidence > rows[idx[b]].Verdict.Evidence })
	for _, i := range idx[:25] {
		v := rows[i].Verdict
		fmt.Printf("%s R %.2f score %.1f nov %.1f p %.1f act %.0f typ %.0f  %s\n", rows[i].Stamp, v.Evidence, v.Score, v.NoveltyScore, v.LogProb/math.Ln10, v.Actual, v.Typical, v.Debug())
	}
}

func TestScratchNull(t *testing.T) {
	if os.Getenv("NULL") == "" {
		t.Skip()
	}
	const weeks = 26
	spanS := 300.0
	n := int(weeks * 7 * 86400 / spanS)
	kinds := []struct {
		name string
		fn   spec.Function
		gen  func(r *rand.Rand, i int, st *float64) float64
	}{
		{"gauss", spec.Mean, func(r *rand.Rand, i int, st *float64) float64 { return 50 + r.NormFloat64() }},
		{"t3", spec.Mean, func(r *rand.Rand, i int, st *float64) float64 { return 50 + t3(r) }},
		{"lognormal", spec.Mean, func(r *rand.Rand, i int, st *float64) float64 { return math.Exp(r.NormFloat64()) }},
		{"sine", spec.Mean, func(r *rand.Rand, i int, st *float64) float64 {
			return 100 + 30*math.Sin(float64(i)*spanS/86400*2*math.Pi) + 3*r.NormFloat64()
		}},
		{"ar.9", spec.Mean, func(r *rand.Rand, i int, st *float64) float64 { *st = .9**st + r.NormFloat64(); return *st }},
		{"walk", spec.Mean, func(r *rand.Rand, i int, st *float64) float64 { *st += r.NormFloat64(); return *st }},
		{"poi2", spec.Count, func(r *rand.Rand, i int, st *float64) float64 { return poisson(r, 2) }},
		{"poi.05", spec.Count, func(r *rand.Rand, i int, st *float64) float64 { return poisson(r, .05) }},
		{"poi.005", spec.Count, func(r *rand.Rand, i int, st *float64) float64 { return poisson(r, .005) }},
		{"poi30", spec.Count, func(r *rand.Rand, i int, st *float64) float64 { return poisson(r, 30) }},
		{"diurnalPoi", spec.Count, func(r *rand.Rand, i int, st *float64) float64 {
			m := 100 * (1 - .995*math.Cos(float64(i)*spanS/86400*2*math.Pi))
			return poisson(r, m)
		}},
		{"nb r1 m5", spec.Count, func(r *rand.Rand, i int, st *float64) float64 { return poisson(r, 5*r.ExpFloat64()) }},
		{"weekday", spec.Mean, func(r *rand.Rand, i int, st *float64) float64 {
			b := 100.0
			if int(float64(i)*spanS/86400)%7 >= 5 {
				b = 40
			}
			return b + 20*math.Sin(float64(i)*spanS/86400*2*math.Pi) + 3*r.NormFloat64()
		}},
	}
	for _, k := range kinds {
		var c25, c50, c75, p3, p4, p5, nv, total, rep float64
		evs := []float64{}
		for seed := uint64(1); seed <= 6; seed++ {
			r := rand.New(rand.NewPCG(seed, 7))
			p := series.NewParams(k.fn, int64(spanS*1000))
			var c series.Core
			var s *series.Season
			c.Init(p)
			st := 0.0
			e25, e50, e75 := -100, -100, -100
			for i := 0; i < n; i++ {
				x := series.Sample{Value: k.gen(r, i, &st), Count: 1, StartMs: int64(float64(i) * spanS * 1000)}
				v := p.Judge(&c, s, x)
				p.Learn(&c, s, x, &v)
				if s == nil && p.WantsSeason(&c) {
					s = new(series.Season)
				}
				if i < n/13*2 {
					continue
				}
				total++
				if v.Score >= 25 && i-e25 > 0 {
					c25++
					e25 = i
				}
				if v.Score >= 50 && i-e50 > 0 {
					c50++
					e50 = i
				}
				if v.Score >= 75 && i-e75 > 0 {
					c75++
					e75 = i
				}
				if v.NoveltyScore >= 50 {
					nv++
				}
				if v.Reportable() { rep++ }
				lp := v.LogProb / math.Ln10
				if lp < -3 {
					p3++
				}
				if lp < -4 {
					p4++
				}
				if lp < -5 {
					p5++
				}
				evs = append(evs, v.Evidence)
			}
		}
		wk := total / 2016
		fmt.Printf("%-10s per week 25: %.2f 50: %.3f  75/yr: %.2f  nov50/wk %.2f rep/wk %.1f | p ratio 1e-3 %.2f 1e-4 %.2f 1e-5 %.2f\n", k.name, c25/wk, c50/wk, c75/wk*52, nv/wk, rep/wk, p3/total*1e3, p4/total*1e4, p5/total*1e5)
	}
}

func t3(r *rand.Rand) float64 {
	z := r.NormFloat64()
	a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
	return z / math.Sqrt((a*a+b*b+c*c)/3)
}

func poisson(r *rand.Rand, m float64) float64 {
	k, s := 0.0, r.ExpFloat64()
	for s < m {
		k++
		s += r.ExpFloat64()
	}
	return k
}

func TestScratchNYC(t *testing.T) {
	if os.Getenv("NYC") == "" {
		t.Skip()
	}
	rows, err := Load("/work/shared/data/nab/data/realKnownCause/nyc_taxi.csv")
	if err != nil {
		t.Fatal(err)
	}
	Score(rows, spec.Function(envs("FN", "sum")))
	idx := make([]int, len(rows))
	for i := range idx {
		idx[i] = i
	}
	sort.Slice(idx, func(a, b int) bool { return rows[idx[a]].Verdict.Evidence > rows[idx[b]].Verdict.Evidence })
	for i, j := range idx[:12] {
		v := rows[j].Verdict
		fmt.Printf("%d %s R %.2f nov %.0f act %.0f typ %.0f  %s\n", i, rows[j].Stamp, v.Evidence, v.NoveltyScore, v.Actual, v.Typical, v.Debug())
	}
	for _, d := range []string{"2014-07-04", "2014-09-01", "2014-11-02", "2014-11-27", "2014-12-25", "2014-12-26", "2015-01-01", "2015-01-26", "2015-01-27"} {
		for r, j := range idx {
			if rows[j].Stamp[:10] == d {
				v := rows[j].Verdict
				fmt.Printf("%s rank %d %s R %.2f nov %.0f act %.0f typ %.0f  %s\n", d, r, rows[j].Stamp, v.Evidence, v.NoveltyScore, v.Actual, v.Typical, v.Debug())
				break
			}
		}
	}
}

func TestScratchDay(t *testing.T) {
	d := os.Getenv("DAY")
	if d == "" {
		t.Skip()
	}
	rows, _ := Load("/work/shared/data/nab/data/realKnownCause/nyc_taxi.csv")
	Score(rows, spec.Function(envs("FN", "sum")))
	for i := range rows {
		if rows[i].Stamp[:10] == d {
			v := rows[i].Verdict
			fmt.Printf("%s R %.2f nov %.0f act %.0f typ %.0f  %s\n", rows[i].Stamp, v.Evidence, v.NoveltyScore, v.Actual, v.Typical, v.Debug())
		}
	}
}

func envs(k, d string) string {
	if v := os.Getenv(k); v != "" {
		return v
	}
	return d
}
