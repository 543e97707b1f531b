package gather

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"tidemark/engine/names"
)

// Kind is what a cell keeps beside count, sum and extremes.
type Kind uint8

// The kinds.
const (
	// Plain keeps nothing more.
	Plain Kind = iota
	// Moments: mean and squared deviations, for a variance.
	Moments
	// Values: the values themselves, for a median.
	Values
	// Distinct: which texts there were, for their number.
	Distinct
	// Texts: some of the distinct texts, for what they hold.
	Texts
	// Slots: how many records fell into each slot of a cycle.
	Slots
	// Places: where the records came from.
	Places
)

// Bounds of what one cell keeps. Beyond them it estimates.
const (
	// maxValues are kept one by one, then as weighted representatives: the
	// median is off by a rank error of about 1/maxValues for each halving.
	maxValues = 512
	// maxDistinct smallest hashes are kept: the number of distinct texts is exact
	// up to it and has an error of 1/√maxDistinct, three percent, above.
	maxDistinct = 1024
	// maxTexts distinct texts with the smallest hashes stand for all.
	maxTexts = 256
	// maxPlaces are kept, the first ones; more in one bucket add to the count.
	maxPlaces = 256
)

// Weighted is a value that stands for several, or a slot with its records.
type Weighted struct{ Value, Weight float64 }

// At is a place in degrees.
type At struct{ Lat, Lon float64 }

// Extra is what a cell keeps beside count, sum and extremes. Only the part of
// its kind is used.
type Extra struct {
	Kind Kind
	// Mean and Squares are Welford's: the mean and the sum of squared deviations.
	Mean, Squares float64
	// weight is that of the moments.
	weight float64
	// Values are those of Values, in order of arrival, or slots, ascending.
	Values []Weighted
	// flip alternates which half a compaction keeps.
	flip bool
	// hashes are the smallest ones, ascending; texts stand beside them.
	hashes []uint64
	texts  [][]byte
	Places []At
	// bytes is the memory charged.
	bytes int64
}

// AddNumber takes a value that stands for weight records.
func (x *Extra) AddNumber(v, weight float64) {
	switch x.Kind {
	case Moments:
		x.weight += weight
		d := v - x.Mean
		x.Mean += float64(d * weight / x.weight)
		x.Squares += float64(float64(d*weight) * (v - x.Mean))
	case Values:
		x.Values = append(x.Values, Weighted{v, weight})
		if len(x.Values) >= 2*maxValues {
			x.compact()
		}
	}
}

// compact replaces neighbors in rank by one of the two, with the weight of both.
// Which one alternates, so that errors cancel.
func (x *Extra) compact() {
	slices.SortStableFunc(x.Values, func(a, b Weighted) int { return cmp.Compare(a.Value, b.Value) })
	keep := 0
	if x.flip {
		keep = 1
	}
	x.flip = !x.flip
	out := x.Values[:0]
	for i := 0; i+1 < len(x.Values); i += 2 {
		a, b := x.Values[i], x.Values[i+1]
		kept := a
		if keep == 1 {
			kept = b
		}
		out = append(out, Weighted{kept.Value, a.Weight + b.Weight})
	}
	if len(x.Values)%2 == 1 {
		out = append(out, x.Values[len(x.Values)-1])
	}
	x.Values = out
}

// Variance is the population's, ok false for fewer than two records.
func (x *Extra) Variance() (v float64, ok bool) {
	if !(x.weight >= 2) {
		return 0, false
	}
	return math.Max(0, x.Squares/x.weight), true
}

// Median is the weighted median, the mean of the two in the middle if there are
// two.
func (x *Extra) Median() float64 {
	list := slices.Clone(x.Values)
	slices.SortStableFunc(list, func(a, b Weighted) int { return cmp.Compare(a.Value, b.Value) })
	total := 0.0
	for _, v := range list {
		total += v.Weight
	}
	passed := 0.0
	for i, v := range list {
		passed += v.Weight
		if passed*2 == total && i+1 < len(list) {
			return v.Value/2 + list[i+1].Value/2
		}
		if passed*2 >= total {
			return v.Value
		}
	}
	return 0
}

// AddText takes a text.
func (x *Extra) AddText(text []byte) {
	h := names.Hash(text)
	at, found := slices.BinarySearch(x.hashes, h)
	most := maxDistinct
	if x.Kind == Texts {
		most = maxTexts
	}
	if found {
		return
	}
	if len(x.hashes) >= most {
		x.weight++ // More than fit: the number is an estimate from now on.
		if at == most {
			return
		}
		x.drop(most - 1)
	}
	x.hashes = slices.Insert(x.hashes, at, h)
	x.bytes += 8
	if x.Kind == Texts {
		x.texts = slices.Insert(x.texts, at, bytes.Clone(text))
		x.bytes += int64(len(text)) + 24
	}
}

func (x *Extra) drop(i int) {
	x.hashes = slices.Delete(x.hashes, i, i+1)
	x.bytes -= 8
	if x.Kind == Texts {
		x.bytes -= int64(len(x.texts[i])) + 24
		x.texts = slices.Delete(x.texts, i, i+1)
	}
}

// Number is how many distinct texts there were: the hashes are spread evenly, so
// the k-th smallest tells how many there are.
func (x *Extra) Number() float64 {
	k := len(x.hashes)
	if x.weight == 0 || k < 2 {
		return float64(k)
	}
	return float64(k-1) / (float64(x.hashes[k-1]) / math.Exp2(64))
}

// AddSlot counts records in a slot of a cycle.
func (x *Extra) AddSlot(slot int, weight float64) {
	at, found := slices.BinarySearchFunc(x.Values, float64(slot), func(v Weighted, s float64) int { return cmp.Compare(v.Value, s) })
	if found {
		x.Values[at].Weight += weight
		return
	}
	x.Values = slices.Insert(x.Values, at, Weighted{float64(slot), weight})
}

// AddPlace takes a place.
func (x *Extra) AddPlace(p At) {
	if len(x.Places) < maxPlaces {
		x.Places = append(x.Places, p)
	}
}

// Bytes is the memory charged.
func (x *Extra) Bytes() int64 {
	return extraBytes + x.bytes + int64(len(x.Values)+len(x.Places))*16
}

// extraBytes is charged for an extra by itself.
const extraBytes = 144

// Clone copies an extra, for a snapshot. Texts are never changed, so they are
// shared.
func (x *Extra) Clone() *Extra {
	c := *x
	c.Values, c.Places = slices.Clone(x.Values), slices.Clone(x.Places)
	c.hashes, c.texts = slices.Clone(x.hashes), slices.Clone(x.texts)
	return &c
}
