package detect

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/spec"
	"tidemark/internal/guess"
	"tidemark/internal/ingest"
	"tidemark/internal/ingest/tabular"
	"tidemark/wire"
)

// The columns that are added to each row.
const (
	scoreColumn   = "anomaly_score"
	noveltyColumn = "novelty_score"
)

const (
	// headRows are looked at before the first row is scored. No series reports
	// anything before it has seen that many buckets, so that every score
	// depends on its own row and earlier ones alone.
	headRows = 12
	// splitRows are looked at where a column of texts may split the rows.
	splitRows = 1000
)

// Say tells a user what was made of the input, a sentence at a time.
type Say func(format string, args ...any)

// Rows copies a CSV file row by row and adds to each the scores, 0 to 1, of its
// bucket as of that row: where a bucket is one row long these are the bucket's
// own, elsewhere interim ones. Every column of numbers is a detector. Rows that are
// not in order of time are read to their end first and scored in that order.
func Rows(in io.Reader, out io.Writer, name string, o guess.Overrides, say Say) (rows int, err error) {
	buffered, err := tabular.Unpack(in, name)
	if err != nil {
		return 0, err
	}
	t := &table{name: name}
	if t.in, err = tabular.OpenTable(buffered); err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if err := t.open(o, say); err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(out, 1<<16)
	if _, err := w.Write(t.in.Preamble); err != nil {
		return 0, err
	}
	csvOut := csv.NewWriter(w)
	csvOut.Comma = t.in.Comma
	if err := csvOut.Write(append(slices.Clone(t.header), scoreColumn, noveltyColumn)); err != nil {
		return 0, err
	}
	write := func(row []string, s engine.Standing) error {
		for len(row) < len(t.header) {
			row = append(row, "")
		}
		for len(row) > len(t.header) && row[len(row)-1] == "" {
			row = row[:len(row)-1] // A delimiter at the end of the line.
		}
		rows++
		return csvOut.Write(append(row, unit(s.Score), unit(s.Novelty)))
	}
	if t.unsorted {
		err = t.inOrder(write)
	} else {
		err = t.asTheyCome(write)
	}
	csvOut.Flush()
	return rows, errors.Join(err, csvOut.Error(), w.Flush())
}

// asTheyCome scores each row before the next one is looked at.
func (t *table) asTheyCome(write func([]string, engine.Standing) error) error {
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s, err := t.score(t.read(row))
		if err == nil {
			err = write(row, s)
		}
		if err != nil {
			return err
		}
	}
}

// inOrder scores all rows in order of time and writes them in that of the file.
func (t *table) inOrder(write func([]string, engine.Standing) error) error {
	type timed struct {
		row []string
		ms  int64
		s   engine.Standing
	}
	var all []*timed
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		x := &timed{row: row, ms: math.MinInt64}
		if ms, ok := t.timeOf(t.read(row)); ok {
			x.ms = ms
		}
		all = append(all, x)
	}
	ordered := slices.Clone(all)
	slices.SortStableFunc(ordered, func(a, b *timed) int { return cmp.Compare(a.ms, b.ms) })
	for _, x := range ordered {
		var err error
		if x.s, err = t.score(t.read(x.row)); err != nil {
			return err
		}
	}
	for _, x := range all {
		if err := write(x.row, x.s); err != nil {
			return err
		}
	}
	return nil
}

// unit writes a score of 0 to 100 as one of 0 to 1.
func unit(score float64) string { return strconv.FormatFloat(score/100, 'f', 8, 64) }

// table is a CSV file with what was made of its columns.
type table struct {
	name    string
	in      *tabular.Table
	shape   *tabular.Shape
	header  []string   // as it is written
	head    [][]string // rows that were looked at and not scored yet
	cells   []string   // the row in hand, as the shape reads it
	every   time.Duration
	counted int64 // rows that were read, where times are counted from them

	time     int
	parse    func([]byte) (int64, bool)
	values   []int // columns of numbers
	split    int   // column, or -1
	filled   bool
	unsorted bool
	engine   *engine.Engine
	builder  *record.Builder
}

func (t *table) next() ([]string, error) {
	if len(t.head) > 0 {
		row := t.head[0]
		t.head = t.head[1:]
		return row, nil
	}
	row, err := t.in.Read()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", t.name, err)
	}
	return row, err
}

// read is a row as the table's shape reads it, valid until the next one, with a
// counted time behind it where rows have none.
func (t *table) read(row []string) []string {
	t.cells = t.shape.Row(t.cells[:0], row)
	if t.every > 0 {
		t.cells = append(t.cells, strconv.FormatInt(guess.EvenStartMs+t.counted*t.every.Milliseconds(), 10))
		t.counted++
	}
	return t.cells
}

// open reads the header and the first rows and makes the job.
func (t *table) open(o guess.Overrides, say Say) error {
	first, err := t.in.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s is empty", t.name)
	}
	if err != nil {
		return fmt.Errorf("%s: the header line cannot be read: %w", t.name, err)
	}
	first[0] = strings.TrimPrefix(first[0], "\ufeff")
	if err := t.readHead(headRows); err != nil {
		return err
	}
	t.shape = tabular.NewShape(first, t.head, t.in.Comma)
	t.header = slices.Clone(first)
	t.shape.Notes = append(t.in.Notes(), t.shape.Notes...)
	if t.shape.Headless {
		t.header, t.head = slices.Clone(t.shape.Header[:t.shape.Width()]), append([][]string{first}, t.head...)
	}
	for _, note := range t.shape.Notes {
		say("%s", note)
	}
	g, header, err := t.guess(o)
	if errors.Is(err, guess.ErrNoTime) && o.TimeField == "" && t.every == 0 {
		t.every = time.Minute
		say("no column holds times, so rows count as a minute apart (--every says otherwise)")
		g, header, err = t.guess(o)
	}
	if err == nil && g.Unsorted {
		g, header, err = t.guessOfAll(g, o)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	t.time, t.values, t.split, t.filled, t.unsorted = g.Time, g.Values, g.Split, g.Regular, g.Unsorted
	t.explain(g, header, say)
	if t.parse, err = ingest.TimeReader(g.TimeFormat, time.Now()); err != nil {
		return err
	}
	span, err := wire.ParseDuration("bucket_span", g.BucketSpan)
	if err != nil {
		return err
	}
	return t.start(header, span, o)
}

// explain says what was chosen.
func (t *table) explain(g *guess.Columns, header []string, say Say) {
	names := make([]string, len(g.Values))
	for i, v := range g.Values {
		names[i] = header[v]
	}
	split := "all rows are one series"
	if g.Split >= 0 {
		split = fmt.Sprintf("each value of %q is a series", header[g.Split])
	}
	if t.every == 0 {
		say("time is in %q, read as %s", header[g.Time], g.TimeFormat)
	}
	columns := "columns"
	if len(names) == 1 {
		columns = "column"
	}
	say("%d %s of numbers watched (%s), %s, buckets are %s", len(names), columns, wire.Clip(strings.Join(names, ", ")), split, g.BucketSpan)
	if g.Unsorted {
		say("the rows are not in order of time, so all are read first and scored in that order")
	}
}

// guessOfAll reads all rows and says what their columns are by those that come first
// in time, rather than in the file.
func (t *table) guessOfAll(g *guess.Columns, o guess.Overrides) (*guess.Columns, []string, error) {
	if err := t.readHead(math.MaxInt); err != nil {
		return nil, nil, err
	}
	var err error
	if t.parse, err = ingest.TimeReader(g.TimeFormat, time.Now()); err != nil {
		return nil, nil, err
	}
	t.time = g.Time
	inFile := t.head
	t.head = slices.Clone(inFile)
	times := make(map[*string]int64, len(t.head))
	for _, row := range t.head {
		times[&row[0]], _ = t.timeOf(t.read(row)) // Rows without a time come first.
	}
	slices.SortStableFunc(t.head, func(a, b []string) int { return cmp.Compare(times[&a[0]], times[&b[0]]) })
	t.head = t.head[:min(len(t.head), splitRows)]
	sorted, header, err := t.guess(o)
	t.head = inFile
	if err != nil {
		return nil, nil, err
	}
	sorted.Unsorted = true
	return sorted, header, nil
}

// guess says what the columns are by the rows that were looked at, and how they are
// called.
func (t *table) guess(o guess.Overrides) (*guess.Columns, []string, error) {
	if o.Every > 0 {
		t.every = o.Every
	}
	header := slices.Clone(t.shape.Header)
	if t.every > 0 {
		header = append(header, guess.EvenField)
		o.TimeField, o.TimeFormat = guess.EvenField, "epoch_ms"
	}
	read := func() [][]string {
		t.counted = 0
		rows := make([][]string, len(t.head))
		for i, row := range t.head {
			rows[i] = slices.Clone(t.read(row))
		}
		t.counted = 0
		return rows
	}
	rows := read()
	if len(guess.TextColumns(header, rows)) > 0 && !o.NoSplit && o.Split == "" {
		if err := t.readHead(splitRows); err != nil {
			return nil, nil, err
		}
		rows = read()
	}
	g, err := guess.Rows(header, rows, headRows, o)
	return g, header, err
}

func (t *table) readHead(n int) error {
	for len(t.head) < n {
		row, err := t.in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		t.head = append(t.head, row)
	}
	return nil
}

// start opens the job: a detector for each column of numbers.
func (t *table) start(header []string, span time.Duration, o guess.Overrides) error {
	name := o.Function
	if name == "" {
		name = string(spec.Mean)
	}
	fn, known := spec.ParseFunction(name)
	if !known {
		return fmt.Errorf("the function %q is unknown", name)
	}
	if fn.Kind() != spec.Scalar || fn == spec.Metric || fn.ReadsText() {
		return fmt.Errorf("rows cannot be scored by the function %s; use one of numbers, such as mean or sum, or leave --rows out", fn)
	}
	job := &spec.Job{BucketSpanMs: span.Milliseconds()}
	partition := ""
	if t.split >= 0 {
		partition = header[t.split]
	}
	if !fn.NeedsField() {
		t.values = nil
		job.Detectors = []spec.Detector{{Function: fn, PartitionField: partition}}
	}
	for _, v := range t.values {
		job.Detectors = append(job.Detectors, spec.Detector{Function: fn, FieldName: header[v], PartitionField: partition})
	}
	numbers, texts := job.Columns()
	t.builder = record.NewBuilder(len(numbers), len(texts))
	t.engine = engine.New(engine.Options{})
	_, err := t.engine.Apply(&entry.Entry{Kind: entry.Open, Config: job}, discard)
	return err
}

func discard(*result.Bucket) {}

// timeOf is a row's time in milliseconds.
func (t *table) timeOf(cells []string) (ms int64, ok bool) {
	if t.time >= len(cells) {
		return 0, false
	}
	return t.parse([]byte(cells[t.time]))
}

// score takes one row in and judges its bucket as of it.
func (t *table) score(cells []string) (engine.Standing, error) {
	ms, ok := t.timeOf(cells)
	if !ok {
		return engine.Standing{}, nil
	}
	for i, column := range t.values {
		if v, err := strconv.ParseFloat(cells[column], 64); err == nil {
			t.builder.Number(i, v)
		}
	}
	if t.split >= 0 {
		t.builder.Text(0, []byte(cells[t.split]))
	}
	t.builder.End(ms)
	if _, err := t.engine.Apply(&entry.Entry{Kind: entry.Data, Batch: t.builder.Take()}, discard); err != nil {
		return engine.Standing{}, err
	}
	return t.engine.Standing(t.filled), nil
}
