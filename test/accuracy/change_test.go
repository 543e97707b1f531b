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

// TestChangesGuard: most level shifts are followed within 24 buckets, and tell no
// more than five records.
func TestChangesGuard(t *testing.T) {
	r := TryChange(Changes[0], 300_000, 20)
	if r.Recovered < 0.85 || r.Quiet < 0.75 {
		t.Errorf("level shifts: %v", r)
	}
}
