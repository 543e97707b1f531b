package engine

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// BenchmarkFunctions sends buckets of 10,000 records to jobs of one detector each
// and reports records a CPU second, finalizing included.
func BenchmarkFunctions(b *testing.B) {
	for _, c := range []struct {
		name   string
		d      spec.Detector
		values texts
	}{
		{"count", det(spec.Count, "", "", ""), nil},
		{"mean", det(spec.Mean, "v", "", ""), nil},
		{"sum over 5000", det(spec.Sum, "v", "", "client"), texts{"client": skewed(5000)}},
		{"rare by 100", det(spec.Rare, "", "process", ""), texts{"process": skewed(100)}},
		{"freq_rare by 200 over 1000", det(spec.FreqRare, "", "uri", "client"), texts{"uri": skewed(200), "client": skewed(1000)}},
		{"distinct_count by 20", det(spec.DistinctCount, "user", "host", ""), texts{"user": skewed(5000), "host": skewed(20)}},
		{"info_content by 20", det(spec.InfoContent, "user", "host", ""), texts{"user": skewed(5000), "host": skewed(20)}},
		{"median by 20", det(spec.Median, "v", "host", ""), texts{"host": skewed(20)}},
		{"varp by 20", det(spec.Varp, "v", "host", ""), texts{"host": skewed(20)}},
		{"time_of_day by 100", det(spec.TimeOfDay, "", "user", ""), texts{"user": skewed(100)}},
		{"time_of_week by 100", det(spec.TimeOfWeek, "", "user", ""), texts{"user": skewed(100)}},
		{"lat_long by 100", det(spec.LatLong, "at", "user", ""), texts{"user": skewed(100), "at": func(rng *rand.Rand, _ int) string {
			return fmt.Sprintf("%.4f,%.4f", 48+rng.NormFloat64()/10, 11+rng.NormFloat64()/10)
		}}},
		{"count by mlcategory", det(spec.Count, "", spec.CategoryField, ""), texts{"message": func(rng *rand.Rand, i int) string {
			return fmt.Sprintf("Statement %c of the program %c says that request %d took %d ms", 'a'+rng.IntN(20), 'k'+rng.IntN(4), rng.IntN(1e6), rng.IntN(5000))
		}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			job := &spec.Job{BucketSpanMs: 300_000, Detectors: []spec.Detector{c.d}}
			if c.d.ByField == spec.CategoryField {
				job.CategorizationField = "message"
			}
			const perBucket = 10_000
			runBuckets(b, job, perBucket, func(rng *rand.Rand, batch *record.Builder, numbers, names []string, i int) {
				for n := range numbers {
					batch.Number(n, 100+rng.NormFloat64())
				}
				for n, name := range names {
					batch.Text(n, []byte(c.values[name](rng, i)))
				}
			})
		})
	}
}

// BenchmarkSeries sends one record a bucket to each of 10,000 series.
func BenchmarkSeries(b *testing.B) {
	const series = 10_000
	for _, fn := range []spec.Function{spec.Mean, spec.Sum} {
		b.Run(string(fn), func(b *testing.B) {
			job := &spec.Job{BucketSpanMs: 300_000, Detectors: []spec.Detector{det(fn, "v", "host", "")}}
			runBuckets(b, job, series, func(rng *rand.Rand, batch *record.Builder, _, _ []string, i int) {
				batch.Number(0, 100+rng.NormFloat64())
				batch.Text(0, fmt.Append(nil, "host", i))
			})
		})
	}
}

// texts makes the text values of a record.
type texts = map[string]func(*rand.Rand, int) string

// skewed draws one of n values, the k-th about a k-th as often as the first.
func skewed(n int) func(*rand.Rand, int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("value-", i)
	}
	return func(rng *rand.Rand, _ int) string {
		u := rng.Float64()
		return list[int(float64(n)*u*u)]
	}
}

// runBuckets makes 16 buckets of records and sends them round and round, each time
// later. The first 32 are not measured.
func runBuckets(b *testing.B, job *spec.Job, perBucket int, fill func(*rand.Rand, *record.Builder, []string, []string, int)) {
	const kinds, warm = 16, 32
	numbers, names := job.Columns()
	rng := rand.New(rand.NewPCG(1, 1))
	builder := record.NewBuilder(len(numbers), len(names))
	var batches []*record.Batch
	for range kinds {
		for i := range perBucket {
			fill(rng, builder, numbers, names, i)
			builder.End(int64(i) * job.BucketSpanMs / int64(perBucket))
		}
		batches = append(batches, builder.Take())
	}
	e := New(Options{})
	send := func(n int) {
		batch := *batches[n%kinds]
		times := batch.Times
		start := monday + int64(n)*job.BucketSpanMs
		for i := range times {
			times[i] = times[i]%job.BucketSpanMs + start
		}
		if _, err := e.Apply(&entry.Entry{Kind: entry.Data, Batch: &batch}, func(*result.Bucket) {}); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := e.Apply(&entry.Entry{Kind: entry.Open, Config: job}, func(*result.Bucket) {}); err != nil {
		b.Fatal(err)
	}
	for n := range warm {
		send(n)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	for n := range b.N {
		send(warm + n)
	}
	b.ReportMetric(float64(perBucket)*float64(b.N)/(cpu()-before), "records/cpu-s")
}

// cpu is the CPU time of the process in seconds.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}
