package engine

import (
	"math"

	"tidemark/engine/dist"
	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// mostTrials bounds the records of a member that are weighed one by one.
const mostTrials = 1 << 20

// visitRarity judges which by values occur in a bucket, or which members have
// such that few others have.
func (s *shard) visitRarity(e *Engine, u *unit, open *gather.Bucket, root uint32, members []member, start int64, learn bool) {
	number := s.series.Get(root).model - 1
	population := s.rarities.Get(number)
	span := e.clock.SpanMs
	totals := s.totals(u, open, members)
	for _, m := range members {
		value := s.values.Get(s.attribute(m.st).model - 1)
		logP := math.Log(population.Share(value.Class(start, span)))
		if totals != nil {
			// So many of the member's records on values that rare.
			count := math.Round(open.At(m.cell).Count)
			logP = dist.BinomialLogUpper(int(math.Min(count, mostTrials)), int(math.Min(totals[m.st.over], mostTrials)), math.Min(logP, 0))
			logP = series.AnyOf(logP, float64(len(members)))
		}
		v := series.Verdict{LogProb: logP, Actual: 1, Spike: true, Ready: population.Ready()}
		v.Typical = math.Min(1, value.Count(start, span)/math.Max(1, population.Buckets()))
		v.First = value.Count(start, span) == 0
		v.Upper = v.Typical
		if v.Ready {
			v.Evidence = -v.LogProb / math.Ln10
			v.Score = series.Score(v.Evidence)
		}
		s.report(e, u, open, m, v, nil, start)
	}
	if learn {
		s.learnRarity(u, open, number, members, totals, start, span)
	}
}

// totals are the records of each member of a population, for the function that
// counts them.
func (s *shard) totals(u *unit, open *gather.Bucket, members []member) map[names.ID]float64 {
	if u.fn != spec.FreqRare {
		return nil
	}
	totals := map[names.ID]float64{}
	for _, m := range members {
		totals[m.st.over] += math.Round(open.At(m.cell).Count)
	}
	return totals
}

func (s *shard) learnRarity(u *unit, open *gather.Bucket, number uint32, members []member, totals map[names.ID]float64, start, span int64) {
	population := s.rarities.Mut(number)
	population.Pass(start, span)
	rarest := math.MaxInt
	for _, m := range members {
		class := s.values.Get(s.attribute(m.st).model-1).Class(start, span)
		rarest = min(rarest, class)
		if totals != nil {
			population.Learn(class, math.Round(open.At(m.cell).Count)/totals[m.st.over])
		}
	}
	if totals == nil {
		population.Learn(rarest, 1)
	}
	for _, m := range members {
		// In a population a value becomes more common by members who never had it
		// before, so that one who has it always does not make it common.
		s.values.Mut(s.attribute(m.st).model-1).Occur(start, span, !u.over || m.st.buckets <= 1)
	}
}
