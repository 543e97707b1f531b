package api

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tidemark/internal/store"
)

const (
	benchStart   = int64(1_700_006_400_000) // A whole day.
	benchSpan    = int64(300_000)
	benchBuckets = 30 * 288
)

// fillRecords stores a month of a job's anomaly records, so many in each of its
// buckets of five minutes.
func fillRecords(tb testing.TB, s store.Store, num uint64, perBucket int) {
	tb.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for b := range int64(benchBuckets) {
		c := &store.Commit{Job: num, Committed: uint64(b + 1)}
		at := benchStart + b*benchSpan
		for i := range perBucket {
			// Few are bad, most are not: the square of an exponential draw.
			score := min(100, 4*math.Pow(rng.ExpFloat64(), 2))
			host := fmt.Sprintf("host-%04d", rng.IntN(5000))
			id := fmt.Sprintf("bench_record_%d_300_0_%d_9", at, i)
			c.Records = append(c.Records, store.RecordRow{StartMs: at, SpanMs: benchSpan, Score: score, LogProb: -score, Function: "mean", Field: "responsetime", Partition: host, DocID: id,
				Doc: fmt.Appendf(nil, `{"job_id":"bench","result_type":"record","probability":%g,"multi_bucket_impact":-5.0,"record_score":%g,"initial_record_score":%g,"bucket_span":300,"detector_index":0,"is_interim":false,"timestamp":%d,"partition_field_name":"host","partition_field_value":"%s","function":"mean","function_description":"mean","typical":[100.2],"actual":[431.7],"field_name":"responsetime","influencers":[{"influencer_field_name":"host","influencer_field_values":["%s"]}],"host":["%s"]}`,
					math.Exp(-score), score, score, at, host, host, host)})
		}
		if err := s.Commit(context.Background(), c); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkTopRecords asks for the worst 100 records among a million of a month.
// The time to store them is reported as well.
func BenchmarkTopRecords(b *testing.B) {
	r := newRig(b, Options{})
	r.must(200, "PUT", jobsPath+"bench", countJob("5m"))
	began := time.Now()
	fillRecords(b, r.store, 1, 116)
	perRecord := float64(time.Since(began).Nanoseconds()) / (116 * benchBuckets)
	for name, target := range map[string]string{
		"all":       "results/records",
		"month":     fmt.Sprintf("results/records?start=%d&end=%d", benchStart, benchStart+benchBuckets*benchSpan),
		"ragged":    fmt.Sprintf("results/records?start=%d&end=%d", benchStart+3*3600_000+1, benchStart+29*86_400_000+5*3600_000),
		"score":     "results/records?record_score=50",
		"cut score": "results/records?record_score=12.5&exclude_interim=true",
		"an hour":   fmt.Sprintf("results/records?start=%d&end=%d", benchStart+5*86_400_000, benchStart+5*86_400_000+3600_000),
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				at := time.Now()
				r.must(200, "GET", jobsPath+"bench/"+target, "")
				took = append(took, time.Since(at))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(perRecord/1000, "stored-µs/record")
		})
	}
}
