package category

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tidemark/engine/names"
)

const (
	// mostTokens and mostRunes bound what is looked at of one message.
	mostTokens = 100
	mostRunes  = 1000
	// Weights of tokens: words say what a message is about. In a row of words
	// each says more: it is a sentence.
	otherWeight    = 1
	wordWeight     = 3
	sentenceWeight = 4
	sentenceWords  = 3
	// longHex is the length from which a token of hexadecimal digits alone is a
	// number, even if it has no decimal digit.
	longHex = 16
)

// token is a constant part of a message.
type token struct {
	text   string
	hash   uint64
	weight float32
}

// tokens are the constant parts of a message: everything that looks like a
// number, an address, a path, a time or a value behind an equals sign is left
// out.
func tokens(dst []token, message []byte) []token {
	line := firstLine(message)
	dst = dst[:0]
	words := 0
	value := false // What comes next is the value of a key.
	for len(line) > 0 && len(dst) < mostTokens {
		r, n := utf8.DecodeRune(line)
		if !inside(r) {
			value = r == '=' || value && r == '"'
			line = line[n:]
			continue
		}
		end := 0
		for end < len(line) {
			r, n := utf8.DecodeRune(line[end:])
			if !inside(r) {
				break
			}
			end += n
		}
		text := strings.Trim(string(line[:end]), ".-/:@")
		line = line[end:]
		isValue := value
		value = false
		if text == "" || isValue || variable(text) {
			words = 0
			continue
		}
		t := token{text: text, hash: names.Hash([]byte(text)), weight: otherWeight}
		if word(text) {
			words++
			t.weight = wordWeight
			if words >= sentenceWords {
				t.weight = sentenceWeight
			}
		} else {
			words = 0
		}
		dst = append(dst, t)
	}
	return dst
}

// firstLine is the first line that has a letter: what follows in a stack trace
// or a dump is detail.
func firstLine(message []byte) []byte {
	rest := message
	for len(rest) > 0 {
		line := rest
		if at := strings.IndexByte(string(rest), '\n'); at >= 0 {
			line, rest = rest[:at], rest[at+1:]
		} else {
			rest = nil
		}
		letters, runes := false, 0
		for i, r := range string(line) {
			letters = letters || unicode.IsLetter(r)
			if runes++; runes > mostRunes {
				line = line[:i]
				break
			}
		}
		if letters {
			return line
		}
	}
	return nil
}

// inside reports whether a rune is part of a token. Colons and at signs are, so
// that times and addresses stay whole.
func inside(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-/:@", r)
}

// word reports whether a text consists of letters alone.
func word(text string) bool {
	for _, r := range text {
		if !unicode.IsLetter(r) {
			return false
		}
	}
	return true
}

// variable reports whether a text looks like what differs from message to
// message.
func variable(text string) bool {
	if strings.ContainsAny(text, "@") || strings.Contains(text, "://") || strings.Count(text, "/") > 1 || strings.Count(text, ":") > 1 {
		return true
	}
	hex := len(text) >= longHex
	for _, r := range text {
		if unicode.IsDigit(r) {
			return true
		}
		hex = hex && (r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F')
	}
	return hex || dateWords[strings.ToLower(text)]
}

// dateWords are the names of days and months, and what stands beside times.
var dateWords = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields("monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun " +
		"january february march april may june july august september october november december " +
		"jan feb mar apr jun jul aug sep sept oct nov dec am pm gmt utc est edt cst cdt pst pdt cet cest") {
		all[w] = true
	}
	return all
}()
