package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"tidemark/engine/entry"
	"tidemark/internal/document"
	"tidemark/internal/store"
	"tidemark/wire"
)

// updateTask changes an open job's configuration in the order of its work.
type updateTask struct {
	update *document.Update
	answer chan updated
}

type updated struct {
	job *wire.Job
	err error
}

func (t *updateTask) refuse(err error) { t.answer <- updated{err: err} }

// Update changes a job's configuration and returns it. It is durable then, and an
// open job works by it: all that was sent before is processed by the old one.
func (m *Manager) Update(ctx context.Context, id string, u *document.Update) (*wire.Job, error) {
	j, err := m.find(id)
	if err != nil {
		return nil, err
	}
	r, err := j.runner()
	if err != nil {
		if j.run.Load() != nil {
			return nil, err // It is opening or recovering.
		}
		return j.updateClosed(ctx, u)
	}
	t := &updateTask{update: u, answer: make(chan updated, 1)}
	if err := r.enqueue(ctx, t); err != nil {
		return nil, err
	}
	select {
	case a := <-t.answer:
		return a.job, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// updateClosed changes a job that nobody works on. It cannot be opened meanwhile.
func (j *job) updateClosed(ctx context.Context, u *document.Update) (*wire.Job, error) {
	j.mu.Lock()
	switch {
	case j.changing != "":
		defer j.mu.Unlock()
		return nil, conflict(j.id, "Cannot update job [%s] because it is being %s", j.id, j.changing)
	case j.state == opening || j.state == opened || j.state == closing:
		defer j.mu.Unlock()
		return nil, conflict(j.id, "Cannot update job [%s] because it is %s; try again", j.id, j.state)
	}
	j.changing = "updated"
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		j.changing = ""
		j.mu.Unlock()
	}()
	if err := j.reconfigure(ctx, u, false); err != nil {
		return nil, err
	}
	return j.document(), nil
}

// reconfigure stores the changed configuration durably and takes it.
func (j *job) reconfigure(ctx context.Context, u *document.Update, open bool) error {
	j.m.shared.mu.RLock()
	defer j.m.shared.mu.RUnlock()
	j.naming.Lock()
	defer j.naming.Unlock()
	have := j.conf.Load()
	if j.gone {
		return notFound(j.id)
	}
	if have.spec == nil {
		return &Error{Fault: BadRequest, Job: j.id, Reason: "the stored configuration of job [" + j.id + "] cannot be read; delete the job"}
	}
	w, err := u.Apply(have.wire, open, j.view.Load().Size.Bytes)
	if err != nil {
		return err
	}
	if err := j.m.missingFilter(w); err != nil {
		return err
	}
	conf, err := j.m.newConfig(w)
	if err != nil {
		return &Error{Fault: BadRequest, Job: j.id, Reason: err.Error()}
	}
	stored, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("encode the configuration of job [%s]: %w", j.id, err)
	}
	if err := j.m.names.move(j.id, have.wire.Groups, w.Groups); err != nil {
		return err
	}
	if err := j.save(ctx, func(row *store.Job) { row.Config = stored }); err != nil {
		// Cannot fail: the names were free a moment ago and nobody waits for them.
		_ = j.m.names.move(j.id, w.Groups, have.wire.Groups)
		if errors.Is(err, store.ErrNotFound) {
			return notFound(j.id) // It was deleted meanwhile.
		}
		return notDurable(j.id, "its configuration", err)
	}
	j.conf.Store(conf)
	return nil
}

// missingFilter refuses rules that name a filter which does not exist.
func (m *Manager) missingFilter(w *wire.Job) error {
	for _, id := range document.FilterIDs(w) {
		if m.shared.filters[id] == nil {
			return noFilter(id)
		}
	}
	return nil
}

// update handles an updateTask.
func (r *runner) update(t *updateTask) bool {
	if err := r.j.reconfigure(r.ctx, t.update, true); err != nil {
		t.refuse(err)
		return true
	}
	return r.sendConfig(func(err error) { t.answer <- updated{job: r.j.document(), err: err} })
}

// sendConfig brings the engine up to the job's configuration. A process that ended
// between storing a configuration and this does it at the next start.
func (r *runner) sendConfig(done func(error)) bool {
	want := r.j.conf.Load().spec
	if bytes.Equal(want.Append(nil), r.eng.Config().Append(nil)) {
		done(nil)
		return true
	}
	return r.submit(&unit{
		entries: []*entry.Entry{{Kind: entry.Update, Config: want}}, what: "this update",
		done: func(err error, _ *view) { done(err) },
	})
}
