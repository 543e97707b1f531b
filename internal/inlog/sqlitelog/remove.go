package sqlitelog

import (
	"context"

	"tidemark/internal/inlog"
)

const (
	// stepBytes is about how much one removal takes, so that appends are not
	// held up.
	stepBytes = 1 << 20
	// stepEntries bounds a removal of small entries.
	stepEntries = 2000
	// freePages is how many free pages one removal gives back to the file
	// system.
	freePages = 512
)

// do runs a removal on the writer.
func (l *Log) do(ctx context.Context, remove func(context.Context) error) error {
	op := &operation{remove: remove, result: make(chan error, 1)}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !l.push(op) {
		return inlog.ErrClosed
	}
	return <-op.result
}

// Trim implements inlog.Log. It goes in steps, between which appends get their
// turn.
func (l *Log) Trim(ctx context.Context, job, before uint64) error {
	for {
		more := false
		err := l.do(ctx, func(ctx context.Context) error {
			b, err := l.boundsOf(ctx, job)
			if err != nil || b.first >= before || b.first > b.last {
				return err
			}
			over, err := l.overBudget(ctx)
			if err != nil {
				return err
			}
			oldest := l.opt.Clock().Add(-l.opt.RetentionAge).UnixMilli()
			next, whole, err := l.removeStep(ctx, job, b.first, min(before, b.last+1), func(at int64) bool {
				return over || l.opt.RetentionAge < 0 || at < oldest
			})
			if err != nil {
				return err
			}
			more = whole && next < before && next <= b.last
			return l.moveFirst(ctx, job, b, next)
		})
		if err != nil || !more {
			return err
		}
	}
}

// Drop implements inlog.Log.
func (l *Log) Drop(ctx context.Context, job uint64) (more bool, err error) {
	err = l.do(ctx, func(ctx context.Context) error {
		b, err := l.boundsOf(ctx, job)
		if err != nil {
			return err
		}
		next, _, err := l.removeStep(ctx, job, b.first, b.last+1, func(int64) bool { return true })
		if err != nil {
			return err
		}
		if more = next <= b.last; more {
			return l.moveFirst(ctx, job, b, next)
		}
		delete(l.bounds, job)
		_, err = l.file.Exec(ctx, "DELETE FROM bounds WHERE job = ?", int64(job))
		return err
	})
	return more, err
}

// moveFirst notes what is the first entry now. The bounds in memory are
// dropped: they are read again if the transaction goes through or not.
func (l *Log) moveFirst(ctx context.Context, job uint64, b bounds, first uint64) error {
	if first == b.first {
		return nil
	}
	b.first = first
	delete(l.bounds, job)
	return l.saveBounds(ctx, job, b)
}

// removeStep removes entries from position from on, before position to, as long
// as they may go and the step is not full. It returns the first one that stays,
// and whether the step ended because it was full.
func (l *Log) removeStep(ctx context.Context, job, from, to uint64, mayGo func(at int64) bool) (next uint64, full bool, err error) {
	rows, err := l.file.Query(ctx, "SELECT id & ?, at, length(body) FROM entries WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", int64(maxPosition), id(job, from), id(job, to), stepEntries)
	if err != nil {
		return from, false, err
	}
	next = from
	bytes, count, stays := int64(0), 0, false
	for rows.Next() {
		var position uint64
		var at, length int64
		if err := rows.Scan(&position, &at, &length); err != nil {
			_ = rows.Close()
			return from, false, err
		}
		if !mayGo(at) {
			stays = true
			break
		}
		next = position + 1
		bytes += length
		if count++; bytes >= stepBytes || count == stepEntries {
			full = true
			break
		}
	}
	if err := rows.Close(); err != nil {
		return from, false, err
	}
	if err := rows.Err(); err != nil {
		return from, false, err
	}
	switch {
	case stays && count == 0:
		return from, false, nil
	case count == 0:
		return to, false, nil // There is none left.
	}
	if _, err := l.file.Exec(ctx, "DELETE FROM entries WHERE id >= ? AND id < ?", id(job, from), id(job, next)); err != nil {
		return from, false, err
	}
	return next, full, l.file.GiveBack(ctx, freePages)
}

// overBudget reports whether the entries take more than the retention's budget.
func (l *Log) overBudget(ctx context.Context) (bool, error) {
	used, err := l.file.Used(ctx)
	return used > l.opt.RetentionBytes, err
}
