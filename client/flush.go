package client

import (
	"context"
	"net/http"
	"time"

	"tidemark/wire"
)

// FlushJobRequest asks a job to work through everything that was posted before.
// The times count to the second, from 1970 on; the zero time leaves one out.
type FlushJobRequest struct {
	JobID string // required
	// CalcInterim also computes results of the buckets that are still filling,
	// from Start to End if given. Start and End need it.
	CalcInterim bool
	Start, End  time.Time
	// AdvanceTime closes every bucket that ends at or before it.
	AdvanceTime time.Time
	// SkipTime jumps forward without modelling or results.
	SkipTime time.Time
}

// FlushJobResponse is the answer to a flush.
type FlushJobResponse struct {
	Flushed bool
	// LastFinalizedBucketEnd is the exclusive end of the last final bucket, in
	// UTC. It is nil before the job's first record, advance or skip.
	LastFinalizedBucketEnd *time.Time
}

// FlushJob returns when everything posted before is processed and its results
// can be read.
func (c *Client) FlushJob(ctx context.Context, r FlushJobRequest) (*FlushJobResponse, error) {
	q, err := c.job("flush", r.JobID, http.MethodPost, "/_flush")
	if err != nil {
		return nil, err
	}
	q.repeatable = true // the second one finds nothing left to do
	body := wire.FlushRequest{JobID: r.JobID, CalcInterim: r.CalcInterim}
	for _, t := range []struct {
		field string
		value time.Time
		to    *string
	}{
		{"Start", r.Start, &body.Start}, {"End", r.End, &body.End},
		{"AdvanceTime", r.AdvanceTime, &body.AdvanceTime}, {"SkipTime", r.SkipTime, &body.SkipTime},
	} {
		if *t.to, err = timeString(q.name, t.field, t.value); err != nil {
			return nil, err
		}
	}
	if err := q.encode(body); err != nil {
		return nil, err
	}
	answer, err := send[wire.FlushResponse](ctx, c, q)
	if err != nil {
		return nil, err
	}
	flushed := &FlushJobResponse{Flushed: answer.Flushed}
	if answer.LastFinalizedBucketEnd != nil {
		end := answer.LastFinalizedBucketEnd.Time()
		flushed.LastFinalizedBucketEnd = &end
	}
	return flushed, nil
}

// FlushJobAsync is FlushJob with a listener.
func (c *Client) FlushJobAsync(ctx context.Context, r FlushJobRequest, l Listener[FlushJobResponse]) *Pending {
	return async(ctx, c, r, l, c.FlushJob)
}
