package job

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/spec"
	"tidemark/internal/store"
)

// runner is a job at work: one goroutine that owns the engine and takes tasks
// from the queue, and one that commits in the same order (commit.go). It lives
// from the moment the job starts opening until it is closed, failed, deleted
// or the process ends.
type runner struct {
	j   *job
	m   *Manager
	log *slog.Logger

	queue     *queue
	committer *committer
	// items lead from the owner to the committer.
	items chan *item
	// inFlight are the bytes of the items that the committer has not finished;
	// room holds a token when some got free.
	inFlight atomic.Int64
	room     chan struct{}

	// recovers is true if the process start, not a client, opened the job.
	recovers bool
	// revert, if set, is all that the runner is for.
	revert *revert
	// told, if set, are events for the past of a closed job, and all that the
	// runner is for.
	told []spec.Event
	// open is set once data and flushes are taken.
	open atomic.Bool
	// started is closed when the job is open, or when opening it failed and
	// its state says so.
	started  chan struct{}
	startErr error
	// done is closed when both goroutines have ended.
	done chan struct{}
	// ctx ends when the job is deleted while it runs.
	ctx  context.Context
	kill context.CancelFunc

	// lost is set by the committer when an append failed: the engine has seen
	// what the log does not hold.
	lost atomic.Bool
	// committed is the position up to which results are in the store, handled
	// the one up to which the committer has them.
	committed, handled atomic.Uint64
	// saving is true while a snapshot is being written; saves waits for it.
	saving atomic.Bool
	saves  sync.WaitGroup
	// savedAt and saveCost are when the last snapshot was done and how long it
	// took, to keep snapshots to a small part of the time.
	savedAt  atomic.Int64
	saveCost atomic.Int64
	// savedPosition is the position of the newest stored snapshot.
	savedPosition atomic.Uint64
	// unsaved is the replay work that was due when the last snapshot was taken
	// and is not stored yet.
	unsaved atomic.Int64
	// blocked holds why results cannot be committed now; nil: they can.
	blocked atomic.Pointer[Error]

	// reworks are those that this runner did or did again.
	reworksMu sync.Mutex
	reworks   []rework

	// The rest belongs to the owner.
	// left are log positions that a replay leaves out.
	left []uint64
	eng  *engine.Engine
	// end is the position of the last entry that was handed to the log.
	end uint64
	// cautious makes the next append wait for its ticket before the engine
	// sees the entry, because the last one failed.
	cautious bool
	idle     idleness
	// outcome is the state the job ends in, failure why it is failed.
	outcome state
	failure error
	// farewell answers the request at which the runner ended.
	farewell func()
}

// Bounds of what may be between owner and committer.
const (
	maxItems     = 128
	maxItemBytes = 32 << 20
)

// newRunner is called with the job's lock held.
func newRunner(j *job, recovers bool) *runner {
	r := &runner{
		j: j, m: j.m, log: j.m.log.With("job", j.id),
		queue:    newQueue(),
		items:    make(chan *item, maxItems),
		room:     make(chan struct{}, 1),
		recovers: recovers,
		started:  make(chan struct{}),
		done:     make(chan struct{}),
	}
	r.ctx, r.kill = context.WithCancel(context.Background())
	r.committed.Store(j.row.Committed)
	r.handled.Store(j.row.Committed)
	r.committer = newCommitter(r)
	return r
}

// work is the owner's life.
func (r *runner) work() {
	committed := make(chan struct{})
	go func() {
		defer close(committed)
		r.committer.loop()
	}()
	if r.start() {
		r.loop()
	}
	r.eng = nil
	close(r.items)
	<-committed
	r.saves.Wait()
	r.leave()
}

// leave ends the runner: whoever still waits is refused and the job's state
// becomes the outcome.
func (r *runner) leave() {
	j := r.j
	why := error(notOpen(j.id))
	if r.outcome == opened {
		why = stopping(j.id)
	}
	r.queue.seal(nil, why)
	j.mu.Lock()
	j.state = r.outcome
	j.row.Committed, j.row.LogEnd = r.committed.Load(), max(j.row.LogEnd, r.committer.logEnd)
	j.run.Store(nil)
	j.mu.Unlock()
	for t := r.queue.take(); t != nil; t = r.queue.take() {
		t.refuse(why)
	}
	if r.farewell != nil {
		r.farewell()
	}
	r.kill()
	if !r.wasStarted() {
		close(r.started)
	}
	close(r.done)
}

func (r *runner) wasStarted() bool {
	select {
	case <-r.started:
		return true
	default:
		return false
	}
}

// start brings the engine to the end of the log and opens the job. It reports
// whether the runner goes on.
func (r *runner) start() bool {
	if r.revert != nil || r.told != nil {
		defer r.j.endChange()
	}
	if err := r.load(); err != nil {
		r.startErr = r.cannotLoad(err)
		return false
	}
	switch {
	case r.revert != nil:
		r.goBack()
		return false
	case r.told != nil:
		r.outcome = closed
		answer := make(chan error, 1)
		if applied, _ := r.applyToPast(r.told, nil, func(err error) { answer <- err }); applied {
			r.startErr = <-answer
		}
		return false
	}
	if r.recovers && r.wasClosed() {
		// The row may not know yet what the log says.
		r.outcome = closed
		r.startErr = r.settle(store.Closed, nil)
		return false
	}
	if !r.eng.IsOpen() {
		if r.startErr = r.appendOpen(); r.startErr != nil {
			return false
		}
	} else if r.startErr = r.stayOpen(); r.startErr != nil {
		r.outcome = r.before()
		return false
	} else if !r.catchUpConfig() {
		return false
	}
	r.outcome = opened
	r.idle.heardMs = r.m.opt.Clock().UnixMilli()
	r.forgetFailure()
	r.j.mu.Lock()
	if r.j.state == opening {
		r.j.state = opened
	}
	r.j.mu.Unlock()
	r.open.Store(true)
	close(r.started)
	r.maybeSnapshot()
	return true
}

// catchUpConfig sends the engine a configuration that was stored and not sent.
func (r *runner) catchUpConfig() bool {
	answer := make(chan error, 1)
	if !r.sendConfig(func(err error) { answer <- err }) {
		r.startErr = r.failure
		return false
	}
	if r.startErr = <-answer; r.startErr != nil {
		r.outcome = r.before()
	}
	return r.startErr == nil
}

// before is the state to fall back to when opening did not come about.
func (r *runner) before() state {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	if r.j.row.State == store.Failed {
		return failed
	}
	return closed
}

// wasClosed reports whether the job was closed when the process ended: by its
// log, or without an entry because the log took none.
func (r *runner) wasClosed() bool {
	r.j.mu.Lock()
	defer r.j.mu.Unlock()
	at := r.j.view.Load().ClosedAt
	return !r.eng.IsOpen() || r.j.row.State == store.Closed && at != 0 && at == r.end
}

// stayOpen tells the store that the job is open because its log says so. A job
// of which the store knows that already, with all its results, costs nothing.
func (r *runner) stayOpen() error {
	r.j.mu.Lock()
	known := r.j.row.State == store.Opened
	r.j.mu.Unlock()
	if known && r.end == r.committed.Load() {
		return nil
	}
	err := r.settle(store.Opened, func(s *stamps, nowMs int64) {
		s.FinishedMs, s.ClosedAt, s.OpenedMs = 0, 0, orDefault(s.OpenedMs, nowMs)
	})
	if err != nil || r.recovers {
		return err
	}
	// No entry says that the job is open again, so the row has to.
	return r.j.save(r.ctx, func(row *store.Job) { row.State = store.Opened })
}

// settle commits a state that the log already implies, and everything that the
// replay emitted before it.
func (r *runner) settle(s store.State, stamp func(*stamps, int64)) error {
	answer := make(chan error, 1)
	r.hand(&item{last: r.end, state: s, stamp: stamp, figures: r.figures(), done: func(err error, _ *view) { answer <- err }})
	return <-answer
}

// appendOpen makes the job open: the entry carries the whole configuration.
func (r *runner) appendOpen() error {
	r.outcome = r.before()
	// What jobs share may have changed while nobody worked on this one.
	if err := r.j.renew(); err != nil {
		return badRequest(r.j.id, "%s", err.Error())
	}
	en := &entry.Entry{Kind: entry.Open, Config: r.j.conf.Load().spec}
	answer := make(chan error, 1)
	ok := r.submit(&unit{
		entries: []*entry.Entry{en},
		state:   store.Opened,
		stamp:   func(s *stamps, nowMs int64) { s.OpenedMs, s.FinishedMs = nowMs, 0 },
		what:    "opening it",
		done:    func(err error, _ *view) { answer <- err },
	})
	if !ok && r.failure != nil {
		return r.failure
	}
	return <-answer
}

// forgetFailure clears the row's failure once the job got past it.
func (r *runner) forgetFailure() {
	r.j.mu.Lock()
	clean := r.j.row.State != store.Failed && r.j.row.FailedAt == 0
	r.j.mu.Unlock()
	if clean {
		return
	}
	err := r.j.save(r.ctx, func(row *store.Job) {
		row.State, row.Reason, row.FailedAt, row.Failures = store.Opened, "", 0, 0
	})
	if err != nil {
		r.log.Warn("the job runs again, but its earlier failure could not be cleared", "error", err)
	}
}

// loop works through the queue until a task ends the runner.
func (r *runner) loop() {
	for {
		t := r.queue.take()
		if r.ctx.Err() != nil {
			r.outcome = closed
			if t != nil {
				t.refuse(notFound(r.j.id))
			}
			return
		}
		if r.lost.Load() && !r.rebuild() {
			if t != nil {
				t.refuse(notOpen(r.j.id))
			}
			return
		}
		ok := true
		switch t := t.(type) {
		case nil:
			wait, stop := r.untilIdle()
			select {
			case <-r.queue.wake:
			case <-wait:
				ok = r.advanceIdle()
			case <-r.ctx.Done():
			}
			stop()
			if !ok {
				return
			}
			continue
		case *postTask:
			ok = r.post(t)
		case *flushTask:
			ok = r.flush(t)
		case *updateTask:
			ok = r.update(t)
		case *refreshTask:
			ok = r.refreshed(t)
		case *forecastTask:
			ok = r.forecast(t)
		case *seasonsTask:
			ok = r.seasons(t)
		case *endTask:
			r.finish(t)
			return
		}
		if !ok {
			return
		}
		r.maybeSnapshot()
	}
}
