package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// write stores hand-made documents under numbered ids.
func (r *rig) write(index string, docs ...string) {
	r.t.Helper()
	for _, doc := range docs {
		r.must(201, "POST", "/"+index+"/_doc", doc)
	}
}

// shown lists one member of each result of an answer, behind its count.
func shown(t *testing.T, body, list, member string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	text := fmt.Sprint(all["count"], ":")
	for _, x := range all[list].([]any) {
		text += fmt.Sprint(" ", x.(map[string]any)[member])
	}
	return text
}

// TestWrittenRecords: every parameter, sort field and tie-breaker of records, on
// documents that a client wrote.
func TestWrittenRecords(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"w", `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"v","by_field_name":"app"}]},"data_description":{}}`)
	const record = `{ "job_id" : "w", "result_type" : "record", "bucket_span" : 3600, "n": "%s", "timestamp" : %s, "record_score" : %s, "probability" : %s %s }`
	r.write(".ml-anomalies-w",
		fmt.Sprintf(record, "a", `"2016-06-01T00:00:00Z"`, "80.0", "0.1", `, "over_field_value":"o1"`),
		fmt.Sprintf(record, "b", `1464739200000`, "80.0", "0.2", `, "over_field_value":"o2", "is_interim" : true`),
		fmt.Sprintf(record, "c", `1464742800000`, "80", "0.3", `, "partition_field_value":"p2"`),
		fmt.Sprintf(record, "d", `1464742800000`, "80", "0.4", `, "partition_field_value":"p1", "actual":[7.5], "multi_bucket_impact": 2`),
		fmt.Sprintf(record, "e", `1464746400000`, "5.5", "0.00001", `, "by_field_value":"x", "actual":9, "app":["x"], "detector_index": 3`),
		fmt.Sprintf(record, "f", `1464750000000`, "99", "0.5", `, "by_field_value":"y", "app":["y"], "function":"sum", "field_name":"z"`))
	at := jobsPath + "w/results/records"
	for query, want := range map[string]string{
		"":                                     "6: f b a c d e",
		"?desc=false":                          "6: e a b d c f",
		"?sort=timestamp":                      "6: f e c d b a",
		"?sort=timestamp&desc=false":           "6: a b d c e f",
		"?sort=probability&desc=false&size=1":  "6: e",
		"?sort=record_score&from=1&size=2":     "6: b a",
		"?sort=partition_field_value":          "6: c d f b a e",
		"?sort=by_field_value&desc=false":      "6: e f a b d c",
		"?sort=over_field_value":               "6: b a f c d e",
		"?sort=actual":                         "6: e d f b a c",
		"?sort=actual&desc=false":              "6: d e a b c f",
		"?sort=multi_bucket_impact&size=1":     "6: d",
		"?sort=app":                            "6: f e b a c d",
		"?sort=detector_index&size=1":          "6: e",
		"?sort=function&size=1":                "6: f",
		"?sort=field_name&desc=false&size=1":   "6: f",
		"?sort=job_id&size=1":                  "6: f",
		"?sort=correlated_by_field_value":      "6: f b a c d e",
		"?record_score=80":                     "5: f b a c d",
		"?record_score=80.1":                   "1: f",
		"?record_score=5.5&exclude_interim":    "5: f a c d e",
		"?record_score=0":                      "6: f b a c d e",
		"?start=2016-06-01T01:00:00Z":          "4: f c d e",
		"?end=1464742800":                      "2: b a",
		"?start=1464742800000&end=1464746400":  "2: c d",
		"?start=1464742800001&end=1464746401":  "1: e",
		"?from=6":                              "6:",
		"?size=0":                              "6:",
		"?from=9999&size=1":                    "6:",
		"?start=1464750000000&size=10000":      "1: f",
		"?start=1464750000000&end=1464739200s": "",
	} {
		if want == "" {
			r.must(400, "GET", at+query, "")
			continue
		}
		if have := shown(t, r.must(200, "GET", at+query, ""), "records", "n"); have != want {
			t.Errorf("GET %s: %s, want %s", query, have, want)
		}
	}
	for body, want := range map[string]string{
		`{}`: "6: f b a c d e",
		`{"start":"2016-06-01T01:00:00Z","end":"1464750000","sort":"timestamp","desc":false,"record_score":10,"page":{"from":1,"size":5}}`: "2: c",
		`{"exclude_interim":true,"record_score":"80"}`: "",
		`{"start":1464746400000,"job_id":"another"}`:   "2: f e",
	} {
		if want == "" {
			continue
		}
		for _, method := range []string{"GET", "POST"} {
			if have := shown(t, r.must(200, method, at, body), "records", "n"); have != want {
				t.Errorf("%s %s: %s, want %s", method, body, have, want)
			}
		}
	}
	contains(t, r.must(200, "GET", at+"?sort=timestamp&desc=false&size=1", ""), `"timestamp":1464739200000`, `"initial_record_score":0.0`, `"is_interim":false`, `"detector_index":0`)
	const illegal = "illegal_argument_exception"
	for query, part := range map[string]string{"?sort=influencers": "No mapping found for [influencers]", "?sort=none": "[none]", "?from=-1": "[from] cannot be < 0", "?size=10001": "10000",
		"?from=10000&size=1": "10000", "?anomaly_score=1": "unrecognized parameter", "?expand=true": "unrecognized parameter", "?desc=x": "[x]", "?record_score=": ""} {
		if part != "" {
			r.refused(400, illegal, part, "GET", at+query, "")
		}
	}
	r.refused(400, "parse_exception", "[end]", "POST", at, `{"end":"-5"}`)
	r.refused(400, "x_content_parse_exception", "unknown field [anomaly_score]", "POST", at, `{"anomaly_score":1}`)
	r.must(405, "PUT", at, "{}")
}

// TestWrittenBuckets: the same for buckets, and their records when expanded.
func TestWrittenBuckets(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"w", countJob("1h"))
	const bucket = `{"job_id":"w", "result_type":"bucket", "bucket_span":3600, "n":"%s", "timestamp": %d, "anomaly_score": %g%s}`
	r.write(".ml-anomalies-shared",
		fmt.Sprintf(bucket, "a", 1464739200000, 90.0, `,"event_count":4`), fmt.Sprintf(bucket, "b", 1464742800000, 0.0, ""),
		fmt.Sprintf(bucket, "c", 1464746400000, 60.0, `,"event_count":9`), fmt.Sprintf(bucket, "d", 1464750000000, 60.0, `,"is_interim":true`),
		`{"job_id":"w","result_type":"record","bucket_span":3600,"timestamp":1464739200000,"record_score":1,"probability":0.5,"n":"r1"}`,
		`{"job_id":"w","result_type":"record","bucket_span":3600,"timestamp":1464739200000,"record_score":2,"probability":0.01,"n":"r2"}`,
		`{"job_id":"w","result_type":"record","bucket_span":3600,"timestamp":1464739200000,"record_score":2,"probability":0.001,"n":"r3","is_interim":true}`)
	at := jobsPath + "w/results/buckets"
	for query, want := range map[string]string{
		"":                             "4: a b c d",
		"?desc=true":                   "4: d c b a",
		"?sort=anomaly_score&desc":     "4: a d c b",
		"?sort=anomaly_score":          "4: b c d a",
		"?sort=event_count&desc":       "4: c a d b",
		"?sort=processing_time_ms":     "4: a b c d",
		"?anomaly_score=60":            "3: a c d",
		"?anomaly_score=60.5":          "1: a",
		"?exclude_interim=true":        "3: a b c",
		"?start=1464742800&size=1":     "3: b",
		"?end=2016-06-01T02:00":        "2: a b",
		"?from=3":                      "4: d",
		"/1464739200000":               "1: a",
		"/1464739200":                  "1: a",
		"/2016-06-01T00:00:00Z?expand": "1: a",
	} {
		if have := shown(t, r.must(200, "GET", at+query, ""), "buckets", "n"); have != want {
			t.Errorf("%s: %s, want %s", query, have, want)
		}
	}
	body := r.must(200, "POST", at+"/1464739200000", `{"expand":true}`)
	if strings.Index(body, `"r3"`) > strings.Index(body, `"r2"`) || strings.Index(body, `"r2"`) > strings.Index(body, `"r1"`) || !strings.Contains(body, `"r3"`) {
		t.Errorf("records by probability: %s", body)
	}
	if body := r.must(200, "POST", at, `{"timestamp":"1464739200000","expand":true,"exclude_interim":true}`); strings.Contains(body, `"r3"`) || !strings.Contains(body, `"r2"`) {
		t.Errorf("without interim records: %s", body)
	}
	if body := r.must(200, "GET", at+"/1464742800000?expand=true", ""); strings.Contains(body, `"records"`) {
		t.Errorf("a bucket without records: %s", body)
	}
	contains(t, r.must(200, "GET", at+"/1464742800000", ""), `"event_count":0`, `"bucket_influencers":[]`, `"initial_anomaly_score":0.0`, `"is_interim":false`)
	for query, part := range map[string]string{"/1464739200000?from=0": "[from]", "/1464739200000?end=1": "[end]", "/1464739200000?anomaly_score=5": "[anomaly_score]", "?sort=bucket_influencers": "No mapping"} {
		r.refused(400, "illegal_argument_exception", part, "GET", at+query, "")
	}
	r.refused(404, "resource_not_found_exception", "Could not find requested buckets", "GET", at+"/1464739200001", "")
	r.refused(404, "resource_not_found_exception", "Could not find requested buckets", "GET", at+"/1464750000000?exclude_interim=true", "")
}

// TestWrittenInfluencers: the same for influencers.
func TestWrittenInfluencers(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"w", countJob("1h"))
	const influencer = `{"job_id":"w","result_type":"influencer","bucket_span":3600,"n":"%s","timestamp":"2016-06-0%dT00:00:00Z","influencer_field_name":"foo","influencer_field_value":"%s","influencer_score":%g,"probability":0.1%s}`
	r.write(".ml-anomalies-w", fmt.Sprintf(influencer, "a", 1, "zoo", 80.0, ""), fmt.Sprintf(influencer, "b", 2, "cat", 50.0, ""), fmt.Sprintf(influencer, "c", 2, "dog", 90.0, `,"is_interim":true`))
	at := jobsPath + "w/results/influencers"
	for query, want := range map[string]string{
		"": "3: c a b", "?desc=false": "3: b a c", "?sort=timestamp": "3: c b a", "?sort=influencer_field_value&desc=false": "3: b c a", "?influencer_score=80": "2: c a", "?exclude_interim=true": "2: a b",
		"?start=2016-06-02": "2: c b", "?end=2016-06-02": "1: a", "?from=1&size=1": "3: a", "?sort=probability": "3: c a b", "?sort=influencer_field_name&size=1": "3: c",
	} {
		if have := shown(t, r.must(200, "GET", at+query, ""), "influencers", "n"); have != want {
			t.Errorf("%s: %s, want %s", query, have, want)
		}
	}
	contains(t, r.must(200, "POST", at, `{"influencer_score":85}`), `"count":1`, `"timestamp":1464825600000`, `"initial_influencer_score":0.0`)
	r.refused(400, "illegal_argument_exception", "unrecognized parameter", "GET", at+"?record_score=1", "")
	r.refused(404, "resource_not_found_exception", "No known job", "GET", jobsPath+"w*/results/influencers", "")
}

// TestWrittenCategories: the same for categories.
func TestWrittenCategories(t *testing.T) {
	r := newRig(t, Options{})
	r.must(200, "PUT", jobsPath+"w", countJob("1h"))
	for i, p := range []string{"", `,"partition_field_name":"app","partition_field_value":"x"`, "", `,"partition_field_name":"app","partition_field_value":"y"`} {
		r.write(".ml-anomalies-w", fmt.Sprintf(`{"job_id":"w","category_id":%d,"n":"%d","terms":"t","regex":".*","max_matching_length":1,"examples":["e"]%s}`, 11-i, 11-i, p))
	}
	at := jobsPath + "w/results/categories"
	for query, want := range map[string]string{"": "4: 8 9 10 11", "?from=1&size=2": "4: 9 10", "/9": "1: 9", "/7": "0:", "?partition_field_value=x": "1: 10", "?size=0": "4:", "/10?partition_field_value=y": "0:"} {
		if have := shown(t, r.must(200, "GET", at+query, ""), "categories", "n"); have != want {
			t.Errorf("%s: %s, want %s", query, have, want)
		}
	}
	if have := shown(t, r.must(200, "POST", at, `{"page":{"from":3,"size":9}}`), "categories", "n"); have != "4: 11" {
		t.Error(have)
	}
	for target, body := range map[string]string{"/9?from=0": "", "/9": `{"page":{"size":1}}`, "/x": "", "?from=-1": "", "?size=10001": ""} {
		method := "GET"
		if body != "" {
			method = "POST"
		}
		r.refused(400, "illegal_argument_exception", "", method, at+target, body)
	}
	r.refused(404, "resource_not_found_exception", "No known job", "GET", jobsPath+"none/results/categories", "")
}

// TestWrittenOverall: the scores of several jobs together, on written buckets.
func TestWrittenOverall(t *testing.T) {
	r := newRig(t, Options{})
	for id, span := range map[string]string{"o1": "1h", "o2": "1h", "o3": "30m"} {
		r.must(200, "PUT", jobsPath+id, strings.Replace(countJob(span), "{", `{"groups":["g"],`, 1))
	}
	for _, b := range []struct {
		job   string
		at    int64 // half hours
		score float64
		more  string
	}{{"o1", 0, 30, ""}, {"o1", 2, 90, ""}, {"o2", 0, 10, ""}, {"o2", 2, 50, ""}, {"o2", 4, 7, `,"is_interim":true`}, {"o3", 2, 20, ""}, {"o3", 3, 60, ""}, {"o3", 48, 2, ""}} {
		r.write(".ml-anomalies-"+b.job, fmt.Sprintf(`{"job_id":"%s","result_type":"bucket","timestamp":%d,"anomaly_score":%g,"bucket_span":%d%s}`, b.job, 1464739200000+b.at*1800_000, b.score,
			map[bool]int{true: 1800, false: 3600}[b.job == "o3"], b.more))
	}
	for query, want := range map[string]string{
		"o1,o2/results/overall_buckets":                                                    "3: 30 90 7",
		"g/results/overall_buckets":                                                        "4: 30 90 7 2",
		"o*/results/overall_buckets?top_n=2":                                               "4: 20 75 7 2",
		"_all/results/overall_buckets?top_n=3":                                             "4: 20 66.66666666666667 7 2",
		"_all/results/overall_buckets?top_n=99&overall_score=20":                           "2: 20 66.66666666666667",
		"_all/results/overall_buckets?bucket_span=2h":                                      "3: 90 7 2",
		"_all/results/overall_buckets?bucket_span=2h&top_n=2":                              "3: 75 7 2",
		"_all/results/overall_buckets?bucket_span=1d":                                      "2: 90 2",
		"_all/results/overall_buckets?exclude_interim=true":                                "3: 30 90 2",
		"_all/results/overall_buckets?start=1464740000000&end=1464747000000":               "1: 90",
		"_all/results/overall_buckets?start=2016-06-01T00:00:00Z&end=now":                  "4: 30 90 7 2",
		"_all/results/overall_buckets?end=2016-06-01T01:59:59Z":                            "1: 30",
		"o3/results/overall_buckets":                                                       "3: 20 60 2",
		"o3/results/overall_buckets?bucket_span=1h&overall_score=60.0":                     "1: 60",
		"o1,o9*/results/overall_buckets":                                                   "2: 30 90",
		"none*/results/overall_buckets":                                                    "0:",
		"_all/results/overall_buckets?start=2016-06-01T00:00:00Z&end=2016-06-01T00:30:00Z": "0:",
	} {
		if have := shown(t, r.must(200, "GET", jobsPath+query, ""), "overall_buckets", "overall_score"); have != want {
			t.Errorf("%s: %s, want %s", query, have, want)
		}
	}
	contains(t, r.must(200, "POST", jobsPath+"g/results/overall_buckets", `{"start":"2016-06-01T01:00:00Z","end":"1464746400000","top_n":1,"bucket_span":"1h","overall_score":"50","exclude_interim":true,"allow_no_match":true}`),
		`{"count":1,"overall_buckets":[{"timestamp":1464742800000,"bucket_span":3600,"overall_score":90,"jobs":[{"job_id":"o1","max_anomaly_score":90},{"job_id":"o2","max_anomaly_score":50},{"job_id":"o3","max_anomaly_score":60}],"is_interim":false,"result_type":"overall_bucket"}]}`)
	for query, part := range map[string]string{"top_n=0": "[topN] parameter must be positive, found [0]", "top_n=-2": "found [-2]", "bucket_span=30m": "max bucket_span [1h]", "bucket_span=x": "bucket_span", "start=5&end=5": "[start]", "size=5": "unrecognized"} {
		r.refused(400, "illegal_argument_exception", part, "GET", jobsPath+"_all/results/overall_buckets?"+query, "")
	}
	r.refused(404, "resource_not_found_exception", "none", "GET", jobsPath+"o1,none/results/overall_buckets", "")
	r.refused(404, "resource_not_found_exception", "none*", "GET", jobsPath+"none*/results/overall_buckets?allow_no_match=false", "")
}

// TestOverallOfLongRuns: millions of empty buckets cost nothing that grows with
// them, and no more than 10,000 intervals are listed.
func TestOverallOfLongRuns(t *testing.T) {
	r := newRig(t, Options{})
	r.open("a", countJob("60s"))
	r.post("a", 60, 120)
	r.must(200, "POST", jobsPath+"a/_flush?advance_time=2020-01-01", "")
	r.post("a", 1_577_836_800, 1_577_836_900, 1_577_837_100)
	r.must(200, "POST", jobsPath+"a/_flush", "")
	r.refused(400, "illegal_argument_exception", "Unable to return more than [10000] results", "GET", jobsPath+"a/results/overall_buckets", "")
	contains(t, r.must(200, "GET", jobsPath+"a/results/overall_buckets?overall_score=99.9", ""), `"count":0`)
	contains(t, r.must(200, "GET", jobsPath+"a/results/overall_buckets?start=2019-12-31T00:00&end=2019-12-31T02:00", ""), `"count":120`)
	contains(t, r.must(200, "GET", jobsPath+"a/results/overall_buckets?bucket_span=365d", ""), `"count":51`)
	contains(t, r.must(200, "GET", jobsPath+"a/results/buckets?size=0", ""), `"count":26297284`)
}
