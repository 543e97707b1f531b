package docs

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // the driver that TestDamage opens the file with
	"pgregory.net/rapid"

	"tidemark/internal/query"
	"tidemark/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// apply makes changes that the file must take; refusals stand in the outcomes.
func apply(t testing.TB, s *Store, ops ...Op) []Outcome {
	t.Helper()
	out, err := s.Apply(context.Background(), ops, 1)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// all are an index's documents by id, as a range shows them.
func all(t testing.TB, s *Store, name string, r Range) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, d := range list(t, s, name, r) {
		if docs[d.ID] != "" {
			t.Fatalf("%s twice", d.ID)
		}
		docs[d.ID] = string(d.Source)
	}
	return docs
}

func list(t testing.TB, s *Store, name string, r Range) (docs []query.Doc) {
	t.Helper()
	for _, x := range s.Indices() {
		if x.Name != name {
			continue
		}
		err := s.Scan(context.Background(), x, r, func(d *query.Doc) (bool, error) {
			docs = append(docs, *d)
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return docs
}

func status(err error) int {
	var refused *wire.Refusal
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// TestChanges goes through what each kind of change does to versions, numbers and
// what is there.
func TestChanges(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	seq := func(n int64) *int64 { return &n }
	put := func(id, doc string) Op { return Op{Index: "a", ID: id, Doc: []byte(doc)} }
	update := func(id, doc, upsert string) Op {
		op := Op{Kind: Update, Index: "a", ID: id, Doc: []byte(doc)}
		if upsert != "" {
			op.Upsert = []byte(upsert)
		}
		return op
	}
	steps := []struct {
		op             Op
		version, seq   int64
		created, found bool
		noop           bool
		status         int
		doc            string
	}{
		{op: put("1", `{"n":1}`), version: 1, seq: 1, created: true, doc: `{"n":1}`},
		{op: put("1", `{"n":2}`), version: 2, seq: 2, found: true, doc: `{"n":2}`},
		{op: Op{Kind: Create, Index: "a", ID: "1", Doc: []byte(`{}`)}, status: 409, doc: `{"n":2}`},
		{op: update("1", `{"m":{"x":1}}`, ""), version: 3, seq: 3, found: true, doc: `{"n":2,"m":{"x":1}}`},
		{op: update("1", `{"m":{"x":1}}`, ""), version: 3, seq: 3, noop: true, doc: `{"n":2,"m":{"x":1}}`},
		{op: update("1", `{"m":{"y":9007199254740993}}`, ""), version: 4, seq: 4, found: true, doc: `{"n":2,"m":{"x":1,"y":9007199254740993}}`},
		{op: update("2", `{"n":5}`, ""), status: 404},
		{op: update("2", `{"n":5}`, `{"n":6}`), version: 1, seq: 5, created: true, doc: `{"n":6}`},
		{op: Op{Index: "a", ID: "2", Doc: []byte(`{}`), IfSeq: seq(4)}, status: 409, doc: `{"n":6}`},
		{op: Op{Index: "a", ID: "2", Doc: []byte(`{"n":7}`), IfSeq: seq(5)}, version: 2, seq: 6, found: true, doc: `{"n":7}`},
		{op: Op{Kind: Remove, Index: "a", ID: "2", IfSeq: seq(1)}, status: 409, doc: `{"n":7}`},
		{op: Op{Kind: Remove, Index: "a", ID: "2"}, version: 3, seq: 7, found: true},
		{op: Op{Kind: Remove, Index: "a", ID: "2"}, version: 1, seq: 8, created: true},
		{op: Op{Kind: Remove, Index: "none", ID: "2"}, status: 404},
		{op: put("3", `{"n":"no number"}`), status: 400},
		{op: Op{Index: "b", ID: "1", Doc: []byte(`{}`), MustExist: true}, status: 404},
		{op: Op{Index: "c", ID: "1", Doc: []byte(`{"a":{"b":1},"a.b":{"c":1}}`)}, status: 400},
	}
	for i, c := range steps {
		o := apply(t, s, c.op)[0]
		if status(o.Err) != c.status {
			t.Fatalf("step %d: %v, want status %d", i, o.Err, c.status)
		}
		if c.status == 0 && (o.Version != c.version || o.Seq != c.seq || o.Created != c.created || o.Found != c.found || o.Noop != c.noop) {
			t.Errorf("step %d: %+v, want version %d and number %d", i, o, c.version, c.seq)
		}
		if c.op.Index == "a" {
			if have := all(t, s, "a", All())[c.op.ID]; have != c.doc {
				t.Errorf("step %d: %s, want %s", i, have, c.doc)
			}
		}
		if i%5 == 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
		}
	}
	if indices := s.Indices(); len(indices) != 1 {
		t.Errorf("refused documents left indices behind: %d", len(indices))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestViewsStand holds pinned states, and every order of a scan, against maps that
// are copied when a state is pinned.
func TestViewsStand(t *testing.T) {
	s := open(t, t.TempDir())
	defer func() { _ = s.Close() }()
	rapid.Check(t, func(rt *rapid.T) {
		if err := s.Delete(context.Background(), "x"); err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		now := map[string]string{}
		pinned := map[int64]map[string]string{}
		var pins []int64
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			id := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "id")
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				pin := s.Pin()
				pins, pinned[pin] = append(pins, pin), maps.Clone(now)
			case 1:
				if len(pins) > 0 {
					i := rapid.IntRange(0, len(pins)-1).Draw(rt, "pin")
					if err := s.Release(context.Background(), pins[i]); err != nil {
						t.Fatal(err)
					}
					pins = slices.Delete(pins, i, i+1)
				}
			case 2:
				apply(t, s, Op{Kind: Remove, Index: "x", ID: id})
				delete(now, id)
			default:
				doc := fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 9).Draw(rt, "n"))
				if rapid.IntRange(0, 3).Draw(rt, "timed") > 0 {
					doc = fmt.Sprintf(`{"time":"2020-01-0%dT00:00:00Z"}`, rapid.IntRange(1, 9).Draw(rt, "day"))
				}
				apply(t, s, Op{Index: "x", ID: id, Doc: []byte(doc)})
				now[id] = doc
			}
			for _, r := range []Range{All(), {FromMs: math.MinInt64, ToMs: math.MaxInt64, ByTime: true}, {FromMs: math.MinInt64, ToMs: math.MaxInt64, ByTime: true, Descending: true}, {FromMs: math.MinInt64, ToMs: math.MaxInt64, BySeq: true}} {
				if have := all(t, s, "x", r); !maps.Equal(have, now) {
					rt.Fatalf("%+v: %v, want %v", r, have, now)
				}
				for _, pin := range pins {
					r.Pinned, r.Pin = true, pin
					if have := all(t, s, "x", r); !maps.Equal(have, pinned[pin]) {
						rt.Fatalf("pinned %d %+v: %v, want %v", pin, r, have, pinned[pin])
					}
				}
			}
		}
		for _, pin := range pins {
			if err := s.Release(context.Background(), pin); err != nil {
				t.Fatal(err)
			}
		}
		left := 0
		if err := s.file.Reads().QueryRow("SELECT count(*) FROM old").Scan(&left); err != nil || left != 0 {
			rt.Fatalf("%d documents are kept for nobody: %v", left, err)
		}
	})
}

// TestScanOrders: bounds, orders, and the end of a scan from within.
func TestScanOrders(t *testing.T) {
	s := open(t, t.TempDir())
	defer func() { _ = s.Close() }()
	var ops []Op
	for i := range 1000 {
		ops = append(ops, Op{Index: "x", ID: fmt.Sprint(i), Doc: fmt.Appendf(nil, `{"@timestamp":%d,"n":1}`, 1_577_836_800_000+(i*7919%1000)*1000)})
	}
	if _, err := s.Create(context.Background(), "x", Definition{Mappings: []byte(`{"properties":{"@timestamp":{"type":"date"}}}`)}, 1); err != nil {
		t.Fatal(err)
	}
	apply(t, s, ops...)
	apply(t, s, Op{Index: "x", ID: "none", Doc: []byte(`{"n":1}`)}, Op{Index: "x", ID: "two", Doc: []byte(`{"@timestamp":[1,2]}`)})
	const from = 1_577_836_800_000
	for _, r := range []Range{{FromMs: from + 10_000, ToMs: from + 20_000}, {FromMs: from + 10_000, ToMs: from + 900_000, ByTime: true}, {FromMs: from, ToMs: math.MaxInt64, ByTime: true, Descending: true}, {FromMs: from + 10_000, ToMs: from + 20_000, TimesOnly: true}} {
		docs := list(t, s, "x", r)
		want := 2
		for _, op := range ops {
			if at, _ := query.Millis(op.Doc, "@timestamp"); at >= r.FromMs && at < r.ToMs {
				want++
			}
		}
		if len(docs) != want {
			t.Errorf("%+v: %d documents, want %d", r, len(docs), want)
		}
		if docs[0].HasAt || docs[1].HasAt || !docs[2].HasAt {
			t.Errorf("%+v: documents without a single time must come first", r)
		}
		timed := docs[2:]
		if r.ByTime && !slices.IsSortedFunc(timed, func(a, b query.Doc) int {
			if r.Descending {
				a, b = b, a
			}
			return int(a.AtMs - b.AtMs)
		}) {
			t.Errorf("%+v: not in order of time", r)
		}
		if r.TimesOnly && (timed[0].Source != nil || docs[0].Source == nil) {
			t.Errorf("%+v: sources %s and %s", r, timed[0].Source, docs[0].Source)
		}
	}
	seen := 0
	err := s.Scan(context.Background(), s.Indices()[0], All(), func(*query.Doc) (bool, error) {
		seen++
		return seen < 5, nil
	})
	if err != nil || seen != 5 {
		t.Errorf("%d documents seen, %v", seen, err)
	}
	failed := errors.New("no more")
	if err := s.Scan(context.Background(), s.Indices()[0], All(), func(*query.Doc) (bool, error) { return true, failed }); !errors.Is(err, failed) {
		t.Errorf("the visitor's error is lost: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	seen = 0
	err = s.Scan(ctx, s.Indices()[0], All(), func(*query.Doc) (bool, error) {
		if seen++; seen == 10 {
			cancel()
		}
		return true, nil
	})
	if !errors.Is(err, context.Canceled) || seen > 900 {
		t.Errorf("%d documents after the client went: %v", seen, err)
	}
}

// TestDeletedIndexIsPurged: what a crash left of a deleted index goes at the next
// start, and an index of the same name has none of it.
func TestDeletedIndexIsPurged(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, dir)
	apply(t, s, Op{Index: "x", ID: "1", Doc: []byte(`{}`)}, Op{Index: "y", ID: "1", Doc: []byte(`{}`)})
	// As if the process ended between the two transactions of Delete.
	if err := s.change(ctx, func(ctx context.Context) error {
		x, err := s.current("x")
		if err != nil {
			return err
		}
		return s.drop(ctx, x)
	}); err != nil {
		t.Fatal(err)
	}
	apply(t, s, Op{Index: "x", ID: "2", Doc: []byte(`{"new":true}`)})
	if have := all(t, s, "x", All()); len(have) != 1 || have["2"] == "" {
		t.Errorf("%v", have)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer func() { _ = s.Close() }()
	rows := 0
	if err := s.file.Reads().QueryRow("SELECT count(*) FROM docs").Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d rows, want 2: %v", rows, err)
	}
	if err := s.Delete(ctx, "x"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

// TestFull: a change that finds no room changes nothing, and later ones work.
func TestFull(t *testing.T) {
	s, err := Open(context.Background(), t.TempDir(), 200<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	apply(t, s, Op{Index: "x", ID: "1", Doc: []byte(`{"n":1}`)})
	big := append(append([]byte(`{"t":"`), bytes.Repeat([]byte("x"), 1<<20)...), `"}`...)
	before := s.seq
	if _, err := s.Apply(context.Background(), []Op{{Index: "new", ID: "1", Doc: []byte(`{}`)}, {Index: "x", ID: "2", Doc: big}}, 1); !errors.Is(err, ErrFull) {
		t.Fatalf("%v, want ErrFull", err)
	}
	if len(s.Indices()) != 1 || s.seq != before || len(all(t, s, "x", All())) != 1 {
		t.Error("a change that failed left something behind")
	}
	apply(t, s, Op{Index: "x", ID: "3", Doc: []byte(`{"n":3}`)})
}

// TestDamage: a changed document is named, not shown.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	apply(t, s, Op{Index: "x", ID: "1", Doc: []byte(`{"n":1}`)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "docs.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`UPDATE docs SET doc = CAST('{"n":2}' AS BLOB)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer func() { _ = s.Close() }()
	x := s.Indices()[0]
	if _, err := s.Get(context.Background(), x, "1"); !errors.Is(err, ErrCorrupt) {
		t.Errorf("get: %v", err)
	}
	if err := s.Scan(context.Background(), x, All(), func(*query.Doc) (bool, error) { return true, nil }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("scan: %v", err)
	}
}

// TestLearnedFields: fields have the types that the first document showed, across
// a restart, and later documents have to fit.
func TestLearnedFields(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	apply(t, s, Op{Index: "x", ID: "1", Doc: []byte(`{"n":1,"f":1.5,"s":"a","b":true,"@timestamp":"2020-01-01T00:00:00Z","o":{"p":[null,{"q":2}]},"d.e":1,"none":null,"empty":[]}`)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer func() { _ = s.Close() }()
	x := s.Indices()[0]
	const want = `{"properties":{"@timestamp":{"type":"date"},"b":{"type":"boolean"},"d":{"properties":{"e":{"type":"long"}}},"f":{"type":"float"},"n":{"type":"long"},"o":{"properties":{"p":{"properties":{"q":{"type":"long"}}}}},"s":{"fields":{"keyword":{"ignore_above":256,"type":"keyword"}},"type":"text"}}}`
	if have := string(x.Fields.JSON()); have != want {
		t.Errorf("%s\nwant %s", have, want)
	}
	if x.TimeField != "@timestamp" {
		t.Errorf("time field %q", x.TimeField)
	}
	for _, bad := range []string{`{"n":"x"}`, `{"n":{"a":1}}`, `{"o":5}`, `{"b":"maybe"}`, `{"@timestamp":"soon"}`} {
		if o := apply(t, s, Op{Index: "x", ID: "2", Doc: []byte(bad)})[0]; status(o.Err) != 400 {
			t.Errorf("%s: %v", bad, o.Err)
		}
	}
	for _, good := range []string{`{"n":"5"}`, `{"b":"true"}`, `{"@timestamp":1577836800000}`, `{"s":5}`, `{"n":null}`, `{"n":[1,2]}`} {
		if o := apply(t, s, Op{Index: "x", ID: "2", Doc: []byte(good)})[0]; o.Err != nil {
			t.Errorf("%s: %v", good, o.Err)
		}
	}
}
