package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tidemark/client"
)

// completeTimeout bounds what a shell waits for.
const completeTimeout = 2 * time.Second

// ids lists what a word of a command's usage may be, with a description each.
type ids func(context.Context, *client.Client) (names, about []string, err error)

// completions say what can stand for the words in commands' usages.
var completions = map[string]ids{
	"JOB": func(ctx context.Context, c *client.Client) (names, about []string, err error) {
		list, err := c.GetJobs(ctx, client.GetJobsRequest{})
		if err != nil {
			return nil, nil, err
		}
		for _, j := range list.Jobs {
			names, about = append(names, j.JobID), append(about, j.Description)
		}
		return names, about, nil
	},
	"DATAFEED": func(ctx context.Context, c *client.Client) (names, about []string, err error) {
		list, err := c.GetDatafeeds(ctx, client.GetDatafeedsRequest{})
		if err != nil {
			return nil, nil, err
		}
		for i := range list.Datafeeds {
			names, about = append(names, list.Datafeeds[i].DatafeedID), append(about, "of job "+list.Datafeeds[i].JobID)
		}
		return names, about, nil
	},
	"CALENDAR": func(ctx context.Context, c *client.Client) (names, about []string, err error) {
		list, err := c.GetCalendars(ctx, client.GetCalendarsRequest{})
		if err != nil {
			return nil, nil, err
		}
		for i := range list.Calendars {
			names, about = append(names, list.Calendars[i].CalendarID), append(about, list.Calendars[i].Description)
		}
		return names, about, nil
	},
	"FILTER": func(ctx context.Context, c *client.Client) (names, about []string, err error) {
		list, err := c.GetFilters(ctx, client.GetFiltersRequest{})
		if err != nil {
			return nil, nil, err
		}
		for i := range list.Filters {
			names, about = append(names, list.Filters[i].FilterID), append(about, list.Filters[i].Description)
		}
		return names, about, nil
	},
}

// snapshotsOf completes the word SNAPSHOT, which depends on the job before it.
func snapshotsOf(job string) ids {
	return func(ctx context.Context, c *client.Client) (names, about []string, err error) {
		list, err := c.GetModelSnapshots(ctx, client.GetModelSnapshotsRequest{JobID: job})
		if err != nil {
			return nil, nil, err
		}
		for i := range list.ModelSnapshots {
			s := &list.ModelSnapshots[i]
			names, about = append(names, s.SnapshotID), append(about, s.Timestamp.String()+" "+s.Description)
		}
		return names, about, nil
	}
}

// completeArguments lets a shell complete the arguments of commands by what their
// usages call them.
func completeArguments(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		completeArguments(sub)
	}
	words := strings.Fields(cmd.Use)[1:]
	if cmd.ValidArgsFunction != nil || cmd.Flags().Lookup("server") == nil || len(words) == 0 {
		return
	}
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		word := strings.Trim(words[min(len(args), len(words)-1)], "[].")
		if len(args) >= len(words) && !strings.Contains(words[len(words)-1], "...") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		find := completions[word]
		switch {
		case word == "FILE":
			return nil, cobra.ShellCompDirectiveDefault
		case word == "SNAPSHOT" && len(args) > 0:
			find = snapshotsOf(args[0])
		case find == nil:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, find, args, begun)
	}
}

func complete(cmd *cobra.Command, find ids, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	a := &access{}
	for name, to := range map[string]*string{"server": &a.server, "user": &a.user, "api-key": &a.key, "cacert": &a.authority} {
		*to = cmd.Flags().Lookup(name).Value.String()
	}
	a.insecure, _ = cmd.Flags().GetBool("insecure")
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	names, about, err := find(ctx, c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var list []string
	for i, name := range names {
		if !strings.HasPrefix(name, begun) || slices.Contains(args, name) {
			continue
		}
		if text := strings.TrimSpace(about[i]); text != "" {
			name += "\t" + text
		}
		list = append(list, name)
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
