package bucket

import (
	"math"

	"tidemark/engine/codec"
	"tidemark/engine/record"
)

// Diagnostics judges each bucket once by the number of its records: when it
// leaves a sliding window of buckets, or at the end of an upload (then all but
// the newest).
//
// Model: a bucket is empty if it has no record, sparse if
// ln(mean of the window) - ln(its records) > 2.
// Cost: constant per record; a gap of any length costs at most one pass over
// the window. Memory: 8 bytes a bucket of the window.
type Diagnostics struct {
	spanMs int64
	// counts is a ring over the window; bucket number n stands at n mod its
	// length.
	counts []int64
	// newest is the number of the newest bucket, first of the oldest one;
	// everything before judged has been judged.
	newest, first, judged int64
	started               bool
}

const (
	minWindow = 10
	// sparseGap is how far below the window's mean, in natural logarithms, a
	// bucket is called sparse.
	sparseGap = 2
)

// NewDiagnostics returns diagnostics for a job's buckets.
func NewDiagnostics(spanMs, latencyMs int64) *Diagnostics {
	window := max(minWindow, (latencyMs+spanMs-1)/spanMs)
	return &Diagnostics{spanMs: spanMs, counts: make([]int64, window)}
}

// Add counts n records of the bucket that starts at startMs and notes verdicts
// in upload and totals.
func (d *Diagnostics) Add(startMs, n int64, upload, totals *record.Counts) {
	b := startMs / d.spanMs
	switch {
	case !d.started:
		d.started, d.newest, d.first, d.judged = true, b, b, b
	case b > d.newest:
		d.move(b, upload, totals)
	case b < d.judged || b <= d.newest-int64(len(d.counts)):
		return
	}
	*d.at(b) += n
}

func (d *Diagnostics) at(b int64) *int64 { return &d.counts[b%int64(len(d.counts))] }

// move makes b the newest bucket and judges what leaves the window.
func (d *Diagnostics) move(b int64, upload, totals *record.Counts) {
	window := int64(len(d.counts))
	d.judge(min(b-window+1, d.newest+1), upload, totals)
	if leaving := b - window + 1; leaving > d.judged {
		// What lies between the newest bucket and the window is all empty.
		d.note(leaving-d.judged, leaving-1, upload, totals)
		d.judged = leaving
	}
	if b-d.newest >= window {
		clear(d.counts)
	} else {
		for n := d.newest + 1; n <= b; n++ {
			*d.at(n) = 0
		}
	}
	d.newest = b
}

// judge judges the buckets before end that were not judged yet, all of them in
// the window.
func (d *Diagnostics) judge(end int64, upload, totals *record.Counts) {
	if end <= d.judged {
		return
	}
	oldest := max(d.first, d.newest-int64(len(d.counts))+1)
	sum := int64(0)
	for n := oldest; n <= d.newest; n++ {
		sum += *d.at(n)
	}
	mean := float64(sum) / float64(d.newest-oldest+1)
	for n := d.judged; n < end; n++ {
		count := *d.at(n)
		if count == 0 {
			d.note(1, n, upload, totals)
			continue
		}
		sparse := math.Log(mean)-math.Log(float64(count)) > sparseGap
		for _, c := range []*record.Counts{upload, totals} {
			c.Buckets++
			if sparse {
				c.SparseBuckets++
				c.LatestSparse = max(c.LatestSparse, n*d.spanMs)
			}
		}
	}
	d.judged = end
}

// note counts empty buckets, the last of which has number last.
func (d *Diagnostics) note(empty, last int64, upload, totals *record.Counts) {
	for _, c := range []*record.Counts{upload, totals} {
		c.Buckets += empty
		c.EmptyBuckets += empty
		c.LatestEmpty = max(c.LatestEmpty, last*d.spanMs)
	}
}

// EndUpload judges everything but the newest bucket.
func (d *Diagnostics) EndUpload(upload, totals *record.Counts) {
	if d.started {
		d.judge(d.newest, upload, totals)
	}
}

// Bytes is the memory charged for the window.
func (d *Diagnostics) Bytes() int64 { return int64(len(d.counts)) * 8 }

// Append encodes the diagnostics.
func (d *Diagnostics) Append(dst []byte) []byte {
	dst = codec.AppendBool(dst, d.started)
	for _, n := range []int64{d.newest, d.first, d.judged} {
		dst = codec.AppendVarint(dst, n)
	}
	dst = codec.AppendUvarint(dst, uint64(len(d.counts)))
	for _, n := range d.counts {
		dst = codec.AppendVarint(dst, n)
	}
	return dst
}

// DecodeDiagnostics reads what Append wrote.
func DecodeDiagnostics(r *codec.Reader, spanMs int64) *Diagnostics {
	d := &Diagnostics{spanMs: spanMs, started: r.Bool()}
	for _, n := range []*int64{&d.newest, &d.first, &d.judged} {
		*n = r.Varint()
	}
	d.counts = make([]int64, r.Count(1))
	for i := range d.counts {
		d.counts[i] = r.Varint()
	}
	if r.Err() == nil && (len(d.counts) < minWindow || d.newest < 0 || d.first < 0 ||
		d.judged > d.newest+1 || d.started && d.judged < max(d.first, d.newest-int64(len(d.counts))+1)) {
		r.Fail("bucket diagnostics do not fit together")
	}
	if r.Err() != nil {
		return NewDiagnostics(max(spanMs, 1), 0)
	}
	return d
}
