package query

import (
	"math"
	"slices"
	"strconv"

	"tidemark/wire"
)

// metric compiles the aggregations that make numbers of a field's values.
func (c *compiler) metric(kind string, params map[string]any, name string) (maker, error) {
	switch kind {
	case "avg", "min", "max", "sum", "value_count", "stats", "extended_stats", "cardinality", "percentiles", "missing":
	case "":
		return nil, refuse("[%s] has no type; name one, such as avg or terms", wire.Clip(name))
	default:
		return nil, refuse("unknown aggregation type [%s] of [%s]; this index knows terms, date_histogram, histogram, composite, filter, filters, top_hits, "+
			"avg, min, max, sum, value_count, stats, extended_stats, cardinality, percentiles and missing", wire.Clip(kind), wire.Clip(name))
	}
	slot, err := c.fieldOf(params, kind)
	if err != nil {
		return nil, err
	}
	stand, hasStand := params["missing"].(float64)
	switch kind {
	case "cardinality":
		return func() collector { return &distinct{slot: slot, seen: map[Value]struct{}{}} }, nil
	case "missing":
		return func() collector { return &absent{slot: slot} }, nil
	case "percentiles":
		percents, err := percentsOf(params)
		keyed := params["keyed"] != false
		return func() collector { return &percentiles{slot: slot, percents: percents, keyed: keyed} }, err
	}
	return func() collector {
		return &numbers{kind: kind, slot: slot, stand: stand, hasStand: hasStand, low: math.Inf(1), high: math.Inf(-1)}
	}, nil
}

// numbers sums a field up.
type numbers struct {
	kind        string
	slot        int
	stand       float64
	hasStand    bool
	n           int64
	sum, square float64
	low, high   float64
	// times: the values were dates, so that the answer shows dates too.
	times bool
}

func (m *numbers) add(_ *Doc, row [][]Value) {
	if len(row[m.slot]) == 0 && m.hasStand {
		m.put(m.stand)
	}
	for _, v := range row[m.slot] {
		switch {
		case m.kind == "value_count":
			m.n++
		case v.Kind == Text:
			if ms, ok := v.millis(); ok {
				m.times = true
				m.put(ms)
			}
		default:
			m.times = m.times || v.Kind == Date
			m.put(v.Num)
		}
	}
}

func (m *numbers) put(v float64) {
	m.n++
	m.sum += v
	m.square += v * v
	m.low, m.high = min(m.low, v), max(m.high, v)
}

func (m *numbers) result() any {
	switch m.kind {
	case "value_count":
		return map[string]any{"value": m.n}
	case "sum":
		return m.valued(m.sum)
	}
	if m.n == 0 && (m.kind == "avg" || m.kind == "min" || m.kind == "max") {
		return map[string]any{"value": nil}
	}
	switch m.kind {
	case "avg":
		return m.valued(m.sum / float64(m.n))
	case "min":
		return m.valued(m.low)
	case "max":
		return m.valued(m.high)
	}
	out := map[string]any{"count": m.n, "min": nil, "max": nil, "avg": nil, "sum": m.sum}
	if m.n > 0 {
		out["min"], out["max"], out["avg"] = m.low, m.high, m.sum/float64(m.n)
	}
	if m.kind == "extended_stats" {
		out["sum_of_squares"], out["variance"], out["std_deviation"] = m.square, nil, nil
		if m.n > 0 {
			mean := m.sum / float64(m.n)
			variance := max(m.square/float64(m.n)-mean*mean, 0)
			out["variance"], out["std_deviation"] = variance, math.Sqrt(variance)
		}
	}
	return out
}

func (m *numbers) valued(v float64) map[string]any {
	out := map[string]any{"value": v}
	if m.times {
		out["value_as_string"] = wire.FormatTime(int64(v))
	}
	return out
}

// distinct counts different values, exactly.
type distinct struct {
	slot int
	seen map[Value]struct{}
}

func (d *distinct) add(_ *Doc, row [][]Value) {
	for _, v := range row[d.slot] {
		d.seen[v] = struct{}{}
	}
}

func (d *distinct) result() any { return map[string]any{"value": len(d.seen)} }

// absent counts documents without a value.
type absent struct {
	slot int
	n    int64
}

func (a *absent) add(_ *Doc, row [][]Value) {
	if len(row[a.slot]) == 0 {
		a.n++
	}
}

func (a *absent) result() any { return map[string]any{"doc_count": a.n} }

// percentiles keeps all values: the answer is exact, by linear interpolation.
type percentiles struct {
	slot     int
	percents []float64
	keyed    bool
	values   []float64
}

func percentsOf(params map[string]any) ([]float64, error) {
	if params["percents"] == nil {
		return []float64{1, 5, 25, 50, 75, 95, 99}, nil
	}
	list, ok := params["percents"].([]any)
	var percents []float64
	for _, v := range list {
		p, isNumber := v.(float64)
		ok = ok && isNumber && p >= 0 && p <= 100
		percents = append(percents, p)
	}
	if !ok {
		return nil, refuse("[percents] must be a list of numbers from 0 to 100")
	}
	return percents, nil
}

func (p *percentiles) add(_ *Doc, row [][]Value) {
	for _, v := range row[p.slot] {
		if ms, ok := v.millis(); ok {
			p.values = append(p.values, ms)
		}
	}
}

func (p *percentiles) result() any {
	slices.Sort(p.values)
	keyed, list := map[string]any{}, []any{}
	for _, q := range p.percents {
		var v any
		if n := len(p.values); n > 0 {
			at := q / 100 * float64(n-1)
			low := int(at)
			high := min(low+1, n-1)
			v = p.values[low] + (at-float64(low))*(p.values[high]-p.values[low])
		}
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
