package document

import "tidemark/wire"

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

// ResultsIndex is the name of the index that a job's results stand in.
func ResultsIndex(j *wire.Job) string { return ".ml-anomalies-" + j.ResultsIndexName }
