// Package strict reads request bodies field by field and refuses what it does
// not know: unknown fields, fields given twice and values of the wrong type,
// each with its line and column.
//
// A body is described by Fields:
//
//	err := strict.Parse(body, "job_details", strict.Fields{
//		"description": strict.Text(&job.Description),
//		"page": strict.Object("page", strict.Fields{
//			"from": strict.Int(&from),
//		}),
//	})
package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// Fields says how each known field of an object is read.
type Fields map[string]Read

// Read reads one value. An error that is no *wire.Refusal counts as an illegal
// argument.
type Read func(r *Reader) error

// Reader stands before a value of the body.
type Reader struct {
	dec  *jsontext.Decoder
	body []byte
}

// Parse reads a body that must be one object. The name stands in messages. The
// error is a *wire.Refusal.
func Parse(body []byte, name string, fields Fields) error {
	r := &Reader{dec: jsontext.NewDecoder(bytes.NewBuffer(body)), body: body}
	err := Object(name, fields)(r)
	if err == nil {
		if _, more := r.dec.ReadToken(); !errors.Is(more, io.EOF) {
			err = r.complain(r.next(), name, "unexpected text after the object; send one object")
		}
	}
	if err == nil {
		return nil
	}
	return r.explain(err, name)
}

// Offset is where the next value begins, in bytes from the body's start.
func (r *Reader) Offset() int { return r.next() }

// Kind is the next value's kind; 0 at the end or at a syntax error.
func (r *Reader) Kind() jsontext.Kind { return r.dec.PeekKind() }

// next is the offset of the next token, behind white space and separators.
func (r *Reader) next() int {
	at := int(r.dec.InputOffset())
	for at < len(r.body) && strings.IndexByte(" \t\r\n,:", r.body[at]) >= 0 {
		at++
	}
	return at
}

// Object reads an object with the given fields and nothing else.
func Object(name string, fields Fields) Read {
	return func(r *Reader) error {
		if kind := r.Kind(); kind != '{' {
			return r.wrongKind(name, "", "an object", kind)
		}
		if _, err := r.dec.ReadToken(); err != nil {
			return r.syntax(err)
		}
		for r.Kind() == '"' {
			at := r.next()
			token, err := r.dec.ReadToken()
			if err != nil {
				return r.syntax(err)
			}
			field := token.String()
			read, known := fields[field]
			if !known {
				return r.complain(at, name, "unknown field [%s]%s", wire.Clip(field), suggest(field, fields))
			}
			at = r.next()
			if err := read(r); err != nil {
				return within(err, at, name, field)
			}
		}
		if _, err := r.dec.ReadToken(); err != nil {
			return r.syntax(err)
		}
		return nil
	}
}

// Map reads an object whose members have any names; each is called with a
// member's name before its value is read.
func Map(each func(r *Reader, name string) error) Read {
	return func(r *Reader) error {
		if kind := r.Kind(); kind != '{' {
			return r.wrongKind("", "", "an object", kind)
		}
		if _, err := r.dec.ReadToken(); err != nil {
			return r.syntax(err)
		}
		for r.Kind() == '"' {
			token, err := r.dec.ReadToken()
			if err != nil {
				return r.syntax(err)
			}
			name, at := token.String(), r.next()
			if err := each(r, name); err != nil {
				return within(err, at, "", name)
			}
		}
		if _, err := r.dec.ReadToken(); err != nil {
			return r.syntax(err)
		}
		return nil
	}
}

// List reads an array of at most limit elements; each is called with the
// element's number before the element is read.
func List(limit int, each func(r *Reader, i int) error) Read {
	return func(r *Reader) error {
		if kind := r.Kind(); kind != '[' {
			return r.wrongKind("", "", "an array", kind)
		}
		if _, err := r.dec.ReadToken(); err != nil {
			return r.syntax(err)
		}
		for i := 0; r.Kind() != ']'; i++ {
			if r.Kind() == 0 {
				break // the token read below tells what is wrong
			}
			at := r.next()
			if i == limit {
				return &located{at: at, refusal: wire.Refuse(wire.TypeIllegalArgument, "more than %d elements; give fewer", limit)}
			}
			if err := each(r, i); err != nil {
				return within(err, at, "", "["+strconv.Itoa(i)+"]")
			}
		}
		if _, err := r.dec.ReadToken(); err != nil {
			return r.syntax(err)
		}
		return nil
	}
}

// Text reads a string.
func Text(to *string) Read {
	return func(r *Reader) error {
		kind := r.Kind()
		if kind != '"' {
			return r.wrongKind("", "", "a string", kind)
		}
		token, err := r.dec.ReadToken()
		if err != nil {
			return r.syntax(err)
		}
		*to = token.String()
		return nil
	}
}

// TextOrNull reads a string; null leaves it empty.
func TextOrNull(to *string) Read {
	return func(r *Reader) error {
		if r.Kind() == 'n' {
			_, err := r.dec.ReadToken()
			return err
		}
		return Text(to)(r)
	}
}

// TextOrNumber reads a string, or a number as it is written.
func TextOrNumber(to *string) Read {
	return func(r *Reader) error {
		if r.Kind() != '0' {
			if r.Kind() != '"' {
				return r.wrongKind("", "", "a string or a number", r.Kind())
			}
			return Text(to)(r)
		}
		value, err := r.dec.ReadValue()
		if err != nil {
			return r.syntax(err)
		}
		*to = string(value)
		return nil
	}
}

// Texts reads an array of at most limit strings.
func Texts(to *[]string, limit int) Read {
	return func(r *Reader) error {
		list := []string{}
		err := List(limit, func(r *Reader, _ int) error {
			var one string
			err := Text(&one)(r)
			list = append(list, one)
			return err
		})(r)
		*to = list
		return err
	}
}

// Bool reads true, false, or one of them as a string.
func Bool(to *bool) Read {
	return func(r *Reader) error {
		kind := r.Kind()
		switch kind {
		case 't', 'f':
			*to = kind == 't'
			_, err := r.dec.ReadToken()
			return r.syntax(err)
		case '"':
			var text string
			if err := Text(&text)(r); err != nil {
				return err
			}
			if text != "true" && text != "false" {
				return wire.Refuse(wire.TypeIllegalArgument, "Failed to parse value [%s] as only [true] or [false] are allowed.", wire.Clip(text))
			}
			*to = text == "true"
			return nil
		}
		return r.wrongKind("", "", "a boolean", kind)
	}
}

// OptionalBool is Bool for a field whose absence matters.
func OptionalBool(to **bool) Read {
	return func(r *Reader) error {
		var v bool
		err := Bool(&v)(r)
		*to = &v
		return err
	}
}

// Int reads a whole number, which may be written as a string.
func Int(to *int64) Read {
	return func(r *Reader) error {
		var text string
		kind := r.Kind()
		if kind != '"' && kind != '0' {
			return r.wrongKind("", "", "a whole number", kind)
		}
		if err := TextOrNumber(&text)(r); err != nil {
			return err
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return wire.Refuse(wire.TypeIllegalArgument, "[%s] is not a whole number within 64 bits", wire.Clip(text))
		}
		*to = n
		return nil
	}
}

// OptionalInt is Int for a field whose absence matters.
func OptionalInt(to **int64) Read {
	return func(r *Reader) error {
		var v int64
		err := Int(&v)(r)
		*to = &v
		return err
	}
}

// OptionalFloat reads a finite number, which may be written as a string.
func OptionalFloat(to **float64) Read {
	return func(r *Reader) error {
		var text string
		kind := r.Kind()
		if kind != '"' && kind != '0' {
			return r.wrongKind("", "", "a number", kind)
		}
		if err := TextOrNumber(&text)(r); err != nil {
			return err
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v-v != 0 {
			return wire.Refuse(wire.TypeIllegalArgument, "[%s] is not a finite number", wire.Clip(text))
		}
		*to = &v
		return nil
	}
}

// RawObject keeps an object of at most limit bytes as it is written, without
// white space.
func RawObject(to *jsontext.Value, limit int) Read {
	return func(r *Reader) error {
		if kind := r.Kind(); kind != '{' {
			return r.wrongKind("", "", "an object", kind)
		}
		value, err := r.dec.ReadValue()
		if err != nil {
			return r.syntax(err)
		}
		if len(value) > limit {
			return wire.Refuse(wire.TypeIllegalArgument, "%d bytes; at most %d are kept", len(value), limit)
		}
		v := value.Clone()
		if err := v.Compact(); err != nil {
			return err
		}
		*to = v
		return nil
	}
}

// Skip reads over any value.
func Skip(r *Reader) error { return r.syntax(r.dec.SkipValue()) }

// Refuse reads nothing and refuses the field.
func Refuse(refusal *wire.Refusal) Read {
	return func(*Reader) error { return refusal }
}

// located is a refusal on its way up, with its place and the path to it.
type located struct {
	at      int
	path    []string // from the inside out
	parser  string   // of the innermost object
	refusal *wire.Refusal
	// parse is true if the text itself is wrong, not what it says.
	parse bool
}

func (l *located) Error() string { return l.refusal.Reason }

// within adds the field that an error happened in.
func within(err error, at int, name, field string) error {
	l, ok := err.(*located)
	if !ok {
		var refusal *wire.Refusal
		if !errors.As(err, &refusal) {
			refusal = wire.Refuse(wire.TypeIllegalArgument, "%s", err.Error())
		}
		l = &located{at: at, refusal: refusal}
	}
	l.path = append(l.path, field)
	if l.parser == "" {
		l.parser = name
	}
	return l
}

// complain is about the text at an offset.
func (r *Reader) complain(at int, name, format string, args ...any) error {
	return &located{at: at, parser: name, parse: true, refusal: wire.Refuse(wire.TypeXContentParse, format, args...)}
}

var kindNames = map[jsontext.Kind]string{
	'n': "VALUE_NULL", 'f': "VALUE_BOOLEAN", 't': "VALUE_BOOLEAN", '"': "VALUE_STRING",
	'0': "VALUE_NUMBER", '{': "START_OBJECT", '[': "START_ARRAY",
}

func (r *Reader) wrongKind(name, field, want string, have jsontext.Kind) error {
	at := r.next()
	what, known := kindNames[have]
	if !known {
		_, err := r.dec.ReadToken()
		if err == nil {
			err = errors.New("value expected")
		}
		return r.syntax(err)
	}
	return r.complain(at, name, "%sdoesn't support values of type: %s; give %s", field, what, want)
}

// syntax turns the decoder's error into a refusal with its place; nil stays nil.
func (r *Reader) syntax(err error) error {
	if err == nil {
		return nil
	}
	at, why := r.next(), err.Error()
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at, why = len(r.body), "the text ends too early"
	case errors.As(err, &syntactic):
		at, why = int(syntactic.ByteOffset), syntactic.Err.Error()
		if errors.Is(err, jsontext.ErrDuplicateName) {
			why = fmt.Sprintf("Duplicate field '%s'; give it once", wire.Clip(syntactic.JSONPointer.LastToken()))
		}
	}
	return r.complain(at, "", "%s", why)
}

// explain makes the refusal that leaves the package.
func (r *Reader) explain(err error, name string) *wire.Refusal {
	l, ok := err.(*located)
	if !ok {
		l = &located{at: len(r.body), parse: true, refusal: wire.Refuse(wire.TypeXContentParse, "%s", err.Error())}
	}
	line, col := r.place(l.at)
	slices.Reverse(l.path)
	path := strings.ReplaceAll(strings.Join(l.path, "."), ".[", "[")
	if l.parser == "" {
		l.parser = name
	}
	if l.parse {
		reason := l.refusal.Reason
		if path != "" {
			reason = fmt.Sprintf("failed to parse field [%s]: %s", path, reason)
		}
		return &wire.Refusal{Status: 400, Type: wire.TypeXContentParse, Line: line, Col: col,
			Reason: fmt.Sprintf("[%d:%d] [%s] %s", line, col, l.parser, reason)}
	}
	return &wire.Refusal{Status: l.refusal.Status, Type: wire.TypeXContentParse, Line: line, Col: col, Cause: l.refusal,
		Reason: fmt.Sprintf("[%d:%d] [%s] failed to parse field [%s]: %s", line, col, name, path, l.refusal.Reason)}
}

// place turns an offset into line and column, both from 1, the column in
// characters.
func (r *Reader) place(at int) (line, col int) {
	before := r.body[:min(max(at, 0), len(r.body))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte{'\n'}), 1 + len([]rune(string(before[start:])))
}
