package job

import (
	"time"

	"tidemark/engine/entry"
	"tidemark/engine/record"
)

// staleJob is the age of the newest record from which time is no longer moved on:
// such a job is fed with data of the past.
const staleJob = 24 * time.Hour

// untilIdle returns a channel that fires when it is time to look whether the job
// is idle, nil if the job does not ask for that, and what gives the timer back.
func (r *runner) untilIdle() (<-chan time.Time, func()) {
	conf := r.j.conf.Load()
	if conf.idle == 0 {
		return nil, func() {}
	}
	span := time.Duration(conf.spec.BucketSpanMs) * time.Millisecond
	t := time.NewTimer(max(min(conf.idle, span), time.Second))
	return t.C, func() { t.Stop() }
}

// advanceIdle moves time on if no record has come for as long as the job says, so
// that a sender that has died is noticed. It is an entry like any other: a replay
// sees the same.
func (r *runner) advanceIdle() bool {
	conf, v := r.j.conf.Load(), r.j.view.Load()
	now := r.m.opt.Clock().UnixMilli()
	newest := r.eng.Totals().LatestRecord
	switch {
	case r.m.UpgradeMode(), r.blocked.Load() != nil, newest == record.NoTime,
		now-newest > staleJob.Milliseconds(), now-max(v.LastDataMs, v.OpenedMs) < conf.idle.Milliseconds():
		return true
	}
	target := (now - conf.spec.LatencyMs - conf.spec.BucketSpanMs) / conf.spec.BucketSpanMs * conf.spec.BucketSpanMs
	if end, ok := r.eng.LastFinalized(); !ok || target <= end {
		return true
	}
	return r.submit(&unit{entries: []*entry.Entry{{Kind: entry.Advance, TimeMs: target}}, what: "moving time on", done: func(error, *view) {}})
}
