package ingest

import (
	"encoding/binary"
	"math/bits"
)

// bodyHash is XXH64 with seed 0 (github.com/Cyan4973/xxHash, the published
// specification) over a stream: it tells bodies sent under one idempotency key
// apart, for as long as keys are remembered, so it must never change.
//
// Cost: about a tenth of a nanosecond per byte.
type bodyHash struct {
	lanes [4]uint64
	tail  [32]byte
	held  int
	total uint64
}

const (
	prime1 uint64 = 0x9e3779b185ebca87
	prime2 uint64 = 0xc2b2ae3d27d4eb4f
	prime3 uint64 = 0x165667b19e3779f9
	prime4 uint64 = 0x85ebca77c2b2ae63
	prime5 uint64 = 0x27d4eb2f165667c5
)

func newBodyHash() bodyHash {
	p1, p2 := prime1, prime2 // variables, so that the sum and negation wrap
	return bodyHash{lanes: [4]uint64{p1 + p2, p2, 0, -p1}}
}

func round(lane, input uint64) uint64 {
	return bits.RotateLeft64(lane+input*prime2, 31) * prime1
}

func (h *bodyHash) write(b []byte) {
	h.total += uint64(len(b))
	if h.held > 0 {
		n := copy(h.tail[h.held:], b)
		h.held += n
		b = b[n:]
		if h.held < len(h.tail) {
			return
		}
		h.stripes(h.tail[:])
	}
	whole := len(b) &^ 31
	h.stripes(b[:whole])
	h.held = copy(h.tail[:], b[whole:])
}

// stripes takes a multiple of 32 bytes.
func (h *bodyHash) stripes(b []byte) {
	l0, l1, l2, l3 := h.lanes[0], h.lanes[1], h.lanes[2], h.lanes[3]
	for ; len(b) >= 32; b = b[32:] {
		l0 = round(l0, binary.LittleEndian.Uint64(b))
		l1 = round(l1, binary.LittleEndian.Uint64(b[8:]))
		l2 = round(l2, binary.LittleEndian.Uint64(b[16:]))
		l3 = round(l3, binary.LittleEndian.Uint64(b[24:]))
	}
	h.lanes = [4]uint64{l0, l1, l2, l3}
}

func (h *bodyHash) sum() uint64 {
	acc := prime5
	if h.total >= 32 {
		acc = bits.RotateLeft64(h.lanes[0], 1) + bits.RotateLeft64(h.lanes[1], 7) +
			bits.RotateLeft64(h.lanes[2], 12) + bits.RotateLeft64(h.lanes[3], 18)
		for _, lane := range h.lanes {
			acc = (acc^round(0, lane))*prime1 + prime4
		}
	}
	acc += h.total
	b := h.tail[:h.held]
	for ; len(b) >= 8; b = b[8:] {
		acc = bits.RotateLeft64(acc^round(0, binary.LittleEndian.Uint64(b)), 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		acc = bits.RotateLeft64(acc^uint64(binary.LittleEndian.Uint32(b))*prime1, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		acc = bits.RotateLeft64(acc^uint64(c)*prime5, 11) * prime1
	}
	acc = (acc ^ acc>>33) * prime2
	acc = (acc ^ acc>>29) * prime3
	return acc ^ acc>>32
}
