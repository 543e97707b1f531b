package sqlitelog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"

	"tidemark/internal/inlog"
)

// bounds are a job's first and last durable position; first is last+1 without
// entries.
type bounds struct{ first, last uint64 }

// operation is one thing for the writer to do: an append, or a change that
// removes entries.
type operation struct {
	ticket *inlog.Ticket
	job    uint64
	after  uint64
	bodies [][]byte
	// remove, if set, runs in a transaction of its own; result gets its error.
	remove func(context.Context) error
	result chan error
}

// Append implements inlog.Log.
func (l *Log) Append(job, after uint64, entries [][]byte) *inlog.Ticket {
	t := inlog.NewTicket(after+1, after+uint64(len(entries)))
	if job > maxJob || after+uint64(len(entries)) > maxPosition {
		t.Resolve(fmt.Errorf("input log %s: job number %d or position %d is beyond the format's range", l.path, job, t.Last))
		return t
	}
	op := &operation{ticket: t, job: job, after: after, bodies: make([][]byte, len(entries))}
	for i, e := range entries {
		op.bodies[i] = pack(e)
	}
	if !l.push(op) {
		t.Resolve(inlog.ErrClosed)
	}
	return t
}

func (l *Log) push(op *operation) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.queue = append(l.queue, op)
	l.mu.Unlock()
	l.signal()
	return true
}

// work is the writer: it takes what is queued until the log is closed and
// nothing is left.
func (l *Log) work() {
	defer close(l.done)
	for {
		l.mu.Lock()
		group := l.queue
		l.queue = nil
		closed := l.closed
		l.mu.Unlock()
		if len(group) == 0 {
			if closed {
				l.closeErr = l.file.Close()
				return
			}
			<-l.wake
			continue
		}
		for len(group) > 0 {
			n := appendsIn(group)
			if n == 0 {
				group[0].result <- l.transaction(group[0].remove)
				n = 1
			} else {
				l.appendGroup(group[:n])
			}
			group = group[n:]
		}
	}
}

// groupBytes bounds one transaction, so that a flood of appends does not make
// the first of them wait for all.
const groupBytes = 16 << 20

// appendsIn is how many operations from the front make one group of appends.
func appendsIn(group []*operation) (n int) {
	bytes := 0
	for _, op := range group {
		if op.remove != nil || bytes > groupBytes {
			break
		}
		for _, b := range op.bodies {
			bytes += len(b)
		}
		n++
	}
	return n
}

// appendGroup makes a group of appends durable with one sync. Those that leave
// a gap fail alone; any other failure fails all of them.
func (l *Log) appendGroup(group []*operation) {
	start := time.Now()
	outcome := make([]error, len(group))
	moved := map[uint64]bounds{}
	entries := 0
	err := l.transaction(func(ctx context.Context) error {
		at := l.opt.Clock().UnixMilli()
		for i, op := range group {
			b, ok := moved[op.job]
			if !ok {
				var err error
				if b, err = l.boundsOf(ctx, op.job); err != nil {
					return err
				}
			}
			if op.after != b.last {
				outcome[i] = fmt.Errorf("%w: it follows position %d of job number %d, the last one is %d", inlog.ErrGap, op.after, op.job, b.last)
				continue
			}
			if err := l.checkRoom(ctx, op); err != nil {
				outcome[i] = err
				continue
			}
			for _, body := range op.bodies {
				b.last++
				if _, err := l.file.Exec(ctx, "INSERT INTO entries (id, at, crc, body) VALUES (?, ?, ?, ?)", id(op.job, b.last), at, checksum(op.job, b.last, body), body); err != nil {
					return err
				}
				entries++
			}
			moved[op.job] = b
		}
		for job, b := range moved {
			if err := l.saveBounds(ctx, job, b); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		maps.Copy(l.bounds, moved)
		if entries > 0 {
			l.observe(time.Since(start), entries)
		}
	} else {
		// What the file holds now is read again before the next append.
		for job := range moved {
			delete(l.bounds, job)
		}
	}
	for i, op := range group {
		if outcome[i] == nil {
			outcome[i] = err
		}
		op.ticket.Resolve(outcome[i])
	}
}

// checkRoom refuses an upload that would use the reserve of a bounded file.
func (l *Log) checkRoom(ctx context.Context, op *operation) error {
	size := int64(0)
	for _, body := range op.bodies {
		size += int64(len(body))
	}
	if l.opt.MaxBytes <= 0 || size < smallBytes {
		return nil
	}
	used, err := l.file.Used(ctx)
	if err == nil && used+size > l.opt.MaxBytes {
		err = fmt.Errorf("%w: %s has %d bytes, %d more would exceed its limit of %d", inlog.ErrFull, l.path, used, size, l.opt.MaxBytes)
	}
	return err
}

func id(job, position uint64) int64 { return int64(job<<positionBits | position) }

// boundsOf reads a job's bounds on the writing connection.
func (l *Log) boundsOf(ctx context.Context, job uint64) (bounds, error) {
	if b, ok := l.bounds[job]; ok {
		return b, nil
	}
	b := bounds{first: 1}
	err := l.file.Row(ctx, "SELECT first, last FROM bounds WHERE job = ?", []any{int64(job)}, &b.first, &b.last)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return bounds{}, err
	}
	l.bounds[job] = b
	return b, nil
}

func (l *Log) saveBounds(ctx context.Context, job uint64, b bounds) error {
	_, err := l.file.Exec(ctx, "INSERT INTO bounds (job, first, last) VALUES (?, ?, ?) ON CONFLICT (job) DO UPDATE SET first = excluded.first, last = excluded.last",
		int64(job), int64(b.first), int64(b.last))
	return err
}

// transaction runs a change and syncs it.
func (l *Log) transaction(do func(context.Context) error) error {
	return l.explain(l.file.Transaction(context.Background(), do))
}
