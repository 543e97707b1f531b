package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// outputFlag adds -o, which says whether a command prints for people or programs.
func outputFlag(cmd *cobra.Command) *string {
	return cmd.Flags().StringP("output", "o", "table", "`form` of the output: table or json")
}

// show prints what a command found: as JSON, or as a table of rows.
func show(cmd *cobra.Command, form string, all any, head []string, rows [][]string) error {
	switch form {
	case "json":
		return printJSON(cmd.OutOrStdout(), all)
	case "table":
		return printTable(cmd.OutOrStdout(), head, rows)
	}
	return usageError{fmt.Errorf("--output must be table or json, not %q", form)}
}

func printJSON(out io.Writer, v any) error {
	raw, err := json.Marshal(v, jsontext.WithIndent("  "), json.Deterministic(true))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", raw)
	return err
}

// printTable writes columns side by side; the last one may be of any width.
func printTable(out io.Writer, head []string, rows [][]string) error {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i := range row {
			width[i] = max(width[i], len([]rune(row[i])))
		}
	}
	for _, row := range append([][]string{head}, rows...) {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", width[i]-len([]rune(cell))+2))
			}
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// group is a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return cmd.Help()
		}}
	cmd.AddCommand(commands...)
	return cmd
}
