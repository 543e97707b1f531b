package source

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/job"
	"tidemark/internal/query"
	"tidemark/wire"
)

// searcher finds documents, here or elsewhere.
type searcher interface {
	// summary tells how many documents lie in [fromMs, toMs), and the first and the
	// last time among them.
	summary(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64) (n, first, last int64, err error)
	// documents calls visit with the documents of [fromMs, toMs) by time.
	documents(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64, visit func(source []byte) error) error
	// aggregate runs the datafeed's aggregations over [fromMs, toMs).
	aggregate(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64) (map[string]any, error)
}

// within narrows a datafeed's query to a range of time.
func within(f *wire.Datafeed, timeField string, fromMs, toMs int64) (map[string]any, error) {
	var q any
	if err := json.Unmarshal(f.Query, &q); err != nil {
		return nil, fmt.Errorf("the query of datafeed [%s]: %w", f.DatafeedID, err)
	}
	times := map[string]any{"gte": float64(fromMs), "lt": float64(toMs), "format": "epoch_millis"}
	if fromMs <= math.MinInt64/2 {
		delete(times, "gte")
	}
	if toMs >= math.MaxInt64/2 {
		delete(times, "lt")
	}
	return map[string]any{"bool": map[string]any{"filter": []any{q, map[string]any{"range": map[string]any{timeField: times}}}}}, nil
}

// summaryBody asks for the number of documents and their bounds in time.
func summaryBody(f *wire.Datafeed, timeField string, fromMs, toMs int64) (map[string]any, error) {
	q, err := within(f, timeField, fromMs, toMs)
	return map[string]any{"size": 0.0, "query": q, "track_total_hits": true, "aggs": map[string]any{
		"first": map[string]any{"min": map[string]any{"field": timeField}}, "last": map[string]any{"max": map[string]any{"field": timeField}},
	}}, err
}

// readSummary reads the answer to summaryBody.
func readSummary(answer map[string]any) (n, first, last int64) {
	hits, _ := answer["hits"].(map[string]any)
	total, _ := hits["total"].(map[string]any)
	n = int64(number(total["value"]))
	aggs, _ := answer["aggregations"].(map[string]any)
	one := func(name string) int64 {
		a, _ := aggs[name].(map[string]any)
		return int64(number(a["value"]))
	}
	if n == 0 {
		return 0, 0, -1
	}
	return n, one("first"), one("last")
}

func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	case int:
		return float64(v)
	}
	return 0
}

// records turns what a datafeed finds in [fromMs, toMs) into JSON objects, a line
// each, in order of time: the fields the job analyzes, and its time in
// milliseconds.
func (s *Feeds) records(ctx context.Context, f *wire.Datafeed, j *job.FeedInfo, find searcher, fromMs, toMs int64, visit func([]byte) error) error {
	if len(f.Aggregations) > 0 {
		aggs, err := find.aggregate(ctx, f, j.TimeField, fromMs, toMs)
		if err != nil {
			return err
		}
		out, err := flatten(aggs, j)
		if err != nil || len(out) == 0 {
			return err
		}
		return visit(out)
	}
	x := newExtractor(j)
	return find.documents(ctx, f, j.TimeField, fromMs, toMs, func(source []byte) error {
		line, ok := x.line(source)
		if !ok {
			return nil
		}
		return visit(line)
	})
}

// extractor takes a job's fields out of documents.
type extractor struct {
	names     []string
	timeField string
	out       []byte
}

func newExtractor(j *job.FeedInfo) *extractor {
	x := &extractor{timeField: j.TimeField}
	for _, name := range j.Fields {
		if name != j.TimeField && name != "mlcategory" {
			x.names = append(x.names, name)
		}
	}
	slices.Sort(x.names)
	return x
}

// line is a document's record; ok is false if it has no time.
func (x *extractor) line(source []byte) (line []byte, ok bool) {
	at, ok := query.Millis(source, x.timeField)
	if !ok {
		return nil, false
	}
	out := append(x.out[:0], '{')
	for _, name := range x.names {
		if values := query.Values(source, name); len(values) > 0 {
			out = append(appendField(out, name), values0(values)...)
			out = append(out, ',')
		}
	}
	out = strconv.AppendInt(appendField(out, x.timeField), at, 10)
	x.out = append(out, '}', '\n')
	return x.out, true
}

func appendField(dst []byte, name string) []byte {
	dst, _ = jsontext.AppendQuote(dst, name) // Names of fields are valid text.
	return append(dst, ':')
}

// values0 writes a field's value, or the list of them.
func values0(values []query.Value) []byte {
	var b []byte
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		switch v.Kind {
		case query.Number:
			b = strconv.AppendFloat(b, v.Num, 'g', -1, 64)
		case query.Bool:
			b = append(b, v.Text...)
		default:
			b, _ = jsontext.AppendQuote(b, v.Text)
		}
	}
	if len(values) > 1 {
		return append(append([]byte{'['}, b...), ']')
	}
	return b
}

// flatten turns aggregations into records: one for each innermost bucket, with the
// values of the metrics and the keys on the way there.
func flatten(aggs map[string]any, j *job.FeedInfo) ([]byte, error) {
	fl := &flattener{timeField: j.TimeField, count: j.Job.AnalysisConfig.SummaryCountFieldName, wanted: map[string]bool{}}
	for _, name := range j.Fields {
		fl.wanted[name] = true
	}
	if err := fl.walk(aggs, map[string]any{}, 0); err != nil {
		return nil, err
	}
	// Buckets stand in order of time on the outside only.
	slices.SortStableFunc(fl.rows, func(a, b row) int {
		switch {
		case a.ms < b.ms:
			return -1
		case a.ms > b.ms:
			return 1
		}
		return 0
	})
	var out bytes.Buffer
	for _, r := range fl.rows {
		raw, err := json.Marshal(r.fields, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		out.Write(raw)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

type row struct {
	ms     int64
	fields map[string]any
}

type flattener struct {
	timeField, count string
	wanted           map[string]bool
	rows             []row
}

func (fl *flattener) walk(aggs, above map[string]any, count float64) error {
	fields := make(map[string]any, len(above)+4)
	for name, v := range above { // order-free: a copy
		fields[name] = v
	}
	inner, innerName := []any(nil), ""
	for name, v := range aggs { // order-free: each member is its own
		a, _ := v.(map[string]any)
		switch list, isBuckets := a["buckets"].([]any); {
		case isBuckets && innerName != "":
			return fmt.Errorf("aggregations [%s] and [%s] stand side by side; only one may have buckets on a level", innerName, name)
		case isBuckets:
			inner, innerName = list, name
		case name == fl.timeField:
			fields[name] = int64(number(a["value"]))
		case a["value"] != nil && fl.wanted[name]:
			fields[name] = a["value"]
		case a["values"] != nil && fl.wanted[name]:
			values, _ := a["values"].(map[string]any)
			for _, p := range values { // order-free: percentiles with one percent
				fields[name] = p
			}
		}
	}
	if innerName == "" {
		return fl.add(fields, count)
	}
	for _, v := range inner {
		b, _ := v.(map[string]any)
		below := make(map[string]any, len(fields)+1)
		for name, v := range fields { // order-free: a copy
			below[name] = v
		}
		if key, isComposite := b["key"].(map[string]any); isComposite {
			for name, v := range key { // order-free: a copy
				if fl.wanted[name] {
					below[name] = v
				}
			}
		} else if fl.wanted[innerName] {
			below[innerName] = b["key"]
		}
		n := number(b["doc_count"])
		if n == 0 {
			continue
		}
		aggs := map[string]any{}
		for name, v := range b { // order-free: a copy
			if _, isAgg := v.(map[string]any); isAgg && name != "key" {
				aggs[name] = v
			}
		}
		if err := fl.walk(aggs, below, n); err != nil {
			return err
		}
	}
	return nil
}

func (fl *flattener) add(fields map[string]any, count float64) error {
	ms, ok := fields[fl.timeField].(int64)
	if !ok {
		return nil
	}
	if _, has := fields[fl.count]; !has && fl.count != "" {
		fields[fl.count] = count
	}
	fl.rows = append(fl.rows, row{ms: ms, fields: fields})
	return nil
}

// bucketOf is a bucket result's start and number of events.
func bucketOf(doc []byte) (startMs, events int64) {
	for _, v := range query.Values(doc, "timestamp") {
		startMs = int64(v.Num)
	}
	for _, v := range query.Values(doc, "event_count") {
		events = int64(v.Num)
	}
	return startMs, events
}

func lateText(n, latestMs int64) string {
	return fmt.Sprintf("Datafeed has missed %d documents that came later than query_delay allows; the latest bucket with missing data is [%s]. Consider a larger query_delay", n, wire.FormatTime(latestMs))
}
