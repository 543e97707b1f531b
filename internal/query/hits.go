package query

import (
	"bytes"
	"math"
	"slices"

	"tidemark/internal/match"
	"tidemark/wire"
)

func matchPath(pattern, path string) bool { return match.Pattern(pattern, path) }

// sortKey is one field that hits are ordered by.
type sortKey struct {
	slot       int // -1: the order of the documents, -2: the score, -3: the id
	descending bool
	first      bool // missing values come first
}

// hits keeps the first documents by an order.
type hits struct {
	from, size int
	keys       []sortKey
	after      []Value
	source     sourceFilter
	fields     []fieldOut
	list       []hit
	count      int64
	order      int64
}

// fieldOut is a field that hits show beside their source.
type fieldOut struct {
	name string
	slot int
}

type hit struct {
	index, id string
	version   int64
	source    []byte
	key       []Value
	fields    map[string][]any
	order     int64
}

func (c *compiler) hits(o map[string]any, size int) (*hits, error) {
	h := &hits{size: size}
	for _, p := range []struct {
		name string
		to   *int
	}{{"from", &h.from}, {"size", &h.size}} {
		switch n := o[p.name].(type) {
		case nil:
		case float64:
			if n < 0 || n != float64(int(n)) {
				return nil, refuse("[%s] must be a whole number and not negative", p.name)
			}
			*p.to = int(n)
		default:
			return nil, refuse("[%s] must be a whole number", p.name)
		}
	}
	if h.from+h.size > MaxWindow {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "Result window is too large, from + size must be less than or equal to: [%d] but was [%d]; page with search_after", MaxWindow, h.from+h.size)
	}
	var err error
	if h.source, err = sourceOf(o["_source"]); err != nil {
		return nil, err
	}
	if list, ok := o["fields"].([]any); ok {
		for _, v := range list {
			name := textOf(v)
			if f, isObject := v.(map[string]any); isObject {
				name = textOf(f["field"])
			}
			h.fields = append(h.fields, fieldOut{name, c.slot(name)})
		}
	}
	if err := c.sortKeys(h, o["sort"]); err != nil {
		return nil, err
	}
	if list, ok := o["search_after"].([]any); ok {
		if len(list) != len(h.keys) {
			return nil, refuse("[search_after] has %d values but the sort has %d fields", len(list), len(h.keys))
		}
		for _, v := range list {
			value := Value{}
			switch v := v.(type) {
			case float64:
				value = Value{Kind: Number, Num: v}
			case string:
				value = Value{Kind: Text, Text: v}
			case bool:
				value = Value{Kind: Bool, Text: textOf(v)}
			}
			h.after = append(h.after, value)
		}
	}
	return h, nil
}

func (c *compiler) sortKeys(h *hits, v any) error {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	for _, item := range list {
		name, params := "", any(nil)
		switch item := item.(type) {
		case string:
			name = item
		case map[string]any:
			var err error
			if name, params, err = single(item, "sort"); err != nil {
				return err
			}
		default:
			return refuse("[sort] is a list of fields, each a name or an object")
		}
		k := sortKey{descending: name == "_score"}
		switch p := params.(type) {
		case string:
			k.descending = p == "desc"
		case map[string]any:
			if p["order"] != nil {
				k.descending = p["order"] == "desc"
			}
			k.first = p["missing"] == "_first"
		}
		switch name {
		case "_doc", "_shard_doc":
			k.slot = -1
		case "_score":
			k.slot = -2
		case "_id":
			k.slot = -3
		default:
			k.slot = c.slot(name)
		}
		h.keys = append(h.keys, k)
	}
	return nil
}

// take keeps a document if it is among the first.
func (h *hits) take(d *Doc, row [][]Value) {
	h.count++
	h.order++
	want := h.from + h.size
	if h.size == 0 || len(h.keys) == 0 && len(h.list) >= want {
		return
	}
	x := hit{order: h.order}
	if len(h.keys) > 0 {
		x.key = make([]Value, len(h.keys))
		for i, k := range h.keys {
			x.key[i] = k.value(d, row, h.order)
		}
		if h.after != nil && h.compare(x.key, h.after) <= 0 {
			return
		}
		if len(h.list) >= 2*want+100 {
			h.cut(want)
		}
	}
	x.index, x.id, x.version, x.source = d.Index, d.ID, d.Version, bytes.Clone(d.Source)
	for _, f := range h.fields {
		if len(row[f.slot]) == 0 {
			continue
		}
		if x.fields == nil {
			x.fields = map[string][]any{}
		}
		for _, v := range row[f.slot] {
			x.fields[f.name] = append(x.fields[f.name], v.plain())
		}
	}
	h.list = append(h.list, x)
}

// plain is the value as JSON shows it.
func (v Value) plain() any {
	switch v.Kind {
	case Number:
		return v.Num
	case Bool:
		return v.Num == 1
	case Text:
		return v.Text
	}
	return nil
}

// value is a document's value of a key; of several, the one that comes first.
func (k *sortKey) value(d *Doc, row [][]Value, order int64) Value {
	switch k.slot {
	case -1:
		return Value{Kind: Number, Num: float64(order)}
	case -2:
		return Value{Kind: Number, Num: 1}
	case -3:
		return Value{Kind: Text, Text: d.ID}
	}
	var best Value
	for i, v := range row[k.slot] {
		// Dates in a text order as moments.
		if v.Kind == Text {
			if ms, ok := v.millis(); ok {
				v = Value{Kind: Number, Num: ms}
			}
		}
		if n := compareValues(v, best); i == 0 || k.descending && n > 0 || !k.descending && n < 0 {
			best = v
		}
	}
	return best
}

func (h *hits) compare(a, b []Value) int {
	for i, k := range h.keys {
		switch {
		case a[i].Kind == 0 && b[i].Kind == 0:
			continue
		case a[i].Kind == 0 || b[i].Kind == 0:
			if (a[i].Kind == 0) == k.first {
				return -1
			}
			return 1
		}
		n := compareValues(a[i], b[i])
		if k.descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

// cut keeps the first n.
func (h *hits) cut(n int) {
	if len(h.keys) > 0 {
		slices.SortFunc(h.list, func(a, b hit) int {
			if c := h.compare(a.key, b.key); c != 0 {
				return c
			}
			return int(a.order - b.order)
		})
	}
	h.list = h.list[:min(n, len(h.list))]
}

// answer is the response's list of hits.
func (h *hits) answer() map[string]any {
	h.cut(h.from + h.size)
	list := []any{}
	for _, x := range h.list[min(h.from, len(h.list)):] {
		out := map[string]any{"_index": x.index, "_id": x.id, "_score": 1.0}
		if !h.source.none {
			out["_source"] = h.source.apply(x.source)
		}
		if x.fields != nil {
			out["fields"] = x.fields
		}
		if len(h.keys) > 0 {
			out["_score"] = nil
			key := make([]any, len(x.key))
			for i, v := range x.key {
				key[i] = v.plain()
			}
			out["sort"] = key
		}
		list = append(list, out)
	}
	out := map[string]any{"total": map[string]any{"value": h.count, "relation": "eq"}, "max_score": nil, "hits": list}
	if len(h.keys) == 0 && len(h.list) > 0 {
		out["max_score"] = 1.0
	}
	return out
}

// Raw is a hit's document for readers inside the server, in order.
func (s *Search) Raw() []Doc {
	s.hits.cut(s.hits.from + s.hits.size)
	var docs []Doc
	for _, x := range s.hits.list[min(s.hits.from, len(s.hits.list)):] {
		docs = append(docs, Doc{Index: x.index, ID: x.id, Version: x.version, Source: x.source})
	}
	return docs
}

// Unlimited keeps every document that matches, for readers inside the server that
// ask for a bounded range.
func (s *Search) Unlimited() { s.hits.from, s.hits.size = 0, math.MaxInt32 }
