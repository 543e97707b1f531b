package gather

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"tidemark/engine/codec"
	"tidemark/engine/names"
)

type key struct {
	series uint32
	field  uint16
	value  names.ID
}

// TestBucketAgainstMaps compares gathering with maps over random records, and
// again after clearing, renaming and an encoding there and back.
func TestBucketAgainstMaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := &Bucket{}
	for round := range 20 {
		b.Clear()
		cells, shares := map[uint32]*Cell{}, map[key]*Cell{}
		add := func(c *Cell, v float64) {
			if c.Count == 0 {
				c.Min, c.Max = v, v
			}
			c.Count++
			c.Sum += v
			c.Min, c.Max = math.Min(c.Min, v), math.Max(c.Max, v)
		}
		for range 1 << (round % 12) {
			series, v := uint32(rng.IntN(300)), rng.NormFloat64()
			if cells[series] == nil {
				cells[series] = &Cell{Series: series}
			}
			add(cells[series], v)
			i := b.Cell(series)
			b.At(i).Add(v, 1, 1)
			k := key{series, uint16(rng.IntN(2)), names.ID(rng.IntN(20))}
			if shares[k] == nil {
				shares[k] = &Cell{}
			}
			add(shares[k], v)
			b.Blame(i, k.field, k.value, v, 1, 1)
		}
		check(t, b, cells, shares, 0)
		again := Decode(codec.NewReader(b.Append(nil)), 300, 20)
		check(t, again, cells, shares, 0)
		if !bytes.Equal(again.Append(nil), b.Append(nil)) {
			t.Fatal("an encoding there and back changed the bytes")
		}
		renamed := make([]names.ID, 20)
		for i := range renamed {
			renamed[i] = names.ID(i + 100)
		}
		again.Rename(renamed)
		check(t, again, cells, shares, 100)
	}
}

func check(t *testing.T, b *Bucket, cells map[uint32]*Cell, shares map[key]*Cell, shift names.ID) {
	t.Helper()
	if len(b.Cells()) != len(cells) {
		t.Fatalf("%d cells, want %d", len(b.Cells()), len(cells))
	}
	for series, want := range cells {
		if !b.Touched(series) || *b.At(b.Cell(series)) != *want {
			t.Fatalf("series %d has %+v, want %+v", series, *b.At(b.Cell(series)), *want)
		}
	}
	if b.Touched(1000) {
		t.Fatal("a series without records is touched")
	}
	seen := 0
	for owner, list := range b.SharesByCell() {
		for _, i := range list {
			s := b.Share(i)
			want := shares[key{b.Cells()[owner].Series, s.Field, s.Value - shift}]
			seen++
			if want == nil || s.Count != want.Count || s.Sum != want.Sum || s.Min != want.Min || s.Max != want.Max {
				t.Fatalf("share %+v, want %+v", *s, want)
			}
		}
	}
	if seen != len(shares) {
		t.Fatalf("%d shares, want %d", seen, len(shares))
	}
}

// TestSharesAreBounded: influencer values without end are counted, not kept.
func TestSharesAreBounded(t *testing.T) {
	b := &Bucket{}
	i := b.Cell(7)
	for v := range MaxShares + 100 {
		b.Blame(i, 0, names.ID(v), 1, 1, 1)
	}
	if b.Lost != 100 || len(b.SharesByCell()[0]) != MaxShares {
		t.Errorf("%d lost, %d kept", b.Lost, len(b.SharesByCell()[0]))
	}
}

func TestWithout(t *testing.T) {
	whole, part := Cell{}, Cell{}
	for _, v := range []float64{1, 2, 9} {
		whole.Add(v, 1, 1)
	}
	part.Add(9, 1, 1)
	if rest := whole.Without(&part); rest.Count != 2 || rest.Sum != 3 {
		t.Errorf("%+v", rest)
	}
}

func FuzzDecode(f *testing.F) {
	b := &Bucket{}
	b.At(b.Cell(3)).Add(1, 1, 1)
	b.Blame(0, 1, 2, 1, 1, 1)
	f.Add(b.Append(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := codec.NewReader(raw)
		if b := Decode(r, 10, 10); r.Err() == nil {
			b.SharesByCell()
		}
	})
}
