package job

import (
	"context"
	"sync"
	"time"
)

// Delete removes a job. The tombstone is durable and the id free when it
// returns; log, snapshots and results are purged in the background, and a
// purge that the end of the process interrupts goes on after the next start.
// A job that is not closed or failed is a Conflict unless forced: then its
// runner ends without finishing what is queued.
func (m *Manager) Delete(ctx context.Context, id string, force bool) error {
	if err := m.remove(ctx, id, force); err != nil {
		return err
	}
	m.leaveCalendars(context.WithoutCancel(ctx), id)
	return nil
}

// Discard removes a job that was only just created and is not to be after all. What
// named it before it was there still does.
func (m *Manager) Discard(ctx context.Context, id string) error {
	return m.remove(context.WithoutCancel(ctx), id, true)
}

func (m *Manager) remove(ctx context.Context, id string, force bool) error {
	j, err := m.find(id)
	if err != nil {
		return err
	}
	if err := j.beginDeleting(force); err != nil {
		return err
	}
	if err := m.opt.Store.DeleteJob(context.WithoutCancel(ctx), j.num); err != nil {
		j.endChange()
		return notDurable(id, "its deletion", err)
	}
	m.jobs.Delete(id)
	j.giveNamesBack()
	// From here on nobody finds the job, and it cannot be opened any more.
	r := j.run.Load()
	if r != nil {
		r.queue.seal(nil, notFound(id))
		r.kill()
		for _, t := range r.queue.drop() {
			t.refuse(notFound(id))
		}
	}
	m.purgeLater(purge{num: j.num, after: r})
	return nil
}

// giveNamesBack frees a deleted job's id and groups. An update that is under way has
// finished before, a later one changes nothing.
func (j *job) giveNamesBack() {
	j.naming.Lock()
	defer j.naming.Unlock()
	j.gone = true
	j.m.names.free(j.id, j.conf.Load().wire.Groups)
}

// CanDelete tells why a job cannot be deleted now, if so.
func (m *Manager) CanDelete(id string, force bool) error {
	j, err := m.find(id)
	if err != nil {
		return err
	}
	if err := j.beginDeleting(force); err != nil {
		return err
	}
	j.endChange()
	return nil
}

// endChange lets a job go on after a change that did not happen or is over.
func (j *job) endChange() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changing = ""
}

func (j *job) beginDeleting(force bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.changing != "":
		return conflict(j.id, "Cannot delete job [%s] because it is being %s", j.id, j.changing)
	case j.run.Load() != nil && !force:
		return conflict(j.id, "Cannot delete job [%s] because the job is %s", j.id, j.state)
	}
	j.changing = "deleted"
	return nil
}

// Reset makes a closed job one that has seen nothing: its configuration stays,
// everything else goes as if it were deleted.
func (m *Manager) Reset(ctx context.Context, id string) error {
	j, err := m.find(id)
	if err != nil {
		return err
	}
	if err := m.upgrading(id, "Cannot perform cluster:admin/xpack/ml/job/reset action while upgrade mode is enabled"); err != nil {
		return err
	}
	if err := j.beginResetting(); err != nil {
		return err
	}
	row, err := m.opt.Store.ResetJob(context.WithoutCancel(ctx), j.num)
	if err != nil {
		j.endChange()
		return notDurable(id, "its reset", err)
	}
	fresh := &job{m: m, num: row.Num, id: id, row: row, state: closed}
	fresh.conf.Store(j.conf.Load())
	fresh.view.Store(newView())
	m.jobs.Store(id, fresh)
	m.purgeLater(purge{num: j.num})
	return nil
}

func (j *job) beginResetting() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.changing != "":
		return conflict(j.id, "Cannot reset job [%s] because it is being %s", j.id, j.changing)
	case j.state != closed || j.run.Load() != nil:
		return conflict(j.id, "Can only reset a job when it is closed. Job [%s] is %s; close it first.", j.id, j.state)
	}
	j.changing = "reset"
	return nil
}

// purge is a deleted job whose data is to be removed.
type purge struct {
	num uint64
	// after is the job's runner: nothing is removed before it has ended,
	// because it may still write.
	after *runner
}

// purges is the list of one goroutine that works it off in order.
type purges struct {
	mu   sync.Mutex
	list []purge
	wake chan struct{}
}

// retryPurge is the wait after a purge step that failed.
const retryPurge = 5 * time.Second

// resumePurges continues the purges that the last process left.
func (m *Manager) resumePurges(ctx context.Context) error {
	nums, err := m.opt.Store.Tombstones(ctx)
	if err != nil {
		return err
	}
	for _, num := range nums {
		m.purgeLater(purge{num: num})
	}
	m.background.Go(m.purgeLoop)
	return nil
}

// purgeLater returns at once; what the end of the process leaves, the tombstone
// remembers.
func (m *Manager) purgeLater(p purge) {
	m.purges.mu.Lock()
	m.purges.list = append(m.purges.list, p)
	m.purges.mu.Unlock()
	select {
	case m.purges.wake <- struct{}{}:
	default:
	}
}

func (m *Manager) purgeLoop() {
	for {
		m.purges.mu.Lock()
		list := m.purges.list
		m.purges.list = nil
		m.purges.mu.Unlock()
		for _, p := range list {
			if p.after != nil {
				<-p.after.done
			}
			m.purge(p.num)
		}
		select {
		case <-m.purges.wake:
		case <-m.ctx.Done():
			return
		}
	}
}

// purge removes a deleted job's log and then its rows; the last step removes
// the tombstone.
func (m *Manager) purge(num uint64) {
	for _, step := range []func() (bool, error){
		func() (bool, error) { return m.opt.Log.Drop(m.ctx, num) },
		func() (bool, error) { return m.opt.Store.PurgeStep(m.ctx, num) },
	} {
		for more := true; more && m.ctx.Err() == nil; {
			var err error
			if more, err = step(); err == nil {
				continue
			}
			if m.ctx.Err() == nil {
				m.log.Warn("purging a deleted job failed; it is tried again", "number", num, "error", err)
			}
			more = true
			select {
			case <-time.After(retryPurge):
			case <-m.ctx.Done():
			}
		}
		m.opt.step("purge")
	}
}
