package series

import (
	"math"
	"slices"

	"tidemark/engine/dist"
	"tidemark/engine/num"
)

// Peers is what is normal among the members of a population: one bucket's values
// of all active members are compared with one another and with what such values
// were before.
//
// Model: values on a scale on which members of all sizes compare (log for sums,
// counts and numbers of distinct values). The center for a member is the median
// of the others in this bucket, as far as there are enough of them, else the
// learned one; deviations are measured by the learned mean deviation of their
// side, and a tail (tail.go) turns them into probabilities.
//
//	center = w*median(others) + (1-w)*learned center    w = n/(n + priorMembers)
//	z      = (y - center) / (scale of that side)
//	scale  = √(learned² + (w*error of the median)²)
//
// The error is how far the values lie that are √n/2 ranks from the median: of few
// distinct values, small counts, the median jumps from one to the next, and what
// was the usual value a bucket ago is not far off now.
//
// Extremes and numbers of distinct values are first brought to the usual number of
// records (records.go): who does more is not unusual for what comes with it.
//
//	p      = 1 - (1 - P(Z > |z|))^n                      n active members
//
// A member alone cannot define what is normal: the median leaves it out,
// deviations are clipped, and the tail takes the excesses of a member with ever
// less weight, and not at all once they are its habit.
// Cost: a sort per bucket and a few operations per member. Memory: PeersBytes.
// Source: robust location and scale; the correction for many tests is Šidák's.
type Peers struct {
	seen         float64 // buckets learned
	observations float64 // members' values that the tail has seen
	members      float64 // usual number of active members
	center       float64
	up, down     float64 // mean deviation above and below
	meanAbs      float64
	records      records
	tail         tail
}

const (
	// habitShare of a member's buckets, and habitCount at least, are excesses from
	// which on they say nothing about its peers.
	habitShare, habitCount = 0.25, 3
	// priorMembers is how many members of a bucket are worth as much as all that
	// was learned before.
	priorMembers = 10
	// Before settled buckets there is no scale to clip by, or to measure by.
	settled = 8
	// leastMembers must usually be active before anything is reported: among
	// fewer there is no usual.
	leastMembers = 5
	// exposureMemory is how many members' values the dependence on their records
	// averages.
	exposureMemory = 20_000
	// mostLearned bounds the members of one bucket that the tail learns, so that
	// one crowded bucket does not replace what it knows.
	mostLearned = 512
	// peersSize is what the size of a member's deviation is worth at most, see
	// sizeScale. With 2 a member of thirty times the usual sum scored 35, with 3 it
	// scores 76, and crowds of chance have at most half a score of 25 a week.
	peersSize = 3
)

// Member is one member's value in one bucket.
type Member struct {
	// Value is the member's, Count the records behind it.
	Value, Count float64
	// Buckets are those it had records in, this one included; in Excesses of them
	// it was beyond what is usual. LearnPeers counts them.
	Buckets, Excesses uint32
}

// Init makes m know nothing.
func (m *Peers) Init() {
	*m = Peers{}
	m.tail.init()
}

// peersReady reports whether enough was seen to report anything.
func (p *Params) peersReady(m *Peers) bool {
	return m.seen >= p.quiet && m.members >= leastMembers
}

// crowdValue brings a member's value to the scale on which members compare.
func (p *Params) crowdValue(x float64) float64 {
	x = num.Clamp(x, -largest, largest)
	if p.curve != linear {
		return p.curve.in(x)
	}
	if p.sums {
		return math.Copysign(math.Log1p(math.Abs(x)), x)
	}
	return x
}

// crowdOut is the inverse of crowdValue.
func (p *Params) crowdOut(y float64) float64 {
	if p.curve != linear {
		return p.curve.out(y)
	}
	if p.sums {
		return math.Copysign(math.Expm1(min(math.Abs(y), 600)), y)
	}
	return y
}

// JudgePeers judges all members of one bucket, in their order. partial says that
// the bucket is still filling: what is missing from a sum is no news then. It
// changes nothing.
func (p *Params) JudgePeers(m *Peers, members []Member, partial bool) []Verdict {
	ys, sorted := p.crowd(m, members)
	out := make([]Verdict, len(members))
	for i := range members {
		out[i] = p.judgeMember(m, members[i], ys[i], sorted, partial)
	}
	return out
}

// crowd brings the values to their scale and to the usual exposure, and sorts a
// copy.
func (p *Params) crowd(m *Peers, members []Member) (ys, sorted []float64) {
	ys = make([]float64, len(members))
	for i := range members {
		ys[i] = p.crowdValue(members[i].Value) - p.exposure(m, members[i].Count)
	}
	sorted = slices.Clone(ys)
	slices.Sort(sorted)
	return ys, sorted
}

// exposure is what the number of a member's records adds to its value, on the
// scale of the crowd.
func (p *Params) exposure(m *Peers, n float64) float64 {
	if !p.grows || !(n > 0) {
		return 0
	}
	slope := m.records.slope(m.observations)
	if p.falls {
		slope = min(slope, 0)
	} else {
		slope = max(slope, 0)
	}
	return slope * (math.Log(n) - float64(m.records.x))
}

// without is the median of sorted values without one that equals y, with the values
// that lie a standard error of the ranks below and above it.
func without(sorted []float64, y float64) (median, low, high float64) {
	n := len(sorted) - 1
	if n <= 0 {
		return y, y, y
	}
	at, _ := slices.BinarySearch(sorted, y)
	get := func(i int) float64 {
		if i >= at {
			i++
		}
		return sorted[i]
	}
	below, above := (n-1)/2, n/2
	off := int(math.Ceil(math.Sqrt(float64(n)) / 2))
	return (get(below) + get(above)) / 2, get(max(0, below-off)), get(min(n-1, above+off))
}

func (p *Params) judgeMember(m *Peers, x Member, y float64, sorted []float64, partial bool) Verdict {
	others := float64(len(sorted) - 1)
	w := others / (others + priorMembers)
	if m.seen == 0 {
		w = 1
	}
	median, low, high := without(sorted, y)
	center := w*median + (1-w)*m.center
	if partial && p.sums {
		center = max(center, m.center)
	}
	floor, least := scaleFloor(m.meanAbs), 0.0
	if p.counts {
		// No count is known better than to half a record.
		least = (p.crowdValue(p.crowdOut(center)+1) - center) / 2
	}
	countScale := 1.0
	if p.sampled {
		countScale = m.records.scale(x.Count)
	}
	down := math.Hypot(max(normalFromMeanAbs*m.down*countScale+floor, least), w*(median-low))
	up := math.Hypot(max(normalFromMeanAbs*m.up*countScale+floor, least), w*(high-median))
	scale := up
	if y < center {
		scale = down
	}
	more := p.exposure(m, x.Count)
	z := (y - center) / scale
	if partial && p.sums {
		z = max(z, 0)
	}
	v := Verdict{
		Actual: num.Clamp(x.Value, -largest, largest), Typical: p.crowdOut(center + more), Spike: y > center,
		Lower: p.crowdOut(center + more - 1.96*down),
		Upper: p.crowdOut(center + more + 1.96*up),
		Ready: p.peersReady(m), Incomplete: partial && p.sums, countScale: countScale, zA: z,
	}
	size := math.Abs(p.sided(z))
	single := max(m.tail.logTail(size), p.chanceOf(m, x.Value, v.Typical))
	v.LogProb = AnyOf(single, float64(len(sorted)))
	if v.Ready {
		v.Evidence = min(-v.LogProb/math.Ln10, peersSize*math.Log2(1+size/sizeScale))
		if v.LogProb > likely {
			v.Evidence = min(v.Evidence, 1)
		}
		v.Extrapolated = -single > math.Log(10*(m.observations+1))
		v.Score = Score(v.Evidence)
	}
	return v
}

// chanceOf is the logarithm of how probable chance alone makes a count at least as
// far from what is typical, -Inf where there is no such law: for what is no count,
// and above commonCount (rare.go).
func (p *Params) chanceOf(m *Peers, x, typical float64) float64 {
	if !p.counts || !(typical < commonCount) {
		return math.Inf(-1)
	}
	shape := belief(typical, m.seen)
	if x > typical {
		return dist.CountLogUpper(math.Ceil(x), typical, shape)
	}
	return dist.CountLogLower(max(0, math.Floor(x)), typical, shape)
}

// AnyOf is the logarithm of the chance that at least one of n independent tests
// is as improbable as logP: 1-(1-p)^n. Below one test it is the expected number.
func AnyOf(logP, n float64) float64 {
	if n <= 1 {
		return min(logP+math.Log(max(n, 1e-9)), 0)
	}
	if logP > -1e-12 {
		return 0
	}
	miss := math.Log1p(-math.Exp(logP)) * n
	if miss > -1e-9 { // So small that 1-(1-p)^n is n*p.
		return min(0, logP+math.Log(n))
	}
	return math.Log(-math.Expm1(miss))
}

// LearnPeers takes a bucket in. verdicts are JudgePeers' about the same members
// and state.
func (p *Params) LearnPeers(m *Peers, members []Member, verdicts []Verdict) {
	if len(members) == 0 {
		return
	}
	ys, sorted := p.crowd(m, members)
	middle := sorted[len(sorted)/2]
	g := num.Gain(m.seen, p.slowMemory)
	long := num.Gain(m.seen, p.longScaleMemory)
	if m.seen == 0 {
		m.center = middle
	}
	up, down, abs := 0.0, 0.0, 0.0
	bound := clipAt * (normalFromMeanAbs*max(m.up, m.down) + scaleFloor(m.meanAbs))
	if m.seen < settled {
		bound = math.Inf(1)
	}
	for _, y := range ys {
		e := min(math.Abs(y-middle), bound)
		abs += min(math.Abs(y), math.Abs(middle)+bound)
		if y > middle {
			up += e
		} else {
			down += e
		}
	}
	n := float64(len(ys))
	// Half of the members lie on each side, so the mean of a side is of n/2.
	m.up = num.Toward(m.up, long, 2*up/n)
	m.down = num.Toward(m.down, long, 2*down/n)
	m.meanAbs = num.Toward(m.meanAbs, long, abs/n)
	m.center = num.Toward(m.center, g, middle)
	m.members = num.Toward(m.members, g, n)
	if m.seen >= settled {
		p.learnMembers(m, members, verdicts, long)
	}
	m.seen++
}

// learnMembers takes the members' deviations into the tail.
func (p *Params) learnMembers(m *Peers, members []Member, verdicts []Verdict, gain float64) {
	step := (len(members) + mostLearned - 1) / mostLearned
	bound := clipAt * (normalFromMeanAbs*max(m.up, m.down) + scaleFloor(m.meanAbs))
	// Which ones are taken of many changes from bucket to bucket.
	for i := int(math.Mod(m.seen, float64(step))); i < len(members); i += step {
		v := &verdicts[i]
		z := math.Abs(p.sided(v.zA))
		if p.sampled && members[i].Count > 0 {
			usual := v.zA * v.countScale
			m.records.learn(gain/float64(len(members))*float64(step), 1/members[i].Count, min(usual*usual, 16*v.countScale*v.countScale))
		}
		if p.grows && members[i].Count > 0 {
			// What a value would be without the part that exposure explains is clipped.
			more := p.exposure(m, members[i].Count)
			rest := num.Clamp(p.crowdValue(members[i].Value)-more-m.center, -bound, bound)
			m.records.learn(num.Gain(m.observations, exposureMemory), math.Log(members[i].Count), rest+more)
		}
		if z > float64(m.tail.threshold) {
			e := float64(members[i].Excesses)
			members[i].Excesses++
			if e >= habitCount && e > habitShare*float64(members[i].Buckets) {
				continue
			}
			m.tail.learnVote(z, 1/((1+e)*(1+e)), m.observations)
		} else {
			m.tail.learnVote(z, 1, m.observations)
		}
		m.observations++
	}
}

// PeersBytes is the encoded size of Peers.
var PeersBytes = new(Peers).walk(coder{}).at

func (k *coder) peers(m *Peers) {
	for _, x := range m.doubles() {
		k.f64(x)
	}
	for _, x := range [...]*float32{&m.records.x, &m.records.xx, &m.records.y, &m.records.xy} {
		k.f32(x)
	}
	k.tail(&m.tail)
}

func (m *Peers) doubles() [7]*float64 {
	return [...]*float64{&m.seen, &m.observations, &m.members, &m.center, &m.up, &m.down, &m.meanAbs}
}

func (m *Peers) walk(k coder) coder { k.peers(m); return k }

// Append appends the encoding of m, PeersBytes long.
func (m *Peers) Append(dst []byte) []byte { return appendState(dst, m, PeersBytes) }

// Decode reads m from src and returns the rest of src.
func (m *Peers) Decode(src []byte) ([]byte, error) { return decodeState(src, m, PeersBytes) }

func (m *Peers) sound() bool {
	for _, x := range m.doubles() {
		if !(math.Abs(*x) <= mostState) {
			return false
		}
	}
	for _, x := range [...]float32{m.records.x, m.records.xx, m.records.y, m.records.xy} {
		if !(math.Abs(float64(x)) <= mostState) {
			return false
		}
	}
	return m.tail.sound() && m.seen >= 0 && m.observations >= 0 && m.members >= 0 && m.up >= 0 && m.down >= 0 && m.meanAbs >= 0
}
