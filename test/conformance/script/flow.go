package script

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// Step is one call of a flow and what is expected of its answer; flows/README.md
// describes the members.
type Step struct {
	Call          string
	Params        map[string]any
	Status        int
	Is            map[string]any
	Size          map[string]int
	Has, Lacks    []string
	Type          string
	Says          []string
	Save          map[string]string
	Until         bool
	Since, Before int
}

// Send calls an operation by its name with parameters; a parameter body is the
// request's body.
type Send func(call string, params map[string]any) (Answer, error)

// RunFlows leads every flow through a client of the given major version.
func RunFlows(t *testing.T, major int, send Send) {
	_, here, _, _ := runtime.Caller(0)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(here), "..", "flows", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no flows: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			saved := map[string]string{}
			for i, step := range readFlow(t, file) {
				if major < step.Since || step.Before > 0 && major >= step.Before {
					continue
				}
				step.lead(t, i+1, send, saved)
			}
		})
	}
}

// lead makes a step's call, until its answer is as expected if it may take time.
func (s *Step) lead(t *testing.T, number int, send Send, saved map[string]string) {
	t.Helper()
	params := fill(s.Params, saved).(map[string]any)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		answer, err := send(s.Call, params)
		if err != nil {
			t.Fatalf("step %d: %s %v: the client refused: %v", number, s.Call, params, err)
		}
		var body any
		if len(answer.Body) > 0 {
			if err := json.Unmarshal(answer.Body, &body); err != nil {
				t.Errorf("step %d: %s %v: the answer is no JSON: %.300s", number, s.Call, params, answer.Body)
			}
		}
		wrong := s.differences(answer.Status, body, saved)
		if len(wrong) > 0 && s.Until && time.Now().Before(deadline) {
			continue
		}
		if len(wrong) > 0 {
			t.Errorf("step %d: %s %v\n\t%s\n\tanswer: %.600s", number, s.Call, params, strings.Join(wrong, "\n\t"), answer.Body)
		}
		for name, path := range s.Save {
			saved[name] = fmt.Sprint(at(body, path))
		}
		return
	}
}

// differences lists in what an answer is not as expected.
func (s *Step) differences(status int, body any, saved map[string]string) (wrong []string) {
	if want := max(s.Status, 200); status != want {
		wrong = append(wrong, fmt.Sprintf("status %d, not %d", status, want))
	}
	if s.Type != "" && at(body, "error.type") != s.Type {
		wrong = append(wrong, fmt.Sprintf("type %v, not %s", at(body, "error.type"), s.Type))
	}
	text, _ := json.Marshal(body) // It was read from JSON.
	for _, part := range s.Says {
		if !strings.Contains(strings.ToLower(string(text)), strings.ToLower(fmt.Sprint(fill(part, saved)))) {
			wrong = append(wrong, "does not say "+part)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(s.Is)) {
		if have, want := at(body, path), fill(s.Is[path], saved); !equal(have, want) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, not %v", path, have, want))
		}
	}
	for path, want := range s.Size {
		if list, _ := at(body, path).([]any); len(list) != want {
			wrong = append(wrong, fmt.Sprintf("%s has length %d, not %d", path, len(list), want))
		}
	}
	for _, path := range s.Has {
		if at(body, path) == nil {
			wrong = append(wrong, path+" is missing")
		}
	}
	for _, path := range s.Lacks {
		if have := at(body, path); have != nil {
			wrong = append(wrong, fmt.Sprintf("%s is %v, should be absent", path, have))
		}
	}
	return wrong
}

// at returns what is at a path, or nil.
func at(value any, path string) any {
	if path == "" {
		return value
	}
	for _, name := range strings.Split(strings.ReplaceAll(path, `\.`, "\x00"), ".") {
		name = strings.ReplaceAll(name, "\x00", ".")
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// equal reports whether a value is what is wanted; of a map only the members
// that are wanted count.
func equal(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		m, ok := have.(map[string]any)
		for name, w := range want {
			ok = ok && equal(m[name], w)
		}
		return ok
	case []any:
		list, ok := have.([]any)
		ok = ok && len(list) == len(want)
		for i := range want {
			ok = ok && equal(list[i], want[i])
		}
		return ok
	}
	return have == want
}

var reference = regexp.MustCompile(`\$\{(\w+)\}`)

// fill replaces ${name} by what was saved under the name.
func fill(value any, saved map[string]string) any {
	switch v := value.(type) {
	case string:
		return reference.ReplaceAllStringFunc(v, func(r string) string { return saved[r[2:len(r)-1]] })
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, member := range v {
			out[name] = fill(member, saved)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fill(v[i], saved)
		}
		return out
	}
	return value
}

// readFlow reads a flow's steps.
func readFlow(t *testing.T, file string) (steps []Step) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]yaml.Node
	if err := yaml.Unmarshal(raw, &list); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for i, members := range list {
		var s Step
		known := map[string]any{"status": &s.Status, "is": &s.Is, "size": &s.Size, "has": &s.Has, "lacks": &s.Lacks, "type": &s.Type,
			"says": &s.Says, "save": &s.Save, "until": &s.Until, "since": &s.Since, "before": &s.Before}
		for name, node := range members {
			switch to, ok := known[name]; {
			case name == "is":
				s.Is, _ = plain(&node).(map[string]any)
			case ok:
				if err := node.Decode(to); err != nil {
					t.Fatalf("%s, step %d: %s: %v", file, i+1, name, err)
				}
			case s.Call != "":
				t.Fatalf("%s, step %d: calls both %s and %s", file, i+1, s.Call, name)
			default:
				s.Call = name
				s.Params, _ = plain(&node).(map[string]any)
			}
		}
		steps = append(steps, s)
	}
	return steps
}

// plain reads a node as JSON would have it: numbers are float64, times are texts.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias)
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i := range n.Content {
			out[i] = plain(n.Content[i])
		}
		return out
	}
	switch n.Tag {
	case "!!int", "!!float":
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return v
		}
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	}
	return n.Value
}

// lines are the operations whose bodies are lines of JSON.
var lines = map[string]bool{"ml.post_data": true, "bulk": true}

// Request fills a client's request type with parameters, by the names that the
// API gives them: job_id is the field JobID.
func Request(call string, request reflect.Value, params map[string]any) error {
	for name, value := range params {
		if name == "id" {
			name = "document_id"
		}
		field := request.FieldByNameFunc(func(f string) bool {
			return strings.EqualFold(strings.Trim(f, "_"), strings.ReplaceAll(name, "_", ""))
		})
		if !field.IsValid() {
			return fmt.Errorf("%s has no parameter %s", request.Type(), name)
		}
		if name == "body" {
			field.Set(reflect.ValueOf(io.Reader(bytes.NewReader(encode(call, value)))))
			continue
		}
		if err := set(field, value); err != nil {
			return fmt.Errorf("%s: parameter %s: %w", request.Type(), name, err)
		}
	}
	return nil
}

// encode writes a body.
func encode(call string, body any) []byte {
	list, ok := body.([]any)
	if !ok || !lines[call] {
		raw, _ := json.Marshal(body) // It was read from YAML.
		return raw
	}
	var b bytes.Buffer
	for _, line := range list {
		raw, _ := json.Marshal(line)
		b.Write(append(raw, '\n'))
	}
	return b.Bytes()
}

// set gives a field a value in the way that its type has it.
func set(field reflect.Value, value any) error {
	text := fmt.Sprint(value)
	if f, ok := value.(float64); ok {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	switch to := field.Addr().Interface().(type) {
	case *string:
		*to = text
	case *[]string:
		*to = strings.Split(text, ",")
	case **bool:
		v := text == "true"
		*to = &v
	case **int:
		n, err := strconv.Atoi(text)
		*to = &n
		return err
	case **int64:
		n, err := strconv.ParseInt(text, 10, 64)
		*to = &n
		return err
	case *bool:
		*to = text == "true"
	case *time.Duration:
		d, err := time.ParseDuration(text)
		*to = d
		return err
	case *any:
		*to = value
	default:
		return fmt.Errorf("cannot set a %s", field.Type())
	}
	return nil
}

// Requests returns a Send that makes each call with the client's request type
// for it: kinds has one value of each, do sends it.
func Requests(kinds map[string]any, do func(ctx context.Context, request reflect.Value) (Answer, error)) Send {
	return func(call string, params map[string]any) (Answer, error) {
		kind, ok := kinds[call]
		if !ok {
			return Answer{}, fmt.Errorf("this client has no %s; the flow's step needs since or before", call)
		}
		request := reflect.New(reflect.TypeOf(kind)).Elem()
		if err := Request(call, request, params); err != nil {
			return Answer{}, err
		}
		return do(context.Background(), request)
	}
}
