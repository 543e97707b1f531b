package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/jsonscan"
	"tidemark/wire"
)

// Learn checks a document against the types and returns those it adds to; the
// same ones if it adds none. The document is compact, valid JSON. The error is a
// *wire.Refusal.
func (f *Fields) Learn(doc []byte) (*Fields, error) {
	l := learner{fields: f}
	if err := l.object(&f.root, doc, "", 0); err != nil {
		return f, err
	}
	if !l.news {
		return f, nil
	}
	// Once more, now writing.
	out := f.clone()
	l = learner{fields: out, write: true}
	err := l.object(&out.root, doc, "", 0)
	return out, err
}

type learner struct {
	fields      *Fields
	write, news bool
}

func (l *learner) object(at *field, doc []byte, above string, depth int) error {
	if depth > maxDepth {
		return wire.Refuse(wire.TypeIllegalArgument, "the document is deeper than %d objects", maxDepth)
	}
	for name, value := range jsonscan.Members(doc) {
		if err := l.member(at, name, value, above, depth); err != nil {
			return err
		}
	}
	return nil
}

// member learns one member; dots in its name lead into objects.
func (l *learner) member(at *field, name string, value []byte, above string, depth int) error {
	if string(at.params["enabled"]) == "false" || at.kind == "flattened" {
		return nil
	}
	if head, tail, dotted := strings.Cut(name, "."); dotted && head != "" && tail != "" {
		if at.props[head] == nil {
			if !l.add(at, head, &field{typ: Object}) {
				return l.unknown(above + head)
			}
			if !l.write {
				return nil
			}
		}
		return l.member(at.props[head], tail, value, above+head+".", depth+1)
	}
	have := at.props[name]
	if have == nil {
		made := inferred(value)
		if made == nil {
			return nil // Null and the empty list teach nothing.
		}
		if !l.add(at, name, made) {
			return l.unknown(above + name)
		}
		if !l.write {
			return nil
		}
		if l.fields.count++; l.fields.count > maxFields {
			return tooMany()
		}
		have = made
	}
	return l.fits(have, value, above+name, depth)
}

// add makes a field, unless none may be added.
func (l *learner) add(at *field, name string, made *field) bool {
	dynamic := l.fields.dynamic
	if own := at.params["dynamic"]; own != nil {
		dynamic = strings.Trim(string(own), `"`)
	}
	if dynamic != "" && dynamic != "true" {
		return false
	}
	l.news = true
	if l.write {
		if at.props == nil {
			at.props = map[string]*field{}
		}
		at.props[name] = made
	}
	return true
}

// unknown is what becomes of a field that may not be added.
func (l *learner) unknown(path string) error {
	if l.fields.dynamic == "strict" {
		return wire.Refuse(wire.TypeStrictMapping, "mapping set to strict, dynamic introduction of [%s] is not allowed", wire.Clip(path))
	}
	return nil
}

// inferred is the type that a value shows, nil if it shows none.
func inferred(value []byte) *field {
	switch value[0] {
	case '{':
		return &field{typ: Object}
	case '[':
		for element := range jsonscan.Elements(value) {
			if made := inferred(element); made != nil {
				return made
			}
		}
		return nil
	case 'n':
		return nil
	case 't', 'f':
		return &field{typ: Bool, kind: "boolean"}
	case '"':
		if looksLikeDate(jsonscan.Text(value)) {
			return &field{typ: Date, kind: "date"}
		}
		sub := &field{typ: Keyword, kind: "keyword", params: map[string]jsontext.Value{"ignore_above": jsontext.Value("256")}}
		return &field{typ: Text, kind: "text", subs: map[string]*field{"keyword": sub}}
	}
	if strings.ContainsAny(string(value), ".eE") {
		return &field{typ: Float, kind: "float"}
	}
	return &field{typ: Integer, kind: "long"}
}

// looksLikeDate holds for whole dates only: a lone year is rather a number.
func looksLikeDate(s string) bool {
	if len(s) < len("2006-01-02") || s[0] < '0' || s[0] > '9' || s[4] != '-' && s[4] != '/' {
		return false
	}
	_, ok := ParseDate(s)
	return ok
}

// fits checks a value against a field's type.
func (l *learner) fits(have *field, value []byte, path string, depth int) error {
	switch value[0] {
	case 'n':
		return nil
	case '[':
		for element := range jsonscan.Elements(value) {
			if err := l.fits(have, element, path, depth+1); err != nil {
				return err
			}
		}
		return nil
	case '{':
		if have.typ == Object {
			return l.object(have, value, path+".", depth+1)
		}
		if have.typ == Unknown || have.lenient {
			return nil
		}
		return mismatch(have, path, value)
	}
	ok := true
	switch have.typ {
	case Object:
		if string(have.params["enabled"]) != "false" && have.kind != "flattened" {
			return wire.Refuse(wire.TypeDocumentParsing, "object mapping for [%s] tried to parse field [%s] as object, but found a concrete value", wire.Clip(path), wire.Clip(path))
		}
	case Integer, Float:
		ok = value[0] != 't' && value[0] != 'f'
		if value[0] == '"' {
			_, err := strconv.ParseFloat(jsonscan.Text(value), 64)
			ok = err == nil
		}
	case Bool:
		text := string(value)
		ok = text == "true" || text == "false" || text == `"true"` || text == `"false"` || text == `""`
	case Date:
		if ok = value[0] != 't' && value[0] != 'f'; value[0] == '"' {
			_, ok = ParseDateAs(jsonscan.Text(value), have.format)
		}
	}
	if !ok && !have.lenient {
		return mismatch(have, path, value)
	}
	return nil
}

func mismatch(have *field, path string, value []byte) error {
	return &wire.Refusal{Status: 400, Type: wire.TypeDocumentParsing, Reason: fmt.Sprintf("failed to parse field [%s] of type [%s]", wire.Clip(path), have.kind),
		Cause: wire.Refuse(wire.TypeIllegalArgument, "[%s] is no value of that type; correct it, or declare the field otherwise in a new index", wire.Clip(string(value)))}
}
