package api

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"

	"tidemark/wire"
)

// shape says how a client wants its answer.
type shape struct {
	media         string
	pretty, human bool
	// types: documents say their type, which all have since version 7.
	types  bool
	filter filter
}

// compressFrom is the size from which an answer is compressed if the client
// takes that: below it the answer fits into a packet or two anyway.
const compressFrom = 1400

var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // The level is valid.
	return z
}}

// answer sends a value as JSON.
func (q *request) answer(status int, v any) {
	raw, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		q.h.opt.Logger.Error("an answer cannot be encoded; this is a defect of Tidemark", "path", wire.Clip(q.URL.Path), "error", err)
		status, raw = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded","status":500}`)
	}
	q.send(status, raw)
}

// send sends JSON in the shape that the client asked for.
func (q *request) send(status int, raw []byte) {
	q.answered = true
	header := q.w.Header()
	header.Set("Content-Type", q.contentType())
	if raw != nil {
		raw = q.shape.apply(raw)
	}
	header.Add("Vary", "Accept-Encoding")
	if len(raw) >= compressFrom && acceptsGzip(q.Header.Get("Accept-Encoding")) {
		var b bytes.Buffer
		z := compressors.Get().(*gzip.Writer)
		z.Reset(&b)
		_, _ = z.Write(raw) // A buffer takes everything.
		_ = z.Close()
		compressors.Put(z)
		raw = b.Bytes()
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Length", strconv.Itoa(len(raw)))
	q.w.WriteHeader(status)
	if q.Method != http.MethodHead {
		_, _ = q.w.Write(raw) // A client that has gone needs no answer.
	}
}

// contentType is what the client accepts. A refusal may come before that was read; a
// client that accepts nothing there is gets plain JSON.
func (q *request) contentType() string {
	if q.shape.media == "" {
		accept, _ := wire.ParseAccept(q.Header.Get("Accept"))
		return accept.Reply()
	}
	return q.shape.media
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if (name == "gzip" || name == "*") && strings.ReplaceAll(params, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

// apply filters, annotates and indents an answer.
func (s *shape) apply(raw []byte) []byte {
	v := jsontext.Value(raw)
	if s.types {
		v = withTypes(v)
	}
	if s.human {
		v = withTimes(v)
	}
	v = s.filter.apply(v)
	if s.pretty {
		v = bytes.Clone(v)
		if v.Indent(jsontext.WithIndent("  ")) == nil {
			v = append(v, '\n')
		}
	}
	return v
}

// humanTimes are the fields that human=true repeats as readable times.
var humanTimes = map[string]bool{
	"create_time": true, "finished_time": true, "timestamp": true, "log_time": true, "last_data_time": true,
	"earliest_record_timestamp": true, "latest_record_timestamp": true,
	"latest_record_time_stamp": true, "latest_result_time_stamp": true,
	"latest_empty_bucket_timestamp": true, "latest_sparse_bucket_timestamp": true, "last_finalized_bucket_end": true,
	"start_time": true, "end_time": true,
}

// withTimes puts a readable sibling in front of every time. Documents of
// searches stay as they were written.
func withTimes(v jsontext.Value) jsontext.Value {
	return rewrite(v, func(o *object, name string, value jsontext.Value) {
		if name == "_source" {
			o.add(name, value)
			return
		}
		if ms, err := strconv.ParseInt(string(value), 10, 64); err == nil && humanTimes[name] {
			o.add(name+"_string", jsontext.Value(`"`+wire.FormatTime(ms)+`"`))
		}
		o.add(name, withTimes(value))
	}, withTimes)
}

// withTypes puts its type behind the index of every document, hit or change.
func withTypes(v jsontext.Value) jsontext.Value {
	return rewrite(v, func(o *object, name string, value jsontext.Value) {
		if name != "_source" {
			value = withTypes(value)
		}
		o.add(name, value)
		if name == "_index" && value.Kind() == '"' {
			o.add("_type", jsontext.Value(`"_doc"`))
		}
	}, withTypes)
}

// object is an object that is being written.
type object struct{ b []byte }

// add appends a member; a nil value adds none.
func (o *object) add(name string, value jsontext.Value) {
	if value == nil {
		return
	}
	if len(o.b) > 1 {
		o.b = append(o.b, ',')
	}
	// A name that is no valid UTF-8 is written with replacement characters.
	o.b, _ = jsontext.AppendQuote(o.b, name)
	o.b = append(append(o.b, ':'), value...)
}

// rewrite copies an object or array of an answer. Each member goes through
// member, which adds to the copy what it wants; elements go through element,
// which may return nil to leave one out. Other values are returned as they are.
func rewrite(v jsontext.Value, member func(o *object, name string, value jsontext.Value), element func(jsontext.Value) jsontext.Value) jsontext.Value {
	kind := v.Kind()
	if kind != '{' && kind != '[' {
		return v
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := dec.ReadToken(); err != nil {
		return v
	}
	out := &object{b: []byte{byte(kind)}}
	for next := dec.PeekKind(); next != '}' && next != ']'; next = dec.PeekKind() {
		name := ""
		if kind == '{' {
			token, err := dec.ReadToken()
			if err != nil {
				return v
			}
			name = token.String()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return v
		}
		value = value.Clone()
		if kind == '{' {
			member(out, name, value)
		} else if value = element(value); value != nil {
			if len(out.b) > 1 {
				out.b = append(out.b, ',')
			}
			out.b = append(out.b, value...)
		}
	}
	if kind == '{' {
		return append(out.b, '}')
	}
	return append(out.b, ']')
}
