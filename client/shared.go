package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// beside starts a call about a filter or calendar; rest follows its id in the path.
func (c *Client) beside(verb, kind, field, id, method, rest string) (*call, error) {
	q := &call{name: verb + " " + kind + " [" + wire.Clip(id) + "]", method: method, repeatable: method == http.MethodGet,
		path: strings.TrimSuffix(c.prefix, "/anomaly_detectors") + "/" + kind + "s/" + url.PathEscape(id) + rest}
	if id == "" {
		return q, &RequestError{Call: q.name, Field: field, Err: errNoID}
	}
	return q, nil
}

// sendBeside encodes a body, unless it is nil, and sends the call.
func sendBeside[R any](ctx context.Context, c *Client, q *call, err error, body any) (*R, error) {
	if err == nil && body != nil {
		err = q.encode(body)
	}
	if err != nil {
		return nil, err
	}
	return send[R](ctx, c, q)
}

// paged adds from and size to a call, unless they are 0.
func (q *call) paged(from, size int) *call {
	if q.query == nil {
		q.query = url.Values{}
	}
	for name, n := range map[string]int{"from": from, "size": size} {
		if n != 0 {
			q.query.Set(name, strconv.Itoa(n))
		}
	}
	return q
}

// UpdateJobRequest changes a job.
type UpdateJobRequest struct {
	JobID string // required
	// Update has the fields to change, as JSON: description, groups,
	// custom_settings, detectors with their rules, …
	Update jsontext.Value
}

// UpdateJob changes a job and returns it as the server shows it.
func (c *Client) UpdateJob(ctx context.Context, r UpdateJobRequest) (*wire.Job, error) {
	q, err := c.job("update", r.JobID, http.MethodPost, "/_update")
	return sendBeside[wire.Job](ctx, c, q, err, r.Update)
}

// UpdateJobAsync is UpdateJob with a listener.
func (c *Client) UpdateJobAsync(ctx context.Context, r UpdateJobRequest, l Listener[wire.Job]) *Pending {
	return async(ctx, c, r, l, c.UpdateJob)
}

// PutFilterRequest makes a filter. Filter.FilterID may be empty or equal to
// FilterID.
type PutFilterRequest struct {
	FilterID string // required
	Filter   wire.Filter
}

// PutFilter makes a filter that does not exist yet.
func (c *Client) PutFilter(ctx context.Context, r PutFilterRequest) (*wire.Filter, error) {
	q, err := c.beside("put", "filter", "FilterID", r.FilterID, http.MethodPut, "")
	if r.Filter.FilterID == "" {
		r.Filter.FilterID = r.FilterID
	}
	return sendBeside[wire.Filter](ctx, c, q, err, &r.Filter)
}

// PutFilterAsync is PutFilter with a listener.
func (c *Client) PutFilterAsync(ctx context.Context, r PutFilterRequest, l Listener[wire.Filter]) *Pending {
	return async(ctx, c, r, l, c.PutFilter)
}

// GetFiltersRequest chooses filters.
type GetFiltersRequest struct {
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs        string
	From, Size int
}

// GetFilters returns filters, by id.
func (c *Client) GetFilters(ctx context.Context, r GetFiltersRequest) (*wire.FilterList, error) {
	q, err := c.beside("get", "filter", "IDs", orAll(r.IDs), http.MethodGet, "")
	return sendBeside[wire.FilterList](ctx, c, q.paged(r.From, r.Size), err, nil)
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
	q, err := c.beside("update", "filter", "FilterID", r.FilterID, http.MethodPost, "/_update")
	return sendBeside[wire.Filter](ctx, c, q, err, &r.Change)
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
	q, err := c.beside("delete", "filter", "FilterID", r.FilterID, http.MethodDelete, "")
	return sendBeside[wire.Acknowledged](ctx, c, q, err, nil)
}

// DeleteFilterAsync is DeleteFilter with a listener.
func (c *Client) DeleteFilterAsync(ctx context.Context, r DeleteFilterRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteFilter)
}

// PutCalendarRequest makes a calendar. Calendar.CalendarID may be empty or equal to
// CalendarID.
type PutCalendarRequest struct {
	CalendarID string // required
	Calendar   wire.Calendar
}

// PutCalendar makes a calendar that does not exist yet.
func (c *Client) PutCalendar(ctx context.Context, r PutCalendarRequest) (*wire.Calendar, error) {
	q, err := c.beside("put", "calendar", "CalendarID", r.CalendarID, http.MethodPut, "")
	if r.Calendar.CalendarID == "" {
		r.Calendar.CalendarID = r.CalendarID
	}
	return sendBeside[wire.Calendar](ctx, c, q, err, &r.Calendar)
}

// PutCalendarAsync is PutCalendar with a listener.
func (c *Client) PutCalendarAsync(ctx context.Context, r PutCalendarRequest, l Listener[wire.Calendar]) *Pending {
	return async(ctx, c, r, l, c.PutCalendar)
}

// GetCalendarsRequest chooses calendars.
type GetCalendarsRequest struct {
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs string
}

// GetCalendars returns calendars, by id.
func (c *Client) GetCalendars(ctx context.Context, r GetCalendarsRequest) (*wire.CalendarList, error) {
	q, err := c.beside("get", "calendar", "IDs", orAll(r.IDs), http.MethodGet, "")
	return sendBeside[wire.CalendarList](ctx, c, q, err, nil)
}

// GetCalendarsAsync is GetCalendars with a listener.
func (c *Client) GetCalendarsAsync(ctx context.Context, r GetCalendarsRequest, l Listener[wire.CalendarList]) *Pending {
	return async(ctx, c, r, l, c.GetCalendars)
}

// DeleteCalendarRequest names a calendar.
type DeleteCalendarRequest struct {
	CalendarID string // required
}

// DeleteCalendar removes a calendar with its events.
func (c *Client) DeleteCalendar(ctx context.Context, r DeleteCalendarRequest) (*wire.Acknowledged, error) {
	q, err := c.beside("delete", "calendar", "CalendarID", r.CalendarID, http.MethodDelete, "")
	return sendBeside[wire.Acknowledged](ctx, c, q, err, nil)
}

// DeleteCalendarAsync is DeleteCalendar with a listener.
func (c *Client) DeleteCalendarAsync(ctx context.Context, r DeleteCalendarRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteCalendar)
}

// PostEventsRequest adds events to a calendar.
type PostEventsRequest struct {
	CalendarID string // required
	Events     []wire.CalendarEvent
}

// PostEvents adds events to a calendar and returns them with their ids; open jobs
// of the calendar work by them then.
func (c *Client) PostEvents(ctx context.Context, r PostEventsRequest) (*wire.CalendarEvents, error) {
	q, err := c.beside("post events of", "calendar", "CalendarID", r.CalendarID, http.MethodPost, "/events")
	return sendBeside[wire.CalendarEvents](ctx, c, q, err, &wire.CalendarEvents{Events: r.Events})
}

// PostEventsAsync is PostEvents with a listener.
func (c *Client) PostEventsAsync(ctx context.Context, r PostEventsRequest, l Listener[wire.CalendarEvents]) *Pending {
	return async(ctx, c, r, l, c.PostEvents)
}

// GetEventsRequest chooses calendars.
type GetEventsRequest struct {
	// CalendarIDs are ids and patterns with *, separated by commas; empty: all.
	CalendarIDs string
	From, Size  int
}

// GetEvents returns the events of calendars, by start.
func (c *Client) GetEvents(ctx context.Context, r GetEventsRequest) (*wire.CalendarEventList, error) {
	q, err := c.beside("get events of", "calendar", "CalendarIDs", orAll(r.CalendarIDs), http.MethodGet, "/events")
	return sendBeside[wire.CalendarEventList](ctx, c, q.paged(r.From, r.Size), err, nil)
}

// GetEventsAsync is GetEvents with a listener.
func (c *Client) GetEventsAsync(ctx context.Context, r GetEventsRequest, l Listener[wire.CalendarEventList]) *Pending {
	return async(ctx, c, r, l, c.GetEvents)
}

// GetCategoriesRequest chooses categories of a job's messages.
type GetCategoriesRequest struct {
	JobID string // required
	// Partition keeps those of one partition, unless it is empty.
	Partition  string
	From, Size int
}

// GetCategories returns categories, by id.
func (c *Client) GetCategories(ctx context.Context, r GetCategoriesRequest) (*wire.CategoryList, error) {
	q, err := c.job("get categories of", r.JobID, http.MethodGet, "/results/categories")
	q.repeatable = true
	q.paged(r.From, r.Size)
	if r.Partition != "" {
		q.query.Set("partition_field_value", r.Partition)
	}
	return sendBeside[wire.CategoryList](ctx, c, q, err, nil)
}

// GetCategoriesAsync is GetCategories with a listener.
func (c *Client) GetCategoriesAsync(ctx context.Context, r GetCategoriesRequest, l Listener[wire.CategoryList]) *Pending {
	return async(ctx, c, r, l, c.GetCategories)
}

// GetOverallBucketsRequest asks for the scores of several jobs together.
type GetOverallBucketsRequest struct {
	// IDs are ids, groups and patterns with *, separated by commas; empty: all.
	IDs string
	// TopN is how many jobs' highest scores are averaged, 0: the server's default.
	TopN int
	// BucketSpan is a duration such as 1h, empty: the longest of the jobs.
	BucketSpan string
	MinScore   float64
}

// GetOverallBuckets returns scores of several jobs together, by time.
func (c *Client) GetOverallBuckets(ctx context.Context, r GetOverallBucketsRequest) (*wire.OverallBucketList, error) {
	q := c.expression("get overall buckets", orAll(r.IDs), http.MethodGet, "/results/overall_buckets")
	if r.TopN != 0 {
		q.query.Set("top_n", strconv.Itoa(r.TopN))
	}
	if r.BucketSpan != "" {
		q.query.Set("bucket_span", r.BucketSpan)
	}
	if r.MinScore != 0 {
		q.query.Set("overall_score", strconv.FormatFloat(r.MinScore, 'g', -1, 64))
	}
	return send[wire.OverallBucketList](ctx, c, q)
}

// GetOverallBucketsAsync is GetOverallBuckets with a listener.
func (c *Client) GetOverallBucketsAsync(ctx context.Context, r GetOverallBucketsRequest, l Listener[wire.OverallBucketList]) *Pending {
	return async(ctx, c, r, l, c.GetOverallBuckets)
}

// orAll is an expression that stands for everything if it is empty.
func orAll(ids string) string {
	if ids == "" {
		return "_all"
	}
	return ids
}
