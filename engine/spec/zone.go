package spec

import (
	"errors"
	"slices"

	"tidemark/engine/codec"
)

// Offset is how far local time is ahead of UTC from a time on.
type Offset struct{ FromMs, OffsetMs int64 }

// Zone lists the offsets of a time zone in order of their times. The engine gets
// them in the configuration, so that a replay sees the same however the rules of
// the zone change. An empty zone is UTC.
type Zone []Offset

// At is the offset at a time.
func (z Zone) At(ms int64) int64 {
	i, _ := slices.BinarySearchFunc(z, ms, func(o Offset, t int64) int {
		if o.FromMs <= t {
			return -1
		}
		return 1
	})
	if i == 0 {
		return 0
	}
	return z[i-1].OffsetMs
}

func (z Zone) append(dst []byte) []byte {
	dst = codec.AppendUvarint(dst, uint64(len(z)))
	for _, o := range z {
		dst = codec.AppendVarint(codec.AppendVarint(dst, o.FromMs), o.OffsetMs)
	}
	return dst
}

func decodeZone(r *codec.Reader) (z Zone) {
	for n := r.Count(2); n > 0 && r.Err() == nil; n-- {
		z = append(z, Offset{r.Varint(), r.Varint()})
	}
	return z
}

func (z Zone) validate() error {
	const day = 24 * 3600 * 1000
	for i, o := range z {
		if i > 0 && o.FromMs <= z[i-1].FromMs || o.OffsetMs > day || o.OffsetMs < -day {
			return errors.New("the offsets of a time zone must be in order and at most a day")
		}
	}
	return nil
}
