package source

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// Remote is a search cluster somewhere else, asked over HTTP.
type Remote struct {
	name   string
	base   *url.URL
	header string
	client *http.Client
	// wait is the first pause between tries.
	wait time.Duration
}

// RemoteOptions say how a cluster is reached.
type RemoteOptions struct {
	// Name stands before the colon in the indices of datafeeds.
	Name string
	// URL is http(s)://[user:password@]host[:port][/path].
	URL string
	// Key, unless empty, is an API key as id:key or already encoded.
	Key string
	// CA are certificates in PEM that the cluster's must be signed by; nil: those of
	// the system.
	CA []byte
	// Insecure accepts any certificate.
	Insecure bool
	// Own are the addresses that the server itself listens on: asking itself is
	// refused.
	Own []netip.AddrPort
}

const (
	// maxAnswer bounds one answer of a remote.
	maxAnswer = 256 << 20
	// tries is how often a request is sent that can be sent again, with pauses that
	// begin at firstWait and double.
	tries     = 4
	firstWait = 250 * time.Millisecond
	// longestWait bounds the pause that a remote asks for.
	longestWait = 30 * time.Second
)

// NewRemote returns a cluster; nothing is sent yet.
func NewRemote(o RemoteOptions) (*Remote, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// The text may have a password in it.
		return nil, fmt.Errorf("remote %q: its address cannot be read; give http://host:port or https://host:port", o.Name)
	}
	r := &Remote{name: o.Name, base: u, wait: firstWait}
	switch {
	case strings.Contains(o.Key, ":"):
		r.header = "ApiKey " + base64.StdEncoding.EncodeToString([]byte(o.Key))
	case o.Key != "":
		r.header = "ApiKey " + o.Key
	case u.User != nil:
		password, _ := u.User.Password()
		r.header = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	u.User = nil
	security := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure} // Asked for by name only.
	if o.CA != nil {
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(o.CA) {
			return nil, fmt.Errorf("remote %q: the CA file has no certificate in PEM", o.Name)
		}
	}
	r.client = &http.Client{
		Timeout: 5 * time.Minute,
		Transport: &http.Transport{DialContext: newDialer(o.Own).dial, TLSClientConfig: security, MaxIdleConnsPerHost: 4,
			IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true},
		// A redirect would lead to an address that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

// statusError is an answer that is no success.
type statusError struct {
	status int
	// kind is the error's type as search clusters name it, "" if it has none.
	kind string
	text string
	wait time.Duration
}

func (e *statusError) Error() string { return e.text }

// passing reports whether the same request may succeed later.
func (e *statusError) passing() bool {
	switch e.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// call sends a request, again after a pause if it fails for a reason that may pass,
// and reads its answer.
func (r *Remote) call(ctx context.Context, method, path string, body, out any) error {
	wait := r.wait
	for n := 1; ; n++ {
		err := r.once(ctx, method, path, body, out)
		var status *statusError
		var refused *refusedError
		switch {
		case err == nil, n == tries, ctx.Err() != nil, errors.As(err, &refused):
			return err
		case errors.As(err, &status) && !status.passing():
			return err
		case status != nil && status.wait > 0:
			wait = min(status.wait, longestWait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
		wait *= 2
	}
}

// once sends one request and reads its answer.
func (r *Remote) once(ctx context.Context, method, path string, body, out any) error {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.base.String(), "/")+path, content)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.header != "" {
		req.Header.Set("Authorization", r.header)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		// Its address is known by its name.
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("remote [%s]: %w", r.name, err)
	}
	defer func() { _ = resp.Body.Close() }() // What matters was read.
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("remote [%s]: %w", r.name, err)
	case resp.StatusCode >= 300:
		return r.failure(method, path, resp, raw)
	case len(raw) > maxAnswer:
		return fmt.Errorf("remote [%s] answered %s %s with more than %d MB; choose a smaller scroll_size or chunking_config.time_span", r.name, method, path, maxAnswer>>20)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("remote [%s] answered %s %s with what is no JSON of that kind: %w", r.name, method, path, err)
	}
	return nil
}

// failure reads an answer that is no success.
func (r *Remote) failure(method, path string, resp *http.Response, raw []byte) error {
	e := &statusError{status: resp.StatusCode}
	type cause struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	var body struct {
		Error struct {
			cause
			CausedBy cause `json:"caused_by"`
		} `json:"error"`
	}
	what := wire.Clip(string(raw))
	if json.Unmarshal(raw, &body) == nil && body.Error.Type != "" {
		e.kind, what = body.Error.Type, body.Error.Type+": "+wire.Clip(body.Error.Reason)
		if c := body.Error.CausedBy; c.Type != "" {
			what += ", caused by " + c.Type + ": " + wire.Clip(c.Reason)
		}
	}
	path, _, _ = strings.Cut(path, "?")
	e.text = fmt.Sprintf("remote [%s] answered %s %s with %d: %s", r.name, method, path, resp.StatusCode, what)
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.wait = time.Duration(seconds) * time.Second
	}
	return e
}
