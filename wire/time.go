package wire

import (
	"strconv"
	"time"
)

// Millis is a time on the wire: milliseconds since 1970-01-01T00:00:00Z.
type Millis int64

// Time returns the time in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// String returns the time in ISO-8601 with milliseconds.
func (m Millis) String() string { return FormatTime(int64(m)) }

// MillisOf returns a pointer to ms for an optional field.
func MillisOf(ms int64) *Millis {
	m := Millis(ms)
	return &m
}

// FormatTime writes a time as the _string siblings of human=true do,
// "2017-03-23T13:00:00.000Z".
func FormatTime(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// MaxTimeMs is the latest time that can be given, the last one that ECMAScript
// can show (in the year 275760). Up to it no bucket arithmetic overflows and a
// double holds every millisecond. Nanoseconds given as milliseconds lie beyond.
const MaxTimeMs int64 = 8_640_000_000_000_000

// secondsDigits is the length up to which a number is read as seconds.
const secondsDigits = 10

// ParseTime reads the time string of parameter name: "now", a whole number
// (seconds up to 10 characters, else milliseconds), or an ISO-8601 date that
// may end after any part ("2018-01", "2018-01-01T11:00Z"); without an offset it
// is UTC. A number always wins, so that "2018" is 2,018 seconds and no year.
// Date math may follow: "now-1d/d", "2018-01-01||+1M".
// The result is in milliseconds since 1970, from 0 to MaxTimeMs. The error is
// a *Refusal.
func ParseTime(name, value string, now time.Time) (int64, error) {
	if ms, ok := parseDateMath(value, now); ok {
		return checkTime(name, value, ms)
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		if len(value) <= secondsDigits {
			n *= 1000
		}
		return checkTime(name, value, n)
	}
	ms, ok := ParseISO(value)
	if !ok {
		return 0, Refuse(TypeParse, "Query param [%s] with value [%s] cannot be parsed as a date or converted to a number (epoch). "+
			"Give seconds or milliseconds since 1970, an ISO-8601 date such as 2018-01-01T11:00:00Z, or now, now-1d and the like.", name, Clip(value))
	}
	return checkTime(name, value, ms)
}

func checkTime(name, value string, ms int64) (int64, error) {
	switch {
	case ms < 0:
		return 0, Refuse(TypeParse, "Query param [%s] with value [%s] cannot be parsed as a date or converted to a number (epoch): "+
			"it lies before 1970-01-01T00:00:00Z, the first time that can be used.", name, Clip(value))
	case ms > MaxTimeMs:
		return 0, Refuse(TypeParse, "Query param [%s] with value [%s] cannot be parsed as a date or converted to a number (epoch): "+
			"it lies after %d ms, the last time that can be used; give seconds or milliseconds since 1970, not microseconds or nanoseconds.",
			name, Clip(value), MaxTimeMs)
	}
	return ms, nil
}

// TimeString writes a time so that ParseTime reads the same millisecond back.
func TimeString(t time.Time) string {
	s := strconv.FormatInt(t.UnixMilli(), 10)
	if len(s) <= secondsDigits {
		return FormatTime(t.UnixMilli())
	}
	return s
}

// ParseISO reads yyyy[-MM[-dd['T'[HH[:mm[:ss[.fraction]]][offset]]]]] strictly:
// two digits for each part, a fraction of 1 to 9 digits after a point or comma,
// an offset Z, ±HH, ±HHmm or ±HH:mm.
func ParseISO(s string) (ms int64, ok bool) {
	p := iso{rest: s, ok: true}
	year, month, day := p.digits(4), 1, 1
	var hour, minute, second, nanos, offset int
	if p.take('-') {
		month = p.digits(2)
		if p.take('-') {
			day = p.digits(2)
			if p.take('T') && p.rest != "" {
				hour, minute, second, nanos = p.clock()
				offset = p.offset()
			}
		}
	}
	if !p.ok || p.rest != "" || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if t.Day() != day { // 30 February
		return 0, false
	}
	return t.UnixMilli() - int64(offset)*60_000, true
}

// iso reads a date piece by piece; ok turns false at the first wrong one.
type iso struct {
	rest string
	ok   bool
}

func (p *iso) take(c byte) bool {
	if p.ok && p.rest != "" && p.rest[0] == c {
		p.rest = p.rest[1:]
		return true
	}
	return false
}

// digits reads exactly n digits.
func (p *iso) digits(n int) int {
	if len(p.rest) < n {
		p.ok = false
		return 0
	}
	v := 0
	for i := range n {
		c := p.rest[i]
		if c < '0' || c > '9' {
			p.ok = false
			return 0
		}
		v = v*10 + int(c-'0')
	}
	p.rest = p.rest[n:]
	return v
}

// clock reads HH[:mm[:ss[.fraction]]].
func (p *iso) clock() (hour, minute, second, nanos int) {
	hour = p.digits(2)
	if !p.take(':') {
		return
	}
	minute = p.digits(2)
	if !p.take(':') {
		return
	}
	second = p.digits(2)
	if !p.take('.') && !p.take(',') {
		return
	}
	n := 0
	for n < len(p.rest) && n < 10 && p.rest[n] >= '0' && p.rest[n] <= '9' {
		n++
	}
	if n == 0 || n > 9 {
		p.ok = false
		return
	}
	nanos = p.digits(n)
	for ; n < 9; n++ {
		nanos *= 10
	}
	return
}

// offset reads nothing, Z, ±HH, ±HHmm or ±HH:mm and returns minutes. No place
// is further than 18 hours from UTC.
func (p *iso) offset() int {
	sign := 1
	switch {
	case p.rest == "" || p.take('Z'):
		return 0
	case p.take('-'):
		sign = -1
	case !p.take('+'):
		p.ok = false
		return 0
	}
	hours, minutes := p.digits(2), 0
	if p.take(':') || p.rest != "" {
		minutes = p.digits(2)
	}
	if minutes > 59 || hours*60+minutes > 18*60 {
		p.ok = false
	}
	return sign * (hours*60 + minutes)
}
