package api

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/match"
	"tidemark/wire"
)

// filter is a parsed filter_path: what to keep, and what to leave out of that.
// A path is a list of names divided by dots; * stands for any part of a name,
// ** for any number of names. Arrays are looked through.
type filter struct {
	include, exclude [][]string
}

// Bounds of filter_path, so that a request cannot make an answer expensive.
const (
	maxFilters     = 64
	maxFilterNames = 32
)

func parseFilter(values []string) (filter, error) {
	var f filter
	for _, v := range values {
		for path := range strings.SplitSeq(v, ",") {
			path = strings.TrimSpace(path)
			bare, negative := strings.CutPrefix(path, "-")
			if bare == "" {
				continue
			}
			// Two ** in a row say what one says.
			names := slices.CompactFunc(strings.Split(bare, "."), func(a, b string) bool { return a == "**" && b == "**" })
			if negative {
				f.exclude = append(f.exclude, names)
			} else {
				f.include = append(f.include, names)
			}
			if len(names) > maxFilterNames || len(f.include)+len(f.exclude) > maxFilters {
				return f, wire.Refuse(wire.TypeIllegalArgument, "filter_path may have at most %d paths of %d names each", maxFilters, maxFilterNames)
			}
		}
	}
	return f, nil
}

func (f *filter) apply(v jsontext.Value) jsontext.Value {
	if len(f.include) > 0 {
		if v = keep(v, f.include); v == nil {
			v = jsontext.Value("{}")
		}
	}
	if len(f.exclude) > 0 {
		v = drop(v, f.exclude)
	}
	return v
}

// keep returns what the paths choose, or nil if that is nothing.
func keep(v jsontext.Value, paths [][]string) jsontext.Value {
	if k := v.Kind(); k != '{' && k != '[' {
		return nil
	}
	out := rewrite(v, func(o *object, name string, value jsontext.Value) {
		rest, whole := step(paths, name)
		switch {
		case whole:
			o.add(name, value)
		case len(rest) > 0:
			o.add(name, keep(value, rest))
		}
	}, func(value jsontext.Value) jsontext.Value { return keep(value, paths) })
	if bytes.Equal(out, []byte("{}")) || bytes.Equal(out, []byte("[]")) {
		return nil
	}
	return out
}

// drop returns the value without what the paths choose.
func drop(v jsontext.Value, paths [][]string) jsontext.Value {
	if len(paths) == 0 {
		return v
	}
	return rewrite(v, func(o *object, name string, value jsontext.Value) {
		if rest, whole := step(paths, name); !whole {
			o.add(name, drop(value, rest))
		}
	}, func(value jsontext.Value) jsontext.Value { return drop(value, paths) })
}

// step moves paths into the member of a name. whole is true if a path ends
// there.
func step(paths [][]string, name string) (rest [][]string, whole bool) {
	// A path that is reached in two ways goes on once, or each level of a document
	// could double their number.
	add := func(p []string) {
		if !slices.ContainsFunc(rest, func(have []string) bool { return len(have) == len(p) && &have[0] == &p[0] }) {
			rest = append(rest, p)
		}
	}
	for _, p := range paths {
		if p[0] == "**" {
			add(p)
			if len(p) == 1 {
				return nil, true
			}
			p = p[1:]
		}
		if !match.Pattern(p[0], name) {
			continue
		}
		if len(p) == 1 {
			return nil, true
		}
		add(p[1:])
	}
	return rest, false
}
