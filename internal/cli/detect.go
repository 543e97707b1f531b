package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tidemark/engine/result"
	"tidemark/internal/bundle"
	"tidemark/internal/detect"
	"tidemark/internal/feed"
	"tidemark/internal/guess"
	"tidemark/internal/ingest/tabular"
	"tidemark/wire"
)

// foundError ends a run that found what --fail-on names.
type foundError struct{ error }

// detectFlags are the flags of detect.
type detectFlags struct {
	o          guess.Overrides
	job        string
	rows       bool
	out        string
	format     string
	minScore   float64
	failOn     float64
	explain    bool
	quiet      bool
	sort       bool
	sampleSize int
}

func newDetect() *cobra.Command {
	f := &detectFlags{}
	cmd := &cobra.Command{
		Use: "detect [FILE...]", Short: "Find anomalies in files or in a pipe, without a server",
		Long: "Look at the first records of files (CSV, JSON or logs, plain or packed; stdin without a file),\n" +
			"choose what to watch, say so, and print each anomaly as soon as its bucket is final. Several\n" +
			"files are merged by time; records that are not in order of time are sorted.\n\n" +
			"With --rows a CSV file, or every one in a folder, is copied with two more columns,\n" +
			"anomaly_score and novelty_score from 0 to 1, each computed from that row and earlier ones.\n" +
			"Several columns of numbers get one score for what they show together.\n\n" +
			"Anomalies of messages name a category; as NDJSON its definition comes before the first record\n" +
			"that names it, with the result_type category_definition.\n\n" +
			"Exit status: 0 done, 1 error, 2 wrong usage, 3 an anomaly reached --fail-on.",
		Example: "  tidemark detect cpu.csv\n  tidemark detect --field errors,latency --partition host --explain metrics.csv.gz\n" +
			"  tidemark detect /var/log/syslog\n  kubectl logs -f web | tidemark detect\n  tidemark detect --rows -o scored/ data/",
	}
	flags := cmd.Flags()
	guessFlags(flags, &f.o)
	flags.StringVar(&f.o.Split, "partition", "", "`field` whose values are series of their own, the same as --split")
	flags.StringVar(&f.o.By, "by", "", "`field` whose values are judged within each split")
	flags.StringVar(&f.o.Over, "over", "", "`field` whose values are compared with one another")
	sourceFlags(flags, f)
	flags.StringVar(&f.job, "job", "", "`file` with a job's configuration (JSON or YAML), instead of guessing")
	flags.BoolVar(&f.rows, "rows", false, "copy each row and add its scores")
	flags.StringVarP(&f.out, "output", "o", "", "`file` to write to, with --rows also a folder; stdout without it")
	flags.StringVar(&f.format, "format", "", "`form` of the output: table, ndjson or csv; without it table on a terminal, else ndjson")
	flags.Float64Var(&f.minScore, "min-score", 25, "lowest record `score` that is printed, 0 to 100")
	flags.Float64Var(&f.failOn, "fail-on", 0, "exit with status 3 if a record reaches this `score`")
	flags.BoolVar(&f.explain, "explain", false, "print below each anomaly how it was judged")
	flags.BoolVar(&f.quiet, "quiet", false, "say nothing on stderr")
	flags.IntVar(&f.sampleSize, "sample", guess.SampleRecords, "`number` of records to look at before choosing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		errs := cmd.ErrOrStderr()
		if f.quiet {
			errs = io.Discard
		}
		if f.rows {
			return f.runRows(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), errs)
		}
		return f.run(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), errs)
	}
	return cmd
}

// sourceFlags are the flags of all commands that read files without a server.
func sourceFlags(flags *pflag.FlagSet, f *detectFlags) {
	flags.Var(&span{&f.o.Every}, "every", "how far apart records are that have no time, such as 5m")
	flags.BoolVar(&f.sort, "sort", false, "sort all records by time first, in memory")
}

// runRows copies rows with their scores.
func (f *detectFlags) runRows(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) error {
	if len(args) > 1 {
		return usageError{fmt.Errorf("--rows takes one file or folder, not %d", len(args))}
	}
	if f.o.By != "" || f.o.Over != "" || f.job != "" {
		return usageError{errors.New("--rows takes --partition, and neither --by, --over nor --job")}
	}
	began := time.Now()
	files, rows := 1, 0
	say := func(format string, args ...any) { fmt.Fprintf(errs, "  - "+format+"\n", args...) }
	var err error
	switch {
	case f.out == "" && (len(args) == 0 || args[0] == "-"):
		rows, err = detect.Rows(in, out, "stdin", f.o, say)
	case len(args) == 0 || args[0] == "-":
		return usageError{errors.New("--output with --rows takes a file or folder to read")}
	case f.out == "":
		var source io.ReadCloser
		if source, err = openFile(in, args[0]); err != nil {
			return err
		}
		defer source.Close()
		rows, err = detect.Rows(source, out, args[0], f.o, say)
	default:
		files, rows, err = detect.Tree(ctx, args[0], f.out, f.o, say)
	}
	fmt.Fprintf(errs, "scored %s of %s in %s\n", count(int64(rows), "row", "rows"), count(int64(files), "file", "files"), time.Since(began).Round(time.Millisecond))
	return err
}

// run prints the anomalies of the merged files.
func (f *detectFlags) run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) (err error) {
	if f.out != "" {
		file, createErr := os.Create(f.out)
		if createErr != nil {
			return createErr
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	w, err := f.writer(out)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		if in == os.Stdin && feed.IsTerminal(os.Stdin) {
			return usageError{errors.New("give a file, or data from a pipe; '-' reads what you type")}
		}
		args = []string{"-"}
	}
	began := time.Now()
	run, source, closeAll, err := f.open(ctx, args, in, errs)
	defer closeAll()
	if err != nil {
		return err
	}
	w.categories = run.Categories
	top := 0.0
	emit := func(b *result.Bucket) {
		if err == nil {
			top, err = f.print(run.Job, b, top, w)
		}
	}
	p := feed.NewProgress(errs, feed.IsTerminal(errs) && !feed.IsTerminal(out), source.Total)
	next := func() ([]byte, error) {
		line, err := source.Next()
		if run.Records%65536 == 0 && source.Done != nil {
			p.Update(run.Records, source.Done())
		}
		return line, err
	}
	feedErr := run.Feed(ctx, next, source.waiting, emit)
	switch {
	case feedErr == nil:
		run.Interim(emit)
	case errors.Is(feedErr, context.Canceled) && source.waiting != nil:
		feedErr = nil // A stream ends when its user ends it.
	}
	p.Finish()
	if err = errors.Join(feedErr, err, w.end()); err != nil {
		return err
	}
	f.sumUp(errs, run, w.printed(), time.Since(began))
	if f.failOn > 0 && top >= f.failOn {
		return foundError{fmt.Errorf("an anomaly of score %.0f was found", top)}
	}
	return nil
}

// print writes a bucket's anomalies and returns the highest score so far.
func (f *detectFlags) print(job *wire.Job, b *result.Bucket, top float64, w *anomalies) (float64, error) {
	records, err := detect.Records(job, b)
	if err != nil {
		return top, err
	}
	for i := range records {
		top = max(top, records[i].RecordScore)
		if records[i].RecordScore < f.minScore {
			continue
		}
		if err := w.add(&records[i]); err != nil {
			return top, err
		}
	}
	if len(records) > 0 {
		return top, w.flush()
	}
	return top, nil
}

func (f *detectFlags) sumUp(errs io.Writer, run *detect.Run, printed int, took time.Duration) {
	fmt.Fprintf(errs, "%s in %s, %s of score %.0f and more", count(run.Records, "record", "records"), took.Round(time.Millisecond), count(int64(printed), "anomaly", "anomalies"), f.minScore)
	if run.Rejected > 0 {
		fmt.Fprintf(errs, "; %s left out: %s", count(run.Rejected, "record", "records"), run.Reason)
	}
	if run.OutOfOrder > 0 {
		fmt.Fprintf(errs, "; %s came too late: --sort takes them in", feed.Thousands(run.OutOfOrder))
	}
	fmt.Fprintln(errs)
	_, length := run.Extent()
	if need := warmUp(run.Span()); printed == 0 && length < need {
		fmt.Fprintf(errs, "The data spans %s; nothing is reported before %s of a series have been seen.\n", wire.RoughDuration(length), wire.RoughDuration(need))
	}
}

// count writes how many there are of something.
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return feed.Thousands(n) + " " + many
}

// records is a source whose first records may have been looked at already.
type records struct {
	feed.Source
	waiting func() bool
}

// open opens the files and makes the job.
func (f *detectFlags) open(ctx context.Context, args []string, in io.Reader, errs io.Writer) (run *detect.Run, s records, closeAll func(), err error) {
	closeAll = func() {}
	if len(args) == 1 && args[0] == "-" {
		return f.openPipe(ctx, in, errs)
	}
	if f.o.Every > 0 && len(args) > 1 {
		return nil, s, closeAll, usageError{errors.New("--every takes one file: records of several could not be merged")}
	}
	c := &choice{flags: f, name: args[0], errs: errs}
	run, err = c.make(func() (*guess.Guess, error) { return guessFrom(in, args[0], f.o) })
	if err != nil {
		return nil, s, closeAll, err
	}
	if s.Source, closeAll, err = openSource(&run.Job.DataDescription, args, in); err != nil {
		return nil, s, closeAll, err
	}
	return run, s, closeAll, c.arrange(run, &s.Source, true)
}

// openPipe looks at the first records of a stream and gives them back.
func (f *detectFlags) openPipe(ctx context.Context, in io.Reader, errs io.Writer) (run *detect.Run, s records, closeAll func(), err error) {
	r, err := tabular.Open(in, "stdin")
	if err != nil {
		return nil, s, func() {}, err
	}
	p := newPipe(ctx, r.Next)
	size := f.sampleSize
	if size == 0 {
		size = guess.SampleRecords
	}
	c := &choice{flags: f, name: "stdin", errs: errs}
	look := p.look(size)
	run, err = c.make(func() (*guess.Guess, error) {
		g, err := fromNext(look, r, f.o)
		look = p.looked()
		return g, err
	})
	if err != nil {
		return nil, s, p.close, err
	}
	s.Source, s.waiting = feed.Source{Next: p.next}, p.waiting
	return run, s, p.close, c.arrange(run, &s.Source, errors.Is(p.end, io.EOF))
}

// readJob opens the job that a file holds: a configuration, or what job show, export
// or Kibana wrote.
func readJob(path string) (*detect.Run, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	run, err := detect.Parse(raw)
	if err == nil {
		return run, nil
	}
	one, formErr := bundle.OneJob(raw, path)
	if formErr != nil {
		return nil, formErr
	}
	if run, formErr = detect.Parse(one); formErr == nil {
		return run, nil
	}
	if bytes.Contains(raw, []byte(`"job_id"`)) || !json.Valid(raw) {
		err = formErr // Places are those in the configuration by itself.
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

// choice is the job that is made for an input.
type choice struct {
	flags    *detectFlags
	name     string
	errs     io.Writer
	unsorted bool
}

// make makes the job that --job names, or the guessed one, and says why. Records
// without any time get one.
func (c *choice) make(look func() (*guess.Guess, error)) (*detect.Run, error) {
	f := c.flags
	if f.job != "" {
		return readJob(f.job)
	}
	g, err := look()
	if errors.Is(err, guess.ErrNoTime) && f.o.Every == 0 && f.o.TimeField == "" {
		f.o.Every = time.Minute
		g, err = look()
		if err == nil && g.Watched[0].Function == "count" {
			err = fmt.Errorf("%s: %w", c.name, guess.ErrNoTime) // There would be nothing to see.
		}
		if err == nil {
			fmt.Fprintf(c.errs, "No field of %s holds times, so records count as a minute apart from 2000 on (--every says otherwise).\n", c.name)
		}
	}
	if err != nil {
		return nil, err
	}
	c.unsorted = g.Unsorted
	fmt.Fprintf(c.errs, "From the first %s of %s:\n", count(int64(g.Records), "record", "records"), c.name)
	for _, reason := range g.Reasons {
		fmt.Fprintf(c.errs, "  - %s\n", reason)
	}
	return detect.New(g.Job())
}

// arrange gives records the times they lack, and sorts those that are not in order,
// if all are there to be sorted.
func (c *choice) arrange(run *detect.Run, s *feed.Source, ends bool) error {
	f := c.flags
	if f.o.Every > 0 && f.job == "" {
		s.Next = guess.Evenly(s.Next, f.o.Every)
	}
	if !f.sort && !(c.unsorted && ends) {
		return nil
	}
	if c.unsorted {
		fmt.Fprintln(c.errs, "  - the records are not in order of time: all are read first and sorted")
	}
	return sortSource(&run.Job.DataDescription, s)
}

// anomalies writes anomaly records in one format.
type anomalies struct {
	w       *bufio.Writer
	csv     *csv.Writer
	format  string
	explain bool
	n       int
	// categories are those of messages; told of are those whose definition was
	// written.
	categories map[int64]detect.Category
	told       map[int64]bool
}

func (f *detectFlags) writer(out io.Writer) (*anomalies, error) {
	format := f.format
	if format == "" {
		format = "ndjson"
		if feed.IsTerminal(out) {
			format = "table"
		}
	}
	w := &anomalies{w: bufio.NewWriter(out), format: format, explain: f.explain, told: map[int64]bool{}}
	switch format {
	case "table", "ndjson":
	case "csv":
		w.csv = csv.NewWriter(w.w)
		return w, w.csv.Write([]string{"timestamp", "record_score", "novelty_score", "probability", "function", "field", "partition", "by", "over", "actual", "typical", "is_interim", "message"})
	default:
		return nil, usageError{fmt.Errorf("--format must be table, ndjson or csv, not %q", format)}
	}
	return w, nil
}

func (a *anomalies) printed() int { return a.n }

func (a *anomalies) flush() error {
	if a.csv != nil {
		a.csv.Flush()
	}
	return a.w.Flush()
}

func (a *anomalies) end() error {
	if a.format == "table" && a.n == 0 {
		fmt.Fprintln(a.w, "no anomalies")
	}
	return a.flush()
}

func (a *anomalies) add(found *detect.Found) error {
	r := &found.Record
	a.n++
	switch a.format {
	case "csv":
		return a.csv.Write([]string{wire.FormatTime(int64(r.Timestamp)), number(r.RecordScore), number(orZero(r.NoveltyScore)), number(r.Probability), r.Function,
			r.FieldName, deref(r.PartitionFieldValue), deref(r.ByFieldValue), deref(r.OverFieldValue), first(r.Actual), first(r.Typical), strconv.FormatBool(r.IsInterim), a.exampleOf(r)})
	case "ndjson":
		if err := a.define(r); err != nil {
			return err
		}
		_, err := a.w.Write(append(found.Doc, '\n'))
		return err
	}
	if a.n == 1 {
		fmt.Fprintf(a.w, "%-20s %6s %8s  %s\n", "TIME (UTC)", "SCORE", "NOVELTY", "WHAT")
	}
	fmt.Fprintf(a.w, "%-20s %6.0f %8.0f  %s\n", r.Timestamp.Time().Format("2006-01-02 15:04:05"), r.RecordScore, orZero(r.NoveltyScore), clean(sentence(r, a.message)))
	if a.explain {
		explainRecord(a.w, r)
	}
	return nil
}

// category is the one with an id, nil if it is not known.
func (a *anomalies) category(id string) *detect.Category {
	n, err := strconv.ParseInt(id, 10, 64)
	if x, ok := a.categories[n]; err == nil && ok {
		return &x
	}
	return nil
}

// message is an example of a category.
func (a *anomalies) message(id string) string {
	if x := a.category(id); x != nil {
		return example(&x.Category)
	}
	return ""
}

// categoryOf is the id of the category that a record is about, "" if it is about none.
func categoryOf(r *wire.Record) string {
	for _, x := range []struct {
		field string
		value *string
	}{{r.ByFieldName, r.ByFieldValue}, {r.OverFieldName, r.OverFieldValue}, {r.PartitionFieldName, r.PartitionFieldValue}} {
		if x.field == byCategory && x.value != nil {
			return *x.value
		}
	}
	return ""
}

func (a *anomalies) exampleOf(r *wire.Record) string {
	if id := categoryOf(r); id != "" {
		return a.message(id)
	}
	return ""
}

// define writes the definition of the category that a record is about, once, before
// the first record that names it.
func (a *anomalies) define(r *wire.Record) error {
	x := a.category(categoryOf(r))
	if x == nil || a.told[x.CategoryID] {
		return nil
	}
	a.told[x.CategoryID] = true
	_, err := a.w.Write(append(bytes.Clone(x.Doc), '\n'))
	return err
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 8, 64) }

func orZero(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}

func first(list []float64) string {
	if len(list) == 0 {
		return ""
	}
	return number(list[0])
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// explainRecord says how a record was judged.
func explainRecord(w io.Writer, r *wire.Record) {
	fmt.Fprintf(w, "    probability %.3g", r.Probability)
	if x := r.AnomalyScoreExplanation; x != nil {
		if x.LowerConfidenceBound != nil && x.UpperConfidenceBound != nil && *x.LowerConfidenceBound < *x.UpperConfidenceBound {
			fmt.Fprintf(w, ", usually between %s and %s", figure(*x.LowerConfidenceBound), figure(*x.UpperConfidenceBound))
		}
		if x.AnomalyType != "" {
			fmt.Fprintf(w, ", a %s", x.AnomalyType)
		}
	}
	for _, i := range r.Influencers {
		fmt.Fprintf(w, ", %s %v", i.InfluencerFieldName, i.InfluencerFieldValues)
	}
	fmt.Fprintln(w)
}
