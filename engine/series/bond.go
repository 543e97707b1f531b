package series

import (
	"math"

	"tidemark/engine/num"
)

// Series that move together. Each series keeps the deviations of its last buckets;
// from time to time those of a group are compared, and the pairs that agree best
// are followed. With z and y the deviations of two series from what is expected of
// each, in their scatters, and r their correlation,
//
//	E[z|y] = r*y    d = (z - r*y) / √(1-r²)
//
// A learned tail (tail.go) turns |d| into a probability: what a partner explains is
// less of an anomaly, and what leaves the partner alone is one though it lies within
// its own range.
//
//	evidence = max((own + conditional)/2, bondWeight*conditional)
//
// which is p = √(p_own * p_conditional) unless the partner alone says more.
// Cost: a few operations per pair and bucket, and a comparison of all pairs of at
// most MaxEchoes series every EchoLength buckets. Memory: EchoBytes a series,
// BondsBytes a group. Source: the conditional normal law.

const (
	// EchoLength is how many buckets' deviations are kept to find partners by: a
	// correlation of nothing scatters by an eighth.
	EchoLength = 64
	// echoSteps is the resolution of a kept deviation.
	echoSteps = 16
	// MaxBonds are followed in a group, MaxEchoes series of it compared.
	MaxBonds, MaxEchoes = 32, 256
	// leastEcho common buckets with a correlation of echoBond make a candidate,
	// leastBond is the correlation from which a partner counts, bondReady buckets
	// must have been seen together.
	leastEcho = 40
	echoBond  = 0.6
	leastBond = 0.5
	bondReady = 96
	// bondMemory is how many common buckets the moments average.
	bondMemory = 1000
	// bondWeight is what the evidence of a partner alone counts.
	bondWeight = 0.9
	// bondClip bounds a deviation, so that one outlier does not make a pair.
	bondClip = 6
)

// Echo are the last deviations of a series.
type Echo struct {
	// Last is the number of the last bucket kept; z is a ring by bucket number.
	Last int64
	z    [EchoLength]int8
}

// noEcho stands for a bucket without a value.
const noEcho = math.MinInt8

// Init makes e empty.
func (e *Echo) Init() {
	*e = Echo{Last: math.MinInt64}
	for i := range e.z {
		e.z[i] = noEcho
	}
}

// Keep keeps the deviation of bucket number.
func (e *Echo) Keep(number int64, z float64) {
	for i := max(e.Last+1, number-EchoLength); i < number; i++ {
		e.z[i%EchoLength] = noEcho
	}
	e.Last = number
	e.z[number%EchoLength] = int8(math.Round(num.Clamp(z, -bondClip, bondClip) * echoSteps))
}

// agreement is the correlation of two series' kept deviations up to bucket number,
// 0 if they have too few in common.
func (e *Echo) agreement(o *Echo, number int64) float64 {
	n, xx, yy, xy := 0, 0, 0, 0
	for i := range int64(EchoLength) {
		at := number - i
		if at < 0 || at > e.Last || at > o.Last || at <= e.Last-EchoLength || at <= o.Last-EchoLength {
			continue
		}
		x, y := int(e.z[at%EchoLength]), int(o.z[at%EchoLength])
		if x == noEcho || y == noEcho {
			continue
		}
		n++
		xx, yy, xy = xx+x*x, yy+y*y, xy+x*y
	}
	if n < leastEcho || xx == 0 || yy == 0 {
		return 0
	}
	return float64(xy) / math.Sqrt(float64(xx)*float64(yy))
}

// Bond is a pair of series that may move together. A and B are their numbers, A the
// smaller one; equal numbers are no pair.
type Bond struct {
	A, B       uint32
	seen       float32
	xx, yy, xy float32
	tails      [2]tail
}

// Bonds are the pairs of a group.
type Bonds struct{ List [MaxBonds]Bond }

// Deviation is how far a verdict's value is from what was expected, in its scatter,
// whatever side the function reports.
func (v *Verdict) Deviation(p *Params) float64 {
	if !(v.sigma > 0) {
		return 0
	}
	return num.Clamp((p.curve.in(v.Actual)-v.short)/v.sigma, -1e6, 1e6)
}

// correlation of the pair, with a prior of none.
func (b *Bond) correlation() float64 {
	if b.A == b.B || b.seen < bondReady {
		return 0
	}
	return float64(b.xy) / math.Sqrt(float64(b.xx)*float64(b.yy)+1e-9)
}

// Partner is the strongest partner of series i that has a deviation, and where its
// bond is; ok is false without one.
func (l *Bonds) Partner(i uint32, deviation func(uint32) (float64, bool)) (at int, partner uint32, y float64, ok bool) {
	best := leastBond
	for n := range l.List {
		b := &l.List[n]
		if b.A == b.B || b.A != i && b.B != i {
			continue
		}
		r := math.Abs(b.correlation())
		other := b.A ^ b.B ^ i
		if d, has := deviation(other); has && r >= best {
			// At equal strength the later bond wins: any rule would do.
			at, partner, y, ok, best = n, other, d, true, r
		}
	}
	return at, partner, y, ok
}

// rest is what a partner's deviation y leaves of z, in its own scatter.
func rest(r, z, y float64) float64 {
	r = num.Clamp(r, -mostBond, mostBond)
	return (z - r*num.Clamp(y, -1e6, 1e6)) / math.Sqrt(1-r*r)
}

// mostBond bounds a correlation: what is left must have some scatter.
const mostBond = 0.99

// JudgeBond judges a value again, given that its partner in bond b deviates by y.
// v is Judge's verdict about it.
func (p *Params) JudgeBond(b *Bond, i uint32, y float64, v *Verdict) {
	r := num.Clamp(b.correlation(), -mostBond, mostBond)
	d := math.Abs(p.sided(rest(r, v.Deviation(p), y)))
	side := 0
	if i == b.B {
		side = 1
	}
	logP := AnyOf(b.tails[side].logTail(d), 2)
	given := min(-logP/math.Ln10, 2*math.Log2(1+d/3))
	own := v.LogProb
	v.LogProb = min((own+logP)/2, bondWeight*logP)
	if v.Ready {
		v.Evidence = max((v.Evidence+given)/2, bondWeight*given)
		if v.LogProb > likely {
			v.Evidence = min(v.Evidence, 1)
		}
		v.Score = Score(v.Evidence)
	}
	middle, width := v.short+r*y*v.sigma, 1.96*v.sigma*math.Sqrt(1-r*r)
	v.Spike = p.curve.in(v.Actual) > middle
	v.Typical, v.Lower, v.Upper = p.curve.out(middle), p.curve.out(middle-width), p.curve.out(middle+width)
}

// LearnBonds takes a bucket's deviations into the pairs of a group.
func (p *Params) LearnBonds(l *Bonds, deviation func(uint32) (float64, bool)) {
	for n := range l.List {
		b := &l.List[n]
		if b.A == b.B {
			continue
		}
		x, okX := deviation(b.A)
		y, okY := deviation(b.B)
		if !okX || !okY {
			continue
		}
		if r := b.correlation(); r != 0 {
			b.tails[0].learn(math.Abs(p.sided(rest(r, x, y))), p.gainCrowd, float64(b.seen))
			b.tails[1].learn(math.Abs(p.sided(rest(r, y, x))), p.gainCrowd, float64(b.seen))
		}
		x, y = num.Clamp(x, -bondClip, bondClip), num.Clamp(y, -bondClip, bondClip)
		g := num.Gain(float64(b.seen), bondMemory)
		for _, m := range [...]struct {
			to *float32
			v  float64
		}{{&b.xx, x * x}, {&b.yy, y * y}, {&b.xy, x * y}} {
			*m.to = float32(num.Toward(float64(*m.to), g, m.v))
		}
		b.seen = min(b.seen+1, bondMemory)
	}
}

// Seek looks for pairs among the series of a group, whose echoes are given in order
// of their numbers, and lets the weakest bonds give way to better ones. It reports
// whether anything changed.
func (l *Bonds) Seek(numbers []uint32, echo func(uint32) *Echo, number int64) (changed bool) {
	for n := range l.List {
		if b := &l.List[n]; b.A != b.B && b.seen >= bondReady && math.Abs(b.correlation()) < leastBond {
			*b = Bond{}
			changed = true
		}
	}
	numbers = numbers[:min(len(numbers), MaxEchoes)]
	for i, a := range numbers {
		for _, b := range numbers[i+1:] {
			if r := math.Abs(echo(a).agreement(echo(b), number)); r >= echoBond && l.offer(a, b, r, echo, number) {
				changed = true
			}
		}
	}
	return changed
}

// offer follows a pair if there is room, or if it agrees better than the weakest.
func (l *Bonds) offer(a, b uint32, r float64, echo func(uint32) *Echo, number int64) bool {
	at, weakest := -1, r
	for n := range l.List {
		o := &l.List[n]
		switch {
		case o.A == a && o.B == b:
			return false
		case o.A == o.B:
			if weakest > 0 {
				at, weakest = n, 0
			}
		default:
			// One that was followed for long keeps its place a little longer.
			if s := math.Abs(echo(o.A).agreement(echo(o.B), number)) + 0.1; s < weakest {
				at, weakest = n, s
			}
		}
	}
	if at < 0 {
		return false
	}
	l.List[at] = Bond{A: a, B: b}
	l.List[at].tails[0].init()
	l.List[at].tails[1].init()
	return true
}

// Forget ends the bonds of series i and reports whether any are left.
func (l *Bonds) Forget(i uint32) (left bool) {
	for n := range l.List {
		if b := &l.List[n]; b.A != b.B && (b.A == i || b.B == i) {
			*b = Bond{}
		}
		left = left || l.List[n].A != l.List[n].B
	}
	return left
}

// Encoded sizes.
var (
	// EchoBytes is the encoded size of an Echo.
	EchoBytes = new(Echo).walk(coder{}).at
	// BondsBytes is the encoded size of Bonds.
	BondsBytes = new(Bonds).walk(coder{}).at
)

func (k *coder) echo(e *Echo) {
	k.i64(&e.Last)
	for i := range e.z {
		k.i8(&e.z[i])
	}
}

func (k *coder) bonds(l *Bonds) {
	for n := range l.List {
		b := &l.List[n]
		k.u32(&b.A)
		k.u32(&b.B)
		for _, x := range [...]*float32{&b.seen, &b.xx, &b.yy, &b.xy} {
			k.f32(x)
		}
		k.tail(&b.tails[0])
		k.tail(&b.tails[1])
	}
}

func (e *Echo) walk(k coder) coder { k.echo(e); return k }

// Append appends the encoding of e, EchoBytes long.
func (e *Echo) Append(dst []byte) []byte { return appendState(dst, e, EchoBytes) }

// Decode reads e from src and returns the rest of src.
func (e *Echo) Decode(src []byte) ([]byte, error) { return decodeState(src, e, EchoBytes) }

// sound: every byte is a deviation that can be.
func (e *Echo) sound() bool { return true }

func (l *Bonds) walk(k coder) coder { k.bonds(l); return k }

// Append appends the encoding of l, BondsBytes long.
func (l *Bonds) Append(dst []byte) []byte { return appendState(dst, l, BondsBytes) }

// Decode reads l from src and returns the rest of src.
func (l *Bonds) Decode(src []byte) ([]byte, error) { return decodeState(src, l, BondsBytes) }

func (l *Bonds) sound() bool {
	for n := range l.List {
		b := &l.List[n]
		if b.A == b.B {
			continue
		}
		sound := b.A < b.B && b.tails[0].sound() && b.tails[1].sound() && b.seen >= 0 && b.xx >= 0 && b.yy >= 0
		for _, x := range [...]float32{b.seen, b.xx, b.yy, b.xy} {
			sound = sound && math.Abs(float64(x)) <= mostState
		}
		if !sound {
			return false
		}
	}
	return true
}
