package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tidemark/internal/index"
)

// TestIndices goes through what clients ask about indices.
func TestIndices(t *testing.T) {
	r := newRig(t, Options{})
	contains(t, r.must(200, "PUT", "/logs-1", `{"mappings":{"properties":{"@timestamp":{"type":"date"},"host":{"type":"keyword"},"msg":{"type":"text"}}},"settings":{"index":{"number_of_shards":3,"refresh_interval":"5s"}},"aliases":{"logs":{}}}`),
		`"acknowledged":true`, `"shards_acknowledged":true`, `"index":"logs-1"`)
	r.must(201, "PUT", "/logs-2/_doc/1", `{"@timestamp":"2020-01-01T00:00:00Z","n":5}`)
	for _, c := range []struct {
		status               int
		method, target, body string
		want                 []string
	}{
		{200, "GET", "/logs-1", "", []string{`"aliases":{"logs":{}}`, `"type":"keyword"`, `"number_of_shards":"3"`, `"refresh_interval":"5s"`, `"provided_name":"logs-1"`}},
		{200, "GET", "/logs-1/_settings?flat_settings=true", "", []string{`"index.number_of_shards":"3"`}},
		{200, "GET", "/logs-*/_mapping", "", []string{`"logs-1"`, `"logs-2"`, `"n":{"type":"long"}`}},
		{200, "GET", "/logs-2/_mapping/field/n,@time*", "", []string{`"full_name":"n"`, `"full_name":"@timestamp"`}},
		{200, "GET", "/logs/_count", "", []string{`"count":0`}},
		{200, "GET", "/logs*,-logs-1/_count", "", []string{`"count":1`}},
		{200, "GET", "/_all/_count", "", []string{`"count":1`}},
		{200, "GET", "/logs-1,nothing/_count?ignore_unavailable=true", "", []string{`"count":0`}},
		{404, "GET", "/logs-1,nothing/_count", "", []string{"index_not_found_exception", "[nothing]"}},
		{200, "GET", "/nothing*/_count", "", []string{`"count":0`}},
		{404, "GET", "/nothing*/_count?allow_no_indices=false", "", []string{"index_not_found_exception"}},
		{200, "HEAD", "/logs", "", nil},
		{404, "HEAD", "/nothing", "", nil},
		{404, "HEAD", "/nothing*", "", nil},
		{200, "GET", "/_alias/logs", "", []string{`"logs-1":{"aliases":{"logs":{}}}`}},
		{200, "GET", "/logs-*/_alias", "", []string{`"logs-2":{"aliases":{}}`}},
		{404, "GET", "/_alias/nobody", "", []string{"alias [nobody] missing"}},
		{404, "HEAD", "/_alias/nobody", "", nil},
		{200, "PUT", "/logs-2/_alias/two", "", []string{`"acknowledged":true`}},
		{200, "GET", "/two/_count", "", []string{`"count":1`}},
		{200, "POST", "/_aliases", `{"actions":[{"remove":{"index":"logs-2","alias":"two"}},{"add":{"indices":["logs-2"],"alias":"logs"}}]}`, nil},
		{404, "GET", "/two/_count", "", nil},
		{400, "POST", "/_aliases", `{"actions":[{"add":{"index":"logs-2","alias":"part","filter":{"term":{"a":1}}}}]}`, []string{"filters of aliases are not supported"}},
		{200, "GET", "/logs/_count", "", []string{`"count":1`}},
		{400, "DELETE", "/logs", "", []string{"illegal_argument_exception", "alias"}},
		{400, "PUT", "/logs-1/_doc/1?pipeline=p", `{}`, []string{"pipeline"}},
		{400, "POST", "/logs/_doc", `{}`, []string{"illegal_argument_exception"}},
		{400, "DELETE", "/logs-*", "", []string{"Wildcard"}},
		{200, "PUT", "/logs-2/_mapping", `{"properties":{"added":{"type":"ip"}}}`, nil},
		{400, "PUT", "/logs-2/_mapping", `{"properties":{"n":{"type":"keyword"}}}`, []string{"illegal_argument_exception", "cannot be changed from type [long] to [keyword]"}},
		{200, "GET", "/logs-2/_mapping", "", []string{`"added":{"type":"ip"}`, `"n":{"type":"long"}`}},
		{200, "PUT", "/logs-2/_settings", `{"index.refresh_interval":"9s"}`, nil},
		{200, "GET", "/logs-2/_settings", "", []string{`"refresh_interval":"9s"`}},
		{200, "GET", "/logs-*/_field_caps?fields=*", "", []string{`"host":{"keyword":{"type":"keyword","metadata_field":false,"searchable":true,"aggregatable":true}}`, `"indices":["logs-1","logs-2"]`}},
		{200, "POST", "/logs-1,logs-2/_refresh", "", []string{`"failed":0`}},
		{200, "POST", "/_flush", "", nil},
		{404, "POST", "/nothing/_refresh", "", []string{"index_not_found_exception"}},
		{400, "PUT", "/logs-1", "", []string{"resource_already_exists_exception"}},
		{400, "PUT", "/logs", "", []string{"resource_already_exists_exception"}},
		{400, "PUT", "/UPPER", "", []string{"invalid_index_name_exception"}},
		{400, "PUT", "/+x", "", []string{"invalid_index_name_exception"}},
		{400, "PUT", "/x", `{"mapping":{}}`, []string{"parse_exception", "mapping"}},
		{400, "PUT", "/x", `{"mappings":{"properties":{"a":{"type":"nonsense"}}}}`, []string{"mapper_parsing_exception", "nonsense"}},
		{400, "PUT", "/x", `{"mappings":{"properties":{"a":{"typ":"date"}}}}`, []string{"mapper_parsing_exception", "No type"}},
		{404, "HEAD", "/x", "", nil},
		{200, "DELETE", "/logs-1,logs-2", "", []string{`"acknowledged":true`}},
		{404, "DELETE", "/logs-1", "", []string{"index_not_found_exception"}},
		{200, "DELETE", "/logs-1?ignore_unavailable=true", "", nil},
	} {
		body := r.must(c.status, c.method, c.target, c.body)
		for _, w := range c.want {
			if !strings.Contains(body, w) {
				t.Errorf("%s %s: %q is not in %s", c.method, c.target, w, body)
			}
		}
	}
	r.must(200, "PUT", "/strict", `{"mappings":{"dynamic":"strict","properties":{"a":{"type":"long"}}}}`)
	r.refused(400, "strict_dynamic_mapping_exception", "[b]", "POST", "/strict/_doc", `{"b":1}`)
	r.refused(400, "document_parsing_exception", "[a] of type [long]", "POST", "/strict/_doc", `{"a":"x"}`)
}

// TestDocumentChanges: what each way to change a document answers.
func TestDocumentChanges(t *testing.T) {
	r := newRig(t, Options{})
	for _, c := range []struct {
		status               int
		method, target, body string
		want                 []string
	}{
		{201, "PUT", "/a/_doc/1", `{"n":1}`, []string{`"_index":"a"`, `"_id":"1"`, `"_version":1`, `"_seq_no":0`, `"_primary_term":1`, `"result":"created"`, `"_shards":{"failed":0`}},
		{200, "POST", "/a/_doc/1?refresh=true", `{"n":2}`, []string{`"_version":2`, `"_seq_no":1`, `"result":"updated"`, `"forced_refresh":true`}},
		{201, "POST", "/a/_doc?refresh=wait_for", `{"n":3}`, []string{`"result":"created"`}},
		{409, "PUT", "/a/_doc/1?op_type=create", `{}`, []string{"version_conflict_engine_exception"}},
		{409, "PUT", "/a/_create/1", `{}`, []string{"version_conflict_engine_exception", "already exists"}},
		{201, "POST", "/a/_create/2", `{"n":4}`, nil},
		{200, "PUT", "/a/_doc/1?if_seq_no=1&if_primary_term=1", `{"n":5}`, []string{`"_version":3`}},
		{409, "PUT", "/a/_doc/1?if_seq_no=1&if_primary_term=1", `{"n":6}`, []string{"version_conflict_engine_exception"}},
		{409, "DELETE", "/a/_doc/1?if_seq_no=4&if_primary_term=2", "", nil},
		{400, "PUT", "/a/_doc/1?if_seq_no=1", `{}`, []string{"action_request_validation_exception"}},
		{400, "PUT", "/a/_doc/1?version=3&version_type=external", `{}`, []string{"if_seq_no"}},
		{400, "PUT", "/a/_doc/1?refresh=maybe", `{}`, []string{"refresh"}},
		{400, "PUT", "/a/_doc/1?op_type=upsert", `{}`, []string{"opType"}},
		{400, "PUT", "/a/_doc/" + strings.Repeat("x", 513), `{}`, []string{"512"}},
		{200, "POST", "/a/_update/1", `{"doc":{"m":{"x":1}}}`, []string{`"result":"updated"`, `"_version":4`}},
		{200, "POST", "/a/_update/1", `{"doc":{"m":{"x":1}}}`, []string{`"result":"noop"`, `"_version":4`, `"total":0`}},
		{200, "POST", "/a/_update/1?_source=true", `{"doc":{"m":{"y":2}}}`, []string{`"get":{"_primary_term":1`, `"_source":{"n":5,"m":{"x":1,"y":2}}`}},
		{404, "POST", "/a/_update/9", `{"doc":{"n":1}}`, []string{"document_missing_exception"}},
		{201, "POST", "/a/_update/9", `{"doc":{"n":1},"doc_as_upsert":true}`, []string{`"result":"created"`}},
		{201, "POST", "/a/_update/10", `{"doc":{"n":1},"upsert":{"n":7}}`, []string{`"result":"created"`}},
		{400, "POST", "/a/_update/1", `{"script":{"source":"x"}}`, []string{"script"}},
		{400, "POST", "/a/_update/1", `{"document":{}}`, []string{"x_content_parse_exception", "document"}},
		{400, "POST", "/a/_update/1", `{}`, []string{"action_request_validation_exception"}},
		{200, "GET", "/a/_doc/10", "", []string{`"found":true`, `"_source":{"n":7}`, `"_version":1`}},
		{200, "GET", "/a/_doc/1?_source_includes=m.y", "", []string{`"_source":{"m":{"y":2}}`}},
		{200, "GET", "/a/_source/1?_source_excludes=m", "", []string{`{"n":5}`}},
		{404, "GET", "/a/_source/77", "", []string{"resource_not_found_exception"}},
		{200, "HEAD", "/a/_doc/1", "", nil},
		{404, "HEAD", "/a/_doc/77", "", nil},
		{404, "GET", "/a/_doc/77", "", []string{`"found":false`}},
		{200, "POST", "/_mget", `{"docs":[{"_index":"a","_id":"1","_source":["n"]},{"_index":"a","_id":77},{"_index":"none","_id":"1"}]}`, []string{`"_source":{"n":5}`, `"found":false`, "index_not_found_exception"}},
		{200, "GET", "/a/_mget", `{"ids":["2","10"]}`, []string{`"_source":{"n":4}`, `"_source":{"n":7}`}},
		{400, "POST", "/_mget", `{"ids":["1"]}`, []string{"index is missing"}},
		{200, "POST", "/a/_mget", `{"ids":[1234567,"x"]}`, []string{`"_id":"1234567"`, `"_id":"x"`}},
		{400, "POST", "/a/_mget", `{"ids":[null]}`, []string{"id is missing"}},
		{400, "POST", "/a/_mget", `{"docs":[{"_index":"b"}]}`, []string{"id is missing"}},
		{200, "DELETE", "/a/_doc/1", "", []string{`"result":"deleted"`, `"_version":6`}},
		{404, "DELETE", "/a/_doc/1", "", []string{`"result":"not_found"`}},
		{404, "DELETE", "/none/_doc/1", "", []string{"index_not_found_exception"}},
		{400, "POST", "/a/_doc", `{"n":1,"n":2}`, []string{"document_parsing_exception", "twice"}},
		{400, "POST", "/a/_doc", `[1]`, []string{"document_parsing_exception"}},
		{400, "POST", "/a/_doc", `{`, []string{"document_parsing_exception"}},
	} {
		body := r.must(c.status, c.method, c.target, c.body)
		for _, w := range c.want {
			if !strings.Contains(body, w) {
				t.Errorf("%s %s %s: %q is not in %s", c.method, c.target, c.body, w, body)
			}
		}
	}
}

// TestBulk: the rules of its lines, and what is answered for each.
func TestBulk(t *testing.T) {
	r := newRig(t, Options{})
	bulk := func(status int, target, body string, want ...string) {
		t.Helper()
		contains(t, r.must(status, "POST", target, body, "Content-Type", "application/x-ndjson"), want...)
	}
	bulk(200, "/_bulk", `{"index":{"_index":"b","_id":"1"}}
{"n":1}
{"create":{"_index":"b","_id":"1"}}
{"n":2}
{"update":{"_index":"b","_id":"1"}}
{"doc":{"m":3},"_source":true}
{"update":{"_index":"b","_id":"9"}}
{"doc":{"m":3}}
{"delete":{"_index":"b","_id":"9"}}
{"index":{"_index":"b","_id":2,"if_seq_no":0,"if_primary_term":1}}
{}
{"index":{"_index":"b"}}
{"n":"x"}
{"index":{"_index":"b","_id":"3"}}
{"n":1,"n":2}
`, `"errors":true`, `{"index":{"_id":"1","_index":"b"`, `{"create":{"_id":"1","_index":"b","error":{"reason":`, `"status":409`, `"_source":{"n":1,"m":3}`, "document_missing_exception", `"not_found"`, "required seqNo", `"document_parsing_exception"`)
	bulk(200, "/b/_bulk?refresh=true", "\n{\"index\":{}}\n{\"n\":5}\n\n{\"delete\":{\"_id\":\"1\"}}\n", `"errors":false`, `"created"`, `"deleted"`)
	contains(t, r.must(200, "GET", "/b/_count", ""), `"count":1`)
	for _, bad := range []struct{ body, part string }{
		{`{"index":{}}` + "\n" + `{"n":5}`, "newline"},
		{`{"index":{}}` + "\n\n", "must follow"},
		{`{"upsert":{}}` + "\n{}\n", "upsert"},
		{`{"index":{"_index":"b","what":1}}` + "\n{}\n", "what"},
		{`{"index":5}` + "\n{}\n", "object"},
		{"no json\n{}\n", "Malformed"},
		{`{"delete":{}}` + "\n", "id is missing"},
		{"\n", "no requests"},
	} {
		bulk(400, "/b/_bulk", bad.body, bad.part)
	}
	bulk(400, "/_bulk", `{"index":{}}`+"\n{}\n", "index is missing")
	contains(t, r.must(200, "GET", "/b/_count", ""), `"count":1`)
}

// TestSearchForms: the ways in which clients send searches, and what they get.
func TestSearchForms(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", "/s", `{"mappings":{"properties":{"@timestamp":{"type":"date"},"k":{"type":"keyword"}}}}`)
	r.must(200, "POST", "/s/_bulk", `{"index":{"_id":"1"}}
{"@timestamp":"2020-01-01T00:00:00Z","k":"a","n":1}
{"index":{"_id":"2"}}
{"@timestamp":1577923200000,"k":"b","n":2.5}
`, "Content-Type", "application/x-ndjson")
	for _, c := range []struct {
		target, body string
		want         []string
	}{
		{"/s/_search?q=k:a", "", []string{`"_id":"1"`, `"max_score":1`}},
		{"/s/_count?q=n:>2", "", []string{`"count":1`}},
		{"/s/_search?source=%7B%22query%22%3A%7B%22term%22%3A%7B%22k%22%3A%22b%22%7D%7D%7D&source_content_type=application/json", "", []string{`"_id":"2"`}},
		{"/s/_search?sort=@timestamp:desc&size=1&_source_includes=n", "", []string{`"_source":{"n":2.5}`, `"sort":[1577923200000]`, `"_score":null`}},
		{"/s/_search", `{"fields":["k",{"field":"@timestamp","format":"epoch_millis"}],"_source":false,"sort":["_doc"]}`, []string{`"fields":{"@timestamp":["1577836800000"],"k":["a"]}`}},
		{"/s/_search", `{"docvalue_fields":["@timestamp"],"version":true,"seq_no_primary_term":true,"size":1}`, []string{`"@timestamp":["2020-01-01T00:00:00.000Z"]`, `"_version":1`, `"_seq_no":0`}},
		{"/s/_search", `{"track_total_hits":1}`, []string{`"relation":"gte"`, `"value":1`}},
		{"/s/_search?rest_total_hits_as_int=true", `{"size":0}`, []string{`"total":2`}},
		{"/s/_search", `{"track_total_hits":false}`, []string{`"hits":{"hits":[`}},
		{"/s/_search", `{"terminate_after":1}`, []string{`"terminated_early":true`}},
		{"/s/_search", `{"post_filter":{"term":{"k":"a"}},"aggs":{"n":{"sum":{"field":"n"}}}}`, []string{`"value":3.5`, `"value":1`}},
		{"/s/_search?typed_keys", `{"size":0,"aggs":{"t":{"terms":{"field":"k"}},"d":{"date_histogram":{"field":"@timestamp","calendar_interval":"day","format":"yyyy-MM-dd"}},"n":{"terms":{"field":"n"}}}}`,
			[]string{`"sterms#t"`, `"date_histogram#d"`, `"dterms#n"`, `"key_as_string":"2020-01-02"`}},
		{"/s/_search", `{"sort":[{"none":{"order":"asc","unmapped_type":"long"}}]}`, []string{`"sort":[null]`}},
		{"/s,s/_search", `{"size":0}`, []string{`"value":2`}},
		{"/s/_msearch", "{}\n{\"size\":0}\n{\"index\":\"none\"}\n{}\n{\"index\":[\"s\"]}\n{\"query\":{\"nope\":{}}}\n", []string{`"status":200`, "index_not_found_exception", `"status":404`, "unknown query [nope]"}},
	} {
		content := "application/json"
		if strings.HasSuffix(c.target, "_msearch") {
			content = "application/x-ndjson"
		}
		body := r.must(200, "POST", c.target, c.body, "Content-Type", content)
		for _, w := range c.want {
			if !strings.Contains(body, w) {
				t.Errorf("%s %s: %q is not in %s", c.target, c.body, w, body)
			}
		}
	}
	r.refused(400, "search_phase_execution_exception", "unmapped_type", "POST", "/s/_search", `{"sort":["none"]}`)
	r.refused(400, "parsing_exception", `"line":2,"col":13`, "POST", "/s/_search", "{\n  \"query\": {\"fuzzy\":{}}}")
	r.refused(400, "parsing_exception", `"line":1`, "POST", "/s/_search", "{\"query\"")
	r.refused(400, "search_phase_execution_exception", "too_many_buckets_exception", "POST", "/s/_search", `{"aggs":{"d":{"date_histogram":{"field":"@timestamp","fixed_interval":"1s"}}}}`)
}

// TestSearchesAreBounded: a client that goes ends its search, and too many at once
// are asked to come back.
func TestSearchesAreBounded(t *testing.T) {
	r := newRig(t, Options{})
	r.fill("a", 50)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:7270/a/_search", strings.NewReader(`{"aggs":{"n":{"sum":{"field":"n"}}}}`)).WithContext(ctx)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if w.Code != 499 {
		t.Errorf("status %d after the client went: %s", w.Code, w.Body)
	}
	free := r.Handler.opt.Index.Occupy()
	w = r.do("POST", "/a/_search", `{}`)
	if w.Code != 429 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "es_rejected_execution_exception") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	free()
	r.must(200, "POST", "/a/_search", `{}`)
}

// TestViewsExpire: a point in time that nobody asks for is closed, one that is
// asked for stays.
func TestViewsExpire(t *testing.T) {
	r := newRig(t, Options{})
	r.fill("a", 20)
	at := now()
	x := index.New(r.docs, r.jobs, func() time.Time { return at })
	r.Handler.opt.Index = x
	v, err := x.OpenView(t.Context(), "a", index.Options{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	search := fmt.Sprintf(`{"pit":{"id":%q}}`, v.ID())
	for range 3 {
		at = at.Add(50 * time.Second)
		r.must(200, "POST", "/_search", search)
	}
	at = at.Add(61 * time.Second)
	r.refused(404, "search_phase_execution_exception", "search_context_missing_exception", "POST", "/_search", search)
}

// TestResultsBySearch: searches over results find what the result endpoints show,
// whatever of their query the store is asked for.
func TestResultsBySearch(t *testing.T) {
	r := withSpikes(t)
	count := func(query string) string {
		return r.must(200, "POST", "/.ml-anomalies-*/_count?filter_path=count", `{"query":`+query+`}`)
	}
	for _, pair := range [][2]string{
		{`{"bool":{"filter":[{"term":{"result_type":"record"}},{"range":{"record_score":{"gte":30}}}]}}`, `{"query_string":{"query":"result_type:record AND record_score:>=30"}}`},
		{`{"bool":{"must":[{"term":{"job_id":"j"}},{"range":{"anomaly_score":{"gt":10}}}]}}`, `{"query_string":{"query":"job_id:j AND anomaly_score:>10"}}`},
		{`{"terms":{"result_type":["bucket","influencer"]}}`, `{"query_string":{"query":"result_type:(bucket OR influencer)"}}`},
		{`{"bool":{"filter":[{"range":{"timestamp":{"gte":"now-1y"}}},{"exists":{"field":"record_score"}}]}}`, `{"bool":{"should":[{"bool":{"filter":[{"range":{"timestamp":{"gte":"now-1y"}}},{"exists":{"field":"record_score"}}]}}]}}`},
		{`{"bool":{"filter":[{"term":{"job_id":"nobody"}}]}}`, `{"match_none":{}}`},
		{`{"exists":{"field":"processed_record_count"}}`, `{"bool":{"should":{"exists":{"field":"processed_record_count"}}}}`},
	} {
		if a, b := count(pair[0]), count(pair[1]); a != b {
			t.Errorf("%s finds %s, %s finds %s", pair[0], a, pair[1], b)
		}
	}
	contains(t, r.must(200, "GET", "/.ml-anomalies-shared/_mapping", ""), `"record_score":{"type":"double"}`, `"timestamp":{"type":"date"}`)
	contains(t, r.must(200, "POST", "/.ml-anomalies-j/_search", `{"size":0,"query":{"term":{"result_type":"bucket"}},"aggs":{"t":{"date_histogram":{"field":"timestamp","fixed_interval":"1h"},"aggs":{"m":{"max":{"field":"anomaly_score"}}}}}}`), `"key_as_string"`, `"m":{"value":`)
	// Annotations can be written, found and taken away.
	r.must(201, "PUT", "/.ml-annotations-write/_doc/n1", `{"annotation":"seen","job_id":"j","timestamp":1577836800000,"type":"annotation"}`)
	contains(t, r.must(200, "POST", "/.ml-annotations-read/_search", `{"query":{"bool":{"filter":[{"term":{"job_id":"j"}},{"range":{"timestamp":{"gte":"2020-01-01"}}}]}}}`), `"annotation":"seen"`, `"_index":".ml-annotations-000001"`)
	r.must(200, "DELETE", "/.ml-annotations-write/_doc/n1", "")
	contains(t, r.must(200, "POST", "/.ml-state*/_search", `{}`), `"hits":[]`)
	contains(t, r.must(200, "POST", "/.ml-notifications*/_search", `{"sort":[{"timestamp":"desc"}]}`), `"hits"`)
}
