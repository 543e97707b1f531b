package wire

import (
	"strconv"
	"strings"
	"time"
)

// mostSteps bounds a number in date math: a million years are enough.
const mostSteps = 1e6

// DateMath applies the steps of date math to a time, in its zone: +1h, -2d, and
// /d, which rounds down to the unit's start or, with up, up to its last
// millisecond. Units are y, M, w (from Monday), d, h or H, m and s. ok is false
// if the steps cannot be read.
func DateMath(at time.Time, steps string, up bool) (t time.Time, ok bool) {
	for steps != "" {
		if at, steps, ok = dateStep(at, steps, up); !ok {
			return at, false
		}
	}
	return at, true
}

// dateStep applies the first step and returns what is left.
func dateStep(at time.Time, steps string, up bool) (time.Time, string, bool) {
	op, i := steps[0], 1
	for i < len(steps) && steps[i] >= '0' && steps[i] <= '9' {
		i++
	}
	if i == len(steps) {
		return at, "", false
	}
	n, unit, rest := 1, steps[i], steps[i+1:]
	if i > 1 {
		var err error
		if n, err = strconv.Atoi(steps[1:i]); err != nil || n > mostSteps {
			return at, "", false
		}
	}
	switch {
	case op == '/' && i == 1:
		down, ok := FloorTime(at, string(unit))
		if ok && up {
			down, ok = addUnits(down, 1, unit)
			down = down.Add(-time.Millisecond)
		}
		return down, rest, ok
	case op == '-':
		n = -n
	case op != '+':
		return at, "", false
	}
	at, ok := addUnits(at, n, unit)
	return at, rest, ok
}

func addUnits(at time.Time, n int, unit byte) (time.Time, bool) {
	switch unit {
	case 'y':
		return at.AddDate(n, 0, 0), true
	case 'M':
		return at.AddDate(0, n, 0), true
	case 'w':
		return at.AddDate(0, 0, 7*n), true
	case 'd':
		return at.AddDate(0, 0, n), true
	case 'h', 'H':
		return at.Add(time.Duration(n) * time.Hour), true
	case 'm':
		return at.Add(time.Duration(n) * time.Minute), true
	case 's':
		return at.Add(time.Duration(n) * time.Second), true
	}
	return at, false
}

// FloorTime is the start of the calendar unit that holds a time, in its zone. The
// unit is a letter of date math, or year, quarter (q), month, week, day, hour,
// minute or second, also as 1y, 1q, 1M and so on.
func FloorTime(t time.Time, unit string) (time.Time, bool) {
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

// parseDateMath reads "now" or a date followed by "||", with date math behind it.
func parseDateMath(value string, now time.Time) (ms int64, ok bool) {
	at, steps := now.UTC(), ""
	if date, math, anchored := strings.Cut(value, "||"); anchored {
		start, ok := ParseISO(date)
		if !ok {
			return 0, false
		}
		at, steps = Millis(start).Time(), math
	} else if steps, ok = strings.CutPrefix(value, "now"); !ok {
		return 0, false
	}
	at, ok = DateMath(at, steps, false)
	return at.UnixMilli(), ok
}
