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
		"ISO times":     {file: iso, want: Guess{TimeField: "timestamp", TimeFormat: "yyyy-MM-dd HH:mm:ss", BucketSpan: "1m", Watched: []Watched{{"mean", "value", ""}}}},
		"epoch seconds": {file: seconds, want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "5m", Watched: []Watched{{"mean", "cpu", ""}}, Split: "host"}},
		"milliseconds": {file: table("when;bytes_sent\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%d;%d\n", at.UnixMilli(), i*i)
		}), want: Guess{TimeField: "when", TimeFormat: "epoch_ms", BucketSpan: "1m", Watched: []Watched{{"sum", "bytes_sent", ""}}}},
		"unsorted events": {file: table("", 300, func(i int, at time.Time) string {
			at = at.Add(time.Duration(i*7919%300-i) * time.Minute)
			return fmt.Sprintf(`{"@timestamp":"%s","level":"%s","message":"m %d"}`, at.Format(time.RFC3339), []string{"info", "warn"}[i%2], i)
		}), want: Guess{TimeField: "@timestamp", TimeFormat: "yyyy-MM-dd'T'HH:mm:ssX", BucketSpan: "10m", Watched: []Watched{{"count", "", ""}}, Split: "level", Unsorted: true}},
		"ids are no values": {file: table("time,order_id,price\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%d,%d,%d\n", at.Unix(), 5000+i, i%9)
		}), want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "1m", Watched: []Watched{{"mean", "price", ""}}}},
		"all overridden": {file: seconds, o: Overrides{TimeField: "time", TimeFormat: "epoch", BucketSpan: "2h", Function: "max", Field: "cpu", NoSplit: true},
			want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "2h", Watched: []Watched{{"max", "cpu", ""}}}},
		"several fields": {file: table("time,cpu,code,mem,requests,label\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%d,%d,%d,%d,%d,0\n", at.Unix(), i%7, 200+i%3, i%5, i%11)
		}), want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "1m", Watched: []Watched{{"mean", "cpu", ""}, {"mean", "mem", ""}, {"sum", "requests", ""}}}},
		"a choice of fields": {file: table("time,cpu,mem\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%d,%d,%d\n", at.Unix(), i%7, i%5)
		}), o: Overrides{Field: "mem,cpu", Function: "max"}, want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "1m", Watched: []Watched{{"max", "mem", ""}, {"max", "cpu", ""}}}},
		"the time that changes": {file: table("created_at,seen,v\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("2020-01-01T00:00:00Z,%s,%d\n", at.Format(time.RFC3339), i%7)
		}), want: Guess{TimeField: "seen", TimeFormat: "yyyy-MM-dd'T'HH:mm:ssX", BucketSpan: "1m", Watched: []Watched{{"mean", "v", ""}}}},
		"newest first": {file: table("time,v\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%d,%d\n", at.Unix()-int64(i)*120, i%7)
		}), want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "1m", Watched: []Watched{{"mean", "v", ""}}, Unsorted: true}},
		"counters and flat fields": {file: table("n,time,v,flat\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%d,%d,%d,0\n", 1000+i, at.Unix(), i%7)
		}), want: Guess{TimeField: "time", TimeFormat: "epoch", BucketSpan: "1m", Watched: []Watched{{"mean", "v", ""}}}},
		"hours as digits": {file: table("time,v\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%s,%d\n", at.Add(time.Duration(i)*59*time.Minute).Format("2006010215"), i%7)
		}), want: Guess{TimeField: "time", TimeFormat: "yyyyMMddHH", BucketSpan: "1h", Watched: []Watched{{"mean", "v", ""}}}},
		"day first by its course": {file: table("time,v\n", 300, func(i int, at time.Time) string {
			return fmt.Sprintf("%s,%d\n", time.Date(2024, 3, 1, i, 0, 0, 0, time.UTC).Format("2/1/2006 15:04"), i%7)
		}), want: Guess{TimeField: "time", TimeFormat: "d/M/yyyy HH:mm", BucketSpan: "1h", Watched: []Watched{{"mean", "v", ""}}}},
		"count asked for": {file: iso, o: Overrides{Function: "count"},
			want: Guess{TimeField: "timestamp", TimeFormat: "yyyy-MM-dd HH:mm:ss", BucketSpan: "5m", Watched: []Watched{{"count", "", ""}}}},
	} {
		have, err := from(t, c.file, c.o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(have.Reasons) < 4 || have.Records != 300 {
			t.Errorf("%s: %d records, reasons %q", name, have.Records, have.Reasons)
		}
		bare := Guess{TimeField: have.TimeField, TimeFormat: have.TimeFormat, BucketSpan: have.BucketSpan, Watched: have.Watched, Split: have.Split, Unsorted: have.Unsorted}
		if d := cmp.Diff(c.want, bare); d != "" {
			t.Errorf("%s: %s\nreasons: %s", name, d, strings.Join(have.Reasons, "\n"))
		}
	}
}

// TestMessages: logs are watched by the categories of their messages, tables of
// measurements with remarks are not, and all of it can be asked for otherwise.
func TestMessages(t *testing.T) {
	logs := table("", 300, func(i int, at time.Time) string {
		return fmt.Sprintf(`{"time":%d,"level":"%s","message":"user %d has logged in","ms":%d}`, at.Unix(), []string{"info", "warn"}[i%2], i, i%17)
	})
	remarks := table("time,price,description\n", 300, func(i int, at time.Time) string {
		return fmt.Sprintf("%d,%d,a thing of great beauty number %d\n", at.Unix(), i%9, i)
	})
	texts := table("when,what\n", 300, func(i int, at time.Time) string {
		return fmt.Sprintf("%d,the door number %d of the house was opened\n", at.Unix(), i)
	})
	three := []Watched{{"count", "", "mlcategory"}, {"rare", "", "mlcategory"}, {"count", "", ""}}
	for name, c := range map[string]struct {
		file string
		o    Overrides
		want Guess
	}{
		"a log":          {file: logs, want: Guess{Messages: "message", Named: []string{"level"}, Watched: three, BucketSpan: "15m"}},
		"by its texts":   {file: texts, want: Guess{Messages: "what", Watched: three, BucketSpan: "15m"}},
		"measurements":   {file: remarks, want: Guess{Watched: []Watched{{"mean", "price", ""}}, BucketSpan: "1m"}},
		"asked for":      {file: remarks, o: Overrides{Messages: "description"}, want: Guess{Messages: "description", Watched: three, BucketSpan: "15m"}},
		"a function":     {file: logs, o: Overrides{Messages: "message", Function: "high_count", Split: "level"}, want: Guess{Messages: "message", Split: "level", Watched: []Watched{{"high_count", "", "mlcategory"}}, BucketSpan: "15m"}},
		"by mlcategory":  {file: logs, o: Overrides{By: "mlcategory", Function: "rare"}, want: Guess{Messages: "message", By: "mlcategory", Watched: []Watched{{"rare", "", ""}}, BucketSpan: "15m"}},
		"only counted":   {file: logs, o: Overrides{Function: "count", NoSplit: true}, want: Guess{Watched: []Watched{{"count", "", ""}}, BucketSpan: "5m"}},
		"only a measure": {file: logs, o: Overrides{Field: "ms", NoSplit: true}, want: Guess{Watched: []Watched{{"mean", "ms", ""}}, BucketSpan: "1m"}},
	} {
		have, err := from(t, c.file, c.o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		bare := Guess{Messages: have.Messages, Named: have.Named, Watched: have.Watched, BucketSpan: have.BucketSpan, Split: have.Split, By: have.By}
		if d := cmp.Diff(c.want, bare); d != "" {
			t.Errorf("%s: %s\nreasons: %s", name, d, strings.Join(have.Reasons, "\n"))
		}
		if job := have.Job(); job.AnalysisConfig.CategorizationFieldName != c.want.Messages {
			t.Errorf("%s: the job makes categories of %q", name, job.AnalysisConfig.CategorizationFieldName)
		}
	}
	if _, err := from(t, "time,v\n1700000000,1\n", Overrides{By: "mlcategory"}); err == nil || !strings.Contains(err.Error(), "--messages") {
		t.Errorf("no messages: %v", err)
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
		`"time" holds no times in a known format`: {file: "when,time,v\nx,soon,1\ny,later,2\n", o: Overrides{}},
		"needs a field": {file: "time,h\n1700000000,a\n1700000060,b\n", o: Overrides{Function: "mean"}},
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
