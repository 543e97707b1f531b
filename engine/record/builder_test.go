package record

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tidemark/engine/names"
)

// slowBuilder is the obvious twin: records as maps, turned into columns at the
// end.
type slowBuilder struct {
	numbers, texts int
	times          []int64
	rows           []slowRow
	open           slowRow
}

type slowRow struct {
	numbers map[int]float64
	texts   map[int]string
}

func newSlow(numbers, texts int) *slowBuilder {
	s := &slowBuilder{numbers: numbers, texts: texts}
	s.abort()
	return s
}

func (s *slowBuilder) abort() { s.open = slowRow{map[int]float64{}, map[int]string{}} }

func (s *slowBuilder) end(timeMs int64) {
	s.times = append(s.times, timeMs)
	s.rows = append(s.rows, s.open)
	s.abort()
}

func (s *slowBuilder) take() *Batch {
	b := &Batch{Times: s.times}
	for col := range s.numbers {
		column := []float64{}
		for _, row := range s.rows {
			v, ok := row.numbers[col]
			if !ok {
				v = math.NaN()
			}
			column = append(column, v)
		}
		b.Numbers = append(b.Numbers, column)
	}
	for col := range s.texts {
		c, codes := TextColumn{}, map[string]uint32{}
		for _, row := range s.rows {
			v, ok := row.texts[col]
			if !ok {
				c.Codes = append(c.Codes, 0)
				continue
			}
			if codes[v] == 0 {
				codes[v] = uint32(len(codes) + 1)
				c.Values = append(c.Values, v...)
				c.Ends = append(c.Ends, uint32(len(c.Values)))
			}
			c.Codes = append(c.Codes, codes[v])
		}
		b.Texts = append(b.Texts, c)
	}
	s.times, s.rows = nil, nil
	return b
}

// sameBatch compares bits, so that NaN equals NaN and -0 differs from 0.
func sameBatch(a, b *Batch) error {
	if fmt.Sprint(a.Times) != fmt.Sprint(b.Times) {
		return fmt.Errorf("times %v and %v", a.Times, b.Times)
	}
	if len(a.Numbers) != len(b.Numbers) || len(a.Texts) != len(b.Texts) {
		return fmt.Errorf("columns %d+%d and %d+%d", len(a.Numbers), len(a.Texts), len(b.Numbers), len(b.Texts))
	}
	for i := range a.Numbers {
		if len(a.Numbers[i]) != len(b.Numbers[i]) {
			return fmt.Errorf("number column %d: %v and %v", i, a.Numbers[i], b.Numbers[i])
		}
		for n, v := range a.Numbers[i] {
			if w := b.Numbers[i][n]; math.Float64bits(v) != math.Float64bits(w) && (v == v || w == w) {
				return fmt.Errorf("number column %d, record %d: %v and %v", i, n, v, w)
			}
		}
	}
	for i := range a.Texts {
		x, y := &a.Texts[i], &b.Texts[i]
		if !bytes.Equal(x.Values, y.Values) || fmt.Sprint(x.Ends) != fmt.Sprint(y.Ends) || fmt.Sprint(x.Codes) != fmt.Sprint(y.Codes) {
			return fmt.Errorf("text column %d: %v and %v", i, x, y)
		}
	}
	return nil
}

func TestBuilderAgainstRowsOfMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.IntRange(0, 3).Draw(t, "numbers")
		texts := rapid.IntRange(0, 3).Draw(t, "texts")
		b, slow := NewBuilder(numbers, texts), newSlow(numbers, texts)
		b.Seed(rapid.Uint64().Draw(t, "seed"))
		value := rapid.StringOfN(rapid.RuneFrom([]rune("aé€")), 0, 4, -1)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			switch op := rapid.IntRange(0, 9).Draw(t, "op"); {
			case op == 0:
				b.Abort()
				slow.abort()
			case op == 1:
				if err := sameBatch(b.Take(), slow.take()); err != nil {
					t.Fatal(err)
				}
			case op < 5 && numbers > 0:
				col, v := rapid.IntRange(0, numbers-1).Draw(t, "col"), rapid.Float64().Draw(t, "v")+0
				b.Number(col, v)
				slow.open.numbers[col] = v
			case op < 8 && texts > 0:
				col, v := rapid.IntRange(0, texts-1).Draw(t, "col"), value.Draw(t, "v")
				b.Text(col, []byte(v))
				slow.open.texts[col] = v
			default:
				at := rapid.Int64Range(0, MaxTimeMs).Draw(t, "time")
				b.End(at)
				slow.end(at)
			}
			if b.Len() != len(slow.times) {
				t.Fatalf("%d records, want %d", b.Len(), len(slow.times))
			}
		}
		if err := sameBatch(b.Take(), slow.take()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestManyDistinctTexts(t *testing.T) {
	const n = 100_000
	b := NewBuilder(0, 1)
	for round := range 2 {
		for i := range n {
			b.Text(0, fmt.Appendf(nil, "value-%d", i/2+round))
			b.End(int64(i))
		}
		c := b.Take().Texts[0]
		if len(c.Ends) != n/2 {
			t.Fatalf("%d values, want %d", len(c.Ends), n/2)
		}
		for i, code := range c.Codes {
			if got, want := string(c.Value(int(code-1))), fmt.Sprintf("value-%d", i/2+round); got != want {
				t.Fatalf("record %d has %q, want %q", i, got, want)
			}
		}
	}
}

func TestLongTexts(t *testing.T) {
	for name, value := range map[string]string{
		"just fits":          strings.Repeat("x", MaxTextBytes),
		"one byte over":      strings.Repeat("x", MaxTextBytes+1),
		"a megabyte":         strings.Repeat("x", 1<<20),
		"two-byte runes":     strings.Repeat("é", 400),
		"three-byte runes":   strings.Repeat("€", 400),
		"shifted":            "x" + strings.Repeat("€", 400),
		"shifted twice":      "xy" + strings.Repeat("€", 400),
		"four-byte runes":    strings.Repeat("😀", 300),
		"four-byte, shifted": "xyz" + strings.Repeat("😀", 300),
	} {
		b := NewBuilder(0, 1)
		b.Text(0, []byte(value))
		b.End(0)
		got := string(b.Take().Texts[0].Values)
		if len(value) <= MaxTextBytes {
			if got != value {
				t.Errorf("%s: changed to %q", name, got)
			}
			continue
		}
		head, digits, found := strings.Cut(got, cutMark)
		switch {
		case !found || digits != fmt.Sprintf("%016x", names.Hash([]byte(value))):
			t.Errorf("%s: %q lacks the mark and hash", name, got)
		case len(got) > MaxTextBytes || len(got) < MaxTextBytes-utf8.UTFMax:
			t.Errorf("%s: %d bytes", name, len(got))
		case !strings.HasPrefix(value, head) || !utf8.ValidString(got):
			t.Errorf("%s: %q is no clean beginning", name, got)
		}
	}
	b := NewBuilder(0, 1)
	b.Text(0, bytes.Repeat([]byte{0x80}, 2000)) // no rune begins anywhere
	b.End(0)
	if got := len(b.Take().Texts[0].Values); got > MaxTextBytes {
		t.Errorf("bytes that are no UTF-8: %d bytes", got)
	}
}

func TestBatchIsTheCallers(t *testing.T) {
	b := NewBuilder(1, 1)
	add := func(v string) {
		b.Number(0, float64(len(v)))
		b.Text(0, []byte(v))
		b.End(1)
	}
	add("first")
	kept := b.Take()
	add("other")
	if b.Take(); string(kept.Texts[0].Values) != "first" || kept.Numbers[0][0] != 5 {
		t.Errorf("a batch changed after it was taken: %q", kept.Texts[0].Values)
	}
}

func TestNegativeZeroIsZero(t *testing.T) {
	b := NewBuilder(1, 0)
	b.Number(0, math.Copysign(0, -1))
	b.End(0)
	if math.Signbit(b.Take().Numbers[0][0]) {
		t.Error("a negative zero was kept")
	}
}

func TestBuilderAllocatesNothingPerRecord(t *testing.T) {
	b := NewBuilder(2, 2)
	host, app := []byte("server_12"), []byte("app_3")
	fill := func() {
		for i := range 1000 {
			b.Number(0, float64(i))
			b.Text(0, host)
			b.Text(1, app)
			b.End(int64(i))
		}
	}
	fill()
	b.Take()
	per := testing.AllocsPerRun(5, func() {
		fill()
		b.Take()
	})
	if per > 20 {
		t.Errorf("%v allocations for a thousand records and one batch", per)
	}
}

func BenchmarkBuilder(b *testing.B) {
	hosts := make([][]byte, 500)
	for i := range hosts {
		hosts[i] = fmt.Appendf(nil, "server_%d", i)
	}
	builder := NewBuilder(1, 1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		builder.Text(0, hosts[i%len(hosts)])
		builder.Number(0, float64(i))
		builder.End(int64(i))
		if builder.Size() > 1<<20 {
			builder.Take()
		}
	}
}
