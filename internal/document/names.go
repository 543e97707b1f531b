package document

import (
	"iter"

	"tidemark/wire"
)

const maxFieldBytes = 1024

// checkFieldName reports a field name that no record could be matched with or
// that a message or document could not carry.
func checkFieldName(role, name string) error {
	for _, c := range name {
		if c == '"' || c == '\\' || c < ' ' || c == 0x7f {
			return wire.Refuse(wire.TypeStatus, "Invalid field name '%s' including characters that are not allowed: %s must not contain \", \\ or control characters; rename the field in the records",
				wire.Clip(name), role)
		}
	}
	switch {
	case name == ".":
		return wire.Refuse(wire.TypeStatus, "Invalid field name '.': it is reserved; %s must name another field", role)
	case len(name) > maxFieldBytes:
		return wire.Refuse(wire.TypeStatus, "Invalid field name '%s': %s must not be longer than %d bytes", wire.Clip(name), role, maxFieldBytes)
	}
	return nil
}

// nested reports whether a names an object that holds b: a and a.b cannot both
// be values of one record.
func nested(a, b string) bool {
	return len(b) > len(a) && b[len(a)] == '.' && b[:len(a)] == a
}

// shownFields are the fields whose values results show under their own names.
func shownFields(c *wire.AnalysisConfig) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range c.Detectors {
			x := &c.Detectors[i]
			for _, name := range [...]string{x.ByFieldName, x.OverFieldName, x.PartitionFieldName} {
				if name != "" && !yield(name) {
					return
				}
			}
		}
		for _, name := range c.Influencers {
			if name != "" && !yield(name) {
				return
			}
		}
	}
}

// CheckFields refuses a field that lies within one of the results' own, timestamp.x:
// no document could hold both.
func CheckFields(j *wire.Job) error {
	for name := range shownFields(&j.AnalysisConfig) {
		for at, c := range name {
			if c == '.' && reserved[name[:at]] {
				return clash(name[:at])
			}
		}
	}
	return nil
}

// CheckClash refuses a field of a job's results that lies within a field of other's, or
// holds it, if the results of both stand in one index: there one name would be both
// a value and an object.
func CheckClash(j, other *wire.Job) error {
	if j.ResultsIndexName != other.ResultsIndexName {
		return nil
	}
	for name := range shownFields(&j.AnalysisConfig) {
		for old := range shownFields(&other.AnalysisConfig) {
			if nested(name, old) || nested(old, name) {
				return clash(old)
			}
		}
	}
	return nil
}

func clash(field string) error {
	return wire.Refuse(wire.TypeIllegalArgument, "This job would cause a mapping clash with existing field [%s] - avoid the clash by assigning a dedicated results index: give results_index_name", wire.Clip(field))
}

// ResultsIndex is the name of the index that a job's results stand in.
func ResultsIndex(j *wire.Job) string { return ".ml-anomalies-" + j.ResultsIndexName }
