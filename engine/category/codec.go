package category

import (
	"slices"

	"tidemark/engine/codec"
	"tidemark/engine/names"
)

// Clone is a copy for a snapshot, which stays as it is while c goes on. They
// share what neither changes.
func (c *Categorizer) Clone() *Categorizer {
	d := *c
	d.list = make([]*one, len(c.list))
	for i, o := range c.list {
		copied := *o
		d.list[i] = &copied
	}
	d.index, d.scratch, d.shared, d.touched, d.near, d.subsequence = nil, nil, nil, nil, nil, subsequence{}
	return &d
}

// Append encodes what was learned.
func (c *Categorizer) Append(dst []byte) []byte {
	for _, n := range []int64{int64(c.limits.MaxCategories), int64(c.limits.Examples), c.documents, c.failed} {
		dst = codec.AppendVarint(dst, n)
	}
	dst = codec.AppendUvarint(dst, uint64(len(c.list)))
	for _, o := range c.list {
		dst = codec.AppendFloat32(codec.AppendBool(dst, o.dead), o.first)
		dst = codec.AppendVarint(codec.AppendVarint(dst, int64(o.longest)), o.matches)
		dst = codec.AppendUvarint(dst, uint64(len(o.tokens)))
		for _, t := range o.tokens {
			dst = append(codec.AppendFloat32(codec.AppendString(dst, t.text), t.weight), byte(t.kind))
		}
		dst = codec.AppendUvarint(dst, uint64(len(o.examples)))
		for _, e := range o.examples {
			dst = codec.AppendString(dst, e)
		}
		dst = codec.AppendUvarint(dst, uint64(len(o.prefers)))
		for _, p := range o.prefers {
			dst = codec.AppendU32(dst, uint32(p))
		}
	}
	return dst
}

// Decode reads what Append wrote. Errors stay in the reader.
func Decode(r *codec.Reader) *Categorizer {
	c := New(Limits{})
	var categories, examples int64
	for _, n := range []*int64{&categories, &examples, &c.documents, &c.failed} {
		*n = r.Varint()
	}
	c.limits = Limits{MaxCategories: int(categories), Examples: int(examples)}
	n := r.Count(9)
	for i := 0; i < n && r.Err() == nil; i++ {
		o := &one{dead: r.Bool(), first: r.Float32(), longest: int(r.Varint()), matches: r.Varint()}
		for m := r.Count(6); m > 0 && r.Err() == nil; m-- {
			text := r.Text()
			t := token{text: text, hash: names.Hash([]byte(text)), weight: r.Float32(), kind: kind(r.Byte())}
			if !(t.weight > 0 && t.weight <= tellingWeight) || t.kind > unit {
				r.Fail("a token of weight %v and kind %d", t.weight, t.kind)
			}
			o.tokens = append(o.tokens, t)
		}
		for m := r.Count(1); m > 0 && r.Err() == nil; m-- {
			e := r.Text()
			o.examples = append(o.examples, e)
			c.bytes += int64(len(e)) + 16
		}
		for m := r.Count(4); m > 0 && r.Err() == nil; m-- {
			o.prefers = append(o.prefers, int32(r.U32()))
		}
		bad := slices.ContainsFunc(o.prefers, func(p int32) bool { return p < 0 || int(p) >= n })
		if len(o.tokens) > mostTokens || !slices.IsSorted(o.examples) || bad || !(o.first >= 0) || o.longest < 0 {
			r.Fail("category %d of %d tokens, %d examples and %d others", i+1, len(o.tokens), len(o.examples), len(o.prefers))
			return c
		}
		o.weight = weigh(o.tokens)
		if o.matches == 1 {
			c.rare++
		}
		if o.dead {
			c.dead++
		}
		c.busiest = max(c.busiest, o.matches)
		c.list = append(c.list, o)
		c.enter(int32(i))
	}
	return c
}
