//go:build tidemarkfault

package crash

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tidemark/test/process"
)

// TestOneJobFails: an entry at which the engine panics fails its job, with a
// message that names the place. The others go on, the server restarts, and an
// operator gets rid of the job.
func TestOneJobFails(t *testing.T) {
	s := process.New(t, *binary)
	s.Start()
	path := func(i int) string { return fmt.Sprintf("/_ml/anomaly_detectors/j%d", i) }
	for i := range 10 {
		s.Must("PUT", path(i), `{"analysis_config":{"bucket_span":"60s","detectors":[{"function":"count","by_field_name":"host"}]},"data_description":{"time_field":"time","time_format":"epoch"}}`)
		s.Must("POST", path(i)+"/_open", "")
	}
	round := int64(0)
	others := func() {
		t.Helper()
		round++
		for i := range 10 {
			if i == 3 {
				continue
			}
			s.Must("POST", path(i)+"/_data", fmt.Sprintf(`{"time":%d,"host":"a"}`, 1_700_000_000+100*round))
			stats := s.Must("GET", path(i)+"/_stats", "")["jobs"].([]any)[0].(map[string]any)
			if n := stats["data_counts"].(map[string]any)["processed_record_count"].(float64); int64(n) != round || stats["state"] != "opened" {
				t.Errorf("job %d is %v with %v records, want %d", i, stats["state"], n, round)
			}
		}
	}
	others()
	status, answer, err := s.Call("POST", path(3)+"/_data", "", []byte(`{"time":1700000000,"host":"tidemark-fault-panic"}`))
	if err != nil || status < 400 {
		t.Fatalf("the marked record: status %d, error %v: %v", status, err, answer)
	}
	failed := func() {
		t.Helper()
		stats := s.Must("GET", path(3)+"/_stats", "")["jobs"].([]any)[0].(map[string]any)
		reason, _ := stats["assignment_explanation"].(string)
		if stats["state"] != "failed" || !strings.Contains(reason, "position") {
			t.Errorf("the failed job is %v: %q", stats["state"], reason)
		}
		if status, _, err := s.Call("POST", path(3)+"/_data", "", []byte(`{"time":1700000001,"host":"a"}`)); err != nil || status != http.StatusConflict {
			t.Errorf("an upload to the failed job: %d, %v", status, err)
		}
	}
	failed()
	others()
	for range 4 {
		s.Kill()
		s.Start()
		failed()
		others()
	}
	s.Must("POST", path(3)+"/_close?force=true", "")
	s.Must("DELETE", path(3), "")
	others()
}
