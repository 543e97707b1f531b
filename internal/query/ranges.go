package query

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

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

// limit reads one end. A date that names a span of time, such as a day, stands
// for its end in gt and lte and for its start in gte and lt.
func (c *compiler) limit(v any, open, up bool, format string, zone *time.Location) (limit, error) {
	l := limit{set: v != nil, open: open}
	switch v := v.(type) {
	case nil:
	case float64:
		l.number, l.isNumber, l.ms, l.isTime = v, true, v, true
		if strings.HasPrefix(format, "epoch_second") {
			l.ms *= 1000
		}
		l.text, l.hasText = numberText(v), true
	case string:
		l.text, l.hasText = v, true
		l.number, l.isNumber = parseNumber(v)
		l.ms, l.isTime = dateOf(v, c.now, format, zone, up)
	case bool:
		l.text, l.hasText = textOf(v), true
	default:
		return l, refuseAt("range", "a [range] ends at a text or a number")
	}
	return l, nil
}

// compare orders a value against the limit; ok is false if they cannot be
// compared.
func (l *limit) compare(v Value) (order int, ok bool) {
	switch v.Kind {
	case Date:
		return cmp.Compare(v.Num, l.ms), l.isTime
	case Number:
		if l.isNumber {
			return cmp.Compare(v.Num, l.number), true
		}
		// A number that nobody declared as a date may be one.
		return cmp.Compare(v.Num, l.ms), l.isTime
	case Text:
		if l.isTime {
			if ms, isTime := v.millis(); isTime {
				return cmp.Compare(ms, l.ms), true
			}
		}
	}
	return strings.Compare(v.Text, l.text), l.hasText
}

// between compiles a range query.
func (c *compiler) between(name string, params any, must bool) (matcher, error) {
	o, err := object(params, name)
	if err != nil {
		return nil, err
	}
	format, _ := o["format"].(string)
	var zone *time.Location
	if text, ok := o["time_zone"].(string); ok {
		if zone, err = zoneNamed(text); err != nil {
			return nil, badZone(text)
		}
	}
	var from, to limit
	for member, v := range o {
		var err error
		switch member {
		case "gte", "gt":
			from, err = c.limit(v, member == "gt", member == "gt", format, zone)
		case "lte", "lt":
			to, err = c.limit(v, member == "lt", member == "lte", format, zone)
		case "from":
			if v != nil {
				from, err = c.limit(v, o["include_lower"] == false, o["include_lower"] == false, format, zone)
			}
		case "to":
			if v != nil {
				to, err = c.limit(v, o["include_upper"] == false, o["include_upper"] != false, format, zone)
			}
		case "format", "boost", "time_zone", "include_lower", "include_upper", "relation", "_name":
		default:
			err = refuseAt(member, "[range] query does not support [%s]", wire.Clip(member))
		}
		if err != nil {
			return nil, err
		}
	}
	return c.within(name, &from, &to, must), nil
}

// within compiles the comparison with both ends.
func (c *compiler) within(name string, from, to *limit, must bool) matcher {
	slot := c.slot(name)
	if must {
		c.bind(name, from, to)
	}
	return func(_ *Doc, row [][]Value) bool {
		for _, v := range row[slot] {
			if from.holds(v, 1) && to.holds(v, -1) {
				return true
			}
		}
		return false
	}
}

// holds reports whether a value lies on the right side of a limit.
func (l *limit) holds(v Value, side int) bool {
	if !l.set {
		return true
	}
	order, ok := l.compare(v)
	return ok && (order == side || order == 0 && !l.open)
}

// bind remembers the values that a range lets through, as times and as numbers:
// the field's type says which of them count.
func (c *compiler) bind(name string, from, to *limit) {
	b := c.narrowed[name]
	if b == nil {
		b = &bounds{times: everything(), numbers: everything()}
		c.narrowed[name] = b
	}
	if from.set && from.isTime {
		b.times.from = max(b.times.from, from.ms)
	}
	if to.set && to.isTime {
		b.times.to = min(b.times.to, to.ms+1)
	}
	// A number is compared with a date only where it is not one itself.
	if from.set && (from.isNumber || from.isTime) {
		b.numbers.from = max(b.numbers.from, from.asNumber())
	}
	if to.set && (to.isNumber || to.isTime) {
		b.numbers.to = min(b.numbers.to, to.asNumber()+1)
	}
}

// asNumber is what a number is compared with.
func (l *limit) asNumber() float64 {
	if l.isNumber {
		return l.number
	}
	return l.ms
}
