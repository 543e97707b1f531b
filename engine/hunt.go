package engine

import "tidemark/engine/series"

func (s *shard) mutableHunt(st *state) *series.Hunt {
	if st.hunt == 0 {
		return nil
	}
	return s.hunts.Mut(st.hunt - 1)
}

// learnChange weighs what may have happened to the pattern of a series in trouble. x
// was learned with verdict v.
func (s *shard) learnChange(u *unit, st *state, core *series.Core, x series.Sample, v *series.Verdict) {
	if st.season == 0 {
		return
	}
	season := s.seasons.Mut(st.season - 1)
	if st.change == 0 {
		if !u.params.WantsChange(core, season) {
			return
		}
		st.change = s.changes.Alloc() + 1
		u.params.InitChange(core, season, s.changes.Mut(st.change-1))
	}
	change := s.changes.Mut(st.change - 1)
	u.params.LearnChange(core, season, change, x, v)
	if change.Over() {
		s.changes.Release(st.change - 1)
		st.change = 0
	}
}

// learnSeasons gives a series its season, when it is old enough, and looks for those that
// it has. x was learned with verdict v.
func (s *shard) learnSeasons(u *unit, st *state, core *series.Core, hunt *series.Hunt, x series.Sample, v *series.Verdict) {
	if st.season == 0 && u.params.WantsSeason(core) {
		st.season = s.seasons.Alloc() + 1
	}
	s.learnCalendar(u, st, x, v)
	s.hunt(u, st, core, hunt, x, v)
}

func (s *shard) mutableCalendar(st *state) *series.Calendar {
	if st.calendar == 0 {
		return nil
	}
	return s.calendars.Mut(st.calendar - 1)
}

// calendarCopy is for running ahead, nil without a calendar.
func (s *shard) calendarCopy(st *state) *series.Calendar {
	if st.calendar == 0 {
		return nil
	}
	own := *s.calendars.Get(st.calendar - 1)
	return &own
}

// learnCalendar gives a series a calendar while days of the month repeat themselves.
// x was learned with verdict v.
func (s *shard) learnCalendar(u *unit, st *state, x series.Sample, v *series.Verdict) {
	if st.season == 0 {
		return
	}
	if st.calendar == 0 {
		if s.seasons.Get(st.season - 1).WantsCalendar() {
			st.calendar = s.calendars.Alloc() + 1
		}
		return
	}
	season, month := s.seasons.Mut(st.season-1), s.calendars.Mut(st.calendar-1)
	u.params.LearnCalendar(season, month, x, v)
	if month.Idle(season) {
		s.calendars.Release(st.calendar - 1)
		st.calendar = 0
	}
}

// hunt looks for the seasons of a series, now and then, and lets it have those
// that were found. x was learned with verdict v.
func (s *shard) hunt(u *unit, st *state, core *series.Core, hunt *series.Hunt, x series.Sample, v *series.Verdict) {
	if hunt == nil {
		if u.params.WantsHunt(core) {
			st.hunt = s.hunts.Alloc() + 1
			u.params.InitHunt(core, s.seasonOf(st), s.hunts.Mut(st.hunt-1), x.StartMs)
		}
		return
	}
	u.params.LearnHunt(hunt, x, v)
	if hunt.News() && st.season != 0 {
		u.params.Settle(core, s.seasons.Mut(st.season-1), hunt)
	}
	if hunt.Over() {
		s.hunts.Release(st.hunt - 1)
		st.hunt = 0
	}
}
