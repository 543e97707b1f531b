package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tidemark/client"
	"tidemark/internal/feed"
	"tidemark/internal/guess"
	"tidemark/internal/ingest"
	"tidemark/internal/ingest/tabular"
	"tidemark/wire"
)

func newJobCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create JOB", Short: "Create a job for data like that in a file, and open it", Args: exactly("a job"),
		Long: "Look at the first records of a file (CSV, JSON or a log, plain or packed), propose a job,\n" +
			"create it and open it. What was guessed is printed with the reasons; every guess can be overridden.",
		Example: "  tidemark job create sales --from sales.csv\n  tidemark job create sales --from sales.csv --function sum --field amount --bucket-span 1h --dry-run",
	}
	connect := serverFlag(cmd)
	flags := cmd.Flags()
	var from string
	var o guess.Overrides
	var dry bool
	flags.StringVar(&from, "from", "", "`file` to look at; - is stdin (required)")
	guessFlags(flags, &o)
	flags.BoolVar(&dry, "dry-run", false, "only print what would be created")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if from == "" {
			return usageError{errors.New("--from is required: give the file with your data")}
		}
		g, err := guessFrom(cmd.InOrStdin(), from, o)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if err := printGuess(out, args[0], from, g); err != nil || dry {
			return err
		}
		if _, err := c.PutJob(cmd.Context(), client.PutJobRequest{JobID: args[0], Job: g.Job()}); err != nil {
			return err
		}
		if _, err := c.OpenJob(cmd.Context(), client.OpenJobRequest{JobID: args[0]}); err != nil {
			return err
		}
		sorted := ""
		if g.Unsorted {
			sorted = " --sort"
		}
		_, err = fmt.Fprintf(out, "\nJob %s is created and open. Next: tidemark post%s %s %s\n", args[0], sorted, args[0], from)
		return err
	})
	return cmd
}

// guessFlags are the choices that a user can make instead of the guess.
func guessFlags(flags *pflag.FlagSet, o *guess.Overrides) {
	flags.StringVar(&o.TimeField, "time-field", "", "`field` that holds the time")
	flags.StringVar(&o.TimeFormat, "time-format", "", "its `format`: epoch, epoch_ms or a pattern such as \"yyyy-MM-dd HH:mm:ss\"")
	flags.StringVar(&o.BucketSpan, "bucket-span", "", "`time` that a bucket spans, such as 5m")
	flags.StringVar(&o.Function, "function", "", "`name` of what is watched: count, sum, mean, min, max, and others")
	flags.StringVar(&o.Field, "field", "", "`field` that the function looks at, or several separated by commas; all that hold numbers if not given")
	flags.StringVar(&o.Split, "split", "", "`field` whose values are series of their own")
	flags.StringVar(&o.Messages, "messages", "", "`field` with messages of a log, whose categories are watched")
	flags.BoolVar(&o.NoSplit, "no-split", false, "all records are one series")
}

// openFile opens a file, or stdin for "-".
func openFile(in io.Reader, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(in), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close() // It was only looked at.
		return nil, fmt.Errorf("%s is a folder; name the files in it (folders are for 'tidemark detect --rows -o OUT')", path)
	}
	return f, nil
}

// guessFrom guesses from a file. Where its records are not in order, those that come
// first in time tell how far apart they are.
func guessFrom(in io.Reader, path string, o guess.Overrides) (*guess.Guess, error) {
	g, err := guessOf(in, path, o, nil)
	if err != nil || !g.Unsorted || path == "-" {
		return g, err
	}
	sorted, err := guessOf(in, path, o, g)
	if err == nil {
		sorted.Unsorted = true
	}
	return sorted, err
}

// guessOf guesses from the first records of a file, or, if it is known where their
// times are, from those that come first in time.
func guessOf(in io.Reader, path string, o guess.Overrides, known *guess.Guess) (*guess.Guess, error) {
	f, err := openFile(in, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := tabular.Open(f, path)
	if err != nil {
		return nil, err
	}
	s := feed.Source{Next: r.Next}
	if known != nil {
		err = sortSource(&wire.DataDescription{TimeField: known.TimeField, TimeFormat: known.TimeFormat}, &s)
	}
	var g *guess.Guess
	if err == nil {
		g, err = fromNext(s.Next, r, o)
	}
	if err != nil && !strings.HasPrefix(err.Error(), path) {
		err = fmt.Errorf("%s: %w", path, err) // Those of the reader have it.
	}
	return g, err
}

// fromNext guesses from records; what was made of their file is among the reasons.
func fromNext(next func() ([]byte, error), r *tabular.Reader, o guess.Overrides) (*guess.Guess, error) {
	if o.Every > 0 {
		next = guess.Evenly(next, o.Every)
		o.TimeField, o.TimeFormat = guess.EvenField, "epoch_ms"
	}
	g, err := guess.From(next, o)
	if err != nil {
		return nil, err
	}
	g.Reasons = append(slices.Clone(r.Notes()), g.Reasons...)
	return g, nil
}

// sortSource reads all records of a source and yields them by time; those without one
// come first.
func sortSource(d *wire.DataDescription, s *feed.Source) error {
	parse, err := ingest.TimeReader(d.TimeFormat, time.Now())
	if err != nil {
		return err
	}
	next, err := tabular.Sort(s.Next, d.TimeField, parse)
	s.Next = next
	return err
}

func printGuess(out io.Writer, id, from string, g *guess.Guess) error {
	fmt.Fprintf(out, "From the first %s of %s:\n", count(int64(g.Records), "record", "records"), from)
	for _, reason := range g.Reasons {
		fmt.Fprintf(out, "  - %s\n", reason)
	}
	raw, err := json.Marshal(g.Job(), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nPUT /_ml/anomaly_detectors/%s\n%s\n", id, raw)
	return err
}

func newPost() *cobra.Command {
	cmd := &cobra.Command{
		Use: "post JOB FILE...", Short: "Send the records of files to a job",
		Long: "Send the records of files (CSV, JSON or logs, plain or packed; - is stdin) to a job. Several\n" +
			"files are merged by time. At the end the job is flushed, so that results are there to be read.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError{errors.New("it takes a job and at least one file")}
			}
			return nil
		},
	}
	connect := serverFlag(cmd)
	sorted := cmd.Flags().Bool("sort", false, "sort all records by time first, in memory")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		return post(cmd.Context(), c, args[0], args[1:], *sorted, cmd.InOrStdin(), cmd.OutOrStdout())
	})
	return cmd
}

func post(ctx context.Context, c *client.Client, id string, paths []string, sorted bool, in io.Reader, out io.Writer) error {
	j, err := oneJob(ctx, c, id)
	if err != nil {
		return err
	}
	source, closeAll, err := openSource(&j.DataDescription, paths, in)
	defer closeAll()
	if err != nil {
		return err
	}
	if sorted {
		if err := sortSource(&j.DataDescription, &source); err != nil {
			return err
		}
	}
	p := feed.NewProgress(out, feed.IsTerminal(out), source.Total)
	sent, err := feed.Send(ctx, c, id, source, p)
	p.Finish()
	if err != nil {
		return err
	}
	if sent.Records == 0 {
		return errors.New("there was no record to send")
	}
	rate := float64(sent.Records) / max(sent.Took.Seconds(), 1e-6)
	fmt.Fprintf(out, "sent %s records in %s (%s/s): %s processed", feed.Thousands(sent.Records), sent.Took.Round(time.Millisecond),
		feed.Thousands(int64(rate)), feed.Thousands(sent.Processed))
	for _, x := range []struct {
		n    int64
		what string
	}{{sent.OutOfOrder, "too late"}, {sent.InvalidDate, "without a usable time"}} {
		if x.n > 0 {
			fmt.Fprintf(out, ", %s %s", feed.Thousands(x.n), x.what)
		}
	}
	fmt.Fprintln(out)
	advice(out, &sent)
	if _, err := c.FlushJob(ctx, client.FlushJobRequest{JobID: id, CalcInterim: true}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Results are ready. Next: tidemark job explain %s\n", id)
	return err
}

// advice says what to do when much of what was sent did not count.
func advice(out io.Writer, sent *feed.Sent) {
	if sent.InvalidDate*2 > sent.Records {
		fmt.Fprintln(out, "Most records have no usable time: create the job again with the right --time-field and --time-format.")
	}
	if sent.OutOfOrder*10 > sent.Records {
		fmt.Fprintln(out, "Many records came too late: send them with --sort, or give the job a latency.")
	}
}

// openSource opens files and merges them by the job's time.
func openSource(d *wire.DataDescription, paths []string, in io.Reader) (s feed.Source, closeAll func(), err error) {
	var opened []io.Closer
	closeAll = func() {
		for _, f := range opened {
			_ = f.Close() // It was only read.
		}
	}
	var files []*tabular.Reader
	var counts []*feed.Counting
	known := true
	for _, path := range paths {
		f, err := openFile(in, path)
		if err != nil {
			return s, closeAll, err
		}
		opened = append(opened, f)
		if file, ok := f.(*os.File); ok {
			if info, err := file.Stat(); err == nil {
				s.Total += info.Size()
			}
		} else {
			known = false
		}
		counting := &feed.Counting{R: f}
		counts = append(counts, counting)
		r, err := tabular.Open(counting, path)
		if err != nil {
			return s, closeAll, err
		}
		files = append(files, r)
	}
	if !known {
		s.Total = 0
	}
	s.Done = func() (n int64) {
		for _, c := range counts {
			n += c.N
		}
		return n
	}
	parse, err := ingest.TimeReader(d.TimeFormat, time.Now())
	if err != nil {
		return s, closeAll, err
	}
	s.Next, err = tabular.Merge(files, d.TimeField, parse)
	return s, closeAll, err
}
