//go:build unix

package docs

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/internal/query"
)

// benchDocs is how many documents the benchmarks search.
const benchDocs = 1_000_000

// BenchmarkSearch measures searches over a million documents of metrics.
//
//	go test ./internal/docs -run xxx -bench Search -benchtime 3x
func BenchmarkSearch(b *testing.B) {
	ctx := context.Background()
	s, err := Open(ctx, b.TempDir(), 0)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	began := time.Now()
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	var ops []Op
	for i := range benchDocs {
		var doc bytes.Buffer
		fmt.Fprintf(&doc, `{"@timestamp":%q,"host":"server_%d","service":"app_%d","total":%d,"response":%d.5}`,
			start.Add(time.Duration(i)*3*time.Second).Format(time.RFC3339), i%100, i%7, i%60_000, i%997)
		ops = append(ops, Op{Index: "m", Doc: doc.Bytes()})
		if len(ops) == 5000 {
			if _, err := s.Apply(ctx, ops, 0); err != nil {
				b.Fatal(err)
			}
			ops = ops[:0]
		}
	}
	b.Logf("%d documents a second were written", int(benchDocs/time.Since(began).Seconds()))
	for _, c := range []struct{ name, body string }{
		{"date_histogram", `{"size":0,"aggs":{"h":{"date_histogram":{"field":"@timestamp","fixed_interval":"1h"}}}}`},
		{"date_histogram,avg", `{"size":0,"aggs":{"h":{"date_histogram":{"field":"@timestamp","fixed_interval":"1h"},"aggs":{"v":{"avg":{"field":"total"}}}}}}`},
		{"date_histogram,terms,avg,filter", `{"size":0,"query":{"bool":{"filter":[{"term":{"service":"app_3"}},{"range":{"@timestamp":{"gte":"2020-01-02"}}}]}},"aggs":{"h":{"date_histogram":{"field":"@timestamp","fixed_interval":"1d"},"aggs":{"t":{"terms":{"field":"host"},"aggs":{"v":{"avg":{"field":"total"}}}}}}}}`},
		{"first ten", `{"size":10}`},
		{"newest", `{"size":100,"sort":[{"@timestamp":"desc"}]}`},
		{"one day", `{"size":0,"query":{"range":{"@timestamp":{"gte":"2020-01-10","lt":"2020-01-11"}}},"aggs":{"v":{"avg":{"field":"total"}}}}`},
		{"a datafeed's ten minutes", `{"query":{"bool":{"filter":[{"match_all":{}},{"range":{"@timestamp":{"gte":"2020-01-10","lt":"2020-01-10T00:10:00Z"}}}]}},"size":1000,"sort":["@timestamp"],"track_total_hits":false}`},
		{"greatest", `{"size":100,"sort":[{"total":"desc"}]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				benchSearch(b, s, c.body)
			}
			b.ReportMetric(float64((cpu(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkWrite measures what the index on times costs a document: fields of these
// names are its time, or are not.
//
//	go test ./internal/docs -run xxx -bench Write -benchtime 20x
func BenchmarkWrite(b *testing.B) {
	for _, field := range []string{"time", "stamp"} {
		b.Run(field, func(b *testing.B) {
			s, err := Open(context.Background(), b.TempDir(), 0)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			const batch = 5000
			n, before := 0, cpu(b)
			for b.Loop() {
				ops := make([]Op, 0, batch)
				for range batch {
					n++
					ops = append(ops, Op{Index: "m", Doc: fmt.Appendf(nil, `{"%s":%d,"host":"server_%d","service":"app_%d","total":%d,"response":%d.5}`, field, 1_577_836_800_000+3000*n, n%100, n%7, n%60_000, n%997)})
				}
				if _, err := s.Apply(context.Background(), ops, 0); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(n), "cpu-µs/document")
		})
	}
}

// cpu is the processor time that the process has used: what a busy machine leaves
// comparable.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func benchSearch(b *testing.B, s *Store, body string) {
	var o map[string]any
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		b.Fatal(err)
	}
	q, err := query.New(o, time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		b.Fatal(err)
	}
	x := s.Indices()[0]
	if err := q.Begin(x.Fields); err != nil {
		b.Fatal(err)
	}
	for _, p := range q.Plans(x.TimeField) {
		q.Start(p)
		r := Range{FromMs: p.FromMs, ToMs: p.ToMs, ByTime: p.ByTime, Descending: p.Descending, BySeq: p.BySeq, AfterSeq: p.AfterSeq, TimesOnly: p.TimesOnly}
		if err := s.Scan(context.Background(), x, r, q.Visit); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := q.Answer(); err != nil {
		b.Fatal(err)
	}
}
