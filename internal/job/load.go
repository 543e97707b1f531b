package job

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/internal/inlog"
	"tidemark/internal/store"
)

// damage is durable state that does not fit together. It names a log position
// so that the failure is recognized when it comes back.
type damage struct {
	position uint64
	reason   string
}

func (d *damage) Error() string { return d.reason }

// hugeReplay is from how many entries on a replay is announced in the log.
const hugeReplay = 2000

// load brings the engine to the end of the log: newest usable snapshot, then
// every entry behind it. Results at positions that the committer has already
// are not handed on again. Few jobs load at the same time.
func (r *runner) load() error {
	select {
	case r.m.loads <- struct{}{}:
		defer func() { <-r.m.loads }()
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	r.eng = nil
	first, last, err := r.m.opt.Log.Bounds(r.ctx, r.j.num)
	if err != nil {
		return err
	}
	if known := r.j.row.LogEnd; last < known {
		return &damage{position: last + 1, reason: fmt.Sprintf(
			"the input log ends at position %d, but entries up to %d were acknowledged; restore the log file from a backup, or delete the job", last, known)}
	}
	if r.left, err = r.leftOut(); err != nil {
		return err
	}
	eng, position, err := r.restore(first, last)
	if err != nil {
		return err
	}
	r.eng, r.end = eng, position
	if behind := int64(last - position); behind > 0 {
		r.m.recovery.entries.Add(behind)
		if behind >= hugeReplay {
			r.log.Info("replaying the input log", "entries", behind, "from", position+1)
		}
	}
	if err := r.replay(); err != nil {
		return err
	}
	if r.end != last {
		return &damage{position: r.end + 1, reason: fmt.Sprintf(
			"the input log holds entries up to %d, but only those up to %d could be read", last, r.end)}
	}
	return nil
}

// restore reads the newest snapshot that can be trusted and that the log
// continues, or begins anew if the log is whole.
func (r *runner) restore(first, last uint64) (*engine.Engine, uint64, error) {
	snapshots, err := r.m.opt.Store.Snapshots(r.ctx, r.j.num)
	if err != nil {
		return nil, 0, err
	}
	var problems []error
	for i := range snapshots {
		s := &snapshots[i]
		eng, err := r.read(s, first, last)
		if err == nil {
			r.savedPosition.Store(s.Position)
			r.j.snapshotMs.Store(s.CreateMs)
			return eng, s.Position, nil
		}
		if r.ctx.Err() != nil {
			return nil, 0, r.ctx.Err()
		}
		problems = append(problems, err)
		r.log.Error("a model snapshot cannot be used; trying an older state", "position", s.Position, "error", err)
	}
	if last == 0 || first == 1 {
		return engine.New(r.m.engineOptions()), 0, nil
	}
	return nil, 0, &damage{position: first, reason: fmt.Sprintf(
		"the input log begins at position %d and no usable snapshot reaches it; restore the data directory from a backup, or delete the job (%v)",
		first, errors.Join(problems...))}
}

// read restores one snapshot completely: its checksum counts as well.
func (r *runner) read(s *store.Snapshot, first, last uint64) (*engine.Engine, error) {
	switch {
	case s.Position > last:
		return nil, fmt.Errorf("snapshot at position %d lies behind the end of the input log at %d", s.Position, last)
	case s.Position+1 < first:
		return nil, fmt.Errorf("the input log begins at position %d, after the snapshot at %d", first, s.Position)
	}
	file, err := r.m.opt.Store.OpenSnapshot(r.ctx, r.j.num, s.Position)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var eng *engine.Engine
	err = guarded(s.Position, func() error {
		eng, err = engine.Restore(file, r.m.engineOptions())
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, file); err != nil {
		return nil, err
	}
	return eng, nil
}

// replay applies every entry behind r.end, without those that are left out.
func (r *runner) replay() error {
	it := &item{last: r.end}
	visit := func(position uint64, encoded []byte) error {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		r.end = position
		r.m.recovery.replayed.Add(1)
		if slices.Contains(r.left, position) {
			return nil
		}
		en, err := entry.Decode(encoded)
		if err != nil {
			return &crash{position: position, cause: err}
		}
		replaces := en.Kind == entry.Revert || en.Kind == entry.Rework
		if replaces && len(it.finals) > 0 {
			// What came before must not be stored after it was removed.
			r.hand(it)
			it = &item{last: it.last}
		}
		if _, err := r.apply(position, en, it); err != nil {
			return err
		}
		it.last = position
		if position <= r.handled.Load() {
			*it = item{last: position}
		} else if it.large() || replaces {
			r.hand(it)
			it = &item{last: position}
		}
		return nil
	}
	for {
		err := r.m.opt.Log.Read(r.ctx, r.j.num, r.end+1, visit)
		var corrupt *inlog.CorruptError
		if errors.As(err, &corrupt) && slices.Contains(r.left, corrupt.Position) {
			r.end = corrupt.Position
			continue
		}
		if err == nil && (len(it.finals) > 0 || len(it.categories) > 0 || it.drop) {
			r.hand(it)
		}
		return err
	}
}

// leftOut returns the positions that entries in the log say to leave out. The
// stamps tell whether there can be any; almost no job has one.
func (r *runner) leftOut() ([]uint64, error) {
	announced := r.j.view.Load().LeftOut
	if len(announced) == 0 {
		return nil, nil
	}
	var left []uint64
	from := slices.Min(announced) + 1
	visit := func(position uint64, encoded []byte) error {
		from = position + 1
		// A broken entry matters when replay comes to it, not here.
		if en, err := entry.Decode(encoded); err == nil && en.Kind == entry.LeaveOut {
			left = append(left, en.Position)
		}
		return r.ctx.Err()
	}
	for {
		err := r.m.opt.Log.Read(r.ctx, r.j.num, from, visit)
		var corrupt *inlog.CorruptError
		if !errors.As(err, &corrupt) {
			return left, err
		}
		from = corrupt.Position + 1
	}
}

// cannotLoad decides what becomes of a job that could not be loaded, and
// returns the refusal for whoever opens it.
func (r *runner) cannotLoad(err error) error {
	var (
		crashed *crash
		corrupt *inlog.CorruptError
		damaged *damage
	)
	switch {
	case r.ctx.Err() != nil && r.m.leaving.Load():
		r.outcome = r.before()
		return stopping(r.j.id)
	case r.ctx.Err() != nil:
		r.outcome = closed
		return notFound(r.j.id)
	case errors.As(err, &crashed):
		return r.fail(crashed.position, err)
	case errors.As(err, &corrupt):
		return r.fail(corrupt.Position, err)
	case errors.As(err, &damaged):
		return r.fail(damaged.position, err)
	}
	// Perhaps only the disk was busy: the row stays as it is, so that the next
	// start tries again.
	refusal := unavailable(r.j.id, err, "job [%s] could not be loaded", r.j.id)
	r.outcome = r.before()
	if r.recovers || r.open.Load() {
		r.outcome = failed
		r.j.mu.Lock()
		r.j.row.Reason = refusal.Error()
		r.j.mu.Unlock()
	}
	r.log.Error("the job could not be loaded", "error", err)
	return refusal
}

// fail makes the job failed, durably. The entry at the position stays in the
// log: a later open replays it.
func (r *runner) fail(position uint64, cause error) *Error {
	reason := fmt.Sprintf("job [%s] failed at log position %d (build %s): %v", r.j.id, position, r.m.opt.Build, cause)
	r.outcome = failed
	r.open.Store(false)
	r.queue.seal(nil, notOpen(r.j.id))
	r.logCrash(reason, cause)
	r.m.opt.Note(r.j.id, "error", reason)
	err := r.j.save(context.Background(), func(row *store.Job) {
		if row.FailedAt != position {
			row.Failures = 0
		}
		row.State, row.Reason, row.FailedAt, row.Failures = store.Failed, reason, position, row.Failures+1
	})
	if err != nil {
		r.log.Error("the failure could not be stored; the next start tries the job again", "error", err)
		r.j.mu.Lock()
		r.j.row.Reason = reason
		r.j.mu.Unlock()
	}
	return broken(r.j.id, nil, "%s", reason)
}

func (r *runner) logCrash(message string, cause error) {
	var crashed *crash
	if errors.As(cause, &crashed) && crashed.stack != nil {
		r.log.Error(message, "error", cause, "stack", string(crashed.stack))
		return
	}
	r.log.Error(message, "error", cause)
}
