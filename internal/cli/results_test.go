package cli

import (
	"testing"

	"tidemark/wire"
)

// TestWholeBuckets: a page that ends within a bucket leaves it to the next page, unless
// it holds nothing else.
func TestWholeBuckets(t *testing.T) {
	for _, c := range []struct {
		times []wire.Millis
		count int64
		want  int
	}{
		{nil, 0, 0}, {[]wire.Millis{1, 2, 2}, 3, 3}, {[]wire.Millis{1, 2, 2}, 4, 1}, {[]wire.Millis{1, 2}, 9, 1}, {[]wire.Millis{2, 2}, 9, 2},
	} {
		p := &page{count: c.count}
		for _, at := range c.times {
			p.list = append(p.list, found{at: at})
		}
		if have := len(whole(p)); have != c.want {
			t.Errorf("%v of %d: %d results, want %d", c.times, c.count, have, c.want)
		}
	}
}
