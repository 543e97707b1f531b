package crash

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tidemark/test/process"
)

// TestKilledDatafeed kills the server while a datafeed delivers: the next process
// goes on by itself where results end, and the outcome is that of a calm run.
func TestKilledDatafeed(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a server many times")
	}
	rng := rand.New(rand.NewPCG(*seed, 11))
	w := makeWorkload("fed", `{"function":"mean","field_name":"value","partition_field_name":"host"},{"function":"count"}`, true, 30, 200, rng)
	w.config = strings.Replace(w.config, `"epoch"`, `"epoch_ms"`, 1)
	run := func(s *process.Server, killed int) map[string][]string {
		s.Start()
		s.Must("PUT", "/src", `{"mappings":{"properties":{"time":{"type":"date"}}}}`)
		for _, body := range w.uploads {
			var bulk bytes.Buffer
			for line := range bytes.Lines(body) {
				at, rest, _ := bytes.Cut(bytes.TrimPrefix(line, []byte(`{"time":`)), []byte(","))
				// Several documents of one time stay together.
				fmt.Fprintf(&bulk, "{\"index\":{}}\n{\"time\":%s000,%s", at, rest)
			}
			s.Must("POST", "/src/_bulk", bulk.String())
		}
		prepare(s, w)
		s.Must("PUT", "/_ml/datafeeds/df", `{"job_id":"fed","indices":["src"],"scroll_size":2}`)
		s.Must("POST", "/_ml/datafeeds/df/_start", `{"start":"0","end":"2024-06-01T00:00:00Z"}`)
		amid := 0
		for range killed {
			time.Sleep(time.Duration(rng.IntN(40_000)) * time.Microsecond)
			s.Kill()
			s.Start()
			if state(s) == "opened" {
				amid++
			}
		}
		if killed > 0 && amid < killed/2 {
			t.Errorf("only %d of %d kills met the datafeed at work: the test shows little", amid, killed)
		}
		for deadline := time.Now().Add(time.Minute); state(s) != "closed"; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the datafeed never came to its end: %v\n%s", s.Must("GET", "/_ml/datafeeds/df/_stats", ""), s.LastWords())
			}
		}
		s.Must("POST", "/_ml/anomaly_detectors/fed/_open", "")
		return collect(s, []workload{w})["fed"]
	}
	calm := process.New(t, *binary)
	want := run(calm, 0)
	calm.Terminate()
	if !strings.Contains(want["data_counts"][0], `"processed_record_count":6000`) {
		t.Fatalf("the calm run took %s", want["data_counts"])
	}
	compare(t, "fed", want, run(process.New(t, *binary, "--snapshot-work", "20000"), 6))
}

// state is the state of the job that the datafeed fills.
func state(s *process.Server) any {
	return s.Must("GET", "/_ml/anomaly_detectors/fed/_stats", "")["jobs"].([]any)[0].(map[string]any)["state"]
}
