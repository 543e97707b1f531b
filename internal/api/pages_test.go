package api

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// pageOf is an answer with hits.
type pageOf struct {
	PitID    string `json:"pit_id"`
	ScrollID string `json:"_scroll_id"`
	Hits     struct {
		Total jsontext.Value
		Hits  []struct {
			ID     string         `json:"_id"`
			Sort   jsontext.Value `json:"sort"`
			Source jsontext.Value `json:"_source"`
		}
	}
}

func pageFrom(t *testing.T, body string) (p pageOf) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &p, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatal(err)
	}
	return p
}

// fill puts n documents into an index, in random order of time; every third has
// the time of another, some have none.
func (r *rig) fill(index string, n int) (ids []string) {
	r.t.Helper()
	var b strings.Builder
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		id := fmt.Sprintf("d%d", i)
		ids = append(ids, id)
		at := fmt.Sprintf(`"time":"2020-01-01T%02d:%02d:%02dZ",`, i/3*3/3600, i/3*3/60%60, i/3*3%60)
		if i%50 == 7 {
			at = ""
		}
		fmt.Fprintf(&b, `{"index":{"_index":%q,"_id":%q}}`+"\n"+`{%s"n":%d}`+"\n", index, id, at, i%17)
	}
	r.must(200, "POST", "/_bulk", b.String(), "Content-Type", "application/x-ndjson")
	slices.Sort(ids)
	return ids
}

// meddle changes documents as a busy index would while it is being read.
func (r *rig) meddle(index string, round int) {
	r.t.Helper()
	r.must(201, "POST", "/"+index+"/_doc", `{"time":"2020-01-01T00:00:30Z","n":3}`)
	r.do("PUT", fmt.Sprintf("/%s/_doc/d%d", index, round*31%100), `{"time":"1999-01-01","n":99}`)
	r.do("DELETE", fmt.Sprintf("/%s/_doc/d%d", index, round*57%100), "")
}

// TestPages reads whole indices a page at a time, each document once, while they
// are being changed.
func TestPages(t *testing.T) {
	const n = 100
	r := newRig(t, Options{})
	r.must(200, "PUT", "/b", `{"mappings":{"properties":{"time":{"type":"date"},"n":{"type":"long"}}}}`)
	for _, sort := range []string{``, `"sort":["time"],`, `"sort":[{"time":"desc"}],`, `"sort":[{"n":"asc"}],`, `"sort":["_doc"],`, `"sort":[{"n":{"order":"desc"}},{"time":"asc"}],`, `"sort":["_shard_doc"],`} {
		for _, size := range []int{1, 7, 100, 1000} {
			t.Run(fmt.Sprintf("%s%d", sort, size), func(t *testing.T) {
				r.t = t
				want := r.fill("a", n)
				defer func() { r.must(200, "DELETE", "/a", "") }()
				read := func(name string, next func(last *pageOf) pageOf) {
					t.Helper()
					var have []string
					var last *pageOf
					for round := 0; ; round++ {
						p := next(last)
						if total := string(p.Hits.Total); total != "" && total != `{"value":100,"relation":"eq"}` && total != `{"relation":"eq","value":100}` {
							t.Fatalf("%s: total %s", name, total)
						}
						if len(p.Hits.Hits) == 0 {
							break
						}
						for _, h := range p.Hits.Hits {
							have = append(have, h.ID)
							if strings.Contains(string(h.Source), "99") {
								t.Fatalf("%s: a later change is seen: %s", name, h.Source)
							}
						}
						last = &p
						if round < 5 {
							r.meddle("a", round)
						}
					}
					slices.Sort(have)
					if !slices.Equal(have, want) {
						t.Fatalf("%s: %d documents, want %d, each once: %v", name, len(have), len(want), have)
					}
				}
				pit := pageFrom(t, strings.Replace(r.must(200, "POST", "/a,b/_pit?keep_alive=1m", ""), `"id"`, `"pit_id"`, 1)).PitID
				scroll := pageFrom(t, r.must(200, "POST", "/a,b/_search?scroll=1m", fmt.Sprintf(`{%s"size":%d}`, sort, size)))
				first := true
				read("scroll", func(*pageOf) pageOf {
					if first {
						first = false
						return scroll
					}
					return pageFrom(t, r.must(200, "POST", "/_search/scroll", fmt.Sprintf(`{"scroll":"1m","scroll_id":%q}`, scroll.ScrollID)))
				})
				for _, total := range []string{"", `,"track_total_hits":false`, `,"track_total_hits":true`} {
					read("point in time"+total, func(last *pageOf) pageOf {
						after := ""
						if last != nil {
							after = `,"search_after":` + string(last.Hits.Hits[len(last.Hits.Hits)-1].Sort)
						}
						return pageFrom(t, r.must(200, "POST", "/_search", fmt.Sprintf(`{%s"size":%d,"pit":{"id":%q,"keep_alive":"1m"}%s%s}`, sort, size, pit, after, total)))
					})
				}
				contains(t, r.must(200, "DELETE", "/_pit", fmt.Sprintf(`{"id":%q}`, pit)), `"num_freed":1`)
				contains(t, r.must(404, "DELETE", "/_pit", fmt.Sprintf(`{"id":%q}`, pit)), `"num_freed":0`)
				contains(t, r.must(200, "DELETE", "/_search/scroll", fmt.Sprintf(`{"scroll_id":[%q]}`, scroll.ScrollID)), `"num_freed":1`)
				r.refused(404, "search_phase_execution_exception", "search_context_missing_exception", "POST", "/_search/scroll", fmt.Sprintf(`{"scroll":"1m","scroll_id":%q}`, scroll.ScrollID))
				r.refused(404, "search_phase_execution_exception", "search_context_missing_exception", "POST", "/_search", fmt.Sprintf(`{"pit":{"id":%q}}`, pit))
			})
		}
	}
}

// TestPagesRefuse: what cannot be paged is refused, and says why.
func TestPagesRefuse(t *testing.T) {
	r := newRig(t, Options{})
	r.fill("a", 20)
	pit := strings.Split(r.must(200, "POST", "/a/_pit?keep_alive=1m", ""), `"`)
	id := pit[slices.Index(pit, "id")+2]
	for _, c := range []struct{ method, target, body, kind, part string }{
		{"POST", "/a/_pit", "", "illegal_argument_exception", "keep_alive"},
		{"POST", "/a/_pit?keep_alive=2d", "", "illegal_argument_exception", "too large"},
		{"POST", "/a/_search?scroll=0s", `{}`, "illegal_argument_exception", "positive"},
		{"POST", "/a/_search", fmt.Sprintf(`{"pit":{"id":%q}}`, id), "action_request_validation_exception", "[indices]"},
		{"POST", "/_search?scroll=1m", fmt.Sprintf(`{"pit":{"id":%q}}`, id), "action_request_validation_exception", "scroll"},
		{"POST", "/_search", `{"pit":{"id":"made up"}}`, "illegal_argument_exception", "made up"},
		{"POST", "/_search", `{"pit":{}}`, "parsing_exception", "[id]"},
		{"POST", "/a/_search?scroll=1m", `{"size":0}`, "action_request_validation_exception", "size"},
		{"POST", "/a/_search?scroll=1m", `{"from":3}`, "action_request_validation_exception", "from"},
		{"POST", "/a/_search?scroll=1m", `{"track_total_hits":false}`, "action_request_validation_exception", "track_total_hits"},
		{"POST", "/_search/scroll", `{"scroll":"1m"}`, "action_request_validation_exception", "scrollId"},
		{"POST", "/_search/scroll", fmt.Sprintf(`{"scroll_id":%q}`, id), "illegal_argument_exception", "point in time"},
		{"POST", "/a/_search", `{"search_after":[1]}`, "illegal_argument_exception", "Sort"},
		{"POST", "/a/_search", `{"sort":["n"],"search_after":[1,2]}`, "illegal_argument_exception", "2 value"},
		{"POST", "/a/_search", `{"sort":["n"],"search_after":[1],"from":1}`, "illegal_argument_exception", "from"},
		{"POST", "/a/_search", `{"from":9999,"size":2}`, "search_phase_execution_exception", "[10000] but was [10001]"},
	} {
		r.refused(400, c.kind, c.part, c.method, c.target, c.body)
	}
	r.must(200, "POST", "/a/_search", `{"from":9999,"size":1}`)
	r.must(404, "POST", "/nothing/_pit?keep_alive=1m", "")
	r.must(404, "POST", "/nothing/_search?scroll=1m", "{}")
}

// TestScrolledResults: a scroll over results in no particular order goes on where its
// last page ended, through documents and the results of several jobs.
func TestScrolledResults(t *testing.T) {
	r := newRig(t, Options{})
	r.fill("a", 20)
	for _, job := range []string{"ka", "kb", "kc"} {
		r.open(job, countJob("60s"))
		r.post(job, 600, 1261, 20_000, 20_061)
		r.must(200, "POST", jobsPath+job+"/_flush?calc_interim=true", "")
	}
	r.must(200, "POST", jobsPath+"kc/_close", "") // It has a model snapshot.
	const names = "/a,.ml-anomalies-*"
	for _, query := range []string{`{"match_all":{}}`, `{"terms":{"job_id":["kb","kc"]}}`, `{"range":{"timestamp":{"gte":1200000,"lt":15000000}}}`, `{"bool":{"filter":[{"term":{"result_type":"bucket"}},{"term":{"event_count":0}}]}}`, `{"match_none":{}}`} {
		all := pageFrom(t, r.must(200, "POST", names+"/_search", `{"size":10000,"query":`+query+`}`))
		var want []string
		for _, h := range all.Hits.Hits {
			want = append(want, h.ID)
		}
		slices.Sort(want)
		for _, sort := range []string{"", `,"sort":["_doc"]`} {
			for _, size := range []int{7, 500, 10000} {
				var have []string
				p := pageFrom(t, r.must(200, "POST", names+"/_search?scroll=1m", fmt.Sprintf(`{"size":%d,"query":%s%s}`, size, query, sort)))
				for len(p.Hits.Hits) > 0 {
					for _, h := range p.Hits.Hits {
						have = append(have, h.ID)
					}
					if len(p.Hits.Hits) < size && len(have) != len(want) {
						t.Fatalf("%s by %d: a page of %d, %d documents so far of %d", query, size, len(p.Hits.Hits), len(have), len(want))
					}
					p = pageFrom(t, r.must(200, "POST", "/_search/scroll", fmt.Sprintf(`{"scroll":"1m","scroll_id":%q}`, p.ScrollID)))
				}
				slices.Sort(have)
				if !slices.Equal(have, want) {
					t.Errorf("%s%s by %d: %d documents, want %d, each once", query, sort, size, len(have), len(want))
				}
				r.must(200, "DELETE", "/_search/scroll", fmt.Sprintf(`{"scroll_id":%q}`, p.ScrollID))
			}
		}
	}
}
