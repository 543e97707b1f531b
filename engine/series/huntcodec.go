package series

import "math"

// HuntBytes is the encoded size of a Hunt.
var HuntBytes = new(Hunt).walk(coder{}).at

func (k *coder) hunt(h *Hunt) {
	k.i64(&h.startMs)
	for _, x := range [...]*float64{&h.base, &h.unit, &h.sum, &h.period} {
		k.f64(x)
	}
	k.u32(&h.buckets)
	k.u32(&h.step)
	k.u16(&h.samples)
	k.u16(&h.tested)
	for _, x := range [...]*uint8{&h.found, &h.settled, &h.harmonics, &h.over} {
		k.u8(x)
	}
	for i := range h.levels {
		k.i16(&h.levels[i])
	}
}

func (k *coder) jobs(js *jobs) {
	for i := range js {
		j := &js[i]
		k.i32(&j.slot)
		k.f32(&j.height)
		k.f32(&j.spread)
		k.u16(&j.days)
		k.u8(&j.streak)
		k.u8(&j.lost)
		k.u8(&j.age)
	}
}

func (h *Hunt) walk(k coder) coder { k.hunt(h); return k }

// Append appends the encoding of h, HuntBytes long.
func (h *Hunt) Append(dst []byte) []byte { return appendState(dst, h, HuntBytes) }

// Decode reads h from src and returns the rest of src.
func (h *Hunt) Decode(src []byte) ([]byte, error) { return decodeState(src, h, HuntBytes) }

func (h *Hunt) sound() bool {
	for _, x := range [...]float64{h.base, h.sum, h.unit} {
		if !(math.Abs(x) <= mostState) {
			return false
		}
	}
	if !(h.unit > 0) || h.step == 0 || h.step > mostStep || h.samples > huntSamples || h.samples == huntSamples && h.over == 0 || h.tested > h.samples {
		return false
	}
	if h.found >= seasonJobs || h.settled >= seasonJobs || h.harmonics > mostHarmonics || h.over > 1 {
		return false
	}
	for _, l := range h.levels {
		if l != missing && (l > mostLevel || l < -mostLevel) {
			return false
		}
	}
	return h.period >= 0 && h.period <= mostPeriod && (h.found&seasonCycle == 0 || h.period > 0)
}

// mostStep, mostPeriod and mostAnchor are beyond every step, every period and every
// time in seconds that a hunt can have.
const mostStep, mostPeriod, mostAnchor = 1 << 30, 1e18, 1e17

// soundSeasons reports whether what a season says of its kinds can be.
func (s *Season) soundSeasons() bool {
	visits := uint8(weekMemory)
	if s.on&seasonCycle != 0 {
		visits = cycleMemory
		if s.on&seasonWeek != 0 || !(s.period > 0 && s.period <= mostPeriod) || !(math.Abs(s.anchor) <= mostAnchor) {
			return false
		}
	} else if s.period != 0 || s.anchor != 0 {
		return false
	}
	for i := range maxWeekSlots {
		if s.weekVisits(i) > visits {
			return false
		}
	}
	for _, day := range s.since {
		if !soundDay(day) {
			return false
		}
	}
	return int(s.asked) <= len(siblingAges) && s.on < 2*seasonJobs && s.jobs.sound() && s.alt.sound()
}

func (js *jobs) sound() bool {
	for i := range js {
		j := &js[i]
		if !(math.Abs(float64(j.height)) <= mostState) || !(j.spread >= 0 && j.spread <= mostState) || j.slot < 0 ||
			j.streak > mostStreak || j.lost > jobGone || j.age > jobStale || j.days >= 1<<14 || j.height == 0 && *j != (job{}) {
			return false
		}
	}
	return true
}
