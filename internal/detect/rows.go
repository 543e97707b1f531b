package detect

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
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

// Rows copies a CSV file row by row and adds to each the scores, 0 to 1, of its
// bucket as of that row: where a bucket is one row long these are the bucket's
// own, elsewhere interim ones. Every column of numbers is a detector.
func Rows(in io.Reader, out io.Writer, name string, o guess.Overrides) (rows int, err error) {
	buffered := bufio.NewReaderSize(in, 1<<16)
	begin, err := buffered.Peek(1 << 12)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	comma := tabular.Delimiter(begin)
	t := &table{name: name, in: csv.NewReader(buffered)}
	t.in.FieldsPerRecord, t.in.Comma = -1, comma
	if err := t.open(o); err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(out, 1<<16)
	csvOut := csv.NewWriter(w)
	csvOut.Comma = comma
	if err := csvOut.Write(append(slices.Clone(t.header), scoreColumn, noveltyColumn)); err != nil {
		return 0, err
	}
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return rows, err
		}
		s, err := t.score(row)
		if err != nil {
			return rows, err
		}
		for len(row) < len(t.header) {
			row = append(row, "")
		}
		if err := csvOut.Write(append(row, unit(s.Score), unit(s.Novelty))); err != nil {
			return rows, err
		}
		rows++
	}
	csvOut.Flush()
	return rows, errors.Join(csvOut.Error(), w.Flush())
}

// unit writes a score of 0 to 100 as one of 0 to 1.
func unit(score float64) string { return strconv.FormatFloat(score/100, 'f', 8, 64) }

// table is a CSV file with what was made of its columns.
type table struct {
	name   string
	in     *csv.Reader
	header []string
	head   [][]string // rows that were looked at and not scored yet

	time    int
	parse   func([]byte) (int64, bool)
	values  []int // columns of numbers
	split   int   // column, or -1
	filled  bool
	engine  *engine.Engine
	builder *record.Builder
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

// open reads the header and the first rows and makes the job.
func (t *table) open(o guess.Overrides) error {
	header, err := t.in.Read()
	if err != nil {
		return fmt.Errorf("%s: the header line cannot be read: %w", t.name, err)
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	t.header = slices.Clone(header)
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	if err := t.readHead(headRows); err != nil {
		return err
	}
	texts := guess.TextColumns(header, t.head)
	if len(texts) > 0 && !o.NoSplit && o.Split == "" {
		if err := t.readHead(splitRows); err != nil {
			return err
		}
	}
	g, err := guess.Rows(header, t.head, headRows, o)
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	t.time, t.values, t.split, t.filled = g.Time, g.Values, g.Split, g.Regular
	if t.parse, err = ingest.TimeReader(g.TimeFormat, time.Now()); err != nil {
		return err
	}
	span, err := wire.ParseDuration("bucket_span", g.BucketSpan)
	if err != nil {
		return err
	}
	return t.start(header, span, o)
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

// score takes one row in and judges its bucket as of it.
func (t *table) score(row []string) (engine.Standing, error) {
	if t.time >= len(row) {
		return engine.Standing{}, nil
	}
	ms, ok := t.parse([]byte(strings.TrimSpace(row[t.time])))
	if !ok {
		return engine.Standing{}, nil
	}
	for i, column := range t.values {
		if column >= len(row) {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(row[column]), 64); err == nil {
			t.builder.Number(i, v)
		}
	}
	if t.split >= 0 && t.split < len(row) {
		t.builder.Text(0, []byte(row[t.split]))
	}
	t.builder.End(ms)
	if _, err := t.engine.Apply(&entry.Entry{Kind: entry.Data, Batch: t.builder.Take()}, discard); err != nil {
		return engine.Standing{}, err
	}
	return t.engine.Standing(t.filled), nil
}
