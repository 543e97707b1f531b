package document

import (
	"strings"
	"testing"

	"tidemark/engine/category"
	"tidemark/engine/codec"
	"tidemark/engine/spec"
)

// TestAnalyzer: what each way of writing an analyzer makes of messages, told by
// whether two of them are one category.
func TestAnalyzer(t *testing.T) {
	for _, c := range []struct {
		name, analyzer, a, b, terms string
	}{
		{"default", ``, "User bob logged in 17 times", "User alice logged in 3 times", "User logged in times"},
		{"named whitespace", `"whitespace"`, "GET /a 200 ok fine here", "GET /b 200 ok fine here", "GET 200 ok fine here"},
		{"named simple", `"simple"`, "One Two Three Four", "one two THREE four", "one two three four"},
		{"standard with filters", `{"tokenizer":"standard","filter":["lowercase",{"type":"stop","stopwords":["debug"]},{"type":"length","min":3}]}`, "DEBUG at Alpha-Beta gamma", "alpha beta Gamma", "alpha beta gamma"},
		{"char filters", `{"char_filter":[{"type":"pattern_replace","pattern":"\\[statement:.*\\]","replacement":""},"first_non_blank_line"],"tokenizer":"ml_standard"}`,
			"\nExecuted plan [statement: select x from y]\n at z", "Executed plan [statement: drop table users]", "Executed plan"},
		{"groups", `{"char_filter":{"type":"pattern_replace","pattern":"(\\w+)=(\\w+)","replacement":"$1"},"tokenizer":{"type":"keyword"}}`, "x=1", "x=2", "x"},
		{"mapping", `{"char_filter":[{"type":"mapping","mappings":["ä => ae"]}],"tokenizer":"whitespace"}`, "Wärme hoch", "Waerme hoch", "Waerme hoch"},
		{"html", `{"char_filter":["html_strip"],"tokenizer":"letter"}`, "<p class=\"a\">disk&amp;full</p>", "<b>disk</b> full", "disk full"},
		{"split", `{"tokenizer":{"type":"simple_pattern_split","pattern":"[^-0-9A-Za-z_./]+"},"filter":[{"type":"pattern_replace","pattern":"^[0-9].*"},{"type":"stop","stopwords":["","Monday"]}]}`,
			"Monday 17:05 Node started ok", "Node started ok", "Node started ok"},
		{"pattern", `{"tokenizer":{"type":"pattern","pattern":"'([a-z]+)'","flags":"CASE_INSENSITIVE","group":1}}`, "x 'Alpha' y 'beta'", "'Alpha' or 'beta'", "Alpha beta"},
		{"char group", `{"tokenizer":{"type":"char_group","tokenize_on_chars":["whitespace","|"]},"filter":["uppercase",{"type":"truncate","length":3},"unique",{"type":"limit","max_token_count":2}]}`, "alpha|alpha beta gamma", "ALP bet delta", "ALP BET"},
		{"classic", `{"tokenizer":"ml_classic"}`, "read /data/a17/file now here", "read /data/b3/file now here", "read data file now here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := analyzerSpec([]byte(c.analyzer))
			if err != nil {
				t.Fatal(err)
			}
			job := &spec.Job{BucketSpanMs: 1000, Detectors: []spec.Detector{{Function: spec.Count}}, Analyzer: s}
			r := codec.NewReader(job.Append(nil))
			s = spec.Decode(r).Analyzer
			if err := r.Done(); err != nil {
				t.Fatal(err)
			}
			var a *category.Analyzer
			if s != nil {
				if a, err = category.NewAnalyzer(s); err != nil {
					t.Fatal(err)
				}
			}
			own := category.New(category.Limits{})
			own.Categorize([]byte(c.a), a)
			if id, _ := own.Categorize([]byte(c.b), a); id != 1 || own.Definition(1).Terms != c.terms {
				t.Errorf("category %d, terms %q, want %q", id, own.Definition(1).Terms, c.terms)
			}
		})
	}
}

// TestAnalyzerRefuses: what is unknown is named, with what there is instead.
func TestAnalyzerRefuses(t *testing.T) {
	for analyzer, want := range map[string]string{
		`"snowball"`:                    "this release has keyword, ml_classic",
		`{}`:                            "needs a tokenizer",
		`{"tokenizer":"icu_tokenizer"}`: "this release has ml_standard",
		`{"tokenizer":"standard","filter":["stemmer"]}`:                                         "this release has lowercase",
		`{"tokenizer":"standard","char_filter":["icu_normalizer"]}`:                             "this release has pattern_replace",
		`{"tokenizer":"standard","char_filter":["pattern_replace"]}`:                            "needs [pattern]",
		`{"tokenizer":"standard","char_filter":[{"type":"pattern_replace","pattern":"(?=x)"}]}`: "RE2 syntax",
		`{"tokenizer":"standard","filter":[{"type":"lowercase","min":3}]}`:                      "has no [min]",
		`{"tokenizer":"standard","words":1}`:                                                    "unknown field [words]",
		`{"tokenizer":{"type":"pattern","pattern":"a","group":3}}`:                              "has 0 groups",
		`{"tokenizer":"standard","filter":[{"type":"length","min":-1}]}`:                        "give 0 or more",
		`{"tokenizer":"standard","char_filter":[{"type":"mapping","mappings":["x"]}]}`:          "Invalid Mapping Rule",
		`{"tokenizer":{"type":"char_group","tokenize_on_chars":["ab"]}}`:                        "no character",
		`{"tokenizer":{"type":"simple_pattern","pattern":"a","flags":"X"}}`:                     "has no [flags]",
	} {
		_, err := analyzerSpec([]byte(analyzer))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", analyzer, err, want)
		}
	}
}
