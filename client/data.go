package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// PostDataRequest uploads records: JSON objects one after the other, with or
// without line ends, or one array of them. An upload is all or nothing.
type PostDataRequest struct {
	JobID string // required
	// Body holds the records. It is read again when the upload is repeated: an
	// io.Seeker is set back to where it stood; anything else is kept in memory,
	// at most Options.MaxBuffer bytes. Lines makes one from Go values.
	Body io.Reader
	// GetBody is used instead of Body if set. It opens the records anew each
	// time.
	GetBody func() (io.ReadCloser, error)
	// Key names the upload: one repeated under the same key counts once. Empty:
	// a new random key. Keep a key if the same records may be sent again by
	// another call or process.
	Key string
	// Compress sends the records compressed.
	Compress bool
	// ResetStart and ResetEnd drop what was gathered between them, if it is
	// still inside the job's latency, before the records count. The zero time
	// leaves one out.
	ResetStart, ResetEnd time.Time
}

// PostData returns the counts of this upload when all of it is stored. After
// any error but a lost connection nothing of it counts. It is repeated under its
// key after lost connections, 429 and 503.
func (c *Client) PostData(ctx context.Context, r PostDataRequest) (*wire.DataCounts, error) {
	q, err := c.upload(&r)
	if err != nil {
		return nil, err
	}
	return send[wire.DataCounts](ctx, c, q)
}

// PostDataAsync is PostData with a listener. The body must not be used by others
// until the listener was called.
func (c *Client) PostDataAsync(ctx context.Context, r PostDataRequest, l Listener[wire.DataCounts]) *Pending {
	return async(ctx, c, r, l, c.PostData)
}

func (c *Client) upload(r *PostDataRequest) (*call, error) {
	q := c.job("post data to", r.JobID, http.MethodPost, "_data").again()
	q.time("reset_start", "ResetStart", r.ResetStart).time("reset_end", "ResetEnd", r.ResetEnd)
	if q.err != nil {
		return nil, q.err
	}
	key := r.Key
	if key == "" {
		key = rand.Text()
	}
	if err := wire.CheckKey(key); err != nil {
		return nil, &RequestError{Call: q.name, Field: "Key", Err: err}
	}
	q.header = http.Header{"Content-Type": {mediaLines}, wire.IdempotencyHeader: {key}}
	var err error
	if q.body, err = replayable(r, c.opt.MaxBuffer); err != nil {
		return nil, &RequestError{Call: q.name, Field: "Body", Err: err}
	}
	if r.Compress {
		q.header.Set("Content-Encoding", "gzip")
		q.body = compressed{q.body}
	}
	return q, nil
}

// replayable makes the records readable more than once.
func replayable(r *PostDataRequest, limit int64) (body, error) {
	switch seeker, _ := r.Body.(io.Seeker); {
	case r.GetBody != nil:
		return opener(r.GetBody), nil
	case r.Body == nil:
		return nil, errors.New("give Body or GetBody")
	case seeker != nil:
		// Pipes and terminals have the method and cannot do it.
		if at, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			end, err := seeker.Seek(0, io.SeekEnd)
			if err != nil {
				return nil, err
			}
			return &seekable{r: r.Body, seeker: seeker, from: at, size: end - at}, nil
		}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("more than %d bytes that can be read only once; split the upload, give a file, or set GetBody", limit)
	}
	return jsonBody(raw), nil
}

// opener is a body that the caller opens.
type opener func() (io.ReadCloser, error)

func (o opener) open() (io.ReadCloser, int64, error) {
	r, err := o()
	if err == nil && r == nil {
		err = errors.New("GetBody returned nothing")
	}
	return r, -1, err
}

// seekable is a body that can be set back. The transport may still read the
// last attempt's body for a moment after that attempt has ended: each attempt
// has its own turn, and a reader out of turn reads nothing.
type seekable struct {
	r      io.Reader
	seeker io.Seeker
	from   int64
	size   int64

	mu   sync.Mutex
	turn int
}

func (s *seekable) open() (io.ReadCloser, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	if _, err := s.seeker.Seek(s.from, io.SeekStart); err != nil {
		return nil, 0, err
	}
	return &turnReader{s: s, turn: s.turn, left: s.size}, s.size, nil
}

// release ends the last turn, so that the caller's reader is free.
func (s *seekable) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
}

type turnReader struct {
	s    *seekable
	turn int
	left int64
}

var errOutOfTurn = errors.New("this attempt is over")

func (t *turnReader) Read(p []byte) (int, error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.turn != t.s.turn {
		return 0, errOutOfTurn
	}
	if t.left <= 0 {
		return 0, io.EOF
	}
	n, err := t.s.r.Read(p[:min(int64(len(p)), t.left)])
	t.left -= int64(n)
	if errors.Is(err, io.EOF) && t.left > 0 {
		err = io.ErrUnexpectedEOF // the file has become shorter
	}
	return n, err
}

func (t *turnReader) Close() error {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.turn == t.s.turn {
		t.s.turn++
	}
	return nil
}

// source is a request's body that remembers what reading it failed with, so
// that the caller's own error is not taken for a lost connection.
type source struct {
	r   io.ReadCloser
	mu  sync.Mutex
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errOutOfTurn) && !errors.Is(err, io.ErrClosedPipe) {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

// Close ends the body.
func (s *source) Close() error { return s.r.Close() }

func (s *source) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// compressed is a body sent with gzip.
type compressed struct{ plain body }

func (c compressed) release() {
	if b, ok := c.plain.(interface{ release() }); ok {
		b.release()
	}
}

func (c compressed) open() (io.ReadCloser, int64, error) {
	plain, _, err := c.plain.open()
	if err != nil {
		return nil, 0, err
	}
	r, w := io.Pipe()
	go func() {
		z := gzip.NewWriter(w)
		_, err := io.Copy(z, plain)
		if err == nil {
			err = z.Close()
		}
		if closeErr := plain.Close(); err == nil {
			err = closeErr
		}
		w.CloseWithError(err) // nil means the end
	}()
	return r, -1, nil
}

// Lines writes records as newline-delimited JSON for PostDataRequest.Body.
func Lines[T any](records []T) (*bytes.Reader, error) {
	var b bytes.Buffer
	for i := range records {
		if err := json.MarshalWrite(&b, &records[i]); err != nil {
			return nil, fmt.Errorf("tidemark: record %d: %w", i, err)
		}
		b.WriteByte('\n')
	}
	return bytes.NewReader(b.Bytes()), nil
}
