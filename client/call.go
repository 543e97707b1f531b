package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// call is one request, ready to be sent as often as needed.
type call struct {
	name   string // for messages
	method string
	// path follows the server's address; its parts are escaped.
	path  string
	query url.Values
	// body is opened for each attempt; nil sends none.
	body   body
	header http.Header
	// repeatable calls may be sent again after their answer was lost. Others
	// are repeated only if nothing of them was done: after 429, 503 and failed
	// dials.
	repeatable bool
	// err is what is wrong with the request, so that it is not sent.
	err error
}

// body can be read again and again. size is -1 if unknown. A body that also has
// a release method is told when nothing may be read any more.
type body interface {
	open() (r io.ReadCloser, size int64, err error)
}

// jsonBody is a body in memory.
type jsonBody []byte

func (b jsonBody) open() (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(b)), int64(len(b)), nil
}

const (
	mediaJSON  = "application/json"
	mediaLines = "application/x-ndjson"
)

// maxAnswer bounds what is read of an answer. The largest page of results stays
// far below.
const maxAnswer = 1 << 30

// send runs a call and decodes the answer.
func send[R any](ctx context.Context, c *Client, q *call) (*R, error) {
	if c.isClosed() {
		return nil, ErrClosed
	}
	if q.err != nil {
		return nil, q.err
	}
	if b, ok := q.body.(interface{ release() }); ok {
		defer b.release()
	}
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("tidemark: %s: %w", q.name, err)
		}
		answer, err := once[R](ctx, c, q)
		if err == nil {
			return answer, nil
		}
		wait, again := c.verdict(ctx, q, err, attempt)
		if !again {
			return nil, finish(ctx, q, err, attempt)
		}
		if stopped := c.pause(ctx, wait); stopped != nil {
			return nil, &ConnectionError{Call: q.name, Attempts: attempt, Err: fmt.Errorf("%w while waiting to repeat after: %w", stopped, err)}
		}
	}
}

// finish makes the error that the caller sees.
func finish(ctx context.Context, q *call, err error, attempts int) error {
	var refused *Error
	var wrong *RequestError
	switch {
	case errors.As(err, &refused):
		refused.Attempts = attempts
		return refused
	case errors.As(err, &wrong):
		return wrong
	case ctx.Err() != nil:
		return &ConnectionError{Call: q.name, Attempts: attempts, Err: ctx.Err()}
	}
	return &ConnectionError{Call: q.name, Attempts: attempts, Err: err}
}

// once sends a call and reads the answer.
func once[R any](ctx context.Context, c *Client, q *call) (*R, error) {
	req, sent, err := c.request(ctx, q)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if sent != nil && sent.failed() != nil {
			return nil, &RequestError{Call: q.name, Field: "body", Err: sent.failed()}
		}
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusal(q.name, resp, time.Now())
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	answer := new(R)
	if err := json.Unmarshal(raw, answer); err != nil {
		return nil, &Error{Call: q.name, Status: resp.StatusCode,
			Reason: fmt.Sprintf("the answer is not the API's (%v): %s", err, wire.Clip(string(raw)))}
	}
	return answer, nil
}

// expectFrom is the size from which a body waits for the server's leave, so
// that a job that is not open costs no upload.
const expectFrom = 1 << 20

func (c *Client) request(ctx context.Context, q *call) (*http.Request, *source, error) {
	address := c.base.String() + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, address, nil)
	if err != nil {
		return nil, nil, &RequestError{Call: q.name, Field: "path", Err: err}
	}
	for _, header := range []http.Header{c.opt.Header, q.header} {
		for name, values := range header {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	req.Header.Set("Accept", mediaJSON)
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "tidemark-go/"+wire.Release)
	}
	if q.body == nil {
		return req, nil, nil
	}
	r, size, err := q.body.open()
	if err != nil {
		return nil, nil, &RequestError{Call: q.name, Field: "body", Err: err}
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", mediaJSON)
	}
	sent := &source{r: r}
	req.Body, req.ContentLength = sent, size
	if size == 0 {
		// Without this an empty body of known size would be sent in chunks.
		req.Body = http.NoBody
		if err := r.Close(); err != nil {
			return nil, nil, &RequestError{Call: q.name, Field: "body", Err: err}
		}
	}
	if size < 0 || size >= expectFrom {
		req.Header.Set("Expect", "100-continue")
	}
	return req, sent, nil
}

// Waits between attempts: doubled each time, with up to half taken off by
// chance so that clients do not come back all at once.
const (
	firstWait = 100 * time.Millisecond
	waitScale = 2
)

// verdict says whether to send the call again, and after how long.
func (c *Client) verdict(ctx context.Context, q *call, err error, attempt int) (time.Duration, bool) {
	if attempt >= c.opt.MaxAttempts || ctx.Err() != nil {
		return 0, false
	}
	wait := firstWait
	for range attempt - 1 {
		wait = min(wait*waitScale, c.opt.MaxWait)
	}
	wait -= time.Duration(rand.Int64N(int64(wait)/2 + 1))

	var refused *Error
	var wrong *RequestError
	switch {
	case errors.As(err, &wrong):
		return 0, false
	case errors.As(err, &refused):
		switch refused.Status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		case http.StatusBadGateway, http.StatusGatewayTimeout:
			// From something in between: the server may have acted.
			if !q.repeatable {
				return 0, false
			}
		default:
			return 0, false
		}
		wait = max(wait, refused.RetryAfter)
		return wait, wait <= c.opt.MaxWait
	}
	return wait, q.repeatable || neverSent(err)
}

// neverSent reports that no connection was made.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
