// Package script is one job's life as every official client must be able to
// drive it, against the real binary.
package script

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Answer is what a client got back.
type Answer struct {
	Status int
	Body   []byte
}

// Client is the part of an official client that the script needs. An error is
// the client's own: the server is unknown to it, or did not answer.
type Client interface {
	Info() (Answer, error)
	PutJob(id, body string) (Answer, error)
	OpenJob(id string) (Answer, error)
	PostData(id, body string) (Answer, error)
	// Flush sends the parameters in the query; FlushBody sends a body.
	Flush(id string, p FlushParams) (Answer, error)
	FlushBody(id, body string) (Answer, error)
	Stats(id string) (Answer, error)
	Buckets(id string) (Answer, error)
	Records(id string) (Answer, error)
	Influencers(id string) (Answer, error)
	CloseJob(id string) (Answer, error)
	DeleteJob(id string) (Answer, error)
}

// FlushParams are the parameters of a flush; nil and empty are left out.
type FlushParams struct {
	CalcInterim                       *bool
	Start, End, AdvanceTime, SkipTime string
}

// Read turns a client's response into an Answer.
func Read(status int, body io.ReadCloser, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	return Answer{Status: status, Body: raw}, err
}

// Serve runs the binary on an empty directory and returns its address. It
// builds it, unless TIDEMARK_BINARY names one.
func Serve(t *testing.T) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..", "..")
	binary := os.Getenv("TIDEMARK_BINARY")
	if binary == "" {
		binary = filepath.Join(t.TempDir(), "tidemark")
		build := exec.Command("go", "build", "-o", binary, "./cmd/tidemark")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building the binary: %v\n%s", err, out)
		}
	}
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.Addr().String()
	probe.Close()
	var said bytes.Buffer
	server := exec.Command(binary, "serve", "--data", filepath.Join(t.TempDir(), "data"), "--listen", addr)
	server.Stderr = &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
		if t.Failed() {
			t.Logf("the server said:\n%s", said.String())
		}
	})
	url := "http://" + addr
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get(url + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return url
			}
		}
	}
	t.Fatalf("the server is not ready; it said:\n%s", said.String())
	return ""
}

const (
	hour  = int64(3_600_000)
	begin = int64(1_403_481_600_000) // an exact hour
)

// Data is two weeks of a daily shape in NDJSON, with one hour far outside it.
func Data() string {
	var b strings.Builder
	for h := range int64(14 * 24) {
		value := 100 + 10*float64(h%24) + float64(h*7%5)
		if h == 300 {
			value = 5000
		}
		fmt.Fprintf(&b, `{"time":%d,"airline":"AAL","responsetime":%.1f}`+"\n", begin+h*hour, value)
	}
	return b.String()
}

// Job is the configuration that goes with Data.
const Job = `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"responsetime","by_field_name":"airline"}],"influencers":["airline"]},"data_description":{"time_field":"time","time_format":"epoch_ms"}}`

// Run drives a whole life of a job and checks every answer.
func Run(t *testing.T, c Client) {
	const id = "conformance"
	t.Helper()
	ok := func(what string, want int) func(Answer, error) map[string]any {
		return func(a Answer, err error) map[string]any {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: the client refused: %v", what, err)
			}
			if a.Status != want {
				t.Fatalf("%s: status %d, want %d: %s", what, a.Status, want, a.Body)
			}
			var doc map[string]any
			if err := json.Unmarshal(a.Body, &doc); err != nil {
				t.Fatalf("%s: not JSON: %v: %s", what, err, a.Body)
			}
			return doc
		}
	}
	yes := true
	ms := func(n int64) string { return fmt.Sprint(n) }

	if info := ok("info", 200)(c.Info()); info["tagline"] == nil {
		t.Errorf("info has no tagline: %v", info)
	}
	if job := ok("put", 200)(c.PutJob(id, Job)); job["job_id"] != id {
		t.Errorf("put answered %v", job)
	}
	ok("put again", 400)(c.PutJob(id, Job))
	ok("flush before open", 409)(c.Flush(id, FlushParams{}))
	if o := ok("open", 200)(c.OpenJob(id)); o["opened"] != true {
		t.Errorf("open answered %v", o)
	}
	if f := ok("flush before data", 200)(c.Flush(id, FlushParams{})); f["flushed"] != true || f["last_finalized_bucket_end"] != nil {
		t.Errorf("flush before data answered %v", f)
	}
	if n := ok("post", 202)(c.PostData(id, Data())); n["processed_record_count"] != float64(14*24) {
		t.Errorf("post answered %v", n)
	}
	last := begin + 335*hour
	flushed := func(what string, want int64, doc map[string]any) {
		t.Helper()
		if doc["flushed"] != true || doc["last_finalized_bucket_end"] != float64(want) {
			t.Errorf("%s answered %v, want last_finalized_bucket_end %d", what, doc, want)
		}
	}
	flushed("flush", last, ok("flush", 200)(c.Flush(id, FlushParams{})))
	flushed("interim flush", last, ok("interim flush", 200)(c.Flush(id, FlushParams{CalcInterim: &yes})))
	flushed("interim range", last, ok("interim range", 200)(c.Flush(id, FlushParams{CalcInterim: &yes, Start: ms(last), End: ms(last + hour)})))
	flushed("body", last, ok("body", 200)(c.FlushBody(id, `{"job_id":"`+id+`","calc_interim":true}`)))
	ok("start without interim", 400)(c.Flush(id, FlushParams{Start: ms(last)}))
	flushed("advance", last+hour, ok("advance", 200)(c.Flush(id, FlushParams{AdvanceTime: ms(last + hour)})))
	flushed("skip", last+3*hour, ok("skip", 200)(c.Flush(id, FlushParams{SkipTime: ms(last + 2*hour + 1000)})))

	if b := ok("buckets", 200)(c.Buckets(id)); b["count"] != float64(336) {
		t.Errorf("buckets answered count %v, want 336", b["count"])
	}
	for name, list := range map[string]func(string) (Answer, error){"records": c.Records, "influencers": c.Influencers} {
		doc := ok(name, 200)(list(id))
		if found, _ := doc[name].([]any); len(found) == 0 {
			t.Errorf("%s: none found, the planted hour should be there: %v", name, doc)
		}
	}
	ok("stats", 200)(c.Stats(id))
	if d := ok("close", 200)(c.CloseJob(id)); d["closed"] != true {
		t.Errorf("close answered %v", d)
	}
	ok("post when closed", 409)(c.PostData(id, Data()))
	if d := ok("delete", 200)(c.DeleteJob(id)); d["acknowledged"] != true {
		t.Errorf("delete answered %v", d)
	}
	ok("delete again", 404)(c.DeleteJob(id))
}
