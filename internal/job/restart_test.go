package job

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// command is one step of a random life of a job.
type command struct {
	kind string
	body string
	key  string
	f    Flush
}

func (c command) String() string { return fmt.Sprintf("%s %+v %d bytes", c.kind, c.f, len(c.body)) }

// drawCommands makes a life in which time mostly goes on.
func drawCommands(t *rapid.T, n int) []command {
	at := 0
	var list []command
	for i := range n {
		c := command{kind: rapid.SampledFrom([]string{"post", "post", "post", "flush", "interim", "advance", "skip", "reopen"}).Draw(t, "kind")}
		switch c.kind {
		case "post":
			count := rapid.IntRange(0, 30).Draw(t, "records")
			c.body = records(at-rapid.IntRange(0, 400).Draw(t, "late"), 45, count)
			at += 45 * count
			if rapid.Bool().Draw(t, "keyed") {
				c.key = fmt.Sprintf("key-%d", i)
			}
		case "interim":
			c.f.CalcInterim = true
		case "advance":
			at += rapid.IntRange(0, 2000).Draw(t, "seconds")
			c.f = Flush{HasAdvance: true, AdvanceMs: base + int64(at)*1000, CalcInterim: rapid.Bool().Draw(t, "interim")}
		case "skip":
			at += rapid.IntRange(0, 1000).Draw(t, "seconds")
			c.f = Flush{HasSkip: true, SkipMs: base + int64(at)*1000}
		}
		list = append(list, c)
	}
	return list
}

func (r *rig) run(c command) {
	r.t.Helper()
	switch c.kind {
	case "post":
		_, err := r.tryPost("a", c.body, c.key)
		r.must(err)
	case "reopen":
		r.close("a")
		r.open("a")
	default:
		r.flush("a", c.f)
	}
}

// stateHash is the hash of the state of job a: an advance that moves nothing is
// appended, and the owner takes the hash before it.
func (r *rig) stateHash() uint64 {
	r.t.Helper()
	r.hash.Store(0)
	r.flush("a", Flush{HasAdvance: true, AdvanceMs: 1000})
	hash := r.hash.Load()
	if hash == 0 {
		r.t.Fatal("no hash was taken")
	}
	return hash
}

// TestRestartsChangeNothing inserts restarts of every kind between the steps of
// a random life, and compares results, counts and state with a run that never
// stopped.
func TestRestartsChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		commands := drawCommands(rt, rapid.IntRange(1, 14).Draw(rt, "steps"))
		calm := start(t, newMemDisk())
		defer calm.stop()
		calm.put("a")
		calm.open("a")
		for _, c := range commands {
			calm.run(c)
		}

		disk := newMemDisk()
		disk.powerLoss = rapid.Bool().Draw(rt, "power")
		work := rapid.SampledFrom([]int64{1, 40, 1 << 40}).Draw(rt, "snapshot work")
		busy := func(o *Options) { o.SnapshotWork = work }
		rough := start(t, disk, busy)
		rough.put("a")
		rough.open("a")
		for _, c := range commands {
			rough.run(c)
			switch rapid.SampledFrom([]string{"", "", "crash", "restart"}).Draw(rt, "then") {
			case "crash":
				rough = rough.crash(busy)
			case "restart":
				rough = rough.restart(busy)
			}
			if c.key != "" {
				p, err := rough.tryPost("a", c.body, c.key)
				rough.must(err)
				if !p.Repeated {
					rt.Fatal("a repeated upload was taken twice")
				}
			}
		}
		defer rough.stop()
		if disk.powerLoss {
			// Interim results are no part of the log: a loss of power may take
			// them. The next bucket removes them anyway.
			last := command{kind: "flush", f: Flush{HasAdvance: true, AdvanceMs: base + 100*fiveMinutes}}
			calm.run(last)
			rough.run(last)
		}
		if got, want := rough.summary("a"), calm.summary("a"); got != want {
			rt.Fatalf("with restarts:\n%s\nwithout:\n%s", got, want)
		}
		if got, want := rough.stateHash(), calm.stateHash(); got != want {
			rt.Fatalf("state hash %x, without restarts %x", got, want)
		}
	})
}

// TestCrashAtEveryStep takes the disk as it is at every point between log,
// snapshot file and results, and goes on from there.
func TestCrashAtEveryStep(t *testing.T) {
	script := func(r *rig, from int) {
		for i := from; i < 6; i++ {
			_, err := r.tryPost("a", records(i*600, 30, 20), fmt.Sprint("k", i))
			r.must(err)
		}
		r.close("a")
		r.open("a")
		r.post("a", records(3600, 30, 20))
	}
	calm := start(t, newMemDisk())
	calm.put("a")
	calm.open("a")
	script(calm, 0)
	want := calm.summary("a")

	for _, power := range []bool{false, true} {
		type moment struct {
			point string
			disk  disk
		}
		var (
			mu      sync.Mutex // a snapshot is written beside the commits
			moments []moment
		)
		d := newMemDisk()
		d.powerLoss = power
		r := start(t, d, func(o *Options) {
			o.SnapshotWork = 1
			o.step = func(point string) {
				mu.Lock()
				defer mu.Unlock()
				moments = append(moments, moment{point, d.after(t)})
			}
		})
		r.put("a")
		r.open("a")
		// One after the other, so that the steps do not run side by side.
		for i := range 6 {
			_, err := r.tryPost("a", records(i*600, 30, 20), fmt.Sprint("k", i))
			r.must(err)
			r.waitForSnapshots("a")
		}
		r.close("a")
		r.stop()
		seen := map[string]int{}
		for _, at := range moments {
			seen[at.point]++
			next := start(t, at.disk)
			if err := next.m.CheckOpen(t.Context(), "a"); err != nil {
				next.open("a")
			}
			script(next, 0) // uploads that were taken already are repeats
			if got := next.summary("a"); got != want {
				t.Errorf("crash at %q (power loss %v):\n%s\nwant:\n%s", at.point, power, got, want)
			}
			next.stop()
		}
		for _, point := range []string{"durable", "committed", "snapshot-begins", "snapshot-written", "snapshot-published", "log-trimmed", "closed"} {
			if seen[point] == 0 {
				t.Errorf("no crash at %q was tried", point)
			}
		}
	}
}

func TestAnsweredMeansDurable(t *testing.T) {
	d := newMemDisk()
	d.powerLoss = true
	r := start(t, d)
	r.put("a")
	r.open("a")
	if got := r.crash().stateOf("a"); got != "opened" {
		t.Fatalf("after a loss of power an opened job is %s", got)
	}
}

func TestCloseAndDeleteAreDurable(t *testing.T) {
	d := newMemDisk()
	d.powerLoss = true
	r := start(t, d)
	for _, id := range []string{"a", "b", "c"} {
		r.put(id)
		r.open(id)
		r.post(id, records(0, 60, 12))
	}
	r.close("a")
	r.must(r.m.Delete(t.Context(), "b", true))
	fault(t, r.m.CheckOpen(t.Context(), "b"), NotFound)
	r = r.crash()
	if got := r.stateOf("a"); got != "closed" {
		t.Errorf("a closed job is %s", got)
	}
	fault(t, r.m.CheckOpen(t.Context(), "b"), NotFound)
	if got := r.stateOf("c"); got != "opened" {
		t.Errorf("an open job is %s", got)
	}
	jobs, err := r.m.Get(t.Context(), "a", false)
	r.must(err)
	if jobs[0].FinishedTime == nil {
		t.Error("a closed job has no finished_time")
	}
}

// TestPurgeGoesOn deletes, crashes at each step of the purge, and expects
// nothing to remain in the end.
func TestPurgeGoesOn(t *testing.T) {
	d := newMemDisk()
	var halfway *memDisk // the log is gone, the rows are not
	r := start(t, d, func(o *Options) {
		o.step = func(point string) {
			if point == "purge" && halfway == nil {
				halfway = d.after(t).(*memDisk)
			}
		}
	})
	r.put("a")
	r.open("a")
	r.post("a", records(0, 60, 30))
	j, _ := r.m.find("a")
	r.must(r.m.Delete(t.Context(), "a", true))
	// The id is free while the purge is going on.
	r.put("a")
	r.waitForPurges()
	r.stop()
	if len(halfway.store.live.tombs) == 0 {
		t.Fatal("the tombstone went before the rows")
	}
	next := start(t, halfway)
	next.waitForPurges()
	next.stop()
	s := halfway.store.live
	if len(s.buckets[j.num])+len(s.snapshots[j.num]) > 0 || len(halfway.log.of(j.num).entries) > 0 {
		t.Error("a deleted job left rows behind")
	}
}

// waitForSnapshots waits until no snapshot is due or being written.
func (r *rig) waitForSnapshots(id string) {
	r.t.Helper()
	// The second flush is begun after the first one's snapshot was.
	r.flush(id, Flush{})
	r.flush(id, Flush{})
	j, err := r.m.find(id)
	r.must(err)
	for j.run.Load().saving.Load() {
		runtime.Gosched()
	}
}

// waitForPurges waits until no tombstone is left.
func (r *rig) waitForPurges() {
	r.t.Helper()
	for {
		list, err := r.opt.Store.Tombstones(context.Background())
		r.must(err)
		if len(list) == 0 {
			return
		}
		runtime.Gosched()
	}
}
