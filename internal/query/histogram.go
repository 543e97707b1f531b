package query

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"tidemark/wire"
)

// histogram has a bucket for each interval of a number or a time.
type histogram struct {
	g        *group
	field    metricField
	width    *interval
	times    bool
	format   string
	keyed    bool
	least    int64
	order    []termOrder
	extended *bound // ends inclusive
	hard     *bound
	sets     map[float64]*set
	last     float64
	lastSet  *set
	lastTo   float64
}

func (h *histogram) add(d *Doc, row [][]Value) {
	for i, v := range h.field.values(row) {
		x, ok := v.millis()
		if !ok || h.hard != nil && (x < h.hard.from || x > h.hard.to) {
			continue
		}
		// A document counts once in each bucket.
		key := h.key(x)
		if i > 0 && h.seen(row[h.field.slot][:i], key) {
			continue
		}
		h.put(key, d, row)
	}
}

func (h *histogram) seen(before []Value, key float64) bool {
	return slices.ContainsFunc(before, func(v Value) bool {
		x, ok := v.millis()
		return ok && h.width.floor(x) == key
	})
}

// key is the start of the bucket of a value. Documents come mostly in order of
// time, so that the bucket before is tried first.
func (h *histogram) key(x float64) float64 {
	if h.lastSet != nil && x >= h.last && x < h.lastTo {
		return h.last
	}
	return h.width.floor(x)
}

func (h *histogram) put(key float64, d *Doc, row [][]Value) {
	if h.lastSet == nil || key != h.last {
		s := h.sets[key]
		if s == nil {
			s = h.g.newSet()
			h.sets[key] = s
		}
		h.last, h.lastSet, h.lastTo = key, s, key
		if h.width.steady() {
			h.lastTo = key + h.width.ms
		} else if h.width.unit != "" {
			h.lastTo = h.width.next(key)
		}
	}
	h.lastSet.add(d, row)
}

func (h *histogram) result() map[string]any {
	keys := slices.Sorted(maps.Keys(h.sets))
	if h.least == 0 {
		keys = h.filled(keys)
	}
	list := make([]bucketed, 0, len(keys))
	for _, key := range keys {
		s := h.sets[key]
		if s == nil {
			s = h.g.newSet()
		}
		if s.count < h.least {
			continue
		}
		out := map[string]any{"key": key}
		if h.times {
			out["key"], out["key_as_string"] = int64(key), formatDateIn(key, h.format, h.width.zone)
		}
		list = append(list, bucketed{key: Value{Kind: Number, Num: key}, in: s, out: h.g.bucket(out, s)})
		if h.g.budget.err != nil {
			break
		}
	}
	sortBuckets(list, h.order)
	buckets, named := []any{}, map[string]any{}
	for i := range list {
		buckets = append(buckets, list[i].out)
		if h.keyed {
			name := numberText(list[i].key.Num)
			if h.times {
				name = textOf(list[i].out["key_as_string"])
			} else if !strings.ContainsAny(name, ".e") {
				name += ".0"
			}
			named[name] = list[i].out
		}
	}
	if h.keyed {
		return map[string]any{"buckets": named}
	}
	return map[string]any{"buckets": h.g.arrange(buckets)}
}

// filled are all keys from the first to the last; more than an answer may have are
// an error of the budget.
func (h *histogram) filled(keys []float64) []float64 {
	if len(keys) == 0 && h.extended == nil {
		return nil
	}
	from, to := math.Inf(1), math.Inf(-1)
	if len(keys) > 0 {
		from, to = keys[0], keys[len(keys)-1]
	}
	if h.extended != nil {
		from, to = min(from, h.width.floor(h.extended.from)), max(to, h.width.floor(h.extended.to))
	}
	if math.IsInf(from, 0) || math.IsInf(to, 0) {
		return keys
	}
	var all []float64
	for key := from; key <= to; key = h.width.next(key) {
		if all = append(all, key); len(all) > maxBuckets {
			h.g.budget.answer(maxBuckets + 1)
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
	base := histogram{g: sub, field: metricField{slot: slot}, times: kind == "date_histogram", format: textOf(params["format"]), keyed: params["keyed"] == true}
	if base.width, err = intervalOf(kind, params); err != nil {
		return nil, err
	}
	least := 0
	if err := wholeNumber(params, "min_doc_count", &least); err != nil {
		return nil, err
	}
	base.least = int64(least)
	if base.order, err = ordersOf(params["order"], sub, termOrder{by: "_key"}); err != nil {
		return nil, err
	}
	if params["missing"] != nil {
		if base.field.stand, err = c.standIn(params["missing"]); err != nil {
			return nil, err
		}
	}
	if base.extended, err = c.bounds("extended_bounds", params, base.width.zone); err != nil {
		return nil, err
	}
	if base.hard, err = c.bounds("hard_bounds", params, base.width.zone); err != nil {
		return nil, err
	}
	return func() collector {
		h := base
		h.sets = map[float64]*set{}
		return &h
	}, nil
}

// bounds reads {min, max} of numbers or dates; an end that is missing is open.
func (c *compiler) bounds(name string, params map[string]any, zone *time.Location) (*bound, error) {
	if params[name] == nil {
		return nil, nil
	}
	o, err := object(params[name], name)
	if err != nil {
		return nil, err
	}
	b := &bound{from: math.Inf(1), to: math.Inf(-1)}
	if name == "hard_bounds" {
		b = &bound{from: math.Inf(-1), to: math.Inf(1)}
	}
	for member, to := range map[string]*float64{"min": &b.from, "max": &b.to} { // order-free: each is its own
		switch v := o[member].(type) {
		case nil:
		case float64:
			*to = v
		default:
			ms, ok := dateOf(textOf(v), c.now, "", zone, false)
			if !ok {
				return nil, refuseAt(name, "[%s] of [%s] must be a number or a date", member, name)
			}
			*to = ms
		}
	}
	if b.from > b.to && name == "extended_bounds" && !math.IsInf(b.from, 0) && !math.IsInf(b.to, 0) {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "[%s.min] [%s] cannot be greater than [%s.max] [%s]", name, numberText(b.from), name, numberText(b.to))
	}
	return b, nil
}

func intervalOf(kind string, params map[string]any) (*interval, error) {
	if kind == "histogram" {
		n, ok := params["interval"].(float64)
		if !ok || n <= 0 {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "[interval] must be >0 for histogram aggregation")
		}
		offset, _ := params["offset"].(float64)
		return &interval{ms: n, offsetMs: math.Mod(offset, n)}, nil
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
			return nil, wire.Refuse(wire.TypeIllegalArgument, "a date_histogram takes one of [fixed_interval] and [calendar_interval]")
		}
		text = textOf(params[name])
		unit := calendarUnit(text)
		if n, ok := params[name].(float64); ok && n >= 1 {
			v.ms = math.Floor(n)
			continue
		}
		if name != "fixed_interval" && unit != "" {
			v.unit = unit
			continue
		}
		d, err := wire.ParseDuration(name, text)
		if err != nil || d < time.Millisecond || name == "calendar_interval" {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "The supplied interval [%s] could not be parsed as [%s]; give a fixed_interval such as 15m or a calendar_interval such as 1d", wire.Clip(text), name)
		}
		v.ms = float64(d.Milliseconds())
	}
	if text == "" {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "Invalid interval specified, must be non-null and non-empty; give [fixed_interval] or [calendar_interval]")
	}
	return v, v.readOffset(params["offset"])
}

// readOffset reads by how much the buckets' starts are shifted, such as +6h.
func (v *interval) readOffset(offset any) error {
	if n, ok := offset.(float64); ok {
		v.offsetMs = n
		return nil
	}
	text, ok := offset.(string)
	if !ok || text == "" {
		return nil
	}
	sign := 1.0
	if text[0] == '-' {
		sign = -1
	}
	d, err := wire.ParseDuration("offset", strings.TrimLeft(text, "+-"))
	v.offsetMs = sign * float64(d.Milliseconds())
	return err
}

func badZone(name string) error {
	return wire.Refuse(wire.TypeIllegalArgument, "Unknown time-zone ID: [%s]; give a name such as Europe/Berlin or an offset such as +01:00", wire.Clip(name))
}

// zoneNamed reads a zone's name or an offset such as +01:00.
func zoneNamed(name string) (*time.Location, error) {
	if name == "Z" || name == "UTC" || name == "GMT" {
		return time.UTC, nil
	}
	for _, layout := range []string{"-07:00", "-0700", "-07"} {
		if at, err := time.Parse(layout, name); err == nil {
			_, seconds := at.Zone()
			return time.FixedZone(name, seconds), nil
		}
	}
	if name == "" || name == "Local" {
		return nil, badZone(name)
	}
	return time.LoadLocation(name)
}

// interval is the width of a histogram's buckets: a number of milliseconds, or
// a unit of the calendar in a zone.
type interval struct {
	ms       float64
	unit     string
	zone     *time.Location
	offsetMs float64
}

// steady reports whether all buckets have the same width.
func (v *interval) steady() bool { return v.unit == "" && (v.zone == nil || v.zone == time.UTC) }

// floor is the start of the bucket that holds a time.
func (v *interval) floor(ms float64) float64 {
	ms -= v.offsetMs
	switch {
	case v.unit != "":
		at, _ := wire.FloorTime(time.UnixMilli(int64(math.Floor(ms))).In(v.zone), v.unit)
		return float64(at.UnixMilli()) + v.offsetMs
	case v.steady():
		return math.Floor(ms/v.ms)*v.ms + v.offsetMs
	}
	// Widths are counted on the zone's clock.
	offset := offsetAt(ms, v.zone)
	local := math.Floor((ms+offset)/v.ms) * v.ms
	at := local - offset
	if offsetAt(at, v.zone) != offset {
		y := time.UnixMilli(int64(local)).UTC()
		at = float64(time.Date(y.Year(), y.Month(), y.Day(), y.Hour(), y.Minute(), y.Second(), y.Nanosecond(), v.zone).UnixMilli())
	}
	return at + v.offsetMs
}

// offsetAt is how far a zone's clock is ahead, in milliseconds.
func offsetAt(ms float64, zone *time.Location) float64 {
	_, seconds := time.UnixMilli(int64(math.Floor(ms))).In(zone).Zone()
	return float64(seconds) * 1000
}

// next is the start of the bucket after the one that starts at ms.
func (v *interval) next(ms float64) float64 {
	if v.steady() {
		return v.floor(ms + 1.5*v.ms)
	}
	if v.unit == "" {
		for _, hours := range []float64{0, 1, 2} { // A clock that is set back makes a bucket longer.
			if n := v.floor(ms + v.ms + hours*3_600_000); n > ms {
				return n
			}
		}
		return ms + v.ms
	}
	at := time.UnixMilli(int64(ms - v.offsetMs)).In(v.zone)
	switch v.unit[len(v.unit)-1] {
	case 'y':
		at = at.AddDate(1, 0, 0)
	case 'q':
		at = at.AddDate(0, 3, 0)
	case 'M':
		at = at.AddDate(0, 1, 0)
	case 'w':
		at = at.AddDate(0, 0, 7)
	case 'd':
		at = at.AddDate(0, 0, 1)
	case 'h':
		at = at.Add(time.Hour)
	case 'm':
		at = at.Add(time.Minute)
	default:
		at = at.Add(time.Second)
	}
	return float64(at.UnixMilli()) + v.offsetMs
}

// bucketed is a bucket on its way out.
type bucketed struct {
	key Value
	in  *set
	out map[string]any
}

// termOrder is one key that buckets are sorted by.
type termOrder struct {
	by         string
	descending bool
}

// ordersOf reads the order of buckets: by _count, _key, or the value of an
// aggregation inside them.
func ordersOf(v any, sub *group, standard termOrder) (orders []termOrder, err error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	for _, o := range list {
		by, direction, err := single(o, "order")
		if err != nil {
			return nil, err
		}
		if direction != "asc" && direction != "desc" {
			return nil, refuseAt("order", "Unknown order direction [%s]; it is asc or desc", wire.Clip(textOf(direction)))
		}
		name, _, _ := cutPath(by)
		switch by {
		case "_count", "_key", "_term", "_time":
		default:
			if !slices.Contains(sub.names, name) && !slices.Contains(sub.names, by) {
				return nil, wire.Refuse("aggregation_execution_exception", "Invalid aggregation order path [%s]. The provided aggregation [%s] either does not exist, or is a pipeline aggregation", wire.Clip(by), wire.Clip(name))
			}
		}
		orders = append(orders, termOrder{by: by, descending: direction == "desc"})
	}
	if len(orders) == 0 {
		orders = []termOrder{standard}
	}
	return orders, nil
}

// sortBuckets orders buckets; those that are equal are ordered by key.
func sortBuckets(list []bucketed, orders []termOrder) {
	slices.SortFunc(list, func(a, b bucketed) int {
		for i := range orders {
			n := orders[i].compare(&a, &b)
			if orders[i].descending {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return compareValues(a.key, b.key)
	})
}

func (o *termOrder) compare(a, b *bucketed) int {
	switch o.by {
	case "_count":
		return cmp.Compare(a.in.count, b.in.count)
	case "_key", "_term", "_time":
		return compareValues(a.key, b.key)
	}
	x, hasX := numberAt(a.out, o.by)
	y, hasY := numberAt(b.out, o.by)
	if hasX != hasY {
		// Buckets without a value come last, whatever the direction.
		if hasX == o.descending {
			return 1
		}
		return -1
	}
	return cmp.Compare(x, y)
}

// numberAt is the value of an inner aggregation: "name", "name.member", or
// "outer>name.member".
func numberAt(out map[string]any, path string) (float64, bool) {
	name, member, dotted := cutPath(path)
	if whole, ok := named(out, path); ok {
		name, member, dotted = path, "", false
		out = map[string]any{path: whole}
	}
	inner, ok := named(out, name)
	if !ok {
		return 0, false
	}
	switch {
	case !dotted:
		member = "value"
		if _, has := inner[member]; !has {
			member = "doc_count"
		}
	case strings.HasPrefix(path[len(name):], ">"):
		return numberAt(inner, member)
	}
	if values, has := inner["values"].(map[string]any); has && dotted {
		inner = values
		if inner[member] == nil {
			member += ".0"
		}
	}
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

// named is the aggregation of a name, which may have its type before it.
func named(out map[string]any, name string) (map[string]any, bool) {
	if inner, ok := out[name].(map[string]any); ok {
		return inner, true
	}
	for typed, v := range out { // order-free: names are unique
		if strings.HasSuffix(typed, "#"+name) {
			inner, ok := v.(map[string]any)
			return inner, ok
		}
	}
	return nil, false
}
