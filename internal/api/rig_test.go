package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"tidemark/internal/docs"
	"tidemark/internal/index"
	"tidemark/internal/inlog"
	"tidemark/internal/inlog/sqlitelog"
	"tidemark/internal/job"
	"tidemark/internal/source"
	"tidemark/internal/store/sqlitestore"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

// rig is a handler over real jobs in a directory.
type rig struct {
	t     testing.TB
	dir   string
	opt   Options
	log   *sqlitelog.Log
	store *sqlitestore.Store
	docs  *docs.Store
	feeds *source.Feeds
	notes *index.Notes
	// remotes are for datafeeds.
	remotes map[string]*source.Remote
	// feedOpt has further options of datafeeds; said are what these told of jobs.
	feedOpt source.Options
	saidMu  sync.Mutex
	said    []string
	jobs    *job.Manager
	// clock is the jobs' clock, nil the real one.
	clock func() time.Time
	// foreign: a client has written results of its own.
	foreign bool
	// gate, if set, holds up what jobs append to their log.
	gate *gate
	*Handler
}

// now is the clock of all tests: 2026-01-01T00:00:00Z.
func now() time.Time { return time.Unix(1_767_225_600, 0) }

func newRig(t testing.TB, opt Options) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), opt: opt}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) start() {
	r.t.Helper()
	ctx := context.Background()
	var err error
	if r.log, err = sqlitelog.Open(ctx, filepath.Join(r.dir, "log.db"), sqlitelog.Options{}); err != nil {
		r.t.Fatal(err)
	}
	if r.store, err = sqlitestore.Open(ctx, r.dir, sqlitestore.Options{}); err != nil {
		r.t.Fatal(err)
	}
	if r.docs, err = docs.Open(ctx, r.dir, 0); err != nil {
		r.t.Fatal(err)
	}
	var entries inlog.Log = r.log
	if r.gate != nil {
		entries = gatedLog{r.log, r.gate}
	}
	r.jobs = job.NewManager(job.Options{Log: entries, Store: r.store, Clock: r.clock})
	if err := r.jobs.Recover(ctx); err != nil {
		r.t.Fatal(err)
	}
	opt := r.opt
	opt.Jobs, opt.Now, opt.NodeName = r.jobs, now, "node-1"
	opt.Index = index.New(r.docs, r.jobs, now)
	feedOpt := r.feedOpt
	feedOpt.Jobs, feedOpt.Store, feedOpt.Index, feedOpt.Remotes = r.jobs, r.store, opt.Index, r.remotes
	feedOpt.Note = func(_, _, message string) {
		r.saidMu.Lock()
		defer r.saidMu.Unlock()
		r.said = append(r.said, message)
	}
	if r.feeds, err = source.New(ctx, feedOpt); err != nil {
		r.t.Fatal(err)
	}
	r.feeds.Resume()
	opt.Feeds = r.feeds
	r.notes = index.NewNotes(opt.Index, slog.New(slog.DiscardHandler))
	opt.Note = r.notes.Add
	r.Handler = New(opt)
}

func (r *rig) stop() {
	r.feeds.Close()
	r.notes.Close()
	if err := r.jobs.Shutdown(context.Background()); err != nil {
		r.t.Error(err)
	}
	if err := r.docs.Close(); err != nil {
		r.t.Error(err)
	}
	if err := r.store.Close(); err != nil {
		r.t.Error(err)
	}
	if err := r.log.Close(); err != nil {
		r.t.Error(err)
	}
}

// restart does what a new process would.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

// between is what a script does between its steps: restart, or nothing.
func (r *rig) between(restarts bool) func() {
	if restarts {
		return r.restart
	}
	return func() {}
}

// do sends one request; headers are pairs of name and value.
func (r *rig) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:7270/", content)
	req.Method = method // Set here, so that any text is taken.
	path, query, _ := strings.Cut(target, "?")
	req.URL.Path, req.URL.RawPath, req.URL.RawQuery = path, "", query
	req.RequestURI = target
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	r.checkAnswer(method, target, w)
	return w
}

// must sends a request that has to answer with a status, and returns the body.
func (r *rig) must(status int, method, target, body string, headers ...string) string {
	r.t.Helper()
	w := r.do(method, target, body, headers...)
	if w.Code != status {
		r.t.Fatalf("%s %s %.200s: status %d, want %d: %s", method, target, body, w.Code, status, w.Body)
	}
	return w.Body.String()
}

const jobsPath = "/_ml/anomaly_detectors/"

// countJob is the configuration of a job that counts records.
func countJob(span string, more ...string) string {
	return fmt.Sprintf(`{"analysis_config":{"bucket_span":"%s","detectors":[{"function":"count"}]%s},"data_description":{"time_field":"time","time_format":"epoch"}}`,
		span, strings.Join(more, ""))
}

// open makes and opens a job.
func (r *rig) open(id, config string) {
	r.t.Helper()
	r.must(200, "PUT", jobsPath+id, config)
	r.must(200, "POST", jobsPath+id+"/_open", "")
}

// post sends records at times in seconds.
func (r *rig) post(id string, times ...int64) string {
	r.t.Helper()
	var b bytes.Buffer
	for _, at := range times {
		fmt.Fprintf(&b, `{"time":%d}`+"\n", at)
	}
	return r.must(http.StatusAccepted, "POST", jobsPath+id+"/_data", b.String())
}

// errorOf reads an error's envelope.
func errorOf(t testing.TB, body string) (status int, kind, reason string) {
	t.Helper()
	var e struct {
		Error struct {
			Type, Reason string
		}
		Status int
	}
	if err := json.Unmarshal([]byte(body), &e, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("no envelope: %v: %s", err, body)
	}
	return e.Status, e.Error.Type, e.Error.Reason
}

// refused expects an error with a status, a type and a part of the reason.
func (r *rig) refused(status int, kind, part, method, target, body string, headers ...string) {
	r.t.Helper()
	have := r.must(status, method, target, body, headers...)
	inBody, haveKind, _ := errorOf(r.t, have)
	if inBody != status || haveKind != kind || !strings.Contains(have, part) {
		r.t.Errorf("%s %s %.100s: %s, want type %s with %q", method, target, body, have, kind, part)
	}
}
