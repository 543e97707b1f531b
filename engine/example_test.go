package engine_test

import (
	"fmt"
	"log"
	"math"
	"time"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// A job is opened, given a week of hourly values with one that is odd, and
// flushed by an advance of time.
func Example() {
	job := &spec.Job{
		BucketSpanMs: time.Hour.Milliseconds(),
		Detectors:    []spec.Detector{{Function: spec.Mean, FieldName: "load", PartitionField: "host"}},
	}
	numbers, texts := job.Columns() // [load] and [host]
	records := record.NewBuilder(len(numbers), len(texts))
	begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for hour := range 7 * 24 {
		value := 50 + 5*math.Sin(float64(hour)*1.7)
		if hour == 150 {
			value = 95
		}
		records.Number(0, value)
		records.Text(0, []byte("web-1"))
		records.End(begin.Add(time.Duration(hour) * time.Hour).UnixMilli())
	}

	e := engine.New(engine.Options{})
	emit := func(b *result.Bucket) {
		for _, r := range b.Records {
			if r.Score >= 50 {
				fmt.Printf("%s %s: %.0f instead of about %.0f\n", time.UnixMilli(b.StartMs).UTC().Format("Mon 15:04"), r.Partition, r.Actual, r.Typical)
			}
		}
	}
	for _, step := range []*entry.Entry{
		{Kind: entry.Open, Config: job},
		{Kind: entry.Data, Batch: records.Take()},
		{Kind: entry.UploadEnd, Upload: &entry.Upload{}},
		{Kind: entry.Advance, TimeMs: begin.Add(7 * 24 * time.Hour).UnixMilli()},
	} {
		if _, err := e.Apply(step, emit); err != nil {
			log.Fatal(err)
		}
	}
	end, _ := e.LastFinalized()
	fmt.Println("final up to", time.UnixMilli(end).UTC().Format(time.DateTime))
	// Output:
	// Sun 06:00 web-1: 95 instead of about 50
	// final up to 2026-01-12 00:00:00
}
