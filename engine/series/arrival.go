package series

import (
	"math"

	"tidemark/engine/num"
)

// Checkpoints is into how many equal parts a bucket is cut to learn how its value
// arrives.
const Checkpoints = 8

// Arrival is how the value of a series that adds up (a count, a sum, a number of
// distinct values) grows while a bucket fills. With t the expected value of the
// bucket, s its scatter, x the final value and c what had arrived when the job's
// newest record passed a checkpoint, it keeps
//
//	share = E[c t/s²] / E[t²/s²]    the usual part of t at the checkpoint
//	w = (c - share*t)/s             how far c is from it
//	u = (x - final*t)/s             how far x is from what is expected
//
// and the second moments of w and u, so that what has arrived foretells x by a
// regression,
//
//	E[x|c] = final*t + s*(w*E[wu]/E[w²])    Var[x|c] = s²*(E[u²] - E[wu]²/E[w²])
//
// A rush at a random moment says nothing about the end, an even stream says ever
// more, and what always comes in the last minute is not missed before. Beyond the
// scatter that was seen, the part that is missing is taken to come as usual.
// Cost: some 60 operations a bucket. Memory: ArrivalBytes. Source: linear
// regression; nothing in it depends on when results are asked for.
type Arrival struct {
	seen            float32 // buckets learned, up to arrivalMemory
	square, final   float32 // E[t²/s²], E[xt/s²]
	spread          float32 // E[u²]
	signed          float32 // 1 once there was a negative value, else 0
	share           [Checkpoints]float32
	scatter, shared [Checkpoints]float32 // E[w²], E[wu]
}

const (
	arrivalMemory = 200
	// priorArrival is how many buckets the assumption of an even stream is worth.
	priorArrival = 4
	// arrivalAfter buckets the expected value is good enough to measure by.
	arrivalAfter = 8
	// usualScatter: values beyond so many standard deviations teach nothing about
	// how usual values arrive.
	usualScatter = 6
	// withinScatter is how many standard deviations of w the regression is trusted
	// for.
	withinScatter = 3
	// doubt is how many standard deviations of what is missing are granted before
	// a value that is not there yet is taken for unusual.
	doubt = 1
	// batchShare of the value in one part of the bucket may come in one piece: in
	// between nothing can be told from the time that has passed.
	batchShare = 0.3
)

// Init makes a know nothing: values arrive evenly and independently.
func (a *Arrival) Init() {
	*a = Arrival{square: 1, final: 1, spread: 1}
	for q := range Checkpoints {
		part := float32(q+1) / Checkpoints
		a.share[q], a.scatter[q], a.shared[q] = part, part, part
	}
}

var evenArrival = func() (a Arrival) { a.Init(); return a }()

// Adds reports whether a series' value adds up while its bucket fills, so that
// its arrival can be learned.
func (p *Params) Adds() bool { return p.adds }

// WantsArrival reports whether a series' expected value is good enough to learn
// by how its buckets fill.
func (p *Params) WantsArrival(c *Core) bool { return p.adds && c.seen >= arrivalAfter }

// LearnArrival takes in what had arrived at the checkpoints of a bucket, before
// Learn does. v is Judge's verdict about x; negative tells that there were negative
// values.
func (p *Params) LearnArrival(a *Arrival, x Sample, soFar *[Checkpoints]float32, negative bool, v *Verdict) {
	if negative {
		a.signed = 1
	}
	typical, scale := p.expected(v)
	if !num.Finite(x.Value) || !(scale > 0) || math.Abs(x.Value-typical) > usualScatter*scale {
		return
	}
	for _, c := range soFar {
		if !num.Finite(float64(c)) {
			return
		}
	}
	g := 1 / (float64(a.seen) + priorArrival + 1)
	a.seen = min(a.seen+1, arrivalMemory)
	t := num.Clamp(typical/scale, -mostRatio, mostRatio)
	toward := func(at *float32, v float64) { *at = float32(num.Toward(float64(*at), g, v)) }
	toward(&a.square, t*t)
	toward(&a.final, x.Value/scale*t)
	square := max(float64(a.square), leastSquare)
	u := num.Clamp(x.Value/scale-float64(a.final)/square*t, -mostRatio, mostRatio)
	toward(&a.spread, u*u)
	for q := range Checkpoints {
		c := num.Clamp(float64(soFar[q])/scale, -mostRatio, mostRatio)
		toward(&a.share[q], c*t)
		w := c - float64(a.share[q])/square*t
		toward(&a.scatter[q], w*w)
		toward(&a.shared[q], w*u)
	}
}

const (
	// mostRatio bounds values in scales, so that their squares fit into 32 bits.
	mostRatio = 1e6
	// leastSquare keeps a series that is expected to be zero from dividing by it.
	leastSquare = 1e-6
)

// expected is the typical value of a verdict and its scatter, in the units of the
// values.
func (p *Params) expected(v *Verdict) (typical, scale float64) {
	if p.curve == linear {
		return v.short + v.job, v.sigma
	}
	at := v.short + v.job
	up, down := p.curve.out(at+v.sigma), p.curve.out(at-v.sigma)
	return p.curve.out(at), (up - down) / 2
}

// outlook is the range in which the final value of a bucket is to be expected when
// soFar has arrived in a share of its time.
func (a *Arrival) outlook(soFar, share, typical, scale float64) (low, high float64) {
	at := num.Clamp(share, 0, 1) * Checkpoints
	q := int(at)
	if q == Checkpoints {
		low, high = a.checkpoint(q).outlook(a, soFar, typical, scale)
	} else {
		before, after := a.checkpoint(q), a.checkpoint(q+1)
		if after.share-before.share > batchShare {
			low, high = before.outlook(a, soFar, typical, scale)
			low2, high2 := after.outlook(a, soFar, typical, scale)
			low, high = min(low, low2), max(high, high2)
		} else {
			low, high = before.toward(after, at-float64(q)).outlook(a, soFar, typical, scale)
		}
	}
	if a.signed == 0 {
		low, high = max(low, soFar), max(high, soFar)
	}
	return low, high
}

// checkpoint is what is known at one moment of a bucket.
type checkpoint struct{ share, scatter, shared float64 }

// checkpoint returns that at q parts of a bucket, 0 to Checkpoints.
func (a *Arrival) checkpoint(q int) checkpoint {
	if q == 0 {
		return checkpoint{}
	}
	square := max(float64(a.square), leastSquare)
	return checkpoint{float64(a.share[q-1]) / square, float64(a.scatter[q-1]), float64(a.shared[q-1])}
}

func (k checkpoint) toward(next checkpoint, part float64) checkpoint {
	return checkpoint{num.Toward(k.share, part, next.share), num.Toward(k.scatter, part, next.scatter), num.Toward(k.shared, part, next.shared)}
}

func (k checkpoint) outlook(a *Arrival, soFar, typical, scale float64) (low, high float64) {
	square := max(float64(a.square), leastSquare)
	final := float64(a.final) / square * typical
	w := (soFar - k.share*typical) / scale
	bound := withinScatter * math.Sqrt(k.scatter)
	within := num.Clamp(w, -bound, bound)
	variance := float64(a.spread)
	slope := 0.0
	if k.scatter > 0 {
		slope = k.shared / k.scatter
		variance -= slope * k.shared
	}
	final += scale * (slope*within + w - within)
	reach := doubt * scale * math.Sqrt(max(0, variance))
	return final - reach, final + reach
}

// ArrivalBytes is the encoded size of Arrival.
var ArrivalBytes = new(Arrival).walk(coder{}).at

func (k *coder) arrival(a *Arrival) {
	for _, x := range a.fields() {
		k.f32(x)
	}
}

func (a *Arrival) fields() (list [5 + 3*Checkpoints]*float32) {
	n := copy(list[:], []*float32{&a.seen, &a.square, &a.final, &a.spread, &a.signed})
	for q := range Checkpoints {
		n += copy(list[n:], []*float32{&a.share[q], &a.scatter[q], &a.shared[q]})
	}
	return list
}

func (a *Arrival) walk(k coder) coder { k.arrival(a); return k }

// Append appends the encoding of a, ArrivalBytes long.
func (a *Arrival) Append(dst []byte) []byte { return appendState(dst, a, ArrivalBytes) }

// Decode reads a from src and returns the rest of src.
func (a *Arrival) Decode(src []byte) ([]byte, error) { return decodeState(src, a, ArrivalBytes) }

func (a *Arrival) sound() bool {
	for _, x := range a.fields() {
		if !(math.Abs(float64(*x)) <= mostState) {
			return false
		}
	}
	sound := a.seen >= 0 && a.seen <= arrivalMemory && a.square >= 0 && a.spread >= 0 && (a.signed == 0 || a.signed == 1)
	for _, x := range a.scatter {
		sound = sound && x >= 0
	}
	return sound
}
