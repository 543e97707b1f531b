package cli

import (
	"testing"

	"tidemark/wire"
)

// TestSeasonsText: what is known of a series is said in words.
func TestSeasonsText(t *testing.T) {
	host := "web-1"
	s := wire.SeriesSeasons{Function: "mean", FieldName: "cpu", PartitionFieldName: "host", PartitionFieldValue: &host, LevelMoved: -3,
		Periods: []wire.SeasonPeriod{{Period: "1d", Since: "2026-01-03", Swing: 12, Strength: 0.8}, {Period: "10.2h", Since: "2026-01-09", Swing: 1, Strength: 0.1}},
		Daily:   []wire.SeasonJob{{Time: "02:00:00", Days: []string{"Monday"}, Height: 40}},
		Monthly: []wire.SeasonDays{{Days: "last day of the month", Height: 7, Times: 4, Last: "2026-04-30"}}}
	if have, want := seriesName(&s), "mean of cpu, host web-1"; have != want {
		t.Errorf("named %q, want %q", have, want)
	}
	want := "a day of 12 from low to high (80 % of the variance, since 2026-01-03); a period of 10.2h of 1 from low to high (10 % of the variance, since 2026-01-09); " +
		"+40 at 02:00:00, Monday; +7 on the last day of the month (4 times, last on 2026-04-30); its level has moved by -3 within a day"
	if have := seasonsText(&s); have != want {
		t.Errorf("said\n%s\nwant\n%s", have, want)
	}
}
