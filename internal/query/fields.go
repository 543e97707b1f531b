// Package query filters, sorts and aggregates JSON documents as a search
// request asks. It streams: each document is looked at once, only the fields
// that the request names are read, and nothing is kept but the answer.
package query

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Doc is one document on its way through a search.
type Doc struct {
	Index, ID string
	Version   int64
	// Source is valid, compact JSON: an object.
	Source []byte
}

// Kind tells values apart.
type Kind uint8

// The kinds of value.
const (
	Number Kind = iota + 1
	Text
	Bool
)

// Value is one scalar of a document. A boolean has Num 0 or 1 and a Text.
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
}

// node is a place in the tree of paths; slot is -1 where no path ends.
type node struct {
	name     string
	slot     int
	children []*node
}

func newFields() *fields { return &fields{root: node{slot: -1}} }

// slot returns the number of a path, which is read from then on. A keyword
// subfield shares its parent's values.
func (f *fields) slot(path string) int {
	path = strings.TrimSuffix(path, ".keyword")
	if i := slices.Index(f.paths, path); i >= 0 {
		return i
	}
	f.paths = append(f.paths, path)
	f.row = append(f.row, nil)
	at := &f.root
	for part := range strings.SplitSeq(path, ".") {
		next := at.child([]byte(part))
		if next == nil {
			next = &node{name: part, slot: -1}
			at.children = append(at.children, next)
		}
		at = next
	}
	at.slot = len(f.paths) - 1
	return at.slot
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
		end := skipText(doc, i)
		name := doc[i+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			if plain, err := jsontext.AppendUnquote(nil, doc[i:end]); err == nil {
				name = plain
			}
		}
		i = f.value(doc, end+1, at.find(name))
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
		return skipValue(doc, i)
	}
	switch c := doc[i]; c {
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
	end := skipValue(doc, i)
	if at.slot >= 0 {
		if v, ok := scalar(doc[i:end]); ok {
			f.row[at.slot] = append(f.row[at.slot], v)
		}
	}
	return end
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
		return Value{Kind: Bool, Num: 1, Text: "true"}, true
	case 'f':
		return Value{Kind: Bool, Text: "false"}, true
	case 'n':
		return Value{}, false
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	return Value{Kind: Number, Num: n}, err == nil
}

// skipText returns the place behind the text that begins at doc[i].
func skipText(doc []byte, i int) int {
	for i++; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return i
}

func skipValue(doc []byte, i int) int {
	switch doc[i] {
	case '"':
		return skipText(doc, i)
	case '{', '[':
		depth := 0
		for i < len(doc) {
			switch doc[i] {
			case '"':
				i = skipText(doc, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return i
	}
	for i < len(doc) && doc[i] != ',' && doc[i] != '}' && doc[i] != ']' {
		i++
	}
	return i
}
