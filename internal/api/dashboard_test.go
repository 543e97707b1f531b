package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// dashboardResults are results of two jobs, six hours of buckets with records and
// influencers.
func dashboardResults(r *rig) {
	var b strings.Builder
	put := func(job, id, format string, args ...any) {
		fmt.Fprintf(&b, `{"index":{"_index":".ml-anomalies-%s","_id":%q}}`+"\n", job, id)
		fmt.Fprintf(&b, `{"job_id":%q,"bucket_span":3600,"is_interim":%t,`+format+"}\n", append([]any{job, strings.HasSuffix(id, "_5")}, args...)...)
	}
	for j, job := range []string{"ka", "kb"} {
		r.open(job, countJob("1h"))
		for h := range 6 {
			ms := dashboardFrom + int64(h)*3_600_000
			score := float64((h*17+j*31)%90) + 0.5
			put(job, fmt.Sprintf("%s_bucket_%d", job, h), `"timestamp":%d,"anomaly_score":%v,"initial_anomaly_score":%v,"event_count":3,"processing_time_ms":0,"bucket_influencers":[],"result_type":"bucket"`, ms, score, score)
			host := fmt.Sprintf("h%d", h%3)
			put(job, fmt.Sprintf("%s_record_%d", job, h), `"timestamp":%d,"record_score":%v,"initial_record_score":%v,"probability":0.01,"detector_index":%d,"function":"mean","function_description":"mean","field_name":"v","by_field_name":"host","by_field_value":%q,`+
				`"influencers":[{"influencer_field_name":"host","influencer_field_values":[%q]}],"host":[%q],"actual":[5],"typical":[1],"result_type":"record"`, ms, score, score, h%2, host, host, host)
			put(job, fmt.Sprintf("%s_influencer_%d", job, h), `"timestamp":%d,"influencer_score":%v,"initial_influencer_score":%v,"probability":0.01,"influencer_field_name":"host","influencer_field_value":%q,"host":%q,"result_type":"influencer"`, ms, score, score, host, host)
		}
	}
	r.must(200, "POST", "/_bulk", b.String(), "Content-Type", "application/x-ndjson")
}

const dashboardFrom = 1_577_836_800_000

// TestDashboards: the searches that anomaly explorers, charts and alerts send, in
// their own words.
func TestDashboards(t *testing.T) {
	r := newRig(t, Options{})
	if err := r.Handler.opt.Index.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	dashboardResults(r)
	r.must(201, "PUT", "/.ml-annotations-write/_doc/n1", fmt.Sprintf(`{"timestamp":%d,"end_timestamp":%d,"annotation":"deployed","job_id":"ka","type":"annotation","event":"user","create_time":1,"create_username":"me"}`, dashboardFrom, dashboardFrom+1))
	span := fmt.Sprintf(`{"range":{"timestamp":{"gte":%d,"lte":%d,"format":"epoch_millis"}}}`, dashboardFrom, dashboardFrom+6*3_600_000-1)
	of := func(kind string, more ...string) string {
		return `"query":{"bool":{"filter":[{"query_string":{"query":"result_type:` + kind + `","analyze_wildcard":false}},{"bool":{"must":[` + strings.Join(append([]string{span}, more...), ",") + `]}}]}}`
	}
	jobs := `{"query_string":{"analyze_wildcard":false,"query":"job_id:ka OR job_id:kb"}}`
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"swim lanes by job, a page of them", `{"size":0,` + of("bucket", jobs) + `,"aggs":{"jobsCardinality":{"cardinality":{"field":"job_id"}},"jobId":{"terms":{"field":"job_id","size":10,"order":{"anomalyScore":"desc"}},
			"aggs":{"anomalyScore":{"max":{"field":"anomaly_score"}},"bucketTruncate":{"bucket_sort":{"from":1,"size":1}},
			"byTime":{"date_histogram":{"field":"timestamp","fixed_interval":"10800s","min_doc_count":1,"extended_bounds":{"min":1577836800000,"max":1577858399999}},"aggs":{"anomalyScore":{"max":{"field":"anomaly_score"}}}}}}}}`,
			[]string{`"jobsCardinality":{"value":2}`, `"buckets":[{"anomalyScore":{"value":82.5},"byTime":{"buckets":[{"anomalyScore":{"value":65.5},"doc_count":3,"key":1577836800000,`, `{"anomalyScore":{"value":82.5},"doc_count":3,"key":1577847600000,`, `"key":"kb"}]`}},
		{"the overall lane, without interim results", `{"size":0,"query":{"bool":{"filter":[{"query_string":{"query":"result_type:bucket AND is_interim:false"}},` + span + `]}},
			"aggs":{"times":{"date_histogram":{"field":"timestamp","fixed_interval":"1h"},"aggs":{"top":{"max":{"field":"anomaly_score"}},"jobs":{"terms":{"field":"job_id"},"aggs":{"max":{"max":{"field":"anomaly_score"}}}}}}}}`,
			[]string{`"value":10`, `{"doc_count":1,"key":"kb","max":{"value":31.5}}`, `"top":{"value":31.5}`}},
		{"top influencers of each field", `{"size":0,` + of("influencer", `{"range":{"influencer_score":{"gt":0}}}`, `{"bool":{"should":[{"term":{"influencer_field_name":"host"}}],"minimum_should_match":1}}`, jobs) + `,
			"aggs":{"influencerFieldNames":{"terms":{"field":"influencer_field_name","size":5,"order":{"maxAnomalyScore":"desc"}},"aggs":{"maxAnomalyScore":{"max":{"field":"influencer_score"}},
			"influencerFieldValues":{"terms":{"field":"influencer_field_value","size":10,"order":[{"maxAnomalyScore":"desc"}]},"aggs":{"bucketTruncate":{"bucket_sort":{"from":0,"size":2}},"maxAnomalyScore":{"max":{"field":"influencer_score"}},"sumAnomalyScore":{"sum":{"field":"influencer_score"}}}}}}}}`,
			[]string{`"influencerFieldValues":{"buckets":[{"doc_count":4,"key":"h2","maxAnomalyScore":{"value":85.5},"sumAnomalyScore":{"value":212}},{"doc_count":4,"key":"h0","maxAnomalyScore":{"value":82.5},"sumAnomalyScore":{"value":166}}]`, `"doc_count_error_upper_bound":0,"sum_other_doc_count":0}`}},
		{"the table of anomalies, of one influencer", `{"size":3,"sort":[{"record_score":{"order":"desc"}}],` + of("record", `{"range":{"record_score":{"gte":10}}}`, jobs,
			`{"nested":{"path":"influencers","query":{"bool":{"must":[{"match":{"influencers.influencer_field_name":"host"}},{"match":{"influencers.influencer_field_values":"h2"}}]}}}}`) + `}`,
			[]string{`"record_score":85.5`, `"sort":[85.5]`, `"host":["h2"]`}},
		{"records by the best of each hour", `{"size":0,` + of("record", `{"term":{"detector_index":1}}`, `{"exists":{"field":"by_field_value"}}`) + `,"aggs":{"times":{"date_histogram":{"field":"timestamp","calendar_interval":"hour","min_doc_count":1},
			"aggs":{"recordScore":{"max":{"field":"record_score"}},"hits":{"top_hits":{"size":1,"sort":[{"record_score":{"order":"desc"}}],"_source":{"includes":["record_score","host"]}}}}}}}`,
			[]string{`"recordScore":{"value":48.5}`, `"_source":{"record_score":48.5,"host":["h1"]}`}},
		{"words that people type", `{"size":1,"query":{"bool":{"must":[{"match_phrase":{"function_description":"mean"}},{"match":{"by_field_value":{"query":"h1"}}},{"match_phrase":{"result_type":{"query":"record"}}}],"must_not":[{"exists":{"field":"over_field_name"}}]}}}`,
			[]string{`"total":{"relation":"eq","value":4}`}},
		{"a sample of what happens", `{"size":0,` + of("record") + `,"aggs":{"sample":{"sampler":{"shard_size":200},"aggs":{"entities":{"terms":{"field":"by_field_value","size":2,"order":{"_key":"asc"}}}}}}}`,
			[]string{`"sample":{"doc_count":12,"entities":{"buckets":[{"doc_count":4,"key":"h0"},{"doc_count":4,"key":"h1"}]`}},
		{"an alert's look at the last buckets", `{"size":0,"query":{"bool":{"filter":[{"terms":{"job_id":["ka","kb"]}},{"terms":{"result_type":["bucket","record","influencer"]}},{"term":{"is_interim":false}}]}},
			"aggs":{"alerts_results":{"date_histogram":{"field":"timestamp","fixed_interval":"1h","order":{"_key":"desc"}},"aggs":{
			"influencer_results":{"filter":{"range":{"influencer_score":{"gte":0}}},"aggs":{"top_influencer_hits":{"top_hits":{"sort":[{"influencer_score":{"order":"desc"}}],"_source":{"includes":["result_type","timestamp","influencer_field_name"]},"size":3}}}},
			"bucket_results":{"filter":{"range":{"anomaly_score":{"gt":0}}},"aggs":{"max_score":{"max":{"field":"anomaly_score"}}}},"truncate":{"bucket_sort":{"size":2,"sort":[{"bucket_results>max_score.value":{"order":"desc"}}]}}}}}}`,
			[]string{`"alerts_results":{"buckets":[{"bucket_results":{"doc_count":2,"max_score":{"value":82.5}}`, `"max_score":{"value":68.5}`}},
		{"when each job had its latest bucket", `{"size":0,"query":{"bool":{"filter":[{"exists":{"field":"event_count"}},{"term":{"result_type":"bucket"}}]}},"aggs":{"jobs":{"terms":{"field":"job_id","order":{"_key":"asc"}},"aggs":{"latest":{"max":{"field":"timestamp"}}}}}}`,
			[]string{`{"doc_count":6,"key":"ka","latest":{"value":1577854800000,"value_as_string":"2020-01-01T05:00:00.000Z"}}`}},
	} {
		body := r.must(200, "POST", "/.ml-anomalies-*/_search?ignore_unavailable=true", c.body)
		for _, want := range c.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %s is not in %s", c.name, want, body)
			}
		}
	}
	contains(t, r.must(200, "POST", "/.ml-annotations-read/_search", `{"size":10,"query":{"bool":{"filter":[{"bool":{"should":[{"term":{"job_id":"ka"}}]}},{"bool":{"must":[{"range":{"timestamp":{"lte":1577858400000}}},{"exists":{"field":"annotation"}}],"must_not":[{"term":{"event":"model_snapshot_stored"}}]}}]}},
		"aggs":{"event":{"terms":{"field":"event","missing":"other"}}}}`), `"buckets":[{"doc_count":1,"key":"user"}]`)
	r.waitFor("/.ml-notifications-*/_search?size=100&q=job_id:kb", "Job opened")
	contains(t, r.must(200, "POST", "/.ml-notifications*/_search", `{"size":1000,"sort":[{"timestamp":{"order":"desc"}},{"job_id":{"order":"asc","unmapped_type":"keyword"}}],"query":{"bool":{"filter":[{"bool":{"must_not":{"term":{"level":"activity"}}}},{"bool":{"must":[{"bool":{"should":[{"term":{"job_id":""}},{"term":{"job_id":"ka"}}]}},{"range":{"timestamp":{"gte":"now-7d"}}}]}}]}},
		"aggs":{"levelsPerJob":{"terms":{"field":"job_id"},"aggs":{"levels":{"terms":{"field":"level"},"aggs":{"latestMessage":{"terms":{"field":"message.raw","size":1,"order":{"latestMessage":"desc"}},"aggs":{"latestMessage":{"max":{"field":"timestamp"}}}}}}}}}}`),
		`"levels":{"buckets":[{"doc_count":`, `"key":"info","latestMessage":{"buckets":[{`)
	// What cannot be done says so, where, and what to do instead.
	for body, want := range map[string][]string{
		`{"collapse":{"field":"job_id"}}`:           {"[collapse] is not supported", "terms aggregation with top_hits", `"line":1,"col":2`},
		`{"script_fields":{"x":{"script":"1"}}}`:    {"[script_fields] is not supported", "compute the value", `"line":1`},
		`{"aggs":{"a":{"max":{"script":"doc.x"}}}}`: {"[max] by a script is not supported", "aggregate a field", `"line":1`},
		`{"aggs":{"a":{"terms":{"field":"job_id"},"aggs":{"m":{"max":{"field":"x"}},"b":{"bucket_script":{"buckets_path":{},"script":"1"}}}}}}`: {"[bucket_script] by a script is not supported", "bucket_sort", `"line":1`},
		`{"aggs":{"m":{"max_bucket":{"buckets_path":"a>b"}}}}`:                                                        {"Unknown aggregation type [max_bucket]", "this index knows"},
		`{"aggs":{"b":{"bucket_sort":{"size":1}}}}`:                                                                   {"must be declared inside of another aggregation"},
		`{"aggs":{"a":{"terms":{"field":"job_id"},"aggs":{"b":{"bucket_sort":{"sort":["nothing"]}}}}}}`:               {"No aggregation found for path [nothing]", "beside it"},
		`{"aggs":{"a":{"terms":{"field":"job_id"},"aggs":{"b":{"bucket_sort":{"sort":[{"_key":{"order":"up"}}]}}}}}}`: {"Unknown order direction [up]"},
		`{"aggs":{"a":{"terms":{"field":"job_id"},"aggs":{"b":{"bucket_sort":{"size":0}}}}}}`:                         {"positive"},
		`{"aggs":{"a":{"filter":{"match_all":{}},"aggs":{"b":{"bucket_sort":{"size":1}}}}}}`:                          {"no list of buckets", "use one of"},
	} {
		contains(t, r.must(400, "POST", "/.ml-anomalies-*/_search", body), want...)
	}
}
