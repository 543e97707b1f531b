package record

import (
	"math"

	"tidemark/engine/codec"
)

// Bits of a number column's head byte.
const (
	allIntegers = 1 // every value is an integer below 2^53; zigzag differences follow
	rawFloats   = 2 // exact bits follow, NaN included
)

// Append encodes the batch behind dst. Times and integer columns are stored as
// differences, so regular data shrinks before any compression.
func (b *Batch) Append(dst []byte) []byte {
	dst = codec.AppendUvarint(dst, uint64(b.Len()))
	dst = codec.AppendUvarint(dst, uint64(len(b.Numbers)))
	dst = codec.AppendUvarint(dst, uint64(len(b.Texts)))
	before := int64(0)
	for _, t := range b.Times {
		dst = codec.AppendVarint(dst, t-before)
		before = t
	}
	for _, column := range b.Numbers {
		dst = appendNumbers(dst, column)
	}
	for i := range b.Texts {
		c := &b.Texts[i]
		dst = codec.AppendUvarint(dst, uint64(len(c.Ends)))
		for n := range c.Ends {
			dst = codec.AppendBytes(dst, c.Value(n))
		}
		for _, code := range c.Codes {
			dst = codec.AppendUvarint(dst, uint64(code))
		}
	}
	return dst
}

func appendNumbers(dst []byte, column []float64) []byte {
	integers := true
	for _, v := range column {
		if v != math.Trunc(v) || math.Abs(v) >= 1<<53 || v == 0 && math.Signbit(v) {
			integers = false
			break
		}
	}
	if !integers {
		dst = append(dst, rawFloats)
		for _, v := range column {
			dst = codec.AppendFloat(dst, v)
		}
		return dst
	}
	dst = append(dst, allIntegers)
	before := int64(0)
	for _, v := range column {
		dst = codec.AppendVarint(dst, int64(v)-before)
		before = int64(v)
	}
	return dst
}

// Decode reads what Append wrote, and checks every length and code. Errors
// stay in the reader.
func Decode(r *codec.Reader) *Batch {
	n := r.Count(1)
	numbers, texts := r.Count(1), r.Count(1)
	b := &Batch{Times: make([]int64, n)}
	before := int64(0)
	for i := range b.Times {
		before += r.Varint()
		b.Times[i] = before
	}
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

func decodeNumbers(r *codec.Reader, n int) []float64 {
	column := make([]float64, n)
	switch kind := r.Byte(); kind {
	case rawFloats:
		for i := range column {
			column[i] = r.Float()
		}
	case allIntegers:
		before := int64(0)
		for i := range column {
			before += r.Varint()
			column[i] = float64(before)
		}
	default:
		r.Fail("unknown kind of number column %d", kind)
	}
	return column
}

func decodeText(r *codec.Reader, n int) TextColumn {
	var c TextColumn
	values := r.Count(1)
	for range values {
		c.Values = append(c.Values, r.Bytes()...)
		c.Ends = append(c.Ends, uint32(len(c.Values)))
	}
	c.Codes = make([]uint32, n)
	for i := range c.Codes {
		code := r.Uvarint()
		if code > uint64(values) {
			r.Fail("text code %d of %d values", code, values)
			return c
		}
		c.Codes[i] = uint32(code)
	}
	return c
}
