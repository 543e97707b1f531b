package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrorType is the machine-readable name of an error in the envelope.
type ErrorType string

// The error types in use, with the statuses they go with.
const (
	TypeIllegalArgument  ErrorType = "illegal_argument_exception"          // 400
	TypeParse            ErrorType = "parse_exception"                     // 400
	TypeXContentParse    ErrorType = "x_content_parse_exception"           // 400
	TypeActionValidation ErrorType = "action_request_validation_exception" // 400
	TypeAlreadyExists    ErrorType = "resource_already_exists_exception"   // 400
	TypeMediaType        ErrorType = "media_type_header_exception"         // 400, 406
	TypeNotFound         ErrorType = "resource_not_found_exception"        // 404
	TypeIndexNotFound    ErrorType = "index_not_found_exception"           // 404
	TypeParsing          ErrorType = "parsing_exception"                   // 400
	TypeVersionConflict  ErrorType = "version_conflict_engine_exception"   // 409
	TypeBadIndexName     ErrorType = "invalid_index_name_exception"        // 400
	TypeMapperParsing    ErrorType = "mapper_parsing_exception"            // 400
	TypeDocumentParsing  ErrorType = "document_parsing_exception"          // 400
	TypeStrictMapping    ErrorType = "strict_dynamic_mapping_exception"    // 400
	TypeDocumentMissing  ErrorType = "document_missing_exception"          // 404
	TypeSearchPhase      ErrorType = "search_phase_execution_exception"    // 400, 404
	TypeContextMissing   ErrorType = "search_context_missing_exception"    // 404
	TypeQueryShard       ErrorType = "query_shard_exception"               // 400
	TypeTooManyBuckets   ErrorType = "too_many_buckets_exception"          // 400
	TypeCircuitBreaking  ErrorType = "circuit_breaking_exception"          // 429
	TypeRejected         ErrorType = "es_rejected_execution_exception"     // 429
	TypeStatus           ErrorType = "status_exception"                    // mostly 409, 429
	TypeSecurity         ErrorType = "security_exception"                  // 401, 403
	TypeException        ErrorType = "exception"                           // 500, 503
)

// Refusal is an error as the API reports it. Everything in this package that
// reads input returns it.
type Refusal struct {
	// Status is the HTTP status.
	Status int
	Type   ErrorType
	// Reason names the field, the value, the limit and the remedy.
	Reason string
	// Line and Col are where in the body, from 1; 0 if unknown.
	Line, Col int
	// Cause is what a Refusal about a larger part was caused by.
	Cause *Refusal
	// Plain makes the envelope hold only the reason as a string, as errors of
	// routing and media types do.
	Plain bool
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// Unwrap returns the cause, if any.
func (r *Refusal) Unwrap() error {
	if r.Cause == nil {
		return nil
	}
	return r.Cause
}

// Refuse returns a Refusal with status 400.
func Refuse(t ErrorType, format string, args ...any) *Refusal {
	return &Refusal{Status: 400, Type: t, Reason: fmt.Sprintf(format, args...)}
}

// Envelope returns the body that reports the refusal.
func (r *Refusal) Envelope() any {
	if r.Plain {
		return PlainEnvelope{Error: r.Reason, Status: r.Status}
	}
	body := ErrorBody{ErrorCause: r.cause()}
	root := r
	for root.Cause != nil {
		root = root.Cause
	}
	body.RootCause = []ErrorCause{{Type: root.Type, Reason: root.Reason, Line: root.Line, Col: root.Col}}
	return Envelope{Error: body, Status: r.Status}
}

// TracedEnvelope is Envelope with a stack_trace in every cause: what is wrong, what
// caused it, and the request at which it came up.
func (r *Refusal) TracedEnvelope(at string) any {
	e, whole := r.Envelope().(Envelope)
	if !whole {
		return r.Envelope()
	}
	trace(&e.Error.ErrorCause, at)
	for i := range e.Error.RootCause {
		trace(&e.Error.RootCause[i], at)
	}
	return e
}

func trace(c *ErrorCause, at string) {
	c.StackTrace = fmt.Sprintf("[%s]: %s\n\tat %s", c.Type, c.Reason, at)
	if c.CausedBy != nil {
		trace(c.CausedBy, at)
		c.StackTrace += "\nCaused by: " + c.CausedBy.StackTrace
	}
}

func (r *Refusal) cause() ErrorCause {
	c := ErrorCause{Type: r.Type, Reason: r.Reason, Line: r.Line, Col: r.Col}
	if r.Cause != nil {
		inner := r.Cause.cause()
		c.CausedBy = &inner
	}
	return c
}

// Envelope is the body of an error.
type Envelope struct {
	Error  ErrorBody `json:"error"`
	Status int       `json:"status"`
}

// ErrorBody is the error itself with its root cause.
type ErrorBody struct {
	RootCause []ErrorCause `json:"root_cause"`
	ErrorCause
}

// ErrorCause is one error in a chain.
type ErrorCause struct {
	Type       ErrorType           `json:"type"`
	Reason     string              `json:"reason"`
	Line       int                 `json:"line,omitzero"`
	Col        int                 `json:"col,omitzero"`
	CausedBy   *ErrorCause         `json:"caused_by,omitzero"`
	Header     map[string][]string `json:"header,omitempty"`
	StackTrace string              `json:"stack_trace,omitzero"`
}

// PlainEnvelope is the body of errors before a request has found its handler.
type PlainEnvelope struct {
	Error  string `json:"error"`
	Status int    `json:"status,omitzero"`
}

// clipBytes is how much of a user's value a message repeats.
const clipBytes = 120

// Clip shortens a user's value for a message, so that a name of a megabyte
// makes no answer or log line of a megabyte.
func Clip(value string) string {
	if len(value) <= clipBytes {
		return strings.ToValidUTF8(value, "\uFFFD")
	}
	end := clipBytes
	for end > clipBytes-utf8.UTFMax && !utf8.RuneStart(value[end]) {
		end--
	}
	return strings.ToValidUTF8(value[:end], "\uFFFD") + fmt.Sprintf("… (%d bytes)", len(value))
}
