package accuracy

import (
	"flag"
	"testing"
)

// The measurement of noise in docs/accuracy.md runs only when asked for.
var (
	noise    = flag.Int("accuracy.noise", 0, "weeks of every kind of noise to measure, more than 4; 0: skip")
	seeds    = flag.Int("accuracy.seeds", 6, "series of every kind of noise")
	trials   = flag.Int("accuracy.trials", 0, "series of every kind of trouble; 0: skip")
	seasons  = flag.Int("accuracy.seasons", 0, "series of every kind of season; 0: skip")
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

// TestNoise measures how much is reported where nothing happens.
func TestNoise(t *testing.T) {
	if *noise <= 4 {
		t.Skip("needs -accuracy.noise above 4")
	}
	t.Log("kind | records | 25+ | 50+ a week | 75+ a year | novelty 50+ a week | p < 1e-3 | 1e-4 | 1e-5")
	for _, kind := range Noises {
		t.Logf("%s | %v", kind.Name, Measure(kind, *spanSecs*1000, *noise, *seeds))
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
