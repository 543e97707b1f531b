package job

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"tidemark/engine"
	"tidemark/internal/match"
)

// Manager runs all jobs of a process. Its methods may be called from several
// goroutines. A request that finds its job takes no lock that another job's
// requests take.
type Manager struct {
	opt Options
	log *slog.Logger

	// jobs holds every live job by id.
	jobs   sync.Map
	names  names
	shared shared
	// upgrade: no job is opened, none takes data.
	upgrade  atomic.Bool
	settings settings

	// bytes are the encoded uploads in flight.
	bytes atomic.Int64
	// loads and saves bound how many jobs are restored or snapshotted at once.
	loads, saves chan struct{}

	// ready is set once the jobs' rows are known, leaving by Shutdown.
	ready, leaving atomic.Bool
	// background counts the goroutines that are not a runner's: purges.
	background sync.WaitGroup
	ctx        context.Context
	cancel     context.CancelFunc
	purges     purges

	recovery                   progress
	bucketClose, snapshotStall *histogram
}

// snapshotsAtOnce bounds the snapshots that are written side by side: they
// share one disk, and a third writer would only slow down the log.
const snapshotsAtOnce = 2

// NewManager returns a manager that refuses everything until Recover has read
// the stored jobs. The caller ends it with Shutdown and then closes log and
// store. It panics if a required option is missing.
func NewManager(opt Options) *Manager {
	if err := opt.Validate(); err != nil {
		panic(err)
	}
	opt = opt.withDefaults()
	m := &Manager{
		opt:           opt,
		log:           opt.Logger,
		names:         names{ids: map[string]bool{}, groups: map[string]int{}},
		loads:         make(chan struct{}, opt.LoadsAtOnce),
		saves:         make(chan struct{}, snapshotsAtOnce),
		purges:        purges{wake: make(chan struct{}, 1)},
		bucketClose:   newHistogram(),
		snapshotStall: newHistogram(),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// engineOptions are the same for every engine of the process.
func (m *Manager) engineOptions() engine.Options {
	return engine.Options{Parallel: m.opt.Workers.Do, Build: m.opt.Build}
}

// usable refuses requests before the jobs are known and while going down.
func (m *Manager) usable(id string) error {
	switch {
	case m.leaving.Load():
		return stopping(id)
	case !m.ready.Load():
		return unavailable(id, nil, "the server is starting; try again later")
	}
	return nil
}

// find returns a live job by its literal id.
func (m *Manager) find(id string) (*job, error) {
	if err := m.usable(id); err != nil {
		return nil, err
	}
	if j, ok := m.jobs.Load(id); ok {
		return j.(*job), nil
	}
	return nil, notFound(id)
}

// running returns who takes a live job's requests, or why nobody does.
func (m *Manager) running(id string) (*runner, error) {
	j, err := m.find(id)
	if err != nil {
		return nil, err
	}
	return j.runner()
}

// all returns every live job, by id.
func (m *Manager) all() []*job {
	var list []*job
	m.jobs.Range(func(_, j any) bool {
		list = append(list, j.(*job))
		return true
	})
	slices.SortFunc(list, func(a, b *job) int { return cmp.Compare(a.id, b.id) })
	return list
}

// choose resolves an identifier expression to jobs, by id.
func (m *Manager) choose(expr string, allowNoMatch bool) ([]*job, error) {
	if err := m.usable(expr); err != nil {
		return nil, err
	}
	// Ids and group names are distinct, so that a known id is the whole answer.
	if match.Literal(expr) {
		if j, ok := m.jobs.Load(expr); ok {
			return []*job{j.(*job)}, nil
		}
	}
	live := m.all()
	things := make([]match.Named, len(live))
	byID := make(map[string]*job, len(live))
	for i, j := range live {
		things[i] = match.Named{ID: j.id, Groups: j.conf.Load().wire.Groups}
		byID[j.id] = j
	}
	ids, err := match.Resolve(expr, things, allowNoMatch)
	if err != nil {
		missing := err.(*match.MissingError)
		return nil, notFound(missing.Name)
	}
	chosen := make([]*job, len(ids))
	for i, id := range ids {
		chosen[i] = byID[id]
	}
	return chosen, nil
}

// names are the ids and group names in use, including those of jobs that are
// just being created. Only creating and deleting jobs takes its lock.
type names struct {
	mu     sync.Mutex
	ids    map[string]bool
	groups map[string]int // how many jobs are in the group
}

// take reserves an id with its groups, or says why it cannot be had.
func (n *names) take(id string, groups []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ids[id] {
		return taken(id)
	}
	if n.groups[id] > 0 {
		return clash(id, id)
	}
	for _, g := range groups {
		if n.ids[g] || g == id {
			return clash(id, g)
		}
	}
	n.add(id, groups)
	return nil
}

// move exchanges a job's groups, all of them or none.
func (n *names) move(id string, from, to []string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, g := range to {
		if n.ids[g] {
			return clash(id, g)
		}
	}
	n.remove(id, from)
	n.add(id, to)
	return nil
}

// adopt takes the names of a stored job.
func (n *names) adopt(id string, groups []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.add(id, groups)
}

func (n *names) add(id string, groups []string) {
	n.ids[id] = true
	for _, g := range groups {
		n.groups[g]++
	}
}

func taken(id string) *Error {
	return &Error{Fault: Exists, Job: id,
		Reason: "The job cannot be created with the Id '" + id + "'. The Id is already used."}
}

func clash(id, name string) *Error {
	return &Error{Fault: Exists, Job: id,
		Reason: "job and group names must be unique but job [" + name + "] and group [" + name + "] have the same name"}
}

// free gives an id and its groups back.
func (n *names) free(id string, groups []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.remove(id, groups)
}

func (n *names) remove(id string, groups []string) {
	delete(n.ids, id)
	for _, g := range groups {
		if n.groups[g]--; n.groups[g] <= 0 {
			delete(n.groups, g)
		}
	}
}
