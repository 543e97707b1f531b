// Package demo shows on real data what the system does: it makes jobs over
// HTTP, sends two public data sets, and prints what was found as a person wants
// to read it.
package demo

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"tidemark/client"
	"tidemark/internal/feed"
	"tidemark/internal/ingest/tabular"
	"tidemark/wire"
)

//go:embed data/*.gz
var files embed.FS

// Options say how the demo shows itself.
type Options struct {
	Out io.Writer
	// Terminal: Out can show a progress bar.
	Terminal bool
}

// set is one data set with the job that watches it.
type set struct {
	title, source, file, job string
	config                   wire.Job
	// from and until bound the timeline, which has one mark per step.
	from, until time.Time
	step        time.Duration
	events      []event
}

// timeFormat is how the data sets write times.
const timeFormat = "yyyy-MM-dd HH:mm:ss"

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

var sets = []set{
	{
		title: "New York taxi passengers per half hour, July 2014 to January 2015", file: "data/nyc_taxi.csv.gz", job: "nyc-taxi",
		source: "NYC Taxi and Limousine Commission, from the Numenta Anomaly Benchmark (MIT)",
		config: wire.Job{
			Description:     "Taxi passengers in New York City",
			AnalysisConfig:  wire.AnalysisConfig{BucketSpan: "30m", Detectors: []wire.Detector{{Function: "sum", FieldName: "value"}}},
			DataDescription: wire.DataDescription{TimeField: "timestamp", TimeFormat: timeFormat},
		},
		from: date(2014, time.July, 1), until: date(2015, time.February, 1), step: 3 * 24 * time.Hour, events: taxiEvents,
	},
	{
		title: "Processor use of eight servers, every five minutes, February to April 2014", file: "data/ec2_cpu.csv.gz", job: "ec2-cpu",
		source: "Amazon EC2 metrics, from the Numenta Anomaly Benchmark (MIT)",
		config: wire.Job{
			Description: "Processor use, a series per instance",
			AnalysisConfig: wire.AnalysisConfig{BucketSpan: "5m", Influencers: []string{"instance"},
				Detectors: []wire.Detector{{Function: "mean", FieldName: "value", PartitionFieldName: "instance"}}},
			DataDescription: wire.DataDescription{TimeField: "timestamp", TimeFormat: timeFormat},
		},
		from: date(2014, time.February, 14), until: date(2014, time.April, 25), step: 24 * time.Hour,
	},
}

// Run does the whole demo on a server whose jobs do not exist yet.
func Run(ctx context.Context, c *client.Client, opt Options) error {
	for i := range sets {
		if err := runSet(ctx, c, &sets[i], opt); err != nil {
			return fmt.Errorf("job %s: %w", sets[i].job, err)
		}
	}
	return nil
}

func runSet(ctx context.Context, c *client.Client, s *set, opt Options) error {
	fmt.Fprintf(opt.Out, "\n%s\n  %s\n", s.title, s.source)
	if _, err := c.PutJob(ctx, client.PutJobRequest{JobID: s.job, Job: s.config}); err != nil {
		return err
	}
	if _, err := c.OpenJob(ctx, client.OpenJobRequest{JobID: s.job}); err != nil {
		return err
	}
	sent, err := send(ctx, c, s, opt)
	if err != nil {
		return err
	}
	flushed, err := c.FlushJob(ctx, client.FlushJobRequest{JobID: s.job, CalcInterim: true})
	if err != nil {
		return err
	}
	fmt.Fprintf(opt.Out, "  sent %s records in %s", feed.Thousands(sent.Records), sent.Took.Round(time.Millisecond))
	if end := flushed.LastFinalizedBucketEnd; end != nil {
		fmt.Fprintf(opt.Out, ", results are final up to %s", end.Format("2006-01-02 15:04"))
	}
	fmt.Fprintln(opt.Out)
	return show(ctx, c, s, opt.Out)
}

// read unpacks a data set.
func (s *set) read() ([]byte, error) {
	packed, err := files.ReadFile(s.file)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func send(ctx context.Context, c *client.Client, s *set, opt Options) (feed.Sent, error) {
	raw, err := s.read()
	if err != nil {
		return feed.Sent{}, err
	}
	counting := &feed.Counting{R: bytes.NewReader(raw)}
	r, err := tabular.Open(counting, s.file)
	if err != nil {
		return feed.Sent{}, err
	}
	p := feed.NewProgress(opt.Out, opt.Terminal, int64(len(raw)))
	defer p.Finish()
	return feed.Send(ctx, c, s.job, feed.Source{Next: r.Next, Total: int64(len(raw)), Done: func() int64 { return counting.N }}, p)
}

// top is how many buckets and records are listed.
const top = 10

// show prints the timeline, the top anomaly records, and what is known of the
// days.
func show(ctx context.Context, c *client.Client, s *set, out io.Writer) error {
	size := wire.MaxPage
	worst := true
	buckets, err := c.GetBuckets(ctx, client.GetBucketsRequest{JobID: s.job,
		Query: client.Query{Sort: "anomaly_score", Desc: &worst, Page: client.Page{Size: &size}, MinScore: 1}})
	if err != nil {
		return err
	}
	few := top
	records, err := c.GetRecords(ctx, client.GetRecordsRequest{JobID: s.job, Query: client.Query{Page: client.Page{Size: &few}}})
	if err != nil {
		return err
	}
	fmt.Fprint(out, timeline(buckets.Buckets, s.from, s.until, s.step))
	fmt.Fprint(out, tableOf(records.Records))
	if len(s.events) > 0 {
		fmt.Fprint(out, known(s.events, worstDays(buckets.Buckets)))
	}
	return nil
}

// worstDays are the days whose buckets' scores add up to most, the worst first:
// what lasts for hours is more than one bucket.
func worstDays(buckets []wire.Bucket) []time.Time {
	sums := map[time.Time]float64{}
	for _, b := range buckets {
		sums[b.Timestamp.Time().UTC().Truncate(24*time.Hour)] += b.AnomalyScore
	}
	days := slices.SortedFunc(maps.Keys(sums), func(a, b time.Time) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), a.Compare(b))
	})
	return days[:min(top, len(days))]
}

// event is something that is publicly known to have happened.
type event struct {
	name string
	// from and until enclose when it could show.
	from, until time.Time
}

// taxiEvents are the five days that the benchmark's README names as known
// anomalies of this data set. They are looked at only after detection.
var taxiEvents = []event{
	{"New York City Marathon; the same night the clock was set back, so that 01:00 to 02:00 counts double", date(2014, time.November, 2), date(2014, time.November, 3)},
	{"Thanksgiving", date(2014, time.November, 27), date(2014, time.November, 28)},
	{"Christmas", date(2014, time.December, 24).Add(12 * time.Hour), date(2014, time.December, 26)},
	{"New Year's night and day", date(2014, time.December, 31).Add(12 * time.Hour), date(2015, time.January, 2)},
	{"the blizzard for which the city closed its roads", date(2015, time.January, 26), date(2015, time.January, 28)},
}

// eventSource says where the list of events comes from.
const eventSource = "github.com/numenta/NAB, data/README.md, on realKnownCause/nyc_taxi.csv"

// known says which known events are among the worst days and which are not.
func known(events []event, days []time.Time) string {
	var b strings.Builder
	found := 0
	lines := make([]string, len(events))
	for i, e := range events {
		rank := slices.IndexFunc(days, func(day time.Time) bool {
			return day.Before(e.until) && day.Add(24*time.Hour).After(e.from)
		})
		mark := "not among them"
		if rank >= 0 {
			found++
			mark = fmt.Sprintf("number %d", rank+1)
		}
		lines[i] = fmt.Sprintf("    %s  %-15s %s\n", e.until.Add(-time.Hour).Format("2006-01-02"), mark, e.name)
	}
	fmt.Fprintf(&b, "\n  What is publicly known of these days, and where it stands among the %d most anomalous days (%d of %d are there):\n", len(days), found, len(events))
	b.WriteString(strings.Join(lines, ""))
	fmt.Fprintf(&b, "    source: %s; not used for detection\n", eventSource)
	return b.String()
}
