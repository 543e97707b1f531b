package series

import (
	"encoding/binary"
	"errors"
	"math"
)

// Encoded sizes. The encoding is every field in the order of coder below,
// little endian, floats as their bits; it has no header, because the snapshot
// around it names the version.
var (
	// CoreBytes is the encoded size of a Core.
	CoreBytes = new(Core).walk(coder{}).at
	// SeasonBytes is the encoded size of a Season.
	SeasonBytes = new(Season).walk(coder{}).at
)

// ErrShort reports bytes that end inside a state.
var ErrShort = errors.New("series: state ends early; the snapshot is cut off or of another version")

// ErrCorrupt reports a state that no sequence of samples can lead to.
var ErrCorrupt = errors.New("series: state holds impossible values; the snapshot is damaged")

func (c *Core) walk(k coder) coder { k.core(c); return k }

// Append appends the encoding of c, CoreBytes long.
func (c *Core) Append(dst []byte) []byte { return appendState(dst, c, CoreBytes) }

// Decode reads c from src and returns the rest of src.
func (c *Core) Decode(src []byte) ([]byte, error) { return decodeState(src, c, CoreBytes) }

func (s *Season) walk(k coder) coder { k.season(s); return k }

// Append appends the encoding of s, SeasonBytes long.
func (s *Season) Append(dst []byte) []byte { return appendState(dst, s, SeasonBytes) }

// Decode reads s from src and returns the rest of src.
func (s *Season) Decode(src []byte) ([]byte, error) { return decodeState(src, s, SeasonBytes) }

// walker is a state that a coder can walk. It takes and gives the coder by value:
// by its address it would be an allocation for each state.
type walker[T any] interface {
	*T
	walk(coder) coder
	sound() bool
}

// appendState appends the encoding of s, size bytes long.
func appendState[T any, P walker[T]](dst []byte, s P, size int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, size)...)
	s.walk(coder{buf: dst[at:], write: true})
	return dst
}

// decodeState reads s from the first size bytes of src and returns the rest.
func decodeState[T any, P walker[T]](src []byte, s P, size int) ([]byte, error) {
	if len(src) < size {
		return nil, ErrShort
	}
	if s.walk(coder{buf: src[:size], read: true}); !s.sound() {
		return nil, ErrCorrupt
	}
	return src[size:], nil
}

// coder walks the fields of a state once for writing, reading and measuring,
// so that the three cannot disagree.
type coder struct {
	buf         []byte
	at          int
	write, read bool
}

func (k *coder) f64(x *float64) {
	if k.write {
		binary.LittleEndian.PutUint64(k.buf[k.at:], math.Float64bits(*x))
	} else if k.read {
		*x = math.Float64frombits(binary.LittleEndian.Uint64(k.buf[k.at:]))
	}
	k.at += 8
}

func (k *coder) i64(x *int64) {
	if k.write {
		binary.LittleEndian.PutUint64(k.buf[k.at:], uint64(*x))
	} else if k.read {
		*x = int64(binary.LittleEndian.Uint64(k.buf[k.at:]))
	}
	k.at += 8
}

func (k *coder) f32(x *float32) {
	if k.write {
		binary.LittleEndian.PutUint32(k.buf[k.at:], math.Float32bits(*x))
	} else if k.read {
		*x = math.Float32frombits(binary.LittleEndian.Uint32(k.buf[k.at:]))
	}
	k.at += 4
}

func (k *coder) u32(x *uint32) {
	if k.write {
		binary.LittleEndian.PutUint32(k.buf[k.at:], *x)
	} else if k.read {
		*x = binary.LittleEndian.Uint32(k.buf[k.at:])
	}
	k.at += 4
}

func (k *coder) u16(x *uint16) {
	if k.write {
		binary.LittleEndian.PutUint16(k.buf[k.at:], *x)
	} else if k.read {
		*x = binary.LittleEndian.Uint16(k.buf[k.at:])
	}
	k.at += 2
}

func (k *coder) i16(x *int16) {
	if k.write {
		binary.LittleEndian.PutUint16(k.buf[k.at:], uint16(*x))
	} else if k.read {
		*x = int16(binary.LittleEndian.Uint16(k.buf[k.at:]))
	}
	k.at += 2
}

func (k *coder) i32(x *int32) {
	bits := uint32(*x)
	k.u32(&bits)
	if k.read { // A snapshot is written while others read the same page.
		*x = int32(bits)
	}
}

func (k *coder) u8(x *uint8) {
	if k.write {
		k.buf[k.at] = *x
	} else if k.read {
		*x = k.buf[k.at]
	}
	k.at++
}

func (k *coder) i8(x *int8) {
	bits := uint8(*x)
	k.u8(&bits)
	if k.read {
		*x = int8(bits)
	}
}

func (k *coder) bytes(x []uint8) {
	if k.write {
		copy(k.buf[k.at:], x)
	} else if k.read {
		copy(x, k.buf[k.at:])
	}
	k.at += len(x)
}

func (k *coder) core(c *Core) {
	k.i64(&c.lastMs)
	for _, x := range c.doubles() {
		k.f64(x)
	}
	for i := range c.low {
		k.f64(&c.low[i])
		k.f64(&c.high[i])
	}
	for i := range c.err {
		k.f64(&c.err[i])
	}
	for _, x := range c.singles() {
		k.f32(x)
	}
	k.tail(&c.tailA)
	k.tail(&c.tailB)
	for i := range c.windows.tail {
		k.tail(&c.windows.tail[i])
	}
	for _, x := range c.chance.singles() {
		k.f32(x)
	}
	k.rank(&c.rank)
	k.i8(&c.shortRun)
	k.u8(&c.heard)
	k.i16(&c.longRun)
	k.u8(&c.stray.long)
	k.u32(&c.zeroRun)
}

// doubles lists the single float64 fields of c in the order of the encoding.
func (c *Core) doubles() [22]*float64 {
	return [...]*float64{
		&c.seen, &c.last, &c.fast, &c.mid, &c.trendLevel, &c.trend,
		&c.dayLast, &c.dayMean, &c.weekLast, &c.weekMean,
		&c.slow, &c.slower, &c.daySlow, &c.weekSlow, &c.meanAbs,
		&c.recent, &c.lasting, &c.longScale, &c.meanCount,
		&c.shift.mean, &c.shift.spread, &c.shift.back,
	}
}

func (c *Core) singles() [19]*float32 {
	return [...]*float32{&c.records.x, &c.records.xx, &c.records.y, &c.records.xy, &c.told, &c.out,
		&c.sparse.zeros, &c.sparse.again, &c.sparse.mean, &c.sparse.square,
		&c.windows.mean[0], &c.windows.mean[1], &c.windows.mean[2], &c.windows.square[0], &c.windows.square[1], &c.windows.square[2],
		&c.shift.far, &c.shift.left, &c.stray.by}
}

func (k *coder) tail(t *tail) {
	for _, x := range [...]*float32{&t.threshold, &t.rate, &t.mean, &t.square, &t.excesses, &t.crowd} {
		k.f32(x)
	}
}

func (t *chance) singles() [4]*float32 {
	return [...]*float32{&t.threshold, &t.mean, &t.excesses, &t.crowd}
}

func (k *coder) rank(t *rankTail) {
	for _, x := range [...]*float32{&t.threshold, &t.rate, &t.mean, &t.events, &t.peak, &t.still, &t.most, &t.passed} {
		k.f32(x)
	}
	for i := range t.spared {
		k.f32(&t.spared[i])
	}
}

func (k *coder) season(s *Season) {
	k.f32(&s.seen)
	k.f32(&s.unit)
	for i := range s.day {
		k.i16(&s.day[i])
	}
	for i := range s.week {
		k.i16(&s.week[i])
	}
	for i := range s.scatter {
		k.u16(&s.scatter[i])
		k.u16(&s.scatterB[i])
	}
	k.bytes(s.dayVisit[:])
	k.bytes(s.weekVisit[:])
	k.f64(&s.period)
	k.f64(&s.anchor)
	k.jobs(&s.jobs)
	k.alternative(&s.alt)
	k.u8(&s.on)
	k.u8(&s.asked)
	for i := range s.since {
		k.i32(&s.since[i])
	}
	k.watch(&s.watch)
	k.due(&s.due)
}

// mostState is beyond every number that values up to largest can lead to, and
// small enough that a season holds a sum of them in 32 bits.
const mostState = 1e34

// sound reports whether every number is finite and every scale possible. The
// snapshot's checksum finds damage; this keeps a state that passed it by chance
// or by design from poisoning results.
func (c *Core) sound() bool {
	for _, x := range c.doubles() {
		if !(math.Abs(*x) <= mostState) {
			return false
		}
	}
	for i := range c.low {
		if !(c.low[i] <= c.high[i] && c.low[i] >= -mostState && c.high[i] <= mostState) {
			return false
		}
	}
	for i := range c.err {
		if !(c.err[i] >= 0 && c.err[i] <= mostState) {
			return false
		}
	}
	for _, x := range c.singles() {
		if !(math.Abs(float64(*x)) <= mostState) {
			return false
		}
	}
	if !c.tailA.sound() || !c.tailB.sound() || !c.chance.sound() || !c.rank.sound() {
		return false
	}
	for i, square := range c.windows.square {
		if square < 0 || !c.windows.tail[i].sound() {
			return false
		}
	}
	if !(c.shift.far >= 0 && c.shift.left >= 0 && c.out >= 0 && c.shift.spread >= 0) {
		return false
	}
	return c.stray.long <= strayLongest && c.seen >= 0 && c.recent >= 0 && c.lasting >= 0 && c.longScale >= 0 && c.meanAbs >= 0
}

func (t *tail) sound() bool {
	return t.threshold > 0 && t.rate > 0 && t.rate <= 1 &&
		possible(t.threshold, t.mean, t.square, t.excesses, t.crowd)
}

func (t *chance) sound() bool {
	return t.threshold > 0 && t.mean > 0 && possible(t.threshold, t.mean, t.excesses, t.crowd)
}

func (t *rankTail) sound() bool {
	return t.threshold > 0 && t.rate > 0 && t.rate <= 1 && t.mean > 0 &&
		possible(t.threshold, t.mean, t.events, t.peak, t.still, t.most, t.passed, t.spared[0], t.spared[1])
}

// possible reports whether every number can be a count, a scale or an excess.
func possible(xs ...float32) bool {
	for _, x := range xs {
		if !(x >= 0 && x <= mostExcess*mostExcess) {
			return false
		}
	}
	return true
}

func (s *Season) sound() bool {
	for _, curve := range [...][]int16{s.day[:], s.week[:]} {
		for _, l := range curve {
			if l > mostLevel || l < -mostLevel {
				return false
			}
		}
	}
	for h := range s.scatter {
		if max(s.scatter[h], s.scatterB[h]) > maxHourRatio*scatterLevels+1 {
			return false
		}
	}
	for i := range maxDaySlots {
		if s.dayVisits(i) > dayMemory {
			return false
		}
	}
	if !possible(s.seen) || !(s.unit >= 0 && s.unit <= mostState) || s.unit == 0 && s.seen > 0 {
		return false
	}
	return s.soundSeasons() && s.watch.sound() && s.due.sound()
}

// PatternBytes is the encoded size of a Pattern.
var PatternBytes = new(Pattern).walk(coder{}).at

func (k *coder) pattern(m *Pattern) {
	for i := range m.boxes {
		k.bytes(m.boxes[i][:])
	}
	k.bytes(m.order[:])
	for _, x := range m.singles() {
		k.f32(x)
	}
	k.bytes(m.course[:])
	k.u16(&m.inBlock)
	k.u32(&m.blocks)
	flags := []uint8{m.boxesInUse, 0}
	if m.warm {
		flags[1] = 1
	}
	k.bytes(flags)
	if k.read { // A snapshot is written while others read the same page.
		m.boxesInUse, m.warm = flags[0], flags[1] == 1
	}
}

func (m *Pattern) singles() [8]*float32 {
	return [...]*float32{&m.low, &m.high, &m.median, &m.least, &m.most, &m.match, &m.largest, &m.last}
}

func (m *Pattern) walk(k coder) coder { k.pattern(m); return k }

// Append appends the encoding of m, PatternBytes long.
func (m *Pattern) Append(dst []byte) []byte { return appendState(dst, m, PatternBytes) }

// Decode reads m from src and returns the rest of src.
func (m *Pattern) Decode(src []byte) ([]byte, error) { return decodeState(src, m, PatternBytes) }

func (m *Pattern) sound() bool {
	for _, x := range m.singles() {
		if !(math.Abs(float64(*x)) <= mostState) {
			return false
		}
	}
	if m.boxesInUse > patternBoxes || m.low > m.high || m.warm && m.low == m.high || !m.warm && m.blocks >= warmBlocks {
		return false
	}
	if !m.warm {
		return true
	}
	seen := [patternBoxes]bool{}
	for _, i := range m.order[:m.boxesInUse] {
		if i >= m.boxesInUse || seen[i] {
			return false
		}
		seen[i] = true
	}
	for i := range m.boxes[:m.boxesInUse] {
		for k := range patternBlocks {
			if m.boxes[i][k] > m.boxes[i][patternBlocks+k] || m.boxes[i][patternBlocks+k] > patternLevels {
				return false
			}
		}
	}
	return true
}
