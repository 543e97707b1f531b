package wheel

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWheelAgainstList compares the wheel with a list that is searched whole.
func TestWheelAgainstList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Int64Range(0, math.MaxInt64/4).Draw(t, "now")
		w := New(now)
		var twin []item
		id := uint32(0)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				ahead := int64(1) << rapid.IntRange(0, 60).Draw(t, "magnitude")
				due := now + rapid.Int64Range(-3, ahead).Draw(t, "ahead")
				w.Add(id, due)
				twin = append(twin, item{due: max(due, now+1), id: id})
				id++
			},
			"advance": func(t *rapid.T) {
				now += rapid.Int64Range(0, int64(1)<<rapid.IntRange(0, 55).Draw(t, "magnitude")).Draw(t, "step")
				got := w.Advance(now, nil)
				var want []uint32
				twin = slices.DeleteFunc(twin, func(it item) bool {
					if it.due <= now {
						want = append(want, it.id)
					}
					return it.due <= now
				})
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Fatalf("at %d got %v, want %v", now, got, want)
				}
			},
			"": func(t *rapid.T) {
				due, ok := w.Next()
				if ok != (len(twin) > 0) || w.Len() != len(twin) {
					t.Fatalf("Next ok %v, Len %d with %d waiting", ok, w.Len(), len(twin))
				}
				if ok {
					first := slices.MinFunc(twin, func(a, b item) int { return int(min(max(a.due-b.due, -1), 1)) })
					if due != first.due {
						t.Fatalf("Next %d, want %d", due, first.due)
					}
				}
			},
		})
	})
}
