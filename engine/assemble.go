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

// blame weighs the influencer values of an anomalous cell. State is that before
// the bucket.
//
//	sums, counts, means:  share = 1 - log p(without the value's records) / log p
//	extremes:             share = log p(the value's own extreme) / log p
//
// Values of the series' own splits carry it whole.
func (e *Engine) blame(open *gather.Bucket, p *series.Params, st *state, season *series.Season, cell *gather.Cell, shares []uint32, v *series.Verdict, start int64) []blame {
	var list []blame
	g := e.groups.Get(st.group)
	d := &e.config.Detectors[g.detector]
	fn := d.Function
	for n, field := range e.config.Influencers {
		switch field {
		case d.PartitionField:
			list = append(list, blame{uint16(n), g.partition, 1})
		case d.ByField:
			list = append(list, blame{uint16(n), st.by, 1})
		}
	}
	if len(shares) > maxWeighed {
		shares = slices.Clone(shares)
		slices.SortStableFunc(shares, func(a, b uint32) int {
			return cmp.Compare(open.Share(b).Count, open.Share(a).Count)
		})
		shares = shares[:maxWeighed]
	}
	extreme := fn.Base() == spec.Min || fn.Base() == spec.Max
	for _, i := range shares {
		share := open.Share(i)
		part := share.Cell
		if !extreme {
			part = cell.Without(&share.Cell)
		}
		x := series.Sample{StartMs: start}
		if part.Count > 0 {
			x = sampleOf(fn, &part, start)
		} else if fn.Base() == spec.Mean || fn.Base() == spec.NonNullSum || fn.Base() == spec.NonZeroCount {
			// Without these records there would be no value at all.
			list = append(list, blame{share.Field, share.Value, 1})
			continue
		}
		ratio := p.Judge(&st.core, season, x).LogProb / v.LogProb
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
	b := &result.Bucket{StartMs: start, SpanMs: e.clock.SpanMs, Run: 1, EventCount: int64(count), Interim: interim}
	var findings []*finding
	judged := 0
	for _, s := range e.shards {
		judged += s.out.judged
		for i := range s.out.findings {
			findings = append(findings, &s.out.findings[i])
		}
	}
	if len(findings) == 0 {
		return b
	}
	slices.SortStableFunc(findings, e.order)
	logs, ranks := make([]float64, len(findings)), make([]float64, len(findings))
	for i, f := range findings {
		logs[i], ranks[i] = f.verdict.LogProb, -f.verdict.Evidence*math.Ln10
	}
	p := score.Aggregate(logs, judged)
	b.Score = score.OfLogProb(score.Aggregate(ranks, judged))
	b.BucketInfluencers = append(b.BucketInfluencers, result.BucketInfluencer{
		Field: "bucket_time", LogProb: p, RawScore: score.RawScore(p), Score: b.Score})
	e.influencers(b, findings, judged)
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
	if c := cmp.Compare(a.detector, b.detector); c != 0 {
		return c
	}
	if c := slices.Compare(e.names.Value(e.groups.Get(a.group).partition), e.names.Value(e.groups.Get(b.group).partition)); c != 0 {
		return c
	}
	return slices.Compare(e.names.Value(a.state.by), e.names.Value(b.state.by))
}

// record is the anomaly record of a finding.
func (e *Engine) record(f *finding) result.Record {
	v, d, g := &f.verdict, &e.config.Detectors[f.detector], e.groups.Get(f.group)
	r := result.Record{
		Detector: int(f.detector), LogProb: v.LogProb, Score: v.Score, NoveltyScore: v.NoveltyScore,
		MultiBucketImpact: singleBucket, Typical: v.Typical, Actual: v.Actual,
		Explanation: result.Explanation{
			Spike: v.Spike, SingleBucketImpact: int(math.Round(-v.LogProb / math.Ln10)),
			LowerBound: v.Lower, UpperBound: v.Upper, HighVariance: v.HighVariance,
			IncompleteBucket: v.Incomplete, Extrapolated: v.Extrapolated,
		},
	}
	if d.PartitionField != "" {
		r.Partition, r.HasPartition = string(e.names.Value(g.partition)), true
	}
	if d.ByField != "" {
		r.By, r.HasBy = string(e.names.Value(f.state.by)), true
	}
	r.Influencers = e.recordInfluencers(f.blames)
	return r
}

// singleBucket is the multi-bucket impact of a record that rests on one bucket
// alone, as all do until the model looks at several.
const singleBucket = -5

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

// blamed collects the records that one influencer value has a part in.
type blamed struct {
	field uint16
	value names.ID
	logs  []score.Influence
	ranks []score.Influence
}

// influencers aggregates the findings by influencer value and by influencer
// field.
func (e *Engine) influencers(b *result.Bucket, findings []*finding, judged int) {
	index := map[uint64]int{}
	var all []blamed
	for _, f := range findings {
		for _, x := range f.blames {
			key := uint64(x.field)<<32 | uint64(x.value)
			i, ok := index[key]
			if !ok {
				i = len(all)
				index[key] = i
				all = append(all, blamed{field: x.field, value: x.value})
			}
			all[i].logs = append(all[i].logs, score.Influence{LogProb: f.verdict.LogProb, Share: x.share})
			all[i].ranks = append(all[i].ranks, score.Influence{LogProb: -f.verdict.Evidence * math.Ln10, Share: x.share})
		}
	}
	byField := make([][]score.Influence, len(e.config.Influencers))
	var list []result.Influencer
	for i := range all {
		x := &all[i]
		list = append(list, result.Influencer{
			Field: e.config.Influencers[x.field], Value: string(e.names.Value(x.value)),
			LogProb: score.Influencer(x.logs, judged), Score: score.OfLogProb(score.Influencer(x.ranks, judged)),
		})
		byField[x.field] = append(byField[x.field], x.ranks...)
	}
	slices.SortFunc(list, func(a, b result.Influencer) int {
		return cmp.Or(cmp.Compare(a.LogProb, b.LogProb), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value))
	})
	if len(list) > maxInfluencers {
		b.OmittedInfluencers = int64(len(list) - maxInfluencers)
		list = list[:maxInfluencers]
	}
	b.Influencers = list
	for n, parts := range byField {
		if len(parts) > 0 {
			p := score.Influencer(parts, max(judged, len(parts)))
			b.BucketInfluencers = append(b.BucketInfluencers, result.BucketInfluencer{
				Field: e.config.Influencers[n], LogProb: p, RawScore: score.RawScore(p), Score: score.OfLogProb(p)})
		}
	}
}
