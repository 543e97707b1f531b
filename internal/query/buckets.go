package query

import (
	"cmp"
	"math"
	"regexp"
	"slices"

	"tidemark/wire"
)

// compareValues orders numbers, dates and booleans by number before texts.
func compareValues(a, b Value) int {
	return cmp.Or(cmp.Compare(a.class(), b.class()), cmp.Compare(a.Num, b.Num), cmp.Compare(a.Text, b.Text))
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

// termsSet has a bucket for each value of a field.
type termsSet struct {
	g       *group
	field   metricField
	size    int
	least   int64
	order   []termOrder
	format  string
	in, out *termChoice
	sets    map[Value]*set
}

func (t *termsSet) add(d *Doc, row [][]Value) {
	values := t.field.values(row)
	for i, v := range values {
		if i > 0 && slices.Contains(values[:i], v) || t.in != nil && !t.in.has(v) || t.out != nil && t.out.has(v) {
			continue
		}
		s := t.sets[v]
		if s == nil {
			s = t.g.newSet()
			t.g.budget.hold(80 + len(v.Text))
			t.sets[v] = s
		}
		s.add(d, row)
	}
}

func (t *termsSet) result() map[string]any {
	list := make([]bucketed, 0, len(t.sets))
	var left int64
	byInner := slices.ContainsFunc(t.order, func(o termOrder) bool { return o.by != "_count" && o.by != "_key" && o.by != "_term" })
	for v, s := range t.sets { // order-free: sorted below
		left += s.count
		if s.count < t.least {
			continue
		}
		b := bucketed{key: v, in: s}
		if byInner {
			b.out = t.g.fill(map[string]any{}, s)
		}
		list = append(list, b)
	}
	sortBuckets(list, t.order)
	buckets := []any{}
	for i := range list[:min(len(list), t.size)] {
		buckets = append(buckets, t.g.bucket(t.keyed(list[i].key), list[i].in))
		left -= list[i].in.count
	}
	return map[string]any{"doc_count_error_upper_bound": 0, "sum_other_doc_count": left, "buckets": t.g.arrange(buckets)}
}

func (t *termsSet) keyed(v Value) map[string]any {
	switch v.Kind {
	case Number:
		return map[string]any{"key": v.Num}
	case Date:
		return map[string]any{"key": int64(v.Num), "key_as_string": formatDate(v.Num, t.format)}
	case Bool:
		return map[string]any{"key": v.Num, "key_as_string": v.Text}
	}
	return map[string]any{"key": v.Text}
}

// termChoice are terms that are let in or kept out: those of a list, or those that
// a pattern matches.
type termChoice struct {
	list    map[string]bool
	pattern *regexp.Regexp
}

func (c *termChoice) has(v Value) bool {
	text := v.Text
	if v.Kind == Number || v.Kind == Date {
		text = numberText(v.Num)
	}
	if c.pattern != nil {
		return c.pattern.MatchString(text)
	}
	return c.list[text]
}

func choiceOf(name string, v any) (*termChoice, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		pattern, err := regexp.Compile("^(?:" + v + ")$")
		if err != nil {
			return nil, refuseAt(name, "[%s] is no pattern that can be read: %v", name, err)
		}
		return &termChoice{pattern: pattern}, nil
	case []any:
		c := &termChoice{list: map[string]bool{}}
		for _, x := range v {
			c.list[textOf(x)] = true
		}
		return c, nil
	}
	return nil, refuseAt(name, "[%s] must be a pattern or a list of values", name)
}

func (c *compiler) termsAgg(params map[string]any, sub *group) (maker, error) {
	slot, err := c.fieldOf(params, "terms")
	if err != nil {
		return nil, err
	}
	base := termsSet{g: sub, field: metricField{slot: slot}, size: 10, least: 1, format: textOf(params["format"])}
	if err := wholeNumber(params, "size", &base.size); err != nil {
		return nil, err
	}
	if base.size < 1 {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "[size] must be greater than 0. Found [0] in a terms aggregation")
	}
	least := 1
	if err := wholeNumber(params, "min_doc_count", &least); err != nil {
		return nil, err
	}
	base.least = int64(least)
	if v, ok := plainValue(params["missing"]); ok && v.Kind != 0 {
		base.field.stand = []Value{v}
	}
	if base.in, err = choiceOf("include", params["include"]); err != nil {
		return nil, err
	}
	if base.out, err = choiceOf("exclude", params["exclude"]); err != nil {
		return nil, err
	}
	if base.order, err = ordersOf(params["order"], sub, termOrder{by: "_count", descending: true}); err != nil {
		return nil, err
	}
	return func() collector {
		t := base
		t.sets = map[Value]*set{}
		return &t
	}, nil
}

// rangeSets has a bucket for each of some ranges [from, to).
type rangeSets struct {
	g      *group
	field  metricField
	ranges []namedRange
	sets   []*set
	times  bool
	format string
	keyed  bool
}

type namedRange struct {
	key      string
	from, to float64 // infinite where open
}

func (r *rangeSets) add(d *Doc, row [][]Value) {
	for i := range r.ranges {
		in := &r.ranges[i]
		for _, v := range r.field.values(row) {
			if x, ok := v.millis(); ok && x >= in.from && x < in.to {
				r.sets[i].add(d, row)
				break
			}
		}
	}
}

func (r *rangeSets) result() map[string]any {
	buckets, named := []any{}, map[string]any{}
	for i := range r.ranges {
		in := &r.ranges[i]
		out := map[string]any{"key": in.key}
		for name, x := range map[string]float64{"from": in.from, "to": in.to} { // order-free: each is its own
			if !math.IsInf(x, 0) {
				if out[name] = x; r.times {
					out[name+"_as_string"] = formatDate(x, r.format)
				}
			}
		}
		b := r.g.bucket(out, r.sets[i])
		if buckets = append(buckets, b); r.keyed {
			delete(b, "key")
			named[in.key] = b
		}
	}
	if r.keyed {
		return map[string]any{"buckets": named}
	}
	return map[string]any{"buckets": buckets}
}

func (c *compiler) rangeAgg(kind string, params map[string]any, sub *group) (maker, error) {
	slot, err := c.fieldOf(params, kind)
	if err != nil {
		return nil, err
	}
	base := rangeSets{g: sub, field: metricField{slot: slot}, times: kind == "date_range", format: textOf(params["format"]), keyed: params["keyed"] == true}
	if params["missing"] != nil {
		if base.field.stand, err = c.standIn(params["missing"]); err != nil {
			return nil, err
		}
	}
	list, _ := params["ranges"].([]any)
	if len(list) == 0 {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "No [ranges] specified for the [%s] aggregation; give a list of objects with from and to", kind)
	}
	for _, v := range list {
		r, err := c.namedRange(v, &base, textOf(params["time_zone"]))
		if err != nil {
			return nil, err
		}
		base.ranges = append(base.ranges, r)
	}
	slices.SortStableFunc(base.ranges, func(a, b namedRange) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	return func() collector {
		r := base
		for range r.ranges {
			r.sets = append(r.sets, sub.newSet())
		}
		return &r
	}, nil
}

func (c *compiler) namedRange(v any, base *rangeSets, zoneName string) (r namedRange, err error) {
	o, err := object(v, "ranges")
	if err != nil {
		return r, err
	}
	zone, err := zoneNamed(cmp.Or(zoneName, "UTC"))
	if err != nil {
		return r, badZone(zoneName)
	}
	r = namedRange{from: math.Inf(-1), to: math.Inf(1)}
	texts := map[string]string{"from": "*", "to": "*"}
	for member, v := range o { // order-free: each is its own
		to := &r.from
		switch member {
		case "key":
			r.key = textOf(v)
			continue
		case "to":
			to = &r.to
		case "from":
		default:
			return r, refuseAt(member, "a range has from, to and key, not [%s]", wire.Clip(member))
		}
		switch v := v.(type) {
		case nil:
			continue
		case float64:
			*to = v
		case string:
			ms, ok := dateOf(v, c.now, base.format, zone, false)
			if !base.times {
				ms, ok = parseNumber(v)
			}
			if *to = ms; !ok {
				return r, refuseAt(member, "[%s] of a range is no %s: [%s]", member, map[bool]string{true: "date", false: "number"}[base.times], wire.Clip(v))
			}
		default:
			return r, refuseAt(member, "[%s] of a range must be a number or a date", member)
		}
		if texts[member] = formatDate(*to, base.format); !base.times {
			if texts[member] = numberText(*to); *to == math.Trunc(*to) {
				texts[member] += ".0"
			}
		}
	}
	if r.key == "" {
		r.key = texts["from"] + "-" + texts["to"]
	}
	return r, nil
}
