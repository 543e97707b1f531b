package record

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"

	"tidemark/engine/names"
)

// MaxTextBytes bounds a text value. A longer one is stored as its beginning,
// cut between characters, then "…#" and the 16 hexadecimal digits of
// names.Hash over the whole value, together at most MaxTextBytes: distinct
// values stay distinct, and state learned for them stays small.
const MaxTextBytes = 512

// MaxMessageBytes is the bound of texts in columns that were made long.
const MaxMessageBytes = 8 << 10

// cutMark stands between the beginning of a long value and its hash.
const cutMark = "…#"

// Builder collects records into a Batch. Numbers and texts of the open record
// may be set in any order and more than once, the last wins; End takes the
// record and Abort drops it without a trace. Once its buffers have grown, it
// allocates nothing per record.
//
// Model: a column per field; a text column is a dictionary with an
// open-addressing table over it. Cost: one hash and, nearly always, one
// comparison per text. Memory: the columns, and 8 to 16 bytes of table per
// dictionary entry.
//
// A Builder is not safe for concurrent use.
type Builder struct {
	seed    uint64
	times   []int64
	numbers [][]float64
	texts   []dictionary
	most    []int // bytes of a value, per text column

	// The open record: a number per column, and a span of arena per text.
	row   []float64
	spans []span
	arena []byte
	dirty bool
}

type span struct{ start, end int }

// absent marks a text that the open record does not have.
var absent = span{-1, -1}

// NewBuilder makes a builder for batches with so many number and text columns.
func NewBuilder(numbers, texts int) *Builder {
	b := &Builder{
		numbers: make([][]float64, numbers),
		texts:   make([]dictionary, texts),
		most:    make([]int, texts),
		row:     make([]float64, numbers),
		spans:   make([]span, texts),
	}
	for i := range b.texts {
		b.texts[i].slots = make([]uint32, 16)
		b.most[i] = MaxTextBytes
	}
	b.clearRow()
	return b
}

// Seed makes the tables' hash unpredictable to whoever sends the values. It
// has no influence on the batches. It must be called while the builder is
// empty.
func (b *Builder) Seed(seed uint64) { b.seed = seed }

// Long lets a text column have values of up to MaxMessageBytes: messages, which are
// looked at and not learned.
func (b *Builder) Long(col int) { b.most[col] = MaxMessageBytes }

// Number sets a number column of the open record. A negative zero becomes zero.
func (b *Builder) Number(col int, v float64) {
	b.row[col] = v + 0
	b.dirty = true
}

// Text sets a text column of the open record. The value is copied.
func (b *Builder) Text(col int, value []byte) {
	if len(value) > b.most[col] {
		b.long(col, value)
		return
	}
	start := len(b.arena)
	b.arena = append(b.arena, value...)
	b.spans[col] = span{start, len(b.arena)}
	b.dirty = true
}

// long sets a text that has to be shortened.
func (b *Builder) long(col int, value []byte) {
	keep := b.most[col] - len(cutMark) - 16
	// Bytes that are no UTF-8 are cut anywhere.
	for back := 1; back < utf8.UTFMax && !utf8.RuneStart(value[keep]); back++ {
		keep--
	}
	start := len(b.arena)
	b.arena = append(b.arena, value[:keep]...)
	b.arena = append(b.arena, cutMark...)
	const digits = "0123456789abcdef"
	hash := names.Hash(value)
	for shift := 60; shift >= 0; shift -= 4 {
		b.arena = append(b.arena, digits[hash>>shift&15])
	}
	b.spans[col] = span{start, len(b.arena)}
	b.dirty = true
}

// End adds the open record with its time in milliseconds since 1970. Columns
// that were not set are absent: NaN, or code 0.
func (b *Builder) End(timeMs int64) {
	b.times = append(b.times, timeMs)
	for i, v := range b.row {
		b.numbers[i] = append(b.numbers[i], v)
	}
	for i, s := range b.spans {
		code := uint32(0)
		if s != absent {
			code = b.texts[i].intern(b.seed, b.arena[s.start:s.end])
		}
		b.texts[i].codes = append(b.texts[i].codes, code)
	}
	b.clearRow()
}

// Abort drops the open record.
func (b *Builder) Abort() {
	if b.dirty {
		b.clearRow()
	}
}

func (b *Builder) clearRow() {
	for i := range b.row {
		b.row[i] = math.NaN()
	}
	for i := range b.spans {
		b.spans[i] = absent
	}
	b.arena = b.arena[:0]
	b.dirty = false
}

// Len is how many records were taken since the last Take.
func (b *Builder) Len() int { return len(b.times) }

// Size is about how many bytes the records so far occupy, in memory and, at
// most, encoded.
func (b *Builder) Size() int {
	size := len(b.times) * (8 + 8*len(b.numbers) + 4*len(b.texts))
	for i := range b.texts {
		size += len(b.texts[i].values) + 4*len(b.texts[i].ends)
	}
	return size
}

// Take returns the records so far as a batch, which shares nothing with the
// builder, and empties the builder. An open record stays open.
func (b *Builder) Take() *Batch {
	batch := &Batch{Times: exact(b.times)}
	b.times = b.times[:0]
	if len(b.numbers) > 0 {
		batch.Numbers = make([][]float64, len(b.numbers))
	}
	for i := range b.numbers {
		batch.Numbers[i] = exact(b.numbers[i])
		b.numbers[i] = b.numbers[i][:0]
	}
	if len(b.texts) > 0 {
		batch.Texts = make([]TextColumn, len(b.texts))
	}
	for i := range b.texts {
		batch.Texts[i] = b.texts[i].take()
	}
	return batch
}

// exact copies a slice without spare capacity, because batches wait in queues.
func exact[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }

// dictionary is one text column being built.
type dictionary struct {
	values []byte
	ends   []uint32
	codes  []uint32
	hashes []uint64 // one per value, so that growing the table reads no bytes
	slots  []uint32 // 1 + index of a value, 0 free; a power of two of them
}

// intern returns the code of value, adding it if it is new.
func (d *dictionary) intern(seed uint64, value []byte) uint32 {
	h := hash(seed, value)
	mask := uint32(len(d.slots) - 1)
	at := uint32(h) & mask
	for {
		code := d.slots[at]
		if code == 0 {
			break
		}
		if d.hashes[code-1] == h && bytes.Equal(d.value(code), value) {
			return code
		}
		at = (at + 1) & mask
	}
	d.values = append(d.values, value...)
	d.ends = append(d.ends, uint32(len(d.values)))
	d.hashes = append(d.hashes, h)
	code := uint32(len(d.ends))
	d.slots[at] = code
	// At most half full: probes stay short even when hashes are unlucky.
	if 2*len(d.ends) > len(d.slots) {
		d.grow()
	}
	return code
}

func (d *dictionary) value(code uint32) []byte {
	start := uint32(0)
	if code > 1 {
		start = d.ends[code-2]
	}
	return d.values[start:d.ends[code-1]]
}

func (d *dictionary) grow() {
	d.slots = make([]uint32, 4*len(d.slots))
	mask := uint32(len(d.slots) - 1)
	for i, h := range d.hashes {
		at := uint32(h) & mask
		for d.slots[at] != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = uint32(i + 1)
	}
}

func (d *dictionary) take() TextColumn {
	c := TextColumn{Values: exact(d.values), Ends: exact(d.ends), Codes: exact(d.codes)}
	d.values, d.ends, d.codes, d.hashes = d.values[:0], d.ends[:0], d.codes[:0], d.hashes[:0]
	clear(d.slots)
	return c
}

// hash mixes eight bytes per multiplication: the two halves of the 128-bit
// product of (state xor input) with an odd constant are folded together. It is
// for tables within a process only and is never stored.
func hash(seed uint64, b []byte) uint64 {
	const k0, k1 = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	h := seed ^ k0*uint64(len(b))
	for len(b) > 8 {
		h = fold(h^binary.LittleEndian.Uint64(b), k1)
		b = b[8:]
	}
	var tail uint64
	switch n := len(b); {
	case n == 8:
		tail = binary.LittleEndian.Uint64(b)
	case n >= 4:
		tail = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		tail = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	return fold(fold(h^tail, k1), k0)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
