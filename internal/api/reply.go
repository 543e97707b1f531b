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
	filter        filter
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
	raw, err := json.Marshal(v)
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

func (q *request) contentType() string {
	if q.shape.media == "" {
		return wire.Media{}.Reply()
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
	"latest_empty_bucket_timestamp": true, "latest_sparse_bucket_timestamp": true, "last_finalized_bucket_end": true,
}

// withTimes puts a readable sibling in front of every time.
func withTimes(v jsontext.Value) jsontext.Value {
	return rewrite(v, func(name string, value jsontext.Value) (jsontext.Value, bool) {
		if !humanTimes[name] {
			return withTimes(value), true
		}
		ms, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return value, true
		}
		text := `"` + wire.FormatTime(ms) + `"`
		return jsontext.Value(text + `,"` + name + `":` + string(value)), true
	}, func(name string, value jsontext.Value) string {
		if humanTimes[name] && len(value) > 0 && value[0] != '"' && value[0] != '{' && value[0] != '[' {
			return name + "_string"
		}
		return name
	}, withTimes)
}

// rewrite copies an object or array. Each member's value goes through member,
// which may leave it out, and its name through rename; elements go through
// element.
func rewrite(v jsontext.Value, member func(string, jsontext.Value) (jsontext.Value, bool),
	rename func(string, jsontext.Value) string, element func(jsontext.Value) jsontext.Value) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	switch v.Kind() {
	case '{':
		out := []byte{'{'}
		_, _ = dec.ReadToken() // The value was encoded here and is valid.
		for dec.PeekKind() == '"' {
			token, _ := dec.ReadToken()
			name := token.String()
			value, err := dec.ReadValue()
			if err != nil {
				return v
			}
			value = value.Clone()
			changed, keep := member(name, value)
			if !keep {
				continue
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			if rename != nil {
				name = rename(name, value)
			}
			out, _ = jsontext.AppendQuote(out, name)
			out = append(append(out, ':'), changed...)
		}
		return append(out, '}')
	case '[':
		out := []byte{'['}
		_, _ = dec.ReadToken() // As above.
		for dec.PeekKind() != ']' {
			value, err := dec.ReadValue()
			if err != nil {
				return v
			}
			changed := element(value.Clone())
			if changed == nil {
				continue
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, changed...)
		}
		return append(out, ']')
	}
	return v
}
