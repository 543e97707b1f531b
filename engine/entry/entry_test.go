package entry

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/engine/codec"
	"tidemark/engine/record"
	"tidemark/engine/spec"
)

func batch(t *rapid.T) *record.Batch {
	b := record.NewBuilder(1, 1)
	for range rapid.IntRange(0, 20).Draw(t, "records") {
		if rapid.Bool().Draw(t, "has value") {
			b.Number(0, rapid.Float64Range(-1e6, 1e6).Draw(t, "value"))
		}
		if rapid.Bool().Draw(t, "has text") {
			b.Text(0, []byte(rapid.String().Draw(t, "text")))
		}
		b.End(rapid.Int64Range(0, 4e12).Draw(t, "time"))
	}
	return b.Take()
}

func config(t *rapid.T) *spec.Job {
	j := &spec.Job{
		BucketSpanMs: 1000 * rapid.Int64Range(1, 1e6).Draw(t, "span"), LatencyMs: 1000 * rapid.Int64Range(0, 10).Draw(t, "latency"),
		ModelMemoryLimit: rapid.Int64Range(0, 1<<40).Draw(t, "limit"),
		Detectors:        []spec.Detector{{Function: spec.Count, ByField: "by"}, {Function: spec.Mean, FieldName: "v", PartitionField: "p", UseNull: true}},
	}
	if rapid.Bool().Draw(t, "influencers") {
		j.Influencers = []string{"p", "q"}
	}
	return j
}

func any(t *rapid.T) *Entry {
	e := &Entry{Kind: Kind(rapid.IntRange(1, 12).Draw(t, "kind"))}
	switch e.Kind {
	case Open, Update:
		e.Config = config(t)
	case Data:
		e.Batch = batch(t)
	case UploadEnd:
		e.Upload = &Upload{InputBytes: rapid.Int64().Draw(t, "bytes"), MissingFields: 3, Key: rapid.String().Draw(t, "key"), BodyHash: rapid.Uint64().Draw(t, "hash")}
	case ClearBuckets:
		e.FromMs, e.ToMs = rapid.Int64().Draw(t, "from"), rapid.Int64().Draw(t, "to")
	case Skip, Advance:
		e.TimeMs = rapid.Int64().Draw(t, "time")
	case Revert:
		e.Snapshot, e.Keep, e.TimeMs = rapid.String().Draw(t, "snapshot"), rapid.Bool().Draw(t, "keep"), rapid.Int64().Draw(t, "time")
	case Rework:
		e.Position, e.TimeMs = rapid.Uint64().Draw(t, "position"), rapid.Int64().Draw(t, "time")
		e.Events = []spec.Event{{StartMs: 1, EndMs: rapid.Int64Range(2, 100).Draw(t, "end"), Description: "d", SkipResult: true, ShiftSeconds: -3600}}
		if rapid.Bool().Draw(t, "has config") {
			e.Config = config(t)
		}
	case LeaveOut:
		e.Position = rapid.Uint64().Draw(t, "position")
	}
	return e
}

// TestRoundTrip: every entry is read back as it was, and no part of it is.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := any(t)
		raw, err := e.Append([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		raw, ok := bytes.CutPrefix(raw, []byte("before"))
		if !ok {
			t.Fatal("Append changed what was there")
		}
		again, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		once, err := again.Append(nil)
		if err != nil || !bytes.Equal(once, raw) {
			t.Fatalf("encoded again it differs, error %v", err)
		}
		if e.Kind != Data {
			if d := cmp.Diff(e, again); d != "" {
				t.Fatal(d)
			}
		}
		for _, damaged := range [][]byte{raw[:len(raw)-1], append(bytes.Clone(raw), 0), append([]byte{99}, raw[1:]...)} {
			if _, err := Decode(damaged); !errors.Is(err, codec.ErrMalformed) {
				t.Fatalf("a damaged entry: %v", err)
			}
		}
	})
}

func TestIncompleteEntriesAreNotWritten(t *testing.T) {
	for _, kind := range []Kind{Open, Update, Data, UploadEnd} {
		if _, err := (&Entry{Kind: kind}).Append(nil); err == nil {
			t.Errorf("kind %d without contents was encoded", kind)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range []*Entry{{Kind: Skip, TimeMs: 5}, {Kind: UploadEnd, Upload: &Upload{Key: "k"}}, {Kind: Open, Config: &spec.Job{BucketSpanMs: 1000, Detectors: []spec.Detector{{Function: spec.Count}}}}} {
		raw, err := e.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := Decode(raw); err == nil {
			if _, err := e.Append(nil); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
	})
}
