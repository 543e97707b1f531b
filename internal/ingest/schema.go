package ingest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tidemark/engine/record"
	"tidemark/engine/spec"
	"tidemark/internal/ingest/javatime"
)

// Schema says what to take from each record of a job's uploads. It may be used
// by several goroutines.
type Schema struct {
	// Future is how far ahead of the clock a record may be; 0 means any time.
	Future time.Duration
	// Delimited is set if records are lines of cells instead of JSON.
	Delimited *Delimited
	fields    []field
	root      *node
	nodes     int
	// numbers and texts are how many columns the batches have.
	numbers, texts int
	// message is the text column whose values may be long, -1: none.
	message   int
	time      timeFormat
	timeIndex int // the time's place in fields
}

// field is one field that the analysis reads, or the time.
type field struct {
	name         string
	number, text int // columns, -1 for none
	isTime       bool
	isPlace      bool // of lat_long: written in any of the ways of place.go
}

// node is a place in a record's nested objects where a wanted field may lie.
// Since a dot in a field's name may be a level of nesting or a dot in a key,
// there is a node for every beginning of a name that ends at a dot.
type node struct {
	id      int
	members map[string]member
}

// member is what a key stands for at a node.
type member struct {
	field int // index into Schema.fields, -1 for none
	child *node
}

// maxDots bounds the nodes of one field name; a record nests no deeper anyway.
const maxDots = maxDepth

// NewSchema prepares reading records for a job. timeField is "time" if empty,
// timeFormat "epoch_ms". The error names what is wrong with the time format or
// a field.
func NewSchema(job *spec.Job, timeField, format string) (*Schema, error) {
	if timeField == "" {
		timeField = "time"
	}
	tf, err := newTimeFormat(format)
	if err != nil {
		return nil, err
	}
	s := &Schema{time: tf}
	numbers, texts := job.Columns()
	s.numbers, s.texts = len(numbers), len(texts)
	for i, name := range numbers {
		s.add(name).number = i
	}
	for i, name := range texts {
		s.add(name).text = i
	}
	s.message = -1
	if job.OnlyCategorized() {
		s.message = slices.Index(texts, job.CategorizationField)
	}
	for i := range job.Detectors {
		if d := &job.Detectors[i]; d.Function.Kind() == spec.Place {
			s.add(d.FieldName).isPlace = true
		}
	}
	s.add(timeField).isTime = true
	s.timeIndex = slices.IndexFunc(s.fields, func(f field) bool { return f.isTime })

	nodes := map[string]*node{}
	s.root = s.node(nodes, "")
	for i := range s.fields {
		name := s.fields[i].name
		if strings.Count(name, ".") > maxDots {
			return nil, fmt.Errorf("field name '%.40s…' has more than %d dots", name, maxDots)
		}
		s.place(nodes, i, name)
	}
	s.nodes = len(nodes)
	return s, nil
}

// add returns the field of a name, new if it was not there.
func (s *Schema) add(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	s.fields = append(s.fields, field{name: name, number: -1, text: -1})
	return &s.fields[len(s.fields)-1]
}

func (s *Schema) node(nodes map[string]*node, prefix string) *node {
	n := nodes[prefix]
	if n == nil {
		n = &node{id: len(nodes), members: map[string]member{}}
		nodes[prefix] = n
	}
	return n
}

// place enters a field at every node from which its name can be completed.
func (s *Schema) place(nodes map[string]*node, index int, name string) {
	starts := []int{0}
	for i := range len(name) {
		if name[i] == '.' {
			starts = append(starts, i+1)
		}
	}
	for n, from := range starts {
		at := s.node(nodes, name[:from])
		at.change(name[from:], func(m *member) { m.field = index })
		for _, to := range starts[n+1:] {
			child := s.node(nodes, name[:to])
			at.change(name[from:to-1], func(m *member) { m.child = child })
		}
	}
}

func (n *node) change(key string, set func(*member)) {
	m, ok := n.members[key]
	if !ok {
		m.field = -1
	}
	set(&m)
	n.members[key] = m
}

// ValidTimeFormat reports why a time_format cannot be used, or nil.
func ValidTimeFormat(format string) error {
	_, err := newTimeFormat(format)
	return err
}

// timeFormat reads the time field.
type timeFormat struct {
	kind    timeKind
	given   bool // false: the job has no time_format
	pattern *javatime.Format
}

type timeKind uint8

const (
	epochMs timeKind = iota
	epochSeconds
	byPattern
)

func newTimeFormat(format string) (timeFormat, error) {
	switch format {
	case "":
		return timeFormat{kind: epochMs}, nil
	case "epoch_ms":
		return timeFormat{kind: epochMs, given: true}, nil
	case "epoch":
		return timeFormat{kind: epochSeconds, given: true}, nil
	}
	p, err := javatime.Compile(format)
	return timeFormat{kind: byPattern, given: true, pattern: p}, err
}

// String is the format as a job's configuration has it.
func (f *timeFormat) String() string {
	switch f.kind {
	case epochMs:
		return "epoch_ms"
	case epochSeconds:
		return "epoch"
	}
	return f.pattern.Pattern()
}

// parse returns a time in milliseconds since 1970. Times before 1970 and
// beyond record.MaxTimeMs are not accepted.
func (f *timeFormat) parse(text []byte, clock *javatime.Clock) (ms int64, ok bool) {
	if f.kind == byPattern {
		ms, ok = f.pattern.Parse(text, clock)
		return ms, ok && ms >= 0 && ms <= record.MaxTimeMs
	}
	scale := int64(1)
	if f.kind == epochSeconds {
		scale = 1000
	}
	// Up to 15 digits cannot overflow, even times a thousand.
	if n := len(text); n > 0 && n <= 15 {
		ms, ok = 0, true
		for _, c := range text {
			ok = ok && c-'0' <= 9
			ms = ms*10 + int64(c-'0')
		}
		if ok {
			ms *= scale
			return ms, ms <= record.MaxTimeMs
		}
	}
	v, ok := parseNumber(text)
	if v = math.Trunc(v) * float64(scale); !ok || !(v >= 0) || v > record.MaxTimeMs {
		return 0, false
	}
	return int64(v), true
}
