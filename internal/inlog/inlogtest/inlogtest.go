// Package inlogtest has the tests that every implementation of inlog.Log must
// pass.
package inlogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"tidemark/internal/inlog"
)

// Open opens the log that lives at a place, for the first time or again.
type Open func(t testing.TB, place string) inlog.Log

// Run runs every test against logs that open makes. Trimming must be due at
// once: open sets no retention.
func Run(t *testing.T, open Open) {
	t.Run("append and read", func(t *testing.T) { appendAndRead(t, open) })
	t.Run("gap", func(t *testing.T) { gap(t, open) })
	t.Run("side by side", func(t *testing.T) { sideBySide(t, open) })
	t.Run("trim and drop", func(t *testing.T) { trimAndDrop(t, open) })
	t.Run("close", func(t *testing.T) { closing(t, open) })
	t.Run("twin", func(t *testing.T) { twin(t, open) })
}

func entry(job, position uint64) []byte {
	// Some entries are compressible and long, some short.
	return bytes.Repeat([]byte(fmt.Sprintf("job %d entry %d;", job, position)), int(1+position%40))
}

func mustAppend(t testing.TB, l inlog.Log, job, after uint64, n int) {
	t.Helper()
	var list [][]byte
	for i := range n {
		list = append(list, entry(job, after+1+uint64(i)))
	}
	ticket := l.Append(job, after, list)
	if ticket.First != after+1 || ticket.Last != after+uint64(n) {
		t.Fatalf("the ticket says %d to %d", ticket.First, ticket.Last)
	}
	if err := ticket.Wait(); err != nil {
		t.Fatal(err)
	}
}

// check reads a job's entries and compares them with what was appended.
func check(t testing.TB, l inlog.Log, job, first, last uint64) {
	t.Helper()
	haveFirst, haveLast, err := l.Bounds(context.Background(), job)
	if err != nil || haveFirst != first || haveLast != last {
		t.Errorf("job %d: bounds %d to %d (%v), want %d to %d", job, haveFirst, haveLast, err, first, last)
	}
	next := first
	err = l.Read(context.Background(), job, 0, func(position uint64, e []byte) error {
		if position != next || !bytes.Equal(e, entry(job, position)) {
			t.Errorf("job %d: entry %d is %.40q, want entry %d", job, position, e, next)
		}
		next++
		return nil
	})
	if err != nil || next != last+1 {
		t.Errorf("job %d: reading ended at %d of %d: %v", job, next, last, err)
	}
}

func appendAndRead(t *testing.T, open Open) {
	place := t.TempDir()
	l := open(t, place)
	check(t, l, 7, 1, 0)
	mustAppend(t, l, 7, 0, 1)
	mustAppend(t, l, 7, 1, 700)
	mustAppend(t, l, 8, 0, 3)
	check(t, l, 7, 1, 701)
	var seen []uint64
	stop := errors.New("stop")
	err := l.Read(context.Background(), 7, 699, func(position uint64, _ []byte) error {
		seen = append(seen, position)
		if position == 700 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || fmt.Sprint(seen) != "[699 700]" {
		t.Errorf("a visit from the middle saw %v and ended with %v", seen, err)
	}
	if s := l.Stats(); s.Entries != 704 || s.Commits == 0 || s.Bytes == 0 {
		t.Errorf("stats %+v", s)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, place)
	defer l.Close()
	check(t, l, 7, 1, 701)
	check(t, l, 8, 1, 3)
	mustAppend(t, l, 7, 701, 2)
	check(t, l, 7, 1, 703)
}

func gap(t *testing.T, open Open) {
	l := open(t, t.TempDir())
	defer l.Close()
	mustAppend(t, l, 1, 0, 2)
	for _, after := range []uint64{0, 1, 3, 9} {
		if err := l.Append(1, after, [][]byte{entry(1, after+1)}).Wait(); !errors.Is(err, inlog.ErrGap) {
			t.Errorf("an append after %d of 2 entries: %v", after, err)
		}
	}
	check(t, l, 1, 1, 2)
	mustAppend(t, l, 1, 2, 1)
	check(t, l, 1, 1, 3)
}

func sideBySide(t *testing.T, open Open) {
	l := open(t, t.TempDir())
	defer l.Close()
	const jobs, units = 8, 60
	var all sync.WaitGroup
	for job := uint64(1); job <= jobs; job++ {
		all.Go(func() {
			var tickets []*inlog.Ticket
			after := uint64(0)
			for u := range units {
				var list [][]byte
				for range 1 + u%3 {
					list = append(list, entry(job, after+uint64(len(list))+1))
				}
				tickets = append(tickets, l.Append(job, after, list))
				after += uint64(len(list))
			}
			for _, ticket := range tickets {
				if err := ticket.Wait(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for job := uint64(1); job <= jobs; job++ {
		check(t, l, job, 1, 2*units)
	}
	if s := l.Stats(); s.Commits >= jobs*units {
		t.Errorf("%d commits for %d appends: nothing shared a sync", s.Commits, jobs*units)
	}
}

func trimAndDrop(t *testing.T, open Open) {
	place := t.TempDir()
	ctx := context.Background()
	l := open(t, place)
	mustAppend(t, l, 1, 0, 5000)
	mustAppend(t, l, 2, 0, 20)
	if err := l.Trim(ctx, 1, 4500); err != nil {
		t.Fatal(err)
	}
	check(t, l, 1, 4500, 5000)
	check(t, l, 2, 1, 20)
	if err := l.Trim(ctx, 1, 5001); err != nil {
		t.Fatal(err)
	}
	check(t, l, 1, 5001, 5000)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, place)
	defer l.Close()
	check(t, l, 1, 5001, 5000)
	mustAppend(t, l, 1, 5000, 4000)
	check(t, l, 1, 5001, 9000)
	steps := 0
	for more := true; more; steps++ {
		var err error
		if more, err = l.Drop(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	if steps < 2 {
		t.Errorf("4000 entries went in %d step", steps)
	}
	check(t, l, 1, 1, 0)
	check(t, l, 2, 1, 20)
}

func closing(t *testing.T, open Open) {
	l := open(t, t.TempDir())
	queued := l.Append(1, 0, [][]byte{entry(1, 1)})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := queued.Wait(); err != nil {
		t.Errorf("an append queued before the close: %v", err)
	}
	if err := l.Append(1, 1, [][]byte{entry(1, 2)}).Wait(); !errors.Is(err, inlog.ErrClosed) {
		t.Errorf("an append after the close: %v", err)
	}
	if err := l.Trim(context.Background(), 1, 2); !errors.Is(err, inlog.ErrClosed) {
		t.Errorf("a trim after the close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
}

// twin compares the log with bounds in a map over random operations.
func twin(t *testing.T, open Open) {
	type state struct{ first, last uint64 }
	rng := rand.New(rand.NewPCG(1, 2))
	place := t.TempDir()
	l := open(t, place)
	jobs := map[uint64]state{1: {1, 0}, 2: {1, 0}, 3: {1, 0}}
	for range 250 {
		job := 1 + rng.Uint64N(3)
		s := jobs[job]
		switch rng.IntN(8) {
		case 0:
			before := rng.Uint64N(s.last + 3)
			if err := l.Trim(context.Background(), job, before); err != nil {
				t.Fatal(err)
			}
			s.first = max(s.first, min(before, s.last+1))
		case 1:
			if err := l.Append(job, s.last+1, [][]byte{nil}).Wait(); !errors.Is(err, inlog.ErrGap) {
				t.Fatal(err)
			}
		case 2:
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = open(t, place)
		default:
			n := 1 + rng.IntN(9)
			mustAppend(t, l, job, s.last, n)
			s.last += uint64(n)
		}
		jobs[job] = s
		check(t, l, job, s.first, s.last)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
