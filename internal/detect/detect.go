// Package detect runs a job over files without a server: the same reader of
// records, the same engine and the same documents, in one process, so that
// what it finds is what a server would find.
package detect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/result"
	"tidemark/engine/spec"
	"tidemark/internal/document"
	"tidemark/internal/ingest"
	"tidemark/wire"
)

// Run is one job with its engine, open from the start.
type Run struct {
	Job    *wire.Job
	spec   *spec.Job
	schema *ingest.Schema
	engine *engine.Engine
	// Counts of the records so far.
	Records, Rejected, OutOfOrder int64
	// Reason says why the first rejected record was.
	Reason string
	// Categories are those of messages so far, by their ids.
	Categories map[int64]Category
}

// Category is a category of messages with its document, as a server stores it.
type Category struct {
	wire.Category
	Doc []byte
}

// New checks a job as a server would and opens it.
func New(job wire.Job) (*Run, error) {
	raw, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	return Parse(raw)
}

// Parse is New with the job's document. A job without an id is named detect.
func Parse(raw []byte) (*Run, error) {
	job, err := document.ParseJob(raw, "detect", wire.Version)
	if err != nil {
		return nil, err
	}
	r := &Run{Job: job, engine: engine.New(engine.Options{}), Categories: map[int64]Category{}}
	if r.spec, err = document.SpecOf(job, nil); err != nil {
		return nil, err
	}
	field, format := document.TimeOf(job)
	if r.schema, err = ingest.NewSchema(r.spec, field, format); err != nil {
		return nil, err
	}
	_, err = r.engine.Apply(&entry.Entry{Kind: entry.Open, Config: r.spec}, func(*result.Bucket) {})
	return r, err
}

// chunkBytes is how many records are read at once, in bytes.
const chunkBytes = 1 << 20

// Feed takes all records that next yields, lines of JSON until io.EOF, and
// emits the buckets that they complete. waiting reports that no record is there
// yet, so that a slow stream is worked on as it comes; nil: never.
func (r *Run) Feed(ctx context.Context, next func() ([]byte, error), waiting func() bool, emit engine.Emit) error {
	body := make([]byte, 0, chunkBytes+chunkBytes/16)
	for {
		body = body[:0]
		var err error
		for len(body) < chunkBytes && err == nil && ctx.Err() == nil {
			var line []byte
			if line, err = next(); err == nil {
				body = append(append(body, line...), '\n')
				if waiting != nil && waiting() {
					break
				}
			}
		}
		if takeErr := r.take(body, emit); takeErr != nil {
			return takeErr
		}
		switch {
		case errors.Is(err, io.EOF):
			return ctx.Err()
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// take applies one body of records.
func (r *Run) take(body []byte, emit engine.Emit) error {
	if len(body) == 0 {
		return nil
	}
	up, err := ingest.ReadJSON(bytes.NewReader(body), r.schema, ingest.Limits{})
	if err != nil {
		return err
	}
	var buckets []*result.Bucket // Held until the categories that they name are known.
	hold := func(b *result.Bucket) { buckets = append(buckets, b) }
	for _, part := range up.Parts {
		if _, err := r.engine.Apply(&entry.Entry{Kind: entry.Data, Batch: part}, hold); err != nil {
			return err
		}
	}
	done, err := r.engine.Apply(&entry.Entry{Kind: entry.UploadEnd, Upload: &up.End}, hold)
	if err != nil {
		return err
	}
	for i := range done.Categories {
		c := Category{Doc: document.CategoryDoc(r.Job, &done.Categories[i])}
		if err := json.Unmarshal(c.Doc, &c.Category); err != nil {
			return fmt.Errorf("category %d: %w", done.Categories[i].ID, err)
		}
		r.Categories[c.CategoryID] = c
	}
	for _, b := range buckets {
		emit(b)
	}
	r.Records += up.Records + up.Rejected
	r.Rejected += up.Rejected
	r.OutOfOrder += done.Upload.OutOfOrder
	if r.Reason == "" {
		r.Reason = up.RejectedReason
	}
	return nil
}

// Interim emits the buckets that are still filling, as they stand.
func (r *Run) Interim(emit engine.Emit) { r.engine.Interim(0, 0, false, emit) }

// Found is an anomaly record with its document, as a server stores it.
type Found struct {
	wire.Record
	Doc []byte
}

// Records are the anomaly records of a bucket.
func Records(job *wire.Job, b *result.Bucket) ([]Found, error) {
	if len(b.Records) == 0 {
		return nil, nil
	}
	_, docs, _ := document.ResultRows(job, b)
	list := make([]Found, len(docs))
	for i := range docs {
		list[i].Doc = docs[i].Doc
		if err := json.Unmarshal(docs[i].Doc, &list[i].Record); err != nil {
			return nil, fmt.Errorf("record %s: %w", docs[i].ID, err)
		}
	}
	return list, nil
}

// Span is the length of the job's buckets.
func (r *Run) Span() time.Duration { return time.Duration(r.spec.BucketSpanMs) * time.Millisecond }

// Extent is how many series there were and the time from the first record to the
// last.
func (r *Run) Extent() (series int, length time.Duration) {
	t := r.engine.Totals()
	if t.ProcessedRecords == 0 {
		return 0, 0
	}
	return int(r.engine.ModelSize().Series), time.Duration(t.LatestRecord-t.EarliestRecord) * time.Millisecond
}
