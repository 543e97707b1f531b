package javatime

import (
	"sync"
	"time"
)

// Clock is what matching needs beside the pattern. The zero value reads
// year-less times as of 1970. It is not safe for concurrent use.
type Clock struct {
	// Year stands in for the year that a pattern lacks.
	Year int
	// The zone name seen last, and how many names were looked up in vain.
	name   string
	loc    *time.Location
	misses int
}

// maxMisses bounds the look-ups of unknown zone names, each of which searches
// the machine's zone files.
const maxMisses = 32

// fields are the parts of a time while a text is matched.
type fields struct {
	has                          part
	year, month, day, dayOfYear  int64
	hour, hour12, minute, second int64
	nano, milliOfDay, nanoOfDay  int64
	weekday, half, offset        int64
	loc                          *time.Location
}

// Parse returns the time of text in milliseconds since 1970. ok is false if
// the text does not match, is no real date, or lacks a part that only an
// optional section would have given.
func (f *Format) Parse(text []byte, c *Clock) (ms int64, ok bool) {
	var v fields
	rest, ok := match(f.steps, text, &v, c)
	if !ok || len(rest) > 0 {
		return 0, false
	}
	return v.resolve(f, c)
}

func match(steps []*step, text []byte, v *fields, c *Clock) (rest []byte, ok bool) {
	for _, s := range steps {
		switch s.kind {
		case literal:
			if len(text) < len(s.text) || string(text[:len(s.text)]) != s.text {
				return nil, false
			}
			text = text[len(s.text):]
		case optional:
			saved := *v
			if rest, ok := match(s.sub, text, v, c); ok {
				text = rest
			} else {
				*v = saved
			}
		default:
			if text, ok = s.read(text, v, c); !ok {
				return nil, false
			}
		}
	}
	return text, true
}

// read takes one number, name, offset or zone off the text.
func (s *step) read(text []byte, v *fields, c *Clock) (rest []byte, ok bool) {
	switch s.kind {
	case digits, fraction, twoDigitYear:
		n, used := int64(0), 0
		for used < len(text) && used < s.max && text[used]-'0' <= 9 {
			n = n*10 + int64(text[used]-'0')
			used++
		}
		if used < s.min {
			return nil, false
		}
		return text[used:], v.number(s, n, used)
	case monthName:
		n, used := find(text, months)
		v.has |= month
		v.month = int64(n + 1)
		return text[used:], used > 0
	case weekdayName:
		n, used := find(text, weekdays)
		v.has |= weekday
		v.weekday = int64(n)
		return text[used:], used > 0
	case halfName:
		n, used := find(text, halves)
		v.has |= half
		v.half = int64(n)
		return text[used:], used > 0
	case eraName:
		_, used := find(text, eras)
		return text[used:], used > 0
	case offset:
		if len(text) > 0 && text[0] == 'Z' {
			v.has |= where
			v.offset, v.loc = 0, nil
			return text[1:], true
		}
		return v.readOffset(text)
	}
	return v.readZone(text, c)
}

// number stores a number that was read, if it is in range.
func (v *fields) number(s *step, n int64, digits int) bool {
	switch s.kind {
	case fraction:
		for ; digits < 9; digits++ {
			n *= 10
		}
		v.has |= nano
		v.nano = n
		return true
	case twoDigitYear:
		v.has |= year
		v.year = 2000 + n
		return true
	}
	if n < s.low || n > s.high {
		return false
	}
	v.has |= s.into
	switch s.into {
	case year:
		v.year = n
	case month:
		v.month = n
	case day:
		v.day = n
	case dayOfYear:
		v.dayOfYear = n
	case hour:
		v.hour = n
		if s.low == 1 { // k: 24 is midnight
			v.hour = n % 24
		}
	case hour12:
		v.hour12 = n % 12
	case minute:
		v.minute = n
	case second:
		v.second = n
	case nano:
		v.nano = n
	case milliOfDay:
		v.milliOfDay = n
	case nanoOfDay:
		v.nanoOfDay = n
	}
	return true
}

// Names in English, in lower case; a text may also have only the first three
// letters of a month or weekday.
var (
	months = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september",
		"october", "november", "december"}
	weekdays = []string{"thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"} // from 1970 on
	halves   = []string{"am", "pm"}
	eras     = []string{"anno domini", "ad", "ce"}
)

// find returns which name the text begins with and how long it is, 0 if none.
func find(text []byte, names []string) (index, used int) {
	for i, name := range names {
		if hasFold(text, name) {
			return i, len(name)
		}
		if len(name) > 3 && hasFold(text, name[:3]) {
			used = 3
			index = i
		}
	}
	return index, used
}

// hasFold reports whether text begins with a name in lower case ASCII.
func hasFold(text []byte, name string) bool {
	if len(text) < len(name) {
		return false
	}
	for i := range len(name) {
		b := text[i]
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		if b != name[i] {
			return false
		}
	}
	return true
}

// readOffset reads ±HH, ±HHMM, ±HH:MM, ±HHMMSS or ±HH:MM:SS, up to 18 hours;
// the hour may have one digit where no other digit follows.
func (v *fields) readOffset(text []byte) (rest []byte, ok bool) {
	if len(text) < 2 || text[0] != '+' && text[0] != '-' {
		return nil, false
	}
	sign := int64(1)
	if text[0] == '-' {
		sign = -1
	}
	text = text[1:]
	total, ok := twoDigits(text, 18)
	switch {
	case ok:
		text = text[2:]
	case text[0]-'0' <= 9 && (len(text) == 1 || text[1]-'0' > 9):
		total = int64(text[0] - '0')
		text = text[1:]
	default:
		return nil, false
	}
	total *= 3600
	colon := len(text) > 0 && text[0] == ':'
	for unit := int64(60); unit > 0; unit /= 60 {
		next := text
		if colon && (len(next) == 0 || next[0] != ':') {
			break
		} else if colon {
			next = next[1:]
		}
		n, ok := twoDigits(next, 59)
		if !ok {
			break
		}
		total += n * unit
		text = next[2:]
	}
	if total > 18*3600 {
		return nil, false
	}
	v.has |= where
	v.offset, v.loc = sign*total, nil
	return text, true
}

func twoDigits(text []byte, high int64) (int64, bool) {
	if len(text) < 2 || text[0]-'0' > 9 || text[1]-'0' > 9 {
		return 0, false
	}
	n := int64(text[0]-'0')*10 + int64(text[1]-'0')
	return n, n <= high
}

// abbreviations have one meaning in the logs of this world, as far as any has.
// They stand for fixed offsets in hours, not for the rules of a place.
var abbreviations = map[string]int64{
	"UTC": 0, "GMT": 0, "UT": 0, "Z": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3,
	"MSK": 3, "JST": 9, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"AKST": -9, "AKDT": -8, "HST": -10,
}

// locations keeps the zones that were found. There are some 600 of them.
var locations sync.Map

// readZone reads a zone's name, an abbreviation, or an offset with or without
// UTC or GMT in front.
func (v *fields) readZone(text []byte, c *Clock) (rest []byte, ok bool) {
	used := 0
	for used < len(text) && zoneByte(text[used]) {
		used++
	}
	name := text[:used]
	if hours, ok := abbreviations[string(name)]; ok {
		v.has |= where
		v.offset, v.loc = hours*3600, nil
		return text[used:], true
	}
	for _, prefix := range []string{"UTC", "GMT", "UT", ""} {
		if hasPrefix(text, prefix) && len(text) > len(prefix) && (text[len(prefix)] == '+' || text[len(prefix)] == '-') {
			return v.readOffset(text[len(prefix):])
		}
	}
	if used == 0 || name[0] == '-' || name[0] == '+' {
		return nil, false
	}
	loc := c.location(name)
	if loc == nil {
		return nil, false
	}
	v.has |= where
	v.loc = loc
	return text[used:], true
}

func hasPrefix(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && string(text[:len(prefix)]) == prefix
}

func zoneByte(b byte) bool {
	return b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' || b == '/' || b == '_' || b == '-' || b == '+'
}

// location finds a zone by name. The machine's own zone has no name here.
func (c *Clock) location(name []byte) *time.Location {
	if c.loc != nil && string(name) == c.name {
		return c.loc
	}
	key := string(name)
	if known, ok := locations.Load(key); ok {
		c.name, c.loc = key, known.(*time.Location)
		return c.loc
	}
	if c.misses >= maxMisses || len(name) > 64 || key == "Local" {
		return nil
	}
	loc, err := time.LoadLocation(key)
	if err != nil {
		c.misses++
		return nil
	}
	locations.Store(key, loc)
	c.name, c.loc = key, loc
	return loc
}

// resolve turns the parts into a time.
func (v *fields) resolve(f *Format, c *Clock) (int64, bool) {
	if v.has&year == 0 {
		if f.HasYear() {
			return 0, false // it stands in an optional section
		}
		v.year = int64(c.Year)
		v.has |= year
	}
	if v.has.lacks() != "" || v.year > 290_000 {
		return 0, false
	}
	days, ok := v.days()
	if !ok {
		return 0, false
	}
	ofDay, ok := v.timeOfDay(f)
	if !ok {
		return 0, false
	}
	ms := days*86_400_000 + ofDay
	if v.loc != nil {
		return ms - 1000*offsetOf(v.loc, floorDiv(ms, 1000)), true
	}
	return ms - 1000*v.offset, true
}

// days is the date in days since 1970. A day that the month does not have is
// an error, never another day.
func (v *fields) days() (int64, bool) {
	leap := v.year%4 == 0 && (v.year%100 != 0 || v.year%400 == 0)
	var n int64
	if v.has&(month|day) == month|day {
		length := [...]int64{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[v.month-1]
		if v.month == 2 && leap {
			length = 29
		}
		if v.day > length {
			return 0, false
		}
		n = time.Date(int(v.year), time.Month(v.month), int(v.day), 0, 0, 0, 0, time.UTC).Unix() / 86400
	} else {
		if v.dayOfYear == 366 && !leap {
			return 0, false
		}
		n = time.Date(int(v.year), 1, 1, 0, 0, 0, 0, time.UTC).Unix()/86400 + v.dayOfYear - 1
	}
	if v.has&weekday != 0 && ((n%7)+7)%7 != v.weekday {
		return 0, false
	}
	return n, true
}

// timeOfDay is in milliseconds.
func (v *fields) timeOfDay(f *Format) (int64, bool) {
	h := v.hour
	switch {
	case v.has&milliOfDay != 0:
		return v.milliOfDay, true
	case v.has&nanoOfDay != 0:
		return v.nanoOfDay / 1_000_000, true
	case v.has&hour != 0:
	case v.has&hour12 != 0:
		h = v.hour12 + 12*v.half
	default:
		// Midnight, if the pattern is for dates only.
		return 0, f.has&(hour|hour12|milliOfDay|nanoOfDay) == 0
	}
	if h == 24 && (v.minute != 0 || v.second != 0 || v.nano != 0) {
		return 0, false
	}
	return h*3_600_000 + v.minute*60_000 + v.second*1000 + v.nano/1_000_000, true
}

// offsetOf is the zone's offset in seconds at a local time. Of two possible
// times the earlier is meant; a time that a change of clocks leaves out moves
// forward by the change.
func offsetOf(loc *time.Location, localSeconds int64) int64 {
	before, after := offsetAt(loc, localSeconds-86400), offsetAt(loc, localSeconds+86400)
	if offsetAt(loc, localSeconds-before) == before || offsetAt(loc, localSeconds-after) != after {
		return before
	}
	return after
}

func offsetAt(loc *time.Location, seconds int64) int64 {
	_, offset := time.Unix(seconds, 0).In(loc).Zone()
	return int64(offset)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
