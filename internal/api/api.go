// Package api serves the REST API: one table of routes, one file per resource,
// one table of errors. It parses and answers; what happens is the job
// manager's.
package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"tidemark/internal/index"
	"tidemark/internal/ingest"
	"tidemark/internal/job"
	"tidemark/internal/source"
	"tidemark/wire"
)

// Options configure a handler. Jobs is required; zero values of the rest mean
// the defaults.
type Options struct {
	Jobs *job.Manager
	// Feeds are the datafeeds.
	Feeds *source.Feeds
	// Note records what happened to a job; nil: nothing is recorded.
	Note func(jobID, level, message string)
	// Index holds documents and shows results as documents.
	Index *index.Index
	// Version is the API version that clients are told; "" means wire.Version.
	Version string
	// Build describes the binary in GET /.
	Build string
	// NoCompatHeaders drops the product header and the version fields that
	// exist for official clients only.
	NoCompatHeaders bool
	// NodeName and ClusterUUID identify the server in GET /.
	NodeName, ClusterUUID string
	// MaxUploadBytes bounds one decompressed upload. Default 100 MiB.
	MaxUploadBytes int64
	// MaxReadingBytes bounds what all uploads that are being read hold
	// together. Default 512 MiB.
	MaxReadingBytes int64
	Guard           Guard
	// Logger gets failures of the server itself. Nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock for the time string "now".
	Now func() time.Time
}

// Handler answers requests.
type Handler struct {
	opt    Options
	routes *routes
	// description is the OpenAPI description of what is served.
	description func() ([]byte, error)
	// reading are the decompressed bytes of uploads that are being read.
	reading atomic.Int64
	// finished are tasks that were answered with.
	finished finishedTasks
}

// New returns a handler.
func New(opt Options) *Handler {
	if opt.Version == "" {
		opt.Version = wire.Version
	}
	if opt.MaxUploadBytes == 0 {
		opt.MaxUploadBytes = 100 << 20
	}
	if opt.MaxReadingBytes == 0 {
		opt.MaxReadingBytes = 512 << 20
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Note == nil {
		opt.Note = func(string, string, string) {}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	h := &Handler{opt: opt, routes: newRoutes(table())}
	h.description = describeOnce(h.routes.rows)
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.identify(w, r)
	q := &request{h: h, Request: r, w: w}
	defer func() {
		if cause := recover(); cause != nil {
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			h.opt.Logger.Error("a request failed inside the server; this is a defect of Tidemark", "method", r.Method, "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			if !q.answered {
				q.refuse(&wire.Refusal{Status: 500, Type: wire.TypeException, Reason: "the server failed while answering; its log has the details"})
			}
		}
	}()
	if err := h.opt.Guard.Check(r); err != nil {
		q.refuse(err)
		return
	}
	if h.opt.Guard.crossOrigin(w, r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err := q.serve(); err != nil {
		q.refuse(err)
		q.drain()
	}
}

// identify sets the headers that every answer has.
func (h *Handler) identify(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Server", "Tidemark/"+wire.Release)
	header.Set("X-Content-Type-Options", "nosniff")
	if !h.opt.NoCompatHeaders {
		header.Set(wire.ProductHeader, wire.Product)
	}
	if id := r.Header.Get("X-Opaque-Id"); id != "" {
		header.Set("X-Opaque-Id", id)
	}
}

// serve finds the route of a request and runs it. A slash at the end of a path means
// nothing; one that is escaped is part of a name.
func (q *request) serve() error {
	if path := q.URL.EscapedPath(); len(path) > 1 && strings.HasSuffix(path, "/") {
		q.URL.Path, q.URL.RawPath = strings.TrimSuffix(q.URL.Path, "/"), strings.TrimSuffix(q.URL.RawPath, "/")
	}
	route, values, allowed := q.h.routes.find(q.Method, q.URL.EscapedPath())
	switch {
	case q.Method == http.MethodOptions && len(allowed) > 0:
		q.w.Header().Set("Allow", joinMethods(allowed))
		q.send(http.StatusOK, nil)
		return nil
	case route == nil && len(allowed) > 0:
		q.w.Header().Set("Allow", joinMethods(allowed))
		return &wire.Refusal{Status: http.StatusMethodNotAllowed, Plain: true, Reason: fmt.Sprintf(
			"Incorrect HTTP method for uri [%s] and method [%s], allowed: [%s]", wire.Clip(q.RequestURI), wire.Clip(q.Method), joinMethods(allowed))}
	case route == nil:
		return &wire.Refusal{Status: http.StatusBadRequest, Plain: true, Reason: fmt.Sprintf(
			"no handler found for uri [%s] and method [%s]", wire.Clip(q.RequestURI), wire.Clip(q.Method))}
	}
	if !utf8.ValidString(q.URL.Path) {
		return wire.Refuse(wire.TypeIllegalArgument, "the path [%s] is not valid UTF-8; send its percent-escapes in UTF-8", wire.Clip(q.RequestURI))
	}
	q.values = values
	if err := q.parseHeaders(route); err != nil {
		return err
	}
	if err := q.parseQuery(route); err != nil {
		return err
	}
	return route.handle(q)
}

// refusalOf is the table of errors: what the API says for each class.
func (q *request) refusalOf(err error) *wire.Refusal {
	var (
		refusal     *wire.Refusal
		failed      *job.Error
		tooMuch     *http.MaxBytesError
		malformed   *ingest.Malformed
		undecodable *ingest.Undecodable
		encoding    *ingest.UnsupportedEncoding
		header      *ingest.HeaderError
	)
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &failed):
		return jobRefusal(failed)
	case errors.As(err, &tooMuch):
		return &wire.Refusal{Status: 413, Type: wire.TypeStatus, Reason: fmt.Sprintf("the request body is larger than %d bytes", tooMuch.Limit)}
	case errors.Is(err, ingest.ErrTooLarge):
		return &wire.Refusal{Status: 413, Type: wire.TypeStatus, Reason: err.Error() + "; split the upload"}
	case errors.Is(err, ingest.ErrEmpty):
		return wire.Refuse(wire.TypeParse, "request body is required; send JSON objects")
	case errors.As(err, &malformed):
		return wire.Refuse(wire.TypeParse, "%s", malformed.Error())
	case errors.As(err, &header):
		return wire.Refuse(wire.TypeIllegalArgument, "%s", wire.Clip(header.Error()))
	case errors.As(err, &undecodable):
		return wire.Refuse(wire.TypeParse, "%s", undecodable.Error())
	case errors.As(err, &encoding):
		return &wire.Refusal{Status: 415, Type: wire.TypeMediaType, Reason: encoding.Error()}
	}
	return nil
}

// jobRefusal says how each class of a job's refusals looks on the wire.
func jobRefusal(e *job.Error) *wire.Refusal {
	r := &wire.Refusal{Status: 500, Type: wire.TypeException, Reason: e.Error()}
	switch e.Fault {
	case job.NotFound:
		r.Status, r.Type = 404, wire.TypeNotFound
	case job.NotOpen, job.Conflict:
		r.Status, r.Type = 409, wire.TypeStatus
	case job.Exists:
		r.Status, r.Type = 400, wire.TypeAlreadyExists
	case job.BadRequest:
		r.Status, r.Type = 400, wire.TypeIllegalArgument
	case job.Busy:
		r.Status, r.Type = 429, wire.TypeStatus
	case job.Unavailable:
		r.Status, r.Type = 503, wire.TypeStatus
	case job.Timeout:
		r.Status, r.Type = 408, wire.TypeStatus
	}
	return r
}
