package engine

import (
	"math"

	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/pages"
	"tidemark/engine/series"
	"tidemark/engine/spec"
	"tidemark/engine/wheel"
)

// never is the due time of a series that does not wait in the wheel.
const never = int64(math.MaxInt64)

// state is what is kept of one series: a combination of a unit with values of
// its splits. What was learned is in the pool that fits the unit's kind.
type state struct {
	group    uint32
	by, over names.ID
	used     bool
	// model is 1 + the number in the pool of the series' kind, 0 without one: of a
	// population only the attribute has one, its members have none.
	model uint32
	// season, hunt, calendar, change and pattern are 1 + the numbers of its season, of
	// the hunt for one, of its days of the month, of the change that is weighed and of
	// its courses, 0 without them.
	season, hunt, calendar, change, pattern uint32
	// arrival is 1 + the number of how its value arrives, 0 without.
	arrival uint32
	// echo is 1 + the number of its last deviations, 0 without.
	echo uint32
	// parent is 1 + the series whose model judges this one, 0: its own.
	parent uint32
	// buckets with records, to tell what is frequent; in excesses of them a member
	// was beyond what is usual among its peers.
	buckets, excesses uint32
	// last is the number of the last bucket the model has learned, up to and
	// including silence; touched the last one with records. due is when its
	// silence may matter, or never. first is the bucket it was made in.
	last, touched, due, first int64
}

// shard is a fixed share of the series. Shards share nothing while they run.
type shard struct {
	pools
	// bondRefs are the groups that have bonds, in order of their numbers.
	bondRefs []bondRef
	// heard is how far each series deviates in the bucket in work, NaN: nothing.
	heard []float64
	index index
	wheel *wheel.Wheel
	// active are the series whose last bucket had records and for which
	// emptiness is a value: the next bucket judges them even without records.
	active []uint32
	// open are the open buckets, by offset from the last finalized end.
	open []*gather.Bucket
	out  output
	// visits is scratch of finalize.
	visits []uint32
}

func newShard() *shard { return &shard{pools: newPools(), wheel: wheel.New(0)} }

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

// key is what tells series apart.
type key struct {
	group    uint32
	by, over names.ID
}

// lookup finds the series of a unit with values of its splits, making its group
// and itself if they are new and there is room.
func (e *Engine) lookup(u int, partition, by, over names.ID, t int64) ref {
	g, ok := e.groupByID[groupKey{uint32(u), partition}]
	if !ok {
		g = e.addGroup(uint32(u), partition, t)
	}
	n := e.shardOf(u, partition, by)
	s := e.shards[n]
	k := key{g, by, over}
	if i, ok := s.index.find(s.series, k); ok {
		return ref{shard: n, ok: true, series: i}
	}
	i, ok := e.findOrMake(s, &e.units[u], k, t)
	if !ok {
		return e.refuse()
	}
	return ref{shard: n, ok: true, series: i}
}

// findOrMake finds a series, or makes it behind the one whose model judges it.
func (e *Engine) findOrMake(s *shard, u *unit, k key, t int64) (i uint32, ok bool) {
	if i, ok = s.index.find(s.series, k); ok {
		return i, true
	}
	parent := uint32(0)
	if up, has := u.above(k); has {
		above, ok := e.findOrMake(s, u, up, t)
		if !ok {
			return 0, false
		}
		// It is in use from here on: making room must not let it go.
		s.touch(above, e.clock.Number(t))
		parent = above + 1
	}
	return e.makeSeries(s, u, k, parent, t)
}

// above is the key of the series that judges the one with this key: members of a
// population are under their attribute, rare values under their group.
func (u *unit) above(k key) (key, bool) {
	switch {
	case u.over && k.over != names.None:
		return key{k.group, k.by, names.None}, true
	case u.kind == spec.Rarity && k.by != names.None:
		return key{k.group, names.None, names.None}, true
	}
	return k, false
}

// shardOf is where a series lives. What is judged together lives together.
func (e *Engine) shardOf(u int, partition, by names.ID) uint8 {
	spread := partition
	if c := &e.columns.units[u]; c.partition < 0 && e.units[u].kind != spec.Rarity && !e.units[u].bonds {
		spread = by
	}
	return uint8(names.Hash(e.names.Value(spread)) >> 32 % shardCount)
}

// makeSeries makes a series with the model that its place asks for.
func (e *Engine) makeSeries(s *shard, unit *unit, k key, parent uint32, t int64) (uint32, bool) {
	if !e.room() {
		return 0, false
	}
	i := s.series.Alloc()
	st := s.series.Mut(i)
	number := e.clock.Number(t)
	*st = state{group: k.group, by: k.by, over: k.over, used: true, parent: parent, last: math.MinInt64, touched: number, first: number, due: never}
	s.allocModel(unit, st)
	s.index.add(s.series, i)
	return i, true
}

func (e *Engine) addGroup(d uint32, partition names.ID, t int64) uint32 {
	g := e.groups.Alloc()
	start := e.clock.FirstFullMs
	if e.columns.units[d].partition >= 0 {
		start = e.clock.Ceil(t)
	}
	*e.groups.Mut(g) = group{unit: d, partition: partition, used: true, startMs: start}
	e.groupByID[groupKey{d, partition}] = g
	return g
}

// started reports whether a record at t falls into a whole bucket of its
// series' group.
func (e *Engine) started(r ref, t int64) bool {
	return t >= e.groups.Get(e.shards[r.shard].series.Get(r.series).group).startMs
}

// drop forgets a series. Its wheel entry dies with its due time.
func (s *shard) drop(e *Engine, i uint32) {
	st := s.series.Mut(i)
	if st.season != 0 {
		s.seasons.Release(st.season - 1)
	}
	if st.hunt != 0 {
		s.hunts.Release(st.hunt - 1)
	}
	if st.calendar != 0 {
		s.calendars.Release(st.calendar - 1)
	}
	if st.change != 0 {
		s.changes.Release(st.change - 1)
	}
	if st.pattern != 0 {
		s.patterns.Release(st.pattern - 1)
	}
	if st.arrival != 0 {
		s.arrivals.Release(st.arrival - 1)
	}
	s.unbond(i, st)
	s.releaseModel(&e.units[e.groups.Get(st.group).unit], st)
	*st = state{}
	s.series.Release(i)
}

// index finds series by their key: open addressing over the numbers of the
// series, 4 bytes a slot.
type index struct {
	slots []uint32 // 1 + number
	used  int
}

func (k key) hash() uint64 {
	return names.Mix(names.Mix(uint64(k.group)<<32|uint64(k.by)) ^ uint64(k.over))
}

func (st *state) key() key { return key{st.group, st.by, st.over} }

func (x *index) find(pool *pages.Pool[state], k key) (uint32, bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	mask := uint32(len(x.slots) - 1)
	for at := uint32(k.hash()) & mask; x.slots[at] != 0; at = (at + 1) & mask {
		if st := pool.Get(x.slots[at] - 1); st.used && st.key() == k {
			return x.slots[at] - 1, true
		}
	}
	return 0, false
}

// add puts a series in. The caller has made sure that it is not there.
func (x *index) add(pool *pages.Pool[state], i uint32) {
	if (x.used+1)*4 > len(x.slots)*3 {
		x.rebuild(pool)
		if _, ok := x.find(pool, pool.Get(i).key()); ok {
			return
		}
	}
	x.put(pool, i)
}

func (x *index) put(pool *pages.Pool[state], i uint32) {
	mask := uint32(len(x.slots) - 1)
	at := uint32(pool.Get(i).key().hash()) & mask
	for x.slots[at] != 0 {
		at = (at + 1) & mask
	}
	x.slots[at] = i + 1
	x.used++
}

// rebuild makes the index anew from the series that are in use.
func (x *index) rebuild(pool *pages.Pool[state]) {
	size := 16
	for size*3 < (pool.Len()+1)*4*2 {
		size *= 2
	}
	*x = index{slots: make([]uint32, size)}
	for i := uint32(0); i < pool.Limit(); i++ {
		if pool.Get(i).used {
			x.put(pool, i)
		}
	}
}
