package document

import (
	"strings"

	"tidemark/wire"
)

const (
	maxIDLength   = 64
	maxFieldBytes = 1024
)

// CheckID reports what is wrong with the id of a job or the like; field names
// it in messages. The error is a *wire.Refusal.
func CheckID(field, id string) error {
	switch {
	case !validID(id):
		return wire.Refuse(wire.TypeIllegalArgument, "Invalid %s; '%s' can contain lowercase alphanumeric (a-z and 0-9), hyphens, underscores or points; "+
			"must start and end with alphanumeric", field, wire.Clip(id))
	case len(id) > maxIDLength:
		return wire.Refuse(wire.TypeIllegalArgument, "The %s cannot contain more than %d characters; '%s' has %d",
			strings.ReplaceAll(field, "_", " "), maxIDLength, wire.Clip(id), len(id))
	}
	return nil
}

// validID follows [a-z0-9](?:[a-z0-9_\-\.]*[a-z0-9])?
func validID(id string) bool {
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case (c == '_' || c == '-' || c == '.') && i > 0 && i < len(id)-1:
		default:
			return false
		}
	}
	return id != ""
}

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
