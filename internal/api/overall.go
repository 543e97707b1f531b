package api

import (
	"net/http"
	"time"

	"tidemark/internal/job"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// overall are the parameters of overall buckets, from query and body.
type overall struct {
	topN                      *int64
	span, start, end          string
	score                     *float64
	excludeInterim, allowNone bool
}

// getOverall answers with the scores of several jobs together.
func getOverall(q *request) error {
	p, err := q.overall()
	if err != nil {
		return err
	}
	out := job.OverallQuery{TopN: 1, ExcludeInterim: p.excludeInterim, AllowNoMatch: p.allowNone}
	if p.topN != nil {
		if *p.topN < 1 {
			return wire.Refuse(wire.TypeIllegalArgument, "[topN] parameter must be positive, found [%d]", *p.topN)
		}
		out.TopN = int(min(*p.topN, wire.MaxPage))
	}
	if p.score != nil {
		out.MinScore = *p.score
	}
	if p.span != "" {
		d, err := wire.ParseDuration("bucket_span", p.span)
		if err != nil {
			return err
		}
		if d < time.Millisecond {
			return wire.Refuse(wire.TypeIllegalArgument, "[bucket_span] must be positive, found [%s]", wire.Clip(p.span))
		}
		out.SpanMs = d.Milliseconds()
	}
	if out.FromMs, out.HasFrom, err = q.resultTime("start", p.start); err != nil {
		return err
	}
	if out.ToMs, out.HasTo, err = q.resultTime("end", p.end); err != nil {
		return err
	}
	if out.HasFrom && out.HasTo && out.FromMs >= out.ToMs {
		return wire.Refuse(wire.TypeIllegalArgument, "[start] must be before [end]")
	}
	list, err := q.h.opt.Jobs.Overall(q.Context(), q.id(), out)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, wire.OverallBucketList{Count: int64(len(list)), OverallBuckets: append([]wire.OverallBucket{}, list...)})
	return nil
}

func (q *request) overall() (p *overall, err error) {
	p = &overall{span: q.query.Get("bucket_span"), start: q.query.Get("start"), end: q.query.Get("end")}
	if p.excludeInterim, err = q.boolean("exclude_interim", false); err != nil {
		return p, err
	}
	if p.allowNone, err = q.either("allow_no_match", "allow_no_jobs", true); err != nil {
		return p, err
	}
	if err = q.integer("top_n", &p.topN); err != nil {
		return p, err
	}
	if err = q.float("overall_score", &p.score); err != nil || !q.hasBody {
		return p, err
	}
	body, err := q.body()
	if err != nil || len(body) == 0 {
		return p, err
	}
	var id string
	return p, strict.Parse(body, "overall_buckets_request", strict.Fields{
		"job_id": strict.Text(&id), "top_n": strict.OptionalInt(&p.topN), "bucket_span": strict.TextOrNumber(&p.span),
		"overall_score": strict.OptionalFloat(&p.score), "exclude_interim": strict.Bool(&p.excludeInterim),
		"start": strict.TextOrNumber(&p.start), "end": strict.TextOrNumber(&p.end),
		"allow_no_match": strict.Bool(&p.allowNone), "allow_no_jobs": strict.Bool(&p.allowNone),
	})
}
