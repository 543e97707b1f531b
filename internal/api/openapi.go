package api

import (
	"embed"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"tidemark/wire"
)

// openapiTexts say in words what the route table cannot: what an operation is
// for, and what bodies and answers look like.
//
//go:embed openapi/*.yaml
var openapiTexts embed.FS

// operation is one operation of the API in openapi/operations.yaml.
type operation struct {
	Tag, Summary, Description string
	Routes                    []string
	// Body and Answer name schemas.
	Body, Answer, Status string
	Optional             bool
	// Parameters change what parameters.yaml says of a name.
	Parameters map[string]parameter
}

// parameter is what a name in a path or query stands for.
type parameter struct {
	// Ref is another name that describes it.
	Ref         string `yaml:"$ref"`
	Type        string
	Schema      string
	Description string
	Default     any
	Enum        []string
}

// describer builds the OpenAPI description of a route table.
type describer struct {
	operations map[string]operation
	parameters map[string]parameter
	schemas    map[string]any
	document   map[string]any
	// shared are the parameters that mean the same everywhere.
	shared map[string]any
}

// newDescriber reads the texts.
func newDescriber() (*describer, error) {
	d := &describer{parameters: map[string]parameter{}}
	var parameters map[string]yaml.Node
	for name, to := range map[string]any{"info": &d.document, "operations": &d.operations, "parameters": &parameters, "schemas": &d.schemas} {
		raw, err := openapiTexts.ReadFile("openapi/" + name + ".yaml")
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(raw, to); err != nil {
			return nil, fmt.Errorf("openapi/%s.yaml: %w", name, err)
		}
	}
	for name, node := range parameters {
		if name == "ignored" {
			var names []string
			if err := node.Decode(&names); err != nil {
				return nil, err
			}
			for _, n := range names {
				d.parameters[n] = parameter{Description: "taken and without effect"}
			}
			continue
		}
		var p parameter
		if err := node.Decode(&p); err != nil {
			return nil, err
		}
		d.parameters[name] = p
	}
	return d, nil
}

// describe returns the description of the routes as JSON. A route, a parameter
// or a schema without words is an error, and so are words without a route.
func (d *describer) describe(table []route) ([]byte, error) {
	names := map[string]string{}
	for name, op := range d.operations {
		for _, r := range op.Routes {
			if other, twice := names[r]; twice {
				return nil, fmt.Errorf("openapi/operations.yaml: %s is in %s and in %s", r, other, name)
			}
			names[r] = name
		}
	}
	d.shared = map[string]any{}
	var common []any
	for _, name := range commonQuery {
		p, err := d.parameter(name, "query", parameter{})
		if err != nil {
			return nil, err
		}
		common = append(common, p)
	}
	paths := map[string]map[string]any{}
	for i := range table {
		r := &table[i]
		if strings.HasPrefix(r.path, oldPrefix+"/") {
			continue // The same as under the new prefix.
		}
		key := r.method + " " + r.path
		name, known := names[key]
		if !known {
			return nil, fmt.Errorf("openapi/operations.yaml has no operation with the route %q; add it there", key)
		}
		delete(names, key)
		described, err := d.route(name, r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if paths[r.path] == nil {
			paths[r.path] = map[string]any{"parameters": common}
		}
		paths[r.path][strings.ToLower(r.method)] = described
	}
	for r, name := range names {
		return nil, fmt.Errorf("openapi/operations.yaml: %s has the route %q, which is not served", name, r)
	}
	out := maps.Clone(d.document)
	info := maps.Clone(out["info"].(map[string]any))
	info["version"] = wire.Release
	out["info"], out["paths"] = info, paths
	refused, err := d.ref("Error")
	if err != nil {
		return nil, err
	}
	out["components"] = map[string]any{"schemas": d.schemas, "parameters": d.shared, "responses": map[string]any{"Refused": map[string]any{
		"description": "Refused; the reason names the place, the cause and the remedy.",
		"content":     map[string]any{"application/json": map[string]any{"schema": refused}}}}}
	return json.Marshal(out, json.Deterministic(true), jsontext.WithIndent("  "))
}

// route describes one route of an operation.
func (d *describer) route(name string, r *route) (map[string]any, error) {
	op := d.operations[name]
	id := name
	if at := slices.Index(op.Routes, r.method+" "+r.path); at > 0 {
		id = fmt.Sprintf("%s_%d", name, at)
	}
	out := map[string]any{"operationId": id, "tags": []string{op.Tag}, "summary": op.Summary}
	if op.Description != "" {
		out["description"] = op.Description
	}
	var list []any
	for _, s := range strings.Split(r.path, "/") {
		if value := strings.Trim(s, "{}"); value != s {
			p, err := d.parameter(value, "path", op.Parameters[value])
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	for _, q := range r.query {
		if slices.Contains(commonQuery, q) {
			continue
		}
		p, err := d.parameter(q, "query", op.Parameters[q])
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	if list != nil {
		out["parameters"] = list
	}
	if op.Body != "" && !(r.method == http.MethodHead) {
		schema, err := d.ref(op.Body)
		if err != nil {
			return nil, err
		}
		media := "application/json"
		if op.Body == "Lines" {
			media = "application/x-ndjson"
		}
		out["requestBody"] = map[string]any{"required": !op.Optional, "content": map[string]any{media: map[string]any{"schema": schema}}}
	}
	responses, err := d.responses(&op, r)
	out["responses"] = responses
	return out, err
}

// responses describes the answers of a route.
func (d *describer) responses(op *operation, r *route) (map[string]any, error) {
	answer, err := d.ref(op.Answer)
	if err != nil {
		return nil, err
	}
	good := map[string]any{"description": "Done."}
	if r.method != http.MethodHead {
		good["content"] = map[string]any{"application/json": map[string]any{"schema": answer}}
	}
	status := op.Status
	if status == "" {
		status = "2XX"
	}
	return map[string]any{status: good, "default": map[string]any{"$ref": "#/components/responses/Refused"}}, nil
}

// parameter describes a name, as told by its operation first. What an operation
// does not tell otherwise is shared.
func (d *describer) parameter(name, in string, own parameter) (map[string]any, error) {
	p, known := d.parameters[name]
	if own.Ref != "" {
		p, known = d.parameters[own.Ref]
	}
	if !known {
		return nil, fmt.Errorf("openapi/parameters.yaml does not describe %q; add it there", name)
	}
	if own.Description != "" {
		p.Description = own.Description
	}
	if own.Default != nil {
		p.Default = own.Default
	}
	schema := map[string]any{"type": "string"}
	switch {
	case p.Schema != "":
		var err error
		if schema, err = d.ref(p.Schema); err != nil {
			return nil, err
		}
	case p.Type != "":
		schema["type"] = p.Type
	}
	if p.Enum != nil {
		schema["enum"] = p.Enum
	}
	if p.Default != nil {
		schema["default"] = p.Default
	}
	out := map[string]any{"name": name, "in": in, "description": p.Description, "schema": schema}
	if in == "path" {
		out["required"] = true
	}
	if p.Type == "boolean" && in == "query" {
		out["allowEmptyValue"] = true
	}
	if own.Ref == "" && own.Description == "" && own.Default == nil {
		d.shared[in+"."+name] = out
		return map[string]any{"$ref": "#/components/parameters/" + in + "." + name}, nil
	}
	return out, nil
}

func (d *describer) ref(schema string) (map[string]any, error) {
	if _, known := d.schemas[schema]; !known {
		return nil, fmt.Errorf("openapi/schemas.yaml has no schema %q; add it there", schema)
	}
	return map[string]any{"$ref": "#/components/schemas/" + schema}, nil
}

// describeOnce builds a handler's description when it is first asked for.
func describeOnce(table []route) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		d, err := newDescriber()
		if err != nil {
			return nil, err
		}
		return d.describe(table)
	})
}

// getOpenAPI answers with the description of everything that is served.
func getOpenAPI(q *request) error {
	raw, err := q.h.description()
	if err != nil {
		return err
	}
	q.send(http.StatusOK, raw)
	return nil
}
