package engine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// kinds are hours of six hosts of one shape, and of a seventh that comes after
// three weeks.
func kinds(days int) (recs []rec) {
	rng := rand.New(rand.NewPCG(4, 4))
	for hour := range days * 24 {
		ms := int64(monday) + int64(hour)*3_600_000
		for host := range 7 {
			if host < 6 || hour >= 21*24 {
				curve := math.Sin(2*math.Pi*float64(hour)/24) + 0.4*math.Sin(4*math.Pi*float64(hour)/24)
				recs = append(recs, rec{ms: ms, value: 100*float64(host) + 20*curve + rng.NormFloat64(), host: fmt.Sprint("h", host)})
			}
		}
	}
	return recs
}

// TestSiblingsShareSeasons: a new host knows the day of the others from its first
// hours on, whatever the batches, the workers and the restarts.
func TestSiblingsShareSeasons(t *testing.T) {
	job := &spec.Job{BucketSpanMs: 3_600_000, Plot: true, Detectors: []spec.Detector{{Function: spec.Mean, FieldName: "value", ByField: "host"}}}
	recs := kinds(24)
	want, hash := outcome(t, job, recs, func() int { return len(recs) }, Options{}, nil)
	off, n := 0.0, 0.0
	for _, b := range want {
		for _, p := range b.Plots {
			if p.By == "h6" && b.StartMs >= monday+22*86_400_000 && b.StartMs < monday+23*86_400_000 {
				off, n = off+math.Abs(p.Actual-p.Median), n+1
			}
		}
	}
	if n != 24 || off/n > 2 {
		t.Errorf("on its second day it is off by %.2f in %v hours; noise alone makes it 0.8", off/n, n)
	}
	restart := func(e *Engine) *Engine {
		var buf bytes.Buffer
		if _, err := e.Freeze().WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		e, err := Restore(&buf, Options{Parallel: concurrent})
		if err != nil {
			t.Fatal(err)
		}
		e.Interim(0, 0, false, func(*result.Bucket) {})
		return e
	}
	if _, again := outcome(t, job, recs, func() int { return 50 }, Options{Parallel: concurrent}, restart); again != hash {
		t.Error("states differ")
	}
}
