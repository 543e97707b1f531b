package source

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// Remote is a search cluster somewhere else, asked over HTTP.
type Remote struct {
	name   string
	base   *url.URL
	header string
	client *http.Client
	// refused are addresses that are this server's own.
	refused []netip.AddrPort
}

// maxAnswer bounds one answer of a remote.
const maxAnswer = 256 << 20

// NewRemote reads a cluster's address: http(s)://[user:password@]host[:port][/path].
// key, unless empty, is an API key as "id:key" or already encoded. own are the
// addresses that the server itself listens on: asking itself is refused.
func NewRemote(name, address, key string, own []netip.AddrPort) (*Remote, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("remote %q: %q is no address; give http://host:port or https://host:port", name, address)
	}
	r := &Remote{name: name, base: u, refused: own}
	switch {
	case key != "" && strings.Contains(key, ":"):
		r.header = "ApiKey " + base64.StdEncoding.EncodeToString([]byte(key))
	case key != "":
		r.header = "ApiKey " + key
	case u.User != nil:
		password, _ := u.User.Password()
		r.header = "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
	}
	u.User = nil
	r.client = &http.Client{
		Timeout:   5 * time.Minute,
		Transport: &http.Transport{DialContext: r.dial, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true},
		// A redirect would lead to an address that nobody named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

// dial resolves a name once, and connects to the address that was checked.
func (r *Remote) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, ip := range found {
		at, err := netip.ParseAddrPort(net.JoinHostPort(ip.Unmap().String(), port))
		if err != nil {
			return nil, err
		}
		if err := r.check(at); err != nil {
			failed = err
			continue
		}
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, at.String())
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

// check refuses addresses that no data comes from: of the link (where clouds keep
// their metadata), of everybody, and the server's own.
func (r *Remote) check(at netip.AddrPort) error {
	ip := at.Addr()
	own := false
	for _, a := range r.refused {
		own = own || a.Port() == at.Port() && (a.Addr() == ip || a.Addr().IsUnspecified() && ip.IsLoopback())
	}
	if own || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip == netip.MustParseAddr("fd00:ec2::254") {
		return fmt.Errorf("the address %s of remote [%s] is refused: it is this server's own, of the link, or no host's", at, r.name)
	}
	return nil
}

// indices are a datafeed's, without the cluster's name.
func (r *Remote) indices(f *wire.Datafeed) string {
	list := make([]string, len(f.Indices))
	for i, name := range f.Indices {
		list[i] = strings.TrimPrefix(name, r.name+":")
	}
	return strings.Join(list, ",")
}

// statusError is an answer that is no success.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// Call sends one request and reads its answer.
func (r *Remote) Call(ctx context.Context, method, path string, body, out any) error {
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
		return fmt.Errorf("remote [%s]: %w", r.name, err)
	}
	defer func() { _ = resp.Body.Close() }() // What matters was read.
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("remote [%s]: %w", r.name, err)
	}
	if resp.StatusCode >= 300 {
		return &statusError{resp.StatusCode, fmt.Sprintf("remote [%s] answered %s %s with %d: %s", r.name, method, path, resp.StatusCode, wire.Clip(string(raw)))}
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("remote [%s] answered %s %s with what is no JSON of that kind: %w", r.name, method, path, err)
	}
	return nil
}

// options are the query parameters of a datafeed's searches.
func options(f *wire.Datafeed) string {
	o := f.IndicesOptions
	q := url.Values{"ignore_unavailable": {fmt.Sprint(o.IgnoreUnavailable)}, "allow_no_indices": {fmt.Sprint(o.AllowNoIndices)}}
	if len(o.ExpandWildcards) > 0 {
		q.Set("expand_wildcards", strings.Join(o.ExpandWildcards, ","))
	}
	return q.Encode()
}

func (r *Remote) searchPath(f *wire.Datafeed) string {
	return "/" + url.PathEscape(r.indices(f)) + "/_search?" + options(f)
}

// found maps the answer of a missing index to ours.
func found(err error, f *wire.Datafeed) error {
	var s *statusError
	if errors.As(err, &s) && s.status == http.StatusNotFound {
		return &wire.Refusal{Status: 404, Type: wire.TypeIndexNotFound, Reason: "no such index [" + wire.Clip(strings.Join(f.Indices, ",")) + "]"}
	}
	return err
}

func (r *Remote) summary(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64) (n, first, last int64, err error) {
	body, err := summaryBody(f, timeField, fromMs, toMs)
	if err != nil {
		return 0, 0, 0, err
	}
	var answer map[string]any
	if err := r.Call(ctx, http.MethodPost, r.searchPath(f), body, &answer); err != nil {
		return 0, 0, 0, found(err, f)
	}
	n, first, last = readSummary(answer)
	return n, first, last, nil
}

func (r *Remote) aggregate(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64) (map[string]any, error) {
	q, err := within(f, timeField, fromMs, toMs)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Aggregations map[string]any `json:"aggregations"`
	}
	err = r.Call(ctx, http.MethodPost, r.searchPath(f), map[string]any{"size": 0, "query": q, "aggs": f.Aggregations}, &answer)
	return answer.Aggregations, found(err, f)
}

// page is a page of hits.
type page struct {
	PitID    string `json:"pit_id"`
	ScrollID string `json:"_scroll_id"`
	Hits     struct {
		Hits []struct {
			Source jsontext.Value `json:"_source"`
			Sort   jsontext.Value `json:"sort"`
		} `json:"hits"`
	} `json:"hits"`
}

// keepAlive is how long a remote keeps a search open between pages.
const keepAlive = "5m"

func (r *Remote) documents(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64, visit func([]byte) error) error {
	q, err := within(f, timeField, fromMs, toMs)
	if err != nil {
		return err
	}
	size := int64(1000)
	if f.ScrollSize != nil {
		size = *f.ScrollSize
	}
	body := map[string]any{"query": q, "size": size, "sort": []any{map[string]any{timeField: "asc"}}, "track_total_hits": false}
	var pit struct {
		ID string `json:"id"`
	}
	err = r.Call(ctx, http.MethodPost, "/"+url.PathEscape(r.indices(f))+"/_pit?keep_alive="+keepAlive+"&"+options(f), nil, &pit)
	var s *statusError
	switch {
	case err == nil && pit.ID != "":
		return r.pages(ctx, pit.ID, body, size, visit)
	case errors.As(err, &s) && (s.status == 400 || s.status == 405):
		// An older cluster knows no points in time.
		return r.scroll(ctx, f, body, size, visit)
	}
	return found(err, f)
}

// pages reads all pages of a point in time.
func (r *Remote) pages(ctx context.Context, pit string, body map[string]any, size int64, visit func([]byte) error) error {
	defer func() {
		// It would end by itself.
		_ = r.Call(context.WithoutCancel(ctx), http.MethodDelete, "/_pit", map[string]any{"id": pit}, &map[string]any{})
	}()
	body["sort"] = append(body["sort"].([]any), map[string]any{"_shard_doc": "asc"})
	for {
		body["pit"] = map[string]any{"id": pit, "keep_alive": keepAlive}
		var p page
		if err := r.Call(ctx, http.MethodPost, "/_search", body, &p); err != nil {
			return err
		}
		if p.PitID != "" {
			pit = p.PitID
		}
		for _, h := range p.Hits.Hits {
			if err := visitSource(h.Source, visit); err != nil {
				return err
			}
		}
		if int64(len(p.Hits.Hits)) < size {
			return nil
		}
		body["search_after"] = p.Hits.Hits[len(p.Hits.Hits)-1].Sort
	}
}

// scroll reads all pages of a scroll.
func (r *Remote) scroll(ctx context.Context, f *wire.Datafeed, body map[string]any, size int64, visit func([]byte) error) error {
	var p page
	err := r.Call(ctx, http.MethodPost, r.searchPath(f)+"&scroll="+keepAlive, body, &p)
	for ; err == nil; err = r.Call(ctx, http.MethodPost, "/_search/scroll", map[string]any{"scroll": keepAlive, "scroll_id": p.ScrollID}, &p) {
		for _, h := range p.Hits.Hits {
			if err := visitSource(h.Source, visit); err != nil {
				return err
			}
		}
		if int64(len(p.Hits.Hits)) < size {
			_ = r.Call(context.WithoutCancel(ctx), http.MethodDelete, "/_search/scroll", map[string]any{"scroll_id": p.ScrollID}, &map[string]any{})
			return nil
		}
		p.Hits.Hits = nil
	}
	return found(err, f)
}

// visitSource passes a document on in compact form.
func visitSource(source jsontext.Value, visit func([]byte) error) error {
	if err := source.Compact(); err != nil {
		return err
	}
	return visit(source)
}

// unknownRemote refuses every search.
type unknownRemote string

func (u unknownRemote) refuse() error {
	return wire.Refuse(wire.TypeIllegalArgument, "no remote cluster [%s] is known; start the server with --remote %s=https://host:port", string(u), string(u))
}

func (u unknownRemote) summary(context.Context, *wire.Datafeed, string, int64, int64) (n, first, last int64, err error) {
	return 0, 0, 0, u.refuse()
}

func (u unknownRemote) documents(context.Context, *wire.Datafeed, string, int64, int64, func([]byte) error) error {
	return u.refuse()
}

func (u unknownRemote) aggregate(context.Context, *wire.Datafeed, string, int64, int64) (map[string]any, error) {
	return nil, u.refuse()
}
