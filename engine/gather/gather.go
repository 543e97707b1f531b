// Package gather turns records into one value per series and bucket: counts,
// sums and extremes of the records that fell into it, and the shares of the
// influencer values in them.
//
// Model: a cell per touched series; a share per (cell, influencer field,
// value). Floats are added in record order, so the result does not depend on
// how records were cut into batches.
// Cost: one table look-up per record and detector, one more per record and
// influencer. Memory: 48 bytes a cell and 48 a share, plus tables; the shares
// of a bucket are bounded.
package gather

import (
	"tidemark/engine/codec"
	"tidemark/engine/names"
)

// Cell holds what one series got in one bucket.
type Cell struct {
	Series uint32
	// Count is the number of records, weighted by summary counts.
	Count float64
	// Sum is the sum of the values, Min and Max their extremes. For a mean
	// with summary counts each value counts as often as its record stands for.
	Sum, Min, Max float64
}

// Add takes in one record.
func (c *Cell) Add(value, weight, factor float64) {
	if c.Count == 0 || value < c.Min {
		c.Min = value
	}
	if c.Count == 0 || value > c.Max {
		c.Max = value
	}
	c.Count += weight
	c.Sum += float64(value * factor)
}

// Without is the cell as it would be without part of it. Extremes are those of
// the part itself, since what is left of them is not known.
func (c *Cell) Without(part *Cell) Cell {
	return Cell{Series: c.Series, Count: c.Count - part.Count, Sum: c.Sum - part.Sum, Min: part.Min, Max: part.Max}
}

// Share is what one influencer value contributed to a cell.
type Share struct {
	Cell
	Owner uint32 // index of the cell
	Field uint16
	Value names.ID
}

// MaxShares bounds the influencer shares of one bucket and shard; more are
// counted, not kept.
const MaxShares = 1 << 16

// Bytes charged for a cell and a share, tables included.
const (
	cellBytes  = 56
	shareBytes = 64
)

// Bucket gathers one open bucket of one shard.
type Bucket struct {
	cells  []Cell
	shares []Share
	byName table // series → cell
	byKey  table // share key → share
	extras []*Extra
	// passed has what was there at the checkpoints, by cell; passing is how many
	// cells passed any.
	passed  []passed
	passing int
	// Lost counts shares that had no room.
	Lost int64
}

// Cells are the touched series' cells, in order of first touch.
func (b *Bucket) Cells() []Cell { return b.cells }

// Cell returns the index of a series' cell, making an empty one if needed.
func (b *Bucket) Cell(series uint32) uint32 {
	h := names.Mix(uint64(series))
	at := b.byName.find(h, func(i uint32) bool { return b.cells[i].Series == series })
	if n := b.byName.slots[at]; n != 0 {
		return n - 1
	}
	b.cells = append(b.cells, Cell{Series: series})
	b.byName.put(at, func(i uint32) uint64 { return names.Mix(uint64(b.cells[i].Series)) })
	return uint32(len(b.cells) - 1)
}

// Touched reports whether the series has a cell.
func (b *Bucket) Touched(series uint32) bool {
	if len(b.cells) == 0 {
		return false
	}
	at := b.byName.find(names.Mix(uint64(series)), func(i uint32) bool { return b.cells[i].Series == series })
	return b.byName.slots[at] != 0
}

// At returns the cell with index i for adding records.
func (b *Bucket) At(i uint32) *Cell { return &b.cells[i] }

// Blame adds a record to the share of an influencer value in cell i.
func (b *Bucket) Blame(i uint32, field uint16, value names.ID, v, weight, factor float64) {
	same := func(n uint32) bool {
		s := &b.shares[n]
		return s.Owner == i && s.Field == field && s.Value == value
	}
	at := b.byKey.find(shareHash(i, field, value), same)
	n := b.byKey.slots[at]
	if n == 0 {
		if len(b.shares) >= MaxShares {
			b.Lost++
			return
		}
		b.shares = append(b.shares, Share{Owner: i, Field: field, Value: value})
		n = uint32(len(b.shares))
		b.byKey.put(at, func(i uint32) uint64 {
			s := &b.shares[i]
			return shareHash(s.Owner, s.Field, s.Value)
		})
	}
	b.shares[n-1].Add(v, weight, factor)
}

func shareHash(cell uint32, field uint16, value names.ID) uint64 {
	return names.Mix(uint64(cell)<<32 ^ uint64(value) ^ uint64(field)<<52)
}

// SharesByCell returns, per cell, the indexes of its shares in order of first
// touch. Nothing is built if there are no shares.
func (b *Bucket) SharesByCell() [][]uint32 {
	if len(b.shares) == 0 {
		return nil
	}
	lists := make([][]uint32, len(b.cells))
	for i := range b.shares {
		lists[b.shares[i].Owner] = append(lists[b.shares[i].Owner], uint32(i))
	}
	return lists
}

// Share returns share i.
func (b *Bucket) Share(i uint32) *Share { return &b.shares[i] }

// Empty reports whether nothing was gathered.
func (b *Bucket) Empty() bool { return len(b.cells) == 0 }

// Clear forgets everything gathered; its memory is kept for the next bucket.
func (b *Bucket) Clear() {
	b.cells, b.shares, b.Lost = b.cells[:0], b.shares[:0], 0
	clear(b.extras)
	b.extras = b.extras[:0]
	b.passed, b.passing = b.passed[:0], 0
	b.byName.clear()
	b.byKey.clear()
}

// Values visits the influencer values of the shares.
func (b *Bucket) Values(visit func(names.ID)) {
	for i := range b.shares {
		visit(b.shares[i].Value)
	}
}

// Rename gives the influencer values the numbers that renamed says.
func (b *Bucket) Rename(renamed []names.ID) {
	old := b.shares
	b.shares = nil
	b.byKey = table{}
	for _, s := range old {
		s.Value = renamed[s.Value]
		b.putShare(s.Owner, s)
	}
}

// putShare adds a share whose values are known.
func (b *Bucket) putShare(owner uint32, s Share) {
	before := len(b.shares)
	b.Blame(owner, s.Field, s.Value, 0, 0, 0)
	if len(b.shares) > before {
		s.Owner = owner
		b.shares[before] = s
	}
}

// Bytes is the memory charged, a pure function of what was gathered.
func (b *Bucket) Bytes() int64 {
	total := int64(len(b.cells))*cellBytes + int64(len(b.shares))*shareBytes + int64(b.passing)*passedBytes
	for _, x := range b.extras {
		if x != nil {
			total += x.Bytes()
		}
	}
	return total
}

// Append encodes what was gathered.
func (b *Bucket) Append(dst []byte) []byte {
	dst = codec.AppendVarint(dst, b.Lost)
	dst = codec.AppendUvarint(dst, uint64(len(b.cells)))
	for i := range b.cells {
		dst = b.cells[i].append(dst)
	}
	dst = codec.AppendUvarint(dst, uint64(len(b.shares)))
	for i := range b.shares {
		s := &b.shares[i]
		dst = codec.AppendU32(codec.AppendU32(s.append(dst), s.Owner), uint32(s.Value))
		dst = codec.AppendUvarint(dst, uint64(s.Field))
	}
	return b.appendPassed(b.appendExtras(dst))
}

func (c *Cell) append(dst []byte) []byte {
	dst = codec.AppendU32(dst, c.Series)
	for _, f := range [...]float64{c.Count, c.Sum, c.Min, c.Max} {
		dst = codec.AppendFloat(dst, f)
	}
	return dst
}

func decodeCell(r *codec.Reader) (c Cell) {
	c.Series = r.U32()
	for _, f := range [...]*float64{&c.Count, &c.Sum, &c.Min, &c.Max} {
		*f = r.Float()
	}
	return c
}

// Decode reads what Append wrote. series and values are the exclusive bounds
// of the numbers that may occur.
func Decode(r *codec.Reader, series uint32, values int) *Bucket {
	b := &Bucket{Lost: r.Varint()}
	for n := r.Count(36); n > 0 && r.Err() == nil; n-- {
		c := decodeCell(r)
		if c.Series >= series || b.Touched(c.Series) {
			r.Fail("a cell of series %d", c.Series)
			return b
		}
		b.cells[b.Cell(c.Series)] = c
	}
	for n := r.Count(45); n > 0 && r.Err() == nil; n-- {
		s := Share{Cell: decodeCell(r)}
		s.Owner, s.Value = r.U32(), names.ID(r.U32())
		s.Field = uint16(r.Uvarint())
		if int64(s.Owner) >= int64(len(b.cells)) || int64(s.Value) > int64(values) {
			r.Fail("a share of cell %d and value %d", s.Owner, s.Value)
			return b
		}
		b.putShare(s.Owner, s)
	}
	b.decodeExtras(r)
	b.decodePassed(r)
	return b
}

// Clone copies what was gathered, for a snapshot.
func (b *Bucket) Clone() *Bucket {
	c := &Bucket{cells: append([]Cell(nil), b.cells...), shares: append([]Share(nil), b.shares...), Lost: b.Lost,
		passed: append([]passed(nil), b.passed...), passing: b.passing}
	for i, x := range b.extras {
		if x != nil {
			*c.Extra(uint32(i), x.Kind) = *x.Clone()
		}
	}
	return c
}

// table is an open-addressing index of 1-based numbers.
type table struct {
	slots []uint32
	used  int
}

// find returns the slot of the element that same accepts, or the free slot
// where it belongs.
func (t *table) find(hash uint64, same func(uint32) bool) uint32 {
	if len(t.slots) == 0 {
		t.slots = make([]uint32, 16)
	}
	mask := uint32(len(t.slots) - 1)
	at := uint32(hash) & mask
	for t.slots[at] != 0 && !same(t.slots[at]-1) {
		at = (at + 1) & mask
	}
	return at
}

// put fills slot at with the newest element, and grows the table if needed.
func (t *table) put(at uint32, hash func(uint32) uint64) {
	t.used++
	t.slots[at] = uint32(t.used)
	if t.used*4 <= len(t.slots)*3 {
		return
	}
	t.slots = make([]uint32, 2*len(t.slots))
	for i := range t.used {
		free := t.find(hash(uint32(i)), func(uint32) bool { return false })
		t.slots[free] = uint32(i) + 1
	}
}

// clear empties the table; a table that was large and is used little now
// shrinks, so that clearing stays as cheap as the filling was.
func (t *table) clear() {
	if t.used*8 < len(t.slots) && len(t.slots) > 1024 {
		t.slots = nil
	}
	clear(t.slots)
	t.used = 0
}
