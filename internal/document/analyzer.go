package document

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/engine/category"
	"tidemark/engine/spec"
	"tidemark/wire"
	"tidemark/wire/strict"
)

const (
	maxSteps      = 100
	maxStepWords  = 10_000
	mostStepBound = 1 << 30
)

// A categorization_analyzer is given by name, or as char_filter, tokenizer and
// filter, each of these by name or as an object with its type.

// namedAnalyzers are those that need no more than their name.
var namedAnalyzers = map[string]spec.Analyzer{
	"ml_standard": {CharFilters: []spec.Step{{Type: "first_line_with_letters"}}, Tokenizer: spec.Step{Type: "ml_standard"}},
	"ml_classic":  {CharFilters: []spec.Step{{Type: "first_non_blank_line"}}, Tokenizer: spec.Step{Type: "ml_classic"}},
	"standard":    {Tokenizer: spec.Step{Type: "standard"}, Filters: []spec.Step{{Type: "lowercase"}}},
	"simple":      {Tokenizer: spec.Step{Type: "lowercase"}},
	"stop":        {Tokenizer: spec.Step{Type: "lowercase"}, Filters: []spec.Step{{Type: "stop", Words: english}}},
	"whitespace":  {Tokenizer: spec.Step{Type: "whitespace"}},
	"keyword":     {Tokenizer: spec.Step{Type: "keyword"}},
	"pattern":     {Tokenizer: spec.Step{Type: "pattern", Pattern: `\W+`, Max: -1}, Filters: []spec.Step{{Type: "lowercase"}}},
}

// english are the stop words of that language.
var english = strings.Fields("a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with")

// stepFields are the fields that each type of step has beside its type. Those in
// front of a bar are needed.
var stepFields = map[string]map[string]string{
	"char_filter": {"pattern_replace": "pattern|replacement flags", "mapping": "mappings|", "html_strip": "|", "first_line_with_letters": "|", "first_non_blank_line": "|"},
	"tokenizer": {"ml_standard": "|", "ml_classic": "|", "standard": "|max_token_length", "whitespace": "|max_token_length", "keyword": "|buffer_size", "letter": "|", "lowercase": "|",
		"pattern": "|pattern flags group", "simple_pattern": "pattern|", "simple_pattern_split": "pattern|", "char_group": "tokenize_on_chars|max_token_length"},
	"filter": {"lowercase": "|", "uppercase": "|", "stop": "|stopwords ignore_case", "length": "|min max", "limit": "|max_token_count", "truncate": "|length",
		"trim": "|", "unique": "|", "pattern_replace": "pattern|replacement flags all"},
}

var stepTypes = map[string][]string{"char_filter": spec.CharFilterTypes, "tokenizer": spec.TokenizerTypes, "filter": spec.TokenFilterTypes}

// analyzerSpec reads a categorization_analyzer as it is kept.
func analyzerSpec(raw jsontext.Value) (*spec.Analyzer, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if raw.Kind() == '"' {
		name, err := strconv.Unquote(string(raw))
		if err != nil {
			return nil, err
		}
		a, ok := namedAnalyzers[name]
		if !ok {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "Failed to find global analyzer [%s]; this release has %s", wire.Clip(name), list(namedAnalyzers))
		}
		return &a, nil
	}
	a := &spec.Analyzer{}
	err := strict.Parse(raw, "categorization_analyzer", strict.Fields{
		"char_filter": steps("char_filter", &a.CharFilters),
		"tokenizer":   step("tokenizer", &a.Tokenizer),
		"filter":      steps("filter", &a.Filters),
	})
	if err != nil {
		return nil, err
	}
	if a.Tokenizer.Type == "" {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "categorization_analyzer needs a tokenizer: one of %s", strings.Join(spec.TokenizerTypes, ", "))
	}
	if _, err := category.NewAnalyzer(a); err != nil {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "categorization_analyzer: %v", err)
	}
	return a, nil
}

func list(named map[string]spec.Analyzer) string {
	var names []string
	for name := range named {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// steps reads a list of steps, or one.
func steps(part string, to *[]spec.Step) strict.Read {
	return func(r *strict.Reader) error {
		each := func(r *strict.Reader, _ int) error {
			*to = append(*to, spec.Step{})
			return step(part, &(*to)[len(*to)-1])(r)
		}
		if r.Kind() == '[' {
			return strict.List(maxSteps, each)(r)
		}
		return each(r, 0)
	}
}

// stepDraft is a step as it is written.
type stepDraft struct {
	kind, pattern, replacement, flags string
	words                             []string
	ignoreCase, all                   bool
	min, max, group                   *int64
	given                             []string
}

// step reads one step: a name or an object.
func step(part string, to *spec.Step) strict.Read {
	return func(r *strict.Reader) error {
		d := stepDraft{all: true}
		if r.Kind() == '"' {
			if err := strict.Text(&d.kind)(r); err != nil {
				return err
			}
			return d.into(part, to)
		}
		given := func(name string, read strict.Read) strict.Read {
			return func(r *strict.Reader) error {
				d.given = append(d.given, name)
				return read(r)
			}
		}
		fields := strict.Fields{"type": strict.Text(&d.kind), "version": strict.Skip}
		for name, read := range map[string]strict.Read{
			"pattern": strict.Text(&d.pattern), "replacement": strict.Text(&d.replacement), "flags": strict.Text(&d.flags),
			"mappings": strict.Texts(&d.words, maxStepWords), "tokenize_on_chars": strict.Texts(&d.words, maxStepWords), "stopwords": stopWords(&d.words),
			"ignore_case": strict.Bool(&d.ignoreCase), "all": strict.Bool(&d.all), "min": strict.OptionalInt(&d.min), "max": strict.OptionalInt(&d.max),
			"max_token_count": strict.OptionalInt(&d.max), "length": strict.OptionalInt(&d.max), "group": strict.OptionalInt(&d.group),
			"max_token_length": strict.Skip, "buffer_size": strict.Skip,
		} {
			fields[name] = given(name, read)
		}
		if err := strict.Object(part, fields)(r); err != nil {
			return err
		}
		return d.into(part, to)
	}
}

// stopWords reads a list of words, or the name of one.
func stopWords(to *[]string) strict.Read {
	return func(r *strict.Reader) error {
		if r.Kind() == '[' {
			return strict.Texts(to, maxStepWords)(r)
		}
		var name string
		if err := strict.Text(&name)(r); err != nil {
			return err
		}
		switch name {
		case "_english_":
			*to = english
		case "_none_":
			*to = []string{}
		default:
			*to = []string{name}
		}
		return nil
	}
}

// into checks a step and makes it what the engine reads.
func (d *stepDraft) into(part string, to *spec.Step) error {
	refuse := func(format string, args ...any) error { return wire.Refuse(wire.TypeIllegalArgument, format, args...) }
	known, ok := stepFields[part][d.kind]
	if !ok {
		return refuse("Failed to find global %s under [%s]; this release has %s", part, wire.Clip(d.kind), strings.Join(stepTypes[part], ", "))
	}
	needed, optional, _ := strings.Cut(known, "|")
	for _, name := range strings.Fields(needed) {
		if !slices.Contains(d.given, name) {
			return refuse("%s [%s] needs [%s]", part, d.kind, name)
		}
	}
	for _, name := range d.given {
		if !slices.Contains(strings.Fields(needed+" "+optional), name) {
			return refuse("%s [%s] has no [%s]; it has: %s", part, d.kind, name, strings.TrimSpace(needed+" "+optional))
		}
	}
	*to = spec.Step{Type: d.kind, Pattern: d.pattern, Replacement: d.replacement, Words: d.words, IgnoreCase: d.ignoreCase, Max: mostStepBound}
	if err := d.bounds(to); err != nil {
		return err
	}
	return d.compile(to)
}

// bounds fills in lengths and numbers with their defaults.
func (d *stepDraft) bounds(to *spec.Step) error {
	for _, n := range []*int64{d.min, d.max} {
		if n != nil && (*n < 0 || *n > 1<<31-1) {
			return wire.Refuse(wire.TypeIllegalArgument, "[%s] has a length or number of %d; give 0 or more", d.kind, *n)
		}
	}
	if d.min != nil {
		to.Min = *d.min
	}
	if d.max != nil {
		to.Max = min(*d.max, mostStepBound)
	}
	switch d.kind {
	case "limit":
		if d.max == nil {
			to.Max = 1
		}
	case "truncate":
		if d.max == nil {
			to.Max = 10
		}
	case "pattern":
		to.Max = -1
		if d.group != nil {
			to.Max = max(-1, *d.group)
		}
		if d.pattern == "" {
			to.Pattern = `\W+`
		}
	case "stop":
		if d.words == nil {
			to.Words = english
		}
	case "mapping":
		return mappings(d.words, &to.Words)
	case "char_group":
		return characters(d.words, &to.Words)
	}
	return nil
}

// mappings takes "from => to" apart.
func mappings(list []string, to *[]string) error {
	*to = nil
	for _, m := range list {
		from, with, ok := strings.Cut(m, "=>")
		if from = strings.TrimSpace(from); !ok || from == "" {
			return wire.Refuse(wire.TypeIllegalArgument, "Invalid Mapping Rule : [%s]; write [from => to]", wire.Clip(m))
		}
		*to = append(*to, from, strings.TrimSpace(with))
	}
	return nil
}

// characters takes single characters and names of kinds of them.
func characters(list []string, to *[]string) error {
	kinds := map[string]string{"whitespace": " \t\n\r\f\v", "punctuation": "!\"#%&'()*,-./:;?@[\\]_{}", "symbol": "$+<=>^`|~", "digit": "0123456789",
		"letter": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", `\n`: "\n", `\t`: "\t", `\r`: "\r"}
	*to = nil
	for _, c := range list {
		if all, ok := kinds[c]; ok {
			*to = append(*to, all)
		} else if len([]rune(c)) == 1 {
			*to = append(*to, c)
		} else {
			return wire.Refuse(wire.TypeIllegalArgument, "[%s] is no character to tokenize on; give one character, or whitespace, punctuation, symbol, digit or letter", wire.Clip(c))
		}
	}
	return nil
}

// flagLetters are the flags of patterns that RE2 has, too.
var flagLetters = map[string]string{"CASE_INSENSITIVE": "i", "UNICODE_CASE": "i", "MULTILINE": "m", "DOTALL": "s"}

// compile puts the flags into the pattern and checks it.
func (d *stepDraft) compile(to *spec.Step) error {
	if d.flags != "" {
		letters := ""
		for name := range strings.SplitSeq(d.flags, "|") {
			letter, ok := flagLetters[strings.TrimSpace(name)]
			if !ok {
				return wire.Refuse(wire.TypeIllegalArgument, "[%s] is no flag of patterns here; there are CASE_INSENSITIVE, UNICODE_CASE, MULTILINE and DOTALL", wire.Clip(name))
			}
			letters += letter
		}
		to.Pattern = "(?" + letters + ")" + to.Pattern
	}
	re, err := regexp.Compile(to.Pattern)
	if err != nil {
		return wire.Refuse(wire.TypeIllegalArgument, "[%s] has an invalid regular expression (RE2 syntax) [%s]: %v", d.kind, wire.Clip(to.Pattern), err)
	}
	if d.kind == "pattern" && to.Max > int64(re.NumSubexp()) {
		return wire.Refuse(wire.TypeIllegalArgument, "the pattern [%s] has %d groups, group %d is asked for", wire.Clip(to.Pattern), re.NumSubexp(), to.Max)
	}
	if !d.all {
		return wire.Refuse(wire.TypeIllegalArgument, "[all] of pattern_replace can only be true")
	}
	return nil
}
