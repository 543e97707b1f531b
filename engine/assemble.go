package engine

import (
	"cmp"
	"math"
	"slices"

	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/result"
	"tidemark/engine/score"
	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Caps of one bucket's results, and of the influencer values that are weighed
// for one record.
const (
	maxRecords     = 500
	maxInfluencers = 500
	maxWeighed     = 1000
	maxPerField    = 20
)

// minInfluence is the share from which a value is blamed at all.
const minInfluence = 0.4

// blame is one influencer value's share in a finding.
type blame struct {
	field uint16
	value names.ID
	share float64
}

// blame weighs the influencer values of an anomalous cell that is judged by its
// own past. State is that before the bucket.
//
//	sums, counts, means:  share = 1 - log p(without the value's records) / log p
//	extremes:             share = log p(the value's own extreme) / log p
//	all others:           the share of the records
//
// Values of the series' own splits carry it whole.
func (e *Engine) blame(open *gather.Bucket, u *unit, st *state, core *series.Core, season *series.Season, cell uint32, shares []uint32, v *series.Verdict, start int64) []blame {
	if len(shares) > maxWeighed {
		shares = slices.Clone(shares)
		slices.SortStableFunc(shares, func(a, b uint32) int {
			return cmp.Compare(open.Share(b).Count, open.Share(a).Count)
		})
		shares = shares[:maxWeighed]
	}
	if u.extra != gather.Plain {
		return e.plainBlames(open, u, st, cell, shares)
	}
	list := e.splitBlames(u, st)
	base := u.fn.Base()
	extreme := base == spec.Min || base == spec.Max
	for _, i := range shares {
		share := open.Share(i)
		part := share.Cell
		if !extreme {
			part = open.At(cell).Without(&share.Cell)
		}
		x := series.Sample{StartMs: start}
		if part.Count > 0 {
			x = plainSample(u.fn, &part, start)
		} else if base == spec.Mean || base == spec.NonNullSum || base == spec.NonZeroCount {
			// Without these records there would be no value at all.
			list = append(list, blame{share.Field, share.Value, 1})
			continue
		}
		ratio := u.params.Judge(core, season, x).LogProb / v.LogProb
		if !extreme {
			ratio = 1 - ratio
		}
		if ratio >= minInfluence {
			list = append(list, blame{share.Field, share.Value, math.Min(ratio, 1)})
		}
	}
	return list
}

// assemble makes the bucket of what the shards found, in shard order.
func (e *Engine) assemble(start int64, count float64, interim bool) *result.Bucket {
	b := &result.Bucket{StartMs: start, SpanMs: e.clock.SpanMs, Run: 1, EventCount: int64(count), Interim: interim, ScheduledEvents: e.scheduled.descriptions}
	var findings []*finding
	judged := 0
	for _, s := range e.shards {
		judged += s.out.judged
		b.Plots = append(b.Plots, s.out.plots...)
		for i := range s.out.findings {
			findings = append(findings, &s.out.findings[i])
		}
	}
	if len(findings) == 0 {
		if !interim && judged > 0 {
			e.agreement.Learn(0)
		}
		return b
	}
	findings = e.merge(findings)
	slices.SortStableFunc(findings, e.order)
	logs, ranks := make([]part, len(findings)), make([]part, len(findings))
	for i, f := range findings {
		logs[i], ranks[i] = e.part(f, f.verdict.LogProb, 1), e.part(f, -f.verdict.Evidence*math.Ln10, 1)
	}
	rarities := independent(ranks)
	together := score.Together(rarities, judged)
	bound := e.agreement.Bound(together)
	if !interim {
		e.agreement.Learn(together)
	}
	p := aggregate(logs, judged, bound)
	b.Score = score.OfLogProb(score.Either(rarities, judged, math.Max(together, bound)))
	b.BucketInfluencers = append(b.BucketInfluencers, result.BucketInfluencer{
		Field: "bucket_time", LogProb: p, RawScore: score.RawScore(p), Score: b.Score})
	e.influencers(b, findings, judged, bound)
	if len(findings) > maxRecords {
		b.OmittedRecords = int64(len(findings) - maxRecords)
		findings = findings[:maxRecords]
	}
	for _, f := range findings {
		b.Records = append(b.Records, e.record(f))
	}
	return b
}

// order sorts findings by probability, then by what they are about.
func (e *Engine) order(a, b *finding) int {
	if c := cmp.Compare(a.verdict.LogProb, b.verdict.LogProb); c != 0 {
		return c
	}
	if c := cmp.Compare(a.unit, b.unit); c != 0 {
		return c
	}
	if c := slices.Compare(e.names.Value(e.groups.Get(a.group).partition), e.names.Value(e.groups.Get(b.group).partition)); c != 0 {
		return c
	}
	if c := slices.Compare(e.names.Value(a.by), e.names.Value(b.by)); c != 0 {
		return c
	}
	return slices.Compare(e.names.Value(a.over), e.names.Value(b.over))
}

// record is the anomaly record of a finding.
func (e *Engine) record(f *finding) result.Record {
	u, g := &e.units[f.unit], e.groups.Get(f.group)
	v, d := &f.verdict, &e.config.Detectors[u.detector]
	r := result.Record{
		Detector: int(u.detector), LogProb: v.LogProb, Score: v.Score, NoveltyScore: v.NoveltyScore,
		MultiBucketImpact: v.MultiBucketImpact(), Typical: v.Typical, Actual: v.Actual,
		Explanation: result.Explanation{
			Spike: v.Spike, SingleBucketImpact: int(math.Round(-v.LogProb / math.Ln10)),
			LowerBound: v.Lower, UpperBound: v.Upper, HighVariance: v.HighVariance,
			Length: v.Length, MultiBucketImpact: int(math.Round(v.Several())),
			IncompleteBucket: v.Incomplete, Extrapolated: v.Extrapolated, FirstOccurrence: v.First,
		},
	}
	if len(f.places) == 2 {
		r.ActualPlace, r.TypicalPlace = result.Place(f.places[0]), result.Place(f.places[1])
		r.HasPlace = true
	}
	if d.PartitionField != "" {
		r.Partition, r.HasPartition = string(e.names.Value(g.partition)), true
	}
	if d.OverField != "" {
		r.Over, r.HasOver = string(e.names.Value(f.over)), true
	}
	if d.ByField != "" && len(f.causes) < 2 {
		r.By, r.HasBy = string(e.names.Value(f.by)), true
	}
	if f.partner != names.None {
		r.CorrelatedBy, r.HasCorrelated = string(e.names.Value(f.partner)), true
	}
	for i := range f.causes {
		c := &f.causes[i]
		cause := result.Cause{LogProb: c.verdict.LogProb, Typical: c.verdict.Typical, Actual: c.verdict.Actual}
		if d.ByField != "" {
			cause.By, cause.HasBy = string(e.names.Value(c.by)), true
		}
		if len(c.places) == 2 {
			cause.ActualPlace, cause.TypicalPlace = result.Place(c.places[0]), result.Place(c.places[1])
		}
		r.Causes = append(r.Causes, cause)
	}
	r.Influencers = e.recordInfluencers(f.blames)
	return r
}

// maxCauses bounds the values that are listed for one member of a population.
const maxCauses = 10

// merge makes one finding of those that are about the same: the features of a
// metric detector, of which the least probable stays, and the values of one
// member of a population, which become its causes.
func (e *Engine) merge(findings []*finding) []*finding {
	type about struct {
		detector  uint32
		partition names.ID
		by, over  names.ID
	}
	first := map[about]*finding{}
	kept := findings[:0]
	for _, f := range findings {
		u := &e.units[f.unit]
		if u.tests > 1 {
			f.verdict.Widen(u.tests)
		}
		if !u.over && u.tests == 1 {
			kept = append(kept, f)
			continue
		}
		what := about{detector: u.detector, partition: e.groups.Get(f.group).partition, by: f.by, over: f.over}
		if u.over {
			what.by = names.None
			cause := *f
			f.causes = []finding{cause}
		}
		have := first[what]
		if have == nil {
			first[what] = f
			kept = append(kept, f)
			continue
		}
		causes := append(have.causes, f.causes...)
		if e.order(f, have) < 0 {
			*have = *f
		}
		have.causes = causes
	}
	for _, f := range kept {
		slices.SortStableFunc(f.causes, func(a, b finding) int { return e.order(&a, &b) })
		f.causes = f.causes[:min(len(f.causes), maxCauses)]
	}
	return kept
}

// recordInfluencers lists the blamed values by field, the strongest first.
func (e *Engine) recordInfluencers(blames []blame) []result.RecordInfluencer {
	var list []result.RecordInfluencer
	for n, field := range e.config.Influencers {
		var of []blame
		for _, x := range blames {
			if int(x.field) == n {
				of = append(of, x)
			}
		}
		if len(of) == 0 {
			continue
		}
		slices.SortFunc(of, func(a, b blame) int {
			return cmp.Or(cmp.Compare(b.share, a.share), slices.Compare(e.names.Value(a.value), e.names.Value(b.value)))
		})
		entry := result.RecordInfluencer{Field: field}
		for _, x := range of[:min(len(of), maxPerField)] {
			entry.Values = append(entry.Values, string(e.names.Value(x.value)))
		}
		list = append(list, entry)
	}
	return list
}

// blamed collects the records that one influencer value, or field, has a part in.
type blamed struct {
	field       uint16
	value       names.ID
	logs, ranks []part
}

// influencers aggregates the findings by influencer value and by influencer
// field. A finding counts once for a field, by the value that has most of it.
func (e *Engine) influencers(b *result.Bucket, findings []*finding, judged int, bound float64) {
	index := map[uint64]int{}
	var all []blamed
	fields := make([]blamed, len(e.config.Influencers))
	most := make([]float64, len(fields))
	for _, f := range findings {
		clear(most)
		rank := -f.verdict.Evidence * math.Ln10
		for _, x := range f.blames {
			key := uint64(x.field)<<32 | uint64(x.value)
			i, ok := index[key]
			if !ok {
				i = len(all)
				index[key] = i
				all = append(all, blamed{field: x.field, value: x.value})
			}
			all[i].logs = append(all[i].logs, e.part(f, f.verdict.LogProb, x.share))
			all[i].ranks = append(all[i].ranks, e.part(f, rank, x.share))
			most[x.field] = max(most[x.field], x.share)
		}
		for n, share := range most {
			if share > 0 {
				fields[n].logs = append(fields[n].logs, e.part(f, f.verdict.LogProb, share))
				fields[n].ranks = append(fields[n].ranks, e.part(f, rank, share))
			}
		}
	}
	var list []result.Influencer
	for i := range all {
		x := &all[i]
		list = append(list, result.Influencer{
			Field: e.config.Influencers[x.field], Value: string(e.names.Value(x.value)),
			LogProb: aggregate(x.logs, judged, bound), Score: score.OfLogProb(aggregate(x.ranks, judged, bound)),
		})
	}
	slices.SortFunc(list, func(a, b result.Influencer) int {
		return cmp.Or(cmp.Compare(a.LogProb, b.LogProb), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value))
	})
	if len(list) > maxInfluencers {
		b.OmittedInfluencers = int64(len(list) - maxInfluencers)
		list = list[:maxInfluencers]
	}
	b.Influencers = list
	for n, x := range fields {
		if len(x.logs) > 0 {
			p := aggregate(x.logs, judged, bound)
			b.BucketInfluencers = append(b.BucketInfluencers, result.BucketInfluencer{
				Field: e.config.Influencers[n], LogProb: p, RawScore: score.RawScore(p), Score: score.OfLogProb(aggregate(x.ranks, judged, bound))})
		}
	}
}
