package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidemark/test/process"
)

// move replaces the database files of one name in a data directory by those of
// another directory, as if the machine had lost what was written since.
func move(t *testing.T, from, to, name string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(to, name+suffix)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(from, name+suffix))
		if os.IsNotExist(err) || suffix == "-shm" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name+suffix), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPowerLoss: result commits are not synced, so a power cut may take those
// since the last sync along. They are computed again from the log, bit for bit.
// A log that is older than the results is damage, and is named.
func TestPowerLoss(t *testing.T) {
	loads := workloads(40)[:1]
	w := loads[0]
	// Without snapshots nothing syncs main.db between the two halves.
	s := process.New(t, *binary, "--snapshot-work", "1000000000")
	s.Start()
	prepare(s, w)
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if _, err := s.PostUntilTaken(w.job, keyOf(w, i), w.uploads[i], nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := len(w.uploads) / 2
	send(0, half)
	s.Kill()
	early := filepath.Join(t.TempDir(), "early")
	copyDir(t, s.Dir, early)
	s.Start()
	send(half, len(w.uploads))
	want := collect(s, loads)
	s.Kill()
	late := filepath.Join(t.TempDir(), "late")
	copyDir(t, s.Dir, late)

	move(t, early, s.Dir, "main.db")
	s.Start()
	compare(t, w.job, want[w.job], collect(s, loads)[w.job])
	s.Kill()

	move(t, late, s.Dir, "main.db")
	move(t, early, s.Dir, "log.db")
	s.Start()
	stats := s.Must("GET", "/_ml/anomaly_detectors/"+w.job+"/_stats", "")["jobs"].([]any)[0].(map[string]any)
	if reason := fmt.Sprint(stats["assignment_explanation"]); stats["state"] != "failed" || !strings.Contains(reason, "log") {
		t.Errorf("with a log older than the results the job is %v: %s", stats["state"], reason)
	}
}
