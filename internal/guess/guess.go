// Package guess proposes a job for data that nobody has described: it looks at
// the first records of a file and says for each choice why.
package guess

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/internal/ingest/tabular"
	"tidemark/wire"
)

// SampleRecords is how many records are looked at.
const SampleRecords = 5000

// Overrides are the choices that the user has made; empty ones are guessed.
type Overrides struct {
	TimeField, TimeFormat, BucketSpan, Function, Split string
	// Field is one field, or several separated by commas.
	Field string
	// By and Over are never guessed.
	By, Over string
	// Messages is the field whose texts are put into categories.
	Messages string
	// NoSplit keeps all records in one series.
	NoSplit bool
	// Every is how far apart records are that have no time; 0: they have one.
	Every time.Duration
}

// Guess is a proposed job with the reasons.
type Guess struct {
	TimeField, TimeFormat, BucketSpan, Split, By, Over string
	// Messages is the field of messages whose categories are watched, if any.
	Messages string
	// Named are further fields whose values anomalies of messages name.
	Named []string
	// Watched are the detectors.
	Watched []Watched
	// Unsorted: the records are not in order of time.
	Unsorted bool
	// Reasons has one sentence per choice, in the order of the choices.
	Reasons []string
	// Records were looked at, from FirstMs to LastMs.
	Records         int
	FirstMs, LastMs int64
}

// Watched is a function with its field, if it has one, and the field whose values it
// looks at each by itself, if that is another one than the job's.
type Watched struct{ Function, Field, By string }

// column is what the sample has under one name.
type column struct {
	name    string
	texts   []string // one per record that has it
	numbers int
	values  map[string]int
	records []int // the records that have it
}

// From looks at the first records that next yields, as lines of JSON until
// io.EOF.
func From(next func() ([]byte, error), o Overrides) (*Guess, error) {
	columns, n, err := sample(next)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errors.New("there is no record to look at")
	}
	g := &Guess{Records: n, By: o.By, Over: o.Over}
	for _, name := range []string{o.By, o.Over, o.Messages} {
		if _, err := find(columns, name); name != "" && name != categories && err != nil {
			return nil, err
		}
	}
	times, err := g.chooseTime(columns, o)
	if err != nil {
		return nil, err
	}
	if err := g.chooseWhat(columns, o); err != nil {
		return nil, err
	}
	g.chooseSpan(columns, times, o)
	if span, err := wire.ParseDuration("bucket_span", g.BucketSpan); err == nil {
		g.Unsorted = unsorted(times, n, span)
	}
	return g, nil
}

// chooseWhat picks what is watched: the categories of messages, or else values, and
// what splits them.
func (g *Guess) chooseWhat(columns []*column, o Overrides) error {
	messages, err := g.chooseMessages(columns, o)
	if messages || err != nil {
		return err
	}
	if err := g.chooseValue(columns, o); err != nil {
		return err
	}
	return g.chooseSplit(columns, o)
}

// ErrNoTime is what guesses fail with if no field holds times.
var ErrNoTime = errors.New("no field holds times in a known format; name it with --time-field and its format with --time-format, or say with --every how far apart the records are")

// EvenField is the field that Evenly adds.
const EvenField = "row_time"

// EvenStartMs is the time of the first record that Evenly gives one:
// 2000-01-01T00:00:00Z.
const EvenStartMs = 946_684_800_000

// Evenly adds times to records that have none, as if they came one after the other at
// the given distance, in milliseconds since 1970.
func Evenly(next func() ([]byte, error), every time.Duration) func() ([]byte, error) {
	ms := int64(EvenStartMs)
	var line []byte
	return func() ([]byte, error) {
		record, err := next()
		if err != nil {
			return nil, err
		}
		line = append(line[:0], `{"`+EvenField+`":`...)
		line = strconv.AppendInt(line, ms, 10)
		if rest := bytes.TrimSpace(record[1:]); len(rest) > 0 && rest[0] != '}' {
			line = append(line, ',')
		}
		ms += every.Milliseconds()
		return append(line, record[1:]...), nil
	}
}

func sample(next func() ([]byte, error)) (columns []*column, n int, err error) {
	byName := map[string]*column{}
	for n < SampleRecords {
		line, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		for _, f := range tabular.Fields(line) {
			c := byName[f.Name]
			if c == nil {
				c = &column{name: f.Name, values: map[string]int{}}
				byName[f.Name] = c
				columns = append(columns, c)
			}
			c.texts = append(c.texts, f.Text)
			c.records = append(c.records, n)
			c.values[f.Text]++
			if v, err := strconv.ParseFloat(f.Text, 64); err == nil && !math.IsInf(v, 0) && !math.IsNaN(v) {
				c.numbers++
			}
		}
		n++
	}
	return columns, n, nil
}

func (g *Guess) because(format string, args ...any) {
	g.Reasons = append(g.Reasons, fmt.Sprintf(format, args...))
}

func find(columns []*column, name string) (*column, error) {
	var names []string
	for _, c := range columns {
		if c.name == name {
			return c, nil
		}
		names = append(names, c.name)
	}
	return nil, fmt.Errorf("there is no field %q; the records have %s", name, strings.Join(names, ", "))
}

// Job is the configuration that the guess stands for.
func (g *Guess) Job() wire.Job {
	var detectors []wire.Detector
	for _, w := range g.Watched {
		detectors = append(detectors, wire.Detector{Function: w.Function, FieldName: w.Field, PartitionFieldName: g.Split, ByFieldName: cmp.Or(w.By, g.By), OverFieldName: g.Over})
	}
	job := wire.Job{
		AnalysisConfig:  wire.AnalysisConfig{BucketSpan: g.BucketSpan, Detectors: detectors, Influencers: []string{}, CategorizationFieldName: g.Messages},
		DataDescription: wire.DataDescription{TimeField: g.TimeField, TimeFormat: g.TimeFormat},
	}
	named := append([]string{g.Split, g.By, g.Over}, g.Named...)
	for i, name := range named {
		if name != "" && !slices.Contains(named[:i], name) {
			job.AnalysisConfig.Influencers = append(job.AnalysisConfig.Influencers, name)
		}
	}
	return job
}
