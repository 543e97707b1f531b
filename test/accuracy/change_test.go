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
