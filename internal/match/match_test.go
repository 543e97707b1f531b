package match_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidemark/internal/match"
)

func TestResolve(t *testing.T) {
	things := []match.Named{
		{ID: "web-2", Groups: []string{"web", "prod"}},
		{ID: "db", Groups: []string{"prod"}},
		{ID: "web-1", Groups: []string{"web"}},
	}
	cases := []struct {
		name, expr string
		strict     bool
		want       []string
		missing    string
	}{
		{name: "empty-is-everything", expr: "", want: []string{"db", "web-1", "web-2"}},
		{name: "all", expr: "_all", want: []string{"db", "web-1", "web-2"}},
		{name: "star", expr: "*", want: []string{"db", "web-1", "web-2"}},
		{name: "literal", expr: "db", want: []string{"db"}},
		{name: "group", expr: "prod", want: []string{"db", "web-2"}},
		{name: "pattern", expr: "web-*", want: []string{"web-1", "web-2"}},
		{name: "pattern-over-groups", expr: "pr*", want: []string{"db", "web-2"}},
		{name: "list-without-repeats", expr: "web-1,web-*, db", want: []string{"db", "web-1", "web-2"}},
		{name: "missing-literal", expr: "nope", missing: "nope"},
		{name: "missing-literal-among-others", expr: "db,nope,*", missing: "nope"},
		{name: "missing-pattern-allowed", expr: "x*", want: []string{}},
		{name: "missing-pattern-strict", expr: "x*", strict: true, missing: "x*"},
		{name: "all-in-a-list", expr: "_all,db", want: []string{"db", "web-1", "web-2"}},
		{name: "stray-comma", expr: "db,", want: []string{"db"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := match.Resolve(c.expr, things, !c.strict)
			var missing *match.MissingError
			if errors.As(err, &missing) != (c.missing != "") {
				t.Fatalf("error %v, want missing %q", err, c.missing)
			}
			if c.missing != "" {
				if missing.Name != c.missing {
					t.Fatalf("missing %q, want %q", missing.Name, c.missing)
				}
				return
			}
			if !slices.Equal(got, c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
		})
	}
	if _, err := match.Resolve("_all", nil, false); err == nil {
		t.Error("everything of nothing must be an error when no match is not allowed")
	}
	if ids, err := match.Resolve("", nil, true); err != nil || len(ids) != 0 {
		t.Errorf("everything of nothing: %v, %v", ids, err)
	}
}

// TestPatternEqualsRegexp compares with the obvious translation.
func TestPatternEqualsRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*]{0,8}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab]{0,10}`).Draw(t, "name")
		twin := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
		if got := match.Pattern(pattern, name); got != twin.MatchString(name) {
			t.Fatalf("Pattern(%q, %q) = %v", pattern, name, got)
		}
	})
}
