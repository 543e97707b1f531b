package engine

import (
	"errors"
	"math"
	"slices"

	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// Errors of Forecast.
var (
	ErrNothingToForecast = errors.New("no data has been processed and modeled yet; send data first")
	ErrNoForecast        = errors.New("none of the job's functions can be forecast: populations, rare values, times, places and metric have no expected value to continue")
)

// Forecast calls visit with the expected values of every series for the next n
// buckets, a series after the other, until visit returns false. It changes
// nothing. There is no chance in it: the same state gives the same values.
func (e *Engine) Forecast(n int64, visit func(*result.Forecast) bool) error {
	if !e.clock.Set || !e.clock.Started {
		return ErrNothingToForecast
	}
	next := e.clock.LastFinalizedMs
	able := false
	for i := range e.units {
		able = able || e.forecastable(&e.units[i])
	}
	if !able {
		return ErrNoForecast
	}
	found := false
	for _, s := range e.shards {
		for i := uint32(0); i < s.series.Limit(); i++ {
			st := s.series.Get(i)
			if !st.used {
				continue
			}
			g := e.groups.Get(st.group)
			u := &e.units[g.unit]
			if !e.forecastable(u) || st.model == 0 || s.cores.Get(st.model-1).Seen() < leastForecast {
				continue
			}
			found = true
			core, season := s.catchUp(e, i, next)
			f := result.Forecast{Split: e.splitOf(u, st)}
			from := u.params.NewForecaster(core, season, e.clockOf(u, next))
			for k := range n {
				f.StartMs = next + k*e.clock.SpanMs
				x := from.Next(e.clockOf(u, f.StartMs))
				f.Value, f.Lower, f.Upper = x.Value, x.Lower, x.Upper
				if !visit(&f) {
					return nil
				}
			}
		}
	}
	if !found {
		return ErrNothingToForecast
	}
	return nil
}

// leastForecast is how many buckets a series must have been seen for.
const leastForecast = 3

func (e *Engine) forecastable(u *unit) bool {
	return u.kind == spec.Scalar && !u.over && u.tests == 1
}

// splitOf names a series.
func (e *Engine) splitOf(u *unit, st *state) result.Split {
	d := &e.config.Detectors[u.detector]
	x := result.Split{Detector: int(u.detector)}
	if d.PartitionField != "" {
		x.Partition, x.HasPartition = string(e.names.Value(e.groups.Get(st.group).partition)), true
	}
	if d.ByField != "" {
		x.By, x.HasBy = string(e.names.Value(st.by)), true
	}
	return x
}

// plot keeps what a model plot shows of a judged bucket, if the job asks for it.
func (s *shard) plot(e *Engine, u *unit, st *state, p result.Plot, hasActual bool) {
	if !e.config.Plot || math.IsNaN(p.Median) || p.Lower == 0 && p.Upper == 0 && p.Median == 0 && !hasActual {
		return
	}
	p.Split, p.HasActual = e.splitOf(u, st), hasActual
	if terms := e.config.PlotTerms; len(terms) > 0 && !slices.Contains(terms, p.Partition) && !slices.Contains(terms, p.By) {
		return
	}
	s.out.plots = append(s.out.plots, p)
}
