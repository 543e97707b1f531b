package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"

	"tidemark/internal/document"
	"tidemark/internal/store"
	"tidemark/wire"
)

// putOther stores a document in the place of the one with the same id.
func (s *Store) putOther(ctx context.Context, job uint64, o *store.OtherRow) error {
	if _, err := s.dropOthers(ctx, job, "doc_id = ?", o.DocID); err != nil {
		return err
	}
	_, err := s.insertOther(ctx, job, o)
	return err
}

func (s *Store) insertOther(ctx context.Context, job uint64, o *store.OtherRow) (int64, error) {
	id, err := s.putDocument(ctx, o.Doc)
	if err != nil {
		return id, err
	}
	_, err = s.file.Exec(ctx, "INSERT INTO others (job, kind, start, id, doc_id) VALUES (?, ?, ?, ?, ?)", int64(job), o.Kind, o.StartMs, id, o.DocID)
	return id, err
}

// dropOthers removes other documents of a job with what points at them.
func (s *Store) dropOthers(ctx context.Context, job uint64, where string, args ...any) (int, error) {
	ids, err := s.file.Numbers(ctx, "SELECT id FROM others WHERE job = ? AND "+where, append([]any{int64(job)}, args...)...)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	for _, id := range ids {
		for _, q := range []string{"DELETE FROM documents WHERE id = ?", "DELETE FROM written WHERE id = ?"} {
			if _, err := s.file.Exec(ctx, q, id); err != nil {
				return 0, err
			}
		}
	}
	_, err = s.file.Exec(ctx, "DELETE FROM others WHERE job = ? AND "+where, append([]any{int64(job)}, args...)...)
	return len(ids), err
}

// DropOthers implements store.Store.
func (s *Store) DropOthers(ctx context.Context, job uint64, kind, prefix string) (n int, err error) {
	err = s.change(ctx, true, func(ctx context.Context) error {
		n, err = s.dropOthers(ctx, job, "kind = ? AND substr(doc_id, 1, ?) = ?", kind, len([]rune(prefix)), prefix)
		return err
	})
	return n, err
}

// dropFrom removes the results that start at or after a time.
func (s *Store) dropFrom(ctx context.Context, job uint64, fromMs int64, keepForecasts bool) error {
	for _, table := range resultTables {
		where := fmt.Sprintf("job = ? AND start >= %d", fromMs)
		if table == "others" {
			where += " AND kind NOT IN ('model_snapshot', 'model_forecast_request_stats', 'other')"
			if keepForecasts {
				where += " AND kind <> 'model_forecast'"
			}
		}
		if _, err := s.deleteResults(ctx, table, where, job, math.MaxInt32); err != nil {
			return err
		}
	}
	// A run that began before is cut.
	_, err := s.file.Exec(ctx, "UPDATE buckets SET run = (? - start + span - 1) / span WHERE job = ? AND start + run * span > ? AND run > 1", fromMs, int64(job), fromMs)
	return err
}

// PruneResults implements store.Store.
func (s *Store) PruneResults(ctx context.Context, job uint64, beforeMs int64, limit int) (more bool, err error) {
	err = s.change(ctx, true, func(ctx context.Context) error {
		for _, table := range resultTables {
			where := fmt.Sprintf("job = ? AND start < %d", beforeMs)
			switch table {
			case "buckets":
				where = fmt.Sprintf("job = ? AND start + run * span <= %d", beforeMs)
			case "others":
				where += " AND kind NOT IN ('model_snapshot', 'model_forecast', 'model_forecast_request_stats', 'other')"
			}
			n, err := s.deleteResults(ctx, table, where, job, limit)
			if err != nil {
				return err
			}
			more = more || n == limit
		}
		// A run that reaches over the time loses its first buckets.
		_, err := s.file.Exec(ctx, `UPDATE buckets SET start = start + (? - start + span - 1) / span * span, run = run - (? - start + span - 1) / span
			WHERE job = ? AND start < ? AND start + run * span > ? AND run > 1`, beforeMs, beforeMs, int64(job), beforeMs, beforeMs)
		return err
	})
	return more, err
}

// Write implements store.Store.
func (s *Store) Write(ctx context.Context, job uint64, w store.Written) (replaced bool, err error) {
	err = s.change(ctx, true, func(ctx context.Context) error {
		if replaced, err = s.erase(ctx, job, w.DocID); err != nil {
			return err
		}
		var id, start int64
		kind := ""
		switch {
		case w.Bucket != nil:
			kind, start = "buckets", w.Bucket.StartMs
			id, err = s.insertBucket(ctx, job, w.Bucket, 1)
		case w.Record != nil:
			kind, start = "records", w.Record.StartMs
			id, err = s.putRecord(ctx, job, w.Record)
		case w.Influencer != nil:
			kind, start = "influencers", w.Influencer.StartMs
			id, err = s.putInfluencer(ctx, job, w.Influencer)
		case w.Category != nil:
			return s.putCategory(ctx, job, w.Category)
		default:
			return s.putOther(ctx, job, w.Other)
		}
		if err != nil {
			return err
		}
		_, err = s.file.Exec(ctx, "INSERT INTO written (job, doc_id, kind, start, id) VALUES (?, ?, ?, ?, ?)", int64(job), w.DocID, kind, start, id)
		return err
	})
	return replaced, err
}

// Erase implements store.Store.
func (s *Store) Erase(ctx context.Context, job uint64, docID string) (found bool, err error) {
	err = s.change(ctx, true, func(ctx context.Context) error {
		found, err = s.erase(ctx, job, docID)
		return err
	})
	return found, err
}

// HasWritten implements store.Store.
func (s *Store) HasWritten(ctx context.Context, job uint64, docID string) (found bool, err error) {
	err = s.view(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM written WHERE job = ? AND doc_id = ?)", int64(job), docID).Scan(&found)
	})
	return found, err
}

func (s *Store) erase(ctx context.Context, job uint64, docID string) (bool, error) {
	var kind string
	var start, id int64
	err := s.file.Row(ctx, "SELECT kind, start, id FROM written WHERE job = ? AND doc_id = ?", []any{int64(job), docID}, &kind, &start, &id)
	if errors.Is(err, sql.ErrNoRows) {
		n, err := s.dropOthers(ctx, job, "doc_id = ?", docID)
		return n > 0, err
	}
	if err != nil {
		return false, err
	}
	if _, err := s.file.Exec(ctx, "DELETE FROM "+kind+" WHERE job = ? AND start = ? AND id = ?", int64(job), start, id); err != nil {
		return false, err
	}
	for _, q := range []string{"DELETE FROM documents WHERE id = ?", "DELETE FROM written WHERE id = ?"} {
		if _, err := s.file.Exec(ctx, q, id); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Scan implements store.Store.
func (s *Store) Scan(ctx context.Context, job uint64, r store.ScanRange, visit func(docID string, doc []byte) error) error {
	at, begin := r.Moves()
	err := s.view(ctx, func(tx *sql.Tx) error {
		if r.Has(wire.ResultBucket) && begin.Part <= store.PartBuckets {
			if err := s.scanBuckets(ctx, tx, job, &r, at, begin, visit); err != nil {
				return err
			}
		}
		for _, of := range []struct {
			part              store.CursorPart
			table, resultType string
		}{{store.PartRecords, "records", wire.ResultRecord}, {store.PartInfluencers, "influencers", wire.ResultInfluencer}, {store.PartOthers, "others", ""}} {
			table, resultType := of.table, of.resultType
			if resultType != "" && !r.Has(resultType) || begin.Part > of.part {
				continue
			}
			where, args := "t.job = ? AND t.start >= ? AND t.start < ?", []any{int64(job), r.FromMs, r.ToMs}
			if least, bounded := r.Least[resultType]; bounded && resultType != "" {
				where, args = where+" AND t.score >= ?", append(args, least)
			}
			if begin.Part == of.part {
				where, args = where+" AND (t.start, t.id) > (?, ?)", append(args, begin.StartMs, begin.ID)
			}
			at.Part, at.Run = of.part, 0
			if err := s.scanRows(ctx, tx, "SELECT t.start, t.doc_id, d.id, d.crc, d.doc FROM "+table+" t JOIN documents d ON d.id = t.id WHERE "+where+" ORDER BY t.start, t.id", at, visit, args...); err != nil {
				return err
			}
		}
		if r.Types != nil || begin.Part > store.PartCategories {
			return nil // Categories have no result type.
		}
		after := int64(math.MinInt64)
		if begin.Part == store.PartCategories {
			after = begin.StartMs
		}
		at.Part, at.Run = store.PartCategories, 0
		return s.scanRows(ctx, tx, "SELECT c.category, '', d.id, d.crc, d.doc FROM categories c JOIN documents d ON d.id = c.id WHERE c.job = ? AND c.category > ? ORDER BY c.category", at, visit, int64(job), after)
	})
	return s.explain(err)
}

func (s *Store) scanRows(ctx context.Context, tx *sql.Tx, q string, at *store.Cursor, visit func(string, []byte) error, args ...any) error {
	rows, err := tx.QueryContext(ctx, q, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var docID string
		var crc uint32
		var doc sql.RawBytes
		if err := rows.Scan(&at.StartMs, &docID, &at.ID, &crc, &doc); err != nil {
			return err
		}
		if crc != checksum(at.ID, doc) {
			return fmt.Errorf("%w: result document %d in %s; restore the file from a backup, or delete the job", store.ErrCorrupt, at.ID, s.path)
		}
		if err := visit(docID, doc); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *Store) scanBuckets(ctx context.Context, tx *sql.Tx, job uint64, r *store.ScanRange, at *store.Cursor, begin store.Cursor, visit func(string, []byte) error) error {
	least := math.Inf(-1)
	if score, bounded := r.Least[wire.ResultBucket]; bounded {
		least = score
	}
	from := int64(math.MinInt64)
	if begin.Part == store.PartBuckets {
		from = begin.StartMs
	}
	at.Part = store.PartBuckets
	rows, err := tx.QueryContext(ctx, `SELECT b.start, b.span, b.run, coalesce(w.doc_id, ''), d.id, d.crc, d.doc
		FROM buckets b JOIN documents d ON d.id = b.id LEFT JOIN written w ON w.id = b.id
		WHERE b.job = ? AND b.start < ? AND b.start + b.run * b.span > ? AND b.score >= ? AND (b.start, b.id) >= (?, ?) ORDER BY b.start, b.id`,
		int64(job), r.ToMs, r.FromMs, least, from, begin.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var span, run int64
		var crc uint32
		var docID string
		var doc sql.RawBytes
		if err := rows.Scan(&at.StartMs, &span, &run, &docID, &at.ID, &crc, &doc); err != nil {
			return err
		}
		if crc != checksum(at.ID, doc) {
			return fmt.Errorf("%w: result document %d in %s; restore the file from a backup, or delete the job", store.ErrCorrupt, at.ID, s.path)
		}
		first, last := clip(at.StartMs, span, run, r.FromMs, r.ToMs)
		if begin.Part == store.PartBuckets && begin.StartMs == at.StartMs && begin.ID == at.ID {
			first = max(first, begin.Run+1)
		}
		for i := first; i < last; i++ {
			at.Run = i
			if err := visit(docID, document.ShiftBucket(doc, at.StartMs+i*span)); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

// Others implements store.Store.
func (s *Store) Others(ctx context.Context, job uint64, kind string) (list []store.OtherRow, err error) {
	err = s.view(ctx, func(tx *sql.Tx) error {
		where, args := "o.job = ? AND o.kind = ?", []any{int64(job), kind}
		if job == 0 {
			where, args = "o.kind = ?", []any{kind}
		}
		rows, err := tx.QueryContext(ctx, "SELECT o.job, o.start, o.doc_id, d.id, d.crc, d.doc FROM others o JOIN documents d ON d.id = o.id WHERE "+where+" ORDER BY o.start, o.id", args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			o := store.OtherRow{Kind: kind}
			var num, id int64
			var crc uint32
			if err := rows.Scan(&num, &o.StartMs, &o.DocID, &id, &crc, &o.Doc); err != nil {
				return err
			}
			if crc != checksum(id, o.Doc) {
				return fmt.Errorf("%w: document [%s] in %s", store.ErrCorrupt, strings.ToValidUTF8(o.DocID, "?"), s.path)
			}
			o.Job = uint64(num)
			list = append(list, o)
		}
		return rows.Err()
	})
	return list, s.explain(err)
}

// SetSnapshotMeta implements store.Store.
func (s *Store) SetSnapshotMeta(ctx context.Context, job, position uint64, meta []byte) error {
	return s.change(ctx, true, func(ctx context.Context) error {
		done, err := s.file.Exec(ctx, "UPDATE snapshots SET meta = ?, crc = ? WHERE job = ? AND position = ?", blob(meta), checksum(int64(position), meta), int64(job), int64(position))
		if err != nil {
			return err
		}
		if n, _ := done.RowsAffected(); n == 0 {
			return fmt.Errorf("snapshot at position %d: %w", position, store.ErrNotFound)
		}
		return nil
	})
}
