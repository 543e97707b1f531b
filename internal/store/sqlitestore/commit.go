package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"math"

	"tidemark/internal/document"
	"tidemark/internal/store"
)

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, c *store.Commit) error {
	return s.change(ctx, false, func(ctx context.Context) error {
		if err := s.moveOn(ctx, c); err != nil {
			return err
		}
		if c.DropInterim {
			for _, table := range []string{"buckets", "records", "influencers"} {
				if _, err := s.deleteResults(ctx, table, "job = ? AND interim = 1", c.Job, math.MaxInt32); err != nil {
					return err
				}
			}
		}
		if c.DropFrom {
			if err := s.dropFrom(ctx, c.Job, c.DropFromMs, c.KeepForecasts); err != nil {
				return err
			}
		}
		for i := range c.Others {
			if err := s.putOther(ctx, c.Job, &c.Others[i]); err != nil {
				return err
			}
		}
		for i := range c.Buckets {
			if err := s.putBucket(ctx, c.Job, &c.Buckets[i]); err != nil {
				return err
			}
		}
		for i := range c.Records {
			if _, err := s.putRecord(ctx, c.Job, &c.Records[i]); err != nil {
				return err
			}
		}
		for i := range c.Influencers {
			if _, err := s.putInfluencer(ctx, c.Job, &c.Influencers[i]); err != nil {
				return err
			}
		}
		for i := range c.Categories {
			if err := s.putCategory(ctx, c.Job, &c.Categories[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// putCategory stores a category's document in the place of the one before.
func (s *Store) putCategory(ctx context.Context, job uint64, c *store.CategoryRow) error {
	if _, err := s.file.Exec(ctx, "DELETE FROM documents WHERE id = (SELECT id FROM categories WHERE job = ? AND category = ?)", int64(job), c.ID); err != nil {
		return err
	}
	id, err := s.putDocument(ctx, c.Doc)
	if err != nil {
		return err
	}
	_, err = s.file.Exec(ctx, "INSERT OR REPLACE INTO categories (job, category, id, partition_value) VALUES (?, ?, ?, ?)", int64(job), c.ID, id, c.Partition)
	return err
}

// moveOn brings the job's positions, state and figures up to date.
func (s *Store) moveOn(ctx context.Context, c *store.Commit) error {
	done, err := s.file.Exec(ctx, `UPDATE progress SET committed = max(committed, ?), log_end = max(log_end, ?),
		stamps = coalesce(?, stamps), stats = coalesce(?, stats) WHERE job = ?`,
		int64(c.Committed), int64(c.LogEnd), orNull(c.Stamps), orNull(c.Stats), int64(c.Job))
	if err != nil {
		return err
	}
	if n, _ := done.RowsAffected(); n == 0 {
		return noJob(c.Job)
	}
	if c.State != "" {
		_, err = s.file.Exec(ctx, "UPDATE jobs SET state = ? WHERE num = ?", string(c.State), int64(c.Job))
	}
	return err
}

func orNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// putDocument stores a document and returns its number.
func (s *Store) putDocument(ctx context.Context, doc []byte) (int64, error) {
	id := s.nextDoc
	s.nextDoc++
	_, err := s.file.Exec(ctx, "INSERT INTO documents (id, crc, doc) VALUES (?, ?, ?)", id, checksum(id, doc), blob(doc))
	return id, err
}

// putBucket stores a bucket, or makes the run of equal ones before it longer.
func (s *Store) putBucket(ctx context.Context, job uint64, b *store.BucketRow) error {
	run := max(b.Run, 1)
	if !b.Interim {
		if extended, err := s.extendRun(ctx, job, b, run); err != nil || extended {
			return err
		}
	}
	_, err := s.insertBucket(ctx, job, b, run)
	return err
}

func (s *Store) insertBucket(ctx context.Context, job uint64, b *store.BucketRow, run int64) (int64, error) {
	id, err := s.putDocument(ctx, b.Doc)
	if err != nil {
		return id, err
	}
	_, err = s.file.Exec(ctx, "INSERT INTO buckets (job, start, id, span, run, score, events, interim) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		int64(job), b.StartMs, id, b.SpanMs, run, b.Score, b.EventCount, b.Interim)
	return id, err
}

// extendRun adds the bucket to the job's last row if they differ only in time.
func (s *Store) extendRun(ctx context.Context, job uint64, b *store.BucketRow, run int64) (bool, error) {
	var start, id, lastRun int64
	var doc []byte
	err := s.file.Row(ctx, `SELECT b.start, b.id, b.run, d.doc FROM buckets b JOIN documents d ON d.id = b.id
		WHERE b.job = ? AND b.start < ? AND b.span = ? AND b.score = ? AND b.events = ? AND b.interim = 0
			AND b.start + b.run * b.span = ? AND b.start = (SELECT max(start) FROM buckets WHERE job = ? AND start < ?)`,
		[]any{int64(job), b.StartMs, b.SpanMs, b.Score, b.EventCount, b.StartMs, int64(job), b.StartMs}, &start, &id, &lastRun, &doc)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case !bytes.Equal(document.ShiftBucket(doc, b.StartMs), b.Doc):
		return false, nil
	}
	_, err = s.file.Exec(ctx, "UPDATE buckets SET run = ? WHERE job = ? AND start = ? AND id = ?", lastRun+run, int64(job), start, id)
	return err == nil, err
}

func (s *Store) putRecord(ctx context.Context, job uint64, r *store.RecordRow) (int64, error) {
	id, err := s.putDocument(ctx, r.Doc)
	if err != nil {
		return id, err
	}
	_, err = s.file.Exec(ctx, `INSERT INTO records (job, start, id, span, score, log_prob, detector, interim, function, field, partition_value, by_value, over_value, doc_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(job), r.StartMs, id, r.SpanMs, r.Score, r.LogProb, r.Detector, r.Interim, r.Function, r.Field, r.Partition, r.By, r.Over, r.DocID)
	return id, err
}

func (s *Store) putInfluencer(ctx context.Context, job uint64, f *store.InfluencerRow) (int64, error) {
	id, err := s.putDocument(ctx, f.Doc)
	if err != nil {
		return id, err
	}
	_, err = s.file.Exec(ctx, `INSERT INTO influencers (job, start, id, span, score, log_prob, interim, field, value, doc_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(job), f.StartMs, id, f.SpanMs, f.Score, f.LogProb, f.Interim, f.Field, f.Value, f.DocID)
	return id, err
}
