package series

import "math"

// ChangeBytes is the encoded size of a Change.
var ChangeBytes = func() int { k := coder{}; k.change(new(Change)); return k.at }()

func (k *coder) change(g *Change) {
	for _, x := range g.doubles() {
		k.f64(x)
	}
	for i := range g.levels {
		k.f64(&g.levels[i])
	}
	for i := range g.err {
		k.f64(&g.err[i])
	}
	for i := range g.lag {
		k.f32(&g.lag[i])
	}
	k.season(&g.before)
	k.u8(&g.weekly)
	k.u8(&g.over)
}

func (g *Change) doubles() [15]*float64 {
	return [...]*float64{&g.seen, &g.level, &g.mean, &g.scale, &g.inflation, &g.w, &g.r, &g.k, &g.rr, &g.rk, &g.kk,
		&g.old, &g.other, &g.since, &g.next}
}

func (k *coder) alternative(a *alternative) {
	k.f64(&a.level)
	k.f32(&a.factor)
	k.f32(&a.lead)
	k.u8(&a.mode)
	k.u8(&a.weekly)
}

// Append appends the encoding of g, ChangeBytes long.
func (g *Change) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, ChangeBytes)...)
	k := coder{buf: dst[at:], write: true}
	k.change(g)
	return dst
}

// Decode reads g from src and returns the rest of src.
func (g *Change) Decode(src []byte) ([]byte, error) {
	if len(src) < ChangeBytes {
		return nil, ErrShort
	}
	k := coder{buf: src[:ChangeBytes], read: true}
	k.change(g)
	if !g.sound() {
		return nil, ErrCorrupt
	}
	return src[ChangeBytes:], nil
}

// mostSum is beyond every sum of squares of what mostState bounds.
const mostSum = mostState * mostState

func (g *Change) sound() bool {
	for _, x := range g.doubles() {
		if !(math.Abs(*x) <= mostSum) {
			return false
		}
	}
	for _, x := range g.levels {
		if !(math.Abs(x) <= mostState) {
			return false
		}
	}
	for _, x := range g.err {
		if !(x >= 0 && x <= mostState) {
			return false
		}
	}
	for _, x := range g.lag {
		if !(x >= 0 && x <= math.MaxFloat32) {
			return false
		}
	}
	return g.before.sound() && g.scale > 0 && g.inflation >= 1 && g.seen >= 0 && g.w >= 0 && g.rr >= 0 && g.kk >= 0 && g.old >= 0 && g.other >= 0 && g.weekly <= 1 && g.over <= 1
}

func (a *alternative) sound() bool {
	return math.Abs(a.level) <= mostState && possible(a.factor) && math.Abs(float64(a.lead)) <= mostPeriod && a.mode <= altBack && a.weekly <= 1
}
