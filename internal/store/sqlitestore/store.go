// Package sqlitestore keeps configurations, results and snapshots in one
// directory: main.db and the files below snapshots/. It implements store.Store
// for one process on one machine.
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"

	"tidemark/internal/durable"
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
	// write is the only connection that changes anything, used under mu.
	// Synchronous commits sync everything before them too, since all of it is
	// in the same write-ahead log.
	mu      sync.Mutex
	write   *sql.Conn
	db      *sql.DB
	full    bool // whether write syncs every commit now
	stmts   map[string]*sql.Stmt
	nextDoc int64
	// read serves queries beside a write.
	read   *sql.DB
	closed atomic.Bool
}

var _ store.Store = (*Store)(nil)

// formatVersion is the version of main.db's tables and of snapshot files.
const formatVersion = 1

// readers is how many queries run side by side.
const readers = 4

// pageBytes is the page size of main.db.
const pageBytes = 4096

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
CREATE TABLE snapshots (
	job INTEGER NOT NULL, position INTEGER NOT NULL, bytes INTEGER NOT NULL, create_ms INTEGER NOT NULL,
	build TEXT NOT NULL, meta BLOB NOT NULL, crc INTEGER NOT NULL,
	PRIMARY KEY (job, position)) WITHOUT ROWID;
INSERT INTO meta VALUES ('format', 1), ('syncs', 0);
`

// Open opens the store in a directory, which is made if it does not exist.
func Open(ctx context.Context, dir string, opt Options) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(dir, snapshotDir), 0o700); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, path: filepath.Join(dir, "main.db"), stmts: map[string]*sql.Stmt{}}
	if err := s.open(ctx, opt); err != nil {
		s.release()
		return nil, s.explain(err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, opt Options) (err error) {
	if s.db, err = sql.Open("sqlite", dataSource(s.path, "&_pragma=foreign_keys(0)")); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	if s.write, err = s.db.Conn(ctx); err != nil {
		return err
	}
	// auto_vacuum takes effect only before the first table is made.
	for _, p := range []string{"auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=1000", "journal_size_limit=67108864"} {
		if _, err := s.write.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return err
		}
	}
	if opt.MaxBytes > 0 {
		if _, err := s.write.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count=%d", max(opt.MaxBytes/pageBytes, 1))); err != nil {
			return err
		}
	}
	if err := s.prepareFormat(ctx); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", dataSource(s.path, "&_pragma=query_only(1)")); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s.sweepSnapshots(ctx)
}

// prepareFormat makes the tables of a new file and refuses those of another
// version.
func (s *Store) prepareFormat(ctx context.Context) error {
	tables := 0
	if err := s.write.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		err := s.change(ctx, true, func(ctx context.Context) error {
			_, err := s.write.ExecContext(ctx, schema)
			return err
		})
		if err != nil {
			return err
		}
	}
	version := 0
	if err := s.write.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'format'").Scan(&version); err != nil {
		return fmt.Errorf("it has no readable format version; use another data directory: %w", err)
	}
	if version != formatVersion {
		return fmt.Errorf("it has format version %d, this build reads version %d; use the build that wrote it or another data directory", version, formatVersion)
	}
	return s.write.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) + 1 FROM documents").Scan(&s.nextDoc)
}

// dataSource names a database file for the driver. The path may have any
// characters.
func dataSource(path, pragmas string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	return "file:" + escaped + "?_pragma=busy_timeout(10000)" + pragmas
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
	if synced != s.full {
		mode := "NORMAL"
		if synced {
			mode = "FULL"
		}
		if _, err := s.write.ExecContext(ctx, "PRAGMA synchronous="+mode); err != nil {
			return err
		}
		s.full = synced
	}
	if _, err := s.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	nextDoc := s.nextDoc
	err = do(ctx)
	if err == nil {
		_, err = s.exec(ctx, "COMMIT")
	}
	if err != nil {
		s.nextDoc = nextDoc
		// A failed statement may have ended the transaction by itself.
		_, _ = s.write.ExecContext(ctx, "ROLLBACK")
	}
	return err
}

// exec runs a statement of the writing connection, prepared once.
func (s *Store) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

func (s *Store) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := s.stmts[query]; st != nil {
		return st, nil
	}
	st, err := s.write.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

// row reads one row on the writing connection.
func (s *Store) row(ctx context.Context, query string, args []any, to ...any) error {
	st, err := s.prepared(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(to...)
}

var errClosed = errors.New("the store is closed")

// Primary result codes of SQLite that callers must tell apart.
const (
	codeCorrupt = 11
	codeFull    = 13
	codeNotDB   = 26
)

// explain names the file and turns what the database says into the errors of
// this package's interface.
func (s *Store) explain(err error) error {
	var failed *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrExists), errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrSort):
		return err
	case durable.IsFull(err):
		return fmt.Errorf("%w: %s: %w", store.ErrFull, s.path, err)
	case errors.As(err, &failed):
		switch failed.Code() & 0xff {
		case codeFull:
			return fmt.Errorf("%w: %s: %w", store.ErrFull, s.path, err)
		case codeCorrupt, codeNotDB:
			return fmt.Errorf("%w: %s cannot be read; restore it from a backup or use another data directory: %w", store.ErrCorrupt, s.path, err)
		}
	}
	return fmt.Errorf("%s: %w", s.path, err)
}

// Sync makes every earlier commit durable.
func (s *Store) Sync(ctx context.Context) error {
	return s.change(ctx, true, func(ctx context.Context) error {
		_, err := s.exec(ctx, "UPDATE meta SET value = value + 1 WHERE key = 'syncs'")
		return err
	})
}

// Bytes is the size of main.db, its write-ahead log and the snapshots.
func (s *Store) Bytes() int64 {
	total := int64(0)
	for _, name := range []string{s.path, s.path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			total += info.Size()
		}
	}
	if s.closed.Load() {
		return total
	}
	var snapshots int64
	if s.read.QueryRow("SELECT coalesce(sum(bytes), 0) FROM snapshots").Scan(&snapshots) == nil {
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
	return errors.Join(err, s.release())
}

func (s *Store) release() error {
	var failed []error
	for _, st := range s.stmts {
		failed = append(failed, st.Close())
	}
	if s.read != nil {
		failed = append(failed, s.read.Close())
	}
	if s.write != nil {
		failed = append(failed, s.write.Close())
	}
	if s.db != nil {
		failed = append(failed, s.db.Close())
	}
	return errors.Join(failed...)
}
