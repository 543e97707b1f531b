package engine

import (
	"math"

	"tidemark/engine/score"
	"tidemark/engine/spec"
)

// Standing is how unusual a series is while its bucket is still filling.
// Scores are 0 to 100.
type Standing struct{ Score, Novelty float64 }

// Standing judges the open bucket of the last record that was applied, as of
// that record: its score, or what several series of numbers that the record went to
// show together, and the highest novelty. A record that went nowhere has none, nor
// have series that are judged together. filled says that no more records of these
// series are expected in the bucket, so that nothing is made up for the rest of it.
// It changes nothing.
func (e *Engine) Standing(filled bool) Standing {
	s := &e.scratch
	var top Standing
	var all score.Joint
	if !e.open || len(s.keep) == 0 {
		return top
	}
	last := len(s.keep) - 1
	share := 1.0
	for u := range e.units {
		n := last
		if !e.columns.units[u].split() {
			n = 0
		}
		r := s.refs[u][n]
		if !r.ok || e.units[u].kind != spec.Scalar || e.units[u].together() {
			continue
		}
		at := (e.totals.LatestRecord - e.clock.LastFinalizedMs) / e.clock.SpanMs
		if at < 0 || at >= int64(len(e.events)) || !e.shards[r.shard].open[at].Touched(r.series) {
			continue
		}
		start := e.clock.LastFinalizedMs + at*e.clock.SpanMs
		if !filled {
			share = e.completeness(start)
		}
		shard := e.shards[r.shard]
		open := shard.open[at]
		v, _, _, ok := shard.judgeOpen(e, open, open.Cell(r.series), start, share)
		if !ok {
			continue
		}
		all.Add(v.Strength())
		top.Score = math.Max(top.Score, v.Score)
		top.Novelty = math.Max(top.Novelty, v.NoveltyScore)
	}
	if all.Parts() > 1 {
		top.Score = score.Score(all.Strength())
	}
	return top
}
