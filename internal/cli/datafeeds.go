package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/internal/feed"
	"tidemark/wire"
)

func newDatafeed() *cobra.Command {
	return group("datafeed", "Datafeeds: what is searched for a job's data",
		newDatafeedList(), newDatafeedShow(), newDatafeedCreate(), newDatafeedStart(), newDatafeedStop(), newDatafeedPreview(), newDatafeedStats(), newDatafeedDelete())
}

func newDatafeedList() *cobra.Command {
	cmd := &cobra.Command{Use: "list [DATAFEED]", Short: "List datafeeds with their state; DATAFEED may have *", Args: atMost("a datafeed or pattern")}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		all, err := c.GetDatafeedStats(cmd.Context(), client.GetDatafeedStatsRequest{IDs: firstOf(args, "")})
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range all.Datafeeds {
			d := &all.Datafeeds[i]
			upTo := "-"
			if r := d.RunningState; r != nil && r.SearchInterval != nil {
				upTo = time.UnixMilli(r.SearchInterval.EndMs).UTC().Format(clock)
			}
			rows = append(rows, []string{d.DatafeedID, d.TimingStats.JobID, d.State, feed.Thousands(d.TimingStats.SearchCount), upTo, clean(d.AssignmentExplanation)})
		}
		return form.show(cmd.OutOrStdout(), all, "There are no datafeeds. Make one with 'tidemark datafeed create DATAFEED -f FILE'.",
			[]string{"DATAFEED", "JOB", "STATE", "SEARCHES", "UP TO (UTC)", "TROUBLE"}, rows)
	})
	return cmd
}

func newDatafeedShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show DATAFEED", Short: "Print a datafeed's configuration as JSON", Args: exactly("a datafeed")}
	connect := serverFlag(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.GetDatafeeds(cmd.Context(), client.GetDatafeedsRequest{IDs: args[0], NoMatchFails: true})
		if err != nil {
			return err
		}
		if len(list.Datafeeds) == 1 {
			return printJSON(cmd.OutOrStdout(), &list.Datafeeds[0])
		}
		return printJSON(cmd.OutOrStdout(), list.Datafeeds)
	})
	return cmd
}

func newDatafeedStats() *cobra.Command {
	cmd := &cobra.Command{Use: "stats [DATAFEED]", Short: "Print datafeeds' statistics as JSON", Args: atMost("a datafeed or pattern")}
	connect := serverFlag(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.GetDatafeedStats(cmd.Context(), client.GetDatafeedStatsRequest{IDs: firstOf(args, "")})
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), list)
	})
	return cmd
}

func newDatafeedCreate() *cobra.Command {
	cmd := &cobra.Command{Use: "create DATAFEED", Short: "Make a datafeed for a job", Args: exactly("a datafeed"),
		Example: "  tidemark datafeed create sales-feed --job sales --index 'shop-*'\n  tidemark datafeed create sales-feed -f feed.json"}
	connect := serverFlag(cmd)
	file := cmd.Flags().StringP("file", "f", "", "`file` with the configuration, as JSON; - is stdin")
	job := cmd.Flags().String("job", "", "`job` that gets the data")
	indices := cmd.Flags().StringSlice("index", nil, "`index` to search, which may have * and be NAME:INDEX of a remote cluster; may be repeated")
	query := cmd.Flags().String("query", "", "`JSON` of a query that chooses documents")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		r := client.PutDatafeedRequest{DatafeedID: args[0], Datafeed: wire.DatafeedConfig{JobID: *job, Indices: *indices, Query: []byte(*query)}}
		if (*file == "") == (*job == "" || len(*indices) == 0) {
			return usageError{fmt.Errorf("give either --file, or --job and --index")}
		}
		if *query == "" {
			r.Datafeed.Query = nil
		} else if !r.Datafeed.Query.IsValid() {
			return usageError{fmt.Errorf("--query is no valid JSON: %w", unmarshal([]byte(*query), new(any)))}
		}
		if *file != "" {
			var err error
			if r.Raw, err = readAll(cmd, *file); err != nil {
				return err
			}
		}
		d, err := c.PutDatafeed(cmd.Context(), r)
		if err != nil {
			return err
		}
		return say(cmd, "datafeed %s of job %s is created. Next: tidemark datafeed preview %s, tidemark datafeed start %s", d.DatafeedID, d.JobID, d.DatafeedID, d.DatafeedID)
	})
	return cmd
}

func newDatafeedStart() *cobra.Command {
	var r client.StartDatafeedRequest
	cmd := &cobra.Command{Use: "start DATAFEED", Short: "Let a datafeed search; its job is opened if need be", Args: exactly("a datafeed"),
		Example: "  tidemark datafeed start sales-feed --start -28d          # the last four weeks, and then on\n" +
			"  tidemark datafeed start sales-feed --start 2026-01-01 --end 2026-02-01 --wait"}
	connect := serverFlag(cmd)
	timeFlag(cmd, &r.Start, "start", "first `time`; where it stopped, or the first document, if not given")
	timeFlag(cmd, &r.End, "end", "`time` to stop at; never, if not given")
	wait := cmd.Flags().Bool("wait", false, "show progress until the past is read")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		r.DatafeedID = args[0]
		if err := startFeed(cmd, c, r); err != nil {
			return err
		}
		if err := say(cmd, "datafeed %s is started", args[0]); err != nil || !*wait {
			return err
		}
		return watchFeeds(cmd, c, []string{args[0]}, r.Start, r.End)
	})
	return cmd
}

func newDatafeedStop() *cobra.Command {
	cmd := &cobra.Command{Use: "stop DATAFEED", Short: "Stop a datafeed and wait for the batch in hand", Args: exactly("a datafeed")}
	connect := serverFlag(cmd)
	closeJob := cmd.Flags().Bool("close-job", false, "close its job, too")
	force := cmd.Flags().Bool("force", false, "do not wait for the batch in hand")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.StopDatafeed(cmd.Context(), client.StopDatafeedRequest{IDs: args[0], Force: *force, CloseJob: *closeJob, NoMatchFails: true}); err != nil {
			return err
		}
		return say(cmd, "datafeed %s is stopped", args[0])
	})
	return cmd
}

func newDatafeedPreview() *cobra.Command {
	cmd := &cobra.Command{Use: "preview DATAFEED", Short: "Print the first records that a datafeed would send, a line each", Args: exactly("a datafeed")}
	connect := serverFlag(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.PreviewDatafeed(cmd.Context(), client.PreviewDatafeedRequest{DatafeedID: args[0]})
		if err != nil {
			return err
		}
		for _, v := range *list {
			if err := say(cmd, "%s", v); err != nil {
				return err
			}
		}
		if len(*list) == 0 {
			fmt.Fprintln(cmd.ErrOrStderr(), "it finds no documents; look at its indices and query with 'tidemark datafeed show'")
		}
		return nil
	})
	return cmd
}

func newDatafeedDelete() *cobra.Command {
	cmd := &cobra.Command{Use: "delete DATAFEED", Short: "Delete a datafeed", Args: exactly("a datafeed")}
	connect := serverFlag(cmd)
	force := cmd.Flags().Bool("force", false, "delete it even if it is started")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.DeleteDatafeed(cmd.Context(), client.DeleteDatafeedRequest{DatafeedID: args[0], Force: *force}); err != nil {
			return err
		}
		return say(cmd, "datafeed %s is deleted", args[0])
	})
	return cmd
}

// startFeed opens a datafeed's job if it is closed, and starts it.
func startFeed(cmd *cobra.Command, c *client.Client, r client.StartDatafeedRequest) error {
	list, err := c.GetDatafeeds(cmd.Context(), client.GetDatafeedsRequest{IDs: r.DatafeedID, NoMatchFails: true})
	if err != nil {
		return err
	}
	if len(list.Datafeeds) != 1 {
		return fmt.Errorf("%q stands for %d datafeeds; name one", r.DatafeedID, len(list.Datafeeds))
	}
	if err := openJob(cmd, c, list.Datafeeds[0].JobID); err != nil {
		return err
	}
	_, err = c.StartDatafeed(cmd.Context(), r)
	return err
}

// feedPoll is how often progress is looked at.
const feedPoll = 500 * time.Millisecond

// watchFeeds shows on stderr how far datafeeds are, until they have read the past.
// Ending it leaves them running.
func watchFeeds(cmd *cobra.Command, c *client.Client, ids []string, start, end time.Time) error {
	goal := end
	if goal.IsZero() {
		goal = time.Now()
	}
	errs := cmd.ErrOrStderr()
	said := time.Now()
	for {
		done, text, err := feedsProgress(cmd.Context(), c, ids, start, goal)
		switch {
		case cmd.Context().Err() != nil:
			fmt.Fprintln(errs, "the datafeeds go on; 'tidemark datafeed list' shows them")
			return nil
		case err != nil:
			return err
		case feed.IsTerminal(errs):
			fmt.Fprintf(errs, "\r\x1b[K%s", text)
			if done {
				fmt.Fprintln(errs)
			}
		case done, time.Since(said) > 5*time.Second:
			said = time.Now()
			fmt.Fprintln(errs, text)
		}
		if done {
			return nil
		}
		select {
		case <-cmd.Context().Done():
		case <-time.After(feedPoll):
		}
	}
}

// feedsProgress sums up how far datafeeds are.
func feedsProgress(ctx context.Context, c *client.Client, ids []string, start, goal time.Time) (done bool, text string, err error) {
	read, records, share := 0, int64(0), 0.0
	for _, id := range ids {
		feeds, err := c.GetDatafeedStats(ctx, client.GetDatafeedStatsRequest{IDs: id})
		if err != nil {
			return false, "", err
		}
		d := &feeds.Datafeeds[0]
		jobs, err := c.GetJobStats(ctx, client.GetJobStatsRequest{IDs: d.TimingStats.JobID})
		if err != nil {
			return false, "", err
		}
		records += jobs.Jobs[0].DataCounts.ProcessedRecordCount
		part := 0.0
		if r := d.RunningState; r != nil && r.SearchInterval != nil && goal.After(start) && !start.IsZero() {
			part = min(1, max(0, float64(r.SearchInterval.EndMs-start.UnixMilli())/float64(goal.Sub(start).Milliseconds())))
		}
		switch {
		case d.State == "stopped", d.RunningState != nil && d.RunningState.RealTimeRunning:
			read++
			part = 1
		case d.AssignmentExplanation != "":
			return false, "", fmt.Errorf("datafeed %s: %s", id, d.AssignmentExplanation)
		}
		share += part
	}
	return read == len(ids), fmt.Sprintf("%d of %d datafeeds have read the past, %.0f %%, %s records", read, len(ids), 100*share/float64(len(ids)), feed.Thousands(records)), nil
}
