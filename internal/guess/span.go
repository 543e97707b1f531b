package guess

import (
	"math"
	"slices"
	"time"

	"tidemark/engine/spec"
	"tidemark/wire"
)

// spans are the bucket spans to choose from.
var spans = []time.Duration{
	time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	30 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// perBucket is how many records of a series a bucket should have at least when
// they do not come regularly.
const perBucket = 4

// chooseSpan picks the span from how often a series has records.
func (g *Guess) chooseSpan(columns []*column, times map[int]int64, o Overrides) {
	if o.BucketSpan != "" {
		g.BucketSpan = o.BucketSpan
		g.because("the bucket span was given")
		return
	}
	gap, regular := g.usualGap(columns, times)
	want := gap
	if !regular || g.function() == "count" {
		want *= perBucket
	}
	span := spans[len(spans)-1]
	if g.Messages != "" {
		want = min(max(gap*messagesPerBucket, time.Minute), longestMessages)
	}
	if f, _ := spec.ParseFunction(g.function()); f.Kind() != spec.Scalar {
		// Whether, when and where something occurs is said of an hour at most.
		want = min(want, time.Hour)
	}
	for _, s := range spans {
		if s >= want {
			span = s
			break
		}
	}
	g.BucketSpan = wire.FormatDuration(span)
	if g.Messages != "" {
		g.because("a message comes about every %s, so buckets are %s", wire.RoughDuration(rounded(gap)), g.BucketSpan)
		return
	}
	if regular && g.function() != "count" {
		g.because("a series has a record every %s, so buckets are %s", wire.RoughDuration(rounded(gap)), g.BucketSpan)
	} else if gap > span {
		g.because("a series has a record about every %s; buckets are %s, the longest that is chosen by itself", wire.RoughDuration(rounded(gap)), g.BucketSpan)
	} else {
		g.because("a series has a record about every %s, so buckets of %s hold several", wire.RoughDuration(rounded(gap)), g.BucketSpan)
	}
}

// rounded is a gap for people: to the second where that does not matter.
func rounded(gap time.Duration) time.Duration {
	if gap < 10*time.Second {
		return gap
	}
	return gap.Round(time.Second)
}

// usualGap is the median time between records of a series, and whether most
// gaps are close to it.
func (g *Guess) usualGap(columns []*column, times map[int]int64) (gap time.Duration, regular bool) {
	series := map[int]string{}
	if split, err := find(columns, g.Split); g.Split != "" && err == nil {
		for i, record := range split.records {
			series[record] = split.texts[i]
		}
	}
	bySeries := map[string][]int64{}
	for record, ms := range times {
		bySeries[series[record]] = append(bySeries[series[record]], ms)
	}
	var gaps []int64
	for _, list := range bySeries {
		slices.Sort(list)
		for i := 1; i < len(list); i++ {
			if d := list[i] - list[i-1]; d > 0 {
				gaps = append(gaps, d)
			}
		}
	}
	if len(gaps) == 0 {
		return 5 * time.Minute, false
	}
	slices.Sort(gaps)
	median := gaps[len(gaps)/2]
	near := 0
	for _, d := range gaps {
		if d >= median*9/10 && d <= median*11/10 {
			near++
		}
	}
	return time.Duration(median) * time.Millisecond, near*10 >= len(gaps)*7
}

// unsorted reports whether records come after others that are more than a bucket
// younger.
func unsorted(times map[int]int64, records int, span time.Duration) bool {
	latest := int64(math.MinInt64)
	for i := range records {
		ms, ok := times[i]
		if ok && latest != math.MinInt64 && ms < latest-span.Milliseconds() {
			return true
		}
		if ok {
			latest = max(latest, ms)
		}
	}
	return false
}
