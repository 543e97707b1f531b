package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/wire"
)

// readAll reads a file with JSON, or stdin for "-".
func readAll(cmd *cobra.Command, path string) (jsontext.Value, error) {
	f, err := openFile(cmd.InOrStdin(), path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(f)
	if err == nil && !jsontext.Value(raw).IsValid() {
		err = fmt.Errorf("%s is no valid JSON: %w", path, unmarshal(raw, new(any)))
	}
	return raw, err
}

func unmarshal(raw []byte, to any) error { return json.Unmarshal(raw, to) }

// say prints what was done.
func say(cmd *cobra.Command, format string, args ...any) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}

func newSnapshot() *cobra.Command {
	list := &cobra.Command{Use: "list JOB", Short: "List a job's model snapshots, the newest first", Args: exactly("a job")}
	connect, form := serverFlag(list), outputFlag(list)
	list.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		all, err := c.GetModelSnapshots(cmd.Context(), client.GetModelSnapshotsRequest{JobID: args[0], Page: client.Page{Size: new(wire.MaxPage)}})
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range all.ModelSnapshots {
			s := &all.ModelSnapshots[i]
			kept := "with age"
			if s.Retain {
				kept = "retained"
			}
			rows = append(rows, []string{s.SnapshotID, utc(s.Timestamp), when(s.LatestRecordTimeStamp), kept, clean(s.Description)})
		}
		return form.show(cmd.OutOrStdout(), all, "the job has no snapshots; closing it makes one", []string{"SNAPSHOT", "TAKEN (UTC)", "NEWEST RECORD", "GOES", "DESCRIPTION"}, rows)
	})
	revert := &cobra.Command{Use: "revert JOB SNAPSHOT", Short: "Make a closed job's model what it was at a snapshot", Args: exactly("a job", "a snapshot"),
		Long: "Make a closed job's model what it was at a snapshot; the snapshot \"empty\" is a model that\nhas learned nothing."}
	connectRevert := serverFlag(revert)
	drop := revert.Flags().Bool("delete-results", false, "remove the results since then, so that the time can be sent again")
	revert.RunE = connectRevert(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.RevertModelSnapshot(cmd.Context(), client.RevertModelSnapshotRequest{JobID: args[0], SnapshotID: args[1], DeleteResults: *drop}); err != nil {
			return err
		}
		return say(cmd, "job %s is as it was at snapshot %s", args[0], args[1])
	})
	update := &cobra.Command{Use: "update JOB SNAPSHOT", Short: "Describe a snapshot, or keep it from going with age", Args: exactly("a job", "a snapshot")}
	connectUpdate := serverFlag(update)
	description := update.Flags().String("description", "", "new `text`")
	retain := update.Flags().Bool("retain", false, "keep it; --retain=false lets it go with age")
	update.RunE = connectUpdate(func(cmd *cobra.Command, c *client.Client, args []string) error {
		r := client.UpdateModelSnapshotRequest{JobID: args[0], SnapshotID: args[1]}
		if cmd.Flags().Changed("description") {
			r.Update.Description = description
		}
		if cmd.Flags().Changed("retain") {
			r.Update.Retain = retain
		}
		if r.Update == (wire.ModelSnapshotUpdate{}) {
			return usageError{errors.New("say what changes: --description or --retain")}
		}
		if _, err := c.UpdateModelSnapshot(cmd.Context(), r); err != nil {
			return err
		}
		return say(cmd, "snapshot %s is updated", args[1])
	})
	remove := &cobra.Command{Use: "delete JOB SNAPSHOT", Short: "Delete a model snapshot that is not the active one", Args: exactly("a job", "a snapshot")}
	connectRemove := serverFlag(remove)
	remove.RunE = connectRemove(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.DeleteModelSnapshot(cmd.Context(), client.DeleteModelSnapshotRequest{JobID: args[0], SnapshotID: args[1]}); err != nil {
			return err
		}
		return say(cmd, "snapshot %s is deleted", args[1])
	})
	return group("snapshot", "List, revert to, keep and delete model snapshots", list, revert, update, remove)
}

func newCalendar() *cobra.Command {
	list := &cobra.Command{Use: "list [CALENDAR]", Short: "List calendars with their jobs and events", Args: atMost("a calendar or pattern")}
	connect, form := serverFlag(list), outputFlag(list)
	list.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		all, err := c.GetCalendars(cmd.Context(), client.GetCalendarsRequest{IDs: firstOf(args, "_all")})
		if err != nil {
			return err
		}
		events, err := c.GetEvents(cmd.Context(), client.GetEventsRequest{CalendarIDs: firstOf(args, ""), Page: client.Page{Size: new(wire.MaxPage)}})
		if err != nil {
			return err
		}
		var rows [][]string
		for _, x := range all.Calendars {
			rows = append(rows, []string{x.CalendarID, clean(strings.Join(x.JobIDs, ",")), "", "", clean(x.Description)})
			for i := range events.Events {
				if e := &events.Events[i]; e.CalendarID == x.CalendarID {
					rows = append(rows, []string{"", "", utc(e.StartTime), utc(e.EndTime), clean(e.Description)})
				}
			}
		}
		return form.show(cmd.OutOrStdout(), map[string]any{"calendars": all.Calendars, "events": events.Events},
			"There are no calendars. Make one with 'tidemark calendar create CALENDAR --job JOB'.", []string{"CALENDAR", "JOBS", "FROM (UTC)", "TO (UTC)", "DESCRIPTION"}, rows)
	})
	create := &cobra.Command{Use: "create CALENDAR", Short: "Make a calendar for jobs or groups", Args: exactly("a calendar")}
	connectCreate := serverFlag(create)
	jobs := create.Flags().StringSlice("job", nil, "`job` or group that its events count for; may be repeated")
	description := create.Flags().String("description", "", "`text`")
	create.RunE = connectCreate(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.PutCalendar(cmd.Context(), client.PutCalendarRequest{CalendarID: args[0], Calendar: wire.Calendar{Description: *description, JobIDs: append([]string{}, *jobs...)}}); err != nil {
			return err
		}
		return say(cmd, "calendar %s is created", args[0])
	})
	var from, to time.Time
	event := &cobra.Command{Use: "event CALENDAR DESCRIPTION", Short: "Add an event: a time in which what happens is expected", Args: exactly("a calendar", "a description"),
		Example: "  tidemark calendar event holidays 'New Year' --from 2026-12-31T18:00Z --to 2027-01-01T12:00Z"}
	connectEvent := serverFlag(event)
	timeFlag(event, &from, "from", "`time` it begins (required)")
	timeFlag(event, &to, "to", "`time` it ends (required)")
	event.RunE = connectEvent(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if from.IsZero() || to.IsZero() {
			return usageError{errors.New("--from and --to are required")}
		}
		done, err := c.PostEvents(cmd.Context(), client.PostEventsRequest{CalendarID: args[0], Events: []wire.CalendarEvent{
			{Description: args[1], StartTime: wire.Millis(from.UnixMilli()), EndTime: wire.Millis(to.UnixMilli())}}})
		if err != nil {
			return err
		}
		return say(cmd, "event %s is added", done.Events[0].EventID)
	})
	remove := &cobra.Command{Use: "delete CALENDAR", Short: "Delete a calendar with its events, or one of its events", Args: exactly("a calendar")}
	connectRemove := serverFlag(remove)
	one := remove.Flags().String("event", "", "only the event of this `id` ('calendar list -o json' has them)")
	remove.RunE = connectRemove(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if *one != "" {
			if _, err := c.DeleteEvent(cmd.Context(), client.DeleteEventRequest{CalendarID: args[0], EventID: *one}); err != nil {
				return err
			}
			return say(cmd, "event %s is deleted", *one)
		}
		if _, err := c.DeleteCalendar(cmd.Context(), client.DeleteCalendarRequest{CalendarID: args[0]}); err != nil {
			return err
		}
		return say(cmd, "calendar %s is deleted", args[0])
	})
	add := &cobra.Command{Use: "add CALENDAR JOB", Short: "Let a calendar's events count for one more job or group", Args: exactly("a calendar", "a job")}
	connectAdd := serverFlag(add)
	add.RunE = connectAdd(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.AddCalendarJobs(cmd.Context(), client.AddCalendarJobsRequest{CalendarID: args[0], JobIDs: args[1]}); err != nil {
			return err
		}
		return say(cmd, "calendar %s counts for %s", args[0], args[1])
	})
	take := &cobra.Command{Use: "remove CALENDAR JOB", Short: "Let a calendar's events no longer count for a job or group", Args: exactly("a calendar", "a job")}
	connectTake := serverFlag(take)
	take.RunE = connectTake(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.RemoveCalendarJobs(cmd.Context(), client.RemoveCalendarJobsRequest{CalendarID: args[0], JobIDs: args[1]}); err != nil {
			return err
		}
		return say(cmd, "calendar %s no longer counts for %s", args[0], args[1])
	})
	return group("calendar", "Calendars of expected events", list, create, event, add, take, remove)
}

func newFilter() *cobra.Command {
	list := &cobra.Command{Use: "list [FILTER]", Short: "List filters: the lists of values that rules refer to", Args: atMost("a filter or pattern")}
	connect, form := serverFlag(list), outputFlag(list)
	list.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		all, err := c.GetFilters(cmd.Context(), client.GetFiltersRequest{IDs: firstOf(args, ""), Page: client.Page{Size: new(wire.MaxPage)}})
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range all.Filters {
			f := &all.Filters[i]
			rows = append(rows, []string{f.FilterID, fmt.Sprint(len(f.Items)), clean(f.Description), clean(wire.Clip(strings.Join(f.Items, ", ")))})
		}
		return form.show(cmd.OutOrStdout(), all, "There are no filters. Make one with 'tidemark filter create FILTER --item VALUE'.", []string{"FILTER", "ITEMS", "DESCRIPTION", "VALUES"}, rows)
	})
	create := &cobra.Command{Use: "create FILTER", Short: "Make a filter", Args: exactly("a filter")}
	connectCreate := serverFlag(create)
	items := create.Flags().StringArray("item", nil, "`value` on the list, which may begin or end with *; may be repeated")
	description := create.Flags().String("description", "", "`text`")
	create.RunE = connectCreate(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.PutFilter(cmd.Context(), client.PutFilterRequest{FilterID: args[0], Filter: wire.Filter{Description: *description, Items: append([]string{}, *items...)}}); err != nil {
			return err
		}
		return say(cmd, "filter %s is created", args[0])
	})
	update := &cobra.Command{Use: "update FILTER", Short: "Add values to a filter, and take some off it", Args: exactly("a filter")}
	connectUpdate := serverFlag(update)
	add := update.Flags().StringArray("add", nil, "`value` to add; may be repeated")
	drop := update.Flags().StringArray("remove", nil, "`value` to take off; may be repeated")
	text := update.Flags().String("description", "", "new `text`")
	update.RunE = connectUpdate(func(cmd *cobra.Command, c *client.Client, args []string) error {
		change := wire.FilterChange{AddItems: *add, RemoveItems: *drop}
		if cmd.Flags().Changed("description") {
			change.Description = text
		}
		f, err := c.UpdateFilter(cmd.Context(), client.UpdateFilterRequest{FilterID: args[0], Change: change})
		if err != nil {
			return err
		}
		return say(cmd, "filter %s has %d values", args[0], len(f.Items))
	})
	remove := &cobra.Command{Use: "delete FILTER", Short: "Delete a filter that no job's rules name", Args: exactly("a filter")}
	connectRemove := serverFlag(remove)
	remove.RunE = connectRemove(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if _, err := c.DeleteFilter(cmd.Context(), client.DeleteFilterRequest{FilterID: args[0]}); err != nil {
			return err
		}
		return say(cmd, "filter %s is deleted", args[0])
	})
	return group("filter", "Lists of values that rules refer to", list, create, update, remove)
}

// isStatus reports whether a server refused with a status.
func isStatus(err error, status int) bool {
	var refused *client.Error
	return errors.As(err, &refused) && refused.Status == status
}

// openJob opens a job that may be open already.
func openJob(cmd *cobra.Command, c *client.Client, id string) error {
	_, err := c.OpenJob(cmd.Context(), client.OpenJobRequest{JobID: id})
	if isStatus(err, http.StatusConflict) {
		stats, statsErr := c.GetJobStats(cmd.Context(), client.GetJobStatsRequest{IDs: id})
		if statsErr == nil && len(stats.Jobs) == 1 && stats.Jobs[0].State == wire.StateOpened {
			return nil
		}
	}
	return err
}
