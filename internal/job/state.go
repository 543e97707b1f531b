package job

import (
	"context"
	"sync"
	"sync/atomic"

	"tidemark/internal/store"
	"tidemark/wire"
)

// state is where a job stands.
//
//	closed → opening → opened → closing → closed
//	            ↓         ↓        ↓
//	            failed ←───────────        failed → opening
type state = wire.JobState

const (
	closed  = wire.StateClosed
	opening = wire.StateOpening
	opened  = wire.StateOpened
	closing = wire.StateClosing
	failed  = wire.StateFailed
)

// job is one live job: what is known of it without its engine, and, while it
// is not closed, the runner that works for it.
type job struct {
	m    *Manager
	num  uint64
	id   string
	conf atomic.Pointer[config]

	// run is set while the job is opening, opened or closing.
	run  atomic.Pointer[runner]
	view atomic.Pointer[view]
	// replayWork and snapshotMs are figures for monitoring.
	replayWork, snapshotMs atomic.Int64
	// active is the id of the newest snapshot; keptMs is when the last one was made
	// that is kept until it expires.
	active atomic.Pointer[string]
	keptMs atomic.Int64
	// forecasts has a *wire.ForecastStats for each, by id.
	forecasts sync.Map

	// naming makes changes of the configuration one after the other, and guards that
	// the names a job holds are those of its configuration: gone is set when it holds
	// none any more. It is taken after shared.mu.
	naming sync.Mutex
	gone   bool

	mu    sync.Mutex
	state state
	// changing is set while the job is being "deleted", "repaired" or "updated": it
	// cannot be opened then.
	changing string
	// row is the durable row as last written or read. Committed and LogEnd are
	// as of the last time the job had no runner.
	row store.Job
}

func (j *job) stateNow() state {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// changingNow is what is being done with the job, "" if nothing.
func (j *job) changingNow() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changing
}

// runner returns who takes the job's requests, or why nobody does.
func (j *job) runner() (*runner, error) {
	if err := j.m.upgrading(j.id, "job ["+j.id+"] takes nothing while upgrade mode is enabled; try again when it is off"); err != nil {
		return nil, err
	}
	r := j.run.Load()
	if r == nil {
		if j.m.leaving.Load() {
			return nil, stopping(j.id)
		}
		return nil, notOpen(j.id)
	}
	if !r.open.Load() {
		if r.recovers {
			return nil, recovering(j.id)
		}
		return nil, notOpen(j.id)
	}
	return r, nil
}

// save writes the row durably after change. The row's stamps and stats are
// those of the current view. It is called only by whoever moves the job's
// state, one at a time.
func (j *job) save(ctx context.Context, change func(*store.Job)) error {
	j.mu.Lock()
	row := j.row
	j.mu.Unlock()
	change(&row)
	var err error
	if row.Stamps, row.Stats, err = j.view.Load().encode(); err != nil {
		return err
	}
	if err := j.m.opt.Store.SaveJob(ctx, &row); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.row.Config, j.row.State, j.row.Reason = row.Config, row.State, row.Reason
	j.row.FailedAt, j.row.Failures = row.FailedAt, row.Failures
	return nil
}
