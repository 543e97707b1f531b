package entry

import (
	"errors"
	"fmt"

	"tidemark/engine/codec"
	"tidemark/engine/record"
	"tidemark/engine/spec"
)

// version is the first byte of every encoded entry. docs/format/entry.md
// describes the bytes.
const version = 6

// Append encodes the entry behind dst.
func (e *Entry) Append(dst []byte) ([]byte, error) {
	dst = append(dst, version, byte(e.Kind))
	switch e.Kind {
	case Open, Update:
		if e.Config == nil {
			return nil, errors.New("an open or update entry needs a configuration")
		}
		return e.Config.Append(dst), nil
	case Data:
		if e.Batch == nil {
			return nil, errors.New("a data entry needs a batch")
		}
		return e.Batch.Append(dst), nil
	case UploadEnd:
		if e.Upload == nil {
			return nil, errors.New("the end of an upload needs its counts")
		}
		return e.Upload.append(dst), nil
	case ClearBuckets:
		return codec.AppendVarint(codec.AppendVarint(dst, e.FromMs), e.ToMs), nil
	case Skip, Advance:
		return codec.AppendVarint(dst, e.TimeMs), nil
	case Revert:
		return codec.AppendVarint(codec.AppendBool(codec.AppendString(dst, e.Snapshot), e.Keep), e.TimeMs), nil
	case LeaveOut:
		return codec.AppendUvarint(dst, e.Position), nil
	case Rework:
		dst = spec.AppendEvents(codec.AppendVarint(codec.AppendUvarint(dst, e.Position), e.TimeMs), e.Events)
		if dst = codec.AppendBool(dst, e.Config != nil); e.Config != nil {
			dst = e.Config.Append(dst)
		}
		return dst, nil
	case Close, Fault:
		return dst, nil
	}
	return nil, fmt.Errorf("unknown kind of entry %d", e.Kind)
}

// KindOf is the kind of an encoded entry, 0 if there is none.
func KindOf(encoded []byte) Kind {
	if len(encoded) < 2 {
		return 0
	}
	return Kind(encoded[1])
}

// Decode reads what Append wrote. Anything else is an error that wraps
// codec.ErrMalformed.
func Decode(src []byte) (*Entry, error) {
	r := codec.NewReader(src)
	if v := r.Byte(); r.Err() == nil && v != version {
		r.Fail("entry version %d; this build reads version %d", v, version)
	}
	e := &Entry{Kind: Kind(r.Byte())}
	switch e.Kind {
	case Open, Update:
		e.Config = spec.Decode(r)
	case Data:
		e.Batch = record.Decode(r)
	case UploadEnd:
		e.Upload = decodeUpload(r)
	case ClearBuckets:
		e.FromMs, e.ToMs = r.Varint(), r.Varint()
	case Skip, Advance:
		e.TimeMs = r.Varint()
	case Revert:
		e.Snapshot, e.Keep, e.TimeMs = r.Text(), r.Bool(), r.Varint()
	case LeaveOut:
		e.Position = r.Uvarint()
	case Rework:
		e.Position, e.TimeMs, e.Events = r.Uvarint(), r.Varint(), spec.DecodeEvents(r)
		if r.Bool() {
			e.Config = spec.Decode(r)
		}
	case Close, Fault:
	default:
		r.Fail("unknown kind of entry %d", e.Kind)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("log entry: %w", err)
	}
	return e, nil
}

func (u *Upload) append(dst []byte) []byte {
	for _, n := range []int64{u.InputBytes, u.InputFields, u.InvalidDates, u.MissingFields} {
		dst = codec.AppendVarint(dst, n)
	}
	return codec.AppendVarint(codec.AppendU64(codec.AppendString(dst, u.Key), u.BodyHash), u.SourceMs)
}

func decodeUpload(r *codec.Reader) *Upload {
	u := &Upload{}
	for _, n := range []*int64{&u.InputBytes, &u.InputFields, &u.InvalidDates, &u.MissingFields} {
		*n = r.Varint()
	}
	u.Key = r.Text()
	u.BodyHash = r.U64()
	u.SourceMs = r.Varint()
	return u
}
