// Package javatime reads times written by date patterns as
// java.time.format.DateTimeFormatter defines them, such as
// "yyyy-MM-dd HH:mm:ssX", in English and without a locale.
//
// A pattern is compiled once into a short list of steps; matching a text walks
// them without allocating. Numbers are read leniently: two letters stand for
// one or two digits unless the next letter touches them, and any form of
// offset (Z, +01, +0130, +01:30) fits any offset letter.
package javatime

import (
	"fmt"
	"strings"
)

// maxPattern bounds a pattern, and with it the work per record.
const maxPattern = 256

// maxNested bounds how deep optional sections may nest.
const maxNested = 16

// Format is a compiled pattern. It may be used by several goroutines.
type Format struct {
	pattern string
	steps   []*step
	has     part // what the pattern gives with all optional sections
}

type stepKind uint8

const (
	literal  stepKind = iota
	digits            // a number into one part
	fraction          // digits behind a decimal point into the nanosecond
	twoDigitYear
	monthName
	weekdayName
	halfName // AM or PM
	eraName
	offset
	zone
	optional
)

type step struct {
	kind     stepKind
	text     string // literal
	into     part   // digits
	min, max int    // digits
	low      int64  // smallest and largest number
	high     int64
	sub      []*step // optional
}

// part is a bit per piece of a time that a pattern can give.
type part uint32

const (
	year part = 1 << iota
	month
	day
	dayOfYear
	weekday
	era
	hour
	hour12 // 0 to 11
	half
	minute
	second
	nano
	milliOfDay
	nanoOfDay
	where // an offset or a zone
)

// letters describes the number letters: the part, its range, and how many
// letters the pattern may have.
var letters = map[byte]struct {
	into      part
	low, high int64
	max       int
}{
	'y': {year, 0, 999_999_999, 19},
	'u': {year, 0, 999_999_999, 19},
	'M': {month, 1, 12, 2},
	'L': {month, 1, 12, 2},
	'd': {day, 1, 31, 2},
	'D': {dayOfYear, 1, 366, 3},
	'H': {hour, 0, 24, 2}, // 24:00:00 is the end of a day
	'k': {hour, 1, 24, 2},
	'K': {hour12, 0, 11, 2},
	'h': {hour12, 1, 12, 2},
	'm': {minute, 0, 59, 2},
	's': {second, 0, 59, 2},
	'A': {milliOfDay, 0, 86_399_999, 19},
	'n': {nano, 0, 999_999_999, 19},
	'N': {nanoOfDay, 0, 86_399_999_999_999, 19},
}

// refused says why a known letter is not supported.
var refused = map[byte]string{
	'Y': "Y is the week-based year; use y",
	'w': "weeks give no date",
	'W': "weeks give no date",
	'F': "weeks give no date",
	'e': "the first day of the week depends on a locale; use E",
	'c': "the first day of the week depends on a locale; use E",
	'Q': "quarters are not supported",
	'q': "quarters are not supported",
	'g': "Julian days are not supported",
	'B': "periods of a day depend on a locale; use a",
	'p': "padding is not supported",
}

// Compile reads a pattern that gives a full time: a date without a year
// (which is then the current one), or with it, and at least the hour.
func Compile(pattern string) (*Format, error) {
	f, err := CompileDate(pattern)
	if err == nil && f.has&(hour|hour12|milliOfDay|nanoOfDay) == 0 {
		err = invalid(pattern, "it has no hour")
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// CompileDate is Compile for patterns that may lack the time of day, which is
// then midnight.
func CompileDate(pattern string) (*Format, error) {
	if len(pattern) > maxPattern {
		return nil, invalid(pattern[:32]+"…", fmt.Sprintf("it is longer than %d bytes", maxPattern))
	}
	c := &compiler{pattern: pattern}
	f := &Format{pattern: pattern, steps: c.section(0)}
	if c.why == "" {
		f.has = c.has
		c.why = c.has.lacks()
	}
	if c.why != "" {
		return nil, invalid(pattern, c.why)
	}
	return f, nil
}

func invalid(pattern, why string) error {
	//lint:ignore ST1005 These are the words that users of the API search for.
	return fmt.Errorf("Invalid Time format string '%s': %s", pattern, why)
}

// lacks says what keeps the parts from being a date or time.
func (p part) lacks() string {
	switch {
	case p&dayOfYear == 0 && p&month == 0:
		return "it has no month"
	case p&dayOfYear == 0 && p&day == 0:
		return "it has no day"
	case p&hour12 != 0 && p&half == 0 && p&hour == 0:
		return "h and K need a, or use H"
	case p&(second|nano) != 0 && p&minute == 0 && p&(milliOfDay|nanoOfDay) == 0:
		return "it has seconds but no minute"
	case p&nano != 0 && p&second == 0 && p&(milliOfDay|nanoOfDay) == 0:
		return "it has a fraction but no second"
	}
	return ""
}

// Pattern is what was compiled.
func (f *Format) Pattern() string { return f.pattern }

// HasYear reports whether times carry their year.
func (f *Format) HasYear() bool { return f.has&year != 0 }

// compiler turns a pattern into steps.
type compiler struct {
	pattern string
	at      int
	has     part
	why     string
	// number is the last number step if nothing stands between it and the
	// next letter. Numbers that touch have exactly as many digits as letters.
	number *step
	width  int
}

// section compiles up to the end of the optional section it is in.
func (c *compiler) section(depth int) []*step {
	var steps []*step
	for c.at < len(c.pattern) && c.why == "" {
		switch b := c.pattern[c.at]; {
		case b == '[':
			c.at++
			if depth == maxNested {
				c.why = "too many optional sections within each other"
				break
			}
			steps = append(steps, &step{kind: optional, sub: c.section(depth + 1)})
		case b == ']':
			if depth == 0 {
				c.why = "] without ["
				break
			}
			c.at++
			return steps
		case b == '\'':
			steps = append(steps, c.quoted())
		case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z':
			steps = append(steps, c.letter())
		case b == '{' || b == '}' || b == '#':
			c.why = string(b) + " is reserved; put it into quotes"
		default:
			steps = append(steps, c.plain())
		}
	}
	return steps
}

// quoted compiles a text in single quotes; two of them stand for one.
func (c *compiler) quoted() *step {
	c.number = nil
	rest := c.pattern[c.at+1:]
	var text strings.Builder
	for {
		end := strings.IndexByte(rest, '\'')
		if end < 0 {
			c.why = "a quote is not closed"
			return nil
		}
		text.WriteString(rest[:end])
		rest = rest[end+1:]
		if !strings.HasPrefix(rest, "'") {
			break
		}
		text.WriteByte('\'')
		rest = rest[1:]
	}
	if text.Len() == 0 {
		text.WriteByte('\'')
	}
	c.at = len(c.pattern) - len(rest)
	return &step{kind: literal, text: text.String()}
}

// plain compiles characters that stand for themselves.
func (c *compiler) plain() *step {
	c.number = nil
	start := c.at
	for c.at < len(c.pattern) {
		b := c.pattern[c.at]
		if strings.IndexByte("[]'{}#", b) >= 0 || b|0x20 >= 'a' && b|0x20 <= 'z' {
			break
		}
		c.at++
	}
	return &step{kind: literal, text: c.pattern[start:c.at]}
}

// letter compiles a run of one letter.
func (c *compiler) letter() *step {
	b, start := c.pattern[c.at], c.at
	for c.at < len(c.pattern) && c.pattern[c.at] == b {
		c.at++
	}
	n := c.at - start
	if n > 19 {
		c.why = fmt.Sprintf("too many letters %c", b)
		return nil
	}
	if why, ok := refused[b]; ok {
		c.why = why
		return nil
	}
	if s := c.name(b, n); s != nil {
		c.number = nil
		return s
	}
	if c.why != "" {
		return nil
	}
	if b == 'S' {
		if n > 9 {
			c.why = "a fraction has at most 9 digits"
			return nil
		}
		c.has |= nano
		return c.touch(&step{kind: fraction, into: nano, min: 1, max: 9}, n)
	}
	l, ok := letters[b]
	if !ok {
		c.why = fmt.Sprintf("unknown letter %c", b)
		return nil
	}
	if n > l.max {
		c.why = fmt.Sprintf("too many letters %c", b)
		return nil
	}
	c.has |= l.into
	s := &step{kind: digits, into: l.into, min: 1, max: max(2, n), low: l.low, high: l.high}
	switch {
	case l.into == year && n == 2:
		s.kind, s.min, s.max = twoDigitYear, 2, 2
	case l.into == year:
		s.min, s.max = min(n, 4), 9
	case l.into == dayOfYear:
		s.max = 3
	case l.into == milliOfDay || l.into == nano || l.into == nanoOfDay:
		s.max = 15
	}
	return c.touch(s, n)
}

// touch fixes the widths of numbers that nothing separates.
func (c *compiler) touch(s *step, letters int) *step {
	if c.number != nil {
		c.number.min, c.number.max = c.width, c.width
		if s.kind != fraction {
			s.min, s.max = letters, letters
		}
	}
	c.number, c.width = s, letters
	return s
}

// name compiles letters that stand for text, or returns nil.
func (c *compiler) name(b byte, n int) *step {
	switch {
	case (b == 'M' || b == 'L') && (n == 3 || n == 4):
		c.has |= month
		return &step{kind: monthName}
	case b == 'E' && n <= 4:
		c.has |= weekday
		return &step{kind: weekdayName}
	case b == 'a' && n == 1:
		c.has |= half
		return &step{kind: halfName}
	case b == 'G' && n <= 4:
		c.has |= era
		return &step{kind: eraName}
	case (b == 'X' || b == 'x' || b == 'Z') && n <= 5:
		c.has |= where
		return &step{kind: offset}
	case b == 'V' && n == 2, b == 'z' && n <= 4, b == 'v' && (n == 1 || n == 4), b == 'O' && (n == 1 || n == 4):
		c.has |= where
		return &step{kind: zone}
	case strings.IndexByte("MLEaGXxZVzvO", b) >= 0 && !(strings.IndexByte("ML", b) >= 0 && n <= 2):
		c.why = fmt.Sprintf("%d letters %c are not supported", n, b)
	}
	return nil
}
