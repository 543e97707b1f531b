package gather

import (
	"slices"

	"tidemark/engine/codec"
)

// append encodes an extra.
func (x *Extra) append(dst []byte) []byte {
	dst = append(dst, byte(x.Kind))
	dst = codec.AppendBool(dst, x.flip)
	for _, f := range [...]float64{x.Mean, x.Squares, x.weight} {
		dst = codec.AppendFloat(dst, f)
	}
	dst = codec.AppendUvarint(dst, uint64(len(x.Values)))
	for _, v := range x.Values {
		dst = codec.AppendFloat(codec.AppendFloat(dst, v.Value), v.Weight)
	}
	dst = codec.AppendUvarint(dst, uint64(len(x.hashes)))
	for i, h := range x.hashes {
		dst = codec.AppendU64(dst, h)
		if x.Kind == Texts {
			dst = codec.AppendBytes(dst, x.texts[i])
		}
	}
	dst = codec.AppendUvarint(dst, uint64(len(x.Places)))
	for _, p := range x.Places {
		dst = codec.AppendFloat(codec.AppendFloat(dst, p.Lat), p.Lon)
	}
	return dst
}

// decodeExtra reads what append wrote.
func decodeExtra(r *codec.Reader) *Extra {
	x := &Extra{Kind: Kind(r.Byte())}
	if x.Kind == Plain || x.Kind > Places {
		r.Fail("an extra of kind %d", x.Kind)
		return x
	}
	x.flip = r.Bool()
	for _, f := range [...]*float64{&x.Mean, &x.Squares, &x.weight} {
		*f = r.Float()
	}
	for n := r.Count(16); n > 0 && r.Err() == nil; n-- {
		x.Values = append(x.Values, Weighted{r.Float(), r.Float()})
	}
	for n := r.Count(8); n > 0 && r.Err() == nil; n-- {
		x.hashes = append(x.hashes, r.U64())
		x.bytes += 8
		if x.Kind == Texts {
			text := slices.Clone(r.Bytes())
			x.texts = append(x.texts, text)
			x.bytes += int64(len(text)) + 24
		}
	}
	for n := r.Count(16); n > 0 && r.Err() == nil; n-- {
		x.Places = append(x.Places, At{r.Float(), r.Float()})
	}
	if !slices.IsSorted(x.hashes) || len(x.hashes) > maxDistinct || len(x.Places) > maxPlaces {
		r.Fail("an extra with %d hashes and %d places that do not fit", len(x.hashes), len(x.Places))
	}
	return x
}

// Extra returns what cell i keeps beside its sums, of this kind, making an empty
// one if needed.
func (b *Bucket) Extra(i uint32, kind Kind) *Extra {
	for len(b.extras) <= int(i) {
		b.extras = append(b.extras, nil)
	}
	if b.extras[i] == nil {
		b.extras[i] = &Extra{Kind: kind}
	}
	return b.extras[i]
}

// ExtraOf returns what cell i keeps beside its sums, nil if nothing.
func (b *Bucket) ExtraOf(i uint32) *Extra {
	if int(i) >= len(b.extras) {
		return nil
	}
	return b.extras[i]
}

func (b *Bucket) appendExtras(dst []byte) []byte {
	n := 0
	for _, x := range b.extras {
		if x != nil {
			n++
		}
	}
	dst = codec.AppendUvarint(dst, uint64(n))
	for i, x := range b.extras {
		if x != nil {
			dst = x.append(codec.AppendU32(dst, uint32(i)))
		}
	}
	return dst
}

func (b *Bucket) decodeExtras(r *codec.Reader) {
	for n := r.Count(30); n > 0 && r.Err() == nil; n-- {
		i := r.U32()
		x := decodeExtra(r)
		if int64(i) >= int64(len(b.cells)) || b.ExtraOf(i) != nil {
			r.Fail("an extra of cell %d of %d", i, len(b.cells))
			return
		}
		*b.Extra(i, x.Kind) = *x
	}
}
