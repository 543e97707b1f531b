// Package rarity judges whether it is unusual that a value occurs at all.
//
// Model: every occurrence of a value falls into a class by how often the value
// has occurred before: never, once, two or three times, four to seven and so on.
// A bucket is as rare as the rarest value in it, and how many buckets were so
// rare says how improbable the next one is:
//
//	P(class <= k) = (1/2 + buckets with classes up to k) / (1 + buckets)
//
// The class "never" is the probability of something new as Good and Turing
// estimate it, measured instead of derived: in a stream of random identifiers
// every bucket has something new and nothing alarms, among stable values one new
// value does. New values become fewer while a stream is being known, so the time
// without any counts as well:
//
//	P(never) <= (1/2) / (1 + buckets since the last that had something new)
//
// Whatever the law of new values, at most one bucket in n can bring the first
// after n without; if they come at random, at whatever rate, this is below the
// promise by a quarter, and above it by two only if they come as by a clock.
// Where the number of records counts (freq_rare), members' shares of records take
// the place of buckets. The first buckets, in which everything is new, are left
// out. Buckets are forgotten with time, occurrences of a value as well, so that a
// value long absent becomes rare again.
//
// Cost: a few operations per occurrence. Memory: PopulationBytes per group and
// ValueBytes per value. Source: I. J. Good (1953), "The population frequencies
// of species and the estimation of population parameters"; here sequentially.
package rarity

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"

	"tidemark/engine/num"
)

// Classes is how many classes there are, by powers of two: the last begins at 2^22
// occurrences.
const Classes = 24

const (
	// never is the class of values that never occurred.
	never = 0
	// bucketDays is how long buckets count, valueDays how long occurrences of a
	// value do; leastBuckets are remembered in any case.
	bucketDays   = 90
	valueDays    = 30
	leastBuckets = 500
	// firstBuckets are left out: in them everything is new.
	firstBuckets = 24
	readyMass    = 20
	// mostSince is the largest number of buckets that 32 bits count one by one.
	mostSince = 1 << 24
)

const dayMs = 24 * 60 * 60 * 1000

// Population is what is known of all values of one group together.
type Population struct {
	buckets float64 // buckets learned
	atMs    int64
	mass    [Classes]float32
	since   float32 // buckets since the last that had something new
}

// Value is what is known of one value.
type Value struct {
	count float32 // occurrences, forgotten with time
	atMs  int64
}

// keep is what is left of something after a time.
func keep(fromMs, toMs, spanMs int64, days float64) float64 {
	if toMs <= fromMs {
		return 1
	}
	memory := math.Max(days*dayMs, leastBuckets*float64(spanMs))
	return math.Exp(-(float64(toMs) - float64(fromMs)) / memory)
}

// class is the class of a value at a time.
func (v *Value) class(atMs, spanMs int64) int {
	count := float64(v.count) * keep(v.atMs, atMs, spanMs, valueDays)
	// Two occurrences that have begun to fade are still two.
	return min(bits.Len64(uint64(math.Min(count+0.5, 1e15))), Classes-1)
}

// Ready reports whether enough was seen to report anything.
func (p *Population) Ready() bool { return p.total() >= readyMass }

func (p *Population) total() float64 {
	total := 0.0
	for _, m := range p.mass {
		total += float64(m)
	}
	return total
}

// Class is the class of v; the smaller, the rarer.
func (v *Value) Class(atMs, spanMs int64) int { return v.class(atMs, spanMs) }

// Bucket is the probability that a bucket is as rare as a class, in (0, 1].
func (p *Population) Bucket(class int) float64 {
	share := p.Share(class)
	if class == never {
		share = math.Min(share, 0.5/(1+float64(p.since)))
	}
	return share
}

// Share is the part of buckets, or of records, that are as rare as a class, in
// (0, 1].
func (p *Population) Share(class int) float64 {
	total, below := 0.0, 0.0
	for k, m := range p.mass {
		total += float64(m)
		if k <= class {
			below += float64(m)
		}
	}
	return (0.5 + below) / (1 + total)
}

// Pass takes note that a bucket begins.
func (p *Population) Pass(atMs, spanMs int64) {
	k := keep(p.atMs, atMs, spanMs, bucketDays)
	if p.buckets == 0 {
		k = 1
	}
	for i := range p.mass {
		p.mass[i] *= float32(k)
	}
	p.atMs = max(atMs, p.atMs)
	p.buckets++
}

// LearnBucket takes a bucket of a class.
func (p *Population) LearnBucket(class int) {
	p.Learn(class, 1)
	p.since = min(p.since+1, mostSince)
	if class == never {
		p.since = 0
	}
}

// Learn takes weight buckets, or shares of records, of a class.
func (p *Population) Learn(class int, weight float64) {
	if p.buckets > firstBuckets {
		p.mass[class] += float32(math.Min(weight, 1e9))
	}
}

// Occur takes note that v occurs; common says that this makes it more common.
func (v *Value) Occur(atMs, spanMs int64, common bool) {
	if common {
		v.count = float32(math.Min(v.Count(atMs, spanMs)+1, 1e9))
	}
	v.atMs = max(atMs, v.atMs)
}

// Count is how often v has occurred, as far as it is remembered.
func (v *Value) Count(atMs, spanMs int64) float64 {
	return float64(v.count) * keep(v.atMs, atMs, spanMs, valueDays)
}

// Buckets is how many buckets there have been.
func (p *Population) Buckets() float64 { return p.buckets }

// Encoded sizes.
const (
	PopulationBytes = 20 + 4*Classes
	ValueBytes      = 12
)

// ErrCorrupt reports a state that no occurrences can lead to.
var ErrCorrupt = errors.New("rarity: state holds impossible values; the snapshot is damaged")

// Append encodes p.
func (p *Population) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(p.buckets))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.atMs))
	for _, m := range p.mass {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(m))
	}
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(p.since))
}

// Decode reads what Append wrote.
func (p *Population) Decode(src []byte) ([]byte, error) {
	if len(src) < PopulationBytes {
		return nil, ErrCorrupt
	}
	p.buckets = math.Float64frombits(binary.LittleEndian.Uint64(src))
	p.atMs = int64(binary.LittleEndian.Uint64(src[8:]))
	for i := range p.mass {
		p.mass[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[16+4*i:]))
		if !(p.mass[i] >= 0 && p.mass[i] < 1e30) {
			return nil, ErrCorrupt
		}
	}
	p.since = math.Float32frombits(binary.LittleEndian.Uint32(src[16+4*Classes:]))
	if !(p.buckets >= 0 && num.Finite(p.buckets) && p.since >= 0 && p.since <= mostSince) {
		return nil, ErrCorrupt
	}
	return src[PopulationBytes:], nil
}

// Append encodes v.
func (v *Value) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v.count))
	return binary.LittleEndian.AppendUint64(dst, uint64(v.atMs))
}

// Decode reads what Append wrote.
func (v *Value) Decode(src []byte) ([]byte, error) {
	if len(src) < ValueBytes {
		return nil, ErrCorrupt
	}
	v.count = math.Float32frombits(binary.LittleEndian.Uint32(src))
	v.atMs = int64(binary.LittleEndian.Uint64(src[4:]))
	if !(v.count >= 0 && v.count <= 1e9) {
		return nil, ErrCorrupt
	}
	return src[ValueBytes:], nil
}
