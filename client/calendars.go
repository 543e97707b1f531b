package client

import (
	"context"
	"net/http"
	"time"

	"tidemark/wire"
)

const calendarsSegment = "calendars"

// calendar starts a call about one calendar.
func (c *Client) calendar(verb, id, method string, rest ...string) *call {
	return c.ml(verb+" calendar", id, method, append([]string{calendarsSegment, id}, rest...)...).need("CalendarID", id)
}

// PutCalendarRequest makes a calendar. Calendar.CalendarID may be empty or equal to
// CalendarID.
type PutCalendarRequest struct {
	CalendarID string // required
	Calendar   wire.Calendar
}

// PutCalendar makes a calendar that does not exist yet.
func (c *Client) PutCalendar(ctx context.Context, r PutCalendarRequest) (*wire.Calendar, error) {
	if r.Calendar.CalendarID == "" {
		r.Calendar.CalendarID = r.CalendarID
	}
	return send[wire.Calendar](ctx, c, c.calendar("put", r.CalendarID, http.MethodPut).encode(&r.Calendar))
}

// PutCalendarAsync is PutCalendar with a listener.
func (c *Client) PutCalendarAsync(ctx context.Context, r PutCalendarRequest, l Listener[wire.Calendar]) *Pending {
	return async(ctx, c, r, l, c.PutCalendar)
}

// GetCalendarsRequest chooses calendars.
type GetCalendarsRequest struct {
	// IDs are ids and patterns with *, separated by commas, and then paging has no
	// place; empty: all.
	IDs string
	Page
}

// GetCalendars returns calendars, by id.
func (c *Client) GetCalendars(ctx context.Context, r GetCalendarsRequest) (*wire.CalendarList, error) {
	segments := []string{calendarsSegment}
	if r.IDs != "" {
		segments = append(segments, r.IDs)
	}
	return send[wire.CalendarList](ctx, c, c.ml("get calendars", r.IDs, http.MethodGet, segments...).page(r.Page))
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
	return send[wire.Acknowledged](ctx, c, c.calendar("delete", r.CalendarID, http.MethodDelete))
}

// DeleteCalendarAsync is DeleteCalendar with a listener.
func (c *Client) DeleteCalendarAsync(ctx context.Context, r DeleteCalendarRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteCalendar)
}

// AddCalendarJobsRequest names jobs of a calendar.
type AddCalendarJobsRequest struct {
	CalendarID string // required
	// JobIDs are ids or groups, separated by commas. Required.
	JobIDs string
}

// AddCalendarJobs lets a calendar's events count for more jobs.
func (c *Client) AddCalendarJobs(ctx context.Context, r AddCalendarJobsRequest) (*wire.Calendar, error) {
	q := c.calendar("add jobs to", r.CalendarID, http.MethodPut, "jobs", r.JobIDs).need("JobIDs", r.JobIDs).again()
	return send[wire.Calendar](ctx, c, q)
}

// AddCalendarJobsAsync is AddCalendarJobs with a listener.
func (c *Client) AddCalendarJobsAsync(ctx context.Context, r AddCalendarJobsRequest, l Listener[wire.Calendar]) *Pending {
	return async(ctx, c, r, l, c.AddCalendarJobs)
}

// RemoveCalendarJobsRequest names jobs of a calendar.
type RemoveCalendarJobsRequest struct {
	CalendarID string // required
	// JobIDs are ids or groups, separated by commas. Required.
	JobIDs string
}

// RemoveCalendarJobs lets a calendar's events no longer count for jobs.
func (c *Client) RemoveCalendarJobs(ctx context.Context, r RemoveCalendarJobsRequest) (*wire.Calendar, error) {
	return send[wire.Calendar](ctx, c, c.calendar("take jobs from", r.CalendarID, http.MethodDelete, "jobs", r.JobIDs).need("JobIDs", r.JobIDs))
}

// RemoveCalendarJobsAsync is RemoveCalendarJobs with a listener.
func (c *Client) RemoveCalendarJobsAsync(ctx context.Context, r RemoveCalendarJobsRequest, l Listener[wire.Calendar]) *Pending {
	return async(ctx, c, r, l, c.RemoveCalendarJobs)
}

// PostEventsRequest adds events to a calendar.
type PostEventsRequest struct {
	CalendarID string // required
	Events     []wire.CalendarEvent
}

// PostEvents adds events to a calendar and returns them with their ids; open jobs
// of the calendar work by them then.
func (c *Client) PostEvents(ctx context.Context, r PostEventsRequest) (*wire.CalendarEvents, error) {
	q := c.calendar("post events of", r.CalendarID, http.MethodPost, "events")
	return send[wire.CalendarEvents](ctx, c, q.encode(&wire.CalendarEvents{Events: r.Events}))
}

// PostEventsAsync is PostEvents with a listener.
func (c *Client) PostEventsAsync(ctx context.Context, r PostEventsRequest, l Listener[wire.CalendarEvents]) *Pending {
	return async(ctx, c, r, l, c.PostEvents)
}

// GetEventsRequest chooses events.
type GetEventsRequest struct {
	// CalendarIDs are ids and patterns with *, separated by commas; empty: all.
	CalendarIDs string
	// JobID keeps those that count for a job; CalendarIDs must then be empty.
	JobID string
	// Start and End keep the events that touch the time between them; the zero
	// time leaves one out.
	Start, End time.Time
	Page
}

// GetEvents returns the events of calendars, by start.
func (c *Client) GetEvents(ctx context.Context, r GetEventsRequest) (*wire.CalendarEventList, error) {
	q := c.ml("get events of calendars", orAll(r.CalendarIDs), http.MethodGet, calendarsSegment, orAll(r.CalendarIDs), "events")
	return send[wire.CalendarEventList](ctx, c, q.text("job_id", r.JobID).time("start", "Start", r.Start).time("end", "End", r.End).page(r.Page))
}

// GetEventsAsync is GetEvents with a listener.
func (c *Client) GetEventsAsync(ctx context.Context, r GetEventsRequest, l Listener[wire.CalendarEventList]) *Pending {
	return async(ctx, c, r, l, c.GetEvents)
}

// DeleteEventRequest names an event of a calendar.
type DeleteEventRequest struct {
	CalendarID, EventID string // required
}

// DeleteEvent removes an event.
func (c *Client) DeleteEvent(ctx context.Context, r DeleteEventRequest) (*wire.Acknowledged, error) {
	q := c.calendar("delete an event of", r.CalendarID, http.MethodDelete, "events", r.EventID).need("EventID", r.EventID)
	return send[wire.Acknowledged](ctx, c, q)
}

// DeleteEventAsync is DeleteEvent with a listener.
func (c *Client) DeleteEventAsync(ctx context.Context, r DeleteEventRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteEvent)
}
