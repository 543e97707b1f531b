package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tidemark/internal/cli"
)

// runAsServer makes the test binary behave as the tidemark binary, so that a
// kill hits the same code without building a second executable.
const runAsServer = "TIDEMARK_CRASH_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsServer) == "1" {
		os.Unsetenv(runAsServer)
		os.Exit(cli.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// server is one run after another of the binary on one directory and port.
type server struct {
	t      *testing.T
	binary string // empty: this test binary
	dir    string
	addr   string
	extra  []string
	client *http.Client

	mu     sync.Mutex
	cmd    *exec.Cmd
	stderr *tail
}

func newServer(t *testing.T, binary string, extra ...string) *server {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.Addr().String()
	probe.Close()
	s := &server{
		t: t, binary: binary, dir: filepath.Join(t.TempDir(), "data"), addr: addr, extra: extra,
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
	t.Cleanup(func() { s.kill(); s.client.CloseIdleConnections() })
	return s
}

// start runs the binary and returns when /readyz is green.
func (s *server) start() {
	s.t.Helper()
	name := s.binary
	if name == "" {
		self, err := os.Executable()
		if err != nil {
			s.t.Fatal(err)
		}
		name = self
	}
	args := append([]string{"serve", "--data", s.dir, "--listen", s.addr}, s.extra...)
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), runAsServer+"=1")
	tail := &tail{}
	cmd.Stderr, cmd.Stdout = tail, io.Discard
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.cmd, s.stderr = cmd, tail
	s.mu.Unlock()
	s.awaitReady()
}

// awaitReady polls the real process: there is no other way to hear from it.
func (s *server) awaitReady() {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		resp, err := s.client.Get(s.url("/readyz"))
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Fatalf("server not ready within a minute; its last words:\n%s", s.stderr)
}

// kill ends the process with SIGKILL and reaps it.
func (s *server) kill() { s.end(syscall.SIGKILL) }

// terminate asks for an ordered stop and waits for it.
func (s *server) terminate() { s.end(syscall.SIGTERM) }

func (s *server) end(sig syscall.Signal) {
	s.mu.Lock()
	cmd := s.cmd
	s.cmd = nil
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.Process.Signal(sig)
	cmd.Wait()
}

func (s *server) url(path string) string { return "http://" + s.addr + path }

// answer is a decoded JSON answer.
type answer map[string]any

// call sends one request. A transport error is returned, not fatal: the
// server may just have been killed.
func (s *server) call(method, path, key string, body []byte) (int, answer, error) {
	req, err := http.NewRequest(method, s.url(path), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return resp.StatusCode, nil, fmt.Errorf("%s %s: status %d, not JSON: %.200s", method, path, resp.StatusCode, raw)
	}
	return resp.StatusCode, a, nil
}

// must sends a request that has to succeed.
func (s *server) must(method, path string, body string) answer {
	s.t.Helper()
	status, a, err := s.call(method, path, "", []byte(body))
	if err != nil || status >= 300 {
		s.t.Fatalf("%s %s: status %d, error %v, answer %v\nserver said:\n%s", method, path, status, err, a, s.stderr)
	}
	return a
}

var errRefused = errors.New("refused")

// postUntilTaken repeats an upload under one key until it is acknowledged, as
// a careful client does.
func (s *server) postUntilTaken(job, key string, body []byte, stop <-chan struct{}) (answer, error) {
	for {
		status, a, err := s.call("POST", "/_ml/anomaly_detectors/"+job+"/_data", key, body)
		switch {
		case err == nil && status == http.StatusAccepted:
			return a, nil
		case err == nil && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable && status != http.StatusConflict:
			return nil, fmt.Errorf("%w: status %d: %v", errRefused, status, a)
		}
		select {
		case <-stop:
			return nil, errors.New("test ended")
		case <-time.After(3 * time.Millisecond):
		}
	}
}

// tail keeps the last lines a process wrote.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sc := bufio.NewScanner(bytes.NewReader(p))
	for sc.Scan() {
		l.lines = append(l.lines, sc.Text())
	}
	if len(l.lines) > 60 {
		l.lines = l.lines[len(l.lines)-60:]
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}
