package source

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
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
	documents(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64, visit visitor) error
	// aggregate runs aggregations over what a query finds.
	aggregate(ctx context.Context, f *wire.Datafeed, q, aggs any) (map[string]any, error)
}

// visitor takes a document or a record with its time in milliseconds.
type visitor func(ms int64, raw []byte) error

// sizeOf is how many documents a datafeed's page has.
func sizeOf(f *wire.Datafeed) int64 {
	if f.ScrollSize != nil {
		return *f.ScrollSize
	}
	return 1000
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
	total := hits["total"] // A number before version 7.
	if o, isObject := total.(map[string]any); isObject {
		total = o["value"]
	}
	n = int64(number(total))
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
// milliseconds. visit gets each with its time; the line is valid during the call.
func (s *Feeds) records(ctx context.Context, f *wire.Datafeed, j *job.FeedInfo, find searcher, fromMs, toMs int64, visit visitor) error {
	if len(f.Aggregations) > 0 {
		return s.summaries(ctx, f, j, find, fromMs, toMs, visit)
	}
	x := newExtractor(j)
	return find.documents(ctx, f, j.TimeField, fromMs, toMs, func(ms int64, source []byte) error {
		return visit(ms, x.line(ms, source))
	})
}

// summaries are the records that a datafeed's aggregations make. A composite is
// read a page after the other.
func (s *Feeds) summaries(ctx context.Context, f *wire.Datafeed, j *job.FeedInfo, find searcher, fromMs, toMs int64, visit visitor) error {
	q, err := within(f, j.TimeField, fromMs, toMs)
	if err != nil {
		return err
	}
	var aggs map[string]any
	if err := json.Unmarshal(f.Aggregations, &aggs); err != nil {
		return err
	}
	fl := newFlattener(j)
	for {
		answer, err := find.aggregate(ctx, f, q, aggs)
		if err != nil {
			return err
		}
		if err := fl.walk(answer, map[string]any{}, 0); err != nil {
			return err
		}
		more, err := nextPage(aggs, answer)
		if err != nil {
			return err
		}
		if !more {
			return fl.visit(visit)
		}
	}
}

// nextPage makes a composite ask for what follows an answer, and reports whether
// there can be more.
func nextPage(aggs, answer map[string]any) (more bool, err error) {
	for name, v := range aggs { // order-free: there is one
		a, _ := v.(map[string]any)
		composite, _ := a["composite"].(map[string]any)
		got, _ := answer[name].(map[string]any)
		if list, _ := got["buckets"].([]any); composite == nil || got["after_key"] == nil || len(list) == 0 {
			return false, nil
		}
		// As a client would send it: numbers have one type then.
		raw, err := json.Marshal(got["after_key"], json.Deterministic(true))
		if err != nil {
			return false, err
		}
		var after any
		if err := json.Unmarshal(raw, &after); err != nil {
			return false, err
		}
		if reflect.DeepEqual(after, composite["after"]) {
			return false, fmt.Errorf("aggregation [%s] does not go on behind %s", name, raw)
		}
		composite["after"] = after
		return true, nil
	}
	return false, nil
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

// line is a document's record.
func (x *extractor) line(ms int64, source []byte) []byte {
	out := append(x.out[:0], '{')
	for _, name := range x.names {
		if values := query.Values(source, name); len(values) > 0 {
			out = append(appendValues(appendField(out, name), values), ',')
		}
	}
	out = strconv.AppendInt(appendField(out, x.timeField), ms, 10)
	x.out = append(out, '}', '\n')
	return x.out
}

func appendField(dst []byte, name string) []byte {
	dst, _ = jsontext.AppendQuote(dst, name) // Names of fields are valid text.
	return append(dst, ':')
}

// appendValues writes a field's value, or the list of them.
func appendValues(dst []byte, values []query.Value) []byte {
	if len(values) > 1 {
		dst = append(dst, '[')
	}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch v.Kind {
		case query.Number:
			dst = strconv.AppendFloat(dst, v.Num, 'g', -1, 64)
		case query.Bool:
			dst = append(dst, v.Text...)
		default:
			dst, _ = jsontext.AppendQuote(dst, v.Text) // What was read is valid text.
		}
	}
	if len(values) > 1 {
		dst = append(dst, ']')
	}
	return dst
}

type row struct {
	ms     int64
	fields map[string]any
}

// flattener turns aggregations into records: one for each innermost bucket, with
// the values of the metrics and the keys on the way there.
type flattener struct {
	timeField, count string
	wanted           map[string]bool
	rows             []row
}

func newFlattener(j *job.FeedInfo) *flattener {
	fl := &flattener{timeField: j.TimeField, count: j.Job.AnalysisConfig.SummaryCountFieldName, wanted: map[string]bool{}}
	for _, name := range j.Fields {
		fl.wanted[name] = true
	}
	return fl
}

// visit passes the records on by time: buckets stand in that order on the outside
// only.
func (fl *flattener) visit(visit visitor) error {
	slices.SortStableFunc(fl.rows, func(a, b row) int { return cmp.Compare(a.ms, b.ms) })
	for _, r := range fl.rows {
		raw, err := json.Marshal(r.fields, json.Deterministic(true))
		if err != nil {
			return err
		}
		if err := visit(r.ms, append(raw, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// level is what stands side by side in an answer: values, and at most one
// aggregation with buckets.
type level struct {
	fields  map[string]any
	name    string
	buckets []any
}

// read takes one level apart. Aggregations with a single bucket, such as filter,
// add what is in them.
func (fl *flattener) read(aggs map[string]any, l *level) error {
	for name, v := range aggs { // order-free: each member is its own
		a, isAgg := v.(map[string]any)
		if !isAgg || name == "key" {
			continue
		}
		list, isBuckets := a["buckets"].([]any)
		values, isMany := a["values"].(map[string]any)
		place, isPlace := a["location"].(map[string]any)
		value, isValue := a["value"]
		switch {
		case isBuckets && l.name != "":
			return fmt.Errorf("aggregations [%s] and [%s] stand side by side; only one may have buckets on a level", min(name, l.name), max(name, l.name))
		case isBuckets:
			l.name, l.buckets = name, list
		case a["buckets"] != nil:
			return fmt.Errorf("aggregation [%s] has named buckets, which make no records; use terms", name)
		case name == fl.timeField && isValue && value != nil:
			l.fields[name] = int64(number(value))
		case isValue:
			if fl.wanted[name] && value != nil {
				l.fields[name] = value
			}
		case isMany && len(values) > 1:
			return fmt.Errorf("aggregation [%s] has %d percentiles; a record's field takes one", name, len(values))
		case isMany:
			for _, p := range values { // order-free: there is one
				if fl.wanted[name] && p != nil {
					l.fields[name] = p
				}
			}
		case isPlace:
			if fl.wanted[name] {
				l.fields[name] = fmt.Sprintf("%v,%v", place["lat"], place["lon"])
			}
		case a["doc_count"] != nil:
			if err := fl.read(a, l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (fl *flattener) walk(aggs, above map[string]any, count float64) error {
	l := &level{fields: maps.Clone(above)}
	if err := fl.read(aggs, l); err != nil {
		return err
	}
	if l.name == "" {
		fl.add(l.fields, count)
		return nil
	}
	for _, v := range l.buckets {
		b, _ := v.(map[string]any)
		n := number(b["doc_count"])
		if n == 0 {
			continue
		}
		below := maps.Clone(l.fields)
		if keys, isComposite := b["key"].(map[string]any); isComposite {
			for name, v := range keys { // order-free: a copy
				if fl.wanted[name] && v != nil {
					below[name] = v
				}
			}
		} else if fl.wanted[l.name] {
			below[l.name] = b["key"]
		}
		if err := fl.walk(b, below, n); err != nil {
			return err
		}
	}
	return nil
}

func (fl *flattener) add(fields map[string]any, count float64) {
	ms, ok := fields[fl.timeField].(int64)
	if !ok {
		return
	}
	if _, has := fields[fl.count]; !has && fl.count != "" {
		fields[fl.count] = count
	}
	fl.rows = append(fl.rows, row{ms: ms, fields: fields})
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
