package spec

import "strings"

// Function is a detector function by its full wire name, such as "high_mean".
type Function string

// Base functions: what is gathered per bucket.
const (
	Count        Function = "count"
	NonZeroCount Function = "non_zero_count"
	Sum          Function = "sum"
	NonNullSum   Function = "non_null_sum"
	Mean         Function = "mean"
	Min          Function = "min"
	Max          Function = "max"
)

// Side tells which deviations from normal count.
type Side int8

// The sides of a function.
const (
	Both Side = iota
	High
	Low
)

type traits struct {
	base       Function
	side       Side
	needsField bool
	// zeros: an empty bucket of a known series is a value of 0, not absence.
	zeros bool
}

var functions = func() map[Function]traits {
	table := map[Function]traits{
		Min: {base: Min, side: Low, needsField: true},
		Max: {base: Max, side: High, needsField: true},
	}
	for _, t := range []traits{
		{base: Count, zeros: true},
		{base: NonZeroCount},
		{base: Sum, zeros: true, needsField: true},
		{base: NonNullSum, needsField: true},
		{base: Mean, needsField: true},
	} {
		for _, variant := range []struct {
			prefix Function
			side   Side
		}{{"", Both}, {"high_", High}, {"low_", Low}} {
			t.side = variant.side
			table[variant.prefix+t.base] = t
		}
	}
	return table
}()

// ParseFunction expands short names ("avg", "high_avg", "nzc", "low_nzc") and
// reports whether the function is one this engine computes.
func ParseFunction(name string) (Function, bool) {
	name = strings.ToLower(name)
	prefix := ""
	for _, p := range []string{"high_", "low_"} {
		if strings.HasPrefix(name, p) {
			prefix, name = p, name[len(p):]
		}
	}
	switch name {
	case "avg":
		name = "mean"
	case "nzc":
		name = "non_zero_count"
	}
	f := Function(prefix + name)
	return f, f.Known()
}

// Known reports whether the engine computes the function.
func (f Function) Known() bool { _, ok := functions[f]; return ok }

// Base is the gathered statistic: the function without its side.
func (f Function) Base() Function { return functions[f].base }

// Side tells which deviations the function reports.
func (f Function) Side() Side { return functions[f].side }

// NeedsField reports whether the function reads a value field.
func (f Function) NeedsField() bool { return functions[f].needsField }

// ZeroWhenEmpty reports whether an empty bucket of a known series is a value
// of zero (count, sum) rather than no value at all.
func (f Function) ZeroWhenEmpty() bool { return functions[f].zeros }

// CountsRecords reports whether the value is a number of records.
func (f Function) CountsRecords() bool {
	b := f.Base()
	return b == Count || b == NonZeroCount
}
