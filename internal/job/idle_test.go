package job

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/internal/store"
)

// idleJob counts records in minutes and looks for low counts.
func idleJob(settings, more string) string {
	return `{"analysis_config":{"bucket_span":"60s","detectors":[{"function":"low_count"}]` + more + `},"data_description":{"time_field":"time","time_format":"epoch_ms"},
		"custom_settings":{"tidemark":{` + settings + `}}}`
}

// advanceList are the advances that reached engines, in minutes before then.
type advanceList struct {
	mu   sync.Mutex
	list []string
}

// take returns what was added since the last take.
func (l *advanceList) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

func (l *advanceList) add(advance string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, advance)
}

// watchAdvances starts a rig on the real clock that lists advances.
func watchAdvances(t *testing.T, d disk, advances *advanceList) *rig {
	return start(t, d, func(o *Options) {
		o.Clock = time.Now
		o.Apply = func(id string, e *engine.Engine, en *entry.Entry, emit engine.Emit) (engine.Applied, error) {
			if en.Kind == entry.Advance {
				advances.add(fmt.Sprintf("%s %v", id, time.Since(time.UnixMilli(en.TimeMs)).Round(time.Second)))
			}
			return e.Apply(en, emit)
		}
	})
}

// traffic is ten records a minute for a number of minutes until now.
func traffic(minutes int) string {
	var b strings.Builder
	for at := time.Now().Add(-time.Duration(minutes) * time.Minute); at.Before(time.Now()); at = at.Add(6 * time.Second) {
		fmt.Fprintf(&b, `{"time":%d}`, at.UnixMilli())
	}
	return b.String()
}

// TestIdle: a dead sender raises low counts without any request; the entries that
// move time are in the log, so that a kill and a replay give the same, and other
// requests do not put it off.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var advances advanceList
		d := newMemDisk()
		r := watchAdvances(t, d, &advances)
		r.must(r.putBody("a", idleJob(`"idle_advance":"5m"`, "")))
		r.must(r.putBody("off", idleJob("", "")))
		for _, id := range []string{"a", "off"} {
			r.open(id)
			r.post(id, traffic(400))
		}
		before := r.flush("a", Flush{}).LastFinalizedMs
		time.Sleep(5*time.Minute - time.Second)
		if early := advances.take(); len(early) != 0 {
			t.Fatalf("time was moved on before 5m were over: %v", early)
		}
		for range 120 {
			time.Sleep(5 * time.Second)
			r.flush("a", Flush{}) // A client that looks often.
		}
		if got := advances.take(); len(got) < 9 || len(got) > 11 || !strings.HasPrefix(got[0], "a 1m") {
			t.Errorf("within ten minutes of silence time was moved %v", got)
		}
		if moved := r.flush("a", Flush{}).LastFinalizedMs - before; moved < 12*60_000 || moved > 15*60_000 {
			t.Errorf("the last finalized bucket moved by %d ms", moved)
		}
		if got := strings.Join(r.results("a", store.Query{MinScore: 50}), "\n"); !strings.Contains(got, `"function":"low_count"`) || !strings.Contains(got, `"actual":[0]`) {
			t.Errorf("silence raised %s", got)
		}
		if len(r.results("off", store.Query{})) > 410 {
			t.Error("a job that did not ask for it went on")
		}
		want := r.summary("a")
		r = r.crash(func(o *Options) { o.Clock = time.Now })
		if got := r.summary("a"); got != want {
			t.Errorf("after a kill: %s\nbefore: %s", got, want)
		}
		r.post("a", fmt.Sprintf(`{"time":%d}`, time.Now().UnixMilli()))
	})
}

// TestIdleRests: a job is left alone while its newest record is older than a day,
// while the server was not there to listen, and where moving on would end no bucket.
func TestIdleRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var advances advanceList
		d := newMemDisk()
		r := watchAdvances(t, d, &advances)
		r.must(r.putBody("old", idleJob(`"idle_advance":"1m"`, "")))
		r.must(r.putBody("late", idleJob(`"idle_advance":"1m"`, `,"latency":"90s"`)))
		r.must(r.putBody("empty", idleJob(`"idle_advance":"1m"`, "")))
		for _, id := range []string{"old", "late", "empty"} {
			r.open(id)
		}
		r.post("old", fmt.Sprintf(`{"time":%d}`, time.Now().Add(-25*time.Hour).UnixMilli()))
		r.post("late", traffic(10))
		time.Sleep(10 * time.Minute)
		// To now less latency and a bucket, which is rounded down to a whole one.
		first := advances.take()
		if len(first) < 4 || len(first) > 10 || strings.Contains(strings.Join(first, ","), "old") {
			t.Errorf("advances %v", first)
		}
		time.Sleep(48 * time.Hour)
		if n := len(first) + len(advances.take()); n > 24*60 {
			t.Errorf("%d advances: they went on for more than a day", n)
		}
		r.post("late", fmt.Sprintf(`{"time":%d}`, time.Now().UnixMilli()))
		r.stop()
		time.Sleep(time.Hour)
		r = watchAdvances(t, r.disk.after(t), &advances)
		time.Sleep(50 * time.Second)
		if early := advances.take(); len(early) != 0 {
			t.Errorf("the hour without a server counted as silence: %v", early)
		}
		time.Sleep(20 * time.Second)
		if got := advances.take(); len(got) != 1 {
			t.Errorf("a minute of silence later: %v", got)
		}
		r.close("late")
	})
}

// TestFarAhead: a record that moves time more than a day ahead is told of, with the
// record and what to do; with max_future it is rejected and counted.
func TestFarAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notes []string
		r := start(t, newMemDisk(), func(o *Options) {
			o.Clock = func() time.Time { return testStart }
			o.Note = func(id, level, message string) { notes = append(notes, id+" "+level+" "+message) }
		})
		r.must(r.putBody("a", idleJob("", "")))
		r.must(r.putBody("b", idleJob(`"max_future":"1h"`, "")))
		r.open("a")
		r.open("b")
		at := func(d time.Duration) string {
			return fmt.Sprintf(`{"time":%d,"host":"x"}`, testStart.Add(d).UnixMilli())
		}
		r.post("a", at(0)+at(24*time.Hour))
		synctest.Wait()
		if len(notes) != 0 {
			t.Errorf("a day ahead was told of: %v", notes)
		}
		r.post("a", at(25*time.Hour)+at(100*time.Hour)+at(50*time.Hour))
		r.post("a", at(99*time.Hour))
		synctest.Wait()
		if len(notes) != 1 || !strings.HasPrefix(notes[0], "a warning ") || !strings.Contains(notes[0], at(100*time.Hour)) ||
			!strings.Contains(notes[0], testStart.Add(100*time.Hour).UTC().Format(time.RFC3339)) || !strings.Contains(notes[0], "max_future") {
			t.Errorf("notes %q", notes)
		}
		p := r.post("b", at(0)+at(time.Hour)+at(time.Hour+time.Millisecond)+at(1000*time.Hour))
		if p.Counts.InvalidDates != 2 || p.Counts.ProcessedRecords != 2 || len(notes) != 1 {
			t.Errorf("with max_future: %+v, notes %q", p.Counts, notes)
		}
	})
}
