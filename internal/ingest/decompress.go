package ingest

import (
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory that a zstd body may ask for.
const maxWindow = 8 << 20

// Undecodable says that a compressed body cannot be decompressed.
type Undecodable struct {
	Encoding string
	// Offset is how many decompressed bytes came before the damage.
	Offset int64
	Cause  error
}

// Error names the place, counted in decompressed bytes.
func (e *Undecodable) Error() string {
	return fmt.Sprintf("the body is no valid %s (after %d decompressed bytes): %v", e.Encoding, e.Offset, e.Cause)
}

// Unwrap is the decoder's error.
func (e *Undecodable) Unwrap() error { return e.Cause }

// UnsupportedEncoding says that a Content-Encoding is not known.
type UnsupportedEncoding struct{ Encoding string }

// Error names the encodings that are supported.
func (e *UnsupportedEncoding) Error() string {
	return fmt.Sprintf("Content-Encoding [%s] is not supported; use gzip, zstd or none", e.Encoding)
}

// Decompress unwraps a body by its Content-Encoding: gzip (or x-gzip), zstd,
// or none (empty or identity). The reader returned must be closed; body stays
// the caller's. It reads no more than is asked for, so that the limit on
// decompressed bytes also bounds the work. Damage is an *Undecodable, here or
// while reading; errors of body itself pass through as they are.
func Decompress(body io.Reader, encoding string) (io.ReadCloser, error) {
	name := strings.ToLower(strings.TrimSpace(encoding))
	d := &decompressor{encoding: name, source: &source{r: body}}
	switch name {
	case "", "identity":
		return io.NopCloser(body), nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(d.source)
		if err != nil {
			if err == io.EOF {
				// No byte at all: an empty body, which ReadJSON names.
				return io.NopCloser(strings.NewReader("")), nil
			}
			return nil, d.explain(err)
		}
		d.r, d.close = z, z.Close
	case "zstd":
		z, err := zstd.NewReader(d.source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, d.explain(err)
		}
		d.r, d.close = z, func() error { z.Close(); return nil }
	default:
		return nil, &UnsupportedEncoding{Encoding: encoding}
	}
	return d, nil
}

// decompressor tells damage from errors of the source.
type decompressor struct {
	encoding string
	source   *source
	r        io.Reader
	close    func() error
	offset   int64
}

// source remembers an error that is not the decoder's.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (d *decompressor) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	d.offset += int64(n)
	if err != nil && err != io.EOF {
		err = d.explain(err)
	}
	return n, err
}

func (d *decompressor) explain(err error) error {
	if d.source.err != nil {
		return d.source.err
	}
	return &Undecodable{Encoding: d.encoding, Offset: d.offset, Cause: err}
}

// Close frees the decoder.
func (d *decompressor) Close() error { return d.close() }
