package api

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/index"
	"tidemark/internal/query"
	"tidemark/wire"
)

// searchRoutes are those that find documents.
func searchRoutes() (list []route) {
	search := slices.Concat(unmatched, searchOnly)
	for _, at := range []string{"", "/{index}"} {
		for _, method := range []string{"GET", "POST"} {
			list = append(list,
				route{method: method, path: at + "/_search", handle: searchDocs, body: true, both: true, query: search},
				route{method: method, path: at + "/_msearch", handle: multiSearch, query: slices.Concat(unmatched, searchOnly, []string{"max_concurrent_searches"})},
				route{method: method, path: at + "/_count", handle: countDocs, body: true, both: true, query: slices.Concat(unmatched, lucene, []string{"preference", "routing", "min_score", "terminate_after"})})
		}
	}
	for _, method := range []string{"GET", "POST"} {
		for _, at := range []string{"/_search/scroll", "/_search/scroll/{scroll_id}"} {
			list = append(list, route{method: method, path: at, handle: nextPage, query: []string{"scroll", "scroll_id", "rest_total_hits_as_int"}})
		}
	}
	for _, at := range []string{"/_search/scroll", "/_search/scroll/{scroll_id}"} {
		list = append(list, route{method: "DELETE", path: at, handle: clearScroll, query: []string{"scroll_id"}})
	}
	return append(list,
		route{method: "POST", path: "/{index}/_pit", handle: openPit, query: append(slices.Clone(unmatched), "keep_alive", "preference", "routing", "allow_partial_search_results")},
		route{method: "DELETE", path: "/_pit", handle: closePit})
}

// searchRequest is a search with what surrounds it.
type searchRequest struct {
	names   string
	opt     index.Options
	body    map[string]any
	raw     []byte
	scroll  string
	asInt   bool
	hasPath bool
}

// searchDocs answers a search over documents and results.
func searchDocs(q *request) error {
	r := searchRequest{names: q.values["index"], hasPath: q.values["index"] != "", scroll: q.query.Get("scroll")}
	var err error
	if r.body, r.raw, err = q.queryBody(); err != nil {
		return err
	}
	if err := q.searchParams(r.body); err != nil {
		return err
	}
	if r.opt, err = q.unmatchedOptions(); err != nil {
		return err
	}
	if r.asInt, err = q.boolean("rest_total_hits_as_int", false); err != nil {
		return err
	}
	out, err := q.search(&r)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, out)
	return nil
}

// queryBody reads a request that is an object or nothing.
func (q *request) queryBody() (body map[string]any, raw []byte, err error) {
	if q.hasBody {
		if raw, err = q.body(); err != nil {
			return nil, nil, err
		}
	}
	body, err = searchObject(raw)
	return body, raw, err
}

func searchObject(raw []byte) (map[string]any, error) {
	body := map[string]any{}
	if len(bytes.TrimSpace(raw)) == 0 {
		return body, nil
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		var broken *jsontext.SyntacticError
		refused := wire.Refuse(wire.TypeParsing, "the search request cannot be read: %v", err)
		if errors.As(err, &broken) {
			refused.Line, refused.Col = position(raw, broken.ByteOffset)
		}
		return nil, refused
	}
	if body == nil {
		return nil, wire.Refuse(wire.TypeParsing, "the search request must be an object")
	}
	return body, nil
}

// position is the line and column of an offset, from 1.
func position(raw []byte, offset int64) (line, col int) {
	before := raw[:min(max(offset, 0), int64(len(raw)))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// placed says where in a request the member stands that an error is about.
func placed(err error, raw []byte) error {
	var at *query.Misplaced
	if !errors.As(err, &at) || at.Refusal.Line > 0 {
		return err
	}
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	for {
		token, err := d.ReadToken()
		if err != nil {
			return at.Refusal
		}
		if token.Kind() == '"' && token.String() == at.Member {
			at.Refusal.Line, at.Refusal.Col = position(raw, d.InputOffset()-int64(len(at.Member))-2)
			return at.Refusal
		}
	}
}

// search answers one search.
func (q *request) search(r *searchRequest) (map[string]any, error) {
	began := q.h.opt.Now()
	if r.asInt && r.body["track_total_hits"] == nil {
		r.body["track_total_hits"] = true
	}
	out, err := q.found(r)
	if err != nil {
		return nil, placed(err, r.raw)
	}
	hits := out["hits"].(map[string]any)
	if r.asInt {
		total, _ := hits["total"].(map[string]any)
		if hits["total"] = total["value"]; total == nil {
			hits["total"] = -1
		}
	}
	out["took"], out["timed_out"], out["_shards"] = q.h.opt.Now().Sub(began).Milliseconds(), false, shards
	return out, nil
}

// found searches indices, a point in time, or opens a scroll.
func (q *request) found(r *searchRequest) (map[string]any, error) {
	x := q.h.opt.Index
	id, keep, err := r.pit()
	if err != nil {
		return nil, err
	}
	if r.scroll != "" {
		keep, err := index.CheckKeepAlive("scroll", r.scroll)
		if err != nil {
			return nil, err
		}
		v, out, err := x.OpenScroll(q.Context(), r.names, r.opt, keep, r.body)
		if err == nil {
			out["_scroll_id"] = v.ID()
		}
		return out, err
	}
	s, err := query.New(r.body, q.h.opt.Now())
	if err != nil {
		return nil, err
	}
	if id != "" {
		err = x.SearchView(q.Context(), id, keep, s)
	} else {
		err = x.Search(q.Context(), r.names, r.opt, s)
	}
	if err != nil {
		return nil, err
	}
	out, err := s.Answer()
	if err == nil && id != "" {
		out["pit_id"] = id
	}
	return out, err
}

// pit reads the point in time that a request names, "" for none.
func (r *searchRequest) pit() (id string, keep time.Duration, err error) {
	v, has := r.body["pit"]
	if !has {
		return "", 0, nil
	}
	o, _ := v.(map[string]any)
	id, _ = o["id"].(string)
	switch {
	case id == "":
		return "", 0, wire.Refuse(wire.TypeParsing, "[pit] must be an object with the [id] of a point in time")
	case r.hasPath:
		return "", 0, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: [indices] cannot be used with point in time. Do not specify any index with point in time.;")
	case r.scroll != "":
		return "", 0, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: using [point in time] is not allowed in a scroll context;")
	}
	if text, has := o["keep_alive"].(string); has {
		keep, err = index.CheckKeepAlive("keep_alive", text)
	}
	return id, keep, err
}

// openPit answers with a point in time.
func openPit(q *request) error {
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	keep, err := index.CheckKeepAlive("keep_alive", q.query.Get("keep_alive"))
	if err != nil {
		return err
	}
	v, err := q.h.opt.Index.OpenView(q.Context(), q.values["index"], opt, keep)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, map[string]any{"id": v.ID(), "_shards": shards})
	return nil
}

// closePit closes a point in time.
func closePit(q *request) error {
	raw, err := q.configBody("the id of the point in time")
	if err != nil {
		return err
	}
	var body struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(raw, &body); err != nil || body.ID == "" {
		return wire.Refuse(wire.TypeParsing, "the request must be an object with the [id] of a point in time")
	}
	return q.closed(q.h.opt.Index.CloseViews(q.Context(), []string{body.ID}))
}

// closed answers how many views were closed.
func (q *request) closed(n int, err error) error {
	if err != nil {
		return err
	}
	status := http.StatusOK
	if n == 0 {
		status = http.StatusNotFound
	}
	q.answer(status, map[string]any{"succeeded": true, "num_freed": n})
	return nil
}

// scrollRequest reads ids and the duration from body, path and query.
func (q *request) scrollRequest() (ids []string, keep string, err error) {
	var body struct {
		Scroll   string         `json:"scroll"`
		ScrollID jsontext.Value `json:"scroll_id"`
	}
	if q.hasBody {
		raw, err := q.body()
		if err != nil {
			return nil, "", err
		}
		if err := json.Unmarshal(raw, &body, json.RejectUnknownMembers(true)); err != nil && len(raw) > 0 {
			return nil, "", wire.Refuse(wire.TypeIllegalArgument, "Failed to parse request body: give [scroll_id] and [scroll]: %v", err)
		}
	}
	text := q.values["scroll_id"]
	if text == "" {
		text = q.query.Get("scroll_id")
	}
	switch {
	case body.ScrollID.Kind() == '"':
		ids = []string{strings.Trim(string(body.ScrollID), `"`)}
	case len(body.ScrollID) > 0:
		if err := json.Unmarshal(body.ScrollID, &ids); err != nil {
			return nil, "", wire.Refuse(wire.TypeIllegalArgument, "[scroll_id] must be an id or a list of ids")
		}
	case text != "":
		ids = strings.Split(text, ",")
	}
	if keep = body.Scroll; keep == "" {
		keep = q.query.Get("scroll")
	}
	if len(ids) == 0 {
		return nil, "", wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: scrollId is missing;")
	}
	return ids, keep, nil
}

// nextPage answers the next page of a scroll.
func nextPage(q *request) error {
	began := q.h.opt.Now()
	ids, text, err := q.scrollRequest()
	if err != nil {
		return err
	}
	var keep time.Duration
	if text != "" {
		if keep, err = index.CheckKeepAlive("scroll", text); err != nil {
			return err
		}
	}
	asInt, err := q.boolean("rest_total_hits_as_int", false)
	if err != nil {
		return err
	}
	out, err := q.h.opt.Index.Scroll(q.Context(), ids[0], keep)
	if err != nil {
		return err
	}
	if hits := out["hits"].(map[string]any); asInt {
		if total, ok := hits["total"].(map[string]any); ok {
			hits["total"] = total["value"]
		}
	}
	out["_scroll_id"], out["took"], out["timed_out"], out["_shards"] = ids[0], q.h.opt.Now().Sub(began).Milliseconds(), false, shards
	q.answer(http.StatusOK, out)
	return nil
}

// clearScroll closes scrolls, or all of them.
func clearScroll(q *request) error {
	ids, _, err := q.scrollRequest()
	if err != nil {
		return err
	}
	if len(ids) == 1 && ids[0] == "_all" {
		return q.closed(q.h.opt.Index.CloseScrolls(q.Context()))
	}
	return q.closed(q.h.opt.Index.CloseViews(q.Context(), ids))
}

// searchParams puts what the query string says into the body.
func (q *request) searchParams(body map[string]any) error {
	for _, name := range []string{"size", "from", "terminate_after"} {
		var n *int64
		if err := q.integer(name, &n); err != nil {
			return err
		}
		if n != nil {
			body[name] = float64(*n)
		}
	}
	if q.query.Has("sort") {
		var list []any
		for part := range strings.SplitSeq(q.query.Get("sort"), ",") {
			if name, direction, found := strings.Cut(part, ":"); found {
				list = append(list, map[string]any{name: direction})
			} else {
				list = append(list, part)
			}
		}
		body["sort"] = list
	}
	if v := q.query.Get("_source"); v == "true" || v == "false" {
		body["_source"] = v == "true"
	} else if v != "" {
		body["_source"] = anyList(v)
	}
	if in, out := q.query.Get("_source_includes"), q.query.Get("_source_excludes"); in != "" || out != "" {
		body["_source"] = map[string]any{"includes": anyList(in), "excludes": anyList(out)}
	}
	if v := q.query.Get("docvalue_fields"); v != "" {
		body["docvalue_fields"] = anyList(v)
	}
	for _, name := range []string{"version", "seq_no_primary_term", "track_scores", "typed_keys"} {
		on, err := q.boolean(name, false)
		if err != nil {
			return err
		}
		if q.query.Has(name) {
			body[name] = on
		}
	}
	if v := q.query.Get("track_total_hits"); v == "true" || v == "false" {
		body["track_total_hits"] = v == "true"
	} else if v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return wire.Refuse(wire.TypeIllegalArgument, "Failed to parse parameter [track_total_hits] with value [%s]; give true, false or a whole number", wire.Clip(v))
		}
		body["track_total_hits"] = float64(n)
	}
	return q.textQuery(body)
}

// textQuery puts a query of the query string into the body.
func (q *request) textQuery(body map[string]any) error {
	text := q.query.Get("q")
	if text == "" {
		return nil
	}
	if body["query"] != nil {
		return wire.Refuse(wire.TypeIllegalArgument, "the request has a query in its body and another in [q]; give one")
	}
	params := map[string]any{"query": text}
	for to, from := range map[string]string{"default_field": "df", "default_operator": "default_operator"} { // order-free: each is its own
		if v := q.query.Get(from); v != "" {
			params[to] = v
		}
	}
	body["query"] = map[string]any{"query_string": params}
	return nil
}

func anyList(commas string) (list []any) {
	for part := range strings.SplitSeq(commas, ",") {
		if part != "" {
			list = append(list, part)
		}
	}
	return list
}

func countDocs(q *request) error {
	body, raw, err := q.queryBody()
	if err != nil {
		return err
	}
	for name := range body { // order-free: any wrong one is named
		if name != "query" {
			return placed(&query.Misplaced{Refusal: wire.Refuse(wire.TypeParsing, "request does not support [%s]", wire.Clip(name)), Member: name}, raw)
		}
	}
	if err := q.textQuery(body); err != nil {
		return err
	}
	body["size"], body["track_total_hits"] = 0.0, true
	var most *int64
	if err := q.integer("terminate_after", &most); err != nil {
		return err
	}
	if most != nil {
		body["terminate_after"] = float64(*most)
	}
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	s, err := query.New(body, q.h.opt.Now())
	if err != nil {
		return placed(err, raw)
	}
	if err := q.h.opt.Index.Search(q.Context(), q.values["index"], opt, s); err != nil {
		return err
	}
	out := map[string]any{"count": s.Total(), "_shards": shards}
	if most != nil && *most > 0 {
		out["terminated_early"] = s.Terminated()
	}
	q.answer(http.StatusOK, out)
	return nil
}

// maxSearchesAtOnce bounds one request of many searches.
const maxSearchesAtOnce = 1000

// multiSearch answers many searches; each says for itself what became of it.
func multiSearch(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send a header and a search, a line each")
	}
	raw, err := q.body()
	if err != nil {
		return err
	}
	began := q.h.opt.Now()
	asInt, err := q.boolean("rest_total_hits_as_int", false)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimRight(raw, "\n"), []byte("\n"))
	if len(lines)%2 != 0 {
		return wire.Refuse(wire.TypeIllegalArgument, "the request has %d lines; it needs a header and a search for each, and ends with a newline", len(lines))
	}
	if len(lines)/2 > maxSearchesAtOnce {
		return wire.Refuse(wire.TypeIllegalArgument, "the request has %d searches; send at most %d at once", len(lines)/2, maxSearchesAtOnce)
	}
	var responses []any
	for i := 0; i+1 < len(lines); i += 2 {
		if err := q.Context().Err(); err != nil {
			return err
		}
		out, err := q.searchLine(lines[i], lines[i+1], asInt)
		if err != nil {
			refused := q.refusalOf(err)
			if refused == nil {
				return err
			}
			responses = append(responses, refused.Envelope())
			continue
		}
		out["status"] = http.StatusOK
		responses = append(responses, out)
	}
	q.answer(http.StatusOK, map[string]any{"took": q.h.opt.Now().Sub(began).Milliseconds(), "responses": responses})
	return nil
}

// searchLine answers one search of many.
func (q *request) searchLine(header, line []byte, asInt bool) (map[string]any, error) {
	var h struct {
		Index             jsontext.Value `json:"index"`
		IgnoreUnavailable *bool          `json:"ignore_unavailable"`
		AllowNoIndices    *bool          `json:"allow_no_indices"`
	}
	if len(bytes.TrimSpace(header)) > 0 {
		if err := json.Unmarshal(header, &h); err != nil {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "the header of a search cannot be read: %v", err)
		}
	}
	r := searchRequest{names: q.values["index"], asInt: asInt, raw: line}
	switch h.Index.Kind() {
	case '"':
		r.names = strings.Trim(string(h.Index), `"`)
	case '[':
		var list []string
		if err := json.Unmarshal(h.Index, &list); err != nil {
			return nil, wire.Refuse(wire.TypeIllegalArgument, "[index] of a search's header must be a name or a list of names")
		}
		r.names = strings.Join(list, ",")
	}
	var err error
	if r.opt, err = q.unmatchedOptions(); err != nil {
		return nil, err
	}
	if h.IgnoreUnavailable != nil {
		r.opt.IgnoreUnavailable = *h.IgnoreUnavailable
	}
	if h.AllowNoIndices != nil {
		r.opt.AllowNone = *h.AllowNoIndices
	}
	if r.body, err = searchObject(line); err != nil {
		return nil, err
	}
	if typed, err := q.boolean("typed_keys", false); err == nil && typed {
		r.body["typed_keys"] = true
	}
	return q.search(&r)
}
