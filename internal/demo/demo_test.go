package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tidemark/wire"
)

// TestData: the data sets are whole and in order.
func TestData(t *testing.T) {
	for file, want := range map[string]struct {
		rows   int
		header string
	}{"data/nyc_taxi.csv.gz": {10_320, "timestamp,value"}, "data/ec2_cpu.csv.gz": {32_256, "timestamp,instance,value"}} {
		raw, err := (&set{file: file}).read()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
		if lines[0] != want.header || len(lines)-1 != want.rows {
			t.Errorf("%s: header %q, %d rows", file, lines[0], len(lines)-1)
		}
		last := ""
		for _, line := range lines[1:] {
			if line[:19] < last {
				t.Fatalf("%s: %s comes after %s", file, line[:19], last)
			}
			last = line[:19]
		}
	}
	if notice, err := files.ReadDir("data"); err != nil || len(notice) != len(sets) {
		t.Errorf("embedded %v, error %v", notice, err)
	}
}

func bucketAt(at time.Time, score float64) wire.Bucket {
	return wire.Bucket{Timestamp: wire.Millis(at.UnixMilli()), AnomalyScore: score, BucketSpan: 1800}
}

func TestTimeline(t *testing.T) {
	from := date(2014, time.July, 1)
	day := 24 * time.Hour
	have := timeline([]wire.Bucket{bucketAt(from, 100), bucketAt(from.Add(day), 5), bucketAt(from.Add(day+time.Hour), 50), bucketAt(from.Add(-day), 99)},
		from, from.Add(40*day), day)
	lines := strings.Split(have, "\n")
	if marks := strings.TrimSpace(lines[1]); marks != "█▄"+strings.Repeat("·", 38) {
		t.Errorf("marks %q", marks)
	}
	if months := lines[2]; months != "  |Jul"+strings.Repeat(" ", 27)+"|Aug" {
		t.Errorf("months %q", months)
	}
}

// TestKnown: an event counts only if one of the worst days overlaps it.
func TestKnown(t *testing.T) {
	a := event{"A", date(2014, time.May, 1), date(2014, time.May, 2)}
	b := event{"B", date(2014, time.June, 1), date(2014, time.June, 2)}
	half := 30 * time.Minute
	days := worstDays([]wire.Bucket{bucketAt(b.until, 90), bucketAt(a.from.Add(-half), 80), bucketAt(a.until.Add(-half), 30), bucketAt(a.from, 40), bucketAt(b.until.Add(half), 5)})
	have := known([]event{a, b}, days)
	if !strings.Contains(have, "(1 of 2 are there)") || !strings.Contains(have, "number 3        A") || !strings.Contains(have, "not among them  B") {
		t.Error(have)
	}
}

func TestTable(t *testing.T) {
	value := "i-1"
	have := tableOf([]wire.Record{{Timestamp: 1_414_890_000_000, RecordScore: 78.4, Actual: []float64{39197}, Typical: []float64{21734.7}, PartitionFieldName: "instance", PartitionFieldValue: &value}})
	for _, want := range []string{"Sun 2014-11-02 01:00", " 78 ", "39197", "21735", "i-1", "instance"} {
		if !strings.Contains(have, want) {
			t.Errorf("no %q in\n%s", want, have)
		}
	}
	if bytes.Contains([]byte(tableOf(nil)), []byte("instance")) {
		t.Error("a table without records has a column for instances")
	}
}
