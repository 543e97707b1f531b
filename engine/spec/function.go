package spec

import (
	"maps"
	"slices"
	"strings"
)

// Function is a detector function by its full wire name, such as "high_mean".
type Function string

// Base functions: what is gathered per bucket.
const (
	Count         Function = "count"
	NonZeroCount  Function = "non_zero_count"
	DistinctCount Function = "distinct_count"
	InfoContent   Function = "info_content"
	Sum           Function = "sum"
	NonNullSum    Function = "non_null_sum"
	Mean          Function = "mean"
	Median        Function = "median"
	Min           Function = "min"
	Max           Function = "max"
	Varp          Function = "varp"
	Metric        Function = "metric"
	Rare          Function = "rare"
	FreqRare      Function = "freq_rare"
	TimeOfDay     Function = "time_of_day"
	TimeOfWeek    Function = "time_of_week"
	LatLong       Function = "lat_long"
)

// Side tells which deviations from normal count.
type Side int8

// The sides of a function.
const (
	Both Side = iota
	High
	Low
)

// FieldRule says whether a function takes a field in one of its roles.
type FieldRule int8

// The rules for a field.
const (
	Optional FieldRule = iota
	Required
	Prohibited
)

// Kind is what sort of model judges a function.
type Kind uint8

// The kinds.
const (
	// Scalar: a number per bucket, compared with the series' own past, or with
	// that of its peers under an over field.
	Scalar Kind = iota
	// Rarity: whether a by value is there at all.
	Rarity
	// ClockTime: when in the day or week records come.
	ClockTime
	// Place: where on earth they come from.
	Place
)

type traits struct {
	base Function
	side Side
	kind Kind
	// field is the rule for field_name, over that for over_field_name; by the
	// one for by_field_name.
	field, by, over FieldRule
	// text: the value field is read as text.
	text bool
	// zeros: an empty bucket of a known series is a value of 0, not absence.
	zeros bool
}

var functions = func() map[Function]traits {
	table := map[Function]traits{
		Min:        {base: Min, side: Low, field: Required},
		Max:        {base: Max, side: High, field: Required},
		Metric:     {base: Metric, field: Required},
		Rare:       {base: Rare, kind: Rarity, field: Prohibited, by: Required},
		FreqRare:   {base: FreqRare, kind: Rarity, field: Prohibited, by: Required, over: Required},
		TimeOfDay:  {base: TimeOfDay, kind: ClockTime, field: Prohibited},
		TimeOfWeek: {base: TimeOfWeek, kind: ClockTime, field: Prohibited},
		LatLong:    {base: LatLong, kind: Place, field: Required, text: true},
	}
	for _, t := range []traits{
		{base: Count, zeros: true, field: Prohibited},
		{base: NonZeroCount, field: Prohibited, over: Prohibited},
		{base: DistinctCount, field: Required, text: true},
		{base: InfoContent, field: Required, text: true},
		{base: Sum, zeros: true, field: Required},
		{base: NonNullSum, field: Required},
		{base: Mean, field: Required},
		{base: Median, field: Required},
		{base: Varp, field: Required},
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
	case "dc":
		name = "distinct_count"
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

// Kind is the sort of model that judges the function.
func (f Function) Kind() Kind { return functions[f].kind }

// Field, By and Over are the rules for the function's fields.
func (f Function) Field() FieldRule { return functions[f].field }

// By is the rule for the by field.
func (f Function) By() FieldRule { return functions[f].by }

// Over is the rule for the over field.
func (f Function) Over() FieldRule { return functions[f].over }

// NeedsField reports whether the function reads a value field.
func (f Function) NeedsField() bool { return functions[f].field == Required }

// ReadsText reports whether the value field is read as text.
func (f Function) ReadsText() bool { return functions[f].text }

// ZeroWhenEmpty reports whether an empty bucket of a known series is a value
// of zero (count, sum) rather than no value at all.
func (f Function) ZeroWhenEmpty() bool { return functions[f].zeros }

// Functions lists all functions by name.
func Functions() []Function { return slices.Sorted(maps.Keys(functions)) }

// CountsRecords reports whether the value is a number of records.
func (f Function) CountsRecords() bool {
	b := f.Base()
	return b == Count || b == NonZeroCount
}
