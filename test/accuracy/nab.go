package accuracy

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The Numenta Anomaly Benchmark by its published rule (Lavin and Ahmad 2015), on
// files that `tidemark detect --rows` has scored: a window is worth up to one point,
// the more the earlier it is found, a missed one costs a point, a row above the
// threshold outside all windows up to profile.fp. The sum is put on a scale on which 0
// is silence and 100 each window found at its first row.

// profile is what the benchmark pays for in one of its three views.
type profile struct {
	name   string
	fn, fp float64
}

var profiles = []profile{{"standard", 1, 0.11}, {"low false positives", 1, 0.22}, {"low false negatives", 2, 0.11}}

// nabFile is a file of the benchmark with one of its scores.
type nabFile struct {
	category string
	scores   []float64
	windows  [][2]int // first and last row
}

// gain is what a file's total changes by once the threshold falls to a score.
type gain struct{ score, by float64 }

// loadNAB reads a column of the result files, and the windows of the benchmark.
func loadNAB(benchmark, results, column string) ([]nabFile, error) {
	raw, err := os.ReadFile(filepath.Join(benchmark, "labels", "combined_windows.json"))
	if err != nil {
		return nil, err
	}
	var labels map[string][][2]string
	if err := json.Unmarshal(raw, &labels); err != nil {
		return nil, err
	}
	var files []nabFile
	for name, spans := range labels {
		f := nabFile{category: path.Dir(name)}
		times, err := f.read(filepath.Join(results, filepath.FromSlash(name)), column)
		if err != nil {
			return nil, err
		}
		for _, span := range spans {
			// Labels have fractions of seconds that rows have not.
			first, ok := slices.BinarySearch(times, strings.TrimSuffix(span[0], ".000000"))
			last, ok2 := slices.BinarySearch(times, strings.TrimSuffix(span[1], ".000000"))
			if !ok || !ok2 {
				return nil, fmt.Errorf("%s has no rows at the ends of the window %v", name, span)
			}
			f.windows = append(f.windows, [2]int{first, last})
		}
		slices.SortFunc(f.windows, func(a, b [2]int) int { return a[0] - b[0] })
		files = append(files, f)
	}
	slices.SortStableFunc(files, func(a, b nabFile) int { return cmp.Compare(a.category, b.category) })
	return files, nil
}

func (f *nabFile) read(name, column string) (times []string, err error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	rows, err := csv.NewReader(in).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	at := slices.Index(rows[0], column)
	if at < 0 {
		return nil, fmt.Errorf("%s has no column %s", name, column)
	}
	for _, row := range rows[1:] {
		score, err := strconv.ParseFloat(row[at], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		f.scores, times = append(f.scores, score), append(times, row[0])
	}
	return times, nil
}

// start is the first row that counts.
func (f *nabFile) start() int { return min(15*len(f.scores)/100, 750) }

// gains lists what each row brings when it becomes an alert, most alarming first.
func (f *nabFile) gains(p profile) []gain {
	rows := make([]int, 0, len(f.scores))
	for row := f.start(); row < len(f.scores); row++ {
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(f.scores[b], f.scores[a]) })
	best := make([]float64, len(f.windows))
	for i := range best {
		best[i] = -p.fn
	}
	gains := make([]gain, 0, len(rows))
	for _, row := range rows {
		weight, window := f.weight(row)
		g := gain{score: f.scores[row]}
		switch {
		case window < 0:
			g.by = p.fp * weight
		case weight > best[window]:
			g.by, best[window] = weight-best[window], weight
		}
		gains = append(gains, g)
	}
	return gains
}

// weight is what an alert in a row is worth, and its window, -1 if it is in none.
func (f *nabFile) weight(row int) (weight float64, window int) {
	sigmoid := func(y float64) float64 { return 2/(1+math.Exp(5*y)) - 1 }
	weight, window = -1, -1
	for i, w := range f.windows {
		switch {
		case row >= w[0] && row <= w[1]:
			return sigmoid(-float64(w[1]-row+1)/float64(w[1]-w[0]+1)) / sigmoid(-1), i
		case row > w[1]:
			weight = -1
			// Right behind a window an alert costs less.
			if y := float64(row-w[1]) / float64(w[1]-w[0]); y <= 3 {
				weight = sigmoid(y)
			}
		}
	}
	return weight, -1
}

// bestThreshold is where the files' total is largest.
func bestThreshold(files []nabFile, p profile) float64 {
	var all []gain
	for i := range files {
		all = append(all, files[i].gains(p)...)
	}
	slices.SortStableFunc(all, func(a, b gain) int { return cmp.Compare(b.score, a.score) })
	sum, most, threshold := 0.0, 0.0, math.Inf(1)
	for i, g := range all {
		sum += g.by
		if last := i+1 == len(all) || all[i+1].score != g.score; last && sum > most {
			most, threshold = sum, g.score
		}
	}
	return threshold
}

// total is what the files bring beyond silence at a threshold, and what they could.
func total(files []nabFile, p profile, threshold float64) (got, could float64) {
	for i := range files {
		for _, g := range files[i].gains(p) {
			if g.score >= threshold {
				got += g.by
			}
		}
		could += float64(len(files[i].windows)) * (1 + p.fn)
	}
	return got, could
}

func falseRows(files []nabFile, threshold float64) (n int) {
	for i := range files {
		f := &files[i]
		for row := f.start(); row < len(f.scores); row++ {
			if _, window := f.weight(row); window < 0 && f.scores[row] >= threshold {
				n++
			}
		}
	}
	return n
}

// NABScore is the benchmark's score of some files.
type NABScore struct {
	Name           string
	Files, Windows int
	// Common is the score with the threshold that is best for all files, HeldOut that
	// with the one that is best for all other categories. NaN without windows.
	Common, HeldOut float64
	// FalseRows are above the common threshold outside all windows.
	FalseRows int
}

// String is a row of the table in docs/accuracy.md.
func (s NABScore) String() string {
	if s.Windows == 0 {
		return fmt.Sprintf("%s | %d | 0 | - | - | %d", s.Name, s.Files, s.FalseRows)
	}
	return fmt.Sprintf("%s | %d | %d | %.1f | %.1f | %d", s.Name, s.Files, s.Windows, s.Common, s.HeldOut, s.FalseRows)
}

// scoreNAB scores each category, and last all files.
func scoreNAB(files []nabFile, p profile) (rows []NABScore) {
	common := bestThreshold(files, p)
	all := NABScore{Name: "all", Files: len(files)}
	var got, could, heldOut float64
	for from := 0; from < len(files); {
		to := from + 1
		for to < len(files) && files[to].category == files[from].category {
			to++
		}
		own := files[from:to]
		others := slices.Concat(files[:from], files[to:])
		a, most := total(own, p, common)
		b, _ := total(own, p, bestThreshold(others, p))
		got, could, heldOut = got+a, could+most, heldOut+b
		s := NABScore{Name: own[0].category, Files: len(own), Common: 100 * a / most, HeldOut: 100 * b / most}
		for i := range own {
			s.Windows += len(own[i].windows)
		}
		s.FalseRows = falseRows(own, common)
		all.Windows, all.FalseRows = all.Windows+s.Windows, all.FalseRows+s.FalseRows
		rows = append(rows, s)
		from = to
	}
	all.Common, all.HeldOut = 100*got/could, 100*heldOut/could
	return append(rows, all)
}
