package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// certificate writes a certificate for 127.0.0.1 with its key into a directory and
// returns who trusts it.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tidemark"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool
}

// serve runs a server on a free port until the test ends.
func serve(t *testing.T, opt Options) *Server {
	t.Helper()
	opt.Data, opt.Listen = t.TempDir(), "127.0.0.1:0"
	s, err := Start(context.Background(), opt, slog.New(slog.DiscardHandler), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Recover(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTLS: with a certificate the server speaks HTTP/2 and HTTP/1.1 over TLS, and
// nothing in the clear.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir)
	opt := DefaultOptions()
	opt.TLSCert, opt.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	s := serve(t, opt)
	if !strings.HasPrefix(s.URL(), "https://") {
		t.Errorf("the address is %s", s.URL())
	}
	for major, transport := range map[int]*http.Transport{
		2: {TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true},
		1: {TLSClientConfig: &tls.Config{RootCAs: pool}},
	} {
		r, err := (&http.Client{Transport: transport}).Get(s.URL() + "/")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK || r.ProtoMajor != major {
			t.Errorf("%d over %s, want HTTP/%d", r.StatusCode, r.Proto, major)
		}
		transport.CloseIdleConnections()
	}
	plain := &http.Transport{DisableKeepAlives: true}
	r, err := (&http.Client{Transport: plain}).Get("http" + strings.TrimPrefix(s.URL(), "https"))
	if err == nil {
		r.Body.Close()
		if r.StatusCode < 400 {
			t.Errorf("%d in the clear", r.StatusCode)
		}
	}
	for _, bad := range []func(*Options){
		func(o *Options) { o.TLSKey = "" },
		func(o *Options) { o.TLSKey = o.TLSCert },
		func(o *Options) { o.TLSCert = filepath.Join(dir, "none.pem") },
	} {
		opt := opt
		opt.Data, opt.Listen = t.TempDir(), "127.0.0.1:0"
		bad(&opt)
		if s, err := Start(context.Background(), opt, slog.New(slog.DiscardHandler), "test"); err == nil {
			_ = s.Stop()
			t.Error("a server without a usable certificate started")
		} else if !strings.Contains(err.Error(), "--tls-cert") {
			t.Errorf("no remedy in: %v", err)
		}
	}
}

// TestKeepAlive: a connection outlives answers, errors among them, with bodies that
// nobody read.
func TestKeepAlive(t *testing.T) {
	s := serve(t, DefaultOptions())
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	const jobs = "/_ml/anomaly_detectors/"
	for i, c := range []struct {
		method, target, body string
		status               int
	}{
		{"GET", "/", "", 200},
		{"GET", "/nowhere", "", 404},
		{"POST", jobs + "none/_data", strings.Repeat(`{"time":1}`, 1000), 409},
		{"PUT", jobs + "j", "{", 400},
		{"DELETE", "/_ml/filters", `{"a":1}`, 405},
		{"HEAD", "/", "", 200},
		{"OPTIONS", jobs + "j", "", 200},
		{"GET", jobs + "/", "", 400},
		{"GET", "/healthz", "", 200},
	} {
		reused := false
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), c.method, s.URL()+c.target, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		r, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, r.Body) // As a client does that reuses connections.
		r.Body.Close()
		if r.StatusCode != c.status || reused != (i > 0) {
			t.Errorf("%s %s: %d, want %d; on a connection that was there: %v", c.method, c.target, r.StatusCode, c.status, reused)
		}
	}
}
