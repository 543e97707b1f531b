package job

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"tidemark/internal/store"
)

// lockedWriter lets several goroutines log into one buffer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func TestLifeOfAJob(t *testing.T) {
	r := start(t, newMemDisk())
	r.put("a")
	fault(t, r.putBody("a", sumJob), Exists)
	fault(t, r.m.CheckOpen(t.Context(), "a"), NotOpen)
	fault(t, r.m.CheckOpen(t.Context(), "b"), NotFound)
	if f, err := r.m.Flush(t.Context(), "a", Flush{}); err == nil {
		t.Fatalf("flush of a closed job: %+v", f)
	}
	r.open("a")
	fault(t, r.m.Open(t.Context(), "a", 0), Conflict)
	if f := r.flush("a", Flush{}); f.HasLastFinalized {
		t.Errorf("a job without data has a last finalized bucket: %+v", f)
	}
	p := r.post("a", records(0, 60, 11))
	if p.Counts.ProcessedRecords != 11 || p.Repeated || p.LastDataMs != testStart.UnixMilli() {
		t.Errorf("posted %+v", p)
	}
	if f := r.flush("a", Flush{}); f.LastFinalizedMs != base+2*fiveMinutes {
		t.Errorf("last finalized %d, want %d", f.LastFinalizedMs, base+2*fiveMinutes)
	}
	if got := r.results("a", store.Query{}); len(got) < 2 {
		t.Errorf("results after two full buckets: %q", got)
	}
	fault(t, r.m.Delete(t.Context(), "a", false), Conflict)
	r.close("a")
	r.close("a")
	if got := r.stateOf("a"); got != "closed" {
		t.Errorf("state %s", got)
	}
	before := r.results("a", store.Query{})
	r.open("a")
	if f := r.flush("a", Flush{}); f.LastFinalizedMs != base+2*fiveMinutes {
		t.Errorf("last finalized after reopening %d", f.LastFinalizedMs)
	}
	r.post("a", records(660, 60, 5))
	if got := r.results("a", store.Query{}); len(got) != len(before)+1 {
		t.Errorf("the open bucket did not go on: %d results, %d before", len(got), len(before))
	}
	r.close("a")
	r.must(r.m.Delete(t.Context(), "a", false))
	fault(t, r.m.CheckOpen(t.Context(), "a"), NotFound)
	r.put("a")
	r.open("a")
	if got := r.results("a", store.Query{}); len(got) != 0 {
		t.Errorf("a new job of an old name has results: %q", got)
	}
}

func TestFlushOrder(t *testing.T) {
	r := start(t, newMemDisk())
	r.put("a")
	r.open("a")
	r.post("a", records(0, 60, 7))
	// Interim results of the bucket that the advance leaves open.
	f := r.flush("a", Flush{CalcInterim: true, HasAdvance: true, AdvanceMs: base + 3*fiveMinutes})
	if f.LastFinalizedMs != base+3*fiveMinutes {
		t.Errorf("last finalized %d", f.LastFinalizedMs)
	}
	all, final := r.results("a", store.Query{}), r.results("a", store.Query{ExcludeInterim: true})
	if len(all) != len(final)+1 {
		t.Fatalf("%d results, %d of them final; want one interim bucket", len(all), len(final))
	}
	// A second one replaces it, one out of range leaves it, a final one drops it.
	r.flush("a", Flush{CalcInterim: true})
	if again := r.results("a", store.Query{}); len(again) != len(all) {
		t.Errorf("a second interim flush leaves %d results, want %d", len(again), len(all))
	}
	r.flush("a", Flush{CalcInterim: true, HasRange: true, StartMs: 1000, EndMs: 2000})
	if again := r.results("a", store.Query{}); len(again) != len(all) {
		t.Errorf("an interim flush with nothing in range leaves %d results, want %d", len(again), len(all))
	}
	r.flush("a", Flush{HasAdvance: true, AdvanceMs: base + 4*fiveMinutes})
	if again := r.results("a", store.Query{}); len(again) != len(final)+1 {
		t.Errorf("after the final bucket %d results, want %d and none interim", len(again), len(final)+1)
	}
}

// TestFlushCostsNothing holds the promise that a flush without moving time
// writes nothing and changes nothing.
func TestFlushCostsNothing(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	r.post("a", records(0, 60, 7))
	j, _ := r.m.find("a")
	state := r.stateHash()
	before, commits := d.log.Stats(), d.store.commits
	for range 10 {
		r.flush("a", Flush{})
	}
	if d.store.commits != commits {
		t.Errorf("plain flushes made %d commits", d.store.commits-commits)
	}
	r.flush("a", Flush{CalcInterim: true})
	if after := d.log.Stats(); after.Bytes != before.Bytes || after.Commits != before.Commits {
		t.Errorf("flushes wrote to the log: %+v, before %+v", after, before)
	}
	if got := r.stateHash(); got != state {
		t.Errorf("interim results changed the state: %x, before %x", got, state)
	}
	before = d.log.Stats()
	if len(d.store.live.snapshots) != 0 {
		t.Error("a flush made a snapshot")
	}
	r.flush("a", Flush{HasSkip: true, SkipMs: base + fiveMinutes*5, HasAdvance: true, AdvanceMs: base + fiveMinutes*9})
	if after := d.log.Stats(); after.Commits != before.Commits+1 || after.Entries != before.Entries+2 {
		t.Errorf("skip and advance: %+v, before %+v; want one append of two entries", after, before)
	}
	r.close("a")
	if n := len(d.store.live.snapshots[j.num]); n != 1 {
		t.Errorf("close made %d snapshots, want 1", n)
	}
}

func TestNamesAndGroups(t *testing.T) {
	r := start(t, newMemDisk())
	grouped := strings.Replace(sumJob, "{", `{"groups":["web","prod"],`, 1)
	r.must(r.putBody("a", grouped))
	r.must(r.putBody("b", strings.Replace(sumJob, "{", `{"groups":["web"],`, 1)))
	r.put("c")
	fault(t, r.putBody("web", sumJob), Exists)
	fault(t, r.putBody("d", strings.Replace(sumJob, "{", `{"groups":["c"],`, 1)), Exists)
	for expr, want := range map[string]string{
		"": "abc", "_all": "abc", "web": "ab", "prod": "a", "a,c": "ac", "p*": "a", "x*,c": "c",
	} {
		jobs, err := r.m.Get(t.Context(), expr, true)
		r.must(err)
		var got string
		for _, j := range jobs {
			got += j.JobID
		}
		if got != want {
			t.Errorf("Get(%q) = %s, want %s", expr, got, want)
		}
	}
	_, err := r.m.Get(t.Context(), "nope", true)
	if e := fault(t, err, NotFound); e.Reason != "No known job with id 'nope'" {
		t.Errorf("reason %q", e.Reason)
	}
	r.open("a")
	r.must(r.m.Close(t.Context(), "web", false, false, 0))
	if got := r.stateOf("a"); got != "closed" {
		t.Errorf("closing its group left the job %s", got)
	}
	r.must(r.m.Delete(t.Context(), "a", false))
	r.must(r.m.Delete(t.Context(), "b", false))
	r.must(r.putBody("web", sumJob))
}

func TestIdempotencyKey(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("a")
	r.open("a")
	first, err := r.tryPost("a", records(0, 60, 4), "k1")
	r.must(err)
	entries := d.log.Stats().Entries
	check := func(r *rig) {
		t.Helper()
		again, err := r.tryPost("a", records(0, 60, 4), "k1")
		r.must(err)
		if !again.Repeated || again.Counts != first.Counts {
			t.Errorf("repeated upload: %+v, want the counts %+v", again, first.Counts)
		}
		_, err = r.tryPost("a", records(0, 60, 5), "k1")
		fault(t, err, BadRequest)
	}
	check(r)
	if got := d.log.Stats().Entries; got != entries {
		t.Errorf("a repeated upload appended %d entries", got-entries)
	}
	r = r.crash()
	check(r)
	r.close("a")
	r.open("a")
	check(r)
	j, _ := r.m.find("a")
	if got := j.view.Load().Counts.ProcessedRecords; got != 4 {
		t.Errorf("%d records processed, want 4", got)
	}
}

// TestQueue holds the order and the bound of a job's queue.
func TestQueue(t *testing.T) {
	d := newMemDisk()
	r := start(t, d, func(o *Options) { o.QueueLength = 3 })
	r.put("a")
	r.open("a")
	d.log.set(func() { d.log.held = true })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	u, err := r.read("a", records(0, 60, 1), "")
	r.must(err)
	if _, err := r.m.Post(gone, "a", u); err != context.Canceled {
		t.Fatalf("an upload of a client that is gone: %v", err)
	}
	// The owner hands on until the committer's channel is full; then the queue
	// fills. Each client waits for its own answer.
	var clients sync.WaitGroup
	answers := make(chan error, 1000)
	refused := false
	for range maxItems + 20 {
		u, err := r.read("a", records(0, 60, 1), "")
		r.must(err)
		j, _ := r.m.find("a")
		task, err := newPostTask(u)
		r.must(err)
		task.release = func() {}
		run, err := j.runner()
		r.must(err)
		if err := run.enqueue(t.Context(), task); err != nil {
			e := fault(t, err, Busy)
			if e.RetryAfter <= 0 {
				t.Error("a refusal without a time to come back")
			}
			refused = true
			break
		}
		clients.Go(func() { answers <- (<-task.answer).err })
	}
	d.log.set(func() { d.log.held = false })
	d.log.release(nil)
	clients.Wait()
	close(answers)
	for err := range answers {
		r.must(err)
	}
	if !refused {
		t.Error("the queue has no bound")
	}
	if got := r.flush("a", Flush{}); !got.HasLastFinalized {
		t.Error("the uploads are not in the state")
	}
}
