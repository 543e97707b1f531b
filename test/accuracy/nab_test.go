package accuracy

import (
	"flag"
	"math"
	"testing"
)

var (
	nab    = flag.String("accuracy.nab", "", "folder of the Numenta Anomaly Benchmark, with data and labels; empty: skip")
	scored = flag.String("accuracy.scored", "", "folder of its files scored by tidemark detect --rows")
)

// TestNAB scores the benchmark by category, with the threshold chosen on the others.
func TestNAB(t *testing.T) {
	if *nab == "" {
		t.Skip("needs -accuracy.nab and -accuracy.scored")
	}
	for _, column := range []string{"anomaly_score", "novelty_score"} {
		files, err := loadNAB(*nab, *scored, column)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range profiles {
			t.Logf("%s, %s: category | files | windows | best threshold | held out by category | false rows", column, p.name)
			for _, row := range scoreNAB(files, p) {
				t.Log(row)
			}
		}
	}
}

// TestNABRule: silence is worth 0, each window found at its first row 100, and what is
// late, missed or false costs what the benchmark says.
func TestNABRule(t *testing.T) {
	file := func(category string, alerts ...int) nabFile {
		f := nabFile{category: category, scores: make([]float64, 3000), windows: [][2]int{{1000, 1099}, {2000, 2099}}}
		for _, row := range alerts {
			f.scores[row] = 0.9
		}
		return f
	}
	last := 2/(1+math.Exp(-5.0/100)) - 1
	late := last / (2/(1+math.Exp(-5)) - 1)
	for name, c := range map[string]struct {
		files []nabFile
		want  float64
	}{
		"silence":       {[]nabFile{file("a"), file("b")}, 0},
		"all":           {[]nabFile{file("a", 1000, 2000), file("b", 1000, 2000)}, 100},
		"all, early":    {[]nabFile{file("a", 300, 1000, 2000)}, 100},
		"half":          {[]nabFile{file("a", 1000, 2000), file("b")}, 50},
		"at the end":    {[]nabFile{file("a", 1099, 2000)}, 100 * (3 + late) / 4},
		"one false":     {[]nabFile{file("a", 900, 1000, 2000)}, 100 * (4 - 0.11) / 4},
		"far behind":    {[]nabFile{file("a", 1000, 1900, 2000)}, 100 * (4 - 0.11) / 4},
		"next to one":   {[]nabFile{file("a", 1000, 1100, 2000)}, 100 * (4 + 0.11*(2/(1+math.Exp(5.0/99))-1)) / 4},
		"equal, by row": {[]nabFile{file("a", 1000, 1050, 2000)}, 100},
	} {
		rows := scoreNAB(c.files, profiles[0])
		if got := rows[len(rows)-1].Common; math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %.4f, not %.4f", name, got, c.want)
		}
	}
}
