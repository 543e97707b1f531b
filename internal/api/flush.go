package api

import (
	"errors"
	"net/http"

	"tidemark/internal/job"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// flushJob answers when everything sent before is processed and its results
// can be found. The checks come in the order that clients know: the request's
// form, then whether the job is open, then the times.
func flushJob(q *request) error {
	r := wire.FlushRequest{}
	if q.hasBody {
		body, err := q.body()
		if err != nil {
			return err
		}
		if len(body) > 0 {
			err = strict.Parse(body, wire.FlushAction, strict.Fields{
				"job_id": strict.Text(&r.JobID), "calc_interim": strict.Bool(&r.CalcInterim),
				"start": strict.Text(&r.Start), "end": strict.Text(&r.End),
				"advance_time": strict.Text(&r.AdvanceTime), "skip_time": strict.Text(&r.SkipTime),
			})
		}
		if err != nil {
			return err
		}
	} else {
		var err error
		if r.CalcInterim, err = q.boolean("calc_interim", false); err != nil {
			return err
		}
		r.Start, r.End = q.query.Get("start"), q.query.Get("end")
		r.AdvanceTime, r.SkipTime = q.query.Get("advance_time"), q.query.Get("skip_time")
	}
	if err := q.h.opt.Jobs.CheckOpen(q.Context(), q.id()); err != nil {
		return q.notOpen(err)
	}
	f, err := q.flushTimes(&r)
	if err != nil {
		return err
	}
	done, err := q.h.opt.Jobs.Flush(q.Context(), q.id(), f)
	if err != nil {
		return q.notOpen(err)
	}
	answer := wire.FlushResponse{Flushed: true}
	if done.HasLastFinalized {
		answer.LastFinalizedBucketEnd = wire.MillisOf(done.LastFinalizedMs)
	}
	q.answer(http.StatusOK, answer)
	return nil
}

// notOpen makes an unknown job one that is not open, for data and flushes, as
// newer versions of the API say it; the old prefix keeps the 404.
func (q *request) notOpen(err error) error {
	var failed *job.Error
	if errors.As(err, &failed) && failed.Fault == job.NotFound && !q.old() {
		return &wire.Refusal{Status: http.StatusConflict, Type: wire.TypeStatus,
			Reason: "Cannot perform requested action because job [" + wire.Clip(q.id()) + "] is not open"}
	}
	return err
}

// secondMs: times count to the second.
const secondMs = 1000

// timeParam reads an optional time, in whole seconds of milliseconds.
func (q *request) timeParam(name, value string) (ms int64, ok bool, err error) {
	if value == "" {
		return 0, false, nil
	}
	ms, err = wire.ParseTime(name, value, q.h.opt.Now())
	return ms / secondMs * secondMs, err == nil, err
}

// timeRange reads a start and an end. A start alone, or an equal end, means one
// second.
func (q *request) timeRange(startName, start, endName, end string) (r struct {
	startMs, endMs   int64
	hasStart, hasEnd bool
}, err error) {
	if r.startMs, r.hasStart, err = q.timeParam(startName, start); err != nil {
		return r, err
	}
	if r.endMs, r.hasEnd, err = q.timeParam(endName, end); err != nil {
		return r, err
	}
	if r.hasStart && (!r.hasEnd || r.endMs == r.startMs) {
		r.endMs = r.startMs + secondMs
	}
	if r.hasStart && r.endMs < r.startMs {
		return r, wire.Refuse(wire.TypeIllegalArgument, "Invalid time range: %s time '%s' is earlier than %s time '%s'.", endName, wire.Clip(end), startName, wire.Clip(start))
	}
	return r, nil
}

func (q *request) flushTimes(r *wire.FlushRequest) (f job.Flush, err error) {
	f.CalcInterim = r.CalcInterim
	span, err := q.timeRange("start", r.Start, "end", r.End)
	switch {
	case err != nil:
		return f, err
	case !r.CalcInterim && span.hasStart:
		return f, wire.Refuse(wire.TypeIllegalArgument, "Invalid flush parameters: unexpected 'start'. It needs calc_interim=true.")
	case !r.CalcInterim && span.hasEnd:
		return f, wire.Refuse(wire.TypeIllegalArgument, "Invalid flush parameters: unexpected 'end'. It needs calc_interim=true.")
	case span.hasEnd && !span.hasStart:
		return f, wire.Refuse(wire.TypeIllegalArgument, "Invalid flush parameters: 'start' has not been specified. Give it with 'end'.")
	}
	f.HasRange, f.StartMs, f.EndMs = span.hasStart, span.startMs, span.endMs
	if f.AdvanceMs, f.HasAdvance, err = q.timeParam("advance_time", r.AdvanceTime); err != nil {
		return f, err
	}
	if f.SkipMs, f.HasSkip, err = q.timeParam("skip_time", r.SkipTime); err != nil {
		return f, err
	}
	if f.HasAdvance && f.HasSkip && f.AdvanceMs <= f.SkipMs {
		return f, wire.Refuse(wire.TypeIllegalArgument, "advance_time [%s] must be later than skip_time [%s]", wire.Clip(r.AdvanceTime), wire.Clip(r.SkipTime))
	}
	return f, nil
}
