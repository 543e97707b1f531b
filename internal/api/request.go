package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tidemark/internal/ingest"
	"tidemark/internal/job"
	"tidemark/wire"
)

// request is one request on its way through a handler.
type request struct {
	*http.Request
	h *Handler
	w http.ResponseWriter
	// values are those in the path, query those that the route knows.
	values map[string]string
	query  url.Values
	accept wire.Media
	// hasBody: parameters come from the body and from nowhere else.
	hasBody  bool
	shape    shape
	answered bool
}

// maxConfigBytes bounds bodies that are no uploads.
const maxConfigBytes = 8 << 20

// id is the job id in the path.
func (q *request) id() string { return q.values["job_id"] }

// old reports whether the request came by the prefix from before version 7.
func (q *request) old() bool { return strings.HasPrefix(q.URL.Path, oldPrefix+"/") }

// findBody tells whether there is a body. Some clients send an empty one in
// chunks: for parameters that is none. An upload's body is left alone, so that
// a refusal can come before it is sent.
func (q *request) findBody(r *route) {
	q.hasBody = q.ContentLength != 0
	if q.ContentLength >= 0 || !r.body {
		return
	}
	peeked := bufio.NewReader(q.Body)
	if _, err := peeked.Peek(1); err == io.EOF {
		q.hasBody = false
	}
	q.Body = struct {
		io.Reader
		io.Closer
	}{peeked, q.Body}
}

// parseHeaders reads what the client accepts and sends.
func (q *request) parseHeaders(r *route) (err error) {
	accepts := q.Header.Get("Accept")
	if strings.HasPrefix(r.path, "/_cat/") && strings.Contains(accepts, "text/") {
		accepts = "" // Tables are texts unless asked otherwise.
	}
	q.accept, err = wire.ParseAccept(accepts)
	if err != nil {
		return err
	}
	q.shape.media, q.shape.types = q.accept.Reply(), q.accept.Compat == 7
	content := wire.Media{}
	q.findBody(r)
	if q.hasBody {
		if content, err = wire.ParseContentType(q.Header.Get("Content-Type")); err != nil {
			return err
		}
		if err := wire.CheckCompat(content, q.accept); err != nil {
			return err
		}
	}
	if q.old() && max(q.accept.Compat, content.Compat) >= 7 {
		q.w.Header().Add("Warning", warning(q.h.opt.Version, "["+oldPrefix+"] is the prefix from before version 7; use ["+prefix+"]"))
	}
	return nil
}

// warning writes a Warning header's value.
func warning(version, text string) string {
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	return fmt.Sprintf(`299 Elasticsearch-%s-unknown "%s"`, version, text)
}

// parseQuery checks the query's names against the route and reads the common
// parameters.
func (q *request) parseQuery(r *route) error {
	values, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		return wire.Refuse(wire.TypeIllegalArgument, "the query string cannot be read: %s", err)
	}
	for name, list := range values { // order-free: any wrong one is named
		if !utf8.ValidString(name + strings.Join(list, "")) {
			return wire.Refuse(wire.TypeIllegalArgument, "the parameter [%s] is not valid UTF-8; send its percent-escapes in UTF-8", wire.Clip(name))
		}
	}
	if values.Has("source") && !q.hasBody && r.body {
		if err := q.sourceAsBody(values); err != nil {
			return err
		}
	}
	var unknown []string
	for name := range values {
		known := slices.Contains(commonQuery, name) || slices.Contains(r.query, name) && (r.both || !(r.body && q.hasBody)) ||
			r.body && (name == "source" || name == "source_content_type")
		if !known {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return q.unrecognized(r, unknown)
	}
	q.query = values
	if f := values.Get("format"); values.Has("format") && f != "json" && (f != "text" || !strings.HasPrefix(r.path, "/_cat/")) {
		return &wire.Refusal{Status: 406, Type: wire.TypeMediaType, Plain: true, Reason: fmt.Sprintf("format [%s] is not supported; use json", wire.Clip(f))}
	}
	for name, to := range map[string]*bool{"pretty": &q.shape.pretty, "human": &q.shape.human} {
		if *to, err = q.boolean(name, false); err != nil {
			return err
		}
	}
	if _, err = q.boolean("error_trace", false); err != nil {
		return err
	}
	q.shape.filter, err = parseFilter(values["filter_path"])
	return err
}

func (q *request) unrecognized(r *route, names []string) error {
	noun := "parameter"
	if len(names) > 1 {
		noun = "parameters"
	}
	remedy := ""
	if r.body && q.hasBody && slices.Contains(r.query, names[0]) {
		remedy = "; with a body, all parameters belong in the body"
	}
	for i := range names {
		names[i] = "[" + wire.Clip(names[i]) + "]"
	}
	return wire.Refuse(wire.TypeIllegalArgument, "request [%s] contains unrecognized %s: %s%s", wire.Clip(q.URL.Path), noun, strings.Join(names, ", "), remedy)
}

// sourceAsBody takes a body from the query, as clients do that cannot send one.
func (q *request) sourceAsBody(values url.Values) error {
	if !values.Has("source_content_type") {
		return wire.Refuse(wire.TypeIllegalArgument, "source and source_content_type parameters are required together; add source_content_type=application/json")
	}
	if _, err := wire.ParseContentType(values.Get("source_content_type")); err != nil {
		return err
	}
	source := values.Get("source")
	q.Body, q.ContentLength, q.hasBody = io.NopCloser(strings.NewReader(source)), int64(len(source)), source != ""
	return nil
}

// body reads the whole body of a request that is no upload.
func (q *request) body() ([]byte, error) { return q.bodyUpTo(maxConfigBytes) }

// bodyUpTo reads the whole body if it is not longer than limit.
func (q *request) bodyUpTo(limit int64) ([]byte, error) {
	plain, err := ingest.Decompress(http.MaxBytesReader(q.w, q.Body, limit), q.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	raw, err := io.ReadAll(io.LimitReader(plain, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	return raw, nil
}

// boolean reads a boolean parameter: absent is the default, empty is true.
func (q *request) boolean(name string, fallback bool) (bool, error) {
	if !q.query.Has(name) {
		return fallback, nil
	}
	switch v := q.query.Get(name); v {
	case "", "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, wire.Refuse(wire.TypeIllegalArgument, "Failed to parse value [%s] of parameter [%s] as only [true] or [false] are allowed.", wire.Clip(v), name)
	}
}

// either reads a boolean that has an older name too.
func (q *request) either(name, oldName string, fallback bool) (bool, error) {
	if q.query.Has(name) {
		return q.boolean(name, fallback)
	}
	return q.boolean(oldName, fallback)
}

// integer reads a whole number.
func (q *request) integer(name string, to **int64) error {
	if !q.query.Has(name) {
		return nil
	}
	n, err := strconv.ParseInt(q.query.Get(name), 10, 32)
	if err != nil {
		return wire.Refuse(wire.TypeIllegalArgument, "Failed to parse int parameter [%s] with value [%s]", name, wire.Clip(q.query.Get(name)))
	}
	*to = &n
	return nil
}

// float reads a number.
func (q *request) float(name string, to **float64) error {
	if !q.query.Has(name) {
		return nil
	}
	v, err := strconv.ParseFloat(q.query.Get(name), 64)
	if err != nil || v != v {
		return wire.Refuse(wire.TypeIllegalArgument, "Failed to parse double parameter [%s] with value [%s]", name, wire.Clip(q.query.Get(name)))
	}
	*to = &v
	return nil
}

// timeout reads the timeout parameter, "" meaning the default.
func timeout(value string, fallback time.Duration) (time.Duration, error) {
	if value == "" {
		return fallback, nil
	}
	d, err := wire.ParseDuration("timeout", value)
	if err != nil {
		return 0, err
	}
	// A timeout of 0 would mean not to wait at all, and -1 for ever.
	switch {
	case d < 0:
		return 0, nil
	case d == 0:
		return time.Nanosecond, nil
	}
	return d, nil
}

// refuse answers with an error.
func (q *request) refuse(err error) {
	r := q.refusalOf(err)
	if r == nil {
		if errors.Is(err, context.Canceled) && q.Context().Err() != nil {
			// The client has gone; nobody reads this.
			r = &wire.Refusal{Status: 499, Type: wire.TypeException, Reason: "the client closed the connection"}
		} else {
			q.h.opt.Logger.Error("a request failed", "method", q.Method, "path", wire.Clip(q.URL.Path), "error", err)
			r = &wire.Refusal{Status: 500, Type: wire.TypeException, Reason: err.Error()}
		}
	}
	var failed *job.Error
	switch {
	case errors.As(err, &failed) && failed.RetryAfter > 0:
		q.w.Header().Set("Retry-After", strconv.Itoa(max(1, int(failed.RetryAfter/time.Second))))
	case r.Status == http.StatusTooManyRequests:
		q.w.Header().Set("Retry-After", "1")
	case r.Status == http.StatusServiceUnavailable:
		q.w.Header().Set("Retry-After", "5")
	}
	// An error is shown whole, whatever filter_path says.
	q.shape.filter = filter{}
	if q.traced() {
		q.answer(r.Status, r.TracedEnvelope(q.Method+" "+wire.Clip(q.URL.Path)))
		return
	}
	q.answer(r.Status, r.Envelope())
}

// drainTime bounds how long the rest of a refused body is read.
const drainTime = 30 * time.Second

// drain reads on what a client still sends after a refusal, within bounds. Many
// clients send all of a body before they read; closed on in between, they would see
// a broken connection in place of the answer. Those that wait for a word to go on
// (Expect) send nothing any more.
func (q *request) drain() {
	if q.ContentLength == 0 || q.Header.Get("Expect") != "" {
		return
	}
	control := http.NewResponseController(q.w)
	if control.Flush() != nil || control.SetReadDeadline(time.Now().Add(drainTime)) != nil {
		return
	}
	// The client has its answer, whatever becomes of the rest.
	_, _ = io.CopyN(io.Discard, q.Body, 2*q.h.opt.MaxUploadBytes)
	_ = control.SetReadDeadline(time.Time{})
}

// traced reports whether errors shall say where they come from. It is asked of the
// query itself, because an error may come before the query is read.
func (q *request) traced() bool {
	values, err := url.ParseQuery(q.URL.RawQuery)
	return err == nil && values.Has("error_trace") && (values.Get("error_trace") == "" || values.Get("error_trace") == "true")
}
