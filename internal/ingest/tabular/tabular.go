// Package tabular reads the files that people have (CSV, JSON and logs, plain or
// packed) as JSON records, one line each.
package tabular

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Reader yields the records of one file.
type Reader struct {
	name   string
	format string
	notes  []string
	next   func() ([]byte, error)
}

// Notes are sentences about what was made of the file's lines, if that needs saying.
func (r *Reader) Notes() []string { return r.notes }

// sniffBytes is how much of a file is looked at to tell what it is.
const sniffBytes = 64 << 10

// Open tells what a file is by its beginning. The name stands in errors.
func Open(r io.Reader, name string) (*Reader, error) {
	b, err := Unpack(r, name)
	if err != nil {
		return nil, err
	}
	begin, err := beginning(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	begin = bytes.TrimLeft(begin, " \t\r\n")
	out := &Reader{name: name}
	if len(begin) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	if begin[0] != '{' {
		if log := logOf(begin); log != nil {
			out.format, out.notes, out.next = "log", log.Notes, logRecords(b, name, log)
			return out, nil
		}
	}
	if begin[0] == '{' || begin[0] == '[' {
		out.format = "JSON"
		out.next, out.notes = cutTimes(jsonRecords(b, name))
		return out, nil
	}
	shape, next, err := csvRecords(b, name)
	if err != nil {
		return nil, err
	}
	out.format, out.notes, out.next = "CSV", shape.Notes, next
	return out, nil
}

// sniffLines is how many lines tell what a file is: more of a stream that pauses are
// not waited for.
const sniffLines = 20

// beginning is what a file begins with: as much as is looked at, or as is there of a
// stream once it has some lines.
func beginning(b *bufio.Reader) ([]byte, error) {
	for n := 1; ; n = b.Buffered() + 1 {
		begin, err := b.Peek(min(n, sniffBytes))
		if err == nil && len(begin) < sniffBytes {
			begin, err = b.Peek(b.Buffered())
		}
		if err != nil && !errors.Is(err, io.EOF) || len(begin) == sniffBytes {
			return begin, err
		}
		if err != nil || bytes.Count(begin, []byte{'\n'}) >= sniffLines {
			return begin, nil
		}
	}
}

// Format is CSV, JSON or log.
func (r *Reader) Format() string { return r.format }

// Next returns the next record as one line of JSON without the line end, valid
// until the next call; io.EOF at the end.
func (r *Reader) Next() ([]byte, error) { return r.next() }

// csvRecords reads a line of names, if there is one, and rows. Cells that are JSON
// numbers stay numbers; empty ones are left out.
func csvRecords(b *bufio.Reader, name string) (*Shape, func() ([]byte, error), error) {
	t, err := OpenTable(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	first, err := t.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: the header line cannot be read: %w", name, err)
	}
	ahead := &lookahead{t: t}
	shape := NewShape(first, ahead.look(ShapeRows), t.Comma)
	shape.Notes = append(t.Notes(), shape.Notes...)
	if shape.Headless {
		ahead.rows, ahead.lines = append([][]string{first}, ahead.rows...), append([]int{1}, ahead.lines...)
	}
	keys := make([][]byte, len(shape.Header))
	for i, h := range shape.Header {
		if h == "" {
			continue
		}
		if keys[i], err = jsontext.AppendQuote(nil, h); err != nil {
			return nil, nil, fmt.Errorf("%s: column %d of the header line: %w", name, i+1, err)
		}
	}
	t.Reuse()
	var line []byte
	var cells []string
	return shape, func() ([]byte, error) {
		row, at, err := ahead.next()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(row) > shape.Width() && strings.Join(row[shape.Width():], "") != "" {
			return nil, fmt.Errorf("%s, line %d: %d cells, but the header line has %d; quote cells that contain %q", name, at, len(row), shape.Width(), t.Comma)
		}
		cells = shape.Row(cells[:0], row)
		line = append(line[:0], '{')
		for i, cell := range cells {
			if cell == "" || keys[i] == nil {
				continue
			}
			if len(line) > 1 {
				line = append(line, ',')
			}
			line = append(append(line, keys[i]...), ':')
			line = appendText(line, cell)
		}
		return append(line, '}'), nil
	}, nil
}

// lookahead gives the rows that were looked at and then those behind them.
type lookahead struct {
	t     *Table
	rows  [][]string
	lines []int
	err   error // what ended the look
}

// look reads the first n rows, to be given again.
func (l *lookahead) look(n int) [][]string {
	for len(l.rows) < n && l.err == nil {
		var row []string
		if row, l.err = l.t.Read(); l.err == nil {
			l.rows, l.lines = append(l.rows, row), append(l.lines, l.t.Line())
		}
	}
	return l.rows
}

// next is the next row with its line in the file.
func (l *lookahead) next() (row []string, line int, err error) {
	if len(l.rows) > 0 {
		row, line = l.rows[0], l.lines[0]
		l.rows, l.lines = l.rows[1:], l.lines[1:]
		return row, line, nil
	}
	if err, l.err = l.err, nil; err != nil {
		return nil, 0, err
	}
	if row, err = l.t.Read(); err == nil {
		line = l.t.Line()
	}
	return row, line, err
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

// cutTimes cuts times in micro- and nanoseconds to milliseconds, which is what a job
// can read, where the first records have such under a name that says so.
func cutTimes(next func() ([]byte, error)) (func() ([]byte, error), []string) {
	var ahead [][]byte
	var end error
	for len(ahead) < ShapeRows && end == nil {
		var line []byte
		if line, end = next(); end == nil {
			ahead = append(ahead, bytes.Clone(line))
		}
	}
	field, digits := fineTime(ahead)
	var notes []string
	if digits > 0 {
		notes = []string{finer(field)}
	}
	key := append(appendText(nil, field), ':')
	var out []byte
	return func() ([]byte, error) {
		var line []byte
		switch {
		case len(ahead) > 0:
			line, ahead = ahead[0], ahead[1:]
		case end != nil:
			err := end
			end = io.EOF
			return nil, err
		default:
			var err error
			if line, err = next(); err != nil {
				return nil, err
			}
		}
		if digits == 0 {
			return line, nil
		}
		out = cutNumber(out[:0], line, key, digits)
		return out, nil
	}, notes
}

// fineTime is the field that holds times finer than milliseconds, and by how many
// digits.
func fineTime(lines [][]byte) (field string, digits int) {
	values := map[string][]string{}
	var names []string
	for _, line := range lines {
		for _, f := range Fields(line) {
			if values[f.Name] == nil {
				names = append(names, f.Name)
			}
			values[f.Name] = append(values[f.Name], f.Text)
		}
	}
	for _, name := range names {
		low := strings.ToLower(name)
		if !strings.Contains(low, "time") && !strings.Contains(low, "date") && low != "ts" && low != "t" {
			continue
		}
		if digits := fractionDigits(values[name]); digits > 0 {
			return name[strings.LastIndexByte(name, '.')+1:], digits
		}
	}
	return "", 0
}

// cutNumber appends a line to dst without the last digits of the number behind a key.
func cutNumber(dst, line, key []byte, digits int) []byte {
	at := bytes.Index(line, key)
	if at < 0 {
		return append(dst, line...)
	}
	from := at + len(key)
	if from < len(line) && line[from] == '"' {
		from++
	}
	end := from
	for end < len(line) && line[end] >= '0' && line[end] <= '9' {
		end++
	}
	dst = append(dst, line[:max(from, end-digits)]...)
	return append(dst, line[end:]...)
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
