package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"tidemark/internal/durable"
	"tidemark/internal/store"
)

// A snapshot file is the engine's bytes followed by a trailer: their length (8
// bytes), their CRC32C (4), and magic (4), little endian.
const (
	snapshotDir   = "snapshots"
	snapshotExt   = ".snap"
	trailerBytes  = 16
	snapshotMagic = 0x31534d54 // "TMS1"
)

func (s *Store) snapshotFolder(job uint64) string {
	return filepath.Join(s.dir, snapshotDir, strconv.FormatUint(job, 10))
}

func (s *Store) snapshotPath(job, position uint64) string {
	return filepath.Join(s.snapshotFolder(job), strconv.FormatUint(position, 10)+snapshotExt)
}

// SaveSnapshot implements store.Store.
func (s *Store) SaveSnapshot(ctx context.Context, snap store.Snapshot, write func(io.Writer) error) (store.Snapshot, error) {
	if err := os.MkdirAll(s.snapshotFolder(snap.Job), 0o700); err != nil {
		return snap, s.explain(err)
	}
	path := s.snapshotPath(snap.Job, snap.Position)
	bytes, err := durable.Publish(path, func(w io.Writer) error {
		sum := &summing{w: w, crc: crc32.New(castagnoli)}
		if err := write(sum); err != nil {
			return err
		}
		return sum.trailer()
	})
	if err != nil {
		return snap, s.explain(err)
	}
	snap.Bytes = bytes
	err = s.change(ctx, true, func(ctx context.Context) error {
		var committed uint64
		err := s.file.Row(ctx, "SELECT committed FROM progress JOIN jobs ON num = job WHERE job = ? AND deleted = 0", []any{int64(snap.Job)}, &committed)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return noJob(snap.Job)
		case err != nil:
			return err
		case committed < snap.Position:
			return fmt.Errorf("a snapshot at log position %d of job number %d came before the results of that position (%d)", snap.Position, snap.Job, committed)
		}
		_, err = s.file.Exec(ctx, "INSERT OR REPLACE INTO snapshots (job, position, bytes, create_ms, build, meta, crc) VALUES (?, ?, ?, ?, ?, ?, ?)",
			int64(snap.Job), int64(snap.Position), snap.Bytes, snap.CreateMs, snap.Build, blob(snap.Meta), checksum(int64(snap.Position), snap.Meta))
		return err
	})
	if err != nil {
		_ = os.Remove(path) // The next start would remove it as well.
	}
	return snap, err
}

// summing counts and sums what it passes on.
type summing struct {
	w   io.Writer
	crc hash.Hash32
	n   uint64
}

func (s *summing) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	s.n += uint64(n)
	_, _ = s.crc.Write(b[:n]) // A hash takes everything.
	return n, err
}

func (s *summing) trailer() error {
	var b [trailerBytes]byte
	binary.LittleEndian.PutUint64(b[:], s.n)
	binary.LittleEndian.PutUint32(b[8:], s.crc.Sum32())
	binary.LittleEndian.PutUint32(b[12:], snapshotMagic)
	_, err := s.w.Write(b[:])
	return err
}

// Snapshots implements store.Store.
func (s *Store) Snapshots(ctx context.Context, job uint64) ([]store.Snapshot, error) {
	rows, err := s.file.Reads().QueryContext(ctx, "SELECT job, position, bytes, create_ms, build, meta, crc FROM snapshots WHERE job = ? ORDER BY position DESC", int64(job))
	if err != nil {
		return nil, s.explain(err)
	}
	defer rows.Close()
	var list []store.Snapshot
	for rows.Next() {
		var snap store.Snapshot
		var crc uint32
		if err := rows.Scan(&snap.Job, &snap.Position, &snap.Bytes, &snap.CreateMs, &snap.Build, &snap.Meta, &crc); err != nil {
			return nil, s.explain(err)
		}
		if crc != checksum(int64(snap.Position), snap.Meta) {
			snap.Meta = nil
		}
		list = append(list, snap)
	}
	return list, s.explain(rows.Err())
}

// OpenSnapshot implements store.Store.
func (s *Store) OpenSnapshot(_ context.Context, job, at uint64) (io.ReadCloser, error) {
	path := s.snapshotPath(job, at)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("snapshot %s: %w", path, store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.Size() < trailerBytes {
		return nil, errors.Join(damaged(path, "it is cut off"), f.Close())
	}
	length := info.Size() - trailerBytes
	return &checked{f: f, path: path, left: length, length: uint64(length), crc: crc32.New(castagnoli)}, nil
}

func damaged(path, how string) error {
	return fmt.Errorf("%w: snapshot %s: %s", store.ErrCorrupt, path, how)
}

// checked reads a snapshot and ends with an error if its trailer does not fit.
type checked struct {
	f      *os.File
	path   string
	left   int64
	length uint64
	crc    hash.Hash32
}

func (c *checked) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, c.end()
	}
	n, err := c.f.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	_, _ = c.crc.Write(b[:n]) // A hash takes everything.
	if err == io.EOF {
		err = damaged(c.path, "it is cut off")
	}
	return n, err
}

func (c *checked) end() error {
	var b [trailerBytes]byte
	if _, err := c.f.ReadAt(b[:], int64(c.length)); err != nil {
		return damaged(c.path, "it is cut off")
	}
	switch {
	case binary.LittleEndian.Uint32(b[12:]) != snapshotMagic:
		return damaged(c.path, "it has no trailer")
	case binary.LittleEndian.Uint64(b[:]) != c.length:
		return damaged(c.path, "its length does not match")
	case binary.LittleEndian.Uint32(b[8:]) != c.crc.Sum32():
		return damaged(c.path, "its checksum does not match")
	}
	return io.EOF
}

func (c *checked) Close() error { return c.f.Close() }

// DeleteSnapshot implements store.Store.
func (s *Store) DeleteSnapshot(ctx context.Context, job, at uint64) error {
	err := s.change(ctx, true, func(ctx context.Context) error {
		_, err := s.file.Exec(ctx, "DELETE FROM snapshots WHERE job = ? AND position = ?", int64(job), int64(at))
		return err
	})
	if err != nil {
		return err
	}
	if err := os.Remove(s.snapshotPath(job, at)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return s.explain(err)
	}
	return nil
}

// sweepSnapshots removes the files that a crash left without a row.
func (s *Store) sweepSnapshots(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(s.dir, snapshotDir, "*", "*"))
	if err != nil {
		return err
	}
	known := map[string]bool{}
	rows, err := s.file.Reads().QueryContext(ctx, "SELECT job, position FROM snapshots")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var job, at uint64
		if err := rows.Scan(&job, &at); err != nil {
			return err
		}
		known[s.snapshotPath(job, at)] = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, path := range files {
		if !known[path] {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}
