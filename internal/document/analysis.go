package document

import (
	"slices"
	"strings"
	"time"

	"tidemark/engine/spec"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// analysisConfig reads the analysis_config with all rules that need nothing
// else.
func (d *draft) analysisConfig(r *strict.Reader) error {
	d.hasAnalysis = true
	c := &d.job.AnalysisConfig
	var span, latency, window string
	err := strict.Object("analysis_config", strict.Fields{
		"bucket_span":                  givenDuration("bucket_span", &span),
		"latency":                      givenDuration("latency", &latency),
		"model_prune_window":           givenDuration("model_prune_window", &window),
		"summary_count_field_name":     strict.TextOrNull(&c.SummaryCountFieldName),
		"detectors":                    d.detectors,
		"influencers":                  strict.Texts(&c.Influencers, maxInfluencers),
		"multivariate_by_fields":       strict.OptionalBool(&c.MultivariateByFields),
		"categorization_field_name":    strict.TextOrNull(&c.CategorizationFieldName),
		"categorization_analyzer":      analyzer(c),
		"categorization_filters":       strict.Texts(&c.CategorizationFilters, maxCategorizationFilters),
		"per_partition_categorization": perPartition(&c.PerPartitionCategorization),
	})(r)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return d.times(span, latency, window) },
		func() error { return checkDetectors(c.Detectors) },
		func() error { return checkSummary(c) },
		func() error { return checkCategories(c) },
		func() error { return checkInfluencers(c) },
		func() error { return checkNesting(c) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	showAnalyzer(c)
	return nil
}

// givenDuration reads a duration into the text in which it is shown again.
func givenDuration(name string, to *string) strict.Read {
	return func(r *strict.Reader) error {
		var value string
		err := strict.TextOrNumber(&value)(r)
		if err == nil {
			_, *to, err = wire.EchoDuration(name, value)
		}
		return err
	}
}

// times checks the durations and writes them as clients read them back. They are
// texts of givenDuration, "" if not given.
func (d *draft) times(span, latency, window string) (err error) {
	c := &d.job.AnalysisConfig
	if span == "" {
		span = defaultBucketSpan
	}
	if d.span, err = wire.ParseDuration("bucket_span", span); err != nil {
		return err
	}
	switch {
	case d.span <= 0:
		return wire.Refuse(wire.TypeIllegalArgument, "bucket_span cannot be less or equal than 0. Value = %s", wire.Clip(span))
	case d.span%time.Second != 0:
		return wire.Refuse(wire.TypeIllegalArgument, "bucket_span has to be a multiple of 1s; actual was '%s'", wire.Clip(span))
	}
	if err := d.latencyAndWindow(latency, window); err != nil {
		return err
	}
	c.BucketSpan, c.ModelPruneWindow = span, window
	if d.latency > 0 {
		c.Latency = latency
	}
	if window == "" {
		c.ModelPruneWindow = wire.FormatDuration(defaultPruneWindow(d.span))
	}
	return nil
}

// latencyAndWindow checks both, "" meaning not given.
func (d *draft) latencyAndWindow(latency, window string) (err error) {
	if latency != "" {
		if d.latency, err = wire.ParseDuration("latency", latency); err != nil {
			return err
		}
	}
	switch {
	case d.latency < 0:
		return wire.Refuse(wire.TypeIllegalArgument, "latency cannot be less than 0. Value = %s", wire.Clip(latency))
	case d.latency%time.Second != 0:
		return wire.Refuse(wire.TypeIllegalArgument, "latency has to be a multiple of 1s; actual was '%s'", wire.Clip(latency))
	case (d.latency-1)/maxLatencyBuckets >= d.span:
		return wire.Refuse(wire.TypeIllegalArgument, "latency must not exceed %d bucket spans, which stay open for it; actual was '%s' with a bucket_span of %s: give a longer bucket_span or less latency",
			maxLatencyBuckets, wire.Clip(latency), wire.FormatDuration(d.span))
	}
	if window == "" {
		return nil
	}
	length, err := wire.ParseDuration("model_prune_window", window)
	switch {
	case err != nil:
		return err
	case length/2 < d.span:
		return wire.Refuse(wire.TypeIllegalArgument, "model_prune_window [%s] must be at least 2 times greater than bucket_span [%s]", wire.Clip(window), wire.FormatDuration(d.span))
	case length%d.span != 0:
		return wire.Refuse(wire.TypeIllegalArgument, "model_prune_window [%s] must be a multiple of bucket_span [%s]", wire.Clip(window), wire.FormatDuration(d.span))
	}
	return nil
}

// defaultPruneWindow is thirty days or twenty buckets, whichever is longer, in
// whole buckets; the longest duration there is if that cannot be said.
func defaultPruneWindow(span time.Duration) time.Duration {
	const longest = time.Duration(1<<63 - 1)
	if span > longest/20 {
		return longest / span * span
	}
	window := max(30*24*time.Hour, 20*span)
	if over := window % span; over != 0 {
		window += span - over
	}
	return window
}

// checkInfluencers also drops repeated names: influencers are a set.
func checkInfluencers(c *wire.AnalysisConfig) error {
	seen := map[string]bool{}
	kept := []string{}
	for _, name := range c.Influencers {
		if name == "" {
			return wire.Refuse(wire.TypeIllegalArgument, "influencers must not contain an empty name")
		}
		if err := checkFieldName("influencers", name); err != nil {
			return err
		}
		if !seen[name] {
			kept = append(kept, name)
		}
		seen[name] = true
	}
	c.Influencers = kept
	if c.SummaryCountFieldName != "" {
		return checkFieldName("summary_count_field_name", c.SummaryCountFieldName)
	}
	return nil
}

// checkSummary: a metric needs the values themselves.
func checkSummary(c *wire.AnalysisConfig) error {
	for i := range c.Detectors {
		if c.SummaryCountFieldName != "" && c.Detectors[i].Function == string(spec.Metric) {
			return wire.Refuse(wire.TypeStatus, "The 'metric' function cannot be used in jobs that will take pre-summarized input; use mean, min and max")
		}
	}
	return nil
}

// checkNesting refuses a field together with a field inside it. After sorting
// by the name with a final point, what lies inside a name follows it at once.
func checkNesting(c *wire.AnalysisConfig) error {
	names := slices.Collect(shownFields(c))
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(a+".", b+".") })
	for i := 1; i < len(names); i++ {
		if a, b := names[i-1], names[i]; a != "" && nested(a, b) {
			return wire.Refuse(wire.TypeStatus, "Fields [%s] and [%s] cannot both be used in the same analysis_config: no record can hold both; use one of them", wire.Clip(a), wire.Clip(b))
		}
	}
	return nil
}
