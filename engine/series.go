package engine

import (
	"math"

	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/pages"
	"tidemark/engine/series"
	"tidemark/engine/wheel"
)

// Values per page, so that a page has about 64 KB.
const (
	groupsPerPage  = 2048
	coresPerPage   = 96
	seasonsPerPage = 48
)

// never is the due time of a series that does not wait in the wheel.
const never = int64(math.MaxInt64)

// state is what is kept of one series.
type state struct {
	group uint32
	by    names.ID
	used  bool
	// season is 1 + the number of its season, 0 without one.
	season uint32
	// last is the number of the last bucket the model has learned, up to and
	// including silence; touched the last one with records. due is when its
	// silence may matter, or never.
	last, touched, due int64
	core               series.Core
}

// shard is a fixed share of the series. Shards share nothing while they run.
type shard struct {
	cores   *pages.Pool[state]
	seasons *pages.Pool[series.Season]
	index   index
	wheel   *wheel.Wheel
	// active are the series whose last bucket had records and for which
	// emptiness is a value: the next bucket judges them even without records.
	active []uint32
	// open are the open buckets, by offset from the last finalized end.
	open []*gather.Bucket
	out  output
	// visits is scratch of finalize.
	visits []uint32
}

func newShard() *shard {
	return &shard{cores: pages.New[state](coresPerPage), seasons: pages.New[series.Season](seasonsPerPage), wheel: wheel.New(0)}
}

// shift moves the open buckets n places to the front; those in front are
// cleared and go behind.
func (s *shard) shift(n int) {
	for i := range n {
		s.open[i].Clear()
	}
	front := append([]*gather.Bucket(nil), s.open[:n]...)
	copy(s.open, s.open[n:])
	copy(s.open[len(s.open)-n:], front)
}

// seasonOf returns a series' season for reading, nil without one.
func (s *shard) seasonOf(st *state) *series.Season {
	if st.season == 0 {
		return nil
	}
	return s.seasons.Get(st.season - 1)
}

// lookup finds the series of a (detector, partition, by) combination, making
// its group and itself if they are new and there is room.
func (e *Engine) lookup(d int, partition, by names.ID, t int64) ref {
	g, ok := e.groupByID[groupKey{uint32(d), partition}]
	if !ok {
		g = e.addGroup(uint32(d), partition, t)
	}
	spread := partition
	if e.columns.detectors[d].partition < 0 {
		spread = by
	}
	n := uint8(names.Hash(e.names.Value(spread)) >> 32 % shardCount)
	s := e.shards[n]
	if i, ok := s.index.find(s.cores, g, by); ok {
		return ref{shard: n, ok: true, series: i}
	}
	if !e.room() {
		return e.refuse()
	}
	i := s.cores.Alloc()
	st := s.cores.Mut(i)
	*st = state{group: g, by: by, used: true, last: math.MinInt64, touched: e.clock.Number(t), due: never}
	st.core.Init(e.params[d])
	s.index.add(s.cores, i)
	return ref{shard: n, ok: true, series: i}
}

func (e *Engine) addGroup(d uint32, partition names.ID, t int64) uint32 {
	g := e.groups.Alloc()
	start := e.clock.FirstFullMs
	if e.columns.detectors[d].partition >= 0 {
		start = e.clock.Ceil(t)
	}
	*e.groups.Mut(g) = group{detector: d, partition: partition, used: true, startMs: start}
	e.groupByID[groupKey{d, partition}] = g
	return g
}

// started reports whether a record at t falls into a whole bucket of its
// series' group.
func (e *Engine) started(r ref, t int64) bool {
	return t >= e.groups.Get(e.shards[r.shard].cores.Get(r.series).group).startMs
}

// drop forgets a series. Its wheel entry dies with its due time.
func (s *shard) drop(i uint32) {
	st := s.cores.Mut(i)
	if st.season != 0 {
		s.seasons.Release(st.season - 1)
	}
	*st = state{}
	s.cores.Release(i)
}

// index finds series by group and by value: open addressing over the numbers
// of the series, 4 bytes a slot.
type index struct {
	slots []uint32 // 1 + number
	used  int
}

func keyHash(g uint32, by names.ID) uint64 { return names.Mix(uint64(g)<<32 | uint64(by)) }

func (x *index) find(cores *pages.Pool[state], g uint32, by names.ID) (uint32, bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(x.slots) - 1)
	for at := uint32(keyHash(g, by)) & mask; x.slots[at] != 0; at = (at + 1) & mask {
		if st := cores.Get(x.slots[at] - 1); st.group == g && st.by == by && st.used {
			return x.slots[at] - 1, true
		}
	}
	return 0, false
}

// add puts a series in. The caller has made sure that it is not there.
func (x *index) add(cores *pages.Pool[state], i uint32) {
	if (x.used+1)*4 > len(x.slots)*3 {
		x.rebuild(cores)
		if x.contains(cores, i) {
			return
		}
	}
	x.put(cores, i)
}

func (x *index) put(cores *pages.Pool[state], i uint32) {
	st, mask := cores.Get(i), uint32(len(x.slots)-1)
	at := uint32(keyHash(st.group, st.by)) & mask
	for x.slots[at] != 0 {
		at = (at + 1) & mask
	}
	x.slots[at] = i + 1
	x.used++
}

func (x *index) contains(cores *pages.Pool[state], i uint32) bool {
	st := cores.Get(i)
	_, ok := x.find(cores, st.group, st.by)
	return ok
}

// rebuild makes the index anew from the series that are in use.
func (x *index) rebuild(cores *pages.Pool[state]) {
	size := 16
	for size*3 < (cores.Len()+1)*4*2 {
		size *= 2
	}
	*x = index{slots: make([]uint32, size)}
	for i := uint32(0); i < cores.Limit(); i++ {
		if cores.Get(i).used {
			x.put(cores, i)
		}
	}
}
