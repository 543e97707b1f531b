package engine

import (
	"math"

	"tidemark/engine/dist"
	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/rarity"
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
	records := s.recordsOf(u, open, members, start, span)
	for _, m := range members {
		value := s.values.Get(s.attribute(m.st).model - 1)
		class := value.Class(start, span)
		logP := math.Log(population.Bucket(class))
		if records != nil {
			logP = math.Log(population.Share(class))
			// So many of the member's records on values that rare and rarer.
			of := records[m.st.over]
			count, total := of.upTo(class), of.upTo(rarity.Classes-1)
			logP = dist.BinomialLogUpper(int(math.Min(count, mostTrials)), int(math.Min(total, mostTrials)), math.Min(logP, 0))
			logP = series.AnyOf(logP, float64(len(members)))
		}
		v := series.Verdict{LogProb: logP, Actual: 1, Spike: true, Ready: population.Ready()}
		v.Typical = math.Min(1, value.Count(start, span)/math.Max(1, population.Buckets()))
		v.First = value.Count(start, span) == 0
		v.Upper = v.Typical
		if v.Ready {
			v.Evidence = series.Scarce(-v.LogProb/math.Ln10, span)
			v.Score = series.Score(v.Evidence)
		}
		s.report(e, u, open, m, v, nil, start)
	}
	if learn {
		s.learnRarity(u, open, number, members, records, start, span)
	}
}

// byClass are the records of a member of a population by the class of their by value.
type byClass [rarity.Classes]float64

// upTo is how many are on values of a class and rarer ones.
func (b *byClass) upTo(class int) float64 {
	sum := 0.0
	for _, n := range b[:class+1] {
		sum += n
	}
	return sum
}

// recordsOf counts the records of each member of a population, for the function that
// goes by them.
func (s *shard) recordsOf(u *unit, open *gather.Bucket, members []member, start, span int64) map[names.ID]*byClass {
	if u.fn != spec.FreqRare {
		return nil
	}
	records := map[names.ID]*byClass{}
	for _, m := range members {
		of := records[m.st.over]
		if of == nil {
			of = new(byClass)
			records[m.st.over] = of
		}
		of[s.values.Get(s.attribute(m.st).model-1).Class(start, span)] += math.Round(open.At(m.cell).Count)
	}
	return records
}

func (s *shard) learnRarity(u *unit, open *gather.Bucket, number uint32, members []member, records map[names.ID]*byClass, start, span int64) {
	population := s.rarities.Mut(number)
	population.Pass(start, span)
	rarest := math.MaxInt
	for _, m := range members {
		class := s.values.Get(s.attribute(m.st).model-1).Class(start, span)
		rarest = min(rarest, class)
		if records != nil {
			population.Learn(class, math.Round(open.At(m.cell).Count)/records[m.st.over].upTo(rarity.Classes-1))
		}
	}
	if records == nil {
		population.LearnBucket(rarest)
	}
	for _, m := range members {
		// In a population a value becomes more common by members who never had it
		// before, so that one who has it always does not make it common.
		s.values.Mut(s.attribute(m.st).model-1).Occur(start, span, !u.over || m.st.buckets <= 1)
	}
}
