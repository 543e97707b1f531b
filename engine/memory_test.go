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
