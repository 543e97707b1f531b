package query

import (
	"strconv"
	"strings"
	"time"

	"tidemark/internal/mapping"
	"tidemark/wire"
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
	at, ok := wire.DateMath(at, math, up)
	return float64(at.UnixMilli()), ok
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
