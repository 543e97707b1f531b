package index

import (
	"tidemark/internal/query"
	"tidemark/internal/store"
)

// docsFirst stands for an index's plain documents, which come before the results of
// its jobs.
const docsFirst = -1

// place is a place in a walk over all documents of a view, one index after the other:
// behind one of them.
type place struct {
	// target numbers the index, job what of it: docsFirst, or one of its jobs.
	target, job int
	seq         int64
	results     store.Cursor
	// visited counts the documents up to here.
	visited int64
}

// walker shows documents to a search. That of a scroll in no particular order walks:
// each page goes on where the one before has ended, and not from the start.
type walker struct {
	walks bool
	// begin is where the walk begins, at where it is, next where the next page begins
	// once as many documents were found as the page has.
	begin, at, next place
	full            bool
	size            int64
	// short: nothing behind the page is looked at.
	short bool
}

// walker is what shows a view's documents to a search; v may be nil.
func (v *View) walker(s *query.Search) *walker {
	if v == nil || !v.walks {
		return &walker{begin: place{job: docsFirst}}
	}
	return &walker{walks: true, begin: v.place, at: v.place, size: int64(s.Size()), short: v.total != nil}
}

// enter goes on to an index's documents or to a job's results; false: the walk began
// behind them, or ends before.
func (w *walker) enter(target, job int) bool {
	switch {
	case !w.walks:
	case w.full && w.short:
		return false
	case target != w.begin.target || job > w.begin.job:
		w.at = place{target: target, job: job, visited: w.at.visited}
	case job < w.begin.job:
		return false
	}
	return true
}

// leave tells the view where its next page begins, if there can be one.
func (w *walker) leave(v *View) {
	switch {
	case !w.walks:
	case w.full:
		v.place = w.next
	default:
		v.ended = true
	}
}

// results is where to go on among a job's results, nil if that is not kept.
func (w *walker) results() *store.Cursor {
	if !w.walks {
		return nil
	}
	return &w.at.results
}

func (w *walker) visit(s *query.Search, d *query.Doc) (more bool, err error) {
	if !w.walks {
		return s.Visit(d)
	}
	w.at.visited++
	d.Place = w.at.visited
	if w.at.job == docsFirst {
		w.at.seq = d.Seq
	}
	more, err = s.Visit(d)
	if !w.full && s.Taken() >= w.size {
		w.full, w.next = true, w.at
	}
	return more, err
}
