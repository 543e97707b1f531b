package category

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"tidemark/engine/names"
)

const (
	// mostTokens bounds what is looked at of one message.
	mostTokens = 100
	// Weights of tokens: words say what a message is about. In a row of words
	// each says more: it is a sentence.
	otherWeight    = 1
	wordWeight     = 3
	sentenceWeight = 4
	sentenceWords  = 3
	// tellingWeight is that of a word that tells how something went: it alone makes
	// two statements of one. Of 5 to 9, 7 told most seeded systems apart.
	tellingWeight = 7
	// signWeight is that of a sign of a script without spaces: about half a word.
	signWeight = 2
	// longHex is the length from which a token of hexadecimal digits alone is a
	// number, even if it has no decimal digit.
	longHex = 16
)

// token is a constant part of a message.
type token struct {
	text   string
	hash   uint64
	weight float32
	kind   kind
}

// tokens are the constant parts of a message, by an analyzer or, if it is nil,
// those of the first line that has a letter: what follows in a stack trace or a
// dump is detail.
func tokens(dst []token, message []byte, a *Analyzer) []token {
	w := weigher{dst: dst[:0]}
	if a != nil {
		for _, t := range a.cut(message) {
			w.take(t, false)
		}
		return w.dst
	}
	line := lineWith(string(message), func(line string) bool { return strings.ContainsFunc(line, unicode.IsLetter) })
	scan(line, inside, w.take)
	return w.dst
}

// weigher makes tokens of texts.
type weigher struct {
	dst   []token
	words int
	// article: the text before was an article, or belongs to a name behind one.
	article bool
}

// take adds a text, "" for one that is left out between others, and reports
// whether there is room for more.
func (w *weigher) take(text string, quoted bool) bool {
	article := w.article
	w.article = false
	if text == "" {
		w.words = 0
		return true
	}
	t := token{text: text, hash: names.Hash([]byte(text)), weight: otherWeight}
	switch r, n := utf8.DecodeRuneInString(text); {
	case n == len(text) && sign(r):
		w.words = 0
		t.weight = signWeight
	case word(text):
		w.words++
		t.weight = wordWeight
		if w.words >= sentenceWords {
			t.weight = sentenceWeight
		}
		lower := strings.ToLower(text)
		known := vocabulary[lower]
		if known.telling {
			t.weight = tellingWeight
		}
		// A capital behind an article begins a name: The Print Spooler service.
		named := article && unicode.IsUpper(r)
		if !named && !quoted {
			t.kind = known.kind
		}
		w.article = named || articles[lower]
	default:
		w.words = 0
	}
	w.dst = append(w.dst, t)
	return len(w.dst) < mostTokens
}

var articles = map[string]bool{"the": true, "a": true, "an": true}

// scan cuts a text into the runs of runes that are inside a token, and emits ""
// for everything that looks like a number, an address, a path, a time or a value
// behind an equals sign. Signs that are words of their own stand alone. quoted is
// a text in quotation marks of its own.
func scan(text string, in func(rune) bool, emit func(text string, quoted bool) bool) {
	value := false // What comes next is the value of a key.
	before := ' '
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if !in(r) {
			value = r == '=' || value && r == '"'
			before, text = r, text[n:]
			continue
		}
		end := n
		for !sign(r) && end < len(text) {
			next, n := utf8.DecodeRuneInString(text[end:])
			if !in(next) || sign(next) {
				break
			}
			end += n
		}
		run := strings.Trim(text[:end], ".-/:@")
		text = text[end:]
		if value || variable(run) {
			run = ""
		}
		after, _ := utf8.DecodeRuneInString(text)
		quoted := after == before && strings.ContainsRune("\"'`", after)
		value, before = false, ' '
		if !emit(clip(run), quoted) {
			return
		}
	}
}

// inside reports whether a rune is part of a token. Colons and at signs are, so
// that times and addresses stay whole.
func inside(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-/:@", r)
}

// insideClassic is without paths and addresses as one.
func insideClassic(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-", r)
}

// sign reports whether a rune is of a script without spaces between words.
func sign(r rune) bool {
	return r >= 0x2E80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
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

// DateWords are the names of days and months, and what stands beside times.
var DateWords = strings.Fields("monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun " +
	"january february march april may june july august september october november december " +
	"jan feb mar apr jun jul aug sep sept oct nov dec am pm gmt utc est edt cst cdt pst pdt cet cest")

var dateWords = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range DateWords {
		all[w] = true
	}
	return all
}()
