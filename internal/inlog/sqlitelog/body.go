package sqlitelog

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/klauspost/compress/s2"
)

// A stored entry is one byte for how it is packed and the packed bytes. Its
// CRC32C covers job, position and all of that, so that an entry in the wrong
// place does not pass either.
const (
	packedRaw = 0
	packedS2  = 1
	// packFrom is the size from which packing is tried.
	packFrom = 128
	// maxEntryBytes bounds what a damaged length can make a reader allocate.
	maxEntryBytes = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func pack(entry []byte) []byte {
	if len(entry) >= packFrom {
		out := make([]byte, 1+s2.MaxEncodedLen(len(entry)))
		packed := s2.Encode(out[1:], entry)
		if len(packed) < len(entry) {
			out[0] = packedS2
			return out[:1+len(packed)]
		}
	}
	return append([]byte{packedRaw}, entry...)
}

func unpack(body []byte) ([]byte, error) {
	switch {
	case len(body) == 0:
		return nil, errors.New("it is empty")
	case body[0] == packedRaw:
		return body[1:], nil
	case body[0] != packedS2:
		return nil, errors.New("it is packed in an unknown way")
	}
	if n, err := s2.DecodedLen(body[1:]); err != nil || n > maxEntryBytes {
		return nil, errors.New("its length cannot be read")
	}
	return s2.Decode(nil, body[1:])
}

func checksum(job, position uint64, body []byte) uint32 {
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:], job)
	binary.LittleEndian.PutUint64(head[8:], position)
	return crc32.Update(crc32.Update(0, castagnoli, head[:]), castagnoli, body)
}
