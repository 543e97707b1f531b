package query

import (
	"maps"
	"slices"
	"strings"

	"tidemark/wire"
)

// collector gathers one aggregation over the documents of one bucket.
type collector interface {
	add(d *Doc, row [][]Value)
	result() map[string]any
}

// maker makes collectors of one aggregation: one for each bucket around it.
type maker func() collector

// group is a set of named aggregations side by side.
type group struct {
	names []string
	// kinds are the types, for clients that ask for them in the names.
	kinds  []string
	metas  []any
	typed  bool
	makers []maker
	// sorts order the buckets that have the group.
	sorts  []*bucketSort
	budget *budget
}

// set is a bucket's count and its inner aggregations.
type set struct {
	count int64
	inner []collector
}

// bytesOfSet and bytesOfCollector are what a bucket and an aggregation in it take
// up, roughly and with what points at them.
const (
	bytesOfSet       = 150
	bytesOfCollector = 150
)

func (g *group) newSet() *set {
	g.budget.hold(bytesOfSet + bytesOfCollector*len(g.makers))
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
		if g.metas[i] != nil {
			r["meta"] = g.metas[i]
		}
		out[g.typedName(i, r)] = r
	}
	return out
}

// bucket is a bucket with its count and what is in it.
func (g *group) bucket(out map[string]any, s *set) map[string]any {
	g.budget.answer(1)
	out["doc_count"] = s.count
	return g.fill(out, s)
}

// typedName is the name under which an aggregation is answered.
func (g *group) typedName(i int, r map[string]any) string {
	if !g.typed {
		return g.names[i]
	}
	kind := g.kinds[i]
	switch kind {
	case "terms":
		kind = termsKind(r["buckets"])
	case "percentiles", "percentile_ranks":
		kind = "tdigest_" + kind
	}
	return kind + "#" + g.names[i]
}

// termsKind tells texts from whole and other numbers.
func termsKind(buckets any) string {
	list, _ := buckets.([]any)
	kind := "sterms"
	for _, b := range list {
		switch key := b.(map[string]any)["key"].(type) {
		case string:
			return "sterms"
		case float64:
			if key != float64(int64(key)) {
				return "dterms"
			}
			kind = "lterms"
		default:
			kind = "lterms"
		}
	}
	return kind
}

// aggregations compiles a request's aggregations.
func (c *compiler) aggregations(v any, depth int) (*group, error) {
	g := &group{typed: c.typed, budget: &c.budget}
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
		if name == "" || strings.ContainsAny(name, "[]>") {
			return nil, refuseAt(name, "Invalid aggregation name [%s]. Aggregation names can contain any character except '[', ']', and '>'", wire.Clip(name))
		}
		if isBucketSort(o[name]) {
			if depth == 0 {
				return nil, refuseAt(name, "bucket_sort aggregation [%s] must be declared inside of another aggregation, whose buckets it sorts", wire.Clip(name))
			}
			continue
		}
		kind, meta, m, err := c.aggregation(o[name], name, depth)
		if err != nil {
			return nil, err
		}
		g.names, g.kinds, g.metas, g.makers = append(g.names, name), append(g.kinds, kind), append(g.metas, meta), append(g.makers, m)
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if isBucketSort(o[name]) {
			s, err := c.bucketSort(o[name], g.names)
			if err != nil {
				return nil, err
			}
			g.sorts = append(g.sorts, s)
		}
	}
	return g, nil
}

// aggregation compiles one of them with those inside it.
func (c *compiler) aggregation(v any, name string, depth int) (kind string, meta any, m maker, err error) {
	o, err := object(v, name)
	if err != nil {
		return "", nil, nil, err
	}
	inner := any(nil)
	for _, member := range slices.Sorted(maps.Keys(o)) {
		switch {
		case member == "aggs" || member == "aggregations":
			if inner != nil {
				return "", nil, nil, refuseAt(member, "[%s] has both [aggs] and [aggregations]; give one", wire.Clip(name))
			}
			inner = o[member]
		case member == "meta":
			meta = o[member]
		case kind != "":
			return "", nil, nil, refuseAt(member, "Found two aggregation type definitions in [%s]: [%s] and [%s]; give one", wire.Clip(name), kind, wire.Clip(member))
		default:
			kind = member
		}
	}
	if kind == "" {
		return "", nil, nil, refuseAt(name, "Missing definition for aggregation [%s]; name a type, such as avg or terms", wire.Clip(name))
	}
	sub, err := c.aggregations(inner, depth+1)
	if err != nil {
		return "", nil, nil, err
	}
	params, err := object(o[kind], kind)
	if err != nil {
		return "", nil, nil, err
	}
	m, err = c.ofKind(kind, name, params, sub, depth)
	return kind, meta, m, err
}

// aggregationParams are what each type of aggregation takes.
var aggregationParams = map[string][]string{
	"terms":            {"field", "size", "shard_size", "min_doc_count", "shard_min_doc_count", "missing", "order", "include", "exclude", "execution_hint", "collect_mode", "value_type", "format", "show_term_doc_count_error"},
	"date_histogram":   {"field", "fixed_interval", "calendar_interval", "interval", "time_zone", "offset", "min_doc_count", "extended_bounds", "hard_bounds", "keyed", "order", "missing", "format"},
	"histogram":        {"field", "interval", "offset", "min_doc_count", "extended_bounds", "hard_bounds", "keyed", "order", "missing", "format"},
	"composite":        {"sources", "size", "after"},
	"range":            {"field", "ranges", "keyed", "missing", "format"},
	"date_range":       {"field", "ranges", "keyed", "missing", "format", "time_zone"},
	"filters":          {"filters", "other_bucket", "other_bucket_key", "keyed"},
	"missing":          {"field", "missing"},
	"sampler":          {"shard_size"},
	"percentiles":      {"field", "percents", "keyed", "missing", "tdigest", "hdr", "format"},
	"percentile_ranks": {"field", "values", "keyed", "missing", "tdigest", "hdr", "format"},
	"cardinality":      {"field", "precision_threshold", "missing", "execution_hint", "rehash"},
	"extended_stats":   {"field", "missing", "sigma", "format"},
	"top_hits":         {"from", "size", "sort", "_source", "fields", "docvalue_fields", "stored_fields", "version", "seq_no_primary_term", "track_scores", "explain", "highlight"},
}

// ofKind compiles an aggregation of a type.
func (c *compiler) ofKind(kind, name string, params map[string]any, sub *group, depth int) (maker, error) {
	if _, scripted := params["script"]; scripted {
		return nil, refuseAt("script", "[%s] by a script is not supported; aggregate a field, or sort and cut buckets by a bucket_sort", wire.Clip(kind))
	}
	allowed := aggregationParams[kind]
	switch kind {
	case "filter", "global":
		allowed = nil
	case "avg", "min", "max", "sum", "value_count", "stats":
		allowed = []string{"field", "missing", "format", "value_type"}
	}
	if allowed != nil {
		for _, member := range slices.Sorted(maps.Keys(params)) {
			if !slices.Contains(allowed, member) {
				return nil, refuseAt(member, "[%s] unknown field [%s]; it takes %s", kind, wire.Clip(member), strings.Join(allowed, ", "))
			}
		}
	}
	if len(sub.sorts) > 0 && (!slices.Contains(sortedKinds, kind) || params["keyed"] == true) {
		return nil, refuseAt(name, "[%s] of type [%s] has no list of buckets that a bucket_sort inside it could sort; use one of %s, not keyed", wire.Clip(name), wire.Clip(kind), strings.Join(sortedKinds, ", "))
	}
	switch kind {
	case "terms":
		return c.termsAgg(params, sub)
	case "date_histogram", "histogram":
		return c.histogram(kind, params, sub)
	case "composite":
		if depth > 0 {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "[composite] aggregation cannot be used with a parent aggregation; put the parent into its sources")
		}
		return c.composite(params, sub)
	case "filter":
		return c.filterAgg(params, sub, depth)
	case "sampler":
		// All documents are as good a sample, and one machine has them.
		return func() collector { return &filterSet{test: all, in: sub.newSet(), g: sub} }, nil
	case "filters":
		return c.filtersAgg(params, sub, depth)
	case "range", "date_range":
		return c.rangeAgg(kind, params, sub)
	case "missing":
		slot, err := c.fieldOf(params, kind)
		test := func(_ *Doc, row [][]Value) bool { return len(row[slot]) == 0 }
		return func() collector { return &filterSet{test: test, in: sub.newSet(), g: sub} }, err
	}
	if len(sub.names) > 0 {
		return nil, refuseAt(name, "Aggregator [%s] of type [%s] cannot accept sub-aggregations", wire.Clip(name), wire.Clip(kind))
	}
	if kind == "top_hits" {
		return c.topHits(params)
	}
	return c.metric(kind, params)
}

// fieldOf is the slot of the field that an aggregation works on.
func (c *compiler) fieldOf(params map[string]any, kind string) (int, error) {
	name, ok := params["field"].(string)
	if !ok || name == "" {
		return 0, wire.Refuse(wire.TypeIllegalArgument, "Required one of fields [field], but none were specified for [%s]; name the field to aggregate", kind)
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

func (f *filterSet) result() map[string]any { return f.g.bucket(map[string]any{}, f.in) }

func (c *compiler) filterAgg(params map[string]any, sub *group, depth int) (maker, error) {
	test, err := c.query(params, depth+1, false)
	return func() collector { return &filterSet{test: test, in: sub.newSet(), g: sub} }, err
}

// filterSets are several filters, by name or in a list.
type filterSets struct {
	names []string
	sets  []*filterSet
	// other takes what none of them does; nil: nothing does.
	other *set
	key   string
	keyed bool
	g     *group
}

func (f *filterSets) add(d *Doc, row [][]Value) {
	any := false
	for _, s := range f.sets {
		if s.test(d, row) {
			s.in.add(d, row)
			any = true
		}
	}
	if !any && f.other != nil {
		f.other.add(d, row)
	}
}

func (f *filterSets) result() map[string]any {
	list, named := []any{}, map[string]any{}
	for i, s := range f.sets {
		b := s.result()
		list = append(list, b)
		if f.names != nil {
			named[f.names[i]] = b
		}
	}
	if f.other != nil {
		b := f.g.bucket(map[string]any{}, f.other)
		list, named[f.key] = append(list, b), b
	}
	if f.names == nil {
		return map[string]any{"buckets": list}
	}
	if !f.keyed {
		for i, name := range append(f.names, f.key)[:len(list)] {
			list[i].(map[string]any)["key"] = name
		}
		return map[string]any{"buckets": list}
	}
	return map[string]any{"buckets": named}
}

func (c *compiler) filtersAgg(params map[string]any, sub *group, depth int) (maker, error) {
	base := filterSets{keyed: params["keyed"] != false, g: sub, key: "_other_"}
	if key, ok := params["other_bucket_key"].(string); ok {
		base.key = key
	}
	other := params["other_bucket"] == true || params["other_bucket_key"] != nil
	var queries []any
	switch v := params["filters"].(type) {
	case map[string]any:
		base.names = slices.Sorted(maps.Keys(v))
		for _, name := range base.names {
			queries = append(queries, v[name])
		}
	case []any:
		queries = v
	}
	if len(queries) == 0 {
		return nil, refuseAt("filters", "[filters] needs queries, by name or in a list")
	}
	tests := make([]matcher, len(queries))
	for i, q := range queries {
		var err error
		if tests[i], err = c.query(q, depth+1, false); err != nil {
			return nil, err
		}
	}
	return func() collector {
		f := base
		for _, test := range tests {
			f.sets = append(f.sets, &filterSet{test: test, in: sub.newSet(), g: sub})
		}
		if other {
			f.other = sub.newSet()
		}
		return &f
	}, nil
}

// topHits keeps a bucket's first documents by its order.
type topHits struct {
	*hits
	total int64
}

func (t *topHits) add(d *Doc, row [][]Value) {
	t.total++
	t.take(d, row)
}

func (t *topHits) result() map[string]any {
	found := t.answer()
	found["total"] = map[string]any{"value": t.total, "relation": "eq"}
	return map[string]any{"hits": found}
}

func (c *compiler) topHits(params map[string]any) (maker, error) {
	h, err := c.hits(params, 3, true)
	c.whole = true
	return func() collector {
		own := *h
		return &topHits{hits: &own}
	}, err
}
