package accuracy

import (
	"flag"
	"testing"
)

var (
	changes     = flag.Int("accuracy.changes", 0, "trials per row of the tables of changes and outages; 0 leaves them out")
	firstChange = flag.Int("accuracy.first", 0, "number of the first trial of these tables, which seeds it")
)

// TestChanges prints the table of changes in docs/accuracy.md.
func TestChanges(t *testing.T) {
	if *changes == 0 {
		t.Skip("set -accuracy.changes to measure")
	}
	for _, c := range Changes {
		for _, span := range []int64{300_000, 3_600_000} {
			t.Logf("| %s, %d s | %s |", c.Name, span/1000, TryChange(c, span, *firstChange, *changes))
		}
	}
}

// TestChangesGuard: changes are followed within 24 buckets and tell no more than five
// records in nearly all series.
func TestChangesGuard(t *testing.T) {
	for _, c := range Changes {
		for _, span := range []int64{300_000, 3_600_000} {
			if r := TryChange(c, span, 0, 20); r.Both < 0.9 {
				t.Errorf("%s, %d ms: %v", c.Name, span, r)
			}
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
			t.Logf("| %s, %d s | %s |", o.Name, span/1000, TryOutage(o, span, *firstChange, *changes))
		}
	}
}

// TestOutagesGuard: most series that come back after an outage tell nothing and are
// expected as before. One hourly series in ten scores 25 on a day without any.
func TestOutagesGuard(t *testing.T) {
	for _, o := range Outages {
		if r := TryOutage(o, 3_600_000, 0, 30); r.Silent < 0.8 || r.Recovered < 0.9 || r.Kept < 0.9 {
			t.Errorf("%s: %v", o.Name, r)
		}
	}
}
