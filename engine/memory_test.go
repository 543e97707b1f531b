package engine

import (
	"testing"

	"tidemark/engine/series"
)

// TestChargesCoverModels: what a model is charged is no less than it takes.
func TestChargesCoverModels(t *testing.T) {
	for name, c := range map[string]struct{ charged, takes int }{
		"core": {coreBytes, series.CoreBytes}, "season": {seasonBytes, series.SeasonBytes},
		"hunt": {huntBytes, series.HuntBytes}, "change": {changeBytes, series.ChangeBytes}, "calendar": {calendarBytes, series.CalendarBytes},
		"pattern": {patternBytes, series.PatternBytes}, "peers": {peersBytes, series.PeersBytes},
	} {
		if c.charged < c.takes {
			t.Errorf("a %s is charged %d bytes and takes %d", name, c.charged, c.takes)
		}
	}
}

// TestSeriesFitIntoFourKilobytes: one with day, week, courses and days of the month
// does.
func TestSeriesFitIntoFourKilobytes(t *testing.T) {
	if n := seriesBytes + coreBytes + seasonBytes + patternBytes + calendarBytes; n > 4096 {
		t.Errorf("a series with everything is charged %d bytes", n)
	}
	if n := seriesBytes + coreBytes; n > 1024 {
		t.Errorf("a series with nothing is charged %d bytes", n)
	}
}
