package source

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"tidemark/internal/document"
	"tidemark/internal/job"
	"tidemark/wire"
)

// answers gives prepared answers to aggregations, one after the other.
type answers struct {
	unknownRemote
	list  []string
	asked []string
}

func (a *answers) aggregate(_ context.Context, _ *wire.Datafeed, _, aggs any) (out map[string]any, err error) {
	raw, err := json.Marshal(aggs, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	a.asked = append(a.asked, string(raw))
	next := a.list[0]
	a.list = a.list[1:]
	return out, json.Unmarshal([]byte(next), &out)
}

// TestFlatten: records are made of the innermost buckets with what stands on the
// way there, by time; what makes none is refused.
func TestFlatten(t *testing.T) {
	w, err := document.ParseJob([]byte(`{"analysis_config":{"bucket_span":"10m","summary_count_field_name":"doc_count","detectors":[
		{"function":"mean","field_name":"v","partition_field_name":"host"},{"function":"lat_long","field_name":"where"}],"influencers":["team"]},"data_description":{"time_field":"t"}}`), "j", "9.0.0")
	if err != nil {
		t.Fatal(err)
	}
	info, err := job.FeedInfoOf(w)
	if err != nil {
		t.Fatal(err)
	}
	histogram := func(inner string) string {
		return `{"b":{"buckets":[{"key":600000,"doc_count":0},{"key":1200000,"doc_count":3,"t":{"value":1200900.0},` + inner + `},{"key":0,"doc_count":2,"t":{"value":7.0},"v":{"value":1}}]}}`
	}
	for name, c := range map[string]struct {
		answers []string
		want    string
	}{
		"values": {[]string{histogram(`"v":{"value":2.5},"unknown":{"value":9},"where":{"location":{"lat":1.5,"lon":-2},"count":3}`)},
			`{"doc_count":2,"t":7,"v":1} {"doc_count":3,"t":1200900,"v":2.5,"where":"1.5,-2"}`},
		"terms in terms": {[]string{histogram(`"host":{"buckets":[{"key":"a","doc_count":1,"v":{"value":1}},{"key":"b","doc_count":2,"team":{"buckets":[{"key":"x","doc_count":2,"v":{"value":null}}]}}]}`)},
			`{"doc_count":2,"t":7,"v":1} {"doc_count":1,"host":"a","t":1200900,"v":1} {"doc_count":2,"host":"b","t":1200900,"team":"x"}`},
		"a single bucket": {[]string{histogram(`"only":{"doc_count":2,"v":{"values":{"50.0":4}}}`)},
			`{"doc_count":2,"t":7,"v":1} {"doc_count":3,"t":1200900,"v":4}`},
		"pages of a composite": {[]string{
			`{"b":{"after_key":{"d":0,"host":"a"},"buckets":[{"key":{"d":0,"host":"a"},"doc_count":1,"t":{"value":5},"v":{"value":1}}]}}`,
			`{"b":{"after_key":{"d":0,"host":"b"},"buckets":[{"key":{"d":0,"host":"b"},"doc_count":4,"t":{"value":3},"v":{"value":2}}]}}`,
			`{"b":{"buckets":[]}}`}, `{"doc_count":4,"host":"b","t":3,"v":2} {"doc_count":1,"host":"a","t":5,"v":1}`},
		"a composite that stands still": {[]string{`{"b":{"after_key":{"d":0},"buckets":[{"doc_count":0}]}}`, `{"b":{"after_key":{"d":0},"buckets":[{"doc_count":0}]}}`}, `aggregation [b] does not go on behind {"d":0}`},
		"two with buckets":              {[]string{histogram(`"host":{"buckets":[]},"team":{"buckets":[]}`)}, "aggregations [host] and [team] stand side by side"},
		"named buckets":                 {[]string{histogram(`"host":{"buckets":{"a":{"doc_count":1}}}`)}, "aggregation [host] has named buckets"},
		"many percentiles":              {[]string{histogram(`"v":{"values":{"50.0":4,"99.0":5}}`)}, "aggregation [v] has 2 percentiles"},
		"nothing":                       {[]string{`{"b":{"buckets":[]}}`}, ""},
	} {
		kind := `"date_histogram":{"field":"t","fixed_interval":"10m"}`
		if strings.Contains(name, "composite") {
			kind = `"composite":{"sources":[]}`
		}
		f := &wire.Datafeed{DatafeedID: "f", Query: []byte(`{"match_all":{}}`), Aggregations: []byte(`{"b":{` + kind + `}}`)}
		a := &answers{list: c.answers}
		var got []string
		err := (&Feeds{}).records(t.Context(), f, info, a, 0, 1<<40, func(_ int64, raw []byte) error {
			got = append(got, strings.TrimSpace(string(raw)))
			return nil
		})
		if err != nil {
			got = []string{err.Error()}
		}
		if text := strings.Join(got, " "); !strings.HasPrefix(text, c.want) || c.want == "" && text != "" {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
		if name == "pages of a composite" && (len(a.asked) != 3 || !strings.Contains(a.asked[2], `"after":{"d":0,"host":"b"}`)) {
			t.Errorf("the pages are asked for by %v", a.asked)
		}
	}
}

// TestFrequency: how often is searched follows the bucket span, in whole intervals.
func TestFrequency(t *testing.T) {
	for text, want := range map[string]string{
		`{"span":"1m"}`: "1m0s", `{"span":"2m"}`: "1m0s", `{"span":"5m"}`: "2m30s", `{"span":"20m"}`: "10m0s", `{"span":"1h"}`: "10m0s", `{"span":"12h"}`: "10m0s", `{"span":"1d"}`: "1h0m0s",
		`{"span":"1h","frequency":"7s"}`: "7s", `{"span":"1h","interval":"15m"}`: "15m0s", `{"span":"15m","interval":"5m"}`: "10m0s", `{"span":"1d","interval":"1h"}`: "1h0m0s",
	} {
		var c struct{ Span, Frequency, Interval string }
		if err := json.Unmarshal([]byte(text), &c, json.MatchCaseInsensitiveNames(true)); err != nil {
			t.Fatal(err)
		}
		f := &wire.Datafeed{Frequency: c.Frequency}
		if c.Interval != "" {
			f.Aggregations = []byte(`{"b":{"date_histogram":{"fixed_interval":"` + c.Interval + `"}}}`)
		}
		span, err := wire.ParseDuration("span", c.Span)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(document.FrequencyOf(f, span)); got != want {
			t.Errorf("%s: every %s, want %s", text, got, want)
		}
	}
}
