package record

import (
	"encoding/binary"
	"math"

	"tidemark/engine/codec"
)

// MaxTimeMs is the largest time of a record in milliseconds since 1970 (the
// year 287,169). Beyond it, seconds and milliseconds would no longer be exact
// as floats.
const MaxTimeMs = 9_000_000_000_000_000

// docs/format/batch.md describes the bytes.

// timeUnits are the steps in which times may be stored. Most data comes on
// whole seconds or minutes, where a difference then takes one byte, not three.
var timeUnits = [...]int64{60_000, 1000, 1}

// A number column's head byte is a kind, 0 for raw bits or 1 + the number of
// decimal places, with these flags.
const (
	kindMask   = 0x0f
	withAbsent = 0x10 // a bitmap of the records that have a value comes first
	asSteps    = 0x20 // decimals are stored as differences
)

// maxPlaces is how many decimal places a column may have to be stored as
// integers. Measured series have rarely more, and an attempt costs a division
// per value and place.
const maxPlaces = 9

// exactBelow bounds the integers that stand for decimals. Below 2^50 the
// product of a decimal and a power of ten is off by less than a quarter, so
// rounding it finds the integer.
const exactBelow = 1 << 50

var powersOfTen = [maxPlaces + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// Append encodes the batch behind dst. Regular times, integers and decimals
// shrink to a byte or two, text codes to the bytes their dictionary needs; a
// general compressor finds what repeats. Every NaN is stored as absent.
func (b *Batch) Append(dst []byte) []byte {
	dst = codec.AppendUvarint(dst, uint64(b.Len()))
	dst = codec.AppendUvarint(dst, uint64(len(b.Numbers)))
	dst = codec.AppendUvarint(dst, uint64(len(b.Texts)))
	dst = appendTimes(dst, b.Times)
	for _, column := range b.Numbers {
		dst = appendNumbers(dst, column)
	}
	for i := range b.Texts {
		dst = appendText(dst, &b.Texts[i])
	}
	return dst
}

func appendTimes(dst []byte, times []int64) []byte {
	at := 0
	for _, t := range times {
		for t%timeUnits[at] != 0 {
			at++
		}
	}
	unit, before := timeUnits[at], int64(0)
	dst = append(dst, byte(at))
	for _, t := range times {
		dst = codec.AppendVarint(dst, (t-before)/unit)
		before = t
	}
	return dst
}

func appendNumbers(dst []byte, column []float64) []byte {
	present := 0
	for _, v := range column {
		if v == v {
			present++
		}
	}
	places, steps := layout(column, present)
	head := byte(places + 1)
	if steps {
		head |= asSteps
	}
	if present < len(column) {
		dst = append(dst, head|withAbsent)
		dst = appendPresence(dst, column)
	} else {
		dst = append(dst, head)
	}
	if places < 0 {
		for _, v := range column {
			if v == v {
				dst = codec.AppendFloat(dst, v)
			}
		}
		return dst
	}
	before := int64(0)
	for _, v := range column {
		if v != v {
			continue
		}
		n := int64(math.RoundToEven(v * powersOfTen[places]))
		dst = codec.AppendVarint(dst, n-before)
		if steps {
			before = n
		}
	}
	return dst
}

// appendPresence writes a bit per record, the first record lowest.
func appendPresence(dst []byte, column []float64) []byte {
	bits, n := byte(0), 0
	for _, v := range column {
		if v == v {
			bits |= 1 << n
		}
		if n++; n == 8 {
			dst, bits, n = append(dst, bits), 0, 0
		}
	}
	if n > 0 {
		dst = append(dst, bits)
	}
	return dst
}

// layout chooses the smallest form of a column: how many decimal places it has
// (-1: raw bits) and whether differences are smaller than the values.
func layout(column []float64, present int) (places int, steps bool) {
	for _, v := range column {
		if v != v {
			continue
		}
		for !isDecimal(v, places) {
			if places++; places > maxPlaces {
				return -1, false
			}
		}
	}
	plain, stepped, before := 0, 0, int64(0)
	for _, v := range column {
		if v != v {
			continue
		}
		// An earlier value may be too large at the places of a later one.
		if !isDecimal(v, places) {
			return -1, false
		}
		n := int64(math.RoundToEven(v * powersOfTen[places]))
		plain += varintLen(n)
		stepped += varintLen(n - before)
		before = n
	}
	if min(plain, stepped) > 8*present {
		return -1, false
	}
	return places, stepped < plain
}

// isDecimal reports whether an integer over a power of ten is exactly v, a
// negative zero being none.
func isDecimal(v float64, places int) bool {
	n := math.RoundToEven(v * powersOfTen[places])
	// The conversion through an integer drops the sign of a negative zero.
	return math.Abs(n) < exactBelow &&
		math.Float64bits(float64(int64(n))/powersOfTen[places]) == math.Float64bits(v)
}

func varintLen(n int64) int {
	length := 1
	for u := uint64(n<<1) ^ uint64(n>>63); u >= 0x80; u >>= 7 {
		length++
	}
	return length
}

func appendText(dst []byte, c *TextColumn) []byte {
	dst = codec.AppendUvarint(dst, uint64(len(c.Ends)))
	before := uint32(0)
	for _, end := range c.Ends {
		dst = codec.AppendUvarint(dst, uint64(end-before))
		before = end
	}
	dst = append(dst, c.Values[:before]...)
	switch codeWidth(len(c.Ends)) {
	case 1:
		for _, code := range c.Codes {
			dst = append(dst, byte(code))
		}
	case 2:
		for _, code := range c.Codes {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(code))
		}
	default:
		for _, code := range c.Codes {
			dst = binary.LittleEndian.AppendUint32(dst, code)
		}
	}
	return dst
}

// codeWidth is how many bytes hold a code for so many values.
func codeWidth(values int) int {
	switch {
	case values < 1<<8:
		return 1
	case values < 1<<16:
		return 2
	}
	return 4
}
