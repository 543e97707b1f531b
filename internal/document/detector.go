package document

import (
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"

	"tidemark/engine/spec"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// categoryField stands for the category of a message in the API.
const categoryField = "mlcategory"

// functionNames lists the functions for messages.
var functionNames = func() string {
	var names []string
	for _, f := range spec.Functions() {
		if f.Base() == f {
			names = append(names, string(f))
		}
	}
	return strings.Join(names, ", ")
}()

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
	if err := strict.Object("detectors", detectorFields(&x))(r); err != nil {
		return x, err
	}
	if err := checkDetector(&x); err != nil {
		return x, err
	}
	if x.DetectorDescription == "" {
		x.DetectorDescription = describe(&x)
	}
	return x, nil
}

func detectorFields(x *wire.Detector) strict.Fields {
	return strict.Fields{
		"detector_description": text(&x.DetectorDescription),
		"function":             strict.Text(&x.Function),
		"field_name":           strict.TextOrNull(&x.FieldName),
		"by_field_name":        strict.TextOrNull(&x.ByFieldName),
		"over_field_name":      strict.TextOrNull(&x.OverFieldName),
		"partition_field_name": strict.TextOrNull(&x.PartitionFieldName),
		"use_null":             strict.Bool(&x.UseNull),
		"exclude_frequent":     strict.TextOrNull(&x.ExcludeFrequent),
		"custom_rules":         rules(&x.CustomRules),
		// The server numbers detectors; the number is taken so that a
		// configuration read with GET can be sent again.
		"detector_index": strict.Int(new(int64)),
	}
}

// CheckDetector checks a detector that is a request's whole body by the rules of
// ParseJob. The error is a *wire.Refusal.
func CheckDetector(body []byte) error {
	var x wire.Detector
	if err := strict.Parse(body, "detector", detectorFields(&x)); err != nil {
		return err
	}
	return checkDetector(&x)
}

// checkDetector follows the order in which clients know the rules to be
// checked, and expands the function's short name.
func checkDetector(x *wire.Detector) error {
	f, err := function(x.Function)
	if err != nil {
		return err
	}
	x.Function = string(f)
	if err := checkExclude(x); err != nil {
		return err
	}
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
	if err := checkRules(x, f); err != nil {
		return err
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
	return nil
}

func function(name string) (spec.Function, error) {
	f, known := spec.ParseFunction(name)
	switch {
	case name == "":
		return "", wire.Refuse(wire.TypeStatus, "A detector must name its function, one of %s", functionNames)
	case known:
		return f, nil
	}
	return "", wire.Refuse(wire.TypeStatus, "Unknown function '%s'; known are %s, and high_ and low_ in front of most", wire.Clip(name), functionNames)
}

// checkUse holds which fields a function needs and which it cannot have.
func checkUse(x *wire.Detector, f spec.Function) error {
	if !f.CountsRecords() && f.Kind() != spec.ClockTime && x.FieldName == "" && x.ByFieldName == "" && x.OverFieldName == "" {
		return wire.Refuse(wire.TypeStatus, "Unless a count or temporal function is used one of field_name, by_field_name or over_field_name must be set; "+
			"'%s' needs one", f)
	}
	for _, r := range []struct {
		name, value string
		rule        spec.FieldRule
		remedy      string
	}{
		{"field_name", x.FieldName, f.Field(), "it looks at no value; leave it out, or use a function of values such as mean or sum"},
		{"by_field_name", x.ByFieldName, f.By(), ""},
		{"over_field_name", x.OverFieldName, f.Over(), "leave it out, or use count"},
	} {
		switch {
		case r.rule == spec.Required && r.value == "":
			return wire.Refuse(wire.TypeStatus, "%s must be set when the '%s' function is used", r.name, f)
		case r.rule == spec.Prohibited && r.value != "":
			return wire.Refuse(wire.TypeStatus, "%s cannot be used with function '%s': %s", r.name, f, r.remedy)
		}
	}
	return nil
}

// checkExclude holds what exclude_frequent can be.
func checkExclude(x *wire.Detector) error {
	switch lower := strings.ToLower(x.ExcludeFrequent); lower {
	case "", "none", "all", "by", "over":
		x.ExcludeFrequent = lower
		return nil
	}
	return wire.Refuse(wire.TypeStatus, "exclude_frequent must be one of all, none, by, over; actual was '%s'", wire.Clip(x.ExcludeFrequent))
}

// checkDetectors holds what concerns all detectors together.
func checkDetectors(list []wire.Detector) error {
	if len(list) == 0 {
		return wire.Refuse(wire.TypeStatus, "No detectors configured; an analysis_config needs at least one, such as {\"function\":\"count\"}")
	}
	seen := make(map[string]bool, len(list))
	for _, x := range list {
		x.DetectorIndex = 0
		raw, err := json.Marshal(x, json.Deterministic(true))
		if err != nil {
			return err
		}
		key := string(raw)
		if seen[key] {
			return wire.Refuse(wire.TypeIllegalArgument, "Duplicate detectors are not allowed: [%s]; remove one, or give them different descriptions", wire.Clip(x.DetectorDescription))
		}
		seen[key] = true
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
	if x.ExcludeFrequent != "" && x.ExcludeFrequent != "none" {
		b.WriteString(" excludefrequent=" + x.ExcludeFrequent)
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
