package query

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"tidemark/internal/mapping"
)

var testNow = time.Date(2020, 1, 10, 0, 0, 0, 0, time.UTC)

const day = 86_400_000

// testFields are the types of the fields of the documents in these tests.
var testFields = func() *mapping.Fields {
	f, err := mapping.Parse([]byte(`{"properties":{"n":{"type":"long"},"k":{"type":"keyword"},"at":{"type":"date"},"b":{"type":"boolean"},"x":{"type":"text"},"o":{"properties":{"n":{"type":"double"}}}}}`))
	if err != nil {
		panic(err)
	}
	return f
}()

// twinDoc is a document as the slow twin sees it: the values of each field.
type twinDoc struct {
	id     string
	seq    int64
	n      []float64
	k      []string
	at     []float64
	b      *bool
	o      []float64
	source string
}

func drawDoc(t *rapid.T, i int) *twinDoc {
	d := &twinDoc{id: fmt.Sprintf("d%d", i), seq: int64(i + 1)}
	several := func(name string) int { return rapid.SampledFrom([]int{0, 1, 1, 1, 1, 2, 3}).Draw(t, name) }
	for range several("ns") {
		d.n = append(d.n, float64(rapid.IntRange(-5, 5).Draw(t, "n")))
	}
	for range several("ks") {
		d.k = append(d.k, rapid.SampledFrom([]string{"a", "b", "ab", "c d", "ä", "1"}).Draw(t, "k"))
	}
	for range several("ats") {
		d.at = append(d.at, float64(testNow.UnixMilli()-rapid.Int64Range(0, 6*day).Draw(t, "at")))
	}
	if rapid.Bool().Draw(t, "hasB") {
		b := rapid.Bool().Draw(t, "b")
		d.b = &b
	}
	for range several("os") {
		d.o = append(d.o, float64(rapid.IntRange(0, 40).Draw(t, "o"))/4)
	}
	body := map[string]any{"o": map[string]any{"n": d.o}, "other": []any{1, "z", nil}}
	if len(d.n) > 0 {
		body["n"] = d.n
	}
	if len(d.k) == 1 {
		body["k"] = d.k[0]
	} else if d.k != nil {
		body["k"] = d.k
	}
	var times []any
	for _, ms := range d.at {
		if rapid.Bool().Draw(t, "text") {
			times = append(times, time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z"))
		} else {
			times = append(times, ms)
		}
	}
	body["at"] = times
	if d.b != nil {
		body["b"] = *d.b
	}
	raw, err := json.Marshal(body, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	d.source = string(raw)
	return d
}

// twinTest is a query with its obvious meaning.
type twinTest struct {
	query any
	holds func(d *twinDoc) bool
}

func some[V any](values []V, test func(V) bool) bool { return slices.ContainsFunc(values, test) }

type object1 = map[string]any

// drawTest draws a query of a depth.
func drawTest(t *rapid.T, depth int) twinTest {
	kinds := []string{"term n", "terms k", "range n", "range at", "range o", "exists", "prefix", "wildcard", "ids", "bool term", "match_all", "match_none", "day"}
	if depth > 0 {
		kinds = append(kinds, "bool", "bool", "bool")
	}
	switch kind := rapid.SampledFrom(kinds).Draw(t, "kind"); kind {
	case "term n":
		n := float64(rapid.IntRange(-5, 5).Draw(t, "n"))
		return twinTest{object1{"term": object1{"n": object1{"value": n}}}, func(d *twinDoc) bool { return slices.Contains(d.n, n) }}
	case "terms k":
		list := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c d", "1", "z"}), 0, 3).Draw(t, "list")
		anyList := []any{}
		for _, k := range list {
			anyList = append(anyList, k)
		}
		return twinTest{object1{"terms": object1{"k": anyList}}, func(d *twinDoc) bool { return some(d.k, func(k string) bool { return slices.Contains(list, k) }) }}
	case "range n", "range o":
		return drawRange(t, strings.TrimPrefix(kind, "range "))
	case "range at":
		days := rapid.IntRange(0, 6).Draw(t, "days")
		from := float64(testNow.UnixMilli() - int64(days)*day)
		q := object1{"gte": fmt.Sprintf("now-%dd", days), "lt": "now-1h"}
		if rapid.Bool().Draw(t, "iso") {
			q["gte"] = time.UnixMilli(int64(from)).UTC().Format(time.RFC3339)
		}
		to := float64(testNow.UnixMilli() - day/24)
		return twinTest{object1{"range": object1{"at": q}}, func(d *twinDoc) bool { return some(d.at, func(x float64) bool { return x >= from && x < to }) }}
	case "day":
		at := testNow.AddDate(0, 0, -rapid.IntRange(0, 6).Draw(t, "days"))
		from, to := float64(at.UnixMilli()), float64(at.UnixMilli()+day)
		return twinTest{object1{"term": object1{"at": at.Format("2006-01-02")}}, func(d *twinDoc) bool { return some(d.at, func(x float64) bool { return x >= from && x < to }) }}
	case "exists":
		return twinTest{object1{"exists": object1{"field": "o.n"}}, func(d *twinDoc) bool { return len(d.o) > 0 }}
	case "prefix":
		return twinTest{object1{"prefix": object1{"k": "a"}}, func(d *twinDoc) bool { return some(d.k, func(k string) bool { return strings.HasPrefix(k, "a") }) }}
	case "wildcard":
		return twinTest{object1{"wildcard": object1{"k": object1{"value": "?b*"}}}, func(d *twinDoc) bool { return some(d.k, func(k string) bool { return len(k) > 1 && k[1] == 'b' }) }}
	case "ids":
		id := fmt.Sprintf("d%d", rapid.IntRange(0, 20).Draw(t, "id"))
		return twinTest{object1{"ids": object1{"values": []any{id}}}, func(d *twinDoc) bool { return d.id == id }}
	case "bool term":
		b := rapid.Bool().Draw(t, "b")
		return twinTest{object1{"term": object1{"b": b}}, func(d *twinDoc) bool { return d.b != nil && *d.b == b }}
	case "match_none":
		return twinTest{object1{"match_none": object1{}}, func(*twinDoc) bool { return false }}
	case "bool":
		return drawBool(t, depth-1)
	}
	return twinTest{object1{"match_all": object1{}}, func(*twinDoc) bool { return true }}
}

func drawRange(t *rapid.T, field string) twinTest {
	q := object1{}
	low, high := math.Inf(-1), math.Inf(1)
	openLow, openHigh := rapid.Bool().Draw(t, "gt"), rapid.Bool().Draw(t, "lt")
	if rapid.Bool().Draw(t, "low") {
		low = float64(rapid.IntRange(-6, 6).Draw(t, "from"))
		q[map[bool]string{true: "gt", false: "gte"}[openLow]] = low
	}
	if rapid.Bool().Draw(t, "high") {
		high = float64(rapid.IntRange(-6, 6).Draw(t, "to"))
		q[map[bool]string{true: "lt", false: "lte"}[openHigh]] = high
	}
	in := func(x float64) bool {
		return (x > low || x == low && !openLow) && (x < high || x == high && !openHigh)
	}
	if field == "o" {
		return twinTest{object1{"range": object1{"o.n": q}}, func(d *twinDoc) bool { return some(d.o, in) }}
	}
	return twinTest{object1{"range": object1{field: q}}, func(d *twinDoc) bool { return some(d.n, in) }}
}

func drawBool(t *rapid.T, depth int) twinTest {
	q := object1{}
	var all, should, not []twinTest
	draw := func(name string, to *[]twinTest) {
		n := rapid.IntRange(0, 2).Draw(t, name)
		var list []any
		for range n {
			x := drawTest(t, depth)
			*to = append(*to, x)
			list = append(list, x.query)
		}
		if n > 0 {
			q[name] = list
		}
	}
	draw("must", &all)
	draw("filter", &all)
	draw("should", &should)
	draw("must_not", &not)
	least := 0
	if len(all) == 0 && len(should) > 0 {
		least = 1
	}
	if rapid.Bool().Draw(t, "least") {
		least = rapid.IntRange(0, 3).Draw(t, "minimum")
		q["minimum_should_match"] = float64(least)
	}
	return twinTest{object1{"bool": q}, func(d *twinDoc) bool {
		n := 0
		for _, x := range should {
			if x.holds(d) {
				n++
			}
		}
		return n >= least && !slices.ContainsFunc(all, func(x twinTest) bool { return !x.holds(d) }) && !slices.ContainsFunc(not, func(x twinTest) bool { return x.holds(d) })
	}}
}

// run shows documents to a search as a source without any order would.
func run(t interface{ Fatal(...any) }, body object1, list []*twinDoc) (*Search, object1) {
	s, err := New(body, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(testFields); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Plans("at") {
		p.ByTime, p.BySeq, p.TimesOnly = false, false, false
		s.Start(p)
		for _, d := range list {
			// What the plan leaves out, a source may leave out.
			if len(d.at) == 1 && (d.at[0] < float64(p.FromMs) || d.at[0] >= float64(p.ToMs)) {
				continue
			}
			more, err := s.Visit(&Doc{Index: "i", ID: d.id, Version: 1, Seq: d.seq, Source: []byte(d.source)})
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
		}
	}
	out, err := s.Answer()
	if err != nil {
		t.Fatal(err)
	}
	return s, out
}

func drawDocs(t *rapid.T) (list []*twinDoc) {
	for i := range rapid.IntRange(0, 25).Draw(t, "docs") {
		list = append(list, drawDoc(t, i))
	}
	return list
}

// TestFilterTwin holds queries, orders and pages against their obvious meaning.
func TestFilterTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := drawDocs(t)
		test := drawTest(t, 2)
		var want []*twinDoc
		for _, d := range list {
			if test.holds(d) {
				want = append(want, d)
			}
		}
		descending := rapid.Bool().Draw(t, "descending")
		first := func(d *twinDoc) (float64, bool) {
			if len(d.n) == 0 {
				return 0, false
			}
			if descending {
				return slices.Max(d.n), true
			}
			return slices.Min(d.n), true
		}
		slices.SortStableFunc(want, func(a, b *twinDoc) int {
			x, hasX := first(a)
			y, hasY := first(b)
			switch {
			case hasX != hasY && hasX:
				return -1
			case hasX != hasY:
				return 1
			case x == y:
				return int(a.seq - b.seq)
			case (x < y) == descending:
				return 1
			}
			return -1
		})
		order := map[bool]string{true: "desc", false: "asc"}[descending]
		size := rapid.IntRange(1, 6).Draw(t, "size")
		body := object1{"query": test.query, "size": float64(size), "sort": []any{object1{"n": order}, "_doc"}}
		var have, ids []string
		for {
			s, out := run(t, body, list)
			total := out["hits"].(object1)["total"].(object1)["value"]
			if total != int64(len(want)) {
				t.Fatalf("%v: total %v, want %d", test.query, total, len(want))
			}
			hits := s.Raw()
			if len(hits) == 0 {
				break
			}
			for _, h := range hits {
				have = append(have, h.ID)
			}
			shown := out["hits"].(object1)["hits"].([]any)
			var after []any
			for _, v := range shown[len(shown)-1].(object1)["sort"].([]any) {
				if n, isInt := v.(int64); isInt {
					v = float64(n)
				}
				after = append(after, v)
			}
			body["search_after"] = after
		}
		for _, d := range want {
			ids = append(ids, d.id)
		}
		if !slices.Equal(have, ids) {
			t.Fatalf("%v: %v, want %v", test.query, have, ids)
		}
	})
}

// near lets sums differ in the last digits.
var near = cmpopts.EquateApprox(1e-9, 1e-9)

// twinStats are the metrics of numbers.
func twinStats(values []float64) object1 {
	out := object1{"count": int64(len(values)), "min": nil, "max": nil, "avg": nil, "sum": 0.0}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	out["sum"] = sum
	if len(values) > 0 {
		out["min"], out["max"], out["avg"] = slices.Min(values), slices.Max(values), sum/float64(len(values))
	}
	return out
}

func numbersOf(list []*twinDoc) (values []float64) {
	for _, d := range list {
		values = append(values, d.o...)
	}
	return values
}

// withStats is a bucket of documents with the metrics inside it.
func withStats(out object1, in []*twinDoc) object1 {
	out["doc_count"], out["s"] = int64(len(in)), twinStats(numbersOf(in))
	return out
}

// TestAggregationTwin holds aggregations against grouping documents by hand.
func TestAggregationTwin(t *testing.T) {
	inner := object1{"s": object1{"stats": object1{"field": "o.n"}}}
	rapid.Check(t, func(t *rapid.T) {
		list := drawDocs(t)
		hours := rapid.SampledFrom([]int{1, 6, 24}).Draw(t, "hours")
		width := float64(hours) * 3_600_000
		size := rapid.IntRange(1, 4).Draw(t, "size")
		_, out := run(t, object1{"size": 0.0, "aggs": object1{
			"hist":  object1{"date_histogram": object1{"field": "at", "fixed_interval": fmt.Sprintf("%dh", hours), "min_doc_count": 1.0}, "aggs": inner},
			"full":  object1{"histogram": object1{"field": "n", "interval": 2.0}},
			"terms": object1{"terms": object1{"field": "k", "size": float64(size)}, "aggs": inner},
			"range": object1{"range": object1{"field": "n", "ranges": []any{object1{"to": 0.0}, object1{"from": 0.0, "to": 3.0}, object1{"from": 3.0}}}, "aggs": inner},
			"card":  object1{"cardinality": object1{"field": "k"}},
			"none":  object1{"missing": object1{"field": "n"}, "aggs": inner},
			"pos":   object1{"filter": object1{"range": object1{"n": object1{"gt": 0.0}}}, "aggs": inner},
			"all":   object1{"stats": object1{"field": "o.n"}},
			"mid":   object1{"percentiles": object1{"field": "o.n", "percents": []any{50.0}}},
		}}, list)
		aggs := out["aggregations"].(object1)
		group := func(keys func(d *twinDoc) []float64) map[float64][]*twinDoc {
			groups := map[float64][]*twinDoc{}
			for _, d := range list {
				for _, key := range slices.Compact(slices.Sorted(slices.Values(keys(d)))) {
					groups[key] = append(groups[key], d)
				}
			}
			return groups
		}
		floors := func(values []float64, width float64) (out []float64) {
			for _, v := range values {
				out = append(out, math.Floor(v/width)*width)
			}
			return out
		}
		hist := []any{}
		byTime := group(func(d *twinDoc) []float64 { return floors(d.at, width) })
		for _, key := range sortedKeys(byTime) {
			hist = append(hist, withStats(object1{"key": int64(key), "key_as_string": time.UnixMilli(int64(key)).UTC().Format("2006-01-02T15:04:05.000Z")}, byTime[key]))
		}
		full := []any{}
		byNumber := group(func(d *twinDoc) []float64 { return floors(d.n, 2) })
		if keys := sortedKeys(byNumber); len(keys) > 0 {
			for key := keys[0]; key <= keys[len(keys)-1]; key += 2 {
				full = append(full, object1{"key": key, "doc_count": int64(len(byNumber[key]))})
			}
		}
		byKey := map[string][]*twinDoc{}
		for _, d := range list {
			for _, k := range slices.Compact(slices.Sorted(slices.Values(d.k))) {
				byKey[k] = append(byKey[k], d)
			}
		}
		terms, left := []any{}, int64(0)
		names := sortedKeys(byKey)
		slices.SortStableFunc(names, func(a, b string) int { return len(byKey[b]) - len(byKey[a]) })
		for i, k := range names {
			if i < size {
				terms = append(terms, withStats(object1{"key": k}, byKey[k]))
			} else {
				left += int64(len(byKey[k]))
			}
		}
		where := func(test func(d *twinDoc) bool) (in []*twinDoc) {
			for _, d := range list {
				if test(d) {
					in = append(in, d)
				}
			}
			return in
		}
		between := func(low, high float64) []*twinDoc {
			return where(func(d *twinDoc) bool { return some(d.n, func(x float64) bool { return x >= low && x < high }) })
		}
		values := numbersOf(list)
		slices.Sort(values)
		var median any
		if n := len(values); n > 0 {
			median = (values[(n-1)/2] + values[n/2]) / 2
		}
		want := object1{
			"hist":  object1{"buckets": hist},
			"full":  object1{"buckets": full},
			"terms": object1{"buckets": terms, "sum_other_doc_count": left, "doc_count_error_upper_bound": 0},
			"range": object1{"buckets": []any{withStats(object1{"key": "*-0.0", "to": 0.0}, between(math.Inf(-1), 0)), withStats(object1{"key": "0.0-3.0", "from": 0.0, "to": 3.0}, between(0, 3)),
				withStats(object1{"key": "3.0-*", "from": 3.0}, between(3, math.Inf(1)))}},
			"card": object1{"value": len(byKey)},
			"none": withStats(object1{}, where(func(d *twinDoc) bool { return len(d.n) == 0 })),
			"pos":  withStats(object1{}, where(func(d *twinDoc) bool { return some(d.n, func(x float64) bool { return x > 0 }) })),
			"all":  twinStats(numbersOf(list)),
			"mid":  object1{"values": object1{"50.0": median}},
		}
		if diff := cmp.Diff(want, aggs, near); diff != "" {
			t.Fatal(diff)
		}
	})
}

func sortedKeys[K interface{ ~string | ~float64 }, V any](m map[K]V) (keys []K) {
	for k := range m { // order-free: sorted below
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestCompositePages reads all combinations of keys page by page.
func TestCompositePages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := drawDocs(t)
		missing := rapid.Bool().Draw(t, "missing")
		order := rapid.SampledFrom([]string{"asc", "desc"}).Draw(t, "order")
		want := map[string]int64{}
		for _, d := range list {
			keys := slices.Clone(d.k)
			if len(keys) == 0 && missing {
				keys = []string{"-"}
			}
			for _, k := range keys {
				for _, at := range d.at {
					want[fmt.Sprintf("%s %.0f", k, math.Floor(at/day)*day)]++
				}
			}
		}
		composite := object1{"size": float64(rapid.IntRange(1, 5).Draw(t, "size")), "sources": []any{
			object1{"k": object1{"terms": object1{"field": "k", "missing_bucket": missing, "order": order}}},
			object1{"d": object1{"date_histogram": object1{"field": "at", "calendar_interval": "1d"}}}}}
		have := map[string]int64{}
		for {
			_, out := run(t, object1{"size": 0.0, "aggs": object1{"c": object1{"composite": composite}}}, list)
			c := out["aggregations"].(object1)["c"].(object1)
			buckets := c["buckets"].([]any)
			if len(buckets) == 0 {
				break
			}
			for _, b := range buckets {
				key := b.(object1)["key"].(object1)
				name, _ := key["k"].(string)
				if key["k"] == nil {
					name = "-"
				}
				name = fmt.Sprintf("%s %d", name, key["d"])
				if have[name] != 0 {
					t.Fatalf("%s twice", name)
				}
				have[name] = b.(object1)["doc_count"].(int64)
			}
			after := c["after_key"].(object1)
			composite["after"] = object1{"k": after["k"], "d": float64(after["d"].(int64))}
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatal(diff)
		}
	})
}
