package engine

import (
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

// Bytes charged for a series and a season with their shares of page tables,
// index and wheel, and for a group. They are the sizes of the encodings plus
// the in-memory overhead, fixed so that the count is the same everywhere.
const (
	stateBytes  = 640
	seasonBytes = 1360
	groupBytes  = 48
	baseBytes   = 16 << 10
)

// bytes is the memory charged for the state, without the open buckets.
func (e *Engine) bytes() int64 {
	total := baseBytes + e.names.Bytes() + e.keys.bytes + int64(e.groups.Len())*groupBytes
	for _, s := range e.shards {
		total += int64(s.cores.Len())*stateBytes + int64(s.seasons.Len())*seasonBytes
	}
	if e.diag != nil {
		total += e.diag.Bytes()
	}
	return total
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
	if e.bytes()+stateBytes+e.openEstimate() <= limit {
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
		total += int64(s.cores.Len()) * 64
	}
	return total
}

// candidate is a series that may give way.
type candidate struct {
	touched int64
	shard   uint8
	series  uint32
}

// evict lets the least recently touched series go, about one in sixteen, and
// returns how many. Series touched in an open bucket stay.
func (e *Engine) evict() int {
	var all []candidate
	series, open := 0, e.clock.Number(e.clock.LastFinalizedMs)
	for n, s := range e.shards {
		series += s.cores.Len()
		for i := uint32(0); i < s.cores.Limit(); i++ {
			if st := s.cores.Get(i); st.used && st.touched < open {
				all = append(all, candidate{touched: st.touched, shard: uint8(n), series: i})
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.touched != b.touched {
			return cmpInt(a.touched, b.touched)
		}
		if a.shard != b.shard {
			return int(a.shard) - int(b.shard)
		}
		return cmpInt(int64(a.series), int64(b.series))
	})
	gone := all[:min(len(all), series/evictShare+1)]
	for _, c := range gone {
		e.shards[c.shard].drop(c.series)
	}
	e.memory.evicted += int64(len(gone))
	e.afterDrops()
	return len(gone)
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// afterDrops brings what points at series in line with what is left: indexes,
// active lists, groups and, once they are mostly waste, names.
func (e *Engine) afterDrops() {
	inUse := make([]bool, e.groups.Limit())
	for _, s := range e.shards {
		s.index.rebuild(s.cores)
		s.active = slices.DeleteFunc(s.active, func(i uint32) bool { return !s.cores.Get(i).used })
		for i := uint32(0); i < s.cores.Limit(); i++ {
			if st := s.cores.Get(i); st.used {
				inUse[st.group] = true
			}
		}
	}
	for g := range inUse {
		if v := e.groups.Get(uint32(g)); v.used && !inUse[g] {
			delete(e.groupByID, groupKey{v.detector, v.partition})
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
		live += s.cores.Len()
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
			for i := uint32(0); i < s.cores.Limit(); i++ {
				if st := s.cores.Get(i); st.used && st.touched < oldest {
					s.drop(i)
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
		for i := uint32(0); i < s.cores.Limit(); i++ {
			if st := s.cores.Get(i); st.used {
				used[st.by] = true
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
	renamed := e.names.Compact(func(id names.ID) bool { return used[id] })
	clear(e.groupByID)
	for g := uint32(0); g < e.groups.Limit(); g++ {
		if e.groups.Get(g).used {
			v := e.groups.Mut(g)
			v.partition = renamed[v.partition]
			e.groupByID[groupKey{v.detector, v.partition}] = g
		}
	}
	for _, s := range e.shards {
		for i := uint32(0); i < s.cores.Limit(); i++ {
			if s.cores.Get(i).used {
				st := s.cores.Mut(i)
				st.by = renamed[st.by]
			}
		}
		s.index.rebuild(s.cores)
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
		if v := e.groups.Get(g); v.used && e.columns.detectors[v.detector].partition >= 0 {
			m.PartitionValues++
		}
	}
	for _, s := range e.shards {
		m.Series += int64(s.cores.Len())
	}
	if e.splitsBy() {
		m.ByValues = m.Series
	}
	return m
}

// splitsBy reports whether a detector has a by field.
func (e *Engine) splitsBy() bool {
	for d := range e.columns.detectors {
		if e.columns.detectors[d].by >= 0 {
			return true
		}
	}
	return false
}
