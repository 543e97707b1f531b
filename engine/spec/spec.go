// Package spec says what a job analyses: its detectors, bucket span, latency
// and influencers, as plain values that the engine reads and the log carries.
package spec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Job is the effective configuration of one job as far as the engine needs it.
// It is part of the job's log, so that a replay sees what was true then.
type Job struct {
	// BucketSpanMs is the length of a bucket in milliseconds, a positive
	// multiple of 1,000.
	BucketSpanMs int64
	// LatencyMs is how late a record may arrive in milliseconds. It is rounded
	// up to whole buckets by LatencyBuckets.
	LatencyMs int64
	// SummaryCountField names the field that tells how many raw records one
	// record stands for. Empty: every record counts once.
	SummaryCountField string
	Detectors         []Detector
	// Influencers are the fields blamed for anomalies, in configured order.
	Influencers []string
	// CategorizationField holds messages whose categories are the values of the
	// field CategoryField. Empty: there are none.
	CategorizationField string
	// CategorizationFilters are regular expressions; what they match is taken out
	// of a message first.
	CategorizationFilters []string
	// Analyzer cuts messages into tokens; nil: by rules of the engine's own.
	Analyzer *Analyzer
	// PerPartition: each value of this partition field has categories of its own.
	PerPartition string
	// StopOnWarn: a partition whose messages cannot be grouped is left alone.
	StopOnWarn bool
	// CategoryExamples is how many messages each category keeps.
	CategoryExamples int
	// Multivariate: by values of a detector that move together are judged by one
	// another.
	Multivariate bool
	// Plot: buckets tell what the models expected of each series, PlotTerms of which
	// partition or by values alone if there are any.
	Plot      bool
	PlotTerms []string
	// Events are in order of their start.
	Events []Event
	// Zone is the time zone whose days and weeks the models follow.
	Zone Zone
	// ModelMemoryLimit bounds the learned state in bytes. Zero: no bound.
	ModelMemoryLimit int64
	// ModelPruneWindowMs is how long a series may be silent before closing the
	// job forgets it. Zero: never.
	ModelPruneWindowMs int64
}

// Detector is one function over one field with its splits.
type Detector struct {
	Function       Function
	FieldName      string
	ByField        string
	OverField      string
	PartitionField string
	// ExcludeFrequent lets series that are there all the time be: "by", "over",
	// "all", or "" for none.
	ExcludeFrequent string
	// UseNull makes a record without the by or partition field count as the
	// empty value instead of being ignored by this detector.
	UseNull bool
	// Rules are applied in order; all that apply have effect.
	Rules []Rule
}

// Same reports whether two detectors learn the same: rules may differ.
func (d *Detector) Same(o *Detector) bool {
	return d.Function == o.Function && d.FieldName == o.FieldName && d.ByField == o.ByField && d.OverField == o.OverField &&
		d.PartitionField == o.PartitionField && d.UseNull == o.UseNull
}

// CategoryField is the field whose values are the categories of messages.
const CategoryField = "mlcategory"

// Columns returns the distinct columns that batches for this job carry: first
// the numbers, then the texts, each in order of first use. A field used both
// as a value and as a split appears once in each group.
func (j *Job) Columns() (numbers, texts []string) {
	numbers = appendOnce(numbers, j.SummaryCountField)
	for i := range j.Detectors {
		d := &j.Detectors[i]
		if d.Function.ReadsText() {
			texts = appendOnce(texts, d.FieldName)
		} else {
			numbers = appendOnce(numbers, d.FieldName)
		}
		texts = appendOnce(texts, d.PartitionField)
		texts = appendOnce(texts, d.ByField)
		texts = appendOnce(texts, d.OverField)
	}
	for _, f := range j.Influencers {
		texts = appendOnce(texts, f)
	}
	if j.CategorizationField == "" {
		return numbers, texts
	}
	texts = slices.DeleteFunc(texts, func(f string) bool { return f == CategoryField })
	return numbers, appendOnce(appendOnce(texts, j.PerPartition), j.CategorizationField)
}

// OnlyCategorized reports whether there are messages whose field is used for
// nothing else.
func (j *Job) OnlyCategorized() bool {
	f := j.CategorizationField
	used := f == "" || slices.Contains(j.Influencers, f)
	for i := range j.Detectors {
		d := &j.Detectors[i]
		used = used || slices.Contains([]string{d.FieldName, d.ByField, d.OverField, d.PartitionField}, f)
	}
	return !used
}

// AnalysisFields returns the distinct field names the analysis reads, without
// the time field: the number that processed_field_count multiplies by.
func (j *Job) AnalysisFields() []string {
	numbers, texts := j.Columns()
	fields := append([]string(nil), numbers...)
	for _, t := range texts {
		fields = appendOnce(fields, t)
	}
	return fields
}

// LatencyBuckets is the latency rounded up to whole buckets.
func (j *Job) LatencyBuckets() int64 {
	return (j.LatencyMs + j.BucketSpanMs - 1) / j.BucketSpanMs
}

// Validate reports the first inconsistency that the engine could not run with.
// User-facing validation, with the wire's names, happens before this.
func (j *Job) Validate() error {
	switch {
	case j.BucketSpanMs <= 0 || j.BucketSpanMs%1000 != 0:
		return fmt.Errorf("bucket span must be a positive number of whole seconds, is %d ms", j.BucketSpanMs)
	case j.LatencyMs < 0:
		return fmt.Errorf("latency must not be negative, is %d ms", j.LatencyMs)
	case len(j.Detectors) == 0:
		return errors.New("a job needs at least one detector")
	}
	if err := j.Zone.validate(); err != nil {
		return err
	}
	for i := range j.Events {
		if err := j.Events[i].validate(); err != nil {
			return err
		}
	}
	for _, f := range j.CategorizationFilters {
		if _, err := regexp.Compile(f); err != nil {
			return fmt.Errorf("categorization filter: %w", err)
		}
	}
	if err := j.Analyzer.validate(); err != nil {
		return fmt.Errorf("categorization_analyzer: %w", err)
	}
	for i := range j.Detectors {
		if !j.Detectors[i].Function.Known() {
			return fmt.Errorf("detector %d: unknown function %q", i, j.Detectors[i].Function)
		}
		for n := range j.Detectors[i].Rules {
			if err := j.Detectors[i].Rules[n].validate(); err != nil {
				return fmt.Errorf("detector %d: %w", i, err)
			}
		}
	}
	return nil
}

func appendOnce(list []string, name string) []string {
	if name == "" {
		return list
	}
	for _, have := range list {
		if have == name {
			return list
		}
	}
	return append(list, name)
}
