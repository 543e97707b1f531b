// Package cli has the commands of the tidemark binary.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/internal/app"
	"tidemark/wire"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// Main runs the command that the arguments name and returns the process's exit
// status. An error is one line on stderr.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

// usageError is a mistake on the command line rather than while working.
type usageError struct{ error }

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	ran, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &foundError{}):
		fmt.Fprintf(errs, "tidemark: %s\n", oneLine(err))
		return exitFound
	case errors.As(err, &usage):
		fmt.Fprintf(errs, "tidemark: %s\nRun '%s --help' for usage.\n", oneLine(err), ran.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(errs, "tidemark: %s\n", oneLine(err))
	return exitError
}

// oneLine keeps errors that were joined on one line.
func oneLine(err error) string {
	return strings.ReplaceAll(strings.TrimPrefix(err.Error(), "tidemark: "), "\n", "; ")
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tidemark",
		Short: "Watches streams of records and says what is out of the ordinary",
		Long: "Tidemark gathers timestamped records into buckets, learns what is normal for each series,\n" +
			"and reports what is not. Start with 'tidemark demo'.",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newServe(), newVersion(), newDemo(), newDetect(), newBacktest(), newJob(), newPost(),
		newResults(), newSnapshot(), newCalendar(), newDatafeed(), newExport(), newImport(), newApply(false), newApply(true))
	return root
}

// exactly wants n arguments, named for the message.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError{fmt.Errorf("it takes %s, not %d arguments", strings.Join(names, " and "), len(args))}
		}
		return nil
	}
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: exactly(),
		Long: "Print Tidemark's version, the build, and the version of the API it speaks.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "tidemark %s (build %s, API %s)\n", wire.Release, build(), wire.Version)
			return err
		},
	}
}

// build names the source that the binary was made from.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+changes"
		}
	}
	if revision == "" {
		return info.GoVersion
	}
	return revision + changed
}

// command is a command that talks to a server.
type command func(cmd *cobra.Command, c *client.Client, args []string) error

// serverFlag adds the flag that says which server a command talks to, and
// returns what connects it.
func serverFlag(cmd *cobra.Command) func(command) func(*cobra.Command, []string) error {
	fallback := "http://" + app.DefaultListen
	if address := os.Getenv("TIDEMARK_SERVER"); address != "" {
		fallback = address
	}
	address := cmd.Flags().String("server", fallback, "the server's `URL` (environment: TIDEMARK_SERVER)")
	return func(do command) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			c, err := client.New(*address, client.Options{})
			if err != nil {
				return err
			}
			defer c.Close()
			return do(cmd, c, args)
		}
	}
}
