package series

import "math"

// ChangeBytes is the encoded size of a Change.
var ChangeBytes = new(Change).walk(coder{}).at

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
	for i := range g.blend.loss {
		k.f32(&g.blend.loss[i])
	}
	for _, x := range g.blend.sums() {
		k.f64(x)
	}
	for i := range g.blend.heard {
		k.f32(&g.blend.heard[i])
	}
	k.bytes(g.blend.times[:])
	k.season(&g.before)
	k.u8(&g.weekly)
	k.u8(&g.over)
	k.u8(&g.blended)
}

func (g *Change) doubles() [15]*float64 {
	return [...]*float64{&g.seen, &g.level, &g.mean, &g.scale, &g.inflation, &g.w, &g.r, &g.k, &g.rr, &g.rk, &g.kk,
		&g.old, &g.other, &g.since, &g.next}
}

func (b *blend) sums() [5]*float64 { return [...]*float64{&b.n, &b.a, &b.aa, &b.r, &b.ra} }

func (k *coder) alternative(a *alternative) {
	k.f64(&a.level)
	k.f32(&a.factor)
	k.f32(&a.lead)
	k.u8(&a.mode)
	k.u8(&a.weekly)
}

func (g *Change) walk(k coder) coder { k.change(g); return k }

// Append appends the encoding of g, ChangeBytes long.
func (g *Change) Append(dst []byte) []byte { return appendState(dst, g, ChangeBytes) }

// Decode reads g from src and returns the rest of src.
func (g *Change) Decode(src []byte) ([]byte, error) { return decodeState(src, g, ChangeBytes) }

// mostSum is beyond every sum of squares of what mostState bounds.
const mostSum = mostState * mostState

func (g *Change) sound() bool {
	for _, x := range g.doubles() {
		if !(math.Abs(*x) <= mostSum) {
			return false
		}
	}
	for _, x := range g.blend.sums() {
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
	for _, x := range g.blend.heard {
		if !(math.Abs(float64(x)) <= mostState) {
			return false
		}
	}
	for _, x := range g.blend.loss {
		if !(x >= 0 && x <= mostExcess*mostExcess) {
			return false
		}
	}
	return g.before.sound() && g.blend.n >= 0 && g.blend.aa >= 0 && g.scale > 0 && g.inflation >= 1 && g.seen >= 0 && g.w >= 0 && g.rr >= 0 && g.kk >= 0 && g.old >= 0 && g.other >= 0 && g.weekly <= 1 && g.over <= 1 && g.blended <= 1
}

func (a *alternative) sound() bool {
	return math.Abs(a.level) <= mostState && possible(a.factor) && math.Abs(float64(a.lead)) <= mostPeriod && a.mode <= altBack && a.weekly <= 1
}
