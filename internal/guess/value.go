package guess

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tidemark/engine/spec"
	"tidemark/internal/ingest/javatime"
)

// totals are parts of names that say that values add up.
var totals = []string{"count", "total", "sum", "bytes", "requests", "hits", "errors", "amount", "sales", "quantity", "num_", "passengers", "records"}

// maxWatched is how many fields are watched unless they are named.
const maxWatched = 50

// chooseValue picks what is watched: every field that holds measurements.
func (g *Guess) chooseValue(columns []*column, o Overrides) error {
	if needsNoField(o.Function) {
		g.Watched = []Watched{{Function: o.Function}}
		g.because("the function %s was given", o.Function)
		return nil
	}
	var fields []string
	if o.Field != "" {
		for name := range strings.SplitSeq(o.Field, ",") {
			if _, err := find(columns, o.Field); err == nil {
				name = o.Field // A name with a comma in it.
			}
			if _, err := find(columns, name); err != nil {
				return err
			}
			if !slices.Contains(fields, name) {
				fields = append(fields, name)
			}
		}
	} else {
		fields = g.measured(columns, o)
	}
	switch {
	case len(fields) == 0 && o.Function == "":
		g.Watched = []Watched{{Function: "count"}}
		g.because("no field holds measurements, so the number of records is watched")
		return nil
	case len(fields) == 0:
		return fmt.Errorf("the function %s needs a field; name it with --field", o.Function)
	}
	all := len(fields)
	if o.Field == "" {
		fields = fields[:min(all, maxWatched)]
	}
	for _, name := range fields {
		g.Watched = append(g.Watched, Watched{Function: functionFor(name, o.Function), Field: name})
	}
	g.explainWatched(o.Function, all)
	return nil
}

// fewRecords are so few that the number of different values tells nothing.
const fewRecords = 10

// measured are the fields that hold measurements. Those that hold numbers and are
// left out are told.
func (g *Guess) measured(columns []*column, o Overrides) (fields []string) {
	var flat []string
	for _, c := range columns {
		if c.name == g.TimeField || c.name == o.Split || c.name == o.By || c.name == o.Over || !measures(c) || timeFormat(c) != "" {
			continue
		}
		if len(c.values) > 2 || g.Records < fewRecords {
			fields = append(fields, c.name)
		} else {
			flat = append(flat, c.name)
		}
	}
	if len(flat) > 0 {
		g.because("left out, because there are two different numbers at most: %s (--field watches them nevertheless)", quoted(flat))
	}
	return fields
}

// functionFor is the function of a field: the given one, or what its name suggests.
func functionFor(field, given string) string {
	if given != "" {
		return given
	}
	name := strings.ToLower(field)
	for _, part := range totals {
		if strings.Contains(name, part) {
			return "sum"
		}
	}
	return "mean"
}

// explainWatched says what is watched, of how many fields that could be.
func (g *Guess) explainWatched(given string, all int) {
	first := g.Watched[0]
	switch {
	case len(g.Watched) > 1:
		var names []string
		for _, w := range g.Watched {
			names = append(names, w.Function+"("+w.Field+")")
		}
		rest := ""
		if all > len(names) {
			rest = fmt.Sprintf(", the first of %d", all)
		}
		g.because("%d fields hold numbers%s; each is watched by itself: %s (choose with --field)", len(names), rest, some(names))
	case given != "":
		g.because("the function %s of %q is watched", given, first.Field)
	case first.Function == "sum":
		g.because("%q reads like something that adds up, so its sum is watched", first.Field)
	default:
		g.because("%q holds numbers, so its mean is watched (use --function sum if it adds up)", first.Field)
	}
}

// some are the first few of a list.
func some(names []string) string {
	const few = 4
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:few-1], ", ") + ", … " + names[len(names)-1]
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strconv.Quote(name)
	}
	return some(list)
}

// watches reports whether a field is watched.
func (g *Guess) watches(field string) bool {
	return slices.ContainsFunc(g.Watched, func(w Watched) bool { return w.Field == field })
}

// function is that of the first detector.
func (g *Guess) function() string {
	if len(g.Watched) == 0 {
		return ""
	}
	return g.Watched[0].Function
}

// needsNoField reports whether a function looks at no value.
func needsNoField(function string) bool {
	f, known := spec.ParseFunction(function)
	return known && f.Field() == spec.Prohibited
}

// looksLikeID: whole numbers, each there once, under a name that says so.
func looksLikeID(c *column) bool {
	name := strings.ToLower(c.name)
	return (name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, ".id")) && len(c.values) == len(c.texts)
}

// Bounds of how many values a split may have, and how many records each must
// have at least on average.
const (
	minSplit, maxSplit = 2, 1000
	minPerSplit        = 5
)

// chooseSplit picks the field whose values are series of their own: the one
// with the most values that still have enough records each.
func (g *Guess) chooseSplit(columns []*column, o Overrides) error {
	switch {
	case o.NoSplit:
		g.because("all records are one series, as was asked")
		return nil
	case o.Split != "":
		if _, err := find(columns, o.Split); err != nil {
			return err
		}
		g.Split = o.Split
		g.because("each value of %q is a series of its own, as was asked", g.Split)
		return nil
	}
	if o.By != "" || o.Over != "" {
		g.because("the records are split as was asked, and no further")
		return nil
	}
	var best *column
	for _, c := range columns {
		n := len(c.values)
		if c.name == g.TimeField || g.watches(c.name) || c.name == g.By || c.name == g.Over || c.numbers == len(c.texts) || n < minSplit || n > maxSplit ||
			len(c.texts) < n*minPerSplit || len(c.texts)*10 < g.Records*9 {
			continue
		}
		if f, _ := javatime.Guess(sampleTexts(c)...); f != nil {
			continue // Days and hours are no series.
		}
		if best == nil || n > len(best.values) {
			best = c
		}
	}
	if best == nil {
		g.because("no field splits the records into series, so they are one")
		return nil
	}
	g.Split = best.name
	g.because("%q has %d values among %d records: each is a series of its own", best.name, len(best.values), g.Records)
	return nil
}
