package engine

import (
	"math"
	"slices"

	"tidemark/engine/names"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// effect is what rules and events do with one value.
type effect struct{ skipResult, skipUpdate bool }

// scheduled is what the events of one bucket say.
type scheduled struct {
	effect
	descriptions []string
}

// eventsAt is what the events of the bucket that starts at startMs say.
func (e *Engine) eventsAt(startMs int64) (s scheduled) {
	for i := range e.config.Events {
		event := &e.config.Events[i]
		if event.StartMs >= startMs+e.clock.SpanMs {
			break
		}
		if event.Overlaps(startMs, startMs+e.clock.SpanMs) {
			s.skipResult, s.skipUpdate = s.skipResult || event.SkipResult, s.skipUpdate || event.SkipUpdate
			s.descriptions = append(s.descriptions, event.Description)
		}
	}
	return s
}

// untilEvent is how many buckets from startMs on have no event.
func (e *Engine) untilEvent(startMs int64) int64 {
	for i := range e.config.Events {
		event := &e.config.Events[i]
		if event.EndMs > startMs {
			// Events begin in order, so that none before this one is still to come.
			return max(0, (event.StartMs-startMs)/e.clock.SpanMs)
		}
	}
	return math.MaxInt64
}

// rules says what the rules of a series' detector do with a value of the bucket
// that starts at startMs.
func (e *Engine) rules(u *unit, st *state, v *series.Verdict, startMs int64) (f effect) {
	f = e.scheduled.effect
	rules := e.config.Detectors[u.detector].Rules
	for i := range rules {
		r := &rules[i]
		if (r.SkipResult || r.SkipUpdate) && e.applies(r, st, v, startMs) {
			f.skipResult = f.skipResult || r.SkipResult
			f.skipUpdate = f.skipUpdate || r.SkipUpdate
		}
	}
	return f
}

func (e *Engine) applies(r *spec.Rule, st *state, v *series.Verdict, startMs int64) bool {
	for i := range r.Conditions {
		if c := &r.Conditions[i]; !c.Holds(lookedAt(c, v, startMs)) {
			return false
		}
	}
	for i := range r.Scope {
		s := &r.Scope[i]
		id := names.None
		switch s.Split {
		case "by":
			id = st.by
		case "over":
			id = st.over
		case "partition":
			id = e.groups.Get(st.group).partition
		}
		if id == names.None || !s.Holds(string(e.names.Value(id))) {
			return false
		}
	}
	return true
}

func lookedAt(c *spec.Condition, v *series.Verdict, startMs int64) float64 {
	switch c.AppliesTo {
	case spec.OfActual:
		return v.Actual
	case spec.OfTypical:
		return v.Typical
	case spec.OfDiffFromTypical:
		return math.Abs(v.Actual - v.Typical)
	}
	return float64(startMs / 1000)
}

// shift is a detector's clock against the time of its records, and which of its
// rules applied in the last bucket.
type shift struct {
	ms      int64
	applied uint64
}

// maxShiftRules is how many rules of one detector may shift time.
const maxShiftRules = 64

// shiftClocks moves the clocks of detectors whose rules begin to apply in the
// bucket that starts at startMs, and all clocks for an event that begins there.
func (e *Engine) shiftClocks(startMs int64) {
	e.shiftByEvents(startMs)
	for d := range e.config.Detectors {
		rules := e.config.Detectors[d].Rules
		for i := range rules {
			r := &rules[i]
			if r.ShiftSeconds == 0 || i >= maxShiftRules {
				continue
			}
			s, bit := &e.shifts[d], uint64(1)<<i
			applies := e.applies(r, &state{}, &series.Verdict{}, startMs)
			if applies && s.applied&bit == 0 {
				s.ms += 1000 * r.ShiftSeconds
			}
			s.applied &^= bit
			if applies {
				s.applied |= bit
			}
		}
	}
}

// begun is an event whose shift of time has been applied. The same event in two
// calendars shifts time once.
type begun struct{ startMs, endMs, seconds int64 }

// shiftByEvents applies the shifts of the events that touch the bucket that starts
// at startMs, each once. An event that is told late shifts time from then on.
func (e *Engine) shiftByEvents(startMs int64) {
	e.begun = slices.DeleteFunc(e.begun, func(b begun) bool { return b.endMs <= startMs })
	for i := range e.config.Events {
		event := &e.config.Events[i]
		if event.StartMs >= startMs+e.clock.SpanMs {
			break
		}
		b := begun{event.StartMs, event.EndMs, event.ShiftSeconds}
		if b.seconds == 0 || !event.Overlaps(startMs, startMs+e.clock.SpanMs) || slices.Contains(e.begun, b) {
			continue
		}
		e.begun = append(e.begun, b)
		for d := range e.shifts {
			e.shifts[d].ms += 1000 * b.seconds
		}
	}
}

// keepClocks returns what puts the clocks back to where they are now.
func (e *Engine) keepClocks() (restore func()) {
	shifts, begun := slices.Clone(e.shifts), slices.Clone(e.begun)
	return func() { e.shifts, e.begun = shifts, begun }
}

// clockOf is the time that a unit's model takes a bucket for: local time, shifted
// as rules say.
func (e *Engine) clockOf(u *unit, startMs int64) int64 {
	return startMs + e.config.Zone.At(startMs) + e.shifts[u.detector].ms
}
