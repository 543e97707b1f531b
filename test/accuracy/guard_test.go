package accuracy

import (
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// TestGuard keeps a change from spoiling detection unnoticed: on seeded series
// with a daily and a weekly pattern, spikes and dips of eight sigma are found
// and little else is. docs/accuracy.md has the real measurements.
func TestGuard(t *testing.T) {
	const weeks, perDay = 8, 288
	found, planted, false25 := 0, 0, 0
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 1))
		type row struct {
			value   float64
			verdict series.Verdict
		}
		rows := make([]row, weeks*7*perDay)
		r := newRunner(series.NewParams(spec.Mean, 300_000))
		odd := map[int]bool{}
		for i := range rows {
			day := float64(i%perDay) / perDay * 2 * math.Pi
			level := 100 + 30*math.Sin(day)
			if i/perDay%7 >= 5 {
				level *= 0.8
			}
			rows[i].value = level + 3*rng.NormFloat64()
			if i > 3*7*perDay && i%1511 == 700 {
				odd[i] = true
				rows[i].value += 24 * float64(1-2*(i%2))
			}
			rows[i].verdict = r.next(rows[i].value, 1_700_438_400_000+int64(i)*300_000)
		}
		quiet := 0
		for i := range rows {
			loud := rows[i].verdict.Score >= 25
			switch {
			case odd[i]:
				planted++
				if loud {
					found++
				}
				quiet = i + 12
			case loud && i > 3*7*perDay && i > quiet:
				false25++
			}
		}
	}
	if found*10 < planted*9 {
		t.Errorf("%d of %d planted anomalies score 25 or more", found, planted)
	}
	if limit := 6 * 5 * 8; false25 > limit {
		t.Errorf("%d other scores of 25 and more in 30 series-weeks, at most %d are usual", false25, limit)
	}
	t.Logf("%d of %d found, %d others", found, planted, false25)
}

// TestFreshGuard keeps new values where they are no news from scoring more often
// than scores say, 25 twice a week and 50 in one of five weeks, and those after a
// quiet time from scoring less; whatever the bucket span, and however many new
// values came before that time.
func TestFreshGuard(t *testing.T) {
	for _, minutes := range []int64{15, 60, 1440} {
		for _, kind := range FreshKinds {
			f := MeasureFresh(kind, minutes*60_000, 44, 4)
			if f.Warm[0] > 2.2 || f.Steady[0] > 2 || f.Steady[1] > 0.25 || f.Steady[2] > 0.02 {
				t.Errorf("%s, %d minutes: scores of 25 in the first weeks, and 25, 50, 75 and more after them: %v", kind.Name, minutes, f)
			}
		}
		for _, c := range []struct{ discovery, weeks, least float64 }{{0, 1, 39}, {5, 1, 39}, {5, 4, 54}, {5, 8, 62}} {
			if minutes == 1440 && c.weeks < 8 {
				continue // Daily buckets are told of after 44.
			}
			if score := FreshAfter(minutes*60_000, 24*c.discovery, 168*c.weeks, 4); score < c.least {
				t.Errorf("a new value after %g days of discovery and %g weeks scores %.0f in buckets of %d minutes", c.discovery, c.weeks, score, minutes)
			}
		}
	}
}
