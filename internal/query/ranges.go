package query

import (
	"math"
	"strconv"
	"strings"

	"tidemark/wire"
)

func parseNumber(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n)
}

// limit is one end of a range, as a number, a time and a text: which of them
// counts depends on the value that it is compared with.
type limit struct {
	set, open        bool
	number, ms       float64
	isNumber, isTime bool
	text             string
	hasText          bool
}

func (c *compiler) limit(v any, open bool, format string) (limit, error) {
	l := limit{set: v != nil, open: open}
	switch v := v.(type) {
	case nil:
	case float64:
		l.number, l.isNumber, l.ms, l.isTime = v, true, v, true
		if strings.HasPrefix(format, "epoch_second") {
			l.ms *= 1000
		}
	case string:
		l.text, l.hasText = v, true
		l.number, l.isNumber = parseNumber(v)
		if strings.HasPrefix(format, "epoch_second") && l.isNumber {
			l.ms, l.isTime = l.number*1000, true
		} else {
			l.ms, l.isTime = dateOf(v, c.now)
		}
		if l.isTime {
			// A date names a moment; as a plain number it would mean a year.
			l.number, l.isNumber = l.ms, true
		}
	default:
		return l, refuse("a [range] ends at a text or a number")
	}
	return l, nil
}

// below reports whether v lies below the limit; equal values lie below an open one.
func (l *limit) compare(v Value) (order int, ok bool) {
	switch {
	case v.Kind == Number && l.isNumber:
		return compareFloats(v.Num, l.number), true
	case v.Kind == Text:
		if ms, isTime := v.millis(); isTime && l.isTime {
			return compareFloats(ms, l.ms), true
		}
		if l.hasText {
			return strings.Compare(v.Text, l.text), true
		}
	}
	return 0, false
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// between compiles a range query.
func (c *compiler) between(name string, params any, must bool) (matcher, error) {
	o, err := object(params, "range")
	if err != nil {
		return nil, err
	}
	format, _ := o["format"].(string)
	var from, to limit
	for member, v := range o {
		var err error
		switch member {
		case "gte", "gt":
			from, err = c.limit(v, member == "gt", format)
		case "lte", "lt":
			to, err = c.limit(v, member == "lt", format)
		case "from":
			if v != nil {
				from, err = c.limit(v, o["include_lower"] == false, format)
			}
		case "to":
			if v != nil {
				to, err = c.limit(v, o["include_upper"] == false, format)
			}
		case "format", "boost", "time_zone", "include_lower", "include_upper", "relation", "_name":
		default:
			err = refuse("[range] query does not support [%s]", wire.Clip(member))
		}
		if err != nil {
			return nil, err
		}
	}
	slot := c.slot(name)
	if must {
		c.bind(name, &from, &to)
	}
	return func(_ *Doc, row [][]Value) bool {
		for _, v := range row[slot] {
			if from.holds(v, 1) && to.holds(v, -1) {
				return true
			}
		}
		return false
	}, nil
}

// holds reports whether a value lies on the right side of a limit.
func (l *limit) holds(v Value, side int) bool {
	if !l.set {
		return true
	}
	order, ok := l.compare(v)
	return ok && (order == side || order == 0 && !l.open)
}

// bind remembers the times that a range lets through.
func (c *compiler) bind(name string, from, to *limit) {
	b := c.timeBound[name]
	if b == nil {
		b = &bound{from: math.Inf(-1), to: math.Inf(1)}
		c.timeBound[name] = b
	}
	if from.set && from.isTime {
		b.from = max(b.from, from.ms)
	}
	if to.set && to.isTime {
		b.to = min(b.to, to.ms+1)
	}
}
