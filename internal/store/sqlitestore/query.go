package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"tidemark/internal/document"
	"tidemark/internal/store"
)

// The columns that the wire's sort fields name, per kind of result.
var (
	bucketSort = map[string]string{
		"": "start", "timestamp": "start", "anomaly_score": "score", "initial_anomaly_score": "score",
		"event_count": "events", "bucket_span": "span", "is_interim": "interim",
	}
	recordSort = map[string]string{
		"": "score", "record_score": "score", "initial_record_score": "score", "timestamp": "start",
		"probability": "log_prob", "detector_index": "detector", "bucket_span": "span", "is_interim": "interim",
		"function": "function", "field_name": "field",
		"partition_field_value": "partition_value", "by_field_value": "by_value", "over_field_value": "over_value",
	}
	influencerSort = map[string]string{
		"": "score", "influencer_score": "score", "initial_influencer_score": "score", "timestamp": "start",
		"probability": "log_prob", "bucket_span": "span", "is_interim": "interim",
		"influencer_field_name": "field", "influencer_field_value": "value",
	}
)

// where is a query's condition with its arguments.
type where struct {
	text strings.Builder
	args []any
}

func (w *where) and(condition string, args ...any) {
	if w.text.Len() > 0 {
		w.text.WriteString(" AND ")
	}
	w.text.WriteString(condition)
	w.args = append(w.args, args...)
}

// common adds the conditions that all kinds of results share, but for the
// start of the time range.
func (w *where) common(job uint64, q *store.Query) {
	w.and("job = ?", int64(job))
	if q.HasEnd {
		w.and("start < ?", q.EndMs)
	}
	if q.MinScore > 0 {
		w.and("score >= ?", q.MinScore)
	}
	if q.ExcludeInterim {
		w.and("interim = 0")
	}
}

// order is an ORDER BY list: the field, then the tie-breakers, all in one
// direction, with missing texts last.
func order(fields map[string]string, q *store.Query, ties ...string) (string, error) {
	column, ok := fields[q.Sort]
	if !ok {
		return "", fmt.Errorf("%w [%s]", store.ErrSort, q.Sort)
	}
	direction := " ASC"
	if q.Desc {
		direction = " DESC"
	}
	list := []string{column + direction}
	if isText(column) {
		list[0] = column + " = '', " + list[0]
	}
	for _, tie := range ties {
		if tie == column {
			continue
		}
		if isText(tie) {
			list = append(list, tie+" = ''")
		}
		list = append(list, tie+direction)
	}
	return strings.Join(list, ", "), nil
}

func isText(column string) bool {
	switch column {
	case "function", "field", "value", "partition_value", "by_value", "over_value":
		return true
	}
	return false
}

// Records implements store.Store.
func (s *Store) Records(ctx context.Context, job uint64, q store.Query) (store.Page, error) {
	by, err := order(recordSort, &q, "score", "over_value", "partition_value", "by_value", "field", "function", "start", "id")
	if err != nil {
		return store.Page{}, err
	}
	return s.page(ctx, "records", by, job, &q, nil)
}

// Influencers implements store.Store.
func (s *Store) Influencers(ctx context.Context, job uint64, q store.Query) (store.Page, error) {
	by, err := order(influencerSort, &q, "score", "start", "field", "value", "id")
	if err != nil {
		return store.Page{}, err
	}
	return s.page(ctx, "influencers", by, job, &q, func(w *where) {
		if q.Field != "" {
			w.and("field = ?", q.Field)
		}
		if q.Value != "" {
			w.and("value = ?", q.Value)
		}
	})
}

// page answers a query for results that are one row each.
func (s *Store) page(ctx context.Context, table, by string, job uint64, q *store.Query, narrow func(*where)) (store.Page, error) {
	var w where
	w.common(job, q)
	if q.HasStart {
		w.and("start >= ?", q.StartMs)
	}
	if narrow != nil {
		narrow(&w)
	}
	var p store.Page
	err := s.view(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+table+" WHERE "+w.text.String(), w.args...).Scan(&p.Total); err != nil {
			return err
		}
		if q.Size <= 0 || int64(q.From) >= p.Total {
			return nil
		}
		// The keys are sorted first, without touching a document.
		rows, err := tx.QueryContext(ctx, "SELECT k.id, d.crc, d.doc FROM (SELECT id, row_number() OVER (ORDER BY "+by+") AS place FROM "+table+
			" WHERE "+w.text.String()+" ORDER BY place LIMIT ? OFFSET ?) k JOIN documents d ON d.id = k.id ORDER BY k.place",
			append(w.args, q.Size, q.From)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		p.Docs, err = s.documents(rows)
		return err
	})
	return p, s.explain(err)
}

// Scores implements store.Store.
func (s *Store) Scores(ctx context.Context, job uint64, fromMs, toMs int64, visit func(store.ScoreRow)) error {
	err := s.view(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT start, span, run, score, interim FROM buckets WHERE job = ? AND start < ? AND start + run * span > ?
			ORDER BY start, id`, int64(job), toMs, fromMs)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r store.ScoreRow
			if err := rows.Scan(&r.StartMs, &r.SpanMs, &r.Run, &r.Score, &r.Interim); err != nil {
				return err
			}
			visit(r)
		}
		return rows.Err()
	})
	return s.explain(err)
}

// Categories implements store.Store.
func (s *Store) Categories(ctx context.Context, job uint64, q store.CategoryQuery) (store.Page, error) {
	var w where
	w.and("job = ?", int64(job))
	if q.ID != 0 {
		w.and("category = ?", q.ID)
	}
	if q.HasPartition {
		w.and("partition_value = ?", q.Partition)
	}
	var p store.Page
	err := s.view(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM categories WHERE "+w.text.String(), w.args...).Scan(&p.Total); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, "SELECT d.id, d.crc, d.doc FROM categories c JOIN documents d ON d.id = c.id WHERE "+w.text.String()+
			" ORDER BY category LIMIT ? OFFSET ?", append(w.args, q.Size, q.From)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		p.Docs, err = s.documents(rows)
		return err
	})
	return p, s.explain(err)
}

// documents reads all rows of documents.
func (s *Store) documents(rows *sql.Rows) (docs [][]byte, err error) {
	for rows.Next() {
		doc, err := s.document(rows)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, rows.Err()
}

// document reads a row of a document's number, checksum and bytes, and checks
// it.
func (s *Store) document(rows *sql.Rows) ([]byte, error) {
	var id int64
	var crc uint32
	var doc []byte
	if err := rows.Scan(&id, &crc, &doc); err != nil {
		return nil, err
	}
	if crc != checksum(id, doc) {
		return nil, fmt.Errorf("%w: result document %d in %s; restore the file from a backup, or delete the job", store.ErrCorrupt, id, s.path)
	}
	return doc, nil
}

// view runs reads that see one state of the store.
func (s *Store) view(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.file.Reads().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return do(tx)
}

// Buckets implements store.Store. A run counts as the buckets it stands for.
func (s *Store) Buckets(ctx context.Context, job uint64, q store.Query) (store.Page, error) {
	by, err := order(bucketSort, &q, "start", "id")
	if err != nil {
		return store.Page{}, err
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if q.HasStart {
		from = q.StartMs
	}
	if q.HasEnd {
		to = q.EndMs
	}
	var p store.Page
	err = s.view(ctx, func(tx *sql.Tx) error {
		var w where
		w.common(job, &q)
		if q.HasStart {
			// Rows do not overlap: of those that begin before the range only the
			// last one can reach into it.
			w.and("start >= coalesce((SELECT max(start) FROM buckets WHERE job = ? AND start <= ?), ?) AND start + run * span > ?",
				int64(job), from, from, from)
		}
		var err error
		p.Total, err = countBuckets(ctx, tx, &w, from, to)
		if err != nil || q.Size <= 0 || int64(q.From) >= p.Total {
			return err
		}
		p.Docs, err = s.bucketPage(ctx, tx, &w, by, from, to, &q)
		return err
	})
	return p, s.explain(err)
}

// countBuckets counts the buckets of a time range, in SQL: only the row at
// either end can stand for buckets outside it.
func countBuckets(ctx context.Context, tx *sql.Tx, w *where, from, to int64) (total int64, err error) {
	first := "start"
	args := []any{}
	if from != math.MinInt64 {
		first = "max(start, start + (? - start + span - 1) / span * span)"
		args = append(args, from)
	}
	end := "start + run * span"
	if to != math.MaxInt64 {
		end = "min(start + run * span, start + (? - start + span - 1) / span * span)"
		args = append([]any{to}, args...)
	}
	err = tx.QueryRowContext(ctx, "SELECT coalesce(sum(max(0, ("+end+" - "+first+") / span)), 0) FROM buckets WHERE "+w.text.String(),
		append(args, w.args...)...).Scan(&total)
	return total, err
}

// bucketPage reads rows in order and expands them until the page is full.
func (s *Store) bucketPage(ctx context.Context, tx *sql.Tx, w *where, by string, from, to int64, q *store.Query) ([][]byte, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, start, span, run FROM buckets WHERE "+w.text.String()+" ORDER BY "+by, w.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var docs [][]byte
	skip, want := int64(q.From), int64(q.Size)
	for rows.Next() && want > 0 {
		var id, start, span, run int64
		if err := rows.Scan(&id, &start, &span, &run); err != nil {
			return nil, err
		}
		first, last := clip(start, span, run, from, to)
		n := last - first
		if n <= skip {
			skip -= max(n, 0)
			continue
		}
		doc, err := s.oneDocument(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		for i := skip; i < n && want > 0; i++ {
			at := first + i
			if q.Desc {
				at = last - 1 - i
			}
			docs = append(docs, document.ShiftBucket(doc, start+at*span))
			want--
		}
		skip = 0
	}
	return docs, rows.Err()
}

// clip returns which buckets [first, last) of a run start in [from, to).
func clip(start, span, run, from, to int64) (first, last int64) {
	last = run
	if from > start {
		first = (from - start + span - 1) / span
	}
	if to < start+run*span {
		last = max((to-start+span-1)/span, 0)
	}
	return first, last
}

func (s *Store) oneDocument(ctx context.Context, tx *sql.Tx, id int64) ([]byte, error) {
	rows, err := tx.QueryContext(ctx, "SELECT id, crc, doc FROM documents WHERE id = ?", id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: result document %d in %s is missing", store.ErrCorrupt, id, s.path)
	}
	return s.document(rows)
}
