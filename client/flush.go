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
	q := c.job("flush", r.JobID, http.MethodPost, "_flush").again()
	answer, err := send[wire.FlushResponse](ctx, c, q.encode(wire.FlushRequest{
		JobID: r.JobID, CalcInterim: r.CalcInterim,
		Start: q.timeString("Start", r.Start), End: q.timeString("End", r.End),
		AdvanceTime: q.timeString("AdvanceTime", r.AdvanceTime), SkipTime: q.timeString("SkipTime", r.SkipTime),
	}))
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
