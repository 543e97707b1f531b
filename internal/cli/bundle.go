package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/internal/bundle"
)

func newExport() *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: "Print jobs, datafeeds, calendars and filters as JSON, for import or apply", Args: exactly(),
		Example: "  tidemark export > everything.json\n  tidemark export --jobs 'web-*' --kibana > for-kibana.json"}
	connect := serverFlag(cmd)
	jobs := cmd.Flags().String("jobs", "", "only the jobs that match a `pattern`, with what belongs to them")
	kibana := cmd.Flags().Bool("kibana", false, "only jobs and datafeeds, as Kibana imports them")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		all, err := bundle.Fetch(cmd.Context(), c)
		if err != nil {
			return err
		}
		if *jobs != "" {
			all = all.Choose(*jobs)
		}
		if *kibana {
			return printJSON(cmd.OutOrStdout(), all.Pairs())
		}
		return printJSON(cmd.OutOrStdout(), all)
	})
	return cmd
}

// newApply is "apply", or "plan", which changes nothing.
func newApply(plan bool) *cobra.Command {
	use, short, more := "apply", "Bring the server to what files say: make what is missing, change what differs",
		"\n\nWhat the files do not mention stays as it is, and so do members that they leave out. What the\n"+
			"server refuses is said with the reason, the rest is done, and the exit status is 1."
	if plan {
		use, short, more = "plan", "Print what apply would do, and change nothing", ""
	}
	cmd := &cobra.Command{Use: use + " -f PATH...", Short: short, Args: exactly(),
		Long: short + ".\n\nFiles are JSON or YAML: what 'tidemark export' or Kibana wrote, answers of the API, or single\n" +
			"configurations of jobs, datafeeds, calendars (with their events) and filters. Of a folder, all\n" +
			".json, .yaml and .yml files below it are read." + more,
		Example: "  tidemark " + use + " -f jobs/\n  tidemark export | tidemark " + use + " -f - --server http://other:7270"}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	files := cmd.Flags().StringArrayP("file", "f", nil, "`path` of a file or folder; - is stdin; may be repeated (required)")
	status := new(bool)
	if plan {
		status = cmd.Flags().Bool("exit-code", false, "exit with status 3 if there is something to do")
	}
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		if len(*files) == 0 {
			return usageError{errors.New("--file is required")}
		}
		want, err := bundle.Read(*files, cmd.InOrStdin())
		if err != nil {
			return err
		}
		changes, err := bring(cmd.Context(), c, want, false, plan)
		if err != nil {
			return err
		}
		if err := printChanges(cmd.OutOrStdout(), *form, changes, plan); err != nil {
			return err
		}
		if todo := bundle.Count(changes, bundle.Create) + bundle.Count(changes, bundle.Update); *status && todo > 0 {
			return foundError{fmt.Errorf("%d changes are to be made", todo)}
		}
		return nil
	})
	return cmd
}

// bring compares a server with what is wanted and, unless dry, changes it.
func bring(ctx context.Context, c *client.Client, want *bundle.Set, keep, dry bool) ([]*bundle.Change, error) {
	have, err := bundle.Fetch(ctx, c)
	if err != nil {
		return nil, err
	}
	changes := bundle.Plan(c, have, want, keep)
	if dry {
		return changes, bundle.Check(ctx, c, have, want, changes)
	}
	return changes, bundle.Do(ctx, changes)
}

// printChanges says what was done to what, and ends in an error if something was
// refused.
func printChanges(out io.Writer, form form, changes []*bundle.Change, dry bool) error {
	refused := bundle.Count(changes, bundle.Refused)
	if form == "json" {
		if err := printJSON(out, map[string]any{"changes": changes}); err != nil {
			return err
		}
	} else {
		for _, x := range changes {
			fmt.Fprintf(out, "%-9s  %-8s  %s\n", x.Action, x.Kind, x.ID)
			for _, d := range x.Differences {
				fmt.Fprintf(out, "    %s\n", difference(&d))
			}
			for _, note := range x.Notes {
				fmt.Fprintf(out, "    %s\n", clean(note))
			}
		}
		will := "created, %d changed"
		if dry {
			will = "to create, %d to change"
		}
		fmt.Fprintf(out, "\n%d "+will+", %d left as they are, %d refused\n", bundle.Count(changes, bundle.Create), bundle.Count(changes, bundle.Update),
			bundle.Count(changes, bundle.Unchanged)+bundle.Count(changes, bundle.Skipped), refused)
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d were refused, for the reasons above", refused, len(changes))
	}
	return nil
}

// difference writes a difference as a line of a diff.
func difference(d *bundle.Difference) string {
	switch {
	case d.Have == "":
		return clean("+ " + d.Path + ": " + d.Want)
	case d.Want == "":
		return clean("- " + d.Path + ": " + d.Have)
	}
	return clean("~ " + d.Path + ": " + d.Have + " -> " + d.Want)
}

// importFlags are the flags of import.
type importFlags struct {
	source                access
	jobs, remote          string
	dry                   bool
	backfill              time.Duration
	fromUser, fromKey     string
	fromCA                string
	fromInsecure, noWatch bool
}

func newImport() *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use: "import [FILE...]", Short: "Take jobs from files, or from another server over its API",
		Long: "Take jobs, datafeeds, calendars with their events, and filters from files that export or Kibana\n" +
			"wrote, or with --from from a running server of this API, which is only read. What exists here\n" +
			"already is left as it is. Datafeeds taken --from a server go on searching it: start this\n" +
			"server with 'tidemark serve --remote NAME=URL' and say --remote NAME. With --backfill the jobs\n" +
			"are opened and their datafeeds read that much of the past before they go on. Results and\n" +
			"models of the old server stay there.\n\n" +
			"The table says what was taken, changed and refused, and why.",
		Example: "  tidemark import jobs.json --dry-run\n  tidemark import --from https://search.example:9200 --from-user me:secret --jobs 'web-*' --backfill 28d",
	}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.source.server, "from", "", "`URL` of the server to take from")
	flags.StringVar(&f.fromUser, "from-user", "", "`NAME:PASSWORD` there (environment: TIDEMARK_FROM_USER)")
	flags.StringVar(&f.fromKey, "from-api-key", "", "API `KEY` there (environment: TIDEMARK_FROM_API_KEY)")
	flags.StringVar(&f.fromCA, "from-cacert", "", "`file` with the certificates to trust there, PEM")
	flags.BoolVar(&f.fromInsecure, "from-insecure", false, "do not check that server's certificate")
	flags.StringVar(&f.jobs, "jobs", "*", "`pattern` of the jobs to take, with what belongs to them")
	flags.StringVar(&f.remote, "remote", "origin", "with --from: `name` by which this server knows that one")
	flags.BoolVar(&f.dry, "dry-run", false, "only print what would be done")
	flags.Var(&span{&f.backfill}, "backfill", "open the jobs and let their datafeeds begin this long ago, such as 28d")
	flags.BoolVar(&f.noWatch, "no-wait", false, "with --backfill: do not wait until the past is read")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		want, err := f.read(cmd, args)
		if err != nil {
			return err
		}
		if len(want.Resources) == 0 {
			return fmt.Errorf("there is nothing that matches --jobs %q", f.jobs)
		}
		changes, err := bring(cmd.Context(), c, want, true, f.dry)
		if err != nil {
			return err
		}
		printErr := printChanges(cmd.OutOrStdout(), *form, changes, f.dry)
		if f.backfill == 0 || f.dry {
			return printErr
		}
		return errors.Join(printErr, f.fill(cmd, c, changes))
	})
	return cmd
}

// read reads what is to be imported.
func (f *importFlags) read(cmd *cobra.Command, args []string) (*bundle.Set, error) {
	if (f.source.server == "") == (len(args) == 0) {
		return nil, usageError{errors.New("give files or --from URL, one of the two")}
	}
	if len(args) > 0 {
		all, err := bundle.Read(args, cmd.InOrStdin())
		if err != nil || f.jobs == "*" {
			return all, err
		}
		return all.Choose(f.jobs), nil
	}
	u, err := url.Parse(f.source.server)
	if err != nil {
		return nil, usageError{fmt.Errorf("--from %q is no URL; give one such as https://host:9200", f.source.server)}
	}
	user, key := f.fromUser, f.fromKey
	if user == "" && key == "" {
		user, key = environment("TIDEMARK_FROM_USER", ""), environment("TIDEMARK_FROM_API_KEY", "")
	}
	header, err := authorization(u, user, key)
	if err != nil {
		return nil, usageError{err}
	}
	u.User = nil
	opt := client.Options{Header: header}
	if opt.HTTP, err = transport("", &access{authority: f.fromCA, insecure: f.fromInsecure}); err != nil {
		return nil, err
	}
	source, err := client.New(u.String(), opt)
	if err != nil {
		return nil, usageError{err}
	}
	defer source.Close()
	all, err := bundle.Fetch(cmd.Context(), source)
	if err != nil {
		return nil, fromError(err, u)
	}
	chosen := all.Choose(f.jobs)
	chosen.PointBack(f.remote)
	return chosen, nil
}

// fromError says that it was the other server that failed, and what helps.
func fromError(err error, u *url.URL) error {
	text := strings.TrimPrefix(err.Error(), "tidemark: ")
	if isStatus(err, http.StatusUnauthorized) || isStatus(err, http.StatusForbidden) {
		text += ". Say who you are there with --from-user or --from-api-key; reading needs the privilege manage_ml"
	}
	return fmt.Errorf("from %s: %s", u.Host, text)
}

// fill opens the jobs that were made and lets their datafeeds read the past.
func (f *importFlags) fill(cmd *cobra.Command, c *client.Client, changes []*bundle.Change) error {
	start := time.Now().Add(-f.backfill)
	var failed []error
	var started []string
	for _, x := range changes {
		if x.Kind != bundle.Datafeed || x.Action != bundle.Create {
			continue
		}
		if err := startFeed(cmd, c, client.StartDatafeedRequest{DatafeedID: x.ID, Start: start}); err != nil {
			failed = append(failed, err)
			continue
		}
		started = append(started, x.ID)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%d datafeeds read from %s on\n", len(started), start.UTC().Format(clock+" UTC"))
	if len(started) > 0 && !f.noWatch {
		failed = append(failed, watchFeeds(cmd, c, started, start, time.Time{}))
	}
	return errors.Join(failed...)
}
