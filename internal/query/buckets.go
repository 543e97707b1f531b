package query

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"tidemark/wire"
)

// histogram has a bucket for each interval of a number or a time.
type histogram struct {
	g                 *group
	slot              int
	width             *interval
	times, descending bool
	byCount, keyed    bool
	least             int64
	stand             float64
	hasStand          bool
	extended          bool
	low, high         float64
	sets              map[float64]*set
	last              float64
	lastSet           *set
}

func (h *histogram) add(d *Doc, row [][]Value) {
	if len(row[h.slot]) == 0 && h.hasStand {
		h.put(h.stand, d, row)
	}
	for _, v := range row[h.slot] {
		if x, ok := v.millis(); ok {
			h.put(x, d, row)
		}
	}
}

func (h *histogram) put(x float64, d *Doc, row [][]Value) {
	key := h.width.floor(x)
	// Documents come mostly in order of time.
	if h.lastSet == nil || key != h.last {
		s := h.sets[key]
		if s == nil {
			s = h.g.newSet()
			h.sets[key] = s
		}
		h.last, h.lastSet = key, s
	}
	h.lastSet.add(d, row)
}

func (h *histogram) result() any {
	keys := slices.Sorted(maps.Keys(h.sets))
	if h.least == 0 {
		keys = h.filled(keys)
	}
	if h.descending {
		slices.Reverse(keys)
	}
	if h.byCount {
		slices.SortStableFunc(keys, func(a, b float64) int { return cmp.Compare(h.count(b), h.count(a)) })
	}
	buckets, named := []any{}, map[string]any{}
	for _, key := range keys {
		s := h.sets[key]
		if s == nil {
			s = h.g.newSet()
		}
		if s.count < h.least {
			continue
		}
		b := map[string]any{"key": key, "doc_count": s.count}
		if h.times {
			b["key"], b["key_as_string"] = int64(key), wire.FormatTime(int64(key))
		}
		b = h.g.fill(b, s)
		buckets = append(buckets, b)
		if h.keyed {
			named[textOf(b["key_as_string"])] = b
		}
	}
	if h.keyed {
		return map[string]any{"buckets": named}
	}
	return map[string]any{"buckets": buckets}
}

func (h *histogram) count(key float64) int64 {
	if s := h.sets[key]; s != nil {
		return s.count
	}
	return 0
}

// filled are all keys from the first to the last, but not more than a request
// may hold.
func (h *histogram) filled(keys []float64) []float64 {
	var from, to float64
	switch {
	case len(keys) > 0:
		from, to = keys[0], keys[len(keys)-1]
	case !h.extended:
		return nil
	default:
		from, to = h.width.floor(h.low), h.width.floor(h.high)
	}
	if h.extended {
		from, to = min(from, h.width.floor(h.low)), max(to, h.width.floor(h.high))
	}
	var all []float64
	for key := from; key <= to; key = h.width.next(key) {
		if all = append(all, key); len(all) > maxBuckets {
			return keys
		}
	}
	return all
}

func (c *compiler) histogram(kind string, params map[string]any, sub *group) (maker, error) {
	slot, err := c.fieldOf(params, kind)
	if err != nil {
		return nil, err
	}
	width, err := intervalOf(kind, params)
	if err != nil {
		return nil, err
	}
	base := histogram{g: sub, slot: slot, width: width, times: kind == "date_histogram"}
	if n, ok := params["min_doc_count"].(float64); ok {
		base.least = int64(n)
	}
	if o, ok := params["order"].(map[string]any); ok {
		base.descending = o["_key"] == "desc" || o["_time"] == "desc"
		base.byCount = o["_count"] == "desc"
	}
	base.keyed = params["keyed"] == true
	if params["missing"] != nil {
		base.stand, base.hasStand = c.moment(params["missing"])
	}
	if b, ok := params["extended_bounds"].(map[string]any); ok {
		var hasLow, hasHigh bool
		base.low, hasLow = c.moment(b["min"])
		base.high, hasHigh = c.moment(b["max"])
		base.extended = hasLow && hasHigh
	}
	return func() collector {
		h := base
		h.sets = map[float64]*set{}
		return &h
	}, nil
}

// moment reads a bound: a number or a date.
func (c *compiler) moment(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		return dateOf(v, c.now, "", nil, false)
	}
	return 0, false
}

func intervalOf(kind string, params map[string]any) (*interval, error) {
	if kind == "histogram" {
		n, ok := params["interval"].(float64)
		if !ok || n <= 0 {
			return nil, refuse("[interval] of a histogram must be a positive number")
		}
		offset, _ := params["offset"].(float64)
		return &interval{ms: n, offsetMs: offset}, nil
	}
	v := &interval{zone: time.UTC}
	if name, ok := params["time_zone"].(string); ok {
		zone, err := zoneNamed(name)
		if err != nil {
			return nil, badZone(name)
		}
		v.zone = zone
	}
	text := ""
	for _, name := range []string{"fixed_interval", "calendar_interval", "interval"} {
		if params[name] == nil {
			continue
		}
		if text != "" {
			return nil, refuse("a date_histogram takes one of [fixed_interval] and [calendar_interval]")
		}
		text = textOf(params[name])
		unit := calendarUnit(text)
		if n, ok := params[name].(float64); ok {
			v.ms = n
			continue
		}
		if name != "fixed_interval" && unit != "" {
			v.unit = unit
			continue
		}
		d, err := wire.ParseDuration(name, text)
		if err != nil || d < time.Millisecond || name == "calendar_interval" {
			return nil, refuse("[%s] of a date_histogram cannot be [%s]; give a fixed_interval such as 15m or a calendar_interval such as 1d", name, wire.Clip(text))
		}
		v.ms = float64(d.Milliseconds())
	}
	if text == "" {
		return nil, refuse("a date_histogram needs [fixed_interval] or [calendar_interval]")
	}
	if offset, ok := params["offset"].(string); ok {
		sign := 1.0
		if offset != "" && (offset[0] == '-' || offset[0] == '+') {
			if offset[0] == '-' {
				sign = -1
			}
			offset = offset[1:]
		}
		d, err := wire.ParseDuration("offset", offset)
		if err != nil {
			return nil, err
		}
		v.offsetMs = sign * float64(d.Milliseconds())
	}
	return v, nil
}

func badZone(name string) error {
	return refuseAt("time_zone", "unknown [time_zone] [%s]; give a name such as Europe/Berlin or an offset such as +01:00", wire.Clip(name))
}

// zoneNamed reads a zone's name or an offset such as +01:00.
func zoneNamed(name string) (*time.Location, error) {
	if at, err := time.Parse("-07:00", name); err == nil {
		return at.Location(), nil
	}
	return time.LoadLocation(name)
}

// termsSet has a bucket for each value of a field.
type termsSet struct {
	g     *group
	slot  int
	size  int
	least int64
	stand Value
	has   bool
	order []termOrder
	sets  map[Value]*set
}

// termOrder is one key that buckets are sorted by.
type termOrder struct {
	by         string
	descending bool
}

func (t *termsSet) add(d *Doc, row [][]Value) {
	if len(row[t.slot]) == 0 && t.has {
		t.put(t.stand, d, row)
	}
	for i, v := range row[t.slot] {
		if !slices.Contains(row[t.slot][:i], v) {
			t.put(v, d, row)
		}
	}
}

func (t *termsSet) put(v Value, d *Doc, row [][]Value) {
	s := t.sets[v]
	if s == nil {
		s = t.g.newSet()
		t.sets[v] = s
	}
	s.add(d, row)
}

// bucketed is a bucket on its way out.
type bucketed struct {
	key Value
	in  *set
	out map[string]any
}

func (t *termsSet) result() any {
	list := make([]bucketed, 0, len(t.sets))
	for v, s := range t.sets {
		if s.count >= t.least {
			list = append(list, bucketed{key: v, in: s, out: t.g.fill(keyed(v, s.count), s)})
		}
	}
	slices.SortFunc(list, func(a, b bucketed) int {
		for _, o := range t.order {
			n := o.compare(&a, &b)
			if o.descending {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return compareValues(a.key, b.key)
	})
	var left int64
	buckets := []any{}
	for i := range list {
		if i < t.size {
			buckets = append(buckets, list[i].out)
		} else {
			left += list[i].in.count
		}
	}
	return map[string]any{"doc_count_error_upper_bound": 0, "sum_other_doc_count": left, "buckets": buckets}
}

func keyed(v Value, count int64) map[string]any {
	out := map[string]any{"doc_count": count}
	switch v.Kind {
	case Number:
		out["key"] = v.Num
	case Bool:
		out["key"], out["key_as_string"] = v.Num, v.Text
	default:
		out["key"] = v.Text
	}
	return out
}

// compareValues orders numbers, dates and booleans by number before texts.
func compareValues(a, b Value) int {
	return cmp.Or(cmp.Compare(a.class(), b.class()), cmp.Compare(a.Num, b.Num), cmp.Compare(a.Text, b.Text))
}

func (o *termOrder) compare(a, b *bucketed) int {
	switch o.by {
	case "_count":
		return cmp.Compare(a.in.count, b.in.count)
	case "_key", "_term":
		return compareValues(a.key, b.key)
	}
	x, _ := numberAt(a.out, o.by)
	y, _ := numberAt(b.out, o.by)
	return cmp.Compare(x, y)
}

// numberAt is the value of an inner aggregation, "name" or "name.member".
func numberAt(out map[string]any, path string) (float64, bool) {
	name, member, dotted := cutPath(path)
	if !dotted {
		member = "value"
	}
	inner, _ := out[name].(map[string]any)
	switch n := inner[member].(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	}
	return 0, false
}

func (c *compiler) termsAgg(params map[string]any, sub *group) (maker, error) {
	slot, err := c.fieldOf(params, "terms")
	if err != nil {
		return nil, err
	}
	base := termsSet{g: sub, slot: slot, size: 10, least: 1}
	if n, ok := params["size"].(float64); ok {
		if n < 1 || n > maxBuckets {
			return nil, refuse("[size] of a terms aggregation must be from 1 to %d", maxBuckets)
		}
		base.size = int(n)
	}
	if n, ok := params["min_doc_count"].(float64); ok {
		base.least = int64(n)
	}
	switch v := params["missing"].(type) {
	case string:
		base.stand, base.has = Value{Kind: Text, Text: v}, true
	case float64:
		base.stand, base.has = Value{Kind: Number, Num: v}, true
	}
	orders, ok := params["order"].([]any)
	if !ok && params["order"] != nil {
		orders = []any{params["order"]}
	}
	for _, o := range orders {
		by, direction, err := single(o, "order")
		if err != nil {
			return nil, err
		}
		base.order = append(base.order, termOrder{by: by, descending: direction == "desc"})
	}
	if len(base.order) == 0 {
		base.order = []termOrder{{by: "_count", descending: true}}
	}
	return func() collector {
		t := base
		t.sets = map[Value]*set{}
		return &t
	}, nil
}

func (v Value) class() int {
	switch v.Kind {
	case 0:
		return 0
	case Text:
		return 2
	}
	return 1
}
