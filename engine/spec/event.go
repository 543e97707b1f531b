package spec

import (
	"cmp"
	"errors"
	"slices"

	"tidemark/engine/codec"
)

// Event is a time in which what happens is expected: a sale, a maintenance.
type Event struct {
	// StartMs is its first and EndMs the first millisecond behind it.
	StartMs, EndMs int64
	Description    string
	// SkipResult: no anomaly records; SkipUpdate: nothing is learned.
	SkipResult, SkipUpdate bool
	// ShiftSeconds moves the clocks of all models, once, when the event begins.
	ShiftSeconds int64
}

// Overlaps reports whether the event touches the bucket [startMs, endMs).
func (e *Event) Overlaps(startMs, endMs int64) bool { return e.StartMs < endMs && e.EndMs > startMs }

func (e *Event) append(dst []byte) []byte {
	dst = codec.AppendVarint(codec.AppendVarint(dst, e.StartMs), e.EndMs)
	dst = codec.AppendBool(codec.AppendBool(codec.AppendString(dst, e.Description), e.SkipResult), e.SkipUpdate)
	return codec.AppendVarint(dst, e.ShiftSeconds)
}

// AppendEvents encodes a list of events behind dst.
func AppendEvents(dst []byte, list []Event) []byte {
	dst = codec.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		dst = list[i].append(dst)
	}
	return dst
}

// DecodeEvents reads what AppendEvents wrote. Errors stay in the reader.
func DecodeEvents(r *codec.Reader) (list []Event) {
	for n := r.Count(6); n > 0 && r.Err() == nil; n-- {
		e := decodeEvent(r)
		if err := e.validate(); r.Err() == nil && err != nil {
			r.Fail("event: %v", err)
		}
		list = append(list, e)
	}
	return list
}

// MergeEvents is the union of two lists in the order that configurations have
// them: by start, end and description.
func MergeEvents(a, b []Event) []Event {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), cmp.Compare(a.EndMs, b.EndMs), cmp.Compare(a.Description, b.Description))
	})
	var out []Event
	for _, e := range all {
		if !slices.Contains(out[firstWith(out, e.StartMs):], e) {
			out = append(out, e)
		}
	}
	return out
}

// firstWith is where the events that begin at startMs stand.
func firstWith(list []Event, startMs int64) int {
	at, _ := slices.BinarySearchFunc(list, startMs, func(e Event, ms int64) int { return cmp.Compare(e.StartMs, ms) })
	return at
}

func decodeEvent(r *codec.Reader) Event {
	return Event{StartMs: r.Varint(), EndMs: r.Varint(), Description: r.Text(), SkipResult: r.Bool(), SkipUpdate: r.Bool(), ShiftSeconds: r.Varint()}
}

func (e *Event) validate() error {
	if e.EndMs <= e.StartMs {
		return errors.New("an event must end after its start")
	}
	return checkShift("an event", e.ShiftSeconds)
}
