package query

import (
	"maps"
	"slices"

	"tidemark/wire"
)

// collector gathers one aggregation over the documents of one bucket.
type collector interface {
	add(d *Doc, row [][]Value)
	result() any
}

// maker makes collectors of one aggregation: one for each bucket around it.
type maker func() collector

// group is a set of named aggregations side by side.
type group struct {
	names []string
	// kinds are the types, for clients that ask for them in the names.
	kinds  []string
	typed  bool
	makers []maker
}

// set is a bucket's count and its inner aggregations.
type set struct {
	count int64
	inner []collector
}

func (g *group) newSet() *set {
	s := &set{inner: make([]collector, len(g.makers))}
	for i, m := range g.makers {
		s.inner[i] = m()
	}
	return s
}

func (s *set) add(d *Doc, row [][]Value) {
	s.count++
	for _, c := range s.inner {
		c.add(d, row)
	}
}

// fill writes a bucket's results into out.
func (g *group) fill(out map[string]any, s *set) map[string]any {
	for i, c := range s.inner {
		r := c.result()
		out[g.typedName(i, r)] = r
	}
	return out
}

// typedName is the name under which an aggregation is answered.
func (g *group) typedName(i int, r any) string {
	if !g.typed {
		return g.names[i]
	}
	kind := g.kinds[i]
	switch kind {
	case "terms":
		kind = "sterms"
		if m, ok := r.(map[string]any); ok {
			if list, ok := m["buckets"].([]any); ok && len(list) > 0 {
				if _, isText := list[0].(map[string]any)["key"].(string); !isText {
					kind = "dterms"
				}
			}
		}
	case "percentiles":
		kind = "tdigest_percentiles"
	}
	return kind + "#" + g.names[i]
}

// kindOf is the type of an aggregation that was compiled already.
func kindOf(v any) string {
	o, _ := v.(map[string]any)
	for member := range o { // order-free: only one is the type
		if member != "aggs" && member != "aggregations" && member != "meta" {
			return member
		}
	}
	return ""
}

// aggregations compiles a request's aggregations.
func (c *compiler) aggregations(v any, depth int) (*group, error) {
	g := &group{typed: c.typed}
	if v == nil {
		return g, nil
	}
	o, err := object(v, "aggregations")
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, refuse("aggregations are nested deeper than %d", maxDepth)
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if c.clauses++; c.clauses > maxClauses {
			return nil, refuse("the request has more than %d clauses; ask for less at once", maxClauses)
		}
		m, err := c.aggregation(o[name], name, depth)
		if err != nil {
			return nil, err
		}
		g.names = append(g.names, name)
		g.kinds = append(g.kinds, kindOf(o[name]))
		g.makers = append(g.makers, m)
	}
	return g, nil
}

// aggregation compiles one of them with those inside it.
func (c *compiler) aggregation(v any, name string, depth int) (maker, error) {
	o, err := object(v, name)
	if err != nil {
		return nil, err
	}
	kind, inner := "", any(nil)
	for _, member := range slices.Sorted(maps.Keys(o)) {
		switch {
		case member == "aggs" || member == "aggregations":
			if inner != nil {
				return nil, refuse("[%s] has both [aggs] and [aggregations]; give one", wire.Clip(name))
			}
			inner = o[member]
		case member == "meta":
		case kind != "":
			return nil, refuse("[%s] names two types of aggregation, [%s] and [%s]; give one", wire.Clip(name), kind, wire.Clip(member))
		default:
			kind = member
		}
	}
	sub, err := c.aggregations(inner, depth+1)
	if err != nil {
		return nil, err
	}
	params, err := object(o[kind], name)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "terms":
		return c.termsAgg(params, sub)
	case "date_histogram", "histogram":
		return c.histogram(kind, params, sub)
	case "composite":
		return c.composite(params, sub)
	case "filter":
		return c.filterAgg(params, sub, depth)
	case "filters":
		return c.filtersAgg(params, sub, depth)
	case "top_hits":
		return c.topHits(params)
	}
	if len(sub.names) > 0 {
		return nil, refuse("[%s] of type [%s] cannot have aggregations inside it", wire.Clip(name), wire.Clip(kind))
	}
	return c.metric(kind, params, name)
}

// fieldOf is the slot of the field that an aggregation works on.
func (c *compiler) fieldOf(params map[string]any, kind string) (int, error) {
	if _, scripted := params["script"]; scripted {
		return 0, refuse("[%s] by a script is not supported; aggregate a field", kind)
	}
	name, ok := params["field"].(string)
	if !ok || name == "" {
		return 0, refuse("required one of fields [field], but none was specified for [%s]", kind)
	}
	return c.slot(name), nil
}

// filterSet is a filter with what is in it.
type filterSet struct {
	test matcher
	in   *set
	g    *group
}

func (f *filterSet) add(d *Doc, row [][]Value) {
	if f.test(d, row) {
		f.in.add(d, row)
	}
}

func (f *filterSet) result() any {
	return f.g.fill(map[string]any{"doc_count": f.in.count}, f.in)
}

func (c *compiler) filterAgg(params map[string]any, sub *group, depth int) (maker, error) {
	test, err := c.query(params, depth+1, false)
	return func() collector { return &filterSet{test: test, in: sub.newSet(), g: sub} }, err
}

// filterSets are several named filters.
type filterSets struct {
	names []string
	sets  []collector
}

func (f *filterSets) add(d *Doc, row [][]Value) {
	for _, s := range f.sets {
		s.add(d, row)
	}
}

func (f *filterSets) result() any {
	buckets := map[string]any{}
	for i, s := range f.sets {
		buckets[f.names[i]] = s.result()
	}
	return map[string]any{"buckets": buckets}
}

func (c *compiler) filtersAgg(params map[string]any, sub *group, depth int) (maker, error) {
	o, err := object(params["filters"], "filters")
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(o))
	tests := make([]matcher, len(names))
	for i, name := range names {
		if tests[i], err = c.query(o[name], depth+1, false); err != nil {
			return nil, err
		}
	}
	return func() collector {
		f := &filterSets{names: names}
		for _, test := range tests {
			f.sets = append(f.sets, &filterSet{test: test, in: sub.newSet(), g: sub})
		}
		return f
	}, nil
}

// topHits keeps a bucket's first documents by its order.
type topHits struct{ *hits }

func (t *topHits) add(d *Doc, row [][]Value) { t.take(d, row) }

func (t *topHits) result() any { return map[string]any{"hits": t.answer()} }

func (c *compiler) topHits(params map[string]any) (maker, error) {
	h, err := c.hits(params, 3, true)
	return func() collector {
		own := *h
		return &topHits{&own}
	}, err
}
