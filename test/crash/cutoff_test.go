package crash

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"tidemark/client"
	"tidemark/test/process"
)

// TestAnswerCutOff: the connection breaks after the server has taken an upload
// and before its answer arrives; the client repeats, and everything counts
// exactly once.
func TestAnswerCutOff(t *testing.T) {
	s := process.New(t, *binary)
	s.Start()
	prepare(s, workload{job: "one", config: `{"analysis_config":{"bucket_span":"60s","detectors":[{"function":"count"}]},"data_description":{"time_field":"time","time_format":"epoch"}}`})
	target, err := url.Parse(s.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	var uploads, cut atomic.Int64
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/_data") || uploads.Add(1)%2 == 0 {
			forward.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		forward.ServeHTTP(answer, r)
		if answer.Code != http.StatusAccepted {
			t.Errorf("the server answered %d", answer.Code)
		}
		cut.Add(1)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // A reset, as a broken network gives.
		}
		_ = conn.Close()
	}))
	defer proxy.Close()
	c, err := client.New(proxy.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const posts, perPost = 10, 7
	at := int64(1_700_000_000)
	for range posts {
		var body bytes.Buffer
		for range perPost {
			fmt.Fprintf(&body, `{"time":%d}`, at)
			at++
		}
		counts, err := c.PostData(context.Background(), client.PostDataRequest{JobID: "one", Body: bytes.NewReader(body.Bytes())})
		if err != nil || counts.ProcessedRecordCount != perPost {
			t.Fatalf("counts %+v, error %v", counts, err)
		}
	}
	stats := s.Must("GET", onePath+"/_stats", "")["jobs"].([]any)[0].(map[string]any)
	if n := stats["data_counts"].(map[string]any)["processed_record_count"].(float64); n != posts*perPost || cut.Load() != posts {
		t.Errorf("%v records count, %d were sent; %d answers were cut off", n, posts*perPost, cut.Load())
	}
}
