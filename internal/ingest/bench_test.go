package ingest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tidemark/engine/spec"
)

var benchJob = spec.Job{BucketSpanMs: 600_000, Detectors: []spec.Detector{{Function: "sum", FieldName: "total", PartitionField: "host"}}}

// narrowBody has records of 88 bytes and five fields.
func narrowBody(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"time":%d,"host":"server_%02d","service":"app_%d","total":%05d.5,"status":%d}`+"\n",
			1_490_274_000_000+int64(i)*100, i%40, i%7, 10_000+i%50_000, 200+i%5)
	}
	return b.Bytes()
}

// wideBody has records of 610 bytes with nested objects, escapes and arrays.
func wideBody(n int) []byte {
	var b bytes.Buffer
	text := strings.Repeat("lorem ipsum dolor ", 8)
	for i := range n {
		fmt.Fprintf(&b, `{"@timestamp":"2017-03-23T13:00:%02d.000Z","time":%d,"host":"server_%02d","agent":{"name":"collector","version":"7.1.%d","tags":["a","b","c"]},"message":"GET \/index.html?q=\"x\" \u00e9 %s","bytes":%d,"latency":%d.25,"ok":true,"error":null,"geo":{"country":"DE","city":"München","location":{"lat":48.1,"lon":11.5}},"labels":["prod","eu-central","blue"],"trace":"4bf92f3577b34da6a3ce929d0e0e4736","span":"00f067aa0ba902b7","user":"user-%d","total":%d,"url":"https://example.com/a/b/c"}`+"\n",
			i%60, 1_490_274_000_000+int64(i)*100, i%40, i%10, text, i*37%100_000, i%900, i%1000, i%60_000)
	}
	return b.Bytes()
}

func benchmarkRead(b *testing.B, body []byte, records int) {
	s := mustSchema(b, &benchJob, "time", "epoch_ms")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		up, err := ReadJSON(bytes.NewReader(body), s, Limits{})
		if err != nil || up.Records != int64(records) {
			b.Fatal(err)
		}
	}
	n := float64(b.N) * float64(records)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/record")
	b.ReportMetric(float64(len(body))/float64(records), "B/record")
}

func BenchmarkNarrow(b *testing.B) { benchmarkRead(b, narrowBody(50_000), 50_000) }
func BenchmarkWide(b *testing.B)   { benchmarkRead(b, wideBody(20_000), 20_000) }

func BenchmarkBodyHash(b *testing.B) {
	body := narrowBody(10_000)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		h := newBodyHash()
		h.write(body)
		if h.sum() == 0 {
			b.Fatal()
		}
	}
}

// TestNoAllocationPerRecord: what an upload allocates does not grow with its
// records, apart from its batches.
func TestNoAllocationPerRecord(t *testing.T) {
	s := mustSchema(t, &benchJob, "time", "epoch_ms")
	for name, body := range map[string][]byte{"narrow": narrowBody(20_000), "wide": wideBody(20_000)} {
		allocs := testing.AllocsPerRun(2, func() {
			if _, err := ReadJSON(bytes.NewReader(body), s, Limits{}); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > 200 {
			t.Errorf("%s: %v allocations for 20,000 records", name, allocs)
		}
	}
}
