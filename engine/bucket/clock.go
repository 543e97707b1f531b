// Package bucket has the bucket clock of a job, which says how far results are
// final, and the diagnostics of its buckets, which say how evenly records
// arrive.
package bucket

import "math"

// MaxMs bounds the times a clock takes, in milliseconds: far beyond any real
// date and far from overflow.
const MaxMs = int64(1) << 53

// Clock keeps the end of the last finalized bucket, LF:
//
//	first time t:        LF = floor(t) - L·span
//	on a time t:         while LF + span + L·span <= t: finalize [LF, LF+span)
//	on a skip to S:      LF = max(LF, ceil(S))
//
// where L is the latency in whole buckets. Times are milliseconds. Bucket
// documents start with the first whole bucket after the first record.
type Clock struct {
	SpanMs, LatencyBuckets int64
	// LastFinalizedMs is LF if Set.
	LastFinalizedMs int64
	Set             bool
	// FirstFullMs is ceil(first record's time) if Started: buckets before it
	// have no documents and their records belong to no bucket.
	FirstFullMs int64
	Started     bool
}

// Floor aligns t down to a bucket's start.
func (c *Clock) Floor(t int64) int64 {
	m := t % c.SpanMs
	if m < 0 {
		m += c.SpanMs
	}
	return t - m
}

// Ceil aligns t up to a bucket's start.
func (c *Clock) Ceil(t int64) int64 {
	f := c.Floor(t)
	if f < t {
		f += c.SpanMs
	}
	return f
}

// Begin sets LF at the first time the job sees.
func (c *Clock) Begin(t int64) {
	if !c.Set {
		c.LastFinalizedMs, c.Set = c.Floor(t)-c.LatencyBuckets*c.SpanMs, true
	}
}

// Start notes the first record.
func (c *Clock) Start(t int64) {
	if !c.Started {
		c.FirstFullMs, c.Started = c.Ceil(t), true
	}
}

// Due is how many buckets a time t finalizes, 0 before Begin.
func (c *Clock) Due(t int64) int64 {
	if !c.Set {
		return 0
	}
	n := (t - c.LastFinalizedMs - c.LatencyBuckets*c.SpanMs) / c.SpanMs
	return max(n, 0)
}

// Edge is the first time that finalizes a bucket.
func (c *Clock) Edge() int64 {
	if !c.Set {
		return math.MinInt64
	}
	return c.LastFinalizedMs + (c.LatencyBuckets+1)*c.SpanMs
}

// SkipTo moves LF to the bucket boundary at or after t, never back.
func (c *Clock) SkipTo(t int64) {
	to := c.Ceil(t)
	if !c.Set || to > c.LastFinalizedMs {
		c.LastFinalizedMs, c.Set = to, true
	}
}

// Number is the bucket number of a bucket's start.
func (c *Clock) Number(startMs int64) int64 { return c.Floor(startMs) / c.SpanMs }
