package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"tidemark/client"
	"tidemark/wire"
)

// A server that answers as Tidemark does, so that the examples run anywhere. In
// a program, give client.New the address that tidemark serve prints.
func exampleServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		body := string(raw)
		switch _, verb, _ := strings.Cut(r.URL.Path, "/total-requests"); {
		case verb == "":
			fmt.Fprint(w, body)
		case verb == "/_open":
			fmt.Fprint(w, `{"opened":true,"node":"n"}`)
		case verb == "/_data":
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, `{"job_id":"total-requests","processed_record_count":%d}`, strings.Count(body, "\n"))
		case verb == "/_flush" && strings.Contains(body, "skip_time"):
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"error":{"type":"status_exception","reason":"Cannot perform requested action because job [total-requests] is not open"},"status":409}`)
		case verb == "/_flush":
			fmt.Fprint(w, `{"flushed":true,"last_finalized_bucket_end":1514804400000}`)
		default:
			fmt.Fprint(w, `{"count":1,"records":[{"timestamp":1490274000000,"record_score":91.5,"typical":[100],"actual":[900]}]}`)
		}
	}))
}

func Example() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()

	const job = "total-requests"
	if _, err = c.PutJob(ctx, client.PutJobRequest{JobID: job, Job: wire.Job{
		AnalysisConfig:  wire.AnalysisConfig{BucketSpan: "10m", Detectors: []wire.Detector{{Function: "sum", FieldName: "total"}}},
		DataDescription: wire.DataDescription{TimeField: "timestamp"},
	}}); err != nil {
		log.Fatal(err)
	}
	if _, err = c.OpenJob(ctx, client.OpenJobRequest{JobID: job}); err != nil {
		log.Fatal(err)
	}

	type metric struct {
		Timestamp int64   `json:"timestamp"`
		Total     float64 `json:"total"`
	}
	records, err := client.Lines([]metric{{1490274000000, 40476}, {1490274060000, 15287}})
	if err != nil {
		log.Fatal(err)
	}
	counts, err := c.PostData(ctx, client.PostDataRequest{JobID: job, Body: records})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("records taken:", counts.ProcessedRecordCount)

	flushed, err := c.FlushJob(ctx, client.FlushJobRequest{JobID: job, CalcInterim: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("final up to:", flushed.LastFinalizedBucketEnd.Format(time.RFC3339))

	found, err := c.GetRecords(ctx, client.GetRecordsRequest{JobID: job, Query: client.Query{MinScore: 75}})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range found.Records {
		fmt.Println(r.Timestamp, "score", r.RecordScore, "actual", r.Actual, "typical", r.Typical)
	}
	// Output:
	// records taken: 2
	// final up to: 2018-01-01T11:00:00Z
	// 2017-03-23T13:00:00.000Z score 91.5 actual [900] typical [100]
}

// The asynchronous form of every call tells a listener how it ended, once.
func ExampleClient_FlushJobAsync() {
	server := exampleServer()
	defer server.Close()
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	request := client.FlushJobRequest{JobID: "total-requests", AdvanceTime: time.Unix(1514804400, 0)}
	pending := c.FlushJobAsync(context.Background(), request, client.Listener[client.FlushJobResponse]{
		OnResponse: func(r *client.FlushJobResponse) { fmt.Println("flushed up to", r.LastFinalizedBucketEnd.UnixMilli()) },
		OnFailure:  func(err error) { fmt.Println("failed:", err) },
	})
	// pending.Cancel() would end it early.
	pending.Wait()
	// Output: flushed up to 1514804400000
}

// A refusal carries its status, type and reason.
func ExampleError() {
	server := exampleServer()
	defer server.Close()
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	_, err = c.FlushJob(context.Background(), client.FlushJobRequest{JobID: "total-requests", SkipTime: time.Unix(1514804400, 0)})
	var refused *client.Error
	if errors.As(err, &refused) && refused.Status == http.StatusConflict {
		fmt.Println(refused.Type)
		fmt.Println(refused.Reason)
	}
	// Output:
	// status_exception
	// Cannot perform requested action because job [total-requests] is not open
}
