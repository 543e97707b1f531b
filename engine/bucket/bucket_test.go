package bucket

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/engine/codec"
	"tidemark/engine/record"
)

// slow is the obvious twin of Diagnostics: it keeps every bucket.
type slow struct {
	span, window, newest, first, judged int64
	started                             bool
	counts                              map[int64]int64
}

func (s *slow) add(start int64, c *record.Counts) {
	b := start / s.span
	if !s.started {
		s.started, s.newest, s.first, s.judged = true, b, b, b
	}
	if b > s.newest {
		s.judgeTo(min(b-s.window+1, s.newest+1), c)
		for n := s.judged; n < b-s.window+1; n++ {
			c.Buckets++
			c.EmptyBuckets++
			c.LatestEmpty = n * s.span
			s.judged = n + 1
		}
		s.newest = b
	}
	if b >= s.judged && b > s.newest-s.window {
		s.counts[b]++
	}
}

func (s *slow) judgeTo(end int64, c *record.Counts) {
	oldest, sum := max(s.first, s.newest-s.window+1), int64(0)
	for n := oldest; n <= s.newest; n++ {
		sum += s.counts[n]
	}
	mean := float64(sum) / float64(s.newest-oldest+1)
	for ; s.judged < end; s.judged++ {
		c.Buckets++
		if n := s.counts[s.judged]; n == 0 {
			c.EmptyBuckets++
			c.LatestEmpty = s.judged * s.span
		} else if math.Log(mean)-math.Log(float64(n)) > 2 {
			c.SparseBuckets++
			c.LatestSparse = s.judged * s.span
		}
	}
}

// TestDiagnosticsAgainstTwin compares the window with the twin that remembers
// everything, across gaps, ends of uploads and encodings.
func TestDiagnosticsAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const span = 1000
		latency := rapid.Int64Range(0, 20_000).Draw(t, "latency")
		d := NewDiagnostics(span, latency)
		s := &slow{span: span, window: int64(len(d.counts)), counts: map[int64]int64{}}
		got, want, upload := record.NewCounts(), record.NewCounts(), record.NewCounts()
		at := int64(50_000)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				d.EndUpload(&upload, &got)
				if s.started {
					s.judgeTo(s.newest, &want)
				}
			case 1:
				at += rapid.Int64Range(0, 60_000).Draw(t, "gap")
			case 2:
				r := codec.NewReader(d.Append(nil))
				d = DecodeDiagnostics(r, span)
				if err := r.Done(); err != nil {
					t.Fatal(err)
				}
			default:
				start := max(0, at-rapid.Int64Range(0, 4).Draw(t, "back")*span) / span * span
				for range rapid.IntRange(1, 30).Draw(t, "records") {
					d.Add(start, 1, &upload, &got)
					s.add(start, &want)
				}
				at += span
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
			if diff := cmp.Diff(got, upload); diff != "" {
				t.Fatalf("upload and totals differ: %s", diff)
			}
		}
	})
}

// TestFarGapIsCheap: a record in the far future must not cost a step a bucket.
func TestFarGapIsCheap(t *testing.T) {
	d := NewDiagnostics(1000, 0)
	got, upload := record.NewCounts(), record.NewCounts()
	d.Add(0, 1, &upload, &got)
	d.Add(MaxMs/1000*1000, 1, &upload, &got)
	d.EndUpload(&upload, &got)
	if want := MaxMs / 1000; got.Buckets != want || got.EmptyBuckets != want-1 {
		t.Errorf("%d buckets, %d empty, want %d and %d", got.Buckets, got.EmptyBuckets, want, want-1)
	}
}

// TestClock holds the rules of the last finalized bucket end, times in seconds
// for reading.
func TestClock(t *testing.T) {
	clock := func(latency int64) *Clock { return &Clock{SpanMs: 3600_000, LatencyBuckets: latency} }
	c := clock(0)
	if c.Due(5) != 0 {
		t.Error("nothing is due before the first time")
	}
	c.Begin(1403481700_000)
	if c.LastFinalizedMs != 1403481600_000 || c.Due(1403485199_000) != 0 || c.Due(1403485200_000) != 1 {
		t.Errorf("after the first time: %+v", c)
	}
	c.SkipTo(1403488700_000)
	if c.LastFinalizedMs != 1403488800_000 {
		t.Errorf("skip goes to the boundary above: %+v", c)
	}
	c.SkipTo(5)
	if c.LastFinalizedMs != 1403488800_000 {
		t.Errorf("skip never goes back: %+v", c)
	}
	late := clock(2)
	late.Begin(1403481600_000)
	if late.LastFinalizedMs != 1403474400_000 || late.Due(1403481600_000) != 0 || late.Edge() != 1403485200_000 {
		t.Errorf("with latency: %+v", late)
	}
	late.Start(1403481600_001)
	if late.FirstFullMs != 1403485200_000 {
		t.Errorf("a partial first bucket does not count: %+v", late)
	}
}
