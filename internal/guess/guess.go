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

// unsorted reports whether records come after others that are more than a bucket
// younger.
func unsorted(times map[int]int64, records int, span time.Duration) bool {
	latest := int64(math.MinInt64)
	for i := range records {
		ms, ok := times[i]
		if ok && latest != math.MinInt64 && ms < latest-span.Milliseconds() {
			return true
		}
		if ok {
			latest = max(latest, ms)
		}
	}
	return false
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
	type candidate struct {
		c      *column
		rank   int
		format string
	}
	var found []candidate
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
		if len(c.values) < 2 && len(c.texts) > 1 {
			rank += 2 * (len(timeNames) + len(columns)) // One time in all records tells nothing.
		}
		found = append(found, candidate{c, rank, format})
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.rank, b.rank) })
	if len(found) == 0 {
		return nil, noTime(candidates)
	}
	best, bestFormat := found[0].c, found[0].format
	other := ""
	if o.TimeFormat == "" {
		bestFormat, other = likelier(best, bestFormat)
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
	if len(found) > 1 {
		var others []string
		for _, x := range found[1:] {
			others = append(others, x.c.name)
		}
		g.because("times are in %s, too: --time-field takes one of these instead", quoted(others))
	}
	if other != "" {
		g.because("day and month could be the other way round: if so, use --time-format %q", other)
	}
	return times, nil
}

// noTime says that none of the fields holds times, and of which one that would be
// expected. Where one is, records are not given times that it contradicts.
func noTime(columns []*column) error {
	for _, c := range columns {
		if slices.Contains(timeNames, strings.ToLower(c.name)) && len(c.texts) > 0 && c.numbers < len(c.texts) {
			return fmt.Errorf("%q holds no times in a known format, its first value is %q; say with --time-format how to read it, or name another field with --time-field", c.name, wire.Clip(c.texts[0]))
		}
	}
	return ErrNoTime
}

// likelier picks of two formats that exchange day and month the one by which the
// times lie closer together, and returns the other as well, "" if there is none.
func likelier(c *column, format string) (best, other string) {
	first, second := javatime.Guess(sampleTexts(c)...)
	if second == nil || first.Pattern() != format {
		return format, ""
	}
	clock := javatime.Clock{Year: time.Now().Year()}
	length := func(f *javatime.Format) int64 {
		low, high := int64(math.MaxInt64), int64(math.MinInt64)
		for _, text := range c.texts {
			if ms, ok := f.Parse([]byte(text), &clock); ok {
				low, high = min(low, ms), max(high, ms)
			}
		}
		return high - low
	}
	if length(second) < length(first) {
		first, second = second, first
	}
	return first.Pattern(), second.Pattern()
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

// digitsOfHours is a format whose times are also seconds since 1970, of the 2030s.
const digitsOfHours = "yyyyMMddHH"

// timeFormat guesses a column's time format, "" if it holds no times.
func timeFormat(c *column) string {
	if len(c.texts) == 0 {
		return ""
	}
	if c.numbers == len(c.texts) {
		low, high := math.Inf(1), math.Inf(-1)
		for _, text := range c.texts {
			v, _ := strconv.ParseFloat(text, 64) // It is a number, see above.
			low, high = math.Min(low, v), math.Max(high, v)
		}
		switch f, _ := javatime.Guess(sampleTexts(c)...); {
		case f != nil && f.Pattern() == digitsOfHours:
			return digitsOfHours // It is not the 2030s yet.
		case low >= earliest && high <= latest:
			return "epoch"
		case low >= earliest*1000 && high <= latest*1000:
			return "epoch_ms"
		}
	}
	f, _ := javatime.Guess(sampleTexts(c)...)
	if f == nil || !f.Full() {
		return ""
	}
	return f.Pattern()
}

// totals are parts of names that say that values add up.
var totals = []string{"count", "total", "sum", "bytes", "requests", "hits", "errors", "amount", "sales", "quantity", "num_", "passengers", "records"}

// maxWatched is how many fields are watched unless they are named.
const maxWatched = 50

// chooseValue picks what is watched: every field that holds measurements.
func (g *Guess) chooseValue(columns []*column, o Overrides) error {
	if needsNoField(o.Function) {
		g.Watched = []Watched{{Function: o.Function}}
		g.because("the function %s was given", o.Function)
		return nil
	}
	var fields []string
	if o.Field != "" {
		for name := range strings.SplitSeq(o.Field, ",") {
			if _, err := find(columns, o.Field); err == nil {
				name = o.Field // A name with a comma in it.
			}
			if _, err := find(columns, name); err != nil {
				return err
			}
			if !slices.Contains(fields, name) {
				fields = append(fields, name)
			}
		}
	} else {
		fields = g.measured(columns, o)
	}
	switch {
	case len(fields) == 0 && o.Function == "":
		g.Watched = []Watched{{Function: "count"}}
		g.because("no field holds measurements, so the number of records is watched")
		return nil
	case len(fields) == 0:
		return fmt.Errorf("the function %s needs a field; name it with --field", o.Function)
	}
	all := len(fields)
	if o.Field == "" {
		fields = fields[:min(all, maxWatched)]
	}
	for _, name := range fields {
		g.Watched = append(g.Watched, Watched{Function: functionFor(name, o.Function), Field: name})
	}
	g.explainWatched(o.Function, all)
	return nil
}

// fewRecords are so few that the number of different values tells nothing.
const fewRecords = 10

// measured are the fields that hold measurements. Those that hold numbers and are
// left out are told.
func (g *Guess) measured(columns []*column, o Overrides) (fields []string) {
	var flat []string
	for _, c := range columns {
		if c.name == g.TimeField || c.name == o.Split || c.name == o.By || c.name == o.Over || !measures(c) || timeFormat(c) != "" {
			continue
		}
		if len(c.values) > 2 || g.Records < fewRecords {
			fields = append(fields, c.name)
		} else {
			flat = append(flat, c.name)
		}
	}
	if len(flat) > 0 {
		g.because("left out, because there are two different numbers at most: %s (--field watches them nevertheless)", quoted(flat))
	}
	return fields
}

// functionFor is the function of a field: the given one, or what its name suggests.
func functionFor(field, given string) string {
	if given != "" {
		return given
	}
	name := strings.ToLower(field)
	for _, part := range totals {
		if strings.Contains(name, part) {
			return "sum"
		}
	}
	return "mean"
}

// explainWatched says what is watched, of how many fields that could be.
func (g *Guess) explainWatched(given string, all int) {
	first := g.Watched[0]
	switch {
	case len(g.Watched) > 1:
		var names []string
		for _, w := range g.Watched {
			names = append(names, w.Function+"("+w.Field+")")
		}
		rest := ""
		if all > len(names) {
			rest = fmt.Sprintf(", the first of %d", all)
		}
		g.because("%d fields hold numbers%s; each is watched by itself: %s (choose with --field)", len(names), rest, some(names))
	case given != "":
		g.because("the function %s of %q is watched", given, first.Field)
	case first.Function == "sum":
		g.because("%q reads like something that adds up, so its sum is watched", first.Field)
	default:
		g.because("%q holds numbers, so its mean is watched (use --function sum if it adds up)", first.Field)
	}
}

// some are the first few of a list.
func some(names []string) string {
	const few = 4
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few-1], ", ") + ", … " + names[len(names)-1]
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strconv.Quote(name)
	}
	return some(list)
}

// watches reports whether a field is watched.
func (g *Guess) watches(field string) bool {
	return slices.ContainsFunc(g.Watched, func(w Watched) bool { return w.Field == field })
}

// function is that of the first detector.
func (g *Guess) function() string {
	if len(g.Watched) == 0 {
		return ""
	}
	return g.Watched[0].Function
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
		if c.name == g.TimeField || g.watches(c.name) || c.name == g.By || c.name == g.Over || c.numbers == len(c.texts) || n < minSplit || n > maxSplit ||
			len(c.texts) < n*minPerSplit || len(c.texts)*10 < g.Records*9 {
			continue
		}
		if f, _ := javatime.Guess(sampleTexts(c)...); f != nil {
			continue // Days and hours are no series.
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
	if !regular || g.function() == "count" {
		want *= perBucket
	}
	span := spans[len(spans)-1]
	if g.Messages != "" {
		want = min(max(gap*messagesPerBucket, time.Minute), longestMessages)
	}
	if f, _ := spec.ParseFunction(g.function()); f.Kind() != spec.Scalar {
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
	if g.Messages != "" {
		g.because("a message comes about every %s, so buckets are %s", wire.RoughDuration(rounded(gap)), g.BucketSpan)
		return
	}
	if regular && g.function() != "count" {
		g.because("a series has a record every %s, so buckets are %s", wire.RoughDuration(rounded(gap)), g.BucketSpan)
	} else if gap > span {
		g.because("a series has a record about every %s; buckets are %s, the longest that is chosen by itself", wire.RoughDuration(rounded(gap)), g.BucketSpan)
	} else {
		g.because("a series has a record about every %s, so buckets of %s hold several", wire.RoughDuration(rounded(gap)), g.BucketSpan)
	}
}

// rounded is a gap for people: to the second where that does not matter.
func rounded(gap time.Duration) time.Duration {
	if gap < 10*time.Second {
		return gap
	}
	return gap.Round(time.Second)
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
