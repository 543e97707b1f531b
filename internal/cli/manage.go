package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/internal/match"
	"tidemark/wire"
)

// bundle is a set of jobs with what belongs to them, as it is exported. The list of
// jobs alone is what Kibana exports.
type bundle struct {
	Filters   []wire.Filter        `json:"filters,omitempty"`
	Calendars []wire.Calendar      `json:"calendars,omitempty"`
	Events    []wire.CalendarEvent `json:"events,omitempty"`
	Jobs      []bundledJob         `json:"jobs"`
}

// bundledJob is a job with its datafeed.
type bundledJob struct {
	Job      jsontext.Value `json:"job"`
	Datafeed jsontext.Value `json:"datafeed,omitzero"`
	id, feed string
}

// parseBundle reads an export, or a list of jobs with their datafeeds.
func parseBundle(raw []byte) (*bundle, error) {
	b := &bundle{}
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		err = json.Unmarshal(raw, &b.Jobs)
	} else {
		err = json.Unmarshal(raw, b)
	}
	if err != nil {
		return nil, fmt.Errorf("this is no export of jobs: %w", err)
	}
	for i := range b.Jobs {
		j := &b.Jobs[i]
		var named struct {
			JobID string `json:"job_id"`
		}
		if err := json.Unmarshal(j.Job, &named); err != nil || named.JobID == "" {
			return nil, fmt.Errorf("job %d of the export has no job_id", i+1)
		}
		j.id = named.JobID
		var feed struct {
			DatafeedID string `json:"datafeed_id"`
		}
		if len(j.Datafeed) > 0 && json.Unmarshal(j.Datafeed, &feed) == nil {
			j.feed = feed.DatafeedID
			if j.feed == "" {
				j.feed = "datafeed-" + j.id
			}
		}
	}
	return b, nil
}

// fetch reads jobs and what belongs to them from a server.
func fetch(ctx context.Context, c *client.Client, pattern string) (*bundle, error) {
	b := &bundle{}
	list, err := c.GetJobs(ctx, client.GetJobsRequest{IDs: pattern, ExcludeGenerated: true})
	if err != nil {
		return nil, err
	}
	feeds, err := c.GetDatafeeds(ctx, client.GetDatafeedsRequest{})
	if err != nil {
		return nil, err
	}
	for _, j := range list.Jobs {
		one := bundledJob{id: j.JobID}
		for _, f := range feeds.Datafeeds {
			if f.JobID == j.JobID {
				if one.Datafeed, err = json.Marshal(&f); err != nil {
					return nil, err
				}
				one.feed = f.DatafeedID
			}
		}
		j.DatafeedConfig = nil
		if one.Job, err = json.Marshal(j); err != nil {
			return nil, err
		}
		b.Jobs = append(b.Jobs, one)
	}
	filters, err := c.GetFilters(ctx, client.GetFiltersRequest{Page: client.Page{Size: new(wire.MaxPage)}})
	if err != nil {
		return nil, err
	}
	calendars, err := c.GetCalendars(ctx, client.GetCalendarsRequest{})
	if err != nil {
		return nil, err
	}
	events, err := c.GetEvents(ctx, client.GetEventsRequest{Page: client.Page{Size: new(wire.MaxPage)}})
	if err != nil {
		return nil, err
	}
	b.Filters, b.Calendars, b.Events = filters.Filters, calendars.Calendars, events.Events
	return b, nil
}

func newExport() *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: "Print jobs, datafeeds, calendars and filters as JSON, for import or apply", Args: exactly()}
	connect := serverFlag(cmd)
	jobs := cmd.Flags().String("jobs", "*", "`pattern` of the jobs")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		b, err := fetch(cmd.Context(), c, *jobs)
		if err != nil {
			return err
		}
		return printJSON(cmd.OutOrStdout(), b)
	})
	return cmd
}

// change is one step towards a bundle, with what became of it.
type change struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Result  string `json:"result"`
	Because string `json:"because,omitzero"`
}

// applier brings a server to what a bundle says.
type applier struct {
	c    *client.Client
	plan bool
	// update changes what exists; without it that is left alone.
	update bool
	done   []change
}

// step does one thing and notes what became of it.
func (a *applier) step(kind, id, result string, do func() error) bool {
	x := change{Kind: kind, ID: id, Result: result}
	if !a.plan {
		if err := do(); err != nil {
			x.Result, x.Because = "refused", oneLine(err)
		}
	}
	a.done = append(a.done, x)
	return x.Result != "refused"
}

func (a *applier) same(kind, id string) {
	a.done = append(a.done, change{Kind: kind, ID: id, Result: "unchanged"})
}

// apply makes what is missing and, if asked, changes what differs. Filters come
// first, since jobs name them.
func (a *applier) apply(ctx context.Context, b *bundle) error {
	have, err := fetch(ctx, a.c, "*")
	if err != nil {
		return err
	}
	for _, f := range b.Filters {
		a.filter(ctx, have, f)
	}
	for i := range b.Jobs {
		if err := a.job(ctx, have, &b.Jobs[i]); err != nil {
			return err
		}
	}
	for _, c := range b.Calendars {
		a.calendar(ctx, have, b, c)
	}
	return nil
}

func (a *applier) filter(ctx context.Context, have *bundle, f wire.Filter) {
	for _, old := range have.Filters {
		if old.FilterID == f.FilterID {
			a.same("filter", f.FilterID)
			return
		}
	}
	a.step("filter", f.FilterID, "create", func() error {
		_, err := a.c.PutFilter(ctx, client.PutFilterRequest{FilterID: f.FilterID, Filter: f})
		return err
	})
}

func (a *applier) calendar(ctx context.Context, have, want *bundle, x wire.Calendar) {
	for _, old := range have.Calendars {
		if old.CalendarID == x.CalendarID {
			a.same("calendar", x.CalendarID)
			return
		}
	}
	var events []wire.CalendarEvent
	for _, e := range want.Events {
		if e.CalendarID == x.CalendarID {
			e.EventID = ""
			events = append(events, e)
		}
	}
	a.step("calendar", x.CalendarID, "create", func() error {
		if _, err := a.c.PutCalendar(ctx, client.PutCalendarRequest{CalendarID: x.CalendarID, Calendar: x}); err != nil {
			return err
		}
		if len(events) == 0 {
			return nil
		}
		_, err := a.c.PostEvents(ctx, client.PostEventsRequest{CalendarID: x.CalendarID, Events: events})
		return err
	})
}

// changeable are the members of a job that an update may change.
var changeable = []string{"description", "groups", "custom_settings", "model_snapshot_retention_days", "daily_model_snapshot_retention_after_days",
	"results_retention_days", "renormalization_window_days", "background_persist_interval", "allow_lazy_open", "model_plot_config"}

func (a *applier) job(ctx context.Context, have *bundle, j *bundledJob) error {
	var old *bundledJob
	for i := range have.Jobs {
		if have.Jobs[i].id == j.id {
			old = &have.Jobs[i]
		}
	}
	if old == nil {
		var w wire.Job
		if err := json.Unmarshal(j.Job, &w); err != nil {
			return fmt.Errorf("job [%s]: %w", j.id, err)
		}
		if !a.step("job", j.id, "create", func() error {
			_, err := a.c.PutJob(ctx, client.PutJobRequest{JobID: j.id, Job: w})
			return err
		}) {
			return nil
		}
	} else if err := a.difference(ctx, old, j); err != nil {
		return err
	}
	if len(j.Datafeed) == 0 {
		return nil
	}
	if old != nil && old.feed != "" {
		a.same("datafeed", j.feed)
		return nil
	}
	var tree map[string]any
	if err := json.Unmarshal(j.Datafeed, &tree); err != nil {
		return fmt.Errorf("datafeed of job [%s]: %w", j.id, err)
	}
	tree["job_id"], tree["datafeed_id"] = j.id, j.feed
	delete(tree, "authorization")
	a.step("datafeed", j.feed, "create", func() error {
		raw, err := json.Marshal(tree, json.Deterministic(true))
		if err == nil {
			_, err = a.c.PutDatafeed(ctx, client.PutDatafeedRequest{DatafeedID: j.feed, Raw: raw})
		}
		return err
	})
	return nil
}

// difference updates a job in what may change, and says what may not.
func (a *applier) difference(ctx context.Context, old, j *bundledJob) error {
	var have, want map[string]any
	if err := json.Unmarshal(old.Job, &have); err != nil {
		return err
	}
	if err := json.Unmarshal(j.Job, &want); err != nil {
		return err
	}
	update := map[string]any{}
	for _, name := range changeable {
		if v, given := want[name]; given && !equalJSON(v, have[name]) {
			update[name] = v
		}
	}
	if !equalParts(want["analysis_config"], have["analysis_config"]) || !equalParts(want["data_description"], have["data_description"]) {
		a.done = append(a.done, change{"job", j.id, "refused", "analysis_config or data_description differ, which a job cannot change; give the new one another name, or delete the old one"})
		return nil
	}
	if len(update) == 0 || !a.update {
		a.same("job", j.id)
		return nil
	}
	a.step("job", j.id, "update", func() error {
		raw, err := json.Marshal(update, json.Deterministic(true))
		if err == nil {
			_, err = a.c.UpdateJob(ctx, client.UpdateJobRequest{JobID: j.id, Raw: raw})
		}
		return err
	})
	return nil
}

func equalJSON(a, b any) bool {
	x, errX := json.Marshal(a, json.Deterministic(true))
	y, errY := json.Marshal(b, json.Deterministic(true))
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// equalParts compares what is wanted with what is there; what is not wanted may be
// a default of the server.
func equalParts(want, have any) bool {
	w, isObject := want.(map[string]any)
	if list, isList := want.([]any); isList {
		other, _ := have.([]any)
		if len(list) != len(other) {
			return false
		}
		for i := range list {
			if !equalParts(list[i], other[i]) {
				return false
			}
		}
		return true
	}
	if !isObject {
		return equalJSON(want, have)
	}
	h, _ := have.(map[string]any)
	for name, v := range w { // order-free: all must be equal
		if !equalParts(v, h[name]) {
			return false
		}
	}
	return true
}

// finish prints what was done.
func (a *applier) finish(cmd *cobra.Command, form string) error {
	var rows [][]string
	refused := 0
	for _, x := range a.done {
		rows = append(rows, []string{x.Kind, x.ID, x.Result, x.Because})
		if x.Result == "refused" {
			refused++
		}
	}
	if err := show(cmd, form, a.done, []string{"KIND", "ID", "RESULT", "BECAUSE"}, rows); err != nil {
		return err
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d were refused", refused, len(a.done))
	}
	return nil
}

// newApply is "apply", or "plan", which changes nothing.
func newApply(plan bool) *cobra.Command {
	use, short := "apply", "Bring the server to what a file says: make what is missing, change what differs"
	if plan {
		use, short = "plan", "Print what apply would do"
	}
	cmd := &cobra.Command{Use: use, Short: short, Args: exactly()}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	file := cmd.Flags().StringP("file", "f", "", "`file` with jobs, datafeeds, calendars and filters, as export prints it; - is stdin (required)")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		if *file == "" {
			return usageError{errors.New("--file is required")}
		}
		raw, err := readAll(cmd, *file)
		if err != nil {
			return err
		}
		b, err := parseBundle(raw)
		if err != nil {
			return err
		}
		a := &applier{c: c, plan: plan, update: true}
		if err := a.apply(cmd.Context(), b); err != nil {
			return err
		}
		return a.finish(cmd, *form)
	})
	return cmd
}

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import [FILE]", Short: "Take jobs from a file, or from another server over its API",
		Long: "Take jobs, datafeeds, calendars and filters from a file that export or Kibana wrote, or from a\n" +
			"running server of this API, which is only read. Datafeeds then search that server through\n" +
			"the remote cluster that --remote names (see 'tidemark serve --remote').",
		Example: "  tidemark import jobs.json\n  tidemark import --from https://user:password@search.example:9200 --jobs 'web-*' --remote origin --backfill 28d",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("it takes one file")}
			}
			return nil
		},
	}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	flags := cmd.Flags()
	from := flags.String("from", "", "`URL` of the server to take jobs from")
	jobs := flags.String("jobs", "*", "`pattern` of the jobs to take")
	remote := flags.String("remote", "", "`name` of the remote cluster through which datafeeds search their old indices")
	dry := flags.Bool("dry-run", false, "only print what would be done")
	backfill := flags.String("backfill", "", "open the jobs and start their datafeeds this `time` ago, such as 28d")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		b, err := importSource(cmd, args, *from, *jobs)
		if err != nil {
			return err
		}
		chosen := b.Jobs[:0]
		for _, j := range b.Jobs {
			if match.Pattern(*jobs, j.id) {
				chosen = append(chosen, j)
			}
		}
		b.Jobs = chosen
		if *remote != "" {
			if err := pointBack(b, *remote); err != nil {
				return err
			}
		}
		a := &applier{c: c, plan: *dry}
		if err := a.apply(cmd.Context(), b); err != nil {
			return err
		}
		if *backfill != "" {
			ago, err := wire.ParseDuration("--backfill", *backfill)
			if err != nil {
				return usageError{err}
			}
			a.backfill(cmd.Context(), b, time.Now().Add(-ago))
		}
		return a.finish(cmd, *form)
	})
	return cmd
}

// importSource reads what is to be imported.
func importSource(cmd *cobra.Command, args []string, from, jobs string) (*bundle, error) {
	if (from == "") == (len(args) == 0) {
		return nil, usageError{errors.New("give a file or --from URL, one of them")}
	}
	if from == "" {
		raw, err := readAll(cmd, args[0])
		if err != nil {
			return nil, err
		}
		return parseBundle(raw)
	}
	u, err := url.Parse(from)
	if err != nil {
		return nil, usageError{fmt.Errorf("--from %q is no URL", from)}
	}
	opt := client.Options{Header: http.Header{}}
	if u.User != nil {
		password, _ := u.User.Password()
		opt.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		u.User = nil
	}
	source, err := client.New(u.String(), opt)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	return fetch(cmd.Context(), source, jobs)
}

// pointBack makes datafeeds search the indices of a remote cluster.
func pointBack(b *bundle, remote string) error {
	for i := range b.Jobs {
		if len(b.Jobs[i].Datafeed) == 0 {
			continue
		}
		var tree map[string]any
		if err := json.Unmarshal(b.Jobs[i].Datafeed, &tree); err != nil {
			return err
		}
		for _, name := range []string{"indices", "indexes"} {
			list, _ := tree[name].([]any)
			for n, v := range list {
				if text, ok := v.(string); ok && !strings.Contains(text, ":") {
					list[n] = remote + ":" + text
				}
			}
		}
		var err error
		if b.Jobs[i].Datafeed, err = json.Marshal(tree, json.Deterministic(true)); err != nil {
			return err
		}
	}
	return nil
}

// backfill opens the jobs that were made and starts their datafeeds.
func (a *applier) backfill(ctx context.Context, b *bundle, start time.Time) {
	made := map[string]bool{}
	for _, x := range a.done {
		made[x.ID] = made[x.ID] || x.Kind == "datafeed" && x.Result == "create"
	}
	for _, j := range b.Jobs {
		if made[j.feed] {
			a.step("start", j.feed, "started", func() error {
				return startFeed(ctx, a.c, client.StartDatafeedRequest{DatafeedID: j.feed, Start: start})
			})
		}
	}
}
