// Package codec has the primitives of the durable binary encodings: variable
// length integers, exact floats and length-prefixed bytes, and a reader that is
// safe on hostile input.
package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrMalformed marks bytes that are not a valid encoding.
var ErrMalformed = errors.New("malformed encoding")

// AppendFloat appends the exact bits of f, little endian.
func AppendFloat(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

// AppendFloat32 appends the exact bits of f, little endian.
func AppendFloat32(dst []byte, f float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(f))
}

// AppendBytes appends b with its length in front.
func AppendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// AppendString appends s with its length in front.
func AppendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// AppendBool appends one byte, 0 or 1.
func AppendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// Reader takes values off a byte slice. After the first error every method
// returns zero values, and Err tells what was wrong and where. No input makes
// it panic or allocate more than a small multiple of its length.
type Reader struct {
	src []byte
	off int
	err error
}

// NewReader reads src, which it neither copies nor changes.
func NewReader(src []byte) *Reader { return &Reader{src: src} }

// Err is the first error, which wraps ErrMalformed, or nil.
func (r *Reader) Err() error { return r.err }

// Left is how many bytes were not read yet.
func (r *Reader) Left() int { return len(r.src) - r.off }

// Offset is how many bytes were read.
func (r *Reader) Offset() int { return r.off }

// Fail records an error of the caller's own checks, unless there is one.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrMalformed, r.off, fmt.Sprintf(format, args...))
	}
}

// Done returns Err, or an error if bytes are left over.
func (r *Reader) Done() error {
	if r.err == nil && r.Left() > 0 {
		r.Fail("%d bytes left over", r.Left())
	}
	return r.err
}

// take returns the next n bytes, or nil after an error.
func (r *Reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > r.Left() {
		r.Fail("needs %d bytes, %d left", n, r.Left())
		return nil
	}
	b := r.src[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	b := r.take(1)
	if b == nil {
		return 0
	}
	return b[0]
}

// Bool reads a byte that must be 0 or 1.
func (r *Reader) Bool() bool {
	b := r.Byte()
	if b > 1 {
		r.Fail("a flag of %d", b)
	}
	return b == 1
}

// Uvarint reads an unsigned integer.
func (r *Reader) Uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.src[r.off:])
	if n <= 0 {
		r.Fail("bad integer")
		return 0
	}
	r.off += n
	return v
}

// Varint reads a signed integer.
func (r *Reader) Varint() int64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Varint(r.src[r.off:])
	if n <= 0 {
		r.Fail("bad integer")
		return 0
	}
	r.off += n
	return v
}

// U32 reads a fixed 32-bit integer.
func (r *Reader) U32() uint32 {
	b := r.take(4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

// U64 reads a fixed 64-bit integer.
func (r *Reader) U64() uint64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// Float reads the exact bits of a float.
func (r *Reader) Float() float64 { return math.Float64frombits(r.U64()) }

// Float32 reads the exact bits of a float.
func (r *Reader) Float32() float32 { return math.Float32frombits(r.U32()) }

// Bytes reads length-prefixed bytes, shared with the source.
func (r *Reader) Bytes() []byte {
	n := r.Uvarint()
	if n > uint64(r.Left()) {
		r.Fail("a length of %d with %d bytes left", n, r.Left())
		return nil
	}
	return r.take(int(n))
}

// Text reads a length-prefixed string.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Raw reads n bytes, shared with the source.
func (r *Reader) Raw(n int) []byte { return r.take(n) }

// Count reads how many elements follow, each of at least size bytes, so that a
// forged count cannot make the caller allocate more than the input could hold.
func (r *Reader) Count(size int) int {
	n := r.Uvarint()
	if r.err == nil && n > uint64(r.Left()/max(size, 1)) {
		r.Fail("a count of %d with %d bytes left", n, r.Left())
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

// AppendU32 appends a fixed 32-bit integer, little endian.
func AppendU32(dst []byte, v uint32) []byte { return binary.LittleEndian.AppendUint32(dst, v) }

// AppendU64 appends a fixed 64-bit integer, little endian.
func AppendU64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

// AppendUvarint appends an unsigned integer of variable length.
func AppendUvarint(dst []byte, v uint64) []byte { return binary.AppendUvarint(dst, v) }

// AppendVarint appends a signed integer of variable length.
func AppendVarint(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }
