// Package guess proposes a job for data that nobody has described: it looks at
// the first records of a file and says for each choice why.
package guess

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/engine/spec"
	"tidemark/internal/ingest"
	"tidemark/internal/ingest/javatime"
	"tidemark/internal/ingest/tabular"
	"tidemark/wire"
)

// SampleRecords is how many records are looked at.
const SampleRecords = 5000

// Overrides are the choices that the user has made; empty ones are guessed.
type Overrides struct {
	TimeField, TimeFormat, BucketSpan, Function, Field, Split string
	// By and Over are never guessed.
	By, Over string
	// NoSplit keeps all records in one series.
	NoSplit bool
}

// Guess is a proposed job with the reasons.
type Guess struct {
	TimeField, TimeFormat, BucketSpan, Function, Field, Split string
	By, Over                                                  string
	// Reasons has one sentence per choice, in the order of the choices.
	Reasons []string
	// Records were looked at, from FirstMs to LastMs.
	Records         int
	FirstMs, LastMs int64
}

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
	for _, name := range []string{o.By, o.Over} {
		if _, err := find(columns, name); name != "" && err != nil {
			return nil, err
		}
	}
	times, err := g.chooseTime(columns, o)
	if err != nil {
		return nil, err
	}
	if err := g.chooseValue(columns, o); err != nil {
		return nil, err
	}
	if err := g.chooseSplit(columns, o); err != nil {
		return nil, err
	}
	g.chooseSpan(columns, times, o)
	return g, nil
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

// timeNames are the usual names of a time field.
var timeNames = []string{"@timestamp", "timestamp", "time", "datetime", "date", "ts", "_time", "created_at", "event_time"}

// chooseTime picks the field and format of time, and returns the times of the
// records that have one.
func (g *Guess) chooseTime(columns []*column, o Overrides) (map[int]int64, error) {
	candidates := columns
	if o.TimeField != "" {
		c, err := find(columns, o.TimeField)
		if err != nil {
			return nil, err
		}
		candidates = []*column{c}
	}
	best, bestRank, bestFormat := (*column)(nil), math.MaxInt, ""
	for i, c := range candidates {
		format := o.TimeFormat
		if format == "" {
			format = timeFormat(c)
		}
		if format == "" {
			continue
		}
		rank := slices.Index(timeNames, strings.ToLower(c.name))
		if rank < 0 {
			rank = len(timeNames) + i
		}
		if c.numbers == len(c.texts) && rank >= len(timeNames) {
			rank += len(columns) // A number of another name may be an id.
		}
		if rank < bestRank {
			best, bestRank, bestFormat = c, rank, format
		}
	}
	if best == nil {
		return nil, errors.New("no field holds times in a known format; name it with --time-field and its format with --time-format")
	}
	parse, err := ingest.TimeReader(bestFormat, time.Now())
	if err != nil {
		return nil, err
	}
	times := map[int]int64{}
	g.FirstMs, g.LastMs = math.MaxInt64, math.MinInt64
	for i, text := range best.texts {
		if ms, ok := parse([]byte(text)); ok {
			times[best.records[i]] = ms
			g.FirstMs, g.LastMs = min(g.FirstMs, ms), max(g.LastMs, ms)
		}
	}
	if len(times) == 0 {
		return nil, fmt.Errorf("no %q can be read with the time format %q, the first is %q", best.name, bestFormat, wire.Clip(best.texts[0]))
	}
	g.TimeField, g.TimeFormat = best.name, bestFormat
	g.because("time is in %q, read as %s: %q is %s", best.name, describeFormat(bestFormat), wire.Clip(best.texts[0]), wire.FormatTime(g.timeOf(parse, best.texts[0])))
	if _, other := javatime.Guess(sampleTexts(best)...); other != nil && o.TimeFormat == "" {
		g.because("day and month could be the other way round: if so, use --time-format %q", other.Pattern())
	}
	return times, nil
}

func (g *Guess) timeOf(parse func([]byte) (int64, bool), text string) int64 {
	if ms, ok := parse([]byte(text)); ok {
		return ms
	}
	return g.FirstMs
}

func describeFormat(format string) string {
	switch format {
	case "epoch":
		return "seconds since 1970"
	case "epoch_ms":
		return "milliseconds since 1970"
	}
	return strconv.Quote(format)
}

// sampleTexts are enough texts to tell formats apart.
func sampleTexts(c *column) [][]byte {
	var list [][]byte
	for i, text := range c.texts {
		// All of the first ones, then ever fewer: days above 12 must be among
		// them.
		if i < 100 || i%37 == 0 {
			list = append(list, []byte(text))
		}
	}
	return list
}

// Bounds between which a number is taken for a time: 1990 and 2100, in seconds.
const (
	earliest = 631_152_000
	latest   = 4_102_444_800
)

// timeFormat guesses a column's time format, "" if it holds no times.
func timeFormat(c *column) string {
	if c.numbers == len(c.texts) {
		low, high := math.Inf(1), math.Inf(-1)
		for _, text := range c.texts {
			v, _ := strconv.ParseFloat(text, 64) // It is a number, see above.
			low, high = math.Min(low, v), math.Max(high, v)
		}
		switch {
		case low >= earliest && high <= latest:
			return "epoch"
		case low >= earliest*1000 && high <= latest*1000:
			return "epoch_ms"
		}
	}
	f, _ := javatime.Guess(sampleTexts(c)...)
	if f == nil || !f.Full() && len(f.Pattern()) < len("yyyy-MM-dd") {
		return ""
	}
	return f.Pattern()
}

// totals are parts of names that say that values add up.
var totals = []string{"count", "total", "sum", "bytes", "requests", "hits", "errors", "amount", "sales", "quantity", "num_", "passengers", "records"}

// chooseValue picks the function and the field it looks at.
func (g *Guess) chooseValue(columns []*column, o Overrides) error {
	g.Function, g.Field = o.Function, o.Field
	if g.Field != "" {
		if _, err := find(columns, g.Field); err != nil {
			return err
		}
	}
	if needsNoField(g.Function) {
		g.because("the function %s was given", g.Function)
		return nil
	}
	if g.Field == "" {
		for _, c := range columns {
			if c.name != g.TimeField && c.numbers*10 >= len(c.texts)*9 && len(c.values) > 2 && !looksLikeID(c) {
				g.Field = c.name
				break
			}
		}
	}
	switch {
	case g.Field == "" && g.Function == "":
		g.Function = "count"
		g.because("no field holds measurements, so the number of records is watched")
	case g.Field == "":
		return fmt.Errorf("the function %s needs a field; name it with --field", g.Function)
	case g.Function != "":
		g.because("the function %s of %q is watched", g.Function, g.Field)
	default:
		g.Function = "mean"
		name := strings.ToLower(g.Field)
		for _, part := range totals {
			if strings.Contains(name, part) {
				g.Function = "sum"
			}
		}
		if g.Function == "sum" {
			g.because("%q reads like something that adds up, so its sum is watched", g.Field)
		} else {
			g.because("%q holds numbers, so its mean is watched (use --function sum if it adds up)", g.Field)
		}
	}
	return nil
}

// needsNoField reports whether a function looks at no value.
func needsNoField(function string) bool {
	f, known := spec.ParseFunction(function)
	return known && f.Field() == spec.Prohibited
}

// looksLikeID: whole numbers, each there once, under a name that says so.
func looksLikeID(c *column) bool {
	name := strings.ToLower(c.name)
	return (name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, ".id")) && len(c.values) == len(c.texts)
}

// Bounds of how many values a split may have, and how many records each must
// have at least on average.
const (
	minSplit, maxSplit = 2, 1000
	minPerSplit        = 5
)

// chooseSplit picks the field whose values are series of their own: the one
// with the most values that still have enough records each.
func (g *Guess) chooseSplit(columns []*column, o Overrides) error {
	switch {
	case o.NoSplit:
		g.because("all records are one series, as was asked")
		return nil
	case o.Split != "":
		if _, err := find(columns, o.Split); err != nil {
			return err
		}
		g.Split = o.Split
		g.because("each value of %q is a series of its own, as was asked", g.Split)
		return nil
	}
	if o.By != "" || o.Over != "" {
		g.because("the records are split as was asked, and no further")
		return nil
	}
	var best *column
	for _, c := range columns {
		n := len(c.values)
		if c.name == g.TimeField || c.name == g.Field || c.name == g.By || c.name == g.Over || c.numbers == len(c.texts) || n < minSplit || n > maxSplit ||
			len(c.texts) < n*minPerSplit || len(c.texts)*10 < g.Records*9 {
			continue
		}
		if best == nil || n > len(best.values) {
			best = c
		}
	}
	if best == nil {
		g.because("no field splits the records into series, so they are one")
		return nil
	}
	g.Split = best.name
	g.because("%q has %d values among %d records: each is a series of its own", best.name, len(best.values), g.Records)
	return nil
}

// spans are the bucket spans to choose from.
var spans = []time.Duration{
	time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
	30 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// perBucket is how many records of a series a bucket should have at least when
// they do not come regularly.
const perBucket = 4

// chooseSpan picks the span from how often a series has records.
func (g *Guess) chooseSpan(columns []*column, times map[int]int64, o Overrides) {
	if o.BucketSpan != "" {
		g.BucketSpan = o.BucketSpan
		g.because("the bucket span was given")
		return
	}
	gap, regular := g.usualGap(columns, times)
	want := gap
	if !regular || g.Function == "count" {
		want *= perBucket
	}
	span := spans[len(spans)-1]
	if f, _ := spec.ParseFunction(g.Function); f.Kind() != spec.Scalar {
		// Whether, when and where something occurs is said of an hour at most.
		want = min(want, time.Hour)
	}
	for _, s := range spans {
		if s >= want {
			span = s
			break
		}
	}
	g.BucketSpan = wire.FormatDuration(span)
	if regular && g.Function != "count" {
		g.because("a series has a record every %s, so buckets are %s", wire.FormatDuration(gap), g.BucketSpan)
	} else {
		g.because("a series has a record about every %s, so buckets of %s hold several", gap.Round(time.Millisecond), g.BucketSpan)
	}
}

// usualGap is the median time between records of a series, and whether most
// gaps are close to it.
func (g *Guess) usualGap(columns []*column, times map[int]int64) (gap time.Duration, regular bool) {
	series := map[int]string{}
	if split, err := find(columns, g.Split); g.Split != "" && err == nil {
		for i, record := range split.records {
			series[record] = split.texts[i]
		}
	}
	bySeries := map[string][]int64{}
	for record, ms := range times {
		bySeries[series[record]] = append(bySeries[series[record]], ms)
	}
	var gaps []int64
	for _, list := range bySeries {
		slices.Sort(list)
		for i := 1; i < len(list); i++ {
			if d := list[i] - list[i-1]; d > 0 {
				gaps = append(gaps, d)
			}
		}
	}
	if len(gaps) == 0 {
		return 5 * time.Minute, false
	}
	slices.Sort(gaps)
	median := gaps[len(gaps)/2]
	near := 0
	for _, d := range gaps {
		if d >= median*9/10 && d <= median*11/10 {
			near++
		}
	}
	return time.Duration(median) * time.Millisecond, near*10 >= len(gaps)*7
}

// Job is the configuration that the guess stands for.
func (g *Guess) Job() wire.Job {
	d := wire.Detector{Function: g.Function, FieldName: g.Field, PartitionFieldName: g.Split, ByFieldName: g.By, OverFieldName: g.Over}
	if needsNoField(g.Function) {
		d.FieldName = ""
	}
	job := wire.Job{
		AnalysisConfig:  wire.AnalysisConfig{BucketSpan: g.BucketSpan, Detectors: []wire.Detector{d}, Influencers: []string{}},
		DataDescription: wire.DataDescription{TimeField: g.TimeField, TimeFormat: g.TimeFormat},
	}
	for _, name := range []string{g.Split, g.By, g.Over} {
		if name != "" {
			job.AnalysisConfig.Influencers = append(job.AnalysisConfig.Influencers, name)
		}
	}
	return job
}
