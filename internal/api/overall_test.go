package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// TestOverall: the worst of several jobs, per interval of the longest bucket.
func TestOverall(t *testing.T) {
	r := newRig(t, Options{})
	const base = 28_000_020 // Whole hours.
	for id, loud := range map[string]int{"a": 250, "b": 252} {
		r.open(id, countJob(map[string]string{"a": "60s", "b": "120s"}[id]))
		var b strings.Builder
		for m := range 401 {
			n := 5 + m%3
			if m == loud || id == "b" && m == 254 {
				n = 300
			}
			for k := range n {
				fmt.Fprintf(&b, `{"time":%d}`, (base+m)*60+k%60)
			}
		}
		r.must(202, "POST", jobsPath+id+"/_data", b.String())
	}
	r.must(200, "POST", jobsPath+"a/_flush?calc_interim=true", "")
	get := func(target, body string) wire.OverallBucketList {
		t.Helper()
		var list wire.OverallBucketList
		if err := json.Unmarshal([]byte(r.must(200, "POST", target, body)), &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := get(jobsPath+"*/results/overall_buckets", "")
	if all.Count < 199 || all.OverallBuckets[0].BucketSpan != 120 || !all.OverallBuckets[len(all.OverallBuckets)-1].IsInterim {
		t.Errorf("%d overall buckets, the first %+v", all.Count, all.OverallBuckets[0])
	}
	worst := get(jobsPath+"_all/results/overall_buckets?overall_score=50&exclude_interim=true", "")
	if worst.Count < 2 || worst.OverallBuckets[0].Timestamp != wire.Millis((base+250)*60_000) || len(worst.OverallBuckets[0].Jobs) != 2 || worst.OverallBuckets[0].Jobs[0].JobID != "a" {
		t.Errorf("the worst are %+v", worst)
	}
	two := get(jobsPath+"a,b/results/overall_buckets", fmt.Sprintf(`{"top_n":2,"start":%d,"end":%d}`, (base+249)*60_000, (base+253)*60_000))
	if two.Count != 1 || two.OverallBuckets[0].OverallScore >= worst.OverallBuckets[0].OverallScore*0.9 {
		t.Errorf("the mean of two is %+v", two)
	}
	hours := get(jobsPath+"a,b/results/overall_buckets?bucket_span=1h&exclude_interim=true", "")
	if hours.Count != 7 || hours.OverallBuckets[4].OverallScore < worst.OverallBuckets[0].OverallScore || hours.OverallBuckets[4].BucketSpan != 3600 {
		t.Errorf("by hours: %+v", hours)
	}
	r.refused(400, "illegal_argument_exception", "[topN] parameter must be positive, found [0]", "GET", jobsPath+"a/results/overall_buckets?top_n=0", "")
	r.refused(400, "illegal_argument_exception", "max bucket_span [2m]", "GET", jobsPath+"b/results/overall_buckets?bucket_span=60s", "")
	r.refused(404, "resource_not_found_exception", "none", "GET", jobsPath+"none/results/overall_buckets", "")
	if got := r.must(200, "GET", jobsPath+"z*/results/overall_buckets", ""); got != `{"count":0,"overall_buckets":[]}` {
		t.Errorf("no job: %s", got)
	}
}
