package engine

import (
	"tidemark/engine/clockmodel"
	"tidemark/engine/codec"
	"tidemark/engine/pages"
	"tidemark/engine/place"
	"tidemark/engine/rarity"
	"tidemark/engine/series"
)

// pools are what a shard keeps of its series, by kind.
type pools struct {
	series    *pages.Pool[state]
	cores     *pages.Pool[series.Core]
	seasons   *pages.Pool[series.Season]
	hunts     *pages.Pool[series.Hunt]
	calendars *pages.Pool[series.Calendar]
	changes   *pages.Pool[series.Change]
	patterns  *pages.Pool[series.Pattern]
	arrivals  *pages.Pool[series.Arrival]
	echoes    *pages.Pool[series.Echo]
	bonds     *pages.Pool[series.Bonds]
	peers     *pages.Pool[series.Peers]
	days      *pages.Pool[clockmodel.Day]
	weeks     *pages.Pool[clockmodel.Week]
	places    *pages.Pool[place.Model]
	rarities  *pages.Pool[rarity.Population]
	values    *pages.Pool[rarity.Value]
	// all are these, in the order of snapshots.
	all []listed
}

// listed is one of them.
type listed struct {
	stored
	used   *pages.Numbers
	charge int64
}

// newPools is the one place that lists them: what one value takes in a snapshot,
// and what it is charged, both in bytes.
func newPools() (p pools) {
	add(&p, &p.series, "series", stateBytes, seriesBytes)
	add(&p, &p.cores, "cores", series.CoreBytes, coreBytes)
	add(&p, &p.seasons, "seasons", series.SeasonBytes, seasonBytes)
	add(&p, &p.hunts, "hunts", series.HuntBytes, huntBytes)
	add(&p, &p.calendars, "calendars", series.CalendarBytes, calendarBytes)
	add(&p, &p.changes, "changes", series.ChangeBytes, changeBytes)
	add(&p, &p.patterns, "patterns", series.PatternBytes, patternBytes)
	add(&p, &p.arrivals, "arrivals", series.ArrivalBytes, arrivalBytes)
	add(&p, &p.echoes, "echoes", series.EchoBytes, echoBytes)
	add(&p, &p.bonds, "bonds", series.BondsBytes, bondsBytes)
	add(&p, &p.peers, "populations", series.PeersBytes, peersBytes)
	add(&p, &p.days, "days", clockmodel.DayBytes, dayBytes)
	add(&p, &p.weeks, "weeks", clockmodel.WeekBytes, weekBytes)
	add(&p, &p.places, "places", place.ModelBytes, placeBytes)
	add(&p, &p.rarities, "rarities", rarity.PopulationBytes, rarityBytes)
	add(&p, &p.values, "values", rarity.ValueBytes, valueBytes)
	return p
}

// pageBytes is about the size of a page.
const pageBytes = 64 << 10

func add[T any, P model[T]](p *pools, at **pages.Pool[T], name string, size int, charge int64) {
	*at = pages.New[T](pageBytes / size)
	p.all = append(p.all, listed{&pool[T, P]{*at, name, size}, &(*at).Numbers, charge})
}

// bytes is the memory charged for what the pools hold. It is asked for with every
// new name.
func (p *pools) bytes() (total int64) {
	for i := range p.all {
		total += int64(p.all[i].used.Len()) * p.all[i].charge
	}
	return total
}

// stored is a pool, whatever it holds.
type stored interface {
	freeze() frozenPool
	decode(r *codec.Reader)
}

// frozenPool is one at the moment it was frozen.
type frozenPool interface{ append(dst []byte) []byte }

// model is what pools hold: it encodes itself.
type model[T any] interface {
	*T
	Append(dst []byte) []byte
	Decode(src []byte) ([]byte, error)
}

type pool[T any, P model[T]] struct {
	*pages.Pool[T]
	name string
	size int
}

func (p *pool[T, P]) freeze() frozenPool { return &view[T, P]{p.Freeze()} }

// decode reads what the append of a view wrote.
func (p *pool[T, P]) decode(r *codec.Reader) {
	limit := r.U32()
	free := decodeNumbers(r, limit)
	if r.Err() != nil {
		return
	}
	if int64(limit)-int64(len(free)) > int64(r.Left())/int64(p.size) || len(free) > int(limit) {
		r.Fail("%d %s in %d bytes", limit, p.name, r.Left())
		return
	}
	p.Restore(limit, free)
	released := make([]bool, limit)
	for _, i := range free {
		released[i] = true
	}
	for i := uint32(0); i < limit; i++ {
		if released[i] {
			continue
		}
		raw := r.Raw(p.size)
		if raw == nil {
			return
		}
		if _, err := P(p.Mut(i)).Decode(raw); err != nil {
			r.Fail("%s %d: %v", p.name, i, err)
			return
		}
	}
}

type view[T any, P model[T]] struct{ pages.View[T] }

// append encodes the values that are in use, each behind its number.
func (v *view[T, P]) append(dst []byte) []byte {
	free := make([]bool, v.Limit)
	for _, i := range v.Free {
		free[i] = true
	}
	dst = codec.AppendU32(dst, v.Limit)
	dst = appendNumbers(dst, v.Free)
	for i := uint32(0); i < v.Limit; i++ {
		if !free[i] {
			dst = P(v.Get(i)).Append(dst)
		}
	}
	return dst
}
