package query

import (
	"strings"

	"tidemark/internal/match"
	"tidemark/wire"
)

// queryString compiles a query written as text, in the forms that tools send:
//
//	job_id:foo AND (record_score:>=75 OR NOT is_interim:true)
//	host:web* timestamp:[2020-01-01 TO now} message:"disk full" _exists_:error
func (c *compiler) queryString(kind string, body any) (matcher, error) {
	o, err := members(body, kind, "query", "default_field", "fields", "default_operator", "analyze_wildcard", "lenient", "time_zone", "allow_leading_wildcard",
		"analyzer", "minimum_should_match", "type", "flags", "quote_field_suffix", "auto_generate_synonyms_phrase_query", "max_determinized_states")
	if err != nil {
		return nil, err
	}
	text, ok := o["query"].(string)
	if !ok {
		return nil, refuseAt(kind, "[%s] must be provided with a [query]", kind)
	}
	names, ok := textList(o["fields"])
	if !ok {
		return nil, refuseAt("fields", "[fields] must be a list of names")
	}
	if name := textOf(o["default_field"]); name != "" && name != "*" {
		names = append(names, name)
	}
	for i := range names {
		names[i], _, _ = strings.Cut(names[i], "^")
	}
	p := &textQuery{c: c, kind: kind, rest: text, names: names, every: strings.EqualFold(textOf(o["default_operator"]), "and")}
	m, err := p.alternatives(0)
	if err == nil && p.peek() != 0 {
		err = p.broken("an unmatched [%c]", p.peek())
	}
	return m, err
}

// textQuery is a query_string that is being read.
type textQuery struct {
	c    *compiler
	kind string
	rest string
	// names are the fields of words that name none; none means any field.
	names []string
	every bool
}

func (p *textQuery) broken(format string, args ...any) error {
	return wire.Refuse(wire.TypeParsing, "Failed to parse query of ["+p.kind+"]: "+format+" before ["+wire.Clip(p.rest)+"]; quote texts that hold special characters", args...)
}

// peek is the next letter that is no space, 0 at the end.
func (p *textQuery) peek() byte {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	if p.rest == "" {
		return 0
	}
	return p.rest[0]
}

// word takes an operator, if it comes next.
func (p *textQuery) word(operators ...string) bool {
	p.peek()
	for _, op := range operators {
		tail, found := strings.CutPrefix(p.rest, op)
		letters := op[0] >= 'A'
		if found && (!letters || op == "||" || tail == "" || strings.IndexByte(" \t\r\n(\"", tail[0]) >= 0) {
			p.rest = tail
			return true
		}
	}
	return false
}

// alternatives reads clauses joined by AND, OR or nothing.
func (p *textQuery) alternatives(depth int) (matcher, error) {
	if depth > maxDepth {
		return nil, p.broken("parentheses nested deeper than %d", maxDepth)
	}
	var every, some, not []matcher
	var groups []matcher // finished alternatives of OR
	closeGroup := func() {
		need := 0
		if len(every) == 0 && len(some) > 0 {
			need = 1
		}
		if len(every)+len(some)+len(not) > 0 {
			groups = append(groups, boolMatcher(every, some, not, need))
		}
		every, some, not = nil, nil, nil
	}
	for first := true; ; first = false {
		if next := p.peek(); next == 0 || next == ')' {
			break
		}
		and, or := false, false
		if !first {
			and = p.word("AND", "&&")
			or = !and && p.word("OR", "||")
		}
		if or {
			closeGroup()
		}
		if and && len(some) > 0 {
			// What stands before AND is needed too.
			every = append(every, some[len(some)-1])
			some = some[:len(some)-1]
		}
		negative := p.word("NOT", "!", "-")
		needed := !negative && p.word("+")
		m, err := p.clause(depth)
		if err != nil {
			return nil, err
		}
		switch {
		case negative:
			not = append(not, m)
		case needed || and || p.every:
			every = append(every, m)
		default:
			some = append(some, m)
		}
	}
	closeGroup()
	if len(groups) == 0 {
		return none, nil
	}
	return anyOf(groups), nil
}

// clause reads one clause: parentheses, or a test of a field.
func (p *textQuery) clause(depth int) (matcher, error) {
	if p.c.clauses++; p.c.clauses > maxClauses {
		return nil, p.broken("more than %d clauses", maxClauses)
	}
	switch p.peek() {
	case '(':
		return p.inParentheses(depth)
	case '"':
		text, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return p.overFields(func(name string) (matcher, error) { return p.c.phrase(name, text, false), nil }, text)
	case 0, ')', ':', ']', '}':
		return nil, p.broken("a term is missing")
	}
	name, plain := p.bare(true)
	if p.rest != "" && p.rest[0] == ':' && name != "" {
		p.rest = p.rest[1:]
		return p.valueOf(name, depth)
	}
	switch name {
	case "":
		return nil, p.broken("unexpected [%c]", p.peek())
	case "AND", "OR", "NOT", "&&", "||":
		return nil, p.broken("nothing to join by [%s]", name)
	case "*":
		return all, nil
	}
	return p.overFields(func(field string) (matcher, error) { return p.term(field, name, plain) }, name)
}

func (p *textQuery) inParentheses(depth int) (matcher, error) {
	p.rest = p.rest[1:]
	m, err := p.alternatives(depth + 1)
	if err == nil && !strings.HasPrefix(p.rest, ")") {
		err = p.broken("a [)] is missing")
	}
	if err != nil {
		return nil, err
	}
	p.rest = p.rest[1:]
	p.boost()
	return m, nil
}

// valueOf reads what is asked of a named field.
func (p *textQuery) valueOf(name string, depth int) (matcher, error) {
	switch p.peek() {
	case '(':
		outer := p.names
		p.names = []string{name}
		defer func() { p.names = outer }()
		return p.inParentheses(depth)
	case '"':
		text, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return p.exact(name, text)
	case '[', '{':
		return p.span(name)
	case '>', '<':
		return p.comparison(name)
	case 0, ')', ':':
		return nil, p.broken("a value for [%s] is missing", wire.Clip(name))
	}
	text, plain := p.bare(false)
	if text == "" {
		return nil, p.broken("a value for [%s] is missing", wire.Clip(name))
	}
	switch {
	case name == "_exists_":
		return p.c.has(text), nil
	case name == "*" && text == "*":
		return all, nil
	}
	return p.term(name, text, plain)
}

// exact compiles a quoted text: whole values are equal, texts hold it in a row.
func (p *textQuery) exact(name, text string) (matcher, error) {
	whole, err := p.c.terms("term", name, []any{text}, false)
	if err != nil {
		return nil, err
	}
	return anyOf([]matcher{whole, p.c.phrase(name, text, false)}), nil
}

// term compiles one word; plain: its wildcards are letters.
func (p *textQuery) term(name, text string, plain bool) (matcher, error) {
	switch {
	case plain:
	case text == "*":
		return p.c.has(name), nil
	case strings.ContainsAny(text, "*?"):
		folded := strings.ToLower(text)
		return p.c.texts(name, func(s string) bool {
			if match.Wildcard(text, s) {
				return true
			}
			for _, token := range tokens(s) {
				if match.Wildcard(folded, token) {
					return true
				}
			}
			return false
		}), nil
	}
	whole, err := p.c.terms("term", name, []any{text}, false)
	if err != nil || name == "_id" || name == "_index" {
		return whole, err
	}
	words, err := p.c.words(name, text, true, nil)
	return anyOf([]matcher{whole, words}), err
}

// overFields tests the fields of words that name none.
func (p *textQuery) overFields(test func(name string) (matcher, error), text string) (matcher, error) {
	if len(p.names) == 0 {
		return p.anywhere(text), nil
	}
	var list []matcher
	for _, name := range p.names {
		m, err := test(name)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return anyOf(list), nil
}

// anywhere compiles "some field holds this text".
func (p *textQuery) anywhere(text string) matcher {
	p.c.whole = true
	want, pattern := tokens(text), strings.ContainsAny(text, "*?")
	return func(d *Doc, _ [][]Value) bool {
		hit := false
		leaves(d.Source, "", func(_ string, raw []byte) {
			v, ok := scalar(raw)
			switch {
			case hit || !ok:
			case v.Kind == Number:
				hit = numberText(v.Num) == text
			case pattern:
				hit = match.Wildcard(strings.ToLower(text), strings.ToLower(v.Text))
			default:
				hit = inRow(tokens(v.Text), want, false)
			}
		})
		return hit
	}
}

// span reads [from TO to], with braces where an end does not belong to it.
func (p *textQuery) span(name string) (matcher, error) {
	open := p.rest[0] == '{'
	p.rest = p.rest[1:]
	ends := [2]string{}
	for i := range ends {
		p.peek()
		if strings.HasPrefix(p.rest, `"`) {
			text, err := p.quoted()
			if err != nil {
				return nil, err
			}
			ends[i] = text
		} else {
			end := strings.IndexAny(p.rest, " \t\r\n]}")
			if end < 0 {
				return nil, p.broken("the range of [%s] has no end", wire.Clip(name))
			}
			ends[i], p.rest = p.rest[:end], p.rest[end:]
		}
		if i == 0 && !p.word("TO") {
			return nil, p.broken("the range of [%s] lacks TO", wire.Clip(name))
		}
	}
	last := p.peek()
	if last != ']' && last != '}' {
		return nil, p.broken("the range of [%s] has no end", wire.Clip(name))
	}
	p.rest = p.rest[1:]
	var from, to limit
	var err error
	if ends[0] != "*" && ends[0] != "" {
		if from, err = p.c.limit(ends[0], open, open, "", nil); err != nil {
			return nil, err
		}
	}
	if ends[1] != "*" && ends[1] != "" {
		if to, err = p.c.limit(ends[1], last == '}', last == ']', "", nil); err != nil {
			return nil, err
		}
	}
	return p.c.within(name, &from, &to, false), nil
}

// comparison reads >5, >=5, <5 or <=5.
func (p *textQuery) comparison(name string) (matcher, error) {
	above := p.rest[0] == '>'
	p.rest = p.rest[1:]
	equal := strings.HasPrefix(p.rest, "=")
	if equal {
		p.rest = p.rest[1:]
	}
	text := ""
	if p.peek() == '"' {
		var err error
		if text, err = p.quoted(); err != nil {
			return nil, err
		}
	} else {
		text, _ = p.bare(false)
	}
	if text == "" {
		return nil, p.broken("a value for [%s] is missing", wire.Clip(name))
	}
	var from, to limit
	end, err := p.c.limit(text, !equal, above != equal, "", nil)
	if above {
		from = end
	} else {
		to = end
	}
	return p.c.within(name, &from, &to, false), err
}

// quoted reads a text in quotes.
func (p *textQuery) quoted() (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '\\':
			if i++; i < len(p.rest) {
				b.WriteByte(p.rest[i])
			}
		case '"':
			p.rest = p.rest[i+1:]
			p.boost()
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return "", p.broken("a closing quote is missing")
}

// bare reads a word up to what ends it; plain reports that it holds wildcards only
// as letters.
func (p *textQuery) bare(name bool) (text string, plain bool) {
	var b strings.Builder
	i, escaped, wild := 0, false, false
	for ; i < len(p.rest); i++ {
		c := p.rest[i]
		if c == '\\' && i+1 < len(p.rest) {
			i++
			escaped = escaped || p.rest[i] == '*' || p.rest[i] == '?'
			b.WriteByte(p.rest[i])
			continue
		}
		if strings.IndexByte(" \t\r\n()\"[]{}^~", c) >= 0 || c == ':' && name {
			break
		}
		wild = wild || c == '*' || c == '?'
		b.WriteByte(c)
	}
	p.rest = p.rest[i:]
	p.boost()
	return b.String(), escaped || !wild
}

// boost takes a weight or fuzziness, which change nothing here.
func (p *textQuery) boost() {
	if p.rest == "" || p.rest[0] != '^' && p.rest[0] != '~' {
		return
	}
	i := 1
	for i < len(p.rest) && (p.rest[i] >= '0' && p.rest[i] <= '9' || p.rest[i] == '.') {
		i++
	}
	p.rest = p.rest[i:]
}
