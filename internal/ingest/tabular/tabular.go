// Package tabular reads the files that people have (CSV and JSON, plain or
// gzip) as JSON records, one line each.
package tabular

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
)

// Reader yields the records of one file.
type Reader struct {
	name   string
	format string
	next   func() ([]byte, error)
}

// sniffBytes is how much of a file is looked at to tell what it is.
const sniffBytes = 64 << 10

// Open tells what a file is by its beginning. The name stands in errors.
func Open(r io.Reader, name string) (*Reader, error) {
	b := bufio.NewReaderSize(r, sniffBytes)
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("%s begins like gzip and is not: %w", name, err)
		}
		b = bufio.NewReaderSize(z, sniffBytes)
	}
	if bom, _ := b.Peek(3); bytes.Equal(bom, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3) // They were just peeked at.
	}
	begin, err := b.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	begin = bytes.TrimLeft(begin, " \t\r\n")
	out := &Reader{name: name}
	switch {
	case len(begin) == 0:
		return nil, fmt.Errorf("%s is empty", name)
	case begin[0] == '{' || begin[0] == '[':
		out.format = "JSON"
		out.next = jsonRecords(b, name)
		return out, nil
	}
	out.format = "CSV"
	out.next, err = csvRecords(b, name, Delimiter(begin))
	return out, err
}

// Format is CSV or JSON.
func (r *Reader) Format() string { return r.format }

// Next returns the next record as one line of JSON without the line end, valid
// until the next call; io.EOF at the end.
func (r *Reader) Next() ([]byte, error) { return r.next() }

// delimiters are what separates cells, in the order in which ties are decided.
const delimiters = ",;\t|"

// Delimiter is what separates the cells of a table that begins so: the candidate
// that its first line has most of, outside quotes.
func Delimiter(begin []byte) rune {
	line, _, _ := bytes.Cut(begin, []byte{'\n'})
	counts := map[byte]int{}
	quoted := false
	for _, c := range line {
		if c == '"' {
			quoted = !quoted
		} else if !quoted {
			counts[c]++
		}
	}
	best := delimiters[0]
	for i := range len(delimiters) {
		if d := delimiters[i]; counts[d] > counts[best] {
			best = d
		}
	}
	return rune(best)
}

// csvRecords reads a header line and rows. Cells that are JSON numbers stay
// numbers; empty ones are left out.
func csvRecords(b io.Reader, name string, comma rune) (func() ([]byte, error), error) {
	r := csv.NewReader(b)
	r.Comma, r.ReuseRecord, r.FieldsPerRecord = comma, true, -1
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: the header line cannot be read: %w", name, err)
	}
	keys := make([][]byte, len(header))
	seen := map[string]bool{}
	for i, h := range header {
		h = strings.TrimSpace(h)
		if h == "" && i == len(header)-1 {
			continue // A delimiter at the end of the line.
		}
		if h == "" || seen[h] {
			return nil, fmt.Errorf("%s: column %d of the header line is %q, which is empty or there twice; the first line must name the columns", name, i+1, h)
		}
		seen[h] = true
		if keys[i], err = jsontext.AppendQuote(nil, h); err != nil {
			return nil, fmt.Errorf("%s: column %d of the header line: %w", name, i+1, err)
		}
	}
	var line []byte
	return func() ([]byte, error) {
		row, err := r.Read()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(row) > len(keys) {
			at, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s, line %d: %d cells, but the header line has %d; quote cells that contain %q", name, at, len(row), len(keys), comma)
		}
		line = append(line[:0], '{')
		for i, cell := range row {
			if cell = strings.TrimSpace(cell); cell == "" || keys[i] == nil {
				continue
			}
			if len(line) > 1 {
				line = append(line, ',')
			}
			line = append(append(line, keys[i]...), ':')
			if isNumber(cell) {
				line = append(line, cell...)
			} else if line, err = jsontext.AppendQuote(line, strings.ToValidUTF8(cell, "\uFFFD")); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return append(line, '}'), nil
	}, nil
}

func isNumber(cell string) bool {
	if c := cell[0]; c != '-' && (c < '0' || c > '9') {
		return false
	}
	return jsontext.Value(cell).IsValid() && !strings.ContainsAny(cell, " \t\r\n")
}

// jsonRecords reads objects one after the other, with or without an array
// around them.
func jsonRecords(b io.Reader, name string) func() ([]byte, error) {
	dec := jsontext.NewDecoder(b, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	count := 0
	var line jsontext.Value
	var next func() ([]byte, error)
	next = func() ([]byte, error) {
		switch kind := dec.PeekKind(); kind {
		case '[', ']':
			if _, err := dec.ReadToken(); err != nil {
				return nil, fmt.Errorf("%s, after record %d: %w", name, count, err)
			}
			return next()
		}
		v, err := dec.ReadValue()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		count++
		if err != nil {
			return nil, fmt.Errorf("%s, record %d (byte %d): %w", name, count, dec.InputOffset(), err)
		}
		if v.Kind() != '{' {
			return nil, fmt.Errorf("%s, record %d (byte %d) is no object", name, count, dec.InputOffset())
		}
		line = append(line[:0], v...)
		if err := line.Compact(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)); err != nil {
			return nil, fmt.Errorf("%s, record %d: %w", name, count, err)
		}
		return line, nil
	}
	return next
}

// Field is one member of a record.
type Field struct {
	Name  string
	Text  string // without quotes; null is empty
	Quote bool   // it was a text
}

// Fields lists the members of a record, those of nested objects under their
// dotted names. Arrays and what is not valid are left out.
func Fields(line []byte) []Field { return appendFields(nil, "", line) }

func appendFields(list []Field, prefix string, v jsontext.Value) []Field {
	dec := jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return list
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return list
		}
		name := prefix + token.String()
		value, err := dec.ReadValue()
		if err != nil {
			return list
		}
		switch value.Kind() {
		case '{':
			list = appendFields(list, name+".", value.Clone())
		case '[':
		case 'n':
			list = append(list, Field{Name: name})
		case '"':
			text, err := jsontext.AppendUnquote(nil, value)
			if err == nil {
				list = append(list, Field{Name: name, Text: string(text), Quote: true})
			}
		default:
			list = append(list, Field{Name: name, Text: string(value)})
		}
	}
	return list
}

// Text returns the text of one member, ok false without it.
func Text(line []byte, name string) (text string, ok bool) {
	for _, f := range Fields(line) {
		if f.Name == name {
			return f.Text, true
		}
	}
	return "", false
}
