package api

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"tidemark/internal/index"
	"tidemark/internal/match"
	"tidemark/internal/query"
	"tidemark/wire"
)

// searchDocs answers a search over documents and results.
func searchDocs(q *request) error {
	body := map[string]any{}
	if q.hasBody {
		raw, err := q.body()
		if err != nil {
			return err
		}
		if len(raw) > 0 {
			if err := json.Unmarshal(raw, &body); err != nil {
				return wire.Refuse(wire.TypeParsing, "the search request cannot be read: %v", err)
			}
		}
	}
	if err := q.searchParams(body); err != nil {
		return err
	}
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	began := q.h.opt.Now()
	s, err := query.New(body, began)
	if err != nil {
		return err
	}
	names := q.values["index"]
	pit, hasPit := body["pit"].(map[string]any)
	if hasPit {
		if names, err = pitIndices(pit["id"]); err != nil {
			return err
		}
	}
	if _, err := q.h.opt.Index.Search(q.Context(), names, opt, s); err != nil {
		return err
	}
	out := s.Answer()
	if hasPit {
		out["pit_id"] = pit["id"]
	}
	if asNumber, err := q.boolean("rest_total_hits_as_int", false); err != nil {
		return err
	} else if asNumber {
		out["hits"].(map[string]any)["total"] = s.Total()
	}
	out["took"], out["timed_out"], out["_shards"] = q.h.opt.Now().Sub(began).Milliseconds(), false, shards
	q.answer(http.StatusOK, out)
	return nil
}

// openPit answers with a point in time. It is a name for the indices: pages are
// stable as long as nothing is deleted or replaced meanwhile.
func openPit(q *request) error {
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	if _, err := wire.ParseDuration("keep_alive", q.query.Get("keep_alive")); err != nil {
		return err
	}
	if _, err := q.h.opt.Index.Resolve(q.Context(), q.values["index"], opt); err != nil {
		return err
	}
	q.answer(http.StatusOK, map[string]any{"id": base64.RawURLEncoding.EncodeToString([]byte(q.values["index"])), "_shards": shards})
	return nil
}

func pitIndices(id any) (string, error) {
	text, _ := id.(string)
	names, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(names) == 0 {
		return "", wire.Refuse(wire.TypeIllegalArgument, "invalid id of a point in time: [%s]", wire.Clip(text))
	}
	return string(names), nil
}

// closePit answers that a point in time is gone; it held nothing.
func closePit(q *request) error {
	raw, err := q.configBody("the id of the point in time")
	if err != nil {
		return err
	}
	var body struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return wire.Refuse(wire.TypeParsing, "the request cannot be read: %v", err)
	}
	if _, err := pitIndices(body.ID); err != nil {
		return err
	}
	q.answer(http.StatusOK, map[string]any{"succeeded": true, "num_freed": 1})
	return nil
}

// searchParams puts what the query string says into the body.
func (q *request) searchParams(body map[string]any) error {
	for _, name := range []string{"size", "from"} {
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
	if v := q.query.Get("track_total_hits"); v == "false" {
		body["track_total_hits"] = false
	}
	typed, err := q.boolean("typed_keys", false)
	if typed {
		body["typed_keys"] = true
	}
	return err
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
	body := map[string]any{}
	if q.hasBody {
		raw, err := q.body()
		if err != nil {
			return err
		}
		if len(raw) > 0 {
			if err := json.Unmarshal(raw, &body); err != nil {
				return wire.Refuse(wire.TypeParsing, "the count request cannot be read: %v", err)
			}
		}
	}
	if body == nil {
		return wire.Refuse(wire.TypeParsing, "the count request must be an object, and is null")
	}
	for name := range body { // order-free: any wrong one is named
		if name != "query" {
			return wire.Refuse(wire.TypeParsing, "request does not support [%s]", wire.Clip(name))
		}
	}
	body["size"] = 0.0
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	s, err := query.New(body, q.h.opt.Now())
	if err != nil {
		return err
	}
	if _, err := q.h.opt.Index.Search(q.Context(), q.values["index"], opt, s); err != nil {
		return err
	}
	q.answer(http.StatusOK, map[string]any{"count": s.Total(), "_shards": shards})
	return nil
}

// refreshIndex answers that everything written can be found, as it always can.
func refreshIndex(q *request) error {
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	if _, err := q.h.opt.Index.Resolve(q.Context(), q.values["index"], opt); err != nil {
		return err
	}
	q.answer(http.StatusOK, map[string]any{"_shards": shards})
	return nil
}

func createIndex(q *request) error {
	body := []byte("{}")
	if q.hasBody {
		raw, err := q.body()
		if err != nil {
			return err
		}
		if len(raw) > 0 {
			if body, err = compact(raw); err != nil {
				return err
			}
		}
	}
	name := q.values["index"]
	if err := q.h.opt.Index.Create(q.Context(), name, body); err != nil {
		return err
	}
	q.answer(http.StatusOK, map[string]any{"acknowledged": true, "shards_acknowledged": true, "index": name})
	return nil
}

func deleteIndex(q *request) error {
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	return q.acknowledge(q.h.opt.Index.Delete(q.Context(), q.values["index"], opt))
}

// putMapping adds mappings to an index. They are kept and shown; the first date
// among them narrows searches by time.
func putMapping(q *request) error {
	more, err := q.docBody()
	if err != nil {
		return err
	}
	t, err := q.target()
	if err != nil {
		return err
	}
	if t.Docs == nil {
		return q.acknowledge(nil)
	}
	var have, add map[string]any
	if err := json.Unmarshal(t.Docs.Body, &have); err != nil {
		return err
	}
	if err := json.Unmarshal(more, &add); err != nil {
		return wire.Refuse(wire.TypeParse, "the mappings cannot be read: %v", err)
	}
	mappings, _ := have["mappings"].(map[string]any)
	properties, _ := mappings["properties"].(map[string]any)
	if properties == nil {
		properties = map[string]any{}
	}
	added, _ := add["properties"].(map[string]any)
	for name, v := range added { // order-free: each member is its own
		properties[name] = v
	}
	have["mappings"] = map[string]any{"properties": properties}
	body, err := json.Marshal(have, json.Deterministic(true))
	if err != nil {
		return err
	}
	return q.acknowledge(q.h.opt.Index.SetBody(q.Context(), t.Name, body))
}

// target is the one index that a request names.
func (q *request) target() (*index.Target, error) {
	list, err := q.h.opt.Index.Resolve(q.Context(), q.values["index"], index.Options{})
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "[%s] names %d indices; name one", wire.Clip(q.values["index"]), len(list))
	}
	return &list[0], nil
}

// getIndex describes indices, or parts of them.
func getIndex(q *request) error {
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	list, err := q.h.opt.Index.Resolve(q.Context(), q.values["index"], opt)
	if err != nil {
		return err
	}
	if q.Method == http.MethodHead && len(list) == 0 {
		return index.Missing(q.values["index"])
	}
	out := map[string]any{}
	for i := range list {
		whole := describe(&list[i])
		switch {
		case strings.HasSuffix(q.URL.Path, "/_mapping"):
			out[list[i].Name] = map[string]any{"mappings": whole["mappings"]}
		case strings.HasSuffix(q.URL.Path, "/_settings"):
			out[list[i].Name] = map[string]any{"settings": whole["settings"]}
		default:
			out[list[i].Name] = whole
		}
	}
	q.answer(http.StatusOK, out)
	return nil
}

// describe is an index as the API shows it.
func describe(t *index.Target) map[string]any {
	aliases := map[string]any{}
	for _, name := range t.Aliases {
		aliases[name] = map[string]any{}
	}
	for _, j := range t.Jobs {
		filter := map[string]any{"term": map[string]any{"job_id": map[string]any{"value": j}}}
		aliases[".ml-anomalies-"+j] = map[string]any{"filter": filter, "is_hidden": true}
		aliases[".ml-anomalies-.write-"+j] = map[string]any{"is_hidden": true}
	}
	settings := map[string]any{"number_of_shards": "1", "number_of_replicas": "0", "provided_name": t.Name}
	out := map[string]any{"aliases": aliases, "mappings": map[string]any{}, "settings": map[string]any{"index": settings}}
	if t.Docs != nil {
		settings["uuid"], settings["creation_date"] = t.Docs.UUID, strconv.FormatInt(t.Docs.CreatedMs, 10)
		var body map[string]any
		if json.Unmarshal(t.Docs.Body, &body) == nil && body["mappings"] != nil {
			out["mappings"] = body["mappings"]
		}
	}
	return out
}

// getAlias lists aliases by name.
func getAlias(q *request) error {
	list, err := q.h.opt.Index.Resolve(q.Context(), q.values["index"], index.Options{AllowNone: true})
	if q.values["index"] == "" {
		list, err = q.h.opt.Index.Resolve(q.Context(), "*,.*", index.Options{AllowNone: true})
	}
	if err != nil {
		return err
	}
	want := q.values["name"]
	out, found := map[string]any{}, false
	for i := range list {
		kept := map[string]any{}
		for name, v := range describe(&list[i])["aliases"].(map[string]any) { // order-free: each is judged by itself
			if want == "" || want == "_all" || slices.ContainsFunc(strings.Split(want, ","), func(p string) bool { return match.Pattern(p, name) }) {
				kept[name], found = v, true
			}
		}
		if len(kept) > 0 || want == "" {
			out[list[i].Name] = map[string]any{"aliases": kept}
		}
	}
	if !found && want != "" && !strings.Contains(want, "*") {
		q.answer(http.StatusNotFound, map[string]any{"error": "alias [" + wire.Clip(want) + "] missing", "status": 404})
		return nil
	}
	q.answer(http.StatusOK, out)
	return nil
}
