package crash

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tidemark/test/process"
)

var (
	kills  = flag.Int("crash.kills", 10, "how often the server is killed under load")
	rounds = flag.Int("crash.rounds", 15, "how often a directory is damaged and opened")
	seed   = flag.Uint64("crash.seed", 1, "seed of the moments and the data")
	binary = flag.String("crash.binary", "", "binary to kill; empty: this test binary as the server")
)

// workload is one job's configuration and its uploads, in order.
type workload struct {
	job     string
	config  string
	uploads [][]byte
	perLoad int
}

const bucketSeconds = 300

func TestMain(m *testing.M) { process.Main(m) }

// makeWorkload draws a job with a daily pattern, some spikes and silences.
func makeWorkload(job, detector string, split bool, uploads, perLoad int, rng *rand.Rand) workload {
	w := workload{
		job: job, perLoad: perLoad,
		config: fmt.Sprintf(`{"analysis_config":{"bucket_span":"%ds","detectors":[%s],"influencers":["host"]},
			"data_description":{"time_field":"time","time_format":"epoch"}}`, bucketSeconds, detector),
	}
	at := int64(1_700_000_100)
	for u := 0; u < uploads; u++ {
		var body bytes.Buffer
		for i := 0; i < perLoad; i++ {
			at += rng.Int64N(40)
			if rng.IntN(400) == 0 {
				at += 3 * bucketSeconds
			}
			value := 100 + 20*math.Sin(float64(at%86400)/86400*2*math.Pi) + rng.NormFloat64()
			if rng.IntN(1500) == 0 {
				value *= 5
			}
			host := "h0"
			if split {
				host = fmt.Sprintf("h%d", rng.IntN(12))
			}
			fmt.Fprintf(&body, `{"time":%d,"host":"%s","value":%.4f}`+"\n", at, host, value)
		}
		w.uploads = append(w.uploads, body.Bytes())
	}
	return w
}

func workloads(uploads int) []workload {
	rng := rand.New(rand.NewPCG(*seed, 7))
	return []workload{
		makeWorkload("one", `{"function":"mean","field_name":"value"}`, false, uploads, 60, rng),
		makeWorkload("split", `{"function":"sum","field_name":"value","partition_field_name":"host"}`, true, uploads, 120, rng),
		makeWorkload("counted", `{"function":"count","by_field_name":"host"},{"function":"max","field_name":"value"}`, true, uploads, 80, rng),
	}
}

// TestKillUnderLoad is the durability promise of the input log, held by the
// real process.
func TestKillUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a server many times")
	}
	uploads := max(60, *kills*6)
	loads := workloads(uploads)

	calm := process.New(t, *binary)
	calm.Start()
	for _, w := range loads {
		prepare(calm, w)
		for i, body := range w.uploads {
			if _, err := calm.PostUntilTaken(w.job, keyOf(w, i), body, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := collect(calm, loads)
	calm.Terminate()

	rough := process.New(t, *binary, "--snapshot-work", "20000")
	rough.Start()
	for _, w := range loads {
		prepare(rough, w)
	}
	runUnderKills(t, rough, loads)
	got := collect(rough, loads)
	for _, w := range loads {
		compare(t, w.job, want[w.job], got[w.job])
	}
}

func prepare(s *process.Server, w workload) {
	s.Must("PUT", "/_ml/anomaly_detectors/"+w.job, w.config)
	s.Must("POST", "/_ml/anomaly_detectors/"+w.job+"/_open", "")
}

func keyOf(w workload, i int) string { return fmt.Sprintf("%s-%d", w.job, i) }

// runUnderKills posts every job's uploads in order while the server is killed
// at random moments, and checks after each restart that the totals match what
// was acknowledged.
func runUnderKills(t *testing.T, s *process.Server, loads []workload) {
	t.Helper()
	var acked = make([]atomic.Int64, len(loads))
	stop := make(chan struct{})
	var posting sync.WaitGroup
	errs := make(chan error, len(loads))
	// The clients pace themselves by the kills, so that every kill meets load.
	var allowed atomic.Int64
	for j := range loads {
		posting.Add(1)
		go func() {
			defer posting.Done()
			for i, body := range loads[j].uploads {
				for int64(i) > allowed.Load() {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
				}
				if _, err := s.PostUntilTaken(loads[j].job, keyOf(loads[j], i), body, stop); err != nil {
					errs <- fmt.Errorf("job %s upload %d: %w", loads[j].job, i, err)
					return
				}
				acked[j].Add(1)
			}
		}()
	}
	rng := rand.New(rand.NewPCG(*seed, 99))
	total := int64(len(loads[0].uploads))
	for k := 0; k < *kills; k++ {
		allowed.Store(total * int64(k+1) / int64(*kills))
		time.Sleep(time.Duration(rng.IntN(60_000)) * time.Microsecond)
		s.Kill()
		before := make([]int64, len(loads))
		for j := range loads {
			before[j] = acked[j].Load()
		}
		s.Start()
		checkTotals(t, s, loads, before)
	}
	allowed.Store(total)
	done := make(chan struct{})
	go func() { posting.Wait(); close(done) }()
	select {
	case <-done:
	case err := <-errs:
		close(stop)
		t.Fatal(err)
	case <-time.After(2 * time.Minute):
		close(stop)
		t.Fatalf("uploads did not finish; server said:\n%s", s.LastWords())
	}
	select {
	case err := <-errs:
		t.Fatal(err)
	default:
	}
	for j := range loads {
		if got := acked[j].Load(); got != total {
			t.Fatalf("job %s: %d of %d uploads acknowledged", loads[j].job, got, total)
		}
	}
}

// checkTotals holds that acknowledged uploads are there, that none is there
// in part, and that each counts once.
func checkTotals(t *testing.T, s *process.Server, loads []workload, acked []int64) {
	t.Helper()
	for j, w := range loads {
		a := s.Must("GET", "/_ml/anomaly_detectors/"+w.job+"/_stats", "")
		job := a["jobs"].([]any)[0].(map[string]any)
		if state := job["state"]; state != "opened" {
			t.Fatalf("job %s is %v after a kill, was open (%v)", w.job, state, job["assignment_explanation"])
		}
		records := int64(job["data_counts"].(map[string]any)["input_record_count"].(float64))
		if records%int64(w.perLoad) != 0 {
			t.Fatalf("job %s: %d records is not a whole number of uploads of %d", w.job, records, w.perLoad)
		}
		if taken := records / int64(w.perLoad); taken < acked[j] {
			t.Fatalf("job %s: %d uploads acknowledged before the kill, %d there after it", w.job, acked[j], taken)
		}
	}
}

// collect flushes and reads everything final about the jobs.
func collect(s *process.Server, loads []workload) map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for _, w := range loads {
		base := "/_ml/anomaly_detectors/" + w.job
		s.Must("POST", base+"/_flush", "")
		stats := s.Must("GET", base+"/_stats", "")["jobs"].([]any)[0].(map[string]any)
		counts := stats["data_counts"].(map[string]any)
		got := map[string][]string{}
		for _, kind := range []string{"buckets", "records", "influencers"} {
			got[kind] = collectKind(s, base+"/results/"+kind, kind, counts)
		}
		got["data_counts"] = []string{canonical(counts)}
		all[w.job] = got
	}
	return all
}

// window is how much time is read at once: pages end at 10,000 results.
const window = 200 * bucketSeconds

// collectKind reads all results of a kind, window by window.
func collectKind(s *process.Server, path, kind string, counts map[string]any) []string {
	var list []string
	first, last := counts["earliest_record_timestamp"].(float64)/1000, counts["latest_record_timestamp"].(float64)/1000
	for from := int64(first); from <= int64(last); from += window {
		a := s.Must("POST", path, fmt.Sprintf(`{"start":"%d","end":"%d","page":{"size":10000}}`, from, from+window))
		docs := a[kind].([]any)
		if a["count"].(float64) != float64(len(docs)) {
			panic(fmt.Sprintf("%d %s in one window, %v in all: make it smaller", len(docs), kind, a["count"]))
		}
		for _, d := range docs {
			list = append(list, canonical(d.(map[string]any)))
		}
	}
	sort.Strings(list)
	return list
}

// stamped are the fields that the runtime stamps from outside; they are not
// part of the equality of two runs.
var stamped = []string{"processing_time_ms", "last_data_time", "log_time"}

func canonical(doc map[string]any) string {
	for _, f := range stamped {
		delete(doc, f)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func compare(t *testing.T, job string, want, got map[string][]string) {
	t.Helper()
	for kind := range want {
		w, g := want[kind], got[kind]
		if len(w) != len(g) {
			t.Errorf("job %s: %d %s after kills, %d in the calm run", job, len(g), kind, len(w))
			continue
		}
		for i := range w {
			if w[i] != g[i] {
				t.Errorf("job %s: %s differ after kills:\n got %s\nwant %s", job, kind, g[i], w[i])
				break
			}
		}
	}
	if len(want["buckets"]) == 0 || len(want["records"]) == 0 {
		t.Errorf("job %s: the calm run found %d buckets and %d records; the comparison proves nothing", job, len(want["buckets"]), len(want["records"]))
	}
}
