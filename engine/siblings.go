package engine

import "tidemark/engine/series"

const (
	// siblingsAShard is how many series of a shard make the common curve of a unit,
	// and siblingsLooked among how many they are looked for.
	siblingsAShard, siblingsLooked = 4, 2048
	// mostYoung is how many series look at it in one bucket; the others do later.
	mostYoung = 4096
)

// shareSeasons lets young series begin with what their siblings have learned of the
// day and the week. It runs between buckets, when no shard is at work, in the order
// of shards and series; what it needs it finds anew, so that there is nothing to
// keep.
func (e *Engine) shareSeasons() {
	var curves map[uint32]*series.Siblings
	left := mostYoung
	for _, s := range e.shards {
		for _, i := range s.out.young {
			st := s.series.Get(i)
			if left == 0 || st.season == 0 || st.hunt == 0 {
				continue
			}
			left--
			unit := e.groups.Get(st.group).unit
			b, ok := curves[unit]
			if !ok {
				if curves == nil {
					curves = map[uint32]*series.Siblings{}
				}
				b = e.siblingsOf(unit)
				curves[unit] = b
			}
			e.units[unit].params.Adopt(s.cores.Mut(st.model-1), s.seasons.Mut(st.season-1), s.hunts.Get(st.hunt-1), b)
		}
	}
}

// siblingsOf averages the curves of the first few series of a unit in each shard that
// have one.
func (e *Engine) siblingsOf(unit uint32) *series.Siblings {
	b, p := &series.Siblings{}, e.units[unit].params
	for _, s := range e.shards {
		found := 0
		for i := uint32(0); i < min(s.series.Limit(), siblingsLooked) && found < siblingsAShard; i++ {
			if st := s.series.Get(i); st.used && st.season != 0 && e.groups.Get(st.group).unit == unit && p.Add(b, s.seasons.Get(st.season-1)) {
				found++
			}
		}
	}
	p.Average(b)
	return b
}
