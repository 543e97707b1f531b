package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
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

// manyJobs is a rig with so many closed jobs, put straight into the store.
func manyJobs(b testing.TB, n int) *rig {
	b.Helper()
	r := newRig(b, Options{})
	r.must(200, "PUT", jobsPath+"bench-00000", meanJob)
	list, err := r.store.Jobs(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	for i := 1; i < n; i++ {
		j := store.Job{ID: fmt.Sprintf("bench-%05d", i), State: store.Closed}
		j.Config = bytes.ReplaceAll(list[0].Config, []byte("bench-00000"), []byte(j.ID))
		if err := r.store.CreateJob(context.Background(), &j); err != nil {
			b.Fatal(err)
		}
	}
	r.restart()
	return r
}

// discard is a client that reads fast.
type discard struct {
	header http.Header
	n      int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(b []byte) (int, error) { d.n += len(b); return len(b), nil }

// BenchmarkJobs asks for the statistics and the configurations of many jobs.
func BenchmarkJobs(b *testing.B) {
	for _, c := range []struct {
		name, target string
		jobs         int
	}{{"stats of one", "bench-00007/_stats", 100}, {"stats of 10,000", "_stats", 10_000}, {"listing 1,000", "", 1000}} {
		b.Run(c.name, func(b *testing.B) {
			r := manyJobs(b, c.jobs)
			target := strings.TrimSuffix(jobsPath+c.target, "/")
			r.must(200, "GET", target+"?filter_path=count", "")
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: http.Header{}}
				req := httptest.NewRequest("GET", "http://127.0.0.1:7270"+target, nil)
				r.ServeHTTP(w, req)
				b.SetBytes(int64(w.n))
			}
		})
	}
}

// TestStreamedLists: a long list that is sent while it is encoded is the same as one
// that is not, also compressed.
func TestStreamedLists(t *testing.T) {
	r := manyJobs(t, streamFrom+10)
	for _, target := range []string{jobsPath + "_stats", strings.TrimSuffix(jobsPath, "/")} {
		// A filter that lets all through is applied to the whole.
		whole := r.must(200, "GET", target+"?filter_path=*", "")
		if w := r.do("GET", target, ""); w.Body.String() != whole || w.Header().Get("Content-Length") != "" {
			t.Errorf("%s: streamed it is %.200s, whole %.200s", target, w.Body, whole)
		}
		w := r.do("GET", target, "", "Accept-Encoding", "gzip")
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(z); err != nil || string(plain) != whole {
			t.Errorf("%s: compressed it is %.200s (%v), whole %.200s", target, plain, err, whole)
		}
		contains(t, whole, fmt.Sprintf(`"count":%d`, streamFrom+10))
	}
}
