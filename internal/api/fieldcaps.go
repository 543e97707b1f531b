package api

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/mapping"
	"tidemark/wire"
)

// capability is what a field is good for, as tools ask before they offer it.
type capability struct {
	Type         string   `json:"type"`
	Metadata     bool     `json:"metadata_field"`
	Searchable   bool     `json:"searchable"`
	Aggregatable bool     `json:"aggregatable"`
	Indices      []string `json:"indices,omitempty"`
}

// fieldCaps tells the fields of indices with their types.
func fieldCaps(q *request) error {
	list, err := q.targets()
	if err != nil {
		return err
	}
	patterns, err := q.fieldPatterns()
	if err != nil {
		return err
	}
	names, caps := []string{}, capabilities{}
	for i := range list {
		name := list[i].Name
		names = append(names, name)
		add := func(path string, c capability) {
			if anyPattern(patterns, path) {
				caps.add(name, path, c)
			}
		}
		list[i].Fields().Each(func(path, kind string, typ mapping.Type) {
			add(path, capability{Type: kind, Searchable: kind != "object", Aggregatable: typ != mapping.Object && typ != mapping.Text})
		})
		add("_id", capability{Type: "_id", Metadata: true, Searchable: true})
		add("_index", capability{Type: "_index", Metadata: true, Searchable: true, Aggregatable: true})
		add("_source", capability{Type: "_source", Metadata: true, Searchable: true})
	}
	caps.dropIndices()
	q.answer(http.StatusOK, map[string]any{"indices": names, "fields": caps})
	return nil
}

// fieldPatterns are the patterns of field names that a request asks for, behind
// commas: its body's, or those of its address.
func (q *request) fieldPatterns() (string, error) {
	patterns := q.query.Get("fields")
	if q.hasBody {
		var body struct {
			Fields jsontext.Value `json:"fields"`
		}
		raw, err := q.docBody()
		if err != nil {
			return "", err
		}
		if err := json.Unmarshal(raw, &body); err != nil {
			return "", wire.Refuse(wire.TypeParsing, "the request cannot be read: %v", err)
		}
		var names []string
		if body.Fields.Kind() == '[' && json.Unmarshal(body.Fields, &names) == nil {
			patterns = strings.Join(names, ",")
		} else if body.Fields.Kind() == '"' {
			patterns = strings.Trim(string(body.Fields), `"`)
		}
	}
	if patterns == "" {
		return "", wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: no fields specified;")
	}
	return patterns, nil
}

// capabilities are those of fields, by path and type.
type capabilities map[string]map[string]*capability

// add notes that a field of an index is good for what c says.
func (all capabilities) add(index, path string, c capability) {
	if all[path] == nil {
		all[path] = map[string]*capability{}
	}
	if all[path][c.Type] == nil {
		all[path][c.Type] = &c
	}
	of := all[path][c.Type]
	of.Indices = append(of.Indices, index)
}

// dropIndices leaves the indices of a field out where it is the same in all.
func (all capabilities) dropIndices() {
	for _, kinds := range all { // order-free: each is its own
		if len(kinds) == 1 {
			for _, c := range kinds { // order-free: there is one
				c.Indices = nil
			}
		}
	}
}
