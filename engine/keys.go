package engine

import (
	"tidemark/engine/codec"
	"tidemark/engine/record"
)

// maxKeys is how many idempotency keys a job remembers, the newest ones.
const maxKeys = 10_000

// keyBytes is what a key is charged for beside its own bytes.
const keyBytes = 200

// keyRing remembers the answers to the last uploads that had a key.
type keyRing struct {
	answers []answer
	next    int
	index   map[string]int
	bytes   int64
}

type answer struct {
	key      string
	bodyHash uint64
	counts   record.Counts
}

func (k *keyRing) get(key string) (record.Counts, uint64, bool) {
	i, ok := k.index[key]
	if !ok {
		return record.Counts{}, 0, false
	}
	return k.answers[i].counts, k.answers[i].bodyHash, true
}

func (k *keyRing) put(key string, bodyHash uint64, counts record.Counts) {
	if k.index == nil {
		k.index = map[string]int{}
	}
	a := answer{key: key, bodyHash: bodyHash, counts: counts}
	if i, ok := k.index[key]; ok {
		k.answers[i] = a
		return
	}
	if len(k.answers) < maxKeys {
		k.index[key] = len(k.answers)
		k.answers = append(k.answers, a)
	} else {
		old := &k.answers[k.next]
		delete(k.index, old.key)
		k.bytes -= int64(len(old.key)) + keyBytes
		*old = a
		k.index[key] = k.next
		k.next = (k.next + 1) % maxKeys
	}
	k.bytes += int64(len(key)) + keyBytes
}

// append encodes the keys, oldest first.
func (k *keyRing) append(dst []byte) []byte {
	dst = codec.AppendUvarint(dst, uint64(len(k.answers)))
	for i := range k.answers {
		a := &k.answers[(k.next+i)%len(k.answers)]
		dst = codec.AppendU64(codec.AppendString(dst, a.key), a.bodyHash)
		dst = appendCounts(dst, &a.counts)
	}
	return dst
}

func decodeKeys(r *codec.Reader) (k keyRing) {
	n := r.Count(24)
	if n > maxKeys {
		r.Fail("%d idempotency keys, at most %d are kept", n, maxKeys)
		return k
	}
	for range n {
		key, hash := r.Text(), r.U64()
		k.put(key, hash, decodeCounts(r))
	}
	return k
}

func countFields(c *record.Counts) [15]*int64 {
	return [15]*int64{&c.ProcessedRecords, &c.ProcessedFields, &c.InputBytes, &c.InputFields, &c.InvalidDates,
		&c.MissingFields, &c.OutOfOrder, &c.EmptyBuckets, &c.SparseBuckets, &c.Buckets, &c.InputRecords,
		&c.EarliestRecord, &c.LatestRecord, &c.LatestEmpty, &c.LatestSparse}
}

func appendCounts(dst []byte, c *record.Counts) []byte {
	for _, n := range countFields(c) {
		dst = codec.AppendVarint(dst, *n)
	}
	return dst
}

func decodeCounts(r *codec.Reader) (c record.Counts) {
	for _, n := range countFields(&c) {
		*n = r.Varint()
	}
	return c
}
