package engine

import (
	"math"

	"tidemark/engine/clockmodel"
	"tidemark/engine/gather"
	"tidemark/engine/place"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// events is a model of when or where records come from. Each record is an event
// of its own: a mean of times or places would be somewhere between.
type events interface {
	// judge returns the verdict about the least probable event of a cell; others
	// is how many such cells a bucket has.
	judge(x *gather.Extra, others float64) (v series.Verdict, places []gather.At, ok bool)
	// learn takes a cell's events in, weighing total records in all.
	learn(x *gather.Extra, startMs int64, total float64)
}

// visitEvents judges when or where the records of one series came from.
func (s *shard) visitEvents(e *Engine, cell uint32, shares []uint32, start int64, learn bool) {
	open := s.open[(start-e.clock.LastFinalizedMs)/e.clock.SpanMs]
	i := open.At(cell).Series
	st := s.series.Get(i)
	u := &e.units[e.groups.Get(st.group).unit]
	s.out.judged++
	model := s.events(u, st, learn)
	if v, places, ok := model.judge(open.ExtraOf(cell), e.occupancy(st)); ok {
		s.report(e, u, open, member{cell: cell, series: i, st: st, shares: shares}, v, places, start)
	}
	if learn {
		model.learn(open.ExtraOf(cell), start, 1)
	}
}

// occupancy is the share of buckets in which a series has records: what is said
// of records is made to be said of buckets by it.
func (e *Engine) occupancy(st *state) float64 {
	passed := e.clock.Number(e.clock.LastFinalizedMs) - st.first + 1
	return math.Min(1, float64(st.buckets+1)/float64(max(passed, 1)+1))
}

// events returns the model of a series, for changing if learn is true.
func (s *shard) events(u *unit, st *state, learn bool) events {
	i := st.model - 1
	switch {
	case u.kind == spec.Place && learn:
		return placeEvents{s.places.Mut(i)}
	case u.kind == spec.Place:
		return placeEvents{s.places.Get(i)}
	case u.fn.Base() == spec.TimeOfWeek && learn:
		return clockEvents{s.weeks.Mut(i), weekSlotSeconds}
	case u.fn.Base() == spec.TimeOfWeek:
		return clockEvents{s.weeks.Get(i), weekSlotSeconds}
	case learn:
		return clockEvents{s.days.Mut(i), daySlotSeconds}
	}
	return clockEvents{s.days.Get(i), daySlotSeconds}
}

const (
	daySlotSeconds  = 86400 / clockmodel.DaySlots
	weekSlotSeconds = 7 * 86400 / clockmodel.WeekSlots
)

// clockModel is a model of times of a day or a week.
type clockModel interface {
	Learn(startMs int64, events []clockmodel.Event)
	LogProb(slot int) float64
	Typical(slot int) float64
	Ready() bool
}

type clockEvents struct {
	model       clockModel
	slotSeconds float64
}

func (c clockEvents) judge(x *gather.Extra, others float64) (v series.Verdict, places []gather.At, ok bool) {
	if x == nil || len(x.Values) == 0 {
		return v, nil, false
	}
	slot, least := 0, math.Inf(1)
	for _, event := range x.Values {
		if p := c.model.LogProb(int(event.Value)); p < least {
			slot, least = int(event.Value), p
		}
	}
	v.Actual = (float64(slot) + 0.5) * c.slotSeconds
	v.Typical = c.model.Typical(slot)
	v.Spike = v.Actual > v.Typical
	v.Lower, v.Upper = v.Typical, v.Typical
	v.Ready = c.model.Ready()
	weigh(&v, least, float64(len(x.Values))*others)
	return v, nil, true
}

// weigh turns the probability of the least probable of n events into a verdict.
func weigh(v *series.Verdict, logP, n float64) {
	v.LogProb = series.AnyOf(logP, n)
	if v.Ready {
		v.Evidence = -v.LogProb / math.Ln10
		v.Score = series.Score(v.Evidence)
	}
}

func (c clockEvents) learn(x *gather.Extra, startMs int64, total float64) {
	if x == nil {
		return
	}
	list := make([]clockmodel.Event, len(x.Values))
	for i, event := range x.Values {
		list[i] = clockmodel.Event{Slot: uint16(event.Value), Weight: event.Weight / total}
	}
	c.model.Learn(startMs, list)
}

type placeEvents struct{ model *place.Model }

func (p placeEvents) judge(x *gather.Extra, others float64) (v series.Verdict, places []gather.At, ok bool) {
	if x == nil || len(x.Places) == 0 {
		return v, nil, false
	}
	least, where, usual := math.Inf(1), gather.At{}, gather.At{}
	for _, at := range x.Places {
		if w := p.model.Judge(place.Point(at)); w.LogProb < least {
			least, where, usual = w.LogProb, at, gather.At(w.Typical)
			v.Actual = w.Distance
		}
	}
	v.Spike = true
	v.Ready = p.model.Ready()
	weigh(&v, least, float64(len(x.Places))*others)
	return v, []gather.At{where, usual}, true
}

func (p placeEvents) learn(x *gather.Extra, _ int64, total float64) {
	if x == nil {
		return
	}
	for _, at := range x.Places {
		p.model.Learn(place.Point(at), 1/math.Max(total, 1))
	}
}
