package sqlitestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"tidemark/internal/store"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers a row's contents and where they belong, so that contents in
// the wrong place do not pass.
func checksum(place int64, parts ...[]byte) uint32 {
	var head [8]byte
	binary.LittleEndian.PutUint64(head[:], uint64(place))
	sum := crc32.Update(0, castagnoli, head[:])
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

// CreateJob implements store.Store.
func (s *Store) CreateJob(ctx context.Context, j *store.Job) error {
	made := *j
	err := s.change(ctx, true, func(ctx context.Context) error {
		var have int
		if err := s.file.Row(ctx, "SELECT count(*) FROM jobs WHERE id = ? AND deleted = 0", []any{j.ID}, &have); err != nil {
			return err
		}
		if have > 0 {
			return fmt.Errorf("job [%s]: %w", j.ID, store.ErrExists)
		}
		return s.insertJob(ctx, &made)
	})
	if err == nil {
		j.Num = made.Num
	}
	return err
}

// insertJob makes a job's rows and sets its number.
func (s *Store) insertJob(ctx context.Context, j *store.Job) error {
	done, err := s.file.Exec(ctx, "INSERT INTO jobs (id, config, crc, state, reason, failed_at, failures) VALUES (?, ?, 0, ?, ?, ?, ?)",
		j.ID, blob(j.Config), string(j.State), j.Reason, int64(j.FailedAt), j.Failures)
	if err != nil {
		return err
	}
	num, err := done.LastInsertId()
	if err != nil {
		return err
	}
	j.Num = uint64(num)
	if _, err := s.file.Exec(ctx, "UPDATE jobs SET crc = ? WHERE num = ?", checksum(num, []byte(j.ID), j.Config), num); err != nil {
		return err
	}
	_, err = s.file.Exec(ctx, "INSERT INTO progress (job, committed, log_end, stamps, stats) VALUES (?, ?, ?, ?, ?)",
		num, int64(j.Committed), int64(j.LogEnd), blob(j.Stamps), blob(j.Stats))
	return err
}

// blob is b, never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Jobs implements store.Store. A row whose configuration is damaged has an
// empty one: the job can still be named and deleted.
func (s *Store) Jobs(ctx context.Context) ([]store.Job, error) {
	rows, err := s.file.Reads().QueryContext(ctx, `SELECT num, id, config, crc, state, reason, failed_at, failures, committed, log_end, stamps, stats,
			(SELECT meta FROM snapshots s WHERE s.job = num ORDER BY position DESC LIMIT 1), (SELECT coalesce(max(position), 0) FROM snapshots s WHERE s.job = num)
		FROM jobs JOIN progress ON job = num WHERE deleted = 0 ORDER BY id`)
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var list []store.Job
	for rows.Next() {
		var j store.Job
		var crc uint32
		if err := rows.Scan(&j.Num, &j.ID, &j.Config, &crc, &j.State, &j.Reason, &j.FailedAt, &j.Failures, &j.Committed, &j.LogEnd, &j.Stamps, &j.Stats, &j.Newest, &j.NewestAt); err != nil {
			return nil, s.explain(err)
		}
		if crc != checksum(int64(j.Num), []byte(j.ID), j.Config) {
			j.Config = nil
		}
		list = append(list, j)
	}
	return list, s.explain(rows.Err())
}

// SaveJob implements store.Store.
func (s *Store) SaveJob(ctx context.Context, j *store.Job) error {
	return s.change(ctx, true, func(ctx context.Context) error {
		done, err := s.file.Exec(ctx, "UPDATE jobs SET config = ?, crc = ?, state = ?, reason = ?, failed_at = ?, failures = ? WHERE num = ? AND deleted = 0",
			blob(j.Config), checksum(int64(j.Num), []byte(j.ID), j.Config), string(j.State), j.Reason, int64(j.FailedAt), j.Failures, int64(j.Num))
		if err != nil {
			return err
		}
		if n, _ := done.RowsAffected(); n == 0 {
			return noJob(j.Num)
		}
		_, err = s.file.Exec(ctx, "UPDATE progress SET stamps = ?, stats = ? WHERE job = ?", blob(j.Stamps), blob(j.Stats), int64(j.Num))
		return err
	})
}

func noJob(num uint64) error { return fmt.Errorf("job number %d: %w", num, store.ErrNotFound) }

// DeleteJob implements store.Store.
func (s *Store) DeleteJob(ctx context.Context, num uint64) error {
	return s.change(ctx, true, func(ctx context.Context) error { return s.tombstone(ctx, num) })
}

// tombstone marks a live job as deleted.
func (s *Store) tombstone(ctx context.Context, num uint64) error {
	done, err := s.file.Exec(ctx, "UPDATE jobs SET deleted = 1 WHERE num = ? AND deleted = 0", int64(num))
	if err != nil {
		return err
	}
	if n, _ := done.RowsAffected(); n == 0 {
		return noJob(num)
	}
	return nil
}

// ResetJob implements store.Store.
func (s *Store) ResetJob(ctx context.Context, num uint64) (j store.Job, err error) {
	err = s.change(ctx, true, func(ctx context.Context) error {
		if err := s.tombstone(ctx, num); err != nil {
			return err
		}
		j = store.Job{State: store.Closed}
		if err := s.file.Row(ctx, "SELECT id, config FROM jobs WHERE num = ?", []any{int64(num)}, &j.ID, &j.Config); err != nil {
			return err
		}
		return s.insertJob(ctx, &j)
	})
	return j, err
}

// Tombstones implements store.Store.
func (s *Store) Tombstones(ctx context.Context) ([]uint64, error) {
	rows, err := s.file.Reads().QueryContext(ctx, "SELECT num FROM jobs WHERE deleted = 1 ORDER BY num")
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var list []uint64
	for rows.Next() {
		var num uint64
		if err := rows.Scan(&num); err != nil {
			return nil, s.explain(err)
		}
		list = append(list, num)
	}
	return list, s.explain(rows.Err())
}

// resultTables are those with a job's results by time.
var resultTables = []string{"buckets", "records", "influencers", "others"}

// purgeRows is how many rows of a table one purge step removes: a few
// milliseconds of work, so that other jobs' commits get their turn.
const purgeRows = 1000

// freePages is how many pages one step gives back to the file system.
const freePages = 1000

// PurgeStep implements store.Store.
func (s *Store) PurgeStep(ctx context.Context, num uint64) (more bool, err error) {
	var gone []int64
	err = s.change(ctx, false, func(ctx context.Context) error {
		for _, table := range resultTables {
			n, err := s.deleteResults(ctx, table, "job = ?", num, purgeRows)
			if err != nil {
				return err
			}
			more = more || n == purgeRows
		}
		// There are few enough categories for one step.
		for _, q := range []string{"DELETE FROM documents WHERE id IN (SELECT id FROM categories WHERE job = ?)", "DELETE FROM categories WHERE job = ?", "DELETE FROM written WHERE job = ?"} {
			if _, err := s.file.Exec(ctx, q, int64(num)); err != nil {
				return err
			}
		}
		if gone, err = s.file.Numbers(ctx, "SELECT position FROM snapshots WHERE job = ?", int64(num)); err != nil {
			return err
		}
		return s.file.GiveBack(ctx, freePages)
	})
	if err != nil {
		return true, err
	}
	for _, position := range gone {
		if err := os.Remove(s.snapshotPath(num, uint64(position))); err != nil && !errors.Is(err, os.ErrNotExist) {
			return true, s.explain(err)
		}
	}
	if more {
		return true, nil
	}
	_ = os.Remove(s.snapshotFolder(num)) // It may never have been made.
	return false, s.change(ctx, true, func(ctx context.Context) error {
		for _, q := range []string{"DELETE FROM snapshots WHERE job = ?", "DELETE FROM progress WHERE job = ?", "DELETE FROM jobs WHERE num = ? AND deleted = 1"} {
			if _, err := s.file.Exec(ctx, q, int64(num)); err != nil {
				return err
			}
		}
		return nil
	})
}

// deleteResults removes up to limit results of a job with their documents and
// returns how many there were.
func (s *Store) deleteResults(ctx context.Context, table, where string, num uint64, limit int) (int, error) {
	ids, err := s.file.Numbers(ctx, "SELECT id FROM "+table+" WHERE "+where+" LIMIT ?", int64(num), limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if _, err := s.file.Exec(ctx, "DELETE FROM "+table+" WHERE (job, start, id) IN (SELECT job, start, id FROM "+table+" WHERE "+where+" LIMIT ?)", int64(num), limit); err != nil {
		return 0, err
	}
	for _, id := range ids {
		for _, q := range []string{"DELETE FROM documents WHERE id = ?", "DELETE FROM written WHERE id = ?"} {
			if _, err := s.file.Exec(ctx, q, id); err != nil {
				return 0, err
			}
		}
	}
	return len(ids), nil
}
