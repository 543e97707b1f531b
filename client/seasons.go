package client

import (
	"context"
	"net/http"

	"tidemark/wire"
)

// SeasonsRequest asks what the series of an open job do by the clock and the
// calendar.
type SeasonsRequest struct {
	JobID string // required
	// Partition and By name series; nil: all.
	Partition, By *string
	Page
}

// Seasons says what the series of an open job are believed to do by the clock and
// the calendar.
func (c *Client) Seasons(ctx context.Context, r SeasonsRequest) (*wire.SeasonsResponse, error) {
	q := at("seasons of job", r.JobID, http.MethodGet, "_tidemark", jobsSegment, r.JobID, "seasons")
	if r.JobID == "" {
		q.fail("JobID", errNoJobID)
	}
	if r.Partition != nil {
		q.query.Set("partition_field_value", *r.Partition)
	}
	if r.By != nil {
		q.query.Set("by_field_value", *r.By)
	}
	return send[wire.SeasonsResponse](ctx, c, q.page(r.Page))
}

// SeasonsAsync is Seasons with a listener.
func (c *Client) SeasonsAsync(ctx context.Context, r SeasonsRequest, l Listener[wire.SeasonsResponse]) *Pending {
	return async(ctx, c, r, l, c.Seasons)
}
