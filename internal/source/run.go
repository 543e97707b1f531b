package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidemark/engine/record"
	"tidemark/internal/document"
	"tidemark/internal/job"
	"tidemark/wire"
)

// run is a datafeed at work. asked, dropped, state, realTime, last and trouble are guarded by
// Feeds.mu, the rest belongs to its goroutine.
type run struct {
	s    *Feeds
	f    *feed
	span Span
	// asked is set when somebody stops the datafeed, and not the process; dropped
	// when he does not wait, so that the datafeed is no longer this run's.
	asked, dropped bool
	// before is closed when nothing more comes of the job's run before, nil without.
	before <-chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	state    string
	realTime bool
	last     *wire.SearchInterval
	trouble  string

	conf wire.Datafeed
	find searcher
	info *job.FeedInfo
	// interval is that of the aggregations in milliseconds, 0 without.
	interval int64
	// pos is up to where everything was delivered.
	pos int64
	// empty counts searches in a row that found nothing; seen: there was data, in
	// this run or before.
	empty int64
	seen  bool
	// late is what the last look for late data found, checked when it was.
	late    lateness
	checked time.Time
	// told: it was said that documents come out of order.
	told bool
}

// Waits and bounds of a run.
const (
	retryFrom = time.Second
	retryTo   = time.Minute
	// chunkPages is how many pages of documents an automatic chunk has.
	chunkPages        = 10
	defaultBatchBytes = 4 << 20
	// emptyNoted is after how many searches without data it is said that there is
	// none.
	emptyNoted = 10
)

// launch starts a datafeed's run; Feeds.mu is held.
func (s *Feeds) launch(f *feed) {
	r := &run{s: s, f: f, span: *f.Running, done: make(chan struct{}), state: started, conf: f.Config, find: s.searcher(&f.Config),
		interval: document.AggregationInterval(&f.Config).Milliseconds()}
	r.ctx, r.cancel = context.WithCancel(s.ctx)
	r.before = s.ends[r.conf.JobID]
	s.ends[r.conf.JobID] = r.done
	f.run = r
	s.all.Go(r.work)
}

// end asks the run to end; Feeds.mu is held.
func (r *run) end(asked bool) {
	r.asked = r.asked || asked
	r.cancel()
}

// work is the life of a run.
func (r *run) work() {
	defer close(r.done)
	if r.before != nil {
		<-r.before
	}
	finished, err := r.deliver()
	r.cancel()
	asked, dropped := r.leave(finished || err != nil)
	if dropped {
		return
	}
	s := r.s
	if err != nil && !asked {
		s.opt.Logger.Warn("a datafeed ended", "datafeed", r.conf.DatafeedID, "error", err)
		r.say("error", "Datafeed ended: "+err.Error())
	}
	if asked || finished || err != nil {
		r.say("info", "Datafeed stopped")
	}
	if finished {
		if err := s.opt.Jobs.Close(context.WithoutCancel(r.ctx), r.conf.JobID, false, true, 0); err != nil {
			s.opt.Logger.Warn("the job of a finished datafeed could not be closed", "job", r.conf.JobID, "error", err)
			return
		}
		r.say("info", "Job closed")
	}
}

// leave makes the datafeed a stopped one if its run is over, and says whether
// somebody asked for that. A run that only ends with the process goes on in the next
// one.
func (r *run) leave(over bool) (asked, dropped bool) {
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends[r.conf.JobID] == r.done {
		delete(s.ends, r.conf.JobID)
	}
	if r.dropped {
		return true, true
	}
	if r.asked || over {
		r.f.Running = nil
	}
	if err := s.save(context.WithoutCancel(r.ctx), r.f); err != nil {
		s.opt.Logger.Error("a datafeed's state could not be stored", "datafeed", r.conf.DatafeedID, "error", err)
	}
	r.f.run = nil
	return r.asked, false
}

// say records what an operator should see.
func (r *run) say(level, message string) { r.s.opt.Note(r.conf.JobID, level, message) }

// begin finds out where to go on: where the job's datafeed has come to, whatever
// else the job was sent.
func (r *run) begin() (err error) {
	if r.info, err = r.s.opt.Jobs.FeedInfo(r.conf.JobID); err != nil {
		return err
	}
	r.pos = max(r.span.StartMs, r.info.SourceMs)
	r.seen = r.info.LatestRecordMs != record.NoTime
	if r.info.SourceMs == 0 && r.seen {
		r.pos = max(r.pos, r.info.LatestRecordMs+1)
	}
	return nil
}

// deliver searches until the end of the span, or until it is told to end. An
// error is the job's: nothing can be delivered any more.
func (r *run) deliver() (finished bool, err error) {
	if err := r.begin(); err != nil {
		return false, err
	}
	r.prepare()
	frequency := document.FrequencyOf(&r.conf, time.Duration(r.info.SpanMs)*time.Millisecond)
	delay, _ := wire.ParseDuration("query_delay", r.conf.QueryDelay) // Checked when it was put.
	retry := retryFrom
	for first := true; ; {
		to, last := r.until(r.s.opt.Clock().Add(-delay).UnixMilli())
		if to > r.pos {
			err := r.search(to, !first)
			switch {
			case r.ctx.Err() != nil:
				return false, nil
			case fatal(err):
				return false, err
			case err != nil:
				r.troubled(err)
				if !r.sleep(retry) {
					return false, nil
				}
				retry = min(2*retry, retryTo)
				continue
			}
		}
		r.recovered()
		retry = retryFrom
		if last {
			return true, r.flush(0)
		}
		if !first && r.exhausted() {
			r.say("info", fmt.Sprintf("Datafeed stops: [%d] searches in a row have found nothing, and there was never any data", r.empty))
			return true, nil
		}
		if err := r.settle(to, first); err != nil {
			return false, err
		}
		if !r.sleep(frequency - time.Duration(r.s.opt.Clock().UnixMilli()%frequency.Milliseconds())*time.Millisecond) {
			return false, nil
		}
		first = false
	}
}

// fatal reports whether a refusal of the job ends the datafeed.
func fatal(err error) bool {
	var refused *job.Error
	return errors.As(err, &refused) && refused.Fault != job.Busy && refused.Fault != job.Unavailable
}

// until is up to where to search when data is complete up to a time, and whether
// this is the end. Aggregations end with a whole interval.
func (r *run) until(completeMs int64) (toMs int64, last bool) {
	if r.span.HasEnd && r.span.EndMs <= completeMs {
		return r.span.EndMs, true
	}
	return r.floor(completeMs), false
}

// floor is the begin of the interval of the aggregations that a time lies in.
func (r *run) floor(ms int64) int64 {
	if r.interval > 0 {
		return ms / r.interval * r.interval
	}
	return ms
}

// settle makes what was found visible and enters real time.
func (r *run) settle(to int64, first bool) error {
	r.s.mu.Lock()
	r.realTime = !r.span.HasEnd
	r.s.mu.Unlock()
	advance := to / r.info.SpanMs * r.info.SpanMs
	if first {
		advance = 0
	}
	if err := r.flush(advance); err != nil {
		return err
	}
	if r.conf.DelayedDataCheckConfig.Enabled && !first && r.s.opt.Clock().Sub(r.checked) >= r.s.opt.CheckEvery {
		r.checked = r.s.opt.Clock()
		r.lookForLate()
	}
	return nil
}

// flush shows interim results, and closes the buckets before advanceMs unless 0.
// A job that is busy now is flushed after the next search.
func (r *run) flush(advanceMs int64) error {
	_, err := r.s.opt.Jobs.Flush(r.ctx, r.conf.JobID, job.Flush{CalcInterim: true, HasAdvance: advanceMs > 0, AdvanceMs: advanceMs})
	if r.ctx.Err() != nil || !fatal(err) {
		return nil
	}
	return err
}

// exhausted reports whether so many searches in a row found nothing as allowed to
// a datafeed that never saw any data.
func (r *run) exhausted() bool {
	return !r.span.HasEnd && !r.seen && r.conf.MaxEmptySearches != nil && r.empty >= *r.conf.MaxEmptySearches
}

func (r *run) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.ctx.Done():
		return false
	}
}

// troubled shows what keeps the datafeed from working, and says it once.
func (r *run) troubled(err error) {
	r.s.mu.Lock()
	before := r.trouble
	r.trouble = err.Error()
	r.s.mu.Unlock()
	if before == "" {
		r.say("error", "Datafeed is encountering errors extracting data: "+err.Error())
	}
	r.s.opt.Logger.Warn("a datafeed's search failed; it is tried again", "datafeed", r.conf.DatafeedID, "error", err)
}

// recovered ends what troubled says.
func (r *run) recovered() {
	r.s.mu.Lock()
	before := r.trouble
	r.trouble = ""
	r.s.mu.Unlock()
	if before != "" {
		r.say("info", "Datafeed has recovered data extraction and analysis")
	}
}

// search delivers what lies in [pos, to), a chunk after the other. It ends early
// if the run is told to end.
func (r *run) search(to int64, realTime bool) error {
	found, length := int64(0), int64(0)
	for r.pos < to && r.ctx.Err() == nil {
		from := r.pos
		if length == 0 {
			var err error
			if from, length, err = r.chunk(to); err != nil {
				return err
			}
		}
		if from >= to {
			r.pos = to
			break
		}
		// Chunks of aggregations are cut between intervals.
		until := min(max(r.floor(from+length), from+1), to)
		n, err := r.one(from, until)
		if err != nil {
			return err
		}
		found += n
		r.pos = until
		if n == 0 {
			length = 0 // The next documents may be far away.
		}
	}
	r.count(found, realTime)
	return nil
}

// count follows how many searches in a row have found nothing.
func (r *run) count(found int64, realTime bool) {
	switch {
	case found > 0 && r.empty >= emptyNoted:
		r.say("info", "Datafeed has started retrieving data again")
	case found == 0 && realTime && r.empty+1 == emptyNoted:
		r.say("warning", "Datafeed has been retrieving no data for a while")
	}
	r.seen = r.seen || found > 0
	if realTime && found == 0 {
		r.empty++
	} else {
		r.empty = 0
	}
}

// chunk is where the next documents begin and how much time to ask for at once.
func (r *run) chunk(to int64) (from, length int64, err error) {
	mode := r.conf.ChunkingConfig.Mode
	if _, embedded := r.find.(local); embedded && mode == "off" {
		// The embedded index sorts what it finds in memory.
		mode = "auto"
	}
	if mode == "off" {
		return r.pos, to - r.pos, nil
	}
	n, first, last, err := r.find.summary(r.ctx, &r.conf, r.info.TimeField, r.pos, to)
	if err != nil || n == 0 {
		return to, 0, err
	}
	if mode == "manual" {
		d, err := wire.ParseDuration("time_span", r.conf.ChunkingConfig.TimeSpan)
		if err != nil {
			return 0, 0, err
		}
		length = max(d.Milliseconds(), r.interval, 1)
		return r.pos + (first-r.pos)/length*length, length, nil
	}
	chunks := max(n/(chunkPages*sizeOf(&r.conf)), 1)
	return max(r.floor(first), r.pos), max((last-first)/chunks+1, r.interval, 1), nil
}

// one delivers the records of [from, until), each part of them together with the
// position behind it.
func (r *run) one(from, until int64) (found int64, err error) {
	began, feeding := time.Now(), time.Duration(0)
	var part []byte
	latest := from
	hand := func(positionMs int64) error {
		if len(part) == 0 {
			return nil
		}
		start := time.Now()
		n, err := r.feed(part, positionMs)
		feeding += time.Since(start)
		found, part = found+n, part[:0]
		return err
	}
	err = r.s.records(r.ctx, &r.conf, r.info, r.find, from, until, func(ms int64, raw []byte) error {
		// A position is a time: records of one time stay together.
		if len(part) >= r.s.opt.BatchBytes && ms > latest && r.interval == 0 {
			if err := hand(ms); err != nil {
				return err
			}
		}
		latest = max(latest, ms)
		part = append(part, raw...)
		return nil
	})
	if err == nil {
		err = hand(until)
	}
	r.measure(from, until, time.Since(began)-feeding)
	return found, err
}

// feed hands records to the job. Once begun it is waited for, so that whoever
// comes next finds the position behind them.
func (r *run) feed(part []byte, positionMs int64) (int64, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	counts, err := r.s.opt.Jobs.Feed(context.WithoutCancel(r.ctx), r.conf.JobID, part, positionMs)
	if err != nil {
		return 0, err
	}
	r.pos = positionMs
	if counts.OutOfOrder > 0 && !r.told {
		r.told = true
		r.say("warning", fmt.Sprintf("Datafeed found [%d] documents before [%s] that are older than the job takes any more; these and further ones count as out of order", counts.OutOfOrder, wire.FormatTime(positionMs)))
	}
	return counts.InputRecords, nil
}

// measure counts a search that took so long.
func (r *run) measure(from, until int64, took time.Duration) {
	ms := float64(took.Microseconds()) / 1000
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	t := &r.f.Timing
	t.SearchCount++
	t.TotalSearchTimeMs += ms
	perHour := ms * float64(time.Hour.Milliseconds()) / float64(until-from)
	t.ExponentialAveragePerHourMs += (perHour - t.ExponentialAveragePerHourMs) / float64(min(t.SearchCount, 20))
	r.last = &wire.SearchInterval{StartMs: from, EndMs: until}
}
