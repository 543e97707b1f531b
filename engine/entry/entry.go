// Package entry defines what a job's log is made of. The engine's state is a
// function of these entries alone.
package entry

import (
	"tidemark/engine/record"
	"tidemark/engine/spec"
)

// Kind tells entries apart. The numbers are durable.
type Kind uint8

// The kinds of entry.
const (
	// Open makes the job ready for data under Config. The first entry of
	// every job is an Open.
	Open Kind = 1
	// Data is one part (at most about 1 MB) of an upload. The parts of one
	// upload and its UploadEnd stand together in the log, appended atomically.
	Data Kind = 2
	// UploadEnd ends an upload. Bucket diagnostics depend on where it stands.
	UploadEnd Kind = 3
	// ClearBuckets drops what was gathered in [FromMs, ToMs) within the
	// latency window (reset_start and reset_end of an upload).
	ClearBuckets Kind = 4
	// Skip moves time forward to TimeMs without modelling or results.
	Skip Kind = 5
	// Advance finalizes every bucket that ends at or before TimeMs.
	Advance Kind = 6
	// Close prunes stale series. The open bucket stays gathered.
	Close Kind = 7
	// Update replaces the effective configuration of an open job by Config.
	Update Kind = 8
	// Fault does nothing on a release build; tests use it to provoke a panic
	// inside the engine at a known position.
	Fault Kind = 9
	// LeaveOut says that the entry at log position Position is to be left out
	// when the log is replayed (an operator's decision about a bad entry).
	LeaveOut Kind = 10
	// Revert replaces what was learned by the state of the model snapshot named
	// Snapshot; Keep keeps the data counts and how far time has come. The runtime,
	// which has the snapshots, carries it out; without Keep it removes the results
	// from TimeMs on.
	Revert Kind = 11
	// Rework computes the results from TimeMs on anew with Events in force from
	// then on: a maintenance told of afterwards. The runtime carries it out: it
	// goes back to the snapshot at log position Position (0: before the first
	// entry) and replays the log from there. Config, unless nil, is in force from
	// here on, as by an Update.
	Rework Kind = 12
)

// Entry is one step of a job's life. Which fields are set depends on Kind.
type Entry struct {
	Kind   Kind
	Config *spec.Job     // Open, Update, Rework
	Batch  *record.Batch // Data
	Upload *Upload       // UploadEnd
	// FromMs and ToMs bound ClearBuckets; TimeMs is the target of Skip and
	// Advance, and where Revert and Rework begin to replace results. Milliseconds
	// since 1970.
	FromMs, ToMs, TimeMs int64
	Position             uint64       // LeaveOut, Rework
	Events               []spec.Event // Rework
	Snapshot             string       // Revert
	Keep                 bool         // Revert
}

// Upload is what ingest knows about a whole upload when its last byte is read.
type Upload struct {
	InputBytes   int64
	InputFields  int64
	InvalidDates int64
	// MissingFields counts absent fields over all records, rejected ones too.
	MissingFields int64
	// Key is the client's idempotency key, empty if none was sent.
	Key string
	// BodyHash tells bodies sent under one key apart.
	BodyHash uint64
	// SourceMs is how far the job's datafeed has come with this upload, 0 if it is
	// not from one.
	SourceMs int64
}
