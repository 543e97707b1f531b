package accuracy

import (
	"flag"
	"path/filepath"
	"testing"

	"tidemark/engine/spec"
)

// The measurements of docs/accuracy.md run only when asked for.
var (
	dataDir  = flag.String("accuracy.data", "", "folder of CSV files with timestamp and value; empty: skip")
	outDir   = flag.String("accuracy.out", "", "folder for the scored files")
	topFile  = flag.String("accuracy.top", "", "CSV file with timestamp and value whose strongest buckets are listed; empty: skip")
	function = flag.String("accuracy.function", "sum", "function for -accuracy.top")
	noise    = flag.Int("accuracy.noise", 0, "weeks of every kind of noise to measure, more than 4; 0: skip")
	seeds    = flag.Int("accuracy.seeds", 6, "series of every kind of noise")
	spanSecs = flag.Int64("accuracy.span", 300, "bucket span of the noise in seconds")
)

// TestScoreFolder is the runner: go test ./test/accuracy -accuracy.data=DIR
// -accuracy.out=DIR writes OUT/record and OUT/novelty, each a mirror of the
// data folder whose anomaly_score is that number.
func TestScoreFolder(t *testing.T) {
	if *dataDir == "" || *outDir == "" {
		t.Skip("needs -accuracy.data and -accuracy.out")
	}
	files, rows, err := Tree(*dataDir, filepath.Join(*outDir, "record"), RecordScore)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d rows", files, rows)
	if _, _, err := Tree(*dataDir, filepath.Join(*outDir, "novelty"), NoveltyScore); err != nil {
		t.Fatal(err)
	}
}

// TestTop lists the strongest buckets of one file.
func TestTop(t *testing.T) {
	if *topFile == "" {
		t.Skip("needs -accuracy.top")
	}
	rows, err := Load(*topFile)
	if err != nil {
		t.Fatal(err)
	}
	Score(rows, spec.Function(*function))
	for i, r := range Top(rows, 10) {
		t.Logf("%2d  %s  score %3.0f  novelty %3.0f  actual %.0f  typical %.0f", i+1, r.Stamp, r.Verdict.Score, r.Verdict.NoveltyScore, r.Verdict.Actual, r.Verdict.Typical)
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
