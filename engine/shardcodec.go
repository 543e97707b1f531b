package engine

import (
	"tidemark/engine/codec"
	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/spec"
	"tidemark/engine/wheel"
)

func (s *frozenShard) append(dst []byte) []byte {
	dst = codec.AppendVarint(dst, s.now)
	for _, p := range s.pools {
		dst = p.append(dst)
	}
	dst = codec.AppendUvarint(dst, uint64(len(s.bondRefs)))
	for _, b := range s.bondRefs {
		dst = codec.AppendU32(codec.AppendU32(dst, b.group), b.bonds)
	}
	dst = appendNumbers(dst, s.active)
	dst = codec.AppendUvarint(dst, uint64(len(s.open)))
	for _, b := range s.open {
		dst = b.Append(dst)
	}
	return dst
}

func (e *Engine) decodeShard(r *codec.Reader, n int) {
	s := e.shards[n]
	s.wheel = wheel.New(r.Varint())
	for _, p := range s.all {
		p.decode(r)
	}
	e.decodeBondRefs(r, s)
	limit := s.series.Limit()
	s.active = decodeNumbers(r, limit)
	open := r.Count(1)
	if r.Err() == nil && open != len(s.open) {
		r.Fail("%d open buckets in a shard, the job has %d", open, len(s.open))
	}
	if r.Err() != nil {
		return
	}
	for i := range s.open {
		s.open[i] = gather.Decode(r, limit, e.names.Len())
	}
	if r.Err() == nil {
		e.checkShard(r, s)
	}
	if r.Err() == nil {
		s.index.rebuild(s.series)
	}
}

// decodeBondRefs reads which group has which bonds, and refuses bonds of series
// that are not there.
func (e *Engine) decodeBondRefs(r *codec.Reader, s *shard) {
	for n := r.Count(8); n > 0 && r.Err() == nil; n-- {
		b := bondRef{r.U32(), r.U32()}
		last := len(s.bondRefs) - 1
		if b.group >= e.groups.Limit() || !e.groups.Get(b.group).used || b.bonds >= s.bonds.Limit() || last >= 0 && s.bondRefs[last].group >= b.group {
			r.Fail("bonds %d of group %d", b.bonds, b.group)
			return
		}
		for _, x := range s.bonds.Get(b.bonds).List {
			if x.A != x.B && (x.B >= s.series.Limit() || s.series.Get(x.A).echo == 0 || s.series.Get(x.B).echo == 0) {
				r.Fail("a bond of series %d and %d", x.A, x.B)
				return
			}
		}
		s.bondRefs = append(s.bondRefs, b)
	}
}

// checkShard refuses series that point at what is not there.
func (e *Engine) checkShard(r *codec.Reader, s *shard) {
	for i := uint32(0); i < s.series.Limit(); i++ {
		st := s.series.Get(i)
		if !st.used {
			continue
		}
		if st.group >= e.groups.Limit() || !e.groups.Get(st.group).used || int64(st.by) > int64(e.names.Len()) || int64(st.over) > int64(e.names.Len()) ||
			st.season > s.seasons.Limit() || st.hunt > s.hunts.Limit() || st.calendar > s.calendars.Limit() || st.calendar != 0 && st.season == 0 || st.change > s.changes.Limit() || st.change != 0 && st.season == 0 || st.pattern > s.patterns.Limit() || st.arrival > s.arrivals.Limit() || st.echo > s.echoes.Limit() || st.parent > s.series.Limit() || st.parent == i+1 {
			r.Fail("series %d of group %d, names %d and %d, season %d and parent %d", i, st.group, st.by, st.over, st.season, st.parent)
			return
		}
		u := &e.units[e.groups.Get(st.group).unit]
		if limit := s.modelLimit(u, st); (st.model == 0) != (limit == 0) || st.model > limit || (st.season != 0 || st.hunt != 0 || st.calendar != 0 || st.change != 0 || st.pattern != 0 || st.arrival != 0 || st.echo != 0) && u.kind != spec.Scalar {
			r.Fail("series %d with model %d of %d", i, st.model, limit)
			return
		}
		if up, has := u.above(st.key()); has {
			if st.parent == 0 || !s.series.Get(st.parent-1).used || s.series.Get(st.parent-1).key() != up {
				r.Fail("series %d under series %d", i, st.parent)
				return
			}
		} else if st.parent != 0 {
			r.Fail("series %d has series %d above it", i, st.parent)
			return
		}
		if st.due != never {
			s.wheel.Add(i, st.due)
		}
	}
}

// stateBytes is the encoded size of a state.
const stateBytes = 14*4 + 4*8

// Append encodes a state that is in use.
func (st *state) Append(dst []byte) []byte {
	for _, v := range [...]uint32{st.group, uint32(st.by), uint32(st.over), st.model, st.season, st.hunt, st.calendar, st.change, st.pattern, st.arrival, st.echo, st.parent, st.buckets, st.excesses} {
		dst = codec.AppendU32(dst, v)
	}
	for _, v := range [...]int64{st.last, st.touched, st.due, st.first} {
		dst = codec.AppendU64(dst, uint64(v))
	}
	return dst
}

// Decode reads what Append wrote.
func (st *state) Decode(src []byte) ([]byte, error) {
	r := codec.NewReader(src)
	var by, over uint32
	for _, v := range [...]*uint32{&st.group, &by, &over, &st.model, &st.season, &st.hunt, &st.calendar, &st.change, &st.pattern, &st.arrival, &st.echo, &st.parent, &st.buckets, &st.excesses} {
		*v = r.U32()
	}
	st.by, st.over, st.used = names.ID(by), names.ID(over), true
	for _, v := range [...]*int64{&st.last, &st.touched, &st.due, &st.first} {
		*v = int64(r.U64())
	}
	return src[min(stateBytes, len(src)):], r.Err()
}
