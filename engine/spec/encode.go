package spec

import "tidemark/engine/codec"

// Append encodes the configuration behind dst.
func (j *Job) Append(dst []byte) []byte {
	for _, n := range []int64{j.BucketSpanMs, j.LatencyMs, j.ModelMemoryLimit, j.ModelPruneWindowMs} {
		dst = codec.AppendVarint(dst, n)
	}
	for _, s := range []string{j.SummaryCountField, j.CategorizationField, j.PerPartition} {
		dst = codec.AppendString(dst, s)
	}
	dst = codec.AppendVarint(codec.AppendBool(dst, j.StopOnWarn), int64(j.CategoryExamples))
	dst = codec.AppendUvarint(dst, uint64(len(j.CategorizationFilters)))
	for _, f := range j.CategorizationFilters {
		dst = codec.AppendString(dst, f)
	}
	dst = j.Zone.append(j.Analyzer.append(dst))
	dst = codec.AppendUvarint(codec.AppendBool(codec.AppendBool(dst, j.Multivariate), j.Plot), uint64(len(j.PlotTerms)))
	for _, term := range j.PlotTerms {
		dst = codec.AppendString(dst, term)
	}
	dst = AppendEvents(dst, j.Events)
	dst = codec.AppendUvarint(dst, uint64(len(j.Detectors)))
	for i := range j.Detectors {
		d := &j.Detectors[i]
		for _, s := range []string{string(d.Function), d.FieldName, d.ByField, d.OverField, d.PartitionField, d.ExcludeFrequent} {
			dst = codec.AppendString(dst, s)
		}
		dst = codec.AppendBool(dst, d.UseNull)
		dst = codec.AppendUvarint(dst, uint64(len(d.Rules)))
		for n := range d.Rules {
			dst = d.Rules[n].append(dst)
		}
	}
	dst = codec.AppendUvarint(dst, uint64(len(j.Influencers)))
	for _, f := range j.Influencers {
		dst = codec.AppendString(dst, f)
	}
	return dst
}

// Decode reads what Append wrote. Errors stay in the reader.
func Decode(r *codec.Reader) *Job {
	j := &Job{}
	for _, n := range []*int64{&j.BucketSpanMs, &j.LatencyMs, &j.ModelMemoryLimit, &j.ModelPruneWindowMs} {
		*n = r.Varint()
	}
	for _, s := range []*string{&j.SummaryCountField, &j.CategorizationField, &j.PerPartition} {
		*s = r.Text()
	}
	j.StopOnWarn, j.CategoryExamples = r.Bool(), int(r.Varint())
	for n := r.Count(1); n > 0 && r.Err() == nil; n-- {
		j.CategorizationFilters = append(j.CategorizationFilters, r.Text())
	}
	j.Analyzer = decodeAnalyzer(r)
	j.Zone = decodeZone(r)
	j.Multivariate, j.Plot = r.Bool(), r.Bool()
	for range r.Count(1) {
		j.PlotTerms = append(j.PlotTerms, r.Text())
	}
	j.Events = DecodeEvents(r)
	if n := r.Count(6); n > 0 {
		j.Detectors = make([]Detector, n)
	}
	for i := range j.Detectors {
		d := &j.Detectors[i]
		d.Function = Function(r.Text())
		for _, s := range []*string{&d.FieldName, &d.ByField, &d.OverField, &d.PartitionField, &d.ExcludeFrequent} {
			*s = r.Text()
		}
		d.UseNull = r.Bool()
		for n := r.Count(4); n > 0 && r.Err() == nil; n-- {
			d.Rules = append(d.Rules, decodeRule(r))
		}
	}
	if n := r.Count(1); n > 0 {
		j.Influencers = make([]string, n)
	}
	for i := range j.Influencers {
		j.Influencers[i] = r.Text()
	}
	if r.Err() == nil {
		if err := j.Validate(); err != nil {
			r.Fail("configuration: %v", err)
		}
	}
	return j
}
