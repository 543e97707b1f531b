package api

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/docs"
	"tidemark/internal/index"
	"tidemark/wire"
)

// Parameters that several of the document routes take.
var (
	unmatched  = []string{"ignore_unavailable", "allow_no_indices", "expand_wildcards", "ignore_throttled"}
	writing    = []string{"refresh", "timeout", "wait_for_active_shards", "routing", "op_type", "pipeline", "require_alias", "master_timeout", "if_seq_no", "if_primary_term", "version", "version_type"}
	searchOnly = []string{"size", "from", "sort", "track_total_hits", "rest_total_hits_as_int", "typed_keys", "_source", "_source_includes", "_source_excludes",
		"request_cache", "preference", "routing", "search_type", "ccs_minimize_roundtrips", "max_concurrent_shard_requests", "batched_reduce_size",
		"pre_filter_shard_size", "seq_no_primary_term", "version", "timeout", "allow_partial_search_results"}
)

// documentRoutes are those of the document index.
func documentRoutes() (list []route) {
	search := slices.Concat(unmatched, searchOnly)
	for _, at := range []string{"", "/{index}"} {
		for _, method := range []string{"GET", "POST"} {
			list = append(list,
				route{method: method, path: at + "/_search", handle: searchDocs, query: search},
				route{method: method, path: at + "/_count", handle: countDocs, query: append(slices.Clone(unmatched), "preference", "routing")},
				route{method: method, path: at + "/_refresh", handle: refreshIndex, query: unmatched},
				route{method: method, path: at + "/_flush", handle: refreshIndex, query: append(slices.Clone(unmatched), "force", "wait_if_ongoing")})
		}
		for _, method := range []string{"POST", "PUT"} {
			list = append(list, route{method: method, path: at + "/_bulk", handle: bulkDocs, query: writing})
		}
	}
	for _, method := range []string{"PUT", "POST"} {
		list = append(list,
			route{method: method, path: "/{index}/_doc/{id}", handle: writeDoc, query: writing},
			route{method: method, path: "/{index}/_create/{id}", handle: writeDoc, query: writing},
			route{method: method, path: "/{index}/_mapping", handle: putMapping, query: append(slices.Clone(unmatched), writing...)})
	}
	for _, method := range []string{"GET", "HEAD"} {
		list = append(list,
			route{method: method, path: "/{index}", handle: getIndex, query: append(slices.Clone(unmatched), "master_timeout", "flat_settings", "include_defaults", "local", "features")},
			route{method: method, path: "/{index}/_doc/{id}", handle: getDoc, query: []string{"_source", "_source_includes", "_source_excludes", "preference", "realtime", "refresh", "routing", "stored_fields"}},
			route{method: method, path: "/{index}/_source/{id}", handle: getDoc, query: []string{"preference", "realtime", "refresh", "routing"}},
			route{method: method, path: "/_alias/{name}", handle: getAlias, query: unmatched},
			route{method: method, path: "/{index}/_alias/{name}", handle: getAlias, query: unmatched})
	}
	return append(list,
		route{method: "POST", path: "/{index}/_pit", handle: openPit, query: append(slices.Clone(unmatched), "keep_alive", "preference", "routing")},
		route{method: "DELETE", path: "/_pit", handle: closePit},
		route{method: "PUT", path: "/{index}", handle: createIndex, query: []string{"wait_for_active_shards", "timeout", "master_timeout", "include_type_name"}},
		route{method: "DELETE", path: "/{index}", handle: deleteIndex, query: append(slices.Clone(unmatched), "timeout", "master_timeout")},
		route{method: "POST", path: "/{index}/_doc", handle: writeDoc, query: writing},
		route{method: "DELETE", path: "/{index}/_doc/{id}", handle: deleteDoc, query: writing},
		route{method: "POST", path: "/{index}/_update/{id}", handle: updateDoc, query: append(slices.Clone(writing), "retry_on_conflict", "_source")},
		route{method: "GET", path: "/{index}/_mapping", handle: getIndex, query: append(slices.Clone(unmatched), "local", "master_timeout")},
		route{method: "GET", path: "/{index}/_settings", handle: getIndex, query: append(slices.Clone(unmatched), "local", "master_timeout", "flat_settings")},
		route{method: "GET", path: "/_alias", handle: getAlias, query: unmatched},
		route{method: "GET", path: "/{index}/_alias", handle: getAlias, query: unmatched},
	)
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
		return nil, wire.Refuse(wire.TypeParse, "the document is no valid JSON: %v", err)
	}
	if !v.IsValid() {
		return nil, wire.Refuse(wire.TypeParse, "the document has a member twice or text that is not UTF-8")
	}
	if v.Kind() != '{' {
		return nil, wire.Refuse(wire.TypeParse, "a document must be a JSON object")
	}
	return v, nil
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

func writeDoc(q *request) error {
	doc, err := q.docBody()
	if err != nil {
		return err
	}
	create := strings.Contains(q.URL.Path, "/_create/") || q.query.Get("op_type") == "create"
	return q.one(index.Op{Op: docs.Op{Index: q.values["index"], ID: q.values["id"], Create: create, Doc: doc}})
}

func deleteDoc(q *request) error {
	return q.one(index.Op{Op: docs.Op{Index: q.values["index"], ID: q.values["id"], Remove: true}})
}

// updateDoc merges a part of a document into it.
func updateDoc(q *request) error {
	raw, err := q.docBody()
	if err != nil {
		return err
	}
	op, err := updateOp(raw)
	if err != nil {
		return err
	}
	op.Index, op.ID = q.values["index"], q.values["id"]
	return q.one(op)
}

// updateOp reads the body of an update.
func updateOp(raw []byte) (op index.Op, err error) {
	var body struct {
		Doc         jsontext.Value `json:"doc"`
		Upsert      jsontext.Value `json:"upsert"`
		DocAsUpsert bool           `json:"doc_as_upsert"`
		Script      jsontext.Value `json:"script"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return op, wire.Refuse(wire.TypeParse, "the update cannot be read: %v", err)
	}
	if len(body.Doc) == 0 || len(body.Script) > 0 || len(body.Upsert) > 0 {
		return op, wire.Refuse(wire.TypeIllegalArgument, "an update needs [doc], with [doc_as_upsert] if the document may be missing; [script] and [upsert] are not supported")
	}
	op.Update, op.Upsert = true, body.DocAsUpsert
	op.Doc, err = compact(body.Doc)
	return op, err
}

// one makes one change and answers with what became of it.
func (q *request) one(op index.Op) error {
	done, err := q.h.opt.Index.Apply(q.Context(), []index.Op{op})
	if err != nil {
		return err
	}
	if err := done[0].Err; err != nil {
		return conflictOf(&done[0], err)
	}
	status, body := written(&op, &done[0])
	q.answer(status, body)
	return nil
}

// conflictOf says that an id is taken.
func conflictOf(o *index.Outcome, err error) error {
	if errors.Is(err, docs.ErrExists) {
		return &wire.Refusal{Status: 409, Type: wire.TypeVersionConflict, Reason: fmt.Sprintf("[%s]: version conflict, document already exists", wire.Clip(o.ID))}
	}
	return err
}

// written is the answer to a change that was made.
func written(op *index.Op, o *index.Outcome) (int, map[string]any) {
	result, status := "updated", http.StatusOK
	switch {
	case op.Remove && o.Found:
		result = "deleted"
	case op.Remove:
		result, status = "not_found", http.StatusNotFound
	case o.Created:
		result, status = "created", http.StatusCreated
	}
	return status, map[string]any{"_index": o.Index, "_id": o.ID, "_version": o.Version, "result": result,
		"_shards": shards, "_seq_no": max(o.Seq-1, 0), "_primary_term": 1}
}

func getDoc(q *request) error {
	found, ok, err := q.h.opt.Index.Get(q.Context(), q.values["index"], q.values["id"])
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
		q.send(http.StatusOK, found.Source)
	default:
		body := map[string]any{"_index": found.Index, "_id": found.ID, "_version": found.Version, "_seq_no": max(found.Seq-1, 0), "_primary_term": 1,
			"found": true, "_source": jsontext.Value(found.Source)}
		if q.query.Get("_source") == "false" {
			delete(body, "_source")
		}
		q.answer(http.StatusOK, body)
	}
	return nil
}

// bulkDocs makes many changes; each says for itself what became of it.
func bulkDocs(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send actions and documents, a line each")
	}
	raw, err := q.bodyUpTo(q.h.opt.MaxUploadBytes)
	if err != nil {
		return err
	}
	began := q.h.opt.Now()
	ops, names, err := parseBulk(raw, q.values["index"])
	if err != nil {
		return err
	}
	done, err := q.h.opt.Index.Apply(q.Context(), ops)
	if err != nil {
		return err
	}
	failed, items := false, make([]any, len(done))
	for i := range done {
		var item map[string]any
		if err := done[i].Err; err != nil {
			failed = true
			refusal := q.refusalOf(conflictOf(&done[i], err))
			if refusal == nil {
				refusal = &wire.Refusal{Status: 500, Type: wire.TypeException, Reason: err.Error()}
			}
			item = map[string]any{"_index": done[i].Index, "_id": done[i].ID, "status": refusal.Status,
				"error": map[string]any{"type": refusal.Type, "reason": refusal.Reason}}
		} else {
			var status int
			status, item = written(&ops[i], &done[i])
			item["status"] = status
		}
		items[i] = map[string]any{names[i]: item}
	}
	q.answer(http.StatusOK, map[string]any{"took": q.h.opt.Now().Sub(began).Milliseconds(), "errors": failed, "items": items})
	return nil
}

// parseBulk reads the lines of a bulk request.
func parseBulk(raw []byte, defaultIndex string) (ops []index.Op, names []string, err error) {
	lines := bytes.Split(raw, []byte("\n"))
	for n := 0; n < len(lines); n++ {
		line := bytes.TrimSpace(lines[n])
		if len(line) == 0 {
			continue
		}
		var action map[string]struct {
			Index string `json:"_index"`
			ID    any    `json:"_id"`
		}
		if err := json.Unmarshal(line, &action); err != nil || len(action) != 1 {
			return nil, nil, wire.Refuse(wire.TypeIllegalArgument, "Malformed action/metadata line [%d]: expected an object with index, create, update or delete", n+1)
		}
		for name, a := range action { // order-free: there is one
			op := index.Op{Op: docs.Op{Index: a.Index, Create: name == "create", Remove: name == "delete"}}
			if op.Index == "" {
				op.Index = defaultIndex
			}
			if a.ID != nil {
				op.ID = strings.Trim(fmt.Sprint(a.ID), `"`)
			}
			if op.Index == "" {
				return nil, nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: index is missing in line [%d];", n+1)
			}
			if name != "delete" {
				if n++; n >= len(lines) || len(bytes.TrimSpace(lines[n])) == 0 {
					return nil, nil, wire.Refuse(wire.TypeIllegalArgument, "The bulk request must be terminated by a newline, and line [%d] must have a document", n+1)
				}
				doc, err := compact(lines[n])
				if err != nil {
					return nil, nil, wire.Refuse(wire.TypeParse, "line [%d]: %v", n+1, err)
				}
				op.Doc = doc
			}
			switch name {
			case "update":
				update, err := updateOp(op.Doc)
				if err != nil {
					return nil, nil, err
				}
				op.Update, op.Upsert, op.Doc = true, update.Upsert, update.Doc
			case "index", "create", "delete":
			default:
				return nil, nil, wire.Refuse(wire.TypeIllegalArgument, "Malformed action/metadata line [%d], expected [create], [delete], [index] or [update] but found [%s]", n+1, wire.Clip(name))
			}
			ops, names = append(ops, op), append(names, name)
		}
	}
	if len(ops) == 0 {
		return nil, nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: no requests added;")
	}
	return ops, names, nil
}
