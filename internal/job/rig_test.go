package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/internal/document"
	"tidemark/internal/ingest"
	"tidemark/internal/inlog"
	"tidemark/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is where a manager's parts live: it can be reopened as it was at any
// moment.
type disk interface {
	parts(t testing.TB) (inlog.Log, store.Store)
	// after is the disk that a new process finds after a kill now.
	after(t testing.TB) disk
}

// memDisk keeps everything in memory; with powerLoss a crash also loses what
// the store did not sync.
type memDisk struct {
	log       *memLog
	store     *memStore
	powerLoss bool
}

func newMemDisk() *memDisk { return &memDisk{log: newMemLog(), store: newMemStore()} }

func (d *memDisk) parts(testing.TB) (inlog.Log, store.Store) { return d.log, d.store }
func (d *memDisk) after(testing.TB) disk {
	return &memDisk{log: d.log.crashed(), store: d.store.crashed(d.powerLoss), powerLoss: d.powerLoss}
}

// rig is one process run of a manager on a disk.
type rig struct {
	t    testing.TB
	m    *Manager
	disk disk
	opt  Options
	logs *bytes.Buffer
	done bool
	// hash is the state's hash before the last advance of time. Only the job's
	// owner may touch its engine, so it is taken where entries are applied.
	hash atomic.Uint64
}

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// start runs a manager on the disk until the test ends.
func start(t testing.TB, d disk, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, disk: d, logs: &bytes.Buffer{}}
	r.opt = Options{Build: "test", Clock: func() time.Time { return testStart }}
	r.opt.Logger = slog.New(slog.NewTextHandler(&lockedWriter{w: r.logs}, nil))
	r.opt.Apply = func(_ string, e *engine.Engine, en *entry.Entry, emit engine.Emit) (engine.Applied, error) {
		if en.Kind == entry.Advance {
			r.hash.Store(e.Hash())
		}
		return e.Apply(en, emit)
	}
	for _, c := range change {
		c(&r.opt)
	}
	r.opt.Log, r.opt.Store = d.parts(t)
	r.m = NewManager(r.opt)
	if err := r.m.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

// stop ends the run in order.
func (r *rig) stop() {
	if r.done {
		return
	}
	r.done = true
	if err := r.m.Shutdown(context.Background()); err != nil {
		r.t.Error(err)
	}
	r.opt.Log.Close()
	r.opt.Store.Close()
}

// crash leaves the run as it is and starts the next one on what a kill leaves.
// The old manager is stopped afterwards, on its own disk.
func (r *rig) crash(change ...func(*Options)) *rig {
	r.t.Helper()
	next := r.disk.after(r.t)
	r.stop()
	return start(r.t, next, change...)
}

// restart ends the run in order and starts the next one on the same disk.
func (r *rig) restart(change ...func(*Options)) *rig {
	r.t.Helper()
	r.stop()
	return start(r.t, r.disk.after(r.t), change...)
}

const fiveMinutes = 300_000

// sumJob is a job over one value with five-minute buckets.
const sumJob = `{"analysis_config":{"bucket_span":"300s","detectors":[{"function":"sum","field_name":"value"}]},"data_description":{"time_field":"time","time_format":"epoch_ms"}}`

func (r *rig) put(id string) {
	r.t.Helper()
	r.must(r.putBody(id, sumJob))
}

func (r *rig) putBody(id, body string) error {
	w, err := document.ParseJob([]byte(body), id, "9.0.0")
	if err != nil {
		return err
	}
	_, err = r.m.Put(context.Background(), w)
	return err
}

func (r *rig) open(id string) {
	r.t.Helper()
	r.must(r.m.Open(context.Background(), id, 0))
}

func (r *rig) close(id string) {
	r.t.Helper()
	r.must(r.m.Close(context.Background(), id, false, false, 0))
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// read parses a body as the API does.
func (r *rig) read(id, body, key string) (*ingest.Upload, error) {
	schema, err := r.m.Intake(context.Background(), id)
	if err != nil {
		return nil, err
	}
	u, err := ingest.ReadJSON(strings.NewReader(body), schema, ingest.Limits{PartBytes: 128, NowMs: testStart.UnixMilli()})
	if err != nil {
		return nil, err
	}
	u.End.Key = key
	return u, nil
}

func (r *rig) tryPost(id, body, key string) (Posted, error) {
	u, err := r.read(id, body, key)
	if err != nil {
		return Posted{}, err
	}
	return r.m.Post(context.Background(), id, u)
}

func (r *rig) post(id, body string) Posted {
	r.t.Helper()
	p, err := r.tryPost(id, body, "")
	r.must(err)
	return p
}

func (r *rig) flush(id string, f Flush) Flushed {
	r.t.Helper()
	a, err := r.m.Flush(context.Background(), id, f)
	r.must(err)
	return a
}

// base is a bucket boundary.
const base int64 = 1_700_000_100_000

// records makes one record every step seconds, n of them, from an offset in
// seconds after base. None of them is an empty array.
func records(from, step, n int) string {
	var b strings.Builder
	if n == 0 {
		return "[]"
	}
	for i := range n {
		at := from + i*step
		fmt.Fprintf(&b, `{"time":%d,"value":%d}`+"\n", base+int64(at)*1000, 10+at%7)
	}
	return b.String()
}

// results are all result documents of a job, as stored.
func (r *rig) results(id string, q store.Query) []string {
	r.t.Helper()
	if q.Size == 0 {
		q.Size = 10_000
	}
	var out []string
	for _, read := range []func(context.Context, string, store.Query) (store.Page, error){r.m.Buckets, r.m.Records, r.m.Influencers} {
		page, err := read(context.Background(), id, q)
		r.must(err)
		for _, d := range page.Docs {
			out = append(out, string(d))
		}
	}
	return out
}

// summary is everything about a job that must not depend on restarts.
func (r *rig) summary(id string) string {
	r.t.Helper()
	f := r.flush(id, Flush{})
	j, err := r.m.find(id)
	r.must(err)
	v := j.view.Load()
	return fmt.Sprintf("last %d %v\ncounts %+v\nsize %+v\n%s", f.LastFinalizedMs, f.HasLastFinalized, v.Counts, v.Size,
		strings.Join(r.results(id, store.Query{}), "\n"))
}

// fault asserts a refusal of the given class and returns it.
func fault(t testing.TB, err error, want Fault) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Fault != want {
		t.Fatalf("error %v, want fault %d", err, want)
	}
	return e
}

// stateOf is a job's state by its stats.
func (r *rig) stateOf(id string) string {
	r.t.Helper()
	s, err := r.m.Stats(context.Background(), id, false)
	r.must(err)
	return string(s[0].State)
}
