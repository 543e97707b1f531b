// Package sqlitelog keeps the input log in one SQLite file. One goroutine
// writes: everything that was queued while it synced goes into the next
// transaction, so that many jobs share one sync.
package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tidemark/internal/inlog"
	"tidemark/internal/sqlite"
)

// Defaults of Options.
const (
	DefaultRetentionAge   = 7 * 24 * time.Hour
	DefaultRetentionBytes = 10 << 30
)

// Options configure a log. Zero values mean the defaults.
type Options struct {
	// RetentionAge is how long entries are kept that no recovery needs any
	// more. Negative: not at all.
	RetentionAge time.Duration
	// RetentionBytes is the size of the file above which such entries go
	// earlier, the oldest of the job that is trimmed first.
	RetentionBytes int64
	// MaxBytes bounds the file; an upload that needs more ends with ErrFull.
	// Small appends have another megabyte. 0: only the disk bounds it.
	MaxBytes int64
	// Clock is the wall clock for the age of entries.
	Clock func() time.Time
}

const (
	// formatVersion is the version of the file's tables.
	formatVersion = 1
	// pageBytes is the page size: entries are tens to hundreds of kilobytes,
	// which small pages would cut into long chains.
	pageBytes = 8192
	// checkpointPages is the write-ahead log's size from which a commit moves it
	// into the file: 8 MB take a few milliseconds, so that no commit is held up
	// for long.
	checkpointPages = 1000
	// reserveBytes of a bounded file are kept for small appends, so that a job can
	// be closed and time be moved while uploads find no room; smallBytes is what
	// counts as small.
	reserveBytes = 1 << 20
	smallBytes   = 4 << 10
	// positionBits of an entry's id are its position, the rest the job number.
	positionBits = 40
	maxPosition  = 1<<positionBits - 1
	maxJob       = 1<<(63-positionBits) - 1
)

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE bounds (job INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);
INSERT INTO meta VALUES ('format', 1);
`

// Log is an inlog.Log in one SQLite file.
type Log struct {
	path string
	opt  Options

	mu     sync.Mutex
	queue  []*operation
	closed bool
	wake   chan struct{}
	done   chan struct{}

	// file is written by the writer's goroutine only.
	file *sqlite.File
	// bounds are the durable bounds of the jobs that the writer has met; only
	// the writer uses them.
	bounds map[uint64]bounds

	commits, entries atomic.Uint64
	syncs            []atomic.Uint64
	syncNanos        atomic.Int64
	closeErr         error
}

var _ inlog.Log = (*Log)(nil)

// Open opens the log in a file, which is made if it does not exist.
func Open(ctx context.Context, path string, opt Options) (*Log, error) {
	if opt.RetentionAge == 0 {
		opt.RetentionAge = DefaultRetentionAge
	}
	if opt.RetentionBytes == 0 {
		opt.RetentionBytes = DefaultRetentionBytes
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	l := &Log{
		path: path, opt: opt, wake: make(chan struct{}, 1), done: make(chan struct{}),
		bounds: map[uint64]bounds{}, syncs: make([]atomic.Uint64, len(inlog.SyncBounds)+1),
	}
	limit := opt.MaxBytes
	if limit > 0 {
		limit += reserveBytes
	}
	var err error
	if l.file, err = sqlite.Open(ctx, path, sqlite.Options{
		PageBytes: pageBytes, CheckpointPages: checkpointPages, MaxBytes: limit, Readers: readers, Schema: schema, Format: formatVersion,
	}); err != nil {
		return nil, l.explain(err)
	}
	go l.work()
	return l, nil
}

// readers is how many recoveries read side by side.
const readers = 4

// explain names the file and turns what the database says into the errors of
// the interface.
func (l *Log) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, inlog.ErrFull):
		return err
	case sqlite.Full(err):
		return fmt.Errorf("%w: %s: %w", inlog.ErrFull, l.path, err)
	case sqlite.Damaged(err):
		return fmt.Errorf("input log %s cannot be read; restore it from a backup or use another data directory: %w", l.path, err)
	}
	return fmt.Errorf("input log %s: %w", l.path, err)
}

// Stats implements inlog.Log.
func (l *Log) Stats() inlog.Stats {
	s := inlog.Stats{
		Commits: l.commits.Load(), Entries: l.entries.Load(),
		SyncSeconds: make([]uint64, len(l.syncs)), SyncSum: time.Duration(l.syncNanos.Load()).Seconds(),
	}
	for i := range l.syncs {
		s.SyncSeconds[i] = l.syncs[i].Load()
	}
	s.Bytes = l.file.Bytes()
	return s
}

func (l *Log) observe(took time.Duration, entries int) {
	i := 0
	for i < len(inlog.SyncBounds) && took.Seconds() > inlog.SyncBounds[i] {
		i++
	}
	l.syncs[i].Add(1)
	l.syncNanos.Add(int64(took))
	l.commits.Add(1)
	l.entries.Add(uint64(entries))
}

// Close implements inlog.Log.
func (l *Log) Close() error {
	l.mu.Lock()
	first := !l.closed
	l.closed = true
	l.mu.Unlock()
	if first {
		l.signal()
	}
	<-l.done
	return l.closeErr
}

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default: // The writer will look anyway.
	}
}
