package query

import "tidemark/wire"

// Bounds of what one request may hold and answer.
const (
	// maxBuckets bounds the buckets of an answer.
	maxBuckets = 65_536
	// maxHeld bounds the bytes that a request gathers, as estimated.
	maxHeld = 256 << 20
)

// budget counts what a request holds. The first excess stays as its error.
type budget struct {
	held, limit int64
	buckets     int
	err         error
}

// hold counts bytes that are kept until the answer.
func (b *budget) hold(bytes int) {
	if b.held += int64(bytes); b.held > b.limit && b.err == nil {
		b.err = &wire.Refusal{Status: 429, Type: wire.TypeCircuitBreaking, Reason: "Data too large: the search would hold more than 256 MiB; narrow the query, or page by a composite aggregation"}
	}
}

// answer counts buckets of the answer.
func (b *budget) answer(buckets int) {
	if b.buckets += buckets; b.buckets > maxBuckets && b.err == nil {
		b.err = tooManyBuckets()
	}
}

func tooManyBuckets() error {
	return &wire.Refusal{Status: 400, Type: wire.TypeSearchPhase, Reason: "all shards failed", Cause: wire.Refuse(wire.TypeTooManyBuckets,
		"Trying to create too many buckets. Must be less than or equal to: [%d]; use wider intervals, a smaller size, or page by a composite aggregation", maxBuckets)}
}
