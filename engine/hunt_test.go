package engine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// newYear is when the months of monthEnds begin.
const newYear = 1_767_225_600_000

// fiveWest is a time zone five hours behind.
var fiveWest = spec.Zone{{FromMs: math.MinInt64, OffsetMs: -5 * 3_600_000}}

// monthEnds are hours of two hosts whose months end, by their local days, with ten
// more.
func monthEnds(days int) (recs []rec) {
	rng := rand.New(rand.NewPCG(8, 8))
	for hour := range days * 24 {
		ms := newYear + int64(hour)*3_600_000
		for host := range 2 {
			r := rec{ms: ms, value: 100 + rng.NormFloat64(), host: fmt.Sprint("h", host)}
			if endsMonth(ms) {
				r.value += 10
			}
			recs = append(recs, r)
		}
	}
	return recs
}

// endsMonth reports whether the local day of a time is the last of its month.
func endsMonth(ms int64) bool {
	return time.UnixMilli(ms+fiveWest.At(ms)).UTC().AddDate(0, 0, 1).Day() == 1
}

func monthEndJob() *spec.Job {
	return &spec.Job{BucketSpanMs: 3_600_000, Zone: fiveWest, Detectors: []spec.Detector{{Function: spec.Mean, FieldName: "value", ByField: "host"}}}
}

// TestMonthEndsAreLocal: months end in the time zone of the job; the calendars of
// its series are counted, and given back with them.
func TestMonthEndsAreLocal(t *testing.T) {
	job := monthEndJob()
	l := start(t, job)
	l.post(job, monthEnds(185)...)
	known := 0
	for _, s := range l.e.shards {
		known += s.calendars.Len()
	}
	if known != 2 {
		t.Errorf("%d of 2 series have a calendar", known)
	}
	early, late := 0, 0
	for _, b := range l.buckets {
		for _, r := range b.Records {
			switch {
			case r.Score < 25 || !endsMonth(b.StartMs):
			case b.StartMs < newYear+120*86_400_000:
				early++
			default:
				late++
			}
		}
	}
	if early == 0 || 5*late > early {
		t.Errorf("%d records of 25 and more in the first months, %d in the last two", early, late)
	}
	before := l.e.bytes()
	l.e.shards[0].calendars.Alloc()
	if n := l.e.bytes() - before; n != calendarBytes {
		t.Errorf("another calendar is charged %d bytes", n)
	}
	l.e.shards[0].calendars.Release(l.e.shards[0].calendars.Limit() - 1)
	for _, s := range l.e.shards {
		for i := range s.series.Limit() {
			s.drop(l.e, i)
		}
		if s.calendars.Len() != 0 {
			t.Error("a calendar is left")
		}
	}
}

// TestMonthEndsSurviveRestarts: a job restored in between goes on to the same bits.
func TestMonthEndsSurviveRestarts(t *testing.T) {
	job, recs := monthEndJob(), monthEnds(185)
	want, hash := outcome(t, job, recs, func() int { return len(recs) }, Options{}, nil)
	restart := func(e *Engine) *Engine {
		var buf bytes.Buffer
		if _, err := e.Freeze().WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		e, err := Restore(&buf, Options{})
		if err != nil {
			t.Fatal(err)
		}
		e.Interim(0, 0, false, func(*result.Bucket) {})
		return e
	}
	got, again := outcome(t, job, recs, func() int { return 48 * 5 }, Options{}, restart)
	if hash != again || len(got) != len(want) {
		t.Error("states differ")
	}
}
