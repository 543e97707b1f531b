package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidemark/engine/result"
	"tidemark/internal/inlog"
	"tidemark/internal/store"
)

// item is what the owner hands to the committer: results and an answer that
// wait for a log ticket.
type item struct {
	// ticket must succeed first; nil: nothing was appended.
	ticket *inlog.Ticket
	// last is the log position the results go up to.
	last            uint64
	finals, interim []*result.Bucket
	categories      []result.Category
	// took is how long each of the finals took, began when applying the entry
	// that closed the first of them did.
	took  []time.Duration
	began time.Time
	// bytes estimates the memory of the results.
	bytes int64
	// figures of the engine after it; nil: unchanged.
	figures *figures
	state   store.State
	stamp   func(s *stamps, nowMs int64)
	// drop removes the results that start at or after dropFromMs.
	drop       bool
	dropFromMs int64
	// reverted names the model snapshot that an entry at revertedAt went back to.
	reverted   string
	revertedAt uint64
	// rework: the finals replace those that are dropped; they were computed before.
	rework bool
	// what names the request in a refusal.
	what string
	// searchable: success means that all results up to here can be found.
	searchable bool
	// done answers, once, with the refusal or the view after the item.
	done func(error, *view)
	// drained, if set, makes the item a barrier: it gets why an append before
	// it failed, and the committer starts afresh.
	drained chan error
	// save, if set, is a snapshot to store once everything before is committed.
	save *snapshot
}

// Estimated memory of a bucket, an anomaly record and an influencer.
const (
	bucketBytes     = 320
	recordBytes     = 720
	influencerBytes = 160
	// largeItemBytes is when the results of an upload go on in a next item.
	largeItemBytes = 1 << 20
)

func (it *item) addFinal(b *result.Bucket) {
	it.finals = append(it.finals, b)
	it.bytes += sizeOf(b)
}

func (it *item) addInterim(b *result.Bucket) {
	it.interim = append(it.interim, b)
	it.bytes += sizeOf(b)
}

func sizeOf(b *result.Bucket) int64 {
	return int64(bucketBytes + recordBytes*len(b.Records) + influencerBytes*(len(b.Influencers)+len(b.Plots)))
}

// timed shares the time since began out to the finals from number n on.
func (it *item) timed(began time.Time, n int) {
	var buckets int64
	for _, b := range it.finals[n:] {
		buckets += b.Run
	}
	if buckets == 0 {
		return
	}
	if it.began.IsZero() {
		it.began = began
	}
	each := time.Since(began) / time.Duration(buckets)
	for range it.finals[n:] {
		it.took = append(it.took, each)
	}
}

func (it *item) large() bool { return it.bytes > largeItemBytes }
func (it *item) size() int64 { return it.bytes }

// committer is the second stage of a job. It works in the order of the items.
type committer struct {
	r *runner
	// view is the newest view; the job's view follows when it is committed.
	view *view
	// interim is true if interim results may be in the store. After a start
	// that is always so.
	interim bool
	// lost is why an append failed; all that follows it is refused until the
	// owner drains.
	lost error
	// logEnd is the last position known to be durable.
	logEnd uint64
	// behind are the commits that the store refused, oldest first. They are
	// tried again; meanwhile no upload is taken.
	behind []*store.Commit
	warned time.Time
	// ahead is the newest time of the future that was warned of.
	ahead int64
}

func newCommitter(r *runner) *committer {
	return &committer{r: r, view: r.j.view.Load(), interim: true}
}

// Bounds of what goes into one commit.
const (
	maxGroupItems = 64
	maxGroupBytes = 2 << 20
	// retryCommit is how often a refused commit is tried again.
	retryCommit = time.Second
)

func (c *committer) loop() {
	var held *item
	for {
		it := held
		held = nil
		if it == nil {
			if it = c.next(); it == nil {
				break
			}
		}
		switch {
		case it.drained != nil:
			it.drained <- c.lost
			c.lost = nil
			c.finished(it)
		case it.save != nil:
			c.startSave(it)
		case !c.durable(it):
			c.answer(it, notDurable(c.r.j.id, it.subject(), c.lost))
		default:
			held = c.commitGroup(it)
		}
	}
	c.catchUp()
}

func (it *item) subject() string {
	if it.what == "" {
		return "this request"
	}
	return it.what
}

// next waits for an item, trying refused commits again meanwhile. It returns
// nil when the owner is done.
func (c *committer) next() *item {
	for {
		if len(c.behind) == 0 {
			return <-c.r.items
		}
		select {
		case it := <-c.r.items:
			return it
		case <-time.After(retryCommit):
			c.catchUp()
		}
	}
}

// durable waits for the item's ticket and reports whether the item counts.
func (c *committer) durable(it *item) bool {
	if c.lost != nil {
		return false
	}
	if it.ticket == nil {
		return true
	}
	if err := it.ticket.Wait(); err != nil {
		c.lost = err
		c.r.lost.Store(true)
		c.r.queue.poke()
		return false
	}
	c.logEnd = it.ticket.Last
	c.r.m.opt.step("durable")
	return true
}

// commitGroup commits the item together with what is ready behind it, and
// returns the first item that is not.
func (c *committer) commitGroup(first *item) (held *item) {
	group, bytes := []*item{first}, first.bytes
	for len(group) < maxGroupItems && bytes < maxGroupBytes && len(group[len(group)-1].interim) == 0 {
		it := c.ready()
		if it == nil {
			break
		}
		if !c.joins(it) {
			held = it
			break
		}
		group = append(group, it)
		bytes += it.bytes
	}
	c.write(group)
	return held
}

// ready returns the next item if there is one already.
func (c *committer) ready() *item {
	select {
	case it := <-c.r.items:
		return it
	default:
		return nil
	}
}

// joins reports whether the item can be committed without waiting.
func (c *committer) joins(it *item) bool {
	if it.drained != nil || it.save != nil || it.drop {
		// A commit drops first: what came before must be in an earlier one.
		return false
	}
	if it.ticket == nil {
		return true
	}
	select {
	case <-it.ticket.Done():
		if it.ticket.Err() != nil {
			return false
		}
		c.logEnd = it.ticket.Last
		return true
	default:
		return false
	}
}

// write commits a group and answers it.
func (c *committer) write(group []*item) {
	commit, interim := c.build(group)
	err := c.catchUp()
	if commit != nil && err == nil {
		err = c.put(commit, interim)
	}
	if commit != nil && err != nil && !errors.Is(err, store.ErrNotFound) {
		c.keep(commit, interim, err)
	}
	last := group[len(group)-1].last
	c.r.handled.Store(max(c.r.handled.Load(), last))
	c.r.j.view.Store(c.view)
	c.r.m.opt.step("committed")
	for _, it := range group {
		if !it.began.IsZero() {
			c.r.m.bucketClose.add(time.Since(it.began))
		}
		c.answer(it, c.verdict(it, err))
	}
}

// verdict is what a durable item is told when its commit ended with err.
func (c *committer) verdict(it *item, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return notFound(c.r.j.id)
	case it.searchable:
		return notDurable(c.r.j.id, "the results before "+it.subject(), err)
	}
	// The entries are in the log: the request was taken, its results follow.
	return nil
}

// build turns a group into one commit; nil if there is nothing to write. The
// rows of interim results come last in the commit; counts of them are returned
// so that they can be cut off.
func (c *committer) build(group []*item) (*store.Commit, rowCounts) {
	commit := &store.Commit{Job: c.r.j.num, LogEnd: c.logEnd}
	nowMs := c.r.m.opt.Clock().UnixMilli()
	conf := c.r.j.conf.Load()
	changed := false
	view := c.view.with(func(v *view) {
		for _, it := range group {
			commit.Committed = max(commit.Committed, it.last)
			for i, b := range it.finals {
				if i < len(it.took) {
					v.Timing.add(b.StartMs, b.Run, it.took[i])
				}
				appendRows(commit, conf, b)
			}
			appendCategories(commit, conf, it.categories)
			if it.drop {
				commit.DropFrom, commit.DropFromMs, commit.KeepForecasts = true, it.dropFromMs, it.rework
			}
			if it.reverted != "" {
				v.RevertedTo, v.RevertedAt, changed = it.reverted, it.revertedAt, true
				c.r.j.active.Store(&it.reverted)
			}
			if it.figures != nil {
				v.figures = *it.figures
			}
			if it.stamp != nil {
				it.stamp(&v.stamps, nowMs)
			}
			if it.state != "" {
				commit.State = it.state
			}
			changed = changed || it.ticket != nil || it.state != "" || len(it.finals) > 0
		}
		if changed {
			v.LogMs = nowMs
		}
	})
	c.noteMemory(c.view, view)
	interim := rowCounts{len(commit.Buckets), len(commit.Records), len(commit.Influencers)}
	for _, b := range group[len(group)-1].interim {
		appendRows(commit, conf, b)
	}
	commit.DropInterim = c.interim && len(commit.Buckets) > 0
	if changed {
		c.view = view
		var err error
		if commit.Stamps, commit.Stats, err = view.encode(); err != nil {
			c.r.log.Error("stamps could not be encoded", "error", err)
		}
	} else if len(commit.Buckets) == 0 {
		return nil, interim
	}
	return commit, interim
}

// noteMemory tells of a change in how full a job's memory is.
func (c *committer) noteMemory(before, now *view) {
	if now.Size.Status == before.Size.Status || before.Size.Status == "" {
		return
	}
	if now.Size.Status == result.MemoryOK {
		c.r.m.opt.Note(c.r.j.id, "info", "Job memory status changed to ok")
		return
	}
	c.r.m.opt.Note(c.r.j.id, "warning", fmt.Sprintf("Job memory status changed to %s: the models take %d bytes of a limit of %d; the least useful series give way. Raise model_memory_limit, or analyze fewer values",
		now.Size.Status, now.Size.Bytes, now.Size.LimitBytes))
}

// rowCounts is how many rows of a commit are final.
type rowCounts struct{ buckets, records, influencers int }

// put stores one commit and follows whether interim results are there.
func (c *committer) put(commit *store.Commit, final rowCounts) error {
	if err := c.r.m.opt.Store.Commit(context.Background(), commit); err != nil {
		return err
	}
	if len(commit.Buckets) > 0 {
		c.interim = len(commit.Buckets) > final.buckets
	}
	if commit.State != "" {
		c.r.j.mu.Lock()
		c.r.j.row.State = commit.State
		c.r.j.mu.Unlock()
	}
	c.r.committed.Store(max(c.r.committed.Load(), commit.Committed))
	return nil
}

// keep remembers a refused commit, without its interim results: their flush is
// refused.
func (c *committer) keep(commit *store.Commit, final rowCounts, cause error) {
	commit.Buckets = commit.Buckets[:final.buckets]
	commit.Records = commit.Records[:final.records]
	commit.Influencers = commit.Influencers[:final.influencers]
	if commit.Stamps == nil && len(commit.Buckets) == 0 {
		return
	}
	if len(c.behind) == 0 {
		c.r.log.Error("results cannot be stored; no upload is taken until they are", "error", cause)
	}
	c.behind = append(c.behind, commit)
	c.interim = true
	c.r.blocked.Store(notDurable(c.r.j.id, "results", cause))
}

// catchUp stores the commits that were refused before.
func (c *committer) catchUp() error {
	for len(c.behind) > 0 {
		commit := c.behind[0]
		err := c.put(commit, rowCounts{buckets: len(commit.Buckets)})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		c.behind = c.behind[1:]
	}
	if c.r.blocked.Swap(nil) != nil {
		c.r.log.Info("results are stored again")
	}
	return nil
}

// answer ends an item.
func (c *committer) answer(it *item, err error) {
	if it.done != nil {
		it.done(err, c.view)
	}
	c.finished(it)
}

// finished gives the item's memory back.
func (c *committer) finished(it *item) {
	c.r.inFlight.Add(-it.size())
	select {
	case c.r.room <- struct{}{}:
	default:
	}
}
