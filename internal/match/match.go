// Package match resolves identifier expressions: comma lists of ids, group
// names and patterns with "*", or everything.
package match

import (
	"slices"
	"strings"
)

// Named is one thing that an expression can select.
type Named struct {
	ID string
	// Groups are further names that select it together with others.
	Groups []string
}

// MissingError says which part of an expression selected nothing.
type MissingError struct{ Name string }

// Error names the part.
func (e *MissingError) Error() string { return "nothing matches '" + e.Name + "'" }

// All reports whether the expression means everything.
func All(expr string) bool { return expr == "" || expr == "_all" || expr == "*" }

// Literal reports whether the expression is a single name without a pattern.
func Literal(expr string) bool { return !All(expr) && !strings.ContainsAny(expr, "*,") }

// Resolve returns the ids that the expression selects, sorted and without
// repeats. A literal that matches nothing is always a *MissingError; a pattern
// (or everything) that matches nothing only if allowNoMatch is false.
//
// Cost: one pass over the things for each pattern of the expression, and one in
// all for its literals.
func Resolve(expr string, things []Named, allowNoMatch bool) ([]string, error) {
	var literals, patterns []string
	for _, token := range strings.Split(expr, ",") {
		token = strings.TrimSpace(token)
		switch {
		case All(token) && (token != "" || expr == ""):
			patterns = append(patterns, "*")
		case token == "":
			// An empty part between commas names nothing.
		case strings.Contains(token, "*"):
			patterns = append(patterns, token)
		default:
			literals = append(literals, token)
		}
	}
	chosen := map[string]bool{}
	if missing := matchLiterals(literals, things, chosen); missing != "" {
		return nil, &MissingError{Name: missing}
	}
	for _, pattern := range patterns {
		if !matchPattern(pattern, things, chosen) && !allowNoMatch {
			return nil, &MissingError{Name: pattern}
		}
	}
	ids := make([]string, 0, len(chosen))
	for id := range chosen {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// matchLiterals adds what the literals name and returns the first one, in the
// expression's order, that names nothing.
func matchLiterals(literals []string, things []Named, chosen map[string]bool) (missing string) {
	if len(literals) == 0 {
		return ""
	}
	found := make(map[string]bool, len(literals))
	for _, l := range literals {
		found[l] = false
	}
	note := func(name, id string) {
		if _, asked := found[name]; asked {
			found[name] = true
			chosen[id] = true
		}
	}
	for i := range things {
		note(things[i].ID, things[i].ID)
		for _, g := range things[i].Groups {
			note(g, things[i].ID)
		}
	}
	for _, l := range literals {
		if !found[l] {
			return l
		}
	}
	return ""
}

func matchPattern(pattern string, things []Named, chosen map[string]bool) (any bool) {
	for i := range things {
		hit := Pattern(pattern, things[i].ID)
		for _, g := range things[i].Groups {
			hit = hit || Pattern(pattern, g)
		}
		if hit {
			chosen[things[i].ID] = true
			any = true
		}
	}
	return any
}

// Pattern reports whether name has the form of pattern, in which "*" stands
// for any run of bytes. Cost: at most len(pattern)·len(name), never exponential.
func Pattern(pattern, name string) bool { return matches(pattern, name, false) }

// Wildcard is Pattern with "?" for any one byte and "\\" before a byte that
// stands for itself.
func Wildcard(pattern, name string) bool { return matches(pattern, name, true) }

func matches(pattern, name string, full bool) bool {
	p, n := 0, 0
	star, mark := -1, 0
	for n < len(name) {
		width := 1
		if full && p+1 < len(pattern) && pattern[p] == '\\' {
			width = 2
		}
		switch {
		case width == 2 && pattern[p+1] == name[n]:
			p += 2
			n++
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case width == 1 && p < len(pattern) && (pattern[p] == name[n] || full && pattern[p] == '?'):
			p++
			n++
		case star >= 0:
			// Let the last star swallow one byte more and try again.
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
