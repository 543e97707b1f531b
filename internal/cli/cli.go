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
	"github.com/spf13/pflag"

	"tidemark/wire"
)

// Exit statuses of all commands; the root's help tells them to users.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
	// exitFound: what was asked about is so: --fail-on was reached, or plan
	// --exit-code has something to do.
	exitFound = 3
)

// Main runs the command that the arguments name and returns the process's exit
// status. An error is one line on stderr.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

// usageError is a mistake on the command line rather than while working.
type usageError struct{ error }

// Run is Main with streams of the caller's.
func Run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
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
		fmt.Fprintf(errs, "%s: %s\nRun '%s --help' for usage.\n", ran.CommandPath(), oneLine(err), ran.CommandPath())
		return exitUsage
	}
	fmt.Fprintf(errs, "tidemark: %s\n", oneLine(err))
	return exitError
}

// oneLine keeps errors that were joined on one line, and the name of the program to
// its beginning.
func oneLine(err error) string {
	text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "tidemark: "), "\n", "; ")
	return strings.NewReplacer(": tidemark: ", ": ", "; tidemark: ", "; ").Replace(text)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "tidemark",
		Short: "Watches streams of records and says what is out of the ordinary",
		Long: "Tidemark gathers timestamped records into buckets, learns what is normal for each series,\n" +
			"and reports what is not. Start with 'tidemark demo', or with 'tidemark detect FILE'.\n\n" +
			"Commands that talk to a server find it by --server or TIDEMARK_SERVER. Results go to stdout,\n" +
			"everything else to stderr; -o json is for programs. Exit status: 0 done, 1 failed or refused,\n" +
			"2 wrong usage, 3 what was asked about is so (detect --fail-on, plan --exit-code).",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(flagError)
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"alone", "Without a server:", []*cobra.Command{newDemo(), newDetect(), newBacktest()}},
		{"jobs", "Jobs, data and results:", []*cobra.Command{newServe(), newJob(), newPost(), newResults(), newDatafeed(), newCalendar(), newFilter(), newSnapshot()}},
		{"files", "Jobs as files:", []*cobra.Command{newApply(true), newApply(false), newExport(), newImport()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
		}
		root.AddCommand(g.commands...)
	}
	root.AddCommand(newVersion())
	completeArguments(root)
	return root
}

// unknownCommand says what a word could have been that is no command.
func unknownCommand(cmd *cobra.Command, word string) error {
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(word); len(like) > 0 {
		return usageError{fmt.Errorf("unknown command %q; did you mean %s?", word, strings.Join(like, " or "))}
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usageError{fmt.Errorf("unknown command %q; there are %s", word, strings.Join(names, ", "))}
}

// flagError says what an unknown flag could have been.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageError{err}
	}
	// The suggestions of commands are made of names: flags lend theirs.
	names := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	if like := names.SuggestionsFor(unknown.GetSpecifiedName()); len(like) > 0 {
		return usageError{fmt.Errorf("%w; did you mean --%s?", err, strings.Join(like, " or --"))}
	}
	return usageError{err}
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
