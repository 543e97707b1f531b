package job

import (
	"errors"
	"fmt"
	"time"

	"tidemark/internal/inlog"
	"tidemark/internal/store"
	"tidemark/wire"
)

// Waits that a refused client is told, long enough that a crowd of clients
// does not hammer a server that cannot help them yet.
const (
	retryBusy        = time.Second
	retryUnavailable = 5 * time.Second
)

// errQueueFull is what a queue says; busy turns it into a client's refusal.
var errQueueFull = errors.New("queue is full")

func notFound(id string) *Error {
	return &Error{Fault: NotFound, Job: id, Reason: "No known job with id '" + wire.Clip(id) + "'"}
}

// notOpen is the refusal for data and flushes of a job that takes none.
func notOpen(id string) *Error {
	return &Error{Fault: NotOpen, Job: id,
		Reason: fmt.Sprintf("Cannot perform requested action because job [%s] is not open", wire.Clip(id))}
}

func busy(id string, waiting int) *Error {
	return &Error{Fault: Busy, Job: id, RetryAfter: retryBusy,
		Reason: fmt.Sprintf("Unable to submit operation to job [%s]: %d operations are waiting already; try again later", id, waiting)}
}

func conflict(id, format string, args ...any) *Error {
	return &Error{Fault: Conflict, Job: id, Reason: fmt.Sprintf(format, args...)}
}

func badRequest(id, format string, args ...any) *Error {
	return &Error{Fault: BadRequest, Job: id, Reason: fmt.Sprintf(format, args...)}
}

func unavailable(id string, cause error, format string, args ...any) *Error {
	return &Error{Fault: Unavailable, Job: id, RetryAfter: retryUnavailable, Cause: cause,
		Reason: fmt.Sprintf(format, args...)}
}

func broken(id string, cause error, format string, args ...any) *Error {
	return &Error{Fault: Broken, Job: id, Cause: cause, Reason: fmt.Sprintf(format, args...)}
}

// notDurable explains why something could not be written, with the remedy if
// the cause is a full disk. what names the thing that was lost.
func notDurable(id, what string, cause error) *Error {
	if errors.Is(cause, inlog.ErrFull) || errors.Is(cause, store.ErrFull) {
		return unavailable(id, cause,
			"job [%s]: %s could not be stored because the data directory has no room; free disk space and send it again", id, what)
	}
	return unavailable(id, cause, "job [%s]: %s could not be stored; send it again", id, what)
}

// stopping is the refusal of a server that is going down.
func stopping(id string) *Error {
	return unavailable(id, nil, "the server is shutting down; send it again once it is back")
}

// recovering is the refusal while a job's state is being rebuilt.
func recovering(id string) *Error {
	return unavailable(id, nil, "job [%s] is being recovered; try again later", id)
}

// asError makes any error one that names its job, keeping those that already
// are refusals.
func asError(id string, err error, doing string) error {
	var refusal *Error
	if err == nil || errors.As(err, &refusal) {
		return err
	}
	return &Error{Fault: Unavailable, Job: id, RetryAfter: retryUnavailable, Cause: err,
		Reason: fmt.Sprintf("job [%s]: %s failed", id, doing)}
}
