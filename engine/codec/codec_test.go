package codec

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestRoundTrip: what is appended is read back, bit for bit, and every prefix
// ends with an error instead of a panic.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, v := rapid.Uint64().Draw(t, "u"), rapid.Int64().Draw(t, "v")
		f, g := rapid.Float64().Draw(t, "f"), rapid.Float32().Draw(t, "g")
		b, s := rapid.SliceOf(rapid.Byte()).Draw(t, "b"), rapid.String().Draw(t, "s")
		yes := rapid.Bool().Draw(t, "yes")
		enc := AppendVarint(AppendUvarint(nil, u), v)
		enc = AppendFloat32(AppendFloat(enc, f), g)
		enc = AppendBool(AppendString(AppendBytes(enc, b), s), yes)
		enc = AppendU64(AppendU32(enc, uint32(u)), u)
		read := func(src []byte) *Reader {
			r := NewReader(src)
			if r.Uvarint() != u || r.Varint() != v || math.Float64bits(r.Float()) != math.Float64bits(f) || math.Float32bits(r.Float32()) != math.Float32bits(g) ||
				!bytes.Equal(r.Bytes(), b) || r.Text() != s || r.Bool() != yes || r.U32() != uint32(u) || r.U64() != u {
				r.Fail("it differs")
			}
			return r
		}
		if r := read(enc); r.Err() != nil || r.Left() != 0 || r.Done() != nil {
			t.Fatalf("%v, %d bytes left", r.Err(), r.Left())
		}
		cut := rapid.IntRange(0, len(enc)-1).Draw(t, "cut")
		if r := read(enc[:cut]); r.Err() == nil {
			t.Fatalf("%d of %d bytes read without an error", cut, len(enc))
		}
	})
}

// TestCount: a damaged count must not make a reader allocate more than the
// bytes that are left could hold.
func TestCount(t *testing.T) {
	r := NewReader(AppendUvarint(nil, 1<<40))
	if n := r.Count(1); n != 0 || r.Err() == nil {
		t.Errorf("a count of %d from an empty rest, error %v", n, r.Err())
	}
	r = NewReader(append(AppendUvarint(nil, 3), 1, 2, 3, 4, 5, 6))
	if n := r.Count(2); n != 3 || r.Err() != nil {
		t.Errorf("a count of %d, error %v", n, r.Err())
	}
	if err := r.Done(); err == nil {
		t.Error("bytes were left and nothing said so")
	}
}
