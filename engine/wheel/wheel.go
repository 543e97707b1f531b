// Package wheel is a hierarchical timer wheel over bucket numbers: series that
// are silent wait in it for the bucket at which their silence may matter.
//
// Model: an entry due at d stands, while the wheel is at n, on level
// floor(log64(d xor n)) in the slot that the level's six bits of d name. All
// entries of a level are due before those of the levels above. When the wheel
// moves into a slot, the slot's entries fall to lower levels.
// Cost: adding is constant; an entry falls at most once per level (11 levels
// cover every 64-bit time); finding the next due time looks at one bit mask per
// level and at one slot. Memory: 16 bytes an entry.
// Source: the xor placement of entries as in G. Varghese, T. Lauck, "Hashed and
// Hierarchical Timing Wheels", 1987, with radix 64.
package wheel

import (
	"math/bits"
	"slices"
)

const (
	radixBits = 6
	radix     = 1 << radixBits
	levels    = 11
)

type item struct {
	due int64
	id  uint32
}

// Wheel holds (id, due) entries. Entries are not removed when they become
// pointless: the caller keeps each id's due time and ignores what no longer
// matches. It is not safe for concurrent use.
type Wheel struct {
	now   int64
	count int
	masks [levels]uint64
	slots [levels][radix][]item
}

// New returns an empty wheel that stands at bucket number now, at least 0.
func New(now int64) *Wheel { return &Wheel{now: max(now, 0)} }

// Now is the bucket number the wheel stands at.
func (w *Wheel) Now() int64 { return w.now }

// Len is how many entries wait, stale ones included.
func (w *Wheel) Len() int { return w.count }

// Add makes id due at bucket number due. What is due at or before now comes
// with the next Advance past now.
func (w *Wheel) Add(id uint32, due int64) {
	w.place(item{due: max(due, w.now+1), id: id})
	w.count++
}

func (w *Wheel) place(it item) {
	level := 0
	if diff := uint64(it.due ^ w.now); diff != 0 {
		level = (bits.Len64(diff) - 1) / radixBits
	}
	slot := it.due >> (level * radixBits) & (radix - 1)
	w.slots[level][slot] = append(w.slots[level][slot], it)
	w.masks[level] |= 1 << slot
}

// Next is the earliest due time, or ok false if nothing waits.
func (w *Wheel) Next() (due int64, ok bool) {
	for level := range levels {
		if w.masks[level] == 0 {
			continue
		}
		slot := bits.TrailingZeros64(w.masks[level])
		due = w.slots[level][slot][0].due
		for _, it := range w.slots[level][slot][1:] {
			due = min(due, it.due)
		}
		return due, true
	}
	return 0, false
}

// Advance moves the wheel to bucket number to and returns the ids due at or
// before it, ascending, in dst. Nothing happens if to is not ahead.
func (w *Wheel) Advance(to int64, dst []uint32) []uint32 {
	for w.now < to {
		due, ok := w.Next()
		if !ok || due > to {
			w.move(to)
			break
		}
		w.move(due)
		slot := due & (radix - 1)
		for _, it := range w.slots[0][slot] {
			dst = append(dst, it.id)
		}
		w.count -= len(w.slots[0][slot])
		w.clear(0, slot)
	}
	slices.Sort(dst)
	return dst
}

// move sets now to a time before or at which nothing but now itself is due,
// and lets the entries of the slots it enters fall.
func (w *Wheel) move(to int64) {
	diff := uint64(w.now ^ to)
	w.now = to
	if diff == 0 {
		return
	}
	for level := (bits.Len64(diff) - 1) / radixBits; level > 0; level-- {
		slot := to >> (level * radixBits) & (radix - 1)
		fallen := w.slots[level][slot]
		if len(fallen) == 0 {
			continue
		}
		w.clear(level, slot)
		for _, it := range fallen {
			w.place(it)
		}
	}
}

// clear empties a slot. Its memory goes with it: a slot that once held many
// entries may never do so again.
func (w *Wheel) clear(level int, slot int64) {
	w.slots[level][slot] = nil
	w.masks[level] &^= 1 << slot
}
