package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

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
// start of the time range. score names that column.
func (w *where) common(job uint64, q *store.Query, score string) {
	w.and("job = ?", int64(job))
	if q.HasEnd {
		w.and("start < ?", q.EndMs)
	}
	if q.MinScore > 0 {
		w.and(score+" >= ?", q.MinScore)
	}
	if q.ExcludeInterim {
		w.and("interim = 0")
	}
}

// order is an ORDER BY list: the field, then the tie-breakers, all in one
// direction, with missing values last. A missing text is empty, which is last
// anyway in descending order. The table goes by the name t.
func order(fields map[string]string, q *store.Query, ties ...string) (string, error) {
	direction := " ASC"
	if q.Desc {
		direction = " DESC"
	}
	var list []string
	column, ok := fields[q.Sort]
	switch {
	case ok && isText(column) && !q.Desc:
		list = append(list, column+" = ''", column+direction)
	case ok:
		list = append(list, column+direction)
	case q.SortDocument:
		value := member(q.Sort)
		list = append(list, value+" IS NULL", value+direction)
	default:
		return "", fmt.Errorf("%w [%s]", store.ErrSort, q.Sort)
	}
	for _, tie := range ties {
		if tie == column {
			continue
		}
		if isText(tie) && !q.Desc {
			list = append(list, tie+" = ''")
		}
		list = append(list, tie+direction)
	}
	return strings.Join(list, ", "), nil
}

// member is the value of a member of a row's document, the first one if it has
// several. Few ask for it: it has no column, and each document is read.
func member(name string) string {
	path := `'$."` + strings.ReplaceAll(name, "'", "''") + `"`
	return "(SELECT coalesce(json_extract(CAST(d.doc AS TEXT), " + path + "[0]'), json_extract(CAST(d.doc AS TEXT), " + path + "')) FROM documents d WHERE d.id = t.id)"
}

func isText(column string) bool {
	switch column {
	case "function", "field", "value", "partition_value", "by_value", "over_value":
		return true
	}
	return false
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
		_, doc, err := s.document(rows)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, rows.Err()
}

// document reads a row of a document's number, checksum and bytes, and checks
// it.
func (s *Store) document(rows *sql.Rows) (id int64, doc []byte, err error) {
	var crc uint32
	if err := rows.Scan(&id, &crc, &doc); err != nil {
		return 0, nil, err
	}
	if crc != checksum(id, doc) {
		return 0, nil, fmt.Errorf("%w: result document %d in %s; restore the file from a backup, or delete the job", store.ErrCorrupt, id, s.path)
	}
	return id, doc, nil
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
	_, doc, err := s.document(rows)
	return doc, err
}
