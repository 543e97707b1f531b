package source

import (
	"context"
	"errors"
	"time"

	"tidemark/engine/record"
	"tidemark/internal/document"
	"tidemark/internal/job"
	"tidemark/internal/store"
	"tidemark/wire"
)

// run is a datafeed at work. state, realTime, last and trouble are guarded by
// Feeds.mu, the rest belongs to its goroutine.
type run struct {
	s    *Feeds
	f    *feed
	span span
	// asked is set when somebody stops the datafeed, and not the process.
	asked  bool
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	state    string
	realTime bool
	last     *wire.SearchInterval
	trouble  string

	conf    wire.Datafeed
	find    searcher
	pos     int64
	empty   int64
	checked time.Time
}

// Waits of a run.
const (
	retryFrom = time.Second
	retryTo   = time.Minute
	// chunkPages is how many pages of documents an automatic chunk has.
	chunkPages = 10
	// checkEvery is how often late data is looked for.
	checkEvery = 15 * time.Minute
)

// launch starts a datafeed's run; Feeds.mu is held.
func (s *Feeds) launch(f *feed) {
	r := &run{s: s, f: f, span: *f.Running, done: make(chan struct{}), state: started, conf: f.Config, find: s.searcher(&f.Config)}
	r.ctx, r.cancel = context.WithCancel(s.ctx)
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
	finished, err := r.deliver()
	s := r.s
	s.mu.Lock()
	ended := r.asked || finished || err != nil
	if ended {
		// A run that only ends with the process goes on in the next one.
		r.f.Running = nil
	}
	if err := s.save(context.WithoutCancel(r.ctx), r.f); err != nil {
		s.opt.Logger.Error("a datafeed's state could not be stored", "datafeed", r.conf.DatafeedID, "error", err)
	}
	r.f.run = nil
	s.mu.Unlock()
	r.cancel()
	if err != nil && !r.asked {
		s.opt.Logger.Warn("a datafeed ended", "datafeed", r.conf.DatafeedID, "error", err)
		s.opt.Note(r.conf.JobID, "error", "Datafeed ended: "+err.Error())
	}
	if ended {
		s.opt.Note(r.conf.JobID, "info", "Datafeed stopped")
	}
	if finished {
		if err := s.opt.Jobs.Close(context.WithoutCancel(r.ctx), r.conf.JobID, false, true, 0); err != nil {
			s.opt.Logger.Warn("the job of a finished datafeed could not be closed", "job", r.conf.JobID, "error", err)
		}
	}
}

// deliver searches until the end of the span, or until it is told to end. An
// error is the job's: nothing can be delivered any more.
func (r *run) deliver() (finished bool, err error) {
	info, err := r.s.opt.Jobs.FeedInfo(r.conf.JobID)
	if err != nil {
		return false, err
	}
	r.pos = max(r.span.StartMs, info.SourceMs)
	if info.SourceMs == 0 && info.LatestRecordMs != record.NoTime {
		r.pos = max(r.pos, info.LatestRecordMs+1)
	}
	frequency := document.FrequencyOf(&r.conf, time.Duration(info.SpanMs)*time.Millisecond)
	delay, _ := wire.ParseDuration("query_delay", r.conf.QueryDelay) // Checked when it was put.
	retry := retryFrom
	for first := true; ; first = false {
		to := r.s.opt.Clock().Add(-delay).UnixMilli()
		last := r.span.HasEnd && r.span.EndMs <= to
		if last {
			to = r.span.EndMs
		}
		if to > r.pos {
			err := r.search(info, to, !first)
			var refused *job.Error
			switch {
			case r.ctx.Err() != nil:
				return false, nil
			case errors.As(err, &refused) && refused.Fault != job.Busy && refused.Fault != job.Unavailable:
				return false, err
			case err != nil:
				r.note(err.Error())
				r.s.opt.Logger.Warn("a datafeed's search failed; it is tried again", "datafeed", r.conf.DatafeedID, "error", err)
				if !r.sleep(retry) {
					return false, nil
				}
				retry = min(2*retry, retryTo)
				continue
			}
		}
		r.note("")
		retry = retryFrom
		if last {
			return true, r.flush(0)
		}
		if !first && r.exhausted() {
			r.s.opt.Note(r.conf.JobID, "info", "Datafeed has been stopped because its searches found nothing for as often as max_empty_searches says")
			return true, nil
		}
		if err := r.settle(info, to, first); err != nil {
			return false, err
		}
		if !r.sleep(frequency - time.Duration(r.s.opt.Clock().UnixMilli()%frequency.Milliseconds())*time.Millisecond) {
			return false, nil
		}
	}
}

// settle makes what was found visible and enters real time.
func (r *run) settle(info *job.FeedInfo, to int64, first bool) error {
	r.s.mu.Lock()
	r.realTime = !r.span.HasEnd
	r.s.mu.Unlock()
	advance := to / info.SpanMs * info.SpanMs
	if first {
		advance = 0
	}
	if err := r.flush(advance); err != nil {
		return err
	}
	if r.conf.DelayedDataCheckConfig.Enabled && r.s.opt.Clock().Sub(r.checked) >= checkEvery && !first {
		r.checked = r.s.opt.Clock()
		r.lookForLate(info)
	}
	return nil
}

// flush shows interim results, and closes the buckets before advanceMs unless 0.
func (r *run) flush(advanceMs int64) error {
	_, err := r.s.opt.Jobs.Flush(r.ctx, r.conf.JobID, job.Flush{CalcInterim: true, HasAdvance: advanceMs > 0, AdvanceMs: advanceMs})
	if r.ctx.Err() != nil {
		return nil
	}
	return err
}

// exhausted reports whether so many searches in a row found nothing as allowed.
func (r *run) exhausted() bool {
	return !r.span.HasEnd && r.conf.MaxEmptySearches != nil && r.empty >= *r.conf.MaxEmptySearches
}

func (r *run) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.ctx.Done():
		return false
	}
}

// note shows what keeps the datafeed from working, "" for nothing.
func (r *run) note(trouble string) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.trouble = trouble
}

// search delivers what lies in [pos, to), a chunk after the other. It ends early
// if the run is told to end.
func (r *run) search(info *job.FeedInfo, to int64, realTime bool) error {
	found := int64(0)
	for r.pos < to && r.ctx.Err() == nil {
		from, chunk, err := r.chunk(info, to)
		if err != nil {
			return err
		}
		if from >= to {
			r.pos = to
			break
		}
		until := min(from+chunk, to)
		n, err := r.one(info, from, until)
		if err != nil {
			return err
		}
		found += n
		r.pos = until
	}
	if realTime && found == 0 {
		r.empty++
	} else {
		r.empty = 0
	}
	return nil
}

// chunk is where the next documents begin and how much time to ask for at once.
func (r *run) chunk(info *job.FeedInfo, to int64) (from, length int64, err error) {
	switch r.conf.ChunkingConfig.Mode {
	case "off":
		return r.pos, to - r.pos, nil
	case "manual":
		d, err := wire.ParseDuration("time_span", r.conf.ChunkingConfig.TimeSpan)
		if err != nil {
			return 0, 0, err
		}
		n, first, _, err := r.find.summary(r.ctx, &r.conf, info.TimeField, r.pos, to)
		if err != nil || n == 0 {
			return to, 0, err
		}
		length = max(d.Milliseconds(), 1)
		return r.pos + (first-r.pos)/length*length, length, nil
	}
	n, first, last, err := r.find.summary(r.ctx, &r.conf, info.TimeField, r.pos, to)
	if err != nil || n == 0 {
		return to, 0, err
	}
	size := int64(1000)
	if r.conf.ScrollSize != nil {
		size = *r.conf.ScrollSize
	}
	chunks := max(n/(chunkPages*size), 1)
	return first, max((last-first)/chunks+1, 1), nil
}

// one delivers the documents of [from, until) together with the position.
func (r *run) one(info *job.FeedInfo, from, until int64) (int64, error) {
	began := time.Now()
	var all []byte
	err := r.s.records(r.ctx, &r.conf, info, r.find, from, until, func(raw []byte) error {
		all = append(all, raw...)
		return nil
	})
	took := float64(time.Since(began).Microseconds()) / 1000
	r.s.mu.Lock()
	t := &r.f.Timing
	t.SearchCount++
	t.TotalSearchTimeMs += took
	perHour := took * 3_600_000 / float64(until-from)
	t.ExponentialAveragePerHourMs += (perHour - t.ExponentialAveragePerHourMs) / float64(min(t.SearchCount, 20))
	r.last = &wire.SearchInterval{StartMs: from, EndMs: until}
	r.s.mu.Unlock()
	if err != nil || len(all) == 0 {
		return 0, err
	}
	counts, err := r.s.opt.Jobs.Feed(r.ctx, r.conf.JobID, all, until)
	if counts.OutOfOrder > 0 {
		r.s.opt.Note(r.conf.JobID, "warning", "Datafeed found documents older than the job takes any more; they count as out of order")
	}
	return counts.InputRecords, err
}

// lookForLate compares the documents of final buckets with what the job has seen.
func (r *run) lookForLate(info *job.FeedInfo) {
	window := max(2*time.Hour.Milliseconds(), 8*info.SpanMs)
	if d, err := wire.ParseDuration("check_window", r.conf.DelayedDataCheckConfig.CheckWindow); err == nil && d > 0 {
		window = d.Milliseconds()
	}
	end := r.pos / info.SpanMs * info.SpanMs
	page, err := r.s.opt.Jobs.Buckets(r.ctx, r.conf.JobID, store.Query{StartMs: end - window, EndMs: end, HasStart: true, HasEnd: true, ExcludeInterim: true, Size: 1000})
	if err != nil {
		return
	}
	var late, latest int64
	for _, doc := range page.Docs {
		start, events := bucketOf(doc)
		n, _, _, err := r.find.summary(r.ctx, &r.conf, info.TimeField, start, start+info.SpanMs)
		if err != nil {
			return
		}
		if n > events {
			late, latest = late+n-events, start
		}
	}
	if late > 0 {
		r.s.opt.Note(r.conf.JobID, "warning", lateText(late, latest))
	}
}
