// Package source pulls data for jobs: datafeeds that search the embedded index or
// a remote one, turn documents into records and hand these to the job together
// with the position reached.
package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/document"
	"tidemark/internal/index"
	"tidemark/internal/job"
	"tidemark/internal/match"
	"tidemark/internal/query"
	"tidemark/internal/store"
	"tidemark/wire"
)

// kind names datafeeds among what the store keeps for no single job.
const kind = "datafeed"

// States of a datafeed.
const (
	starting = "starting"
	started  = "started"
	stopping = "stopping"
	stopped  = "stopped"
)

// Options are what datafeeds need.
type Options struct {
	Jobs   *job.Manager
	Store  store.Store
	Index  *index.Index
	Logger *slog.Logger
	Clock  func() time.Time
	// Remotes are search clusters by name; NAME:INDEX in a datafeed's indices
	// means an index there.
	Remotes map[string]*Remote
	// Note records what an operator should see of a job; level is info, warning or
	// error. Nil: nothing is recorded.
	Note func(jobID, level, message string)
	// BatchBytes is from what size on found records are handed to the job, with the
	// position up to them; 0: 4 MB. CheckEvery is how often data that came too late
	// is looked for; 0: 15 minutes.
	BatchBytes int
	CheckEvery time.Duration
}

// Feeds are all datafeeds of a process. Their methods may be called from several
// goroutines.
type Feeds struct {
	opt    Options
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup

	mu    sync.Mutex
	feeds map[string]*feed
	// ends are those of the newest runs, by job: a run that was ended by force may
	// still hand a batch over, and the next one begins behind it.
	ends map[string]<-chan struct{}
}

// feed is one datafeed; Feeds.mu guards it.
type feed struct {
	stored
	run *run
	// trial is the look at its indices before it runs, nil without.
	trial *trial
}

// state is what the datafeed does; Feeds.mu is held.
func (f *feed) state() string {
	switch {
	case f.run != nil:
		return f.run.state
	case f.trial != nil:
		return starting
	}
	return stopped
}

// stored is a datafeed as it is kept.
type stored struct {
	Config wire.Datafeed `json:"config"`
	// Running is set while it is started, so that a restart goes on with it.
	Running *Span                    `json:"running,omitzero"`
	Timing  wire.DatafeedTimingStats `json:"timing"`
}

// New returns the datafeeds that the store has; none runs before Resume.
func New(ctx context.Context, opt Options) (*Feeds, error) {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	opt.BatchBytes = cmp.Or(opt.BatchBytes, defaultBatchBytes)
	opt.CheckEvery = cmp.Or(opt.CheckEvery, defaultCheckEvery)
	if opt.Note == nil {
		opt.Note = func(string, string, string) {}
	}
	s := &Feeds{opt: opt, feeds: map[string]*feed{}, ends: map[string]<-chan struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	rows, err := opt.Store.AllShared(ctx)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.Kind != kind {
			continue
		}
		f := &feed{}
		if err := json.Unmarshal(row.Doc, &f.stored); err != nil {
			return nil, fmt.Errorf("stored datafeed [%s]: %w", row.ID, err)
		}
		s.feeds[row.ID] = f
	}
	return s, nil
}

// Resume lets the datafeeds go on that were started when the process ended. The
// jobs must have been recovered.
func (s *Feeds) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.feeds { // order-free: each runs by itself
		if f.Running != nil {
			s.launch(f)
		}
	}
}

// Close ends all searches; the datafeeds stay started for the next process.
func (s *Feeds) Close() {
	s.cancel()
	s.all.Wait()
}

// save stores a datafeed; mu is held.
func (s *Feeds) save(ctx context.Context, f *feed) error {
	doc, err := json.Marshal(&f.stored)
	if err != nil {
		return err
	}
	return s.opt.Store.SaveShared(ctx, store.Shared{Kind: kind, ID: f.Config.DatafeedID, Doc: doc})
}

func missing(id string) error {
	return &wire.Refusal{Status: 404, Type: wire.TypeNotFound, Reason: "No datafeed with id [" + wire.Clip(id) + "] exists"}
}

func conflict(format string, args ...any) error {
	return &wire.Refusal{Status: 409, Type: wire.TypeStatus, Reason: fmt.Sprintf(format, args...)}
}

// Put makes a datafeed for a job that has none.
func (s *Feeds) Put(ctx context.Context, f *wire.Datafeed) (*wire.Datafeed, error) {
	info, err := s.opt.Jobs.FeedInfo(f.JobID)
	if err != nil {
		return nil, err
	}
	if err := document.FinishDatafeed(f, info.Job); err != nil {
		return nil, err
	}
	if err := s.check(f); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feeds[f.DatafeedID] != nil {
		return nil, wire.Refuse(wire.TypeAlreadyExists, "A datafeed with id [%s] already exists", f.DatafeedID)
	}
	if other := s.forJob(f.JobID); other != nil {
		return nil, conflict("A datafeed [%s] already exists for job [%s]", other.Config.DatafeedID, f.JobID)
	}
	made := &feed{stored: stored{Config: *f}}
	made.Timing.JobID = f.JobID
	if err := s.save(ctx, made); err != nil {
		return nil, err
	}
	s.feeds[f.DatafeedID] = made
	return f, nil
}

// forJob is a job's datafeed, nil without one; mu is held.
func (s *Feeds) forJob(id string) *feed {
	for _, f := range s.feeds { // order-free: a job has one
		if f.Config.JobID == id {
			return f
		}
	}
	return nil
}

// OfJob returns the configuration of a job's datafeed, nil without one.
func (s *Feeds) OfJob(id string) *wire.Datafeed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.forJob(id); f != nil {
		c := f.Config
		return &c
	}
	return nil
}

// choose resolves an expression to datafeeds, by id; mu is held.
func (s *Feeds) choose(expr string, allowNone bool) ([]*feed, error) {
	things := make([]match.Named, 0, len(s.feeds))
	for id := range s.feeds { // order-free: Resolve sorts
		things = append(things, match.Named{ID: id})
	}
	ids, err := match.Resolve(expr, things, allowNone)
	if err != nil {
		return nil, missing(err.(*match.MissingError).Name)
	}
	list := make([]*feed, len(ids))
	for i, id := range ids {
		list[i] = s.feeds[id]
	}
	return list, nil
}

// Get returns configurations by id.
func (s *Feeds) Get(expr string, allowNone bool) ([]wire.Datafeed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chosen, err := s.choose(expr, allowNone)
	list := make([]wire.Datafeed, len(chosen))
	for i, f := range chosen {
		list[i] = f.Config
	}
	return list, err
}

// Stats returns figures by id.
func (s *Feeds) Stats(expr string, allowNone bool) ([]wire.DatafeedStats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	chosen, err := s.choose(expr, allowNone)
	if err != nil {
		return nil, err
	}
	list := make([]wire.DatafeedStats, len(chosen))
	for i, f := range chosen {
		x := wire.DatafeedStats{DatafeedID: f.Config.DatafeedID, State: f.state(), TimingStats: f.Timing}
		if info, err := s.opt.Jobs.FeedInfo(f.Config.JobID); err == nil {
			x.TimingStats.BucketCount = info.Buckets
		}
		if n := x.TimingStats.BucketCount; n > 0 {
			mean := x.TimingStats.TotalSearchTimeMs / float64(n)
			x.TimingStats.AverageSearchTimePerBucket = &mean
		}
		if f.run != nil {
			x.AssignmentExplanation = f.run.trouble
			x.RunningState = &wire.DatafeedRunningState{RealTimeConfigured: !f.run.span.HasEnd, RealTimeRunning: f.run.realTime, SearchInterval: f.run.last}
		}
		list[i] = x
	}
	return list, nil
}

// Update changes a datafeed that is not started.
func (s *Feeds) Update(ctx context.Context, id string, c *document.DatafeedChange) (*wire.Datafeed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.feeds[id]
	if f == nil {
		return nil, missing(id)
	}
	if state := f.state(); state != stopped {
		return nil, conflict("Cannot update datafeed [%s] while its status is %s; stop it first", id, state)
	}
	changed, err := c.Apply(&f.Config)
	if err != nil {
		return nil, err
	}
	info, err := s.opt.Jobs.FeedInfo(f.Config.JobID)
	if err != nil {
		return nil, err
	}
	if err := document.FinishDatafeed(changed, info.Job); err != nil {
		return nil, err
	}
	if err := s.check(changed); err != nil {
		return nil, err
	}
	next := &feed{stored: stored{Config: *changed, Timing: f.Timing}}
	if err := s.save(ctx, next); err != nil {
		return nil, err
	}
	s.feeds[id] = next
	return changed, nil
}

// Delete removes a datafeed; one that is started only by force.
func (s *Feeds) Delete(ctx context.Context, id string, force bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.feeds[id]
	if f == nil {
		return missing(id)
	}
	if state := f.state(); state != stopped && !force {
		return conflict("Cannot delete datafeed [%s] while its status is %s; stop it first, or delete it with force", id, state)
	}
	if err := s.opt.Store.DeleteShared(ctx, kind, id); err != nil {
		return err
	}
	delete(s.feeds, id)
	s.drop(f)
	return nil
}

// check refuses indices of several clusters, and searches that the embedded index
// cannot make. What another cluster takes is its matter.
func (s *Feeds) check(f *wire.Datafeed) error {
	first, _, remote := strings.Cut(f.Indices[0], ":")
	for _, name := range f.Indices {
		if cluster, _, has := strings.Cut(name, ":"); has != remote || has && cluster != first {
			return wire.Refuse(wire.TypeIllegalArgument, "datafeed [%s] names indices of several clusters [%s]; one datafeed searches one, make another job for the others",
				f.DatafeedID, wire.Clip(strings.Join(f.Indices, ",")))
		}
	}
	if remote {
		return nil
	}
	body := map[string]any{"size": 0.0}
	for name, raw := range map[string]jsontext.Value{"query": f.Query, "aggs": f.Aggregations} { // order-free: each is its own
		var v any
		if len(raw) == 0 {
			continue
		}
		if err := json.Unmarshal(raw, &v); err != nil {
			return wire.Refuse(wire.TypeParse, "the %s of datafeed [%s] cannot be read: %v", name, f.DatafeedID, err)
		}
		body[name] = v
	}
	_, err := query.New(body, s.opt.Clock())
	return err
}

// DeleteForJob removes the datafeed of a job that is to be deleted.
func (s *Feeds) DeleteForJob(ctx context.Context, jobID string, force bool) error {
	f := s.OfJob(jobID)
	if f == nil {
		return nil
	}
	return s.Delete(ctx, f.DatafeedID, force)
}

// Preview returns the first records that a datafeed would find.
func (s *Feeds) Preview(ctx context.Context, f *wire.Datafeed, j *job.FeedInfo, startMs, endMs int64) ([]jsontext.Value, error) {
	var list []jsontext.Value
	find := s.searcher(f)
	_, first, last, err := find.summary(ctx, f, j.TimeField, startMs, endMs)
	if err != nil {
		return nil, asBadRequest(err, f.DatafeedID)
	}
	if last < first {
		return list, nil
	}
	to := min(endMs, last+1)
	if len(f.Aggregations) > 0 {
		// A histogram of years is not needed to show its beginning.
		to = min(to, first+previewIntervals*document.AggregationInterval(f).Milliseconds())
	}
	err = s.records(ctx, f, j, find, first, to, func(_ int64, line []byte) error {
		list = append(list, jsontext.Value(bytes.Clone(bytes.TrimSpace(line))))
		if len(list) >= previewSize {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, asBadRequest(err, f.DatafeedID)
	}
	return list, nil
}

// A preview shows so many records at most, of so many intervals of aggregations.
const (
	previewSize      = 1000
	previewIntervals = 1000
)

var errEnough = errors.New("enough")

// searcher is who searches a datafeed's indices.
func (s *Feeds) searcher(f *wire.Datafeed) searcher {
	for _, name := range f.Indices {
		if cluster, _, remote := strings.Cut(name, ":"); remote {
			if r := s.opt.Remotes[cluster]; r != nil {
				return r
			}
			return unknownRemote(cluster)
		}
	}
	return local{s.opt.Index, s.opt.Clock}
}

// IDs lists all datafeeds.
func (s *Feeds) IDs() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.feeds { // order-free: sorted below
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
