package query

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/jsonscan"
	"tidemark/internal/mapping"
	"tidemark/internal/match"
	"tidemark/wire"
)

// sourceFilter says which parts of a document a hit shows.
type sourceFilter struct {
	none              bool
	includes, exclude []string
}

// textList reads a text or a list of texts.
func textList(v any) (list []string, ok bool) {
	switch v := v.(type) {
	case nil:
	case string:
		list = []string{v}
	case []any:
		for _, x := range v {
			text, isText := x.(string)
			if !isText {
				return nil, false
			}
			list = append(list, text)
		}
	default:
		return nil, false
	}
	return list, true
}

func sourceOf(v any) (f sourceFilter, err error) {
	ok := true
	switch v := v.(type) {
	case nil:
	case bool:
		f.none = !v
	case string, []any:
		f.includes, ok = textList(v)
	case map[string]any:
		for name, list := range v { // order-free: each is its own
			texts, isList := textList(list)
			ok = ok && isList
			switch name {
			case "includes", "include":
				f.includes = append(f.includes, texts...)
			case "excludes", "exclude":
				f.exclude = append(f.exclude, texts...)
			default:
				return f, refuseAt(name, "[_source] knows includes and excludes, not [%s]", wire.Clip(name))
			}
		}
	default:
		ok = false
	}
	if !ok {
		err = refuseAt("_source", "[_source] must be a boolean, a field, a list of fields, or an object with includes and excludes")
	}
	return f, err
}

// FilterSource is a document with only the fields that includes choose (all, if
// it is empty) and excludes do not. Both are paths, which may have "*".
func FilterSource(doc []byte, includes, excludes []string) jsontext.Value {
	return (&sourceFilter{includes: includes, exclude: excludes}).apply(doc)
}

// apply is the document as the hit shows it.
func (f *sourceFilter) apply(doc []byte) jsontext.Value {
	if len(f.includes) == 0 && len(f.exclude) == 0 {
		return doc
	}
	return f.object(doc, "", len(f.includes) == 0)
}

// object copies the chosen members of an object; chosen: all but the excluded.
func (f *sourceFilter) object(doc []byte, above string, chosen bool) []byte {
	out := []byte{'{'}
	for name, value := range jsonscan.Members(doc) {
		path := above + name
		if anyPath(f.exclude, path) {
			continue
		}
		in := chosen || anyPath(f.includes, path)
		if value[0] == '{' || value[0] == '[' {
			if !in && !leadsTo(f.includes, path) {
				continue
			}
			part := f.value(value, path, in)
			if part == nil && !in {
				continue
			}
			value = part
		} else if !in {
			continue
		}
		if value == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, name) // The name was valid JSON.
		out = append(append(out, ':'), value...)
	}
	return append(out, '}')
}

// value copies the chosen parts of an object or a list; nil if nothing of it is
// chosen.
func (f *sourceFilter) value(value []byte, path string, chosen bool) []byte {
	if chosen && len(f.exclude) == 0 {
		return value
	}
	if value[0] == '{' {
		out := f.object(value, path+".", chosen)
		if len(out) == 2 && !chosen {
			return nil
		}
		return out
	}
	out := []byte{'['}
	for element := range jsonscan.Elements(value) {
		if element[0] == '{' || element[0] == '[' {
			element = f.value(element, path, chosen)
		} else if !chosen {
			element = nil
		}
		if element == nil {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, element...)
	}
	if len(out) == 1 && !chosen {
		return nil
	}
	return append(out, ']')
}

// anyPath reports whether a pattern chooses a path or something above it.
func anyPath(patterns []string, path string) bool {
	for _, p := range patterns {
		if match.Pattern(p, path) || strings.HasPrefix(path, p+".") {
			return true
		}
	}
	return false
}

// leadsTo reports whether a pattern may choose something below a path.
func leadsTo(patterns []string, path string) bool {
	for _, p := range patterns {
		fixed, _, open := strings.Cut(p, "*")
		if strings.HasPrefix(p, path+".") || open && (strings.HasPrefix(path+".", fixed) || strings.HasPrefix(fixed, path+".")) {
			return true
		}
	}
	return false
}

// fieldOut is a field, or a pattern of fields, that hits show beside their source.
type fieldOut struct{ name, format string }

func fieldsOut(member string, v any) (out []fieldOut, err error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	for _, item := range list {
		f := fieldOut{}
		switch item := item.(type) {
		case string:
			f.name = item
		case map[string]any:
			f.name, _ = item["field"].(string)
			f.format, _ = item["format"].(string)
		}
		if f.name == "" {
			return nil, refuseAt(member, "[%s] is a list of fields, each a name or an object with [field] and [format]", member)
		}
		out = append(out, f)
	}
	return out, nil
}

// shownFields are the values of a hit's fields, by path.
func (h *hits) shownFields(x *hit) map[string]any {
	if len(h.fields) == 0 {
		return nil
	}
	out := map[string]any{}
	leaves(x.source, "", func(path string, raw []byte) {
		for _, f := range h.fields {
			name := path
			if parent, cut := strings.CutSuffix(f.name, ".keyword"); cut && parent == path {
				name = f.name
			} else if !match.Pattern(f.name, path) {
				continue
			}
			t := fieldType{}
			if x.types != nil {
				t.Type, t.known = x.types.Type(name)
				t.format = x.types.Format(name)
			}
			v, ok := t.scalar(raw)
			if !ok {
				return
			}
			list, _ := out[name].([]any)
			switch {
			case v.Kind == Date:
				out[name] = append(list, formatDate(v.Num, f.format))
			case v.Kind == Number:
				out[name] = append(list, jsontext.Value(raw))
			default:
				out[name] = append(list, v.plain())
			}
			return
		}
	})
	return out
}

// leaves calls visit with every scalar of a value and its path.
func leaves(value []byte, path string, visit func(path string, raw []byte)) {
	switch value[0] {
	case '{':
		for name, v := range jsonscan.Members(value) {
			below := name
			if path != "" {
				below = path + "." + name
			}
			leaves(v, below, visit)
		}
	case '[':
		for v := range jsonscan.Elements(value) {
			leaves(v, path, visit)
		}
	default:
		visit(path, value)
	}
}

// formatDate writes a date in a format that requests ask for.
func formatDate(ms float64, format string) string { return formatDateIn(ms, format, nil) }

// formatDateIn writes a date by the clock of a zone, nil for UTC.
func formatDateIn(ms float64, format string, zone *time.Location) string {
	switch format {
	case "epoch_millis":
		return strconv.FormatInt(int64(ms), 10)
	case "epoch_second":
		return strconv.FormatInt(int64(ms)/1000, 10)
	}
	if zone == nil {
		zone = time.UTC
	}
	return mapping.FormatDate(int64(ms), format, zone)
}
