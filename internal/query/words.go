package query

import (
	"slices"
	"strings"
	"unicode"

	"tidemark/internal/mapping"
	"tidemark/wire"
)

// words compiles a query of full text: a field has one of a text's words, all of
// them, or a number of them. Fields of whole values are compared as a whole.
func (c *compiler) words(name, text string, every bool, least any) (matcher, error) {
	slot, want := c.slot(name), tokens(text)
	if len(want) == 0 && strings.TrimSpace(text) == "" {
		return none, nil
	}
	whole, err := c.terms("match", name, []any{text}, false)
	if err != nil {
		return nil, err
	}
	need := min(1, len(want))
	if every {
		need = len(want)
	} else if least != nil {
		if need, err = leastOf(least, len(want)); err != nil {
			return nil, err
		}
		need = max(need, 1)
	}
	return func(d *Doc, row [][]Value) bool {
		if c.types[slot].Type == mapping.Keyword || len(want) == 0 {
			return whole(d, row)
		}
		for _, v := range row[slot] {
			if v.Kind != Text {
				return whole(d, row)
			}
		}
		return found(row[slot], want, need)
	}, nil
}

// found reports whether values hold so many of the words.
func found(values []Value, want []string, need int) bool {
	have := map[string]bool{}
	for _, v := range values {
		for _, token := range tokens(v.Text) {
			have[token] = true
		}
	}
	n := 0
	for _, w := range want {
		if have[w] {
			n++
		}
	}
	return n >= need
}

// phrase compiles "these words in a row", the last of which may only begin so.
func (c *compiler) phrase(name, text string, prefix bool) matcher {
	slot, want := c.slot(name), tokens(text)
	return func(_ *Doc, row [][]Value) bool {
		for _, v := range row[slot] {
			if c.types[slot].Type == mapping.Keyword {
				if v.Text == text || prefix && strings.HasPrefix(v.Text, text) {
					return true
				}
				continue
			}
			text := v.Text
			if v.Kind == Number {
				text = numberText(v.Num)
			}
			if inRow(tokens(text), want, prefix) {
				return true
			}
		}
		return false
	}
}

func inRow(have, want []string, prefix bool) bool {
	for i := 0; len(want) > 0 && i+len(want) <= len(have); i++ {
		last := len(want) - 1
		if slices.Equal(have[i:i+last], want[:last]) && (have[i+last] == want[last] || prefix && strings.HasPrefix(have[i+last], want[last])) {
			return true
		}
	}
	return false
}

// tokens are the words of a text in lower case.
func tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}

// multiMatch compiles a match over several fields.
func (c *compiler) multiMatch(body any) (matcher, error) {
	o, err := members(body, "multi_match", "query", "fields", "type", "operator", "minimum_should_match", "lenient", "analyzer", "tie_breaker", "fuzziness", "slop")
	if err != nil {
		return nil, err
	}
	names, ok := textList(o["fields"])
	text := textOf(o["query"])
	if !ok || len(names) == 0 || text == "" {
		return nil, refuseAt("multi_match", "[multi_match] needs a [query] and a list of [fields]")
	}
	var tests []matcher
	for _, name := range names {
		name, _, _ = strings.Cut(name, "^")
		if strings.Contains(name, "*") {
			return nil, refuseAt("fields", "patterns of fields such as [%s] are not supported in [multi_match]; name the fields", wire.Clip(name))
		}
		if kind := textOf(o["type"]); strings.HasPrefix(kind, "phrase") {
			tests = append(tests, c.phrase(name, text, kind == "phrase_prefix"))
			continue
		}
		m, err := c.words(name, text, strings.EqualFold(textOf(o["operator"]), "and"), o["minimum_should_match"])
		if err != nil {
			return nil, err
		}
		tests = append(tests, m)
	}
	return anyOf(tests), nil
}
