package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tidemark/client"
	"tidemark/internal/feed"
	"tidemark/wire"
)

func newJobExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain JOB", Short: "Say where a job stands: newest record, open bucket, warm-up, seasons, top anomalies", Args: exactly("a job"),
	}
	connect := serverFlag(cmd)
	cmd.RunE = connect(func(cmd *cobra.Command, c *client.Client, args []string) error {
		return explain(cmd.Context(), c, args[0], cmd.OutOrStdout())
	})
	return cmd
}

// warmUp is how many buckets a series needs before anything is reported; the
// engine waits that long or two and a half hours, whichever is longer.
const (
	warmUpBuckets = 12
	warmUpTime    = 150 * time.Minute
)

// warmUp is how much data of a series is needed before anything is reported.
func warmUp(span time.Duration) time.Duration { return max(warmUpTime, warmUpBuckets*span) }

func explain(ctx context.Context, c *client.Client, id string, out io.Writer) error {
	j, err := oneJob(ctx, c, id)
	if err != nil {
		return err
	}
	stats, err := c.GetJobStats(ctx, client.GetJobStatsRequest{IDs: id})
	if err != nil {
		return err
	}
	s := stats.Jobs[0]
	fmt.Fprintf(out, "Job %s is %s.\n", id, s.State)
	for _, d := range j.AnalysisConfig.Detectors {
		fmt.Fprintf(out, "  It watches %s in buckets of %s.\n", d.DetectorDescription, j.AnalysisConfig.BucketSpan)
	}
	if s.AssignmentExplanation != "" {
		fmt.Fprintf(out, "  %s\n", s.AssignmentExplanation)
	}
	if !explainData(out, j, s) {
		return nil
	}
	if s.State == wire.StateOpened {
		if err := explainTime(ctx, c, j, s, out); err != nil {
			return err
		}
		if err := explainSeasons(ctx, c, id, out); err != nil {
			return err
		}
	}
	return explainResults(ctx, c, j, s, out)
}

// explainData says what came in, and returns false if that was nothing.
func explainData(out io.Writer, j *wire.Job, s *wire.JobStats) bool {
	d := s.DataCounts
	if d.InputRecordCount == 0 {
		fmt.Fprintf(out, "  It has no records yet. Send some: tidemark post %s FILE\n", j.JobID)
		return false
	}
	fmt.Fprintf(out, "  It has processed %s of %s records; the newest is from %s.\n",
		feed.Thousands(d.ProcessedRecordCount), feed.Thousands(d.InputRecordCount), when(d.LatestRecordTimestamp))
	if d.InvalidDateCount > 0 {
		fmt.Fprintf(out, "  %s records had no usable time: %q must hold it in the format %q.\n", feed.Thousands(d.InvalidDateCount), j.DataDescription.TimeField, j.DataDescription.TimeFormat)
	}
	if d.OutOfOrderTimestampCount > 0 {
		fmt.Fprintf(out, "  %s records came too late and were dropped; a latency in analysis_config would wait for such.\n", feed.Thousands(d.OutOfOrderTimestampCount))
	}
	if s.ModelSizeStats.MemoryStatus != "ok" {
		fmt.Fprintf(out, "  Its memory is short (%s): the series that were silent the longest give way. Raise analysis_limits.model_memory_limit.\n", s.ModelSizeStats.MemoryStatus)
	}
	return d.ProcessedRecordCount > 0
}

// explainTime says how far results are final and what is still to come.
func explainTime(ctx context.Context, c *client.Client, j *wire.Job, s *wire.JobStats, out io.Writer) error {
	span, err := wire.ParseDuration("bucket_span", j.AnalysisConfig.BucketSpan)
	if err != nil {
		return err
	}
	flushed, err := c.FlushJob(ctx, client.FlushJobRequest{JobID: j.JobID, CalcInterim: true})
	if err != nil {
		return err
	}
	end := flushed.LastFinalizedBucketEnd
	if end == nil {
		return nil
	}
	fmt.Fprintf(out, "  Results are final up to %s. The bucket after that is filling: it ends when a record after %s comes,\n    or with 'tidemark job flush %s --advance-time ...'.\n",
		end.Format("2006-01-02 15:04:05 UTC"), end.Add(span).Format("15:04:05"), j.JobID)
	if first := s.DataCounts.EarliestRecordTimestamp; first != nil {
		need := warmUp(span)
		if left := need - end.Sub(first.Time()); left > 0 {
			fmt.Fprintf(out, "  It is still warming up: nothing is reported for another %s of data.\n", wire.RoughDuration(left))
		}
	}
	return nil
}

func explainResults(ctx context.Context, c *client.Client, j *wire.Job, s *wire.JobStats, out io.Writer) error {
	few := 5
	records, err := c.GetRecords(ctx, client.GetRecordsRequest{JobID: j.JobID, Query: client.Query{Page: client.Page{Size: &few}}})
	if err != nil {
		return err
	}
	if records.Count == 0 {
		fmt.Fprintf(out, "  No anomaly so far in %s buckets.\n", feed.Thousands(s.DataCounts.BucketCount))
		return nil
	}
	fmt.Fprintf(out, "  %s anomaly records; the highest:\n", feed.Thousands(records.Count))
	message := messages(ctx, c, j.JobID)
	for i := range records.Records {
		r := &records.Records[i]
		fmt.Fprintf(out, "    %s  score %3.0f  %s\n", r.Timestamp.Time().Format("2006-01-02 15:04:05"), r.RecordScore, sentence(r, message))
	}
	return nil
}

// comparison says what was there and what usually is.
func comparison(r *wire.Record) string {
	if len(r.Actual) == 0 || len(r.Typical) == 0 {
		return ""
	}
	clock := func(seconds float64, layout string) string {
		// The epoch was a Thursday; weeks begin on Monday.
		return time.Unix(int64(seconds)+4*24*3600, 0).UTC().Format(layout)
	}
	switch e := r.AnomalyScoreExplanation; {
	case len(r.Actual) == 2:
		return fmt.Sprintf(": at %.3f,%.3f instead of near %.3f,%.3f", r.Actual[0], r.Actual[1], r.Typical[0], r.Typical[1])
	case r.Function == "time_of_day":
		return fmt.Sprintf(": at %s instead of about %s", clock(r.Actual[0], "15:04"), clock(r.Typical[0], "15:04"))
	case r.Function == "time_of_week":
		return fmt.Sprintf(": on %s instead of about %s", clock(r.Actual[0], "Mon 15:04"), clock(r.Typical[0], "Mon 15:04"))
	case strings.HasSuffix(r.Function, "rare") && e != nil && e.ByFieldFirstOccurrence:
		return ": never there before"
	case strings.HasSuffix(r.Function, "rare"):
		return fmt.Sprintf(": there in %.2g %% of the buckets", 100*r.Typical[0])
	}
	return fmt.Sprintf(": %s instead of about %s", figure(r.Actual[0]), figure(r.Typical[0]))
}

// figure writes a value for people, with four digits or all before the point.
func figure(v float64) string {
	const least, most = 1000, 1e15
	if size := math.Abs(v); size >= least && size < most {
		return feed.Thousands(int64(math.Round(v)))
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// byCategory is the field whose values are categories of messages.
const byCategory = "mlcategory"

// exampleBytes is how much of a message is shown.
const exampleBytes = 80

// example is a message of a category, for people.
func example(x *wire.Category) string {
	text := x.Terms
	if len(x.Examples) > 0 {
		text = x.Examples[0]
	}
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n") // Stack traces are detail.
	if text = clean(text); len(text) > exampleBytes {
		text = strings.ToValidUTF8(text[:exampleBytes], "") + "…"
	}
	return text
}

// messages looks up an example of a job's categories, each once; "" if there is none.
func messages(ctx context.Context, c *client.Client, job string) func(id string) string {
	known := map[string]string{}
	return func(id string) string {
		text, ok := known[id]
		if ok {
			return text
		}
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			if list, err := c.GetCategories(ctx, client.GetCategoriesRequest{JobID: job, CategoryID: n}); err == nil && len(list.Categories) > 0 {
				text = example(&list.Categories[0])
			}
		}
		known[id] = text
		return text
	}
}

// what names a function with its field.
func what(function, field string) string {
	if field == "" {
		return function
	}
	return function + " of " + field
}

// mostBlamed is how many values of one field are named in a sentence.
const mostBlamed = 2

// blamed names the influencers of a record that are not its own series.
func blamed(r *wire.Record) string {
	text := ""
	for _, x := range r.Influencers {
		if x.InfluencerFieldName == r.PartitionFieldName || x.InfluencerFieldName == r.ByFieldName || x.InfluencerFieldName == r.OverFieldName || len(x.InfluencerFieldValues) == 0 {
			continue
		}
		few := x.InfluencerFieldValues[:min(len(x.InfluencerFieldValues), mostBlamed)]
		text += fmt.Sprintf("; %s %s", x.InfluencerFieldName, wire.Clip(strings.Join(few, ", ")))
		if len(few) < len(x.InfluencerFieldValues) {
			text += ", …"
		}
	}
	return text
}

// sentence says in words what an anomaly record is about. message gives an example of
// a category.
func sentence(r *wire.Record, message func(id string) string) string {
	text := what(r.Function, r.FieldName)
	for _, x := range []struct {
		field string
		value *string
	}{{r.PartitionFieldName, r.PartitionFieldValue}, {r.ByFieldName, r.ByFieldValue}, {r.OverFieldName, r.OverFieldValue}} {
		if x.value == nil {
			continue
		}
		text += fmt.Sprintf(", %s %s", x.field, wire.Clip(*x.value))
		if x.field == byCategory {
			if like := message(*x.value); like != "" {
				text += fmt.Sprintf(" (%q)", like)
			}
		}
	}
	text += comparison(r) + blamed(r)
	if r.IsInterim {
		text += " (interim)"
	}
	return text
}
