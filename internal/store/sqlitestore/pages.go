package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tidemark/internal/store"
)

// Records implements store.Store.
func (s *Store) Records(ctx context.Context, job uint64, q store.Query) (store.Page, error) {
	by, err := order(recordSort, &q, "score", "over_value", "partition_value", "by_value", "field", "function", "start", "id")
	if err != nil {
		return store.Page{}, err
	}
	return s.page(ctx, "records", by, recordSort[q.Sort], job, &q)
}

// Influencers implements store.Store.
func (s *Store) Influencers(ctx context.Context, job uint64, q store.Query) (store.Page, error) {
	by, err := order(influencerSort, &q, "score", "start", "field", "value", "id")
	if err != nil {
		return store.Page{}, err
	}
	return s.page(ctx, "influencers", by, influencerSort[q.Sort], job, &q)
}

// page answers a query for results that are one row each, ordered by a list
// that begins with the column first.
func (s *Store) page(ctx context.Context, table, by, first string, job uint64, q *store.Query) (p store.Page, err error) {
	err = s.view(ctx, func(tx *sql.Tx) error {
		c := &counter{tx: tx, table: table, kind: slices.Index(countedTables, table), job: job}
		p.Total, err = c.count(ctx, q)
		if err != nil || q.Size <= 0 || int64(q.From) >= p.Total {
			return err
		}
		byScore, err := c.cheaperByScore(ctx, q, p.Total, first == "score")
		if err != nil {
			return err
		}
		var w where
		access, score := "", "+score"
		if byScore {
			access, score = c.byScore(&w), "score"
		}
		w.common(job, q, score)
		if q.HasStart {
			w.and("start >= ?", q.StartMs)
		}
		// The keys are sorted first, without touching a document.
		ids, err := numbers(ctx, tx, "SELECT id FROM "+table+" t "+access+" WHERE "+w.text.String()+" ORDER BY "+by+" LIMIT ? OFFSET ?",
			append(w.args, q.Size, q.From)...)
		if err == nil {
			p.Docs, err = s.inOrder(ctx, tx, ids)
		}
		return err
	})
	return p, s.explain(err)
}

// cheaperByScore reports whether the rows that a query asks for, of so many that
// match, are found faster by their scores than by their times: where the index
// has them and there are fewer rows to look at. In order of the score, the index
// ends with the page.
func (c *counter) cheaperByScore(ctx context.Context, q *store.Query, matching int64, ordered bool) (bool, error) {
	indexed := *q
	if q.MinScore < indexFloor {
		if !ordered || !q.Desc {
			return false, nil
		}
		indexed.MinScore = indexFloor
		var err error
		if matching, err = c.count(ctx, &indexed); err != nil || matching < int64(q.From+q.Size) {
			return false, err
		}
	}
	if ordered && !q.HasStart && !q.HasEnd {
		return true, nil
	}
	inTime := *q
	inTime.MinScore, inTime.ExcludeInterim = 0, false
	timeRows, err := c.count(ctx, &inTime)
	if err != nil {
		return false, err
	}
	indexed.HasStart, indexed.HasEnd, indexed.ExcludeInterim = false, false, false
	scoreRows, err := c.count(ctx, &indexed)
	cost := float64(scoreRows)
	if ordered {
		cost = min(cost, float64(q.From+q.Size)*cost/float64(matching))
	}
	return cost < float64(timeRows), err
}

// numbers reads a list of numbers.
func numbers(ctx context.Context, tx *sql.Tx, query string, args ...any) (list []int64, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// inOrder reads the documents with these numbers.
func (s *Store) inOrder(ctx context.Context, tx *sql.Tx, ids []int64) ([][]byte, error) {
	var b strings.Builder
	place := make(map[int64]int, len(ids))
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
		place[id] = i
	}
	rows, err := tx.QueryContext(ctx, "SELECT id, crc, doc FROM documents WHERE id IN ("+b.String()+")")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	docs, found := make([][]byte, len(ids)), 0
	for rows.Next() {
		id, doc, err := s.document(rows)
		if err != nil {
			return nil, err
		}
		docs[place[id]] = doc
		found++
	}
	if err := rows.Err(); err != nil || found == len(ids) {
		return docs, err
	}
	for i, id := range ids {
		if docs[i] == nil {
			return nil, fmt.Errorf("%w: result document %d in %s is missing", store.ErrCorrupt, id, s.path)
		}
	}
	return docs, nil
}
