package record

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"tidemark/engine/codec"
)

func decodeAll(src []byte) (*Batch, error) {
	r := codec.NewReader(src)
	b := Decode(r)
	return b, r.Done()
}

// numbersOf draws columns of every shape that the encoding tells apart.
func numbersOf(t *rapid.T, n int) []float64 {
	shape := rapid.SampledFrom([]string{"any", "integers", "steps", "decimals", "large", "absent"}).Draw(t, "shape")
	column := make([]float64, n)
	for i := range column {
		if rapid.IntRange(0, 5).Draw(t, "hole") == 0 {
			column[i] = math.NaN()
			continue
		}
		switch shape {
		case "any":
			column[i] = rapid.Float64().Draw(t, "v")
		case "integers":
			column[i] = float64(rapid.Int32().Draw(t, "v"))
		case "steps":
			column[i] = 1e9 + float64(i)
		case "decimals":
			column[i] = float64(rapid.Int32().Draw(t, "v")) / 1e3
		case "large":
			column[i] = float64(rapid.Int64().Draw(t, "v"))
		case "absent":
			column[i] = math.NaN()
		}
	}
	return column
}

func TestEncodeDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "records")
		builder := NewBuilder(rapid.IntRange(0, 3).Draw(t, "numbers"), rapid.IntRange(0, 3).Draw(t, "texts"))
		var columns [][]float64
		for range builder.row {
			columns = append(columns, numbersOf(t, n))
		}
		unit := rapid.SampledFrom([]int64{1, 1000, 60_000}).Draw(t, "unit")
		for i := range n {
			for col := range columns {
				builder.Number(col, columns[col][i])
			}
			for col := range builder.spans {
				if rapid.Bool().Draw(t, "has") {
					builder.Text(col, fmt.Append(nil, rapid.IntRange(0, 300).Draw(t, "text")))
				}
			}
			builder.End(rapid.Int64Range(0, MaxTimeMs/unit).Draw(t, "time") * unit)
		}
		want := builder.Take()
		encoded := want.Append([]byte("before"))[6:]
		got, err := decodeAll(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if err := sameBatch(want, got); err != nil {
			t.Fatal(err)
		}
		if again := got.Append(nil); !bytes.Equal(again, encoded) {
			t.Fatal("encoding what was decoded gives other bytes")
		}
	})
}

func TestNumberColumns(t *testing.T) {
	big := float64(1 << 53)
	for _, c := range []struct {
		name   string
		column []float64
		bytes  int // of the encoded column
	}{
		{"empty", nil, 1},
		{"small integers", []float64{1, 2, 3, -4}, 5},
		{"large and steady", []float64{5e12, 5e12 + 1, 5e12 + 2, 5e12 + 1}, 1 + 7 + 3},
		{"two places", []float64{0.25, 0.5, 0.01}, 4},
		{"nine places", []float64{0.123456789}, 5},
		{"absent", []float64{math.NaN(), math.NaN(), math.NaN()}, 2},
		{"holes", []float64{1, math.NaN(), 2}, 4},
		{"a third", []float64{1. / 3}, 9},
		{"negative zero", []float64{math.Copysign(0, -1), 1}, 17},
		{"infinite", []float64{math.Inf(1), math.Inf(-1), 1}, 25},
		{"above 2^53", []float64{big, big + 2}, 17},
		{"too large at the places of another", []float64{exactBelow - 1, 0.5}, 17},
		{"extremes", []float64{math.MaxFloat64, math.SmallestNonzeroFloat64}, 17},
	} {
		encoded := appendNumbers(nil, c.column)
		if len(encoded) != c.bytes {
			t.Errorf("%s: %d bytes (%x), want %d", c.name, len(encoded), encoded, c.bytes)
		}
		r := codec.NewReader(encoded)
		got := decodeNumbers(r, len(c.column))
		if err := r.Done(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if err := sameBatch(&Batch{Numbers: [][]float64{c.column}}, &Batch{Numbers: [][]float64{got}}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, src := range map[string][]byte{
		"nothing":                     {},
		"more records than bytes":     {100, 0, 0, 0, 2},
		"forged columns":              {1, 0xff, 0xff, 0xff, 0x7f, 0, 2},
		"unknown unit of time":        {1, 0, 0, 3, 2},
		"a time before 1970":          {1, 0, 0, 2, 1},
		"a time that wraps":           append([]byte{1, 0, 0, 0}, codec.AppendVarint(nil, math.MaxInt64)...),
		"a time after the last":       append([]byte{1, 0, 0, 2}, codec.AppendVarint(nil, MaxTimeMs+1)...),
		"unknown kind of numbers":     {1, 1, 0, 0, 0, 0x0f, 2},
		"raw numbers as steps":        {1, 1, 0, 0, 0, asSteps, 0, 0, 0, 0, 0, 0, 0, 0},
		"an unknown flag":             {1, 1, 0, 0, 0, 0x41, 2},
		"a number that is NaN":        append([]byte{1, 1, 0, 0, 0, 0}, codec.AppendFloat(nil, math.NaN())...),
		"an integer of 2^50":          append([]byte{1, 1, 0, 0, 0, 1}, codec.AppendVarint(nil, exactBelow)...),
		"a value for no record":       {1, 1, 0, 0, 0, 1 | withAbsent, 0xff, 2},
		"no presence":                 {1, 1, 0, 0, 0, 1 | withAbsent},
		"a code without a value":      {1, 0, 1, 0, 0, 0, 1},
		"codes out of order":          {2, 0, 1, 0, 0, 0, 2, 1, 1, 'a', 'b', 2, 1},
		"a value that nobody uses":    {1, 0, 1, 0, 0, 2, 1, 1, 'a', 'b', 1},
		"a text beyond the end":       {1, 0, 1, 0, 0, 1, 9, 'a', 1},
		"texts beyond the end":        {1, 0, 1, 0, 0, 3, 2, 2, 2, 'a', 1},
		"codes missing":               {3, 0, 1, 0, 0, 0, 0, 1, 1, 'a', 1},
		"something left over":         {0, 0, 0, 0, 7},
		"integers that add up beyond": append([]byte{2, 1, 0, 0, 0, 0, 1 | asSteps}, codec.AppendVarint(codec.AppendVarint(nil, exactBelow-1), 1)...),
	} {
		if _, err := decodeAll(src); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, b := range []*Batch{{}, sample(40), {Times: []int64{1, 2}, Numbers: [][]float64{{math.NaN(), 1. / 3}}}} {
		f.Add(b.Append(nil))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := decodeAll(src)
		if err != nil {
			return
		}
		encoded := b.Append(nil)
		again, err := decodeAll(encoded)
		if err != nil {
			t.Fatalf("what was decoded and encoded cannot be decoded: %v", err)
		}
		if err := sameBatch(b, again); err != nil {
			t.Fatal(err)
		}
	})
}

// sample is a batch as a server-metrics job has it.
func sample(n int) *Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	b := NewBuilder(2, 2)
	for i := range n {
		b.Text(0, fmt.Appendf(nil, "server_%d", i%20))
		b.Text(1, fmt.Appendf(nil, "app_%d", i%7))
		b.Number(0, float64(rng.IntN(60_000)))
		b.Number(1, math.Round(rng.Float64()*1e5)/1e3)
		b.End(1_490_274_000_000 + int64(i/20)*60_000)
	}
	return b.Take()
}

func BenchmarkAppend(b *testing.B) {
	batch := sample(10_000)
	dst := batch.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		dst = batch.Append(dst[:0])
	}
	b.ReportMetric(float64(len(dst))/float64(batch.Len()), "B/record")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.Len()), "ns/record")
}

func BenchmarkDecode(b *testing.B) {
	batch := sample(10_000)
	src := batch.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeAll(src); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.Len()), "ns/record")
}
