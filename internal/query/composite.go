package query

import (
	"maps"
	"slices"
	"strings"

	"tidemark/wire"
)

func cutPath(path string) (name, member string, dotted bool) {
	if name, member, dotted = strings.Cut(path, ">"); dotted {
		return name, member, true
	}
	return strings.Cut(path, ".")
}

// source is one part of a composite aggregation's key.
type source struct {
	name       string
	slot       int
	width      *interval
	times      bool
	descending bool
	missing    bool
}

// composite has a bucket for each combination of its sources' values, in order,
// a page at a time.
type composite struct {
	g       *group
	sources []source
	size    int
	after   []Value
	sets    map[string]*combination
	key     []Value
}

type combination struct {
	name string
	key  []Value
	in   *set
}

func (c *composite) add(d *Doc, row [][]Value) { c.combine(d, row, 0) }

// combine takes each value of the source at hand and goes on to the next.
func (c *composite) combine(d *Doc, row [][]Value, at int) {
	if at == len(c.sources) {
		c.put(d, row)
		return
	}
	s := &c.sources[at]
	values := row[s.slot]
	if len(values) == 0 && s.missing {
		c.key[at] = Value{}
		c.combine(d, row, at+1)
	}
	for _, v := range values {
		if s.width != nil {
			x, ok := v.millis()
			if !ok {
				continue
			}
			v = Value{Kind: Number, Num: s.width.floor(x)}
		}
		c.key[at] = v
		c.combine(d, row, at+1)
	}
}

func (c *composite) put(d *Doc, row [][]Value) {
	if c.after != nil && c.compare(c.key, c.after) <= 0 {
		return
	}
	var name strings.Builder
	for _, v := range c.key {
		name.WriteByte(byte(v.Kind))
		name.WriteString(textOf(v.Num))
		name.WriteByte(0)
		name.WriteString(v.Text)
		name.WriteByte(0)
	}
	k := c.sets[name.String()]
	if k == nil {
		k = &combination{name: name.String(), key: slices.Clone(c.key), in: c.g.newSet()}
		c.sets[name.String()] = k
	}
	k.in.add(d, row)
	// Only the first ones are asked for; the rest is thrown away now and then.
	if len(c.sets) > 4*c.size+1000 {
		for _, late := range c.sorted()[c.size:] {
			delete(c.sets, late.name)
		}
	}
}

func (c *composite) compare(a, b []Value) int {
	for i := range c.sources {
		n := compareValues(a[i], b[i])
		if c.sources[i].descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

func (c *composite) sorted() []*combination {
	return slices.SortedFunc(maps.Values(c.sets), func(a, b *combination) int { return c.compare(a.key, b.key) })
}

func (c *composite) result() any {
	buckets := []any{}
	out := map[string]any{}
	for i, k := range c.sorted() {
		if i == c.size {
			break
		}
		key := map[string]any{}
		for n, v := range k.key {
			switch {
			case v.Kind == Number && c.sources[n].times:
				key[c.sources[n].name] = int64(v.Num)
			case v.Kind == Number:
				key[c.sources[n].name] = v.Num
			case v.Kind == 0:
				key[c.sources[n].name] = nil
			default:
				key[c.sources[n].name] = v.Text
			}
		}
		buckets = append(buckets, c.g.fill(map[string]any{"key": key, "doc_count": k.in.count}, k.in))
		out["after_key"] = key
	}
	out["buckets"] = buckets
	return out
}

func (c *compiler) composite(params map[string]any, sub *group) (maker, error) {
	base := composite{g: sub, size: 10}
	if n, ok := params["size"].(float64); ok && n >= 1 && n <= maxBuckets {
		base.size = int(n)
	}
	list, ok := params["sources"].([]any)
	if !ok || len(list) == 0 {
		return nil, refuse("a composite aggregation needs a list of [sources]")
	}
	for _, v := range list {
		name, body, err := single(v, "sources")
		if err != nil {
			return nil, err
		}
		s, err := c.source(name, body)
		if err != nil {
			return nil, err
		}
		base.sources = append(base.sources, s)
	}
	if after, ok := params["after"].(map[string]any); ok {
		for _, s := range base.sources {
			base.after = append(base.after, c.afterValue(&s, after[s.name]))
		}
	}
	return func() collector {
		own := base
		own.sets, own.key = map[string]*combination{}, make([]Value, len(base.sources))
		return &own
	}, nil
}

func (c *compiler) afterValue(s *source, v any) Value {
	switch v := v.(type) {
	case float64:
		return Value{Kind: Number, Num: v}
	case bool:
		if v {
			return Value{Kind: Bool, Num: 1, Text: "true"}
		}
		return Value{Kind: Bool, Text: "false"}
	case string:
		if s.width != nil {
			if ms, ok := dateOf(v, c.now, "", nil, false); ok {
				return Value{Kind: Number, Num: ms}
			}
		}
		return Value{Kind: Text, Text: v}
	}
	return Value{}
}

func (c *compiler) source(name string, body any) (s source, err error) {
	kind, v, err := single(body, name)
	if err != nil {
		return s, err
	}
	params, err := object(v, kind)
	if err != nil {
		return s, err
	}
	s = source{name: name, descending: params["order"] == "desc", missing: params["missing_bucket"] == true}
	switch kind {
	case "terms":
	case "date_histogram", "histogram":
		s.times = kind == "date_histogram"
		if s.width, err = intervalOf(kind, params); err != nil {
			return s, err
		}
	default:
		return s, refuse("a source of a composite aggregation is terms, date_histogram or histogram, not [%s]", wire.Clip(kind))
	}
	s.slot, err = c.fieldOf(params, kind)
	return s, err
}
