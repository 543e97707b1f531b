package job

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCrowd lets many clients do everything to the same jobs at once. Every
// answer must be a legal one, and in the end the jobs can be used.
func TestCrowd(t *testing.T) {
	d := newMemDisk()
	r := start(t, d, func(o *Options) { o.SnapshotWork, o.QueueLength = 50, 8 })
	ctx := t.Context()
	legal := map[Fault]bool{NotFound: true, NotOpen: true, Conflict: true, Exists: true, Busy: true, Unavailable: true}
	check := func(what string, err error) {
		var e *Error
		if err != nil && (!errors.As(err, &e) || !legal[e.Fault]) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 1))
			for i := range 150 {
				id := fmt.Sprint("job", rng.IntN(2))
				switch rng.IntN(12) {
				case 0:
					check("put", r.putBody(id, sumJob))
				case 1, 2:
					check("open", r.m.Open(ctx, id, 0))
				case 3:
					check("close", r.m.Close(ctx, id, rng.IntN(2) == 0, true, 0))
				case 4:
					if rng.IntN(4) == 0 {
						check("delete", r.m.Delete(ctx, id, rng.IntN(2) == 0))
					}
				case 5:
					_, err := r.m.Flush(ctx, id, Flush{CalcInterim: true})
					check("flush", err)
				case 6:
					_, err := r.m.Stats(ctx, "_all", true)
					check("stats", err)
					r.m.Overview()
				default:
					_, err := r.tryPost(id, records(i*60, 10, 5), fmt.Sprint(c, i))
					check("post", err)
				}
			}
		})
	}
	clients.Wait()
	for _, id := range []string{"job0", "job1"} {
		if r.m.CheckOpen(ctx, id) != nil {
			check("put", r.putBody(id, sumJob))
			r.open(id)
		}
		r.flush(id, Flush{})
		want := r.summary(id)
		r.must(r.m.Close(ctx, id, false, false, 0))
		r.open(id)
		if got := r.summary(id); got != want {
			t.Errorf("after reopening:\n%s\nbefore:\n%s", got, want)
		}
	}
}

// TestOrderOfUploads: uploads queued one after the other are applied in that
// order, whoever waits for them.
func TestOrderOfUploads(t *testing.T) {
	r := start(t, newMemDisk())
	r.put("a")
	r.open("a")
	j, _ := r.m.find("a")
	run, err := j.runner()
	r.must(err)
	var answers []chan posted
	for i := range 50 {
		// In any other order some of these would be out of order.
		u, err := r.read("a", records(i*300, 60, 2), "")
		r.must(err)
		task, err := newPostTask(u)
		r.must(err)
		task.release = func() {}
		r.must(run.enqueue(t.Context(), task))
		answers = append(answers, task.answer)
	}
	for i, a := range answers {
		if p := <-a; p.err != nil || p.Counts.OutOfOrder != 0 || p.Counts.ProcessedRecords != 2 {
			t.Errorf("upload %d: %+v", i, p)
		}
	}
}

func TestShutdownFinishesWhatIsQueued(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	d.log.set(func() { d.log.held = true })
	var clients sync.WaitGroup
	for range 5 {
		u, err := r.read("a", records(0, 60, 3), "")
		r.must(err)
		clients.Go(func() {
			if _, err := r.m.Post(context.Background(), "a", u); err != nil {
				t.Error(err)
			}
		})
	}
	d.log.waitForHeld(5)
	clients.Go(func() {
		d.log.set(func() { d.log.held = false })
		d.log.release(nil)
	})
	r.stop()
	clients.Wait()
	fault(t, r.m.CheckOpen(t.Context(), "a"), Unavailable)
	next := start(t, d.after(t))
	if got := next.m.Overview()[0]; got.Processed != 15 || got.State != "opened" {
		t.Errorf("after the next start: %+v", got)
	}
	if p := next.m.Figures().Recovery; p.Entries != 0 || !p.Finished || p.Jobs != 1 {
		t.Errorf("a start after a shutdown replayed: %+v", p)
	}
}

func TestWaitsEnd(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	d.log.set(func() { d.log.held = true })
	fault(t, r.m.Open(t.Context(), "a", time.Nanosecond), Timeout)
	d.log.waitForHeld(1)
	d.log.set(func() { d.log.held = false })
	d.log.release(nil)
	for r.m.CheckOpen(t.Context(), "a") != nil {
		runtime.Gosched() // the opening goes on
	}
	r.post("a", records(0, 60, 3))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.m.Close(ctx, "a", false, false, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("close for a client that is gone: %v", err)
	}
	if got := r.stateOf("a"); got != "opened" {
		t.Errorf("the close of a client that was gone before left the job %s", got)
	}
}

func TestWorkers(t *testing.T) {
	for _, helpers := range []int{0, 1, 7} {
		w := NewWorkers(helpers)
		var calls sync.WaitGroup
		for range 4 {
			calls.Go(func() {
				for _, n := range []int{0, 1, 2, 33} {
					seen := make([]atomic.Int32, n)
					w.Do(n, func(i int) { seen[i].Add(1) })
					for i := range seen {
						if seen[i].Load() != 1 {
							t.Errorf("%d helpers: part %d of %d ran %d times", helpers, i, n, seen[i].Load())
						}
					}
				}
			})
		}
		calls.Wait()
		var ran atomic.Int32
		func() {
			defer func() {
				p, ok := recover().(*PartPanic)
				if !ok || p.Part != 3 || p.Value != "boom 3" || len(p.Stack) == 0 {
					t.Errorf("%d helpers: recovered %v, want part 3", helpers, p)
				}
			}()
			w.Do(10, func(i int) {
				ran.Add(1)
				if i == 3 || i == 7 {
					panic(fmt.Sprint("boom ", i))
				}
			})
		}()
		if ran.Load() != 10 {
			t.Errorf("%d helpers: %d parts ran beside a panic, want all 10", helpers, ran.Load())
		}
		if len(w.helpers) != helpers {
			t.Errorf("%d of %d helpers came back", len(w.helpers), helpers)
		}
	}
}

func TestTiming(t *testing.T) {
	var s timing
	s.add(0, 1, 10*time.Millisecond)
	s.add(hourMs/2, 1, 30*time.Millisecond)
	if got := s.perHour(); got != 40 {
		t.Errorf("first hour %v ms, want 40", got)
	}
	s.add(hourMs, 3, 20*time.Millisecond)
	if s.Buckets != 5 || s.TotalMs != 100 || s.MinMs != 10 || s.MaxMs != 30 {
		t.Errorf("%+v", s)
	}
	if got := s.perHour(); got != 40 {
		t.Errorf("after one full hour %v ms, want 40", got)
	}
}

// TestManyIdleJobs: a thousand open jobs come back, with a bounded number
// loading at a time.
func TestManyIdleJobs(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	const n = 300
	for i := range n {
		id := fmt.Sprintf("job%03d", i)
		r.put(id)
		r.open(id)
	}
	r = r.restart()
	states := map[string]int{}
	for _, f := range r.m.Overview() {
		states[f.State]++
	}
	if states["opened"] != n {
		t.Errorf("states %v", states)
	}
	ids := []string{}
	all, err := r.m.Stats(t.Context(), "job00*", false)
	r.must(err)
	for _, s := range all {
		ids = append(ids, s.JobID)
	}
	if !slices.IsSorted(ids) || len(ids) != 10 {
		t.Errorf("stats of job00*: %v", ids)
	}
}
