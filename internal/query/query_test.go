package query

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/mapping"
	"tidemark/wire"
)

// matching are the ids of the documents that a query finds.
func matching(t testing.TB, query string, fields *mapping.Fields, sources ...string) string {
	t.Helper()
	s, err := ParseQuery(jsontext.Value(query), testNow)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if err := s.Begin(fields); err != nil {
		t.Fatal(err)
	}
	for i, source := range sources {
		if _, err := s.Visit(&Doc{Index: "i", ID: fmt.Sprint(i), Source: []byte(source)}); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, d := range s.Raw() {
		ids = append(ids, d.ID)
	}
	return strings.Join(ids, " ")
}

// TestQueryString: queries as tools write them.
func TestQueryString(t *testing.T) {
	sources := []string{
		`{"job_id":"foo","result_type":"record","record_score":80,"timestamp":1577836800000,"is_interim":false,"text":"Disk /dev/sda is full"}`,
		`{"job_id":"foo","result_type":"bucket","anomaly_score":12.5,"timestamp":1577923200000,"is_interim":false}`,
		`{"job_id":"foo-2","result_type":"record","record_score":20,"timestamp":1578009600000,"is_interim":true,"host":{"name":"web 1"}}`,
		`{"job_id":"bar","result_type":"record","record_score":50.5,"timestamp":1578096000000,"quoted":"a:b (c)"}`,
	}
	fields, err := mapping.Parse([]byte(`{"properties":{"job_id":{"type":"keyword"},"result_type":{"type":"keyword"},"timestamp":{"type":"date"},"quoted":{"type":"keyword"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, want string }{
		{`job_id:foo AND result_type:record`, "0"},
		{`job_id:foo && !result_type:record`, "1"},
		{`job_id:foo OR job_id:bar`, "0 1 3"},
		{`job_id:(foo OR bar)`, "0 1 3"},
		{`job_id:(foo bar) AND record_score:[50 TO *]`, "0 3"},
		{`+result_type:record -is_interim:true`, "0 3"},
		{`result_type:record AND NOT is_interim:true`, "0 3"},
		{`record_score:>=50.5`, "0 3"},
		{`record_score:>50.5`, "0"},
		{`record_score:<50.5 OR anomaly_score:<=12.5`, "1 2"},
		{`record_score:{20 TO 80}`, "3"},
		{`record_score:[20 TO 80}`, "2 3"},
		{`timestamp:[2020-01-01 TO 2020-01-02]`, "0 1"},
		{`timestamp:[2020-01-02 TO now}`, "1 2 3"},
		{`timestamp:{2020-01-02 TO 2020-01-04}`, "2"},
		{`job_id:foo*`, "0 1 2"},
		{`job_id:"foo-2"`, "2"},
		{`job_id:foo\-2`, "2"},
		{`host.name:"web 1"`, "2"},
		{`host.name:web`, "2"},
		{`_exists_:host.name`, "2"},
		{`record_score:*`, "0 2 3"},
		{`quoted:"a:b (c)"`, "3"},
		{`full`, "0"},
		{`"disk dev"`, "0"},
		{`text:"is full"`, "0"},
		{`text:disk^2 AND text:full~1`, "0"},
		{`*`, "0 1 2 3"},
		{`*:*`, "0 1 2 3"},
		{`_id:2`, "2"},
		{`is_interim:false`, "0 1"},
		{``, ""},
		{`((job_id:bar))`, "3"},
		{`record_score:80 record_score:20`, "0 2"},
	} {
		body, _ := json.Marshal(object1{"query_string": object1{"query": c.query}})
		if have := matching(t, string(body), fields, sources...); have != c.want {
			t.Errorf("%s: found %q, want %q", c.query, have, c.want)
		}
	}
	for _, bad := range []string{`a:`, `(a`, `a)`, `a:[1 TO`, `a:[1 2]`, `"a`, `a:>`, `AND`, `a:(`, `:b`, strings.Repeat("(", 50)} {
		body, _ := json.Marshal(object1{"query_string": object1{"query": bad}})
		var refused *wire.Refusal
		if _, err := ParseQuery(body, testNow); !errors.As(err, &refused) || refused.Type != wire.TypeParsing || refused.Status != 400 {
			t.Errorf("%s: %v, want a parsing_exception", bad, err)
		}
	}
}

// TestTypesMatter: the same value is found differently by its field's type.
func TestTypesMatter(t *testing.T) {
	for _, c := range []struct{ kind, value, query, want string }{
		{"keyword", `"Disk full"`, `{"match":{"f":"disk"}}`, ""},
		{"keyword", `"Disk full"`, `{"match":{"f":"Disk full"}}`, "0"},
		{"text", `"Disk full"`, `{"match":{"f":"disk"}}`, "0"},
		{"text", `"Disk full"`, `{"match":{"f":{"query":"disk empty","operator":"and"}}}`, ""},
		{"text", `"Disk full"`, `{"match_phrase":{"f":"disk full"}}`, "0"},
		{"text", `"Disk full"`, `{"match_phrase_prefix":{"f":"disk fu"}}`, "0"},
		{"text", `"Disk full"`, `{"term":{"f.keyword":"Disk full"}}`, "0"},
		{"keyword", `404`, `{"term":{"f":404}}`, "0"},
		{"keyword", `404`, `{"term":{"f":"404"}}`, "0"},
		{"keyword", `404`, `{"prefix":{"f":"40"}}`, "0"},
		{"keyword", `1464739200000`, `{"term":{"f":1464739200000}}`, "0"},
		{"long", `"5"`, `{"range":{"f":{"gte":5,"lt":6}}}`, "0"},
		{"long", `"5"`, `{"term":{"f":"5"}}`, "0"},
		{"long", `10`, `{"range":{"f":{"gt":"9"}}}`, "0"},
		{"keyword", `"10"`, `{"range":{"f":{"gt":"9"}}}`, ""},
		{"date", `"2020-01-01T10:00:00Z"`, `{"term":{"f":"2020-01-01"}}`, "0"},
		{"date", `"2020-01-01T10:00:00Z"`, `{"range":{"f":{"lte":"2020-01-01"}}}`, "0"},
		{"date", `"2020-01-01T10:00:00Z"`, `{"range":{"f":{"lt":"2020-01-01"}}}`, ""},
		{"date", `"2020-01-01T10:00:00Z"`, `{"range":{"f":{"gt":"2020-01-01"}}}`, ""},
		{"date", `"2020-01-01T10:00:00Z"`, `{"range":{"f":{"gt":"2020-01-01||/d"}}}`, ""},
		{"date", `"2020-01-01T10:00:00Z"`, `{"range":{"f":{"gte":"2020-01-01||+10h","lt":"2020-01-01||+1d/d"}}}`, "0"},
		{"date", `1577872800000`, `{"range":{"f":{"gte":1577872800000,"lte":1577872800000}}}`, "0"},
		{"date", `1577872800000`, `{"range":{"f":{"gte":1577872800,"format":"epoch_second"}}}`, "0"},
		{"date", `1577872800000`, `{"range":{"f":{"gte":"1577872800","format":"epoch_second"}}}`, "0"},
		{"date", `"2020-01-01T10:00:00+02:00"`, `{"range":{"f":{"gte":"2020-01-01T09:00:00","time_zone":"+01:00","lt":"2020-01-01T09:00:01+01:00"}}}`, "0"},
		{"date", `"2020-01-09T23:00:00Z"`, `{"range":{"f":{"gte":"now-1h"}}}`, "0"},
		{"date", `"2020-01-09T23:00:00Z"`, `{"range":{"f":{"gte":"now-1d/d","lt":"now/d"}}}`, "0"},
		{"boolean", `"true"`, `{"term":{"f":true}}`, "0"},
		{"boolean", `false`, `{"term":{"f":"false"}}`, "0"},
		{"ip", `"10.0.0.1"`, `{"term":{"f":"10.0.0.1"}}`, "0"},
		{"keyword", `"ab"`, `{"term":{"f":{"value":"AB","case_insensitive":true}}}`, "0"},
		{"keyword", `"ab"`, `{"wildcard":{"f":{"wildcard":"A?","case_insensitive":true}}}`, "0"},
		{"keyword", `"a*b"`, `{"wildcard":{"f":"a\\*b"}}`, "0"},
		{"keyword", `"axb"`, `{"wildcard":{"f":"a\\*b"}}`, ""},
		{"keyword", `null`, `{"exists":{"field":"f"}}`, ""},
		{"keyword", `[]`, `{"exists":{"field":"f"}}`, ""},
		{"keyword", `["x",null]`, `{"exists":{"field":"f"}}`, "0"},
		{"keyword", `"x"`, `{"bool":{"must_not":[{"exists":{"field":"f"}}]}}`, ""},
		{"keyword", `"x"`, `{"bool":{}}`, "0"},
		{"keyword", `"x"`, `{"constant_score":{"filter":{"term":{"f":"x"}},"boost":1.2}}`, "0"},
		{"keyword", `"x"`, `{"dis_max":{"queries":[{"term":{"f":"y"}},{"term":{"f":"x"}}]}}`, "0"},
		{"text", `"the disk"`, `{"multi_match":{"query":"disk","fields":["f^2","g"]}}`, "0"},
	} {
		fields, err := mapping.Parse([]byte(`{"properties":{"f":{"type":"` + c.kind + `"}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if have := matching(t, c.query, fields, `{"f":`+c.value+`}`); have != c.want {
			t.Errorf("%s %s: %s found %q, want %q", c.kind, c.value, c.query, have, c.want)
		}
	}
}

// TestCalendarIntervals: buckets follow the zone's clock.
func TestCalendarIntervals(t *testing.T) {
	for _, c := range []struct{ params, at, start, next string }{
		{`{"calendar_interval":"1d"}`, "2020-01-01T10:00:00Z", "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"},
		{`{"calendar_interval":"day","time_zone":"Europe/Berlin"}`, "2020-03-29T10:00:00Z", "2020-03-28T23:00:00Z", "2020-03-29T22:00:00Z"},
		{`{"calendar_interval":"1d","time_zone":"Europe/Berlin"}`, "2020-10-25T10:00:00Z", "2020-10-24T22:00:00Z", "2020-10-25T23:00:00Z"},
		{`{"fixed_interval":"1d","time_zone":"Europe/Berlin"}`, "2020-10-25T22:30:00Z", "2020-10-24T22:00:00Z", "2020-10-25T23:00:00Z"},
		{`{"fixed_interval":"1h","time_zone":"Europe/Berlin"}`, "2020-10-25T01:30:00Z", "2020-10-25T01:00:00Z", "2020-10-25T02:00:00Z"},
		{`{"calendar_interval":"hour","time_zone":"+05:30"}`, "2020-01-01T00:10:00Z", "2019-12-31T23:30:00Z", "2020-01-01T00:30:00Z"},
		{`{"calendar_interval":"week"}`, "2020-01-01T00:00:00Z", "2019-12-30T00:00:00Z", "2020-01-06T00:00:00Z"},
		{`{"calendar_interval":"month","offset":"+6h"}`, "2020-02-01T05:00:00Z", "2020-01-01T06:00:00Z", "2020-02-01T06:00:00Z"},
		{`{"calendar_interval":"1q"}`, "2020-05-01T05:00:00Z", "2020-04-01T00:00:00Z", "2020-07-01T00:00:00Z"},
		{`{"calendar_interval":"1y"}`, "2020-05-01T05:00:00Z", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"},
		{`{"fixed_interval":"15m","offset":"-5m"}`, "2020-01-01T00:09:00Z", "2019-12-31T23:55:00Z", "2020-01-01T00:10:00Z"},
		{`{"fixed_interval":"90m"}`, "1969-12-31T23:59:00Z", "1969-12-31T22:30:00Z", "1970-01-01T00:00:00Z"},
		{`{"interval":"1M"}`, "2020-02-29T00:00:00Z", "2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"},
	} {
		var params map[string]any
		if err := json.Unmarshal([]byte(c.params), &params); err != nil {
			t.Fatal(err)
		}
		v, err := intervalOf("date_histogram", params)
		if err != nil {
			t.Fatalf("%s: %v", c.params, err)
		}
		ms := func(s string) float64 {
			at, err := time.Parse(time.RFC3339, s)
			if err != nil {
				t.Fatal(err)
			}
			return float64(at.UnixMilli())
		}
		start := v.floor(ms(c.at))
		if start != ms(c.start) || v.next(start) != ms(c.next) || v.floor(start) != start || v.floor(ms(c.next)-1) != start {
			t.Errorf("%s at %s: from %s to %s, want %s to %s", c.params, c.at, wire.FormatTime(int64(start)), wire.FormatTime(int64(v.next(start))), c.start, c.next)
		}
	}
}

// TestRefusals: what cannot be answered is refused with its place's name.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		body, part string
		kind       wire.ErrorType
	}{
		{`{"foo":1}`, "foo", wire.TypeParsing},
		{`{"query":{"fuzzy":{"a":"b"}}}`, "fuzzy", wire.TypeParsing},
		{`{"query":{}}`, "empty clause", wire.TypeIllegalArgument},
		{`{"query":{"term":{"a":1},"range":{}}}`, "2", wire.TypeParsing},
		{`{"query":{"term":{"a":{"value":1,"x":2}}}}`, "[x]", wire.TypeParsing},
		{`{"query":{"term":{"a":[1]}}}`, "[a]", wire.TypeParsing},
		{`{"query":{"terms":{"a":1}}}`, "list", wire.TypeParsing},
		{`{"query":{"range":{"a":{"above":1}}}}`, "above", wire.TypeParsing},
		{`{"query":{"bool":{"most":[]}}}`, "most", wire.TypeParsing},
		{`{"query":{"bool":{"should":[],"minimum_should_match":"x"}}}`, "minimum", wire.TypeParsing},
		{`{"collapse":{"field":"a"}}`, "not supported", wire.TypeParsing},
		{`{"size":-1}`, "size", wire.TypeParsing},
		{`{"size":1.5}`, "size", wire.TypeParsing},
		{`{"sort":[{"a":"up"}]}`, "asc or desc", wire.TypeParsing},
		{`{"sort":[{"a":{"upwards":true}}]}`, "upwards", wire.TypeParsing},
		{`{"_source":5}`, "_source", wire.TypeParsing},
		{`{"aggs":{"a":{}}}`, "[a]", wire.TypeParsing},
		{`{"aggs":{"a":{"avg":{"field":"x"},"max":{"field":"x"}}}}`, "two", wire.TypeParsing},
		{`{"aggs":{"a":{"median":{"field":"x"}}}}`, "median", wire.TypeParsing},
		{`{"aggs":{"a":{"avg":{}}}}`, "field", wire.TypeIllegalArgument},
		{`{"aggs":{"a":{"terms":{"field":"x","sizee":3}}}}`, "sizee", wire.TypeParsing},
		{`{"aggs":{"a":{"terms":{"field":"x","size":0}}}}`, "greater than 0", wire.TypeIllegalArgument},
		{`{"aggs":{"a":{"terms":{"field":"x","order":{"b":"asc"}}}}}`, "[b]", "aggregation_execution_exception"},
		{`{"aggs":{"a":{"avg":{"field":"x"},"aggs":{"b":{"avg":{"field":"x"}}}}}}`, "sub-aggregations", wire.TypeParsing},
		{`{"aggs":{"a":{"date_histogram":{"field":"x"}}}}`, "fixed_interval", wire.TypeIllegalArgument},
		{`{"aggs":{"a":{"date_histogram":{"field":"x","fixed_interval":"1x"}}}}`, "1x", wire.TypeIllegalArgument},
		{`{"aggs":{"a":{"date_histogram":{"field":"x","calendar_interval":"2d"}}}}`, "2d", wire.TypeIllegalArgument},
		{`{"aggs":{"a":{"date_histogram":{"field":"x","fixed_interval":"1d","time_zone":"Moon"}}}}`, "Moon", wire.TypeIllegalArgument},
		{`{"aggs":{"a":{"composite":{"sources":[]}}}}`, "sources", wire.TypeIllegalArgument},
		{`{"aggs":{"a":{"composite":{"size":100000,"sources":[{"b":{"terms":{"field":"x"}}}]}}}}`, "all shards failed", wire.TypeSearchPhase},
		{`{"aggs":{"a":{"avg":{"field":"x","script":{"source":"1"}}}}}`, "script", wire.TypeParsing},
		{`{"query":` + strings.Repeat(`{"bool":{"must":`, 40) + `{"match_all":{}}` + strings.Repeat(`}}`, 40) + `}`, "nested deeper", wire.TypeParsing},
	} {
		var body map[string]any
		if err := json.Unmarshal([]byte(c.body), &body); err != nil {
			t.Fatal(err)
		}
		_, err := New(body, testNow)
		var refused *wire.Refusal
		if !errors.As(err, &refused) || refused.Type != c.kind || refused.Status != 400 || !strings.Contains(refused.Reason, c.part) {
			t.Errorf("%.100s: %v, want %s with %q", c.body, err, c.kind, c.part)
		}
	}
}

// TestBounds: a request that would hold or answer too much is refused, not the
// server brought down.
func TestBounds(t *testing.T) {
	show := func(body string, n int, doc func(i int) string) error {
		var o map[string]any
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			t.Fatal(err)
		}
		s, err := New(o, testNow)
		if err != nil {
			t.Fatal(err)
		}
		s.c.budget.limit /= 8
		for i := range n {
			if _, err := s.Visit(&Doc{ID: "x", Source: []byte(doc(i))}); err != nil {
				return err
			}
		}
		_, err = s.Answer()
		return err
	}
	one := func(i int) string { return fmt.Sprintf(`{"t":%d,"s":"name of a thing %d"}`, i*1000, i) }
	for _, c := range []struct {
		body   string
		n      int
		status int
	}{
		{`{"aggs":{"a":{"date_histogram":{"field":"t","fixed_interval":"1s"}}}}`, 70_000, 400},
		{`{"aggs":{"a":{"terms":{"field":"s","size":100000}}}}`, 70_000, 400},
		{`{"aggs":{"a":{"terms":{"field":"s","size":10}}}}`, 70_000, 0},
		{`{"aggs":{"a":{"date_histogram":{"field":"t","fixed_interval":"1ms","extended_bounds":{"min":0,"max":9000000000}}}}}`, 1, 400},
		{`{"aggs":{"a":{"date_histogram":{"field":"t","fixed_interval":"1ms","min_doc_count":1}}}}`, 2, 0},
		{`{"aggs":{"a":{"terms":{"field":"s"},"aggs":{"b":{"avg":{"field":"t"}},"c":{"terms":{"field":"s"}},"d":{"cardinality":{"field":"s"}}}}}}`, 40_000, 429},
		{`{"aggs":{"a":{"composite":{"size":10,"sources":[{"s":{"terms":{"field":"s"}}}]},"aggs":{"b":{"avg":{"field":"t"}},"c":{"terms":{"field":"s"}}}}}}`, 40_000, 0},
		{`{"size":10000,"sort":["t"]}`, 100_000, 0},
	} {
		err := show(c.body, c.n, one)
		var refused *wire.Refusal
		if c.status == 0 && err != nil || c.status != 0 && (!errors.As(err, &refused) || refused.Status != c.status) {
			t.Errorf("%s: %v, want status %d", c.body, err, c.status)
		}
	}
}

// TestSourceFilter: what hits show keeps the document's order and numbers.
func TestSourceFilter(t *testing.T) {
	const doc = `{"z":9007199254740993,"a":{"b":1.50,"c":[{"d":1,"e":2},{"d":3}]},"ab":null}`
	for _, c := range []struct {
		includes, excludes []string
		want               string
	}{
		{nil, nil, doc},
		{[]string{"z"}, nil, `{"z":9007199254740993}`},
		{[]string{"a*"}, nil, `{"a":{"b":1.50,"c":[{"d":1,"e":2},{"d":3}]},"ab":null}`},
		{[]string{"a.c.d"}, nil, `{"a":{"c":[{"d":1},{"d":3}]}}`},
		{[]string{"*.e"}, nil, `{"a":{"c":[{"e":2}]}}`},
		{nil, []string{"a.c", "ab"}, `{"z":9007199254740993,"a":{"b":1.50}}`},
		{[]string{"a"}, []string{"*.d"}, `{"a":{"b":1.50,"c":[{"e":2},{}]}}`},
		{[]string{"nothing"}, nil, `{}`},
		{nil, []string{"*"}, `{}`},
	} {
		if have := string(FilterSource([]byte(doc), c.includes, c.excludes)); have != c.want {
			t.Errorf("%v without %v: %s, want %s", c.includes, c.excludes, have, c.want)
		}
	}
}

// FuzzSearch: no request and no document makes the search fail by itself.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{
		`{"query":{"bool":{"filter":[{"term":{"k":"a"}},{"range":{"at":{"gte":"now-1d/d","lt":"2020-01-01||+1M/d","time_zone":"Europe/Berlin"}}}],"should":[{"query_string":{"query":"k:(a OR \"b c\") AND n:[1 TO *}"}}],"minimum_should_match":"50%"}}}`,
		`{"sort":[{"n":{"order":"desc","mode":"avg","missing":"_first"}},"_doc"],"search_after":[1,2],"size":3,"_source":{"includes":["a*"],"excludes":["*.b"]},"fields":["*",{"field":"at","format":"yyyy-MM-dd"}]}`,
		`{"size":0,"aggs":{"a":{"date_histogram":{"field":"at","calendar_interval":"month","offset":"-1d","extended_bounds":{"min":"2019","max":"now"}},"aggs":{"b":{"terms":{"field":"k","order":{"c.avg":"desc"},"include":"a.*"},"aggs":{"c":{"extended_stats":{"field":"n"}}}}}}}}`,
		`{"aggs":{"c":{"composite":{"size":2,"sources":[{"x":{"terms":{"field":"k","missing_bucket":true,"missing_order":"last"}}},{"y":{"histogram":{"field":"n","interval":0.3}}}],"after":{"x":null,"y":1}}}}}`,
		`{"aggs":{"r":{"date_range":{"field":"at","ranges":[{"from":"now-1d","to":"now"},{"key":"k"}]}},"p":{"percentiles":{"field":"n"}},"f":{"filters":{"filters":[{"match_all":{}}],"other_bucket":true}},"t":{"top_hits":{"size":1,"sort":["n"]}}}}`,
	} {
		f.Add(seed, `{"k":["a","b c"],"n":[1,-2.5],"at":"2020-01-01T00:00:00Z","b":true,"o":{"n":1e300}}`)
	}
	f.Fuzz(func(t *testing.T, body, doc string) {
		var o map[string]any
		if json.Unmarshal([]byte(body), &o) != nil {
			return
		}
		s, err := New(o, testNow)
		if err != nil {
			var refused *wire.Refusal
			if !errors.As(err, &refused) {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		if s.Begin(testFields) != nil {
			return
		}
		source := jsontext.Value(doc)
		if source.Compact() != nil || source.Kind() != '{' || !source.IsValid() {
			source = jsontext.Value(`{}`)
		}
		for i := range 3 {
			if _, err := s.Visit(&Doc{Index: "i", ID: "d", Seq: int64(i), Source: source}); err != nil {
				return
			}
		}
		out, err := s.Answer()
		if err != nil {
			return
		}
		if _, err := json.Marshal(out); err != nil && !strings.Contains(err.Error(), "unsupported value") {
			t.Fatalf("the answer cannot be written: %v", err)
		}
	})
}
