package job

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/internal/store"
)

// retriesAtStart is how often a start tries a job that keeps failing at the
// same log position. After that only an explicit open tries it again.
const retriesAtStart = 3

// Recover reads the stored jobs, continues purges, and brings every job that
// was open back to where its log ends. It returns when all of them are open or
// have failed; a job's failure is no error of Recover. Requests to jobs that
// are being recovered are refused as Unavailable meanwhile.
func (m *Manager) Recover(ctx context.Context) error {
	if err := m.loadShared(ctx); err != nil {
		return err
	}
	rows, err := m.opt.Store.Jobs(ctx)
	if err != nil {
		return err
	}
	var dormant []*job
	for i := range rows {
		dormant = append(dormant, m.adopt(&rows[i]))
	}
	if err := m.loadForecasts(ctx); err != nil {
		return err
	}
	if err := m.resumePurges(ctx); err != nil {
		return err
	}
	m.recovery.jobs.Store(int64(len(dormant)))
	runners, err := m.wake(ctx, dormant)
	m.ready.Store(true)
	if err != nil {
		return err
	}
	began, failures := time.Now(), 0
	for _, r := range runners {
		select {
		case <-r.started:
		case <-ctx.Done():
			return ctx.Err()
		}
		m.recovery.done.Add(1)
		if r.startErr != nil {
			failures++
			m.recovery.failed.Add(1)
		}
	}
	m.recovery.finished.Store(true)
	p := m.recovery.read()
	m.log.Info("jobs recovered", "jobs", p.Jobs, "opened", len(runners), "failed", failures,
		"entries", p.Replayed, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// adopt makes a stored row a live job. A row that cannot be understood is a
// failed job, not a failed start.
func (m *Manager) adopt(row *store.Job) *job {
	j := &job{m: m, num: row.Num, id: row.ID, row: *row, state: state(row.State)}
	m.shared.mu.RLock()
	conf, err := m.decodeConfig(row.Config)
	m.shared.mu.RUnlock()
	if err != nil {
		m.log.Error("a stored job configuration cannot be read", "job", row.ID, "error", err)
		conf = unreadableConfig(row.ID)
		j.state, j.row.Reason = failed, "its stored configuration cannot be read: "+err.Error()
	}
	v, err := decodeView(row.Stamps, row.Stats)
	if err != nil {
		m.log.Error("stored figures of a job cannot be read; they begin anew", "job", row.ID, "error", err)
		v = newView()
	}
	j.conf.Store(conf)
	j.view.Store(v)
	var meta snapshotMeta
	if row.Newest != nil && json.Unmarshal(row.Newest, &meta) == nil && meta.ID != "" {
		j.active.Store(&meta.ID)
	}
	if v.RevertedAt > row.NewestAt {
		j.active.Store(&v.RevertedTo)
	}
	m.names.adopt(row.ID, conf.wire.Groups)
	m.jobs.Store(row.ID, j)
	return j
}

// wake starts the runners of the jobs that have to come back. Thousands of
// runners are cheap: only few of them load at the same time.
func (m *Manager) wake(ctx context.Context, dormant []*job) ([]*runner, error) {
	var (
		mu      sync.Mutex
		runners []*runner
		first   error
		look    sync.WaitGroup
	)
	next := make(chan *job)
	for range cap(m.loads) {
		look.Go(func() {
			for j := range next {
				r, err := m.wakeOne(ctx, j)
				mu.Lock()
				switch {
				case err != nil && first == nil:
					first = err
				case r != nil:
					runners = append(runners, r)
				default:
					m.recovery.done.Add(1)
				}
				mu.Unlock()
			}
		})
	}
	for _, j := range dormant {
		next <- j
	}
	close(next)
	look.Wait()
	return runners, first
}

// wakeOne starts a job's runner if it was open, or if its log holds what its
// row does not know of: an entry whose answer never went out.
func (m *Manager) wakeOne(ctx context.Context, j *job) (*runner, error) {
	row := &j.row
	switch {
	case j.conf.Load().spec == nil:
		return nil, nil
	case row.State == store.Failed && row.Failures >= retriesAtStart:
		m.log.Warn("a job that keeps failing at the same log position stays failed until it is opened",
			"job", j.id, "position", row.FailedAt, "reason", row.Reason)
		return nil, nil
	case row.State == store.Closed && row.FailedAt != 0:
		// Closed by force after a failure: what is behind is known.
		return nil, nil
	case row.State == store.Closed:
		_, last, err := m.opt.Log.Bounds(ctx, j.num)
		if err != nil {
			return nil, err
		}
		if last == row.Committed && last >= row.LogEnd {
			return nil, nil
		}
	}
	j.state = closed
	return j.beginOpening(true)
}
