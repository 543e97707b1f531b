package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"tidemark/wire"
)

var uploaded = answer{status: 202, body: counts}

// noSeek hides that a reader can be set back.
type noSeek struct{ io.Reader }

// TestUploadIsRepeated under its key and with the same bytes, whatever the body
// is read from.
func TestUploadIsRepeated(t *testing.T) {
	const records = "{\"time\":1}\n{\"time\":2}\n"
	file := filepath.Join(t.TempDir(), "records")
	if err := os.WriteFile(file, []byte("skipped"+records), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, request := range map[string]PostDataRequest{
		"seeker":   {Body: strings.NewReader(records)},
		"reader":   {Body: noSeek{strings.NewReader(records)}},
		"file":     {Body: f},
		"get body": {GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(records)), nil }},
		"gzip":     {Body: strings.NewReader(records), Compress: true},
		"own key":  {Body: strings.NewReader(records), Key: "my key 1"},
	} {
		t.Run(name, func(t *testing.T) {
			if request.Body == f {
				if _, err := f.Seek(int64(len("skipped")), io.SeekStart); err != nil {
					t.Fatal(err)
				}
			}
			s, c := serve(t, answer{drop: true}, answer{status: 429, body: busy, header: map[string]string{"Retry-After": "1"}},
				answer{status: 503, body: "{}"}, answer{status: 202, body: counts, half: true}, answer{status: 502}, uploaded)
			request.JobID = "j"
			got, err := c.PostData(ctx, request)
			if err != nil || got.ProcessedRecordCount != 2 || got.EarliestRecordTimestamp.Time().Year() != 2014 {
				t.Fatalf("%+v, %v", got, err)
			}
			all := s.requests()
			if len(all) != 6 {
				t.Fatalf("%d requests", len(all))
			}
			for _, r := range all {
				if body := plain(t, r); body != records || r.header.Get(wire.IdempotencyHeader) == "" ||
					r.header.Get(wire.IdempotencyHeader) != all[0].header.Get(wire.IdempotencyHeader) || r.header.Get("Content-Type") != "application/x-ndjson" {
					t.Errorf("%q %v", body, r.header)
				}
			}
			if request.Key != "" && all[0].header.Get(wire.IdempotencyHeader) != request.Key {
				t.Error("another key than asked for")
			}
		})
	}
}

func plain(t *testing.T, r seen) string {
	t.Helper()
	if r.header.Get("Content-Encoding") != "gzip" {
		return r.body
	}
	z, err := gzip.NewReader(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestKeysDiffer: two uploads of the same records are two uploads.
func TestKeysDiffer(t *testing.T) {
	s, c := serve(t, uploaded)
	for range 2 {
		if _, err := c.PostData(ctx, PostDataRequest{JobID: "j", Body: strings.NewReader("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	got := s.requests()
	if got[0].header.Get(wire.IdempotencyHeader) == got[1].header.Get(wire.IdempotencyHeader) {
		t.Error("one key for two uploads")
	}
}

// TestRepeatOnlyWhatIsSafe: which calls are sent again after which failures.
func TestRepeatOnlyWhatIsSafe(t *testing.T) {
	calls := map[string]struct {
		do   func(*Client) error
		safe bool
	}{
		"flush":  {func(c *Client) error { _, err := c.FlushJob(ctx, FlushJobRequest{JobID: "j"}); return err }, true},
		"stats":  {func(c *Client) error { _, err := c.GetJobStats(ctx, GetJobStatsRequest{}); return err }, true},
		"close":  {func(c *Client) error { _, err := c.CloseJob(ctx, CloseJobRequest{IDs: "j"}); return err }, true},
		"put":    {func(c *Client) error { _, err := c.PutJob(ctx, PutJobRequest{JobID: "j"}); return err }, false},
		"open":   {func(c *Client) error { _, err := c.OpenJob(ctx, OpenJobRequest{JobID: "j"}); return err }, false},
		"delete": {func(c *Client) error { _, err := c.DeleteJob(ctx, DeleteJobRequest{JobID: "j"}); return err }, false},
	}
	for name, call := range calls {
		for failure, c := range map[string]struct {
			answer answer
			again  bool
		}{
			"lost":        {answer{drop: true}, call.safe},
			"bad gateway": {answer{status: 502}, call.safe},
			"busy":        {answer{status: 429, body: busy}, true},
			"unavailable": {answer{status: 503}, true},
			"conflict":    {answer{status: 409, body: notOpen}, false},
			"broken":      {answer{status: 500}, false},
		} {
			s, client := serve(t, c.answer)
			err := call.do(client)
			want := 1
			if c.again {
				want = DefaultMaxAttempts
			}
			if got := len(s.requests()); err == nil || got != want {
				t.Errorf("%s, %s: sent %d times, want %d; %v", name, failure, got, want, err)
			}
		}
	}
}

func TestLostConnectionIsTyped(t *testing.T) {
	_, c := serve(t, answer{drop: true})
	_, err := c.PutJob(ctx, PutJobRequest{JobID: "j"})
	var lost *ConnectionError
	if !errors.As(err, &lost) || lost.Attempts != 1 || !strings.Contains(err.Error(), "put job [j]") {
		t.Errorf("%#v", err)
	}
}

// TestRefusedConnection: nothing was sent, so that every call is repeated.
func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := New("http://"+l.Addr().String(), Options{MaxAttempts: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	waits := 0
	c.pause = func(context.Context, time.Duration) error { waits++; return nil }
	var lost *ConnectionError
	if _, err := c.PutJob(ctx, PutJobRequest{JobID: "j"}); !errors.As(err, &lost) || lost.Attempts != 3 || waits != 2 {
		t.Errorf("%v after %d waits", err, waits)
	}
}

// TestWaits: at least what the server asks for, growing, and bounded.
func TestWaits(t *testing.T) {
	after := func(v string) answer {
		return answer{status: 429, body: busy, header: map[string]string{"Retry-After": v}}
	}
	_, c := serve(t, after("7"), after("0"), after("-3"), answer{status: 503}, answer{status: 503}, uploaded)
	var waits []time.Duration
	c.pause = func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }
	if _, err := c.PostData(ctx, PostDataRequest{JobID: "j", Body: strings.NewReader("{}")}); err != nil {
		t.Fatal(err)
	}
	if len(waits) != 5 || waits[0] != 7*time.Second {
		t.Fatal(waits)
	}
	for i, w := range waits[1:] {
		full := firstWait << (i + 1)
		if w < full/2 || w > full {
			t.Errorf("wait %d is %v, want between %v and %v", i+1, w, full/2, full)
		}
	}
}

// TestTooLongAWait: the caller hears at once what the server asked for.
func TestTooLongAWait(t *testing.T) {
	s, c := serve(t, answer{status: 503, body: "{}", header: map[string]string{"Retry-After": "3600"}})
	_, err := c.FlushJob(ctx, FlushJobRequest{JobID: "j"})
	var refused *Error
	if !errors.As(err, &refused) || refused.RetryAfter != time.Hour || len(s.requests()) != 1 {
		t.Errorf("%v", err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-5": 0, "soon": 0, "99999999999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("Retry-After %q: %v", value, got)
		}
	}
}

// TestCancelWhileWaiting ends the wait with both causes.
func TestCancelWhileWaiting(t *testing.T) {
	_, c := serve(t, answer{status: 429, body: busy})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.pause = func(ctx context.Context, d time.Duration) error {
		cancel()
		return pause(ctx, d)
	}
	_, err := c.FlushJob(ctx, FlushJobRequest{JobID: "j"})
	var refused *Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &refused) || refused.Status != 429 {
		t.Errorf("%v", err)
	}
}

// TestBrokenReader: the caller's error comes back, nothing is repeated.
func TestBrokenReader(t *testing.T) {
	broken := errors.New("tape torn")
	for name, request := range map[string]PostDataRequest{
		"reader": {Body: io.MultiReader(strings.NewReader("{}"), iotest.ErrReader(broken))},
		"get body": {GetBody: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("{}"), iotest.ErrReader(broken))), nil
		}},
		"get body fails": {GetBody: func() (io.ReadCloser, error) { return nil, broken }},
		"gzip": {Compress: true, GetBody: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("{}"), iotest.ErrReader(broken))), nil
		}},
	} {
		s, c := serve(t, uploaded)
		request.JobID = "j"
		_, err := c.PostData(ctx, request)
		var wrong *RequestError
		if !errors.As(err, &wrong) || !errors.Is(err, broken) || len(s.requests()) > 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBufferIsBounded(t *testing.T) {
	s, _ := serve(t, uploaded)
	c, err := New(s.URL, Options{MaxBuffer: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.PostData(ctx, PostDataRequest{JobID: "j", Body: noSeek{strings.NewReader("12345678901")}})
	if err == nil || !strings.Contains(err.Error(), "more than 10 bytes") || len(s.requests()) > 0 {
		t.Error(err)
	}
	if _, err = c.PostData(ctx, PostDataRequest{JobID: "j", Body: noSeek{strings.NewReader("1234567890")}}); err != nil {
		t.Error(err)
	}
}

// countingReader tells how much of a large upload was read.
type countingReader struct {
	*bytes.Reader
	n int
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += n
	return n, err
}

// TestLargeUploadWaitsForLeave: a job that is not open costs no upload.
func TestLargeUploadWaitsForLeave(t *testing.T) {
	s, c := serve(t, answer{status: 409, body: notOpen, unread: true})
	r := &countingReader{Reader: bytes.NewReader(make([]byte, 8<<20))}
	_, err := c.PostData(ctx, PostDataRequest{JobID: "j", Body: r})
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != 409 || r.n != 0 || len(s.requests()) != 1 {
		t.Errorf("%v after %d bytes", err, r.n)
	}
}

func TestLines(t *testing.T) {
	type row struct {
		Time  int64   `json:"time"`
		Value float64 `json:"value"`
	}
	s, c := serve(t, uploaded)
	body, err := Lines([]row{{1, 0.5}, {2, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PostData(ctx, PostDataRequest{JobID: "j", Body: body, ResetStart: time.UnixMilli(1514804400000), ResetEnd: time.UnixMilli(1514808000000)}); err != nil {
		t.Fatal(err)
	}
	got := s.requests()[0]
	if got.body != "{\"time\":1,\"value\":0.5}\n{\"time\":2,\"value\":1}\n" || got.uri != "/_ml/anomaly_detectors/j/_data?reset_end=1514808000000&reset_start=1514804400000" {
		t.Errorf("%+v", got)
	}
	if _, err := Lines([]any{1, func() {}}); err == nil || !strings.Contains(err.Error(), "record 1") {
		t.Error(err)
	}
}
