package api

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// withSpikes is a rig with a job "j" that has learned 300 buckets of three
// hosts and seen two spikes, and has an open bucket.
func withSpikes(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, Options{})
	r.open("j", `{"analysis_config":{"bucket_span":"60s","detectors":[{"function":"mean","field_name":"v","partition_field_name":"host"}],"influencers":["host"]},
		"data_description":{"time_field":"time","time_format":"epoch"}}`)
	rng := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for i := range 301 {
		for host := range 3 {
			v := 100 + rng.NormFloat64()
			if host == 1 && i == 250 || host == 2 && i == 280 {
				v = 500
			}
			fmt.Fprintf(&b, `{"time":%d,"host":"h%d","v":%.3f}`, 6000+60*i, host, v)
		}
	}
	r.must(202, "POST", jobsPath+"j/_data", b.String())
	r.must(200, "POST", jobsPath+"j/_flush", `{"calc_interim":true}`)
	return r
}

func TestResults(t *testing.T) {
	r := withSpikes(t)
	var records wire.RecordList
	if err := json.Unmarshal([]byte(r.must(200, "GET", jobsPath+"j/results/records?record_score=50", "")), &records); err != nil {
		t.Fatal(err)
	}
	found := map[wire.Millis]string{}
	for i, rec := range records.Records {
		if i > 0 && rec.RecordScore > records.Records[i-1].RecordScore {
			t.Error("records are not sorted by score, the worst first")
		}
		found[rec.Timestamp] = *rec.PartitionFieldValue
		if rec.Function != "mean" || rec.FieldName != "v" || len(rec.Actual) != 1 || len(rec.Typical) != 1 || rec.Probability <= 0 || rec.Probability > 0.05 || rec.NoveltyScore == nil {
			t.Errorf("record %+v", rec)
		}
	}
	if found[(6000+60*250)*1000] != "h1" || found[(6000+60*280)*1000] != "h2" {
		t.Errorf("the spikes are not among %v", found)
	}
	var blamed wire.InfluencerList
	if err := json.Unmarshal([]byte(r.must(200, "POST", jobsPath+"j/results/influencers", `{"influencer_score":50,"page":{"size":1}}`)), &blamed); err != nil {
		t.Fatal(err)
	}
	if blamed.Count < 2 || len(blamed.Influencers) != 1 || blamed.Influencers[0].InfluencerFieldName != "host" {
		t.Errorf("influencers %+v", blamed)
	}
}

func TestBucketQueries(t *testing.T) {
	r := withSpikes(t)
	path := jobsPath + "j/results/buckets"
	const only = "&filter_path=count,buckets.timestamp"
	for query, want := range map[string]string{
		"?size=2" + only:                                    `{"count":301,"buckets":[{"timestamp":6000000},{"timestamp":6060000}]}`,
		"?size=2&from=1&desc" + only:                        `{"count":301,"buckets":[{"timestamp":23940000},{"timestamp":23880000}]}`,
		"?size=1&desc&exclude_interim" + only:               `{"count":300,"buckets":[{"timestamp":23940000}]}`,
		"?start=6060&end=6180" + only:                       `{"count":2,"buckets":[{"timestamp":6060000},{"timestamp":6120000}]}`,
		"?size=0" + only:                                    `{"count":301}`,
		"/21000?x" + only:                                   "",
		"/21000000?filter_path=buckets.event_count":         "",
		"/1970-01-01T05:50:00Z?filter_path=count":           `{"count":1}`,
		"?sort=anomaly_score&desc&size=0&start=6000" + only: `{"count":301}`,
	} {
		if want != "" {
			if have := r.must(200, "GET", path+query, ""); have != want {
				t.Errorf("%s: %s, want %s", query, have, want)
			}
		}
	}
	for _, method := range []string{"GET", "POST"} {
		have := r.must(200, method, path+"?size=1&filter_path=count", `{"start":"6060","end":"9000","exclude_interim":true,"page":{"size":3}}`)
		if have != `{"count":49}` {
			t.Errorf("%s with a body: %s", method, have)
		}
	}
	var list wire.BucketList
	if err := json.Unmarshal([]byte(r.must(200, "GET", path+"/21000?expand=true", "")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Buckets) != 1 || len(list.Buckets[0].Records) == 0 || list.Buckets[0].Records[0].Timestamp != 21000000 || list.Buckets[0].AnomalyScore < 50 {
		t.Errorf("expanded bucket %+v", list)
	}
	illegal := "illegal_argument_exception"
	for query, want := range map[string]string{
		"?from=-1": "[from] cannot be < 0", "?size=-1": "[size] cannot be < 0", "?size=10001": "10000", "?from=9999&size=2": "10000",
		"?size=x": "[size]", "?anomaly_score=x": "[anomaly_score]", "?sort=nonsense": "[nonsense]", "?expand=maybe": "[maybe]",
		"/21000?size=1": "incompatible with [size]", "/21000?start=5": "incompatible with [start]", "?record_score=5": "[record_score]",
	} {
		r.refused(400, illegal, want, "GET", path+query, "")
	}
	r.refused(400, "parse_exception", "[start]", "GET", path+"?start=x", "")
	r.refused(400, "parse_exception", "[timestamp]", "GET", path+"/x", "")
	r.refused(400, "x_content_parse_exception", "unknown field [sice]", "POST", path, `{"page":{"sice":1}}`)
	r.refused(404, "resource_not_found_exception", "Could not find requested buckets", "GET", path+"/21001", "")
	r.refused(404, "resource_not_found_exception", "No known job", "GET", jobsPath+"nobody/results/buckets", "")
	r.refused(404, "resource_not_found_exception", "No known job", "GET", jobsPath+"j,k/results/records", "")
}
