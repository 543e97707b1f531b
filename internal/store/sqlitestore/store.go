// Package sqlitestore keeps configurations, results and snapshots in one
// directory: main.db and the files below snapshots/. It implements store.Store
// for one process on one machine.
package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"tidemark/internal/sqlite"
	"tidemark/internal/store"
)

// Options configure a store. The zero value has no size limit.
type Options struct {
	// MaxBytes bounds main.db; a change that needs more ends with ErrFull.
	// 0: only the disk bounds it.
	MaxBytes int64
}

// Store is a store.Store in a directory. One process at a time may open it; the
// caller holds the directory's lock.
type Store struct {
	dir, path string
	// file is written under mu.
	mu      sync.Mutex
	file    *sqlite.File
	synced  bool // whether every commit is synced now
	nextDoc int64
	closed  atomic.Bool
}

var _ store.Store = (*Store)(nil)

// formatVersion is the version of main.db's tables and of snapshot files.
const formatVersion = 4

// readers is how many queries run side by side.
const readers = 4

const (
	pageBytes = 4096
	// checkpointPages: 4 MB take a few milliseconds to move into the file.
	checkpointPages = 1000
)

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE jobs (
	num INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,
	config BLOB NOT NULL, crc INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
	failed_at INTEGER NOT NULL, failures INTEGER NOT NULL);
CREATE UNIQUE INDEX jobs_id ON jobs (id) WHERE deleted = 0;
CREATE TABLE progress (
	job INTEGER PRIMARY KEY, committed INTEGER NOT NULL, log_end INTEGER NOT NULL,
	stamps BLOB NOT NULL, stats BLOB NOT NULL);
CREATE TABLE documents (id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE TABLE buckets (
	job INTEGER NOT NULL, start INTEGER NOT NULL, id INTEGER NOT NULL, span INTEGER NOT NULL,
	run INTEGER NOT NULL, score REAL NOT NULL, events INTEGER NOT NULL, interim INTEGER NOT NULL,
	PRIMARY KEY (job, start, id)) WITHOUT ROWID;
CREATE INDEX buckets_interim ON buckets (job) WHERE interim = 1;
CREATE INDEX buckets_runs ON buckets (job, start) WHERE run > 1;
CREATE TABLE records (
	job INTEGER NOT NULL, start INTEGER NOT NULL, id INTEGER NOT NULL, span INTEGER NOT NULL,
	score REAL NOT NULL, log_prob REAL NOT NULL, detector INTEGER NOT NULL, interim INTEGER NOT NULL,
	function TEXT NOT NULL, field TEXT NOT NULL,
	partition_value TEXT NOT NULL, by_value TEXT NOT NULL, over_value TEXT NOT NULL, doc_id TEXT NOT NULL,
	PRIMARY KEY (job, start, id)) WITHOUT ROWID;
CREATE INDEX records_interim ON records (job) WHERE interim = 1;
CREATE TABLE influencers (
	job INTEGER NOT NULL, start INTEGER NOT NULL, id INTEGER NOT NULL, span INTEGER NOT NULL,
	score REAL NOT NULL, log_prob REAL NOT NULL, interim INTEGER NOT NULL,
	field TEXT NOT NULL, value TEXT NOT NULL, doc_id TEXT NOT NULL,
	PRIMARY KEY (job, start, id)) WITHOUT ROWID;
CREATE INDEX influencers_interim ON influencers (job) WHERE interim = 1;
CREATE TABLE categories (
	job INTEGER NOT NULL, category INTEGER NOT NULL, id INTEGER NOT NULL, partition_value TEXT NOT NULL,
	PRIMARY KEY (job, category)) WITHOUT ROWID;
CREATE TABLE others (
	job INTEGER NOT NULL, kind TEXT NOT NULL, start INTEGER NOT NULL, id INTEGER NOT NULL, doc_id TEXT NOT NULL,
	PRIMARY KEY (job, kind, start, id)) WITHOUT ROWID;
CREATE INDEX others_doc ON others (job, doc_id);
CREATE TABLE written (
	job INTEGER NOT NULL, doc_id TEXT NOT NULL, kind TEXT NOT NULL, start INTEGER NOT NULL, id INTEGER NOT NULL,
	PRIMARY KEY (job, doc_id)) WITHOUT ROWID;
CREATE INDEX written_id ON written (id);
CREATE TABLE shared (
	kind TEXT NOT NULL, id TEXT NOT NULL, crc INTEGER NOT NULL, doc BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE snapshots (
	job INTEGER NOT NULL, position INTEGER NOT NULL, bytes INTEGER NOT NULL, create_ms INTEGER NOT NULL,
	build TEXT NOT NULL, meta BLOB NOT NULL, crc INTEGER NOT NULL,
	PRIMARY KEY (job, position)) WITHOUT ROWID;
INSERT INTO meta VALUES ('format', 4), ('syncs', 0);
`

// Open opens the store in a directory, which is made if it does not exist.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, snapshotDir), 0o700); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, path: filepath.Join(dir, "main.db"), synced: true}
	var err error
	if s.file, err = sqlite.Open(ctx, s.path, sqlite.Options{
		PageBytes: pageBytes, CheckpointPages: checkpointPages, MaxBytes: opt.MaxBytes, Readers: readers, Schema: schema + countSchema(), Format: formatVersion,
	}); err != nil {
		return nil, s.explain(err)
	}
	err = s.file.Row(ctx, "SELECT coalesce(max(id), 0) + 1 FROM documents", nil, &s.nextDoc)
	if err == nil {
		err = s.sweepSnapshots(ctx)
	}
	if err != nil {
		return nil, errors.Join(s.explain(err), s.file.Close())
	}
	return s, nil
}

// change runs a write transaction. With synced it returns only when this and
// every earlier change is durable.
func (s *Store) change(ctx context.Context, synced bool, do func(context.Context) error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return errClosed
	}
	defer func() { err = s.explain(err) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	// A transaction that has begun is finished: half of one is worth nothing.
	ctx = context.WithoutCancel(ctx)
	if synced != s.synced {
		if err := s.file.Synced(ctx, synced); err != nil {
			return err
		}
		s.synced = synced
	}
	nextDoc := s.nextDoc
	if err = s.file.Transaction(ctx, do); err != nil {
		s.nextDoc = nextDoc
	}
	return err
}

var errClosed = errors.New("the store is closed")

// explain names the file and turns what the database says into the errors of
// this package's interface.
func (s *Store) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrExists), errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrSort):
		return err
	case sqlite.Full(err):
		return fmt.Errorf("%w: %s: %w", store.ErrFull, s.path, err)
	case sqlite.Damaged(err):
		return fmt.Errorf("%w: %s cannot be read; restore it from a backup or use another data directory: %w", store.ErrCorrupt, s.path, err)
	}
	return fmt.Errorf("%s: %w", s.path, err)
}

// Sync makes every earlier commit durable.
func (s *Store) Sync(ctx context.Context) error {
	return s.change(ctx, true, func(ctx context.Context) error {
		_, err := s.file.Exec(ctx, "UPDATE meta SET value = value + 1 WHERE key = 'syncs'")
		return err
	})
}

// Bytes is the size of main.db, its write-ahead log and the snapshots.
func (s *Store) Bytes() int64 {
	total := s.file.Bytes()
	var snapshots int64
	if !s.closed.Load() && s.file.Reads().QueryRow("SELECT coalesce(sum(bytes), 0) FROM snapshots").Scan(&snapshots) == nil {
		total += snapshots
	}
	return total
}

// Close makes everything durable and releases the files. It may be called
// again.
func (s *Store) Close() error {
	if s.closed.Load() {
		return nil
	}
	err := s.Sync(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	return errors.Join(err, s.file.Close())
}
