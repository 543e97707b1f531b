package cli

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestAccess: who one is arrives as the header that servers of this API expect, from
// flags, from the URL or from the environment, and certificates are checked.
func TestAccess(t *testing.T) {
	seen := ""
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
		if seen == "" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":{"type":"security_exception","reason":"missing authentication credentials"},"status":401}`)) // The client sees it.
			return
		}
		_, _ = w.Write([]byte(`{"count":0,"jobs":[]}`)) // As above.
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // Clients that do not trust it are part of this.
	s.StartTLS()
	defer s.Close()
	authority := write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	list := func(more ...string) []string { return append([]string{"job", "list", "--server", s.URL}, more...) }
	fails(t, exitError, "Trust the server's authority with --cacert", list("--user", "a:b")...)
	fails(t, exitError, "Say who you are with --user", list("--cacert", authority)...)
	for header, args := range map[string][]string{
		"Basic YTpi":  list("--cacert", authority, "--user", "a:b"),
		"ApiKey aTpr": list("--insecure", "--api-key", "i:k"),
		"ApiKey xyz=": list("--insecure", "--api-key", "xyz="),
		"Basic dTpw":  {"job", "list", "--insecure", "--server", strings.Replace(s.URL, "//", "//u:p@", 1)},
	} {
		must(t, "", args...)
		if seen != header {
			t.Errorf("%v sends %q, not %q", args, seen, header)
		}
	}
	t.Setenv("TIDEMARK_API_KEY", "env")
	t.Setenv("TIDEMARK_CACERT", authority)
	must(t, "", list()...)
	if seen != "ApiKey env" {
		t.Errorf("from the environment: %q", seen)
	}
	if help := must(t, "", "job", "list", "--help"); strings.Contains(help, "env\"") {
		t.Errorf("help shows the key:\n%s", help)
	}
}

// TestFollow: results of the past come in order of time, then new ones, until the
// command is ended.
func TestFollow(t *testing.T) {
	s := start(t, t.TempDir())
	t.Setenv("TIDEMARK_SERVER", s.url)
	whole := cpuCSV(1600)
	cut := strings.Index(whole, "2026-01-10 04:00:00")
	first := write(t, "first.csv", whole[:cut])
	must(t, "", "job", "create", "cpu", "--from", first)
	must(t, "", "post", "cpu", first)
	ctx, stop := context.WithCancel(context.Background())
	var out, errs buffer
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"results", "records", "cpu", "--follow", "--interval", "10ms", "--min-score", "75"}, strings.NewReader(""), &out, &errs)
	}()
	must(t, "timestamp,host,cpu\n"+whole[cut:], "post", "cpu", "-")
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), "web-1") && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if status := <-ended; status != exitOK || strings.Count(out.String(), "host web-1: 95 instead of") != 1 || !strings.HasPrefix(out.String(), "SCORE  TIME (UTC)") {
		t.Errorf("status %d:\n%s%s", status, out.String(), errs.String())
	}
}

// TestTypos: what was mistyped is told with what it could have been.
func TestTypos(t *testing.T) {
	for want, args := range map[string][]string{
		`tidemark: unknown command "detct"; did you mean detect?`:                                        {"detct", "x"},
		`tidemark job: unknown command "lst"; did you mean list?`:                                        {"job", "lst"},
		`tidemark results: unknown command "sales"; there are buckets, categories, influencers, records`: {"results", "sales"},
		`tidemark detect: unknown flag: --fild; did you mean --field?`:                                   {"detect", "--fild", "v"},
		`tidemark detect: unknown flag: --zzzzzzz`:                                                       {"detect", "--zzzzzzz"},
		`no server answers at http://127.0.0.1:9 (connection refused); start one with 'tidemark serve'`:  {"job", "list", "--server", "http://127.0.0.1:9"},
	} {
		if status, _, errs := tidemark(t, "", args...); status == exitOK || !strings.Contains(errs, want) {
			t.Errorf("%v: status %d, %s, want %s", args, status, errs, want)
		}
	}
}
