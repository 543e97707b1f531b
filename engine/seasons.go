package engine

import (
	"math"

	"tidemark/engine/result"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Seasons calls visit with what series are believed to do by the clock and the
// calendar, as far as their values are modeled by their own past: those that wanted,
// which is asked of each in a fixed order, says yes to. It changes nothing.
func (e *Engine) Seasons(wanted func(*result.Split) bool, visit func(*result.Seasons)) {
	for _, s := range e.shards {
		for i := uint32(0); i < s.series.Limit(); i++ {
			st := s.series.Get(i)
			if !st.used {
				continue
			}
			u := &e.units[e.groups.Get(st.group).unit]
			if u.kind != spec.Scalar || u.over || st.model == 0 {
				continue
			}
			if split := e.splitOf(u, st); wanted(&split) {
				x := e.seasonsOf(s, u, st)
				visit(&x)
			}
		}
	}
}

func (e *Engine) seasonsOf(s *shard, u *unit, st *state) result.Seasons {
	var month *series.Calendar
	if st.calendar != 0 {
		month = s.calendars.Get(st.calendar - 1)
	}
	shown := u.params.Show(s.cores.Get(st.model-1), s.seasonOf(st), month)
	x := result.Seasons{Split: e.splitOf(u, st), Function: string(u.fn), Buckets: int64(shown.Buckets), Level: shown.Level, Moved: shown.Moved}
	const dayMs = 86_400_000
	for _, c := range shown.Cycles {
		x.Cycles = append(x.Cycles, result.Cycle{PeriodMs: int64(math.Round(c.Seconds * 1000)), SinceMs: int64(c.Since) * dayMs, Swing: c.Swing, Strength: c.Strength})
	}
	for _, j := range shown.Jobs {
		x.Daily = append(x.Daily, result.DailyJob{AtMs: int64(j.Bucket) * e.clock.SpanMs, Height: j.Height, Days: j.Days})
	}
	for _, d := range shown.Days {
		m := result.MonthlyDay{Days: d.Days, Times: d.Times, LastMs: int64(d.Last) * dayMs}
		for _, h := range d.Heights {
			if math.Abs(h) > math.Abs(m.Height) {
				m.Height = h
			}
		}
		x.Monthly = append(x.Monthly, m)
	}
	return x
}
