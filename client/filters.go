package client

import (
	"context"
	"net/http"

	"tidemark/wire"
)

// filter starts a call about one filter.
func (c *Client) filter(verb, id, method string, rest ...string) *call {
	return c.ml(verb+" filter", id, method, append([]string{filtersSegment, id}, rest...)...).need("FilterID", id)
}

const filtersSegment = "filters"

// PutFilterRequest makes a filter. Filter.FilterID may be empty or equal to
// FilterID.
type PutFilterRequest struct {
	FilterID string // required
	Filter   wire.Filter
}

// PutFilter makes a filter that does not exist yet.
func (c *Client) PutFilter(ctx context.Context, r PutFilterRequest) (*wire.Filter, error) {
	if r.Filter.FilterID == "" {
		r.Filter.FilterID = r.FilterID
	}
	return send[wire.Filter](ctx, c, c.filter("put", r.FilterID, http.MethodPut).encode(&r.Filter))
}

// PutFilterAsync is PutFilter with a listener.
func (c *Client) PutFilterAsync(ctx context.Context, r PutFilterRequest, l Listener[wire.Filter]) *Pending {
	return async(ctx, c, r, l, c.PutFilter)
}

// GetFiltersRequest chooses filters.
type GetFiltersRequest struct {
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs string
	Page
}

// GetFilters returns filters, by id.
func (c *Client) GetFilters(ctx context.Context, r GetFiltersRequest) (*wire.FilterList, error) {
	segments := []string{filtersSegment}
	if r.IDs != "" {
		segments = append(segments, r.IDs)
	}
	return send[wire.FilterList](ctx, c, c.ml("get filters", r.IDs, http.MethodGet, segments...).page(r.Page))
}

// GetFiltersAsync is GetFilters with a listener.
func (c *Client) GetFiltersAsync(ctx context.Context, r GetFiltersRequest, l Listener[wire.FilterList]) *Pending {
	return async(ctx, c, r, l, c.GetFilters)
}

// UpdateFilterRequest changes a filter.
type UpdateFilterRequest struct {
	FilterID string // required
	// Change has what changes.
	Change wire.FilterChange
}

// UpdateFilter changes a filter; open jobs whose rules name it work by it then.
func (c *Client) UpdateFilter(ctx context.Context, r UpdateFilterRequest) (*wire.Filter, error) {
	return send[wire.Filter](ctx, c, c.filter("update", r.FilterID, http.MethodPost, "_update").encode(&r.Change))
}

// UpdateFilterAsync is UpdateFilter with a listener.
func (c *Client) UpdateFilterAsync(ctx context.Context, r UpdateFilterRequest, l Listener[wire.Filter]) *Pending {
	return async(ctx, c, r, l, c.UpdateFilter)
}

// DeleteFilterRequest names a filter.
type DeleteFilterRequest struct {
	FilterID string // required
}

// DeleteFilter removes a filter that no job's rules name.
func (c *Client) DeleteFilter(ctx context.Context, r DeleteFilterRequest) (*wire.Acknowledged, error) {
	return send[wire.Acknowledged](ctx, c, c.filter("delete", r.FilterID, http.MethodDelete))
}

// DeleteFilterAsync is DeleteFilter with a listener.
func (c *Client) DeleteFilterAsync(ctx context.Context, r DeleteFilterRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteFilter)
}
