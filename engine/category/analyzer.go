package category

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tidemark/engine/spec"
)

// Analyzer cuts messages into tokens as a job's configuration says. It is not safe
// for concurrent use.
type Analyzer struct {
	texts     []func(string) string
	tokenizer func(text string, emit func(string) bool)
	tokens    []func([]string) []string
	scratch   []string
}

// NewAnalyzer prepares an analyzer. The error names a pattern that does not
// compile.
func NewAnalyzer(a *spec.Analyzer) (*Analyzer, error) {
	out := &Analyzer{}
	for i := range a.CharFilters {
		f, err := textFilter(&a.CharFilters[i])
		if err != nil {
			return nil, err
		}
		out.texts = append(out.texts, f)
	}
	var err error
	if out.tokenizer, err = tokenizerOf(&a.Tokenizer); err != nil {
		return nil, err
	}
	for i := range a.Filters {
		f, err := tokenFilter(&a.Filters[i])
		if err != nil {
			return nil, err
		}
		out.tokens = append(out.tokens, f)
	}
	return out, nil
}

// maxTokenBytes bounds one token.
const maxTokenBytes = 256

// cut is the analyzer's part of tokens.
func (a *Analyzer) cut(message []byte) []string {
	text := string(message)
	for _, f := range a.texts {
		text = f(text)
	}
	list := a.scratch[:0]
	a.tokenizer(text, func(t string) bool {
		if t != "" {
			list = append(list, clip(t))
		}
		return len(list) < mostTokens
	})
	for _, f := range a.tokens {
		list = f(list)
	}
	a.scratch = list
	return list
}

// clip cuts a token between characters.
func clip(t string) string {
	if len(t) <= maxTokenBytes {
		return t
	}
	end := maxTokenBytes
	for end > maxTokenBytes-utf8.UTFMax && !utf8.RuneStart(t[end]) {
		end--
	}
	return t[:end]
}

// group rewrites $1 so that letters behind it do not belong to the name.
var group = regexp.MustCompile(`\$(\d+)`)

func replacer(s *spec.Step) (func(string) string, error) {
	re, err := regexp.Compile(s.Pattern)
	if err != nil {
		return nil, err
	}
	with := group.ReplaceAllString(s.Replacement, "$${$1}")
	return func(text string) string { return re.ReplaceAllString(text, with) }, nil
}

func textFilter(s *spec.Step) (func(string) string, error) {
	switch s.Type {
	case "pattern_replace":
		return replacer(s)
	case "mapping":
		return strings.NewReplacer(s.Words...).Replace, nil
	case "html_strip":
		return func(text string) string { return html.UnescapeString(markup.ReplaceAllString(text, " ")) }, nil
	case "first_line_with_letters":
		return func(text string) string {
			return lineWith(text, func(line string) bool { return strings.ContainsFunc(line, unicode.IsLetter) })
		}, nil
	case "first_non_blank_line":
		return func(text string) string {
			return lineWith(text, func(line string) bool { return strings.TrimSpace(line) != "" })
		}, nil
	}
	return nil, fmt.Errorf("unknown char_filter %q", s.Type)
}

// markup is what stands in angle brackets as tags and comments of HTML do.
var markup = regexp.MustCompile(`(?s)<!--.*?-->|</?[A-Za-z][^<>]*>`)

// lineWith is the first line that is wanted, nothing without one.
func lineWith(text string, wanted func(string) bool) string {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSuffix(line, "\r"); wanted(line) {
			return line
		}
	}
	return ""
}

func tokenizerOf(s *spec.Step) (func(string, func(string) bool), error) {
	switch s.Type {
	case "ml_standard":
		return scanner(inside), nil
	case "ml_classic":
		return scanner(insideClassic), nil
	case "standard":
		return runs(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == '_' }, true), nil
	case "whitespace":
		return runs(func(r rune) bool { return !unicode.IsSpace(r) }, false), nil
	case "letter":
		return runs(unicode.IsLetter, false), nil
	case "lowercase":
		letters := runs(unicode.IsLetter, false)
		return func(text string, emit func(string) bool) { letters(strings.ToLower(text), emit) }, nil
	case "keyword":
		return func(text string, emit func(string) bool) { emit(text) }, nil
	case "char_group":
		chars := strings.Join(s.Words, "")
		return runs(func(r rune) bool { return !strings.ContainsRune(chars, r) }, false), nil
	}
	re, err := regexp.Compile(s.Pattern)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Type == "simple_pattern", s.Type == "pattern" && s.Max >= 0:
		return func(text string, emit func(string) bool) {
			for _, m := range re.FindAllStringSubmatchIndex(text, mostTokens) {
				if from, to := m[2*s.Max], m[2*s.Max+1]; from >= 0 && !emit(text[from:to]) {
					return
				}
			}
		}, nil
	case s.Type == "simple_pattern_split", s.Type == "pattern":
		return func(text string, emit func(string) bool) {
			at := 0
			for _, m := range re.FindAllStringIndex(text, 4*mostTokens) {
				if !emit(text[at:m[0]]) {
					return
				}
				at = m[1]
			}
			emit(text[at:])
		}, nil
	}
	return nil, fmt.Errorf("unknown tokenizer %q", s.Type)
}

// scanner is scan as a tokenizer.
func scanner(in func(rune) bool) func(string, func(string) bool) {
	return func(text string, emit func(string) bool) {
		scan(text, in, func(run string, _ bool) bool { return emit(run) })
	}
}

// runs are the longest runs of runes that belong to a token. With apart, signs
// that are words of their own stand alone.
func runs(in func(rune) bool, apart bool) func(string, func(string) bool) {
	return func(text string, emit func(string) bool) {
		from := -1
		for i, r := range text {
			alone := apart && sign(r)
			if from >= 0 && (!in(r) || alone) {
				if !emit(text[from:i]) {
					return
				}
				from = -1
			}
			if alone {
				if !emit(text[i : i+utf8.RuneLen(r)]) {
					return
				}
			} else if from < 0 && in(r) {
				from = i
			}
		}
		if from >= 0 {
			emit(text[from:])
		}
	}
}

func tokenFilter(s *spec.Step) (func([]string) []string, error) {
	each := func(f func(string) string) func([]string) []string {
		return func(list []string) []string {
			for i, t := range list {
				list[i] = clip(f(t))
			}
			return list
		}
	}
	without := func(f func(string) bool) func([]string) []string {
		return func(list []string) []string { return slices.DeleteFunc(list, f) }
	}
	switch s.Type {
	case "lowercase":
		return each(strings.ToLower), nil
	case "uppercase":
		return each(strings.ToUpper), nil
	case "trim":
		return each(strings.TrimSpace), nil
	case "pattern_replace":
		f, err := replacer(s)
		return each(func(t string) string { return f(t) }), err
	case "truncate":
		return each(func(t string) string {
			if utf8.RuneCountInString(t) > int(s.Max) {
				return string([]rune(t)[:s.Max])
			}
			return t
		}), nil
	case "length":
		return without(func(t string) bool {
			n := int64(utf8.RuneCountInString(t))
			return n < s.Min || n > s.Max
		}), nil
	case "limit":
		return func(list []string) []string { return list[:min(int64(len(list)), s.Max)] }, nil
	case "unique":
		seen := map[string]bool{}
		return func(list []string) []string {
			clear(seen)
			return slices.DeleteFunc(list, func(t string) bool {
				again := seen[t]
				seen[t] = true
				return again
			})
		}, nil
	case "stop":
		key := func(t string) string { return t }
		if s.IgnoreCase {
			key = strings.ToLower
		}
		words := map[string]bool{}
		for _, w := range s.Words {
			words[key(w)] = true
		}
		return without(func(t string) bool { return words[key(t)] }), nil
	}
	return nil, fmt.Errorf("unknown filter %q", s.Type)
}
