// Package ingest turns uploads into record batches: it reads JSON strictly,
// keeps only what a job analyzes, and counts what it saw and refused.
package ingest

import (
	"errors"
	"fmt"
	"time"

	"tidemark/engine/entry"
	"tidemark/engine/record"
)

// Limits bound one upload. The zero value means the defaults.
type Limits struct {
	// MaxBytes bounds the decompressed body. Default 100 MiB.
	MaxBytes int64
	// MaxMemory bounds the columns read from it, in bytes: a body of very
	// short records can take more memory than it has bytes. Default 1 GiB.
	MaxMemory int64
	// MaxRecordBytes bounds one record. Default 16 MiB.
	MaxRecordBytes int
	// MaxBroken is how many broken objects are skipped before the upload is
	// refused. Default 100; negative means none.
	MaxBroken int
	// PartBytes is about how large a batch becomes. Default 1 MiB.
	PartBytes int
	// NowMs is the wall clock in milliseconds, for time patterns without a
	// year and for what lies ahead of it. It is read once per upload, before anything is logged.
	NowMs int64
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = 100 << 20
	}
	if l.MaxMemory == 0 {
		l.MaxMemory = 1 << 30
	}
	if l.MaxRecordBytes == 0 {
		l.MaxRecordBytes = 16 << 20
	}
	if l.MaxBroken == 0 {
		l.MaxBroken = 100
	}
	if l.PartBytes == 0 {
		l.PartBytes = 1 << 20
	}
	return l
}

// Upload is what one request body holds, ready to be logged and applied.
type Upload struct {
	// Parts are the accepted records in order of arrival.
	Parts []*record.Batch
	// End has the counts that only the reader knows, and the body's hash. The
	// caller sets the idempotency key.
	End entry.Upload
	// Records were accepted, Rejected had no usable time, and Broken objects
	// were skipped because they were no valid JSON; those count nowhere else.
	Records, Rejected, Broken int64
	// RejectedExample is the beginning of the first rejected record, or if
	// there is none of the first broken object; RejectedReason says what was
	// wrong and what to do. Both are empty if nothing was rejected.
	RejectedExample, RejectedReason string
	// MaxRecordMs is the newest accepted time, record.NoTime if there is none.
	MaxRecordMs int64
	// FarthestExample is the beginning of the newest accepted record if that lies
	// more than FarAhead ahead of the clock.
	FarthestExample string
	// SuspiciousTimes: every accepted time lies before 1990 and the job has no
	// time_format. Seconds were probably read as milliseconds.
	SuspiciousTimes bool

	// ResetStartMs and ResetEndMs ask to drop what was gathered between them.
	// The caller sets them.
	ResetStartMs, ResetEndMs int64
	HasReset                 bool
}

// FarAhead is how far ahead of the clock the time of a record may lie unremarked.
const FarAhead = 24 * time.Hour

// Errors that callers tell apart with errors.Is.
var (
	// ErrEmpty: there was no body, or only white space.
	ErrEmpty = errors.New("request body is required")
	// ErrTooLarge: the body or its columns exceed the limits. The errors that
	// wrap it say which.
	ErrTooLarge = errors.New("the upload is too large")
)

// Malformed refuses an upload with too much broken JSON, with nothing else, or
// without its end.
type Malformed struct {
	// Offset counts bytes of the decompressed body from 0; Line and Column
	// count from 1, columns in bytes.
	Offset, Line, Column int64
	// Broken is how many broken objects there were when reading stopped.
	Broken int64
	// Reason is what was wrong at that place, which is the first broken one.
	Reason string
}

// Error begins with the words that clients of the API know.
func (m *Malformed) Error() string {
	return fmt.Sprintf("The input JSON data is malformed. Line %d, column %d: %s.%s", m.Line, m.Column, m.Reason, m.others())
}

func (m *Malformed) others() string {
	if m.Broken > 1 {
		return fmt.Sprintf(" This is the first of %d broken objects.", m.Broken)
	}
	return ""
}

// year1990Ms is the start of 1990. Epoch seconds of today, read as
// milliseconds, are in January 1970.
const year1990Ms = 631_152_000_000
