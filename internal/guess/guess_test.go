package guess

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/internal/ingest/tabular"
)

// table makes a file of n records with a format for the time.
func table(header string, n int, row func(i int, t time.Time) string) string {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		b.WriteString(row(i, time.Unix(1_700_000_000, 0).UTC().Add(time.Duration(i)*time.Minute)))
	}
	return b.String()
}

func from(t *testing.T, file string, o Overrides) (*Guess, error) {
	t.Helper()
	r, err := tabular.Open(strings.NewReader(file), "file")
	if err != nil {
		t.Fatal(err)
	}
	return From(r.Next, o)
}

func TestFrom(t *testing.T) {
	iso := table("timestamp,value\n", 300, func(i int, at time.Time) string {
		return fmt.Sprintf("%s,%d\n", at.Format("2006-01-02 15:04:05"), 100+i%7)
	})
	seconds := table("", 300, func(i int, at time.Time) string {
		return fmt.Sprintf(`{"time":%d,"host":"h%d","cpu":%d.5}`+"\n", at.Unix(), i%3, i%11)
	})
	for name, c := range map[string]struct {
		file string
		o    Overrides
		want Guess
	}{
		"ISO times":     {file: iso, want: Guess{TimeField: "timestamp", TimeFormat: "yyyy-MM-dd HH:mm:ss", BucketSpan: "1m", Function: "mean", Field: "value"}},
		"epoch seconds": {file: seconds, want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "5m", Function: "mean", Field: "cpu", Split: "host"}},
		"milliseconds": {file: table("when;bytes_sent\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%d;%d\n", at.UnixMilli(), i*i)
		}), want: Guess{TimeField: "when", TimeFormat: "epoch_ms", BucketSpan: "1m", Function: "sum", Field: "bytes_sent"}},
		"unsorted events": {file: table("", 300, func(i int, at time.Time) string {
			at = at.Add(time.Duration(i*7919%300-i) * time.Minute)
			return fmt.Sprintf(`{"@timestamp":"%s","level":"%s","message":"m %d"}`, at.Format(time.RFC3339), []string{"info", "warn"}[i%2], i)
		}), want: Guess{TimeField: "@timestamp", TimeFormat: "yyyy-MM-dd'T'HH:mm:ssX", BucketSpan: "10m", Function: "count", Split: "level"}},
		"ids are no values": {file: table("time,order_id,price\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%d,%d,%d\n", at.Unix(), 5000+i, i%9)
		}), want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "1m", Function: "mean", Field: "price"}},
		"all overridden": {file: seconds, o: Overrides{TimeField: "time", TimeFormat: "epoch", BucketSpan: "2h", Function: "max", Field: "cpu", NoSplit: true},
			want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "2h", Function: "max", Field: "cpu"}},
		"count asked for": {file: iso, o: Overrides{Function: "count"},
			want: Guess{TimeField: "timestamp", TimeFormat: "yyyy-MM-dd HH:mm:ss", BucketSpan: "5m", Function: "count"}},
	} {
		have, err := from(t, c.file, c.o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(have.Reasons) < 4 || have.Records != 300 {
			t.Errorf("%s: %d records, reasons %q", name, have.Records, have.Reasons)
		}
		bare := Guess{TimeField: have.TimeField, TimeFormat: have.TimeFormat, BucketSpan: have.BucketSpan, Function: have.Function, Field: have.Field, Split: have.Split}
		if d := cmp.Diff(c.want, bare); d != "" {
			t.Errorf("%s: %s\nreasons: %s", name, d, strings.Join(have.Reasons, "\n"))
		}
	}
}

func TestFromRefuses(t *testing.T) {
	file := "time,v\n1700000000,1\n1700000060,2\n"
	for want, c := range map[string]struct {
		file string
		o    Overrides
	}{
		"no field holds times": {file: "a,b\n1,x\n2,y\n"},
		`no field "when"`:      {file: file, o: Overrides{TimeField: "when"}},
		`no field "w"`:         {file: file, o: Overrides{Field: "w"}},
		`no field "host"`:      {file: file, o: Overrides{Split: "host"}},
		"no record":            {file: "a,b\n"},
		"can be read with":     {file: file, o: Overrides{TimeField: "time", TimeFormat: "yyyy-MM-dd HH:mm"}},
		"needs a field":        {file: "time,h\n1700000000,a\n1700000060,b\n", o: Overrides{Function: "mean"}},
	} {
		if _, err := from(t, c.file, c.o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestAmbiguousDay: when day and month could be exchanged, the guess says so.
func TestAmbiguousDay(t *testing.T) {
	g, err := from(t, "time,v\n1/2/2024 10:00,1\n1/3/2024 10:00,2\n1/4/2024 10:00,5\n", Overrides{})
	if err != nil || !strings.Contains(strings.Join(g.Reasons, "\n"), "other way round") {
		t.Errorf("%+v, %v", g, err)
	}
}
