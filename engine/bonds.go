package engine

import (
	"cmp"
	"math"
	"slices"

	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/series"
)

// bondRef says which bonds are a group's.
type bondRef struct{ group, bonds uint32 }

// listen notes how far each series of the units that judge by values together is
// from what is expected in the open bucket, before any of them is judged or learns.
func (s *shard) listen(e *Engine, open *gather.Bucket, start int64) {
	s.heard = s.heard[:0]
	if !e.bonding {
		return
	}
	cells := open.Cells()
	for n := range cells {
		i := cells[n].Series
		st := s.series.Get(i)
		u := &e.units[e.groups.Get(st.group).unit]
		if !u.bonds {
			continue
		}
		for uint32(len(s.heard)) < s.series.Limit() {
			s.heard = append(s.heard, math.NaN())
		}
		x, ok := sampleOf(u.fn, open, uint32(n), e.clockOf(u, start))
		core, season := s.catchUp(e, i, start)
		if ok && core.Seen() > 0 {
			v := u.params.Judge(core, season, x)
			s.heard[i] = v.Deviation(u.params)
		}
	}
}

// deviation is what was heard of a series.
func (s *shard) deviation(i uint32) (float64, bool) {
	if int(i) >= len(s.heard) || math.IsNaN(s.heard[i]) {
		return 0, false
	}
	return s.heard[i], true
}

// bondsOf is where the bonds of a group are.
func (s *shard) bondsOf(group uint32) (at int, ok bool) {
	return slices.BinarySearchFunc(s.bondRefs, group, func(r bondRef, g uint32) int { return cmp.Compare(r.group, g) })
}

// judgeBond judges a value again by the strongest partner of its series. It returns
// the partner's by value, None without one.
func (s *shard) judgeBond(u *unit, i uint32, v *series.Verdict) names.ID {
	at, ok := s.bondsOf(s.series.Get(i).group)
	if !u.bonds || !ok {
		return names.None
	}
	l := s.bonds.Get(s.bondRefs[at].bonds)
	n, partner, y, ok := l.Partner(i, s.deviation)
	if !ok {
		return names.None
	}
	u.params.JudgeBond(&l.List[n], i, y, v)
	return s.series.Get(partner).by
}

// learnBonds takes the deviations of a final bucket in, and looks for pairs once in
// a while. cells are the indexes of the open bucket's cells in order of their
// series.
func (s *shard) learnBonds(e *Engine, open *gather.Bucket, cells []uint32, number int64) {
	if len(s.heard) == 0 || e.scheduled.skipUpdate {
		return
	}
	for _, r := range s.bondRefs {
		u := &e.units[e.groups.Get(r.group).unit]
		u.params.LearnBonds(s.bonds.Mut(r.bonds), s.deviation)
	}
	byGroup := make([]bondRef, 0, len(cells)) // group and series
	for _, n := range cells {
		i := open.At(n).Series
		z, ok := s.deviation(i)
		if !ok {
			continue
		}
		st := s.series.Mut(i)
		if st.echo == 0 {
			st.echo = s.echoes.Alloc() + 1
			s.echoes.Mut(st.echo - 1).Init()
		}
		s.echoes.Mut(st.echo-1).Keep(number, z)
		byGroup = append(byGroup, bondRef{st.group, i})
	}
	if number%series.EchoLength != 0 {
		return
	}
	slices.SortStableFunc(byGroup, func(a, b bondRef) int { return cmp.Compare(a.group, b.group) })
	for from := 0; from < len(byGroup); {
		to, numbers := from, []uint32(nil)
		for ; to < len(byGroup) && byGroup[to].group == byGroup[from].group; to++ {
			numbers = append(numbers, byGroup[to].bonds)
		}
		s.seek(byGroup[from].group, numbers, number)
		from = to
	}
}

// seek looks for pairs among the series of one group.
func (s *shard) seek(group uint32, numbers []uint32, number int64) {
	echo := func(i uint32) *series.Echo { return s.echoes.Get(s.series.Get(i).echo - 1) }
	at, ok := s.bondsOf(group)
	if ok {
		s.bonds.Mut(s.bondRefs[at].bonds).Seek(numbers, echo, number)
		return
	}
	var found series.Bonds
	if found.Seek(numbers, echo, number) {
		i := s.bonds.Alloc()
		*s.bonds.Mut(i) = found
		s.bondRefs = slices.Insert(s.bondRefs, at, bondRef{group, i})
	}
}

// unbond ends what a series that is let go had with others.
func (s *shard) unbond(i uint32, st *state) {
	if st.echo == 0 {
		return
	}
	s.echoes.Release(st.echo - 1)
	at, ok := s.bondsOf(st.group)
	if !ok {
		return
	}
	if n := s.bondRefs[at].bonds; !s.bonds.Mut(n).Forget(i) {
		s.bonds.Release(n)
		s.bondRefs = slices.Delete(s.bondRefs, at, at+1)
	}
}
