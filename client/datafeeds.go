package client

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

const feedsSegment = "datafeeds"

// datafeed starts a call about one datafeed.
func (c *Client) datafeed(verb, id, method string, rest ...string) *call {
	return c.ml(verb+" datafeed", id, method, append([]string{feedsSegment, id}, rest...)...).need("DatafeedID", id)
}

// datafeeds starts a call about the datafeeds that an expression chooses.
func (c *Client) datafeeds(verb, ids, method string, rest ...string) *call {
	segments := []string{feedsSegment}
	if ids != "" {
		segments = append(segments, ids)
	}
	return c.ml(verb+" datafeeds", ids, method, append(segments, rest...)...)
}

// PutDatafeedRequest makes a datafeed.
type PutDatafeedRequest struct {
	DatafeedID string // required
	Datafeed   wire.DatafeedConfig
	// Raw is sent instead of Datafeed if set: the configuration as JSON.
	Raw []byte
}

// PutDatafeed makes a datafeed for a job that has none.
func (c *Client) PutDatafeed(ctx context.Context, r PutDatafeedRequest) (*wire.Datafeed, error) {
	q := c.datafeed("put", r.DatafeedID, http.MethodPut)
	if r.Raw != nil {
		return send[wire.Datafeed](ctx, c, q.raw("Raw", r.Raw))
	}
	return send[wire.Datafeed](ctx, c, q.encode(&r.Datafeed))
}

// PutDatafeedAsync is PutDatafeed with a listener.
func (c *Client) PutDatafeedAsync(ctx context.Context, r PutDatafeedRequest, l Listener[wire.Datafeed]) *Pending {
	return async(ctx, c, r, l, c.PutDatafeed)
}

// UpdateDatafeedRequest changes a datafeed that is not started.
type UpdateDatafeedRequest struct {
	DatafeedID string // required
	// Update has what changes.
	Update wire.DatafeedConfig
	// Raw is sent instead of Update if set: the members to change as JSON.
	Raw []byte
}

// UpdateDatafeed changes a datafeed and returns it.
func (c *Client) UpdateDatafeed(ctx context.Context, r UpdateDatafeedRequest) (*wire.Datafeed, error) {
	q := c.datafeed("update", r.DatafeedID, http.MethodPost, "_update")
	if r.Raw != nil {
		return send[wire.Datafeed](ctx, c, q.raw("Raw", r.Raw))
	}
	return send[wire.Datafeed](ctx, c, q.encode(&r.Update))
}

// UpdateDatafeedAsync is UpdateDatafeed with a listener.
func (c *Client) UpdateDatafeedAsync(ctx context.Context, r UpdateDatafeedRequest, l Listener[wire.Datafeed]) *Pending {
	return async(ctx, c, r, l, c.UpdateDatafeed)
}

// GetDatafeedsRequest chooses datafeeds.
type GetDatafeedsRequest struct {
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs string
	// NoMatchFails makes a pattern that matches nothing a 404.
	NoMatchFails bool
	// ExcludeGenerated leaves out what the server set.
	ExcludeGenerated bool
}

// GetDatafeeds returns configurations, by id.
func (c *Client) GetDatafeeds(ctx context.Context, r GetDatafeedsRequest) (*wire.DatafeedList, error) {
	q := c.datafeeds("get", r.IDs, http.MethodGet)
	return send[wire.DatafeedList](ctx, c, q.flag("allow_no_match", !r.NoMatchFails, true).flag("exclude_generated", r.ExcludeGenerated, false))
}

// GetDatafeedsAsync is GetDatafeeds with a listener.
func (c *Client) GetDatafeedsAsync(ctx context.Context, r GetDatafeedsRequest, l Listener[wire.DatafeedList]) *Pending {
	return async(ctx, c, r, l, c.GetDatafeeds)
}

// GetDatafeedStatsRequest chooses datafeeds.
type GetDatafeedStatsRequest struct {
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs string
	// NoMatchFails makes a pattern that matches nothing a 404.
	NoMatchFails bool
}

// GetDatafeedStats returns states and figures, by id.
func (c *Client) GetDatafeedStats(ctx context.Context, r GetDatafeedStatsRequest) (*wire.DatafeedStatsList, error) {
	q := c.datafeeds("get the stats of", r.IDs, http.MethodGet, "_stats")
	return send[wire.DatafeedStatsList](ctx, c, q.flag("allow_no_match", !r.NoMatchFails, true))
}

// GetDatafeedStatsAsync is GetDatafeedStats with a listener.
func (c *Client) GetDatafeedStatsAsync(ctx context.Context, r GetDatafeedStatsRequest, l Listener[wire.DatafeedStatsList]) *Pending {
	return async(ctx, c, r, l, c.GetDatafeedStats)
}

// DeleteDatafeedRequest names a datafeed.
type DeleteDatafeedRequest struct {
	DatafeedID string // required
	// Force deletes one that is started, too.
	Force bool
}

// DeleteDatafeed removes a datafeed.
func (c *Client) DeleteDatafeed(ctx context.Context, r DeleteDatafeedRequest) (*wire.Acknowledged, error) {
	return send[wire.Acknowledged](ctx, c, c.datafeed("delete", r.DatafeedID, http.MethodDelete).flag("force", r.Force, false))
}

// DeleteDatafeedAsync is DeleteDatafeed with a listener.
func (c *Client) DeleteDatafeedAsync(ctx context.Context, r DeleteDatafeedRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteDatafeed)
}

// StartDatafeedRequest starts a datafeed.
type StartDatafeedRequest struct {
	DatafeedID string // required
	// Start is the first time that is searched; the zero time: where it stopped, or
	// the first document. End is where it stops; the zero time: never.
	Start, End time.Time
	// Timeout is how long the server waits for it; 0: 20 seconds.
	Timeout time.Duration
}

// StartDatafeed lets a datafeed of an open job search.
func (c *Client) StartDatafeed(ctx context.Context, r StartDatafeedRequest) (*wire.DatafeedStarted, error) {
	q := c.datafeed("start", r.DatafeedID, http.MethodPost, "_start")
	return send[wire.DatafeedStarted](ctx, c, q.time("start", "Start", r.Start).time("end", "End", r.End).wait("timeout", r.Timeout))
}

// StartDatafeedAsync is StartDatafeed with a listener.
func (c *Client) StartDatafeedAsync(ctx context.Context, r StartDatafeedRequest, l Listener[wire.DatafeedStarted]) *Pending {
	return async(ctx, c, r, l, c.StartDatafeed)
}

// StopDatafeedRequest chooses datafeeds.
type StopDatafeedRequest struct {
	// IDs are ids and patterns with *, separated by commas. Required.
	IDs string
	// Force does not wait for the batch in hand.
	Force bool
	// CloseJob closes the jobs, too.
	CloseJob bool
	// NoMatchFails makes a pattern that matches nothing a 404.
	NoMatchFails bool
	// Timeout is how long the server waits for it; 0: 20 seconds.
	Timeout time.Duration
}

// StopDatafeed stops datafeeds and waits for the batches in hand.
func (c *Client) StopDatafeed(ctx context.Context, r StopDatafeedRequest) (*wire.DatafeedStopped, error) {
	q := c.datafeeds("stop", r.IDs, http.MethodPost, "_stop").need("IDs", r.IDs).again()
	return send[wire.DatafeedStopped](ctx, c, q.flag("force", r.Force, false).flag("close_job", r.CloseJob, false).
		flag("allow_no_match", !r.NoMatchFails, true).wait("timeout", r.Timeout))
}

// StopDatafeedAsync is StopDatafeed with a listener.
func (c *Client) StopDatafeedAsync(ctx context.Context, r StopDatafeedRequest, l Listener[wire.DatafeedStopped]) *Pending {
	return async(ctx, c, r, l, c.StopDatafeed)
}

// PreviewDatafeedRequest names a datafeed, or has the configuration of one.
type PreviewDatafeedRequest struct {
	DatafeedID string
	// Datafeed is previewed if DatafeedID is empty, for Job, or for the job that
	// it names if Job is nil.
	Datafeed *wire.DatafeedConfig
	Job      *wire.Job
	// Raw is the body with datafeed_config and job_config as JSON, instead of Datafeed
	// and Job.
	Raw []byte
	// Start and End bound the time; the zero time leaves one out.
	Start, End time.Time
}

// PreviewDatafeed returns the first records that a datafeed would send, as JSON.
func (c *Client) PreviewDatafeed(ctx context.Context, r PreviewDatafeedRequest) (*[]jsontext.Value, error) {
	q := c.datafeeds("preview", r.DatafeedID, http.MethodGet, "_preview")
	if r.DatafeedID == "" {
		q.method = http.MethodPost
		switch {
		case r.Raw != nil:
			q.raw("Raw", r.Raw)
		case r.Datafeed == nil:
			q.need("DatafeedID", "")
		default:
			q.encode(&wire.PreviewRequest{Datafeed: r.Datafeed, Job: r.Job})
		}
	}
	return send[[]jsontext.Value](ctx, c, q.time("start", "Start", r.Start).time("end", "End", r.End))
}

// PreviewDatafeedAsync is PreviewDatafeed with a listener.
func (c *Client) PreviewDatafeedAsync(ctx context.Context, r PreviewDatafeedRequest, l Listener[[]jsontext.Value]) *Pending {
	return async(ctx, c, r, l, c.PreviewDatafeed)
}
