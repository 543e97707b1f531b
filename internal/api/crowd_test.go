package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// deed is something that a client of the crowd may do, with the statuses that are an
// answer to it whatever the others do.
type deed struct {
	method, target, body string
	statuses             []int
}

// deeds are all that can be done to one job, its datafeed, snapshots and forecasts.
func deeds(i int) []deed {
	const j = jobsPath + "j"
	ok, gone, clash, busy := 200, 404, 409, 429
	return []deed{
		{"PUT", j, strings.TrimSuffix(countJob("60s"), "}") + `,"groups":["g"]}`, []int{ok, 400}},
		{"POST", j + "/_open", "", []int{ok, gone, clash, busy}},
		{"POST", j + "/_open", "", []int{ok, gone, clash, busy}},
		{"POST", j + "/_data", fmt.Sprintf(`{"time":%d}{"time":%d}`, 6000+10*i, 6060+10*i), []int{202, clash, gone, busy}},
		{"POST", j + "/_data", fmt.Sprintf(`{"time":%d}`, 6000+10*i), []int{202, clash, gone, busy}},
		{"POST", j + "/_flush", `{"calc_interim":true}`, []int{ok, clash, gone, busy}},
		{"POST", j + "/_flush", fmt.Sprintf(`{"advance_time":"%d"}`, 6000+10*i), []int{ok, clash, gone, busy}},
		{"POST", j + "/_update", fmt.Sprintf(`{"description":"%d","groups":["g","h%d"]}`, i, i%3), []int{ok, gone, clash, busy}},
		{"POST", j + "/_close", "", []int{ok, gone, clash}},
		{"POST", j + "/_close", `{"force":true}`, []int{ok, gone, clash}},
		{"POST", j + "/_reset", "", []int{ok, gone, clash}},
		{"DELETE", j, "", []int{ok, gone, clash}},
		{"DELETE", j + "?force=true", "", []int{ok, gone, clash}},
		{"DELETE", j + "?force=true&wait_for_completion=false", "", []int{ok, gone, clash}},
		{"GET", j, "", []int{ok, gone}},
		{"GET", j + "/_stats", "", []int{ok, gone}},
		{"GET", jobsPath + "g/_stats", "", []int{ok, gone}},
		{"GET", j + "/results/buckets?expand=true", "", []int{ok, gone}},
		{"GET", j + "/results/overall_buckets", "", []int{ok, gone}},
		{"POST", j + "/_forecast", `{"duration":"1h"}`, []int{ok, 400, gone, clash, busy}},
		{"DELETE", j + "/_forecast/_all", "", []int{ok, gone, clash}},
		{"GET", j + "/model_snapshots", "", []int{ok, gone}},
		{"POST", j + "/model_snapshots/empty/_revert", `{"delete_intervening_results":true}`, []int{ok, gone, clash}},
		{"PUT", "/_ml/datafeeds/feed", `{"job_id":"j","indices":["docs"],"query_delay":"1s","frequency":"1s"}`, []int{ok, 400, gone, clash}},
		{"POST", "/_ml/datafeeds/feed/_start", `{"start":"1"}`, []int{ok, gone, clash, busy}},
		{"POST", "/_ml/datafeeds/feed/_start", `{"start":"1","end":"7000"}`, []int{ok, gone, clash, busy}},
		{"POST", "/_ml/datafeeds/feed/_stop", `{"force":true}`, []int{ok, gone, clash}},
		{"GET", "/_ml/datafeeds/feed/_stats", "", []int{ok, gone}},
		{"DELETE", "/_ml/datafeeds/feed?force=true", "", []int{ok, gone, clash}},
		{"POST", "/_ml/calendars/c/events", fmt.Sprintf(`{"events":[{"description":"e","start_time":%d,"end_time":%d}]}`, 6_000_000+i*1000, 6_100_000+i*1000), []int{ok, clash, busy}},
		{"POST", "/_ml/filters/f/_update", fmt.Sprintf(`{"add_items":["i%d"]}`, i), []int{ok, clash, busy}},
		{"GET", "/.ml-anomalies-j/_search", "", []int{ok, gone}},
		{"DELETE", "/_ml/_delete_expired_data", "", []int{ok}},
		{"GET", "/_cat/ml/anomaly_detectors", "", []int{ok}},
	}
}

// TestManyClientsOneJob: whatever many clients do at once to the same job, with its
// datafeed, snapshots and forecasts, each answer is one that a client understands, the
// job ends in a state that exists, and it works afterwards, also after a restart.
func TestManyClientsOneJob(t *testing.T) {
	r := newRig(t, Options{})
	for i := range 50 {
		r.must(201, "PUT", fmt.Sprintf("/docs/_doc/%d", i), fmt.Sprintf(`{"time":%d}`, 6000+i*20))
	}
	r.must(200, "PUT", "/_ml/calendars/c", `{"job_ids":["j","g"]}`)
	r.must(200, "PUT", "/_ml/filters/f", `{"items":["a"]}`)
	const clients = 8
	// All of these must have come about at least once, however slow the machine.
	wanted := []string{"PUT " + jobsPath + "j 200", "POST " + jobsPath + "j/_open 200", "POST " + jobsPath + "j/_data 202", "DELETE " + jobsPath + "j?force=true 200", "POST " + jobsPath + "j/_update 200"}
	began := time.Now()
	var all sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for c := range clients {
		all.Go(func() {
			draw := rand.New(rand.NewPCG(uint64(c), 17))
			for i := 0; ; i++ {
				mu.Lock()
				missing := slices.ContainsFunc(wanted, func(w string) bool { return answers[w] == 0 })
				mu.Unlock()
				if took := time.Since(began); took > time.Minute || took > 3*time.Second && !missing {
					return
				}
				list := deeds(i)
				d := list[draw.IntN(len(list))]
				w := r.do(d.method, d.target, d.body)
				if !slices.Contains(d.statuses, w.Code) {
					t.Errorf("%s %s %s: %d %.500s", d.method, d.target, d.body, w.Code, w.Body)
				}
				if w.Code >= 400 {
					if err := envelope(w); err != nil {
						t.Errorf("%s %s: %v: %s", d.method, d.target, err, w.Body)
					}
				}
				mu.Lock()
				answers[fmt.Sprintf("%s %s %d", d.method, d.target, w.Code)]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, want := range wanted {
		if answers[want] == 0 {
			t.Errorf("never %s: the crowd tries too little: %v", want, answers)
		}
	}
	r.worksAfterwards(t)
	r.restart()
	r.worksAfterwards(t)
}

// worksAfterwards: whatever is left of job j is in a state that exists and can be taken
// to any other, all its names can be had again, and a new one does what a job does.
func (r *rig) worksAfterwards(t *testing.T) {
	t.Helper()
	r.do("DELETE", "/_ml/datafeeds/feed?force=true", "")
	if w := r.do("GET", jobsPath+"j/_stats?filter_path=jobs.state", ""); w.Code == http.StatusOK {
		if state := w.Body.String(); !strings.Contains(state, `"closed"`) && !strings.Contains(state, `"opened"`) && !strings.Contains(state, `"closing"`) && !strings.Contains(state, `"opening"`) {
			t.Errorf("the job ended as %s", state)
		}
		r.must(200, "POST", jobsPath+"j/_close", "")
		contains(t, r.must(200, "GET", jobsPath+"j/_stats?filter_path=jobs.state", ""), `"closed"`)
		r.must(200, "POST", jobsPath+"j/_open", "")
		r.must(200, "POST", jobsPath+"j/_flush", `{"calc_interim":true}`)
		r.must(200, "POST", jobsPath+"j/_close", "")
		r.must(200, "POST", jobsPath+"j/_reset", "")
		r.must(200, "DELETE", jobsPath+"j", "")
	}
	for _, name := range []string{"g", "h0", "h1", "h2", "j"} { // Groups are free again.
		r.open(name, countJob("60s"))
		r.post(name, 6000, 6070, 6130, 6190)
		r.must(200, "POST", jobsPath+name+"/_flush", "")
		contains(t, r.must(200, "GET", jobsPath+name+"/results/buckets?size=0", ""), `"count":3`)
		r.must(200, "POST", jobsPath+name+"/_close", "")
		r.must(200, "DELETE", jobsPath+name, "")
	}
	contains(t, r.must(200, "GET", "/_ml/datafeeds", ""), `"count":0`)
}
