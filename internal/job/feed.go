package job

import (
	"bytes"
	"context"
	"sync"

	"tidemark/engine/record"
	"tidemark/internal/document"
	"tidemark/internal/ingest"
	"tidemark/wire"
)

// FeedInfo is what a datafeed needs to know of its job.
type FeedInfo struct {
	Job *wire.Job
	// Fields are those that the job analyzes, TimeField its time.
	Fields    []string
	TimeField string
	SpanMs    int64
	State     wire.JobState
	// SourceMs is up to where the job's datafeed has delivered, 0 if it has not;
	// LatestRecordMs the newest record, record.NoTime without one.
	SourceMs, LatestRecordMs int64
	Buckets                  int64
}

// FeedInfo returns what a datafeed needs to know of a job.
func (m *Manager) FeedInfo(id string) (*FeedInfo, error) {
	j, err := m.find(id)
	if err != nil {
		return nil, err
	}
	conf, v := j.conf.Load(), j.view.Load()
	if conf.spec == nil {
		return nil, broken(id, nil, "the stored configuration of job [%s] cannot be read", id)
	}
	return &FeedInfo{Job: conf.wire, Fields: conf.spec.AnalysisFields(), TimeField: conf.timeField, SpanMs: conf.spec.BucketSpanMs,
		State: j.stateNow(), SourceMs: v.SourceMs, LatestRecordMs: v.Counts.LatestRecord, Buckets: v.Counts.Buckets}, nil
}

// FeedInfoOf is what a datafeed would need to know of a job that does not exist.
func FeedInfoOf(w *wire.Job) (*FeedInfo, error) {
	s, err := document.SpecOf(w, func(string) ([]string, bool) { return nil, true })
	if err != nil {
		return nil, err
	}
	timeField, _ := document.TimeOf(w)
	return &FeedInfo{Job: w, Fields: s.AnalysisFields(), TimeField: timeField, SpanMs: s.BucketSpanMs, LatestRecordMs: record.NoTime}, nil
}

// Feed takes records that a datafeed found, JSON objects whose time is in
// milliseconds, together with the position after them: both or neither.
func (m *Manager) Feed(ctx context.Context, id string, records []byte, untilMs int64) (record.Counts, error) {
	j, err := m.find(id)
	if err != nil {
		return record.Counts{}, err
	}
	schema, err := j.conf.Load().millis()
	if err != nil {
		return record.Counts{}, broken(id, err, "the fields of job [%s] cannot be read", id)
	}
	up, err := ingest.ReadJSON(bytes.NewReader(records), schema, ingest.Limits{MaxBytes: int64(len(records)) + 1, NowMs: m.opt.Clock().UnixMilli()})
	if err != nil {
		return record.Counts{}, err
	}
	up.SuspiciousTimes = false // The times are in milliseconds.
	up.End.SourceMs = untilMs
	p, err := m.Post(ctx, id, up)
	return p.Counts, err
}

// millisSchema is the schema of records whose time is in milliseconds.
func (c *config) millisSchema() func() (*ingest.Schema, error) {
	return sync.OnceValues(func() (*ingest.Schema, error) {
		schema, err := ingest.NewSchema(c.spec, c.timeField, "")
		if err == nil {
			schema.Future = c.future
		}
		return schema, err
	})
}
