package source

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"go.uber.org/goleak"

	"tidemark/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster answers as search clusters do, by a script: what is asked of it by
// "METHOD /path" is answered by the next line of that name, the last one stays.
type cluster struct {
	t      *testing.T
	script map[string][]string
	asked  []string
	bodies map[string][]string
	header http.Header
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.Method + " " + r.URL.Path
	if r.URL.Query().Has("scroll") {
		name += " scroll"
	}
	raw, _ := io.ReadAll(r.Body) // A short body shows in the comparison.
	c.asked, c.bodies[name], c.header = append(c.asked, name), append(c.bodies[name], string(raw)), r.Header.Clone()
	lines := c.script[name]
	if len(lines) == 0 {
		lines = []string{`400 {"error":"no handler found for uri [` + r.URL.Path + `] and method [` + r.Method + `]"}`}
	}
	if len(lines) > 1 {
		c.script[name] = lines[1:]
	}
	var status int
	code, body, _ := strings.Cut(lines[0], " ")
	if _, err := fmt.Sscan(code, &status); err != nil {
		c.t.Error(err)
	}
	if status == 302 {
		w.Header().Set("Location", "http://169.254.169.254/latest/meta-data")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// scripted starts a cluster with a script.
func scripted(t *testing.T, script map[string][]string, o RemoteOptions) (*cluster, *Remote) {
	t.Helper()
	c := &cluster{t: t, script: script, bodies: map[string][]string{}}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	o.Name, o.URL = "far", strings.Replace(server.URL, "http://", "http://"+o.URL, 1)
	r, err := NewRemote(o)
	if err != nil {
		t.Fatal(err)
	}
	r.wait = time.Millisecond
	t.Cleanup(r.client.CloseIdleConnections)
	return c, r
}

func hits(pit, scroll string, from, n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"_source":{"t":"ignored","n": %d},"sort":[%d,%d]}`, from+i, 1000*(from+i), from+i))
	}
	return `200 {"pit_id":"` + pit + `","_scroll_id":"` + scroll + `","timed_out":false,"_shards":{"total":1,"failed":0},"hits":{"hits":[` + strings.Join(list, ",") + `]}}`
}

// read gathers the times of all documents that a datafeed finds.
func read(r *Remote) (times []int64, err error) {
	size := int64(2)
	f := &wire.Datafeed{DatafeedID: "f", Indices: []string{"far:a", "far:b*"}, Query: []byte(`{"match_all":{}}`), ScrollSize: &size, IndicesOptions: wire.IndicesOptions{AllowNoIndices: true, ExpandWildcards: []string{"open", "hidden"}}}
	err = r.documents(context.Background(), f, "t", 0, 1<<40, func(ms int64, source []byte) error {
		times = append(times, ms)
		if !strings.Contains(string(source), `"n":`) {
			return errors.New("no document")
		}
		return nil
	})
	return times, err
}

const (
	openPit   = "POST /a,b*/_pit"
	pageOfPit = "POST /_search"
	scrolled  = "POST /a,b*/_search scroll"
	nextPages = "POST /_search/scroll"
)

// TestRemotePages: all pages come, each once, by points in time or by scrolls.
func TestRemotePages(t *testing.T) {
	noPit := `405 {"error":"Incorrect HTTP method for uri [/a,b*/_pit] and method [POST], allowed: [PUT]","status":405}`
	for name, c := range map[string]struct {
		script map[string][]string
		want   string
		asked  string
	}{
		"by points in time": {map[string][]string{openPit: {`200 {"id":"p1"}`}, pageOfPit: {hits("p2", "", 1, 2), hits("p3", "", 3, 2), hits("p3", "", 5, 1)}, "DELETE /_pit": {`200 {}`}},
			"[1000 2000 3000 4000 5000]", openPit + "," + pageOfPit + "," + pageOfPit + "," + pageOfPit + ",DELETE /_pit"},
		"by scroll": {map[string][]string{openPit: {noPit}, scrolled: {hits("", "s1", 1, 2)}, nextPages: {hits("", "s2", 3, 2), hits("", "s2", 5, 0)}, "DELETE /_search/scroll": {`200 {}`}},
			"[1000 2000 3000 4000]", openPit + "," + scrolled + "," + nextPages + "," + nextPages + ",DELETE /_search/scroll"},
		"a point in time that cannot be sorted": {map[string][]string{openPit: {`200 {"id":"p1"}`}, pageOfPit: {`400 {"error":{"type":"search_phase_execution_exception","reason":"No mapping found for [_shard_doc] in order to sort on"}}`},
			scrolled: {hits("", "s1", 1, 1)}}, "[1000]", openPit + "," + pageOfPit + ",DELETE /_pit," + scrolled + ",DELETE /_search/scroll"},
		"busy, then not": {map[string][]string{openPit: {`503 {}`, `429 {"error":{"type":"circuit_breaking_exception"}}`, `200 {"id":"p1"}`}, pageOfPit: {`502 x`, hits("p1", "", 1, 2), `504 `, hits("p1", "", 3, 1)}},
			"[1000 2000 3000]", ""},
	} {
		c2, r := scripted(t, c.script, RemoteOptions{})
		times, err := read(r)
		if err != nil || fmt.Sprint(times) != c.want {
			t.Errorf("%s: %v %v, want %s", name, times, err, c.want)
		}
		if got := strings.Join(c2.asked, ","); c.asked != "" && got != c.asked {
			t.Errorf("%s: asked %s, want %s", name, got, c.asked)
		}
	}
}

// TestRemoteIsAskedWell: search_after and the newest id go on, a scroll is not told
// what it cannot take, options go where they belong.
func TestRemoteIsAskedWell(t *testing.T) {
	c, r := scripted(t, map[string][]string{openPit: {`200 {"id":"p1"}`}, pageOfPit: {hits("p2", "", 1, 2), hits("p2", "", 3, 0)}}, RemoteOptions{})
	if _, err := read(r); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{`"id":"p1"`, `"track_total_hits":false`, `{"_shard_doc":"asc"}`, `{"match_all":{}}`}, {`"id":"p2"`, `"search_after":[2000,2]`}} {
		for _, part := range want {
			if !strings.Contains(c.bodies[pageOfPit][i], part) {
				t.Errorf("page %d is asked for by %s, want %s", i, c.bodies[pageOfPit][i], part)
			}
		}
	}
	if got := c.bodies["DELETE /_pit"]; len(got) != 1 || got[0] != `{"id":"p2"}` {
		t.Errorf("the point in time is given back by %v", got)
	}
	c, r = scripted(t, map[string][]string{scrolled: {hits("", "s1", 1, 1)}}, RemoteOptions{})
	if _, err := read(r); err != nil {
		t.Fatal(err)
	}
	if body := c.bodies[scrolled][0]; strings.Contains(body, "track_total_hits") || strings.Contains(body, "_shard_doc") {
		t.Errorf("a scroll is asked for by %s", body)
	}
}

// TestRemoteFailures: what is not whole or cannot be had is an error, never fewer
// documents.
func TestRemoteFailures(t *testing.T) {
	expired := `404 {"error":{"root_cause":[],"type":"search_phase_execution_exception","reason":"all shards failed","caused_by":{"type":"search_context_missing_exception"}},"status":404}`
	for name, c := range map[string]struct {
		script map[string][]string
		want   string
	}{
		"expired point in time": {map[string][]string{openPit: {`200 {"id":"p1"}`}, pageOfPit: {hits("p1", "", 1, 2), expired}}, "search_context_missing_exception"},
		"failed shards":         {map[string][]string{openPit: {`200 {"id":"p1"}`}, pageOfPit: {`200 {"_shards":{"total":5,"failed":2,"failures":[{"reason":{"type":"no_shard"}}]},"hits":{"hits":[]}}`}}, "failed on 2 of 5 shards"},
		"timed out":             {map[string][]string{openPit: {`200 {"id":"p1"}`}, pageOfPit: {`200 {"timed_out":true,"hits":{"hits":[]}}`}}, "timed out"},
		"skipped clusters":      {map[string][]string{openPit: {`200 {"id":"p1"}`}, pageOfPit: {`200 {"_clusters":{"total":2,"skipped":1},"hits":{"hits":[]}}`}}, "left out 1 clusters"},
		"always busy":           {map[string][]string{openPit: {`429 {"error":{"type":"es_rejected_execution_exception"}}`}}, "429"},
		"no such index":         {map[string][]string{openPit: {`404 {"error":{"type":"index_not_found_exception","reason":"no such index [a]"}}`}}, "no such index [far:a,far:b*]"},
		"not allowed":           {map[string][]string{openPit: {`403 {"error":{"type":"security_exception"}}`}}, "403"},
		"somewhere else":        {map[string][]string{openPit: {`302 `}}, "302"},
		"no JSON":               {map[string][]string{openPit: {`200 <html>`}}, "no JSON"},
		"a lost scroll page":    {map[string][]string{scrolled: {hits("", "s1", 1, 2)}, nextPages: {`503 {}`, hits("", "s1", 5, 0)}}, "503"},
		"later 400 of a point":  {map[string][]string{openPit: {`200 {"id":"p1"}`}, pageOfPit: {hits("p1", "", 1, 2), `400 {}`}, scrolled: {hits("", "s1", 1, 0)}}, "400"},
	} {
		c2, r := scripted(t, c.script, RemoteOptions{})
		if times, err := read(r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want one with %q", name, times, err, c.want)
		}
		if name == "always busy" && len(c2.asked) != tries {
			t.Errorf("a busy cluster is asked %d times", len(c2.asked))
		}
	}
}

// TestRemoteCredentials are sent, and shown nowhere.
func TestRemoteCredentials(t *testing.T) {
	for want, o := range map[string]RemoteOptions{"Basic dXNlcjpzZWNyZXQ=": {URL: "user:secret@"}, "ApiKey aWQ6c2VjcmV0": {Key: "id:secret"}, "ApiKey c2VjcmV0": {Key: "c2VjcmV0"}, "": {}} {
		c, r := scripted(t, map[string][]string{openPit: {`401 {"error":{"type":"security_exception"}}`}}, o)
		_, err := read(r)
		if got := c.header.Get("Authorization"); got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
		if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("the error is %v", err)
		}
	}
	for _, bad := range []string{"user:secret@host", "ftp://user:secret@host", "http://user:secret@", "http://user:sec ret@ho st:x", ""} {
		if _, err := NewRemote(RemoteOptions{Name: "r", URL: bad}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestRemoteTLS: a certificate is looked at, unless it is said not to.
func TestRemoteTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for _, c := range []struct {
		o  RemoteOptions
		ok bool
	}{{RemoteOptions{}, false}, {RemoteOptions{CA: ca}, true}, {RemoteOptions{Insecure: true}, true}} {
		c.o.URL = server.URL
		r, err := NewRemote(c.o)
		if err != nil {
			t.Fatal(err)
		}
		r.wait = time.Millisecond
		if err := r.call(t.Context(), "GET", "/", nil, &map[string]any{}); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o.Insecure, err)
		}
		r.client.CloseIdleConnections()
	}
	if _, err := NewRemote(RemoteOptions{URL: server.URL, CA: []byte("no PEM")}); err == nil {
		t.Error("a CA file without a certificate is taken")
	}
}

// TestSummaries reads numbers of hits as all versions write them.
func TestSummaries(t *testing.T) {
	for _, total := range []string{`12`, `{"value":12,"relation":"eq"}`} {
		var answer map[string]any
		if err := json.Unmarshal([]byte(`{"hits":{"total":`+total+`},"aggregations":{"first":{"value":1.7e12},"last":{"value":1700000000001.0}}}`), &answer); err != nil {
			t.Fatal(err)
		}
		if n, first, last := readSummary(answer); n != 12 || first != 1_700_000_000_000 || last != 1_700_000_000_001 {
			t.Errorf("%s: %d from %d to %d", total, n, first, last)
		}
	}
}
