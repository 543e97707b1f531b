package job

import "sync"

// task is one thing for a job's owner to do; see owner.go for the kinds.
type task interface {
	// refuse answers whoever waits for a task that will never be done.
	refuse(error)
}

// queue is the FIFO of one job's owner. Its bound holds for requests of
// clients; the tasks that end the owner are always taken, once, and nothing is
// taken after them.
type queue struct {
	mu     sync.Mutex
	tasks  []task
	sealed error
	// wake holds a token when the owner has something to look at.
	wake chan struct{}
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// push adds a client's task. It returns the reason of seal after a seal, and
// errQueueFull if bound tasks are waiting already.
func (q *queue) push(t task, bound int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sealed != nil {
		return q.sealed
	}
	if len(q.tasks) >= bound {
		return errQueueFull
	}
	q.tasks = append(q.tasks, t)
	q.poke()
	return nil
}

// seal refuses every later task with why. It reports false if the queue was
// sealed before. A last task, unless nil, still goes in behind all others.
func (q *queue) seal(last task, why error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sealed != nil {
		return false
	}
	q.sealed = why
	if last != nil {
		q.tasks = append(q.tasks, last)
	}
	q.poke()
	return true
}

// drop takes out every waiting client task and returns them; tasks that end the
// owner stay.
func (q *queue) drop() (dropped []task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var kept []task
	for _, t := range q.tasks {
		if _, ends := t.(*endTask); ends {
			kept = append(kept, t)
		} else {
			dropped = append(dropped, t)
		}
	}
	q.tasks = kept
	return dropped
}

// take removes and returns the first task, or nil if none waits.
func (q *queue) take() task {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.tasks) == 0 {
		return nil
	}
	t := q.tasks[0]
	q.tasks[0] = nil
	q.tasks = q.tasks[1:]
	if len(q.tasks) == 0 {
		q.tasks = nil
	}
	return t
}

// poke makes the owner look up even if no task came.
func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.tasks)
}
