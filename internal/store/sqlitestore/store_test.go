package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tidemark/internal/store"
	"tidemark/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

func open(t testing.TB, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(ctx, dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB, place string) store.Store { return open(t, place, Options{}) })
}

// rows counts the rows of a table.
func rows(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.file.Reads().QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func job(t *testing.T, s *Store) uint64 {
	t.Helper()
	j := store.Job{ID: "j", Config: []byte("{}"), State: store.Closed}
	if err := s.CreateJob(ctx, &j); err != nil {
		t.Fatal(err)
	}
	return j.Num
}

// TestEmptyTimeIsOneRow: buckets that differ only in their time take one row
// and one document, however many there are.
func TestEmptyTimeIsOneRow(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	defer s.Close()
	num := job(t, s)
	for i := range int64(300) {
		b := store.BucketRow{StartMs: i * 1000, SpanMs: 1000, Run: 1, Doc: fmt.Appendf(nil, `{"timestamp":%d}`, i*1000)}
		if err := s.Commit(ctx, &store.Commit{Job: num, Buckets: []store.BucketRow{b}}); err != nil {
			t.Fatal(err)
		}
	}
	if b, d := rows(t, s, "buckets"), rows(t, s, "documents"); b != 1 || d != 1 {
		t.Errorf("%d rows and %d documents", b, d)
	}
}

func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	num := job(t, s)
	c := &store.Commit{Job: num, Committed: 2, Records: []store.RecordRow{{DocID: "r", Doc: []byte("a record's document")}},
		Buckets: []store.BucketRow{{SpanMs: 1000, Run: 1, Doc: []byte(`{"timestamp":0}`)}}}
	if err := s.Commit(ctx, c); err != nil {
		t.Fatal(err)
	}
	for _, position := range []uint64{1, 2} {
		if _, err := s.SaveSnapshot(ctx, store.Snapshot{Job: num, Position: position}, func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Repeat("state", 1000))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "main.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range []string{"UPDATE documents SET doc = CAST(replace(doc, 'a', 'b') AS BLOB)", "UPDATE documents SET crc = crc + 1", "UPDATE jobs SET config = x'7b'"} {
		if _, err := db.Exec(edit); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for position, damage := range map[uint64]func([]byte) []byte{
		1: func(b []byte) []byte { b[100] ^= 4; return b },
		2: func(b []byte) []byte { return b[:len(b)-100] },
	} {
		path := filepath.Join(dir, "snapshots", "1", fmt.Sprintf("%d.snap", position))
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage(raw), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir, Options{})
	defer s.Close()
	if _, err := s.Records(ctx, num, store.Query{Size: 1}); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), "main.db") {
		t.Errorf("a damaged record: %v", err)
	}
	if _, err := s.Buckets(ctx, num, store.Query{Size: 1}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a damaged bucket: %v", err)
	}
	list, err := s.Jobs(ctx)
	if err != nil || len(list) != 1 || list[0].Config != nil {
		t.Errorf("a damaged configuration: %+v, %v", list, err)
	}
	for _, position := range []uint64{1, 2} {
		r, err := s.OpenSnapshot(ctx, num, position)
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), ".snap") {
			t.Errorf("damaged snapshot %d: %v", position, err)
		}
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if _, err := s.file.Exec(ctx, "UPDATE meta SET value = 99 WHERE key = 'format'"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, dir, Options{}); err == nil || !strings.Contains(err.Error(), "format version 99") {
		t.Errorf("a newer file: %v", err)
	}
}

// TestFull: a full file refuses a commit whole, and takes it once there is
// room.
func TestFull(t *testing.T) {
	s := open(t, t.TempDir(), Options{MaxBytes: 1 << 20})
	defer s.Close()
	num := job(t, s)
	big := func(n int64) *store.Commit {
		return &store.Commit{Job: num, Committed: uint64(n), Records: []store.RecordRow{{StartMs: n, Doc: []byte(strings.Repeat("x", 100_000))}}}
	}
	n := int64(0)
	var err error
	for err == nil && n < 100 {
		n++
		err = s.Commit(ctx, big(n))
	}
	if !errors.Is(err, store.ErrFull) || n < 5 {
		t.Fatalf("after %d commits of 100 kB in 1 MB: %v", n, err)
	}
	list, err := s.Jobs(ctx)
	if err != nil || list[0].Committed != uint64(n-1) {
		t.Errorf("committed %d, want %d; error %v", list[0].Committed, n-1, err)
	}
	if _, err := s.file.Exec(ctx, "PRAGMA max_page_count=10000"); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, big(n)); err != nil {
		t.Errorf("after there was room again: %v", err)
	}
	if have := rows(t, s, "records"); have != int(n) {
		t.Errorf("%d records, want %d", have, n)
	}
}

// TestStraySnapshots: files that a crash left without a row go at the next
// start, the others stay.
func TestStraySnapshots(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	num := job(t, s)
	if _, err := s.SaveSnapshot(ctx, store.Snapshot{Job: num}, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	stray := filepath.Join(dir, "snapshots", "1", "77.snap")
	if err := os.WriteFile(stray, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(stray); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stray file is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "snapshots", "1", "0.snap")); err != nil {
		t.Errorf("the other one is not: %v", err)
	}
}
