package job

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"tidemark/engine/entry"
	"tidemark/internal/document"
)

// TestUpdateOfAStopBetween: a process that ended after it stored a configuration
// and before the log had it sends it at the next start.
func TestUpdateOfAStopBetween(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	r.put("j")
	r.open("j")
	r.post("j", records(60, 60, 10))
	var num uint64
	for _, j := range r.m.all() {
		num = j.num
	}
	r.stop()

	rule := `"custom_rules":[{"conditions":[{"applies_to":"time","operator":"gt","value":1}]}]`
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	after := r.disk.after(t).(*memDisk)
	jobs, err := after.store.Jobs(context.Background())
	must(err)
	row := jobs[0]
	at := bytes.Index(row.Config, []byte(`"detector_index"`))
	row.Config = append(append(bytes.Clone(row.Config[:at]), rule+","...), row.Config[at:]...)
	must(after.store.SaveJob(context.Background(), &row))

	r = start(t, after)
	defer r.stop()
	updates := 0
	visit := func(_ uint64, encoded []byte) error {
		en, err := entry.Decode(encoded)
		if err == nil && en.Kind == entry.Update && len(en.Config.Detectors[0].Rules) == 1 {
			updates++
		}
		return err
	}
	must(after.log.Read(context.Background(), num, 1, visit))
	if updates != 1 {
		t.Errorf("%d entries take the stored configuration to the engine, want 1", updates)
	}
}

// TestUpdateThatCannotBeStored changes nothing.
func TestUpdateThatCannotBeStored(t *testing.T) {
	d := newMemDisk()
	r := start(t, d)
	defer r.stop()
	r.put("j")
	r.open("j")
	u, err := document.ParseUpdate([]byte(`{"description":"new","groups":["g"]}`))
	if err != nil {
		t.Fatal(err)
	}
	d.store.refuse(errors.New("no room"))
	if _, err := r.m.Update(context.Background(), "j", u); err == nil || !strings.Contains(err.Error(), "configuration") {
		t.Errorf("the update ends with %v", err)
	}
	d.store.refuse(nil)
	jobs, err := r.m.Get(context.Background(), "g*", true)
	if err != nil || len(jobs) != 0 {
		t.Errorf("the group of a failed update selects %d jobs, %v", len(jobs), err)
	}
	if got, err := r.m.Update(context.Background(), "j", u); err != nil || got.Description != "new" {
		t.Errorf("the next update gives %+v, %v", got, err)
	}
}

// refuse makes every write of the store fail, or none.
func (s *memStore) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = err
}
