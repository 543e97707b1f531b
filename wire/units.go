package wire

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

var durationUnits = []struct {
	suffix string
	unit   time.Duration
}{
	// Longer suffixes come first where one ends in another.
	{"nanos", time.Nanosecond},
	{"micros", time.Microsecond},
	{"ms", time.Millisecond},
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
	{"d", 24 * time.Hour},
}

// ParseDuration reads the duration of setting name: a whole number with d, h,
// m, s, ms, micros or nanos, or a bare 0 or -1 (which means unset or for ever,
// as the setting says). Units may be in any case but m, since M is no minute.
// The error is a *Refusal.
func ParseDuration(name, value string) (time.Duration, error) {
	d, _, err := EchoDuration(name, value)
	return d, err
}

// EchoDuration reads a duration as ParseDuration does and returns the text in
// which it is shown again: the number and the unit that were given, 3600s and
// not 1h, since clients compare what they read with what they sent.
func EchoDuration(name, value string) (time.Duration, string, error) {
	trimmed := strings.TrimSpace(value)
	switch trimmed {
	case "0":
		return 0, FormatDuration(0), nil
	case "-1":
		return -1, FormatDuration(-1), nil
	}
	for _, u := range durationUnits {
		digits, ok := cutUnit(trimmed, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		switch {
		case err != nil && !isWhole(digits):
			return 0, "", badDuration(name, value, "it must be a whole number with a unit")
		case err != nil || n > math.MaxInt64/int64(u.unit):
			return 0, "", badDuration(name, value, "it must not exceed 106751d")
		case n < 0:
			return 0, "", badDuration(name, value, "it must not be negative")
		}
		return time.Duration(n) * u.unit, strconv.FormatInt(n, 10) + u.suffix, nil
	}
	return 0, "", badDuration(name, value, "unit is missing or unrecognized")
}

func cutUnit(s, suffix string) (string, bool) {
	if suffix == "m" {
		return strings.CutSuffix(s, suffix)
	}
	if len(s) < len(suffix) || !strings.EqualFold(s[len(s)-len(suffix):], suffix) {
		return "", false
	}
	return s[:len(s)-len(suffix)], true
}

func isWhole(digits string) bool {
	digits = strings.TrimPrefix(digits, "-")
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return digits != ""
}

func badDuration(name, value, why string) *Refusal {
	return Refuse(TypeIllegalArgument, "failed to parse setting [%s] with value [%s] as a time value: %s; "+
		"give a number and one of d, h, m, s, ms, micros, nanos, such as 15m", name, Clip(value), why)
}

// FormatDuration writes a duration with the largest unit that divides it, as
// defaults are shown: 90m, 1h, 1d. Zero is 0s, -1 is -1.
func FormatDuration(d time.Duration) string {
	switch d {
	case 0:
		return "0s"
	case -1:
		return "-1"
	}
	for i := len(durationUnits) - 1; i >= 0; i-- {
		if u := durationUnits[i]; d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(d), 10) + "nanos"
}

// RoughDuration writes a duration for people, in its two largest units: "4d 3h",
// "7m", "2m 30s".
func RoughDuration(d time.Duration) string {
	units := []struct {
		unit   time.Duration
		suffix string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}}
	for i, u := range units {
		if d < u.unit {
			continue
		}
		text := strconv.FormatInt(int64(d/u.unit), 10) + u.suffix
		if i+1 < len(units) {
			next := units[i+1]
			if rest := d % u.unit / next.unit; rest > 0 && next.unit >= time.Second {
				text += " " + strconv.FormatInt(int64(rest), 10) + next.suffix
			}
		}
		return text
	}
	return "0s"
}

// MiB is the unit of memory limits.
const MiB = 1 << 20

var sizeUnits = []struct {
	suffix string
	shift  uint
}{
	{"kb", 10}, {"mb", 20}, {"gb", 30}, {"tb", 40}, {"pb", 50},
	{"k", 10}, {"m", 20}, {"g", 30}, {"t", 40}, {"p", 50}, {"b", 0},
}

// ParseMemoryLimit reads the memory limit of setting name in whole mebibytes:
// a bare whole number is that many; otherwise a number with b, k, kb, m, mb, g,
// gb, t, tb, p or pb in any case, rounded down. It must be at least 1. The error
// is a *Refusal.
func ParseMemoryLimit(name, value string) (mib int64, err error) {
	s := strings.ToLower(strings.TrimSpace(value))
	number, shift := s, uint(20)
	for _, u := range sizeUnits {
		if cut, ok := strings.CutSuffix(s, u.suffix); ok {
			number, shift = strings.TrimSpace(cut), u.shift
			break
		}
	}
	bytes, ok := scaled(number, shift, number != s)
	switch {
	case !ok:
		return 0, Refuse(TypeIllegalArgument, "failed to parse setting [%s] with value [%s] as a size: "+
			"give a whole number of megabytes or a number with one of b, kb, mb, gb, tb, pb, such as 512mb", name, Clip(value))
	case bytes.Cmp(big.NewInt(MiB)) < 0:
		return 0, Refuse(TypeStatus, "%s must be at least 1 MiB. Value = %s", name, Clip(value))
	case !bytes.IsInt64():
		return 0, Refuse(TypeIllegalArgument, "failed to parse setting [%s] with value [%s] as a size: it must be less than 8192pb", name, Clip(value))
	}
	return bytes.Int64() / MiB, nil
}

// sizeDigits bounds the work on a number; no size within int64 needs more.
const sizeDigits = 32

// scaled returns number shifted left, without rounding before the shift.
func scaled(number string, shift uint, fraction bool) (*big.Int, bool) {
	whole, part, point := strings.Cut(number, ".")
	if len(number) > sizeDigits || !isWhole(whole) || point && (!fraction || !isWhole(part) || part[0] == '-') {
		return nil, false
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return nil, false
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), shift)))
	return new(big.Int).Quo(r.Num(), r.Denom()), true
}

// FormatMemoryLimit writes mebibytes as the API echoes them, "1024mb".
func FormatMemoryLimit(mib int64) string { return strconv.FormatInt(mib, 10) + "mb" }

// FormatSize writes a number of bytes for people, as the API does: "1.5gb".
func FormatSize(bytes int64) string {
	for _, u := range []struct {
		shift  uint
		suffix string
	}{{40, "tb"}, {30, "gb"}, {20, "mb"}, {10, "kb"}} {
		if bytes >= 1<<u.shift {
			text := strconv.FormatFloat(float64(bytes)/float64(int64(1)<<u.shift), 'f', 1, 64)
			return strings.TrimSuffix(text, ".0") + u.suffix
		}
	}
	return strconv.FormatInt(bytes, 10) + "b"
}
