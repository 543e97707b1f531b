package document

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tidemark/engine/result"
	"tidemark/engine/spec"
	"tidemark/wire"
	"tidemark/wire/strict"
)

const (
	maxCategorizationFilters = 1_000
	maxAnalyzer              = 64 << 10
)

// perPartition reads per_partition_categorization.
func perPartition(to **wire.PerPartitionCategorization) strict.Read {
	return func(r *strict.Reader) error {
		x := wire.PerPartitionCategorization{}
		err := strict.Object("per_partition_categorization", strict.Fields{
			"enabled": strict.Bool(&x.Enabled), "stop_on_warn": strict.Bool(&x.StopOnWarn),
		})(r)
		*to = &x
		return err
	}
}

// analyzer reads a categorization_analyzer: a name or an object. It is kept as it
// is written; analyzerSpec says what it means.
func analyzer(c *wire.AnalysisConfig) strict.Read {
	return func(r *strict.Reader) error {
		if r.Kind() == '"' {
			var name string
			if err := strict.Text(&name)(r); err != nil {
				return err
			}
			c.CategorizationAnalyzer = []byte(strconv.Quote(name))
			return nil
		}
		return strict.RawObject(&c.CategorizationAnalyzer, maxAnalyzer)(r)
	}
}

// checkCategories holds the rules of categorization.
func checkCategories(c *wire.AnalysisConfig) error {
	uses := slices.ContainsFunc(c.Detectors, func(x wire.Detector) bool { return usesCategory(&x) })
	refuse := func(format string, args ...any) error {
		return wire.Refuse(wire.TypeIllegalArgument, format, args...)
	}
	filters := map[string]bool{}
	for _, f := range c.CategorizationFilters {
		if f == "" || filters[f] {
			return refuse("categorization_filters must be distinct and not empty; [%s] is there twice or empty", wire.Clip(f))
		}
		filters[f] = true
		if _, err := regexp.Compile(f); err != nil {
			return refuse("categorization_filters contains invalid regular expression [%s]: %v", wire.Clip(f), err)
		}
	}
	p := c.PerPartitionCategorization
	switch {
	case c.CategorizationFieldName == "" && uses:
		return refuse("categorization_field_name must be set when a detector uses mlcategory: name the field that holds the messages")
	case c.CategorizationFieldName == "" && slices.Contains(c.Influencers, categoryField):
		return refuse("categorization_field_name must be set when mlcategory is an influencer")
	case c.CategorizationFieldName != "" && !uses:
		return refuse("categorization_field_name is set but mlcategory is not used in any detector by/over/partition field")
	case len(c.CategorizationFilters) > 0 && c.CategorizationFieldName == "":
		return refuse("categorization_filters require setting categorization_field_name")
	case len(c.CategorizationFilters) > 0 && len(c.CategorizationAnalyzer) > 0:
		return refuse("categorization_filters cannot be used with categorization_analyzer - instead specify them as pattern_replace char_filters in the analyzer")
	case len(c.CategorizationAnalyzer) > 0 && c.CategorizationFieldName == "":
		return refuse("categorization_analyzer requires setting categorization_field_name")
	case p != nil && p.Enabled && c.CategorizationFieldName == "":
		return refuse("per_partition_categorization requires setting categorization_field_name")
	case p != nil && p.StopOnWarn && !p.Enabled:
		return refuse("stop_on_warn may only be set to true if per_partition_categorization is enabled")
	}
	if _, err := analyzerSpec(c.CategorizationAnalyzer); err != nil {
		return err
	}
	if c.CategorizationFieldName == "" {
		c.PerPartitionCategorization = nil
	}
	if p != nil && p.Enabled {
		if _, err := categoryPartition(c); err != nil {
			return err
		}
	}
	if c.CategorizationFieldName != "" {
		return checkFieldName("categorization_field_name", c.CategorizationFieldName)
	}
	return nil
}

func usesCategory(x *wire.Detector) bool {
	return x.ByFieldName == categoryField || x.OverFieldName == categoryField || x.PartitionFieldName == categoryField
}

// categoryPartition is the partition field of the detectors that use categories,
// which must be the same.
func categoryPartition(c *wire.AnalysisConfig) (string, error) {
	field := ""
	for i := range c.Detectors {
		x := &c.Detectors[i]
		if !usesCategory(x) {
			continue
		}
		if x.PartitionFieldName == "" || field != "" && field != x.PartitionFieldName {
			return "", wire.Refuse(wire.TypeIllegalArgument, "partition_field_name must be set, and the same, for all detectors that use mlcategory when per-partition categorization is enabled")
		}
		field = x.PartitionFieldName
	}
	return field, nil
}

// categorySpec takes what the engine needs to group messages.
func categorySpec(s *spec.Job, j *wire.Job) (err error) {
	c := &j.AnalysisConfig
	s.CategorizationField, s.CategorizationFilters = c.CategorizationFieldName, c.CategorizationFilters
	if j.AnalysisLimits != nil && j.AnalysisLimits.CategorizationExamplesLimit != nil {
		s.CategoryExamples = int(min(*j.AnalysisLimits.CategorizationExamplesLimit, maxExamples))
	}
	if p := c.PerPartitionCategorization; p != nil && p.Enabled {
		s.PerPartition, _ = categoryPartition(c) // ParseJob has checked it.
		s.StopOnWarn = p.StopOnWarn
	}
	if s.Analyzer, err = analyzerSpec(c.CategorizationAnalyzer); err != nil {
		return err
	}
	if filters, ok := filtersOfDefault(s.Analyzer); ok {
		s.Analyzer, s.CategorizationFilters = nil, filters
	}
	return nil
}

// maxExamples bounds the messages that a category keeps.
const maxExamples = 1000

// CategoryDoc is a category's document.
func CategoryDoc(j *wire.Job, c *result.Category) []byte {
	o := newObject(512)
	o.text("job_id", j.JobID)
	if c.HasPartition {
		field, _ := categoryPartition(&j.AnalysisConfig) // ParseJob has checked it.
		o.text("partition_field_name", field)
		o.text("partition_field_value", c.Partition)
		if !reserved[field] {
			o.text(field, c.Partition)
		}
	}
	o.integer("category_id", int64(c.ID))
	o.text("terms", c.Terms)
	o.text("regex", c.Regex)
	o.integer("max_matching_length", int64(c.MaxMatchingLength))
	o.texts("examples", c.Examples)
	o.text("grok_pattern", grok(c.Terms))
	if len(c.PreferredTo) > 0 {
		ids := make([]float64, len(c.PreferredTo))
		for i, id := range c.PreferredTo {
			ids[i] = float64(id)
		}
		o.numbers("preferred_to_categories", ids...)
	}
	o.integer("num_matches", c.NumMatches)
	o.text("result_type", "category_definition")
	o.text("mlcategory", strconv.Itoa(c.ID))
	return o.end()
}

// grok is a pattern that matches a category's messages in tools that use such.
func grok(terms string) string {
	fields := strings.Fields(terms)
	for i, f := range fields {
		fields[i] = regexp.QuoteMeta(f)
	}
	return ".*?" + strings.Join(fields, ".+?") + ".*"
}
