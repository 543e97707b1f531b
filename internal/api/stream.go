package api

import (
	"bufio"
	"io"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/gzip"
)

// streamFrom is the number of elements from which a list is sent while it is
// encoded, so that an answer about thousands of jobs is never held as a whole.
const streamFrom = 200

// streamBytes is what is encoded before it is sent.
const streamBytes = 64 << 10

// sendList answers with {"count":n,"name":[…]}.
func sendList[T any](q *request, name string, elements []T) error {
	s := &q.shape
	if len(elements) < streamFrom || s.human || s.pretty || len(s.filter.include)+len(s.filter.exclude) > 0 {
		raw, err := encodeList(nil, name, elements)
		if err == nil {
			q.send(http.StatusOK, raw)
		}
		return err
	}
	q.answered = true
	header := q.w.Header()
	header.Set("Content-Type", q.contentType())
	header.Add("Vary", "Accept-Encoding")
	var to io.Writer = q.w
	if acceptsGzip(q.Header.Get("Accept-Encoding")) {
		header.Set("Content-Encoding", "gzip")
		z := compressors.Get().(*gzip.Writer)
		z.Reset(q.w)
		defer func() {
			_ = z.Close()
			compressors.Put(z)
		}()
		to = z
	}
	q.w.WriteHeader(http.StatusOK)
	if q.Method == http.MethodHead {
		to = io.Discard
	}
	out := bufio.NewWriterSize(to, streamBytes)
	_, err := encodeList(out, name, elements)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		// The client sees an answer that ends too early.
		q.h.opt.Logger.Debug("an answer ended early", "path", q.URL.Path, "error", err)
	}
	return nil
}

// encodeList writes a list to out, or returns it if out is nil.
func encodeList[T any](out *bufio.Writer, name string, elements []T) (raw []byte, err error) {
	add := func(b ...byte) error {
		if out == nil {
			raw = append(raw, b...)
			return nil
		}
		_, err := out.Write(b)
		return err
	}
	head := strconv.AppendInt([]byte(`{"count":`), int64(len(elements)), 10)
	err = add(append(append(append(head, `,"`...), name...), `":[`...)...)
	for i := range elements {
		if err != nil {
			return nil, err
		}
		one, failed := json.Marshal(&elements[i], json.Deterministic(true))
		if failed != nil {
			return nil, failed
		}
		if i > 0 {
			err = add(',')
		}
		if err == nil {
			err = add(one...)
		}
	}
	if err == nil {
		err = add(']', '}')
	}
	return raw, err
}
