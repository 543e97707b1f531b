package job

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Workers lends goroutines to engines. All jobs of a process share one, so
// that a thousand busy jobs do not run a thousand times GOMAXPROCS goroutines.
//
// A call never waits for a free worker: the caller does the work itself and
// gets as much help as there is. Which goroutine does what never changes a
// result, because the parts of a call share nothing.
type Workers struct {
	// helpers holds a token for each goroutine that may still be lent.
	helpers chan struct{}
}

// NewWorkers returns workers that use at most n goroutines beside the callers;
// n < 0 means one less than GOMAXPROCS.
func NewWorkers(n int) *Workers {
	if n < 0 {
		n = runtime.GOMAXPROCS(0) - 1
	}
	w := &Workers{helpers: make(chan struct{}, n)}
	for range n {
		w.helpers <- struct{}{}
	}
	return w
}

// PartPanic is what Do panics with when a part panicked: the value and the
// stack of the goroutine where it happened.
type PartPanic struct {
	Part  int
	Value any
	Stack []byte
}

// Error describes the panic without its stack.
func (p *PartPanic) Error() string { return fmt.Sprintf("part %d: %v", p.Part, p.Value) }

// Do calls do(0) … do(n-1), each once, and returns when all are done. If parts
// panic, the others still run and Do panics with the *PartPanic of the lowest
// part, on the caller's goroutine.
func (w *Workers) Do(n int, do func(i int)) {
	if n <= 0 {
		return
	}
	var (
		next  atomic.Int64
		wait  sync.WaitGroup
		mu    sync.Mutex
		first *PartPanic
	)
	part := func(i int) {
		defer func() {
			if v := recover(); v != nil {
				mu.Lock()
				defer mu.Unlock()
				if first == nil || i < first.Part {
					first = &PartPanic{Part: i, Value: v, Stack: debug.Stack()}
				}
			}
		}()
		do(i)
	}
	work := func() {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			part(int(i))
		}
	}
	for range n - 1 {
		if !w.lend(&wait, work) {
			break
		}
	}
	work()
	wait.Wait()
	if first != nil {
		panic(first)
	}
}

// lend runs work on another goroutine if one is free.
func (w *Workers) lend(wait *sync.WaitGroup, work func()) bool {
	select {
	case <-w.helpers:
	default:
		return false
	}
	wait.Go(func() {
		defer func() { w.helpers <- struct{}{} }()
		work()
	})
	return true
}
