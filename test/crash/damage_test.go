package crash

import (
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"tidemark/test/process"
)

// harm changes one file of a stopped server's data directory.
type harm struct {
	name string
	// file is a pattern below the data directory; the largest match is harmed.
	file string
	// do returns the file's new contents.
	do func(b []byte, rng *rand.Rand) []byte
}

func flip(b []byte, rng *rand.Rand) []byte {
	b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
	return b
}

// TestDamage: whatever bit flips and whatever tail is torn off, nothing wrong
// is read silently: either the results are those of the whole run, or the start
// or the job says which file is damaged.
func TestDamage(t *testing.T) {
	harms := []harm{
		{"snapshot bit", "snapshots/*/*.snap", flip},
		{"snapshot tail", "snapshots/*/*.snap", func(b []byte, rng *rand.Rand) []byte { return b[:len(b)-1-rng.IntN(len(b)/2)] }},
		{"log bit", "log.db", flip},
		{"log tail", "log.db", func(b []byte, rng *rand.Rand) []byte { return b[:len(b)-1-rng.IntN(len(b)/2)] }},
		{"log's write-ahead log", "log.db-wal", func(b []byte, rng *rand.Rand) []byte { return b[:rng.IntN(len(b))] }},
	}
	for _, base := range []struct{ name, work string }{{"with snapshots", "3000"}, {"log only", "1000000000"}} {
		t.Run(base.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(*seed, 3))
			loads := workloads(40)[:1]
			s := process.New(t, *binary, "--snapshot-work", base.work)
			s.Start()
			prepare(s, loads[0])
			for i, body := range loads[0].uploads {
				if _, err := s.PostUntilTaken(loads[0].job, keyOf(loads[0], i), body, nil); err != nil {
					t.Fatal(err)
				}
			}
			want := collect(s, loads)
			s.Kill()
			if base.name == "log only" {
				checkpoint(t, filepath.Join(s.Dir, "log.db"))
			}
			whole := filepath.Join(t.TempDir(), "whole")
			copyDir(t, s.Dir, whole)
			outcomes := map[string]int{}
			for round := range *rounds {
				h := harms[round%len(harms)]
				if err := os.RemoveAll(s.Dir); err != nil {
					t.Fatal(err)
				}
				copyDir(t, whole, s.Dir)
				if !apply(t, s.Dir, h, rng) {
					outcomes[h.name+": no such file"]++
					continue
				}
				outcomes[h.name+": "+outcome(t, s, loads, want, fmt.Sprintf("round %d, %s", round, h.name))]++
				s.Kill()
			}
			t.Log(outcomes)
		})
	}
}

// checkpoint moves a write-ahead log into its file, so that damage to the file
// meets entries.
func checkpoint(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
}

// outcome starts the harmed server and says what became of it.
func outcome(t *testing.T, s *process.Server, loads []workload, want map[string]map[string][]string, what string) string {
	t.Helper()
	if !s.TryStart() {
		if words := s.LastWords(); !strings.Contains(words, s.Dir) {
			t.Errorf("%s: the start failed without naming the file:\n%s", what, words)
		}
		return "start refused"
	}
	w := loads[0]
	stats := s.Must("GET", "/_ml/anomaly_detectors/"+w.job+"/_stats", "")["jobs"].([]any)[0].(map[string]any)
	if stats["state"] != "opened" {
		reason := fmt.Sprint(stats["assignment_explanation"])
		if !strings.Contains(reason, "log") && !strings.Contains(reason, "snapshot") {
			t.Errorf("%s: the job is %v and does not say why: %s", what, stats["state"], reason)
		}
		return "job failed"
	}
	compare(t, w.job+" after "+what, want[w.job], collect(s, loads)[w.job])
	return "recovered whole"
}

// apply harms the largest file that matches; false if there is none.
func apply(t *testing.T, dir string, h harm, rng *rand.Rand) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, h.file))
	if err != nil {
		t.Fatal(err)
	}
	best, size := "", int64(1)
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.Size() > size {
			best, size = f, info.Size()
		}
	}
	if best == "" {
		return false
	}
	raw, err := os.ReadFile(best)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(best, h.do(raw, rng), 0o600); err != nil {
		t.Fatal(err)
	}
	return true
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
