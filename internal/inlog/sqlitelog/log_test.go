package sqlitelog

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidemark/internal/inlog"
	"tidemark/internal/inlog/inlogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, dir string, opt Options) *Log {
	t.Helper()
	l, err := Open(context.Background(), filepath.Join(dir, "log.db"), opt)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestContract(t *testing.T) {
	inlogtest.Run(t, func(t testing.TB, place string) inlog.Log { return open(t, place, Options{RetentionAge: -1}) })
}

// change edits the file behind the log's back.
func change(t *testing.T, dir, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

func TestDamageIsNamed(t *testing.T) {
	for name, damage := range map[string]string{
		"flipped bit":  "UPDATE entries SET body = CAST(substr(body, 1, 5) || char(1) || substr(body, 7) AS BLOB) WHERE id & 255 = 3",
		"wrong place":  "UPDATE entries SET body = (SELECT body FROM entries WHERE id & 255 = 2), crc = (SELECT crc FROM entries WHERE id & 255 = 2) WHERE id & 255 = 3",
		"missing":      "DELETE FROM entries WHERE id & 255 = 3",
		"missing tail": "DELETE FROM entries WHERE id & 255 >= 3",
		"empty":        "UPDATE entries SET body = x'' WHERE id & 255 = 3",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l := open(t, dir, Options{})
			l.Append(5, 0, [][]byte{[]byte("one, long enough"), []byte("two, long enough"), []byte("three, long enough"), []byte("four, long enough")}).Wait()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			change(t, dir, damage)
			l = open(t, dir, Options{})
			defer l.Close()
			read := 0
			err := l.Read(context.Background(), 5, 1, func(uint64, []byte) error { read++; return nil })
			var corrupt *inlog.CorruptError
			if !errors.As(err, &corrupt) || corrupt.Job != 5 || corrupt.Position != 3 || !strings.Contains(corrupt.File, dir) {
				t.Errorf("reading ended with %v", err)
			}
			if read != 2 {
				t.Errorf("%d entries were read before the damaged one, want 2", read)
			}
		})
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	change(t, dir, "UPDATE meta SET value = 2 WHERE key = 'format'")
	_, err := Open(context.Background(), filepath.Join(dir, "log.db"), Options{})
	if err == nil || !strings.Contains(err.Error(), "format version 2") {
		t.Errorf("a newer file: %v", err)
	}
}

// noise does not compress.
func noise(n int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func TestFull(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, Options{MaxBytes: 1 << 20, RetentionAge: -1})
	defer l.Close()
	last := uint64(0)
	var err error
	for err == nil && last < 100 {
		if err = l.Append(1, last, [][]byte{noise(50_000)}).Wait(); err == nil {
			last++
		}
	}
	if !errors.Is(err, inlog.ErrFull) || last < 10 {
		t.Fatalf("after %d entries of 50 kB in 1 MB: %v", last, err)
	}
	if err := l.Append(1, last+1, [][]byte{noise(10)}).Wait(); !errors.Is(err, inlog.ErrGap) {
		t.Errorf("an append queued behind the failed one: %v", err)
	}
	if err := l.Trim(context.Background(), 1, last); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(1, last, [][]byte{noise(50_000)}).Wait(); err != nil {
		t.Errorf("after there was room again: %v", err)
	}
	count := uint64(0)
	if err := l.Read(context.Background(), 1, 1, func(uint64, []byte) error { count++; return nil }); err != nil || count != 2 {
		t.Errorf("%d entries are left, error %v", count, err)
	}
}

// TestRetention: entries that no recovery needs stay for their time, or until
// the file is above its budget.
func TestRetention(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := open(t, t.TempDir(), Options{RetentionAge: time.Hour, Clock: func() time.Time { return now }})
	defer l.Close()
	first := func() uint64 {
		t.Helper()
		if err := l.Trim(context.Background(), 1, 3); err != nil {
			t.Fatal(err)
		}
		first, _, err := l.Bounds(context.Background(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	l.Append(1, 0, [][]byte{noise(9)}).Wait()
	now = now.Add(40 * time.Minute)
	l.Append(1, 1, [][]byte{noise(9)}).Wait()
	l.Append(1, 2, [][]byte{noise(9)}).Wait()
	if f := first(); f != 1 {
		t.Errorf("after 40 minutes of 60 the first entry is %d", f)
	}
	now = now.Add(30 * time.Minute)
	if f := first(); f != 2 {
		t.Errorf("the first entry is %d, but only the first is older than an hour", f)
	}
	l.opt.RetentionBytes = 1
	if f := first(); f != 3 {
		t.Errorf("above the budget the first entry is %d, want the first one that is still needed", f)
	}
}

// TestSpaceIsGivenBack: a file does not stay as large as it once was.
func TestSpaceIsGivenBack(t *testing.T) {
	l := open(t, t.TempDir(), Options{RetentionAge: -1})
	defer l.Close()
	for i := range uint64(64) {
		if err := l.Append(1, i, [][]byte{noise(100_000)}).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Trim(context.Background(), 1, 65); err != nil {
		t.Fatal(err)
	}
	var pages int
	if err := l.file.Reads().QueryRow("PRAGMA page_count").Scan(&pages); err != nil || pages > 200 {
		t.Errorf("an emptied log still has %d pages, error %v", pages, err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, size := range map[string]int{"300KB": 300_000, "200B": 200} {
		b.Run(name, func(b *testing.B) {
			l := open(b, b.TempDir(), Options{RetentionAge: -1})
			defer l.Close()
			body := bytes.Repeat(noise(size/2), 2)
			b.SetBytes(int64(len(body)))
			const ahead = 8
			var tickets []*inlog.Ticket
			for i := range b.N {
				tickets = append(tickets, l.Append(1, uint64(i), [][]byte{body}))
				if len(tickets) == ahead {
					if err := tickets[0].Wait(); err != nil {
						b.Fatal(err)
					}
					tickets = tickets[1:]
				}
			}
			for _, ticket := range tickets {
				if err := ticket.Wait(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
