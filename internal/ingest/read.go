package ingest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
	"unicode/utf8"

	"tidemark/engine/record"
	"tidemark/internal/ingest/javatime"
)

// bufferBytes is how much of a body is read ahead. Reading goes on only when
// it is used up, so that a record is looked at twice only where two buffers
// meet.
const bufferBytes = 256 << 10

// exampleBytes bounds the example of a rejected record.
const exampleBytes = 256

// maxIdleReads is how often in a row a body may return nothing.
const maxIdleReads = 100

var buffers = sync.Pool{New: func() any { b := make([]byte, bufferBytes); return &b }}

// ReadJSON reads a body of JSON objects, with any white space or none between
// them or in an array, and takes from each what the job analyzes. It holds the
// buffer, at most Limits.MaxRecordBytes of it, and the columns in memory.
//
// The errors are ErrEmpty, ErrTooLarge (wrapped), *Malformed, *Undecodable
// (wrapped, from Decompress), or what the body's reader returned, wrapped.
// After an error nothing of the upload counts.
func ReadJSON(body io.Reader, s *Schema, lim Limits) (*Upload, error) {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	return read(body, s, lim, *pooled)
}

// read is ReadJSON with a buffer of any size, at least 3, to begin with.
func read(body io.Reader, s *Schema, lim Limits, buffer []byte) (*Upload, error) {
	r := &reader{
		recordReader: newRecordReader(s),
		body:         body,
		lim:          lim.withDefaults(),
		buf:          buffer[:0],
		up:           &Upload{MaxRecordMs: record.NoTime},
		hash:         newBodyHash(),
	}
	r.farMs = lim.NowMs + FarAhead.Milliseconds()
	r.builder.Seed(rand.Uint64())
	r.clock = javatime.Clock{Year: time.UnixMilli(lim.NowMs).UTC().Year()}
	if err := r.run(); err != nil {
		return nil, err
	}
	return r.finish()
}

// reader frames the records of one body.
type reader struct {
	*recordReader
	body io.Reader
	lim  Limits
	up   *Upload

	// buf holds the body from offset start on; pos is the next byte to look
	// at. eof: the body has no more.
	buf        []byte
	pos        int
	start      int64
	eof        bool
	any        bool // there is more than white space
	hash       bodyHash
	lines      int64 // newlines before start
	lineStart  int64 // offset of the line that start lies in
	arrayState arrayState
	memory     int64
	first      *Malformed // the first broken object
	example    string     // the beginning of the first broken object
	farMs      int64      // records after it lie far ahead of the clock
	farthest   []byte     // the beginning of the last one of them
}

// arrayState is where in a top-level array the reader is.
type arrayState uint8

const (
	outside      arrayState = iota
	afterOpen               // a value or the end may follow
	afterValue              // a comma or the end may follow
	afterComma              // a value must follow
	afterGarbage            // anything may follow: one mistake is counted once
)

// run reads the whole body.
func (r *reader) run() error {
	if err := r.fill(); err != nil {
		return err
	}
	if bytes.HasPrefix(r.buf, []byte("\xef\xbb\xbf")) {
		r.pos = 3
	}
	for {
		r.pos = space(r.buf, r.pos)
		if r.pos == len(r.buf) {
			if r.eof {
				return nil
			}
			if err := r.fill(); err != nil {
				return err
			}
			continue
		}
		if err := r.step(); err != nil {
			return err
		}
	}
}

// step takes one record or one sign between records.
func (r *reader) step() error {
	r.any = true
	state := r.arrayState
	switch c := r.buf[r.pos]; {
	case c == '{':
		if state == afterValue {
			if err := r.broken(r.pos, `"," is expected between the objects of an array`); err != nil {
				return err
			}
		}
		err := r.one()
		if state != outside {
			r.arrayState = afterValue
		}
		return err
	case c == '[' && state == outside:
		r.arrayState = afterOpen
	case c == ']' && state != outside:
		r.arrayState = outside
		if state == afterComma {
			if err := r.broken(r.pos, `an object is expected behind ","`); err != nil {
				return err
			}
		}
	case c == ',' && (state == afterValue || state == afterGarbage):
		r.arrayState = afterComma
	default:
		return r.garbage()
	}
	r.pos++
	return nil
}

// one reads the record at pos.
func (r *reader) one() error {
	for {
		end := r.record(r.buf, r.pos)
		if end >= 0 {
			raw := r.buf[r.pos:end]
			r.pos = end
			return r.accept(raw)
		}
		if r.why != "" {
			return r.skipBroken(r.at, r.why)
		}
		if r.eof {
			return r.unended()
		}
		if len(r.buf)-r.pos >= r.lim.MaxRecordBytes {
			return r.malformed(r.pos, fmt.Sprintf("a record is longer than %d bytes", r.lim.MaxRecordBytes))
		}
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// accept counts a record that was read and takes or rejects it.
func (r *reader) accept(raw []byte) error {
	r.up.End.InputFields += max(r.leaves-1, 0)
	r.up.End.MissingFields += int64(r.missing())
	ms, ok := r.schema.time.parse(r.timeText, &r.clock)
	ahead := ok && r.schema.Future > 0 && ms > r.lim.NowMs+r.schema.Future.Milliseconds()
	if !ok || ahead {
		r.builder.Abort()
		r.up.End.InvalidDates++
		r.up.Rejected++
		if r.up.Rejected == 1 {
			r.up.RejectedExample = beginning(raw)
			r.up.RejectedReason = r.rejection()
			if ahead {
				r.up.RejectedReason = fmt.Sprintf("its time lies more than %v ahead of the clock; correct the sender's clock, or raise custom_settings.tidemark.max_future", r.schema.Future)
			}
		}
		return nil
	}
	r.builder.End(ms)
	r.up.Records++
	if ms > r.up.MaxRecordMs {
		r.up.MaxRecordMs = ms
		if ms > r.farMs {
			r.farthest = append(r.farthest[:0], raw[:min(len(raw), exampleBytes+1)]...)
		}
	}
	if r.builder.Size() >= r.lim.PartBytes {
		return r.part()
	}
	return nil
}

// part ends a batch.
func (r *reader) part() error {
	r.memory += int64(r.builder.Size())
	if r.memory > r.lim.MaxMemory {
		return fmt.Errorf("%w: its records take more than %d bytes in memory; send fewer at once", ErrTooLarge, r.lim.MaxMemory)
	}
	r.up.Parts = append(r.up.Parts, r.builder.Take())
	return nil
}

// rejection says why the last record has no usable time and what would help.
func (r *reader) rejection() string {
	s := r.schema
	name := s.fields[s.timeIndex].name
	if !r.hasTime() {
		return fmt.Sprintf("the record has no field %q; set time_field to the field with the time", name)
	}
	reason := fmt.Sprintf("the time %q in field %q does not fit time_format %s", beginning(r.timeText), name, s.time.String())
	if f, _ := javatime.Guess(r.timeText); f != nil && f.Full() {
		return reason + fmt.Sprintf("; time_format %q would read it", f.Pattern())
	}
	if v, ok := parseNumber(r.timeText); ok && v >= 0 && s.time.kind == byPattern {
		return reason + `; for numbers, time_format is "epoch" (seconds) or "epoch_ms"`
	}
	return reason
}

// beginning is the start of a text, cut between characters.
func beginning(text []byte) string {
	if len(text) <= exampleBytes {
		return string(text)
	}
	cut := exampleBytes
	for cut > exampleBytes-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return string(text[:cut]) + "…"
}

// fill makes room and reads until the buffer is full or the body ends. It
// waits for a full buffer because an upload counts only as a whole.
func (r *reader) fill() error {
	r.discard()
	if len(r.buf) == cap(r.buf) {
		larger := make([]byte, len(r.buf), min(2*cap(r.buf), r.lim.MaxRecordBytes+bufferBytes))
		copy(larger, r.buf)
		r.buf = larger
	}
	for idle := 0; len(r.buf) < cap(r.buf) && !r.eof; idle++ {
		n, err := r.body.Read(r.buf[len(r.buf):cap(r.buf)])
		if n > 0 {
			idle = 0
			r.hash.write(r.buf[len(r.buf) : len(r.buf)+n])
			r.buf = r.buf[:len(r.buf)+n]
			r.up.End.InputBytes += int64(n)
		}
		switch {
		case idle > maxIdleReads:
			err = io.ErrNoProgress
			fallthrough
		case err != nil && err != io.EOF:
			return fmt.Errorf("read the body: %w", err)
		case r.up.End.InputBytes > r.lim.MaxBytes:
			return fmt.Errorf("%w: it has more than %d bytes (after decompression); send less at once", ErrTooLarge, r.lim.MaxBytes)
		case err == io.EOF:
			r.eof = true
		}
	}
	return nil
}

// discard drops what was read from the front of the buffer.
func (r *reader) discard() {
	done := r.buf[:r.pos]
	if last := bytes.LastIndexByte(done, '\n'); last >= 0 {
		r.lines += int64(bytes.Count(done, []byte{'\n'}))
		r.lineStart = r.start + int64(last) + 1
	}
	r.start += int64(r.pos)
	r.buf = r.buf[:copy(r.buf, r.buf[r.pos:])]
	r.pos = 0
}

// finish ends the upload.
func (r *reader) finish() (*Upload, error) {
	if !r.any {
		return nil, ErrEmpty
	}
	if r.arrayState != outside {
		return nil, r.cutOff(r.pos, "the body ends within an array")
	}
	up := r.up
	if r.first != nil && up.Records+up.Rejected == 0 {
		r.first.Broken = up.Broken
		return nil, r.first
	}
	if r.builder.Len() > 0 {
		if err := r.part(); err != nil {
			return nil, err
		}
	}
	up.End.BodyHash = r.hash.sum()
	up.FarthestExample = beginning(r.farthest)
	up.SuspiciousTimes = !r.schema.time.given && up.Records > 0 && up.MaxRecordMs < year1990Ms
	if r.first != nil && up.Rejected == 0 {
		up.RejectedExample = r.example
		up.RejectedReason = fmt.Sprintf("no valid JSON at line %d, column %d: %s", r.first.Line, r.first.Column, r.first.Reason)
	}
	return up, nil
}
