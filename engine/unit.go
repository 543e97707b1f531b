package engine

import (
	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// unit is one thing that is modeled: a detector, or one of the features that a
// metric detector consists of.
type unit struct {
	detector uint32
	fn       spec.Function
	kind     spec.Kind
	// over: values of one bucket are judged together.
	over bool
	// by: there is a by field.
	by    bool
	extra gather.Kind
	// bonds: series of by values that move together are judged by one another.
	bonds bool
	// tests is how many dependent features the detector has, in effect.
	tests  float64
	params *series.Params
}

// metricTests is what three features of the same values count for as tests:
// they move together.
const metricTests = 2

// unitsOf lists what a configuration models.
func unitsOf(c *spec.Job) []unit {
	var list []unit
	for i := range c.Detectors {
		d := &c.Detectors[i]
		functions, tests := []spec.Function{d.Function}, 1.0
		if d.Function == spec.Metric {
			functions, tests = []spec.Function{spec.Mean, spec.Min, spec.Max}, metricTests
		}
		for _, fn := range functions {
			list = append(list, unit{
				detector: uint32(i), fn: fn, kind: fn.Kind(), over: d.OverField != "", by: d.ByField != "",
				extra: extraOf(fn.Base()), bonds: c.Multivariate && fn.Kind() == spec.Scalar && d.ByField != "" && d.OverField == "", tests: tests, params: series.NewParams(fn, c.BucketSpanMs),
			})
		}
	}
	return list
}

func extraOf(base spec.Function) gather.Kind {
	switch base {
	case spec.Varp:
		return gather.Moments
	case spec.Median:
		return gather.Values
	case spec.DistinctCount:
		return gather.Distinct
	case spec.InfoContent:
		return gather.Texts
	case spec.TimeOfDay, spec.TimeOfWeek:
		return gather.Slots
	case spec.LatLong:
		return gather.Places
	}
	return gather.Plain
}

// together reports whether the values of one bucket are judged with one another,
// by a model that they share.
func (u *unit) together() bool { return u.over || u.kind == spec.Rarity }

// zeros reports whether an empty bucket of a known series is a value of zero.
// Members of a population that are not there are no value.
func (u *unit) zeros() bool { return u.fn.ZeroWhenEmpty() && !u.over }

// arrives reports whether it is learned how the unit's values arrive in a bucket.
func (u *unit) arrives() bool { return u.kind == spec.Scalar && !u.together() && u.params.Adds() }

// models are the pools that models live in.
type models interface {
	Alloc() uint32
	Release(uint32)
	Limit() uint32
}

// modelsOf is the pool of a series' model, nil if it has none of its own.
func (s *shard) modelsOf(u *unit, st *state) models {
	_, under := u.above(st.key())
	switch {
	case u.kind == spec.Rarity && st.by == names.None:
		return s.rarities
	case u.kind == spec.Rarity && st.over == names.None:
		return s.values
	case under:
		return nil
	case u.kind == spec.ClockTime && u.fn.Base() == spec.TimeOfWeek:
		return s.weeks
	case u.kind == spec.ClockTime:
		return s.days
	case u.kind == spec.Place:
		return s.places
	case u.over:
		return s.peers
	}
	return s.cores
}

// allocModel gives a series the model of its kind, if it is one that has one.
func (s *shard) allocModel(u *unit, st *state) {
	pool := s.modelsOf(u, st)
	if pool == nil {
		return
	}
	i := pool.Alloc()
	st.model = i + 1
	switch pool {
	case models(s.places):
		s.places.Mut(i).Init()
	case models(s.peers):
		s.peers.Mut(i).Init()
	case models(s.cores):
		s.cores.Mut(i).Init(u.params)
	}
}

// releaseModel gives a series' model back.
func (s *shard) releaseModel(u *unit, st *state) {
	if st.model != 0 {
		s.modelsOf(u, st).Release(st.model - 1)
	}
}

// modelLimit is one more than the largest number of a model that a series can
// have, 0 if it has none.
func (s *shard) modelLimit(u *unit, st *state) uint32 {
	if pool := s.modelsOf(u, st); pool != nil {
		return pool.Limit()
	}
	return 0
}
