// Package mapping knows the types of an index's fields: as they were declared,
// and as the first document with a field showed them.
package mapping

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// Type is what the values of a field are.
type Type uint8

// The types that make a difference to searches. Other declared types, such as
// ip, are kept by name and read as Keyword.
const (
	// Unknown: nothing was declared or seen; each value speaks for itself.
	Unknown Type = iota
	Object
	// Text is broken into words, Keyword is one value.
	Text
	Keyword
	Integer
	Float
	Bool
	Date
)

// Limits on what documents may teach.
const (
	maxFields = 1000
	maxDepth  = 20
)

// Fields are the types of an index's fields. They do not change: learning
// makes new ones.
type Fields struct {
	root field
	// dynamic is what becomes of fields that were not declared: "" or "true"
	// learns them, "false" and "runtime" leave them, "strict" refuses.
	dynamic string
	extra   map[string]jsontext.Value // other members of the mappings
	count   int
}

// field is one field or object.
type field struct {
	typ    Type
	kind   string // as declared
	format string
	// lenient fields take values that do not fit, but are not found by them.
	lenient bool
	props   map[string]*field
	subs    map[string]*field         // the same values under other types
	params  map[string]jsontext.Value // other parameters, as they were given
}

// kinds are the types by their names on the wire.
var kinds = map[string]Type{
	"object": Object, "nested": Object, "flattened": Object,
	"text": Text, "match_only_text": Text, "keyword": Keyword, "constant_keyword": Keyword, "wildcard": Keyword, "ip": Keyword, "version": Keyword,
	"long": Integer, "integer": Integer, "short": Integer, "byte": Integer, "unsigned_long": Integer,
	"double": Float, "float": Float, "half_float": Float, "scaled_float": Float, "boolean": Bool, "date": Date, "date_nanos": Date,
	// These are stored and shown; searches see their values as they are.
	"alias": Unknown, "binary": Unknown, "geo_point": Unknown, "geo_shape": Unknown, "point": Unknown, "shape": Unknown, "integer_range": Unknown, "long_range": Unknown,
	"float_range": Unknown, "double_range": Unknown, "date_range": Unknown, "ip_range": Unknown, "dense_vector": Unknown, "sparse_vector": Unknown,
	"completion": Unknown, "search_as_you_type": Text, "token_count": Integer, "rank_feature": Float, "histogram": Unknown, "aggregate_metric_double": Unknown,
	"join": Unknown, "percolator": Unknown, "murmur3": Unknown,
}

// parameters are the members of mappings.
var parameters = []string{"properties", "dynamic", "date_detection", "numeric_detection", "dynamic_templates", "dynamic_date_formats", "_source", "_meta", "_routing",
	"_field_names", "_data_stream_timestamp", "runtime"}

// IsParameter reports whether mappings may have a member of a name.
func IsParameter(name string) bool { return slices.Contains(parameters, name) }

// Parse reads mappings, {"properties": …}; nothing means none. The error is a
// *wire.Refusal.
func Parse(raw []byte) (*Fields, error) {
	f := &Fields{root: field{typ: Object}, extra: map[string]jsontext.Value{}}
	if len(raw) == 0 || string(raw) == "null" {
		return f, nil
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, refuse("the mappings cannot be read: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch v := members[name]; name {
		case "properties":
			props, err := f.properties(v, "", 0)
			if err != nil {
				return nil, err
			}
			f.root.props = props
		case "dynamic":
			f.dynamic = strings.Trim(string(v), `"`)
		default:
			if IsParameter(name) {
				f.extra[name] = v
				continue
			}
			return nil, refuse("Root mapping definition has unsupported parameters: [%s]; types of fields belong below [properties]", wire.Clip(name))
		}
	}
	return f, nil
}

func refuse(format string, args ...any) *wire.Refusal {
	return wire.Refuse(wire.TypeMapperParsing, format, args...)
}

func (f *Fields) properties(raw jsontext.Value, above string, depth int) (map[string]*field, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, refuse("[properties] of [%s] must be an object of fields", wire.Clip(above))
	}
	if depth > maxDepth {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "the mapping is deeper than %d objects", maxDepth)
	}
	props := make(map[string]*field, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		made, err := f.declared(members[name], above+name, depth)
		if err != nil {
			return nil, err
		}
		// A name with dots means objects within objects.
		at, parts := props, strings.Split(name, ".")
		for _, part := range parts[:len(parts)-1] {
			if at[part] == nil || at[part].typ != Object {
				at[part] = &field{typ: Object}
			}
			if at[part].props == nil {
				at[part].props = map[string]*field{}
			}
			at = at[part].props
		}
		at[parts[len(parts)-1]] = made
	}
	return props, nil
}

// declared reads the mapping of one field.
func (f *Fields) declared(raw jsontext.Value, path string, depth int) (*field, error) {
	if f.count++; f.count > maxFields {
		return nil, tooMany()
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, refuse("the mapping of field [%s] must be an object", wire.Clip(path))
	}
	out := &field{params: map[string]jsontext.Value{}}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		v := members[name]
		var err error
		switch name {
		case "type":
			err = json.Unmarshal(v, &out.kind)
		case "format":
			err = json.Unmarshal(v, &out.format)
		case "ignore_malformed":
			out.lenient = strings.Trim(string(v), `"`) == "true"
			out.params[name] = v
		case "properties":
			out.props, err = f.properties(v, path+".", depth+1)
		case "fields":
			out.subs, err = f.properties(v, path+".", depth+1)
		default:
			out.params[name] = v
		}
		if err != nil {
			if refused, ok := err.(*wire.Refusal); ok {
				return nil, refused
			}
			return nil, refuse("[%s] of field [%s] must be a text", name, wire.Clip(path))
		}
	}
	typ, known := kinds[out.kind]
	switch {
	case out.kind == "" && len(members) > 0 && out.props == nil && members["dynamic"] == nil && members["enabled"] == nil:
		return nil, refuse("No type specified for field [%s]", wire.Clip(path))
	case out.kind == "":
		typ = Object
	case !known:
		return nil, refuse("The mapper type [%s] declared on field [%s] does not exist", wire.Clip(out.kind), wire.Clip(path))
	}
	out.typ = typ
	return out, nil
}

func tooMany() error {
	return wire.Refuse(wire.TypeIllegalArgument, "Limit of total fields [%d] has been exceeded; keep documents of different kinds in different indices, or declare [dynamic] as false", maxFields)
}

// lookup is the field at a path, nil for one that is not known.
func (f *Fields) lookup(path string) *field {
	at := &f.root
	for path != "" {
		head, tail, _ := strings.Cut(path, ".")
		next := at.props[head]
		if next == nil {
			next = at.subs[head]
		}
		if next == nil {
			return nil
		}
		at, path = next, tail
	}
	return at
}

// IsSubfield reports whether the field at a path is another view of the values of
// the one above it.
func (f *Fields) IsSubfield(path string) bool {
	last := strings.LastIndexByte(path, '.')
	if last < 0 {
		return false
	}
	above := f.lookup(path[:last])
	return above != nil && above.subs[path[last+1:]] != nil
}

// Type is the type of the field at a path; known is false if nothing was
// declared or seen there.
func (f *Fields) Type(path string) (typ Type, known bool) {
	if at := f.lookup(path); at != nil {
		return at.typ, true
	}
	return Unknown, false
}

// Format is how the dates of a field are written, "" for the usual forms.
func (f *Fields) Format(path string) string {
	if at := f.lookup(path); at != nil {
		return at.format
	}
	return ""
}

// usualTimes are the fields that most documents have their time in.
var usualTimes = []string{"@timestamp", "timestamp", "time"}

// TimeField is the date that documents are most likely searched by, or a number of
// a date's usual name; "" without either.
func (f *Fields) TimeField() string {
	for _, name := range usualTimes {
		if typ, _ := f.Type(name); typ == Date {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.root.props)) {
		if f.root.props[name].typ == Date {
			return name
		}
	}
	for _, name := range usualTimes {
		if typ, _ := f.Type(name); typ == Integer {
			return name
		}
	}
	return ""
}

// Each calls visit with every field that has values, by path.
func (f *Fields) Each(visit func(path, kind string, typ Type)) { each(&f.root, "", visit) }

func each(at *field, above string, visit func(path, kind string, typ Type)) {
	for _, list := range []map[string]*field{at.props, at.subs} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			in := list[name]
			kind := in.kind
			if kind == "" {
				kind = "object"
			}
			visit(above+name, kind, in.typ)
			each(in, above+name+".", visit)
		}
	}
}

// JSON writes the mappings.
func (f *Fields) JSON() jsontext.Value {
	out := map[string]any{}
	for name, v := range f.extra { // order-free: written sorted
		out[name] = v
	}
	if f.dynamic != "" {
		out["dynamic"] = f.dynamic
	}
	if len(f.root.props) > 0 {
		out["properties"] = shown(f.root.props)
	}
	raw, err := json.Marshal(out, json.Deterministic(true))
	if err != nil {
		return jsontext.Value("{}") // Members were valid JSON when they came in.
	}
	return raw
}

func shown(props map[string]*field) map[string]any {
	out := map[string]any{}
	for name, p := range props { // order-free: written sorted
		one := map[string]any{}
		for param, v := range p.params { // order-free: written sorted
			one[param] = v
		}
		if p.kind != "" && p.kind != "object" {
			one["type"] = p.kind
		}
		if p.format != "" {
			one["format"] = p.format
		}
		if p.props != nil {
			one["properties"] = shown(p.props)
		}
		if p.subs != nil {
			one["fields"] = shown(p.subs)
		}
		out[name] = one
	}
	return out
}

// Merge adds further mappings. A field keeps its type.
func (f *Fields) Merge(raw []byte) (*Fields, error) {
	more, err := Parse(raw)
	if err != nil {
		return nil, err
	}
	out := f.clone()
	if more.dynamic != "" {
		out.dynamic = more.dynamic
	}
	maps.Copy(out.extra, more.extra)
	if err := merge(&out.root, &more.root, ""); err != nil {
		return nil, err
	}
	out.count = 0
	out.Each(func(string, string, Type) { out.count++ })
	if out.count > maxFields {
		return nil, tooMany()
	}
	return out, nil
}

func merge(into, more *field, above string) error {
	for _, name := range slices.Sorted(maps.Keys(more.props)) {
		add, have := more.props[name], into.props[name]
		switch {
		case have == nil:
			if into.props == nil {
				into.props = map[string]*field{}
			}
			into.props[name] = add
		case have.kind != add.kind && (have.typ != Object || add.typ != Object):
			return wire.Refuse(wire.TypeIllegalArgument, "mapper [%s] cannot be changed from type [%s] to [%s]; make another index", wire.Clip(above+name), have.kind, add.kind)
		default:
			maps.Copy(have.params, add.params)
			if have.subs == nil {
				have.subs = add.subs
			} else {
				maps.Copy(have.subs, add.subs)
			}
			if err := merge(have, add, above+name+"."); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Fields) clone() *Fields {
	out := &Fields{root: *f.root.clone(), dynamic: f.dynamic, extra: maps.Clone(f.extra), count: f.count}
	return out
}

func (p *field) clone() *field {
	out := *p
	out.params = maps.Clone(p.params)
	if out.params == nil {
		out.params = map[string]jsontext.Value{}
	}
	if p.props != nil {
		out.props = make(map[string]*field, len(p.props))
		for name, in := range p.props { // order-free: each is copied by itself
			out.props[name] = in.clone()
		}
	}
	out.subs = maps.Clone(p.subs)
	return &out
}
