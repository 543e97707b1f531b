// Package typed drives the real binary with the official typed client of major
// version 9, and with the requests that the original typed client of major
// version 7 sends.
package typed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	elasticsearch "github.com/elastic/go-elasticsearch/v9"
	"github.com/elastic/go-elasticsearch/v9/typedapi/ml/flushjob"
	"github.com/elastic/go-elasticsearch/v9/typedapi/types"

	"tidemark/test/conformance/script"
)

// TestTypedLife drives a job's life through the unmodified typed client, whose
// decoders are strict about types.
func TestTypedLife(t *testing.T) {
	const id = "typed"
	url := script.Serve(t)
	es, err := elasticsearch.NewTypedClient(elasticsearch.Config{Addresses: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	info, err := es.Info().Do(ctx)
	check("info", err)
	if info.Tagline == "" || info.Version.Int == "" {
		t.Errorf("info answered %+v", info)
	}
	put, err := es.Ml.PutJob(id).Raw(strings.NewReader(script.Job)).Do(ctx)
	check("put", err)
	if put.JobId != id || put.AnalysisLimits.ModelMemoryLimit == nil {
		t.Errorf("put answered %+v", put)
	}
	_, err = es.Ml.FlushJob(id).Do(ctx)
	var refusal *types.ElasticsearchError
	if !errors.As(err, &refusal) || refusal.Status != http.StatusConflict {
		t.Errorf("flush before open: %v, want a typed 409", err)
	}
	open, err := es.Ml.OpenJob(id).Do(ctx)
	check("open", err)
	if !open.Opened {
		t.Error("not opened")
	}
	var records []json.RawMessage
	for _, line := range strings.Split(strings.TrimSpace(script.Data()), "\n") {
		records = append(records, json.RawMessage(line))
	}
	posted, err := es.Ml.PostData(id).Request(&records).Do(ctx)
	check("post", err)
	if posted.ProcessedRecordCount != int64(len(records)) {
		t.Errorf("post answered %+v", posted)
	}
	const begin, hour = int64(1_403_481_600_000), int64(3_600_000)
	last := begin + 335*hour
	flush := func(what string, want int64, end *int, err error) {
		t.Helper()
		check(what, err)
		if end == nil || int64(*end) != want {
			t.Errorf("%s: last_finalized_bucket_end %v, want %d", what, end, want)
		}
	}
	a, err := es.Ml.FlushJob(id).CalcInterim(true).Do(ctx)
	check("interim flush", err)
	flush("interim flush", last, a.LastFinalizedBucketEnd, err)
	b, err := es.Ml.FlushJob(id).Request(&flushjob.Request{AdvanceTime: fmt.Sprint(last + hour)}).Do(ctx)
	check("advance", err)
	flush("advance", last+hour, b.LastFinalizedBucketEnd, err)
	c, err := es.Ml.FlushJob(id).Request(&flushjob.Request{SkipTime: fmt.Sprint(last + 2*hour + 1000)}).Do(ctx)
	check("skip", err)
	flush("skip", last+3*hour, c.LastFinalizedBucketEnd, err)

	buckets, err := es.Ml.GetBuckets(id).ExcludeInterim(true).Size(1000).Do(ctx)
	check("buckets", err)
	if buckets.Count != 336 || len(buckets.Buckets) != 336 {
		t.Errorf("buckets: count %d, %d listed, want 336", buckets.Count, len(buckets.Buckets))
	}
	found, err := es.Ml.GetRecords(id).Do(ctx)
	check("records", err)
	if len(found.Records) == 0 || found.Records[0].JobId != id {
		t.Errorf("records answered %+v", found)
	}
	blamed, err := es.Ml.GetInfluencers(id).Do(ctx)
	check("influencers", err)
	if len(blamed.Influencers) == 0 {
		t.Error("no influencer")
	}
	stats, err := es.Ml.GetJobStats().JobId(id).Do(ctx)
	check("stats", err)
	if stats.Count != 1 || stats.Jobs[0].DataCounts.ProcessedRecordCount != int64(len(records)) {
		t.Errorf("stats answered %+v", stats)
	}
	closed, err := es.Ml.CloseJob(id).Do(ctx)
	check("close", err)
	if !closed.Closed {
		t.Error("not closed")
	}
	_, err = es.Ml.DeleteJob(id).Do(ctx)
	check("delete", err)
}

// TestTypedAnalyzer: the default analyzer of categories is one that the client's
// types take, in a job and among the defaults, and that can be given back.
func TestTypedAnalyzer(t *testing.T) {
	es, err := elasticsearch.NewTypedClient(elasticsearch.Config{Addresses: []string{script.Serve(t)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	put, err := es.Ml.PutJob("logs").Raw(strings.NewReader(`{"analysis_config":{"bucket_span":"1h","categorization_field_name":"message",
		"categorization_filters":["id=[0-9]+"],"detectors":[{"function":"count","by_field_name":"mlcategory"}]},"data_description":{}}`)).Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	definition, ok := put.AnalysisConfig.CategorizationAnalyzer.(*types.CategorizationAnalyzerDefinition)
	if !ok || len(definition.CharFilter) != 2 || len(definition.Filter) != 1 {
		t.Fatalf("the analyzer is %#v", put.AnalysisConfig.CategorizationAnalyzer)
	}
	raw, err := json.Marshal(definition)
	if err != nil {
		t.Fatal(err)
	}
	again, err := es.Ml.PutJob("again").Raw(strings.NewReader(`{"analysis_config":{"bucket_span":"1h","categorization_field_name":"message",
		"categorization_analyzer":` + string(raw) + `,"detectors":[{"function":"count","by_field_name":"mlcategory"}]},"data_description":{}}`)).Do(ctx)
	if err != nil || again.AnalysisConfig.CategorizationAnalyzer == nil {
		t.Errorf("given back as %s: %v", raw, err)
	}
	if _, err := es.Ml.Info().Do(ctx); err != nil {
		t.Errorf("ml info: %v", err)
	}
}

// TestOriginalTypedClient sends what the original typed client of 7.x sends:
// the product check, then a flush whose body always repeats the job's id.
func TestOriginalTypedClient(t *testing.T) {
	const id = "fixtures"
	url := script.Serve(t)
	send := func(method, path, body string) (int, map[string]any, http.Header) {
		t.Helper()
		req, err := http.NewRequest(method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, _ := io.ReadAll(resp.Body)
		var doc map[string]any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
		return resp.StatusCode, doc, resp.Header
	}
	status, info, header := send("GET", "/", "")
	version, _ := info["version"].(map[string]any)
	if status != 200 || header.Get("X-Elastic-Product") != "Elasticsearch" || version["number"] == nil || version["build_flavor"] != "default" {
		t.Fatalf("the product check would fail: %d %v %v", status, info, header)
	}
	base := "/_ml/anomaly_detectors/" + id
	for _, step := range []struct {
		method, path, body string
		want               int
	}{
		{"PUT", base, script.Job, 200},
		{"POST", base + "/_open", `{"job_id":"fixtures","timeout":"30s"}`, 200},
		{"POST", base + "/_data", script.Data(), 202},
		{"POST", base + "/_flush", `{"job_id":"fixtures"}`, 200},
		{"POST", base + "/_flush", `{"job_id":"fixtures","calc_interim":true,"start":"1403481600000","end":"1403485200000"}`, 200},
		{"POST", base + "/_flush", `{"job_id":"fixtures","advance_time":"1404691200000","skip_time":"1404687600000"}`, 200},
		{"POST", base + "/_close?force=false&timeout=1m", "", 200},
		{"DELETE", base + "?force=false&wait_for_completion=true", "", 200},
	} {
		if status, doc, _ := send(step.method, step.path, step.body); status != step.want {
			t.Errorf("%s %s %s: status %d, want %d: %v", step.method, step.path, step.body, status, step.want, doc)
		}
	}
}
