package job

import (
	"time"

	"tidemark/engine/entry"
	"tidemark/engine/record"
)

// staleJob is the age of the newest record from which time is no longer moved on:
// such a job is fed with data of the past.
const staleJob = 24 * time.Hour

// idleness is what an owner knows of how long no record has come.
type idleness struct {
	// heardMs is when the last upload with records came, or the owner began to
	// listen: while nobody listened, nobody was silent.
	heardMs int64
	// look is when to look next, zero for at once.
	look time.Time
}

// heard notes an upload.
func (r *runner) heard(counts *record.Counts) {
	if counts.InputRecords > 0 {
		r.idle.heardMs = r.m.opt.Clock().UnixMilli()
	}
}

// untilIdle returns a channel that fires when it is time to look whether the job
// is idle, nil if the job does not ask for that, and what gives the timer back.
// Other work in between does not put the look off.
func (r *runner) untilIdle() (<-chan time.Time, func()) {
	if r.j.conf.Load().idle == 0 {
		return nil, func() {}
	}
	t := time.NewTimer(time.Until(r.idle.look))
	return t.C, func() { t.Stop() }
}

// advanceIdle moves time on if no record has come for as long as the job says, so
// that a sender that has died is noticed. It is an entry like any other: a replay
// sees the same.
func (r *runner) advanceIdle() bool {
	conf := r.j.conf.Load()
	span, latency := conf.spec.BucketSpanMs, conf.spec.LatencyMs
	r.idle.look = time.Now().Add(max(min(conf.idle, time.Duration(span)*time.Millisecond), time.Second))
	now, newest := r.m.opt.Clock().UnixMilli(), r.eng.Totals().LatestRecord
	switch {
	case r.m.UpgradeMode(), r.blocked.Load() != nil, newest == record.NoTime,
		now-newest > staleJob.Milliseconds(), now-r.idle.heardMs < conf.idle.Milliseconds():
		return true
	}
	target := (now - latency - span) / span * span
	// An advance that ends no bucket is not worth an entry.
	if end, ok := r.eng.LastFinalized(); !ok || target < end+span+(latency+span-1)/span*span {
		return true
	}
	return r.submit(&unit{entries: []*entry.Entry{{Kind: entry.Advance, TimeMs: target}}, what: "moving time on", done: func(error, *view) {}})
}
