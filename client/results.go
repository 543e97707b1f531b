package client

import (
	"context"
	"net/http"
	"time"

	"tidemark/wire"
)

// Query is what all results have in common. The zero value asks for the first
// 100, sorted as the kind of result is by default.
type Query struct {
	// Start (inclusive) and End (exclusive) bound the buckets' starts; the zero
	// time leaves one out.
	Start, End time.Time
	// MinScore is the least score, 0 to 100; 0 takes everything.
	MinScore float64
	// ExcludeInterim leaves out results of buckets that are still filling.
	ExcludeInterim bool
	// Sort names a field of the documents; Desc the direction, if not the
	// default one.
	Sort string
	Desc *bool
	// From and Size choose a page; together at most 10,000.
	From, Size *int
}

func (q *Query) times(call string) (start, end string, err error) {
	if start, err = timeString(call, "Start", q.Start); err == nil {
		end, err = timeString(call, "End", q.End)
	}
	return start, end, err
}

func (q *Query) page() *wire.PageRequest {
	if q.From == nil && q.Size == nil {
		return nil
	}
	return &wire.PageRequest{From: q.From, Size: q.Size}
}

func (q *Query) score() *float64 {
	if q.MinScore == 0 {
		return nil
	}
	return &q.MinScore
}

// results asks for one kind of results.
func results[R any](ctx context.Context, c *Client, kind, id, rest string, body func(call string) (any, error)) (*R, error) {
	q, err := c.job("get "+kind+" of", id, http.MethodPost, "/results/"+kind+rest)
	if err != nil {
		return nil, err
	}
	q.repeatable = true
	v, err := body(q.name)
	if err == nil {
		err = q.encode(v)
	}
	if err != nil {
		return nil, err
	}
	return send[R](ctx, c, q)
}

// GetBucketsRequest asks for buckets, by default in order of time.
type GetBucketsRequest struct {
	JobID string // required
	// Timestamp asks for the one bucket that starts then; Start, End, MinScore
	// and paging then have no place.
	Timestamp time.Time
	// Expand adds each bucket's anomaly records.
	Expand bool
	Query
}

// GetBuckets returns buckets.
func (c *Client) GetBuckets(ctx context.Context, r GetBucketsRequest) (*wire.BucketList, error) {
	rest := ""
	if !r.Timestamp.IsZero() {
		at, err := timeString("get buckets", "Timestamp", r.Timestamp)
		if err != nil {
			return nil, err
		}
		rest = "/" + at
	}
	return results[wire.BucketList](ctx, c, "buckets", r.JobID, rest, func(call string) (any, error) {
		start, end, err := r.times(call)
		return wire.BucketsRequest{AnomalyScore: r.score(), Start: start, End: end, ExcludeInterim: r.ExcludeInterim,
			Expand: r.Expand, Sort: r.Sort, Desc: r.Desc, Page: r.page()}, err
	})
}

// GetBucketsAsync is GetBuckets with a listener.
func (c *Client) GetBucketsAsync(ctx context.Context, r GetBucketsRequest, l Listener[wire.BucketList]) *Pending {
	return async(ctx, c, r, l, c.GetBuckets)
}

// GetRecordsRequest asks for anomaly records, by default the highest score
// first.
type GetRecordsRequest struct {
	JobID string // required
	Query
}

// GetRecords returns anomaly records.
func (c *Client) GetRecords(ctx context.Context, r GetRecordsRequest) (*wire.RecordList, error) {
	return results[wire.RecordList](ctx, c, "records", r.JobID, "", func(call string) (any, error) {
		start, end, err := r.times(call)
		return wire.RecordsRequest{RecordScore: r.score(), Start: start, End: end, ExcludeInterim: r.ExcludeInterim,
			Sort: r.Sort, Desc: r.Desc, Page: r.page()}, err
	})
}

// GetRecordsAsync is GetRecords with a listener.
func (c *Client) GetRecordsAsync(ctx context.Context, r GetRecordsRequest, l Listener[wire.RecordList]) *Pending {
	return async(ctx, c, r, l, c.GetRecords)
}

// GetInfluencersRequest asks for influencers, by default the highest score
// first.
type GetInfluencersRequest struct {
	JobID string // required
	Query
}

// GetInfluencers returns influencers.
func (c *Client) GetInfluencers(ctx context.Context, r GetInfluencersRequest) (*wire.InfluencerList, error) {
	return results[wire.InfluencerList](ctx, c, "influencers", r.JobID, "", func(call string) (any, error) {
		start, end, err := r.times(call)
		return wire.InfluencersRequest{InfluencerScore: r.score(), Start: start, End: end, ExcludeInterim: r.ExcludeInterim,
			Sort: r.Sort, Desc: r.Desc, Page: r.page()}, err
	})
}

// GetInfluencersAsync is GetInfluencers with a listener.
func (c *Client) GetInfluencersAsync(ctx context.Context, r GetInfluencersRequest, l Listener[wire.InfluencerList]) *Pending {
	return async(ctx, c, r, l, c.GetInfluencers)
}
