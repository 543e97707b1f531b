package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tidemark/internal/match"
	"tidemark/wire"
)

// Bounds of a request: they keep the work for one document small.
const (
	maxClauses = 1024
	maxDepth   = 30
	maxTerms   = 65_536
)

// matcher reports whether the document in hand matches.
type matcher func(d *Doc, row [][]Value) bool

// compiler turns the parts of a request into functions over the fields they
// name.
type compiler struct {
	*fields
	now     time.Time
	clauses int
	// typed: aggregations are answered with their types in their names.
	typed bool
	// fromMs and toMs bound the times that a filter on one of timeFields lets
	// through, so that a source can leave out the rest.
	timeBound map[string]*bound
}

// bound is a range of times [From, To), in milliseconds.
type bound struct{ from, to float64 }

func refuse(format string, args ...any) error {
	return wire.Refuse(wire.TypeParsing, format, args...)
}

// object reads a JSON object that has one of a kind of thing.
func object(v any, what string) (map[string]any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, refuse("[%s] must be an object", what)
	}
	return o, nil
}

// single is an object's only member.
func single(v any, what string) (name string, value any, err error) {
	o, err := object(v, what)
	if err != nil {
		return "", nil, err
	}
	if len(o) != 1 {
		return "", nil, refuse("[%s] must have exactly one member, it has %d", what, len(o))
	}
	for name, value = range o { //nolint:revive // The only one.
	}
	return name, value, nil
}

// query compiles a query; must says whether every hit has to match it, which
// lets it bound the times that are looked at.
func (c *compiler) query(v any, depth int, must bool) (matcher, error) {
	if c.clauses++; c.clauses > maxClauses || depth > maxDepth {
		return nil, refuse("the query has more than %d clauses or is nested deeper than %d; ask for less at once", maxClauses, maxDepth)
	}
	kind, body, err := single(v, "query")
	if err != nil {
		return nil, err
	}
	switch kind {
	case "match_all":
		_, err := object(body, kind)
		return func(*Doc, [][]Value) bool { return true }, err
	case "match_none":
		return func(*Doc, [][]Value) bool { return false }, nil
	case "bool":
		return c.boolean(body, depth, must)
	case "constant_score":
		o, err := object(body, kind)
		if err != nil {
			return nil, err
		}
		return c.query(o["filter"], depth+1, must)
	case "ids":
		return c.ids(body)
	case "exists":
		return c.exists(body)
	case "term", "terms", "prefix", "wildcard", "match", "match_phrase", "range":
		return c.field(kind, body, must)
	}
	return nil, refuse("unknown query [%s]; this index knows match_all, match_none, bool, constant_score, term, terms, range, exists, prefix, wildcard, ids, match and match_phrase", wire.Clip(kind))
}

// boolean compiles a bool query.
func (c *compiler) boolean(body any, depth int, must bool) (matcher, error) {
	o, err := object(body, "bool")
	if err != nil {
		return nil, err
	}
	var all, some, none []matcher
	least := -1
	for _, name := range slices.Sorted(maps.Keys(o)) {
		switch name {
		case "must", "filter", "should", "must_not":
		case "minimum_should_match":
			n, ok := o[name].(float64)
			if !ok {
				return nil, refuse("[bool] minimum_should_match must be a whole number")
			}
			least = int(n)
			continue
		case "boost", "_name", "adjust_pure_negative":
			continue
		default:
			return nil, refuse("[bool] query does not support [%s]", wire.Clip(name))
		}
		list, isList := o[name].([]any)
		if !isList {
			list = []any{o[name]}
		}
		for _, clause := range list {
			m, err := c.query(clause, depth+1, must && (name == "must" || name == "filter"))
			if err != nil {
				return nil, err
			}
			switch name {
			case "should":
				some = append(some, m)
			case "must_not":
				none = append(none, m)
			default:
				all = append(all, m)
			}
		}
	}
	if least < 0 && len(some) > 0 && len(all) == 0 {
		least = 1
	}
	return func(d *Doc, row [][]Value) bool {
		for _, m := range all {
			if !m(d, row) {
				return false
			}
		}
		for _, m := range none {
			if m(d, row) {
				return false
			}
		}
		hits := 0
		for _, m := range some {
			if hits >= least {
				break
			}
			if m(d, row) {
				hits++
			}
		}
		return hits >= least
	}, nil
}

func (c *compiler) ids(body any) (matcher, error) {
	o, err := object(body, "ids")
	if err != nil {
		return nil, err
	}
	want := map[string]bool{}
	list, ok := o["values"].([]any)
	if !ok {
		list = []any{o["values"]}
	}
	for _, v := range list {
		want[textOf(v)] = true
	}
	return func(d *Doc, _ [][]Value) bool { return want[d.ID] }, nil
}

func (c *compiler) exists(body any) (matcher, error) {
	o, err := object(body, "exists")
	if err != nil {
		return nil, err
	}
	name, ok := o["field"].(string)
	if !ok || name == "" {
		return nil, refuse("[exists] must be provided with a [field]")
	}
	slot := c.slot(name)
	return func(_ *Doc, row [][]Value) bool { return len(row[slot]) > 0 }, nil
}

// textOf writes a JSON scalar as text.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// field compiles a query of the form {kind: {field: parameters}}.
func (c *compiler) field(kind string, body any, must bool) (matcher, error) {
	o, err := object(body, kind)
	if err != nil {
		return nil, err
	}
	if kind == "terms" {
		o = maps.Clone(o)
		delete(o, "boost")
	}
	name, params, err := single(o, kind)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "terms":
		return c.terms(name, params)
	case "range":
		return c.between(name, params, must)
	}
	value, fold := params, false
	if p, ok := params.(map[string]any); ok {
		fold, _ = p["case_insensitive"].(bool)
		for _, member := range []string{"value", "query", kind} {
			if v, has := p[member]; has {
				value = v
				break
			}
		}
	}
	if _, bad := value.(map[string]any); bad || value == nil {
		return nil, refuse("[%s] query on [%s] has no value", kind, wire.Clip(name))
	}
	return c.compare(kind, name, value, fold)
}

// compare compiles the queries that compare a field's values with one value.
func (c *compiler) compare(kind, name string, value any, fold bool) (matcher, error) {
	if kind == "term" || kind == "match" {
		if _, isText := value.(string); !isText || kind == "term" && !fold {
			return c.terms(name, []any{value})
		}
	}
	want := textOf(value)
	var test func(string) bool
	switch kind {
	case "prefix":
		test = func(s string) bool { return strings.HasPrefix(s, want) }
	case "wildcard":
		test = func(s string) bool { return match.Wildcard(want, s) }
	case "term":
		test = func(s string) bool { return strings.EqualFold(s, want) }
	case "match":
		return c.words(name, want, false), nil
	default:
		return c.words(name, want, true), nil
	}
	if fold {
		want = strings.ToLower(want)
		inner := test
		test = func(s string) bool { return inner(strings.ToLower(s)) }
	}
	if name == "_id" {
		return func(d *Doc, _ [][]Value) bool { return test(d.ID) }, nil
	}
	if name == "_index" {
		return func(d *Doc, _ [][]Value) bool { return test(d.Index) }, nil
	}
	slot := c.slot(name)
	return func(_ *Doc, row [][]Value) bool {
		return slices.ContainsFunc(row[slot], func(v Value) bool { return v.Kind != Number && test(v.Text) })
	}, nil
}

// words compiles a query of full text: any of its words, or all in a row.
func (c *compiler) words(name, text string, phrase bool) matcher {
	slot, want := c.slot(name), tokens(text)
	number, isNumber := dateOf(text, c.now)
	return func(_ *Doc, row [][]Value) bool {
		for _, v := range row[slot] {
			if v.Kind == Number {
				if isNumber && v.Num == number || textOf(v.Num) == text {
					return true
				}
				continue
			}
			have := tokens(v.Text)
			for i := range have {
				switch {
				case phrase && i+len(want) <= len(have) && slices.Equal(have[i:i+len(want)], want):
					return true
				case !phrase && slices.Contains(want, have[i]):
					return true
				}
			}
		}
		return false
	}
}

// tokens are the words of a text in lower case.
func tokens(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r != '_' && r < 0x80 && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

// terms compiles "one of these values".
func (c *compiler) terms(name string, params any) (matcher, error) {
	list, ok := params.([]any)
	if !ok {
		return nil, refuse("[terms] query on [%s] needs a list of values", wire.Clip(name))
	}
	if len(list) > maxTerms {
		return nil, refuse("[terms] query on [%s] has more than %d values", wire.Clip(name), maxTerms)
	}
	texts, numbers := map[string]bool{}, map[float64]bool{}
	for _, v := range list {
		switch v := v.(type) {
		case string:
			texts[v] = true
			if ms, ok := dateOf(v, c.now); ok {
				numbers[ms] = true
			}
			if n, ok := parseNumber(v); ok {
				numbers[n] = true
			}
		case float64:
			numbers[v] = true
			texts[textOf(v)] = true
		case bool:
			texts[textOf(v)] = true
		default:
			return nil, refuse("[terms] query on [%s] has a value that is no text, number or boolean", wire.Clip(name))
		}
	}
	switch name {
	case "_id":
		return func(d *Doc, _ [][]Value) bool { return texts[d.ID] }, nil
	case "_index":
		return func(d *Doc, _ [][]Value) bool { return texts[d.Index] }, nil
	}
	slot := c.slot(name)
	return func(_ *Doc, row [][]Value) bool {
		for _, v := range row[slot] {
			if v.Kind == Number && numbers[v.Num] || v.Kind != Number && texts[v.Text] {
				return true
			}
		}
		return false
	}, nil
}
