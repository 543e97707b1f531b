// Package docs keeps documents that belong to no job's results: a small index of
// JSON documents for data that fits on a laptop, in one SQLite file. Finding
// documents is a scan in order of insertion or of time; there is no inverted
// index.
package docs

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"

	"tidemark/internal/sqlite"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrFull     = errors.New("no room for documents")
	ErrCorrupt  = errors.New("damaged")
)

// The key of a document is its index's number and the number of its last
// change, so that an index's documents stand together in the order of their
// changes. docs/format/documents.md describes the tables.
const (
	seqBits = 40
	maxSeq  = 1<<seqBits - 1
)

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE indices (
	num INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, uuid TEXT NOT NULL, created INTEGER NOT NULL,
	time_field TEXT NOT NULL, mappings BLOB NOT NULL, settings BLOB NOT NULL, aliases BLOB NOT NULL);
CREATE TABLE docs (
	key INTEGER PRIMARY KEY, idx INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER, version INTEGER NOT NULL, crc INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE UNIQUE INDEX docs_id ON docs (idx, id);
CREATE INDEX docs_at ON docs (idx, at);
CREATE TABLE old (
	key INTEGER PRIMARY KEY, id TEXT NOT NULL, at INTEGER, version INTEGER NOT NULL, crc INTEGER NOT NULL, doc BLOB NOT NULL, until INTEGER NOT NULL);
CREATE INDEX old_until ON old (until);
INSERT INTO meta VALUES ('format', 2), ('seq', 0);
`

const formatVersion = 2

// Store is an index of documents in a file. Its methods may be called from
// several goroutines.
type Store struct {
	// mu is held by whoever changes the file.
	mu   sync.Mutex
	file *sqlite.File
	// seq is the number of the last change, next the one of the change at hand.
	seq, next int64
	// made are the indices as the transaction at hand leaves them, nil before it
	// changes any.
	made map[string]*Index
	// indices are those that are committed. The map is never changed.
	indices atomic.Pointer[map[string]*Index]
	// pins count the views of each state, by the number of the last change that
	// they see.
	pins map[int64]int
}

// Options of a file: as in package sqlite, 4 KB pages suit small documents.
const (
	pageBytes       = 4096
	checkpointPages = 1000
	readers         = 4
)

// Open opens the documents of a data directory.
func Open(ctx context.Context, dir string, maxBytes int64) (*Store, error) {
	file, err := sqlite.Open(ctx, filepath.Join(dir, "docs.db"), sqlite.Options{
		PageBytes: pageBytes, CheckpointPages: checkpointPages, MaxBytes: maxBytes, Readers: readers, Schema: schema, Format: formatVersion,
	})
	if err != nil {
		return nil, err
	}
	s := &Store{file: file, pins: map[int64]int{}}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(s.explain(err), file.Close())
	}
	return s, nil
}

// load reads the indices, and removes what only views of an earlier process saw.
func (s *Store) load(ctx context.Context) error {
	if err := s.file.Row(ctx, "SELECT value FROM meta WHERE key = 'seq'", nil, &s.seq); err != nil {
		return err
	}
	rows, err := s.file.Query(ctx, "SELECT num, name, uuid, created, time_field, mappings, settings, aliases FROM indices")
	if err != nil {
		return err
	}
	defer rows.Close()
	all := map[string]*Index{}
	for rows.Next() {
		x := &Index{}
		var mappings []byte
		if err := rows.Scan(&x.num, &x.Name, &x.UUID, &x.CreatedMs, &x.TimeField, &mappings, &x.Settings, &x.Aliases); err != nil {
			return err
		}
		if err := x.parse(mappings); err != nil {
			return fmt.Errorf("%w: mappings of index [%s]: %w", ErrCorrupt, x.Name, err)
		}
		all[x.Name] = x
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	s.indices.Store(&all)
	err = s.change(ctx, func(ctx context.Context) error {
		_, err := s.file.Exec(ctx, "DELETE FROM old")
		return err
	})
	if err != nil {
		return err
	}
	return s.purgeOrphans(ctx)
}

// Close releases the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Close()
}

// change runs a write transaction, durable when it returns. Indices and the
// number of the last change move on only with it.
func (s *Store) change(ctx context.Context, do func(context.Context) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.next, s.made = s.seq, nil
	err := s.file.Transaction(context.WithoutCancel(ctx), func(ctx context.Context) error {
		if err := do(ctx); err != nil {
			return err
		}
		if s.next == s.seq {
			return nil
		}
		_, err := s.file.Exec(ctx, "UPDATE meta SET value = ? WHERE key = 'seq'", s.next)
		return err
	})
	if err != nil {
		return s.explain(err)
	}
	if s.made != nil {
		made := s.made
		s.indices.Store(&made)
	}
	s.seq = s.next
	return nil
}

// explain names the file and turns what the database says into this package's
// errors.
func (s *Store) explain(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrExists), errors.Is(err, ErrCorrupt), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case sqlite.Full(err):
		return fmt.Errorf("%w in %s; delete indices or raise the limit: %w", ErrFull, s.file.Path(), err)
	case sqlite.Damaged(err):
		return fmt.Errorf("%w: %s cannot be read; restore it from a backup: %w", ErrCorrupt, s.file.Path(), err)
	}
	return err
}

// set makes an index's new state part of the transaction at hand.
func (s *Store) set(x *Index) {
	if s.made == nil {
		s.made = maps.Clone(*s.indices.Load())
	}
	s.made[x.Name] = x
}

// current is an index as the transaction at hand sees it.
func (s *Store) current(name string) (*Index, error) {
	all := s.made
	if all == nil {
		all = *s.indices.Load()
	}
	if x := all[name]; x != nil {
		return x, nil
	}
	return nil, fmt.Errorf("index [%s]: %w", name, ErrNotFound)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers a document with its id.
func checksum(id, doc []byte) uint32 {
	return crc32.Update(crc32.Checksum(id, castagnoli), castagnoli, doc)
}

// pinBounds are the first and the last pinned number; ok is false without any. mu
// is held.
func (s *Store) pinBounds() (first, last int64, ok bool) {
	for n := range s.pins { // order-free: least and greatest
		if !ok {
			first, last, ok = n, n, true
		}
		first, last = min(first, n), max(last, n)
	}
	return first, last, ok
}

// Pin returns the number of the last change. Until Release, Scan with it shows
// documents as they are now.
func (s *Store) Pin() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins[s.seq]++
	return s.seq
}

// Release ends a Pin. What only it saw is removed.
func (s *Store) Release(ctx context.Context, pin int64) error {
	return s.change(ctx, func(ctx context.Context) error {
		if s.pins[pin]--; s.pins[pin] <= 0 {
			delete(s.pins, pin)
		}
		first, _, ok := s.pinBounds()
		if !ok {
			first = maxSeq
		}
		_, err := s.file.Exec(ctx, "DELETE FROM old WHERE until <= ?", first)
		return err
	})
}
