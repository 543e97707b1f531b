// Package pages stores many small fixed-size values in pages that a snapshot
// can share: freezing costs one step per page, and the first change of a
// frozen page copies it.
//
// Cost: Get and Mut are two index steps; Freeze copies the page table (16
// bytes a page). Memory: one slice header a page, 4 bytes a released slot.
// Pages hold no pointers of their own as long as T has none, so the garbage
// collector does not look into them.
package pages

// Pool holds values of T addressed by a number. It is not safe for concurrent
// use; views are read by other goroutines because nobody changes their pages.
type Pool[T any] struct {
	pages [][]T
	// owned[i] is the epoch in which page i was created or copied. A page of
	// an earlier epoch belongs to a view as well and must not be changed.
	owned   []uint64
	epoch   uint64
	perPage uint32
	Numbers
}

// Numbers are those that a pool gives out.
type Numbers struct {
	// next is the first number that was never given out; free are the numbers
	// given back, taken again last first.
	next uint32
	free []uint32
}

// New returns an empty pool whose pages hold perPage values, at least 1.
func New[T any](perPage int) *Pool[T] { return &Pool[T]{perPage: uint32(max(perPage, 1))} }

// Len is how many values are in use.
func (n *Numbers) Len() int { return int(n.next) - len(n.free) }

// Limit is one more than the largest number ever given out.
func (n *Numbers) Limit() uint32 { return n.next }

// Get returns value i for reading only.
func (p *Pool[T]) Get(i uint32) *T { return &p.pages[i/p.perPage][i%p.perPage] }

// Mut returns value i for changing, copying its page if a view shares it.
// Pointers from Get or Mut into the same page are stale after a copy.
func (p *Pool[T]) Mut(i uint32) *T {
	n := i / p.perPage
	if p.owned[n] != p.epoch {
		p.pages[n] = append(make([]T, 0, p.perPage), p.pages[n]...)
		p.owned[n] = p.epoch
	}
	return &p.pages[n][i%p.perPage]
}

// Alloc gives out a number whose value is zero.
func (p *Pool[T]) Alloc() uint32 {
	var zero T
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		*p.Mut(i) = zero
		return i
	}
	i := p.next
	p.next++
	if int(i/p.perPage) == len(p.pages) {
		p.pages = append(p.pages, make([]T, 0, p.perPage))
		p.owned = append(p.owned, p.epoch)
	}
	// Appending behind the end of a page that a view shares is no change of
	// what the view sees.
	n := i / p.perPage
	p.pages[n] = append(p.pages[n], zero)
	return i
}

// Release gives number i back.
func (p *Pool[T]) Release(i uint32) { p.free = append(p.free, i) }

// Freeze returns the pool as it is now. Later changes do not show in it.
func (p *Pool[T]) Freeze() View[T] {
	v := View[T]{pages: append([][]T(nil), p.pages...), perPage: p.perPage, Limit: p.next,
		Free: append([]uint32(nil), p.free...)}
	p.epoch++
	return v
}

// View is a pool at the moment it was frozen.
type View[T any] struct {
	pages   [][]T
	perPage uint32
	// Limit is one more than the largest number ever given out.
	Limit uint32
	// Free are the numbers given back, in the order they were.
	Free []uint32
}

// Get returns value i for reading only.
func (v *View[T]) Get(i uint32) *T { return &v.pages[i/v.perPage][i%v.perPage] }

// Restore fills an empty pool with limit zero values and the released numbers.
// The caller sets the values through Mut.
func (p *Pool[T]) Restore(limit uint32, free []uint32) {
	p.pages, p.owned, p.next = nil, nil, limit
	for at := uint32(0); at < limit; at += p.perPage {
		p.pages = append(p.pages, make([]T, min(p.perPage, limit-at), p.perPage))
		p.owned = append(p.owned, p.epoch)
	}
	p.free = append([]uint32(nil), free...)
}
