package job

import (
	"fmt"
	"runtime/debug"
	"time"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/internal/ingest"
	"tidemark/internal/inlog"
	"tidemark/internal/store"
)

// postTask is an upload with its entries encoded by the client's goroutine.
type postTask struct {
	upload  *ingest.Upload
	entries []*entry.Entry
	encoded [][]byte
	bytes   int64
	answer  chan posted
	// release gives the upload's bytes back to the process.
	release func()
}

type posted struct {
	Posted
	err error
}

func (t *postTask) refuse(err error) { t.reply(Posted{}, err) }

func (t *postTask) reply(p Posted, err error) {
	t.release()
	t.answer <- posted{Posted: p, err: err}
}

// flushTask is a flush; its answer channel holds one.
type flushTask struct {
	flush  Flush
	answer chan flushed
}

type flushed struct {
	Flushed
	err error
}

func (t *flushTask) refuse(err error) { t.answer <- flushed{err: err} }

// endTask ends the runner: a close, or (stop) the end of the process. Whoever
// sends it waits for the runner's end and looks at the job's state.
type endTask struct{ stop bool }

func (t *endTask) refuse(error) {}

// figures reads the engine's figures.
func (r *runner) figures() *figures {
	return &figures{Counts: r.eng.Totals(), Size: r.eng.ModelSize(), SourceMs: r.eng.SourceMs()}
}

// post takes one upload. Like all that handle a task it reports whether the
// runner goes on.
func (r *runner) post(t *postTask) bool {
	id, key := r.j.id, t.upload.End.Key
	if refusal := r.cannotTake(t.upload); refusal != nil {
		r.hand(&item{last: r.end, done: func(error, *view) { t.refuse(refusal) }})
		return true
	}
	if key != "" {
		if counts, hash, known := r.eng.Remembered(key); known {
			r.hand(&item{last: r.end, done: func(err error, v *view) {
				if err == nil && hash != t.upload.End.BodyHash {
					err = badRequest(id, "Idempotency-Key [%s] was used before with another body; use a new key for a new upload", key)
				}
				t.reply(Posted{Counts: counts, LastDataMs: v.LastDataMs, Repeated: true}, err)
			}})
			return true
		}
	}
	var counts record.Counts
	return r.submit(&unit{
		entries: t.entries, encoded: t.encoded, what: "this upload",
		applied: func(a engine.Applied) {
			if a.Upload != nil {
				counts = *a.Upload
				r.heard(&counts)
			}
		},
		stamp: func(s *stamps, nowMs int64) { s.LastDataMs = nowMs },
		done: func(err error, v *view) {
			if err == nil {
				r.committer.warnRejected(t.upload, counts)
			}
			t.reply(Posted{Counts: counts, LastDataMs: v.LastDataMs}, err)
		},
	})
}

// flush handles one flush, in the order skip, advance, interim results,
// acknowledgment.
func (r *runner) flush(t *flushTask) bool {
	f, answer := t.flush, Flushed{}
	if refusal := r.blocked.Load(); refusal != nil && (f.HasSkip || f.HasAdvance) {
		// What moving time emits could not be stored either.
		r.hand(&item{last: r.end, done: func(error, *view) { t.refuse(refusal) }})
		return true
	}
	u := &unit{what: "this flush", searchable: true}
	if f.HasSkip {
		u.entries = append(u.entries, &entry.Entry{Kind: entry.Skip, TimeMs: f.SkipMs})
	}
	if f.HasAdvance {
		u.entries = append(u.entries, &entry.Entry{Kind: entry.Advance, TimeMs: f.AdvanceMs})
	}
	u.after = func(it *item) {
		if f.CalcInterim {
			r.eng.Interim(f.StartMs, f.EndMs, f.HasRange, it.addInterim)
		}
		answer.LastFinalizedMs, answer.HasLastFinalized = r.eng.LastFinalized()
	}
	u.done = func(err error, _ *view) { t.answer <- flushed{Flushed: answer, err: err} }
	return r.submit(u)
}

// unit is what one task makes durable and computes.
type unit struct {
	entries []*entry.Entry
	// encoded are the entries' bytes; nil: submit encodes them.
	encoded [][]byte
	state   store.State
	stamp   func(s *stamps, nowMs int64)
	// what names the unit in a refusal.
	what string
	// applied sees the outcome of each entry, after sees the engine after all.
	applied func(engine.Applied)
	after   func(*item)
	// searchable means that done must not report success before every result
	// up to here can be found.
	searchable bool
	// done is called once, with the refusal or the view after the unit.
	done func(error, *view)
}

// submit appends a unit's entries, applies them and hands the results on.
func (r *runner) submit(u *unit) bool {
	ticket, err := r.append(u)
	if err != nil {
		r.hand(&item{last: r.end, done: func(later error, v *view) {
			u.done(notDurable(r.j.id, u.what, err), v)
		}})
		return true
	}
	it := &item{ticket: ticket, last: r.end}
	if ticket != nil {
		it.last = ticket.First - 1
	}
	for i, en := range u.entries {
		position := ticket.First + uint64(i)
		applied, err := r.apply(position, en, it)
		if err != nil {
			return r.stumble(it, u, position, err)
		}
		it.last = position
		if u.applied != nil {
			u.applied(applied)
		}
		if it.large() && i < len(u.entries)-1 {
			r.hand(it)
			it = &item{ticket: ticket, last: position}
			if r.ctx.Err() != nil {
				break
			}
		}
	}
	it.searchable, it.state, it.stamp, it.done, it.what = u.searchable, u.state, u.stamp, u.done, u.what
	if u.after != nil {
		r.lookAt(u, it)
	}
	if ticket != nil {
		it.figures = r.figures()
	}
	r.hand(it)
	return true
}

// append hands a unit's entries to the log. No entries give a nil ticket.
func (r *runner) append(u *unit) (*inlog.Ticket, error) {
	if len(u.entries) == 0 {
		return nil, nil
	}
	if u.encoded == nil {
		for _, en := range u.entries {
			b, err := en.Append(nil)
			if err != nil {
				return nil, err
			}
			u.encoded = append(u.encoded, b)
		}
	}
	ticket := r.m.opt.Log.Append(r.j.num, r.end, u.encoded)
	if r.cautious {
		if err := ticket.Wait(); err != nil {
			return nil, err
		}
		r.cautious = false
	}
	r.end = ticket.Last
	return ticket, nil
}

// hand passes an item to the committer, waiting while too much is under way.
func (r *runner) hand(it *item) {
	for r.inFlight.Load() > maxItemBytes {
		<-r.room
	}
	r.inFlight.Add(it.size())
	r.items <- it
}

// cannotTake says why an upload cannot be taken at this point of the order.
func (r *runner) cannotTake(u *ingest.Upload) *Error {
	if refusal := r.blocked.Load(); refusal != nil {
		return refusal
	}
	conf := r.j.conf.Load()
	for _, b := range u.Parts {
		if len(b.Numbers) != conf.numbers || len(b.Texts) != conf.texts {
			// The job was deleted and created anew while the body was read.
			return conflict(r.j.id, "job [%s] was replaced while the upload was being read; send it again", r.j.id)
		}
	}
	return nil
}

// crash is a panic inside the engine or an entry that it refuses.
type crash struct {
	position uint64
	cause    error
	stack    []byte
}

func (c *crash) Error() string { return c.cause.Error() }
func (c *crash) Unwrap() error { return c.cause }

// guarded runs a step of the engine and turns a panic into a *crash.
func guarded(position uint64, do func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case *PartPanic:
			err = &crash{position: position, cause: fmt.Errorf("panic: %v", v.Value), stack: v.Stack}
		default:
			err = &crash{position: position, cause: fmt.Errorf("panic: %v", v), stack: debug.Stack()}
		}
	}()
	if err := do(); err != nil {
		return &crash{position: position, cause: err}
	}
	return nil
}

// apply applies one entry and collects what it emits. After an error the item
// holds what it held before.
func (r *runner) apply(position uint64, en *entry.Entry, it *item) (applied engine.Applied, err error) {
	if en.Kind == entry.LeaveOut {
		// An instruction for replay; it changes nothing by itself.
		return applied, nil
	}
	if en.Kind == entry.Revert {
		it.reverted, it.revertedAt = en.Snapshot, position
		if !en.Keep {
			it.drop, it.dropFromMs = true, en.TimeMs
		}
		return applied, guarded(position, func() error { return r.applyRevert(position, en) })
	}
	if en.Kind == entry.Rework {
		keep := position > r.handled.Load()
		it.drop, it.dropFromMs, it.rework = keep, en.TimeMs, keep
		return applied, guarded(position, func() error { return r.applyRework(position, en, it, keep) })
	}
	finals, bytes, began := len(it.finals), it.bytes, time.Now()
	err = guarded(position, func() error {
		var err error
		applied, err = r.m.opt.Apply(r.j.id, r.eng, en, it.addFinal)
		return err
	})
	if err != nil {
		it.finals, it.bytes = it.finals[:finals], bytes
		return applied, err
	}
	it.categories = append(it.categories, applied.Categories...)
	it.timed(began, finals)
	return applied, nil
}

// lookAt lets a unit read the engine after its entries. Nothing of the state
// can have changed by that, so a panic spoils only this unit's answer.
func (r *runner) lookAt(u *unit, it *item) {
	err := guarded(r.end, func() error { u.after(it); return nil })
	if err == nil {
		return
	}
	r.logCrash("computing interim results failed", err)
	it.interim = nil
	it.done = func(error, *view) {
		u.done(broken(r.j.id, err, "[%s] exception while flushing job", r.j.id), r.j.view.Load())
	}
}

// stumble handles an entry that the engine could not apply. If the entry turns
// out not to be in the log, nothing happened but a failed append; otherwise the
// job fails, and the entry stays for a later open to replay.
func (r *runner) stumble(it *item, u *unit, position uint64, err error) bool {
	it.last = position - 1
	r.hand(it)
	if lost := r.drain(); lost != nil {
		u.done(notDurable(r.j.id, u.what, lost), r.j.view.Load())
		return r.rebuildAfter(lost)
	}
	r.failure = r.fail(position, err)
	// The answer goes out when the job's state says what happened.
	r.farewell = func() { u.done(r.failure, r.j.view.Load()) }
	return false
}

// drain waits until the committer has finished everything before and returns
// why an append failed, if one did.
func (r *runner) drain() error {
	answer := make(chan error, 1)
	r.hand(&item{drained: answer})
	return <-answer
}

// rebuild replaces an engine that has seen entries the log does not hold.
func (r *runner) rebuild() bool { return r.rebuildAfter(r.drain()) }

func (r *runner) rebuildAfter(lost error) bool {
	r.lost.Store(false)
	r.log.Warn("an append to the input log failed; the job's state is rebuilt from snapshot and log", "error", lost)
	if err := r.load(); err != nil {
		r.failure = r.cannotLoad(err)
		return false
	}
	if !r.eng.IsOpen() {
		// Only the entry that opened the job was lost.
		r.outcome = closed
		return false
	}
	r.cautious = true
	return true
}

// finish ends the runner on purpose: the process ends, or the job is closed.
func (r *runner) finish(t *endTask) {
	if lost := r.drain(); lost != nil && !r.rebuildAfter(lost) {
		return
	}
	if t.stop {
		r.outcome = opened
		r.snapshotNow("at shutdown")
		return
	}
	r.close()
}

// close appends the entry that closes the job, commits, and takes one
// snapshot. The entry is what closes the job: whatever fails after it, a
// recovery catches up on.
func (r *runner) close() {
	answer := make(chan error, 1)
	ok := r.submit(&unit{
		entries: []*entry.Entry{{Kind: entry.Close}},
		state:   store.Closed,
		stamp:   func(s *stamps, nowMs int64) { s.FinishedMs, s.OpenedMs = nowMs, 0 },
		what:    "closing it",
		done:    func(err error, _ *view) { answer <- err },
	})
	if !ok {
		return // the engine could not close; the outcome is set
	}
	r.outcome = closed
	if err := <-answer; err != nil {
		r.closeWithoutEntry(err)
		return
	}
	r.m.opt.step("closed")
	r.snapshotNow(atClose)
}

// closeWithoutEntry closes a job whose log takes nothing, usually because the
// disk is full. Nothing is pruned and nothing lost; the next open finds the
// job as it is now.
func (r *runner) closeWithoutEntry(cause error) {
	r.drain()
	durable, nowMs := r.durableEnd(), r.m.opt.Clock().UnixMilli()
	r.j.view.Store(r.j.view.Load().with(func(v *view) {
		v.FinishedMs, v.OpenedMs, v.ClosedAt = nowMs, 0, durable
	}))
	if err := r.j.save(r.ctx, func(row *store.Job) { row.State = store.Closed }); err != nil {
		r.log.Warn("the job is closed until the next start only, because neither input log nor database take anything",
			"cause", cause, "error", err)
		return
	}
	r.log.Warn("the job was closed without pruning and without a snapshot, because the input log takes nothing", "cause", cause)
}

// durableEnd is the log's durable end, or 0 if it cannot be told.
func (r *runner) durableEnd() uint64 {
	_, last, err := r.m.opt.Log.Bounds(r.ctx, r.j.num)
	if err != nil {
		return 0
	}
	return last
}
