package names

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"tidemark/engine/codec"
)

// TestTableAgainstMap interns random values beside a map, with freezing,
// compacting and encoding in between.
func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, order := New(), [][]byte(nil)
		twin := map[string]ID{}
		t.Repeat(map[string]func(*rapid.T){
			"intern": func(t *rapid.T) {
				v := rapid.SliceOfN(rapid.ByteRange('a', 'd'), 0, 4).Draw(t, "v")
				id := table.Intern(v)
				if want, known := twin[string(v)]; known && id != want {
					t.Fatalf("%q is %d, was %d", v, id, want)
				} else if !known {
					if id != ID(len(order)+1) {
						t.Fatalf("new value got %d, want %d", id, len(order)+1)
					}
					twin[string(v)], order = id, append(order, v)
				}
			},
			"compact": func(t *rapid.T) {
				drop := ID(rapid.IntRange(1, 9).Draw(t, "drop"))
				renamed := table.Compact(func(id ID) bool { return id%9 != drop%9 })
				var kept [][]byte
				twin = map[string]ID{}
				for i, v := range order {
					if n := renamed[i+1]; n != None {
						kept = append(kept, v)
						twin[string(v)] = n
					}
				}
				order = kept
			},
			"encode": func(t *rapid.T) {
				view := table.Freeze()
				enc := view.Append(nil)
				r := codec.NewReader(enc)
				table = Decode(r)
				if err := r.Done(); err != nil {
					t.Fatal(err)
				}
				again := table.Freeze()
				if !bytes.Equal(again.Append(nil), enc) {
					t.Fatal("encoding twice differs")
				}
			},
			"": func(t *rapid.T) {
				for v, id := range twin {
					if got := table.Value(id); string(got) != v || table.Lookup([]byte(v)) != id {
						t.Fatalf("value %d is %q, want %q", id, got, v)
					}
				}
				if table.Len() != len(order) || table.Lookup([]byte("never")) != None {
					t.Fatal("wrong number of values")
				}
			},
		})
	})
}

// TestLongValuesAreBounded: a name of a megabyte costs what MaxValue costs.
func TestLongValuesAreBounded(t *testing.T) {
	table := New()
	table.Intern(bytes.Repeat([]byte("x"), 1<<20))
	if got := table.Bytes(); got > MaxValue+valueBytes {
		t.Errorf("one long value is charged %d bytes", got)
	}
}
