package ingest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Delimited says how a job's records are written as lines of cells. The first line
// of each upload names the fields.
type Delimited struct {
	Delimiter, Quote byte
}

// maxRecordLines bounds the lines of one record: a quote that is never closed would
// take the rest of the upload.
const maxRecordLines = 10_000

// HeaderError refuses an upload whose first line lacks a field.
type HeaderError struct {
	Field  string
	Header []string
}

// Error begins with the words that clients of the API know.
func (e *HeaderError) Error() string {
	return fmt.Sprintf("Field configured for analysis '%s' is not in the CSV header '%s'; name it in the upload's first line", e.Field, e.Header)
}

// Read reads a body in the format of the schema.
func Read(body io.Reader, s *Schema, lim Limits) (*Upload, error) {
	if s.Delimited == nil {
		return ReadJSON(body, s, lim)
	}
	t := &cells{s: s, in: bufio.NewReaderSize(body, bufferBytes), form: *s.Delimited, limit: lim.withDefaults()}
	// A record's object can be longer than its line: names are repeated, and bytes
	// are escaped.
	wide := lim.withDefaults()
	wide.MaxBytes = 8*wide.MaxBytes + 1<<20
	up, err := ReadJSON(t, s, wide)
	if err != nil {
		return nil, err
	}
	up.End.InputBytes = t.bytes
	return up, nil
}

// cells is a reader that turns lines of cells into JSON objects, so that both forms
// of records are counted and converted by the same code.
type cells struct {
	s     *Schema
	in    *bufio.Reader
	form  Delimited
	limit Limits
	// names are the header's, as JSON; nil before it is read.
	names [][]byte
	// cell is the value being read, row the values of the record.
	cell []byte
	row  [][]byte
	// out is what Read has not handed on yet.
	out   []byte
	line  int64
	bytes int64
	err   error
}

func (t *cells) Read(b []byte) (int, error) {
	for len(t.out) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		t.err = t.next()
	}
	n := copy(b, t.out)
	t.out = t.out[n:]
	return n, nil
}

// next reads a record and writes its object.
func (t *cells) next() error {
	if err := t.record(); err != nil {
		return err
	}
	if t.names == nil {
		return t.header()
	}
	out := append(t.out[:0], '{')
	for i, cell := range t.row {
		if i == len(t.names) {
			break
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, t.names[i]...), ':')
		quoted, err := jsontext.AppendQuote(out, cell)
		if err != nil {
			quoted, _ = jsontext.AppendQuote(out, bytes.ToValidUTF8(cell, []byte("\uFFFD")))
		}
		out = quoted
	}
	t.out = append(out, '}', '\n')
	return nil
}

// header takes the first record as the names of the fields.
func (t *cells) header() error {
	var names []string
	for i, cell := range t.row {
		name := string(cell)
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		if slices.Contains(names, name) {
			// A name that comes twice is told apart, so that the object is valid.
			name += "#" + strconv.Itoa(i)
		}
		names = append(names, name)
	}
	for i := range t.s.fields {
		if name := t.s.fields[i].name; !slices.Contains(names, name) {
			return &HeaderError{Field: name, Header: names}
		}
	}
	t.names = make([][]byte, len(names))
	for i, name := range names {
		t.names[i], _ = jsontext.AppendQuote(nil, strings.ToValidUTF8(name, "\uFFFD"))
	}
	return nil
}

// record reads the cells of one record; a quoted cell may have delimiters, ends of
// lines and doubled quotes. Empty lines are no records.
func (t *cells) record() error {
	t.row, t.cell = t.row[:0], t.cell[:0]
	quoted, any, lines := false, false, 0
	for {
		c, err := t.in.ReadByte()
		if err == nil {
			t.bytes++
		}
		switch {
		case err == io.EOF && quoted:
			return t.malformed("the upload ends within a quoted cell")
		case err == io.EOF && !any:
			return io.EOF
		case err == io.EOF:
			t.endCell()
			return nil
		case err != nil:
			return err
		case t.bytes > t.limit.MaxBytes:
			return fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, t.limit.MaxBytes)
		case len(t.cell) > t.limit.MaxRecordBytes:
			return t.malformed(fmt.Sprintf("a cell is longer than %d bytes", t.limit.MaxRecordBytes))
		case quoted && c == t.form.Quote:
			if next, err := t.in.Peek(1); err == nil && next[0] == t.form.Quote {
				_, _ = t.in.Discard(1) // It was peeked at.
				t.bytes++
				t.cell = append(t.cell, c)
			} else {
				quoted = false
			}
		case quoted:
			if c == '\n' {
				t.line++
				if lines++; lines >= maxRecordLines {
					return t.malformed(fmt.Sprintf("a record has more than %d lines; a quote is probably not closed", maxRecordLines))
				}
			}
			t.cell = append(t.cell, c)
		case c == t.form.Quote && len(t.cell) == 0:
			quoted, any = true, true
		case c == t.form.Delimiter:
			any = true
			t.endCell()
		case c == '\n':
			t.line++
			t.cell = bytes.TrimSuffix(t.cell, []byte("\r"))
			if !any && len(t.cell) == 0 {
				continue
			}
			t.endCell()
			return nil
		default:
			any = true
			t.cell = append(t.cell, c)
		}
	}
}

func (t *cells) endCell() {
	if len(t.row) < cap(t.row) {
		t.row = t.row[:len(t.row)+1]
		last := &t.row[len(t.row)-1]
		*last = append((*last)[:0], t.cell...)
	} else {
		t.row = append(t.row, bytes.Clone(t.cell))
	}
	t.cell = t.cell[:0]
}

func (t *cells) malformed(reason string) error {
	return &Malformed{Offset: t.bytes, Line: t.line + 1, Column: 1, Broken: 1, Reason: reason}
}
