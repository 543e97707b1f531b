package document

import (
	"math"
	"slices"

	"tidemark/engine/spec"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// cardinalities are how many values fields have.
type cardinalities map[string]int64

// maxCardinality keeps products of three of them finite and whole.
const maxCardinality = 1 << 40

// EstimateMemory reads a request for the memory that a job will need and returns
// the estimate in MiB. It is what clients of the API expect for the same request,
// generous for this engine. The error is a *wire.Refusal.
func EstimateMemory(body []byte) (mib int64, err error) {
	d := draft{job: &wire.Job{}}
	overall, perBucket := cardinalities{}, cardinalities{}
	if err := strict.Parse(body, "estimate_model_memory", strict.Fields{
		"analysis_config":        d.analysisConfig,
		"overall_cardinality":    counts(overall),
		"max_bucket_cardinality": counts(perBucket),
	}); err != nil {
		return 0, err
	}
	if !d.hasAnalysis {
		return 0, wire.Refuse(wire.TypeIllegalArgument, "[analysis_config] must be specified to estimate model memory")
	}
	c := &d.job.AnalysisConfig
	total := 10.0 * wire.MiB
	for i := range c.Detectors {
		bytes, err := detectorBytes(&c.Detectors[i], overall, d.span.Seconds())
		if err != nil {
			return 0, err
		}
		total += bytes
	}
	bytes, err := otherBytes(c, overall, perBucket)
	return int64(math.Ceil(math.Min((total+bytes)/wire.MiB, math.MaxInt32))), err
}

func counts(to cardinalities) strict.Read {
	return strict.Map(func(r *strict.Reader, field string) error {
		var n int64
		if err := strict.Int(&n)(r); err != nil {
			return err
		}
		if n < 0 || n > maxCardinality {
			return wire.Refuse(wire.TypeIllegalArgument, "a cardinality must be from 0 to %d; it is %d", int64(maxCardinality), n)
		}
		to[field] = n
		return nil
	})
}

const kib = 1024.0

// baseBytes is what one model of a function takes.
var baseBytes = map[spec.Function]float64{
	spec.Count: 32 * kib, spec.NonZeroCount: 32 * kib, spec.DistinctCount: 32*kib + 5*wire.MiB, spec.InfoContent: 48*kib + 5*wire.MiB,
	spec.Rare: 2 * kib, spec.FreqRare: 2 * kib, spec.Mean: 48 * kib, spec.Min: 48 * kib, spec.Max: 48 * kib, spec.Sum: 48 * kib,
	spec.NonNullSum: 48 * kib, spec.Varp: 48 * kib, spec.Metric: 120 * kib, spec.Median: 64 * kib,
	spec.TimeOfDay: 10 * kib, spec.TimeOfWeek: 10 * kib, spec.LatLong: 64 * kib,
}

// Sizes beside the models.
const (
	memberBytes     = 768.0
	influencerBytes = 10 * kib
	categoryBytes   = 5.0 * wire.MiB
	// categoryCount stands for the unknown number of categories.
	categoryCount = 500
)

func (c cardinalities) of(field, why string) (float64, error) {
	if field == "" {
		return 1, nil
	}
	if field == categoryField {
		return categoryCount, nil
	}
	n, known := c[field]
	if !known {
		return 0, wire.Refuse(wire.TypeIllegalArgument, "[%s] is needed for the field [%s]: say how many values it has", why, wire.Clip(field))
	}
	return math.Max(float64(n), 1), nil
}

// reduced is how many values a field has within one partition: the more
// partitions and the longer the buckets, the more of them share their values.
func reduced(values, partitions, spanSeconds float64) float64 {
	return values / math.Pow(math.Min(values, partitions), math.Min(1, (math.Log10(spanSeconds)+1)/8))
}

func detectorBytes(x *wire.Detector, overall cardinalities, spanSeconds float64) (float64, error) {
	const why = "overall_cardinality"
	partitions, err := overall.of(x.PartitionFieldName, why)
	if err != nil {
		return 0, err
	}
	by, err := overall.of(x.ByFieldName, why)
	if err != nil {
		return 0, err
	}
	over, err := overall.of(x.OverFieldName, why)
	if err != nil {
		return 0, err
	}
	bytes := baseBytes[spec.Function(x.Function).Base()]
	if x.ByFieldName != "" {
		bytes *= math.Ceil(reduced(by, partitions, spanSeconds) * 2 / 3)
	}
	if x.OverFieldName != "" {
		bytes += memberBytes * math.Ceil(reduced(over, partitions, spanSeconds))
	}
	return bytes * partitions, nil
}

// otherBytes are those of influencers and categories.
func otherBytes(c *wire.AnalysisConfig, overall, perBucket cardinalities) (total float64, err error) {
	for _, f := range c.Influencers {
		if slices.ContainsFunc(c.Detectors, func(x wire.Detector) bool { return splitOf(&x, f) != "" }) {
			continue
		}
		n, err := perBucket.of(f, "max_bucket_cardinality")
		if err != nil {
			return 0, err
		}
		total += influencerBytes * n
	}
	if c.CategorizationFieldName == "" {
		return total, nil
	}
	partitions := 1.0
	if p := c.PerPartitionCategorization; p != nil && p.Enabled {
		field, err := categoryPartition(c)
		if err != nil {
			return 0, err
		}
		if partitions, err = overall.of(field, "overall_cardinality"); err != nil {
			return 0, err
		}
	}
	return total + categoryBytes*partitions, nil
}
