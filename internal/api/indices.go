package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/docs"
	"tidemark/internal/index"
	"tidemark/internal/jsonscan"
	"tidemark/internal/mapping"
	"tidemark/internal/match"
	"tidemark/wire"
)

// indexRoutes are those about indices.
func indexRoutes() (list []route) {
	waits := []string{"wait_for_active_shards", "timeout", "master_timeout", "include_type_name"}
	reads := slices.Concat(unmatched, []string{"local", "master_timeout", "flat_settings", "include_defaults", "include_type_name", "features"})
	for _, at := range []string{"", "/{index}"} {
		for _, method := range []string{"GET", "POST"} {
			list = append(list,
				route{method: method, path: at + "/_refresh", handle: refreshIndex, query: unmatched},
				route{method: method, path: at + "/_flush", handle: refreshIndex, query: append(slices.Clone(unmatched), "force", "wait_if_ongoing")},
				route{method: method, path: at + "/_field_caps", handle: fieldCaps, query: append(slices.Clone(unmatched), "fields", "include_unmapped", "filters", "types", "include_empty_fields")})
		}
		list = append(list,
			route{method: "POST", path: at + "/_forcemerge", handle: refreshIndex, query: append(slices.Clone(unmatched), "flush", "max_num_segments", "only_expunge_deletes", "wait_for_completion")},
			route{method: "GET", path: at + "/_mapping", handle: getIndex, query: reads},
			route{method: "GET", path: at + "/_settings", handle: getIndex, query: reads},
			route{method: "GET", path: at + "/_settings/{name}", handle: getIndex, query: reads},
			route{method: "GET", path: at + "/_mapping/field/{fields}", handle: fieldMapping, query: reads},
			route{method: "GET", path: at + "/_alias", handle: getAlias, query: reads},
			route{method: "GET", path: at + "/_alias/{name}", handle: getAlias, query: reads},
			route{method: "HEAD", path: at + "/_alias/{name}", handle: getAlias, query: reads})
	}
	for _, method := range []string{"PUT", "POST"} {
		list = append(list,
			route{method: method, path: "/{index}/_mapping", handle: putMapping, query: slices.Concat(unmatched, waits, []string{"write_index_only"})},
			route{method: method, path: "/{index}/_alias/{name}", handle: putAlias, query: slices.Concat(unmatched, waits)},
			route{method: method, path: "/{index}/_aliases/{name}", handle: putAlias, query: slices.Concat(unmatched, waits)})
	}
	return append(list,
		route{method: "GET", path: "/{index}", handle: getIndex, query: reads},
		route{method: "HEAD", path: "/{index}", handle: getIndex, query: reads},
		route{method: "PUT", path: "/{index}", handle: createIndex, query: waits},
		route{method: "DELETE", path: "/{index}", handle: deleteIndex, query: slices.Concat(unmatched, waits)},
		route{method: "PUT", path: "/{index}/_settings", handle: putSettings, query: slices.Concat(unmatched, waits, []string{"preserve_existing", "flat_settings", "reopen"})},
		route{method: "DELETE", path: "/{index}/_alias/{name}", handle: deleteAlias, query: waits},
		route{method: "POST", path: "/_aliases", handle: changeAliases, query: waits})
}

// refreshIndex answers that everything written can be found, as it always can.
func refreshIndex(q *request) error {
	if _, err := q.targets(); err != nil {
		return err
	}
	q.answer(http.StatusOK, map[string]any{"_shards": shards})
	return nil
}

// targets are the indices that a request names.
func (q *request) targets() ([]index.Target, error) { return q.targetsOr("_all") }

// targetsOr are the indices that a request names, or others if it names none.
func (q *request) targetsOr(names string) ([]index.Target, error) {
	opt, err := q.unmatchedOptions()
	if err != nil {
		return nil, err
	}
	if q.values["index"] != "" {
		names = q.values["index"]
	}
	return q.h.opt.Index.Resolve(names, opt)
}

// optionalObject reads a body that is an object, "{}" without one.
func (q *request) optionalObject() ([]byte, error) {
	if !q.hasBody {
		return []byte("{}"), nil
	}
	raw, err := q.body()
	if err != nil || len(raw) == 0 {
		return []byte("{}"), err
	}
	return compact(raw)
}

func createIndex(q *request) error {
	body, err := q.optionalObject()
	if err != nil {
		return err
	}
	var def docs.Definition
	for name, v := range jsonscan.Members(body) {
		if v[0] != '{' {
			return wire.Refuse(wire.TypeParse, "[%s] of an index must be an object", wire.Clip(name))
		}
		switch name {
		case "mappings":
			def.Mappings = v
		case "settings":
			def.Settings = v
		case "aliases":
			def.Aliases = v
		default:
			return wire.Refuse(wire.TypeParse, "unknown key [%s] for create index; it takes mappings, settings and aliases", wire.Clip(name))
		}
	}
	if def.Mappings, err = q.untyped(def.Mappings); err != nil {
		return err
	}
	name := q.values["index"]
	if err := q.h.opt.Index.Create(q.Context(), name, def); err != nil {
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

// typeNames reports whether mappings have the name of a type around them, as they had
// before version 8.
func (q *request) typeNames() (bool, error) {
	if q.accept.Compat == 7 && q.query.Has("include_type_name") {
		q.w.Header().Add("Warning", warning(q.h.opt.Version, "[types removal] [include_type_name] has no use since version 8; leave it out"))
	}
	return q.boolean("include_type_name", false)
}

// untyped are mappings without the name of a type around them. Clients before version
// 7 send one without saying so.
func (q *request) untyped(mappings []byte) ([]byte, error) {
	named, err := q.typeNames()
	if err != nil {
		return nil, err
	}
	types, inner := 0, mappings
	for name, v := range jsonscan.Members(mappings) {
		types++
		if v[0] == '{' && !mapping.IsParameter(name) {
			inner = v
		}
	}
	typed := named
	for name := range jsonscan.Members(inner) {
		typed = typed || name == "properties"
	}
	switch {
	case types == 1 && typed, types == 0:
		return inner, nil
	case named:
		return nil, wire.Refuse(wire.TypeMapperParsing, "mappings with [include_type_name] have one type and the fields within it, not %d members; leave the parameter out", types)
	}
	return mappings, nil
}

func putMapping(q *request) error {
	return q.changeIndices(func(ctx context.Context, name string, opt index.Options, mappings []byte) error {
		mappings, err := q.untyped(mappings)
		if err != nil {
			return err
		}
		return q.h.opt.Index.AddMappings(ctx, name, opt, mappings)
	})
}

func putSettings(q *request) error { return q.changeIndices(q.h.opt.Index.AddSettings) }

// changeIndices adds what the body says to the indices that the path names.
func (q *request) changeIndices(add func(context.Context, string, index.Options, []byte) error) error {
	more, err := q.docBody()
	if err != nil {
		return err
	}
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	return q.acknowledge(add(q.Context(), q.values["index"], opt, more))
}

// getIndex describes indices, or parts of them.
func getIndex(q *request) error {
	list, err := q.targets()
	if err != nil {
		return err
	}
	if q.Method == http.MethodHead && len(list) == 0 {
		return index.Missing(q.values["index"])
	}
	flat, err := q.boolean("flat_settings", false)
	if err != nil {
		return err
	}
	typed, err := q.typeNames()
	if err != nil {
		return err
	}
	out := map[string]any{}
	for i := range list {
		whole := describe(&list[i], flat)
		if typed {
			whole["mappings"] = map[string]any{"_doc": whole["mappings"]}
		}
		switch {
		case strings.HasSuffix(q.URL.Path, "/_mapping"):
			out[list[i].Name] = map[string]any{"mappings": whole["mappings"]}
		case strings.Contains(q.URL.Path, "/_settings"):
			out[list[i].Name] = map[string]any{"settings": whole["settings"]}
		default:
			out[list[i].Name] = whole
		}
	}
	q.answer(http.StatusOK, out)
	return nil
}

// describe is an index as the API shows it.
func describe(t *index.Target, flat bool) map[string]any {
	aliases := map[string]any{}
	for _, name := range t.Aliases {
		aliases[name] = map[string]any{}
	}
	for _, j := range t.Jobs {
		filter := map[string]any{"term": map[string]any{"job_id": map[string]any{"value": j}}}
		aliases[".ml-anomalies-"+j] = map[string]any{"filter": filter, "is_hidden": true}
		aliases[".ml-anomalies-.write-"+j] = map[string]any{"is_hidden": true}
	}
	settings := map[string]any{"index.number_of_shards": "1", "index.number_of_replicas": "0", "index.provided_name": t.Name}
	if strings.HasPrefix(t.Name, ".") {
		settings["index.hidden"] = "true"
	}
	if t.Docs != nil {
		settings["index.uuid"], settings["index.creation_date"] = t.Docs.UUID, strconv.FormatInt(t.Docs.CreatedMs, 10)
		flatten(settings, "index.", t.Docs.Settings)
		maps.DeleteFunc(settings, func(_ string, v any) bool { return v == nil })
	}
	out := map[string]any{"aliases": aliases, "mappings": t.Fields().JSON(), "settings": settings}
	if !flat {
		out["settings"] = nested(settings)
	}
	return out
}

// flatten puts settings under their full names, values as texts, null as nil.
func flatten(out map[string]any, above string, object []byte) {
	for name, v := range jsonscan.Members(object) {
		if above == "index." && (name == "index" || strings.HasPrefix(name, "index.")) {
			name = strings.TrimPrefix(name, "index")
			name = strings.TrimPrefix(name, ".")
		}
		path := above + name
		switch v[0] {
		case '{':
			if !strings.HasSuffix(path, ".") {
				path += "."
			}
			flatten(out, path, v)
		case '"':
			out[path] = jsonscan.Text(v)
		case '[':
			out[path] = jsontext.Value(v)
		case 'n':
			out[path] = nil
		default:
			out[path] = string(v)
		}
	}
}

// nested turns names with dots into objects.
func nested(flat map[string]any) map[string]any {
	out := map[string]any{}
	for _, path := range slices.Sorted(maps.Keys(flat)) {
		at, parts := out, strings.Split(path, ".")
		for _, part := range parts[:len(parts)-1] {
			next, ok := at[part].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = flat[path]
	}
	return out
}

// fieldMapping shows the mappings of single fields.
func fieldMapping(q *request) error {
	list, err := q.targets()
	if err != nil {
		return err
	}
	typed, err := q.typeNames()
	if err != nil {
		return err
	}
	out := map[string]any{}
	for i := range list {
		found := map[string]any{}
		list[i].Fields().Each(func(path, kind string, typ mapping.Type) {
			if typ != mapping.Object && anyPattern(q.values["fields"], path) {
				last := path[strings.LastIndexByte(path, '.')+1:]
				found[path] = map[string]any{"full_name": path, "mapping": map[string]any{last: map[string]any{"type": kind}}}
			}
		})
		if typed {
			found = map[string]any{"_doc": found}
		}
		out[list[i].Name] = map[string]any{"mappings": found}
	}
	q.answer(http.StatusOK, out)
	return nil
}

// anyPattern reports whether a comma list of patterns chooses a name.
func anyPattern(patterns, name string) bool {
	for p := range strings.SplitSeq(patterns, ",") {
		if p == "_all" || match.Pattern(p, name) {
			return true
		}
	}
	return false
}

// getAlias lists aliases by name.
func getAlias(q *request) error {
	list, err := q.targetsOr("*,.*")
	if err != nil {
		return err
	}
	want := q.values["name"]
	out, missing := map[string]any{}, map[string]bool{}
	for name := range strings.SplitSeq(want, ",") {
		missing[name] = name != "" && name != "_all" && !strings.Contains(name, "*")
	}
	for i := range list {
		kept := map[string]any{}
		for name, v := range describe(&list[i], false)["aliases"].(map[string]any) { // order-free: each is judged by itself
			if want == "" || anyPattern(want, name) {
				kept[name], missing[name] = v, false
			}
		}
		if len(kept) > 0 || want == "" {
			out[list[i].Name] = map[string]any{"aliases": kept}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		if missing[name] {
			out["error"], out["status"] = "alias ["+wire.Clip(name)+"] missing", http.StatusNotFound
			q.answer(http.StatusNotFound, out)
			return nil
		}
	}
	if q.Method == http.MethodHead && len(out) == 0 {
		q.answer(http.StatusNotFound, nil)
		return nil
	}
	q.answer(http.StatusOK, out)
	return nil
}

func putAlias(q *request) error {
	properties, err := q.optionalObject()
	if err != nil {
		return err
	}
	opt, err := q.unmatchedOptions()
	if err != nil {
		return err
	}
	return q.acknowledge(q.h.opt.Index.SetAlias(q.Context(), q.values["index"], opt, q.values["name"], properties))
}

func deleteAlias(q *request) error {
	return q.acknowledge(q.h.opt.Index.SetAlias(q.Context(), q.values["index"], index.Options{AllowNone: true}, q.values["name"], nil))
}

// changeAliases gives and takes away several aliases.
func changeAliases(q *request) error {
	raw, err := q.docBody()
	if err != nil {
		return err
	}
	type change struct {
		Index   string   `json:"index"`
		Indices []string `json:"indices"`
		Alias   string   `json:"alias"`
		Aliases []string `json:"aliases"`
		// Filter is refused where an alias is set.
		Filter jsontext.Value `json:"filter"`
	}
	var body struct {
		Actions []map[string]jsontext.Value `json:"actions"`
	}
	if err := json.Unmarshal(raw, &body); err != nil || len(body.Actions) == 0 {
		return wire.Refuse(wire.TypeIllegalArgument, "the request needs [actions], a list of objects with add or remove")
	}
	for _, action := range body.Actions {
		for name, v := range action { // order-free: there is one
			var c change
			if err := json.Unmarshal(v, &c); err != nil || len(action) != 1 {
				return wire.Refuse(wire.TypeIllegalArgument, "an action of [aliases] is one object with [index] and [alias]")
			}
			var properties []byte
			switch name {
			case "add":
				properties = []byte("{}")
				if len(c.Filter) > 0 {
					properties = []byte(`{"filter":{}}`)
				}
			case "remove":
			default:
				return wire.Refuse(wire.TypeIllegalArgument, "[aliases] knows add and remove, not [%s]", wire.Clip(name))
			}
			indices := strings.Join(append(c.Indices, c.Index), ",")
			for _, alias := range append(c.Aliases, c.Alias) {
				if alias == "" {
					continue
				}
				if err := q.h.opt.Index.SetAlias(q.Context(), strings.Trim(indices, ","), index.Options{}, alias, properties); err != nil {
					return err
				}
			}
		}
	}
	return q.acknowledge(nil)
}
