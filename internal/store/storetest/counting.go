package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tidemark/internal/store"
)

// naive is the slow twin of a store's records: a list.
type naive []store.RecordRow

// answer is what a query must return: the number of matches and the ids of the
// page, worst first.
func (n naive) answer(q *store.Query) string {
	var match []store.RecordRow
	for _, r := range n {
		if (!q.HasStart || r.StartMs >= q.StartMs) && (!q.HasEnd || r.StartMs < q.EndMs) && (q.MinScore <= 0 || r.Score >= q.MinScore) && !(q.ExcludeInterim && r.Interim) {
			match = append(match, r)
		}
	}
	slices.SortFunc(match, func(a, b store.RecordRow) int {
		by := cmp.Compare(a.Score, b.Score)
		if q.Sort == "timestamp" {
			by = cmp.Or(cmp.Compare(a.StartMs, b.StartMs), by)
		}
		by = cmp.Or(by, cmp.Compare(a.Over, b.Over), cmp.Compare(a.StartMs, b.StartMs))
		if q.Desc {
			return -by
		}
		return by
	})
	text := fmt.Sprintf("%d: ", len(match))
	from := min(q.From, len(match))
	for i, r := range match[from:min(from+q.Size, len(match))] {
		if i > 0 {
			text += " "
		}
		text += r.DocID
	}
	return text
}

const hour = 3_600_000

// counting: counts and pages are exact for every time range, score and finality,
// also after rows have gone in each of the ways they can.
func counting(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	defer s.Close()
	num, other := newJob(t, s, "j"), newJob(t, s, "k")
	rng := rand.New(rand.NewPCG(3, 1))
	var have naive
	commit := &store.Commit{Job: num}
	for i := range 3000 {
		score := float64(rng.IntN(400)) / 4
		if i%50 == 0 {
			score = []float64{0, 100, 74.999, 1e-9}[i/50%4]
		}
		id := fmt.Sprint(i)
		have = append(have, store.RecordRow{StartMs: rng.Int64N(60) * hour / 2, SpanMs: span, Score: score, Over: "o" + id, Interim: i%7 == 0, DocID: id, Doc: []byte(id)})
	}
	commit.Records = have
	must(t, s.Commit(ctx, commit))
	must(t, s.Commit(ctx, &store.Commit{Job: other, Records: have[:10]}))
	check := func(after string) {
		t.Helper()
		for range 150 {
			q := store.Query{Desc: rng.IntN(2) == 0, ExcludeInterim: rng.IntN(2) == 0, Size: rng.IntN(5), From: rng.IntN(3)}
			if rng.IntN(3) > 0 {
				q.HasStart, q.StartMs = true, rng.Int64N(31)*hour-rng.Int64N(2)
			}
			if rng.IntN(3) > 0 {
				q.HasEnd, q.EndMs = true, rng.Int64N(31)*hour+rng.Int64N(2)
			}
			if rng.IntN(3) > 0 {
				q.MinScore = []float64{0.01, 1, 50, 74.9, 75, 99.5, 100, 101}[rng.IntN(8)]
			}
			if rng.IntN(3) == 0 {
				q.Sort = "timestamp"
			}
			p, err := s.Records(ctx, num, q)
			if got, want := page(t, p, err), have.answer(&q); got != want {
				t.Fatalf("after %s, %+v: %s, want %s", after, q, got, want)
			}
		}
	}
	keep := func(keep func(r *store.RecordRow) bool) {
		have = slices.DeleteFunc(have, func(r store.RecordRow) bool { return !keep(&r) })
	}
	check("a commit")
	extra := store.RecordRow{StartMs: 5 * hour, SpanMs: span, Score: 88.25, Over: "x", DocID: "w", Doc: []byte("w")}
	_, err := s.Write(ctx, num, store.Written{DocID: "w", Record: &extra})
	must(t, err)
	have = append(slices.Clone(have), extra)
	check("a write")
	written := func(want bool) {
		t.Helper()
		if got, err := s.HasWritten(ctx, num, "w"); err != nil || got != want {
			t.Errorf("a client wrote the document: %v, %v, want %v", got, err, want)
		}
	}
	written(true)
	_, err = s.Erase(ctx, num, "w")
	must(t, err)
	written(false)
	keep(func(r *store.RecordRow) bool { return r.DocID != "w" })
	check("an erasure")
	must(t, s.Commit(ctx, &store.Commit{Job: num, DropInterim: true}))
	keep(func(r *store.RecordRow) bool { return !r.Interim })
	check("interim results went")
	must(t, s.Commit(ctx, &store.Commit{Job: num, DropFrom: true, DropFromMs: 20 * hour}))
	keep(func(r *store.RecordRow) bool { return r.StartMs < 20*hour })
	check("a revert")
	for more := true; more; {
		more, err = s.PruneResults(ctx, num, 7*hour+1, 100)
		must(t, err)
	}
	keep(func(r *store.RecordRow) bool { return r.StartMs >= 7*hour+1 })
	check("pruning")
}
