package job

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/engine"
	"tidemark/internal/store"
)

const (
	// keepSnapshots is how many are kept: the newest, and one to fall back on
	// if it turns out damaged. The log is kept from the oldest one on.
	keepSnapshots = 2
	// snapshotShare bounds the part of the time that a job spends on writing
	// snapshots: after one that took d the next waits for this many times d.
	snapshotShare = 20
)

// atClose is why a snapshot is taken when a job is closed.
const atClose = "at close"

// snapshot is engine state on its way to a file.
type snapshot struct {
	frozen   *engine.Frozen
	position uint64
	work     int64
	figures  *figures
	reason   string
	// as is the id of the snapshot that was reverted to, of which this is a copy that
	// is not shown; "": a new one.
	as string
}

// snapshotMeta is stored beside a snapshot for whoever lists them. Times are in
// milliseconds since 1970, -1 if unset.
type snapshotMeta struct {
	ID string `json:"id"`
	// Retain keeps it for ever, Kept until it expires; the others go as soon as
	// recovery needs them no more.
	Retain         bool     `json:"retain,omitzero"`
	Kept           bool     `json:"kept,omitzero"`
	Description    string   `json:"description"`
	Figures        *figures `json:"figures"`
	LatestRecordMs int64    `json:"latest_record_ms"`
	LatestResultMs int64    `json:"latest_result_ms"`
}

// maybeSnapshot starts a snapshot in the background if so much replay work has
// piled up that a recovery would take too long.
func (r *runner) maybeSnapshot() {
	fresh := r.eng.ReplayCost()
	r.j.replayWork.Store(r.unsaved.Load() + fresh)
	// A log without room is a reason by itself: a snapshot lets it be trimmed.
	due := fresh >= r.m.opt.SnapshotWork || r.cautious && fresh > 0
	pause := time.Duration(r.saveCost.Load()) * snapshotShare
	switch {
	case !due, r.saving.Load(), r.lost.Load(), r.blocked.Load() != nil,
		time.Since(time.Unix(0, r.savedAt.Load())) < pause:
		return
	}
	s := r.freeze("while running")
	if s == nil {
		return
	}
	r.saving.Store(true)
	// The committer starts the writing: by then every result up to the
	// snapshot's position is committed, and its entries are durable.
	r.hand(&item{last: r.end, save: s})
}

// freeze takes a snapshot of the engine; only this holds up the owner.
func (r *runner) freeze(reason string) *snapshot {
	s := &snapshot{position: r.end, work: r.eng.ReplayCost(), figures: r.figures(), reason: reason}
	began := time.Now()
	if err := guarded(r.end, func() error { s.frozen = r.eng.Freeze(); return nil }); err != nil {
		r.logCrash("taking a snapshot failed", err)
		return nil
	}
	r.m.snapshotStall.add(time.Since(began))
	r.unsaved.Add(s.work)
	return s
}

// startSave is the committer's part: it lets the writing begin.
func (c *committer) startSave(it *item) {
	defer c.finished(it)
	r := c.r
	if c.lost != nil || c.catchUp() != nil {
		r.saving.Store(false)
		return
	}
	r.saves.Go(func() {
		defer r.saving.Store(false)
		r.save(it.save)
	})
}

// snapshotNow writes a snapshot before the runner ends, unless the newest one
// holds everything already or results are missing that it would skip.
func (r *runner) snapshotNow(reason string) {
	r.drain()
	r.saves.Wait()
	if r.savedPosition.Load() == r.end || r.blocked.Load() != nil {
		return
	}
	if s := r.freeze(reason); s != nil {
		r.save(s)
	}
}

// save writes a snapshot whose results are committed, and removes what it makes
// superfluous. A failure costs replay time, nothing else.
func (r *runner) save(s *snapshot) {
	select {
	case r.m.saves <- struct{}{}:
		defer func() { <-r.m.saves }()
	case <-r.ctx.Done():
		return
	}
	began := time.Now()
	if err := r.publish(s); err != nil {
		if r.ctx.Err() == nil {
			r.log.Warn("a model snapshot could not be stored; the input log is kept instead", "position", s.position, "error", err)
		}
		r.saved(began)
		return
	}
	r.unsaved.Store(0)
	r.savedPosition.Store(s.position)
	r.saved(began)
	r.m.opt.step("snapshot-published")
	if err := r.retire(); err != nil && r.ctx.Err() == nil {
		r.log.Warn("old snapshots or log entries could not be removed; the next snapshot tries again", "error", err)
	}
	r.m.opt.step("log-trimmed")
}

func (r *runner) saved(began time.Time) {
	r.saveCost.Store(int64(time.Since(began)))
	r.savedAt.Store(time.Now().UnixNano())
}

func (r *runner) publish(s *snapshot) error {
	nowMs := r.m.opt.Clock().UnixMilli()
	known := &snapshotMeta{ID: s.as}
	if s.as == "" {
		id, err := r.snapshotID(r.ctx, nowMs)
		if err != nil {
			return err
		}
		r.j.keptMs.CompareAndSwap(0, nowMs)
		kept := s.reason == atClose || time.Duration(nowMs-r.j.keptMs.Load())*time.Millisecond >= r.j.persistInterval()
		known = &snapshotMeta{ID: id, Kept: kept, Description: "taken " + s.reason, Figures: s.figures,
			LatestRecordMs: s.figures.Counts.LatestRecord, LatestResultMs: s.figures.Size.BucketMs}
	}
	meta, err := json.Marshal(known)
	if err != nil {
		return err
	}
	_, err = r.m.opt.Store.SaveSnapshot(r.ctx, store.Snapshot{
		Job: r.j.num, Position: s.position, CreateMs: nowMs, Build: r.m.opt.Build, Meta: meta,
	}, func(w io.Writer) error {
		r.m.opt.step("snapshot-begins")
		err := guarded(s.position, func() error { _, err := s.frozen.WriteTo(w); return err })
		r.m.opt.step("snapshot-written")
		return err
	})
	if err == nil {
		r.j.snapshotMs.Store(nowMs)
		r.j.active.Store(&known.ID)
		if known.Kept {
			r.j.keptMs.Store(nowMs)
		}
	}
	return err
}

// retire trims the log behind the oldest snapshot that is kept, and removes
// the snapshots before it. With fewer than keepSnapshots nothing is trimmed: a
// damaged one could then not be replaced.
func (r *runner) retire() error {
	ctx := context.Background()
	list, err := r.m.opt.Store.Snapshots(ctx, r.j.num)
	if err != nil || len(list) < keepSnapshots {
		return err
	}
	oldest := list[keepSnapshots-1].Position
	bases := r.reworkBases(oldest)
	err = r.m.opt.Log.Trim(ctx, r.j.num, slices.Min(append(bases, oldest))+1)
	for _, old := range list[keepSnapshots:] {
		var meta snapshotMeta
		if json.Unmarshal(old.Meta, &meta) == nil && (meta.Kept || meta.Retain) && meta.Figures != nil {
			continue
		}
		err = errors.Join(err, r.m.opt.Store.DeleteSnapshot(ctx, r.j.num, old.Position))
	}
	return err
}
