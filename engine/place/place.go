// Package place learns where on earth events happen.
//
// Model: up to maxClusters clusters on the sphere, each with a center, a share
// of the events and a mean distance. The distance r from a cluster follows a law
// with a heavy tail, so that
//
//	P(farther than r | cluster) = (1 + r/(2*mean))^-3          mean distance = mean
//	P(point) = sum over clusters of share * P(farther than its distance)
//	           + (1 + events)^-1.5 / 2, for places never seen
//
// A place is as probable as its best clusters make it: the probability is that of
// an event at least as far from everything usual.
// Cost: one distance per cluster. Memory: ModelBytes. Source: Lomax distances;
// sequential clustering (MacQueen 1967) on unit vectors.
package place

import (
	"encoding/binary"
	"errors"
	"math"
)

const (
	maxClusters = 8
	earthKm     = 6371.0088
	// leastKm is the mean distance of a cluster at least: positions are seldom
	// better than that.
	leastKm = 1
	// joinScales: a point within so many mean distances, and in any case within
	// joinKm, belongs to a cluster.
	joinScales = 8
	joinKm     = 10
	// memory is how many events a cluster's center and distance average.
	memory = 500
	// ageing per event of all weights: clusters not visited for so many events
	// lose two thirds.
	ageing = 2000
	// readyWeight events must have been seen before a place can be unusual.
	readyWeight = 20
	// newPower is the power of the events seen by which new places become improbable.
	newPower = 1.5
	// cutScales bounds one distance in the mean, so that a stray point does not
	// widen a cluster.
	cutScales = 4
)

// Point is a place in degrees.
type Point struct{ Lat, Lon float64 }

// vector is a unit vector from the earth's center.
type vector [3]float64

func (p Point) vector() vector {
	lat, lon := p.Lat*math.Pi/180, p.Lon*math.Pi/180
	return vector{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
}

func (v vector) point() Point {
	return Point{math.Atan2(v[2], math.Hypot(v[0], v[1])) * 180 / math.Pi, math.Atan2(v[1], v[0]) * 180 / math.Pi}
}

// km is the great-circle distance of two unit vectors, by the formula that is
// exact for near and for opposite ones.
func km(a, b vector) float64 {
	cross := math.Hypot(math.Hypot(a[1]*b[2]-a[2]*b[1], a[2]*b[0]-a[0]*b[2]), a[0]*b[1]-a[1]*b[0])
	return earthKm * math.Atan2(cross, a[0]*b[0]+a[1]*b[1]+a[2]*b[2])
}

func (v vector) toward(w vector, gain float64) vector {
	for i := range v {
		v[i] += gain * (w[i] - v[i])
	}
	length := math.Hypot(math.Hypot(v[0], v[1]), v[2])
	if length < 1e-9 {
		return w
	}
	for i := range v {
		v[i] /= length
	}
	return v
}

// cluster is a usual place.
type cluster struct {
	center vector
	weight float64 // events, aged
	meanKm float64
}

// Model is what is known of one series. Its zero value has seen nothing.
type Model struct {
	seen     float64 // events learned
	clusters [maxClusters]cluster
	used     uint8
}

// Init makes m know nothing.
func (m *Model) Init() { *m = Model{} }

// Ready reports whether enough was seen for a place to be unusual.
func (m *Model) Ready() bool { return m.seen >= readyWeight }

// Verdict is the judgment of one place.
type Verdict struct {
	// LogProb is the natural logarithm of the probability of a place at least as
	// far from all usual ones.
	LogProb float64
	// Typical is the nearest usual place, Distance how far it is in kilometers.
	Typical  Point
	Distance float64
}

// logBeyond is log P(farther than r) of a cluster.
func (c *cluster) logBeyond(r float64) float64 {
	return -3 * math.Log1p(r/(2*math.Max(c.meanKm, leastKm)))
}

// Judge says how improbable an event at p is. It changes nothing.
func (m *Model) Judge(p Point) Verdict {
	v := Verdict{Typical: p}
	if m.used == 0 {
		return v
	}
	at, total := p.vector(), 0.0
	for i := range m.clusters[:m.used] {
		total += m.clusters[i].weight
	}
	// Half an event may have been anywhere. What was not seen yet counts for less the
	// longer nothing else was: with the seen events alone every new place would be
	// certain trouble on the first day, with 1/n none would be after months.
	sum := 0.5 * total / math.Pow(1+m.seen, newPower)
	v.Distance = math.Inf(1)
	for i := range m.clusters[:m.used] {
		c := &m.clusters[i]
		r := km(at, c.center)
		sum += c.weight * math.Exp(c.logBeyond(r))
		if r < v.Distance {
			v.Distance, v.Typical = r, c.center.point()
		}
	}
	v.LogProb = math.Min(0, math.Log(sum/(total+0.5)))
	if math.IsInf(v.LogProb, -1) {
		v.LogProb = -700
	}
	return v
}

// Learn takes an event that counts weight times, at most once.
func (m *Model) Learn(p Point, weight float64) {
	if !(weight > 0) {
		return
	}
	weight = math.Min(weight, 1)
	at := p.vector()
	for i := range m.clusters[:m.used] {
		m.clusters[i].weight *= 1 - weight/ageing
	}
	m.seen += weight
	best, nearest := -1, math.Inf(1)
	for i := range m.clusters[:m.used] {
		if r := km(at, m.clusters[i].center); r < nearest {
			best, nearest = i, r
		}
	}
	if best < 0 || nearest > math.Max(joinKm, joinScales*math.Max(m.clusters[best].meanKm, leastKm)) {
		m.found(at, weight)
		return
	}
	c := &m.clusters[best]
	gain := weight / math.Min(c.weight+weight, memory)
	scale := math.Max(c.meanKm, leastKm)
	c.center = c.center.toward(at, gain*math.Min(1, cutScales*scale/math.Max(nearest, 1e-9)))
	c.meanKm += gain * (math.Min(nearest, cutScales*scale) - c.meanKm)
	c.weight += weight
}

// found begins a cluster, in the place of the lightest if there is none left.
func (m *Model) found(at vector, weight float64) {
	fresh := cluster{center: at, weight: weight, meanKm: leastKm}
	if int(m.used) < maxClusters {
		m.clusters[m.used] = fresh
		m.used++
		return
	}
	lightest := 0
	for i := range m.clusters {
		if m.clusters[i].weight < m.clusters[lightest].weight {
			lightest = i
		}
	}
	m.clusters[lightest] = fresh
}

// ModelBytes is the encoded size of a Model.
const ModelBytes = 8 + 1 + maxClusters*5*8

// ErrCorrupt reports a state that no events can lead to.
var ErrCorrupt = errors.New("place: state holds impossible values; the snapshot is damaged")

func (c *cluster) fields() [5]*float64 {
	return [...]*float64{&c.center[0], &c.center[1], &c.center[2], &c.weight, &c.meanKm}
}

// Append encodes m.
func (m *Model) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(m.seen))
	dst = append(dst, m.used)
	for i := range m.clusters {
		for _, f := range m.clusters[i].fields() {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(*f))
		}
	}
	return dst
}

// Decode reads what Append wrote.
func (m *Model) Decode(src []byte) ([]byte, error) {
	if len(src) < ModelBytes {
		return nil, ErrCorrupt
	}
	m.seen = math.Float64frombits(binary.LittleEndian.Uint64(src))
	m.used = src[8]
	if m.used > maxClusters || !(m.seen >= 0 && m.seen < 1e300) {
		return nil, ErrCorrupt
	}
	at := 9
	for i := range m.clusters {
		c := &m.clusters[i]
		for _, f := range c.fields() {
			*f = math.Float64frombits(binary.LittleEndian.Uint64(src[at:]))
			at += 8
		}
		length := math.Hypot(math.Hypot(c.center[0], c.center[1]), c.center[2])
		if i < int(m.used) && !(math.Abs(length-1) < 1e-6 && c.weight >= 0 && c.weight < 1e300 && c.meanKm >= 0 && c.meanKm <= earthKm*math.Pi) {
			return nil, ErrCorrupt
		}
	}
	return src[ModelBytes:], nil
}
