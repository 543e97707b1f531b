package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// buffer may be written and read by different goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// tidemark runs a command to its end.
func tidemark(t *testing.T, in string, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e buffer
	status = Run(context.Background(), args, strings.NewReader(in), &o, &e)
	return status, o.String(), e.String()
}

// must runs a command that has to succeed.
func must(t *testing.T, in string, args ...string) string {
	t.Helper()
	status, out, errs := tidemark(t, in, args...)
	if status != exitOK {
		t.Fatalf("tidemark %s: status %d: %s%s", strings.Join(args, " "), status, out, errs)
	}
	return out
}

// fails runs a command that has to fail with one line about something.
func fails(t *testing.T, want int, part string, args ...string) {
	t.Helper()
	status, _, errs := tidemark(t, "", args...)
	first, rest, _ := strings.Cut(strings.TrimSpace(errs), "\n")
	if status != want || !strings.HasPrefix(first, "tidemark") || strings.Contains(first, ": tidemark: ") || !strings.Contains(first, part) ||
		rest != "" && !strings.HasPrefix(rest, "Run 'tidemark") {
		t.Errorf("tidemark %s: status %d, want %d with %q:\n%s", strings.Join(args, " "), status, want, part, errs)
	}
}

// server is a running `tidemark serve`.
type server struct {
	url       string
	out, errs buffer
	stop      context.CancelFunc
	ended     chan int
}

// start runs serve on a free port until stopped.
func start(t *testing.T, dir string, more ...string) *server {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &server{stop: stop, ended: make(chan int, 1)}
	args := append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}, more...)
	go func() { s.ended <- Run(ctx, args, strings.NewReader(""), &s.out, &s.errs) }()
	t.Cleanup(func() { s.end(t) })
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if _, after, ok := strings.Cut(s.out.String(), "listening on  "); ok && strings.Contains(after, "\n") {
			s.url, _, _ = strings.Cut(after, "\n")
			if status, _ := get(t, s.url+"/readyz"); status == http.StatusOK {
				return s
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatalf("the server is not ready: %s%s", s.out.String(), s.errs.String())
	return nil
}

// end stops the server as SIGTERM would.
func (s *server) end(t *testing.T) {
	t.Helper()
	if s.ended == nil {
		return
	}
	s.stop()
	if status := <-s.ended; status != exitOK {
		t.Errorf("the server ended with status %d: %s", status, s.errs.String())
	}
	s.ended = nil
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func TestVersionAndUsage(t *testing.T) {
	if out := must(t, "", "version"); !strings.HasPrefix(out, "tidemark ") || !strings.Contains(out, "API 9.") {
		t.Error(out)
	}
	if out := must(t, ""); !strings.Contains(out, "tidemark demo") || !strings.Contains(out, "serve") {
		t.Error(out)
	}
	fails(t, exitUsage, `unknown command "bogus"`, "bogus")
	fails(t, exitUsage, `unknown command "bogus"`, "job", "bogus")
	fails(t, exitUsage, "unknown flag: --foo", "serve", "--foo")
	fails(t, exitUsage, "it takes a job", "job", "open")
	fails(t, exitUsage, "at least one file", "post", "j")
	fails(t, exitUsage, "--from is required", "job", "create", "j")
	fails(t, exitError, "connect", "job", "list", "--server", "http://127.0.0.1:1")
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	fails(t, exitUsage, "--log-level", "serve", "--log-level", "loud")
	fails(t, exitUsage, "--log-format", "serve", "--log-format", "xml")
	fails(t, exitUsage, "--compat-headers", "serve", "--compat-headers", "maybe")
	fails(t, exitUsage, "--listen", "serve", "--listen", "nonsense")
	fails(t, exitUsage, "no size", "serve", "--max-upload", "lots")
	fails(t, exitUsage, "unit is missing", "serve", "--log-retention", "5")
	fails(t, exitUsage, "cannot be read", "serve", "--config", filepath.Join(dir, "none.yaml"))
	for text, part := range map[string]string{
		"dta: x\n": `line 1: there is no option "dta"`, "listen: [a, {b: c}]\n": "single value", "- a\n": "no list of options", "max-upload: lots\n": "max-upload in",
	} {
		path := filepath.Join(dir, "c.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		fails(t, exitUsage, part, "serve", "--config", path)
	}
	t.Setenv("TIDEMARK_MAX_UPLOAD", "lots")
	fails(t, exitUsage, "TIDEMARK_MAX_UPLOAD", "serve")
}

// TestPrecedence: flag before environment before file before default.
func TestPrecedence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	text := "api-version: 9.1.1\nlog-format: xml\nmax-upload: 3mb\nallow-host: [a.example, b.example]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TIDEMARK_CONFIG", path)
	t.Setenv("TIDEMARK_LOG_FORMAT", "json")
	t.Setenv("TIDEMARK_API_VERSION", "9.2.2")
	s := start(t, t.TempDir(), "--api-version", "9.3.3")
	if _, body := get(t, s.url+"/"); !strings.Contains(body, `"number":"9.3.3"`) {
		t.Error(body)
	}
	if !strings.HasPrefix(s.errs.String(), "{") {
		t.Errorf("the log is not JSON: %s", s.errs.String())
	}
	req, err := http.NewRequest("GET", s.url+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "b.example"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a host that the file allows: %d", resp.StatusCode)
	}
}

// TestStartFailures: one clear line each.
func TestStartFailures(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	fails(t, exitError, "in use by another process", "serve", "--data", dir, "--listen", "127.0.0.1:0")
	fails(t, exitError, "address already in use", "serve", "--data", t.TempDir(), "--listen", strings.TrimPrefix(s.url, "http://"))
	file := filepath.Join(dir, "id")
	fails(t, exitError, "cannot be made", "serve", "--data", filepath.Join(file, "below"), "--listen", "127.0.0.1:0")
	s.end(t)
	if err := os.WriteFile(filepath.Join(dir, "main.db"), bytes.Repeat([]byte("nonsense"), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, exitError, "main.db", "serve", "--data", dir, "--listen", "127.0.0.1:0")
}

func TestOpenToOthers(t *testing.T) {
	probe, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Skip("no address but loopback:", err)
	}
	port := probe.Addr().(*net.TCPAddr).Port
	probe.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var out, errs buffer
	ended := make(chan int, 1)
	dir := t.TempDir()
	go func() {
		ended <- Run(ctx, []string{"serve", "--data", dir, "--listen", fmt.Sprintf("0.0.0.0:%d", port)}, strings.NewReader(""), &out, &errs)
	}()
	for !strings.Contains(errs.String(), "recovered") {
		time.Sleep(2 * time.Millisecond)
	}
	stop()
	<-ended
	if n := strings.Count(errs.String(), "no authentication"); n != 1 {
		t.Errorf("%d warnings about an open address:\n%s", n, errs.String())
	}
}

// TestOwnData is the README's three commands, then a restart.
func TestOwnData(t *testing.T) {
	dir := t.TempDir()
	var a, b strings.Builder
	a.WriteString("time,shop,amount\n")
	b.WriteString("time,shop,amount\n")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 3000 {
		amount := 100 + float64(i*7919%100)/10
		if i == 2500 {
			amount = 5000
		}
		to := &a
		if i%3 == 0 {
			to = &b
		}
		fmt.Fprintf(to, "%s,%s,%.2f\n", at.Add(time.Duration(i)*10*time.Minute).Format(time.RFC3339), []string{"north", "south"}[i%2], amount)
	}
	first, second := filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.csv")
	for path, text := range map[string]string{first: a.String(), second: b.String()} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	s := start(t, data)
	t.Setenv("TIDEMARK_SERVER", s.url)
	if out := must(t, "", "job", "list"); !strings.Contains(out, "no jobs") {
		t.Error(out)
	}
	if out := must(t, "", "job", "create", "sales", "--from", first, "--dry-run"); !strings.Contains(out, `"function": "sum"`) || strings.Contains(out, "is created") {
		t.Error(out)
	}
	out := must(t, "", "job", "create", "sales", "--from", first)
	for _, want := range []string{"time is in", `"partition_field_name": "shop"`, "PUT /_ml/anomaly_detectors/sales", "is created and open"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := must(t, "", "job", "explain", "sales"); !strings.Contains(out, "no records yet") {
		t.Error(out)
	}
	if out := must(t, "", "post", "sales", first, second); !strings.Contains(out, "3,000 processed") || strings.Contains(out, "too late") {
		t.Errorf("two files merged by time: %s", out)
	}
	out = must(t, "", "job", "explain", "sales")
	for _, want := range []string{"is opened", "processed 3,000 of 3,000", "Results are final up to", "anomaly records", "instead of about", "shop north"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := must(t, a.String(), "post", "sales", "-"); !strings.Contains(out, "too late") || !strings.Contains(out, "latency") {
		t.Errorf("the same records again: %s", out)
	}
	fails(t, exitError, "No known job", "post", "nobody", first)
	fails(t, exitError, "no such file", "post", "sales", filepath.Join(dir, "none"))
	fails(t, exitError, "because the job is opened", "job", "delete", "sales")
	if out := must(t, "", "job", "flush", "sales", "--advance-time", "2026-03-01"); !strings.Contains(out, "2026-03-01 00:00:00") {
		t.Error(out)
	}
	fails(t, exitUsage, "--advance-time", "job", "flush", "sales", "--advance-time", "tomorrow")
	_, metrics := get(t, s.url+"/metrics")
	for _, want := range []string{`tidemark_job_processed_records_total{job="sales"}`, `tidemark_jobs{state="opened"} 1`, "tidemark_log_sync_seconds_bucket", "tidemark_disk_free_bytes", `tidemark_job_state{job="sales",state="opened"} 1`, "tidemark_build_info{", "tidemark_job_replay_work"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in /metrics", want)
		}
	}
	req, err := http.NewRequest("GET", s.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example.com"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("/metrics for a page's host name: %d", resp.StatusCode)
	}
	s.end(t)
	s = start(t, data)
	t.Setenv("TIDEMARK_SERVER", s.url)
	if out := must(t, "", "job", "list"); !strings.Contains(out, "opened") || !strings.Contains(out, "sales") {
		t.Errorf("after a restart: %s", out)
	}
	must(t, "", "job", "close", "sales")
	must(t, "", "job", "open", "sales")
	if out := must(t, "", "job", "stats", "sales"); !strings.Contains(out, `"state": "opened"`) {
		t.Error(out)
	}
	must(t, "", "job", "delete", "sales", "--force")
}

// TestDemo: the demo runs, and what the README promises of it is there.
func TestDemo(t *testing.T) {
	out := must(t, "", "demo")
	for _, want := range []string{"10,320 records", "32,256 records", "curl", "tidemark demo --keep"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if !regexp.MustCompile(`number [1-3] `).MatchString(out) {
		t.Errorf("no known event is among the three most anomalous days:\n%s", out)
	}
	if !strings.Contains(out, "4 of 5 are there") && !strings.Contains(out, "5 of 5 are there") {
		t.Errorf("fewer than four of the five known events are among the ten most anomalous days:\n%s", out)
	}
}
