package spec

import (
	"fmt"
	"regexp"
	"slices"

	"tidemark/engine/codec"
)

// Analyzer says how a message is cut into tokens: filters of the text, a
// tokenizer, and filters of the tokens.
type Analyzer struct {
	CharFilters []Step
	Tokenizer   Step
	Filters     []Step
}

// Step is one part of an Analyzer. Which fields count depends on its type.
type Step struct {
	Type string
	// Pattern is a regular expression (RE2), Replacement what takes the place of a
	// match, with $1 for a group.
	Pattern, Replacement string
	// Words are stop words, pairs of what is mapped and to what, or characters.
	Words []string
	// IgnoreCase is of stop words.
	IgnoreCase bool
	// Min and Max are lengths, a number of tokens, or the group of a pattern.
	Min, Max int64
}

// The types of steps.
var (
	CharFilterTypes  = []string{"pattern_replace", "mapping", "html_strip", "first_line_with_letters", "first_non_blank_line"}
	TokenizerTypes   = []string{"ml_standard", "ml_classic", "standard", "whitespace", "keyword", "letter", "lowercase", "pattern", "simple_pattern", "simple_pattern_split", "char_group"}
	TokenFilterTypes = []string{"lowercase", "uppercase", "stop", "length", "limit", "truncate", "trim", "unique", "pattern_replace"}
)

func (a *Analyzer) append(dst []byte) []byte {
	if a == nil {
		return codec.AppendBool(dst, false)
	}
	dst = appendSteps(codec.AppendBool(dst, true), a.CharFilters)
	return appendSteps(a.Tokenizer.append(dst), a.Filters)
}

func appendSteps(dst []byte, list []Step) []byte {
	dst = codec.AppendUvarint(dst, uint64(len(list)))
	for i := range list {
		dst = list[i].append(dst)
	}
	return dst
}

func (s *Step) append(dst []byte) []byte {
	for _, text := range []string{s.Type, s.Pattern, s.Replacement} {
		dst = codec.AppendString(dst, text)
	}
	dst = codec.AppendUvarint(dst, uint64(len(s.Words)))
	for _, w := range s.Words {
		dst = codec.AppendString(dst, w)
	}
	return codec.AppendVarint(codec.AppendVarint(codec.AppendBool(dst, s.IgnoreCase), s.Min), s.Max)
}

func decodeAnalyzer(r *codec.Reader) *Analyzer {
	if !r.Bool() {
		return nil
	}
	a := &Analyzer{CharFilters: decodeSteps(r)}
	a.Tokenizer = decodeStep(r)
	a.Filters = decodeSteps(r)
	return a
}

func decodeSteps(r *codec.Reader) (list []Step) {
	for n := r.Count(7); n > 0 && r.Err() == nil; n-- {
		list = append(list, decodeStep(r))
	}
	return list
}

func decodeStep(r *codec.Reader) (s Step) {
	for _, text := range []*string{&s.Type, &s.Pattern, &s.Replacement} {
		*text = r.Text()
	}
	for n := r.Count(1); n > 0 && r.Err() == nil; n-- {
		s.Words = append(s.Words, r.Text())
	}
	s.IgnoreCase, s.Min, s.Max = r.Bool(), r.Varint(), r.Varint()
	return s
}

func (a *Analyzer) validate() error {
	if a == nil {
		return nil
	}
	for i := range a.CharFilters {
		if err := a.CharFilters[i].validate(CharFilterTypes); err != nil {
			return fmt.Errorf("char_filter: %w", err)
		}
	}
	for i := range a.Filters {
		if err := a.Filters[i].validate(TokenFilterTypes); err != nil {
			return fmt.Errorf("filter: %w", err)
		}
	}
	if err := a.Tokenizer.validate(TokenizerTypes); err != nil {
		return fmt.Errorf("tokenizer: %w", err)
	}
	return nil
}

func (s *Step) validate(types []string) error {
	if !slices.Contains(types, s.Type) {
		return fmt.Errorf("unknown type %q", s.Type)
	}
	re, err := regexp.Compile(s.Pattern)
	if err != nil {
		return err
	}
	if s.Type == "mapping" && len(s.Words)%2 != 0 {
		return fmt.Errorf("%d words in pairs", len(s.Words))
	}
	if s.Type == "pattern" && s.Max > int64(re.NumSubexp()) {
		return fmt.Errorf("the pattern has %d groups, group %d is asked for", re.NumSubexp(), s.Max)
	}
	return nil
}
