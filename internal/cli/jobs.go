package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/internal/feed"
	"tidemark/wire"
)

func newJob() *cobra.Command {
	return group("job", "Create, look at and change the jobs of a server",
		newJobCreate(), newJobList(), newJobShow(), newJobUpdate(), newJobExplain(), newJobFlush(), newJobStats(), newJobForecast(),
		verb("open", "Open closed jobs, so that they take data", "opened", func(*cobra.Command) act {
			return func(ctx context.Context, c *client.Client, id string) error {
				_, err := c.OpenJob(ctx, client.OpenJobRequest{JobID: id})
				return err
			}
		}),
		verb("close", "Close jobs: forget stale series, store the rest", "closed", func(cmd *cobra.Command) act {
			force := cmd.Flags().Bool("force", false, "close them even if they have failed")
			return func(ctx context.Context, c *client.Client, id string) error {
				_, err := c.CloseJob(ctx, client.CloseJobRequest{IDs: id, Force: *force, NoMatchFails: true})
				return err
			}
		}),
		verb("reset", "Remove what closed jobs have learned and found; their configuration stays", "reset", func(*cobra.Command) act {
			return func(ctx context.Context, c *client.Client, id string) error {
				_, err := c.ResetJob(ctx, client.ResetJobRequest{JobID: id})
				return err
			}
		}),
		verb("delete", "Delete jobs with their results", "deleted", func(cmd *cobra.Command) act {
			force := cmd.Flags().Bool("force", false, "delete them even if they are open")
			return func(ctx context.Context, c *client.Client, id string) error {
				_, err := c.DeleteJob(ctx, client.DeleteJobRequest{JobID: id, Force: *force})
				return err
			}
		}))
}

// act does something to one job.
type act func(ctx context.Context, c *client.Client, id string) error

// verb is a command that does one thing to each of the jobs that it is given. All
// are tried; the errors come at the end.
func verb(name, short, done string, prepare func(*cobra.Command) act) *cobra.Command {
	cmd := &cobra.Command{Use: name + " JOB...", Short: short, Args: atLeast("a job")}
	connect := serverFlag(cmd)
	do := prepare(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		var failed []error
		for _, id := range args {
			if err := do(cmd.Context(), c, id); err != nil {
				failed = append(failed, err)
				continue
			}
			fmt.Fprintf(cmd.OutOrStdout(), "job %s is %s\n", id, done)
		}
		return errors.Join(failed...)
	})
	return cmd
}

// atLeast wants one argument or more.
func atLeast(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{fmt.Errorf("it takes %s, or several", name)}
		}
		return nil
	}
}

// atMost wants one argument or none.
func atMost(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usageError{fmt.Errorf("it takes %s or nothing, not %d arguments", name, len(args))}
		}
		return nil
	}
}

// first is the only argument, or what stands for it.
func firstOf(args []string, otherwise string) string {
	if len(args) > 0 {
		return args[0]
	}
	return otherwise
}

func newJobShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show JOB", Short: "Print a job's configuration as JSON", Args: exactly("a job"),
		Example: "  tidemark job show sales > sales.json   # to be changed and applied again"}
	connect := serverFlag(cmd)
	bare := cmd.Flags().Bool("bare", false, "without what the server set, so that it can be created again")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.GetJobs(cmd.Context(), client.GetJobsRequest{IDs: args[0], ExcludeGenerated: *bare, NoMatchFails: true})
		if err != nil {
			return err
		}
		if len(list.Jobs) == 1 {
			return printJSON(cmd.OutOrStdout(), list.Jobs[0])
		}
		return printJSON(cmd.OutOrStdout(), list.Jobs)
	})
	return cmd
}

func newJobUpdate() *cobra.Command {
	cmd := &cobra.Command{Use: "update JOB", Short: "Change a job: description, groups, rules, limits and the like", Args: exactly("a job"),
		Long: "Change a job: its description, groups, rules, limits, retention, custom settings. What a job\n" +
			"watches cannot change; 'tidemark apply' says what would.",
		Example: "  tidemark job update sales --description 'all shops' --groups shops,web\n  echo '{\"results_retention_days\":90}' | tidemark job update sales -f -"}
	connect := serverFlag(cmd)
	flags := cmd.Flags()
	from := flags.StringP("file", "f", "", "`file` with the fields to change, as JSON; - is stdin")
	description := flags.String("description", "", "new `text`")
	groups := flags.StringSlice("groups", nil, "new `groups`, separated by commas")
	limit := flags.String("model-memory-limit", "", "new `size`, such as 256mb; the job must be closed")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		r := client.UpdateJobRequest{JobID: args[0]}
		any := false
		for name, set := range map[string]func(){
			"description":        func() { r.Update.Description = description },
			"groups":             func() { r.Update.Groups = groups },
			"model-memory-limit": func() { r.Update.AnalysisLimits = &wire.AnalysisLimits{ModelMemoryLimit: *limit} },
		} {
			if flags.Changed(name) {
				any = true
				set()
			}
		}
		if any == (*from != "") {
			return usageError{errors.New("say what changes: either with --file, or with --description, --groups or --model-memory-limit")}
		}
		var err error
		if *from != "" {
			if r.Raw, err = readAll(cmd, *from); err != nil {
				return err
			}
		}
		if _, err := c.UpdateJob(cmd.Context(), r); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "job %s is updated\n", args[0])
		return err
	})
	return cmd
}

func newJobList() *cobra.Command {
	cmd := &cobra.Command{Use: "list [JOB]", Short: "List the jobs with their state; JOB may have * or be a group", Args: atMost("a job or pattern")}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.GetJobStats(cmd.Context(), client.GetJobStatsRequest{IDs: firstOf(args, "")})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, j := range list.Jobs {
			rows = append(rows, []string{j.JobID, string(j.State), feed.Thousands(j.DataCounts.ProcessedRecordCount), feed.Thousands(j.DataCounts.BucketCount),
				megabytes(j.ModelSizeStats.ModelBytes), when(j.DataCounts.LatestRecordTimestamp)})
		}
		none := "There are no jobs. Make one with 'tidemark job create JOB --from FILE'."
		if len(args) > 0 {
			none = "no job matches " + args[0]
		}
		return form.show(cmd.OutOrStdout(), list, none, []string{"JOB", "STATE", "RECORDS", "BUCKETS", "MEMORY", "NEWEST RECORD"}, rows)
	})
	return cmd
}

// megabytes writes a number of bytes for people.
func megabytes(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d KB", (n+1023)>>10)
	}
	return fmt.Sprintf("%d MB", (n+1<<20-1)>>20)
}

func newJobStats() *cobra.Command {
	cmd := &cobra.Command{Use: "stats [JOB]", Short: "Print jobs' statistics as JSON", Args: atMost("a job or pattern")}
	connect := serverFlag(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.GetJobStats(cmd.Context(), client.GetJobStatsRequest{IDs: firstOf(args, "")})
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), list)
	})
	return cmd
}

func newJobFlush() *cobra.Command {
	cmd := &cobra.Command{
		Use: "flush JOB", Short: "Process everything sent so far and say how far results are final", Args: exactly("a job"),
		Long: "Process everything sent so far and say how far results are final. Times are seconds or\n" +
			"milliseconds since 1970, ISO-8601 dates, now, or a duration ago such as -7d.",
	}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	r := client.FlushJobRequest{}
	cmd.Flags().BoolVar(&r.CalcInterim, "calc-interim", false, "also compute results of the buckets that are still filling")
	timeFlag(cmd, &r.AdvanceTime, "advance-time", "close all buckets up to a `time`")
	timeFlag(cmd, &r.SkipTime, "skip-time", "jump to a `time` without results")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		r.JobID = args[0]
		done, err := c.FlushJob(cmd.Context(), r)
		if err != nil {
			return err
		}
		answer := wire.FlushResponse{Flushed: done.Flushed}
		text := "flushed; there was no data yet"
		if done.LastFinalizedBucketEnd != nil {
			answer.LastFinalizedBucketEnd = wire.MillisOf(done.LastFinalizedBucketEnd.UnixMilli())
			text = "flushed; results are final up to " + done.LastFinalizedBucketEnd.Format(clock+" UTC")
		}
		return form.show(cmd.OutOrStdout(), answer, text, nil, nil)
	})
	return cmd
}

// forecastPoll is how often an unfinished forecast is looked at.
const forecastPoll = 100 * time.Millisecond

func newJobForecast() *cobra.Command {
	r := client.ForecastRequest{}
	cmd := &cobra.Command{Use: "forecast JOB", Short: "Print what an open job's models expect of the time to come", Args: exactly("a job"),
		Example: "  tidemark job forecast sales --duration 3d\n  tidemark job forecast sales --duration 7d -o json > forecast.json"}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	flags := cmd.Flags()
	flags.Var(&span{&r.Duration}, "duration", "how far, such as 3d; a day if not given")
	var keep time.Duration
	flags.Var(&span{&keep}, "expires-in", "how long the server keeps it; 14d if not given, 0 for good")
	size := flags.Int("size", 24, "how `many` rows of the table at most, of each series")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		r.JobID = args[0]
		if flags.Changed("expires-in") {
			r.ExpiresIn = &keep
		}
		started, err := c.Forecast(cmd.Context(), r)
		if err != nil {
			return err
		}
		return showForecast(cmd, c, *form, args[0], started.ForecastID, *size)
	})
	return cmd
}

// showForecast waits for a forecast and prints it.
func showForecast(cmd *cobra.Command, c *client.Client, form form, job, id string, size int) error {
	ctx := cmd.Context()
	j, err := oneJob(ctx, c, job)
	if err != nil {
		return err
	}
	query := func(kind string, size int) client.SearchRequest {
		return client.SearchRequest{Index: ".ml-anomalies-" + job, Body: fmt.Appendf(nil,
			`{"size":%d,"track_total_hits":true,"sort":["timestamp"],"query":{"bool":{"filter":[{"term":{"result_type":%q}},{"term":{"forecast_id":%q}}]}}}`, size, kind, id)}
	}
	for {
		found, err := c.Search(ctx, query("model_forecast_request_stats", 1))
		if err != nil {
			return err
		}
		var s wire.ForecastStats
		if len(found.Hits.Hits) > 0 {
			if err := unmarshal(found.Hits.Hits[0].Source, &s); err != nil {
				return err
			}
		}
		switch s.ForecastStatus {
		case "failed":
			return fmt.Errorf("the forecast failed: %s", strings.Join(s.ForecastMessages, "; "))
		case "finished":
			return printForecast(cmd, c, form, j.AnalysisConfig.Detectors, query("model_forecast", wire.MaxPage), size)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(forecastPoll):
		}
	}
}

func printForecast(command *cobra.Command, c *client.Client, form form, detectors []wire.Detector, query client.SearchRequest, size int) error {
	found, err := c.Search(command.Context(), query)
	if err != nil {
		return err
	}
	list := []forecastPoint{}
	for _, hit := range found.Hits.Hits {
		var p forecastPoint
		if err := unmarshal(hit.Source, &p); err != nil {
			return err
		}
		list = append(list, p)
	}
	// Each series by itself, in order of time.
	slices.SortStableFunc(list, func(a, b forecastPoint) int {
		return cmp.Or(cmp.Compare(a.Detector, b.Detector), strings.Compare(a.splits(), b.splits()))
	})
	rows, of := [][]string{}, map[string]int{}
	for i := range list {
		p := &list[i]
		series := p.splits()
		if p.Detector < len(detectors) {
			series = what(detectors[p.Detector].Function, detectors[p.Detector].FieldName) + series
		}
		if of[series]++; of[series] <= size {
			rows = append(rows, []string{clean(series), utc(p.Timestamp), figure(p.Prediction), figure(p.Lower), figure(p.Upper)})
		}
	}
	if err := form.show(command.OutOrStdout(), list, "the models have nothing to forecast yet", []string{"SERIES", "TIME (UTC)", "EXPECTED", "LOWER", "UPPER"}, rows); err != nil {
		return err
	}
	if more := len(list) - len(rows); more > 0 && form == "table" {
		fmt.Fprintf(command.ErrOrStderr(), "%s more rows; --size shows them\n", feed.Thousands(int64(more)))
	}
	if all := found.Hits.Total; all != nil && all.Value > int64(len(list)) {
		fmt.Fprintf(command.ErrOrStderr(), "these are the first %s of %s points in order of time; a shorter --duration has all series in full\n", feed.Thousands(int64(len(list))), feed.Thousands(all.Value))
	}
	return nil
}

// forecastPoint is a document of a forecast.
type forecastPoint struct {
	Timestamp      wire.Millis `json:"timestamp"`
	Prediction     float64     `json:"forecast_prediction"`
	Lower          float64     `json:"forecast_lower"`
	Upper          float64     `json:"forecast_upper"`
	Feature        string      `json:"model_feature,omitzero"`
	Detector       int         `json:"detector_index"`
	PartitionName  string      `json:"partition_field_name,omitzero"`
	PartitionValue string      `json:"partition_field_value,omitzero"`
	ByName         string      `json:"by_field_name,omitzero"`
	ByValue        string      `json:"by_field_value,omitzero"`
}

// splits are the values that tell the point's series from others of its detector.
func (p *forecastPoint) splits() string {
	text := ""
	for _, x := range [][2]string{{p.PartitionName, p.PartitionValue}, {p.ByName, p.ByValue}} {
		if x[0] != "" {
			text += ", " + x[0] + " " + x[1]
		}
	}
	return text
}

// oneJob is the configuration of a job that a command names.
func oneJob(ctx context.Context, c *client.Client, id string) (*wire.Job, error) {
	jobs, err := c.GetJobs(ctx, client.GetJobsRequest{IDs: id, NoMatchFails: true})
	if err != nil {
		return nil, err
	}
	if len(jobs.Jobs) != 1 {
		return nil, fmt.Errorf("%q stands for %d jobs; name one", id, len(jobs.Jobs))
	}
	return jobs.Jobs[0], nil
}
