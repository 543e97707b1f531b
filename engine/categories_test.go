package engine

import (
	"testing"

	"tidemark/engine/entry"
	"tidemark/engine/spec"
)

// TestAnalyzerHasEffect: the job's analyzer cuts messages into tokens, also after
// an update of the configuration.
func TestAnalyzerHasEffect(t *testing.T) {
	for _, c := range []struct {
		analyzer *spec.Analyzer
		want     int64
	}{
		{nil, 1},
		{&spec.Analyzer{Tokenizer: spec.Step{Type: "keyword"}}, 4},
		{&spec.Analyzer{CharFilters: []spec.Step{{Type: "pattern_replace", Pattern: "disk [a-z]+ "}}, Tokenizer: spec.Step{Type: "keyword"}}, 1},
	} {
		w := newWorld(t, det(spec.Count, "", spec.CategoryField, ""))
		w.job.CategorizationField, w.job.Analyzer = "message", c.analyzer
		w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
		w.hours(1, func(int) []row {
			var rows []row
			for _, disk := range []string{"sda", "sdb", "sdc", "sdd"} {
				rows = append(rows, row{"message": "the file system on disk " + disk + " is full of data"})
			}
			return rows
		})
		if got := w.e.ModelSize().Categories.Total; got != c.want {
			t.Errorf("%+v makes %d categories, want %d", c.analyzer, got, c.want)
		}
	}
}

// TestStopOnWarn: a partition whose messages cannot be told apart is analyzed no
// more once that is clear, the others are.
func TestStopOnWarn(t *testing.T) {
	w := newWorld(t, spec.Detector{Function: spec.Count, ByField: spec.CategoryField, PartitionField: "service"})
	w.job.CategorizationField, w.job.PerPartition, w.job.StopOnWarn = "message", "service", true
	w.apply(&entry.Entry{Kind: entry.Update, Config: w.job})
	w.hours(1, func(int) []row {
		var rows []row
		for i := range 134 {
			rows = append(rows, row{"service": "same", "message": "always the same message"},
				row{"service": "other", "message": []string{"one thing was done", "the second server is down"}[i%2]})
		}
		return rows
	})
	if got := w.e.ModelSize().Categories; got.Documents != 100+134 || !got.Warn {
		t.Errorf("categories are %+v", got)
	}
}
