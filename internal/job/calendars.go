package job

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"tidemark/engine/spec"
	"tidemark/internal/document"
	"tidemark/internal/store"
	"tidemark/wire"
)

// calendarKind names calendars among what jobs share.
const calendarKind = "calendar"

// calendar is a calendar with its events, as it is stored.
type calendar struct {
	Calendar wire.Calendar        `json:"calendar"`
	Events   []wire.CalendarEvent `json:"events"`
}

// concerns reports whether a calendar's events count for a job.
func (c *calendar) concerns(w *wire.Job) bool {
	return slices.ContainsFunc(c.Calendar.JobIDs, func(id string) bool {
		return id == w.JobID || id == "_all" || slices.Contains(w.Groups, id)
	})
}

// events are those of all calendars that concern a job.
func (s *shared) events(w *wire.Job) []spec.Event {
	var list []wire.CalendarEvent
	for _, id := range slices.Sorted(maps.Keys(s.calendars)) {
		if c := s.calendars[id]; c.concerns(w) {
			list = append(list, c.Events...)
		}
	}
	return document.SpecEvents(list)
}

func noCalendar(id string) *Error {
	return &Error{Fault: NotFound, Reason: "No calendar with id [" + id + "]"}
}

// PutCalendar makes a calendar that does not exist yet.
func (m *Manager) PutCalendar(ctx context.Context, c *wire.Calendar) (*wire.Calendar, error) {
	return m.changeCalendar(ctx, c.CalendarID, func(have *calendar) (*calendar, error) {
		if have != nil {
			return nil, &Error{Fault: BadRequest, Reason: "Cannot create calendar with id [" + c.CalendarID + "] as it already exists"}
		}
		return &calendar{Calendar: *c}, nil
	})
}

// ChangeCalendarJobs adds jobs to a calendar, or removes them.
func (m *Manager) ChangeCalendarJobs(ctx context.Context, id string, jobs []string, remove bool) (*wire.Calendar, error) {
	return m.changeCalendar(ctx, id, func(have *calendar) (*calendar, error) {
		if have == nil {
			return nil, noCalendar(id)
		}
		c := *have
		list := slices.Clone(c.Calendar.JobIDs)
		for _, j := range jobs {
			at, found := slices.BinarySearch(list, j)
			switch {
			case remove && !found:
				return nil, &Error{Fault: BadRequest, Reason: "Cannot remove [" + j + "] as it is not present in calendar [" + id + "]"}
			case remove:
				list = slices.Delete(list, at, at+1)
			case !found:
				list = slices.Insert(list, at, j)
			}
		}
		c.Calendar.JobIDs = list
		return &c, nil
	})
}

// PostEvents adds events to a calendar and returns them with their ids.
func (m *Manager) PostEvents(ctx context.Context, id string, events []wire.CalendarEvent) ([]wire.CalendarEvent, error) {
	_, err := m.changeCalendar(ctx, id, func(have *calendar) (*calendar, error) {
		if have == nil {
			return nil, noCalendar(id)
		}
		c := *have
		c.Events = slices.Clone(c.Events)
		for i := range events {
			events[i].EventID = strings.ToLower(rand.Text())
			c.Events = append(c.Events, events[i])
		}
		return &c, nil
	})
	return events, err
}

// DeleteEvent removes an event.
func (m *Manager) DeleteEvent(ctx context.Context, id, event string) error {
	_, err := m.changeCalendar(ctx, id, func(have *calendar) (*calendar, error) {
		if have == nil {
			return nil, noCalendar(id)
		}
		c := *have
		c.Events = slices.DeleteFunc(slices.Clone(c.Events), func(e wire.CalendarEvent) bool { return e.EventID == event })
		if len(c.Events) == len(have.Events) {
			if other := m.shared.calendarOf(event); other != "" {
				return nil, &Error{Fault: BadRequest, Reason: "Event [" + event + "] is not in calendar [" + id + "] but in [" + other + "]; name that one"}
			}
			return nil, &Error{Fault: NotFound, Reason: "No event with id [" + event + "] in calendar [" + id + "]"}
		}
		return &c, nil
	})
	return err
}

// calendarOf is the calendar that has an event, "" if none does; mu is held.
func (s *shared) calendarOf(event string) string {
	for id, c := range s.calendars { // order-free: an event is in one
		if slices.ContainsFunc(c.Events, func(e wire.CalendarEvent) bool { return e.EventID == event }) {
			return id
		}
	}
	return ""
}

// DeleteCalendar removes a calendar with its events.
func (m *Manager) DeleteCalendar(ctx context.Context, id string) error {
	_, err := m.changeCalendar(ctx, id, func(have *calendar) (*calendar, error) {
		if have == nil {
			return nil, noCalendar(id)
		}
		return nil, nil
	})
	return err
}

// changeCalendar stores what change makes of a calendar, nil for nothing, and
// brings the jobs it concerned or concerns up to it.
func (m *Manager) changeCalendar(ctx context.Context, id string, change func(*calendar) (*calendar, error)) (*wire.Calendar, error) {
	if err := m.usable(id); err != nil {
		return nil, err
	}
	before, after, err := m.storeCalendar(ctx, id, change)
	if err != nil {
		return nil, err
	}
	err = m.refresh(ctx, func(w *wire.Job) bool {
		return before != nil && before.concerns(w) || after != nil && after.concerns(w)
	}, func(w *wire.Job) []spec.Event { return addedEvents(before, after, w) })
	if after == nil {
		return nil, err
	}
	return &after.Calendar, err
}

func (m *Manager) storeCalendar(ctx context.Context, id string, change func(*calendar) (*calendar, error)) (before, after *calendar, err error) {
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	before = m.shared.calendars[id]
	if after, err = change(before); err != nil {
		return nil, nil, err
	}
	if after == nil {
		err = m.opt.Store.DeleteShared(ctx, calendarKind, id)
	} else {
		var doc []byte
		if doc, err = json.Marshal(after); err != nil {
			return nil, nil, fmt.Errorf("encode calendar [%s]: %w", id, err)
		}
		err = m.opt.Store.SaveShared(ctx, store.Shared{Kind: calendarKind, ID: id, Doc: doc})
	}
	if err != nil {
		return nil, nil, notDurable(id, "the calendar", err)
	}
	if after == nil {
		delete(m.shared.calendars, id)
	} else {
		m.shared.calendars[id] = after
	}
	return before, after, nil
}

// Calendars returns the calendars that an expression chooses, by id.
func (m *Manager) Calendars(_ context.Context, expr string) ([]wire.Calendar, error) {
	chosen, err := m.chooseCalendars(expr)
	list := make([]wire.Calendar, len(chosen))
	for i, c := range chosen {
		list[i] = c.Calendar
	}
	return list, err
}

// Events returns the events of the calendars that an expression chooses, by start.
// jobID, unless empty, keeps those that count for a job or group.
func (m *Manager) Events(_ context.Context, expr, jobID string) ([]wire.CalendarEvent, error) {
	chosen, err := m.chooseCalendars(expr)
	if err != nil {
		return nil, err
	}
	w := &wire.Job{JobID: jobID}
	if j, ok := m.jobs.Load(jobID); ok {
		w = j.(*job).conf.Load().wire
	} else if jobID != "" && !slices.ContainsFunc(m.all(), func(j *job) bool { return slices.Contains(j.conf.Load().wire.Groups, jobID) }) {
		return nil, notFound(jobID)
	}
	list := []wire.CalendarEvent{}
	for _, c := range chosen {
		if jobID == "" || c.concerns(w) {
			list = append(list, c.Events...)
		}
	}
	slices.SortStableFunc(list, func(a, b wire.CalendarEvent) int {
		return cmp.Or(cmp.Compare(a.StartTime, b.StartTime), cmp.Compare(a.EventID, b.EventID))
	})
	return list, nil
}

func (m *Manager) chooseCalendars(expr string) ([]*calendar, error) {
	if err := m.usable(expr); err != nil {
		return nil, err
	}
	m.shared.mu.RLock()
	defer m.shared.mu.RUnlock()
	list, missing := chosen(m.shared.calendars, expr)
	if missing != "" {
		return nil, noCalendar(missing)
	}
	return list, nil
}

// leaveCalendars takes a deleted job out of its calendars. A calendar that cannot
// be stored keeps the name, which concerns nobody.
func (m *Manager) leaveCalendars(ctx context.Context, id string) {
	all, err := m.Calendars(ctx, "")
	for _, c := range all {
		if err == nil && slices.Contains(c.JobIDs, id) {
			_, err = m.ChangeCalendarJobs(ctx, c.CalendarID, []string{id}, true)
		}
	}
	if err != nil {
		m.log.Warn("a deleted job is still named by a calendar", "job", id, "error", err)
	}
}
