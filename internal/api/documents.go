package api

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/docs"
	"tidemark/internal/index"
	"tidemark/internal/jsonscan"
	"tidemark/internal/query"
	"tidemark/wire"
)

// Parameters that several of the document routes take.
var (
	unmatched  = []string{"ignore_unavailable", "allow_no_indices", "expand_wildcards", "ignore_throttled"}
	writing    = []string{"refresh", "timeout", "wait_for_active_shards", "routing", "op_type", "pipeline", "require_alias", "master_timeout", "if_seq_no", "if_primary_term", "version", "version_type"}
	lucene     = []string{"q", "df", "default_operator", "analyzer", "analyze_wildcard", "lenient"}
	sourceOnly = []string{"_source", "_source_includes", "_source_excludes"}
	searchOnly = slices.Concat(lucene, sourceOnly, []string{"size", "from", "sort", "track_total_hits", "rest_total_hits_as_int", "typed_keys",
		"request_cache", "preference", "routing", "search_type", "ccs_minimize_roundtrips", "max_concurrent_shard_requests", "batched_reduce_size", "docvalue_fields", "stored_fields",
		"pre_filter_shard_size", "seq_no_primary_term", "version", "timeout", "allow_partial_search_results", "scroll", "terminate_after", "track_scores", "explain", "stats"})
)

// documentRoutes are those of the document index.
func documentRoutes() (list []route) {
	for _, at := range []string{"", "/{index}"} {
		for _, method := range []string{"POST", "PUT"} {
			list = append(list, route{method: method, path: at + "/_bulk", handle: bulkDocs, query: slices.Concat(writing, sourceOnly, []string{"require_data_stream", "list_executed_pipelines"})})
		}
		for _, method := range []string{"GET", "POST"} {
			list = append(list, route{method: method, path: at + "/_mget", handle: getMany, body: true, both: true, query: slices.Concat(sourceOnly, []string{"preference", "realtime", "refresh", "routing", "stored_fields"})})
		}
	}
	for _, method := range []string{"PUT", "POST"} {
		list = append(list,
			route{method: method, path: "/{index}/_doc/{id}", handle: writeDoc, query: writing},
			route{method: method, path: "/{index}/_create/{id}", handle: writeDoc, query: writing},
			// As clients before version 8 call it.
			route{method: method, path: "/{index}/_doc/{id}/_create", handle: writeDoc, query: writing})
	}
	for _, method := range []string{"GET", "HEAD"} {
		list = append(list,
			route{method: method, path: "/{index}/_doc/{id}", handle: getDoc, query: slices.Concat(sourceOnly, []string{"preference", "realtime", "refresh", "routing", "stored_fields", "version", "version_type"})},
			route{method: method, path: "/{index}/_source/{id}", handle: getDoc, query: slices.Concat(sourceOnly, []string{"preference", "realtime", "refresh", "routing", "version", "version_type"})})
	}
	list = append(list,
		route{method: "POST", path: "/{index}/_doc", handle: writeDoc, query: writing},
		route{method: "DELETE", path: "/{index}/_doc/{id}", handle: deleteDoc, query: writing},
		route{method: "POST", path: "/{index}/_update/{id}", handle: updateDoc, query: slices.Concat(writing, sourceOnly, []string{"retry_on_conflict", "lang"})},
	)
	return slices.Concat(list, searchRoutes(), indexRoutes())
}

// unmatchedOptions reads what names may match nothing.
func (q *request) unmatchedOptions() (o index.Options, err error) {
	if o.IgnoreUnavailable, err = q.boolean("ignore_unavailable", false); err != nil {
		return o, err
	}
	o.AllowNone, err = q.boolean("allow_no_indices", true)
	return o, err
}

// shards is what answers say of shards: there is one, and it did it.
var shards = map[string]int{"total": 1, "successful": 1, "skipped": 0, "failed": 0}

// compact checks that raw is one JSON object and takes the spaces out.
func compact(raw []byte) ([]byte, error) {
	v := jsontext.Value(bytes.Clone(raw))
	if err := v.Compact(); err != nil {
		return nil, badDocument("it is no valid JSON: %v", err)
	}
	if !v.IsValid() {
		return nil, badDocument("it has a member twice or text that is not UTF-8")
	}
	if v.Kind() != '{' {
		return nil, badDocument("it must be a JSON object")
	}
	return v, nil
}

func badDocument(format string, args ...any) error {
	return &wire.Refusal{Status: 400, Type: wire.TypeDocumentParsing, Reason: "failed to parse: the document cannot be read", Cause: wire.Refuse(wire.TypeXContentParse, format, args...)}
}

// docBody reads a request's document.
func (q *request) docBody() ([]byte, error) {
	if !q.hasBody {
		return nil, wire.Refuse(wire.TypeParse, "request body is required; send the document")
	}
	raw, err := q.body()
	if err != nil {
		return nil, err
	}
	return compact(raw)
}

// writeOptions reads what a change of one document depends on.
func (q *request) writeOptions(op *docs.Op) error {
	op.Index, op.ID = q.values["index"], q.values["id"]
	if len(op.ID) > maxIDBytes {
		return wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: id [%s] is too long, must be no longer than %d bytes but was: %d;", wire.Clip(op.ID), maxIDBytes, len(op.ID))
	}
	var err error
	if op.MustExist, err = q.boolean("require_alias", false); err != nil {
		return err
	}
	if err := q.refresh(); err != nil {
		return err
	}
	if q.query.Has("version") || q.query.Has("version_type") {
		return wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: external and internal versions are not supported; use [if_seq_no] and [if_primary_term];")
	}
	if q.query.Get("pipeline") != "" && q.query.Get("pipeline") != "_none" {
		return wire.Refuse(wire.TypeIllegalArgument, "pipeline with id [%s] does not exist; this index has none", wire.Clip(q.query.Get("pipeline")))
	}
	return ifUnchanged(op, q.query.Get("if_seq_no"), q.query.Get("if_primary_term"))
}

// maxIDBytes bounds a document's id.
const maxIDBytes = 512

// ifUnchanged makes a change depend on the document's last one.
func ifUnchanged(op *docs.Op, seq, term string) error {
	if seq == "" && term == "" {
		return nil
	}
	n, err := strconv.ParseInt(seq, 10, 64)
	t, errTerm := strconv.ParseInt(term, 10, 64)
	switch {
	case seq == "" || term == "":
		return wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: [if_seq_no] and [if_primary_term] are given together;")
	case err != nil || errTerm != nil || n < 0 || t < 1:
		return wire.Refuse(wire.TypeIllegalArgument, "[if_seq_no] and [if_primary_term] must be whole numbers, as an earlier answer gave them")
	case op.Kind == docs.Create:
		return wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: create operations do not support compare and set; use [index];")
	}
	// Numbers on the wire begin with 0. There is one primary term: another never was.
	if n++; t != 1 {
		n = -1
	}
	op.IfSeq = &n
	return nil
}

// refresh checks the parameter that changes nothing: what is written can be found.
func (q *request) refresh() error {
	switch v := q.query.Get("refresh"); v {
	case "", "true", "false", "wait_for":
		return nil
	default:
		return wire.Refuse(wire.TypeIllegalArgument, "Unknown value for refresh: [%s]; give true, false or wait_for", wire.Clip(v))
	}
}

func writeDoc(q *request) error {
	doc, err := q.docBody()
	if err != nil {
		return err
	}
	op := docs.Op{Doc: doc}
	switch kind := q.query.Get("op_type"); {
	case kind == "create" || strings.Contains(q.URL.Path, "/_create/") || strings.HasSuffix(q.URL.Path, "/_create"):
		op.Kind = docs.Create
	case kind != "" && kind != "index":
		return wire.Refuse(wire.TypeIllegalArgument, "opType must be 'create' or 'index', found: [%s]", wire.Clip(kind))
	}
	if err := q.writeOptions(&op); err != nil {
		return err
	}
	return q.one(&op)
}

func deleteDoc(q *request) error {
	op := docs.Op{Kind: docs.Remove}
	if err := q.writeOptions(&op); err != nil {
		return err
	}
	return q.one(&op)
}

// updateDoc merges a part of a document into it.
func updateDoc(q *request) error {
	raw, err := q.docBody()
	if err != nil {
		return err
	}
	op, source, err := updateOp(raw)
	if err != nil {
		return err
	}
	if err := q.writeOptions(&op); err != nil {
		return err
	}
	shows, err := q.sourceWanted()
	if err != nil {
		return err
	}
	if source != nil {
		shows = *source
	} else if !q.query.Has("_source") && !q.query.Has("_source_includes") && !q.query.Has("_source_excludes") {
		shows.none = true
	}
	return q.change(&op, &shows)
}

// updateOp reads the body of an update. source is what of the document the answer
// shows, nil if the body does not say.
func updateOp(raw []byte) (op docs.Op, source *shownSource, err error) {
	op.Kind = docs.Update
	asUpsert := false
	for name, v := range jsonscan.Members(raw) {
		switch name {
		case "doc", "upsert":
			if v[0] != '{' {
				return op, nil, wire.Refuse(wire.TypeParse, "[%s] of an update must be an object", name)
			}
			if name == "doc" {
				op.Doc = v
			} else {
				op.Upsert = v
			}
		case "doc_as_upsert":
			asUpsert = string(v) == "true"
		case "detect_noop":
			op.NoopAsUpdate = string(v) == "false"
		case "_source":
			source = sourceOf(v)
		case "script", "scripted_upsert":
			return op, nil, wire.Refuse(wire.TypeIllegalArgument, "an update by [%s] is not supported; send the changed members as [doc]", name)
		default:
			return op, nil, wire.Refuse(wire.TypeXContentParse, "[UpdateRequest] unknown field [%s]; an update has doc, doc_as_upsert, upsert and detect_noop", wire.Clip(name))
		}
	}
	if op.Doc == nil {
		return op, nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: script or doc is missing; send the changed members as [doc];")
	}
	if asUpsert {
		op.Upsert = op.Doc
	}
	return op, source, nil
}

// one makes one change and answers with what became of it.
func (q *request) one(op *docs.Op) error { return q.change(op, &shownSource{none: true}) }

func (q *request) change(op *docs.Op, shows *shownSource) error {
	done, err := q.h.opt.Index.Apply(q.Context(), []index.Op{*op})
	if err != nil {
		return err
	}
	if done[0].Err != nil {
		return done[0].Err
	}
	status, body := written(op, &done[0])
	if !shows.none && done[0].Doc != nil {
		body["get"] = map[string]any{"_seq_no": body["_seq_no"], "_primary_term": 1, "found": true, "_source": shows.of(done[0].Doc)}
	}
	if q.query.Get("refresh") == "true" || q.query.Has("refresh") && q.query.Get("refresh") == "" {
		body["forced_refresh"] = true
	}
	if status == http.StatusCreated {
		q.w.Header().Set("Location", "/"+url.PathEscape(done[0].Index)+"/_doc/"+url.PathEscape(done[0].ID))
	}
	q.answer(status, body)
	return nil
}

// written is the answer to a change that was made.
func written(op *docs.Op, o *index.Outcome) (int, map[string]any) {
	result, status := "updated", http.StatusOK
	switch {
	case o.Noop:
		result = "noop"
	case op.Kind == docs.Remove && o.Found:
		result = "deleted"
	case op.Kind == docs.Remove:
		result, status = "not_found", http.StatusNotFound
	case o.Created:
		result, status = "created", http.StatusCreated
	}
	done := shards
	if o.Noop {
		done = map[string]int{"total": 0, "successful": 0, "failed": 0}
	}
	return status, map[string]any{"_index": o.Index, "_id": o.ID, "_version": o.Version, "result": result,
		"_shards": done, "_seq_no": max(o.Seq-1, 0), "_primary_term": 1}
}

// shownSource is what of a document an answer shows.
type shownSource struct {
	none              bool
	includes, exclude []string
}

func (s *shownSource) of(doc []byte) jsontext.Value {
	return query.FilterSource(doc, s.includes, s.exclude)
}

// sourceOf reads _source of a body: a boolean, a path or a list of them, or an
// object.
func sourceOf(v jsontext.Value) *shownSource {
	s := &shownSource{}
	list := func(v jsontext.Value) (names []string) {
		if v.Kind() == '"' {
			return []string{jsonscan.Text(v)}
		}
		_ = json.Unmarshal(v, &names) // What is no list of names chooses nothing.
		return names
	}
	switch v.Kind() {
	case 'f':
		s.none = true
	case '"', '[':
		s.includes = list(v)
	case '{':
		for name, part := range jsonscan.Members(v) {
			switch name {
			case "includes", "include":
				s.includes = list(part)
			case "excludes", "exclude":
				s.exclude = list(part)
			}
		}
	}
	return s
}

// sourceWanted reads what the query string says of it.
func (q *request) sourceWanted() (s shownSource, err error) {
	split := func(name string) (list []string) {
		for part := range strings.SplitSeq(q.query.Get(name), ",") {
			if part != "" {
				list = append(list, part)
			}
		}
		return list
	}
	switch v := q.query.Get("_source"); v {
	case "", "true":
	case "false":
		s.none = true
	default:
		s.includes = split("_source")
	}
	s.includes, s.exclude = append(s.includes, split("_source_includes")...), split("_source_excludes")
	return s, nil
}

func getDoc(q *request) error {
	found, ok, err := q.h.opt.Index.Get(q.Context(), q.values["index"], q.values["id"])
	if err != nil {
		return err
	}
	shows, err := q.sourceWanted()
	if err != nil {
		return err
	}
	bare := strings.Contains(q.URL.Path, "/_source/")
	switch {
	case !ok && bare:
		return &wire.Refusal{Status: 404, Type: wire.TypeNotFound, Reason: "Document not found [" + wire.Clip(q.values["index"]) + "]/[" + wire.Clip(q.values["id"]) + "]"}
	case !ok:
		q.answer(http.StatusNotFound, map[string]any{"_index": q.values["index"], "_id": q.values["id"], "found": false})
	case bare:
		q.send(http.StatusOK, shows.of(found.Source))
	default:
		q.answer(http.StatusOK, got(&found, &shows))
	}
	return nil
}

// got is a document as a get shows it.
func got(d *query.Doc, shows *shownSource) map[string]any {
	body := map[string]any{"_index": d.Index, "_id": d.ID, "_version": d.Version, "_seq_no": max(d.Seq-1, 0), "_primary_term": 1, "found": true}
	if !shows.none {
		body["_source"] = shows.of(d.Source)
	}
	return body
}

// wanted is one document of a request for many.
type wanted struct {
	Index  string         `json:"_index"`
	ID     jsontext.Value `json:"_id"`
	Source jsontext.Value `json:"_source"`
}

// getMany answers with several documents; each says for itself whether it is
// there.
func getMany(q *request) error {
	list, err := q.manyWanted()
	if err != nil {
		return err
	}
	standard, err := q.sourceWanted()
	if err != nil {
		return err
	}
	found := make([]any, len(list))
	for i, w := range list {
		shows := &standard
		if len(w.Source) > 0 {
			shows = sourceOf(w.Source)
		}
		found[i] = q.oneOfMany(w.Index, scalarText(w.ID), shows)
	}
	q.answer(http.StatusOK, map[string]any{"docs": found})
	return nil
}

// manyWanted reads which documents a request asks for. All have an index and an id.
func (q *request) manyWanted() ([]wanted, error) {
	raw, err := q.docBody()
	if err != nil {
		return nil, err
	}
	var body struct {
		Docs []wanted         `json:"docs"`
		IDs  []jsontext.Value `json:"ids"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, wire.Refuse(wire.TypeParsing, "the request must have [docs], a list of objects with _index and _id, or [ids]: %v", err)
	}
	list := body.Docs
	for _, id := range body.IDs {
		list = append(list, wanted{ID: id})
	}
	if len(list) == 0 {
		return nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: no documents to get;")
	}
	for i := range list {
		if list[i].Index == "" {
			list[i].Index = q.values["index"]
		}
		switch kind := list[i].ID.Kind(); {
		case list[i].Index == "":
			return nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: index is missing for doc %d; name it in the path or beside the id;", i)
		case kind != '"' && kind != '0':
			return nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: id is missing for doc %d; it is a text or a number;", i)
		}
	}
	return list, nil
}

// scalarText is a JSON text or number as it is written.
func scalarText(v jsontext.Value) string {
	if v.Kind() == '"' {
		return jsonscan.Text(v)
	}
	return string(v)
}

// oneOfMany is a document as the answer shows it, or why there is none.
func (q *request) oneOfMany(name, id string, shows *shownSource) any {
	d, ok, err := q.h.opt.Index.Get(q.Context(), name, id)
	switch {
	case err != nil:
		refusal := q.refusalOf(err)
		if refusal == nil {
			refusal = &wire.Refusal{Status: 500, Type: wire.TypeException, Reason: err.Error()}
		}
		cause := map[string]any{"type": refusal.Type, "reason": refusal.Reason}
		return map[string]any{"_index": name, "_id": id, "error": map[string]any{"root_cause": []any{cause}, "type": refusal.Type, "reason": refusal.Reason}}
	case ok:
		return got(&d, shows)
	}
	return map[string]any{"_index": name, "_id": id, "found": false}
}
