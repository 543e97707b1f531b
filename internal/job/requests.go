package job

import (
	"context"
	"slices"
	"time"

	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/internal/document"
	"tidemark/internal/ingest"
	"tidemark/internal/store"
)

// CheckOpen refuses a job that takes no data and no flush now.
func (m *Manager) CheckOpen(_ context.Context, id string) error {
	_, err := m.running(id)
	return err
}

// Intake returns what is needed to read an upload for the job, or the refusal
// that makes reading its body pointless.
func (m *Manager) Intake(_ context.Context, id string) (*ingest.Schema, error) {
	r, err := m.running(id)
	if err != nil {
		return nil, err
	}
	if err := r.roomForUpload(); err != nil {
		return nil, err
	}
	schema, err := r.j.conf.Load().schema()
	if err != nil {
		return nil, broken(id, err, "the data description of job [%s] cannot be used", id)
	}
	return schema, nil
}

// Post takes an upload: all of it or nothing. It returns when the upload is
// durable and what it caused is committed. Once it is queued, the end of ctx
// only ends the wait for the answer.
func (m *Manager) Post(ctx context.Context, id string, u *ingest.Upload) (Posted, error) {
	r, err := m.running(id)
	if err != nil {
		return Posted{}, err
	}
	if err := r.roomForUpload(); err != nil {
		return Posted{}, err
	}
	t, err := newPostTask(u)
	if err != nil {
		return Posted{}, broken(id, err, "job [%s]: the upload cannot be encoded", id)
	}
	if !m.reserve(t.bytes) {
		return Posted{}, &Error{Fault: Busy, Job: id, RetryAfter: retryBusy,
			Reason: "too many uploads are being stored; try again later"}
	}
	t.release = func() { m.bytes.Add(-t.bytes) }
	if err := r.enqueue(ctx, t); err != nil {
		t.release()
		return Posted{}, err
	}
	select {
	case p := <-t.answer:
		return p.Posted, p.err
	case <-ctx.Done():
		return Posted{}, ctx.Err()
	}
}

// Flush makes sure that everything sent before is processed and its results
// can be found, and moves time or computes interim results as asked.
func (m *Manager) Flush(ctx context.Context, id string, f Flush) (Flushed, error) {
	r, err := m.running(id)
	if err != nil {
		return Flushed{}, err
	}
	t := &flushTask{flush: f, answer: make(chan flushed, 1)}
	if err := r.enqueue(ctx, t); err != nil {
		return Flushed{}, err
	}
	select {
	case a := <-t.answer:
		return a.Flushed, a.err
	case <-ctx.Done():
		return Flushed{}, ctx.Err()
	}
}

// enqueue adds a client's task unless the client is gone already.
func (r *runner) enqueue(ctx context.Context, t task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := r.queue.push(t, r.m.opt.QueueLength)
	if err == errQueueFull {
		return busy(r.j.id, r.m.opt.QueueLength)
	}
	return err
}

// newPostTask encodes an upload's entries. It runs on the client's goroutine,
// so that the owner only appends and applies.
func newPostTask(u *ingest.Upload) (*postTask, error) {
	t := &postTask{upload: u, answer: make(chan posted, 1)}
	if u.HasReset {
		t.entries = append(t.entries, &entry.Entry{Kind: entry.ClearBuckets, FromMs: u.ResetStartMs, ToMs: u.ResetEndMs})
	}
	for _, b := range u.Parts {
		t.entries = append(t.entries, &entry.Entry{Kind: entry.Data, Batch: b})
	}
	end := u.End
	t.entries = append(t.entries, &entry.Entry{Kind: entry.UploadEnd, Upload: &end})
	for _, en := range t.entries {
		b, err := en.Append(nil)
		if err != nil {
			return nil, err
		}
		t.encoded = append(t.encoded, b)
		t.bytes += int64(len(b))
	}
	return t, nil
}

// reserve counts an upload's bytes in. A single upload is always let through,
// whatever its size, if nothing else is in flight.
func (m *Manager) reserve(bytes int64) bool {
	for {
		now := m.bytes.Load()
		if now > 0 && now+bytes > m.opt.MaxBytesInFlight {
			return false
		}
		if m.bytes.CompareAndSwap(now, now+bytes) {
			return true
		}
	}
}

// roomForUpload refuses uploads while the disk is nearly full, so that what was
// taken can still be finished, and while results cannot be stored.
func (r *runner) roomForUpload() error {
	if refusal := r.blocked.Load(); refusal != nil {
		return refusal
	}
	m, id := r.m, r.j.id
	if m.opt.FreeBytes == nil {
		return nil
	}
	free, err := m.opt.FreeBytes()
	if err != nil || free >= m.opt.MinFreeBytes {
		return nil
	}
	return unavailable(id, nil, "no upload is taken while the data directory has less than %d MB free (it has %d); free disk space and send it again",
		m.opt.MinFreeBytes>>20, free>>20)
}

// warnEvery bounds how often a job's rejected records are logged.
const warnEvery = time.Minute

// warnRejected tells the operator about an upload that cannot be what its
// sender meant, with an example and what to do.
func (c *committer) warnRejected(u *ingest.Upload, counts record.Counts) {
	c.warnAhead(u)
	rejected := counts.InvalidDates + counts.OutOfOrder + u.Broken
	now := c.r.m.opt.Clock()
	if now.Sub(c.warned) < warnEvery {
		return
	}
	conf := c.r.j.conf.Load()
	example, reason := u.RejectedExample, u.RejectedReason
	if example == "" && counts.OutOfOrder > 0 && len(u.Parts) > 0 {
		example = "a record of " + time.UnixMilli(slices.Min(u.Parts[0].Times)).UTC().Format(time.RFC3339)
		reason = "it is older than the job's newest record allows"
	}
	switch {
	case rejected*2 > counts.InputRecords+u.Broken:
		c.warned = now
		c.r.log.Warn("more than half of an upload was rejected; check time_field and time_format of the job, and that records arrive in time order or within its latency",
			"records", counts.InputRecords+u.Broken, "invalid_dates", counts.InvalidDates, "out_of_order", counts.OutOfOrder, "broken", u.Broken,
			"time_field", conf.timeField, "time_format", conf.timeFormat, "example", example, "reason", reason)
	case u.SuspiciousTimes:
		c.warned = now
		c.r.log.Warn(`all times of an upload are before 1990, read as milliseconds; if they are epoch seconds, give the job the time_format "epoch"`,
			"newest", time.UnixMilli(u.MaxRecordMs).UTC().Format(time.RFC3339), "time_field", conf.timeField)
	}
}

// warnAhead tells the operator about a record that moved a job's time far into the
// future: everything until then now counts as late.
func (c *committer) warnAhead(u *ingest.Upload) {
	now := c.r.m.opt.Clock()
	if u.MaxRecordMs <= now.Add(ingest.FarAhead).UnixMilli() || u.MaxRecordMs <= c.ahead {
		return
	}
	c.ahead = u.MaxRecordMs
	at := time.UnixMilli(u.MaxRecordMs).UTC().Format(time.RFC3339)
	const remedy = "records until then are late now; revert the job to an earlier model snapshot, and set custom_settings.tidemark.max_future to have such records rejected"
	c.r.log.Warn("a record has moved the job's time more than a day ahead of the clock; "+remedy, "time", at, "record", u.FarthestExample)
	c.r.m.opt.Note(c.r.j.id, "warning", "A record of ["+at+"] has moved time more than a day ahead of the clock: "+u.FarthestExample+"; "+remedy)
}

// Buckets returns a page of the job's bucket results.
func (m *Manager) Buckets(ctx context.Context, id string, q store.Query) (store.Page, error) {
	return m.query(ctx, id, q, m.opt.Store.Buckets)
}

// Records returns a page of the job's anomaly records.
func (m *Manager) Records(ctx context.Context, id string, q store.Query) (store.Page, error) {
	return m.query(ctx, id, q, m.opt.Store.Records)
}

// Influencers returns a page of the job's influencers.
func (m *Manager) Influencers(ctx context.Context, id string, q store.Query) (store.Page, error) {
	return m.query(ctx, id, q, m.opt.Store.Influencers)
}

// Categories returns categories of a job's messages by id.
func (m *Manager) Categories(ctx context.Context, id string, q store.CategoryQuery) (store.Page, error) {
	j, err := m.find(id)
	if err != nil {
		return store.Page{}, err
	}
	return m.opt.Store.Categories(ctx, j.num, q)
}

func (m *Manager) query(ctx context.Context, id string, q store.Query,
	read func(context.Context, uint64, store.Query) (store.Page, error)) (store.Page, error) {
	j, err := m.find(id)
	if err != nil {
		return store.Page{}, err
	}
	q.SortDocument = document.Sortable(j.conf.Load().wire, q.Sort)
	return read(ctx, j.num, q)
}
