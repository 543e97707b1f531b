package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	gocmp "github.com/google/go-cmp/cmp"

	"tidemark/internal/backtest"
	"tidemark/wire"
)

// cpuCSV is the use of three processors every five minutes, with a spike at row
// 1,500 of the second.
func cpuCSV(rows int) string {
	rng := rand.New(rand.NewPCG(7, 7))
	var b strings.Builder
	b.WriteString("timestamp,host,cpu\n")
	at := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		for host := range 3 {
			v := 30 + 2*rng.NormFloat64()
			if host == 1 && i == 1500 {
				v = 95
			}
			fmt.Fprintf(&b, "%s,web-%d,%.3f\n", at.Add(time.Duration(i)*5*time.Minute).Format("2006-01-02 15:04:05"), host, v)
		}
	}
	return b.String()
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDetect(t *testing.T) {
	file := write(t, "cpu.csv", cpuCSV(2000))
	status, out, errs := tidemark(t, "", "detect", "--min-score", "75", "--format", "table", "--explain", file)
	if status != exitOK || strings.Count(out, "host web-1") != 1 || strings.Contains(out, "web-0") || !strings.Contains(out, "2026-01-10 05:00:00") || !strings.Contains(out, "probability") {
		t.Errorf("status %d:\n%s%s", status, out, errs)
	}
	for _, want := range []string{`time is in "timestamp"`, `"cpu" holds numbers`, `"host" has 3 values`, "6,000 records", "1 anomaly of score 75"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in %s", want, errs)
		}
	}
	piped := must(t, cpuCSV(2000), "detect", "--min-score", "75", "--format", "csv", "--quiet")
	if lines := strings.Split(strings.TrimSpace(piped), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], "2026-01-10T05:00:00.000Z,") || !strings.Contains(lines[1], ",web-1,") {
		t.Errorf("from a pipe: %s", piped)
	}
	if status, _, _ := tidemark(t, "", "detect", "--quiet", "--fail-on", "75", file); status != exitFound {
		t.Errorf("an anomaly above --fail-on ends with status %d", status)
	}
	if out := must(t, "", "detect", "--quiet", "--format", "table", "--min-score", "99.9", file); out != "no anomalies\n" {
		t.Errorf("nothing to report: %q", out)
	}
	fails(t, exitUsage, "--format must be", "detect", "--format", "xml", file)
	fails(t, exitError, "no such file", "detect", file+"x")
	fails(t, exitError, "there is no field", "detect", "--field", "memory", file)
}

// TestDetectIsTheServer: what detect prints is what a server stores, byte for byte.
func TestDetectIsTheServer(t *testing.T) {
	file := write(t, "cpu.csv", cpuCSV(2000))
	local := must(t, "", "detect", "--quiet", "--format", "ndjson", "--min-score", "0", file)
	s := start(t, t.TempDir())
	defer s.end(t)
	t.Setenv("TIDEMARK_SERVER", s.url)
	must(t, "", "job", "create", "detect", "--from", file)
	must(t, "", "post", "detect", file)
	_, served := get(t, s.url+"/_ml/anomaly_detectors/detect/results/records?sort=timestamp&desc=false&size=10000")
	n := 0
	for line := range strings.Lines(local) {
		n++
		if line = strings.TrimSpace(line); !strings.Contains(served, line) {
			t.Fatalf("the server has not\n%s", line)
		}
	}
	if n < 10 || strings.Count(served, `"result_type":"record"`) != n {
		t.Errorf("%d records here, %d from the server", n, strings.Count(served, `"result_type":"record"`))
	}
}

// TestRows: every row is there with its scores, which depend on nothing behind it.
func TestRows(t *testing.T) {
	whole := cpuCSV(1700)
	folder := t.TempDir()
	for name, content := range map[string]string{"a/one.csv": whole, "two.csv": "time,v,label\n" + strings.Repeat("1767571200,1,0\n", 20), "notes.txt": "x"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "scored")
	must(t, "", "detect", "--rows", "-o", out, folder)
	raw, err := os.ReadFile(filepath.Join(out, "a/one.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(raw)), "\n")
	given := strings.Split(strings.TrimSpace(whole), "\n")
	if len(rows) != len(given) || rows[0] != "timestamp,host,cpu,anomaly_score,novelty_score" {
		t.Fatalf("%d rows for %d, the first is %s", len(rows), len(given), rows[0])
	}
	best, at := "", 0
	for i, row := range rows[1:] {
		if !strings.HasPrefix(row, given[i+1]+",") {
			t.Fatalf("row %d is %s, was %s", i+1, row, given[i+1])
		}
		if score := strings.Split(row, ",")[3]; score > best {
			best, at = score, i
		}
	}
	if at != 3*1500+1 || best < "0.75" {
		t.Errorf("the highest score is %s, of row %d", best, at)
	}
	for _, n := range []int{13, 500, 4000, 4503} {
		part := must(t, strings.Join(given[:n+1], "\n")+"\n", "detect", "--rows", "--quiet")
		if want := strings.Join(rows[:n+1], "\n"); strings.TrimSpace(part) != want {
			t.Errorf("the first %d rows score differently without those behind them", n)
		}
	}
	fails(t, exitUsage, "neither --by", "detect", "--rows", "--by", "host", folder)
	fails(t, exitError, "rows cannot be scored by the function rare", "detect", "--rows", "--quiet", "--function", "rare", filepath.Join(folder, "a/one.csv"))
	semicolons := must(t, "time;v\n"+strings.Repeat("1767571200;1,5\n", 3), "detect", "--rows", "--quiet", "--function", "count")
	if !strings.HasPrefix(semicolons, "time;v;anomaly_score;novelty_score\n1767571200;1,5;0.00000000;") {
		t.Errorf("another delimiter: %s", semicolons)
	}
	if out := must(t, "time,v\n1767571200,1,\n", "detect", "--rows", "--quiet"); !strings.Contains(out, "\n1767571200,1,0.00000000,0.00000000\n") {
		t.Errorf("a delimiter at the end of the line: %s", out)
	}
	if _, err := os.Stat(filepath.Join(out, "notes.txt")); err == nil {
		t.Error("a file that is no table was copied")
	}
}

// TestRowsOfSeveralColumns: metrics that stand out at once say more than any of them
// alone, and one of several less than if it were the only one.
func TestRowsOfSeveralColumns(t *testing.T) {
	const rows, one, all = 1700, 1400, 1600
	rng := rand.New(rand.NewPCG(8, 8))
	var table strings.Builder
	var alone [4]strings.Builder
	table.WriteString("timestamp,a,b,c,d\n")
	for m := range alone {
		alone[m].WriteString("timestamp,a\n")
	}
	for i := range rows {
		at := 1767571200 + 300*i
		fmt.Fprintf(&table, "%d", at)
		for m := range alone {
			v := 50 + rng.NormFloat64()
			if i == all || i == one && m == 0 {
				v += 5
			}
			fmt.Fprintf(&table, ",%.3f", v)
			fmt.Fprintf(&alone[m], "%d,%.3f\n", at, v)
		}
		table.WriteByte('\n')
	}
	score := func(csv *strings.Builder, row int) float64 {
		lines := strings.Split(must(t, csv.String(), "detect", "--rows", "--quiet"), "\n")
		cells := strings.Split(lines[row+1], ",")
		x, err := strconv.ParseFloat(cells[len(cells)-2], 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	most := 0.0
	for m := range alone {
		most = max(most, score(&alone[m], all))
	}
	if together := score(&table, all); together <= most {
		t.Errorf("four metrics at once score %.3f, the highest of them alone %.3f", together, most)
	}
	if among, single := score(&table, one), score(&alone[0], one); among >= single || among == 0 {
		t.Errorf("one of four scores %.3f, alone it scores %.3f", among, single)
	}
}

func TestBacktest(t *testing.T) {
	file := write(t, "cpu.csv", cpuCSV(2000))
	labels := write(t, "labels.csv", "start,end,series\n2026-01-10 05:00:00,2026-01-10 05:04:59,web-1\n2026-01-08 00:00:00,2026-01-08 01:00:00,web-2\n")
	job := write(t, "job.json", `{"analysis_config":{"bucket_span":"5m","detectors":[{"function":"high_mean","field_name":"cpu","partition_field_name":"host"}]},
		"data_description":{"time_field":"timestamp","time_format":"yyyy-MM-dd HH:mm:ss"}}`)
	low := strings.Replace(job, "job.json", "low.json", 1)
	raw, err := os.ReadFile(job)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(low, []byte(strings.Replace(string(raw), "high_mean", "low_mean", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out := must(t, "", "backtest", "--job", job, "--job", low, "--labels", labels, "--thresholds", "75", file)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	spaced := func(i int) string { return strings.Join(strings.Fields(lines[i]), " ") }
	if len(lines) != 13 || !strings.Contains(lines[0], "3 series") || spaced(2) != "75 1 1.000 0.500 5m 0.000" || !strings.HasPrefix(spaced(8), "75 0 - 0.000 - ") {
		t.Fatalf("backtest prints\n%s", out)
	}
	if !strings.Contains(spaced(4), "2026-01-10 05:00:00 5m high_mean of cpu, host web-1: 95 instead of about 2") || !strings.HasSuffix(lines[4], "[label]") ||
		spaced(5) != "not found: the label of web-2, 2026-01-08 00:00:00 to 2026-01-08 01:00:00" || !strings.HasPrefix(spaced(9), "not found") {
		t.Errorf("backtest lists\n%s", out)
	}
	lines = lines[5:]
	if lines[6] != fmt.Sprintf("from score 75: 0 in both, 1 only in %s, 0 only in %s", job, low) || !strings.HasPrefix(lines[7], "   9") || !strings.HasSuffix(lines[7], "web-1") {
		t.Errorf("the comparison is\n%s", out)
	}
	asJSON := must(t, "", "backtest", "--job", job, "--job", "guess", "--labels", labels, "-o", "json", file)
	for _, want := range []string{`"precision": 1`, `"recall": 0.5`, `"delay_ms": 300000`, `"both": 1`, `"only_first": []`} {
		if !strings.Contains(asJSON, want) {
			t.Errorf("no %s in\n%s", want, asJSON)
		}
	}
	for _, want := range []string{`"labelled": true`, `"what": "high_mean of cpu, host web-1: 95 instead of about`, `"missed": [`} {
		if !strings.Contains(asJSON, want) {
			t.Errorf("no %s in\n%s", want, asJSON)
		}
	}
	if out := must(t, "", "backtest", "--list", "1", "--thresholds", "5", file); !strings.Contains(out, "ALERTS PER SERIES-WEEK") {
		t.Errorf("without labels: %s", out)
	}
	taxi := must(t, "", "backtest", "--job", "guess", "--job", "../../docs/examples/nyc_taxi_hourly.json", "--labels", "../../docs/examples/nyc_taxi_labels.csv", "../demo/data/nyc_taxi.csv.gz")
	for _, want := range []string{"mean of value: 39,197 instead of about", "[New York City Marathon and the end of summer time]", "from score 75: "} {
		if !strings.Contains(taxi, want) {
			t.Errorf("the example has no %q:\n%s", want, taxi)
		}
	}
	fails(t, exitUsage, "it takes a file of data", "backtest")
	fails(t, exitUsage, "read only once", "backtest", "--job", job, "--job", low, "-")
	fails(t, exitError, "labels need the columns start and end", "backtest", "--labels", file, file)
}

// TestBacktestIsTheServer: the alerts of a backtest are those of the records that a
// server stores of the same job, bit for bit; the job is the one that it shows.
func TestBacktestIsTheServer(t *testing.T) {
	file := write(t, "cpu.csv", cpuCSV(2000))
	s := start(t, t.TempDir())
	defer s.end(t)
	t.Setenv("TIDEMARK_SERVER", s.url)
	must(t, "", "job", "create", "cpu", "--from", file)
	must(t, "", "post", "cpu", file)
	shown := write(t, "shown.json", must(t, "", "job", "show", "cpu"))
	var have struct {
		Runs []struct {
			Found []oneAlert `json:"found"`
		} `json:"runs"`
	}
	if err := json.Unmarshal([]byte(must(t, "", "backtest", "--job", shown, "--thresholds", "1", "-o", "json", file)), &have); err != nil {
		t.Fatal(err)
	}
	var served wire.RecordList
	_, raw := get(t, s.url+"/_ml/anomaly_detectors/cpu/results/records?size=10000")
	if err := json.Unmarshal([]byte(raw), &served); err != nil {
		t.Fatal(err)
	}
	run := backtest.Run{Records: served.Records, Span: 5 * time.Minute}
	want := convert(run.Alerts(1))
	byScore := func(a, b oneAlert) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Start, b.Start)) }
	slices.SortFunc(want, byScore)
	slices.SortFunc(have.Runs[0].Found, byScore)
	if d := gocmp.Diff(want, have.Runs[0].Found); d != "" || len(want) < 5 {
		t.Errorf("%d alerts: %s", len(want), d)
	}
}

// TestDetectFollows: anomalies of a stream that pauses are printed before it ends.
func TestDetectFollows(t *testing.T) {
	in, feeder := io.Pipe()
	var out, errs buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Run(context.Background(), []string{"detect", "--format", "csv", "--min-score", "75", "--bucket-span", "5m"}, in, &out, &errs)
	}()
	whole := cpuCSV(1600)
	if _, err := io.WriteString(feeder, whole); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(out.String(), "web-1") && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if !strings.Contains(out.String(), "web-1") {
		t.Errorf("nothing was printed while the stream pauses: %s", errs.String())
	}
	feeder.Close()
	if status := <-ended; status != exitOK {
		t.Errorf("status %d: %s", status, errs.String())
	}
}

// TestDetectIsEnded: a stream that goes on is ended by its user, with what there was.
func TestDetectIsEnded(t *testing.T) {
	in, feeder := io.Pipe()
	defer feeder.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out, errs buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"detect", "--format", "csv", "--min-score", "75"}, in, &out, &errs)
	}()
	if _, err := io.WriteString(feeder, cpuCSV(1600)); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(out.String(), "web-1") && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	cancel()
	select {
	case status := <-ended:
		if status != exitOK || !strings.Contains(errs.String(), "4,800 records") || !strings.Contains(errs.String(), "1 anomaly of score 75") {
			t.Errorf("status %d: %s", status, errs.String())
		}
	case <-time.After(20 * time.Second):
		t.Error("it goes on")
	}
}
