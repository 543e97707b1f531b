package job

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"tidemark/engine/entry"
	"tidemark/wire"
)

// calendar makes a calendar for job a.
func (r *rig) calendar() {
	r.t.Helper()
	_, err := r.m.PutCalendar(context.Background(), &wire.Calendar{CalendarID: "c", JobIDs: []string{"a"}})
	r.must(err)
}

// tell posts an event from and to so many seconds behind base.
func (r *rig) tell(name string, from, to int) (id string) {
	r.t.Helper()
	shift := int64(60)
	list, err := r.m.PostEvents(context.Background(), "c", []wire.CalendarEvent{
		{Description: name, StartTime: wire.Millis(base + int64(from)*1000), EndTime: wire.Millis(base + int64(to)*1000), ForceTimeShift: &shift, CalendarID: "c"}})
	r.must(err)
	return list[0].EventID
}

// TestEventsOfThePast: an event told of after its time gives the results and the
// state of one told before all data, whatever snapshots there are, whether the job
// is open, and with crashes and restarts after it.
func TestEventsOfThePast(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.IntRange(2, 8).Draw(rt, "steps")
		type event struct{ after, from, to int }
		var events []event
		for range rapid.IntRange(1, 3).Draw(rt, "events") {
			from := rapid.IntRange(0, 600*steps).Draw(rt, "from")
			events = append(events, event{rapid.IntRange(0, steps-1).Draw(rt, "told after"), from, from + rapid.IntRange(1, 1500).Draw(rt, "long")})
		}
		reopened := rapid.IntRange(0, steps).Draw(rt, "reopened")
		skipped := rapid.IntRange(0, steps).Draw(rt, "skipped")
		step := func(r *rig, i int, between func()) {
			r.post("a", records(i*600, 20, 30))
			if i == skipped {
				r.flush("a", Flush{HasSkip: true, SkipMs: base + int64(i*600+500)*1000, HasAdvance: true, AdvanceMs: base + int64(i*600+600)*1000, CalcInterim: true})
			}
			if i == reopened {
				r.close("a")
				between()
				r.open("a")
			} else {
				between()
			}
		}
		calm := start(t, newMemDisk())
		defer calm.stop()
		calm.put("a")
		calm.calendar()
		for n, e := range events {
			calm.tell(fmt.Sprint("e", n), e.from, e.to)
		}
		calm.open("a")
		for i := range steps {
			step(calm, i, func() {})
		}

		disk := newMemDisk()
		disk.powerLoss = rapid.Bool().Draw(rt, "power")
		work := rapid.SampledFrom([]int64{1, 40, 1 << 40}).Draw(rt, "snapshot work")
		disk.log.keeps = rapid.Bool().Draw(rt, "keeps the log")
		gone := false
		busy := func(o *Options) {
			o.SnapshotWork = work
			o.Note = func(_, level, _ string) { gone = gone || level == "warning" }
		}
		late := start(t, disk, busy)
		late.put("a")
		late.calendar()
		late.open("a")
		for i := range steps {
			step(late, i, func() {
				for n, e := range events {
					if e.after == i {
						late.tell(fmt.Sprint("e", n), e.from, e.to)
					}
				}
			})
			switch rapid.SampledFrom([]string{"", "", "crash", "restart"}).Draw(rt, "then") {
			case "crash":
				late = late.crash(busy)
			case "restart":
				late = late.restart(busy)
			}
		}
		defer late.stop()
		if gone && !disk.log.keeps {
			return // TestPastThatIsGone looks at this.
		}
		if late.stateOf("a") != "opened" {
			rt.Fatalf("the job is %s: %s", late.stateOf("a"), late.logs)
		}
		last := command{kind: "flush", f: Flush{HasAdvance: true, AdvanceMs: base + 100*fiveMinutes}}
		calm.run(last)
		late.run(last)
		want, got := calm.summary("a"), late.summary("a")
		if want != got {
			rt.Fatalf("told afterwards:\n%s\ntold before:\n%s", got, want)
		}
		if got, want := late.stateHash(), calm.stateHash(); got != want {
			rt.Fatalf("state hash %x, told before %x", got, want)
		}
	})
}

// TestPastAtEveryStep takes the disk as it is at every point while an event is
// applied to the past: who asks again gets what was wanted.
func TestPastAtEveryStep(t *testing.T) {
	for _, power := range []bool{false, true} {
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
		r.put("a")
		r.calendar()
		r.open("a")
		for i := range 6 {
			r.post("a", records(i*600, 20, 30))
		}
		mu.Lock()
		armed = true
		mu.Unlock()
		r.tell("late", 900, 1500)
		r.waitForSnapshots("a")
		mu.Lock()
		armed = false
		mu.Unlock()
		want := r.summary("a")
		if strings.Count(want, `"scheduled_events":["late"]`) != 2 {
			t.Fatalf("the event is not in the results:\n%s", want)
		}
		for i, m := range moments {
			next := start(t, m)
			if n := strings.Count(next.summary("a"), `"scheduled_events":["late"]`); n != 0 && n != 2 {
				t.Errorf("crash at %q: the event is in %d buckets", points[i], n)
			}
			if !strings.Contains(next.summary("a"), "late") {
				next.tell("late", 900, 1500)
			}
			if got := next.summary("a"); got != want {
				t.Errorf("crash at %q (power loss %v):\n%s\nwant:\n%s", points[i], power, got, want)
			}
			next.stop()
		}
		for _, point := range []string{"durable", "committed", "snapshot-written", "snapshot-published"} {
			if !slices.Contains(points, point) {
				t.Errorf("no crash at %q was tried", point)
			}
		}
		r.stop()
	}
}

// TestPastThatIsGone: where the log no longer holds an event's time, or a revert
// lies between, the results stay, the event counts from now on, and a message says
// so. Events that go leave the past as it is.
func TestPastThatIsGone(t *testing.T) {
	d := newMemDisk()
	var notes []string
	r := start(t, d, func(o *Options) {
		o.Note = func(job, level, message string) { notes = append(notes, job+" "+level+" "+message) }
	})
	r.put("a")
	r.calendar()
	r.open("a")
	for i := range 3 {
		r.post("a", records(i*1200, 20, 60))
		r.close("a")
		r.open("a")
	}
	j, err := r.m.find("a")
	r.must(err)
	rows, err := r.opt.Store.Snapshots(t.Context(), j.num)
	r.must(err)
	r.must(d.log.Trim(t.Context(), j.num, rows[1].Position+1))
	before := r.summary("a")
	r.tell("gone", 300, 900)
	if r.summary("a") != before {
		t.Error("results changed")
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "a warning Scheduled event [gone]") || !strings.Contains(notes[0], "--log-retention") {
		t.Errorf("the notes are %q", notes)
	}
	// What can be reached is done, although an older event cannot.
	notes = nil
	r.must(r.both("older", 600, 700, "newer", 3000, 3300))
	if len(notes) != 2 || !strings.Contains(notes[0], "[older]") || !strings.Contains(notes[1], "were applied to the past") {
		t.Errorf("the notes are %q", notes)
	}
	if got := r.summary("a"); !strings.Contains(got, `["newer"]`) || strings.Contains(got, "older") || strings.Contains(got, "gone") {
		t.Errorf("the results are %s", got)
	}
	after := r.summary("a")
	list, err := r.m.Events(t.Context(), "c", "")
	r.must(err)
	for _, e := range list {
		r.must(r.m.DeleteEvent(t.Context(), "c", e.EventID))
	}
	if r.summary("a") != after {
		t.Error("events that went have changed the past")
	}
	entries := 0
	r.must(d.log.Read(t.Context(), j.num, rows[1].Position+1, func(_ uint64, encoded []byte) error {
		if entry.KindOf(encoded) == entry.Rework {
			entries++
		}
		return nil
	}))
	if entries != 1 {
		t.Errorf("%d entries replace results, want 1", entries)
	}
}

// both posts two events at once.
func (r *rig) both(one string, from1, to1 int, two string, from2, to2 int) error {
	_, err := r.m.PostEvents(context.Background(), "c", []wire.CalendarEvent{
		{Description: one, StartTime: wire.Millis(base + int64(from1)*1000), EndTime: wire.Millis(base + int64(to1)*1000)},
		{Description: two, StartTime: wire.Millis(base + int64(from2)*1000), EndTime: wire.Millis(base + int64(to2)*1000)}})
	return err
}
