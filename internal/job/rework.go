package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/spec"
	"tidemark/internal/document"
	"tidemark/wire"
)

// Events that are told of after their time are applied by replaying the log from
// before them (docs/design/0010-events-of-the-past.md).

// rework is an entry of that kind with the position that its replay begins behind.
type rework struct{ position, base uint64 }

// reworkPartBytes is how much of what a rework found goes into one commit. Results
// of usual size are replaced in one.
const reworkPartBytes = 32 << 20

// errReverted ends a rework that would have to go back behind a revert.
var errReverted = errors.New("the model was reverted since")

// pastOf keeps the events that touch buckets which are final already, and returns
// the start of the first such bucket.
func (r *runner) pastOf(added []spec.Event) (past []spec.Event, fromMs int64) {
	end, ok := r.eng.LastFinalized()
	first := r.eng.Totals().EarliestRecord
	if !ok || first == record.NoTime {
		return nil, 0
	}
	span := r.eng.Config().BucketSpanMs
	for _, e := range added {
		if e.StartMs < end && e.EndMs > first {
			past = append(past, e)
		}
	}
	if len(past) == 0 {
		return nil, 0
	}
	fromMs = slices.MinFunc(past, func(a, b spec.Event) int { return int(min(max(a.StartMs-b.StartMs, -1), 1)) }).StartMs
	return past, fromMs / span * span
}

// baseFor finds the newest state before fromMs from which the log can be replayed.
// ok is false if there is none; reachMs is then the earliest time that could be
// reached, record.NoTime if nothing can.
func (r *runner) baseFor(fromMs int64) (base uint64, reachMs int64, ok bool, err error) {
	first, last, err := r.m.opt.Log.Bounds(r.ctx, r.j.num)
	if err != nil {
		return 0, 0, false, err
	}
	rows, err := r.m.opt.Store.Snapshots(r.ctx, r.j.num)
	if err != nil {
		return 0, 0, false, err
	}
	reachMs = record.NoTime
	for i := range rows {
		var meta snapshotMeta
		s := &rows[i]
		if json.Unmarshal(s.Meta, &meta) != nil || meta.Figures == nil || s.Position+1 < first || s.Position > last {
			continue
		}
		reachMs = 0
		if at := meta.Figures.Size.BucketMs; at != record.NoTime {
			reachMs = at + r.eng.Config().BucketSpanMs
		}
		if reachMs > fromMs {
			continue
		}
		// What it has seen must not have been computed anew since.
		since, err := r.later(s.Position, r.end)
		if err != nil {
			return 0, 0, false, err
		}
		if !slices.ContainsFunc(since, func(t told) bool { return t.fromMs < reachMs }) {
			return s.Position, reachMs, true, nil
		}
	}
	if first == 1 {
		_, err = r.later(0, r.end)
	}
	return 0, reachMs, first == 1, err
}

// applyToPast makes added events count for the time before now where the log
// still holds it, with want (nil if the job is closed) in force from here on. It
// reports whether the runner goes on, and hands the outcome to done once. applied
// is false if there is nothing to do, or nothing that can be done.
func (r *runner) applyToPast(added []spec.Event, want *spec.Job, done func(error)) (applied, goesOn bool) {
	past, fromMs := r.pastOf(added)
	if len(past) == 0 || r.blocked.Load() != nil {
		return false, true
	}
	// The replay reads the log: everything before must be in it.
	if lost := r.drain(); lost != nil {
		r.lost.Store(true)
		return false, r.rebuildAfter(lost)
	}
	// A snapshot under way would trim the log while it is read.
	r.saves.Wait()
	base, reachMs, ok, err := r.baseFor(fromMs)
	if err == nil && !ok && reachMs != record.NoTime {
		// Some of the events may be within reach.
		tooOld := slices.DeleteFunc(slices.Clone(past), func(e spec.Event) bool { return e.StartMs >= reachMs })
		r.cannotRework(tooOld, "the input log begins at ["+wire.FormatTime(reachMs)+"]; keep more of it with --log-retention")
		if past, fromMs = r.pastOf(slices.DeleteFunc(past, func(e spec.Event) bool { return e.StartMs < reachMs })); len(past) == 0 {
			return false, true
		}
		base, _, ok, err = r.baseFor(fromMs)
	}
	if err != nil || !ok {
		why := "the input log no longer holds that time; keep more of it with --log-retention"
		if err != nil {
			why = err.Error()
		}
		r.cannotRework(past, why)
		return false, true
	}
	began := time.Now()
	goesOn = r.submit(&unit{
		entries: []*entry.Entry{{Kind: entry.Rework, Config: want, Events: past, Position: base, TimeMs: fromMs}}, what: "applying events to the past",
		searchable: true,
		done: func(err error, _ *view) {
			if err == nil {
				r.log.Info("events were applied to the past", "from", wire.FormatTime(fromMs), "took", time.Since(began).Round(time.Millisecond).String())
				r.m.opt.Note(r.j.id, "info", "Scheduled events were applied to the past: the results from ["+wire.FormatTime(fromMs)+"] on were computed again")
			}
			done(err)
		},
	})
	if goesOn {
		r.saveRework()
	}
	return true, goesOn
}

// saveRework takes a snapshot, so that no recovery has to do it again.
func (r *runner) saveRework() {
	if r.drain() != nil {
		r.lost.Store(true)
		return
	}
	r.saves.Wait()
	if s := r.freeze("after events were applied to the past"); s != nil {
		r.saving.Store(true)
		r.hand(&item{last: r.end, save: s})
	}
}

// cannotRework tells the operator which events do not count for the past.
func (r *runner) cannotRework(events []spec.Event, why string) {
	for i := range events {
		e := &events[i]
		r.m.opt.Note(r.j.id, "warning", fmt.Sprintf("Scheduled event [%s] from [%s] to [%s] was not applied to results that exist already, because %s",
			e.Description, wire.FormatTime(e.StartMs), wire.FormatTime(e.EndMs), why))
	}
	if len(events) > 0 {
		r.log.Warn("events were not applied to the past", "events", len(events), "reason", why)
	}
}

// told are events that an entry at a position made count for the time before it.
type told struct {
	position uint64
	events   []spec.Event
	fromMs   int64
}

// later finds the reworks behind a position of the log up to another one. A revert
// there is an error: what came before it is no part of the job's past.
func (r *runner) later(base, until uint64) (list []told, err error) {
	visit := func(position uint64, encoded []byte) error {
		switch {
		case position > until:
			return errFound
		case slices.Contains(r.left, position):
			return nil
		case entry.KindOf(encoded) == entry.Revert:
			return errReverted
		case entry.KindOf(encoded) != entry.Rework:
			return nil
		}
		en, err := entry.Decode(encoded)
		if err == nil {
			list = append(list, told{position, en.Events, en.TimeMs})
		}
		return err
	}
	if err = r.m.opt.Log.Read(r.ctx, r.j.num, base+1, visit); errors.Is(err, errFound) {
		err = nil
	}
	return list, err
}

// applyRework carries out a Rework entry at a position: what the log holds behind
// the base is applied again with the events in force. keep is false if the results
// are stored already.
func (r *runner) applyRework(position uint64, en *entry.Entry, it *item, keep bool) error {
	eng, err := r.baseEngine(en.Position, position)
	if err != nil {
		return err
	}
	all, err := r.later(en.Position, position-1)
	if err != nil {
		return err
	}
	again := &replayed{r: r, eng: eng, told: append(all, told{position, en.Events, en.TimeMs}), en: en, it: it, keep: keep, position: position, at: en.Position}
	if eng.IsOpen() {
		if err := again.configure(en.Position, eng.Config()); err != nil {
			return err
		}
	}
	if err := r.m.opt.Log.Read(r.ctx, r.j.num, en.Position+1, again.visit); err != nil && !errors.Is(err, errFound) {
		return err
	}
	if again.at+1 != position {
		return again.gap(again.at + 1)
	}
	if en.Config != nil {
		if err := again.configure(position, en.Config); err != nil {
			return err
		}
	}
	r.eng = eng
	r.reworksMu.Lock()
	defer r.reworksMu.Unlock()
	r.reworks = append(r.reworks, rework{position, en.Position})
	return nil
}

// baseEngine is the engine as of a snapshot's position, 0 for a new one.
func (r *runner) baseEngine(base, position uint64) (*engine.Engine, error) {
	if base == 0 {
		return engine.New(r.m.engineOptions()), nil
	}
	rows, err := r.m.opt.Store.Snapshots(r.ctx, r.j.num)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i].Position == base {
			return r.read(&rows[i], 0, position)
		}
	}
	return nil, &damage{position: position, reason: fmt.Sprintf(
		"events were applied to the past from the model snapshot at log position %d, which is gone; have the entry at %d left out, or restore the data directory from a backup", base, position)}
}

// replayed is a replay on its way.
type replayed struct {
	r        *runner
	eng      *engine.Engine
	en       *entry.Entry
	it       *item
	told     []told
	keep     bool
	position uint64
	at       uint64
}

// configure puts a configuration of a position into force, with the events that
// were told of later.
func (a *replayed) configure(at uint64, c *spec.Job) error {
	return a.apply(&entry.Entry{Kind: entry.Update, Config: a.with(at, c)})
}

// gap says that an entry is missing that the replay needs.
func (a *replayed) gap(missing uint64) error {
	return &damage{position: a.position, reason: fmt.Sprintf(
		"events were applied to the past by a replay from log position %d, and the entry at %d is gone; have the entry at %d left out, or restore the data directory from a backup", a.en.Position+1, missing, a.position)}
}

func (a *replayed) with(at uint64, c *spec.Job) *spec.Job {
	out := *c
	for _, t := range a.told {
		if t.position > at {
			out.Events = spec.MergeEvents(out.Events, t.events)
		}
	}
	return &out
}

func (a *replayed) visit(position uint64, encoded []byte) error {
	if err := a.r.ctx.Err(); err != nil {
		return err
	}
	if position >= a.position {
		return errFound
	}
	if position != a.at+1 {
		return a.gap(a.at + 1)
	}
	a.at = position
	if slices.Contains(a.r.left, position) {
		return nil
	}
	en, err := entry.Decode(encoded)
	if err != nil {
		return err
	}
	switch en.Kind {
	case entry.LeaveOut:
		return nil
	case entry.Rework:
		if en.Config == nil {
			return nil
		}
		return a.configure(position, en.Config)
	case entry.Open, entry.Update:
		en.Config = a.with(position, en.Config)
	}
	return a.apply(en)
}

func (a *replayed) apply(en *entry.Entry) error {
	_, err := a.r.m.opt.Apply(a.r.j.id, a.eng, en, a.emit)
	if a.it.bytes > reworkPartBytes {
		// The whole is complete with its last part; a crash before that begins
		// with the first part again.
		part := *a.it
		part.last = a.position - 1
		a.r.hand(&part)
		*a.it = item{ticket: a.it.ticket, last: a.it.last}
	}
	return err
}

// emit takes the results that replace others.
func (a *replayed) emit(b *result.Bucket) {
	if !a.keep || b.StartMs+b.Run*b.SpanMs <= a.en.TimeMs {
		return
	}
	if before := (a.en.TimeMs - b.StartMs) / b.SpanMs; before > 0 {
		b.StartMs += before * b.SpanMs
		b.Run -= before
	}
	a.it.addFinal(b)
}

// reworkBases are the positions that reworks behind a position of the log replay
// from: without them a recovery from before could not do them again.
func (r *runner) reworkBases(behind uint64) (bases []uint64) {
	r.reworksMu.Lock()
	defer r.reworksMu.Unlock()
	for _, w := range r.reworks {
		if w.position > behind {
			bases = append(bases, w.base)
		}
	}
	return bases
}

// reworkClosed applies events to the past of a job that nobody works on.
func (j *job) reworkClosed(ctx context.Context, added []spec.Event) error {
	end := j.view.Load().Size.BucketMs
	if end == record.NoTime || !slices.ContainsFunc(added, func(e spec.Event) bool { return e.StartMs <= end+j.conf.Load().spec.BucketSpanMs }) {
		return nil
	}
	why := fmt.Sprintf("Cannot apply events to the past of job [%s]", j.id)
	r, err := j.beginErrand("changed", why, func(r *runner) { r.told = added })
	if err != nil {
		return err
	}
	select {
	case <-r.done:
		return asError(j.id, r.startErr, "applying events to the past")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// addedEvents are the events of a calendar that count for a job after a change of
// it and did not before.
func addedEvents(before, after *calendar, w *wire.Job) (added []spec.Event) {
	if after == nil || !after.concerns(w) {
		return nil
	}
	var had []spec.Event
	if before != nil && before.concerns(w) {
		had = document.SpecEvents(before.Events)
	}
	for _, e := range document.SpecEvents(after.Events) {
		if !slices.Contains(had, e) {
			added = append(added, e)
		}
	}
	return added
}
