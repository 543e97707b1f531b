package sqlitestore

import (
	"context"
	"database/sql"
	"math"
	"strconv"
	"strings"

	"tidemark/internal/document"
	"tidemark/internal/store"
)

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
		w.common(job, &q, "score")
		if q.HasStart {
			// Runs do not overlap: of those that begin before the range only the
			// last one can reach into it.
			w.and("start >= coalesce((SELECT max(start) FROM buckets WHERE job = ? AND start <= ? AND run > 1), ?) AND start + run * span > ?",
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
	rows, err := tx.QueryContext(ctx, "SELECT id, start, span, run FROM buckets t WHERE "+w.text.String()+" ORDER BY "+by, w.args...)
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

// Scores implements store.Store.
func (s *Store) Scores(ctx context.Context, jobs []uint64, fromMs, toMs int64, visit func(job uint64, r store.ScoreRow) error) error {
	list := make([]string, len(jobs))
	for i, num := range jobs {
		list[i] = strconv.FormatUint(num, 10)
	}
	err := s.view(ctx, func(tx *sql.Tx) error {
		// The rows of one job come in order as they are; SQLite sorts those of
		// several in bounded memory.
		rows, err := tx.QueryContext(ctx, "SELECT job, start, span, run, score, interim FROM buckets WHERE job IN ("+strings.Join(list, ",")+
			") AND start < ? AND start + run * span > ? ORDER BY start, job, id", toMs, fromMs)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var num int64
			var r store.ScoreRow
			if err := rows.Scan(&num, &r.StartMs, &r.SpanMs, &r.Run, &r.Score, &r.Interim); err != nil {
				return err
			}
			if err := visit(uint64(num), r); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return s.explain(err)
}
