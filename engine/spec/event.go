package spec

import (
	"errors"

	"tidemark/engine/codec"
)

// Event is a time in which what happens is expected: a sale, a maintenance.
type Event struct {
	// StartMs is its first and EndMs the first millisecond behind it.
	StartMs, EndMs int64
	Description    string
	// SkipResult: no anomaly records; SkipUpdate: nothing is learned.
	SkipResult, SkipUpdate bool
}

// Overlaps reports whether the event touches the bucket [startMs, endMs).
func (e *Event) Overlaps(startMs, endMs int64) bool { return e.StartMs < endMs && e.EndMs > startMs }

func (e *Event) append(dst []byte) []byte {
	dst = codec.AppendVarint(codec.AppendVarint(dst, e.StartMs), e.EndMs)
	return codec.AppendBool(codec.AppendBool(codec.AppendString(dst, e.Description), e.SkipResult), e.SkipUpdate)
}

func decodeEvent(r *codec.Reader) Event {
	return Event{StartMs: r.Varint(), EndMs: r.Varint(), Description: r.Text(), SkipResult: r.Bool(), SkipUpdate: r.Bool()}
}

func (e *Event) validate() error {
	if e.EndMs <= e.StartMs {
		return errors.New("an event must end after its start")
	}
	return nil
}
