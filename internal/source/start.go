package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"tidemark/internal/job"
	"tidemark/wire"
)

// Span is the time that a datafeed is started for: from StartMs on (0: from the first
// document, or where it stopped), until EndMs if HasEnd.
type Span struct {
	StartMs int64 `json:"start_ms"`
	HasEnd  bool  `json:"has_end"`
	EndMs   int64 `json:"end_ms"`
}

// trial is the look at a datafeed's indices before it runs: what cannot be searched
// is said to who starts it, and not in the log.
type trial struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// Why a trial ends early.
var (
	errTooLong = errors.New("too long")
	errStopped = errors.New("stopped")
)

// Start lets a datafeed search. If its indices have not answered within wait (0: no
// limit), the error is a 408 and the datafeed stays stopped.
func (s *Feeds) Start(ctx context.Context, id string, span Span, wait time.Duration) error {
	try, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t := &trial{cancel: cancel, done: make(chan struct{})}
	defer close(t.done)
	f, info, err := s.beginTrial(id, span, t)
	if err != nil {
		return err
	}
	if wait > 0 {
		defer time.AfterFunc(wait, func() { cancel(errTooLong) }).Stop()
	}
	// The configuration does not change as long as the trial lasts.
	_, _, _, err = s.searcher(&f.Config).summary(try, &f.Config, info.TimeField, span.StartMs, span.StartMs+1)

	s.mu.Lock()
	defer s.mu.Unlock()
	if f.trial == t {
		f.trial = nil
	}
	switch cause := context.Cause(try); {
	case s.feeds[id] != f:
		return missing(id)
	case errors.Is(cause, errStopped):
		return conflict("cannot start datafeed [%s] because it was stopped meanwhile", id)
	case err != nil && errors.Is(cause, errTooLong):
		return overdue("datafeed [%s] was not started: a search of its indices [%s] has not answered within [%s]; look at them, or give a longer [timeout]",
			id, wire.Clip(strings.Join(f.Config.Indices, ",")), wait)
	case err != nil:
		return asBadRequest(err, id)
	}
	f.Running = &span
	if err := s.save(ctx, f); err != nil {
		f.Running = nil
		return err
	}
	s.launch(f)
	s.opt.Note(f.Config.JobID, "info", "Datafeed started (from: "+wire.FormatTime(span.StartMs)+" to: "+span.until()+")")
	return nil
}

// beginTrial checks what a start depends on, and lets nobody else start the datafeed.
func (s *Feeds) beginTrial(id string, span Span, t *trial) (*feed, *job.FeedInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.feeds[id]
	if f == nil {
		return nil, nil, missing(id)
	}
	if s.opt.Jobs.UpgradeMode() {
		return nil, nil, &wire.Refusal{Status: 429, Type: wire.TypeStatus, Reason: "Cannot perform cluster:admin/xpack/ml/datafeed/start action while upgrade mode is enabled"}
	}
	if state := f.state(); state != stopped {
		return nil, nil, conflict("cannot start datafeed [%s] because it has already been started; its state is %s", id, state)
	}
	info, err := s.opt.Jobs.FeedInfo(f.Config.JobID)
	if err != nil {
		return nil, nil, err
	}
	if info.State != wire.StateOpened && info.State != wire.StateOpening {
		return nil, nil, conflict("cannot start datafeed [%s] because job [%s] is %s", id, f.Config.JobID, info.State)
	}
	if span.HasEnd && span.EndMs <= span.StartMs {
		return nil, nil, wire.Refuse(wire.TypeIllegalArgument, "start [%d] must be earlier than end [%d]", span.StartMs, span.EndMs)
	}
	f.trial = t
	return f, info, nil
}

func (s *Span) until() string {
	if s.HasEnd {
		return wire.FormatTime(s.EndMs)
	}
	return "real-time"
}

// asBadRequest is why a datafeed cannot be started.
func asBadRequest(err error, id string) error {
	var refusal *wire.Refusal
	var refused *refusedError
	var status *statusError
	switch {
	case errors.As(err, &refusal) && refusal.Type != wire.TypeIndexNotFound:
		return err
	case errors.As(err, &refusal):
		return wire.Refuse(wire.TypeStatus, "datafeed [%s] cannot retrieve data because %s", id, refusal.Reason)
	case errors.As(err, &refused), errors.As(err, &status) && !status.passing():
		return wire.Refuse(wire.TypeStatus, "datafeed [%s] cannot retrieve data because %v", id, err)
	}
	return &wire.Refusal{Status: 503, Type: wire.TypeStatus, Reason: fmt.Sprintf("datafeed [%s] cannot retrieve data now because %v", id, err)}
}

func overdue(format string, args ...any) error {
	return &wire.Refusal{Status: 408, Type: wire.TypeStatus, Reason: fmt.Sprintf(format, args...)}
}

// Halt says how datafeeds are stopped.
type Halt struct {
	// Force does not wait for the batches in hand: their jobs take each of them whole
	// or not at all, and the next start goes on behind it.
	Force bool
	// Wait bounds the waiting for the batches in hand, 0: it does not.
	Wait time.Duration
}

// Stop ends the chosen datafeeds and returns their jobs.
func (s *Feeds) Stop(ctx context.Context, expr string, allowNone bool, h Halt) (jobs []string, err error) {
	s.mu.Lock()
	chosen, err := s.choose(expr, allowNone)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	for _, f := range chosen {
		jobs = append(jobs, f.Config.JobID)
	}
	return jobs, s.stop(ctx, chosen, h)
}

// StopForJob ends the datafeed of a job.
func (s *Feeds) StopForJob(ctx context.Context, jobID string, h Halt) error {
	s.mu.Lock()
	f := s.forJob(jobID)
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	return s.stop(ctx, []*feed{f}, h)
}

// stop ends runs and trials. All are told first, then waited for.
func (s *Feeds) stop(ctx context.Context, list []*feed, h Halt) error {
	waits, err := s.halt(ctx, list, h.Force)
	if err != nil {
		return err
	}
	wait := ctx
	if h.Wait > 0 {
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, h.Wait)
		defer cancel()
	}
	for id, done := range waits { // order-free: all are waited for
		select {
		case <-done:
		case <-wait.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			return overdue("datafeed [%s] has not stopped within [%s]: its job has not yet taken the records in hand. It stops behind them; wait for that with a longer [timeout], or do not wait with [force]", id, h.Wait)
		}
	}
	return nil
}

// halt tells datafeeds to end, and returns what ends with those to wait for.
func (s *Feeds) halt(ctx context.Context, list []*feed, force bool) (waits map[string]<-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waits = map[string]<-chan struct{}{}
	for _, f := range list {
		switch {
		case force:
			if running := f.Running; running != nil {
				f.Running = nil
				if err := s.save(ctx, f); err != nil {
					f.Running = running
					return nil, err
				}
			}
			s.drop(f)
		case f.run != nil:
			f.run.state = stopping
			f.run.end(true)
			waits[f.Config.DatafeedID] = f.run.done
		case f.trial != nil:
			f.trial.cancel(errStopped)
			waits[f.Config.DatafeedID] = f.trial.done
		}
	}
	return waits, nil
}

// drop ends a run or a trial without waiting for it; mu is held.
func (s *Feeds) drop(f *feed) {
	if f.trial != nil {
		f.trial.cancel(errStopped)
		f.trial = nil
	}
	if f.run != nil {
		f.run.dropped = true
		f.run.end(true)
		f.run = nil
		s.opt.Note(f.Config.JobID, "info", "Datafeed stopped")
	}
}
