package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"tidemark/wire"
)

// outputFlag adds -o, which says whether a command prints for people or programs.
func outputFlag(cmd *cobra.Command) *form {
	f := form("table")
	cmd.Flags().VarP(&f, "output", "o", "`form` of the output: table or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp)) // The flag is there.
	return &f
}

// form is what a command prints: a table for people, or json as the API has it.
type form string

// Set implements pflag.Value.
func (f *form) Set(text string) error {
	if text != "table" && text != "json" {
		return fmt.Errorf("it must be table or json, not %q", text)
	}
	*f = form(text)
	return nil
}

// String implements pflag.Value.
func (f *form) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *form) Type() string { return "form" }

// show prints what a command found: as JSON, or as a table of rows; none is said
// instead of a table without rows.
func (f *form) show(out io.Writer, all any, none string, head []string, rows [][]string) error {
	switch {
	case *f == "json":
		return printJSON(out, all)
	case len(rows) == 0:
		_, err := fmt.Fprintln(out, none)
		return err
	}
	return printTable(out, head, rows)
}

func printJSON(out io.Writer, v any) error {
	raw, err := json.Marshal(v, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", raw)
	return err
}

// printTable writes columns side by side, those of numbers to the right. The last
// one may be of any width.
func printTable(out io.Writer, head []string, rows [][]string) error {
	width, right := make([]int, len(head)), make([]bool, len(head))
	for i := range head {
		width[i], right[i] = utf8.RuneCountInString(head[i]), len(rows) > 0
		for _, row := range rows {
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
			right[i] = right[i] && isFigure(row[i])
		}
	}
	for _, row := range append([][]string{head}, rows...) {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if right[i] {
				line.WriteString(pad + cell + "  ")
			} else {
				line.WriteString(cell + pad + "  ")
			}
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// isFigure reports whether a cell begins with a number, as they are written for
// people. Times do not count.
func isFigure(cell string) bool {
	if cell == "-" {
		return true
	}
	number, _, _ := strings.Cut(cell, " ") // A unit may follow.
	_, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
	return err == nil
}

// clean writes text of others on one line, without what a terminal would obey.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// clock is how times are written for people.
const clock = "2006-01-02 15:04:05"

// utc writes a time for people.
func utc(ms wire.Millis) string { return ms.Time().Format(clock) }

// when writes an optional time.
func when(ms *wire.Millis) string {
	if ms == nil {
		return "-"
	}
	return utc(*ms) + " UTC"
}

// moment is a flag with a time: seconds or milliseconds since 1970, an ISO-8601
// date, now, or a duration ago such as -7d.
type moment struct{ to *time.Time }

// timeFlag adds a flag with a time.
func timeFlag(cmd *cobra.Command, to *time.Time, name, usage string) {
	cmd.Flags().Var(&moment{to}, name, usage)
}

// Set implements pflag.Value.
func (m *moment) Set(text string) error {
	if ago, isAgo := strings.CutPrefix(text, "-"); isAgo {
		d, err := wire.ParseDuration("the time", ago)
		if err != nil {
			return fmt.Errorf("%q is no duration before now; write it such as -7d or -90m", text)
		}
		*m.to = time.Now().Add(-d)
		return nil
	}
	ms, err := wire.ParseTime("time", text, time.Now())
	if err != nil {
		return fmt.Errorf("%q is no time; write it as 2026-01-31T12:00:00Z, in seconds since 1970, as now, or as a duration before now such as -7d", text)
	}
	*m.to = time.UnixMilli(ms)
	return nil
}

// String implements pflag.Value.
func (m *moment) String() string { return "" }

// Type implements pflag.Value.
func (m *moment) Type() string { return "time" }

// span is a flag with a duration as the API writes it, such as 7d.
type span struct{ to *time.Duration }

// Set implements pflag.Value.
func (s *span) Set(text string) error {
	d, err := wire.ParseDuration("it", text)
	if err != nil {
		return err
	}
	*s.to = d
	return nil
}

// String implements pflag.Value.
func (s *span) String() string {
	if s.to == nil || *s.to == 0 {
		return ""
	}
	return wire.FormatDuration(*s.to)
}

// Type implements pflag.Value.
func (s *span) Type() string { return "duration" }

// group is a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		}}
	cmd.AddCommand(commands...)
	return cmd
}
