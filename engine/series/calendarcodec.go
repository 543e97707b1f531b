package series

import "math"

// CalendarBytes is the encoded size of a Calendar.
var CalendarBytes = new(Calendar).walk(coder{}).at

func (k *coder) watch(w *watch) {
	k.f64(&w.anchor)
	k.i32(&w.repeated)
	k.i32(&w.day)
	k.u16(&w.days)
	k.u8(&w.thrice)
	for i := range w.means {
		k.f32(&w.means[i])
	}
	for i := range w.weekdays {
		k.f32(&w.weekdays[i])
	}
	for i := range w.parts {
		q := &w.parts[i]
		k.f32(&q.sum)
		k.f32(&q.best)
		k.f32(&q.usual)
		k.u16(&q.n)
		k.u8(&q.at)
		k.u8(&q.bestAt)
	}
	for i := range w.marks {
		m := &w.marks[i]
		k.i32(&m.day)
		k.i8(&m.ratio)
		k.u8(&m.from)
		k.u8(&m.to)
	}
}

func (k *coder) due(d *due) {
	k.i32(&d.day)
	k.f32(&d.unit)
	k.f32(&d.slack)
	for i := range d.levels {
		k.i16(&d.levels[i])
	}
	k.u8(&d.doubt)
}

func (k *coder) calendar(m *Calendar) {
	k.i32(&m.day)
	k.f32(&m.base)
	for i := range m.sums {
		k.f32(&m.sums[i])
		k.u16(&m.counts[i])
	}
	for i := range m.effects {
		e := &m.effects[i]
		k.i32(&e.day)
		k.u8(&e.families)
		k.u8(&e.hits)
		k.u8(&e.missed)
		k.f32(&e.spread)
		for h := range e.height {
			k.f32(&e.height[h])
		}
	}
}

func (m *Calendar) walk(k coder) coder { k.calendar(m); return k }

// Append appends the encoding of m, CalendarBytes long.
func (m *Calendar) Append(dst []byte) []byte { return appendState(dst, m, CalendarBytes) }

// Decode reads m from src and returns the rest of src.
func (m *Calendar) Decode(src []byte) ([]byte, error) { return decodeState(src, m, CalendarBytes) }

// mostDay bounds the days, since the epoch, that a time in milliseconds can fall
// into and that have a place in a calendar.
const mostDay = 1 << 30

func soundDay(day int32) bool { return day >= -mostDay && day <= mostDay }

func finite32(xs ...float32) bool {
	for _, x := range xs {
		if !(math.Abs(float64(x)) <= mostState) {
			return false
		}
	}
	return true
}

func (w *watch) sound() bool {
	if !(math.Abs(w.anchor) <= mostState) || !finite32(w.means[:]...) || !finite32(w.weekdays[:]...) || !soundDay(w.day) || !soundDay(w.repeated) || w.thrice >= 1<<families {
		return false
	}
	for i := range w.parts {
		q := &w.parts[i]
		if !finite32(q.sum, q.best, q.usual) || q.usual < 0 || int32(q.at)*partHours[i] >= dayHours || int32(q.bestAt)*partHours[i] >= dayHours {
			return false
		}
	}
	for i := range w.marks {
		m := &w.marks[i]
		if !soundDay(m.day) || m.ratio == math.MinInt8 || m.to > dayHours || m.from > m.to {
			return false
		}
	}
	return true
}

func (d *due) sound() bool {
	for _, l := range d.levels {
		if l > mostLevel || l < -mostLevel {
			return false
		}
	}
	return d.doubt <= 1 && soundDay(d.day) && d.unit >= 0 && d.slack >= 0 && finite32(d.unit, d.slack)
}

func (m *Calendar) sound() bool {
	if !soundDay(m.day) || !finite32(m.base) || !finite32(m.sums[:]...) {
		return false
	}
	for i := range m.effects {
		e := &m.effects[i]
		if !soundDay(e.day) || e.families >= 1<<families || !finite32(e.height[:]...) || !(e.spread >= 0 && e.spread <= mostState) || e.families != 0 && e.hits < 3 || e.missed >= effectGone {
			return false
		}
	}
	return true
}
