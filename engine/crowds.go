package engine

import (
	"cmp"
	"math"
	"slices"

	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// member is one cell of what is judged together.
type member struct {
	cell, series uint32
	st           *state
	shares       []uint32
}

// visitCrowds judges the cells that are judged with others of their bucket:
// members of populations and values that may be rare. learn: the bucket is
// final.
func (s *shard) visitCrowds(e *Engine, open *gather.Bucket, cells []uint32, shares [][]uint32, start int64, learn bool) {
	if len(cells) == 0 {
		return
	}
	members := make([]member, len(cells))
	for n, c := range cells {
		i := open.At(c).Series
		members[n] = member{cell: c, series: i, st: s.series.Get(i)}
		if shares != nil {
			members[n].shares = shares[c]
		}
	}
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(s.root(a.st), s.root(b.st)), cmp.Compare(a.series, b.series))
	})
	for from := 0; from < len(members); {
		root := s.root(members[from].st)
		to := from + 1
		for to < len(members) && s.root(members[to].st) == root {
			to++
		}
		s.visitCrowd(e, open, root-1, members[from:to], start, learn)
		from = to
	}
}

// root is 1 + the series whose model judges a member.
func (s *shard) root(st *state) uint32 {
	i := st.parent
	for up := s.series.Get(i - 1); up.parent != 0; up = s.series.Get(i - 1) {
		i = up.parent
	}
	return i
}

func (s *shard) visitCrowd(e *Engine, open *gather.Bucket, root uint32, members []member, start int64, learn bool) {
	u := &e.units[e.groups.Get(s.series.Get(root).group).unit]
	s.out.judged++
	switch u.kind {
	case spec.Rarity:
		s.visitRarity(e, u, open, root, members, start, learn)
	case spec.Scalar:
		s.visitPeers(e, u, open, root, members, start, learn)
	default:
		model := s.events(u, s.series.Get(root), learn)
		for _, m := range members {
			if v, places, ok := model.judge(open.ExtraOf(m.cell), float64(len(members))*e.occupancy(m.st)); ok {
				s.report(e, u, open, m, v, places, start)
			}
		}
		if learn {
			for _, m := range members {
				// One member with many records counts as one with few.
				model.learn(open.ExtraOf(m.cell), start, open.At(m.cell).Count)
			}
		}
	}
}

// visitPeers compares the members of a population.
func (s *shard) visitPeers(e *Engine, u *unit, open *gather.Bucket, root uint32, members []member, start int64, learn bool) {
	crowd := make([]series.Member, 0, len(members))
	kept := members[:0:0]
	for _, m := range members {
		// Sums of huge values of both signs are no number.
		if x, ok := sampleOf(u.fn, open, m.cell, start); ok && !math.IsNaN(x.Value) {
			crowd = append(crowd, series.Member{Value: x.Value, Count: x.Count, Buckets: m.st.buckets, Excesses: m.st.excesses})
			kept = append(kept, m)
		}
	}
	if len(crowd) == 0 {
		return
	}
	number := s.series.Get(root).model - 1
	verdicts := u.params.JudgePeers(s.peers.Get(number), crowd, !learn)
	for i := range verdicts {
		s.report(e, u, open, kept[i], verdicts[i], nil, start)
	}
	if learn {
		s.learnPeers(e, u, number, kept, crowd, verdicts, start)
	}
}

// learnPeers takes a population's bucket in, without the members that a rule
// keeps from being learned.
func (s *shard) learnPeers(e *Engine, u *unit, number uint32, members []member, crowd []series.Member, verdicts []series.Verdict, start int64) {
	n := 0
	for i, m := range members {
		if e.rules(u, m.st, &verdicts[i], start).skipUpdate {
			continue
		}
		members[n], crowd[n], verdicts[n] = m, crowd[i], verdicts[i]
		n++
	}
	u.params.LearnPeers(s.peers.Mut(number), crowd[:n], verdicts[:n])
	for i, m := range members[:n] {
		if crowd[i].Excesses != m.st.excesses {
			s.series.Mut(m.series).excesses = crowd[i].Excesses
		}
	}
}

// report adds the finding of a verdict that is worth it.
func (s *shard) report(e *Engine, u *unit, open *gather.Bucket, m member, v series.Verdict, places []gather.At, start int64) {
	if !v.Reportable() || s.frequent(e, u, m.st) || e.rules(u, m.st, &v, start).skipResult {
		return
	}
	f := finding{unit: e.groups.Get(m.st.group).unit, group: m.st.group, by: m.st.by, over: m.st.over, verdict: v, places: places}
	f.blames = e.plainBlames(open, u, m.st, m.cell, m.shares)
	s.out.findings = append(s.out.findings, f)
}

const (
	// frequentShare of the buckets since its first is what a frequent value is
	// there in, frequentAfter buckets at the earliest.
	frequentShare = 0.1
	frequentAfter = 20
)

// frequent reports whether a series is one that exclude_frequent leaves out.
func (s *shard) frequent(e *Engine, u *unit, st *state) bool {
	often := func(st *state) bool {
		passed := e.clock.Number(e.clock.LastFinalizedMs) - st.first + 1
		return passed >= frequentAfter && float64(st.buckets) > frequentShare*float64(passed)
	}
	switch e.config.Detectors[u.detector].ExcludeFrequent {
	case "by":
		return u.by && often(s.attribute(st))
	case "over":
		return u.over && often(st)
	case "all":
		return u.over && often(st) || u.by && often(s.attribute(st))
	}
	return false
}

// attribute is the series of a member's by value.
func (s *shard) attribute(st *state) *state {
	if st.over != names.None && st.parent != 0 {
		return s.series.Get(st.parent - 1)
	}
	return st
}

// plainBlames are the values of the splits, and every influencer value that a
// good part of the cell's records have.
func (e *Engine) plainBlames(open *gather.Bucket, u *unit, st *state, cell uint32, shares []uint32) []blame {
	list := e.splitBlames(u, st)
	total := open.At(cell).Count
	for _, i := range shares {
		share := open.Share(i)
		if part := share.Count / total; part >= minInfluence {
			list = append(list, blame{share.Field, share.Value, min(part, 1)})
		}
	}
	return list
}

// splitBlames are the influencers that are a series' own splits: they carry it
// whole.
func (e *Engine) splitBlames(u *unit, st *state) (list []blame) {
	d := &e.config.Detectors[u.detector]
	for n, field := range e.config.Influencers {
		switch field {
		case d.PartitionField:
			list = append(list, blame{uint16(n), e.groups.Get(st.group).partition, 1})
		case d.ByField:
			list = append(list, blame{uint16(n), st.by, 1})
		case d.OverField:
			list = append(list, blame{uint16(n), st.over, 1})
		}
	}
	return list
}
