// Package query filters, sorts and aggregates JSON documents as a search
// request asks. It streams: each document is looked at once, only the fields
// that the request names are read, and nothing is kept but the answer.
package query

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/jsonscan"
	"tidemark/internal/mapping"
)

// Doc is one document on its way through a search.
type Doc struct {
	Index, ID string
	Version   int64
	// Seq orders the documents of a source and tells them apart. Place, unless 0,
	// orders them instead.
	Seq, Place int64
	// Source is valid, compact JSON: an object. It is nil if the search asked for
	// times only, then AtMs is the document's.
	Source []byte
	// AtMs is the document's time if HasAt; a source need not tell it unless it shows
	// documents by time.
	AtMs  int64
	HasAt bool
}

// place is what orders documents that nothing else does.
func (d *Doc) place() int64 {
	if d.Place != 0 {
		return d.Place
	}
	return d.Seq
}

// Kind tells values apart.
type Kind uint8

// The kinds of value.
const (
	Number Kind = iota + 1
	Date
	Text
	Bool
)

// Value is one scalar of a document. A Date's Num is its time in milliseconds
// since 1970. A boolean has Num 0 or 1 and a Text.
type Value struct {
	Kind Kind
	Num  float64
	Text string
}

// fields numbers the field paths that a request names and finds their values.
type fields struct {
	paths []string
	root  node
	// row has the values of the document in hand, by path.
	row [][]Value
	// types are those that the index in hand has for the paths.
	types []fieldType
}

type fieldType struct {
	mapping.Type
	known bool
	// sub: the field is another view of the values of the one above it.
	sub    bool
	format string
}

// node is a place in the tree of paths, with the slots of the paths that end
// there, and those of paths one step longer, which may be its subfields.
type node struct {
	name        string
	slots, subs []int
	children    []*node
}

func newFields() *fields { return &fields{} }

// slot returns the number of a path, which is read from then on. A subfield
// has its parent's values.
func (f *fields) slot(path string) int {
	if i := slices.Index(f.paths, path); i >= 0 {
		return i
	}
	f.paths = append(f.paths, path)
	f.row = append(f.row, nil)
	f.types = append(f.types, fieldType{})
	slot := len(f.paths) - 1
	f.types[slot].sub = strings.HasSuffix(path, keywordSuffix)
	at := f.node(path)
	at.slots = append(at.slots, slot)
	if last := strings.LastIndexByte(path, '.'); last >= 0 {
		at = f.node(path[:last])
		at.subs = append(at.subs, slot)
	}
	return slot
}

// keywordSuffix ends the name of the subfield that texts have unless their mapping
// says otherwise.
const keywordSuffix = ".keyword"

// node is the place of a path, which is made if need be.
func (f *fields) node(path string) *node {
	at := &f.root
	for part := range strings.SplitSeq(path, ".") {
		next := at.child([]byte(part))
		if next == nil {
			next = &node{name: part}
			at.children = append(at.children, next)
		}
		at = next
	}
	return at
}

// begin tells the types of the documents that follow; nil: they have none.
func (f *fields) begin(types *mapping.Fields) {
	for i, path := range f.paths {
		parent, keyword := strings.CutSuffix(path, keywordSuffix)
		f.types[i] = fieldType{sub: keyword}
		if types == nil {
			continue
		}
		t := &f.types[i]
		t.Type, t.known = types.Type(path)
		t.format = types.Format(path)
		t.sub = keyword || types.IsSubfield(path)
		if keyword && !t.known {
			if _, t.known = types.Type(parent); t.known {
				t.Type = mapping.Keyword
			}
		}
	}
}

func (n *node) child(name []byte) *node {
	for _, c := range n.children {
		if c.name == string(name) {
			return c
		}
	}
	return nil
}

// read finds the values of all paths in a document.
func (f *fields) read(doc []byte) {
	for i := range f.row {
		f.row[i] = f.row[i][:0]
	}
	if len(f.paths) > 0 {
		f.object(doc, 0, &f.root)
	}
}

// object reads the members of the object that begins at doc[i] and returns the
// place behind it. The JSON is known to be valid and compact.
func (f *fields) object(doc []byte, i int, at *node) int {
	i++
	for i < len(doc) && doc[i] != '}' {
		if doc[i] == ',' {
			i++
		}
		end := jsonscan.SkipText(doc, i)
		i = f.value(doc, end+1, at.find(jsonscan.Name(doc[i:end])))
	}
	return i + 1
}

// find is the node that a member's name leads to; a name may hold dots.
func (n *node) find(name []byte) *node {
	if c := n.child(name); c != nil {
		return c
	}
	for {
		head, tail, dotted := bytes.Cut(name, []byte("."))
		if n = n.child(head); n == nil || !dotted {
			return n
		}
		name = tail
	}
}

// value reads the value at doc[i] for a node, nil for one that nobody asks for.
func (f *fields) value(doc []byte, i int, at *node) int {
	if at == nil {
		return jsonscan.SkipValue(doc, i)
	}
	switch doc[i] {
	case '{':
		return f.object(doc, i, at)
	case '[':
		i++
		for i < len(doc) && doc[i] != ']' {
			if doc[i] == ',' {
				i++
			}
			i = f.value(doc, i, at)
		}
		return i + 1
	}
	end := jsonscan.SkipValue(doc, i)
	for _, slot := range at.slots {
		f.take(slot, doc[i:end])
	}
	for _, slot := range at.subs {
		if f.types[slot].sub {
			f.take(slot, doc[i:end])
		}
	}
	return end
}

// take adds a value to a slot.
func (f *fields) take(slot int, raw []byte) {
	if v, ok := f.types[slot].scalar(raw); ok {
		f.row[slot] = append(f.row[slot], v)
	}
}

// scalar decodes a value as its field's type; null is no value, and so is what
// does not fit the type.
func (t *fieldType) scalar(raw []byte) (Value, bool) {
	v, ok := scalar(raw)
	if !ok {
		return v, false
	}
	switch t.Type {
	case mapping.Date:
		switch v.Kind {
		case Number:
			if strings.HasPrefix(t.format, "epoch_second") {
				v.Num *= 1000
			}
			return Value{Kind: Date, Num: v.Num}, true
		case Text:
			ms, ok := mapping.ParseDateAs(v.Text, t.format)
			return Value{Kind: Date, Num: float64(ms)}, ok
		}
		return v, false
	case mapping.Integer, mapping.Float:
		if v.Kind == Text {
			n, ok := parseNumber(v.Text)
			return Value{Kind: Number, Num: n}, ok
		}
		return v, v.Kind == Number
	case mapping.Text, mapping.Keyword:
		if v.Kind == Number {
			return Value{Kind: Text, Text: string(raw)}, true
		}
		return Value{Kind: Text, Text: v.Text}, true
	case mapping.Bool:
		if v.Kind == Text {
			v = boolValue(v.Text == "true")
		}
		return v, v.Kind == Bool
	}
	return v, true
}

func boolValue(b bool) Value {
	if b {
		return Value{Kind: Bool, Num: 1, Text: "true"}
	}
	return Value{Kind: Bool, Text: "false"}
}

// scalar decodes a text, number or boolean; null is no value.
func scalar(raw []byte) (Value, bool) {
	switch raw[0] {
	case '"':
		if bytes.IndexByte(raw, '\\') < 0 {
			return Value{Kind: Text, Text: string(raw[1 : len(raw)-1])}, true
		}
		plain, err := jsontext.AppendUnquote(nil, raw)
		return Value{Kind: Text, Text: string(plain)}, err == nil
	case 't':
		return boolValue(true), true
	case 'f':
		return boolValue(false), true
	case 'n':
		return Value{}, false
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	return Value{Kind: Number, Num: n}, err == nil
}

// Values are the values of a path in a document, for readers of single fields.
func Values(doc []byte, path string) []Value {
	f := newFields()
	slot := f.slot(path)
	f.read(doc)
	return f.row[slot]
}

// Millis is the time that a document's field holds.
func Millis(doc []byte, path string) (int64, bool) {
	for _, v := range Values(doc, path) {
		if ms, ok := v.millis(); ok {
			return int64(ms), true
		}
	}
	return 0, false
}

// mostExact bounds the whole numbers that a Value holds exactly.
const mostExact = 1 << 53

// DateOf is the time of a document whose field holds exactly one, and a whole number
// of milliseconds.
func DateOf(doc []byte, path string, types *mapping.Fields) (int64, bool) {
	f := newFields()
	slot := f.slot(path)
	f.begin(types)
	f.read(doc)
	if len(f.row[slot]) != 1 {
		return 0, false
	}
	ms, ok := f.row[slot][0].millis()
	if !ok || ms != math.Trunc(ms) || math.Abs(ms) >= mostExact {
		return 0, false
	}
	return int64(ms), true
}
