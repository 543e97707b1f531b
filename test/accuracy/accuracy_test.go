package accuracy

import (
	"flag"
	"path/filepath"
	"testing"
)

var (
	dataDir = flag.String("accuracy.data", "", "folder of CSV files with timestamp and value; empty: skip")
	outDir  = flag.String("accuracy.out", "", "folder for the scored files")
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
