package engine

import (
	"math"
	"slices"

	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/place"
	"tidemark/engine/record"
	"tidemark/engine/spec"
)

// gatherUnit adds the run's records to one unit's cells.
func (e *Engine) gatherUnit(b *record.Batch, u int) {
	s, c := &e.scratch, &e.columns.units[u]
	if !c.split() {
		if r := s.refs[u][0]; r.ok {
			e.gatherOne(b, u, r)
		}
		return
	}
	if len(s.keep) < parallelFrom {
		for n := range s.keep {
			e.gatherRecord(b, u, int32(n))
		}
		return
	}
	e.sortByShard(s.refs[u])
	e.opt.Parallel(shardCount, func(i int) {
		for _, n := range s.order[s.starts[i]:s.starts[i+1]] {
			e.gatherRecord(b, u, n)
		}
	})
}

// sortByShard orders the run's records by shard, keeping record order within
// each.
func (e *Engine) sortByShard(refs []ref) {
	s := &e.scratch
	var counts [shardCount + 1]int32
	for n := range refs {
		if refs[n].ok {
			counts[refs[n].shard+1]++
		}
	}
	for i := range shardCount {
		counts[i+1] += counts[i]
	}
	s.starts = counts
	s.order = slices.Grow(s.order[:0], int(counts[shardCount]))[:counts[shardCount]]
	next := counts
	for n := range refs {
		if r := refs[n]; r.ok {
			s.order[next[r.shard]] = int32(n)
			next[r.shard]++
		}
	}
}

// sample reads one record's value; ok is false if the unit needs a value and the
// record has none.
func (e *Engine) sample(b *record.Batch, c *unitColumns, k int32) (value, weight, factor float64, ok bool) {
	value, weight, factor = 0, 1, 1
	if e.columns.summary >= 0 {
		weight = math.Round(b.Numbers[e.columns.summary][k])
	}
	if c.value >= 0 {
		if value = b.Numbers[c.value][k]; math.IsNaN(value) {
			return 0, 0, 0, false
		}
	}
	if c.text >= 0 && b.Texts[c.text].Codes[k] == 0 {
		return 0, 0, 0, false
	}
	if c.weighted {
		factor = weight
	}
	return value, weight, factor, true
}

// extra adds a record to what its cell keeps beside the sums. A text that is no
// place on earth adds nothing.
func (e *Engine) extra(b *record.Batch, c *unitColumns, open *gather.Bucket, cell uint32, k int32, value, weight float64) {
	x := open.Extra(cell, c.extra)
	switch c.extra {
	case gather.Moments, gather.Values:
		x.AddNumber(value, weight)
	case gather.Distinct, gather.Texts:
		x.AddText(b.Texts[c.text].Value(int(b.Texts[c.text].Codes[k] - 1)))
	case gather.Slots:
		local := b.Times[k] + e.config.Zone.At(b.Times[k]) + c.shiftMs + c.cycleMs
		x.AddSlot(int(local%c.cycleMs/c.slotMs), weight)
	case gather.Places:
		if p, ok := place.Parse(b.Texts[c.text].Value(int(b.Texts[c.text].Codes[k] - 1))); ok {
			x.AddPlace(gather.At(p))
		}
	}
}

// gatherRecord adds record n of the run to its series' cell.
func (e *Engine) gatherRecord(b *record.Batch, u int, n int32) {
	s, c := &e.scratch, &e.columns.units[u]
	r, k := s.refs[u][n], s.keep[n]
	if !r.ok {
		return
	}
	value, weight, factor, ok := e.sample(b, c, k)
	if !ok {
		return
	}
	open := e.openBucket(r.shard, b.Times[k], s.where[n])
	if !e.started(r, b.Times[k]) {
		return
	}
	cell := open.Cell(r.series)
	if c.adds && s.parts[n] > open.Parts(cell) {
		open.Pass(cell, s.parts[n], soFar(e.units[u].fn, open, cell))
	}
	open.At(cell).Add(value, weight, factor)
	if c.extra != gather.Plain {
		e.extra(b, c, open, cell, k, value, weight)
	}
	for _, f := range c.blamed {
		if id := e.resolved(b, e.columns.influencers[f], k); id != names.None {
			open.Blame(cell, f, id, value, weight, factor)
		}
	}
}

// resolved is name without interning, for workers.
func (e *Engine) resolved(b *record.Batch, column int, k int32) names.ID {
	if column == len(b.Texts) {
		return e.scratch.categories[k]
	}
	if code := b.Texts[column].Codes[k]; code != 0 {
		return e.scratch.ids[column][code-1]
	}
	return names.None
}

// openBucket is the bucket of one shard that a time falls into. where is the
// place found before, unless it did not fit.
func (e *Engine) openBucket(shard uint8, t int64, where uint8) *gather.Bucket {
	at := int64(where)
	if where == math.MaxUint8 {
		at = (t - e.clock.LastFinalizedMs) / e.clock.SpanMs
	}
	return e.shards[shard].open[at]
}

// gatherOne is the tight loop of a unit without splits: all records of the run go
// to the cells of one series.
func (e *Engine) gatherOne(b *record.Batch, u int, r ref) {
	s, c := &e.scratch, &e.columns.units[u]
	var cell *gather.Cell
	at, part := -1, uint8(0)
	for n, k := range s.keep {
		value, weight, factor, ok := e.sample(b, c, k)
		if !ok {
			continue
		}
		where := int(s.where[n])
		passes := c.adds && s.parts[n] != part
		if where != at || where == math.MaxUint8 || len(c.blamed) > 0 || c.extra != gather.Plain || passes {
			open := e.openBucket(r.shard, b.Times[k], s.where[n])
			i := open.Cell(r.series)
			if c.adds {
				if part = s.parts[n]; part > open.Parts(i) {
					open.Pass(i, part, soFar(e.units[u].fn, open, i))
				}
			}
			cell, at = open.At(i), where
			if c.extra != gather.Plain {
				e.extra(b, c, open, i, k, value, weight)
			}
			for _, f := range c.blamed {
				if id := e.name(b, e.columns.influencers[f], k); id != names.None {
					open.Blame(i, f, id, value, weight, factor)
				}
			}
		}
		cell.Add(value, weight, factor)
	}
}

// soFar is what the value of a cell has come to.
func soFar(fn spec.Function, open *gather.Bucket, cell uint32) float64 {
	if open.At(cell).Count == 0 {
		return 0
	}
	x, ok := sampleOf(fn, open, cell, 0)
	if !ok {
		return 0
	}
	return x.Value
}
