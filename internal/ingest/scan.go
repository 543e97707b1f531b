package ingest

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may nest in a record.
const maxDepth = 64

// scanner checks JSON (RFC 8259, with valid UTF-8 and paired surrogates) within
// a slice. Its methods take the index where something begins and return the
// index behind it, or -1 with the place and reason in at and why. An empty why
// says that the slice ended before it was complete.
//
// Cost: strings eight bytes at a time, everything else byte by byte, once.
type scanner struct {
	at  int
	why string
	// escaped tells whether the last string had a backslash.
	escaped bool
	// leaves counts scalars and arrays that are members of objects.
	leaves int64
}

const (
	whyControl   = "a control character in a string must be escaped"
	whyUTF8      = "invalid UTF-8"
	whyEscape    = "an unknown escape in a string"
	whySurrogate = "an unpaired surrogate in a string"
	whyNumber    = "an invalid number"
	whyLiteral   = "a value is expected"
	whyKey       = `a field name in double quotes is expected`
	whyColon     = `":" is expected behind the field name`
	whyMember    = `"," or "}" is expected behind the value`
	whyElement   = `"," or "]" is expected behind the value`
	whyDepth     = "objects and arrays are nested too deep (more than 64 levels)"
)

func (s *scanner) fail(at int, why string) int {
	s.at, s.why = at, why
	return -1
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// space skips white space.
func space(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// Bytes of a word that need a look: quotes, backslashes, control characters
// and all that are not ASCII. Only the lowest hit is exact, as borrows may
// mark bytes above it.
func special(w uint64) uint64 {
	const low, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := w^(low*'"'), w^(low*'\\')
	return ((w - low*0x20) | (quote - low) | (backslash - low) | w) & high
}

// str checks a string from behind its opening quote to behind its closing one.
func (s *scanner) str(b []byte, i int) int {
	s.escaped = false
	for {
		for i+8 <= len(b) {
			if hit := special(binary.LittleEndian.Uint64(b[i:])); hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return s.fail(i, "")
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			s.escaped = true
			if i = s.escape(b, i); i < 0 {
				return -1
			}
		case c < 0x20:
			return s.fail(i, whyControl)
		case c < utf8.RuneSelf:
			i++
		default:
			if i = s.runes(b, i); i < 0 {
				return -1
			}
		}
	}
}

// runes checks characters beyond ASCII up to the next that is not.
func (s *scanner) runes(b []byte, i int) int {
	for i < len(b) && b[i] >= utf8.RuneSelf {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			if !utf8.FullRune(b[i:]) {
				return s.fail(i, "")
			}
			return s.fail(i, whyUTF8)
		}
		i += n
	}
	return i
}

// escape checks an escape from its backslash on.
func (s *scanner) escape(b []byte, i int) int {
	if i+1 >= len(b) {
		return s.fail(i, "")
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return s.fail(i, whyEscape)
	}
	first, next := s.hex(b, i+2)
	if next < 0 || first < 0xd800 || first > 0xdfff {
		return next
	}
	for n, want := range []byte{'\\', 'u'} {
		if next+n >= len(b) {
			return s.fail(i, "")
		}
		if first >= 0xdc00 || b[next+n] != want {
			return s.fail(i, whySurrogate)
		}
	}
	second, end := s.hex(b, next+2)
	if end >= 0 && (second < 0xdc00 || second > 0xdfff) {
		return s.fail(i, whySurrogate)
	}
	return end
}

// hex reads four hexadecimal digits.
func (s *scanner) hex(b []byte, i int) (v rune, next int) {
	for n := range 4 {
		if i+n >= len(b) {
			return 0, s.fail(i+n, "")
		}
		c := b[i+n]
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return 0, s.fail(i+n, whyEscape)
		}
		v = v<<4 | rune(c)
	}
	return v, i + 4
}

// unescape appends the text of a string that was checked.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			var s scanner
			r, _ := s.hex(raw, i+1)
			i += 4
			if r >= 0xd800 && r <= 0xdfff {
				low, _ := s.hex(raw, i+3)
				r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// number checks a number from its first character on. A number is always
// followed by something, so one that reaches the end is incomplete.
func (s *scanner) number(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	i = digitsEnd(b, i)
	if i == start && i < len(b) || i > start+1 && b[start] == '0' {
		return s.fail(start, whyNumber)
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digitsEnd(b, start); i == start && i < len(b) {
			return s.fail(i, whyNumber)
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = digitsEnd(b, start); i == start && i < len(b) {
			return s.fail(i, whyNumber)
		}
	}
	if i >= len(b) {
		return s.fail(i, "")
	}
	return i
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// literal checks true, false or null.
func (s *scanner) literal(b []byte, i int) int {
	var word string
	switch b[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		return s.fail(i, whyLiteral)
	}
	for n := range len(word) {
		if i+n >= len(b) {
			return s.fail(i+n, "")
		}
		if b[i+n] != word[n] {
			return s.fail(i, whyLiteral)
		}
	}
	return i + len(word)
}

// skip checks a value of any kind. depth is how many objects and arrays are
// open around it.
func (s *scanner) skip(b []byte, i, depth int) int {
	if i >= len(b) {
		return s.fail(i, "")
	}
	switch c := b[i]; {
	case c == '"':
		return s.str(b, i+1)
	case c == '{':
		return s.skipObject(b, i+1, depth+1)
	case c == '[':
		return s.skipArray(b, i+1, depth+1)
	case c == '-' || c-'0' <= 9:
		return s.number(b, i)
	}
	return s.literal(b, i)
}

// skipObject checks an object from behind its opening brace on and counts its
// leaves.
func (s *scanner) skipObject(b []byte, i, depth int) int {
	if depth > maxDepth {
		return s.fail(i-1, whyDepth)
	}
	i = space(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i = s.keyEnd(b, i); i < 0 {
			return -1
		}
		i = space(b, i)
		if i < len(b) && b[i] != '{' {
			s.leaves++
		}
		if i = s.skip(b, i, depth); i < 0 {
			return -1
		}
		i = space(b, i)
		switch {
		case i >= len(b):
			return s.fail(i, "")
		case b[i] == '}':
			return i + 1
		case b[i] != ',':
			return s.fail(i, whyMember)
		}
		i = space(b, i+1)
	}
}

// keyEnd checks a key and the colon behind it.
func (s *scanner) keyEnd(b []byte, i int) int {
	if i >= len(b) {
		return s.fail(i, "")
	}
	if b[i] != '"' {
		return s.fail(i, whyKey)
	}
	if i = s.str(b, i+1); i < 0 {
		return -1
	}
	i = space(b, i)
	if i >= len(b) {
		return s.fail(i, "")
	}
	if b[i] != ':' {
		return s.fail(i, whyColon)
	}
	return i + 1
}

// skipArray checks an array from behind its opening bracket on. What objects
// within it hold are no leaves.
func (s *scanner) skipArray(b []byte, i, depth int) int {
	if depth > maxDepth {
		return s.fail(i-1, whyDepth)
	}
	leaves := s.leaves
	i = space(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = s.skip(b, i, depth); i < 0 {
			return -1
		}
		i = space(b, i)
		switch {
		case i >= len(b):
			return s.fail(i, "")
		case b[i] == ']':
			s.leaves = leaves
			return i + 1
		case b[i] != ',':
			return s.fail(i, whyElement)
		}
		i = space(b, i+1)
	}
}
