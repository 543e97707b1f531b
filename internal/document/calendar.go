package document

import (
	"cmp"
	"slices"
	"time"

	"tidemark/engine/spec"
	"tidemark/wire"
	"tidemark/wire/strict"
)

const (
	maxCalendarJobs = 10_000
	maxEvents       = 10_000
)

// ParseCalendar reads a calendar from a request's body, which may be empty. The
// error is a *wire.Refusal.
func ParseCalendar(body []byte, urlID string) (*wire.Calendar, error) {
	c := &wire.Calendar{}
	if len(body) > 0 {
		if err := strict.Parse(body, "calendar", strict.Fields{
			"calendar_id": strict.Text(&c.CalendarID),
			"description": text(&c.Description),
			"job_ids":     strict.Texts(&c.JobIDs, maxCalendarJobs),
		}); err != nil {
			return nil, err
		}
	}
	if c.CalendarID != "" && c.CalendarID != urlID {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "Inconsistent calendar_id; '%s' specified in the body differs from '%s' specified as a URL argument", wire.Clip(c.CalendarID), wire.Clip(urlID))
	}
	if err := wire.CheckID("calendar_id", urlID); err != nil {
		return nil, err
	}
	c.CalendarID = urlID
	slices.Sort(c.JobIDs)
	c.JobIDs = append([]string{}, slices.Compact(c.JobIDs)...)
	return c, nil
}

// ParseEvents reads the events of a calendar. The error is a *wire.Refusal.
func ParseEvents(body []byte, calendar string, now time.Time) ([]wire.CalendarEvent, error) {
	var list []wire.CalendarEvent
	err := strict.Parse(body, "calendar_events", strict.Fields{
		"events": strict.List(maxEvents, func(r *strict.Reader, _ int) error {
			e, err := readEvent(r, calendar, now)
			list = append(list, e)
			return err
		}),
	})
	if err == nil && len(list) == 0 {
		err = wire.Refuse(wire.TypeIllegalArgument, "At least 1 event is required")
	}
	return list, err
}

func readEvent(r *strict.Reader, calendar string, now time.Time) (wire.CalendarEvent, error) {
	var e wire.CalendarEvent
	var start, end, id, owner string
	if err := strict.Object("calendar_event", strict.Fields{
		"description": text(&e.Description), "start_time": strict.TextOrNumber(&start), "end_time": strict.TextOrNumber(&end),
		"skip_result": strict.OptionalBool(&e.SkipResult), "skip_model_update": strict.OptionalBool(&e.SkipModelUpdate),
		"force_time_shift": strict.OptionalInt(&e.ForceTimeShift), "event_id": strict.Text(&id), "calendar_id": strict.Text(&owner),
	})(r); err != nil {
		return e, err
	}
	for _, f := range []struct {
		name, value string
		to          *wire.Millis
	}{{"start_time", start, &e.StartTime}, {"end_time", end, &e.EndTime}} {
		if f.value == "" {
			return e, wire.Refuse(wire.TypeIllegalArgument, "Field [%s] cannot be null", f.name)
		}
		ms, err := wire.ParseTime(f.name, f.value, now)
		if err != nil {
			return e, err
		}
		*f.to = wire.Millis(ms)
	}
	switch {
	case e.Description == "":
		return e, wire.Refuse(wire.TypeIllegalArgument, "Field [description] cannot be null")
	case e.StartTime >= e.EndTime:
		return e, wire.Refuse(wire.TypeIllegalArgument, "Event start time [%d] must come before end time [%d]", int64(e.StartTime), int64(e.EndTime))
	case owner != "" && owner != calendar:
		return e, wire.Refuse(wire.TypeIllegalArgument, "Inconsistent calendar_id; '%s' specified in the body differs from '%s' specified as a URL argument", wire.Clip(owner), wire.Clip(calendar))
	}
	if s := e.ForceTimeShift; s != nil && (*s > spec.MostShift || *s < -spec.MostShift) {
		return e, wire.Refuse(wire.TypeIllegalArgument, "force_time_shift [%d] is in seconds and may be a week at most: from -%d to %d", *s, spec.MostShift, spec.MostShift)
	}
	yes := true
	if e.SkipResult == nil {
		e.SkipResult = &yes
	}
	if e.SkipModelUpdate == nil {
		e.SkipModelUpdate = &yes
	}
	e.CalendarID = calendar
	return e, nil
}

// SpecEvents are events as the engine has them, in order of their start.
func SpecEvents(list []wire.CalendarEvent) []spec.Event {
	var out []spec.Event
	for i := range list {
		e := &list[i]
		x := spec.Event{
			StartMs: int64(e.StartTime), EndMs: int64(e.EndTime), Description: e.Description,
			SkipResult: e.SkipResult == nil || *e.SkipResult, SkipUpdate: e.SkipModelUpdate == nil || *e.SkipModelUpdate,
		}
		if e.ForceTimeShift != nil {
			x.ShiftSeconds = *e.ForceTimeShift
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b spec.Event) int {
		return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), cmp.Compare(a.EndMs, b.EndMs), cmp.Compare(a.Description, b.Description))
	})
	return out
}
