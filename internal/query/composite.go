package query

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"

	"tidemark/wire"
)

// cutPath splits the path of an aggregation's value.
func cutPath(path string) (name, member string, dotted bool) {
	if name, member, dotted = strings.Cut(path, ">"); dotted {
		return name, member, true
	}
	return strings.Cut(path, ".")
}

// keySource is one part of a composite aggregation's key.
type keySource struct {
	name       string
	slot       int
	width      *interval
	times      bool
	format     string
	descending bool
	missing    bool
	// lastMissing puts missing values behind all others, firstMissing before.
	missingOrder string
}

// composite has a bucket for each combination of its sources' values, in order,
// a page at a time.
type composite struct {
	g       *group
	sources []keySource
	size    int
	after   []Value
	sets    map[string]*combination
	key     []Value
	name    []byte
	// worst is a key that is not among the first any more, nil before there is one.
	worst []Value
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
	if c.after != nil && c.compare(c.key, c.after) <= 0 || c.worst != nil && c.compare(c.key, c.worst) >= 0 {
		return
	}
	c.name = c.name[:0]
	for _, v := range c.key {
		c.name = binary.LittleEndian.AppendUint64(append(c.name, byte(v.class())), math.Float64bits(v.Num))
		c.name = append(binary.AppendUvarint(c.name, uint64(len(v.Text))), v.Text...)
	}
	k := c.sets[string(c.name)]
	if k == nil {
		k = &combination{name: string(c.name), key: slices.Clone(c.key), in: c.g.newSet()}
		c.g.budget.hold(2*len(c.name) + 100)
		c.sets[k.name] = k
	}
	k.in.add(d, row)
	// Only the first ones are asked for; the rest is thrown away now and then.
	if len(c.sets) > 2*c.size+1000 {
		sorted := c.sorted()
		c.worst = sorted[c.size].key
		for _, late := range sorted[c.size:] {
			c.g.budget.hold(-2*len(late.name) - 100 - bytesOfSet - bytesOfCollector*len(c.g.makers))
			delete(c.sets, late.name)
		}
	}
}

func (c *composite) compare(a, b []Value) int {
	for i := range c.sources {
		if n := c.sources[i].compare(a[i], b[i]); n != 0 {
			return n
		}
	}
	return 0
}

// compare orders values of one source; a missing one is the least, unless the
// request says where it goes.
func (s *keySource) compare(a, b Value) int {
	if (a.Kind == 0) != (b.Kind == 0) && s.missingOrder != "" {
		if (a.Kind == 0) == (s.missingOrder == "first") {
			return -1
		}
		return 1
	}
	if s.descending {
		return compareValues(b, a)
	}
	return compareValues(a, b)
}

func (c *composite) sorted() []*combination {
	return slices.SortedFunc(maps.Values(c.sets), func(a, b *combination) int { return c.compare(a.key, b.key) })
}

func (c *composite) result() map[string]any {
	buckets := []any{}
	out := map[string]any{}
	for i, k := range c.sorted() {
		if i == c.size {
			break
		}
		key := map[string]any{}
		for n, v := range k.key {
			key[c.sources[n].name] = c.sources[n].shown(v)
		}
		buckets = append(buckets, c.g.bucket(map[string]any{"key": key}, k.in))
		out["after_key"] = key
	}
	out["buckets"] = c.g.arrange(buckets)
	return out
}

// shown is a value as keys have it.
func (s *keySource) shown(v Value) any {
	switch {
	case s.times && s.format != "" && v.Kind != 0 && s.width != nil:
		return formatDateIn(v.Num, s.format, s.width.zone)
	case s.times && s.format != "" && v.Kind != 0:
		return formatDate(v.Num, s.format)
	case v.Kind == Number && s.times:
		return int64(v.Num)
	}
	return v.plain()
}

func (c *compiler) composite(params map[string]any, sub *group) (maker, error) {
	base := composite{g: sub, size: 10}
	if err := wholeNumber(params, "size", &base.size); err != nil {
		return nil, err
	}
	switch {
	case base.size < 1:
		return nil, wire.Refuse(wire.TypeIllegalArgument, "[size] must be greater than 0. Found [%d] in a composite aggregation", base.size)
	case base.size > maxBuckets:
		return nil, tooManyBuckets()
	}
	list, ok := params["sources"].([]any)
	if !ok || len(list) == 0 {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "Required [sources]: a composite aggregation needs a list of them")
	}
	for _, v := range list {
		name, body, err := single(v, "sources")
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(base.sources, func(s keySource) bool { return s.name == name }) {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "Composite source names must be unique, found duplicate: [%s]", wire.Clip(name))
		}
		s, err := c.source(name, body)
		if err != nil {
			return nil, err
		}
		base.sources = append(base.sources, s)
	}
	if after := params["after"]; after != nil {
		o, ok := after.(map[string]any)
		if !ok || len(o) != len(base.sources) {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "[after] has to have a value for each source, as after_key of the last answer does")
		}
		for i := range base.sources {
			v, has := o[base.sources[i].name]
			if !has {
				return nil, wire.Refuse(wire.TypeIllegalArgument, "Missing value for [after.%s]", wire.Clip(base.sources[i].name))
			}
			base.after = append(base.after, c.afterValue(&base.sources[i], v))
		}
	}
	return func() collector {
		own := base
		own.sets, own.key = map[string]*combination{}, make([]Value, len(base.sources))
		return &own
	}, nil
}

func (c *compiler) afterValue(s *keySource, v any) Value {
	if text, isText := v.(string); isText && s.width != nil {
		if ms, ok := dateOf(text, c.now, s.format, s.width.zone, false); ok {
			return Value{Kind: Number, Num: ms}
		}
	}
	value, _ := plainValue(v)
	return value
}

func (c *compiler) source(name string, body any) (s keySource, err error) {
	kind, v, err := single(body, name)
	if err != nil {
		return s, err
	}
	params, err := object(v, kind)
	if err != nil {
		return s, err
	}
	s = keySource{name: name, descending: params["order"] == "desc", missing: params["missing_bucket"] == true, missingOrder: textOf(params["missing_order"]), format: textOf(params["format"])}
	if s.missingOrder == "default" {
		s.missingOrder = ""
	}
	switch kind {
	case "terms":
	case "date_histogram", "histogram":
		s.times = kind == "date_histogram"
		if s.width, err = intervalOf(kind, params); err != nil {
			return s, err
		}
	default:
		return s, refuseAt(kind, "a source of a composite aggregation is terms, date_histogram or histogram, not [%s]", wire.Clip(kind))
	}
	s.slot, err = c.fieldOf(params, kind)
	return s, err
}
