package guess

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/wire"
)

// Columns are what a table's columns are taken for.
type Columns struct {
	Time       int
	TimeFormat string
	// Values are the columns of numbers, Split the one whose values are series
	// of their own, -1: none.
	Values []int
	Split  int
	// BucketSpan is the distance of the rows; Regular: most keep it.
	BucketSpan string
	Regular    bool
	// Unsorted: the first rows are not in order of time.
	Unsorted bool
}

// verdicts are parts of names of columns that are somebody's judgment of the
// row rather than a measurement.
var verdicts = []string{"label", "anomaly", "outlier", "changepoint"}

// TextColumns are the columns of a table's first rows that hold texts.
func TextColumns(header []string, rows [][]string) []int {
	var texts []int
	for _, c := range tableColumns(header, rows) {
		if timeFormat(c.column) == "" && len(c.texts) > 0 && c.numbers*2 < len(c.texts) {
			texts = append(texts, c.at)
		}
	}
	return texts
}

// tableColumn is a column with its place.
type tableColumn struct {
	*column
	at int
}

func tableColumns(header []string, rows [][]string) []tableColumn {
	var list []tableColumn
	for i, name := range header {
		c := &column{name: name, values: map[string]int{}}
		for n, row := range rows {
			if i >= len(row) || strings.TrimSpace(row[i]) == "" {
				continue
			}
			text := strings.TrimSpace(row[i])
			c.texts, c.records = append(c.texts, text), append(c.records, n)
			c.values[text]++
			if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(v, 0) && !math.IsNaN(v) {
				c.numbers++
			}
		}
		list = append(list, tableColumn{c, i})
	}
	return list
}

// Rows says what the columns of a table are. Times, values and span are read
// from the first few rows alone, so that nothing later can change what is said
// of earlier rows; the split from all that are given.
func Rows(header []string, rows [][]string, few int, o Overrides) (*Columns, error) {
	if len(rows) == 0 {
		return nil, errors.New("there is no row below the header line")
	}
	first := tableColumns(header, rows[:min(few, len(rows))])
	columns := make([]*column, len(first))
	for i := range first {
		columns[i] = first[i].column
	}
	g := &Guess{Records: len(rows)}
	times, err := g.chooseTime(columns, o)
	if err != nil {
		return nil, err
	}
	out := &Columns{Time: slices.Index(header, g.TimeField), TimeFormat: g.TimeFormat, Split: -1}
	named := append(strings.Split(o.Field, ","), o.Field)
	// Columns that may be codes are watched where there is nothing else.
	for _, wants := range []func(*column) bool{measures, numeric} {
		for _, c := range first {
			if c.at == out.Time || c.name == o.Split {
				continue
			}
			if o.Field != "" && slices.Contains(named, c.name) || o.Field == "" && wants(c.column) {
				out.Values = append(out.Values, c.at)
				g.Watched = append(g.Watched, Watched{Function: "mean", Field: c.name})
			}
		}
		if len(out.Values) > 0 {
			break
		}
	}
	if len(out.Values) == 0 && !needsNoField(o.Function) {
		return nil, errors.New("no column holds numbers; name one with --field")
	}
	all := tableColumns(header, rows)
	for i := range all {
		columns[i] = all[i].column
	}
	if err := g.chooseSplit(columns, o); err != nil {
		return nil, err
	}
	if g.Split != "" {
		out.Split = slices.Index(header, g.Split)
	}
	out.span(g, columns, times, o)
	if span, err := wire.ParseDuration("bucket_span", out.BucketSpan); err == nil {
		out.Unsorted = unsorted(times, min(few, len(rows)), span)
	}
	return out, nil
}

// codes are names of columns whose numbers are names, not sizes.
var codes = []string{"id", "code", "status", "port", "pid", "zip", "year", "month", "day", "hour", "minute", "weekday", "dayofweek", "version", "index", "row"}

// numeric reports whether a column holds numbers that are no judgment.
func numeric(c *column) bool {
	name := strings.ToLower(c.name)
	for _, part := range verdicts {
		if strings.Contains(name, part) {
			return false
		}
	}
	return len(c.texts) > 0 && c.numbers*10 >= len(c.texts)*9
}

// measures reports whether a column holds measurements.
func measures(c *column) bool {
	return numeric(c) && !slices.Contains(codes, strings.ToLower(c.name)) && !looksLikeID(c) && !counts(c)
}

// fewCounted is from how many rows on a column can be told to count them.
const fewCounted = 5

// counts reports whether a column counts its rows: each number is the one before and
// always the same more.
func counts(c *column) bool {
	if len(c.texts) < fewCounted || len(c.values) < len(c.texts) {
		return false
	}
	before, step := math.NaN(), math.NaN()
	for _, text := range c.texts {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v != math.Trunc(v) || !math.IsNaN(step) && v-before != step {
			return false
		}
		if !math.IsNaN(before) {
			step = v - before
		}
		before = v
	}
	return true
}

// span takes the distance of a series' rows for the bucket span.
func (c *Columns) span(g *Guess, columns []*column, times map[int]int64, o Overrides) {
	gap, regular := g.usualGap(columns, times)
	c.Regular = regular
	if o.BucketSpan != "" {
		c.BucketSpan = o.BucketSpan
		if span, err := wire.ParseDuration("bucket_span", o.BucketSpan); err == nil {
			c.Regular = regular && span <= gap
		}
		return
	}
	c.BucketSpan = wire.FormatDuration(max(gap.Round(time.Second), time.Second))
}
