package job

import (
	"context"
	"sync"
	"testing"

	"tidemark/internal/store"
)

// snapshotIDs are a job's model snapshots, oldest first.
func (r *rig) snapshotIDs(id string) (ids []string) {
	r.t.Helper()
	list, err := r.m.ModelSnapshots(context.Background(), id, SnapshotQuery{Size: 100})
	r.must(err)
	for _, s := range list.ModelSnapshots {
		ids = append(ids, s.SnapshotID)
	}
	return ids
}

func (r *rig) revert(id, snapshot string, drop bool) {
	r.t.Helper()
	_, err := r.m.RevertModel(context.Background(), id, snapshot, drop)
	r.must(err)
}

// second is what comes after the snapshot that is reverted to.
func (r *rig) second() {
	r.open("a")
	r.post("a", records(3600, 20, 200))
	r.close("a")
}

// twice makes a job with two snapshots and the results of both parts of its data.
func (r *rig) twice() (first string) {
	r.put("a")
	r.open("a")
	r.post("a", records(0, 20, 170))
	r.close("a")
	first = r.snapshotIDs("a")[0]
	r.second()
	return first
}

// closedSummary is the summary of a closed job, which is open meanwhile.
func (r *rig) closedSummary() string {
	r.t.Helper()
	r.open("a")
	s := r.summary("a")
	r.close("a")
	return s
}

// TestRevertAtEveryStep takes the disk as it is at every point of a revert: either
// nothing of it has happened or all of it, and either way it can be asked for again
// and the time since the snapshot be sent again.
func TestRevertAtEveryStep(t *testing.T) {
	calm := start(t, newMemDisk())
	calm.twice()
	want := calm.closedSummary()
	for _, power := range []bool{false, true} {
		for _, drop := range []bool{true, false} {
			var (
				mu      sync.Mutex
				moments []disk
				points  []string
				armed   bool
			)
			d := newMemDisk()
			d.powerLoss = power
			r := start(t, d, func(o *Options) {
				o.step = func(point string) {
					mu.Lock()
					defer mu.Unlock()
					if armed {
						moments, points = append(moments, d.after(t)), append(points, point)
					}
				}
			})
			first := r.twice()
			mu.Lock()
			armed = true
			mu.Unlock()
			r.revert("a", first, drop)
			r.stop()
			if len(moments) < 6 {
				t.Fatalf("only %d moments: %v", len(moments), points)
			}
			before, after := 0, 0
			for i, m := range moments {
				next := start(t, m)
				j, err := next.m.find("a")
				next.must(err)
				switch active := j.activeSnapshot(); {
				case active == first:
					after++
					if err := next.m.DeleteModelSnapshot(t.Context(), "a", first); err == nil {
						t.Errorf("crash at %q: the snapshot that the job went back to can be deleted", points[i])
					}
					if n := len(next.results("a", store.Query{})); drop && n >= len(calm.results("a", store.Query{})) {
						t.Errorf("crash at %q: %d results are left", points[i], n)
					}
				case next.closedSummary() != want:
					t.Errorf("crash at %q: neither before nor after the revert", points[i])
				default:
					before++
				}
				next.revert("a", first, true)
				next.second()
				if got := next.closedSummary(); got != want {
					t.Errorf("crash at %q (power loss %v, drop %v), then again:\n%s\nwant:\n%s", points[i], power, drop, got, want)
				}
				next.stop()
			}
			if after == 0 {
				t.Errorf("in none of %d moments the revert had happened", before+after)
			}
		}
	}
}

// TestRevertTwice: going back again, with the results this time, goes back to what
// the snapshot was when it was taken; its times do not change by that.
func TestRevertTwice(t *testing.T) {
	r := start(t, newMemDisk())
	first := r.twice()
	list := func() any {
		l, err := r.m.ModelSnapshots(t.Context(), "a", SnapshotQuery{Expr: first, Size: 9})
		r.must(err)
		return *l.ModelSnapshots[0].LatestRecordTimeStamp
	}
	latest, all := list(), len(r.results("a", store.Query{}))
	r.revert("a", first, false)
	if n := len(r.results("a", store.Query{})); n != all || list() != latest {
		t.Errorf("%d of %d results; the snapshot's latest record is %v, was %v", n, all, list(), latest)
	}
	if ids := r.snapshotIDs("a"); len(ids) != 2 {
		t.Errorf("snapshots after a revert: %v", ids)
	}
	r.open("a")
	if p := r.post("a", records(3600, 20, 10)); p.Counts.OutOfOrder != 10 {
		t.Errorf("kept results, but their time is taken again: %+v", p.Counts)
	}
	r.close("a")
	r.revert("a", first, true)
	if n := len(r.results("a", store.Query{})); n >= all {
		t.Errorf("%d of %d results are left", n, all)
	}
	r = r.restart()
	r.second()
	calm := start(t, newMemDisk())
	calm.twice()
	if got, want := r.closedSummary(), calm.closedSummary(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	// Its copies go with it.
	r.must(r.m.DeleteModelSnapshot(t.Context(), "a", first))
	if _, err := r.m.RevertModel(t.Context(), "a", first, true); err == nil {
		t.Error("a deleted snapshot is reverted to")
	}
	r.revert("a", emptySnapshot, true)
	if n := len(r.results("a", store.Query{})); n != 0 {
		t.Errorf("%d results after a revert to nothing", n)
	}
}
