package document

import (
	"regexp"
	"strings"

	"tidemark/engine/spec"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// categoryField stands for the category of a message in the API.
const categoryField = "mlcategory"

// laterFunctions are functions of the API that this release does not compute.
// Their high_ and low_ variants are listed too, because not every combination
// exists.
var laterFunctions = map[string]bool{
	"distinct_count": true, "high_distinct_count": true, "low_distinct_count": true,
	"dc": true, "high_dc": true, "low_dc": true,
	"rare": true, "freq_rare": true,
	"info_content": true, "high_info_content": true, "low_info_content": true,
	"metric": true,
	"median": true, "high_median": true, "low_median": true,
	"varp": true, "high_varp": true, "low_varp": true,
	"time_of_day": true, "time_of_week": true,
	"lat_long": true,
}

// computed lists the functions of this release for messages.
const computed = "count, non_zero_count, sum, non_null_sum, mean (each also with high_ or low_ in front), min and max"

// detectors reads the list; each one is checked as it is read, so that the
// place of an error is the detector's.
func (d *draft) detectors(r *strict.Reader) error {
	list := []wire.Detector{}
	err := strict.List(maxDetectors, func(r *strict.Reader, i int) error {
		x, err := readDetector(r)
		x.DetectorIndex = i
		list = append(list, x)
		return err
	})(r)
	d.job.AnalysisConfig.Detectors = list
	return err
}

func readDetector(r *strict.Reader) (wire.Detector, error) {
	var x wire.Detector
	exclude := "none"
	if err := strict.Object("detectors", detectorFields(&x, &exclude))(r); err != nil {
		return x, err
	}
	if err := checkDetector(&x, strings.ToLower(exclude)); err != nil {
		return x, err
	}
	if x.DetectorDescription == "" {
		x.DetectorDescription = describe(&x)
	}
	return x, nil
}

func detectorFields(x *wire.Detector, exclude *string) strict.Fields {
	return strict.Fields{
		"detector_description": text(&x.DetectorDescription),
		"function":             strict.Text(&x.Function),
		"field_name":           strict.TextOrNull(&x.FieldName),
		"by_field_name":        strict.TextOrNull(&x.ByFieldName),
		"over_field_name":      strict.TextOrNull(&x.OverFieldName),
		"partition_field_name": strict.TextOrNull(&x.PartitionFieldName),
		"use_null":             strict.Bool(&x.UseNull),
		"exclude_frequent":     strict.TextOrNull(exclude),
		"custom_rules":         emptyList("custom_rules are not applied yet; leave them out"),
		// The server numbers detectors; the number is taken so that a
		// configuration read with GET can be sent again.
		"detector_index": strict.Int(new(int64)),
	}
}

// CheckDetector checks a detector that is a request's whole body by the rules of
// ParseJob. The error is a *wire.Refusal.
func CheckDetector(body []byte) error {
	var x wire.Detector
	exclude := "none"
	if err := strict.Parse(body, "detector", detectorFields(&x, &exclude)); err != nil {
		return err
	}
	return checkDetector(&x, strings.ToLower(exclude))
}

// checkDetector follows the order in which clients know the rules to be
// checked, and expands the function's short name.
func checkDetector(x *wire.Detector, exclude string) error {
	f, err := function(x.Function)
	if err != nil {
		return err
	}
	x.Function = string(f)
	if err := checkUse(x, f); err != nil {
		return err
	}
	roles := []struct{ role, name string }{
		{"field_name", x.FieldName}, {"by_field_name", x.ByFieldName},
		{"over_field_name", x.OverFieldName}, {"partition_field_name", x.PartitionFieldName},
	}
	for _, r := range roles {
		if err := checkFieldName(r.role, r.name); err != nil {
			return err
		}
	}
	splits := roles[1:]
	for i, a := range splits {
		for _, b := range splits[:i] {
			if a.name != "" && a.name == b.name {
				return wire.Refuse(wire.TypeStatus, "%s and %s cannot be the same: '%s'", a.role, b.role, wire.Clip(a.name))
			}
		}
	}
	for _, s := range splits[:2] {
		if s.name == "count" || s.name == "by" || s.name == "over" {
			return wire.Refuse(wire.TypeStatus, "'%s' is not a permitted value for %s: the name is reserved", s.name, s.role)
		}
	}
	return checkComputed(x, exclude)
}

func function(name string) (spec.Function, error) {
	lower := strings.ToLower(name)
	f, known := spec.ParseFunction(lower)
	switch {
	case name == "":
		return "", wire.Refuse(wire.TypeStatus, "A detector must name its function; this release computes %s", computed)
	case known:
		return f, nil
	case laterFunctions[lower]:
		return "", wire.Refuse(wire.TypeStatus, "The function '%s' is not supported by this release; it computes %s", lower, computed)
	}
	return "", wire.Refuse(wire.TypeStatus, "Unknown function '%s'; this release computes %s", wire.Clip(name), computed)
}

// checkUse holds which fields a function needs and which it cannot have.
func checkUse(x *wire.Detector, f spec.Function) error {
	counts := f.CountsRecords()
	switch {
	case !counts && x.FieldName == "" && x.ByFieldName == "" && x.OverFieldName == "":
		return wire.Refuse(wire.TypeStatus, "Unless a count or temporal function is used one of field_name, by_field_name or over_field_name must be set; "+
			"'%s' needs a field_name", f)
	case f.NeedsField() && x.FieldName == "":
		return wire.Refuse(wire.TypeStatus, "field_name must be set when the '%s' function is used", f)
	case !f.NeedsField() && x.FieldName != "":
		return wire.Refuse(wire.TypeStatus, "field_name cannot be used with function '%s': it counts records; leave it out, or use sum or mean of '%s'", f, wire.Clip(x.FieldName))
	case f.Base() == spec.NonZeroCount && x.OverFieldName != "":
		return wire.Refuse(wire.TypeStatus, "over_field_name cannot be used with function '%s'", f)
	}
	return nil
}

// checkComputed refuses what is right by the rules and not computed yet.
func checkComputed(x *wire.Detector, exclude string) error {
	switch {
	case x.OverFieldName != "":
		return wire.Refuse(wire.TypeStatus, "over_field_name is not supported by this release: entities are not compared with each other yet; use by_field_name or partition_field_name to compare each with its own past")
	case x.ByFieldName == categoryField || x.PartitionFieldName == categoryField || x.FieldName == categoryField:
		return mlcategory("a detector")
	case exclude == "all" || exclude == "by" || exclude == "over":
		return wire.Refuse(wire.TypeStatus, "exclude_frequent is not supported by this release; leave it out")
	case exclude != "none" && exclude != "":
		return wire.Refuse(wire.TypeStatus, "exclude_frequent must be one of all, none, by, over; actual was '%s'", wire.Clip(exclude))
	}
	return nil
}

func mlcategory(where string) error {
	return wire.Refuse(wire.TypeStatus, "'%s' in %s needs categorization_field_name, which is not supported by this release: %s", categoryField, where, noCategories)
}

// checkDetectors holds what concerns all detectors together.
func checkDetectors(list []wire.Detector) error {
	if len(list) == 0 {
		return wire.Refuse(wire.TypeStatus, "No detectors configured; an analysis_config needs at least one, such as {\"function\":\"count\"}")
	}
	seen := make(map[wire.Detector]bool, len(list))
	for _, x := range list {
		x.DetectorIndex = 0
		if seen[x] {
			return wire.Refuse(wire.TypeIllegalArgument, "Duplicate detectors are not allowed: [%s]; remove one, or give them different descriptions", wire.Clip(x.DetectorDescription))
		}
		seen[x] = true
	}
	return nil
}

var needsQuotes = regexp.MustCompile(`\W`)

// describe writes a detector as people read it: "mean(responsetime) by airline".
func describe(x *wire.Detector) string {
	var b strings.Builder
	b.WriteString(x.Function)
	if x.FieldName != "" {
		b.WriteString("(" + quoted(x.FieldName) + ")")
	}
	for _, part := range []struct{ before, name string }{
		{" by ", x.ByFieldName}, {" over ", x.OverFieldName},
	} {
		if part.name != "" {
			b.WriteString(part.before + quoted(part.name))
		}
	}
	if x.UseNull {
		b.WriteString(" usenull=true")
	}
	if x.PartitionFieldName != "" {
		b.WriteString(" partitionfield=" + quoted(x.PartitionFieldName))
	}
	return b.String()
}

func quoted(name string) string {
	if needsQuotes.MatchString(name) {
		return `"` + name + `"`
	}
	return name
}
