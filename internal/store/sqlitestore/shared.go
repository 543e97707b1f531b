package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"

	"tidemark/internal/store"
)

// SaveShared implements store.Store.
func (s *Store) SaveShared(ctx context.Context, d store.Shared) error {
	return s.change(ctx, true, func(ctx context.Context) error {
		_, err := s.file.Exec(ctx, "INSERT OR REPLACE INTO shared (kind, id, crc, doc) VALUES (?, ?, ?, ?)",
			d.Kind, d.ID, checksum(0, []byte(d.Kind), []byte(d.ID), d.Doc), blob(d.Doc))
		return err
	})
}

// DeleteShared implements store.Store.
func (s *Store) DeleteShared(ctx context.Context, kind, id string) error {
	return s.change(ctx, true, func(ctx context.Context) error {
		_, err := s.file.Exec(ctx, "DELETE FROM shared WHERE kind = ? AND id = ?", kind, id)
		return err
	})
}

// AllShared implements store.Store.
func (s *Store) AllShared(ctx context.Context) (list []store.Shared, err error) {
	err = s.view(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, "SELECT kind, id, crc, doc FROM shared ORDER BY kind, id")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var d store.Shared
			var crc uint32
			if err := rows.Scan(&d.Kind, &d.ID, &crc, &d.Doc); err != nil {
				return err
			}
			if crc != checksum(0, []byte(d.Kind), []byte(d.ID), d.Doc) {
				return fmt.Errorf("%w: %s [%s] in %s; restore the file from a backup", store.ErrCorrupt, d.Kind, d.ID, s.path)
			}
			list = append(list, d)
		}
		return rows.Err()
	})
	return list, s.explain(err)
}
