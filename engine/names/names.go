// Package names interns the values of splits and influencers: each distinct
// value gets a number, in the order of first appearance.
//
// Model: values stand one after the other in fixed chunks of bytes that are
// only ever appended to, so a snapshot shares them; an open-addressing table of
// numbers finds a value by its hash. There are no pointers per value.
// Cost: one hash and, nearly always, one comparison per look-up. Memory: the
// bytes, 12 a value for place and length, and 4 to 12 for the table.
package names

import (
	"bytes"

	"tidemark/engine/codec"
)

const (
	chunkBytes = 64 << 10
	perBlock   = 4096
	// valueBytes is what a value costs beside its bytes, for Bytes.
	valueBytes = 20
	// MaxValue bounds a value's length; ingest shortens longer ones, and the
	// table never trusts that.
	MaxValue = 1024
)

// ID numbers a value. The zero ID is None; the first value is 1.
type ID uint32

// None stands for no value.
const None ID = 0

type place struct {
	chunk, start, length uint32
}

// Table interns values. It is not safe for concurrent use.
type Table struct {
	chunks [][]byte
	blocks [][]place
	count  uint32
	bytes  int64
	slots  []uint32 // 1 + index, 0 free
}

// New returns an empty table.
func New() *Table { return &Table{slots: make([]uint32, 16)} }

// Len is how many values there are.
func (t *Table) Len() int { return int(t.count) }

// Bytes is the memory charged for the table, a pure function of its values.
func (t *Table) Bytes() int64 { return t.bytes + int64(t.count)*valueBytes }

// Intern returns the number of value, giving it the next one if it is new.
func (t *Table) Intern(value []byte) ID {
	if len(value) > MaxValue {
		value = value[:MaxValue]
	}
	at := t.find(value)
	if n := t.slots[at]; n != 0 {
		return ID(n)
	}
	t.add(value)
	t.slots[at] = t.count
	if uint64(t.count)*4 > uint64(len(t.slots))*3 {
		t.grow()
	}
	return ID(t.count)
}

// Lookup returns the number of value, or None if it was never interned.
func (t *Table) Lookup(value []byte) ID {
	if len(value) > MaxValue {
		value = value[:MaxValue]
	}
	return ID(t.slots[t.find(value)])
}

// Value returns the bytes of a number, shared; the value of None is empty.
func (t *Table) Value(id ID) []byte { return value(t.chunks, t.blocks, id) }

func value(chunks [][]byte, blocks [][]place, id ID) []byte {
	if id == None {
		return nil
	}
	i := uint32(id) - 1
	p := blocks[i/perBlock][i%perBlock]
	return chunks[p.chunk][p.start : p.start+p.length]
}

// find returns the slot of value, or the free slot where it belongs.
func (t *Table) find(value []byte) uint32 {
	mask := uint32(len(t.slots) - 1)
	at := uint32(Hash(value)) & mask
	for {
		n := t.slots[at]
		if n == 0 || bytes.Equal(t.Value(ID(n)), value) {
			return at
		}
		at = (at + 1) & mask
	}
}

func (t *Table) add(value []byte) {
	last := len(t.chunks) - 1
	if last < 0 || len(t.chunks[last])+len(value) > chunkBytes {
		t.chunks = append(t.chunks, make([]byte, 0, chunkBytes))
		last++
	}
	p := place{chunk: uint32(last), start: uint32(len(t.chunks[last])), length: uint32(len(value))}
	t.chunks[last] = append(t.chunks[last], value...)
	if t.count%perBlock == 0 {
		t.blocks = append(t.blocks, make([]place, 0, perBlock))
	}
	b := len(t.blocks) - 1
	t.blocks[b] = append(t.blocks[b], p)
	t.count++
	t.bytes += int64(len(value))
}

func (t *Table) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	for n := uint32(1); n <= t.count; n++ {
		t.slots[t.find(t.Value(ID(n)))] = n
	}
}

// Compact drops every value that keep does not want and returns the new number
// of each old one (index 0 for None; None for what was dropped). The order of
// the values stays.
func (t *Table) Compact(keep func(ID) bool) []ID {
	fresh, renamed := New(), make([]ID, t.count+1)
	for n := ID(1); n <= ID(t.count); n++ {
		if keep(n) {
			renamed[n] = fresh.Intern(t.Value(n))
		}
	}
	*t = *fresh
	return renamed
}

// View is a table at the moment it was frozen.
type View struct {
	chunks [][]byte
	blocks [][]place
	count  uint32
}

// Freeze returns the values as they are now, in a step per 64 KB. Values added
// later do not show.
func (t *Table) Freeze() View {
	return View{chunks: append([][]byte(nil), t.chunks...), blocks: append([][]place(nil), t.blocks...), count: t.count}
}

// Append encodes the view.
func (v *View) Append(dst []byte) []byte {
	dst = codec.AppendU32(dst, v.count)
	for n := ID(1); n <= ID(v.count); n++ {
		dst = codec.AppendBytes(dst, value(v.chunks, v.blocks, n))
	}
	return dst
}

// Decode reads what Append wrote. Values that stand twice are an error.
func Decode(r *codec.Reader) *Table {
	t := New()
	count := r.U32()
	if int64(count) > int64(r.Left()) {
		r.Fail("%d names in %d bytes", count, r.Left())
		return t
	}
	for n := uint32(1); n <= count && r.Err() == nil; n++ {
		value := r.Bytes()
		if r.Err() == nil && t.Intern(value) != ID(n) {
			r.Fail("name %d stands twice or is too long", n)
		}
	}
	return t
}

// Hash is a fixed 64-bit hash (FNV-1a with a finalizer), the same in every
// process, for tables and for spreading series over shards.
func Hash(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return Mix(h)
}

// Mix spreads the bits of a number (the finalizer of MurmurHash3).
func Mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
