package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/wire"
)

func newResults() *cobra.Command {
	return group("results", "Print what a job has found",
		newResultsOf("records", "anomaly records: what was unusual about which series", fetchRecords),
		newResultsOf("buckets", "buckets: how unusual each span of time was as a whole", fetchBuckets),
		newResultsOf("influencers", "influencers: the values that explain what was unusual", fetchInfluencers),
		newCategories())
}

// found is one result as a row and as the API has it.
type found struct {
	at  wire.Millis
	row []string
	doc any
}

// page is a page of results with its head and the number of all.
type page struct {
	head  []string
	list  []found
	count int64
	all   any
}

// fetcher reads the results of a job that a query chooses, and of these, if series
// are named, only theirs.
type fetcher func(ctx context.Context, c *client.Client, job string, q client.Query, series []string) (*page, error)

// resultFlags are the flags of results.
type resultFlags struct {
	q        client.Query
	size     int
	byTime   bool
	follow   bool
	interval time.Duration
	series   []string
	score    string // the field that --min-score looks at
}

func newResultsOf(kind, what string, fetch fetcher) *cobra.Command {
	f := &resultFlags{}
	cmd := &cobra.Command{
		Use: kind + " JOB", Short: "Print " + what, Args: exactly("a job"),
		Long: "Print " + what + ",\nthe highest score first. With --follow those of the past come in order of time, and then new\n" +
			"ones as their buckets become final, until Ctrl-C; with -o json they are one line each.",
		Example: "  tidemark results " + kind + " sales --min-score 50 --start -7d\n  tidemark results " + kind + " sales --follow -o json | jq .",
	}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	flags := cmd.Flags()
	flags.Float64Var(&f.q.MinScore, "min-score", 1, "least `score`, 0 to 100")
	flags.IntVar(&f.size, "size", 20, "how `many` at most")
	timeFlag(cmd, &f.q.Start, "start", "first `time`, such as 2026-01-31 or -7d")
	timeFlag(cmd, &f.q.End, "end", "`time` after the last")
	flags.BoolVar(&f.q.ExcludeInterim, "final", false, "leave out buckets that are still filling")
	flags.BoolVar(&f.byTime, "by-time", false, "in order of time instead of score")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with new ones as they come")
	flags.DurationVar(&f.interval, "interval", 2*time.Second, "with --follow: how often is asked")
	if kind != "buckets" {
		flags.StringArrayVar(&f.series, "series", nil, "only those of `FIELD=VALUE`, where VALUE may have *; may be repeated")
	}
	f.score = map[string]string{"records": "record_score", "buckets": "anomaly_score", "influencers": "influencer_score"}[kind]
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		for _, s := range f.series {
			if name, _, ok := strings.Cut(s, "="); !ok || name == "" {
				return usageError{fmt.Errorf("--series %q must be FIELD=VALUE", s)}
			}
		}
		if f.follow {
			return f.tail(cmd, c, *form, args[0], fetch)
		}
		p, err := f.read(cmd.Context(), c, args[0], fetch)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, x := range p.list {
			rows = append(rows, x.row)
		}
		if err := form.show(cmd.OutOrStdout(), p.all, "nothing with a score of "+number(f.q.MinScore)+" and more", p.head, rows); err != nil {
			return err
		}
		if left := p.count - int64(len(p.list)); left > 0 && *form == "table" {
			fmt.Fprintf(cmd.ErrOrStderr(), "%d more; --size shows them\n", left)
		}
		return nil
	})
	return cmd
}

// read reads the results that the flags choose.
func (f *resultFlags) read(ctx context.Context, c *client.Client, job string, fetch fetcher) (*page, error) {
	q := f.q
	q.Sort, q.Desc, q.Size = f.score, new(true), &f.size
	if f.byTime {
		q.Sort, q.Desc = "timestamp", new(false)
	}
	return fetch(ctx, c, job, q, f.series)
}

// tail prints results in order of time, and goes on with new ones.
func (f *resultFlags) tail(cmd *cobra.Command, c *client.Client, form form, job string, fetch fetcher) error {
	q := f.q
	q.Sort, q.Desc, q.Size, q.ExcludeInterim = "timestamp", new(false), new(wire.MaxPage), true
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	var width []int
	for {
		p, err := fetch(ctx, c, job, q, f.series)
		if err != nil {
			return ended(ctx, err)
		}
		for _, x := range whole(p) {
			q.Start = x.at.Time().Add(time.Millisecond)
			if form == "json" {
				raw, err := json.Marshal(x.doc)
				if err == nil {
					_, err = fmt.Fprintf(out, "%s\n", raw)
				}
				if err != nil {
					return err
				}
				continue
			}
			if width == nil {
				width = printRow(out, p.head, nil)
			}
			width = printRow(out, x.row, width)
		}
		if p.count > int64(len(p.list)) {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.interval):
		}
	}
}

// whole are the results of a page without those of its last bucket, if that may go on
// behind the page.
func whole(p *page) []found {
	n := len(p.list)
	if p.count <= int64(n) || n == 0 || p.list[0].at == p.list[n-1].at {
		return p.list
	}
	for p.list[n-1].at == p.list[len(p.list)-1].at {
		n--
	}
	return p.list[:n]
}

// ended is nil if the user has ended the command.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// printRow prints one row of a table whose rows are not all known, and returns the
// widths that the next row should have.
func printRow(out interface{ Write([]byte) (int, error) }, row []string, width []int) []int {
	next := make([]int, len(row))
	var line strings.Builder
	for i, cell := range row {
		next[i] = len([]rune(cell))
		if i < len(width) {
			next[i] = max(next[i], width[i])
		}
		if i == 1 {
			next[i] = max(next[i], len(clock))
		}
		line.WriteString(cell + strings.Repeat(" ", next[i]-len([]rune(cell))+2))
	}
	fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	return next
}

// score writes a score for people.
func score(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

func fetchRecords(ctx context.Context, c *client.Client, job string, q client.Query, series []string) (*page, error) {
	list := &wire.RecordList{}
	var err error
	if len(series) == 0 {
		list, err = c.GetRecords(ctx, client.GetRecordsRequest{JobID: job, Query: q})
	} else {
		list.Records, list.Count, err = search[wire.Record](ctx, c, job, "record", "record_score", q, recordSeries, series)
	}
	if err != nil {
		return nil, err
	}
	p := &page{head: []string{"SCORE", "TIME (UTC)", "WHAT"}, count: list.Count, all: list}
	message := messages(ctx, c, job)
	for i := range list.Records {
		r := &list.Records[i]
		p.list = append(p.list, found{r.Timestamp, []string{score(r.RecordScore), utc(r.Timestamp), clean(sentence(r, message))}, r})
	}
	return p, nil
}

func fetchBuckets(ctx context.Context, c *client.Client, job string, q client.Query, _ []string) (*page, error) {
	list, err := c.GetBuckets(ctx, client.GetBucketsRequest{JobID: job, Query: q})
	if err != nil {
		return nil, err
	}
	p := &page{head: []string{"SCORE", "TIME (UTC)", "EVENTS", "STATE"}, count: list.Count, all: list}
	for i := range list.Buckets {
		b := &list.Buckets[i]
		state := "final"
		if b.IsInterim {
			state = "filling"
		}
		p.list = append(p.list, found{b.Timestamp, []string{score(b.AnomalyScore), utc(b.Timestamp), fmt.Sprint(b.EventCount), state}, b})
	}
	return p, nil
}

func fetchInfluencers(ctx context.Context, c *client.Client, job string, q client.Query, series []string) (*page, error) {
	list := &wire.InfluencerList{}
	var err error
	if len(series) == 0 {
		list, err = c.GetInfluencers(ctx, client.GetInfluencersRequest{JobID: job, Query: q})
	} else {
		list.Influencers, list.Count, err = search[wire.Influencer](ctx, c, job, "influencer", "influencer_score", q, influencerSeries, series)
	}
	if err != nil {
		return nil, err
	}
	p := &page{head: []string{"SCORE", "TIME (UTC)", "FIELD", "VALUE"}, count: list.Count, all: list}
	for i := range list.Influencers {
		f := &list.Influencers[i]
		p.list = append(p.list, found{f.Timestamp, []string{score(f.InfluencerScore), utc(f.Timestamp), clean(f.InfluencerFieldName), clean(f.InfluencerFieldValue)}, f})
	}
	return p, nil
}

func newCategories() *cobra.Command {
	cmd := &cobra.Command{Use: "categories JOB", Short: "Print the categories of a job's messages", Args: exactly("a job")}
	connect, form := serverFlag(cmd), outputFlag(cmd)
	partition := cmd.Flags().String("partition", "", "only those of one `value` of the partition field")
	size := cmd.Flags().Int("size", 100, "how `many` at most")
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.GetCategories(cmd.Context(), client.GetCategoriesRequest{JobID: args[0], Partition: *partition, Page: client.Page{Size: size}})
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range list.Categories {
			x := &list.Categories[i]
			rows = append(rows, []string{fmt.Sprint(x.CategoryID), fmt.Sprint(x.NumMatches), example(x)})
		}
		return form.show(cmd.OutOrStdout(), list, "no categories", []string{"CATEGORY", "MATCHES", "EXAMPLE"}, rows)
	})
	return cmd
}
