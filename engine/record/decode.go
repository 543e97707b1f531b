package record

import (
	"encoding/binary"
	"math"

	"tidemark/engine/codec"
)

// Decode reads what Append wrote and checks everything that a batch promises:
// times in range, dictionaries in order of first appearance without unused
// values, codes within them. Errors stay in the reader. Memory stays within 64
// times the input.
func Decode(r *codec.Reader) *Batch {
	n := r.Count(1)
	numbers, texts := r.Count(1), r.Count(1)
	b := &Batch{Times: decodeTimes(r, n)}
	for range numbers {
		if r.Err() != nil {
			return b
		}
		b.Numbers = append(b.Numbers, decodeNumbers(r, n))
	}
	for range texts {
		if r.Err() != nil {
			return b
		}
		b.Texts = append(b.Texts, decodeText(r, n))
	}
	return b
}

func decodeTimes(r *codec.Reader, n int) []int64 {
	at := r.Byte()
	if int(at) >= len(timeUnits) {
		r.Fail("unknown unit of time %d", at)
		return nil
	}
	unit, before := timeUnits[at], int64(0)
	limit := MaxTimeMs / unit
	times := make([]int64, n)
	for i := range times {
		step := r.Varint()
		// The first two comparisons keep the product from wrapping.
		if step > limit || step < -limit || before+step*unit < 0 || before+step*unit > MaxTimeMs {
			r.Fail("the time of record %d is out of range", i)
			return nil
		}
		before += step * unit
		times[i] = before
	}
	return times
}

func decodeNumbers(r *codec.Reader, n int) []float64 {
	head := r.Byte()
	kind := int(head & kindMask)
	steps := head&asSteps != 0
	if head&^(kindMask|withAbsent|asSteps) != 0 || kind > maxPlaces+1 || kind == 0 && steps {
		r.Fail("unknown kind of number column %#x", head)
		return nil
	}
	var presence []byte
	if head&withAbsent != 0 {
		presence = r.Raw((n + 7) / 8)
		if n%8 != 0 && len(presence) > 0 && presence[len(presence)-1]>>(n%8) != 0 {
			r.Fail("a value for a record that is not there")
		}
	} else if n > r.Left() {
		r.Fail("a column of %d numbers with %d bytes left", n, r.Left())
	}
	if r.Err() != nil {
		return nil
	}
	column := make([]float64, n)
	before := int64(0)
	for i := range column {
		switch {
		case presence != nil && presence[i/8]>>(i%8)&1 == 0:
			column[i] = math.NaN()
		case kind == 0:
			column[i] = r.Float()
			if column[i] != column[i] {
				r.Fail("a number that is not one")
			}
		default:
			m := decodeInteger(r, before)
			column[i] = float64(m) / powersOfTen[kind-1]
			if steps {
				before = m
			}
		}
	}
	return column
}

// decodeInteger reads the integer that stands for a decimal, as a difference
// from before.
func decodeInteger(r *codec.Reader, before int64) int64 {
	m := r.Varint()
	// Both terms are below 2^50 in what Append writes, so the first test
	// excludes sums that wrap.
	if m > 2*exactBelow || m < -2*exactBelow || before+m >= exactBelow || before+m <= -exactBelow {
		r.Fail("an integer that is out of range")
		return 0
	}
	return before + m
}

func decodeText(r *codec.Reader, n int) TextColumn {
	values := r.Count(1)
	c := TextColumn{Ends: make([]uint32, values)}
	total := uint64(0)
	for i := range c.Ends {
		length := r.Uvarint()
		if length > uint64(r.Left()) || total+length > math.MaxUint32 {
			r.Fail("a text of %d bytes with %d left", length, r.Left())
			return c
		}
		total += length
		c.Ends[i] = uint32(total)
	}
	if total > uint64(r.Left()) {
		r.Fail("texts of %d bytes with %d left", total, r.Left())
		return c
	}
	c.Values = append([]byte(nil), r.Raw(int(total))...)
	width := codeWidth(values)
	if n > r.Left()/width {
		r.Fail("%d codes of %d bytes with %d left", n, width, r.Left())
		return c
	}
	raw := r.Raw(n * width)
	if len(raw) < n*width {
		return c // Reading has failed before.
	}
	c.Codes = make([]uint32, n)
	seen := uint32(0)
	for i := range c.Codes {
		var code uint32
		switch width {
		case 1:
			code = uint32(raw[i])
		case 2:
			code = uint32(binary.LittleEndian.Uint16(raw[2*i:]))
		default:
			code = binary.LittleEndian.Uint32(raw[4*i:])
		}
		if code > seen {
			if code != seen+1 {
				r.Fail("text %d of record %d comes before text %d", code, i, seen+1)
				return c
			}
			seen = code
		}
		c.Codes[i] = code
	}
	if int(seen) != values {
		r.Fail("%d texts of which %d are used", values, seen)
	}
	return c
}
