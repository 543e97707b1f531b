package api

import (
	"net/http"
	"slices"
	"strings"

	"tidemark/internal/document"
	"tidemark/wire"
	"tidemark/wire/strict"
)

func putCalendar(q *request) error {
	var body []byte
	if q.hasBody {
		var err error
		if body, err = q.body(); err != nil {
			return err
		}
	}
	c, err := document.ParseCalendar(body, q.values["calendar_id"])
	if err != nil {
		return err
	}
	return q.calendar(q.h.opt.Jobs.PutCalendar(q.Context(), c))
}

// calendar answers with a calendar.
func (q *request) calendar(c *wire.Calendar, err error) error {
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, c)
	return nil
}

func (q *request) acknowledge(err error) error {
	if err == nil {
		q.answer(http.StatusOK, wire.Acknowledged{Acknowledged: true})
	}
	return err
}

func deleteCalendar(q *request) error {
	return q.acknowledge(q.h.opt.Jobs.DeleteCalendar(q.Context(), q.values["calendar_id"]))
}

func changeCalendarJobs(remove bool) func(*request) error {
	return func(q *request) error {
		return q.calendar(q.h.opt.Jobs.ChangeCalendarJobs(q.Context(), q.values["calendar_id"], strings.Split(q.values["jobs"], ","), remove))
	}
}

// getCalendars answers with the calendars of an expression, a page of them.
func getCalendars(q *request) error {
	s, id, err := q.paging("calendars")
	if err != nil {
		return err
	}
	if inPath := q.values["calendar_id"]; inPath != "" {
		id = inPath
	}
	if id != "" && (s.from != nil || s.size != nil) {
		return wire.Refuse(wire.TypeIllegalArgument, "Params [from, size] are incompatible with [calendar_id]; leave them out")
	}
	page, err := q.storeQuery(s, false)
	if err != nil {
		return err
	}
	list, err := q.h.opt.Jobs.Calendars(q.Context(), id)
	if err != nil {
		return err
	}
	from := min(page.From, len(list))
	q.answer(http.StatusOK, wire.CalendarList{Count: int64(len(list)), Calendars: list[from:min(from+page.Size, len(list))]})
	return nil
}

// paging reads from and size, in the query or in a body's page, and the calendar's
// id that a body may name.
func (q *request) paging(name string) (s *search, id string, err error) {
	s = &search{}
	if err := q.integer("from", &s.from); err != nil {
		return s, "", err
	}
	if err := q.integer("size", &s.size); err != nil {
		return s, "", err
	}
	if !q.hasBody {
		return s, "", nil
	}
	body, err := q.body()
	if err != nil || len(body) == 0 {
		return s, "", err
	}
	err = strict.Parse(body, name, strict.Fields{
		"calendar_id": strict.Text(&id),
		"page":        strict.Object("page", strict.Fields{"from": strict.OptionalInt(&s.from), "size": strict.OptionalInt(&s.size)}),
	})
	return s, id, err
}

func postEvents(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send events")
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	events, err := document.ParseEvents(body, q.values["calendar_id"], q.h.opt.Now())
	if err != nil {
		return err
	}
	if events, err = q.h.opt.Jobs.PostEvents(q.Context(), q.values["calendar_id"], events); err != nil {
		return err
	}
	q.answer(http.StatusOK, wire.CalendarEvents{Events: events})
	return nil
}

// getEvents answers with the events of calendars, those in a range of time.
func getEvents(q *request) error {
	id, jobID := q.values["calendar_id"], q.query.Get("job_id")
	if jobID != "" && id != "_all" {
		return wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: calendar_id must be _all when job_id is used, it is [%s];", wire.Clip(id))
	}
	s, _, err := q.paging("calendar_events")
	if err != nil {
		return err
	}
	s.start, s.end = q.query.Get("start"), q.query.Get("end")
	page, err := q.storeQuery(s, false)
	if err != nil {
		return err
	}
	list, err := q.h.opt.Jobs.Events(q.Context(), id, jobID)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(e wire.CalendarEvent) bool {
		return page.HasStart && int64(e.EndTime) <= page.StartMs || page.HasEnd && int64(e.StartTime) >= page.EndMs
	})
	from := min(page.From, len(list))
	q.answer(http.StatusOK, wire.CalendarEventList{Count: int64(len(list)), Events: list[from:min(from+page.Size, len(list))]})
	return nil
}

func deleteEvent(q *request) error {
	return q.acknowledge(q.h.opt.Jobs.DeleteEvent(q.Context(), q.values["calendar_id"], q.values["event_id"]))
}
