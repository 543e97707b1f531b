package job

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tidemark/internal/store"
)

// TestRefusedCommitsAreTriedAgain: without any request, as time goes by.
func TestRefusedCommitsAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		r := start(t, d)
		r.put("a")
		r.open("a")
		d.store.set(func(*memRows) { d.store.full = store.ErrFull })
		r.post("a", records(0, 60, 12))
		fault(t, r.intake("a"), Unavailable)
		d.store.set(func(*memRows) { d.store.full = nil })
		time.Sleep(2 * retryCommit)
		synctest.Wait()
		r.must(r.intake("a"))
		if got := r.results("a", store.Query{}); len(got) != 2 {
			t.Errorf("results %q, want those of two buckets", got)
		}
	})
}

func (r *rig) intake(id string) error {
	_, err := r.m.Intake(r.t.Context(), id)
	return err
}

// TestFailedPurgeIsTriedAgain: as time goes by.
func TestFailedPurgeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk()
		r := start(t, d)
		r.put("a")
		d.store.set(func(*memRows) { d.store.purgeFails = errTest })
		r.must(r.m.Delete(t.Context(), "a", false))
		synctest.Wait()
		d.store.set(func(*memRows) { d.store.purgeFails = nil })
		if left, _ := d.store.Tombstones(t.Context()); len(left) != 1 {
			t.Fatal("the tombstone is gone though nothing was purged")
		}
		time.Sleep(2 * retryPurge)
		synctest.Wait()
		if left, _ := d.store.Tombstones(t.Context()); len(left) != 0 {
			t.Error("the purge was not tried again")
		}
	})
}

// TestRejectedUploadsAreLogged: with an example and what to do, not more than
// once a minute.
func TestRejectedUploadsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newMemDisk(), func(o *Options) { o.Clock = time.Now })
		r.put("a")
		r.must(r.putBody("b", strings.Replace(sumJob, `,"time_format":"epoch_ms"`, "", 1)))
		r.open("a")
		r.open("b")
		bad := `{"time":"yesterday","value":1}` + "\n" + `{"time":"today","value":1}` + "\n"
		warnings := func(text string) int { return strings.Count(r.logs.String(), text) }
		r.post("a", records(0, 60, 3)+bad)
		if warnings("more than half") != 0 {
			t.Error("two of five rejected records were logged")
		}
		for range 3 {
			r.post("a", records(0, 60, 1)+bad)
		}
		if warnings("more than half") != 1 || warnings("example=") != 1 || warnings("yesterday") == 0 || warnings("time_format") == 0 {
			t.Errorf("after three bad uploads the log says: %s", r.logs)
		}
		time.Sleep(warnEvery)
		r.post("a", bad)
		if warnings("more than half") != 2 {
			t.Errorf("a minute later the log says: %s", r.logs)
		}
		r.post("b", `{"time":1700000000,"value":1}`)
		if warnings("before 1990") != 1 {
			t.Errorf("epoch seconds read as milliseconds are not logged: %s", r.logs)
		}
	})
}

func TestBytesInFlight(t *testing.T) {
	d := newMemDisk()
	r := start(t, d, func(o *Options) { o.MaxBytesInFlight = 100 })
	for _, id := range []string{"a", "b"} {
		r.put(id)
		r.open(id)
	}
	d.log.set(func() { d.log.held = true })
	u, err := r.read("a", records(0, 60, 100), "")
	r.must(err)
	answer := make(chan error, 1)
	go func() {
		_, err := r.m.Post(t.Context(), "a", u)
		answer <- err
	}()
	for r.m.Figures().BytesInFlight == 0 {
		runtime.Gosched()
	}
	_, err = r.tryPost("b", records(0, 60, 1), "")
	fault(t, err, Busy)
	d.log.set(func() { d.log.held = false })
	d.log.release(nil)
	r.must(<-answer)
	r.post("b", records(0, 60, 1))
	if got := r.m.Figures().BytesInFlight; got != 0 {
		t.Errorf("%d bytes in flight at rest", got)
	}
}
