package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// counts posts a body and returns the counts.
func (r *rig) counts(id, body string, headers ...string) wire.DataCounts {
	r.t.Helper()
	var c wire.DataCounts
	if err := json.Unmarshal([]byte(r.must(http.StatusAccepted, "POST", jobsPath+id+"/_data", body, headers...)), &c); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// totals reads a job's totals.
func (r *rig) totals(id string) wire.DataCounts {
	r.t.Helper()
	var s wire.JobStatsList
	if err := json.Unmarshal([]byte(r.must(200, "GET", jobsPath+id+"/_stats", "")), &s); err != nil {
		r.t.Fatal(err)
	}
	return s.Jobs[0].DataCounts
}

const airlineJob = `{"analysis_config":{"bucket_span":"1h","detectors":[{"function":"mean","field_name":"responsetime","by_field_name":"airline"}]},
	"data_description":{"time_field":"time","time_format":"epoch"}}`

// TestCounts has the known counts of the API's own tests.
func TestCounts(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", airlineJob)
	c := r.counts("j", `{"airline":"AAL","responsetime":"132.2046","sourcetype":"farequote","time":"1403481600"}
		{"airline":"JZA","responsetime":"990.4628","sourcetype":"farequote","time":"1403481700"}`)
	if c.ProcessedRecordCount != 2 || c.ProcessedFieldCount != 4 || c.InputFieldCount != 6 || c.InputBytes < 140 || c.InputBytes > 200 ||
		*c.EarliestRecordTimestamp != 1403481600000 || *c.LatestRecordTimestamp != 1403481700000 {
		t.Errorf("counts %+v", c)
	}
	c = r.counts("j", `[{"airline":"AAL","time":1403481800},{"responsetime":1,"time":"x"},{"airline":"AAL","responsetime":1},{"airline":"a","responsetime":2,"time":1403478000}]`)
	if c.ProcessedRecordCount != 1 || c.MissingFieldCount != 3 || c.InvalidDateCount != 2 || c.OutOfOrderTimestampCount != 1 || c.InputRecordCount != 4 ||
		c.ProcessedFieldCount != 0 || c.EarliestRecordTimestamp != nil || c.InputFieldCount != 1+1+1+2 {
		t.Errorf("counts of a mixed upload %+v", c)
	}
	sum := r.totals("j")
	r.restart()
	again := r.totals("j")
	if sum.ProcessedRecordCount != 3 || sum.InputRecordCount != 6 || *sum.EarliestRecordTimestamp != 1403481600000 {
		t.Errorf("totals %+v", sum)
	}
	if a, b := fmt.Sprintf("%+v", plainCounts(sum)), fmt.Sprintf("%+v", plainCounts(again)); a != b {
		t.Errorf("totals changed by a restart:\n%s\n%s", a, b)
	}
}

// plainCounts leaves out the pointers, which print as addresses.
func plainCounts(c wire.DataCounts) wire.DataCounts {
	c.EarliestRecordTimestamp, c.LatestRecordTimestamp, c.LastDataTime, c.LogTime = nil, nil, nil, nil
	c.LatestEmptyBucketTimestamp, c.LatestSparseBucketTimestamp = nil, nil
	return c
}

func TestBodies(t *testing.T) {
	r := newRig(t, Options{})
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	fmt.Fprint(z, `{"time":1}{"time":2}`)
	z.Close()
	for name, c := range map[string]struct {
		body    string
		headers []string
		want    int64
	}{
		"lines":        {body: "{\"time\":1}\n{\"time\":2}\n", headers: []string{"Content-Type", "application/x-ndjson"}, want: 2},
		"together":     {body: `{"time":1}{"time":2}{"time":3}`, want: 3},
		"pretty":       {body: "{\n \"time\": 1\n}\n\n{ \"time\": 2 }", want: 2},
		"array":        {body: `[{"time":1},{"time":2}]`, headers: []string{"Content-Type", "application/vnd.elasticsearch+json;compatible-with=9"}, want: 2},
		"empty array":  {body: `[]`, want: 0},
		"gzip":         {body: zipped.String(), headers: []string{"Content-Encoding", "gzip"}, want: 2},
		"some broken":  {body: `{"time":1}{"time":}{"time":3}`, want: 2},
		"vendor lines": {body: `{"time":1}`, headers: []string{"Content-Type", "application/vnd.elasticsearch+x-ndjson;compatible-with=8", "Accept", "application/vnd.elasticsearch+json;compatible-with=8"}, want: 1},
	} {
		id := strings.ReplaceAll(name, " ", "-")
		r.open(id, countJob("60s"))
		if have := r.counts(id, c.body, c.headers...).ProcessedRecordCount; have != c.want {
			t.Errorf("%s: %d records in the answer, want %d", name, have, c.want)
		}
		if have := r.totals(id).ProcessedRecordCount; have != c.want {
			t.Errorf("%s: %d records, want %d", name, have, c.want)
		}
	}
}

// TestDataRefuses: whatever is refused leaves nothing behind.
func TestDataRefuses(t *testing.T) {
	r := newRig(t, Options{MaxUploadBytes: 4096})
	r.open("j", countJob("60s"))
	r.must(200, "PUT", jobsPath+"closed", countJob("60s"))
	r.post("j", 600)
	data := jobsPath + "j/_data"
	illegal, parse := "illegal_argument_exception", "parse_exception"
	for _, c := range []struct {
		status                   int
		kind, part, target, body string
		headers                  []string
	}{
		{400, parse, "request body is required", data, "", nil},
		{400, parse, "request body is required", data, "   ", nil},
		{400, parse, "malformed", data, `{"time":601}` + strings.Repeat(`{"time":}`, 101), nil},
		{400, parse, "malformed", data, `nonsense`, nil},
		{400, parse, "Line 2, column 1", data, "{\"time\":601}\n{\"time\":60", nil},
		{400, parse, "send all of it again", data, `[{"time":601},{"time":602}`, nil},
		{400, parse, "gzip", data, `{"time":601}`, []string{"Content-Encoding", "gzip"}},
		{415, "media_type_header_exception", "[br]", data, `{"time":601}`, []string{"Content-Encoding", "br"}},
		{413, "status_exception", "too large", data, strings.Repeat(`{"time":601}`, 400), nil},
		{409, "status_exception", "[closed] is not open", jobsPath + "closed/_data", `{"time":601}`, nil},
		{409, "status_exception", "[nobody] is not open", jobsPath + "nobody/_data", `{"time":601}`, nil},
		{404, "resource_not_found_exception", "nobody", "/_xpack/ml/anomaly_detectors/nobody/_data", `{"time":601}`, nil},
		{400, parse, "[reset_start]", data + "?reset_start=x", `{"time":601}`, nil},
		{400, parse, "[reset_end]", data + "?reset_end=x", `{"time":601}`, nil},
		{400, illegal, "earlier than reset_start", data + "?reset_start=9&reset_end=5", `{"time":601}`, nil},
		{400, illegal, "[calc_interim]", data + "?calc_interim=true", `{"time":601}`, nil},
		{400, illegal, "Idempotency-Key", data, `{"time":601}`, []string{"Idempotency-Key", strings.Repeat("k", 129)}},
		{400, illegal, "0x9", data, `{"time":601}`, []string{"Idempotency-Key", "a\tb"}},
	} {
		r.refused(c.status, c.kind, c.part, "POST", c.target, c.body, c.headers...)
	}
	if w := r.do("POST", data, `{"time":601}`, "Content-Type", "text/plain"); w.Code != 406 || !strings.Contains(w.Body.String(), "[text/plain] is not supported") {
		t.Errorf("plain text: %d %s", w.Code, w.Body)
	}
	if w := r.do("POST", data, `{"time":601}`, "Content-Type", ""); w.Code != 406 || !strings.Contains(w.Body.String(), "Content-Type header is missing") {
		t.Errorf("no type: %d %s", w.Code, w.Body)
	}
	if c := r.totals("j"); c.ProcessedRecordCount != 1 || c.InputRecordCount != 1 {
		t.Errorf("what was refused left a trace: %+v", c)
	}
}

// TestBrokenConnection: an upload whose connection breaks counts for nothing.
func TestBrokenConnection(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s"))
	req, err := http.NewRequest("POST", "http://127.0.0.1"+jobsPath+"j/_data", iotest.TimeoutReader(strings.NewReader(strings.Repeat(`{"time":600}`, 20_000))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.RequestURI = jobsPath + "j/_data"
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "nothing of it was taken") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if c := r.totals("j"); c.InputRecordCount != 0 {
		t.Errorf("%d records of a broken upload count", c.InputRecordCount)
	}
}

// TestRefusedBodyIsRead: a client that sends all of a large body before it reads gets
// the refusal, not a broken connection.
func TestRefusedBodyIsRead(t *testing.T) {
	r := newRig(t, Options{MaxUploadBytes: 16 << 20})
	server := httptest.NewServer(r)
	defer server.Close()
	for target, c := range map[string]struct{ status, size int }{"none/_data": {409, 12 << 20}, "none/_update": {413, 12 << 20}, "j/_data": {413, 24 << 20}} {
		if target == "j/_data" {
			r.open("j", countJob("60s"))
		}
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", jobsPath, target, c.size)
		if err == nil {
			_, err = conn.Write(bytes.Repeat([]byte(" "), c.size))
		}
		if err != nil {
			t.Errorf("%s: the body cannot be sent: %v", target, err)
		}
		if res, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || res.StatusCode != c.status {
			t.Errorf("%s: %v %v, want %d", target, res, err, c.status)
		}
		conn.Close()
	}
}

// TestIdempotencyKey: a repeated upload answers as the first time and counts
// once, across restart and close; the same key with another body is refused.
func TestIdempotencyKey(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s"))
	first := r.counts("j", `{"time":600}{"time":601}`, "Idempotency-Key", "a")
	for i := range 3 {
		again := r.counts("j", `{"time":600}{"time":601}`, "Idempotency-Key", "a")
		if again.ProcessedRecordCount != first.ProcessedRecordCount || *again.EarliestRecordTimestamp != *first.EarliestRecordTimestamp {
			t.Errorf("repeat %d: %+v, first %+v", i, again, first)
		}
		switch i {
		case 0:
			r.restart()
		case 1:
			r.must(200, "POST", jobsPath+"j/_close", "")
			r.must(200, "POST", jobsPath+"j/_open", "")
		}
	}
	r.refused(400, "illegal_argument_exception", "key", "POST", jobsPath+"j/_data", `{"time":602}`, "Idempotency-Key", "a")
	r.counts("j", `{"time":600}{"time":601}`)
	if have := r.totals("j").ProcessedRecordCount; have != 4 {
		t.Errorf("%d records count, want 2 with the key and 2 without", have)
	}
}

// TestReset: a job that was reset has seen nothing, keeps its configuration, and
// takes the same data and keys again.
func TestReset(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s"))
	first := r.counts("j", `{"time":6000}{"time":6100}`, "Idempotency-Key", "k")
	r.refused(409, "status_exception", "when it is closed", "POST", jobsPath+"j/_reset", "")
	r.refused(404, "resource_not_found_exception", "nobody", "POST", jobsPath+"nobody/_reset", "")
	r.must(200, "POST", jobsPath+"j/_close", "")
	config := r.must(200, "GET", jobsPath+"j?exclude_generated", "")
	if have := r.must(200, "POST", jobsPath+"j/_reset", ""); have != `{"acknowledged":true}` {
		t.Error(have)
	}
	for range 2 {
		if c := r.totals("j"); c.InputRecordCount != 0 {
			t.Errorf("totals after a reset: %+v", c)
		}
		if have := r.must(200, "GET", jobsPath+"j/results/buckets?filter_path=count", ""); have != `{"count":0}` {
			t.Errorf("results after a reset: %s", have)
		}
		if have := r.must(200, "GET", jobsPath+"j?exclude_generated", ""); have != config {
			t.Errorf("the configuration was %s and is %s", config, have)
		}
		r.restart()
	}
	r.must(200, "POST", jobsPath+"j/_open", "")
	r.flushed(-1, jobsPath+"j/_flush", "")
	if again := r.counts("j", `{"time":6000}{"time":6100}`, "Idempotency-Key", "k"); again.ProcessedRecordCount != first.ProcessedRecordCount || r.totals("j").InputRecordCount != 2 {
		t.Errorf("the same upload after a reset: %+v", again)
	}
	r.must(200, "POST", jobsPath+"j/_close", "")
	if have := r.must(200, "POST", jobsPath+"j/_reset?wait_for_completion=false", ""); !strings.Contains(have, `"task":`) {
		t.Error(have)
	}
}

// TestLatency: late records within the latency count in their bucket.
func TestLatency(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", countJob("60s", `,"latency":"120s"`))
	c := r.counts("j", `{"time":6000}{"time":6130}{"time":6015}{"time":5990}`)
	if c.ProcessedRecordCount != 3 || c.OutOfOrderTimestampCount != 1 {
		t.Errorf("counts %+v", c)
	}
	// A reset inside the latency drops what was gathered.
	r.must(202, "POST", jobsPath+"j/_data?reset_start=6120&reset_end=6180", `[]`)
	r.must(200, "POST", jobsPath+"j/_flush", `{"advance_time":"6360"}`)
	have := r.must(200, "GET", jobsPath+"j/results/buckets?filter_path=buckets.timestamp,buckets.event_count", "")
	if want := `{"buckets":[{"timestamp":6000000,"event_count":2},{"timestamp":6060000,"event_count":0},{"timestamp":6120000,"event_count":0},{"timestamp":6180000,"event_count":0}]}`; have != want {
		t.Errorf("buckets %s, want %s", have, want)
	}
}

// TestExtremeTimes: no single record costs more than its entry and the series
// that react.
func TestExtremeTimes(t *testing.T) {
	r := newRig(t, Options{})
	r.open("j", `{"analysis_config":{"bucket_span":"1s","detectors":[{"function":"count"},{"function":"low_count"},{"function":"sum","field_name":"v"}]},"data_description":{"time_field":"time","time_format":"epoch_ms"}}`)
	r.must(202, "POST", jobsPath+"j/_data", `{"time":0,"v":1}{"time":1000,"v":1}{"time":2000,"v":1e308}{"time":3000,"v":-1e308}{"time":4102444800000,"v":1}{"time":8640000000000000,"v":2}{"time":9640000000000000,"v":2}`)
	r.must(200, "POST", jobsPath+"j/_flush", `{"calc_interim":true}`)
	have := r.must(200, "GET", jobsPath+"j/results/buckets?size=2&desc=true&filter_path=count,buckets.timestamp", "")
	if want := `{"count":8640000000001,"buckets":[{"timestamp":8640000000000000},{"timestamp":8639999999999000}]}`; have != want {
		t.Errorf("%s, want %s", have, want)
	}
}

// TestMegabyteNames: long names and values are taken or refused, never a 500,
// and no answer repeats them in full.
func TestMegabyteNames(t *testing.T) {
	r := newRig(t, Options{})
	long := strings.Repeat("x", 1<<20)
	r.open("j", airlineJob)
	r.must(202, "POST", jobsPath+"j/_data", `{"time":3600,"responsetime":1,"airline":"`+long+`"}{"time":3700,"responsetime":1,"`+long+`":1}`)
	for _, w := range []struct{ method, target, body string }{
		{"POST", jobsPath + "j/_flush", `{"` + long + `":1}`}, {"POST", jobsPath + "j/_flush", `{"start":"` + long + `"}`},
		{"POST", jobsPath + "j/_flush?start=" + long, ""}, {"GET", jobsPath + long, ""}, {"POST", jobsPath + long + "/_flush", ""},
		{"PUT", jobsPath + long, countJob("1m")}, {"PUT", jobsPath + "k", `{"description":"` + long + `","x":1}`},
		{"GET", "/" + long, ""}, {"GET", jobsPath + "j?" + long, ""},
	} {
		rec := r.do(w.method, w.target, w.body)
		if rec.Code < 400 || rec.Code >= 500 || rec.Body.Len() > 4096 {
			t.Errorf("%s %.60s: status %d, an answer of %d bytes", w.method, w.target, rec.Code, rec.Body.Len())
		}
	}
}

// TestDelimitedData takes lines of cells, as jobs of old do.
func TestDelimitedData(t *testing.T) {
	r := newRig(t, Options{})
	r.open("d", `{"analysis_config":{"bucket_span":"1m","detectors":[{"function":"mean","field_name":"v"}]},"data_description":{"format":"DELIMITED","field_delimiter":",","time_field":"t","time_format":"epoch"}}`)
	contains(t, r.must(200, "GET", jobsPath+"d", ""), `"format":"delimited","field_delimiter":",","quote_character":"\""`)
	contains(t, r.must(202, "POST", jobsPath+"d/_data", "t,v\n60,1\n120,\"2\"\n"), `"processed_record_count":2,`, `"input_bytes":17`)
	contains(t, r.must(400, "POST", jobsPath+"d/_data", "t,w\n60,1\n"), "Field configured for analysis 'v' is not in the CSV header '[t w]'")
	contains(t, r.must(200, "GET", jobsPath+"d/_stats", ""), `"processed_record_count":2,`)
}
