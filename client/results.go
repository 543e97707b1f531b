package client

import (
	"context"
	"net/http"
	"strconv"
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
	Page
}

// body is the page as it stands in a body.
func (p *Page) body() *wire.PageRequest {
	if p.From == nil && p.Size == nil {
		return nil
	}
	return &wire.PageRequest{From: p.From, Size: p.Size}
}

func (q *Query) score() *float64 {
	if q.MinScore == 0 {
		return nil
	}
	return &q.MinScore
}

// results starts a call for one kind of results.
func (c *Client) results(kind, id string, rest ...string) *call {
	return c.job("get "+kind+" of", id, http.MethodPost, append([]string{"results", kind}, rest...)...).again()
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
	q := c.results("buckets", r.JobID)
	if at := q.timeString("Timestamp", r.Timestamp); at != "" {
		q.path += "/" + at
	}
	return send[wire.BucketList](ctx, c, q.encode(wire.BucketsRequest{
		AnomalyScore: r.score(), Start: q.timeString("Start", r.Start), End: q.timeString("End", r.End),
		ExcludeInterim: r.ExcludeInterim, Expand: r.Expand, Sort: r.Sort, Desc: r.Desc, Page: r.body()}))
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
	q := c.results("records", r.JobID)
	return send[wire.RecordList](ctx, c, q.encode(wire.RecordsRequest{
		RecordScore: r.score(), Start: q.timeString("Start", r.Start), End: q.timeString("End", r.End),
		ExcludeInterim: r.ExcludeInterim, Sort: r.Sort, Desc: r.Desc, Page: r.body()}))
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
	q := c.results("influencers", r.JobID)
	return send[wire.InfluencerList](ctx, c, q.encode(wire.InfluencersRequest{
		InfluencerScore: r.score(), Start: q.timeString("Start", r.Start), End: q.timeString("End", r.End),
		ExcludeInterim: r.ExcludeInterim, Sort: r.Sort, Desc: r.Desc, Page: r.body()}))
}

// GetInfluencersAsync is GetInfluencers with a listener.
func (c *Client) GetInfluencersAsync(ctx context.Context, r GetInfluencersRequest, l Listener[wire.InfluencerList]) *Pending {
	return async(ctx, c, r, l, c.GetInfluencers)
}

// GetCategoriesRequest asks for categories of a job's messages.
type GetCategoriesRequest struct {
	JobID string // required
	// CategoryID asks for one, and then paging has no place; 0: all.
	CategoryID int64
	// Partition keeps those of one partition, unless it is empty.
	Partition string
	Page
}

// GetCategories returns categories, by id.
func (c *Client) GetCategories(ctx context.Context, r GetCategoriesRequest) (*wire.CategoryList, error) {
	q := c.job("get categories of", r.JobID, http.MethodGet, "results", "categories")
	if r.CategoryID != 0 {
		q.path += "/" + strconv.FormatInt(r.CategoryID, 10)
	}
	return send[wire.CategoryList](ctx, c, q.page(r.Page).text("partition_field_value", r.Partition))
}

// GetCategoriesAsync is GetCategories with a listener.
func (c *Client) GetCategoriesAsync(ctx context.Context, r GetCategoriesRequest, l Listener[wire.CategoryList]) *Pending {
	return async(ctx, c, r, l, c.GetCategories)
}

// GetOverallBucketsRequest asks for the scores of several jobs together.
type GetOverallBucketsRequest struct {
	// IDs are ids, groups and patterns with *, separated by commas; empty: all.
	IDs string
	// TopN is how many jobs' highest scores are averaged; 0: one.
	TopN int
	// BucketSpan is a duration, 0: the longest of the jobs.
	BucketSpan time.Duration
	// Start (inclusive) and End (exclusive) bound the time; the zero time leaves
	// one out.
	Start, End time.Time
	// MinScore is the least overall score, 0 to 100.
	MinScore       float64
	ExcludeInterim bool
	// NoMatchFails makes a pattern that matches nothing a 404.
	NoMatchFails bool
}

// GetOverallBuckets returns scores of several jobs together, by time.
func (c *Client) GetOverallBuckets(ctx context.Context, r GetOverallBucketsRequest) (*wire.OverallBucketList, error) {
	q := c.ml("get overall buckets of", orAll(r.IDs), http.MethodGet, jobsSegment, orAll(r.IDs), "results", "overall_buckets")
	return send[wire.OverallBucketList](ctx, c, q.number("top_n", float64(r.TopN)).wait("bucket_span", r.BucketSpan).
		number("overall_score", r.MinScore).time("start", "Start", r.Start).time("end", "End", r.End).
		flag("exclude_interim", r.ExcludeInterim, false).flag("allow_no_match", !r.NoMatchFails, true))
}

// GetOverallBucketsAsync is GetOverallBuckets with a listener.
func (c *Client) GetOverallBucketsAsync(ctx context.Context, r GetOverallBucketsRequest, l Listener[wire.OverallBucketList]) *Pending {
	return async(ctx, c, r, l, c.GetOverallBuckets)
}
