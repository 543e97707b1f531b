package wire

import "strings"

// MaxIDLength is how many characters an id or a group name may have.
const MaxIDLength = 64

// CheckID reports what is wrong with the id of a job or the like; field names
// it in messages. The error is a *Refusal.
func CheckID(field, id string) error {
	switch {
	case !ValidID(id):
		return Refuse(TypeIllegalArgument, "Invalid %s; '%s' can contain lowercase alphanumeric (a-z and 0-9), hyphens, underscores or points; "+
			"must start and end with alphanumeric", field, Clip(id))
	case len(id) > MaxIDLength:
		return Refuse(TypeIllegalArgument, "The %s cannot contain more than %d characters; '%s' has %d",
			strings.ReplaceAll(field, "_", " "), MaxIDLength, Clip(id), len(id))
	}
	return nil
}

// MaxKeyBytes bounds idempotency keys: each job remembers thousands of them.
const MaxKeyBytes = 128

// CheckKey reports what is wrong with an idempotency key. The error is a
// *Refusal.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes {
		return Refuse(TypeIllegalArgument, "%s must be one value of 1 to %d printable characters", IdempotencyHeader, MaxKeyBytes)
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return Refuse(TypeIllegalArgument, "%s must be printable ASCII, but byte %d of it is %#x", IdempotencyHeader, i+1, key[i])
		}
	}
	return nil
}

// ValidID reports whether an id or group name follows [a-z0-9](?:[a-z0-9_\-\.]*[a-z0-9])?,
// of any length.
func ValidID(id string) bool {
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
