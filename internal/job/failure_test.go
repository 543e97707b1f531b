package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/internal/inlog"
	"tidemark/internal/store"
)

// poisoned makes the engine panic on every entry of the kind with the time.
func poisoned(job string, isBad func(*entry.Entry) bool) func(*Options) {
	return func(o *Options) {
		o.Apply = func(id string, e *engine.Engine, en *entry.Entry, emit engine.Emit) (engine.Applied, error) {
			if id == job && isBad(en) {
				panic("marked record")
			}
			return e.Apply(en, emit)
		}
	}
}

// marked are records that poisoned engines stumble over: they have this value.
func isMarked(en *entry.Entry) bool {
	return en.Kind == entry.Data && len(en.Batch.Numbers) > 0 && en.Batch.Len() > 0 && en.Batch.Numbers[0][0] == 666
}

func marked(from int) string {
	return fmt.Sprintf(`{"time":%d,"value":666}`, base+int64(from)*1000)
}

// failedAt is the log position at which a job failed, as stored.
func (r *rig) failedAt(id string) uint64 {
	r.t.Helper()
	jobs, err := r.opt.Store.Jobs(context.Background())
	r.must(err)
	for _, j := range jobs {
		if j.ID == id && j.FailedAt > 0 {
			return j.FailedAt
		}
	}
	r.t.Fatalf("job %s is not stored as failed", id)
	return 0
}

func TestPanicFailsOneJob(t *testing.T) {
	d := newMemDisk()
	poison := poisoned("bad", isMarked)
	r := start(t, d, poison)
	for _, id := range []string{"bad", "good"} {
		r.put(id)
		r.open(id)
		r.post(id, records(0, 60, 12))
	}
	before := r.results("bad", store.Query{})
	_, err := r.tryPost("bad", marked(800), "k")
	place := fmt.Sprintf("log position %d (build test)", r.failedAt("bad"))
	if e := fault(t, err, Broken); !strings.Contains(e.Reason, place) {
		t.Errorf("reason %q names no place", e.Reason)
	}
	if !strings.Contains(r.logs.String(), "marked record") || !strings.Contains(r.logs.String(), "stack=") {
		t.Errorf("no stack in the log: %s", r.logs)
	}
	check := func(r *rig) {
		t.Helper()
		if got := r.stateOf("bad"); got != "failed" {
			t.Fatalf("state %s", got)
		}
		s, err := r.m.Stats(t.Context(), "bad", false)
		r.must(err)
		if !strings.Contains(s[0].AssignmentExplanation, "marked record") {
			t.Errorf("explanation %q", s[0].AssignmentExplanation)
		}
		fault(t, r.m.CheckOpen(t.Context(), "bad"), NotOpen)
		fault(t, r.m.Close(t.Context(), "bad", false, false, 0), Conflict)
		if got := r.results("bad", store.Query{}); len(got) != len(before) {
			t.Errorf("%d results readable, want %d", len(got), len(before))
		}
		r.post("good", records(800, 60, 3))
	}
	check(r)
	// Each start tries again, up to three failures in all; then only open does.
	attempts := func() int {
		jobs, _ := d.store.Jobs(t.Context())
		return jobs[0].Failures
	}
	for want := 2; want <= 3; want++ {
		r = r.crash(poison)
		d = r.disk.(*memDisk)
		check(r)
		if got := attempts(); got != want {
			t.Errorf("%d failures noted, want %d", got, want)
		}
	}
	r = r.crash(poison)
	d = r.disk.(*memDisk)
	if got := attempts(); got != 3 {
		t.Errorf("a fourth start tried again: %d failures", got)
	}
	fault(t, r.m.Open(t.Context(), "bad", 0), Broken)
	if got := attempts(); got != 4 {
		t.Errorf("an explicit open did not try: %d failures", got)
	}
	// A repaired build replays the entry.
	r = r.crash()
	r.open("bad")
	p, err := r.tryPost("bad", marked(800), "k")
	r.must(err)
	if !p.Repeated || p.Counts.ProcessedRecords != 1 {
		t.Errorf("the entry of the failed upload was not replayed: %+v", p)
	}
}

func TestFailedJobCanBeClosedAndDeleted(t *testing.T) {
	r := start(t, newMemDisk(), poisoned("a", isMarked))
	r.put("a")
	r.open("a")
	_, err := r.tryPost("a", marked(0), "")
	fault(t, err, Broken)
	r.must(r.m.Close(t.Context(), "a", true, false, 0))
	if got := r.stateOf("a"); got != "closed" {
		t.Fatalf("state %s", got)
	}
	r = r.crash(poisoned("a", isMarked))
	if got := r.stateOf("a"); got != "closed" {
		t.Fatalf("state after a restart %s", got)
	}
	fault(t, r.m.Open(t.Context(), "a", 0), Broken)
	r.must(r.m.Delete(t.Context(), "a", false))
}

func TestLeaveOut(t *testing.T) {
	poison := poisoned("a", isMarked)
	r := start(t, newMemDisk(), poison)
	r.put("a")
	r.open("a")
	r.post("a", records(0, 60, 12))
	_, err := r.tryPost("a", marked(800), "")
	fault(t, err, Broken)
	fault(t, r.m.LeaveOut(t.Context(), "a", 2), BadRequest)
	r.must(r.m.LeaveOut(t.Context(), "a", r.failedAt("a")))
	// The decision is durable before anything opens the job, and the start
	// after it tries the job again by itself.
	r = r.crash()
	if got := r.stateOf("a"); got != "opened" {
		t.Fatalf("state %s", got)
	}
	if got := r.m.Overview()[0].Processed; got != 12 {
		t.Fatalf("%d records processed, want the 12 that were not left out", got)
	}
	r.close("a")
	r.open("a")
	r.post("a", records(900, 60, 12))
	want := r.summary("a")
	// A build that could apply the entry leaves it out all the same.
	r = r.crash()
	if got := r.summary("a"); got != want {
		t.Errorf("after a restart:\n%s\nbefore:\n%s", got, want)
	}
	if got := r.stateOf("a"); got != "opened" {
		t.Errorf("state %s", got)
	}
}

// TestFailedAppend lets the log fail with uploads in flight: nothing of them
// may stay, and everything goes on afterwards.
func TestFailedAppend(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	r.post("a", records(0, 60, 12))
	want := r.summary("a")
	d.log.set(func() { d.log.held = true })
	var clients sync.WaitGroup
	for i := range 3 {
		u, err := r.read("a", records(800+i*300, 60, 5), "")
		r.must(err)
		clients.Go(func() {
			_, err := r.m.Post(context.Background(), "a", u)
			if e := fault(t, err, Unavailable); !errors.Is(err, inlog.ErrFull) && !errors.Is(err, inlog.ErrGap) || !strings.Contains(e.Reason, "free disk space") && errors.Is(err, inlog.ErrFull) {
				t.Errorf("refusal %v", err)
			}
		})
	}
	d.log.waitForHeld(3)
	d.log.set(func() { d.log.held, d.log.full = false, inlog.ErrFull })
	d.log.release(inlog.ErrFull)
	clients.Wait()
	if got := r.summary("a"); got != want {
		t.Errorf("after lost uploads:\n%s\nbefore:\n%s", got, want)
	}
	// While the disk stays full: uploads are refused, the rest works.
	for range 3 {
		_, err := r.tryPost("a", records(800, 60, 5), "")
		fault(t, err, Unavailable)
	}
	if n := strings.Count(r.logs.String(), "rebuilt from snapshot and log"); n != 1 {
		t.Errorf("the state was rebuilt %d times, want once", n)
	}
	if got := r.summary("a"); got != want {
		t.Errorf("while the disk is full:\n%s\nbefore:\n%s", got, want)
	}
	d.log.set(func() { d.log.full = nil })
	r.post("a", records(800, 60, 5))
	if got := r.summary("a"); got == want {
		t.Error("uploads do not go on")
	}
}

// TestOnlyTheDurableIsAnswered: the first of two uploads in flight becomes
// durable, the second never does.
func TestOnlyTheDurableIsAnswered(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	d.log.set(func() { d.log.held = true })
	answers := make([]chan error, 2)
	for i := range answers {
		answers[i] = make(chan error, 1)
		u, err := r.read("a", records(i*600, 60, 12), "")
		r.must(err)
		go func() {
			_, err := r.m.Post(context.Background(), "a", u)
			answers[i] <- err
		}()
		d.log.waitForHeld(i + 1)
	}
	d.log.releaseFirst()
	r.must(<-answers[0])
	seen := r.results("a", store.Query{})
	d.log.set(func() { d.log.held = false })
	d.log.release(errTest)
	fault(t, <-answers[1], Unavailable)
	r.flush("a", Flush{})
	if got := r.results("a", store.Query{}); !slices.Equal(got, seen) {
		t.Errorf("results %q, after the first upload alone they were %q", got, seen)
	}
}

// TestCloseBehindALostUpload: the close is queued when the upload before it is
// lost. It still closes with an entry, on the state before the upload.
func TestCloseBehindALostUpload(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	d.log.set(func() { d.log.held = true })
	u, err := r.read("a", records(0, 60, 12), "")
	r.must(err)
	answers := make(chan error, 2)
	go func() {
		_, err := r.m.Post(context.Background(), "a", u)
		answers <- err
	}()
	d.log.waitForHeld(1)
	go func() { answers <- r.m.Close(context.Background(), "a", false, false, 0) }()
	for r.stateOf("a") != "closing" {
		runtime.Gosched()
	}
	d.log.set(func() { d.log.held = false })
	d.log.release(errTest)
	fault(t, cmp.Or(<-answers, <-answers), Unavailable)
	j, _ := r.m.find("a")
	entries := d.log.of(j.num).entries
	last, err := entry.Decode(entries[len(entries)-1])
	r.must(err)
	if last.Kind != entry.Close {
		t.Errorf("the last entry is of kind %d, want a close", last.Kind)
	}
}

// TestDeleteUnderWay deletes a job whose upload is on its way to the log: not
// even that entry may outlive the purge.
func TestDeleteUnderWay(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	j, _ := r.m.find("a")
	d.log.set(func() { d.log.held = true })
	u, err := r.read("a", records(0, 60, 12), "")
	r.must(err)
	answer := make(chan error, 1)
	go func() {
		_, err := r.m.Post(context.Background(), "a", u)
		answer <- err
	}()
	d.log.waitForHeld(1)
	r.must(r.m.Delete(t.Context(), "a", true))
	for range 1000 {
		runtime.Gosched() // a purge that does not wait would be through by now
	}
	d.log.set(func() { d.log.held = false })
	d.log.release(nil)
	fault(t, <-answer, NotFound)
	r.waitForPurges()
	r.stop()
	if n := len(d.log.of(j.num).entries); n > 0 {
		t.Errorf("%d log entries outlived their job", n)
	}
}

func TestCloseWhileTheDiskIsFull(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	r.post("a", records(0, 60, 12))
	want := r.summary("a")
	d.log.set(func() { d.log.full = inlog.ErrFull })
	r.close("a")
	if got := r.stateOf("a"); got != "closed" {
		t.Fatalf("state %s", got)
	}
	d.log.set(func() { d.log.full = nil })
	r = r.crash()
	if got := r.stateOf("a"); got != "closed" {
		t.Fatalf("state after a restart %s", got)
	}
	r.open("a")
	if got := r.summary("a"); got != want {
		t.Errorf("after reopening:\n%s\nbefore:\n%s", got, want)
	}
	d = r.disk.(*memDisk)
	d.powerLoss = true
	if got := r.crash().stateOf("a"); got != "opened" {
		t.Errorf("reopened, then a loss of power: %s", got)
	}
}

// TestClosedWithoutEntry: the row says closed, the log does not, and results
// are missing as well.
func TestClosedWithoutEntry(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	d.store.set(func(*memRows) { d.store.fullRows = store.ErrFull })
	r.post("a", records(0, 60, 12))
	d.log.set(func() { d.log.full = inlog.ErrFull })
	r.close("a")
	d.log.set(func() { d.log.full = nil })
	d.store.set(func(*memRows) { d.store.fullRows = nil })
	r = r.crash()
	if got := r.stateOf("a"); got != "closed" {
		t.Errorf("state after a restart %s", got)
	}
	if got := r.results("a", store.Query{}); len(got) != 2 {
		t.Errorf("results %q, want those of two buckets", got)
	}
}

// TestResultsCannotBeStored: the log works, the store is full.
func TestResultsCannotBeStored(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	r.post("a", records(0, 60, 12))
	d.store.set(func(*memRows) { d.store.full = store.ErrFull })
	// The upload is in the log: it is taken.
	r.post("a", records(720, 60, 12))
	_, err := r.m.Flush(t.Context(), "a", Flush{})
	fault(t, err, Unavailable)
	_, err = r.tryPost("a", records(1500, 60, 1), "")
	fault(t, err, Unavailable)
	d.store.set(func(*memRows) { d.store.full = nil })
	got := r.summary("a")
	calm := start(t, newMemDisk())
	calm.put("a")
	calm.open("a")
	calm.post("a", records(0, 60, 12))
	calm.post("a", records(720, 60, 12))
	if want := calm.summary("a"); got != want {
		t.Errorf("once there is room:\n%s\nwant:\n%s", got, want)
	}
	r.post("a", records(1500, 60, 1))

	d.store.set(func(*memRows) { d.store.full = store.ErrFull })
	r.post("a", records(1600, 60, 12))
	r.close("a")
	d.store.set(func(*memRows) { d.store.full = nil })
	r = r.crash()
	if got := r.stateOf("a"); got != "closed" {
		t.Errorf("closed while nothing could be stored, now %s", got)
	}
	r.open("a")
	calm.post("a", records(1500, 60, 1))
	calm.post("a", records(1600, 60, 12))
	calm.close("a")
	calm.open("a")
	if got, want := r.summary("a"), calm.summary("a"); got != want {
		t.Errorf("after closing with results missing:\n%s\nwant:\n%s", got, want)
	}
}

func TestNearlyFullDisk(t *testing.T) {
	free := int64(1 << 40)
	r := start(t, newMemDisk(), func(o *Options) {
		o.FreeBytes = func() (int64, error) { return free, nil }
	})
	r.put("a")
	r.open("a")
	r.post("a", records(0, 60, 12))
	free = 5 << 20
	_, err := r.tryPost("a", records(0, 60, 1), "")
	if e := fault(t, err, Unavailable); !strings.Contains(e.Reason, "it has 5") {
		t.Errorf("reason %q", e.Reason)
	}
	r.flush("a", Flush{CalcInterim: true})
	r.close("a")
}

func TestDamage(t *testing.T) {
	build := func(t *testing.T) (*memDisk, string) {
		d := newMemDisk()
		r := start(t, d, func(o *Options) { o.SnapshotWork = 1 })
		for _, id := range []string{"a", "b"} {
			r.put(id)
			r.open(id)
			for i := range 4 {
				r.post(id, records(i*700, 60, 12))
				r.waitForSnapshots(id)
				j, _ := r.m.find(id)
				j.run.Load().saveCost.Store(0) // the next one need not wait
			}
		}
		want := r.summary("a")
		// Both are open; nothing is in the newest snapshot alone.
		return r.disk.after(t).(*memDisk), want
	}
	num := func(d *memDisk, id string) uint64 {
		jobs, _ := d.store.Jobs(t.Context())
		for _, j := range jobs {
			if j.ID == id {
				return j.Num
			}
		}
		return 0
	}
	expectFailed := func(t *testing.T, d *memDisk, text string) *rig {
		t.Helper()
		r := start(t, d)
		s, err := r.m.Stats(t.Context(), "a", false)
		r.must(err)
		if s[0].State != "failed" || !strings.Contains(s[0].AssignmentExplanation, text) {
			t.Errorf("state %s, explanation %q; want failed with %q", s[0].State, s[0].AssignmentExplanation, text)
		}
		r.post("b", records(4000, 60, 3))
		return r
	}
	t.Run("snapshot", func(t *testing.T) {
		d, want := build(t)
		snaps := d.store.live.snapshots[num(d, "a")]
		if len(snaps) != keepSnapshots {
			t.Fatalf("%d snapshots kept", len(snaps))
		}
		snaps[0].corrupt = true
		r := start(t, d)
		if got := r.summary("a"); got != want {
			t.Errorf("from the older snapshot:\n%s\nwant:\n%s", got, want)
		}
		if !strings.Contains(r.logs.String(), "cannot be used") {
			t.Error("the damaged snapshot was not reported")
		}
	})
	t.Run("all snapshots", func(t *testing.T) {
		d, _ := build(t)
		for i := range d.store.live.snapshots[num(d, "a")] {
			d.store.live.snapshots[num(d, "a")][i].corrupt = true
		}
		expectFailed(t, d, "no usable snapshot")
	})
	t.Run("short log", func(t *testing.T) {
		d, _ := build(t)
		e := d.log.jobs[num(d, "a")]
		e.entries = e.entries[:len(e.entries)-1]
		expectFailed(t, d, "were acknowledged")
	})
	t.Run("corrupt entry", func(t *testing.T) {
		d, _ := build(t)
		snaps := d.store.live.snapshots[num(d, "a")]
		snaps[0].corrupt = true
		position := snaps[1].Position + 1
		d.log.damage[num(d, "a")] = position
		r := expectFailed(t, d, fmt.Sprintf("entry %d", position))
		// An operator may leave out what cannot be read.
		r.must(r.m.LeaveOut(t.Context(), "a", position))
		r.open("a")
	})
	t.Run("unreadable configuration", func(t *testing.T) {
		d, _ := build(t)
		j := d.store.live.jobs[num(d, "a")]
		j.Config = []byte("{")
		d.store.live.jobs[j.Num] = j
		r := expectFailed(t, d, "configuration")
		r.must(r.m.Delete(t.Context(), "a", true))
	})
}
