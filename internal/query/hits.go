package query

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"tidemark/internal/mapping"
	"tidemark/wire"
)

// hits keeps the first documents by an order.
type hits struct {
	from, size int
	keys       []sortKey
	after      []Value
	source     sourceFilter
	fields     []fieldOut
	// what hits show beside their source
	version, seqNo, scores bool
	list                   []hit
	// shown is how many sort values hits show; -1: all.
	shown int
	order int64
	// worst is the last key that is known to be among the first, nil before there
	// are enough.
	worst  []Value
	types  *mapping.Fields
	budget *budget
}

type hit struct {
	index, id    string
	version, seq int64
	source       []byte
	key          []Value
	types        *mapping.Fields
	order        int64
}

// wholeNumber reads a member that is a whole number and not negative.
func wholeNumber(o map[string]any, name string, to *int) error {
	switch n := o[name].(type) {
	case nil:
	case float64:
		if n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
			return refuseAt(name, "[%s] must be a whole number and not negative", name)
		}
		*to = int(n)
	case string:
		v, err := strconv.Atoi(n)
		if err != nil || v < 0 {
			return refuseAt(name, "[%s] must be a whole number and not negative", name)
		}
		*to = v
	default:
		return refuseAt(name, "[%s] must be a whole number", name)
	}
	return nil
}

func (c *compiler) hits(o map[string]any, size int, inner bool) (*hits, error) {
	h := &hits{size: size, shown: -1, budget: &c.budget, version: o["version"] == true, seqNo: o["seq_no_primary_term"] == true, scores: o["track_scores"] == true}
	if err := wholeNumber(o, "from", &h.from); err != nil {
		return nil, err
	}
	if err := wholeNumber(o, "size", &h.size); err != nil {
		return nil, err
	}
	switch {
	case h.from+h.size > MaxWindow:
		return nil, phase(wire.Refuse(wire.TypeIllegalArgument, "Result window is too large, from + size must be less than or equal to: [%d] but was [%d]; page with search_after and a point in time, or by a scroll", MaxWindow, h.from+h.size))
	case inner && h.size > 100:
		return nil, phase(wire.Refuse(wire.TypeIllegalArgument, "Top hits result window is too large, the top hits aggregator's from + size must be less than or equal to: [100] but was [%d]", h.size))
	}
	var err error
	if h.source, err = sourceOf(o["_source"]); err != nil {
		return nil, err
	}
	for _, name := range []string{"docvalue_fields", "fields"} {
		more, err := fieldsOut(name, o[name])
		if err != nil {
			return nil, err
		}
		h.fields = append(h.fields, more...)
	}
	if err := c.sortKeys(h, o["sort"]); err != nil {
		return nil, err
	}
	if o["pit"] != nil && !slices.ContainsFunc(h.keys, func(k sortKey) bool { return k.slot == slotDoc }) {
		// Pages of a point in time need a total order.
		h.keys = append(h.keys, sortKey{slot: slotDoc, name: "_shard_doc"})
	}
	return h, h.searchAfter(o["search_after"])
}

// phase is an error that the original reports from its shards.
func phase(cause *wire.Refusal) error {
	return &wire.Refusal{Status: cause.Status, Type: wire.TypeSearchPhase, Reason: "all shards failed", Cause: cause}
}

func (h *hits) searchAfter(v any) error {
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	switch {
	case !ok || len(list) == 0:
		return refuseAt("search_after", "[search_after] must be a list of values, one for each field of the sort")
	case len(h.keys) == 0:
		return wire.Refuse(wire.TypeIllegalArgument, "Sort must contain at least one field; [search_after] goes on behind values of a sort")
	case h.from > 0:
		return wire.Refuse(wire.TypeIllegalArgument, "`from` parameter must be set to 0 when `search_after` is used")
	case len(list) == len(h.keys)-1 && h.keys[len(list)].name == "_shard_doc":
		// All that are equal so far are passed over.
		list = append(slices.Clone(list), math.MaxFloat64)
	}
	if len(list) != len(h.keys) {
		return wire.Refuse(wire.TypeIllegalArgument, "search_after has %d value(s) but sort has %d; give the sort values of the last hit", len(list), len(h.keys))
	}
	for i, v := range list {
		value, ok := plainValue(v)
		if !ok {
			return refuseAt("search_after", "[search_after] holds texts, numbers, booleans and null only")
		}
		if value.Kind == Text && h.keys[i].format != "" {
			if ms, isDate := mapping.ParseDateAs(value.Text, h.keys[i].format); isDate {
				value = Value{Kind: Date, Num: float64(ms)}
			}
		}
		h.after = append(h.after, value)
	}
	return nil
}

// plainValue is a JSON scalar as a value; null has none.
func plainValue(v any) (Value, bool) {
	switch v := v.(type) {
	case nil:
		return Value{}, true
	case float64:
		return Value{Kind: Number, Num: v}, true
	case string:
		return Value{Kind: Text, Text: v}, true
	case bool:
		return boolValue(v), true
	}
	return Value{}, false
}

// AddTiebreaker makes the order of hits total, as pages need it, and returns how
// many sort values hits had without it.
func (s *Search) AddTiebreaker() int {
	h := s.hits
	for _, k := range h.keys {
		if k.slot == slotDoc {
			return len(h.keys)
		}
	}
	h.keys = append(h.keys, sortKey{slot: slotDoc, name: "_shard_doc"})
	s.Start(s.Plans("")[0])
	return len(h.keys) - 1
}

// HideSort shows only the first sort values of hits.
func (s *Search) HideSort(after int) { s.hits.shown = after }

// begin checks the sort against the fields of the documents that follow.
func (h *hits) begin(f *fields) error {
	for i, k := range h.keys {
		if k.slot < 0 {
			continue
		}
		t := f.types[k.slot]
		if !t.known && !k.lenient && h.types != nil {
			return phase(wire.Refuse(wire.TypeQueryShard, "No mapping found for [%s] in order to sort on; give the sort an [unmapped_type] if the field may be missing", wire.Clip(k.name)))
		}
		// A date in search_after may be written as one.
		if t.Type == mapping.Date && i < len(h.after) && h.after[i].Kind == Text {
			if ms, ok := mapping.ParseDateAs(h.after[i].Text, cmp.Or(k.format, t.format)); ok {
				h.after[i] = Value{Kind: Date, Num: float64(ms)}
			}
		}
	}
	return nil
}

// full reports whether as many hits are kept as are asked for.
func (h *hits) full() bool { return len(h.list) >= h.from+h.size }

// wants reports whether a document behind d may still be among the first.
func (h *hits) wants(d *Doc, p *Plan) bool {
	switch {
	case h.size == 0:
		return false
	case !h.full():
		return true
	case len(h.keys) == 0:
		return false
	case !p.BySeq && !(p.ByTime && d.HasAt):
		return true
	}
	if h.worst == nil {
		h.cut(h.from + h.size)
	}
	at := Value{Kind: Date, Num: float64(d.AtMs)}
	if p.BySeq {
		at = Value{Kind: Number, Num: float64(d.place())}
	}
	return h.compareAt(0, at, h.worst[0]) <= 0
}

// take keeps a document if it is among the first.
func (h *hits) take(d *Doc, row [][]Value) {
	h.order++
	want := h.from + h.size
	if h.size == 0 || len(h.keys) == 0 && h.full() {
		return
	}
	x := hit{order: h.order}
	if len(h.keys) > 0 {
		x.key = make([]Value, len(h.keys))
		for i := range h.keys {
			x.key[i] = h.keys[i].value(d, row)
		}
		if h.after != nil && h.compare(x.key, h.after) <= 0 || h.worst != nil && h.compare(x.key, h.worst) >= 0 {
			return
		}
	}
	x.index, x.id, x.version, x.seq, x.source, x.types = d.Index, strings.Clone(d.ID), d.Version, d.Seq, bytes.Clone(d.Source), h.types
	h.list = append(h.list, x)
	h.budget.hold(len(x.source) + 200)
	if len(h.list) >= 2*want+100 {
		h.cut(want)
	}
}

// plain is the value as JSON shows it.
func (v Value) plain() any {
	switch v.Kind {
	case Number:
		return v.Num
	case Date:
		return int64(v.Num)
	case Bool:
		return v.Num == 1
	case Text:
		return v.Text
	}
	return nil
}

func (h *hits) compare(a, b []Value) int {
	for i := range h.keys {
		if n := h.compareAt(i, a[i], b[i]); n != 0 {
			return n
		}
	}
	return 0
}

// compareAt compares two values of one key.
func (h *hits) compareAt(i int, a, b Value) int {
	k := &h.keys[i]
	switch {
	case a.Kind == 0 && b.Kind == 0:
		return 0
	case a.Kind == 0 || b.Kind == 0:
		if (a.Kind == 0) == k.first {
			return -1
		}
		return 1
	}
	n := compareValues(a, b)
	if k.descending {
		n = -n
	}
	return n
}

// cut keeps the first n.
func (h *hits) cut(n int) {
	if len(h.keys) > 0 {
		slices.SortFunc(h.list, func(a, b hit) int {
			return cmp.Or(h.compare(a.key, b.key), cmp.Compare(a.order, b.order))
		})
	}
	if n >= len(h.list) && len(h.list) == 0 {
		return
	}
	for _, late := range h.list[min(n, len(h.list)):] {
		h.budget.hold(-len(late.source) - 200)
	}
	if len(h.list) >= n && n > 0 {
		h.list = slices.Delete(h.list, n, len(h.list))
		h.worst = h.list[n-1].key
	}
}

// Unordered reports whether hits may come in any order, that of _doc.
func (s *Search) Unordered() bool {
	keys := s.hits.keys
	return len(keys) == 0 || len(keys) == 1 && keys[0].slot == slotDoc && !keys[0].descending
}

// Taken is how many documents have matched so far.
func (s *Search) Taken() int64 { return s.hits.order }

// LastKey is the sort values of the last hit, where the next page begins; nil
// without hits.
func (s *Search) LastKey() []Value {
	h := s.hits
	h.cut(h.from + h.size)
	if len(h.list) == 0 || len(h.list) <= h.from {
		return nil
	}
	return h.list[len(h.list)-1].key
}

// After goes on behind the sort values of a hit.
func (s *Search) After(key []Value) { s.hits.after = key }

// Size is how many hits are asked for.
func (s *Search) Size() int { return s.hits.size }

// answer is the response's list of hits.
func (h *hits) answer() map[string]any {
	h.cut(h.from + h.size)
	list := []any{}
	for i := min(h.from, len(h.list)); i < len(h.list); i++ {
		list = append(list, h.show(&h.list[i]))
	}
	out := map[string]any{"max_score": nil, "hits": list}
	if (len(h.keys) == 0 || h.shown == 0 || h.scores) && len(list) > 0 {
		out["max_score"] = 1.0
	}
	return out
}

// show is one hit.
func (h *hits) show(x *hit) map[string]any {
	out := map[string]any{"_index": x.index, "_id": x.id, "_score": 1.0}
	if !h.source.none {
		out["_source"] = h.source.apply(x.source)
	}
	if h.version {
		out["_version"] = max(x.version, 1)
	}
	if h.seqNo {
		out["_seq_no"], out["_primary_term"] = max(x.seq-1, 0), 1
	}
	if found := h.shownFields(x); len(found) > 0 {
		out["fields"] = found
	}
	shown := len(h.keys)
	if h.shown >= 0 {
		shown = h.shown
	}
	if shown == 0 {
		return out
	}
	if !h.scores {
		out["_score"] = nil
	}
	key := make([]any, shown)
	for i, v := range x.key[:shown] {
		key[i] = v.plain()
		switch {
		case v.Kind == Date && h.keys[i].format != "":
			key[i] = formatDate(v.Num, h.keys[i].format)
		case h.keys[i].slot == slotDoc:
			key[i] = int64(v.Num)
		}
	}
	out["sort"] = key
	return out
}
