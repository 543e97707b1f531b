package query

import (
	"strconv"
	"strings"
	"time"

	"tidemark/internal/mapping"
)

// millis reads a value as a time in milliseconds since 1970: a number is one
// already, a text is an ISO date or a number.
func (v Value) millis() (float64, bool) {
	switch v.Kind {
	case Number, Date:
		return v.Num, true
	case Text:
		ms, ok := mapping.ParseDateAs(v.Text, "")
		return float64(ms), ok
	}
	return 0, false
}

// dateOf reads a date or an expression of date math: an anchor, "now" or a date
// with "||", followed by steps such as +1h, -2d or /d, which rounds down, or with
// up to the unit's last millisecond. Dates without an offset are of the zone, nil
// for UTC; with up, the parts of the time that are missing are the last possible.
func dateOf(s string, now time.Time, format string, zone *time.Location, up bool) (float64, bool) {
	if zone == nil {
		zone = time.UTC
	}
	anchor, math, found := strings.Cut(s, "||")
	var at time.Time
	if !found && strings.HasPrefix(s, "now") && !now.IsZero() {
		at, math = now.In(zone), s[len("now"):]
	} else {
		var ok bool
		if at, ok = anchorOf(anchor, format, zone, up && math == ""); !ok {
			return 0, false
		}
	}
	for math != "" {
		var ok bool
		if at, math, ok = step(at, math, up); !ok {
			return 0, false
		}
	}
	return float64(at.UnixMilli()), true
}

// anchorOf reads a date without math.
func anchorOf(s, format string, zone *time.Location, up bool) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && (len(s) > 4 || strings.HasPrefix(format, "epoch")) {
		if strings.HasPrefix(format, "epoch_second") {
			n *= 1000
		}
		return time.UnixMilli(n).In(zone), true
	}
	ms, ok := mapping.ParseDate(s)
	if !ok {
		return time.Time{}, false
	}
	at := time.UnixMilli(ms).UTC()
	_, clock, _ := strings.Cut(strings.Replace(s, " ", "T", 1), "T")
	if strings.ContainsAny(clock, "Zz+-") {
		return at.In(zone), true
	}
	y, m, d := at.Date()
	hour, minute, second, nanos := at.Hour(), at.Minute(), at.Second(), at.Nanosecond()
	if up {
		const last = 999_000_000
		switch strings.Count(clock, ":") {
		case 0:
			if clock == "" {
				hour = 23
			}
			minute, second, nanos = 59, 59, last
		case 1:
			second, nanos = 59, last
		default:
			if !strings.ContainsAny(clock, ".,") {
				nanos = last
			}
		}
	}
	return time.Date(y, m, d, hour, minute, second, nanos, zone), true
}

// step applies the first step of date math and returns what is left.
func step(at time.Time, math string, up bool) (time.Time, string, bool) {
	op := math[0]
	i := 1
	for i < len(math) && math[i] >= '0' && math[i] <= '9' {
		i++
	}
	if i == len(math) {
		return at, "", false
	}
	n, unit := 1, math[i]
	if i > 1 {
		var err error
		if n, err = strconv.Atoi(math[1:i]); err != nil || n > 1e6 {
			return at, "", false
		}
	}
	rest := math[i+1:]
	switch op {
	case '-':
		n = -n
	case '/':
		if i > 1 {
			return at, "", false
		}
		down, ok := floorTo(at, string(unit))
		if ok && up {
			v := interval{unit: "1" + strings.ToLower(string(unit)), zone: at.Location()}
			if unit == 'M' {
				v.unit = "1M"
			}
			down = time.UnixMilli(int64(v.next(float64(down.UnixMilli()))) - 1).In(at.Location())
		}
		return down, rest, ok
	case '+':
	default:
		return at, "", false
	}
	switch unit {
	case 'y':
		return at.AddDate(n, 0, 0), rest, true
	case 'M':
		return at.AddDate(0, n, 0), rest, true
	case 'w':
		return at.AddDate(0, 0, 7*n), rest, true
	case 'd':
		return at.AddDate(0, 0, n), rest, true
	case 'h', 'H':
		return at.Add(time.Duration(n) * time.Hour), rest, true
	case 'm':
		return at.Add(time.Duration(n) * time.Minute), rest, true
	case 's':
		return at.Add(time.Duration(n) * time.Second), rest, true
	}
	return at, "", false
}

// floorTo is the start of the calendar unit that holds a time, in its zone.
func floorTo(t time.Time, unit string) (time.Time, bool) {
	y, m, d := t.Date()
	switch unit {
	case "y", "1y", "year":
		return time.Date(y, 1, 1, 0, 0, 0, 0, t.Location()), true
	case "q", "1q", "quarter":
		return time.Date(y, (m-1)/3*3+1, 1, 0, 0, 0, 0, t.Location()), true
	case "M", "1M", "month":
		return time.Date(y, m, 1, 0, 0, 0, 0, t.Location()), true
	case "w", "1w", "week":
		return time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, t.Location()), true
	case "d", "1d", "day":
		return time.Date(y, m, d, 0, 0, 0, 0, t.Location()), true
	case "h", "H", "1h", "hour":
		return truncated(t, time.Hour), true
	case "m", "1m", "minute":
		return truncated(t, time.Minute), true
	case "s", "1s", "second":
		return truncated(t, time.Second), true
	}
	return t, false
}

// truncated rounds down on the zone's clock, which may be off by half an hour.
func truncated(t time.Time, to time.Duration) time.Time {
	_, seconds := t.Zone()
	offset := time.Duration(seconds) * time.Second
	return t.Add(offset).Truncate(to).Add(-offset)
}

var longUnits = map[string]string{"year": "1y", "quarter": "1q", "month": "1M", "week": "1w", "day": "1d", "hour": "1h", "minute": "1m", "second": "1s"}

// calendarUnit is the short name of a calendar unit, "" for what is none.
func calendarUnit(s string) string {
	if short, ok := longUnits[s]; ok {
		return short
	}
	switch s {
	case "1y", "1q", "1M", "1w", "1d", "1h", "1m", "1s":
		return s
	}
	return ""
}
