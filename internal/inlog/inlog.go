// Package inlog is the input log: the ordered, durable entries of every job.
// Nothing is acknowledged or becomes visible before its entry is durable here.
package inlog

import (
	"context"
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrGap: an append did not follow the job's last entry. Appends queued
	// behind a failed one end with it, so that positions stay dense.
	ErrGap = errors.New("append does not follow the job's last log entry")
	// ErrFull: the disk or the configured size limit has no room.
	ErrFull = errors.New("no room in the input log")
	// ErrClosed: the log was closed.
	ErrClosed = errors.New("input log is closed")
)

// CorruptError says which entry of which job could not be trusted.
type CorruptError struct {
	File     string
	Job      uint64
	Position uint64
	Cause    string
}

// Error names place, cause and remedy.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("input log %s: entry %d of job number %d is damaged (%s); restore the file from a backup or delete the job",
		e.File, e.Position, e.Job, e.Cause)
}

// Log stores entries per job. Positions of a job are dense and start at 1.
// Jobs are named by their internal number, which is never reused.
// All methods may be called from several goroutines.
type Log interface {
	// Append queues entries as one atomic unit right after position after
	// (0 for a new job). It does not block on the disk: the ticket tells when
	// all of them are durable, or why none of them is. Appends of one job
	// become durable in the order of the calls. The bytes must not be changed
	// until the ticket is done.
	Append(job, after uint64, entries [][]byte) *Ticket
	// Read visits the job's durable entries from position from on, in order.
	// The bytes are valid during the call only. A damaged entry ends the
	// visit with a *CorruptError.
	Read(ctx context.Context, job, from uint64, visit func(position uint64, entry []byte) error) error
	// Bounds returns the first and last durable position of the job; last is
	// 0 if there was never an entry. first > last if everything was trimmed.
	Bounds(ctx context.Context, job uint64) (first, last uint64, err error)
	// Trim removes entries of the job before position before that are older
	// than the retention or above the size budget. The last position is kept
	// in mind even when every entry is gone.
	Trim(ctx context.Context, job, before uint64) error
	// Drop removes up to about a megabyte of entries of a deleted job and
	// reports whether more remain.
	Drop(ctx context.Context, job uint64) (more bool, err error)
	// Stats returns sizes and sync timing.
	Stats() Stats
	// Close waits for queued appends and releases the file. It may be called
	// again.
	Close() error
}

// Stats are the log's figures since it was opened.
type Stats struct {
	Bytes   int64  // size of the log on disk
	Commits uint64 // group commits, each with one sync
	Entries uint64 // entries appended
	// SyncSeconds are cumulative commit times in the histogram buckets whose
	// upper bounds are SyncBounds (the last bucket has no bound).
	SyncSeconds []uint64
	SyncSum     float64
}

// SyncBounds are the upper bounds of Stats.SyncSeconds, in seconds.
var SyncBounds = []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5}

// Ticket is a pending append.
type Ticket struct {
	// First and Last are the positions the entries take if the append succeeds.
	First, Last uint64
	done        chan struct{}
	err         error
}

// NewTicket returns an unresolved ticket for an implementation of Log.
func NewTicket(first, last uint64) *Ticket {
	return &Ticket{First: first, Last: last, done: make(chan struct{})}
}

// Resolve ends the wait, once, with the append's outcome.
func (t *Ticket) Resolve(err error) { t.err = err; close(t.done) }

// Done is closed when the outcome is known.
func (t *Ticket) Done() <-chan struct{} { return t.done }

// Err is the outcome; call it only after Done.
func (t *Ticket) Err() error { return t.err }

// Wait blocks until the entries are durable (nil) or the append has failed.
func (t *Ticket) Wait() error { <-t.done; return t.err }
