package document_test

import (
	"reflect"
	"strings"
	"testing"

	"tidemark/engine/spec"
	"tidemark/internal/document"
	"tidemark/wire"
)

// logJob is a job of categories with further members of its analysis_config.
func logJob(t *testing.T, members string) *wire.Job {
	t.Helper()
	j, err := document.ParseJob([]byte(`{"analysis_config":{"bucket_span":"1h","categorization_field_name":"m",`+members+
		`"detectors":[{"function":"count","by_field_name":"mlcategory"}]},"data_description":{}}`), "j", wire.Version)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func specOf(t *testing.T, j *wire.Job) *spec.Job {
	t.Helper()
	s, err := document.SpecOf(j, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDefaultAnalyzer: a job without an analyzer shows the API's default, with
// its filters in it; given, the same analyzer means the same.
func TestDefaultAnalyzer(t *testing.T) {
	const head, tail = `{"char_filter":["first_line_with_letters"`, `"tokenizer":"ml_standard","filter":[{"type":"stop","stopwords":["Monday",`
	for members, want := range map[string]string{
		"": head + `],` + tail,
		`"categorization_filters":["\\[.*\\]","x"],`: head + `,{"type":"pattern_replace","pattern":"\\[.*\\]"},{"type":"pattern_replace","pattern":"x"}],` + tail,
	} {
		j := logJob(t, members)
		shown := string(j.AnalysisConfig.CategorizationAnalyzer)
		if !strings.HasPrefix(shown, want) || j.AnalysisConfig.CategorizationFilters != nil {
			t.Errorf("with %s there is %s and filters %q", members, shown, j.AnalysisConfig.CategorizationFilters)
		}
		if s := specOf(t, j); s.Analyzer != nil || len(s.CategorizationFilters) != strings.Count(shown, "pattern_replace") {
			t.Errorf("with %s the engine is told %+v, %q", members, s.Analyzer, s.CategorizationFilters)
		}
		again := logJob(t, `"categorization_analyzer":`+shown+",")
		if !reflect.DeepEqual(specOf(t, again), specOf(t, j)) {
			t.Errorf("given back, %s is another analyzer", shown)
		}
		limited := logJob(t, `"categorization_analyzer":`+strings.TrimSuffix(shown, "]}")+`,{"type":"limit","max_token_count":"100"}]},`)
		if !reflect.DeepEqual(specOf(t, limited), specOf(t, j)) {
			t.Errorf("limited, %s is another analyzer", shown)
		}
	}
	for _, other := range []string{
		`{"tokenizer":"ml_standard"}`, `{"char_filter":["first_line_with_letters"],"tokenizer":"ml_standard"}`,
		`{"char_filter":["first_line_with_letters"],"tokenizer":"ml_standard","filter":[{"type":"stop","stopwords":["Monday"]}]}`,
		strings.Replace(string(logJob(t, "").AnalysisConfig.CategorizationAnalyzer), "first_line_with_letters", "first_non_blank_line", 1),
	} {
		if s := specOf(t, logJob(t, `"categorization_analyzer":`+other+",")); s.Analyzer == nil {
			t.Errorf("%s is taken for the default", other)
		}
	}
}

// TestFiltersOfDefaultAnalyzer: an update replaces the filters, which then stand
// by themselves.
func TestFiltersOfDefaultAnalyzer(t *testing.T) {
	j := logJob(t, `"categorization_filters":["old"],`)
	change := func(body string) *wire.Job {
		t.Helper()
		u, err := document.ParseUpdate([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		out, err := u.Apply(j, true, 0)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := change(`{"categorization_filters":["new"]}`); got.AnalysisConfig.CategorizationAnalyzer != nil ||
		!reflect.DeepEqual(specOf(t, got).CategorizationFilters, []string{"new"}) {
		t.Errorf("after an update: %+v", got.AnalysisConfig)
	}
	if got := change(`{"categorization_filters":[]}`); string(got.AnalysisConfig.CategorizationAnalyzer) != string(logJob(t, "").AnalysisConfig.CategorizationAnalyzer) {
		t.Errorf("without filters: %+v", got.AnalysisConfig)
	}
	if got := change(`{"description":"d"}`); !reflect.DeepEqual(specOf(t, got).CategorizationFilters, []string{"old"}) {
		t.Errorf("an update of something else: %+v", got.AnalysisConfig)
	}
}
