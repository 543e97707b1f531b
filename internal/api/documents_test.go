package api

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// contains checks that an answer has all texts.
func contains(t *testing.T, body string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(body, w) {
			t.Errorf("%q is not in %s", w, body)
		}
	}
}

// TestDocuments goes through the life of documents and their index.
func TestDocuments(t *testing.T) {
	r := newRig(t, Options{})
	contains(t, r.must(200, "PUT", "/airline-data", `{"mappings":{"properties":{"time":{"type":"date"},"airline":{"type":"keyword"}}},"settings":{"index.number_of_shards":1}}`), `"acknowledged":true`)
	r.must(400, "PUT", "/airline-data", "")
	r.must(400, "PUT", "/Upper", "")
	r.must(200, "HEAD", "/airline-data", "")
	r.must(404, "HEAD", "/nothing", "")
	contains(t, r.must(201, "PUT", "/airline-data/_doc/1", `{"time":"2016-06-01T00:00:00Z", "airline":"AAL"}`), `"result":"created"`, `"_version":1`)
	contains(t, r.must(200, "PUT", "/airline-data/_doc/1", `{"time":"2016-06-01T00:00:00Z", "airline":"AAA"}`), `"result":"updated"`, `"_version":2`)
	contains(t, r.must(409, "PUT", "/airline-data/_create/1", `{}`), "version_conflict")
	r.must(201, "POST", "/airline-data/_doc", `{"time":"2016-06-01T01:00:00Z","airline":"BBB"}`)
	contains(t, r.must(200, "GET", "/airline-data/_doc/1", ""), `"found":true`, `"_source":{"time":"2016-06-01T00:00:00Z","airline":"AAA"}`)
	contains(t, r.must(404, "GET", "/airline-data/_doc/9", ""), `"found":false`)
	contains(t, r.must(404, "GET", "/nothing/_doc/9", ""), "index_not_found_exception")
	contains(t, r.must(200, "POST", "/airline-data/_update/1", `{"doc":{"airline":"CCC"}}`), `"updated"`)
	contains(t, r.must(200, "GET", "/airline-data/_source/1", ""), `"airline":"CCC"`)
	contains(t, r.must(200, "POST", "/_bulk", `{"index":{"_index":"airline-data","_id":"1"}}
{"time":1,"airline":"DDD"}
{"create":{"_index":"airline-data","_id":"1"}}
{}
{"delete":{"_index":"airline-data","_id":"1"}}
{"delete":{"_index":"airline-data","_id":"1"}}
{"index":{"_index":"Bad"}}
{}
`, "Content-Type", "application/x-ndjson"), `"errors":true`, `"status":409`, `"status":404`, `"deleted"`, "invalid_index_name")
	contains(t, r.must(200, "GET", "/airline-data/_count", ""), `"count":1`)
	r.must(400, "POST", "/airline-data/_doc", `[1]`)
	r.must(400, "POST", "/airline-data/_doc", `{"a":1,"a":2}`)
	r.restart()
	contains(t, r.must(200, "POST", "/airline-*/_refresh", ""), `"failed":0`)
	contains(t, r.must(200, "GET", "/airline-data/_count", ""), `"count":1`)
	contains(t, r.must(200, "GET", "/airline-data/_mapping", ""), `"keyword"`)
	r.must(200, "DELETE", "/airline-data", "")
	r.must(404, "DELETE", "/airline-data", "")
	r.must(404, "POST", "/airline-data/_search", "")
	contains(t, r.must(200, "POST", "/airline-*/_search", ""), `"value":0`)
}

// TestEscapedSlash: an escaped slash at the end of a path is part of a name, a plain
// one means nothing.
func TestEscapedSlash(t *testing.T) {
	r := newRig(t, Options{})
	for _, c := range []struct{ method, target, want string }{
		{"PUT", "/d/_doc/a%2F", `"_id":"a/"`},
		{"GET", "/d/_doc/a%2F", `"_id":"a/"`},
		{"GET", "/d/_doc/a%2F/", `"found":true`},
		{"GET", "/d/_doc/a", `"found":false`},
		{"GET", "/d/_doc/a/", `"_id":"a"`},
	} {
		req := httptest.NewRequest(c.method, "http://127.0.0.1:7270"+c.target, strings.NewReader(`{"n":1}`))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s: %s, want %s", c.method, c.target, w.Body, c.want)
		}
	}
}

// TestSearch asks for documents in the ways of dashboards.
func TestSearch(t *testing.T) {
	r := newRig(t, Options{})
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, `{"index":{"_index":"m","_id":"%d"}}`+"\n"+`{"@timestamp":"2020-01-0%dT%02d:00:00Z","host":"h%d","cpu":{"load":%d},"up":%t,"tags":["a","t%d"]}`+"\n", i, 1+i/24, i%24, i%4, i, i%2 == 0, i%3)
	}
	r.must(200, "POST", "/_bulk", b.String(), "Content-Type", "application/x-ndjson")
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"bool": {`{"query":{"bool":{"filter":[{"term":{"host":"h1"}},{"range":{"cpu.load":{"gte":50,"lt":60}}}],"must_not":{"term":{"up":true}}}}}`, []string{`"value":2}`, `"_id":"53"`, `"_id":"57"`}},
		"range of dates": {`{"query":{"range":{"@timestamp":{"gte":"2020-01-02","lt":"2020-01-02||+2h"}}},"sort":[{"@timestamp":"desc"}],"size":1}`,
			[]string{`"value":2}`, `"_id":"25"`, `"sort":[1577926800000]`}},
		"should":       {`{"query":{"bool":{"should":[{"ids":{"values":["7"]}},{"prefix":{"host":"h3"}}],"filter":{"range":{"cpu.load":{"lte":7}}},"minimum_should_match":1}}}`, []string{`"value":2}`}},
		"exists":       {`{"query":{"exists":{"field":"none"}}}`, []string{`"value":0}`}},
		"wildcard":     {`{"query":{"wildcard":{"host":{"value":"?2"}}},"size":0}`, []string{`"value":25}`, `"hits":[]`}},
		"terms":        {`{"query":{"terms":{"tags":["t0","t1"]}},"track_total_hits":true,"size":0}`, []string{`"value":67}`}},
		"source":       {`{"query":{"ids":{"values":["3"]}},"_source":["cpu.*"]}`, []string{`"_source":{"cpu":{"load":3}}`}},
		"search_after": {`{"sort":[{"cpu.load":"asc"}],"search_after":[41],"size":2,"_source":false}`, []string{`"sort":[42]`, `"sort":[43]`}},
		"aggregations": {`{"size":0,"aggs":{"days":{"date_histogram":{"field":"@timestamp","calendar_interval":"1d"},"aggs":{"by":{"terms":{"field":"host","size":2},"aggs":{"top":{"max":{"field":"cpu.load"}}}}}},
			"p":{"percentiles":{"field":"cpu.load","percents":[50]}},"n":{"cardinality":{"field":"host"}},"s":{"stats":{"field":"cpu.load"}},"last":{"max":{"field":"@timestamp"}}}}`,
			[]string{`"key_as_string":"2020-01-05T00:00:00.000Z"`, `"doc_count":4`, `"50.0":49.5`, `"n":{"value":4}`, `"avg":49.5`, `"sum_other_doc_count":12`, `"value_as_string":"2020-01-05T03:00:00.000Z"`}},
		"keys in a zone": {`{"size":0,"aggs":{"days":{"date_histogram":{"field":"@timestamp","calendar_interval":"1d","time_zone":"Europe/Berlin"}},
			"c":{"composite":{"sources":[{"d":{"date_histogram":{"field":"@timestamp","fixed_interval":"1d","time_zone":"+02:00","format":"yyyy-MM-dd"}}}]}}}}`,
			[]string{`"key":1578006000000,"key_as_string":"2020-01-03T00:00:00.000+01:00"`, `"key":{"d":"2020-01-05"}`}},
		"composite": {`{"size":0,"aggs":{"c":{"composite":{"size":3,"sources":[{"h":{"terms":{"field":"host"}}},{"d":{"date_histogram":{"field":"@timestamp","fixed_interval":"1d"}}}],"after":{"h":"h0","d":1578096000000}}}}}`,
			[]string{`"after_key":{"d":1577923200000,"h":"h1"}`[:15], `{"doc_count":1,"key":{"d":1578182400000,"h":"h0"}}`, `"d":1577836800000,"h":"h1"`}},
	} {
		got := r.must(200, "POST", "/m/_search", c.body)
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q is not in %s", name, w, got)
			}
		}
	}
	contains(t, r.must(200, "GET", "/_search?size=1&sort=cpu.load:desc&typed_keys=true&rest_total_hits_as_int=true", ""), `"total":100`, `"_id":"99"`)
	for _, bad := range []string{`{"query":{"fuzzy":{"a":"b"}}}`, `{"foo":1}`, `{"size":20000}`, `{"aggs":{"a":{"nothing":{"field":"x"}}}}`, `{"query":{}}`, `{"query":[]}`, `{`, `{"aggs":{"a":{"terms":{}}}}`, `{"sort":[1]}`} {
		r.must(400, "POST", "/m/_search", bad)
	}
}

// TestResultsAsDocuments finds by search what the result endpoints show.
func TestResultsAsDocuments(t *testing.T) {
	r := withSpikes(t)
	contains(t, r.must(200, "POST", "/.ml-anomalies-j/_search", `{"size":0,"query":{"term":{"result_type":"bucket"}}}`), `"value":301}`)
	contains(t, r.must(200, "POST", "/.ml-anomalies-*/_search", `{"size":2,"sort":[{"record_score":"desc"}],"query":{"bool":{"filter":[{"term":{"job_id":"j"}},{"term":{"result_type":"record"}},{"range":{"record_score":{"gte":50}}}]}}}`),
		`"_index":".ml-anomalies-shared"`, `"_id":"j_record_`)
	one := r.must(200, "GET", jobsPath+"j/results/records?size=1", "")
	var list struct {
		Records []struct {
			Timestamp int64 `json:"timestamp"`
		} `json:"records"`
	}
	if err := json.Unmarshal([]byte(one), &list); err != nil {
		t.Fatal(err)
	}
	contains(t, r.must(200, "GET", fmt.Sprintf("/.ml-anomalies-shared/_doc/j_bucket_%d_60", list.Records[0].Timestamp), ""), `"found":true`, `"result_type":"bucket"`)
	contains(t, r.must(200, "GET", "/.ml-anomalies-j/_doc/j_data_counts", ""), `"processed_record_count":903`)
	contains(t, r.must(200, "GET", "/_alias/.ml-anomalies-.write-j", ""), `.ml-anomalies-shared`)
	r.must(400, "DELETE", "/.ml-anomalies-shared", "")
}

// TestWrittenResults: what a client writes into the results is what the result
// endpoints answer with.
func TestWrittenResults(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"w", countJob("1h"))
	at := "/.ml-anomalies-w/_doc/"
	r.must(201, "PUT", at+"1", `{"job_id":"w","result_type":"bucket","timestamp":"2016-06-01T00:00:00Z","anomaly_score":90.0,"bucket_span":1}`)
	r.must(201, "PUT", at+"2", `{"job_id":"w","result_type":"bucket","timestamp":"2016-06-02T00:00:00Z","anomaly_score":60.0,"bucket_span":1}`)
	r.must(201, "PUT", "/.ml-anomalies-shared/_doc/3", `{"job_id":"w","result_type":"bucket","timestamp":"2016-06-03T00:00:00Z","anomaly_score":6.0,"bucket_span":1,"is_interim":true}`)
	r.must(201, "PUT", at+"r1", `{"job_id":"w","result_type":"record","timestamp":"2016-06-01T00:00:00Z","record_score":80.0,"bucket_span":1,"probability":0.01}`)
	r.must(201, "PUT", at+"i1", `{"job_id":"w","result_type":"influencer","timestamp":"2016-06-01T00:00:00Z","influencer_field_name":"foo","influencer_field_value":"zoo","influencer_score":80.0,"bucket_span":1}`)
	r.must(201, "PUT", at+"c1", `{"job_id":"w","category_id":1,"terms":"a","regex":".*a.*"}`)
	contains(t, r.must(200, "GET", jobsPath+"w/results/buckets", ""), `"count":3`, `"timestamp":1464739200000`)
	contains(t, r.must(200, "GET", jobsPath+"w/results/buckets?anomaly_score=50&desc=true", ""), `"count":2`)
	contains(t, r.must(200, "GET", jobsPath+"w/results/buckets?exclude_interim=true", ""), `"count":2`)
	contains(t, r.must(200, "GET", jobsPath+"w/results/buckets/2016-06-01T00:00:00Z?expand=true", ""), `"count":1`)
	contains(t, r.must(200, "GET", jobsPath+"w/results/records", ""), `"count":1`, `"record_score":80`)
	contains(t, r.must(200, "GET", jobsPath+"w/results/influencers", ""), `"count":1`)
	contains(t, r.must(200, "GET", jobsPath+"w/results/categories/1", ""), `"count":1`)
	// Written again, there is still one.
	r.must(200, "PUT", at+"1", `{"job_id":"w","result_type":"bucket","timestamp":1464739200000,"anomaly_score":10.0,"bucket_span":1}`)
	contains(t, r.must(200, "GET", jobsPath+"w/results/buckets?anomaly_score=50", ""), `"count":1`)
	contains(t, r.must(200, "GET", at+"1", ""), `"anomaly_score":10.0`)
	r.must(200, "DELETE", at+"1", "")
	contains(t, r.must(200, "GET", jobsPath+"w/results/buckets", ""), `"count":2`)
	// What the job itself has computed stays.
	r.must(200, "POST", jobsPath+"w/_open", "")
	r.hours("w", 0, 5)
	_, id, _ := strings.Cut(r.must(200, "GET", "/.ml-anomalies-w/_search?q=result_type:bucket%20AND%20event_count:[1%20TO%20*]&size=1", ""), `"_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	before := r.must(200, "GET", jobsPath+"w/results/buckets", "")
	for method, body := range map[string]string{"PUT": `{"job_id":"w","result_type":"bucket","timestamp":0,"anomaly_score":9,"bucket_span":3600}`, "DELETE": ""} {
		r.refused(400, "illegal_argument_exception", "is a result that job [w] has computed", method, at+id, body)
	}
	if after := r.must(200, "GET", jobsPath+"w/results/buckets", ""); after != before {
		t.Errorf("the results are %s, were %s", after, before)
	}
	r.must(200, "POST", jobsPath+"w/_close", "")
	// A job that does not exist has plain documents.
	r.must(201, "PUT", "/.ml-anomalies-unrelated/_doc/1", `{"job_id":"other","result_type":"bucket","timestamp":1,"anomaly_score":1}`)
	contains(t, r.must(200, "GET", "/.ml-anomalies-unrelated/_count", ""), `"count":1`)
	r.must(200, "DELETE", jobsPath+"w", "")
	r.must(404, "GET", "/.ml-anomalies-w/_search", "")
}
