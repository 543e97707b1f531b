// Package accuracy measures the series model on seeded series: how much it
// reports where nothing happens, and whether it finds what was planted.
package accuracy

import (
	"tidemark/engine/series"
)

// runner is one series with what the engine keeps of it.
type runner struct {
	params  *series.Params
	core    series.Core
	season  *series.Season
	hunt    *series.Hunt
	month   *series.Calendar
	pattern *series.Pattern
	change  *series.Change
}

func newRunner(p *series.Params) *runner {
	r := &runner{params: p}
	r.core.Init(p)
	return r
}

// next judges and learns one bucket, as the engine does.
func (r *runner) next(value float64, startMs int64) series.Verdict {
	return r.judge(series.Sample{Value: value, Count: 1, StartMs: startMs})
}

func (r *runner) judge(x series.Sample) series.Verdict {
	v := r.params.Judge(&r.core, r.season, x)
	if r.pattern != nil {
		r.params.JudgePattern(&r.core, r.pattern, x, &v)
	}
	r.params.Learn(&r.core, r.season, x, &v)
	r.weigh(x, &v)
	r.look(x, &v)
	if r.pattern != nil {
		r.params.LearnPattern(r.pattern, &v)
	} else if r.params.WantsPattern(&r.core) {
		r.pattern = new(series.Pattern)
	}
	return v
}

// weigh weighs changes of the pattern.
func (r *runner) weigh(x series.Sample, v *series.Verdict) {
	if r.change == nil {
		if !r.params.WantsChange(&r.core, r.season) {
			return
		}
		r.change = new(series.Change)
		r.params.InitChange(&r.core, r.season, r.change)
	}
	r.params.LearnChange(&r.core, r.season, r.change, x, v)
	if r.change.Over() {
		r.change = nil
	}
}

// look looks for seasons.
func (r *runner) look(x series.Sample, v *series.Verdict) {
	if r.season == nil && r.params.WantsSeason(&r.core) {
		r.season = new(series.Season)
	}
	switch {
	case r.month == nil && r.season.WantsCalendar():
		r.month = new(series.Calendar)
	case r.month != nil:
		r.params.LearnCalendar(r.season, r.month, x, v)
		if r.month.Idle(r.season) {
			r.month = nil
		}
	}
	if r.hunt == nil {
		if r.params.WantsHunt(&r.core) {
			r.hunt = new(series.Hunt)
			r.params.InitHunt(&r.core, r.season, r.hunt, x.StartMs)
		}
		return
	}
	r.params.LearnHunt(r.hunt, x, v)
	if r.season != nil && r.hunt.News() {
		r.params.Settle(&r.core, r.season, r.hunt)
	}
	if r.hunt.Over() {
		r.hunt = nil
	}
}
