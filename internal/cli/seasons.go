package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"tidemark/client"
	"tidemark/internal/feed"
	"tidemark/wire"
)

// mostExplained is of how many series the seasons are told.
const mostExplained = 5

// explainSeasons says what a job's series are believed to do by the clock and the
// calendar, as far as anything was found.
func explainSeasons(ctx context.Context, c *client.Client, id string, out io.Writer) error {
	many := 1000
	found, err := c.Seasons(ctx, client.SeasonsRequest{JobID: id, Page: client.Page{Size: &many}})
	if err != nil {
		return err
	}
	known := slices.DeleteFunc(found.Series, func(s wire.SeriesSeasons) bool {
		return len(s.Periods)+len(s.Daily)+len(s.Monthly) == 0 && s.LevelMoved == 0
	})
	switch {
	case found.Count == 0:
		return nil
	case len(known) == 0:
		fmt.Fprintf(out, "  No season is known yet in %s series: a day needs two days, a week two weeks.\n", feed.Thousands(found.Count))
		return nil
	}
	fmt.Fprintf(out, "  What its series do by the clock:\n")
	for i := range known[:min(len(known), mostExplained)] {
		fmt.Fprintf(out, "    %s: %s\n", seriesName(&known[i]), seasonsText(&known[i]))
	}
	if left := len(known) - mostExplained; left > 0 {
		fmt.Fprintf(out, "    and %s more: GET /_tidemark/anomaly_detectors/%s/seasons has them all.\n", feed.Thousands(int64(left)), id)
	}
	return nil
}

// seriesName names a series by its function and its values.
func seriesName(s *wire.SeriesSeasons) string {
	text := s.Function
	if s.FieldName != "" {
		text += " of " + s.FieldName
	}
	for _, x := range [...]struct {
		field string
		value *string
	}{{s.PartitionFieldName, s.PartitionFieldValue}, {s.ByFieldName, s.ByFieldValue}} {
		if x.value != nil {
			text += fmt.Sprintf(", %s %s", x.field, wire.Clip(*x.value))
		}
	}
	return text
}

// seasonsText says in words what a series does.
func seasonsText(s *wire.SeriesSeasons) string {
	var parts []string
	for _, p := range s.Periods {
		name := map[string]string{"1d": "a day", "7d": "a week"}[p.Period]
		if name == "" {
			name = "a period of " + p.Period
		}
		parts = append(parts, fmt.Sprintf("%s of %s from low to high (%.0f %% of the variance, since %s)", name, figure(p.Swing), 100*p.Strength, p.Since))
	}
	for _, j := range s.Daily {
		days := strings.Join(j.Days, ", ")
		if len(j.Days) == 7 {
			days = "each day"
		}
		parts = append(parts, fmt.Sprintf("%s at %s, %s", signed(j.Height), j.Time, days))
	}
	for _, m := range s.Monthly {
		parts = append(parts, fmt.Sprintf("%s on the %s (%d times, last on %s)", signed(m.Height), m.Days, m.Times, m.Last))
	}
	if s.LevelMoved != 0 {
		parts = append(parts, fmt.Sprintf("its level has moved by %s within a day", signed(s.LevelMoved)))
	}
	return strings.Join(parts, "; ")
}

// signed writes a difference for people.
func signed(v float64) string {
	if v > 0 {
		return "+" + figure(v)
	}
	return figure(v)
}
