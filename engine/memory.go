package engine

import (
	"cmp"
	"slices"

	"tidemark/engine/names"
	"tidemark/engine/result"
)

// memory follows the bytes of what was learned. All of it is a pure function
// of the entries.
type memory struct {
	status result.MemoryStatus
	peak   int64
	// evicted counts series that gave way, refused those that had no room.
	evicted, refused int64
	// failures counts buckets in which a series was refused; failing is true
	// while the open bucket is one of them.
	failures int64
	failing  bool
}

// Bytes charged for a series with its shares of page tables, index and wheel, for
// what its model takes, and for a group. They are the sizes of the encodings plus
// the in-memory overhead, fixed so that the count is the same everywhere.
const (
	seriesBytes   = 112
	coreBytes     = 632
	seasonBytes   = 1188
	huntBytes     = 600
	calendarBytes = 476
	changeBytes   = 2192
	patternBytes  = 1688
	arrivalBytes  = 120
	echoBytes     = 72
	bondsBytes    = 2400
	peersBytes    = 160
	dayBytes      = 1280
	weekBytes     = 2816
	placeBytes    = 512
	rarityBytes   = 128
	valueBytes    = 24
	groupBytes    = 48
	baseBytes     = 16 << 10
)

// bytes is the memory charged for the state, without the open buckets.
func (e *Engine) bytes() int64 {
	total := baseBytes + e.names.Bytes() + e.keys.bytes + int64(e.groups.Len())*groupBytes
	for _, s := range e.shards {
		total += s.pools.bytes()
	}
	if e.diag != nil {
		total += e.diag.Bytes()
	}
	return total + e.categoryBytes()
}

// gathered is the memory charged for the open buckets.
func (e *Engine) gathered() int64 {
	total := int64(0)
	for _, s := range e.shards {
		for _, b := range s.open {
			total += b.Bytes()
		}
	}
	return total
}

// softShare is the part of the limit from which the status is soft_limit.
const softShare = 0.9

// evictShare is the part of the series that one sweep lets go, so that the cost
// of sweeping is spread over many new series.
const evictShare = 16

// room makes sure that one more series fits: at the limit the series that have
// been silent the longest give way. It reports false if every series is in
// use in an open bucket, so that none can.
func (e *Engine) room() bool {
	limit := e.config.ModelMemoryLimit
	if limit <= 0 {
		return true
	}
	if e.bytes()+seriesBytes+coreBytes+e.openEstimate() <= limit {
		return true
	}
	e.memory.status = result.MemoryHard
	return e.evict() > 0
}

// roomForName reports whether a new name of so many bytes fits. Names do not
// make series give way: they are small, and there may be no end of them.
func (e *Engine) roomForName(length int) bool {
	limit := e.config.ModelMemoryLimit
	return limit <= 0 || e.bytes()+e.openEstimate()+int64(length) <= limit || e.evict() > 0
}

// refuse notes that a record found no room for its series.
func (e *Engine) refuse() ref {
	e.memory.status = result.MemoryHard
	e.memory.refused++
	if !e.memory.failing {
		e.memory.failing = true
		e.memory.failures++
	}
	return ref{}
}

// openEstimate charges one cell per series: summing up what is gathered for
// every new series would cost more than the series does.
func (e *Engine) openEstimate() int64 {
	total := int64(0)
	for _, s := range e.shards {
		total += int64(s.series.Len()) * 64
	}
	return total
}

// candidate is a series that may give way.
type candidate struct {
	touched int64
	depth   int
	shard   uint8
	series  uint32
}

// evict lets the least recently touched series go, about one in sixteen, and
// returns how many. Series touched in an open bucket stay.
func (e *Engine) evict() int {
	var all []candidate
	series, open := 0, e.clock.Number(e.clock.LastFinalizedMs)
	for n, s := range e.shards {
		series += s.series.Len()
		for i := uint32(0); i < s.series.Limit(); i++ {
			if st := s.series.Get(i); st.used && st.touched < open {
				all = append(all, candidate{touched: st.touched, depth: s.depth(st), shard: uint8(n), series: i})
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.touched != b.touched {
			return cmp.Compare(a.touched, b.touched)
		}
		// What judges others goes after them; it was touched whenever they were.
		return cmp.Or(cmp.Compare(b.depth, a.depth), cmp.Compare(a.shard, b.shard), cmp.Compare(a.series, b.series))
	})
	gone := all[:min(len(all), series/evictShare+1)]
	for _, c := range gone {
		e.shards[c.shard].drop(e, c.series)
	}
	e.memory.evicted += int64(len(gone))
	e.afterDrops()
	return len(gone)
}

// depth is how many series judge a series from above.
func (s *shard) depth(st *state) (n int) {
	for st.parent != 0 {
		st = s.series.Get(st.parent - 1)
		n++
	}
	return n
}

// afterDrops brings what points at series in line with what is left: indexes,
// active lists, groups and, once they are mostly waste, names.
func (e *Engine) afterDrops() {
	inUse := make([]bool, e.groups.Limit())
	for _, s := range e.shards {
		s.index.rebuild(s.series)
		s.active = slices.DeleteFunc(s.active, func(i uint32) bool { return !s.series.Get(i).used })
		for i := uint32(0); i < s.series.Limit(); i++ {
			if st := s.series.Get(i); st.used {
				inUse[st.group] = true
			}
		}
	}
	for g := range inUse {
		if v := e.groups.Get(uint32(g)); v.used && !inUse[g] {
			delete(e.groupByID, groupKey{v.unit, v.partition})
			*e.groups.Mut(uint32(g)) = group{}
			e.groups.Release(uint32(g))
		}
	}
}

// tidyNames compacts the names once most of them are waste. It runs when a
// bucket is finalized: then no record waits for its names.
func (e *Engine) tidyNames() {
	live := e.groups.Len()
	for _, s := range e.shards {
		live += s.series.Len()
	}
	if e.names.Len() > 4*live+wasteNames {
		e.compactNames()
		for _, ids := range e.scratch.ids {
			for i := range ids {
				ids[i] = unresolved
			}
		}
	}
}

// wasteNames is how many names are let be, whatever they are for.
const wasteNames = 4096

// prune forgets the series that had no record for the prune window, and the
// names that nothing needs any more. Called when the job closes.
func (e *Engine) prune() {
	if window := e.config.ModelPruneWindowMs; window > 0 && e.clock.Set {
		open := e.clock.Number(e.clock.LastFinalizedMs)
		oldest := min(open, open-window/e.clock.SpanMs)
		for _, s := range e.shards {
			for i := uint32(0); i < s.series.Limit(); i++ {
				if st := s.series.Get(i); st.used && st.touched < oldest {
					s.drop(e, i)
				}
			}
		}
	}
	e.afterDrops()
	e.compactNames()
	if e.memory.status == result.MemoryHard {
		e.memory.status = result.MemoryOK
	}
}

// compactNames drops the names that neither a series nor an open bucket uses.
func (e *Engine) compactNames() {
	used := make([]bool, e.names.Len()+1)
	for _, s := range e.shards {
		for i := uint32(0); i < s.series.Limit(); i++ {
			if st := s.series.Get(i); st.used {
				used[st.by], used[st.over] = true, true
			}
		}
		for _, b := range s.open {
			b.Values(func(id names.ID) { used[id] = true })
		}
	}
	for g := uint32(0); g < e.groups.Limit(); g++ {
		if v := e.groups.Get(g); v.used {
			used[v.partition] = true
		}
	}
	for _, c := range e.categories.list {
		used[c.partition] = true
	}
	renamed := e.names.Compact(func(id names.ID) bool { return used[id] })
	clear(e.categories.of)
	for i, c := range e.categories.list {
		c.partition = renamed[c.partition]
		e.categories.of[c.partition] = i
	}
	clear(e.groupByID)
	for g := uint32(0); g < e.groups.Limit(); g++ {
		if e.groups.Get(g).used {
			v := e.groups.Mut(g)
			v.partition = renamed[v.partition]
			e.groupByID[groupKey{v.unit, v.partition}] = g
		}
	}
	for _, s := range e.shards {
		for i := uint32(0); i < s.series.Limit(); i++ {
			if s.series.Get(i).used {
				st := s.series.Mut(i)
				st.by, st.over = renamed[st.by], renamed[st.over]
			}
		}
		s.index.rebuild(s.series)
		for _, b := range s.open {
			b.Rename(renamed)
		}
	}
}

// ModelSize describes what was learned.
func (e *Engine) ModelSize() result.ModelSize {
	m := result.ModelSize{Bytes: e.bytes() + e.gathered(), Status: e.memory.status,
		AllocationFailures: e.memory.failures, Evicted: e.memory.evicted, BucketMs: -1}
	m.PeakBytes = max(e.memory.peak, m.Bytes)
	m.Categories = e.categoryStats()
	if e.config != nil {
		m.LimitBytes = e.config.ModelMemoryLimit
		if m.LimitBytes > 0 {
			m.ExceededBytes = max(m.Bytes-m.LimitBytes, 0)
		}
	}
	if e.clock.Set && e.clock.Started && e.clock.LastFinalizedMs > e.clock.FirstFullMs {
		m.BucketMs = e.clock.LastFinalizedMs - e.clock.SpanMs
	}
	for g := uint32(0); g < e.groups.Limit(); g++ {
		if v := e.groups.Get(g); v.used && e.columns.units[v.unit].partition >= 0 {
			m.PartitionValues++
		}
	}
	for _, s := range e.shards {
		m.Series += int64(s.series.Len())
		for i := uint32(0); i < s.series.Limit(); i++ {
			switch st := s.series.Get(i); {
			case !st.used:
			case st.over != names.None:
				m.OverValues++
			case st.by != names.None:
				m.ByValues++
			}
		}
	}
	return m
}
