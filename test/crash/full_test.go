package crash

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"tidemark/test/process"
)

const onePath = "/_ml/anomaly_detectors/one"

// noisy are records that hardly compress, n of them from a time in seconds.
func noisy(rng *rand.Rand, at int64, n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"time":%d,"host":"%016x","value":%g}`+"\n", at+int64(i), rng.Uint64(), rng.Float64())
	}
	return b.Bytes()
}

// TestFullLog: when the log has no room, uploads are refused whole with the
// reason; reads, flushes and closes still work; uploads resume when there is
// room again.
func TestFullLog(t *testing.T) {
	s := process.New(t, *binary, "--max-log", "1mb")
	s.Start()
	s.Must("PUT", onePath, `{"analysis_config":{"bucket_span":"60s","detectors":[{"function":"mean","field_name":"value"}],"influencers":["host"]},
		"data_description":{"time_field":"time","time_format":"epoch"}}`)
	s.Must("POST", onePath+"/_open", "")
	rng := rand.New(rand.NewPCG(1, 1))
	const perUpload = 2000
	at, taken := int64(1_700_000_000), 0
	refusals := 0
	for taken < 200 && refusals < 3 {
		status, answer, err := s.Call("POST", onePath+"/_data", "", noisy(rng, at, perUpload))
		switch {
		case err != nil:
			t.Fatal(err)
		case status == http.StatusAccepted:
			if refusals > 0 {
				t.Error("an upload was taken after one of the same size was refused")
			}
			taken++
			at += perUpload
		case status == http.StatusServiceUnavailable && bytes.Contains(fmt.Appendf(nil, "%v", answer), []byte("no room")):
			refusals++
		default:
			t.Fatalf("upload %d: status %d: %v", taken, status, answer)
		}
	}
	if taken < 3 || refusals < 3 {
		t.Fatalf("%d uploads taken, %d refused", taken, refusals)
	}
	total := func() int {
		t.Helper()
		stats := s.Must("GET", onePath+"/_stats", "")["jobs"].([]any)[0].(map[string]any)
		return int(stats["data_counts"].(map[string]any)["input_record_count"].(float64))
	}
	if have := total(); have != taken*perUpload {
		t.Errorf("%d records count, %d were acknowledged", have, taken*perUpload)
	}
	s.Must("POST", onePath+"/_flush", `{"calc_interim":true}`)
	s.Must("POST", onePath+"/results/buckets", "")
	s.Must("POST", onePath+"/_close", "")
	s.Terminate()
	s.With("--max-log", "100mb")
	s.Start()
	s.Must("POST", onePath+"/_open", "")
	if status, answer, err := s.Call("POST", onePath+"/_data", "", noisy(rng, at, perUpload)); err != nil || status != http.StatusAccepted {
		t.Errorf("with room again: status %d, error %v: %v", status, err, answer)
	}
	if have := total(); have != (taken+1)*perUpload {
		t.Errorf("%d records count, %d were acknowledged", have, (taken+1)*perUpload)
	}
}

// TestNearlyFullDisk: below the free space that is kept for finishing what was
// taken, uploads are refused; everything else works.
func TestNearlyFullDisk(t *testing.T) {
	s := process.New(t, *binary)
	s.Start()
	prepare(s, workload{job: "one", config: `{"analysis_config":{"bucket_span":"60s","detectors":[{"function":"count"}]},"data_description":{"time_field":"time","time_format":"epoch"}}`})
	s.Must("POST", onePath+"/_data", `{"time":1700000000}`)
	s.Terminate()
	s.With("--min-free", "100000tb")
	s.Start()
	status, answer, err := s.Call("POST", onePath+"/_data", "", []byte(`{"time":1700000001}`))
	if err != nil || status != http.StatusServiceUnavailable || !bytes.Contains(fmt.Appendf(nil, "%v", answer), []byte("free disk space")) {
		t.Errorf("an upload to a nearly full disk: %d, %v: %v", status, err, answer)
	}
	s.Must("POST", onePath+"/_flush", `{"advance_time":"1700000060"}`)
	s.Must("GET", onePath+"/results/buckets", "")
	s.Must("POST", onePath+"/_close", "")
}
