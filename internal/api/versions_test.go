package api

import (
	"regexp"
	"strings"
	"testing"
)

// TestVersionsOfAnswers: clients of API version 7 see the type of every document, in
// no document itself; everything else is the same for all versions.
func TestVersionsOfAnswers(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s"))
	r.post("j", 600, 1261)
	r.must(200, "POST", jobsPath+"j/_flush?calc_interim=true", "")
	const bulk = `{"index":{"_index":"d","_id":"b"}}` + "\n" + `{"n":2}` + "\n" + `{"delete":{"_index":"d","_id":"b"}}` + "\n"
	// What differs from answer to answer.
	own := regexp.MustCompile(`"(_scroll_id|pit_id|id|_id)":"[^"]{20,}"|"took":\d+|"_seq_no":\d+|"_version":\d+|"uuid":"[^"]*"|"creation_date":"\d+"`)
	for _, c := range []struct {
		method, target, body string
		types                int // how many documents the answer has
	}{
		{"PUT", "/d/_doc/a?refresh=true", `{"n":1,"_index":"mine"}`, 1},
		{"POST", "/d/_update/a", `{"doc":{"n":3}}`, 1},
		{"GET", "/d/_doc/a", "", 1},
		{"GET", "/d/_doc/none", "", 1},
		{"POST", "/_mget", `{"docs":[{"_index":"d","_id":"a"},{"_index":"d","_id":"none"}]}`, 2},
		{"POST", "/_bulk", bulk, 2},
		{"POST", "/d/_search", `{"aggs":{"t":{"terms":{"field":"n"},"aggs":{"top":{"top_hits":{}}}}}}`, 2},
		{"POST", "/d/_search?scroll=1m", `{}`, 1},
		{"POST", "/_msearch", `{"index":"d"}` + "\n{}\n" + `{"index":".ml-anomalies-j"}` + "\n" + `{"size":2}` + "\n", 3},
		{"POST", "/.ml-anomalies-j/_search", `{"size":3,"query":{"term":{"result_type":"bucket"}}}`, 3},
		{"GET", "/.ml-anomalies-j/_doc/j_data_counts", "", 1},
		{"DELETE", "/d/_doc/a", "", 1},
		{"GET", jobsPath + "j", "", 0},
		{"GET", jobsPath + "j/results/buckets?size=3", "", 0},
		{"GET", jobsPath + "j/results/overall_buckets", "", 0},
		{"GET", jobsPath + "j/model_snapshots", "", 0},
		{"GET", "/_ml/calendars", "", 0},
		{"GET", "/_ml/filters", "", 0},
		{"GET", "/_ml/info", "", 0},
		{"GET", "/_ml/datafeeds", "", 0},
		{"GET", "/d/_mapping", "", 0},
		{"GET", "/d", "", 0},
		{"GET", jobsPath + "none", "", 0},
		{"GET", "/none/_search", "", 0},
		{"POST", jobsPath + "j/_flush", `{"calc_interim":true}`, 0},
		{"POST", jobsPath + "_validate", `{}`, 0},
		{"GET", "/_cat/ml/anomaly_detectors?format=json&h=id,state", "", 0},
		{"GET", "/", "", 0},
		{"GET", "/_nothing", "", 0},
		{"DELETE", "/_ml/info", "", 0},
	} {
		answers := map[string]string{}
		for _, version := range []string{"", "7", "8", "9"} {
			media := "application/json"
			if version != "" {
				media = "application/vnd.elasticsearch+json;compatible-with=" + version
			}
			content := media
			if strings.HasSuffix(c.target, "_bulk") || strings.HasSuffix(c.target, "_msearch") {
				content = strings.Replace(strings.Replace(media, "+json", "+x-ndjson", 1), "application/json", "application/x-ndjson", 1)
			}
			if c.method == "DELETE" {
				r.do("PUT", "/d/_doc/a", `{"n":1}`)
			}
			w := r.do(c.method, c.target, c.body, "Accept", media, "Content-Type", content)
			if have := w.Header().Get("Content-Type"); have != media {
				t.Errorf("%s %s for %q: an answer of type %s", c.method, c.target, version, have)
			}
			answers[version] = own.ReplaceAllString(w.Body.String(), "…")
		}
		// What each request changed is not what they differ in.
		for version, answer := range answers { // order-free: each is its own
			answer = strings.NewReplacer(`"created"`, `"updated"`, `"noop"`, `"updated"`, `"status":201`, `"status":200`, `"total":0`, `"total":1`, `"successful":0`, `"successful":1`, `"skipped":0,`, "").Replace(answer)
			if version == "7" {
				if n := strings.Count(answer, `"_type":"_doc"`); n != c.types {
					t.Errorf("%s %s for version 7: %d types, want %d: %s", c.method, c.target, n, c.types, answer)
				}
				if strings.Contains(answer, `"mine","_type"`) {
					t.Errorf("%s %s: a document was changed: %s", c.method, c.target, answer)
				}
				answer = strings.ReplaceAll(answer, `,"_type":"_doc"`, "")
			}
			answers[version] = answer
		}
		for _, version := range []string{"7", "8", "9"} {
			if answers[version] != answers[""] {
				t.Errorf("%s %s for version %s:\n%s\nwithout a version:\n%s", c.method, c.target, version, answers[version], answers[""])
			}
		}
	}
}

// TestTypeNames: mappings with the name of a type around them, as they were before
// version 8.
func TestTypeNames(t *testing.T) {
	r := newRig(t, Options{})
	const fields = `{"properties":{"total":{"type":"long"}}}`
	for i, c := range []struct {
		query, mappings string
		status          int
	}{
		{"", fields, 200},
		{"", `{"metric":` + fields + `}`, 200},
		{"?include_type_name=true", `{"_doc":` + fields + `}`, 200},
		{"?include_type_name=true", `{"_doc":{"dynamic":"strict"},"other":{}}`, 400},
		{"", `{"metric":{"total":{"type":"long"}}}`, 400},
		{"?include_type_name=maybe", fields, 400},
	} {
		name := "/typed" + string(rune('a'+i))
		r.must(c.status, "PUT", name+c.query, `{"mappings":`+c.mappings+`}`)
		if c.status != 200 {
			r.must(404, "GET", name, "")
			continue
		}
		contains(t, r.must(200, "GET", name+"/_mapping", ""), `{"mappings":`+fields+`}`)
		contains(t, r.must(200, "GET", name+"/_mapping?include_type_name=true", ""), `{"mappings":{"_doc":`+fields+`}}`)
		contains(t, r.must(200, "GET", name+"?include_type_name=true", ""), `"mappings":{"_doc":`+fields+`}`)
	}
	r.must(200, "PUT", "/typeda/_mapping?include_type_name=true", `{"_doc":{"properties":{"more":{"type":"keyword"}}}}`)
	contains(t, r.must(200, "GET", "/typeda/_mapping/field/more?include_type_name=true", ""), `{"mappings":{"_doc":{"more":`)
	w := r.do("GET", "/typeda/_mapping?include_type_name=true", "", "Accept", "application/vnd.elasticsearch+json;compatible-with=7")
	if !strings.Contains(w.Header().Get("Warning"), "[types removal]") {
		t.Errorf("no warning: %v", w.Header())
	}
}
