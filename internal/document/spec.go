package document

import (
	"fmt"
	"strings"
	"time"

	"tidemark/engine/spec"
	"tidemark/wire"
)

// SpecOf returns what the engine needs of a configuration that ParseJob made, with
// the items of the filters that its rules name; filters may be nil if there are
// none.
// The error tells what a configuration from elsewhere lacks.
func SpecOf(j *wire.Job, filters Filters) (*spec.Job, error) {
	c := &j.AnalysisConfig
	s := &spec.Job{SummaryCountField: c.SummaryCountFieldName, Influencers: c.Influencers}
	for _, d := range []struct {
		name, value string
		ms          *int64
	}{
		{"bucket_span", c.BucketSpan, &s.BucketSpanMs},
		{"latency", c.Latency, &s.LatencyMs},
		{"model_prune_window", c.ModelPruneWindow, &s.ModelPruneWindowMs},
	} {
		if d.value == "" {
			continue
		}
		v, err := wire.ParseDuration(d.name, d.value)
		if err != nil {
			return nil, err
		}
		*d.ms = int64(v / time.Millisecond)
	}
	err := categorySpec(s, j)
	if err != nil {
		return nil, err
	}
	s.Multivariate = c.MultivariateByFields != nil && *c.MultivariateByFields
	if s.Zone, err = zoneOf(j); err != nil {
		return nil, err
	}
	if j.AnalysisLimits != nil && j.AnalysisLimits.ModelMemoryLimit != "" {
		mib, err := wire.ParseMemoryLimit("model_memory_limit", j.AnalysisLimits.ModelMemoryLimit)
		if err != nil {
			return nil, err
		}
		s.ModelMemoryLimit = mib * wire.MiB
	}
	if p := j.ModelPlotConfig; p != nil && p.Enabled {
		s.Plot = true
		for term := range strings.SplitSeq(p.Terms, ",") {
			if term = strings.TrimSpace(term); term != "" {
				s.PlotTerms = append(s.PlotTerms, term)
			}
		}
	}
	for i := range c.Detectors {
		x := &c.Detectors[i]
		f, known := spec.ParseFunction(x.Function)
		if !known {
			return nil, fmt.Errorf("detector %d: the function %q is unknown to this release", i, wire.Clip(x.Function))
		}
		var list []spec.Rule
		for n := range x.CustomRules {
			list = append(list, specRule(&x.CustomRules[n], x, filters))
		}
		s.Detectors = append(s.Detectors, spec.Detector{
			Rules:    list,
			Function: f, FieldName: x.FieldName,
			ByField: x.ByFieldName, OverField: x.OverFieldName, PartitionField: x.PartitionFieldName,
			UseNull: x.UseNull, ExcludeFrequent: excluded(x.ExcludeFrequent),
		})
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("job [%s]: %w", j.JobID, err)
	}
	return s, nil
}

// TimeOf returns the field that holds a record's time and how it is written.
func TimeOf(j *wire.Job) (field, format string) {
	field, format = j.DataDescription.TimeField, j.DataDescription.TimeFormat
	if field == "" {
		field = defaultTimeField
	}
	if format == "" {
		format = defaultTimeFormat
	}
	return field, format
}

// excluded is exclude_frequent as the engine has it, where none is "".
func excluded(name string) string {
	if name == "none" {
		return ""
	}
	return name
}
