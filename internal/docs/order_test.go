package docs

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"tidemark/internal/query"
)

// between are the ids of the documents whose field lies in [from, to), as a scan by
// an index's time field finds them.
func between(t *rapid.T, s *Store, x *Index, r Range) []string {
	var ids []string
	last, timed := int64(math.MinInt64), false
	err := s.Scan(context.Background(), x, r, func(d *query.Doc) (bool, error) {
		if d.HasAt && r.ByTime {
			if d.AtMs < last {
				t.Fatalf("%+v: %d after %d", r, d.AtMs, last)
			}
			last, timed = d.AtMs, true
		} else if timed {
			t.Fatalf("%+v: a document without a time after one with", r)
		}
		if holds(d.Source, x, r.FromMs, r.ToMs) {
			ids = append(ids, d.ID)
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

// holds reports whether a value of a document's time field lies in [from, to).
func holds(doc []byte, x *Index, from, to int64) bool {
	return slices.ContainsFunc(query.Values(doc, x.TimeField), func(v query.Value) bool {
		if v.Kind == query.Text {
			ms, ok := query.DateOf([]byte(`{"d":"`+v.Text+`"}`), "d", nil)
			return ok && ms >= from && ms < to
		}
		return v.Num >= float64(from) && v.Num < float64(to)
	})
}

// check holds what a scan finds against all documents, by id.
func check(t *rapid.T, s *Store, x *Index, r Range, docs map[string]string) {
	var want []string
	for id, doc := range docs { // order-free: sorted below
		if holds([]byte(doc), x, r.FromMs, r.ToMs) {
			want = append(want, id)
		}
	}
	slices.Sort(want)
	if have := between(t, s, x, r); !slices.Equal(have, want) {
		t.Fatalf("ordered by %q, %+v: %v, want %v of %v", x.TimeField, r, have, want, docs)
	}
}

// TestOrderBy changes documents and the field that orders them at random, and holds
// scans by what the index was like at any moment against looking at all documents.
func TestOrderBy(t *testing.T) {
	s := open(t, t.TempDir())
	defer func() { _ = s.Close() }()
	const year = 1_577_836_800_000
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		name := fmt.Sprint("x", n)
		if _, err := s.Create(context.Background(), name, Definition{Mappings: []byte(`{"properties":{"when":{"type":"date"},"n":{"type":"long"},"word":{"type":"keyword"}}}`)}, 1); err != nil {
			rt.Fatal(err)
		}
		now := map[string]string{}
		pinned, pin := map[string]string(nil), int64(-1)
		var seen []*Index
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "id")
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0:
				apply(t, s, Op{Kind: Remove, Index: name, ID: id})
				delete(now, id)
			case 1:
				if pin < 0 {
					pin, pinned = s.Pin(), maps.Clone(now)
				}
			case 2, 3:
				field := rapid.SampledFrom([]string{"when", "n", "word", "none"}).Draw(rt, "field")
				if err := s.OrderBy(context.Background(), name, field); err != nil {
					rt.Fatal(err)
				}
			default:
				number := rapid.SampledFrom([]string{"1", "2", "3", "1.5", "[1,9]", "null", "1e300", `"2"`}).Draw(rt, "n")
				doc := fmt.Sprintf(`{"when":%d,"n":%s,"word":"w"}`, year+rapid.IntRange(0, 9).Draw(rt, "day")*86_400_000, number)
				apply(t, s, Op{Index: name, ID: id, Doc: []byte(doc)})
				now[id] = doc
			}
			for _, x := range s.Indices() {
				if x.Name == name && (len(seen) == 0 || seen[len(seen)-1].TimeField != x.TimeField) {
					seen = append(seen, x)
				}
			}
			for _, x := range seen {
				for _, r := range []Range{{FromMs: 2, ToMs: 4}, {FromMs: 1, ToMs: 2, ByTime: true}, {FromMs: year + 86_400_000, ToMs: year + 3*86_400_000, ByTime: true}} {
					check(rt, s, x, r, now)
					if pin >= 0 {
						r.Pinned, r.Pin = true, pin
						check(rt, s, x, r, pinned)
					}
				}
			}
		}
		if pin >= 0 {
			if err := s.Release(context.Background(), pin); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// search answers a search of an index's documents, and how many of them it looked
// at.
func search(t testing.TB, s *Store, body string) (answer string, visited int) {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	q, err := query.New(o, time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	x := s.Indices()[0]
	if err := q.Begin(x.Fields); err != nil {
		t.Fatal(err)
	}
	for _, p := range q.Plans(x.TimeField) {
		q.Start(p)
		r := Range{FromMs: p.FromMs, ToMs: p.ToMs, ByTime: p.ByTime, Descending: p.Descending, BySeq: p.BySeq, AfterSeq: p.AfterSeq, TimesOnly: p.TimesOnly}
		err := s.Scan(context.Background(), x, r, func(d *query.Doc) (bool, error) {
			visited++
			return q.Visit(d)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := q.Answer()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(out, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), visited
}

// TestOrderedSearches: searches by a number, such as milliseconds that nobody
// declared as a date, answer the same with and without an index on it, which spares
// them the other documents.
func TestOrderedSearches(t *testing.T) {
	s := open(t, t.TempDir())
	defer func() { _ = s.Close() }()
	const start, docs = 1_577_836_800_000, 20_000
	ops := []Op{{Index: "m", ID: "odd", Doc: []byte(`{"stamp":946684800000.5}`)}, {Index: "m", ID: "two", Doc: []byte(`{"stamp":[3,1577836800005]}`)}, {Index: "m", ID: "none", Doc: []byte(`{"n":1}`)}, {Index: "m", ID: "small", Doc: []byte(`{"stamp":2001}`)}}
	for i := range docs {
		ops = append(ops, Op{Index: "m", ID: fmt.Sprint(i), Doc: fmt.Appendf(nil, `{"stamp":%d,"n":%d}`, start+i*1000, i%7)})
	}
	apply(t, s, ops...)
	cases := []struct {
		body string
		most int // documents looked at, with the index
	}{
		{`{"query":{"range":{"stamp":{"gte":1577837800000,"lt":1577837900000,"format":"epoch_millis"}}},"sort":["stamp"],"size":1000}`, 100 + 4},
		{`{"query":{"bool":{"filter":[{"term":{"n":3}},{"range":{"stamp":{"gte":1577837800000,"lt":1577837900000}}}]}},"sort":["stamp"],"size":1000}`, 100 + 4},
		{`{"size":0,"query":{"range":{"stamp":{"gte":1577837800000,"lt":1577837900000}}},"track_total_hits":true,"aggs":{"first":{"min":{"field":"stamp"}},"last":{"max":{"field":"stamp"}}}}`, 100 + 4},
		{`{"size":5,"sort":[{"stamp":"desc"}],"track_total_hits":false}`, 300},
		{`{"size":5,"sort":[{"stamp":"desc"}],"search_after":[1577837800000],"track_total_hits":false}`, 300},
		{`{"size":5,"sort":[{"stamp":{"order":"asc","missing":"_first"}}],"track_total_hits":false}`, 300},
		{`{"query":{"range":{"stamp":{"gt":"2000","lt":"2001-01-01"}}}}`, docs + 4},
		{`{"query":{"range":{"stamp":{"gte":946684800,"lte":946684801,"format":"epoch_second"}}}}`, docs + 4},
		{`{"query":{"range":{"stamp":{"gt":946684800000,"lt":946684800001}}}}`, docs + 4},
		{`{"query":{"range":{"stamp":{"gte":"2020-01-01T00:10:00Z","lt":"2020-01-01T00:10:05Z"}}},"sort":["stamp"]}`, 5 + 4},
	}
	var before []string
	for _, c := range cases {
		answer, visited := search(t, s, c.body)
		before = append(before, answer)
		if visited < docs {
			t.Errorf("%s: %d documents looked at without an index", c.body, visited)
		}
	}
	if err := s.OrderBy(context.Background(), "m", "stamp"); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		answer, visited := search(t, s, c.body)
		if answer != before[i] {
			t.Errorf("%s:\n%s\nwithout index:\n%s", c.body, answer, before[i])
		}
		if visited > c.most {
			t.Errorf("%s: %d documents looked at, want %d at most", c.body, visited, c.most)
		}
	}
	// A usual name is ordered by from the first document on.
	apply(t, s, Op{Index: "a", Doc: []byte(`{"time":1577836800000,"n":1}`)})
	if x := s.Indices()[0]; x.Name != "a" || x.TimeField != "time" {
		t.Errorf("index %s has the time field %q", x.Name, x.TimeField)
	}
}
