package engine

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// TestCrowdIsOneTest: what is said of each member of a population takes all of them
// into account already, so a bucket is as remarkable as its oddest member is, and so is
// the influencer that is that member; members that always are a little apart do not
// add up.
func TestCrowdIsOneTest(t *testing.T) {
	w := newWorld(t, det("high_count", "", "", "host"), "host")
	seen := 0
	w.plots = func(b *result.Bucket) {
		if len(b.Records) < 2 {
			return
		}
		seen++
		top := 0.0
		for _, r := range b.Records {
			top = max(top, r.Score)
		}
		off := func(score float64) bool { return math.Abs(score-top) > 1e-6 }
		if off(b.Score) || off(b.BucketInfluencers[1].Score) || off(b.Influencers[0].Score) {
			t.Errorf("hour %d scores %.1f, %s %.1f, %s %.1f, its records %.1f", w.hour, b.Score, b.BucketInfluencers[1].Field,
				b.BucketInfluencers[1].Score, b.Influencers[0].Value, b.Influencers[0].Score, top)
		}
	}
	w.hours(24*20, func(hour int) (rows []row) {
		busy := 1 + math.Sin(float64(hour)*math.Pi/12)/2
		for h := range 20 {
			mean := float64(3+h) * busy
			if hour > 100 && hour%40 < 1 && h < 4 {
				mean += 100
			}
			for range max(0, int(mean+math.Sqrt(mean)*w.rng.NormFloat64())) {
				rows = append(rows, row{"host": fmt.Sprint("h", h)})
			}
		}
		return rows
	})
	if seen < 5 {
		t.Errorf("only %d buckets have several records", seen)
	}
}

// TestFieldCountsOnce: a record that many values of an influencer field are blamed for
// is one finding about that field, not as many.
func TestFieldCountsOnce(t *testing.T) {
	w := newWorld(t, det(spec.Max, "rt", "", ""), "user", "host")
	var last *result.Bucket
	w.plots = func(b *result.Bucket) { last = b }
	level := 100.0
	load := func(int) (rows []row) {
		for i := range 40 {
			rows = append(rows, row{"rt": level + 10*w.rng.NormFloat64(), "user": fmt.Sprint("u", i%20), "host": "a"})
		}
		return rows
	}
	w.hours(24*10, load)
	level = 150
	w.hours(1, load)
	if r := w.found(24*10, 50); len(r.Influencers) == 0 || len(r.Influencers[0].Values) < 10 {
		t.Fatalf("the record is %+v", r)
	}
	for _, x := range last.BucketInfluencers {
		if x.Score > last.Score+1e-9 || x.LogProb < last.BucketInfluencers[0].LogProb-1e-9 {
			t.Errorf("%s scores %.1f with log p %.1f in a bucket of %.1f and %.1f", x.Field, x.Score, x.LogProb, last.Score, last.BucketInfluencers[0].LogProb)
		}
	}
}

// TestSilenceIsBlamed: a host that is no longer there is named as the influencer of
// what it lacks.
func TestSilenceIsBlamed(t *testing.T) {
	for _, d := range []spec.Detector{det("low_count", "", "host", ""), {Function: "low_count", PartitionField: "host"}} {
		w := newWorld(t, d, "host")
		alone := 8
		load := func(int) (rows []row) {
			for i := range alone * 50 {
				rows = append(rows, row{"host": fmt.Sprint("h", i%alone)})
			}
			return rows
		}
		w.hours(24*7, load)
		alone = 7
		w.hours(3, load)
		r := w.found(24*7, 50)
		if r.By+r.Partition != "h7" || len(r.Influencers) != 1 || !slices.Equal(r.Influencers[0].Values, []string{"h7"}) {
			t.Errorf("the record is %+v", r)
		}
	}
}

// hosts are the records of n hosts with a day, weekends and noise, all at a share of
// their usual load.
func (w *world) hosts(n, hour int, share float64) (rows []row) {
	busy := 20 * share * (1 + 0.8*math.Sin(float64(hour)*math.Pi/12))
	if hour/24%7 >= 5 {
		busy /= 2
	}
	for h := range n {
		mean := busy * (1 + float64(h%5)/5)
		for range max(0, int(mean+math.Sqrt(mean)*w.rng.NormFloat64()+0.5)) {
			rows = append(rows, row{"host": fmt.Sprint("h", h)})
		}
	}
	return rows
}

// TestQuietBuckets: series that learn the same day and the same weekends err together,
// and a bucket in which sixty of them do so is no incident.
func TestQuietBuckets(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "host", ""))
	loud := 0
	w.plots = func(b *result.Bucket) {
		if b.Score >= 50 {
			loud++
		}
	}
	w.hours(24*35, func(hour int) []row { return w.hosts(60, hour, 1) })
	if loud > 5 {
		t.Errorf("%d of %d quiet buckets score 50 and more", loud, 24*35)
	}
}

// TestAllTogether: what no host shows by itself is seen when all of them show it.
func TestAllTogether(t *testing.T) {
	w := newWorld(t, det(spec.Count, "", "host", ""))
	var last *result.Bucket
	w.plots = func(b *result.Bucket) { last = b }
	w.hours(24*28+6, func(hour int) []row { return w.hosts(60, hour, 1) })
	w.hours(1, func(hour int) []row { return w.hosts(60, hour, 0.55) })
	top := 0.0
	for _, r := range last.Records {
		top = max(top, r.Score)
	}
	if last.Score < 75 || last.Score < top+10 {
		t.Errorf("the bucket scores %.1f, its highest record %.1f", last.Score, top)
	}
}

// TestExpectedIsNoRecord: that a host is gone is told; that it still is, once that is
// what is expected, is no record, however new.
func TestExpectedIsNoRecord(t *testing.T) {
	w := newWorld(t, det("low_count", "", "host", ""))
	w.hours(24*6, func(int) []row { return []row{{"host": "a"}, {"host": "b"}} })
	w.hours(48, func(int) []row { return []row{{"host": "a"}} })
	told := 0
	for h, list := range w.records {
		for _, r := range list {
			told++
			if r.Actual == r.Typical {
				t.Errorf("hour %d: a record of %v where %v is typical, p %v, novelty %.0f", h, r.Actual, r.Typical, math.Exp(r.LogProb), r.NoveltyScore)
			}
		}
	}
	if told == 0 {
		t.Error("nothing was told")
	}
}
