package docs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"tidemark/internal/query"
)

// Get returns a document.
func (s *Store) Get(ctx context.Context, x *Index, id string) (d query.Doc, err error) {
	d = query.Doc{Index: x.Name, ID: id}
	var key int64
	var crc uint32
	err = s.file.Reads().QueryRowContext(ctx, "SELECT key, version, crc, doc FROM docs WHERE idx = ? AND id = ?", x.num, id).Scan(&key, &d.Version, &crc, &d.Source)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("document [%s] of [%s]: %w", id, x.Name, ErrNotFound)
	}
	d.Seq = key & maxSeq
	if err == nil && crc != checksum(id, d.Source) {
		err = s.damaged(x, id)
	}
	return d, s.explain(err)
}

func (s *Store) damaged(x *Index, id string) error {
	return fmt.Errorf("%w: document [%s] of index [%s] in %s; restore the file from a backup, or write the document again", ErrCorrupt, id, x.Name, s.file.Path())
}

// Count is how many documents an index has.
func (s *Store) Count(ctx context.Context, x *Index) (n int64, err error) {
	err = s.file.Reads().QueryRowContext(ctx, "SELECT count(*) FROM docs WHERE idx = ?", x.num).Scan(&n)
	return n, s.explain(err)
}

// Range narrows a scan.
type Range struct {
	// FromMs and ToMs bound the times [FromMs, ToMs); documents without a single
	// time are visited all the same.
	FromMs, ToMs int64
	// ByTime visits documents in order of time, Descending with the latest first;
	// those without a single time come before all others.
	ByTime, Descending bool
	// BySeq visits documents in the order of their last change even where another
	// would be faster, and leaves out those up to AfterSeq.
	BySeq    bool
	AfterSeq int64
	// Pinned sees the documents as they were at Pin.
	Pinned bool
	Pin    int64
	// TimesOnly: documents with a single time are visited without their source.
	TimesOnly bool
}

// All is the range of all documents.
func All() Range { return Range{FromMs: math.MinInt64, ToMs: math.MaxInt64} }

func (r *Range) bounded() bool { return r.FromMs != math.MinInt64 || r.ToMs != math.MaxInt64 }

// errEnough ends a scan from within.
var errEnough = errors.New("enough")

// Scan calls visit with the documents of an index, in the order of their last
// change or of time, until it returns false or an error. The
// document is valid until visit returns.
func (s *Store) Scan(ctx context.Context, x *Index, r Range, visit func(*query.Doc) (more bool, err error)) error {
	tx, err := s.file.Reads().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // It only read.
	sc := scan{s: s, tx: tx, x: x, Range: r, visit: visit, firstSeq: r.AfterSeq + 1, lastSeq: maxSeq}
	if !r.BySeq {
		sc.firstSeq = 0
	}
	if r.Pinned {
		sc.lastSeq = r.Pin
	}
	if err = sc.run(ctx); errors.Is(err, errEnough) {
		err = nil
	}
	return s.explain(err)
}

// scan is a Scan at work.
type scan struct {
	s  *Store
	tx *sql.Tx
	x  *Index
	Range
	visit             func(*query.Doc) (bool, error)
	firstSeq, lastSeq int64
}

func (sc *scan) run(ctx context.Context) error {
	if !sc.BySeq && (sc.ByTime || sc.TimesOnly || sc.narrow(ctx)) {
		// Those without a single time may have any; they are few, or all.
		if err := sc.rows(ctx, "idx = ? AND at IS NULL", "idx", "key", sc.x.num); err != nil {
			return err
		}
		return sc.rows(ctx, "idx = ? AND at >= ? AND at < ?", "idx", sc.order(), sc.x.num, sc.FromMs, sc.ToMs)
	}
	return sc.rows(ctx, "key BETWEEN ? AND ?", "key", "key", firstKey(sc.x.num)|sc.firstSeq, firstKey(sc.x.num)|sc.lastSeq)
}

func (sc *scan) order() string {
	if sc.Descending {
		return "at DESC, key DESC"
	}
	return "at, key"
}

// narrow reports whether the bounds leave out so much that going by the index on
// times, which costs a look-up for each document, is worth it.
func (sc *scan) narrow(ctx context.Context) bool {
	if !sc.bounded() {
		return false
	}
	var first, last sql.NullInt64
	// Two queries, so that each is a single look into the index on times.
	for _, q := range []struct {
		fn string
		to *sql.NullInt64
	}{{"min", &first}, {"max", &last}} {
		if err := sc.tx.QueryRowContext(ctx, "SELECT "+q.fn+"(at) FROM docs WHERE idx = ?", sc.x.num).Scan(q.to); err != nil || !q.to.Valid {
			return false
		}
	}
	width := float64(last.Int64) - float64(first.Int64)
	inside := float64(min(sc.ToMs, last.Int64)) - float64(max(sc.FromMs, first.Int64))
	return inside < width/2
}

// rows visits the documents of one condition, which holds for both tables: kind
// "idx" begins with a condition on the index's number.
func (sc *scan) rows(ctx context.Context, where, kind, order string, args ...any) error {
	columns := "key, id, at, version, crc, doc"
	if sc.TimesOnly && where != "idx = ? AND at IS NULL" {
		columns = "key, '', at, 0, 0, x''"
	}
	q := "SELECT " + columns + " FROM docs WHERE " + where
	if kind == "idx" && sc.Pinned {
		q += " AND key <= ?"
		args = append(args, firstKey(sc.x.num)|sc.lastSeq)
	}
	if sc.Pinned {
		// The state at Pin: what is still there, and what has been replaced since.
		old := where
		if kind == "idx" {
			old = "key BETWEEN ? AND ? AND " + where[len("idx = ? AND "):]
			own := append([]any{firstKey(sc.x.num), firstKey(sc.x.num) | sc.lastSeq}, args[1:len(args)-1]...)
			args = append(args, own...)
		} else {
			args = append(args, args...)
		}
		q += " UNION ALL SELECT " + columns + " FROM old WHERE " + old + " AND until > ?"
		args = append(args, sc.Pin)
	}
	rows, err := sc.tx.QueryContext(ctx, q+" ORDER BY "+order, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	d := query.Doc{Index: sc.x.Name}
	var doc, id sql.RawBytes
	var at sql.NullInt64
	var key int64
	var crc uint32
	for rows.Next() {
		if err := rows.Scan(&key, &id, &at, &d.Version, &crc, &doc); err != nil {
			return err
		}
		d.ID, d.Seq, d.Source, d.AtMs, d.HasAt = string(id), key&maxSeq, doc, at.Int64, at.Valid
		if len(doc) == 0 {
			d.Source = nil
		} else if crc != checksum(d.ID, doc) {
			return sc.s.damaged(sc.x, d.ID)
		}
		more, err := sc.visit(&d)
		if err != nil {
			return err
		}
		if !more {
			return errEnough
		}
	}
	return rows.Err()
}
