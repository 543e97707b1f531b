package logline

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// stamp is a way in which lines begin with a time.
type stamp struct {
	// at matches the time: group 1 in the layout, 2 a fraction of a second, 3 a
	// zone, as far as it has these.
	at *regexp.Regexp
	// layout is as package time has it; empty: seconds or milliseconds since 1970.
	layout   string
	yearless bool
	// fraction and zone are part of the layout.
	whole bool
}

// What may stand before a line's time: the priority of syslog with its version, and
// a bracket.
const lead = `^(?:<\d{1,3}>(?:\d )?)?[\[(]?`

const (
	clockOf  = `\d{2}:\d{2}:\d{2}`
	fraction = `(?:[.,](\d{1,9}))?`
	zoneOf   = `(?: ?(Z|UTC|GMT|[+-]\d{2}:?\d{2}))?`
)

// stamps in the order in which they are tried.
var stamps = []stamp{
	iso(`T`, `-`, "2006-01-02T15:04:05"),
	iso(` `, `-`, "2006-01-02 15:04:05"),
	iso(` `, `/`, "2006/01/02 15:04:05"),
	iso(` `, `\.`, "2006.01.02 15:04:05"),
	{layout: "Jan _2 15:04:05", yearless: true, at: regexp.MustCompile(lead + `([A-Z][a-z]{2} [ \d]?\d ` + clockOf + `)` + fraction)},
	{layout: "Mon Jan _2 15:04:05 2006", whole: true, at: regexp.MustCompile(lead + `([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d ` + clockOf + `(?:\.\d{1,9})? \d{4})`)},
	{layout: accessTime, whole: true, at: regexp.MustCompile(lead + `(\d{2}/[A-Z][a-z]{2}/\d{4}:` + clockOf + ` [+-]\d{4})`)},
	{layout: "02-Jan-2006 15:04:05", at: regexp.MustCompile(lead + `(\d{2}-[A-Z][a-z]{2}-\d{4} ` + clockOf + `)` + fraction + zoneOf)},
	{layout: "02 Jan 2006 15:04:05", at: regexp.MustCompile(lead + `(\d{2} [A-Z][a-z]{2} \d{4} ` + clockOf + `)` + fraction + zoneOf)},
	{layout: "02.01.2006 15:04:05", at: regexp.MustCompile(lead + `(\d{2}\.\d{2}\.\d{4} ` + clockOf + `)` + fraction + zoneOf)},
	{layout: "0102 15:04:05", yearless: true, at: regexp.MustCompile(`^[IWEF](\d{4} ` + clockOf + `)` + fraction)},
	{at: regexp.MustCompile(lead + `([12]\d{9})` + fraction)},
	{at: regexp.MustCompile(lead + `([12]\d{12})`)},
}

func iso(between, dash, layout string) stamp {
	return stamp{layout: layout, at: regexp.MustCompile(lead + `(\d{4}` + dash + `\d{2}` + dash + `\d{2}` + between + clockOf + `)` + fraction + zoneOf)}
}

// zoned reports whether a match names its zone, or needs none.
func (s *stamp) zoned(m []string) bool {
	return s.layout == "" || s.layout == accessTime || len(m) > 3 && m[3] != ""
}

// cut takes the time from the beginning of a line, in milliseconds since 1970, and
// leaves the text behind it. A year that is not named is 2000. ok is false for lines
// that begin with no time or have no text behind it, as the rows of tables do.
func (s *stamp) cut(line string) (ms int64, rest string, ok bool) {
	at := s.at.FindStringSubmatchIndex(line)
	if at == nil {
		return 0, "", false
	}
	if rest, ok = behind(line[at[1]:]); !ok {
		return 0, "", false
	}
	group := func(i int) string {
		if 2*i >= len(at) || at[2*i] < 0 {
			return ""
		}
		return line[at[2*i]:at[2*i+1]]
	}
	if s.layout == "" {
		n, err := strconv.ParseInt(group(1), 10, 64)
		if len(group(1)) <= 10 {
			n = n*1000 + milliseconds(group(2))
		}
		return n, rest, err == nil
	}
	layout, text := s.layout, group(1)
	if s.yearless {
		layout, text = "2006 "+layout, "2000 "+text
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return 0, "", false
	}
	ms = t.UnixMilli()
	if !s.whole {
		ms += milliseconds(group(2)) - offset(group(3)).Milliseconds()
	}
	return ms, rest, true
}

// behind is the text behind a time, without what separates them. A table's cells are
// none: what commas separate, and numbers.
func behind(text string) (rest string, ok bool) {
	rest = strings.TrimLeft(text, " ])")
	separated := len(rest) < len(text)
	if strings.HasPrefix(rest, "\t") || strings.HasPrefix(rest, "|") {
		rest = strings.TrimLeft(rest, "\t| ")
		last := rest[strings.LastIndexAny(rest, "\t|")+1:]
		return rest, strings.Contains(strings.TrimSpace(last), " ") && strings.ContainsFunc(last, unicode.IsLetter)
	}
	rest = strings.TrimLeft(rest, ":- ")
	separated = separated || strings.HasPrefix(text, ":")
	return rest, separated && !strings.HasPrefix(rest, ",") && !strings.HasPrefix(rest, ";") && strings.ContainsFunc(rest, unicode.IsLetter)
}

// milliseconds is a fraction of a second given by its digits.
func milliseconds(digits string) int64 {
	if digits == "" {
		return 0
	}
	n, err := strconv.ParseInt((digits + "00")[:3], 10, 64)
	if err != nil {
		return 0 // The pattern takes digits only.
	}
	return n
}

// offset is how far ahead of UTC a zone is; "" is UTC.
func offset(zone string) time.Duration {
	if zone == "" || zone[0] != '+' && zone[0] != '-' {
		return 0
	}
	digits := strings.ReplaceAll(zone[1:], ":", "")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0 // The pattern takes digits only.
	}
	d := time.Duration(n/100)*time.Hour + time.Duration(n%100)*time.Minute
	if zone[0] == '-' {
		return -d
	}
	return d
}
