// Package logline reads logs of text: which line begins a record, when that was,
// and what its usual parts say.
//
// Three kinds are known: access logs of web servers, lines of key=value pairs
// (logfmt), and lines that begin with a time, syslog among them. Everything is told
// from the first lines; what does not fit them later belongs to the record before,
// as the lines of a stack trace do.
package logline

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// The fields of a record, besides those of key=value pairs.
const (
	Time    = "timestamp" // milliseconds since 1970
	Message = "message"
)

// Field is one member of a record.
type Field struct{ Name, Value string }

// Record is what a line says.
type Record struct {
	// TimeMs is in milliseconds since 1970; pairs have their time as a text in
	// their fields instead, and HasTime is false.
	TimeMs  int64
	HasTime bool
	Fields  []Field
}

// Format is how the lines of one log are read.
type Format struct {
	// Notes are sentences about how the lines are read.
	Notes []string

	now   time.Time
	stamp *stamp
	last  int64 // of the record before, for lines that name no year
	// record reads a line, false if it begins none.
	record func(line string) (Record, bool)
	// parts, unless nil, reads the host and the program that stand behind the time.
	parts *regexp.Regexp
}

// SampleLines is how many lines tell what a log is.
const SampleLines = 40

// Of tells what kind of log begins with these lines; nil if it is none. now gives
// the year to lines that name none: they are of the year before it.
func Of(lines []string, now time.Time) *Format {
	var filled []string
	for _, line := range lines {
		if strings.TrimSpace(line) != "" && len(filled) < SampleLines {
			filled = append(filled, line)
		}
	}
	if len(filled) == 0 {
		return nil
	}
	f := &Format{now: now}
	for _, try := range []func([]string) bool{f.access, f.pairs, f.stamped} {
		if try(filled) {
			return f
		}
	}
	return nil
}

// Read reads a line, without its end. ok is false if it begins no record but
// belongs to the one before it.
func (f *Format) Read(line string) (r Record, ok bool) { return f.record(line) }

// most reports whether at least a share of the lines fits, in percent.
func most(lines []string, percent int, fits func(string) bool) bool {
	n := 0
	for _, line := range lines {
		if fits(line) {
			n++
		}
	}
	return n*100 >= len(lines)*percent
}

// accessLine is a line of an access log, in the common or the combined format, with
// or without the name of the site before it.
var accessLine = regexp.MustCompile(`^(?:\S+ )?(\S+) \S+ (\S+) \[(\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "(?:([A-Z]+) )?([^" ?]*)([^"]*)" (\d{3}) (\d+|-)(?: "[^"]*" "([^"]*)")?`)

const accessTime = "02/Jan/2006:15:04:05 -0700"

// access reads the lines of a web server's access log.
func (f *Format) access(lines []string) bool {
	if !most(lines, 80, accessLine.MatchString) {
		return false
	}
	f.Notes = []string{"it is the access log of a web server: client, method, path, status, bytes and agent are fields of their own"}
	f.record = func(line string) (Record, bool) {
		m := accessLine.FindStringSubmatch(line)
		if m == nil {
			return Record{}, false
		}
		at, err := time.Parse(accessTime, m[3])
		if err != nil {
			return Record{}, false
		}
		client, user, method, path, status, size, agent := m[1], m[2], m[4], m[5], m[7], m[8], m[9]
		if size == "-" {
			size = "0"
		}
		r := Record{TimeMs: at.UnixMilli(), HasTime: true, Fields: []Field{{"client", client}, {"method", method}, {"path", path}, {"status", status}, {"bytes", size}}}
		for _, x := range []Field{{"user", user}, {"agent", agent}} {
			if x.Value != "" && x.Value != "-" {
				r.Fields = append(r.Fields, x)
			}
		}
		// The parts of a path stand apart, so that those which are names make the
		// category and those which are numbers do not.
		apart := strings.TrimSpace(strings.ReplaceAll(path, "/", " /"))
		r.Fields = append(r.Fields, Field{Message, strings.TrimSpace(method + " " + apart + " " + answer(status))})
		return r, true
	}
	return true
}

// answer says in words what a status is, so that requests that fail are messages of
// another category.
func answer(status string) string {
	switch status[0] {
	case '4':
		return status + " refused"
	case '5':
		return status + " failed"
	}
	return status
}

// pair is a key with its value, which may be quoted.
var pair = regexp.MustCompile(`^([A-Za-z_][\w.@-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?:\s+|$)`)

// pairTimes are the keys that hold times.
var pairTimes = []string{"time", "ts", "timestamp", "t", "@timestamp"}

// pairs reads lines of key=value pairs that have a time among them.
func (f *Format) pairs(lines []string) bool {
	fits := func(line string) bool {
		r, ok := readPairs(line)
		if !ok {
			return false
		}
		for _, x := range r.Fields {
			for _, name := range pairTimes {
				if x.Name == name {
					return true
				}
			}
		}
		return false
	}
	if !most(lines, 80, fits) {
		return false
	}
	f.Notes = []string{"it is a log of key=value pairs: each key is a field"}
	f.record = readPairs
	return true
}

func readPairs(line string) (r Record, ok bool) {
	rest := strings.TrimSpace(line)
	for rest != "" {
		m := pair.FindStringSubmatch(rest)
		if m == nil {
			return r, false
		}
		value := m[2]
		if strings.HasPrefix(value, `"`) {
			value = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(value[1 : len(value)-1])
		}
		if m[1] == "msg" {
			m[1] = Message
		}
		r.Fields = append(r.Fields, Field{m[1], value})
		rest = rest[len(m[0]):]
	}
	return r, len(r.Fields) > 1
}

// What may stand behind the time of a line: a host and a program, as in syslog with
// or without a version.
var (
	syslogParts  = regexp.MustCompile(`^(?P<host>\S+) (?P<program>[\w./@-]+?)(?:\[\d+\])?: (?P<message>.*)$`)
	processParts = regexp.MustCompile(`^(?P<host>\S+) (?P<program>[\w./@-]+)\[\d+\]: (?P<message>.*)$`)
	versionParts = regexp.MustCompile(`^(?P<host>\S+) (?P<program>\S+) \S+ \S+ (?:-|(?:\[[^\]]*\])+) ?(?P<message>.*)$`)
	level        = regexp.MustCompile(`(?i)\b(trace|debug|info|notice|warn|warning|error|err|critical|crit|alert|emerg|fatal|severe|panic)\b`)
)

// levelWithin is how much of a line is looked at for the level, in bytes.
const levelWithin = 48

// stamped reads lines that begin with a time.
func (f *Format) stamped(lines []string) bool {
	for i := range stamps {
		s := &stamps[i]
		n, rests := 0, []string{}
		for _, line := range lines {
			if _, rest, ok := s.cut(line); ok {
				n, rests = n+1, append(rests, rest)
			}
		}
		_, _, first := s.cut(lines[0])
		if n == 0 || n*100 < len(lines)*map[bool]int{true: 5, false: 25}[first] {
			continue
		}
		f.stamp = s
		f.note(lines, rests)
		f.record = f.readStamped
		return true
	}
	return false
}

// note says how the lines are read, and finds out what stands behind their times.
func (f *Format) note(lines, rests []string) {
	first := ""
	for _, line := range lines {
		if _, _, ok := f.stamp.cut(line); ok {
			first = line
			break
		}
	}
	m := f.stamp.at.FindStringSubmatch(first)
	f.Notes = []string{fmt.Sprintf("it is a log: each line that begins with a time, such as %q, is a record of %q and %q, with the lines behind it that do not", m[1], Time, Message)}
	if f.stamp.yearless {
		f.Notes = append(f.Notes, "the times name no year, so they count as of the last twelve months")
	}
	if !f.stamp.zoned(m) {
		f.Notes = append(f.Notes, "the times name no zone, so they count as UTC")
	}
	candidates := []*regexp.Regexp{versionParts, processParts}
	switch {
	case !strings.HasPrefix(first, "<"):
		candidates = candidates[1:]
		if f.stamp.yearless {
			candidates = []*regexp.Regexp{syslogParts}
		}
	case f.stamp.yearless:
		candidates = []*regexp.Regexp{syslogParts}
	}
	for _, parts := range candidates {
		if most(rests, 80, parts.MatchString) {
			f.parts = parts
			f.Notes = append(f.Notes, `what stands before the message is "host" and "program"`)
			return
		}
	}
}

func (f *Format) readStamped(line string) (r Record, ok bool) {
	ms, rest, ok := f.stamp.cut(line)
	if !ok {
		return r, false
	}
	if f.stamp.yearless {
		ms = f.inYear(ms)
	}
	r.TimeMs, r.HasTime = ms, true
	if f.parts != nil {
		if m := f.parts.FindStringSubmatch(rest); m != nil {
			r.Fields = append(r.Fields, Field{"host", m[1]}, Field{"program", m[2]})
			rest = m[3]
		}
	}
	if m := level.FindString(rest[:min(len(rest), levelWithin)]); m != "" {
		r.Fields = append(r.Fields, Field{"level", strings.ToLower(m)})
	}
	r.Fields = append(r.Fields, Field{Message, rest})
	return r, true
}

// inYear puts a time of the year 2000 into the year before now, and into the next one
// where the lines pass from December to January.
func (f *Format) inYear(ms int64) int64 {
	at := time.UnixMilli(ms).UTC()
	in := func(year int) time.Time { return at.AddDate(year-at.Year(), 0, 0) }
	if f.last == 0 {
		year := f.now.UTC().Year()
		if in(year).After(f.now.Add(24 * time.Hour)) {
			year--
		}
		f.last = in(year).UnixMilli()
		return f.last
	}
	last := time.UnixMilli(f.last).UTC()
	const half = 183 * 24 * time.Hour
	t := in(last.Year())
	switch {
	case last.Sub(t) > half:
		t = in(last.Year() + 1)
	case t.Sub(last) > half:
		t = in(last.Year() - 1)
	}
	f.last = t.UnixMilli()
	return f.last
}
