package wire

// Calendar says for which jobs its events count.
type Calendar struct {
	CalendarID  string `json:"calendar_id"`
	Description string `json:"description,omitzero"`
	// JobIDs are ids, groups or _all.
	JobIDs []string `json:"job_ids"`
}

// CalendarList is the answer to reading calendars.
type CalendarList struct {
	Count     int64      `json:"count"`
	Calendars []Calendar `json:"calendars"`
}

// CalendarEvent is a time in which what happens is expected.
type CalendarEvent struct {
	Description string `json:"description"`
	StartTime   Millis `json:"start_time"`
	EndTime     Millis `json:"end_time"`
	// SkipResult and SkipModelUpdate are true if absent.
	SkipResult      *bool `json:"skip_result,omitzero"`
	SkipModelUpdate *bool `json:"skip_model_update,omitzero"`
	// ForceTimeShift moves the models' clocks by so many seconds, once, when the
	// event begins.
	ForceTimeShift *int64 `json:"force_time_shift,omitzero"`
	CalendarID     string `json:"calendar_id,omitzero"`
	EventID        string `json:"event_id,omitzero"`
}

// CalendarEvents is the body of posting events and the answer to it.
type CalendarEvents struct {
	Events []CalendarEvent `json:"events"`
}

// CalendarEventList is the answer to reading events.
type CalendarEventList struct {
	Count  int64           `json:"count"`
	Events []CalendarEvent `json:"events"`
}
