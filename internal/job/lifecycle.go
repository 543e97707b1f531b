package job

import (
	"context"
	"slices"
	"sync"
	"time"

	"tidemark/engine/entry"
	"tidemark/internal/store"
)

// Open makes a closed or failed job take data: its state is restored, what the
// log holds beyond it is replayed, and an entry with the whole configuration
// is durable before Open answers. If timeout (0: none) or ctx ends first, the
// job goes on opening and the error is a Timeout or ctx's.
func (m *Manager) Open(ctx context.Context, id string, timeout time.Duration) error {
	j, err := m.find(id)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := m.upgrading(id, "Cannot perform cluster:admin/xpack/ml/job/open action while upgrade mode is enabled"); err != nil {
		return err
	}
	r, err := j.beginOpening(false)
	if err != nil {
		return err
	}
	wait, stop := withTimeout(ctx, timeout)
	defer stop()
	select {
	case <-r.started:
		return asError(id, r.startErr, "opening it")
	case <-wait.Done():
		return waited(ctx, id, "opening")
	}
}

// beginOpening starts the job's runner.
func (j *job) beginOpening(recovers bool) (*runner, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.m.leaving.Load():
		return nil, stopping(j.id)
	case j.changing != "":
		return nil, conflict(j.id, "Cannot open job [%s] because it is being %s", j.id, j.changing)
	case j.state == opened || j.state == opening:
		return nil, conflict(j.id, "Cannot open job [%s] because it has already been opened", j.id)
	case j.state == closing:
		return nil, conflict(j.id, "Cannot open job [%s] because it is closing", j.id)
	}
	j.state = opening
	r := newRunner(j, recovers)
	j.run.Store(r)
	go r.work()
	return r, nil
}

// Close closes the chosen jobs: everything queued is done first, then the job
// forgets stale series, takes one snapshot and gives its memory back. A job
// that is closed already stays so. With force, what is queued is refused
// instead, and failed jobs are closed as well.
func (m *Manager) Close(ctx context.Context, expr string, force, allowNoMatch bool, timeout time.Duration) error {
	jobs, err := m.choose(expr, allowNoMatch)
	if err != nil {
		return err
	}
	if !force {
		for _, j := range jobs {
			if j.stateNow() == failed {
				return closeFailed(j.id)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	wait, stop := withTimeout(ctx, timeout)
	defer stop()
	errs := make([]error, len(jobs))
	var all sync.WaitGroup
	for i, j := range jobs {
		all.Go(func() {
			if errs[i] = j.close(wait, force); errs[i] != nil && errs[i] == wait.Err() {
				errs[i] = waited(ctx, j.id, "closing")
			}
		})
	}
	all.Wait()
	// One refusal is told: the first by id.
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Shutdown refuses new requests, lets what is queued finish, and takes a
// snapshot of each open job. Nothing is closed: the jobs are open again after
// the next Recover. It returns ctx's error if that ends first.
func (m *Manager) Shutdown(ctx context.Context) error {
	m.leaving.Store(true)
	finished := make(chan error, 1)
	go func() {
		var runners []*runner
		for _, j := range m.all() {
			j.mu.Lock()
			if r := j.run.Load(); r != nil {
				r.queue.seal(&endTask{stop: true}, stopping(j.id))
				if !r.open.Load() {
					// A long replay is given up; the next start does it again.
					r.kill()
				}
				runners = append(runners, r)
			}
			j.mu.Unlock()
		}
		for _, r := range runners {
			<-r.done
		}
		m.cancel()
		m.background.Wait()
		finished <- m.opt.Store.Sync(context.Background())
	}()
	select {
	case err := <-finished:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func closeFailed(id string) *Error {
	return conflict(id, "cannot close job [%s] because it failed, use force close", id)
}

// close closes one job and waits for it, or until wait ends.
func (j *job) close(wait context.Context, force bool) error {
	r, err := j.beginClosing(force)
	if err != nil || r == nil {
		return err
	}
	select {
	case <-r.done:
	case <-wait.Done():
		return wait.Err()
	}
	if j.stateNow() == failed {
		if !force {
			return closeFailed(j.id)
		}
		return j.closeFailed()
	}
	return nil
}

// beginClosing tells the job's runner to close and returns it; nil if there is
// nothing to wait for.
func (j *job) beginClosing(force bool) (*runner, error) {
	j.mu.Lock()
	r := j.run.Load()
	if r == nil {
		isFailed := j.state == failed
		j.mu.Unlock()
		switch {
		case isFailed && force:
			return nil, j.closeFailed()
		case isFailed:
			return nil, closeFailed(j.id)
		}
		return nil, nil
	}
	defer j.mu.Unlock()
	if j.m.leaving.Load() {
		return nil, stopping(j.id)
	}
	if force {
		why := conflict(j.id, "job [%s] was closed by force before this request was begun; open it and send it again", j.id)
		for _, t := range r.queue.drop() {
			t.refuse(why)
		}
	}
	if r.queue.seal(&endTask{}, notOpen(j.id)) {
		j.state = closing
	}
	return r, nil
}

// closeFailed closes a failed job, which has no runner. Its log stays as it
// is; the next open replays it.
func (j *job) closeFailed() error {
	err := j.save(context.Background(), func(row *store.Job) { row.State = store.Closed })
	if err != nil {
		return notDurable(j.id, "closing it", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state == failed {
		j.state = closed
	}
	return nil
}

// LeaveOut makes a failed job's later replays leave out the entry at which it
// failed: an operator's decision, kept in the job's log like everything else.
// The job stays failed until it is opened.
func (m *Manager) LeaveOut(ctx context.Context, id string, position uint64) error {
	j, err := m.find(id)
	if err != nil {
		return err
	}
	j.mu.Lock()
	at, can := j.row.FailedAt, j.state == failed && j.changing == ""
	if can && at == position {
		j.changing = "repaired"
	}
	j.mu.Unlock()
	if !can || at != position {
		return badRequest(id, "job [%s] is not failed at log position %d; only the entry at which a job failed can be left out", id, position)
	}
	defer j.endChange()
	// First the announcement, then the entry: a replay looks for entries of
	// this kind only if one was announced.
	j.view.Store(j.view.Load().with(func(v *view) {
		if !slices.Contains(v.LeftOut, position) {
			v.LeftOut = append(v.LeftOut, position)
		}
	}))
	if err := j.save(ctx, func(row *store.Job) { row.Failures = 0 }); err != nil {
		return notDurable(id, "the decision", err)
	}
	encoded, err := (&entry.Entry{Kind: entry.LeaveOut, Position: position}).Append(nil)
	if err != nil {
		return err
	}
	_, last, err := m.opt.Log.Bounds(ctx, j.num)
	if err != nil {
		return asError(id, err, "reading its log")
	}
	if err := m.opt.Log.Append(j.num, last, [][]byte{encoded}).Wait(); err != nil {
		return notDurable(id, "the decision", err)
	}
	m.log.Warn("an operator left out a log entry", "job", id, "position", position)
	return nil
}

// withTimeout is context.WithTimeout with 0 meaning none.
func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

// waited is the answer when the wait for a change ended before the change.
func waited(ctx context.Context, id, doing string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return &Error{Fault: Timeout, Job: id,
		Reason: "job [" + id + "] is still " + doing + "; that goes on, look at its state again later"}
}
