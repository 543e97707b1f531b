// Package jsonscan walks compact, valid JSON without decoding it: what it skips
// costs a look at each byte.
package jsonscan

import (
	"bytes"
	"iter"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// SkipText returns the place behind the text that begins at doc[i].
func SkipText(doc []byte, i int) int {
	for i++; i < len(doc); i++ {
		n := bytes.IndexByte(doc[i:], '"')
		if n < 0 {
			return len(doc)
		}
		i += n
		// A quote is a letter if an odd number of backslashes stands before it.
		slashes := 0
		for doc[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
	return i
}

// SkipValue returns the place behind the value that begins at doc[i].
func SkipValue(doc []byte, i int) int {
	switch doc[i] {
	case '"':
		return SkipText(doc, i)
	case '{', '[':
		depth := 0
		for i < len(doc) {
			switch doc[i] {
			case '"':
				i = SkipText(doc, i)
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

// Name decodes the bytes of a text with its quotes; the result may share them.
func Name(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	plain, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return quoted[1 : len(quoted)-1]
	}
	return plain
}

// Text decodes a text.
func Text(quoted []byte) string { return string(Name(quoted)) }

// Members iterates over an object's names and values.
func Members(doc []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for i := 1; i < len(doc) && doc[i] != '}'; {
			if doc[i] == ',' {
				i++
			}
			at := SkipText(doc, i)
			end := SkipValue(doc, at+1)
			if !yield(Text(doc[i:at]), doc[at+1:end]) {
				return
			}
			i = end
		}
	}
}

// Elements iterates over a list's values.
func Elements(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := 1; i < len(list) && list[i] != ']'; {
			if list[i] == ',' {
				i++
			}
			end := SkipValue(list, i)
			if !yield(list[i:end]) {
				return
			}
			i = end
		}
	}
}

// Merge is the object into with the members of change: objects within both are
// merged, everything else is replaced. Members keep their places.
func Merge(into, change []byte) []byte {
	out := []byte{'{'}
	add := func(name string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, name) // The name was valid JSON.
		out = append(append(out, ':'), value...)
	}
	news := map[string][]byte{}
	for name, value := range Members(change) {
		news[name] = value
	}
	seen := map[string]bool{}
	for name, value := range Members(into) {
		seen[name] = true
		if v, changed := news[name]; changed {
			if v[0] == '{' && value[0] == '{' {
				v = Merge(value, v)
			}
			value = v
		}
		add(name, value)
	}
	for name, value := range Members(change) {
		if !seen[name] {
			add(name, value)
		}
	}
	return append(out, '}')
}

// Object writes members, by name.
func Object(members map[string][]byte) []byte {
	out := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, name) // Names are valid text.
		out = append(append(out, ':'), members[name]...)
	}
	return append(out, '}')
}
