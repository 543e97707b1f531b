package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tidemark/engine/result"
	"tidemark/internal/backtest"
	"tidemark/internal/detect"
	"tidemark/internal/feed"
	"tidemark/internal/ingest"
	"tidemark/internal/ingest/javatime"
	"tidemark/internal/ingest/tabular"
	"tidemark/wire"
)

// backtestFlags are the flags of backtest.
type backtestFlags struct {
	detectFlags
	jobs       []string
	labels     string
	thresholds []float64
	list       int
}

func newBacktest() *cobra.Command {
	f := &backtestFlags{}
	cmd := &cobra.Command{
		Use: "backtest FILE...", Short: "Say what a job would have found in data of the past, and how well",
		Long: "Run a job over files, without a server, and count and list its alerts: runs of neighboring\n" +
			"buckets of one series with an anomaly record. With labels it says how many alerts are true\n" +
			"(precision), how many labels are found (recall), how long after their beginning (the median\n" +
			"delay), and how many false alerts there are per series and week. Give --job twice to compare\n" +
			"two configurations: what both find, and what only one does.\n\n" +
			"Labels are a CSV or JSON file with the columns start and end and, if they are about one\n" +
			"series, series: the value of its split; what may say in words what it was. Without --job the\n" +
			"job is guessed as 'tidemark detect' does.",
		Example: "  tidemark backtest cpu.csv\n  tidemark backtest --job cpu.json --labels incidents.csv cpu.csv\n  tidemark backtest --job old.json --job new.json --labels incidents.csv cpu.csv",
		Args:    atLeast("a file of data"),
	}
	form := outputFlag(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.jobs, "job", nil, "`file` with a job's configuration (JSON or YAML, as 'tidemark job show' prints it); twice to compare; \"guess\" is the guessed one")
	flags.IntVar(&f.list, "list", 10, "how `many` alerts are printed")
	flags.StringVar(&f.labels, "labels", "", "`file` with what is known to have happened")
	flags.Float64SliceVar(&f.thresholds, "thresholds", []float64{25, 50, 75}, "record `scores` from which a record is an alert")
	flags.Lookup("thresholds").DefValue = "25,50,75" // Not with six decimals each.
	sourceFlags(flags, &f.detectFlags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		slices.Sort(f.thresholds)
		if len(f.jobs) == 0 {
			f.jobs = []string{guessed}
		}
		if len(f.jobs) > 1 && slices.Contains(args, "-") {
			return usageError{errors.New("stdin can be read only once; give a file to compare several jobs")}
		}
		return f.run(cmd, args, *form)
	}
	return cmd
}

// guessed is the job that stands for none.
const guessed = "guess"

// tested is a job with what it found.
type tested struct {
	Job      string    `json:"job"`
	Records  int64     `json:"records"`
	Series   int       `json:"series"`
	LengthMs int64     `json:"length_ms"`
	Outcomes []outcome `json:"outcomes"`
	// Found are the alerts from the lowest threshold on, the highest score first, and
	// Missed the labels without one.
	Found  []oneAlert `json:"found"`
	Missed []oneLabel `json:"missed,omitempty"`

	found *backtest.Run
	took  time.Duration
}

// outcome is how a job does at one threshold. What needs labels is absent without.
type outcome struct {
	Threshold          float64  `json:"threshold"`
	Alerts             int      `json:"alerts"`
	Precision          *float64 `json:"precision,omitzero"`
	Recall             *float64 `json:"recall,omitzero"`
	DelayMs            *int64   `json:"delay_ms,omitzero"`
	FalsePerSeriesWeek float64  `json:"false_per_series_week"`
}

func (f *backtestFlags) run(cmd *cobra.Command, args []string, form form) error {
	in, out, errs := cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	var known []backtest.Label
	if f.labels != "" {
		var err error
		if known, err = readLabels(in, f.labels); err != nil {
			return err
		}
	}
	var all []*tested
	for _, job := range f.jobs {
		t, err := f.test(cmd.Context(), job, args, in, errs)
		if err != nil {
			return err
		}
		t.judge(known, f.thresholds)
		all = append(all, t)
		if form == "table" {
			printOutcomes(out, t, len(known) > 0)
			printFound(out, t, f.list)
		}
	}
	compared := []contrast{}
	for _, t := range all[1:] {
		compared = append(compared, compare(all[0], t, f.thresholds)...)
	}
	if form == "json" {
		return printJSON(out, map[string]any{"runs": all, "comparisons": compared})
	}
	printComparisons(out, compared)
	return nil
}

// test runs one job over the files.
func (f *backtestFlags) test(ctx context.Context, job string, args []string, in io.Reader, errs io.Writer) (*tested, error) {
	one := f.detectFlags
	name := "the guessed job"
	if job != guessed {
		one.job, name = job, job
	}
	run, source, closeAll, err := one.open(ctx, args, in, errs)
	defer closeAll()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	p := feed.NewProgress(errs, feed.IsTerminal(errs), source.Total)
	next := source.Next
	source.Next = func() ([]byte, error) {
		if run.Records%65536 == 0 && source.Done != nil {
			p.Update(run.Records, source.Done())
		}
		return next()
	}
	found, err := collect(ctx, run, source)
	p.Finish()
	if err != nil {
		return nil, err
	}
	if run.OutOfOrder > 0 {
		fmt.Fprintf(errs, "%s came too late: --sort takes them in\n", count(run.OutOfOrder, "record", "records"))
	}
	if run.Rejected > 0 {
		fmt.Fprintf(errs, "%s left out: %s\n", count(run.Rejected, "record", "records"), run.Reason)
	}
	return &tested{Job: name, Records: run.Records, Series: found.Series, LengthMs: found.Length.Milliseconds(), found: found, took: time.Since(began)}, nil
}

// collect runs a job over all records.
func collect(ctx context.Context, run *detect.Run, source records) (*backtest.Run, error) {
	span, err := wire.ParseDuration("bucket_span", run.Job.AnalysisConfig.BucketSpan)
	if err != nil {
		return nil, err
	}
	found := &backtest.Run{Span: span}
	var emitErr error
	emit := func(b *result.Bucket) {
		list, err := detect.Records(run.Job, b)
		emitErr = errors.Join(emitErr, err)
		for i := range list {
			found.Records = append(found.Records, list[i].Record)
		}
	}
	if err := run.Feed(ctx, source.Next, nil, emit); err != nil {
		return nil, err
	}
	run.Interim(emit)
	found.Series, found.Length = run.Extent()
	return found, emitErr
}

func (t *tested) judge(known []backtest.Label, thresholds []float64) {
	for _, x := range thresholds {
		o := t.found.Judge(known, x)
		w := outcome{Threshold: x, Alerts: o.Alerts, FalsePerSeriesWeek: o.FalsePerSeriesWeek}
		if len(known) > 0 {
			w.Recall = new(o.Recall())
			if o.Alerts > 0 {
				w.Precision = new(o.Precision())
			}
			if o.Found > 0 {
				w.DelayMs = new(o.Delay.Milliseconds())
			}
		}
		t.Outcomes = append(t.Outcomes, w)
	}
	if len(thresholds) == 0 {
		return
	}
	alerts := t.found.Alerts(thresholds[0])
	slices.SortStableFunc(alerts, func(a, b backtest.Alert) int { return cmp.Compare(b.Score, a.Score) })
	t.Found = convert(alerts)
	for i := range alerts {
		if len(known) > 0 {
			at := slices.IndexFunc(known, func(l backtest.Label) bool { return backtest.Touches(&alerts[i], &l) })
			t.Found[i].Labelled = new(at >= 0)
			if at >= 0 {
				t.Found[i].Label = known[at].What
			}
		}
	}
	for _, l := range t.found.Missed(known, thresholds[0]) {
		t.Missed = append(t.Missed, oneLabel{wire.Millis(l.Start.UnixMilli()), wire.Millis(l.End.UnixMilli()), l.Series, l.What})
	}
}

func printOutcomes(out io.Writer, t *tested, labelled bool) {
	fmt.Fprintf(out, "%s: %s, %d series, %s of data, %s\n", t.Job, count(t.Records, "record", "records"), t.Series,
		wire.RoughDuration(time.Duration(t.LengthMs)*time.Millisecond), t.took.Round(time.Millisecond))
	if !labelled {
		fmt.Fprintf(out, "  %5s %8s %24s\n", "SCORE", "ALERTS", "ALERTS PER SERIES-WEEK")
		for _, o := range t.Outcomes {
			fmt.Fprintf(out, "  %5.0f %8d %24.3f\n", o.Threshold, o.Alerts, o.FalsePerSeriesWeek)
		}
		return
	}
	fmt.Fprintf(out, "  %5s %8s %10s %8s %12s %24s\n", "SCORE", "ALERTS", "PRECISION", "RECALL", "DELAY", "FALSE PER SERIES-WEEK")
	for _, o := range t.Outcomes {
		delay := "-"
		if o.DelayMs != nil {
			delay = wire.RoughDuration(time.Duration(*o.DelayMs) * time.Millisecond)
		}
		fmt.Fprintf(out, "  %5.0f %8d %10s %8s %12s %24.3f\n", o.Threshold, o.Alerts, portion(o.Precision), portion(o.Recall), delay, o.FalsePerSeriesWeek)
	}
}

func portion(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *v)
}

// contrast is what two jobs have in common at one threshold.
type contrast struct {
	First      string     `json:"first"`
	Second     string     `json:"second"`
	Threshold  float64    `json:"threshold"`
	Both       int        `json:"both"`
	OnlyFirst  []oneAlert `json:"only_first"`
	OnlySecond []oneAlert `json:"only_second"`
}

type oneAlert struct {
	Start  wire.Millis `json:"start"`
	End    wire.Millis `json:"end"`
	Series []string    `json:"series"`
	Score  float64     `json:"score"`
	// What says in words what the record of the score is about.
	What string `json:"what"`
	// Labelled: a label tells of it, in the words of Label; absent without labels.
	Labelled *bool  `json:"labelled,omitzero"`
	Label    string `json:"label,omitzero"`
}

// oneLabel is a label as it is printed.
type oneLabel struct {
	Start  wire.Millis `json:"start"`
	End    wire.Millis `json:"end"`
	Series string      `json:"series,omitzero"`
	What   string      `json:"what,omitzero"`
}

func convert(alerts []backtest.Alert) []oneAlert {
	out := []oneAlert{}
	for _, a := range alerts {
		what := clean(sentence(a.Top, func(string) string { return "" }))
		out = append(out, oneAlert{wire.Millis(a.Start.UnixMilli()), wire.Millis(a.End.UnixMilli()), append([]string{}, a.Series...), a.Score, what, nil, ""})
	}
	return out
}

// printFound lists the alerts with the highest scores, and the labels that have none.
func printFound(out io.Writer, t *tested, most int) {
	for i, a := range t.Found {
		if i == most {
			fmt.Fprintf(out, "  %s more (--list prints them)\n", feed.Thousands(int64(len(t.Found)-most)))
			break
		}
		if i == 0 {
			fmt.Fprintf(out, "  %5s  %-19s  %-7s  %s\n", "SCORE", "FROM (UTC)", "FOR", "WHAT")
		}
		fmt.Fprintf(out, "  %5.0f  %s  %-7s  %s%s\n", a.Score, utc(a.Start), wire.RoughDuration(a.End.Time().Sub(a.Start.Time())), a.What, a.mark())
	}
	for i, l := range t.Missed {
		if i == most {
			fmt.Fprintf(out, "  %s more labels are not found\n", feed.Thousands(int64(len(t.Missed)-most)))
			break
		}
		fmt.Fprintf(out, "  not found: %s, %s to %s\n", l.name(), utc(l.Start), utc(l.End))
	}
}

// mark says whether a label tells of an alert, and in which words.
func (a *oneAlert) mark() string {
	switch {
	case a.Labelled == nil:
		return ""
	case !*a.Labelled:
		return "  [no label]"
	}
	return "  [" + clean(cmp.Or(a.Label, "label")) + "]"
}

// name is what a label is called.
func (l *oneLabel) name() string {
	name := cmp.Or(l.What, "the label")
	if l.Series != "" {
		name += " of " + l.Series
	}
	return clean(name)
}

func compare(first, second *tested, thresholds []float64) (list []contrast) {
	for _, x := range thresholds {
		c := backtest.Compare(first.found, second.found, x)
		list = append(list, contrast{first.Job, second.Job, x, c.Both, convert(c.OnlyFirst), convert(c.OnlySecond)})
	}
	return list
}

// listed is how many alerts that only one job has are printed at each threshold.
const listed = 5

func printComparisons(out io.Writer, list []contrast) {
	for _, c := range list {
		fmt.Fprintf(out, "from score %.0f: %d in both, %d only in %s, %d only in %s\n", c.Threshold, c.Both, len(c.OnlyFirst), c.First, len(c.OnlySecond), c.Second)
		for _, only := range []struct {
			job    string
			alerts []oneAlert
		}{{c.First, c.OnlyFirst}, {c.Second, c.OnlySecond}} {
			for i, a := range only.alerts {
				if i == listed {
					fmt.Fprintf(out, "  %d more\n", len(only.alerts)-listed)
					break
				}
				fmt.Fprintf(out, "  %3.0f  %s  only in %s  %s\n", a.Score, utc(a.Start), only.job, clean(strings.Join(a.Series, ", ")))
			}
		}
	}
}

// readLabels reads a file with the columns start and end, and series if there is
// one.
func readLabels(in io.Reader, path string) ([]backtest.Label, error) {
	f, err := openFile(in, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := tabular.Open(f, path)
	if err != nil {
		return nil, err
	}
	var list []backtest.Label
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		var l backtest.Label
		for _, x := range []struct {
			field string
			to    *time.Time
		}{{"start", &l.Start}, {"end", &l.End}} {
			text, ok := tabular.Text(line, x.field)
			if !ok {
				return nil, fmt.Errorf("%s, label %d: no %q; labels need the columns start and end", path, len(list)+1, x.field)
			}
			if *x.to, err = labelTime(text); err != nil {
				return nil, fmt.Errorf("%s, label %d: %s: %w", path, len(list)+1, x.field, err)
			}
		}
		l.Series, _ = tabular.Text(line, "series")
		l.What, _ = tabular.Text(line, "what")
		list = append(list, l)
	}
}

// labelTime reads a time as people write it.
func labelTime(text string) (time.Time, error) {
	if ms, err := wire.ParseTime("time", text, time.Now()); err == nil {
		return time.UnixMilli(ms), nil
	}
	if format, _ := javatime.Guess([]byte(text)); format != nil {
		if parse, err := ingest.TimeReader(format.Pattern(), time.Now()); err == nil {
			if ms, ok := parse([]byte(text)); ok {
				return time.UnixMilli(ms), nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time that is understood; write it as 2006-01-02T15:04:05Z or in seconds since 1970", wire.Clip(text))
}
