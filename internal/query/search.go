package query

import (
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// MaxWindow bounds from plus size of one search.
const MaxWindow = 10_000

// Search is one search request with what it has gathered.
type Search struct {
	c    *compiler
	test matcher
	hits *hits
	aggs *group
	top  *set
	// total counts all documents that match.
	total     int64
	hitsTotal bool
}

// Parse reads a search request's body; none asks for everything. The error is a
// *wire.Refusal.
func Parse(body []byte, now time.Time) (*Search, error) {
	o := map[string]any{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &o); err != nil {
			return nil, refuse("the search request cannot be read: %v", err)
		}
	}
	return New(o, now)
}

// ParseQuery reads a query alone, nil for everything.
func ParseQuery(q jsontext.Value, now time.Time) (*Search, error) {
	if len(q) == 0 {
		return New(map[string]any{}, now)
	}
	var v any
	if err := json.Unmarshal(q, &v); err != nil {
		return nil, refuse("the query cannot be read: %v", err)
	}
	return New(map[string]any{"query": v}, now)
}

// known are the members of a request that are read, or that change nothing here.
var known = map[string]bool{"track_scores": true, "timeout": true, "version": true, "seq_no_primary_term": true, "stored_fields": true,
	"docvalue_fields": true, "terminate_after": true, "pit": true, "preference": true, "profile": true, "explain": true,
	"min_score": true, "indices_boost": true, "stats": true, "highlight": true, "query": true, "aggs": true, "aggregations": true,
	"from": true, "size": true, "sort": true, "_source": true, "track_total_hits": true, "search_after": true, "fields": true, "typed_keys": true}

// New compiles a decoded request.
func New(o map[string]any, now time.Time) (*Search, error) {
	s := &Search{c: &compiler{fields: newFields(), now: now, timeBound: map[string]*bound{}}, hitsTotal: true}
	s.c.typed = o["typed_keys"] == true
	for name := range o { // The refusal names any one of them.
		if !known[name] {
			return nil, refuse("unknown key [%s] in a search request", wire.Clip(name))
		}
	}
	var err error
	if o["query"] != nil {
		if s.test, err = s.c.query(o["query"], 0, true); err != nil {
			return nil, err
		}
	}
	aggs := o["aggs"]
	if aggs == nil {
		aggs = o["aggregations"]
	} else if o["aggregations"] != nil {
		return nil, refuse("the request has both [aggs] and [aggregations]; give one")
	}
	if s.aggs, err = s.c.aggregations(aggs, 0); err != nil {
		return nil, err
	}
	if s.hits, err = s.c.hits(o, 10); err != nil {
		return nil, err
	}
	s.hitsTotal = o["track_total_hits"] != false
	s.top = s.aggs.newSet()
	return s, nil
}

// Between are the times [from, to) in milliseconds that the request lets through
// for a field; a source may leave out the rest.
func (s *Search) Between(field string) (fromMs, toMs int64) {
	fromMs, toMs = math.MinInt64, math.MaxInt64
	if b := s.c.timeBound[field]; b != nil {
		if b.from > math.MinInt64 {
			fromMs = int64(math.Ceil(b.from))
		}
		if b.to < math.MaxInt64 {
			toMs = int64(math.Ceil(b.to))
		}
	}
	return fromMs, toMs
}

// CountOnly reports whether matching documents need not be looked into.
func (s *Search) CountOnly() bool {
	return s.test == nil && len(s.aggs.names) == 0 && s.hits.size == 0
}

// AddCount counts documents that were not visited.
func (s *Search) AddCount(n int64) { s.total += n }

// Matches reports whether a document matches, without taking it.
func (s *Search) Matches(d *Doc) bool {
	s.c.read(d.Source)
	return s.test == nil || s.test(d, s.c.row)
}

// Visit takes a document. Its Source may be changed afterwards.
func (s *Search) Visit(d *Doc) {
	s.c.read(d.Source)
	if s.test != nil && !s.test(d, s.c.row) {
		return
	}
	s.total++
	s.hits.take(d, s.c.row)
	for _, a := range s.top.inner {
		a.add(d, s.c.row)
	}
}

// Total is how many documents match.
func (s *Search) Total() int64 { return s.total }

// Answer is the response's hits and aggregations.
func (s *Search) Answer() map[string]any {
	found := s.hits.answer()
	if s.hitsTotal {
		found["total"] = map[string]any{"value": s.total, "relation": "eq"}
	} else {
		delete(found, "total")
	}
	out := map[string]any{"hits": found}
	if len(s.aggs.names) > 0 {
		out["aggregations"] = s.aggs.fill(map[string]any{}, s.top)
	}
	return out
}

// Values are the values of a path in a document, for readers of single fields.
func Values(doc []byte, path string) []Value {
	f := newFields()
	slot := f.slot(path)
	f.read(doc)
	return f.row[slot]
}

// Millis is the time that a document's field holds.
func Millis(doc []byte, path string) (int64, bool) {
	for _, v := range Values(doc, path) {
		if ms, ok := v.millis(); ok {
			return int64(ms), true
		}
	}
	return 0, false
}

// sourceFilter says which parts of a document a hit shows.
type sourceFilter struct {
	none              bool
	includes, exclude []string
}

func sourceOf(v any) (f sourceFilter, err error) {
	texts := func(v any) (list []string) {
		switch v := v.(type) {
		case string:
			list = []string{v}
		case []any:
			for _, x := range v {
				list = append(list, textOf(x))
			}
		}
		return list
	}
	switch v := v.(type) {
	case nil:
	case bool:
		f.none = !v
	case string, []any:
		f.includes = texts(v)
	case map[string]any:
		f.includes, f.exclude = append(texts(v["includes"]), texts(v["include"])...), append(texts(v["excludes"]), texts(v["exclude"])...)
	default:
		err = refuse("[_source] must be a boolean, a field, a list of fields, or an object with includes and excludes")
	}
	return f, err
}

// apply is the document as the hit shows it.
func (f *sourceFilter) apply(doc []byte) jsontext.Value {
	if len(f.includes) == 0 && len(f.exclude) == 0 {
		return doc
	}
	var tree map[string]any
	if json.Unmarshal(doc, &tree) != nil {
		return doc
	}
	out, err := json.Marshal(f.prune(tree, ""), json.Deterministic(true))
	if err != nil {
		return doc
	}
	return out
}

func (f *sourceFilter) prune(tree map[string]any, above string) map[string]any {
	out := map[string]any{}
	for name, v := range tree {
		path := above + name
		if anyPath(f.exclude, path, false) {
			continue
		}
		inner, isObject := v.(map[string]any)
		switch {
		case len(f.includes) == 0 || anyPath(f.includes, path, false):
			if isObject && len(f.exclude) > 0 {
				sub := sourceFilter{exclude: f.exclude}
				v = sub.prune(inner, path+".")
			}
			out[name] = v
		case isObject && anyPath(f.includes, path, true):
			out[name] = f.prune(inner, path+".")
		}
	}
	return out
}

// anyPath reports whether a path is chosen by a pattern, or (above) leads to one
// that may be.
func anyPath(patterns []string, path string, above bool) bool {
	for _, p := range patterns {
		if above && (strings.HasPrefix(p, path+".") || strings.HasPrefix(p, "*")) || !above && (matchPath(p, path) || strings.HasPrefix(path, p+".")) {
			return true
		}
	}
	return false
}
