// Package sqlite opens an SQLite file as this system uses it: one connection
// that writes, a few that read beside it, a write-ahead log, space that is
// given back, and a format version.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	driver "modernc.org/sqlite"

	"tidemark/internal/durable"
)

// Options say what a file is for.
type Options struct {
	// PageBytes is the page size of a new file.
	PageBytes int64
	// CheckpointPages is the write-ahead log's size, in pages, from which a
	// commit moves it into the file.
	CheckpointPages int
	// MaxBytes bounds the file; 0: only the disk does.
	MaxBytes int64
	// Readers is how many queries run side by side.
	Readers int
	// Schema makes the tables of a new file. It must make the table meta (key,
	// value) with a row "format" that holds Format.
	Schema string
	Format int
}

// File is an open file. Its methods use the connection that writes and must not
// be called from several goroutines at once, but for Reads, Bytes and Path.
type File struct {
	path      string
	pageBytes int64
	db        *sql.DB
	write     *sql.Conn
	stmts     map[string]*sql.Stmt
	reads     *sql.DB
}

// walLimit is the size to which a write-ahead log is cut back once it is empty.
const walLimit = 64 << 20

// Open opens a file, which is made if it does not exist.
func Open(ctx context.Context, path string, opt Options) (*File, error) {
	f := &File{path: path, pageBytes: opt.PageBytes, stmts: map[string]*sql.Stmt{}}
	if err := f.open(ctx, opt); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *File) open(ctx context.Context, opt Options) (err error) {
	if f.db, err = sql.Open("sqlite", dataSource(f.path, "")); err != nil {
		return err
	}
	f.db.SetMaxOpenConns(1)
	if f.write, err = f.db.Conn(ctx); err != nil {
		return err
	}
	pragmas := []string{
		// These two take effect only before the first table is made.
		fmt.Sprintf("page_size=%d", opt.PageBytes), "auto_vacuum=INCREMENTAL",
		"journal_mode=WAL", "synchronous=FULL",
		fmt.Sprintf("wal_autocheckpoint=%d", opt.CheckpointPages), fmt.Sprintf("journal_size_limit=%d", walLimit),
	}
	if opt.MaxBytes > 0 {
		pragmas = append(pragmas, fmt.Sprintf("max_page_count=%d", max(opt.MaxBytes/opt.PageBytes, 1)))
	}
	for _, p := range pragmas {
		if _, err := f.write.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return err
		}
	}
	if err := f.prepareFormat(ctx, opt); err != nil {
		return err
	}
	if f.reads, err = sql.Open("sqlite", dataSource(f.path, "&_pragma=query_only(1)")); err != nil {
		return err
	}
	f.reads.SetMaxOpenConns(opt.Readers)
	f.reads.SetMaxIdleConns(opt.Readers)
	return nil
}

// prepareFormat makes the tables of a new file and refuses those of another
// version.
func (f *File) prepareFormat(ctx context.Context, opt Options) error {
	tables := 0
	if err := f.write.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		if _, err := f.write.ExecContext(ctx, "BEGIN IMMEDIATE;"+opt.Schema+"COMMIT"); err != nil {
			return err
		}
		if err := durable.SyncDir(filepath.Dir(f.path)); err != nil {
			return err
		}
	}
	version := 0
	if err := f.write.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'format'").Scan(&version); err != nil {
		return fmt.Errorf("it has no readable format version; use another data directory: %w", err)
	}
	if version != opt.Format {
		return fmt.Errorf("it has format version %d, this build reads version %d; use the build that wrote it or another data directory", version, opt.Format)
	}
	return nil
}

// dataSource names a file for the driver. The path may have any characters.
func dataSource(path, pragmas string) string {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	return "file:" + escaped + "?_pragma=busy_timeout(10000)" + pragmas
}

// Path is the file's name.
func (f *File) Path() string { return f.path }

// Reads are connections for queries beside a write.
func (f *File) Reads() *sql.DB { return f.reads }

// Bytes is the size of the file and its write-ahead log.
func (f *File) Bytes() (total int64) {
	for _, name := range []string{f.path, f.path + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			total += info.Size()
		}
	}
	return total
}

// Exec runs a statement, which is prepared once.
func (f *File) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := f.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

// Query reads rows, also in the midst of a transaction.
func (f *File) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := f.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// Row reads one row.
func (f *File) Row(ctx context.Context, query string, args []any, to ...any) error {
	st, err := f.prepared(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(to...)
}

// Numbers reads a list of numbers.
func (f *File) Numbers(ctx context.Context, query string, args ...any) ([]int64, error) {
	rows, err := f.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

func (f *File) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := f.stmts[query]; st != nil {
		return st, nil
	}
	st, err := f.write.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	f.stmts[query] = st
	return st, nil
}

// Synced says whether later commits are synced. Those that are also sync every
// commit before them: all are in one write-ahead log.
func (f *File) Synced(ctx context.Context, synced bool) error {
	mode := "NORMAL"
	if synced {
		mode = "FULL"
	}
	_, err := f.write.ExecContext(ctx, "PRAGMA synchronous="+mode)
	return err
}

// Transaction runs a change, all of it or nothing.
func (f *File) Transaction(ctx context.Context, do func(context.Context) error) error {
	if _, err := f.Exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do(ctx)
	if err == nil {
		_, err = f.Exec(ctx, "COMMIT")
	}
	if err != nil {
		// A failed statement may have ended the transaction by itself.
		_, _ = f.write.ExecContext(ctx, "ROLLBACK")
	}
	return err
}

// GiveBack returns up to so many free pages to the file system.
func (f *File) GiveBack(ctx context.Context, pages int) error {
	rows, err := f.Query(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", pages))
	if err != nil {
		return err
	}
	for rows.Next() { // Each step frees one page.
	}
	return errors.Join(rows.Err(), rows.Close())
}

// Used is how many bytes of the file are not free.
func (f *File) Used(ctx context.Context) (int64, error) {
	var pages, free int64
	if err := f.Row(ctx, "PRAGMA page_count", nil, &pages); err != nil {
		return 0, err
	}
	if err := f.Row(ctx, "PRAGMA freelist_count", nil, &free); err != nil {
		return 0, err
	}
	return (pages - free) * f.pageBytes, nil
}

// Close releases the file.
func (f *File) Close() error {
	var failed []error
	for _, st := range f.stmts {
		failed = append(failed, st.Close())
	}
	if f.reads != nil {
		failed = append(failed, f.reads.Close())
	}
	if f.write != nil {
		failed = append(failed, f.write.Close())
	}
	if f.db != nil {
		failed = append(failed, f.db.Close())
	}
	return errors.Join(failed...)
}

// Primary result codes that callers must tell apart.
const (
	codeCorrupt = 11
	codeFull    = 13
	codeNotDB   = 26
)

func code(err error) int {
	var failed *driver.Error
	if errors.As(err, &failed) {
		return failed.Code() & 0xff
	}
	return 0
}

// Full reports whether an error says that file or disk have no room.
func Full(err error) bool { return code(err) == codeFull || durable.IsFull(err) }

// Damaged reports whether the file's structure was found broken.
func Damaged(err error) bool { return code(err) == codeCorrupt || code(err) == codeNotDB }
