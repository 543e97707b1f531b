package client

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// Error is a server's refusal. Get it with errors.As.
type Error struct {
	// Call says what was asked, such as "flush job [total-requests]".
	Call string
	// Status is the HTTP status, Type the API's name of the error and Reason
	// its words. Type is empty if the answer did not come from the API.
	Status int
	Type   wire.ErrorType
	Reason string
	// RootCause and CausedBy give more if the server told more.
	RootCause []wire.ErrorCause
	CausedBy  *wire.ErrorCause
	// RetryAfter is when the server wants to be asked again; 0 if it did not
	// say.
	RetryAfter time.Duration
	// Attempts is how often the call was sent.
	Attempts int
}

// Error names the call, the status, the type and the reason.
func (e *Error) Error() string {
	kind := string(e.Type)
	if kind == "" {
		kind = http.StatusText(e.Status)
	}
	return fmt.Sprintf("tidemark: %s: %d %s: %s", e.Call, e.Status, kind, e.Reason)
}

// ConnectionError is a call that got no whole answer. Whether the server acted
// on it is unknown, unless nothing could be sent.
type ConnectionError struct {
	Call     string
	Attempts int
	Err      error
}

// Error names the call and the cause.
func (e *ConnectionError) Error() string {
	return fmt.Sprintf("tidemark: %s: no answer after %d attempts: %v", e.Call, e.Attempts, e.Err)
}

// Unwrap returns the cause, also a context's error.
func (e *ConnectionError) Unwrap() error { return e.Err }

// RequestError is a request that was not sent because it is wrong.
type RequestError struct {
	Call  string
	Field string
	Err   error
}

// Error names the call, the field and what is wrong with it.
func (e *RequestError) Error() string {
	return fmt.Sprintf("tidemark: %s: %s: %v", e.Call, e.Field, e.Err)
}

// Unwrap returns the cause.
func (e *RequestError) Unwrap() error { return e.Err }

// maxErrorBody is how much of an error's body is read.
const maxErrorBody = 1 << 20

// refusal reads a server's error.
func refusal(call string, resp *http.Response, now time.Time) *Error {
	e := &Error{Call: call, Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), now)}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what can be read is shown
	var full struct {
		Error wire.ErrorBody `json:"error"`
	}
	var plain wire.PlainEnvelope
	switch {
	case json.Unmarshal(raw, &full) == nil && (full.Error.Type != "" || full.Error.Reason != ""):
		e.Type, e.Reason, e.RootCause, e.CausedBy = full.Error.Type, full.Error.Reason, full.Error.RootCause, full.Error.CausedBy
	case json.Unmarshal(raw, &plain) == nil && plain.Error != "":
		e.Reason = plain.Error
	default:
		e.Reason = wire.Clip(strings.TrimSpace(string(raw)))
	}
	return e
}

// retryAfter reads the header: seconds or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return time.Duration(max(0, seconds)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
