package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"tidemark/internal/store"
	"tidemark/wire"
)

var errStop = errors.New("stop")

// cursors: a scan goes on behind any document, runs of buckets and all kinds of rows
// included.
func cursors(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	defer s.Close()
	num := newJob(t, s, "j")
	must(t, s.Commit(ctx, &store.Commit{Job: num, Buckets: []store.BucketRow{bucket(0, 1, 5), bucket(span, 4, 0), bucket(5*span, 1, 80)},
		Records: []store.RecordRow{recordRow(span, 50, "b", "q", false), recordRow(span, 50, "a", "", false), recordRow(3*span, 10, "d", "", true)},
		Influencers: []store.InfluencerRow{{StartMs: span, SpanMs: span, Score: 20, Field: "host", Value: "a", Doc: []byte("a")},
			{StartMs: span, SpanMs: span, Score: 30, Field: "host", Value: "b", Doc: []byte("b")}},
		Others:     []store.OtherRow{{Kind: "plot", StartMs: 7, DocID: "o1", Doc: []byte("o1")}, {Kind: "plot", StartMs: 7, DocID: "o2", Doc: []byte("o2")}},
		Categories: []store.CategoryRow{{ID: 1, Doc: []byte("one")}, {ID: 7, Doc: []byte("seven")}}}))
	for _, r := range []store.ScanRange{
		{FromMs: 0, ToMs: 100 * span},
		{FromMs: 2 * span, ToMs: 4 * span},
		{FromMs: 0, ToMs: 100 * span, Types: []string{wire.ResultBucket}, Least: map[string]float64{wire.ResultBucket: 0}},
		{FromMs: 0, ToMs: 100 * span, Types: []string{wire.ResultRecord}, Least: map[string]float64{wire.ResultRecord: 20}},
	} {
		// scan reads up to so many documents from a place on, and says where it stopped.
		scan := func(from store.Cursor, most int) (docs []string, at store.Cursor) {
			r.Cursor = &from
			err := s.Scan(ctx, num, r, func(docID string, doc []byte) error {
				if docs = append(docs, docID+string(doc)); len(docs) == most {
					at = from
					return errStop
				}
				return nil
			})
			if err != nil && !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			return docs, at
		}
		whole, _ := scan(store.Cursor{}, 100)
		for size := 1; size <= len(whole); size++ {
			var have []string
			for at := (store.Cursor{}); ; {
				var page []string
				page, at = scan(at, size)
				if have = append(have, page...); len(page) < size {
					break
				}
			}
			if !slices.Equal(have, whole) {
				t.Errorf("%+v by %d:\n%s\nwant\n%s", r, size, fmt.Sprint(have), fmt.Sprint(whole))
			}
		}
		if r.Types == nil && r.FromMs == 0 && len(whole) != 6+3+2+2+2 {
			t.Errorf("%d documents: %s", len(whole), whole)
		}
	}
}
