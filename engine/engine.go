// Package engine is the state machine of one job: entries of the job's log go
// in, buckets, anomaly records and influencers come out. State and results are
// a function of the entries alone, bit for bit, whatever the batch borders, the
// number of workers, the flushes in between or the restarts.
//
// An Engine is not safe for concurrent use. It starts no goroutine, reads no
// clock and touches no disk; work on independent shards goes through
// Options.Parallel.
package engine

import (
	"errors"
	"fmt"
	"slices"

	"tidemark/engine/bucket"
	"tidemark/engine/entry"
	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/pages"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/score"
	"tidemark/engine/spec"
)

// Parallel calls do(0) … do(n-1), in any order, possibly at the same time, and
// returns when all have returned.
type Parallel func(n int, do func(i int))

// Options are what an engine needs from its surroundings. The zero value runs
// serially.
type Options struct {
	Parallel Parallel
	// Build names the binary, for snapshots.
	Build string
}

// Emit receives buckets in order of time. The receiver may keep them.
type Emit func(*result.Bucket)

// Applied is what applying one entry answers.
type Applied struct {
	// Upload has the counts of the upload that an UploadEnd entry ended.
	Upload *record.Counts
	// Categories are those that had messages in the upload.
	Categories []result.Category
}

// ErrNotOpen refuses data and time for a job that is not open.
var ErrNotOpen = errors.New("job is not open")

// shardCount is the number of shards of every job. It is part of the state:
// a snapshot of another number is refused.
const shardCount = 16

// group is one partition value of one unit (or all of a unit without partition
// field).
type group struct {
	unit      uint32
	partition names.ID
	used      bool
	// startMs is the first whole bucket after the group's first record.
	startMs int64
}

// Engine is the state of one job.
type Engine struct {
	opt Options

	config *spec.Job
	open   bool
	// units and columns are derived from config.
	units     []unit
	columns   columns
	clock     bucket.Clock
	diag      *bucket.Diagnostics
	totals    record.Counts
	upload    record.Counts
	keys      keyRing
	names     *names.Table
	groups    *pages.Pool[group]
	groupByID map[groupKey]uint32
	shards    [shardCount]*shard
	// scheduled is what the events of the bucket in work say; only during Apply and
	// Interim.
	scheduled scheduled
	// agreement is how often the series stand out together.
	agreement score.Agreement
	// bonding: there are units whose series are judged by one another.
	bonding bool
	// shifts are the clocks of the detectors.
	shifts []shift
	// begun are the events that have shifted these clocks and are not over.
	begun []begun
	// events are the record counts of the open buckets, by offset from LF.
	events     []float64
	memory     memory
	categories categories
	// sourceMs is how far the job's datafeed has come.
	sourceMs int64
	// quiet is a run of empty buckets not emitted yet; only during Apply.
	quiet result.Bucket
	// cost is the replay work since the last Freeze.
	cost    int64
	scratch scratch
}

type groupKey struct {
	unit      uint32
	partition names.ID
}

// New returns an engine that waits for its Open entry.
func New(opt Options) *Engine {
	if opt.Parallel == nil {
		opt.Parallel = serial
	}
	e := &Engine{
		opt: opt, totals: record.NewCounts(), upload: record.NewCounts(),
		names: names.New(), groups: pages.New[group](pageBytes / groupBytes), groupByID: map[groupKey]uint32{}, agreement: score.NewAgreement(),
	}
	e.memory.status = result.MemoryOK
	for i := range e.shards {
		e.shards[i] = newShard()
	}
	return e
}

func serial(n int, do func(int)) {
	for i := range n {
		do(i)
	}
}

// Apply makes one step. An error means that the entry does not fit the state,
// which then is as it was.
func (e *Engine) Apply(en *entry.Entry, emit Emit) (Applied, error) {
	defer e.endRun(emit)
	e.cost += entryCost
	if fault(en) {
		panic("a marked entry was applied")
	}
	switch en.Kind {
	case entry.Open, entry.Update:
		return Applied{}, e.configure(en)
	case entry.LeaveOut, entry.Fault:
		return Applied{}, nil
	}
	if !e.open {
		return Applied{}, ErrNotOpen
	}
	switch en.Kind {
	case entry.Data:
		if err := e.columns.check(en.Batch); err != nil {
			return Applied{}, err
		}
		e.data(en.Batch, emit)
	case entry.UploadEnd:
		counts := e.endUpload(en.Upload)
		return Applied{Upload: &counts, Categories: e.changedCategories()}, nil
	case entry.ClearBuckets:
		e.clearBuckets(en.FromMs, en.ToMs)
	case entry.Skip:
		e.skip(boundTime(en.TimeMs))
	case entry.Advance:
		t := boundTime(en.TimeMs)
		e.clock.Begin(t)
		e.finalizeUntil(t, emit)
	case entry.Close:
		e.prune()
		e.open = false
	default:
		return Applied{}, fmt.Errorf("an entry of unknown kind %d", en.Kind)
	}
	return Applied{}, nil
}

// boundTime keeps a time in the range in which nothing can overflow.
func boundTime(t int64) int64 { return min(max(t, 0), bucket.MaxMs) }

// configure takes the configuration of an Open or Update entry. What has been
// learned belongs to the detectors, so these can only be added behind the end.
func (e *Engine) configure(en *entry.Entry) error {
	c := en.Config
	switch {
	case c == nil:
		return errors.New("an open or update entry without a configuration")
	case en.Kind == entry.Update && !e.open:
		return ErrNotOpen
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if old := e.config; old != nil {
		if c.BucketSpanMs != old.BucketSpanMs || c.LatencyMs != old.LatencyMs || c.SummaryCountField != old.SummaryCountField || c.Multivariate != old.Multivariate || len(c.Detectors) < len(old.Detectors) {
			return errors.New("bucket span, latency, summary count, multivariate by fields and the number of detectors cannot change while something is learned")
		}
		for i := range old.Detectors {
			if !c.Detectors[i].Same(&old.Detectors[i]) {
				return fmt.Errorf("detector %d cannot become another one while something is learned", i)
			}
		}
	}
	e.useConfig(c)
	e.open = true
	return nil
}

// useConfig derives everything that depends on the configuration alone.
func (e *Engine) useConfig(c *spec.Job) {
	e.config = c
	e.units = unitsOf(c)
	e.bonding = slices.ContainsFunc(e.units, func(u unit) bool { return u.bonds })
	e.useCategories()
	e.columns = resolveColumns(c, e.units)
	for len(e.shifts) < len(c.Detectors) {
		e.shifts = append(e.shifts, shift{})
	}
	e.clock.SpanMs, e.clock.LatencyBuckets = c.BucketSpanMs, c.LatencyBuckets()
	if e.diag == nil {
		e.diag = bucket.NewDiagnostics(c.BucketSpanMs, c.LatencyMs)
	}
	for len(e.events) < int(c.LatencyBuckets())+1 {
		e.events = append(e.events, 0)
	}
	for _, s := range e.shards {
		for len(s.open) < len(e.events) {
			s.open = append(s.open, &gather.Bucket{})
		}
	}
}

// endUpload ends the upload that the Data entries before it belong to.
func (e *Engine) endUpload(u *entry.Upload) record.Counts {
	for _, c := range []*record.Counts{&e.upload, &e.totals} {
		c.InputBytes += u.InputBytes
		c.InputFields += u.InputFields
		c.InvalidDates += u.InvalidDates
		c.InputRecords += u.InvalidDates
		c.MissingFields += u.MissingFields
	}
	fields := int64(len(e.config.AnalysisFields()))
	e.upload.ProcessedFields = max(e.upload.ProcessedRecords*fields-e.upload.MissingFields, 0)
	e.totals.ProcessedFields += e.upload.ProcessedFields
	e.diag.EndUpload(&e.upload, &e.totals)
	counts := e.upload
	if u.SourceMs != 0 {
		e.sourceMs = u.SourceMs
	}
	if u.Key != "" {
		e.keys.put(u.Key, u.BodyHash, counts)
	}
	e.upload = record.NewCounts()
	return counts
}

// Remembered returns what was answered to the upload with this key, if it is
// among the last ones.
func (e *Engine) Remembered(key string) (counts record.Counts, bodyHash uint64, ok bool) {
	return e.keys.get(key)
}

// skip moves time forward: nothing is modelled or reported on the way, and the
// open buckets that are skipped are discarded.
func (e *Engine) skip(t int64) {
	before := e.clock
	e.clock.SkipTo(t)
	if !before.Set {
		return
	}
	skipped := (e.clock.LastFinalizedMs - before.LastFinalizedMs) / e.clock.SpanMs
	if skipped > 0 {
		e.shiftOpen(skipped)
		e.skipSeries(before.Number(before.LastFinalizedMs), e.clock.Number(e.clock.LastFinalizedMs))
	}
}

// clearBuckets drops what was gathered for the buckets in [fromMs, toMs) that
// are still open.
func (e *Engine) clearBuckets(fromMs, toMs int64) {
	from, to := e.clock.Floor(boundTime(fromMs)), e.clock.Ceil(boundTime(toMs))
	for i := range e.events {
		start := e.clock.LastFinalizedMs + int64(i)*e.clock.SpanMs
		if !e.clock.Set || start < from || start >= to {
			continue
		}
		e.events[i] = 0
		for _, s := range e.shards {
			s.open[i].Clear()
		}
	}
}

// shiftOpen moves the open buckets n places toward the front; those in front
// are forgotten.
func (e *Engine) shiftOpen(n int64) {
	keep := max(int64(len(e.events))-n, 0)
	gone := int64(len(e.events)) - keep
	copy(e.events, e.events[gone:])
	clear(e.events[keep:])
	for _, s := range e.shards {
		s.shift(int(gone))
	}
}

// LastFinalized is the end of the last finalized bucket in milliseconds, if
// there was any data, advance or skip.
func (e *Engine) LastFinalized() (ms int64, ok bool) {
	return e.clock.LastFinalizedMs, e.clock.Set && e.clock.LastFinalizedMs > 0
}

// IsOpen reports whether the job takes data.
func (e *Engine) IsOpen() bool { return e.open }

// SourceMs is how far the job's datafeed has come, 0 if it has none.
func (e *Engine) SourceMs() int64 { return e.sourceMs }

// Inherit makes e, the state of an earlier snapshot, follow now, which it
// replaces: closed, with what concerns requests and not the model. With keep the
// data counts and the time stay as they are now.
func (e *Engine) Inherit(now *Engine, keep bool) {
	if e.config == nil && now.config != nil {
		e.useConfig(now.config)
	}
	e.open, e.keys = false, now.keys
	if !keep || e.config == nil {
		return
	}
	e.totals, e.diag, e.sourceMs = now.totals, now.diag, now.sourceMs
	if now.clock.Set {
		e.skip(now.clock.LastFinalizedMs)
	}
}

// Config is the configuration in force, nil before the first Open. It must not
// be changed.
func (e *Engine) Config() *spec.Job { return e.config }

// Totals are the data counts of the job's whole life.
func (e *Engine) Totals() record.Counts { return e.totals }

// Costs of replay, in units of about a tenth of a microsecond.
const (
	entryCost  = 20
	recordCost = 1
	judgeCost  = 15
)

// ReplayCost estimates the work of replaying what came since the last Freeze:
// about ten million units take a second.
func (e *Engine) ReplayCost() int64 { return e.cost }
