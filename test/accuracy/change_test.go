package accuracy

import (
	"flag"
	"testing"
)

var changes = flag.Int("accuracy.changes", 0, "trials per row of the table of changes; 0 leaves it out")

// TestChanges prints the table of changes in docs/accuracy.md.
func TestChanges(t *testing.T) {
	if *changes == 0 {
		t.Skip("set -accuracy.changes to measure")
	}
	for _, c := range Changes {
		for _, span := range []int64{300_000, 3_600_000} {
			t.Logf("| %s, %d s | %s |", c.Name, span/1000, TryChange(c, span, *changes))
		}
	}
}

// TestChangesGuard: most changes are followed within 24 buckets; level shifts tell no
// more than five records.
func TestChangesGuard(t *testing.T) {
	for _, c := range []struct {
		change           Change
		spanMs           int64
		recovered, quiet float64
	}{
		{Changes[0], 300_000, 0.85, 0.75},
		{Changes[1], 3_600_000, 0.8, 0.8},
		{Changes[2], 3_600_000, 0.85, 0.85},
	} {
		if r := TryChange(c.change, c.spanMs, 20); r.Recovered < c.recovered || r.Quiet < c.quiet {
			t.Errorf("%s, %d ms: %v", c.change.Name, c.spanMs, r)
		}
	}
}

// TestOutages prints the table of outages in docs/accuracy.md.
func TestOutages(t *testing.T) {
	if *changes == 0 {
		t.Skip("set -accuracy.changes to measure")
	}
	for _, o := range Outages {
		for _, span := range []int64{300_000, 3_600_000} {
			t.Logf("| %s, %d s | %s |", o.Name, span/1000, TryOutage(o, span, *changes))
		}
	}
}

// TestOutagesGuard: most series that come back after an outage tell nothing and are
// expected as before. One hourly series in ten scores 25 on a day without any.
func TestOutagesGuard(t *testing.T) {
	for _, o := range Outages {
		if r := TryOutage(o, 3_600_000, 30); r.Silent < 0.8 || r.Recovered < 0.9 || r.Kept < 0.9 {
			t.Errorf("%s: %v", o.Name, r)
		}
	}
}
