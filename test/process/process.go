// Package process runs the real tidemark binary for tests: start, kill, restart
// on one directory, and plain HTTP calls.
package process

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
const runAsServer = "TIDEMARK_TEST_RUN_MAIN"

// Main is what a package's TestMain calls: it lets the test binary act as the
// tidemark binary.
func Main(m *testing.M) {
	if os.Getenv(runAsServer) == "1" {
		os.Unsetenv(runAsServer)
		os.Exit(cli.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// Server is one run after another of the binary on one directory and port.
type Server struct {
	// Dir is the data directory.
	Dir string
	// Client is what calls go through.
	Client *http.Client

	t      testing.TB
	binary string // empty: this test binary
	addr   string
	extra  []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended
	stderr *tail
}

// New prepares a server on a free loopback port. binary is the executable to
// run; empty means the test binary itself. extra are further options of serve.
func New(t testing.TB, binary string, extra ...string) *Server {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.Addr().String()
	probe.Close()
	s := &Server{
		t: t, binary: binary, Dir: filepath.Join(t.TempDir(), "data"), addr: addr, extra: extra,
		Client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
	t.Cleanup(func() { s.Kill(); s.Client.CloseIdleConnections() })
	return s
}

// Start runs the binary and returns when /readyz is green.
func (s *Server) Start() {
	s.t.Helper()
	if !s.TryStart() {
		s.t.Fatalf("the server ended before it was ready; its last words:\n%s", s.stderr)
	}
}

// With replaces the further options of serve for the next start.
func (s *Server) With(extra ...string) { s.extra = extra }

// TryStart is Start, but reports false if the process ends by itself first.
func (s *Server) TryStart() bool {
	s.t.Helper()
	name := s.binary
	if name == "" {
		self, err := os.Executable()
		if err != nil {
			s.t.Fatal(err)
		}
		name = self
	}
	args := append([]string{"serve", "--data", s.Dir, "--listen", s.addr}, s.extra...)
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), runAsServer+"=1")
	tail := &tail{}
	cmd.Stderr, cmd.Stdout = tail, io.Discard
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // How it ended is in its last words.
		close(ended)
	}()
	s.mu.Lock()
	s.cmd, s.stderr, s.ended = cmd, tail, ended
	s.mu.Unlock()
	return s.awaitReady()
}

// awaitReady polls the real process: there is no other way to hear from it.
func (s *Server) awaitReady() bool {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		resp, err := s.Client.Get(s.URL("/readyz"))
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-s.ended:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.t.Fatalf("server not ready within a minute; its last words:\n%s", s.stderr)
	return false
}

// Kill ends the process with SIGKILL and reaps it.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Terminate asks for an ordered stop and waits for it.
func (s *Server) Terminate() { s.end(syscall.SIGTERM) }

func (s *Server) end(sig syscall.Signal) {
	s.mu.Lock()
	cmd, ended := s.cmd, s.ended
	s.cmd = nil
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	cmd.Process.Signal(sig)
	<-ended
}

// URL is the address of a path on this server.
func (s *Server) URL(path string) string { return "http://" + s.addr + path }

// Answer is a decoded JSON answer.
type Answer map[string]any

// Call sends one request. A transport error is returned, not fatal: the
// server may just have been killed.
func (s *Server) Call(method, path, key string, body []byte) (int, Answer, error) {
	req, err := http.NewRequest(method, s.URL(path), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, err
	}
	var a Answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return resp.StatusCode, nil, fmt.Errorf("%s %s: status %d, not JSON: %.200s", method, path, resp.StatusCode, raw)
	}
	return resp.StatusCode, a, nil
}

// Must sends a request that has to succeed.
func (s *Server) Must(method, path string, body string) Answer {
	s.t.Helper()
	status, a, err := s.Call(method, path, "", []byte(body))
	if err != nil || status >= 300 {
		s.t.Fatalf("%s %s: status %d, error %v, answer %v\nserver said:\n%s", method, path, status, err, a, s.stderr)
	}
	return a
}

// ErrRefused marks an upload that will not be taken however often it is sent.
var ErrRefused = errors.New("refused")

// PostUntilTaken repeats an upload under one key until it is acknowledged, as
// a careful client does.
func (s *Server) PostUntilTaken(job, key string, body []byte, stop <-chan struct{}) (Answer, error) {
	for {
		status, a, err := s.Call("POST", "/_ml/anomaly_detectors/"+job+"/_data", key, body)
		switch {
		case err == nil && status == http.StatusAccepted:
			return a, nil
		case err == nil && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable && status != http.StatusConflict:
			return nil, fmt.Errorf("%w: status %d: %v", ErrRefused, status, a)
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

// Pid is the running process's number, 0 if there is none.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// LastWords are the last lines the process wrote to stderr.
func (s *Server) LastWords() string { return s.stderr.String() }
