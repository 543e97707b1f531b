package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"tidemark/internal/document"
	"tidemark/internal/ingest"
	"tidemark/wire"
)

// postData takes an upload, all of it or nothing.
func postData(q *request) error {
	schema, err := q.h.opt.Jobs.Intake(q.Context(), q.id())
	if err != nil {
		return q.notOpen(err)
	}
	key, err := idempotencyKey(q.Header)
	if err != nil {
		return err
	}
	span, err := q.timeRange("reset_start", q.query.Get("reset_start"), "reset_end", q.query.Get("reset_end"))
	if err != nil {
		return err
	}
	up, err := q.read(schema)
	if err != nil {
		return err
	}
	up.End.Key = key
	up.HasReset, up.ResetStartMs, up.ResetEndMs = span.hasStart, span.startMs, span.endMs
	posted, err := q.h.opt.Jobs.Post(q.Context(), q.id(), up)
	if err != nil {
		return q.notOpen(err)
	}
	q.answer(http.StatusAccepted, document.Counts(q.id(), posted.Counts, posted.LastDataMs, posted.LastDataMs))
	return nil
}

// idempotencyKey reads the key that makes repeating an upload harmless.
func idempotencyKey(header http.Header) (string, error) {
	values := header.Values(wire.IdempotencyHeader)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], wire.CheckKey(values[0])
	}
	return "", wire.CheckKey("") // Several values are no key.
}

// read turns the body into batches.
func (q *request) read(schema *ingest.Schema) (*ingest.Upload, error) {
	body := &meter{h: q.h, control: http.NewResponseController(q.w)}
	defer body.release()
	if err := q.checkLength(); err != nil {
		return nil, err
	}
	plain, err := ingest.Decompress(http.MaxBytesReader(q.w, q.Body, q.h.opt.MaxUploadBytes), q.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	body.r = plain
	up, err := ingest.Read(body, schema, ingest.Limits{MaxBytes: q.h.opt.MaxUploadBytes, NowMs: q.h.opt.Now().UnixMilli()})
	if err != nil && q.refusalOf(err) == nil {
		// The connection broke: nothing of the upload counts.
		err = wire.Refuse(wire.TypeParse, "the request body could not be read to its end: %s; nothing of it was taken, send it again", err)
	}
	return up, err
}

// checkLength refuses a body that says it is too large before reading it.
func (q *request) checkLength() error {
	if q.ContentLength > q.h.opt.MaxUploadBytes {
		return &wire.Refusal{Status: 413, Type: wire.TypeStatus,
			Reason: fmt.Sprintf("the upload is too large: it has %d bytes, the limit is %d; split the upload", q.ContentLength, q.h.opt.MaxUploadBytes)}
	}
	return nil
}

// stalled is how long an upload may send nothing at all.
const stalled = time.Minute

// meter counts the bytes of all uploads that are being read, and refuses more
// than there is room for. An upload that is alone is never refused.
type meter struct {
	h       *Handler
	control *http.ResponseController
	r       io.Reader
	own     int64
}

func (m *meter) Read(b []byte) (int, error) {
	// Not every connection can have a deadline; then it has none.
	if err := m.control.SetReadDeadline(m.h.opt.Now().Add(stalled)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := m.r.Read(b)
	m.own += int64(n)
	if all := m.h.reading.Add(int64(n)); all > m.h.opt.MaxReadingBytes && all > m.own {
		return n, &wire.Refusal{Status: http.StatusTooManyRequests, Type: wire.TypeStatus,
			Reason: "too many uploads are being read at once; nothing of this one was taken, send it again later"}
	}
	return n, err
}

func (m *meter) release() {
	m.h.reading.Add(-m.own)
	_ = m.control.SetReadDeadline(time.Time{}) // As above.
}
