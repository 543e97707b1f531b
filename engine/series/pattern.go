package series

import (
	"math"
	"slices"

	"tidemark/engine/num"
	"tidemark/engine/spec"
)

// Pattern knows which short courses a series has taken, so that one unlike all
// of them is noticed even where every value of it is usual.
//
// Model: a course is the last eight blocks of a few buckets, each by its extreme
// (the value farther from the running median), in levels of the range that the
// series had while it warmed up, widened by its own width on both sides and then
// kept. Courses fall into boxes with a lower and an upper bound per block. A
// course misses a box by how much the box would have to grow,
//
//	miss = growth / (8 - size of the box)
//
// it is a new box's first if it misses the nearest one by more than usual, else
// the box grows. The novelty of a course is how far its miss exceeds the largest
// so far, which fades slowly:
//
//	novelty = 2 + patternGain*(miss/largest - 1)
//
// A range that followed the data would make every level shift a repetition of the
// old courses.
// Cost: one comparison with every box per block. Memory: PatternBytes. Source:
// categories as boxes after Carpenter, Grossberg and Rosen (1991), "Fuzzy ART";
// the rest is found by measurement, see docs/accuracy.md.
type Pattern struct {
	// Warming up, the boxes hold the extremes of the blocks seen so far.
	boxes [patternBoxes]patternBox
	order [patternBoxes]uint8 // of the boxes in use, the last one first that took a course
	// low and high are the range of the warm-up, then the ends of the levels.
	low, high   float32
	median      float32 // of the extremes, in levels
	least, most float32 // of the block so far
	match       float32 // usual 1 - miss
	largest     float32 // miss
	last        float32 // novelty of the last course, faded
	course      [patternBlocks]uint8
	inBlock     uint16
	blocks      uint32
	boxesInUse  uint8
	warm        bool // the range is fixed
}

// patternBox is a box of courses: lower bounds, then upper ones, in levels.
type patternBox [2 * patternBlocks]uint8

const (
	patternBlocks = 8
	patternBoxes  = 96
	// patternLevels of the widened range. Of 40 to 120, 80 and 120 ranked the
	// benchmark's labels alike.
	patternLevels = 80
	// patternWiden is by how many widths the range is widened on each side.
	patternWiden = 1
	// blockTime is how long a block is; of 4 to 10 buckets of five minutes, 5
	// ranked best.
	blockBuckets = 5
	// warmBlocks are waited for before the range is fixed. Of 90 to 150, 90 ranked
	// best; the benchmark leaves out more than that of each file.
	warmBlocks = 90
	// patternGain, largestFade and matchGain: of a factor of two up and down
	// around them the benchmark changed by less than a point.
	patternGain = 14
	largestFade = 0.005
	matchGain   = 0.05
	// joinSlack is how much worse than usual a course may match and still widen
	// its box.
	joinSlack = 0.02
	// closeShare of the levels: what moves less has no extreme.
	closeShare = 0.02
	// medianStep is how far the running median moves per block, in ranges.
	medianStep = 0.005
	// onsetShare: a course must exceed this part of the last, faded novelty to be
	// news.
	onsetShare, onsetFade = 0.7, 0.95
)

var blockTime = memory{25 * minute, blockBuckets}

// patternVerdict is what JudgePattern found out and LearnPattern needs.
type patternVerdict struct {
	judged      bool
	complete    bool
	least, most float32
	course      [patternBlocks]uint8
	level       uint8
	nearest     int
	miss        float64
	novelty     float64
}

// WantsPattern reports whether the series has lived and varied long enough that
// courses are worth their memory.
func (p *Params) WantsPattern(c *Core) bool {
	return p.side == spec.Both && p.curve == linear && c.seen >= p.patternAfter && c.lasting > 0
}

// JudgePattern adds to a verdict of Judge how unlike all courses so far the one
// is that this sample completes. It changes nothing of m.
func (p *Params) JudgePattern(c *Core, m *Pattern, x Sample, v *Verdict) {
	if !num.Finite(x.Value) {
		return
	}
	value := float32(num.Clamp(x.Value, -largest, largest))
	w := &v.pattern
	*w = patternVerdict{judged: true, least: value, most: value, nearest: -1}
	if m.inBlock > 0 {
		w.least, w.most = min(m.least, value), max(m.most, value)
	}
	if float64(m.inBlock)+1 < p.blockBuckets {
		return
	}
	w.complete = true
	if !m.warm {
		return
	}
	w.course, w.level = m.course, m.extreme(w.least, w.most)
	copy(w.course[:], m.course[1:])
	w.course[patternBlocks-1] = w.level
	if m.blocks < patternBlocks {
		return
	}
	w.nearest, w.miss = m.nearest(&w.course)
	if w.nearest < 0 || m.blocks < warmBlocks || m.largest <= 0 {
		return
	}
	over := w.miss/float64(m.largest) - 1
	if over <= leastNovelty {
		return
	}
	w.novelty = min(maxNovelty, 2+patternGain*over)
	if float64(m.last) > onsetShare*w.novelty {
		w.novelty = 0
	}
	if v.Ready {
		v.NoveltyScore = max(v.NoveltyScore, w.novelty/maxNovelty*100)
	}
}

// LearnPattern takes the sample of JudgePattern in.
func (p *Params) LearnPattern(m *Pattern, v *Verdict) {
	w := &v.pattern
	if !w.judged {
		return
	}
	m.least, m.most = w.least, w.most
	m.inBlock++
	if !w.complete {
		return
	}
	m.inBlock = 0
	if !m.warm {
		m.warmUp(w.least, w.most)
		return
	}
	m.learn(w)
}

// extreme is the level that stands for a block: that of the value farther from
// the median, or of the middle of the two if they are close.
func (m *Pattern) extreme(least, most float32) uint8 {
	a, b := m.level(least), m.level(most)
	at := (a + b) / 2
	if b-a > closeShare*patternLevels {
		at = a
		if b-float64(m.median) > float64(m.median)-a {
			at = b
		}
	}
	return uint8(math.Round(at))
}

// level is a value's place in the levels, not rounded.
func (m *Pattern) level(x float32) float64 {
	share := (float64(x) - float64(m.low)) / (float64(m.high) - float64(m.low))
	return math.Round(patternLevels * num.Clamp(share, 0, 1))
}

// nearest is the box that a course misses least, -1 without any.
func (m *Pattern) nearest(course *[patternBlocks]uint8) (at int, miss float64) {
	at = -1
	for i := range m.boxes[:m.boxesInUse] {
		box := &m.boxes[i]
		growth, size := 0, 0
		for k, level := range course {
			lo, hi := box[k], box[patternBlocks+k]
			size += int(hi) - int(lo)
			if level < lo {
				growth += int(lo) - int(level)
			} else if level > hi {
				growth += int(level) - int(hi)
			}
		}
		d := float64(growth) / (patternBlocks*patternLevels - float64(size) + 1e-3)
		if at < 0 || d < miss {
			at, miss = i, d
		}
	}
	return at, miss
}

// warmUp keeps the extremes of a block in the memory of the boxes until there are
// enough of them to fix the range; then it learns them.
func (m *Pattern) warmUp(least, most float32) {
	if m.blocks == 0 {
		m.low, m.high = least, most
	}
	m.low, m.high = min(m.low, least), max(m.high, most)
	m.put(int(m.blocks), least, most)
	if m.blocks++; m.blocks < warmBlocks {
		return
	}
	var seen [warmBlocks][2]float32
	for i := range seen {
		seen[i][0], seen[i][1] = m.get(i)
	}
	width := m.high - m.low
	if width <= 0 {
		width = float32(math.Abs(float64(m.high)))*1e-3 + 1e-9
	}
	m.low, m.high = m.low-patternWiden*width, m.high+patternWiden*width
	m.boxes = [patternBoxes]patternBox{}
	m.median = float32(m.level(seen[0][0]))
	m.warm, m.blocks, m.match = true, 0, 0.95
	for _, s := range seen {
		w := patternVerdict{complete: true, level: m.extreme(s[0], s[1]), course: m.course, nearest: -1}
		copy(w.course[:], m.course[1:])
		w.course[patternBlocks-1] = w.level
		if m.blocks >= patternBlocks {
			w.nearest, w.miss = m.nearest(&w.course)
		}
		m.learn(&w)
	}
}

// put and get keep two numbers in the memory of the boxes.
func (m *Pattern) put(i int, least, most float32) {
	for k, x := range [2]float32{least, most} {
		bits, at := math.Float32bits(x), i*8+k*4
		for b := range 4 {
			m.boxes[(at+b)/len(patternBox{})][(at+b)%len(patternBox{})] = uint8(bits >> (8 * b))
		}
	}
}

func (m *Pattern) get(i int) (least, most float32) {
	var out [2]float32
	for k := range out {
		bits, at := uint32(0), i*8+k*4
		for b := range 4 {
			bits |= uint32(m.boxes[(at+b)/len(patternBox{})][(at+b)%len(patternBox{})]) << (8 * b)
		}
		out[k] = math.Float32frombits(bits)
	}
	return out[0], out[1]
}

// learn takes a block and, once there are enough of them, its course.
func (m *Pattern) learn(w *patternVerdict) {
	m.course = w.course
	m.blocks = min(m.blocks+1, math.MaxUint32-1)
	switch level := float32(w.level); {
	case level > m.median:
		m.median += medianStep * patternLevels
	case level < m.median:
		m.median -= medianStep * patternLevels
	}
	if m.blocks < patternBlocks {
		return
	}
	if w.nearest < 0 {
		m.found(&w.course)
		return
	}
	if 1-w.miss >= float64(m.match)-joinSlack {
		m.widen(w.nearest, &w.course)
	} else {
		m.found(&w.course)
	}
	m.match = float32(num.Toward(float64(m.match), num.Gain(float64(m.blocks), 1/matchGain), 1-w.miss))
	most := float64(m.largest)
	if most == 0 {
		most = w.miss
	}
	m.largest = float32(max(most*(1-largestFade), min(w.miss, 3*most)))
	m.last = float32(max(w.novelty, onsetFade*float64(m.last)))
}

// widen makes a box hold a course.
func (m *Pattern) widen(i int, course *[patternBlocks]uint8) {
	box := &m.boxes[i]
	for k, level := range course {
		box[k], box[patternBlocks+k] = min(box[k], level), max(box[patternBlocks+k], level)
	}
	m.touch(uint8(i))
}

// touch puts a box first in the order.
func (m *Pattern) touch(i uint8) {
	at := slices.Index(m.order[:m.boxesInUse], i)
	copy(m.order[1:at+1], m.order[:at])
	m.order[0] = i
}

// found begins a box with a course, in the place of the one unused for longest if
// there is no other left.
func (m *Pattern) found(course *[patternBlocks]uint8) {
	i := m.order[patternBoxes-1]
	if m.boxesInUse < patternBoxes {
		i = m.boxesInUse
		m.order[i] = i
		m.boxesInUse++
	}
	m.boxes[i] = patternBox(append(append(make([]uint8, 0, 2*patternBlocks), course[:]...), course[:]...))
	m.touch(i)
}
