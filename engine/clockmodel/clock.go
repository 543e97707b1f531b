// Package clockmodel learns at which times of a day or of a week events happen.
//
// Model: a circular histogram of event weights, aged by time, smoothed by a
// triangular kernel when it is read, with a small uniform part for times at which
// nothing was ever seen:
//
//	density(i) = (smoothed(i) + uniform) / total     uniform ~ 1/cycles seen
//	P(t)       = the mass of all slots whose density is at most that of t's slot
//
// A mean of times would put 23:50 and 00:10 at noon, and two shifts at the time
// between them; a histogram does neither.
// Cost: one pass over the slots to learn a bucket, two to judge an event. Memory:
// DayBytes and WeekBytes. Source: kernel density estimation on the circle.
package clockmodel

import (
	"encoding/binary"
	"errors"
	"math"
)

// Numbers of slots: 5 minutes of a day, 15 minutes of a week.
const (
	DaySlots  = 288
	WeekSlots = 672
)

const (
	dayMs  = 24 * 60 * 60 * 1000
	weekMs = 7 * dayMs
	// memoryDays and memoryWeeks are the cycles that events count for: habits are
	// kept for a season and given up within one.
	memoryDays  = 30
	memoryWeeks = 12
	// readyDays and readyWeeks must have passed before a time can be unusual, and
	// readyEvents happened.
	readyDays   = 3
	readyWeeks  = 2
	readyEvents = 20
	// kernelMinutes is how far an event speaks for the times around it.
	kernelMinutes = 45
	// bridgeMinutes: within it slots belong to the same peak.
	bridgeMinutes = 90
)

// Event is an event's slot and how many it stands for.
type Event struct {
	Slot   uint16
	Weight float64
}

// head is what day and week share beside their slots.
type head struct {
	firstMs, lastMs int64
	events          float64 // ever seen
}

// Day is the model of a daily cycle. Its zero value has seen nothing.
type Day struct {
	head
	slots [DaySlots]float32
}

// Week is the model of a weekly cycle that begins on Monday. Its zero value has
// seen nothing.
type Week struct {
	head
	slots [WeekSlots]float32
}

// Learn takes the events of the bucket that starts at startMs.
func (m *Day) Learn(startMs int64, events []Event) {
	m.learn(m.slots[:], startMs, events, memoryDays*dayMs)
}

// Learn takes the events of the bucket that starts at startMs.
func (m *Week) Learn(startMs int64, events []Event) {
	m.learn(m.slots[:], startMs, events, memoryWeeks*weekMs)
}

// mostWeight bounds one event, so that sums stay finite.
const mostWeight = 1e9

func (h *head) learn(slots []float32, startMs int64, events []Event, memoryMs float64) {
	if h.events == 0 {
		h.firstMs, h.lastMs = startMs, startMs
	}
	if passed := startMs - h.lastMs; passed > 0 {
		k := float32(math.Exp(-float64(passed) / memoryMs))
		for i := range slots {
			slots[i] *= k
		}
		h.lastMs = startMs
	}
	for _, e := range events {
		if int(e.Slot) >= len(slots) || !(e.Weight > 0) {
			continue
		}
		// Many events at once are one habit more than many: their weight grows
		// slowly.
		w := math.Log1p(math.Min(e.Weight, mostWeight))
		slots[e.Slot] += float32(w)
		h.events++
	}
}

// LogProb is the natural logarithm of the probability of an event at a time that
// is no more usual than this slot.
func (m *Day) LogProb(slot int) float64 {
	return m.logProb(m.slots[:], slot, dayMs)
}

// LogProb is the natural logarithm of the probability of an event at a time that
// is no more usual than this slot.
func (m *Week) LogProb(slot int) float64 {
	return m.logProb(m.slots[:], slot, weekMs)
}

func (h *head) cycles(cycleMs float64) float64 {
	return float64(h.lastMs-h.firstMs)/cycleMs + 1
}

func (h *head) logProb(slots []float32, slot int, cycleMs float64) float64 {
	if slot < 0 || slot >= len(slots) || h.events == 0 {
		return 0
	}
	var smooth [WeekSlots]float64
	density := smooth[:len(slots)]
	total := h.smooth(slots, density, cycleMs)
	// The uniform part: half an event of the usual weight somewhere in the cycle.
	uniform := 0.5 * total / math.Max(h.events, 1) / float64(len(slots))
	own := density[slot]
	mass := 0.0
	for _, d := range density {
		if d <= own {
			mass += d
		}
	}
	mass += uniform * float64(len(slots))
	return math.Min(0, math.Log(mass/(total+uniform*float64(len(slots)))))
}

// smooth fills density with the smoothed slots and returns their sum.
func (h *head) smooth(slots []float32, density []float64, cycleMs float64) (total float64) {
	n := len(slots)
	reach := int(kernelMinutes * 60_000 / (cycleMs / float64(n)))
	norm := float64((reach + 1) * (reach + 1))
	for i, w := range slots {
		if w == 0 {
			continue
		}
		for d := -reach; d <= reach; d++ {
			share := float64(reach+1-max(d, -d)) / norm
			density[(i+d+n)%n] += float64(w) * share
		}
		total += float64(w)
	}
	return total
}

// Typical is the time of the usual event nearest to a slot, in seconds since the
// cycle began.
func (m *Day) Typical(slot int) float64 { return m.typical(m.slots[:], slot, dayMs) }

// Typical is the time of the usual event nearest to a slot, in seconds since the
// cycle began.
func (m *Week) Typical(slot int) float64 { return m.typical(m.slots[:], slot, weekMs) }

func (h *head) typical(slots []float32, slot int, cycleMs float64) float64 {
	n := len(slots)
	slotSeconds := cycleMs / 1000 / float64(n)
	if slot < 0 || slot >= n || h.events == 0 {
		return (float64(slot) + 0.5) * slotSeconds
	}
	var smooth [WeekSlots]float64
	density := smooth[:n]
	total := h.smooth(slots, density, cycleMs)
	usual := total / float64(n) // An even spread would have so much everywhere.
	for d := 0; d <= n/2; d++ {
		for _, at := range [...]int{(slot + d) % n, (slot - d + n) % n} {
			if density[at] >= usual {
				return h.peak(density, at, slotSeconds, cycleMs)
			}
		}
	}
	return (float64(slot) + 0.5) * slotSeconds
}

// peak is the circular mean around a usual slot.
func (h *head) peak(density []float64, at int, slotSeconds, cycleMs float64) float64 {
	n := len(density)
	reach := int(bridgeMinutes * 60_000 / (cycleMs / float64(n)))
	sum, weight := 0.0, 0.0
	for d := -reach; d <= reach; d++ {
		w := density[(at+d+n)%n]
		sum += w * float64(d)
		weight += w
	}
	seconds := (float64(at) + sum/weight + 0.5) * slotSeconds
	return math.Mod(seconds+cycleMs/1000, cycleMs/1000)
}

// Ready reports whether enough was seen for a time to be unusual.
func (m *Day) Ready() bool { return m.events >= readyEvents && m.cycles(dayMs) > readyDays }

// Ready reports whether enough was seen for a time to be unusual.
func (m *Week) Ready() bool { return m.events >= readyEvents && m.cycles(weekMs) > readyWeeks }

// Encoded sizes.
const (
	headBytes = 24
	DayBytes  = headBytes + 4*DaySlots
	WeekBytes = headBytes + 4*WeekSlots
)

// ErrCorrupt reports a state that no events can lead to.
var ErrCorrupt = errors.New("clockmodel: state holds impossible values; the snapshot is damaged")

// Append encodes m.
func (m *Day) Append(dst []byte) []byte { return m.append(dst, m.slots[:]) }

// Append encodes m.
func (m *Week) Append(dst []byte) []byte { return m.append(dst, m.slots[:]) }

// Decode reads what Append wrote.
func (m *Day) Decode(src []byte) ([]byte, error) { return m.decode(src, m.slots[:]) }

// Decode reads what Append wrote.
func (m *Week) Decode(src []byte) ([]byte, error) { return m.decode(src, m.slots[:]) }

func (h *head) append(dst []byte, slots []float32) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.firstMs))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.lastMs))
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(h.events))
	for _, w := range slots {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(w))
	}
	return dst
}

func (h *head) decode(src []byte, slots []float32) ([]byte, error) {
	if len(src) < headBytes+4*len(slots) {
		return nil, ErrCorrupt
	}
	h.firstMs = int64(binary.LittleEndian.Uint64(src))
	h.lastMs = int64(binary.LittleEndian.Uint64(src[8:]))
	h.events = math.Float64frombits(binary.LittleEndian.Uint64(src[16:]))
	const farMs = 1 << 60 // Differences of times must not overflow.
	if !(h.events >= 0 && h.events < 1e300) || h.lastMs < h.firstMs || h.firstMs < -farMs || h.lastMs > farMs {
		return nil, ErrCorrupt
	}
	for i := range slots {
		slots[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[headBytes+4*i:]))
		if !(slots[i] >= 0 && slots[i] < 1e30) {
			return nil, ErrCorrupt
		}
	}
	return src[headBytes+4*len(slots):], nil
}
