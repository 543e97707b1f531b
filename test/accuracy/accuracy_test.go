package accuracy

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"tidemark/engine/spec"
)

// The measurement of noise in docs/accuracy.md runs only when asked for.
var (
	noise    = flag.Int("accuracy.noise", 0, "weeks of every kind of noise to measure, more than 4; 0: skip")
	kinds    = flag.String("accuracy.kind", "", "only the kinds of noise whose name has this in it")
	seeds    = flag.Int("accuracy.seeds", 6, "series of every kind of noise")
	trials   = flag.Int("accuracy.trials", 0, "series of every kind of trouble; 0: skip")
	calendar = flag.Int("accuracy.calendar", 0, "series of every kind of days of the month; 0: skip")
	seasons  = flag.Int("accuracy.seasons", 0, "series of every kind of season; 0: skip")
	fresh    = flag.Int("accuracy.fresh", 0, "weeks of every kind of new values, more than 4; 0: skip")
	spanSecs = flag.Int64("accuracy.span", 300, "bucket span of the noise in seconds")
)

// TestPower measures how often and how fast troubles are found.
func TestPower(t *testing.T) {
	if *trials == 0 {
		t.Skip("needs -accuracy.trials")
	}
	t.Log("trouble | record 50+ | novelty 50+ | either | delay | records 25+")
	for _, trouble := range Troubles {
		t.Logf("%s | %v", trouble.Name, TryTrouble(trouble, *trials))
	}
}

// TestPowerGuard: what lasts and grows is told, not only its first signs.
func TestPowerGuard(t *testing.T) {
	for _, trouble := range Troubles {
		switch trouble.Name {
		case "peak missing for a day", "ramp of 10 sigma over a day", "2 sigma higher for a day":
			if p := TryTrouble(trouble, 20); p.Record < 0.8 || p.Records > 8 {
				t.Errorf("%s: %v", trouble.Name, p)
			}
		}
	}
}

// TestMild measures how a mild rise is found at one false alert a month.
func TestMild(t *testing.T) {
	if *trials == 0 {
		t.Skip("needs -accuracy.trials")
	}
	t.Logf("1 sigma for 48 buckets, by record score, novelty score, several buckets: %v", TryMild(*trials))
}

// TestNoise measures how much is reported where nothing happens.
func TestNoise(t *testing.T) {
	if *noise <= warmWeeks {
		t.Skip("needs -accuracy.noise above 4")
	}
	t.Log("kind | records | 25+ | 50+ a week | 75+ a year | novelty 50+ a week | p < 1e-3 | 1e-4 | 1e-5 | by series: p < 1e-3 | 1e-4 | 1e-5 | first weeks: 25+ a week | p < 1e-3 | 1e-4")
	for _, kind := range Noises {
		if strings.Contains(kind.Name, *kinds) {
			t.Logf("%s | %v", kind.Name, MeasureNoise(kind, *spanSecs*1000, *noise, *seeds))
		}
	}
}

// TestNoiseGuard keeps small probabilities about as frequent as they say, on few
// series of each kind. They are rarer where values have a short range, and where the
// first weekends, which nobody expected, have widened the tails for months.
func TestNoiseGuard(t *testing.T) {
	for _, kind := range Noises {
		q := MeasureNoise(kind, 300_000, 10, 2)
		free := kind.Function == spec.Mean && kind.Name != "random walk" && kind.Name != "weekday pattern"
		if p := q.Steady.P; p[0] > 2 || p[1] > 4 || free && p[0] < 0.2 {
			t.Errorf("%s: probabilities below 1e-3 and 1e-4 occur %.2f and %.2f times as often as they say", kind.Name, p[0], p[1])
		}
	}
}

// TestSeasonsGuard keeps a change from spoiling what TestSeasons measures, on few
// series of each kind.
func TestSeasonsGuard(t *testing.T) {
	const trials = 12
	for _, kind := range SeasonTrials {
		if r := TrySeason(kind, trials); r.Recall < 0.85 || r.Clean < 0.85 {
			t.Errorf("%s: recall, precision and share without false seasons %v", kind.Name, r)
		}
	}
}

// TestCalendarGuard does the same for days of the month.
func TestCalendarGuard(t *testing.T) {
	const trials = 12
	for _, kind := range CalendarTrials {
		if kind.SpanMs != dayMs && kind.On == nil {
			continue
		}
		r := TryCalendar(kind, trials)
		if kind.On != nil && (r.After[2] < 0.5 || r.Known > 10) || r.Clean < 0.8 {
			t.Errorf("%s: %v", kind.Name, r)
		}
	}
}

// TestSeasons measures which seasons are found, and where there are none.
func TestSeasons(t *testing.T) {
	if *seasons == 0 {
		t.Skip("needs -accuracy.seasons")
	}
	t.Log("kind | recall | precision | clean")
	for _, kind := range SeasonTrials {
		t.Logf("%s | %v", kind.Name, TrySeason(kind, *seasons))
	}
}

// TestCalendar measures which days of the month are found, where there are none, and
// what becomes of their scores.
func TestCalendar(t *testing.T) {
	if *calendar == 0 {
		t.Skip("needs -accuracy.calendar")
	}
	t.Log("kind | known after 3, 4, 6 | clean | first two | once known | missing | elsewhere")
	for _, kind := range CalendarTrials {
		t.Logf("%s | %v", kind.Name, TryCalendar(kind, *calendar))
	}
}

// TestFresh measures how values score that were never there before.
func TestFresh(t *testing.T) {
	if *fresh <= warmWeeks {
		t.Skip("needs -accuracy.fresh above 4")
	}
	for _, minutes := range []int64{5, 15, 60, 1440} {
		t.Logf("buckets of %d minutes | first weeks: 25+ a week | 50+ | 25+ a week | 50+ | 75+", minutes)
		for _, kind := range FreshKinds {
			t.Logf("%s | %v", kind.Name, MeasureFresh(kind, minutes*60_000, *fresh, *seeds))
		}
		t.Log("score of one after a week | two | four | eight weeks without, after no, one, five days of discovery")
		for _, days := range []float64{0, 1, 5} {
			row := ""
			for _, weeks := range []float64{1, 2, 4, 8} {
				row += fmt.Sprintf("%.0f ", FreshAfter(minutes*60_000, 24*days, 168*weeks, 20))
			}
			t.Logf("%.0f days: %s", days, row)
		}
	}
}
