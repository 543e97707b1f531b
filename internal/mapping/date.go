package mapping

import (
	"strconv"
	"strings"
	"time"

	"tidemark/wire"
)

// layouts are forms of dates beside ISO 8601 that documents often have.
var layouts = []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05.000", "2006/01/02 15:04:05", "2006/01/02"}

// ParseDate reads a date of the usual forms, in milliseconds since 1970.
func ParseDate(s string) (int64, bool) {
	// Most texts are no dates; the first bytes tell that at once.
	if len(s) < 4 || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	if ms, ok := wire.ParseISO(s); ok {
		return ms, true
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// ParseDateAs reads a date of a field with a declared format: of several, joined
// by "||", the first that fits. Numbers in a text are milliseconds unless the
// format says seconds.
func ParseDateAs(s, format string) (int64, bool) {
	// Most texts are whole dates, and four digits alone may be a year or a number.
	if len(s) != 4 {
		if ms, ok := wire.ParseISO(s); ok {
			return ms, true
		}
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil && (len(s) != 4 || strings.HasPrefix(format, "epoch")) {
		if strings.HasPrefix(format, "epoch_second") {
			n *= 1000
		}
		return int64(n), true
	}
	return ParseDate(s)
}

// FormatDate writes a date by the clock of a zone: in ISO 8601, or by a pattern of
// letters such as "yyyy-MM-dd HH:mm".
func FormatDate(ms int64, format string, zone *time.Location) string {
	if first, _, several := strings.Cut(format, "||"); several {
		format = first
	}
	if format == "" || strings.Contains(format, "_") || format == "iso8601" {
		switch strings.TrimPrefix(format, "strict_") {
		case "date", "year_month_day":
			format = "yyyy-MM-dd"
		case "date_hour_minute_second":
			format = "yyyy-MM-dd'T'HH:mm:ss"
		case "date_time_no_millis":
			format = "yyyy-MM-dd'T'HH:mm:ssXXX"
		default:
			return time.UnixMilli(ms).In(zone).Format("2006-01-02T15:04:05.000Z07:00")
		}
	}
	return time.UnixMilli(ms).In(zone).Format(layoutOf(format))
}

// letters are the runs of a date pattern and what they are in a Go layout.
var letters = map[string]string{
	"yyyy": "2006", "uuuu": "2006", "yy": "06", "MM": "01", "M": "1", "MMM": "Jan", "MMMM": "January", "dd": "02", "d": "2", "EEE": "Mon", "EEEE": "Monday",
	"HH": "15", "H": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5", "SSS": "000", "SSSSSS": "000000", "a": "PM",
	"Z": "-0700", "XXX": "Z07:00", "XX": "Z0700", "X": "Z07", "z": "MST",
}

// layoutOf turns a pattern of letters into a Go layout.
func layoutOf(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); {
		c := pattern[i]
		if c == '\'' {
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				end = len(pattern) - i - 1
			}
			b.WriteString(pattern[i+1 : i+1+end])
			i = min(i+end+2, len(pattern))
			continue
		}
		n := i
		for n < len(pattern) && pattern[n] == c {
			n++
		}
		if layout, ok := letters[pattern[i:n]]; ok {
			b.WriteString(layout)
		} else {
			b.WriteString(pattern[i:n])
		}
		i = n
	}
	return b.String()
}
