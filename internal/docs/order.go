package docs

import (
	"context"

	"tidemark/internal/mapping"
	"tidemark/internal/query"
)

// One step of OrderBy changes so many documents at most, and reads so many bytes:
// others can write in between.
const (
	orderDocs  = 5000
	orderBytes = 4 << 20
)

// OrderBy makes a field of dates or numbers the one that an index's documents can be
// narrowed and ordered by, those that are there as well. Searches are right at any
// moment meanwhile, and if it ends early: a document without a time on record is
// looked at whatever times are asked for. A field of another type is left alone.
func (s *Store) OrderBy(ctx context.Context, name, field string) error {
	for more := true; more; {
		err := s.change(ctx, func(ctx context.Context) (err error) {
			more, err = s.forgetTimes(ctx, name, field)
			return err
		})
		if err != nil {
			return err
		}
	}
	for after := int64(0); after < maxSeq; {
		err := s.change(ctx, func(ctx context.Context) (err error) {
			after, err = s.recordTimes(ctx, name, field, after)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetTimes removes times of another field, and makes field the time field with
// the last of them.
func (s *Store) forgetTimes(ctx context.Context, name, field string) (more bool, err error) {
	x, err := s.current(name)
	if err != nil || x.TimeField == field || !orders(x, field) {
		return false, err
	}
	done, err := s.file.Exec(ctx, "UPDATE docs SET at = NULL WHERE key IN (SELECT key FROM docs WHERE idx = ? AND at IS NOT NULL LIMIT ?)", x.num, orderDocs)
	if err != nil {
		return false, err
	}
	if n, err := done.RowsAffected(); err != nil || n == orderDocs {
		return true, err
	}
	if _, err := s.file.Exec(ctx, "UPDATE old SET at = NULL WHERE key BETWEEN ? AND ?", firstKey(x.num), lastKey(x.num)); err != nil {
		return false, err
	}
	other := *x
	other.TimeField = field
	return false, s.replace(ctx, &other)
}

// orders reports whether documents can be ordered by a field: not by texts.
func orders(x *Index, field string) bool {
	typ, _ := x.Fields.Type(field)
	return typ == mapping.Date || typ == mapping.Integer || typ == mapping.Float
}

// recordTimes puts times on record for some of the documents after one that have
// none, and returns where to go on; maxSeq: nowhere.
func (s *Store) recordTimes(ctx context.Context, name, field string, after int64) (next int64, err error) {
	x, err := s.current(name)
	if err != nil || x.TimeField != field {
		return maxSeq, err
	}
	rows, err := s.file.Query(ctx, "SELECT key, doc FROM docs WHERE idx = ? AND at IS NULL AND key > ? ORDER BY key LIMIT ?", x.num, firstKey(x.num)|after, orderDocs)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	times := map[int64]int64{}
	read, size, key := 0, 0, int64(0)
	var doc []byte
	for size < orderBytes && rows.Next() {
		if err := rows.Scan(&key, &doc); err != nil {
			return 0, err
		}
		read, size = read+1, size+len(doc)
		if at, ok := query.DateOf(doc, field, x.Fields); ok {
			times[key] = at
		}
	}
	whole := size < orderBytes && read < orderDocs
	if err := rows.Close(); err != nil {
		return 0, err
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for key, at := range times { // order-free: each is its own
		if _, err := s.file.Exec(ctx, "UPDATE docs SET at = ? WHERE key = ?", at, key); err != nil {
			return 0, err
		}
	}
	if whole {
		return maxSeq, nil
	}
	return key & maxSeq, nil
}
