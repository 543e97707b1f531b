package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/wire"
)

func newJobShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show JOB", Short: "Print a job's configuration as JSON", Args: exactly("a job")}
	connect := serverFlag(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		j, err := oneJob(cmd.Context(), c, args[0])
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), j)
	})
	return cmd
}

func newJobUpdate() *cobra.Command {
	cmd := &cobra.Command{Use: "update JOB", Short: "Change a job: description, groups, rules, limits and the like", Args: exactly("a job"),
		Example: "  echo '{\"description\":\"all shops\"}' | tidemark job update sales -f -"}
	connect := serverFlag(cmd)
	from := cmd.Flags().StringP("file", "f", "-", "`file` with the fields to change, as JSON; - is stdin")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		raw, err := readAll(cmd, *from)
		if err != nil {
			return err
		}
		if _, err := c.UpdateJob(cmd.Context(), client.UpdateJobRequest{JobID: args[0], Raw: raw}); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "job %s is updated\n", args[0])
		return err
	})
	return cmd
}

// readAll reads a file, or stdin for "-".
func readAll(cmd *cobra.Command, path string) (jsontext.Value, error) {
	f, err := openFile(cmd.InOrStdin(), path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err == nil && !jsontext.Value(raw).IsValid() {
		err = fmt.Errorf("%s is no valid JSON", path)
	}
	return raw, err
}

func newResults() *cobra.Command {
	return group("results", "Print what a job has found", newResultsOf("records"), newResultsOf("buckets"), newResultsOf("influencers"))
}

func newResultsOf(kind string) *cobra.Command {
	cmd := &cobra.Command{Use: kind + " JOB", Short: "Print " + kind + " with a score, the highest first", Args: exactly("a job")}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	flags := cmd.Flags()
	least := flags.Float64("min-score", 1, "least `score`, 0 to 100")
	size := flags.Int("size", 20, "how `many` at most")
	start := flags.String("start", "", "first `time`")
	end := flags.String("end", "", "`time` after the last")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		desc := true
		q := client.Query{MinScore: *least, Page: client.Page{Size: size}, Desc: &desc}
		for _, t := range []struct {
			flag, value string
			to          *time.Time
		}{{"--start", *start, &q.Start}, {"--end", *end, &q.End}} {
			if t.value == "" {
				continue
			}
			ms, err := wire.ParseTime(t.flag, t.value, time.Now())
			if err != nil {
				return usageError{err}
			}
			*t.to = time.UnixMilli(ms)
		}
		return printResults(cmd, c, *form, kind, args[0], q)
	})
	return cmd
}

func printResults(cmd *cobra.Command, c *client.Client, form, kind, id string, q client.Query) error {
	var rows [][]string
	ctx := cmd.Context()
	switch kind {
	case "records":
		list, err := c.GetRecords(ctx, client.GetRecordsRequest{JobID: id, Query: q})
		if err != nil {
			return err
		}
		for i := range list.Records {
			r := &list.Records[i]
			rows = append(rows, []string{number(r.RecordScore), wire.FormatTime(int64(r.Timestamp)), r.Function, r.FieldName, splitText(r), values(r.Actual), values(r.Typical)})
		}
		return show(cmd, form, list, []string{"SCORE", "TIME", "FUNCTION", "FIELD", "SERIES", "ACTUAL", "TYPICAL"}, rows)
	case "influencers":
		list, err := c.GetInfluencers(ctx, client.GetInfluencersRequest{JobID: id, Query: q})
		if err != nil {
			return err
		}
		for _, f := range list.Influencers {
			rows = append(rows, []string{number(f.InfluencerScore), wire.FormatTime(int64(f.Timestamp)), f.InfluencerFieldName, f.InfluencerFieldValue})
		}
		return show(cmd, form, list, []string{"SCORE", "TIME", "FIELD", "VALUE"}, rows)
	}
	q.Sort = "anomaly_score"
	list, err := c.GetBuckets(ctx, client.GetBucketsRequest{JobID: id, Query: q})
	if err != nil {
		return err
	}
	for _, b := range list.Buckets {
		rows = append(rows, []string{number(b.AnomalyScore), wire.FormatTime(int64(b.Timestamp)), fmt.Sprint(b.EventCount)})
	}
	return show(cmd, form, list, []string{"SCORE", "TIME", "EVENTS"}, rows)
}

// splitText names the series of a record.
func splitText(r *wire.Record) string {
	var parts []string
	for _, s := range []struct {
		name  string
		value *string
	}{{r.PartitionFieldName, r.PartitionFieldValue}, {r.ByFieldName, r.ByFieldValue}, {r.OverFieldName, r.OverFieldValue}} {
		if s.value != nil {
			parts = append(parts, s.name+"="+*s.value)
		}
	}
	return strings.Join(parts, " ")
}

func values(list []float64) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = number(v)
	}
	return strings.Join(parts, ",")
}

func newSnapshot() *cobra.Command {
	list := &cobra.Command{Use: "list JOB", Short: "List a job's model snapshots, the newest first", Args: exactly("a job")}
	connect, form := serverFlag(list), outputFlag(list)
	list.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		all, err := c.GetModelSnapshots(cmd.Context(), client.GetModelSnapshotsRequest{JobID: args[0]})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, s := range all.ModelSnapshots {
			rows = append(rows, []string{s.SnapshotID, wire.FormatTime(int64(s.Timestamp)), when(s.LatestRecordTimeStamp), fmt.Sprint(s.Retain), s.Description})
		}
		return show(cmd, *form, all, []string{"SNAPSHOT", "TAKEN", "NEWEST RECORD", "RETAIN", "DESCRIPTION"}, rows)
	})
	revert := &cobra.Command{Use: "revert JOB SNAPSHOT", Short: "Make a closed job's model what it was at a snapshot", Args: exactly("a job", "a snapshot")}
	connectRevert := serverFlag(revert)
	drop := revert.Flags().Bool("delete-results", false, "remove the results since then, so that the time can be sent again")
	revert.RunE = connectRevert(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.RevertModelSnapshot(cmd.Context(), client.RevertModelSnapshotRequest{JobID: args[0], SnapshotID: args[1], DeleteResults: *drop}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "job %s is as it was at snapshot %s\n", args[0], args[1])
		return err
	})
	remove := &cobra.Command{Use: "delete JOB SNAPSHOT", Short: "Delete a model snapshot that is not the active one", Args: exactly("a job", "a snapshot")}
	connectRemove := serverFlag(remove)
	remove.RunE = connectRemove(func(cmd *cobra.Command, c *client.Client, args []string) error {
		_, err := c.DeleteModelSnapshot(cmd.Context(), client.DeleteModelSnapshotRequest{JobID: args[0], SnapshotID: args[1]})
		return err
	})
	return group("snapshot", "List, revert to and delete model snapshots", list, revert, remove)
}

func newCalendar() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List calendars with their jobs and events", Args: exactly()}
	connect, form := serverFlag(list), outputFlag(list)
	list.RunE = connect(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		all, err := c.GetCalendars(cmd.Context(), client.GetCalendarsRequest{})
		if err != nil {
			return err
		}
		events, err := c.GetEvents(cmd.Context(), client.GetEventsRequest{})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, x := range all.Calendars {
			rows = append(rows, []string{x.CalendarID, strings.Join(x.JobIDs, ","), "", x.Description})
			for _, e := range events.Events {
				if e.CalendarID == x.CalendarID {
					rows = append(rows, []string{"", "", wire.FormatTime(int64(e.StartTime)) + " to " + wire.FormatTime(int64(e.EndTime)), e.Description})
				}
			}
		}
		return show(cmd, *form, map[string]any{"calendars": all.Calendars, "events": events.Events}, []string{"CALENDAR", "JOBS", "EVENT", "DESCRIPTION"}, rows)
	})
	create := &cobra.Command{Use: "create CALENDAR", Short: "Make a calendar for jobs or groups", Args: exactly("a calendar")}
	connectCreate := serverFlag(create)
	jobs := create.Flags().StringSlice("job", nil, "job or group that its events count for; may be repeated")
	create.RunE = connectCreate(func(cmd *cobra.Command, c *client.Client, args []string) error {
		_, err := c.PutCalendar(cmd.Context(), client.PutCalendarRequest{CalendarID: args[0], Calendar: wire.Calendar{JobIDs: append([]string{}, *jobs...)}})
		return err
	})
	event := &cobra.Command{Use: "event CALENDAR DESCRIPTION", Short: "Add an event: a time in which what happens is expected", Args: exactly("a calendar", "a description")}
	connectEvent := serverFlag(event)
	from, to := event.Flags().String("from", "", "`time` it begins (required)"), event.Flags().String("to", "", "`time` it ends (required)")
	event.RunE = connectEvent(func(cmd *cobra.Command, c *client.Client, args []string) error {
		start, err := wire.ParseTime("--from", *from, time.Now())
		if err != nil {
			return usageError{err}
		}
		end, err := wire.ParseTime("--to", *to, time.Now())
		if err != nil {
			return usageError{err}
		}
		_, err = c.PostEvents(cmd.Context(), client.PostEventsRequest{CalendarID: args[0], Events: []wire.CalendarEvent{
			{Description: args[1], StartTime: wire.Millis(start), EndTime: wire.Millis(end)}}})
		return err
	})
	remove := &cobra.Command{Use: "delete CALENDAR", Short: "Delete a calendar with its events", Args: exactly("a calendar")}
	connectRemove := serverFlag(remove)
	remove.RunE = connectRemove(func(cmd *cobra.Command, c *client.Client, args []string) error {
		_, err := c.DeleteCalendar(cmd.Context(), client.DeleteCalendarRequest{CalendarID: args[0]})
		return err
	})
	return group("calendar", "Calendars of expected events", list, create, event, remove)
}

func newDatafeed() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List datafeeds with their state", Args: exactly()}
	connect, form := serverFlag(list), outputFlag(list)
	list.RunE = connect(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		all, err := c.GetDatafeedStats(cmd.Context(), client.GetDatafeedStatsRequest{})
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range all.Datafeeds {
			d := &all.Datafeeds[i]
			rows = append(rows, []string{d.DatafeedID, d.TimingStats.JobID, d.State, fmt.Sprint(d.TimingStats.SearchCount), d.AssignmentExplanation})
		}
		return show(cmd, *form, all, []string{"DATAFEED", "JOB", "STATE", "SEARCHES", "TROUBLE"}, rows)
	})
	create := &cobra.Command{Use: "create DATAFEED", Short: "Make a datafeed from a configuration", Args: exactly("a datafeed"),
		Example: "  echo '{\"job_id\":\"sales\",\"indices\":[\"shop-*\"]}' | tidemark datafeed create sales-feed -f -"}
	connectCreate := serverFlag(create)
	file := create.Flags().StringP("file", "f", "-", "`file` with the configuration, as JSON; - is stdin")
	create.RunE = connectCreate(func(cmd *cobra.Command, c *client.Client, args []string) error {
		raw, err := readAll(cmd, *file)
		if err == nil {
			_, err = c.PutDatafeed(cmd.Context(), client.PutDatafeedRequest{DatafeedID: args[0], Raw: raw})
		}
		return err
	})
	start := &cobra.Command{Use: "start DATAFEED", Short: "Let a datafeed search; its job is opened if need be", Args: exactly("a datafeed")}
	connectStart := serverFlag(start)
	from, to := start.Flags().String("start", "", "first `time`"), start.Flags().String("end", "", "`time` to stop at")
	start.RunE = connectStart(func(cmd *cobra.Command, c *client.Client, args []string) error {
		r := client.StartDatafeedRequest{DatafeedID: args[0]}
		for _, t := range []struct {
			flag, value string
			to          *time.Time
		}{{"--start", *from, &r.Start}, {"--end", *to, &r.End}} {
			if t.value == "" {
				continue
			}
			ms, err := wire.ParseTime(t.flag, t.value, time.Now())
			if err != nil {
				return usageError{err}
			}
			*t.to = time.UnixMilli(ms)
		}
		return startFeed(cmd.Context(), c, r)
	})
	short := map[string]string{"stop": "Stop a datafeed and wait for the batch in hand", "delete": "Delete a datafeed", "preview": "Print the first records that a datafeed would find"}
	one := func(name string, do func(ctx context.Context, c *client.Client, id string, out io.Writer) error) *cobra.Command {
		cmd := &cobra.Command{Use: name + " DATAFEED", Short: short[name], Args: exactly("a datafeed")}
		connect := serverFlag(cmd)
		cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
			return do(cmd.Context(), c, args[0], cmd.OutOrStdout())
		})
		return cmd
	}
	return group("datafeed", "Datafeeds: what is searched for a job's data", list, create, start,
		one("stop", func(ctx context.Context, c *client.Client, id string, _ io.Writer) error {
			_, err := c.StopDatafeed(ctx, client.StopDatafeedRequest{IDs: id})
			return err
		}),
		one("delete", func(ctx context.Context, c *client.Client, id string, _ io.Writer) error {
			_, err := c.DeleteDatafeed(ctx, client.DeleteDatafeedRequest{DatafeedID: id})
			return err
		}),
		one("preview", func(ctx context.Context, c *client.Client, id string, out io.Writer) error {
			list, err := c.PreviewDatafeed(ctx, client.PreviewDatafeedRequest{DatafeedID: id})
			if err != nil {
				return err
			}
			for _, v := range *list {
				fmt.Fprintf(out, "%s\n", v)
			}
			return nil
		}))
}

// startFeed opens a datafeed's job if it is closed, and starts it.
func startFeed(ctx context.Context, c *client.Client, r client.StartDatafeedRequest) error {
	list, err := c.GetDatafeeds(ctx, client.GetDatafeedsRequest{IDs: r.DatafeedID})
	if err != nil {
		return err
	}
	if len(list.Datafeeds) != 1 {
		return fmt.Errorf("%q stands for %d datafeeds; name one", r.DatafeedID, len(list.Datafeeds))
	}
	_, err = c.OpenJob(ctx, client.OpenJobRequest{JobID: list.Datafeeds[0].JobID})
	var refused *client.Error
	if err != nil && !(errors.As(err, &refused) && refused.Status == 409) {
		return err
	}
	_, err = c.StartDatafeed(ctx, r)
	return err
}
