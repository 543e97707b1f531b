package pages

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPoolAgainstMap drives a pool and a plain map with the same steps, and
// holds that views never change.
func TestPoolAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := New[int](rapid.IntRange(1, 5).Draw(t, "perPage"))
		twin := map[uint32]int{}
		var ids []uint32
		type frozen struct {
			view View[int]
			want map[uint32]int
		}
		var views []frozen
		t.Repeat(map[string]func(*rapid.T){
			"alloc": func(t *rapid.T) {
				i := p.Alloc()
				if _, used := twin[i]; used {
					t.Fatalf("number %d given out twice", i)
				}
				twin[i] = 0
				ids = append(ids, i)
			},
			"set": func(t *rapid.T) {
				if len(ids) == 0 {
					t.Skip()
				}
				i := rapid.SampledFrom(ids).Draw(t, "i")
				v := rapid.Int().Draw(t, "v")
				*p.Mut(i) = v
				twin[i] = v
			},
			"release": func(t *rapid.T) {
				if len(ids) == 0 {
					t.Skip()
				}
				n := rapid.IntRange(0, len(ids)-1).Draw(t, "n")
				p.Release(ids[n])
				delete(twin, ids[n])
				ids = append(ids[:n:n], ids[n+1:]...)
			},
			"freeze": func(t *rapid.T) {
				want := map[uint32]int{}
				for k, v := range twin {
					want[k] = v
				}
				views = append(views, frozen{p.Freeze(), want})
			},
			"restore": func(t *rapid.T) {
				v := p.Freeze()
				q := New[int](int(v.perPage))
				q.Restore(v.Limit, v.Free)
				for i := uint32(0); i < v.Limit; i++ {
					*q.Mut(i) = *v.Get(i)
				}
				p = q
			},
			"": func(t *rapid.T) {
				if p.Len() != len(twin) {
					t.Fatalf("Len %d, want %d", p.Len(), len(twin))
				}
				for i, v := range twin {
					if *p.Get(i) != v {
						t.Fatalf("value %d is %d, want %d", i, *p.Get(i), v)
					}
				}
				for _, f := range views {
					for i, v := range f.want {
						if *f.view.Get(i) != v {
							t.Fatalf("a view changed: value %d is %d, was %d", i, *f.view.Get(i), v)
						}
					}
				}
			},
		})
	})
}
