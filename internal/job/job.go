// Package job runs jobs: one goroutine owns a job's engine and works through
// one queue of data, flush, time and configuration; a second one commits
// results in the same order once their log entries are durable.
package job

import (
	"fmt"
	"time"

	"tidemark/engine/record"
)

// Fault classes of Error; internal/api maps each to a status and a wire type.
type Fault int

// The fault classes.
const (
	// NotFound: no such job.
	NotFound Fault = iota + 1
	// NotOpen: the job exists but takes no data or flush now.
	NotOpen
	// Conflict: the job's state forbids the request.
	Conflict
	// Exists: the id is taken.
	Exists
	// BadRequest: the request contradicts itself or the job.
	BadRequest
	// Busy: too much is queued; try again after RetryAfter.
	Busy
	// Unavailable: the request could not be made durable (disk full, recovery
	// under way); nothing of it was taken.
	Unavailable
	// Timeout: the change goes on, the wait for it ended.
	Timeout
	// Broken: the job failed while working on the request.
	Broken
)

// Error is a refusal that a client can act on.
type Error struct {
	Fault      Fault
	Job        string
	Reason     string // place, cause and remedy in one sentence
	RetryAfter time.Duration
	Cause      error
}

// Error returns the reason, with the cause if there is one.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", e.Reason, e.Cause)
	}
	return e.Reason
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Flush asks to process everything sent before; times are in milliseconds.
type Flush struct {
	CalcInterim bool
	// StartMs and EndMs bound interim results if HasRange.
	HasRange       bool
	StartMs, EndMs int64
	HasAdvance     bool
	AdvanceMs      int64
	HasSkip        bool
	SkipMs         int64
}

// Flushed is the answer to a Flush.
type Flushed struct {
	// LastFinalizedMs is the end of the last final bucket if HasLastFinalized.
	LastFinalizedMs  int64
	HasLastFinalized bool
}

// Posted is the answer to an upload: its counts, and when it was taken.
type Posted struct {
	Counts     record.Counts
	LastDataMs int64 // wall clock, outside the engine's state
	// Repeated is true if the idempotency key was known and nothing applied.
	Repeated bool
}
