package query

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/internal/mapping"
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

func all(*Doc, [][]Value) bool  { return true }
func none(*Doc, [][]Value) bool { return false }

// compiler turns the parts of a request into functions over the fields they
// name.
type compiler struct {
	*fields
	now     time.Time
	clauses int
	// typed: aggregations are answered with their types in their names.
	typed bool
	// narrowed are the values that every match has, by field, so that a source can
	// leave out other times.
	narrowed map[string]*bounds
	// must are the texts that a field of every match has one of, by field.
	must map[string][]string
	// whole: more of the documents than their fields is looked at.
	whole  bool
	budget budget
}

// bound is a range [from, to) of numbers, or of times in milliseconds.
type bound struct{ from, to float64 }

func everything() bound { return bound{math.Inf(-1), math.Inf(1)} }

// bounds are the values of a field that match, if they are times and if they are
// numbers.
type bounds struct{ times, numbers bound }

func newCompiler(now time.Time) *compiler {
	return &compiler{fields: newFields(), now: now, narrowed: map[string]*bounds{}, must: map[string][]string{}, budget: budget{limit: maxHeld}}
}

// only reports whether nothing but one field of the documents is looked at.
func (c *compiler) only(path string) bool {
	return !c.whole && (len(c.paths) == 0 || len(c.paths) == 1 && c.paths[0] == path)
}

// readTime takes the values of a document of which only the time is known.
func (c *compiler) readTime(d *Doc) {
	for i := range c.row {
		v := Value{Kind: Number, Num: float64(d.AtMs)}
		if c.types[i].Type == mapping.Date {
			v.Kind = Date
		}
		c.row[i] = append(c.row[i][:0], v)
	}
}

func refuse(format string, args ...any) error {
	return wire.Refuse(wire.TypeParsing, format, args...)
}

// Misplaced is an error about a member of the request, by name, so that whoever
// has the request's text can say where it stands.
type Misplaced struct {
	*wire.Refusal
	Member string
}

// Unwrap returns the refusal.
func (m *Misplaced) Unwrap() error { return m.Refusal }

// refuseAt refuses a member of the request.
func refuseAt(member, format string, args ...any) error {
	return &Misplaced{wire.Refuse(wire.TypeParsing, format, args...), member}
}

// object reads a JSON object that has one of a kind of thing.
func object(v any, what string) (map[string]any, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, refuseAt(what, "[%s] must be an object", wire.Clip(what))
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
		return "", nil, refuseAt(what, "[%s] must have exactly one member, it has %d: [%s]", wire.Clip(what), len(o), wire.Clip(strings.Join(slices.Sorted(maps.Keys(o)), ", ")))
	}
	for name, value = range o { //nolint:revive // The only one.
	}
	return name, value, nil
}

// query compiles a query; must says whether every hit has to match it, which
// lets it bound what is looked at.
func (c *compiler) query(v any, depth int, must bool) (matcher, error) {
	if c.clauses++; c.clauses > maxClauses || depth > maxDepth {
		return nil, refuse("the query has more than %d clauses or is nested deeper than %d; ask for less at once", maxClauses, maxDepth)
	}
	if o, ok := v.(map[string]any); ok && len(o) == 0 {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "query malformed, empty clause found")
	}
	kind, body, err := single(v, "query")
	if err != nil {
		return nil, err
	}
	switch kind {
	case "match_all":
		_, err := members(body, kind)
		return all, err
	case "match_none":
		_, err := members(body, kind)
		return none, err
	case "bool":
		return c.boolean(body, depth, must)
	case "constant_score", "nested", "function_score":
		return c.wrapped(kind, body, depth, must)
	case "dis_max":
		return c.disjunction(body, depth)
	case "ids":
		return c.ids(body)
	case "exists":
		return c.exists(body)
	case "query_string", "simple_query_string":
		return c.queryString(kind, body)
	case "multi_match":
		return c.multiMatch(body)
	case "term", "terms", "prefix", "wildcard", "match", "match_phrase", "match_phrase_prefix", "range":
		return c.field(kind, body, must)
	}
	return nil, refuseAt(kind, "unknown query [%s]; this index knows match_all, match_none, bool, constant_score, dis_max, nested, term, terms, range, exists, prefix, wildcard, ids, match, "+
		"match_phrase, match_phrase_prefix, multi_match, query_string and simple_query_string", wire.Clip(kind))
}

// members reads the object of a query that takes only a boost and a name, beside
// those named.
func members(v any, kind string, names ...string) (map[string]any, error) {
	o, err := object(v, kind)
	if err != nil {
		return nil, err
	}
	for name := range o { // order-free: any unknown one is named
		if name != "boost" && name != "_name" && !slices.Contains(names, name) {
			return nil, refuseAt(name, "[%s] query does not support [%s]", kind, wire.Clip(name))
		}
	}
	return o, nil
}

// wrapped compiles a query around another that changes only scores, or that
// joins parts which here are one document anyway.
func (c *compiler) wrapped(kind string, body any, depth int, must bool) (matcher, error) {
	inner := map[string]string{"constant_score": "filter", "nested": "query", "function_score": "query"}[kind]
	o, err := members(body, kind, inner, "path", "score_mode", "ignore_unmapped", "functions", "boost_mode", "max_boost", "min_score")
	if err != nil {
		return nil, err
	}
	if o[inner] == nil {
		return nil, refuseAt(kind, "[%s] requires [%s]", kind, inner)
	}
	return c.query(o[inner], depth+1, must)
}

func (c *compiler) disjunction(body any, depth int) (matcher, error) {
	o, err := members(body, "dis_max", "queries", "tie_breaker")
	if err != nil {
		return nil, err
	}
	list, _ := o["queries"].([]any)
	if len(list) == 0 {
		return nil, refuseAt("dis_max", "[dis_max] requires a list of [queries]")
	}
	var tests []matcher
	for _, v := range list {
		m, err := c.query(v, depth+1, false)
		if err != nil {
			return nil, err
		}
		tests = append(tests, m)
	}
	return anyOf(tests), nil
}

func anyOf(tests []matcher) matcher {
	if len(tests) == 1 {
		return tests[0]
	}
	return func(d *Doc, row [][]Value) bool {
		for _, m := range tests {
			if m(d, row) {
				return true
			}
		}
		return false
	}
}

// boolean compiles a bool query.
func (c *compiler) boolean(body any, depth int, must bool) (matcher, error) {
	o, err := object(body, "bool")
	if err != nil {
		return nil, err
	}
	var all, some, none []matcher
	var least any
	for _, name := range slices.Sorted(maps.Keys(o)) {
		switch name {
		case "must", "filter", "should", "must_not":
		case "minimum_should_match":
			least = o[name]
			continue
		case "boost", "_name", "adjust_pure_negative":
			continue
		default:
			return nil, refuseAt(name, "[bool] query does not support [%s]", wire.Clip(name))
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
	need := 0
	if len(some) > 0 && len(all) == 0 {
		need = 1
	}
	if least != nil {
		if need, err = leastOf(least, len(some)); err != nil {
			return nil, err
		}
	}
	return boolMatcher(all, some, none, need), nil
}

// leastOf reads minimum_should_match: a number, of those to leave out if it is
// negative, or a share in percent.
func leastOf(v any, of int) (int, error) {
	text := strings.TrimSpace(textOf(v))
	share, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(share)
	if err != nil {
		return 0, refuseAt("minimum_should_match", "[minimum_should_match] must be a whole number or a percentage, not [%s]", wire.Clip(text))
	}
	if percent {
		n = int(float64(of) * float64(n) / 100)
	}
	if n < 0 {
		n += of
	}
	return max(n, 0), nil
}

func boolMatcher(all, some, none []matcher, need int) matcher {
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
			if hits >= need {
				break
			}
			if m(d, row) {
				hits++
			}
		}
		return hits >= need
	}
}

func (c *compiler) ids(body any) (matcher, error) {
	o, err := members(body, "ids", "values", "type")
	if err != nil {
		return nil, err
	}
	if o["values"] == nil {
		return nil, refuseAt("ids", "[ids] requires [values], a list of ids")
	}
	want := map[string]bool{}
	list, ok := o["values"].([]any)
	if !ok {
		list = []any{o["values"]}
	}
	for _, v := range list {
		want[textOf(v)] = true
	}
	c.whole = true
	return func(d *Doc, _ [][]Value) bool { return want[d.ID] }, nil
}

func (c *compiler) exists(body any) (matcher, error) {
	o, err := members(body, "exists", "field")
	if err != nil {
		return nil, err
	}
	name, ok := o["field"].(string)
	if !ok || name == "" {
		return nil, refuseAt("exists", "[exists] must be provided with a [field]")
	}
	return c.has(name), nil
}

// has compiles "the field, or something below it, has a value".
func (c *compiler) has(name string) matcher {
	if name == "_id" || name == "_index" {
		return all
	}
	slot := c.slot(name)
	return func(_ *Doc, row [][]Value) bool { return len(row[slot]) > 0 }
}

// textOf writes a JSON scalar as text.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return numberText(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// numberText writes a number as JSON would.
func numberText(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatInt(int64(v), 10)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// fieldParams are what the queries of one field take beside their value.
var fieldParams = map[string][]string{
	"term":                {"value", "term", "case_insensitive"},
	"prefix":              {"value", "prefix", "case_insensitive", "rewrite"},
	"wildcard":            {"value", "wildcard", "case_insensitive", "rewrite"},
	"match":               {"query", "operator", "minimum_should_match", "analyzer", "lenient", "zero_terms_query", "fuzziness", "prefix_length", "max_expansions", "auto_generate_synonyms_phrase_query", "type"},
	"match_phrase":        {"query", "slop", "analyzer", "zero_terms_query"},
	"match_phrase_prefix": {"query", "slop", "analyzer", "zero_terms_query", "max_expansions"},
}

// field compiles a query of the form {kind: {field: parameters}}.
func (c *compiler) field(kind string, body any, must bool) (matcher, error) {
	o, err := object(body, kind)
	if err != nil {
		return nil, err
	}
	o = maps.Clone(o)
	delete(o, "boost")
	delete(o, "_name")
	if len(o) != 1 {
		return nil, refuseAt(kind, "[%s] query takes one field, it has %d", kind, len(o))
	}
	name, params, err := single(o, kind)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "terms":
		return c.terms(kind, name, params, must)
	case "range":
		return c.between(name, params, must)
	}
	value, p := params, map[string]any{}
	if inner, ok := params.(map[string]any); ok {
		if p, err = members(inner, kind, fieldParams[kind]...); err != nil {
			return nil, err
		}
		value = nil
		for _, member := range []string{"value", "query", kind} {
			if v, has := p[member]; has {
				value = v
				break
			}
		}
	}
	switch value.(type) {
	case string, float64, bool:
	default:
		return nil, refuseAt(name, "[%s] query on [%s] needs one text, number or boolean", kind, wire.Clip(name))
	}
	return c.compare(kind, name, value, p, must)
}

// compare compiles the queries that compare a field's values with one value.
func (c *compiler) compare(kind, name string, value any, p map[string]any, must bool) (matcher, error) {
	fold := p["case_insensitive"] == true || p["case_insensitive"] == "true"
	want := textOf(value)
	var test func(string) bool
	switch kind {
	case "term":
		if !fold {
			return c.terms(kind, name, []any{value}, must)
		}
		test = func(s string) bool { return strings.EqualFold(s, want) }
	case "prefix":
		test = func(s string) bool { return strings.HasPrefix(s, want) }
	case "wildcard":
		test = func(s string) bool { return match.Wildcard(want, s) }
	case "match":
		if _, isText := value.(string); !isText {
			return c.terms(kind, name, []any{value}, must)
		}
		every := strings.EqualFold(textOf(p["operator"]), "and")
		return c.words(name, want, every, p["minimum_should_match"])
	default:
		return c.phrase(name, want, kind == "match_phrase_prefix"), nil
	}
	if fold && kind != "term" {
		want = strings.ToLower(want)
		inner := test
		test = func(s string) bool { return inner(strings.ToLower(s)) }
	}
	return c.texts(name, test), nil
}

// texts compiles a test of a field's texts.
func (c *compiler) texts(name string, test func(string) bool) matcher {
	switch name {
	case "_id":
		c.whole = true
		return func(d *Doc, _ [][]Value) bool { return test(d.ID) }
	case "_index":
		c.whole = true
		return func(d *Doc, _ [][]Value) bool { return test(d.Index) }
	}
	slot := c.slot(name)
	return func(_ *Doc, row [][]Value) bool {
		return slices.ContainsFunc(row[slot], func(v Value) bool { return (v.Kind == Text || v.Kind == Bool) && test(v.Text) })
	}
}

// terms compiles "one of these values".
func (c *compiler) terms(kind, name string, params any, must bool) (matcher, error) {
	list, ok := params.([]any)
	if !ok {
		return nil, refuseAt(name, "[terms] query on [%s] needs a list of values", wire.Clip(name))
	}
	if len(list) > maxTerms {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "[terms] query on [%s] has more than %d values", wire.Clip(name), maxTerms)
	}
	texts, numbers, dates := map[string]bool{}, map[float64]bool{}, &dateSet{}
	for _, v := range list {
		switch v := v.(type) {
		case string:
			texts[v] = true
			if n, ok := parseNumber(v); ok {
				numbers[n] = true
			}
			dates.add(c, v)
		case float64:
			numbers[v] = true
			dates.moments = append(dates.moments, bound{v, v + 1})
			texts[textOf(v)] = true
		case bool:
			texts[textOf(v)] = true
		default:
			return nil, refuseAt(name, "[%s] query on [%s] has a value that is no text, number or boolean", kind, wire.Clip(name))
		}
	}
	if _, bound := c.must[name]; must && !bound {
		c.must[name] = append([]string{}, slices.Sorted(maps.Keys(texts))...)
	}
	switch name {
	case "_id", "_index":
		return c.texts(name, func(s string) bool { return texts[s] }), nil
	}
	slot := c.slot(name)
	return func(_ *Doc, row [][]Value) bool {
		for _, v := range row[slot] {
			switch v.Kind {
			case Number:
				if numbers[v.Num] {
					return true
				}
			case Date:
				if dates.has(v.Num) {
					return true
				}
			default:
				if texts[v.Text] {
					return true
				}
			}
		}
		return false
	}, nil
}

// dateSet are the spans of time that dates name: a day is all of its moments.
type dateSet struct{ moments []bound }

func (s *dateSet) add(c *compiler, text string) {
	from, ok := dateOf(text, c.now, "", nil, false)
	to, _ := dateOf(text, c.now, "", nil, true)
	if ok {
		s.moments = append(s.moments, bound{from, to + 1})
	}
}

func (s *dateSet) has(ms float64) bool {
	return slices.ContainsFunc(s.moments, func(b bound) bool { return ms >= b.from && ms < b.to })
}
