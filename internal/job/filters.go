package job

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"tidemark/engine/spec"
	"tidemark/internal/document"
	"tidemark/internal/store"
	"tidemark/wire"
)

// filterKind names filters among what jobs share.
const filterKind = "filter"

// items are a filter's, for configurations.
func (s *shared) items(id string) ([]string, bool) {
	f, ok := s.filters[id]
	if !ok {
		return nil, false
	}
	return f.Items, true
}

func noFilter(id string) *Error {
	return &Error{Fault: NotFound, Reason: "No filter with id [" + id + "] exists"}
}

// PutFilter makes a filter that does not exist yet.
func (m *Manager) PutFilter(ctx context.Context, f *wire.Filter) (*wire.Filter, error) {
	return m.changeFilter(ctx, f.FilterID, func(have *wire.Filter) (*wire.Filter, error) {
		if have != nil {
			return nil, &Error{Fault: Exists, Reason: "A filter with id [" + f.FilterID + "] already exists"}
		}
		return f, nil
	})
}

// UpdateFilter changes a filter. Open jobs whose rules name it work by it when it
// returns.
func (m *Manager) UpdateFilter(ctx context.Context, id string, c *document.FilterChange) (*wire.Filter, error) {
	return m.changeFilter(ctx, id, func(have *wire.Filter) (*wire.Filter, error) {
		if have == nil {
			return nil, noFilter(id)
		}
		return c.Apply(have)
	})
}

func (m *Manager) changeFilter(ctx context.Context, id string, change func(*wire.Filter) (*wire.Filter, error)) (*wire.Filter, error) {
	if err := m.usable(id); err != nil {
		return nil, err
	}
	f, err := m.storeFilter(ctx, id, change)
	if err != nil {
		return nil, err
	}
	concerns := func(w *wire.Job) bool { return slices.Contains(document.FilterIDs(w), id) }
	return f, m.refresh(ctx, concerns, func(*wire.Job) []spec.Event { return nil })
}

func (m *Manager) storeFilter(ctx context.Context, id string, change func(*wire.Filter) (*wire.Filter, error)) (*wire.Filter, error) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	f, err := change(m.shared.filters[id])
	if err != nil {
		return nil, err
	}
	doc, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encode filter [%s]: %w", id, err)
	}
	if err := m.opt.Store.SaveShared(ctx, store.Shared{Kind: filterKind, ID: id, Doc: doc}); err != nil {
		return nil, notDurable(id, "the filter", err)
	}
	m.shared.filters[id] = f
	return f, nil
}

// Filters returns the filters that an expression chooses, by id.
func (m *Manager) Filters(_ context.Context, expr string) ([]wire.Filter, error) {
	if err := m.usable(expr); err != nil {
		return nil, err
	}
	m.shared.mu.RLock()
	defer m.shared.mu.RUnlock()
	filters, missing := chosen(m.shared.filters, expr)
	if missing != "" {
		return nil, noFilter(missing)
	}
	list := make([]wire.Filter, len(filters))
	for i, f := range filters {
		list[i] = *f
	}
	return list, nil
}

// DeleteFilter removes a filter that no job's rules name.
func (m *Manager) DeleteFilter(ctx context.Context, id string) error {
	if err := m.usable(id); err != nil {
		return err
	}
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	if m.shared.filters[id] == nil {
		return noFilter(id)
	}
	var users []string
	for _, j := range m.all() {
		if slices.Contains(document.FilterIDs(j.conf.Load().wire), id) {
			users = append(users, j.id)
		}
	}
	if len(users) > 0 {
		return &Error{Fault: Conflict, Reason: "Cannot delete filter [" + id + "] currently used by jobs [" + strings.Join(users, ", ") + "]"}
	}
	if err := m.opt.Store.DeleteShared(ctx, filterKind, id); err != nil {
		return notDurable(id, "the filter's end", err)
	}
	delete(m.shared.filters, id)
	return nil
}

// refreshTask brings an open job's configuration up to what jobs share.
type refreshTask struct {
	// added are events that count now and did not before.
	added  []spec.Event
	answer chan error
}

func (t *refreshTask) refuse(err error) { t.answer <- err }

// refresh makes the jobs that a change concerns work by what is shared now. added
// are the events that count for a job now and did not before: they are applied to
// its past, too.
func (m *Manager) refresh(ctx context.Context, concerns func(*wire.Job) bool, added func(*wire.Job) []spec.Event) error {
	type wait struct {
		j *job
		t *refreshTask
	}
	var waits []wait
	for _, j := range m.all() {
		have := j.conf.Load()
		if have.spec == nil || !concerns(have.wire) {
			continue
		}
		events := added(have.wire)
		if r := j.run.Load(); r != nil {
			t := &refreshTask{added: events, answer: make(chan error, 1)}
			if r.enqueue(ctx, t) == nil {
				waits = append(waits, wait{j, t})
				continue
			}
		}
		if err := m.refreshClosed(ctx, j, events); err != nil {
			return err
		}
	}
	for _, w := range waits {
		select {
		case err := <-w.t.answer:
			e, refused := err.(*Error)
			switch {
			case refused && (e.Fault == NotOpen || e.Fault == Conflict):
				// It closed meanwhile and takes what is new when it opens.
				err = m.refreshClosed(ctx, w.j, w.t.added)
			case refused && e.Fault == NotFound:
				err = nil // It was deleted meanwhile.
			}
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// refreshClosed is refresh for a job that nobody works on.
func (m *Manager) refreshClosed(ctx context.Context, j *job, events []spec.Event) error {
	if err := j.renew(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	if err := j.reworkClosed(ctx, events); err != nil {
		m.log.Warn("events were not applied to a job's past", "job", j.id, "error", err)
		m.opt.Note(j.id, "warning", "Scheduled events were not applied to results that exist already: "+err.Error())
	}
	return nil
}

// renew makes a job's configuration anew from the same document.
func (j *job) renew() error {
	j.m.shared.mu.RLock()
	defer j.m.shared.mu.RUnlock()
	j.naming.Lock()
	defer j.naming.Unlock()
	conf, err := j.m.newConfig(j.conf.Load().wire)
	if err == nil {
		j.conf.Store(conf)
	}
	return err
}

// refreshed handles a refreshTask.
func (r *runner) refreshed(t *refreshTask) bool {
	if err := r.j.renew(); err != nil {
		t.refuse(err)
		return true
	}
	done := func(err error) { t.answer <- err }
	if applied, goesOn := r.applyToPast(t.added, r.j.conf.Load().spec, done); applied || !goesOn {
		if !applied {
			done(notOpen(r.j.id))
		}
		return goesOn
	}
	return r.sendConfig(done)
}
