package docs

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"tidemark/internal/query"
	"tidemark/internal/sqlite"
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
	if err == nil && crc != checksum([]byte(id), d.Source) {
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
	// TimesOnly: documents with a single time are visited without their source, if
	// that is faster.
	TimesOnly bool
}

// All is the range of all documents.
func All() Range { return Range{FromMs: math.MinInt64, ToMs: math.MaxInt64} }

func (r *Range) bounded() bool { return r.FromMs != math.MinInt64 || r.ToMs != math.MaxInt64 }

// Scan calls visit with the documents of an index, in the order of their last
// change or of time, until it returns false or an error. The document and its
// source are visit's to keep, but not to change.
//
// The file is read by another goroutine, some documents ahead: reading and looking
// at documents take about as long. It reads ahead once the first few were not enough:
// most pages are short.
func (s *Store) Scan(ctx context.Context, x *Index, r Range, visit func(*query.Doc) (more bool, err error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sc := scan{s: s, x: x, Range: r, lastSeq: maxSeq, batches: make(chan []query.Doc, 2), wanted: make(chan struct{}, 1), done: ctx.Done()}
	if r.BySeq {
		sc.firstSeq = r.AfterSeq + 1
	}
	if r.Pinned {
		sc.lastSeq = r.Pin
	}
	read := make(chan error, 1)
	go func() {
		defer close(sc.batches)
		read <- s.file.View(ctx, func(v *sqlite.View) error { return sc.run(ctx, v) })
	}()
	var failed error
	for batch := range sc.batches {
		more := failed == nil
		for i := 0; more && i < len(batch); i++ {
			if more, failed = visit(&batch[i]); failed != nil {
				more = false
			}
		}
		if !more {
			// The reader ends; what it has read ahead is passed over.
			cancel()
			for range sc.batches {
			}
			<-read
			return failed
		}
		select {
		case sc.wanted <- struct{}{}:
		default:
		}
	}
	return s.explain(<-read)
}

// scan is a Scan at work, on the reader's side.
type scan struct {
	s *Store
	x *Index
	Range
	firstSeq, lastSeq int64
	// batch is what will be handed over next. Its sources stand one behind the other,
	// and so do its ids, with their ends.
	batch        []query.Doc
	sources, ids []byte
	idEnds       []int
	failed       error
	batches      chan []query.Doc
	wanted       chan struct{} // has an element once the first batch was not enough
	done         <-chan struct{}
	sent         int
}

// Documents are handed over in batches, small ones first: a search may be over
// soon. Large documents make a batch full as well.
const (
	firstBatch = 16
	fullBatch  = 256
	batchBytes = 1 << 20
)

// add takes a document from its row, whose bytes it copies, and hands it over; false:
// that failed, or nobody takes any more.
func (sc *scan) add(row []driver.Value, timesOnly bool) bool {
	d := query.Doc{Index: sc.x.Name}
	key, _ := row[0].(int64)
	d.Seq = key & maxSeq
	d.AtMs, d.HasAt = row[1].(int64)
	if !timesOnly {
		id, _ := row[2].(string)
		packed, _ := row[3].(int64)
		doc, _ := row[4].([]byte)
		if sc.ids = append(sc.ids, id...); uint32(packed) != checksum(sc.ids[len(sc.ids)-len(id):], doc) {
			sc.failed = sc.s.damaged(sc.x, strings.Clone(id))
			return false
		}
		d.Version = packed >> 32
		sc.sources = append(sc.sources, doc...)
		d.Source = sc.sources[len(sc.sources)-len(doc) : len(sc.sources) : len(sc.sources)]
	}
	sc.batch, sc.idEnds = append(sc.batch, d), append(sc.idEnds, len(sc.ids))
	if len(sc.batch) < min(firstBatch<<min(sc.sent, 8), fullBatch) && len(sc.sources) < batchBytes {
		return true
	}
	return sc.flush()
}

func (sc *scan) flush() bool {
	if len(sc.batch) == 0 {
		return true
	}
	// All ids are parts of one text.
	ids, from := string(sc.ids), 0
	for i, to := range sc.idEnds {
		sc.batch[i].ID = ids[from:to]
		from = to
	}
	select {
	case sc.batches <- sc.batch:
		sc.sent++
	case <-sc.done:
		return false
	}
	if sc.sent == 1 {
		select {
		case <-sc.wanted:
		case <-sc.done:
			return false
		}
	}
	// The next ones are about as long.
	room := min(len(sc.sources)/len(sc.batch)*fullBatch, batchBytes) * 9 / 8
	sc.batch, sc.sources, sc.ids, sc.idEnds = make([]query.Doc, 0, fullBatch), make([]byte, 0, room), sc.ids[:0], sc.idEnds[:0]
	return true
}

func (sc *scan) run(ctx context.Context, v *sqlite.View) error {
	byTime, err := sc.byIndex(v)
	switch {
	case err != nil:
		return err
	case byTime:
		// Those without a single time may have any; they are few, or all.
		if err = sc.rows(ctx, v, "idx = ? AND at IS NULL", "idx", "key", sc.x.num); err == nil {
			err = sc.rows(ctx, v, "idx = ? AND at >= ? AND at < ?", "idx", sc.order(), sc.x.num, sc.FromMs, sc.ToMs)
		}
	default:
		err = sc.rows(ctx, v, "key BETWEEN ? AND ?", "key", "key", firstKey(sc.x.num)|sc.firstSeq, firstKey(sc.x.num)|sc.lastSeq)
	}
	if err == nil && !sc.flush() {
		err = ctx.Err()
	}
	return err
}

// byIndex reports whether to go by the index on times.
func (sc *scan) byIndex(v *sqlite.View) (bool, error) {
	if sc.BySeq || !sc.ByTime && !sc.TimesOnly && !sc.bounded() {
		return false, nil
	}
	// The times on record may have become those of another field since.
	same := false
	err := v.Rows("SELECT time_field FROM indices WHERE num = ?", []any{sc.x.num}, func(row []driver.Value) bool {
		same = row[0] == sc.x.TimeField
		return false
	})
	if err != nil || !same || sc.ByTime || sc.TimesOnly {
		return same, err
	}
	return sc.narrow(v)
}

func (sc *scan) order() string {
	if sc.Descending {
		return "at DESC, key DESC"
	}
	return "at, key"
}

// narrow reports whether the bounds leave out so much that going by the index on
// times, which costs a look-up for each document, is worth it.
func (sc *scan) narrow(v *sqlite.View) (bool, error) {
	// Two queries, so that each is a single look into the index on times.
	var ends [2]int64
	known := 0
	for i, fn := range []string{"min", "max"} {
		err := v.Rows("SELECT "+fn+"(at) FROM docs WHERE idx = ?", []any{sc.x.num}, func(row []driver.Value) bool {
			if at, ok := row[0].(int64); ok {
				ends[i] = at
				known++
			}
			return true
		})
		if err != nil {
			return false, err
		}
	}
	width := float64(ends[1]) - float64(ends[0])
	inside := float64(min(sc.ToMs, ends[1])) - float64(max(sc.FromMs, ends[0]))
	return known == 2 && inside < width/2, nil
}

// rows reads the documents of one condition, which holds for both tables: kind
// "idx" begins with a condition on the index's number.
func (sc *scan) rows(ctx context.Context, v *sqlite.View, where, kind, order string, args ...any) error {
	// With version and checksum in one number: columns are most of the work.
	columns, timesOnly := "key, at, id, version << 32 | crc, doc", false
	switch {
	case kind == "key":
		columns = "key, NULL, id, version << 32 | crc, doc"
	case sc.TimesOnly && where != "idx = ? AND at IS NULL":
		columns, timesOnly = "key, at", true
	}
	take := func(row []driver.Value) bool { return sc.add(row, timesOnly) }
	if !sc.Pinned {
		return errors.Join(v.Each("docs", where, order, columns, args, take), sc.failed, ctx.Err())
	}
	// The state at Pin: what is still there, and what has been replaced since.
	now, old := where, where
	if kind == "idx" {
		first, last := any(firstKey(sc.x.num)), any(firstKey(sc.x.num)|sc.lastSeq)
		now += " AND key <= ?"
		old = "key BETWEEN ? AND ? AND " + where[len("idx = ? AND "):]
		args = slices.Concat(args, []any{last, first, last}, args[1:])
	} else {
		args = slices.Concat(args, args)
	}
	q := "SELECT " + columns + " FROM docs WHERE " + now + " UNION ALL SELECT " + columns + " FROM old WHERE " + old + " AND until > ? ORDER BY " + order
	return errors.Join(v.Rows(q, append(args, sc.Pin), take), sc.failed, ctx.Err())
}
