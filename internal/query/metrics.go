package query

import (
	"math"
	"slices"
	"strconv"

	"tidemark/wire"
)

// metric compiles the aggregations that make numbers of a field's values.
func (c *compiler) metric(kind string, params map[string]any) (maker, error) {
	switch kind {
	case "avg", "min", "max", "sum", "value_count", "stats", "extended_stats", "cardinality", "percentiles", "percentile_ranks":
	default:
		return nil, refuseAt(kind, "Unknown aggregation type [%s]; this index knows terms, date_histogram, histogram, composite, range, date_range, filter, filters, missing, sampler, top_hits, bucket_sort, "+
			"avg, min, max, sum, value_count, stats, extended_stats, cardinality, percentiles and percentile_ranks", wire.Clip(kind))
	}
	slot, err := c.fieldOf(params, kind)
	if err != nil {
		return nil, err
	}
	field := metricField{slot: slot}
	if params["missing"] != nil {
		if field.stand, err = c.standIn(params["missing"]); err != nil {
			return nil, err
		}
	}
	switch kind {
	case "cardinality":
		return func() collector {
			return &distinct{metricField: field, seen: map[Value]struct{}{}, budget: &c.budget}
		}, nil
	case "percentiles", "percentile_ranks":
		return c.percentiles(kind, params, field)
	}
	sigma := 2.0
	if v, has := params["sigma"]; has {
		n, ok := v.(float64)
		if !ok || n < 0 {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "[sigma] must be a number and not negative")
		}
		sigma = n
	}
	format := textOf(params["format"])
	return func() collector {
		return &numbers{metricField: field, kind: kind, sigma: sigma, format: format, low: math.Inf(1), high: math.Inf(-1)}
	}, nil
}

// metricField is where a metric finds its values.
type metricField struct {
	slot  int
	stand []Value
}

// values are a document's, or what stands for them.
func (f *metricField) values(row [][]Value) []Value {
	if len(row[f.slot]) == 0 {
		return f.stand
	}
	return row[f.slot]
}

// standIn is the value for documents without one.
func (c *compiler) standIn(v any) ([]Value, error) {
	value, ok := plainValue(v)
	if !ok || value.Kind == 0 {
		return nil, refuseAt("missing", "[missing] must be a text, a number or a boolean")
	}
	if value.Kind == Text {
		if ms, isDate := dateOf(value.Text, c.now, "", nil, false); isDate {
			value = Value{Kind: Date, Num: ms}
		}
	}
	return []Value{value}, nil
}

// numbers sums a field up.
type numbers struct {
	metricField
	kind, format string
	sigma        float64
	n            int64
	// sum is kept with the rounding error of its additions, so that their order
	// hardly matters; mean and spread are updated value by value, which loses
	// nothing to large means.
	sum, rest    float64
	mean, spread float64
	square       float64
	low, high    float64
	// times: the values were dates, so that the answer shows dates too.
	times bool
}

func (m *numbers) add(_ *Doc, row [][]Value) {
	for _, v := range m.values(row) {
		if m.kind == "value_count" {
			m.n++
			continue
		}
		x := v.Num
		if v.Kind == Text {
			var ok bool
			if x, ok = v.millis(); !ok {
				continue
			}
			m.times = true
		}
		m.times = m.times || v.Kind == Date
		m.put(x)
	}
}

func (m *numbers) put(v float64) {
	m.n++
	// Neumaier's summation: what an addition rounds off is added in the end.
	t := m.sum + v
	if math.Abs(m.sum) >= math.Abs(v) {
		m.rest += m.sum - t + v
	} else {
		m.rest += v - t + m.sum
	}
	m.sum = t
	if m.kind == "extended_stats" {
		// Welford's update.
		d := v - m.mean
		m.mean += d / float64(m.n)
		m.spread += d * (v - m.mean)
		m.square += v * v
	}
	m.low, m.high = min(m.low, v), max(m.high, v)
}

func (m *numbers) result() map[string]any {
	sum := m.sum + m.rest
	switch {
	case m.kind == "value_count":
		return map[string]any{"value": m.n}
	case m.kind == "sum":
		return m.valued(sum)
	case m.n == 0 && (m.kind == "avg" || m.kind == "min" || m.kind == "max"):
		return map[string]any{"value": nil}
	case m.kind == "avg":
		return m.valued(sum / float64(m.n))
	case m.kind == "min":
		return m.valued(m.low)
	case m.kind == "max":
		return m.valued(m.high)
	}
	out := map[string]any{"count": m.n, "min": nil, "max": nil, "avg": nil, "sum": sum}
	if m.n > 0 {
		out["min"], out["max"], out["avg"] = m.low, m.high, sum/float64(m.n)
		if m.times {
			for _, name := range []string{"min", "max", "avg"} {
				out[name+"_as_string"] = formatDate(out[name].(float64), m.format)
			}
		}
	}
	if m.kind == "extended_stats" {
		m.extend(out, sum)
	}
	return out
}

// extend adds what tells how far values lie apart.
func (m *numbers) extend(out map[string]any, sum float64) {
	bounds := map[string]any{}
	out["std_deviation_bounds"] = bounds
	for _, name := range []string{"variance", "variance_population", "variance_sampling", "std_deviation", "std_deviation_population", "std_deviation_sampling"} {
		out[name] = nil
	}
	for _, name := range []string{"upper", "lower", "upper_population", "lower_population", "upper_sampling", "lower_sampling"} {
		bounds[name] = nil
	}
	if out["sum_of_squares"] = m.square; m.n == 0 {
		out["sum_of_squares"] = nil
		return
	}
	mean := sum / float64(m.n)
	set := func(suffix string, variance float64) {
		deviation := math.Sqrt(variance)
		out["variance"+suffix], out["std_deviation"+suffix] = variance, deviation
		bounds["upper"+suffix], bounds["lower"+suffix] = mean+m.sigma*deviation, mean-m.sigma*deviation
	}
	set("", m.spread/float64(m.n))
	set("_population", m.spread/float64(m.n))
	if m.n > 1 {
		set("_sampling", m.spread/float64(m.n-1))
	}
}

func (m *numbers) valued(v float64) map[string]any {
	out := map[string]any{"value": v}
	if m.times {
		out["value_as_string"] = formatDate(v, m.format)
	}
	return out
}

// distinct counts different values, exactly.
type distinct struct {
	metricField
	seen   map[Value]struct{}
	budget *budget
}

func (d *distinct) add(_ *Doc, row [][]Value) {
	for _, v := range d.values(row) {
		if _, have := d.seen[v]; !have {
			d.seen[v] = struct{}{}
			d.budget.hold(80 + len(v.Text))
		}
	}
}

func (d *distinct) result() map[string]any { return map[string]any{"value": len(d.seen)} }

// percentiles keeps all values: the answer is exact, by linear interpolation.
type percentiles struct {
	metricField
	ranks  bool
	wanted []float64
	keyed  bool
	all    []float64
	budget *budget
}

func (c *compiler) percentiles(kind string, params map[string]any, field metricField) (maker, error) {
	base := percentiles{metricField: field, ranks: kind == "percentile_ranks", keyed: params["keyed"] != false, budget: &c.budget}
	name := "percents"
	if base.ranks {
		name = "values"
	}
	list, ok := params[name].([]any)
	if !ok && params[name] == nil && !base.ranks {
		base.wanted, ok = []float64{1, 5, 25, 50, 75, 95, 99}, true
	}
	for _, v := range list {
		p, isNumber := v.(float64)
		ok = ok && isNumber && (base.ranks || p >= 0 && p <= 100)
		base.wanted = append(base.wanted, p)
	}
	if !ok || len(base.wanted) == 0 {
		return nil, refuseAt(name, "[%s] must be a list of numbers, percents from 0 to 100", name)
	}
	return func() collector {
		own := base
		return &own
	}, nil
}

func (p *percentiles) add(_ *Doc, row [][]Value) {
	for _, v := range p.values(row) {
		if x, ok := v.millis(); ok {
			p.all = append(p.all, x)
			p.budget.hold(16) // Twice, for the room that a growing list has.
		}
	}
}

// at is the value at a percentage, or the percentage of values up to one.
func (p *percentiles) at(q float64) any {
	n := len(p.all)
	if n == 0 {
		return nil
	}
	if p.ranks {
		upTo, _ := slices.BinarySearch(p.all, math.Nextafter(q, math.Inf(1)))
		return 100 * float64(upTo) / float64(n)
	}
	at := q / 100 * float64(n-1)
	low := int(at)
	high := min(low+1, n-1)
	return p.all[low] + (at-float64(low))*(p.all[high]-p.all[low])
}

func (p *percentiles) result() map[string]any {
	slices.Sort(p.all)
	keyed, list := map[string]any{}, []any{}
	for _, q := range p.wanted {
		v := p.at(q)
		name := strconv.FormatFloat(q, 'f', -1, 64)
		if q == math.Trunc(q) {
			name += ".0"
		}
		keyed[name] = v
		list = append(list, map[string]any{"key": q, "value": v})
	}
	if p.keyed {
		return map[string]any{"values": keyed}
	}
	return map[string]any{"values": list}
}
