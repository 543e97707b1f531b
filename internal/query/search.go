package query

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/mapping"
	"tidemark/wire"
)

// MaxWindow bounds from plus size of one search.
const MaxWindow = 10_000

// defaultTotal is up to where hits are counted unless the request says otherwise.
const defaultTotal = 10_000

// Search is one search request with what it has gathered.
type Search struct {
	c    *compiler
	test matcher
	post matcher
	hits *hits
	aggs *group
	top  *set
	// total counts the documents that match, up to limit; enough ends the search.
	total, limit, enough int64
	terminated           bool
	plan                 Plan
}

// Plan is what a source needs to look at. Where it is narrower than all
// documents, the source may show the others nevertheless.
type Plan struct {
	// FromMs and ToMs bound the times [FromMs, ToMs) of the source's time field.
	FromMs, ToMs int64
	// ByTime: documents are best shown in order of that field, Descending with the
	// latest first; the search is then over early.
	ByTime, Descending bool
	// BySeq: documents are best shown in the order of their numbers, and those up
	// to AfterSeq need not be shown.
	BySeq    bool
	AfterSeq int64
	// TimesOnly: only the field's values matter, no document is read otherwise.
	TimesOnly bool
	// counts and takes say what is done with the documents that match.
	counts, takes bool
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
	"docvalue_fields": true, "terminate_after": true, "pit": true, "preference": true, "profile": true, "explain": true, "post_filter": true, "ext": true,
	"min_score": true, "indices_boost": true, "stats": true, "highlight": true, "query": true, "aggs": true, "aggregations": true,
	"from": true, "size": true, "sort": true, "_source": true, "track_total_hits": true, "search_after": true, "fields": true, "typed_keys": true}

// unsupported are members that mean something this index cannot do, with what does
// about the same.
var unsupported = map[string]string{
	"collapse":         "give a terms aggregation with top_hits inside",
	"script_fields":    "compute the value when documents are written, or from the answer",
	"runtime_mappings": "compute the value when documents are written",
	"slice":            "page by one point in time or scroll",
	"suggest":          "give a prefix or wildcard query",
	"rescore":          "give a sort", "rank": "give a sort", "retriever": "give a query and a sort", "knn": "give a query and a sort",
}

// New compiles a decoded request. The error is a *wire.Refusal.
func New(o map[string]any, now time.Time) (*Search, error) {
	s := &Search{c: newCompiler(now), limit: defaultTotal, enough: math.MaxInt64}
	s.c.typed = o["typed_keys"] == true
	for _, name := range slices.Sorted(maps.Keys(o)) {
		switch {
		case unsupported[name] != "":
			return nil, refuseAt(name, "[%s] is not supported in a search request, which filters, sorts and aggregates documents here; %s", name, unsupported[name])
		case !known[name]:
			return nil, refuseAt(name, "unknown key [%s] in a search request", wire.Clip(name))
		}
	}
	var err error
	if o["query"] != nil {
		if s.test, err = s.c.query(o["query"], 0, true); err != nil {
			return nil, err
		}
	}
	if o["post_filter"] != nil {
		if s.post, err = s.c.query(o["post_filter"], 0, false); err != nil {
			return nil, err
		}
	}
	aggs := o["aggs"]
	if aggs == nil {
		aggs = o["aggregations"]
	} else if o["aggregations"] != nil {
		return nil, refuseAt("aggregations", "the request has both [aggs] and [aggregations]; give one")
	}
	if s.aggs, err = s.c.aggregations(aggs, 0); err != nil {
		return nil, err
	}
	if s.hits, err = s.c.hits(o, 10, false); err != nil {
		return nil, err
	}
	if err := s.bounds(o); err != nil {
		return nil, err
	}
	s.top = s.aggs.newSet()
	s.Start(s.Plans("")[0])
	return s, nil
}

// bounds reads how far is counted.
func (s *Search) bounds(o map[string]any) error {
	switch v := o["track_total_hits"].(type) {
	case nil:
	case bool:
		s.limit = 0
		if v {
			s.limit = math.MaxInt64
		}
	case float64:
		if v < -1 || v != math.Trunc(v) || v > math.MaxInt32 {
			return refuseAt("track_total_hits", "[track_total_hits] must be a boolean or a whole number and not negative")
		}
		s.limit = max(int64(v), 0)
	default:
		return refuseAt("track_total_hits", "[track_total_hits] must be a boolean or a whole number")
	}
	if v := o["terminate_after"]; v != nil {
		n, ok := v.(float64)
		if !ok || n < 0 || n > math.MaxInt32 {
			return refuseAt("terminate_after", "[terminate_after] must be a whole number and not negative")
		}
		if n > 0 {
			s.enough = int64(n)
		}
	}
	return nil
}

// Plans are what a source shows to the search, one after the other, each between
// Start and the end. timeField is the field that the source can narrow and order
// by, "" if there is none.
func (s *Search) Plans(timeField string) []Plan {
	p := Plan{FromMs: math.MinInt64, ToMs: math.MaxInt64, counts: true, takes: true}
	if both := s.c.narrowed[timeField]; both != nil && timeField != "" {
		b := &both.times
		if s.c.types[slices.Index(s.c.paths, timeField)].Type != mapping.Date {
			b = &both.numbers
		}
		if b.from > -math.MaxInt64 {
			p.FromMs = int64(math.Ceil(b.from))
		}
		if b.to < math.MaxInt64 {
			p.ToMs = int64(math.Ceil(b.to))
		}
	}
	h := s.hits
	if h.size == 0 || len(h.keys) == 0 {
		p.TimesOnly = timeField != "" && h.size == 0 && s.c.only(timeField)
		return []Plan{p}
	}
	first := h.keys[0]
	byTime := timeField != "" && first.slot >= 0 && s.c.paths[first.slot] == timeField
	if len(s.aggs.names) > 0 || !byTime && first.slot != slotDoc || first.slot == slotDoc && first.descending {
		return []Plan{p}
	}
	p.ByTime, p.BySeq, p.Descending = byTime, !byTime, first.descending
	if h.after == nil || h.after[0].Kind == 0 {
		return []Plan{p}
	}
	// Documents before the page are counted by themselves, then skipped.
	page := p
	page.counts = false
	switch at := h.after[0].Num; {
	case h.after[0].Kind == Text:
		return []Plan{p}
	case !byTime:
		page.AfterSeq = int64(at)
	case page.Descending:
		page.ToMs = min(page.ToMs, int64(at)+1)
	default:
		page.FromMs = max(page.FromMs, int64(at))
	}
	if s.limit == 0 {
		return []Plan{page}
	}
	p.takes, p.ByTime, p.BySeq = false, false, false
	return []Plan{p, page}
}

// Must are the texts of which every match has one in a field, nil if matches may
// have any.
func (s *Search) Must(field string) []string { return s.c.must[field] }

// AtLeast is the least number that every match has in a field.
func (s *Search) AtLeast(field string) (least float64, bounded bool) {
	b := s.c.narrowed[field]
	if b == nil || math.IsInf(b.numbers.from, 0) {
		return 0, false
	}
	return b.numbers.from, true
}

// Start begins with a plan.
func (s *Search) Start(p Plan) { s.plan = p }

// Begin tells the types of the fields of the documents that follow, nil for
// documents that speak for themselves. The error is a *wire.Refusal.
func (s *Search) Begin(types *mapping.Fields) error {
	s.c.begin(types)
	s.hits.types = types
	return s.hits.begin(s.c.fields)
}

// CountOnly reports whether matching documents need not be looked into.
func (s *Search) CountOnly() bool {
	return s.test == nil && s.post == nil && len(s.aggs.names) == 0 && s.hits.size == 0 && s.enough == math.MaxInt64
}

// AddCount counts documents that were not visited.
func (s *Search) AddCount(n int64) { s.total += n }

// Visit takes a document, whose Source may be changed afterwards. more is false
// when no later one of the plan can change the answer. The error is a
// *wire.Refusal: the answer would be too large.
func (s *Search) Visit(d *Doc) (more bool, err error) {
	if d.Source == nil {
		s.c.readTime(d)
	} else {
		s.c.read(d.Source)
	}
	if s.test != nil && !s.test(d, s.c.row) {
		return s.more(d), nil
	}
	if s.post == nil || s.post(d, s.c.row) {
		if s.plan.counts {
			s.total++
		}
		if s.plan.takes {
			s.hits.take(d, s.c.row)
		}
	}
	if s.plan.takes {
		for _, a := range s.top.inner {
			a.add(d, s.c.row)
		}
	}
	if s.plan.counts && s.total >= s.enough {
		s.terminated = true
		return false, nil
	}
	return s.more(d), s.c.budget.err
}

// more reports whether documents behind this one can change the answer.
func (s *Search) more(d *Doc) bool {
	if len(s.aggs.names) > 0 || s.plan.counts && s.total <= s.limit && s.limit > 0 {
		return true
	}
	return s.plan.takes && s.hits.wants(d, &s.plan)
}

// Terminated reports whether the request's own bound ended the search.
func (s *Search) Terminated() bool { return s.terminated }

// Total is how many documents match.
func (s *Search) Total() int64 { return s.total }

// Aggregates reports whether the request has aggregations.
func (s *Search) Aggregates() bool { return len(s.aggs.names) > 0 }

// Answer is the response's hits and aggregations. The error is a *wire.Refusal:
// the answer would be too large.
func (s *Search) Answer() (map[string]any, error) {
	found := s.hits.answer()
	if s.limit > 0 {
		total := map[string]any{"value": s.total, "relation": "eq"}
		if s.total > s.limit {
			total["value"], total["relation"] = s.limit, "gte"
		}
		found["total"] = total
	}
	out := map[string]any{"hits": found}
	if s.terminated {
		out["terminated_early"] = true
	} else if s.enough != math.MaxInt64 {
		out["terminated_early"] = false
	}
	if len(s.aggs.names) > 0 {
		out["aggregations"] = s.aggs.fill(map[string]any{}, s.top)
	}
	return out, s.c.budget.err
}

// Unlimited keeps every document that matches, for readers inside the server that
// ask for a bounded range.
func (s *Search) Unlimited() {
	s.hits.from, s.hits.size, s.limit = 0, math.MaxInt32, math.MaxInt64
	s.c.budget.limit = math.MaxInt64
	s.Start(s.Plans("")[0])
}

// Raw is a hit's document for readers inside the server, in order.
func (s *Search) Raw() []Doc {
	s.hits.cut(s.hits.from + s.hits.size)
	var docs []Doc
	for _, x := range s.hits.list[min(s.hits.from, len(s.hits.list)):] {
		docs = append(docs, Doc{Index: x.index, ID: x.id, Version: x.version, Seq: x.seq, Source: x.source})
	}
	return docs
}
