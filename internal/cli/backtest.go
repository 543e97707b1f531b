package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
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

func newBacktest() *cobra.Command {
	var jobs []string
	var labels string
	var thresholds []float64
	cmd := &cobra.Command{
		Use: "backtest --job JOB.json FILE...", Short: "Say what a job would have found in data of the past, and how well",
		Long: "Run a job over files, without a server, and count its anomaly records. With labels it says how\n" +
			"many alerts are true (precision), how many labels are found (recall), how long after their\n" +
			"beginning, and how many false alerts there are per series and week. Give --job twice to\n" +
			"compare two configurations. Labels are a CSV or JSON file with the columns start and end\n" +
			"and, if they are about one series, series: the value of its split. Without --job the job is\n" +
			"guessed as 'tidemark detect' does.",
		Example: "  tidemark backtest --job cpu.json --labels incidents.csv cpu.csv\n  tidemark backtest --job old.json --job new.json --labels incidents.csv cpu.csv",
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&jobs, "job", nil, "`file` with a job's configuration as JSON; twice to compare")
	flags.StringVar(&labels, "labels", "", "`file` with what is known to have happened")
	flags.Float64SliceVar(&thresholds, "thresholds", []float64{25, 50, 75}, "record `scores` from which a record is an alert")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{errors.New("it takes at least one file of data")}
		}
		if len(jobs) == 0 {
			jobs = []string{""}
		}
		return runBacktest(cmd.Context(), jobs, labels, thresholds, args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func runBacktest(ctx context.Context, jobs []string, labelFile string, thresholds []float64, args []string, in io.Reader, out, errs io.Writer) error {
	var known []backtest.Label
	if labelFile != "" {
		var err error
		if known, err = readLabels(in, labelFile); err != nil {
			return err
		}
	}
	for _, job := range jobs {
		f := detectFlags{job: job}
		run, source, closeAll, err := f.open(args, in, errs)
		if err != nil {
			closeAll()
			return err
		}
		took := time.Now()
		found, err := collect(ctx, run, source)
		closeAll()
		if err != nil {
			return err
		}
		name := job
		if name == "" {
			name = "the guessed job"
		}
		fmt.Fprintf(out, "%s: %s records, %d series, %s of data, %s\n", name, feed.Thousands(run.Records), found.Series,
			found.Length.Round(time.Minute), time.Since(took).Round(time.Millisecond))
		printOutcomes(out, found, known, thresholds)
	}
	return nil
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

func printOutcomes(out io.Writer, found *backtest.Run, known []backtest.Label, thresholds []float64) {
	if len(known) == 0 {
		fmt.Fprintf(out, "  %5s %8s %24s\n", "SCORE", "ALERTS", "ALERTS PER SERIES-WEEK")
		for _, t := range thresholds {
			o := found.Judge(nil, t)
			fmt.Fprintf(out, "  %5.0f %8d %24.3f\n", t, o.Alerts, o.FalsePerSeriesWeek)
		}
		return
	}
	fmt.Fprintf(out, "  %5s %8s %10s %8s %12s %24s\n", "SCORE", "ALERTS", "PRECISION", "RECALL", "DELAY", "FALSE PER SERIES-WEEK")
	for _, t := range thresholds {
		o := found.Judge(known, t)
		fmt.Fprintf(out, "  %5.0f %8d %10.3f %8.3f %12s %24.3f\n", t, o.Alerts, o.Precision(), o.Recall(), o.Delay, o.FalsePerSeriesWeek)
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
