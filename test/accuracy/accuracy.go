// Package accuracy runs the series model over folders of labeled CSV files and
// writes the scores that a benchmark's scorer reads.
package accuracy

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/engine/series"
	"tidemark/engine/spec"
)

// Row is one data row with its scores from 0 to 1.
type Row struct {
	Stamp   string
	TimeMs  int64
	Value   float64
	Verdict series.Verdict
}

// Load reads a file with the columns timestamp and value; times are epoch
// seconds or "2006-01-02 15:04:05".
func Load(path string) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReader(f))
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	at, value := slices.Index(head, "timestamp"), slices.Index(head, "value")
	if at < 0 || value < 0 {
		return nil, fmt.Errorf("%s: no columns timestamp and value", path)
	}
	var rows []Row
	for {
		fields, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		ms, err := parseTime(fields[at])
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", path, len(rows)+2, err)
		}
		v, err := strconv.ParseFloat(fields[value], 64)
		if err != nil {
			return nil, fmt.Errorf("%s line %d: %w", path, len(rows)+2, err)
		}
		rows = append(rows, Row{Stamp: strings.Clone(fields[at]), TimeMs: ms, Value: v})
	}
}

func parseTime(s string) (int64, error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return int64(n * 1000), nil
	}
	t, err := time.Parse(time.DateTime, s)
	return t.UnixMilli(), err
}

// Span is the median distance of the first rows, the one thing a user would
// have told: causal detectors may not look at more.
func Span(rows []Row) int64 {
	var gaps []int64
	for i := 1; i < min(len(rows), 200); i++ {
		if d := rows[i].TimeMs - rows[i-1].TimeMs; d > 0 {
			gaps = append(gaps, d)
		}
	}
	if len(gaps) == 0 {
		return 300_000
	}
	slices.Sort(gaps)
	return max(1000, gaps[len(gaps)/2]/1000*1000)
}

// runner is one series with what the engine keeps of it.
type runner struct {
	params *series.Params
	core   series.Core
	season *series.Season
}

// next judges and learns one bucket.
func (r *runner) next(value float64, startMs int64) series.Verdict {
	x := series.Sample{Value: value, Count: 1, StartMs: startMs}
	v := r.params.Judge(&r.core, r.season, x)
	r.params.Learn(&r.core, r.season, x, &v)
	if r.season == nil && r.params.WantsSeason(&r.core) {
		r.season = new(series.Season)
	}
	return v
}

// Score judges and learns every row in order, each as a bucket of its own.
func Score(rows []Row, fn spec.Function) {
	r := runner{params: series.NewParams(fn, Span(rows))}
	r.core.Init(r.params)
	for i := range rows {
		rows[i].Verdict = r.next(rows[i].Value, rows[i].TimeMs)
	}
}

// Top are the n rows with the strongest evidence, strongest first.
func Top(rows []Row, n int) []Row {
	top := slices.Clone(rows)
	slices.SortStableFunc(top, func(a, b Row) int { return cmp.Compare(b.Verdict.Evidence, a.Verdict.Evidence) })
	return top[:min(n, len(top))]
}

// Write writes the rows with anomaly_score and novelty_score, each 0 to 1.
func Write(path string, rows []Row, score func(*series.Verdict) float64) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("timestamp,value,anomaly_score,novelty_score\n")
	for i := range rows {
		v := &rows[i].Verdict
		fmt.Fprintf(&b, "%s,%v,%.9f,%.9f\n", rows[i].Stamp, rows[i].Value, score(v), v.NoveltyScore/100)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// RecordScore is a finer increasing map of the record score.
func RecordScore(v *series.Verdict) float64 { return v.Evidence / (v.Evidence + 5) }

// NoveltyScore is the novelty score from 0 to 1.
func NoveltyScore(v *series.Verdict) float64 { return v.NoveltyScore / 100 }

// Tree scores every CSV below in and writes it under the same relative name
// below out.
func Tree(in, out string, score func(*series.Verdict) float64) (files, rowCount int, err error) {
	err = filepath.WalkDir(in, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".csv" {
			return err
		}
		rows, err := Load(path)
		if err != nil {
			return err
		}
		Score(rows, spec.Mean)
		rel, err := filepath.Rel(in, path)
		if err != nil {
			return err
		}
		files++
		rowCount += len(rows)
		return Write(filepath.Join(out, rel), rows, score)
	})
	return files, rowCount, err
}
