package api

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var writeDescription = flag.Bool("openapi.write", false, "write docs/openapi.json")

const descriptionFile = "../../docs/openapi.json"

// TestDescription holds the description to the route table in both directions:
// describe refuses routes, parameters and schemas without words, and routes that
// are not served. What is left over in words is found here.
func TestDescription(t *testing.T) {
	r := newRig(t, Options{})
	raw := []byte(r.must(200, "GET", "/_tidemark/openapi.json?pretty", ""))
	if *writeDescription {
		if err := os.WriteFile(descriptionFile, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(descriptionFile)
	if err != nil || !bytes.Equal(written, raw) {
		t.Errorf("docs/openapi.json is not what is served (%v); run go test ./internal/api -run TestDescription -openapi.write", err)
	}
	d, err := newDescriber()
	if err != nil {
		t.Fatal(err)
	}
	for name := range d.schemas {
		if !strings.Contains(string(raw), `"$ref": "#/components/schemas/`+name+`"`) {
			t.Errorf("openapi/schemas.yaml: nothing refers to %s", name)
		}
	}
	used := map[string]bool{}
	for _, op := range d.operations {
		for _, p := range op.Parameters {
			used[p.Ref] = true
		}
	}
	for _, r := range table() {
		for _, s := range append(strings.Split(r.path, "/"), r.query...) {
			used[strings.Trim(s, "{}")] = true
		}
	}
	for name := range d.parameters {
		if !used[name] && !slices.Contains(commonQuery, name) {
			t.Errorf("openapi/parameters.yaml: no route has %s", name)
		}
	}
}

// TestDescriptionRefuses breaks the agreement of words and routes on purpose.
func TestDescriptionRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*describer, []route) []route{
		"a route without words":     func(_ *describer, t []route) []route { return append(t, route{method: "GET", path: "/_new"}) },
		"words without a route":     func(_ *describer, t []route) []route { return t[1:] },
		"a parameter without words": func(_ *describer, t []route) []route { t[0].query = []string{"new"}; return t },
		"an unknown schema": func(d *describer, t []route) []route {
			op := d.operations["ml.info"]
			op.Answer = "Nothing"
			d.operations["ml.info"] = op
			return t
		},
		"a route in two operations": func(d *describer, t []route) []route {
			d.operations["again"] = d.operations["ml.info"]
			return t
		},
	} {
		d, err := newDescriber()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.describe(spoil(d, table())); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// answerCheck validates answers and bodies against the description, as strictly
// as possible: a member without words is an error.
type answerCheck struct {
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
	d        *describer
	routes   *routes
	byRoute  map[string]operation
}

const checkedURL = "https://tidemark.test/openapi.json"

var newAnswerCheck = sync.OnceValues(func() (*answerCheck, error) {
	d, err := newDescriber()
	if err != nil {
		return nil, err
	}
	raw, err := d.describe(table())
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	for _, s := range doc.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		closeObjects(s)
	}
	c := &answerCheck{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}, d: d, routes: newRoutes(table()), byRoute: map[string]operation{}}
	if err := c.compiler.AddResource(checkedURL, doc); err != nil {
		return nil, err
	}
	for name := range d.schemas {
		if c.schemas[name], err = c.compiler.Compile(checkedURL + "#/components/schemas/" + name); err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
	}
	for _, op := range d.operations {
		for _, r := range op.Routes {
			c.byRoute[r] = op
		}
	}
	return c, nil
})

// closeObjects forbids members that a schema does not name.
func closeObjects(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		if _, has := s["properties"]; has {
			if _, open := s["additionalProperties"]; !open {
				s["additionalProperties"] = false
			}
		}
		for _, inner := range s {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range s {
			closeObjects(inner)
		}
	}
}

// answer checks one answer; whole answers in JSON only.
func (c *answerCheck) answer(method, path, query string, w *httptest.ResponseRecorder) error {
	route, _, _ := c.routes.find(method, path)
	if route == nil || method == http.MethodHead || w.Body.Len() == 0 || strings.Contains(query, "filter_path") || strings.Contains(query, "human") ||
		strings.HasPrefix(w.Header().Get("Content-Type"), "text/") || w.Header().Get("Content-Encoding") != "" {
		return nil
	}
	op, known := c.byRoute[method+" "+prefix+strings.TrimPrefix(route.path, oldPrefix)]
	if !known {
		op = c.byRoute[method+" "+route.path]
	}
	schema := op.Answer
	// What finds nothing answers 404 in the form of its success.
	if w.Code >= 400 && !(w.Code == 404 && !strings.Contains(w.Body.String(), `"error"`)) {
		schema = "Error"
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err == nil {
		err = c.schemas[schema].Validate(value)
	}
	if err != nil {
		return fmt.Errorf("%s %s: the answer is not as openapi/schemas.yaml describes %s: %v\n%.500s", method, path, schema, err, w.Body)
	}
	return nil
}

// checkAnswer holds every answer of every test to the description; results only
// until a client writes some, which may look as it likes.
func (r *rig) checkAnswer(method, target string, w *httptest.ResponseRecorder) {
	r.t.Helper()
	check, err := newAnswerCheck()
	if err != nil {
		r.t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	if method != http.MethodGet && (strings.HasPrefix(path, "/.ml-") || strings.HasSuffix(path, "/_bulk")) {
		r.foreign = true
	}
	if r.foreign && strings.Contains(path, "/results/") {
		return
	}
	if err := check.answer(method, path, query, w); err != nil {
		r.t.Error(err)
	}
}

// mlOperations are the operations of the machine learning API that concern
// anomaly detection, with all their pairs of method and path, written down from
// the API's specification and not from the route table.
var mlOperations = map[string]string{
	"ml.put_job":                          "PUT /_ml/anomaly_detectors/{}",
	"ml.get_jobs":                         "GET /_ml/anomaly_detectors; GET /_ml/anomaly_detectors/{}",
	"ml.get_job_stats":                    "GET /_ml/anomaly_detectors/_stats; GET /_ml/anomaly_detectors/{}/_stats",
	"ml.update_job":                       "POST /_ml/anomaly_detectors/{}/_update",
	"ml.delete_job":                       "DELETE /_ml/anomaly_detectors/{}",
	"ml.open_job":                         "POST /_ml/anomaly_detectors/{}/_open",
	"ml.close_job":                        "POST /_ml/anomaly_detectors/{}/_close",
	"ml.reset_job":                        "POST /_ml/anomaly_detectors/{}/_reset",
	"ml.flush_job":                        "POST /_ml/anomaly_detectors/{}/_flush",
	"ml.post_data":                        "POST /_ml/anomaly_detectors/{}/_data",
	"ml.forecast":                         "POST /_ml/anomaly_detectors/{}/_forecast",
	"ml.delete_forecast":                  "DELETE /_ml/anomaly_detectors/{}/_forecast; DELETE /_ml/anomaly_detectors/{}/_forecast/{}",
	"ml.validate":                         "POST /_ml/anomaly_detectors/_validate",
	"ml.validate_detector":                "POST /_ml/anomaly_detectors/_validate/detector",
	"ml.estimate_model_memory":            "POST /_ml/anomaly_detectors/_estimate_model_memory",
	"ml.get_buckets":                      "GET|POST /_ml/anomaly_detectors/{}/results/buckets; GET|POST /_ml/anomaly_detectors/{}/results/buckets/{}",
	"ml.get_records":                      "GET|POST /_ml/anomaly_detectors/{}/results/records",
	"ml.get_influencers":                  "GET|POST /_ml/anomaly_detectors/{}/results/influencers",
	"ml.get_categories":                   "GET|POST /_ml/anomaly_detectors/{}/results/categories; GET|POST /_ml/anomaly_detectors/{}/results/categories/{}",
	"ml.get_overall_buckets":              "GET|POST /_ml/anomaly_detectors/{}/results/overall_buckets",
	"ml.get_model_snapshots":              "GET|POST /_ml/anomaly_detectors/{}/model_snapshots; GET|POST /_ml/anomaly_detectors/{}/model_snapshots/{}",
	"ml.update_model_snapshot":            "POST /_ml/anomaly_detectors/{}/model_snapshots/{}/_update",
	"ml.delete_model_snapshot":            "DELETE /_ml/anomaly_detectors/{}/model_snapshots/{}",
	"ml.revert_model_snapshot":            "POST /_ml/anomaly_detectors/{}/model_snapshots/{}/_revert",
	"ml.upgrade_job_snapshot":             "POST /_ml/anomaly_detectors/{}/model_snapshots/{}/_upgrade",
	"ml.get_model_snapshot_upgrade_stats": "GET /_ml/anomaly_detectors/{}/model_snapshots/{}/_upgrade/_stats",
	"ml.put_calendar":                     "PUT /_ml/calendars/{}",
	"ml.get_calendars":                    "GET|POST /_ml/calendars; GET|POST /_ml/calendars/{}",
	"ml.delete_calendar":                  "DELETE /_ml/calendars/{}",
	"ml.put_calendar_job":                 "PUT /_ml/calendars/{}/jobs/{}",
	"ml.delete_calendar_job":              "DELETE /_ml/calendars/{}/jobs/{}",
	"ml.post_calendar_events":             "POST /_ml/calendars/{}/events",
	"ml.get_calendar_events":              "GET /_ml/calendars/{}/events",
	"ml.delete_calendar_event":            "DELETE /_ml/calendars/{}/events/{}",
	"ml.put_filter":                       "PUT /_ml/filters/{}",
	"ml.get_filters":                      "GET /_ml/filters; GET /_ml/filters/{}",
	"ml.update_filter":                    "POST /_ml/filters/{}/_update",
	"ml.delete_filter":                    "DELETE /_ml/filters/{}",
	"ml.put_datafeed":                     "PUT /_ml/datafeeds/{}",
	"ml.get_datafeeds":                    "GET /_ml/datafeeds; GET /_ml/datafeeds/{}",
	"ml.get_datafeed_stats":               "GET /_ml/datafeeds/_stats; GET /_ml/datafeeds/{}/_stats",
	"ml.update_datafeed":                  "POST /_ml/datafeeds/{}/_update",
	"ml.delete_datafeed":                  "DELETE /_ml/datafeeds/{}",
	"ml.start_datafeed":                   "POST /_ml/datafeeds/{}/_start",
	"ml.stop_datafeed":                    "POST /_ml/datafeeds/{}/_stop",
	"ml.preview_datafeed":                 "GET|POST /_ml/datafeeds/_preview; GET|POST /_ml/datafeeds/{}/_preview",
	"ml.info":                             "GET /_ml/info",
	"ml.get_memory_stats":                 "GET /_ml/memory/_stats; GET /_ml/memory/{}/_stats",
	"ml.set_upgrade_mode":                 "POST /_ml/set_upgrade_mode",
	"ml.delete_expired_data":              "DELETE /_ml/_delete_expired_data; DELETE /_ml/_delete_expired_data/{}",
	"cat.ml_jobs":                         "GET /_cat/ml/anomaly_detectors; GET /_cat/ml/anomaly_detectors/{}",
	"cat.ml_datafeeds":                    "GET /_cat/ml/datafeeds; GET /_cat/ml/datafeeds/{}",
}

// mlPairs are the pairs of mlOperations, each with its operation.
func mlPairs() map[string]string {
	pairs := map[string]string{}
	for name, list := range mlOperations {
		for part := range strings.SplitSeq(list, "; ") {
			methods, path, _ := strings.Cut(part, " ")
			for method := range strings.SplitSeq(methods, "|") {
				pairs[method+" "+path] = name
			}
		}
	}
	return pairs
}

// bare writes a route with {} for each value, as mlOperations has them.
func bare(r *route) string { return r.method + " " + braces(r.path) }

// TestEveryOperationIsServed has the whole list; under the older prefix too.
func TestEveryOperationIsServed(t *testing.T) {
	pairs := mlPairs()
	if len(mlOperations) != 52 || len(pairs) != 80 {
		t.Fatalf("the list has %d operations with %d pairs; the API has 52 with 80", len(mlOperations), len(pairs))
	}
	check, err := newAnswerCheck()
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	for name, op := range check.d.operations {
		for _, r := range op.Routes {
			described[r] = name
		}
	}
	served := map[string]bool{}
	for _, r := range table() {
		pair := bare(&r)
		served[pair] = true
		if name := pairs[pair]; name != "" && described[r.method+" "+r.path] != name {
			t.Errorf("%s is %s, described as %q", pair, name, described[r.method+" "+r.path])
		}
	}
	for pair := range pairs {
		if !served[pair] {
			t.Errorf("%s is not served", pair)
		}
		if old := strings.Replace(pair, prefix+"/", oldPrefix+"/", 1); !served[old] {
			t.Errorf("%s is not served", old)
		}
	}
}

// TestSession leads a session through all pairs of the list; each answer is
// held to the description by the rig.
func TestSession(t *testing.T) {
	r := newRig(t, Options{})
	asked := map[string]bool{}
	routes := newRoutes(table())
	ask := func(status int, method, target, body string) string {
		t.Helper()
		path, _, _ := strings.Cut(target, "?")
		if route, _, _ := routes.find(method, path); route != nil {
			asked[bare(route)] = true
		}
		checkBody(t, method, path, body)
		return r.must(status, method, target, body)
	}
	lead(t, ask)
	for pair := range mlPairs() {
		if !asked[pair] {
			t.Errorf("the session has no request %s", pair)
		}
	}
}

// checkBody holds a request's body to the description, as far as it is JSON.
func checkBody(t *testing.T, method, path, body string) {
	t.Helper()
	check, err := newAnswerCheck()
	if err != nil {
		t.Fatal(err)
	}
	route, _, _ := check.routes.find(method, path)
	if route == nil || body == "" {
		return
	}
	op := check.byRoute[method+" "+route.path]
	if op.Body == "" {
		t.Errorf("%s %s: the description has no body", method, path)
		return
	}
	if op.Body == "Lines" {
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil {
		err = check.schemas[op.Body].Validate(value)
	}
	if err != nil {
		t.Errorf("%s %s: the body is not as openapi/schemas.yaml describes %s: %v", method, path, op.Body, err)
	}
}

// member reads a text inside an answer by names and places.
func member(t *testing.T, body string, path ...any) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			v = v.(map[string]any)[p]
		case int:
			v = v.([]any)[p]
		}
	}
	return fmt.Sprint(v)
}

// TestCompatibilityTable holds the table of docs/compatibility.md to the list of
// operations: each has a row with as many routes as it has pairs, all of them
// its own, and says same, differs or refused.
func TestCompatibilityTable(t *testing.T) {
	raw, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(line, " | ")
		name := strings.Trim(cells[0], "|` ")
		if len(cells) != 3 || mlOperations[name] == "" {
			continue
		}
		rows[name] = true
		pairs := 0
		var bare []string
		for _, r := range strings.Split(cells[1], ", ") {
			method, path, whole := strings.Cut(strings.Trim(r, "` "), " ")
			bare = append(bare, method)
			if !whole {
				continue
			}
			end := strings.TrimPrefix(path, "…")
			for _, m := range bare {
				pairs++
				if !slices.ContainsFunc(pairsOf(name), func(p string) bool { return strings.HasPrefix(p, m+" ") && strings.HasSuffix(p, braces(end)) }) {
					t.Errorf("%s: %s %s is no route of it", name, m, path)
				}
			}
			bare = nil
		}
		if want := len(pairsOf(name)); pairs != want {
			t.Errorf("%s: %d routes, it has %d", name, pairs, want)
		}
		if verdict := cells[2]; !strings.HasPrefix(verdict, "same") && !strings.HasPrefix(verdict, "differs: ") && !strings.HasPrefix(verdict, "refused: ") {
			t.Errorf("%s: %q says neither same, differs nor refused", name, verdict)
		}
	}
	for name := range mlOperations {
		if !rows[name] {
			t.Errorf("docs/compatibility.md has no row for %s", name)
		}
	}
}

// pairsOf are the pairs of an operation.
func pairsOf(name string) (list []string) {
	for pair, op := range mlPairs() {
		if op == name {
			list = append(list, pair)
		}
	}
	return list
}

// braces empties the braces of a path.
func braces(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}
