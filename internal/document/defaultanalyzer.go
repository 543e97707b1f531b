package document

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/engine/spec"
	"tidemark/wire"
)

// A job that gives no categorization_analyzer shows the API's default one, with
// its categorization_filters as char filters in it. That analyzer, given or not,
// stands for the engine's own rules of cutting messages, which know more than
// tokens and stop words.

// datesAndZones are the stop words of the API's default analyzer.
var datesAndZones = strings.Fields("Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon Tue Wed Thu Fri Sat Sun " +
	"January February March April May June July August September October November December Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec GMT UTC")

// mostTokens is the limit on tokens that newer versions of the default have; the
// engine's rules have the same one.
const mostTokens = 100

// patternReplace is a char filter as clients read it back.
type patternReplace struct {
	Type    string `json:"type"`
	Pattern string `json:"pattern"`
}

type stopFilter struct {
	Type  string   `json:"type"`
	Words []string `json:"stopwords"`
}

// defaultAnalyzer is the API's default with filters in it.
func defaultAnalyzer(filters []string) jsontext.Value {
	charFilters := []any{"first_line_with_letters"}
	for _, f := range filters {
		charFilters = append(charFilters, patternReplace{"pattern_replace", f})
	}
	raw, err := json.Marshal(struct {
		CharFilters []any  `json:"char_filter"`
		Tokenizer   string `json:"tokenizer"`
		Filters     []any  `json:"filter"`
	}{charFilters, "ml_standard", []any{stopFilter{"stop", datesAndZones}}})
	if err != nil {
		panic("document: the default analyzer: " + err.Error()) // Texts alone: cannot fail.
	}
	return raw
}

// filtersOfDefault are the categorization filters in an analyzer that is the
// API's default apart from them; ok is false for every other one.
func filtersOfDefault(a *spec.Analyzer) (filters []string, ok bool) {
	if a == nil || a.Tokenizer.Type != "ml_standard" || len(a.CharFilters) == 0 || a.CharFilters[0].Type != "first_line_with_letters" {
		return nil, false
	}
	for _, c := range a.CharFilters[1:] {
		if c.Type != "pattern_replace" || c.Replacement != "" {
			return nil, false
		}
		filters = append(filters, c.Pattern)
	}
	for i, f := range a.Filters {
		stop := i == 0 && f.Type == "stop" && !f.IgnoreCase && slices.Equal(f.Words, datesAndZones)
		limit := i == 1 && f.Type == "limit" && f.Max == mostTokens
		if !stop && !limit {
			return nil, false
		}
	}
	return filters, len(a.Filters) > 0
}

// showAnalyzer fills in the default analyzer of a job that has categories, and
// moves its filters there.
func showAnalyzer(c *wire.AnalysisConfig) {
	if c.CategorizationFieldName != "" && len(c.CategorizationAnalyzer) == 0 {
		c.CategorizationAnalyzer, c.CategorizationFilters = defaultAnalyzer(c.CategorizationFilters), nil
	}
}

// setFilters replaces the filters of a job that has the default analyzer. They
// then stand by themselves, as the update gave them, unless there are none.
func setFilters(c *wire.AnalysisConfig, filters []string) {
	c.CategorizationFilters = filters
	if a, err := analyzerSpec(c.CategorizationAnalyzer); err == nil {
		if _, ok := filtersOfDefault(a); ok {
			c.CategorizationAnalyzer = nil
		}
	}
	if len(filters) == 0 {
		showAnalyzer(c)
	}
}

// FiltersOfAnalyzer returns the categorization filters in an analyzer in JSON that
// is the API's default apart from them; ok is false for every other one.
func FiltersOfAnalyzer(raw []byte) (filters []string, ok bool) {
	a, err := analyzerSpec(raw)
	if err != nil {
		return nil, false
	}
	return filtersOfDefault(a)
}
