// Package v8 drives the real binary with the official client of major version 8.
package v8

import (
	"context"
	"reflect"
	"strings"
	"testing"

	elasticsearch "github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"tidemark/test/conformance/script"
)

// TestLife drives a job's life through the unmodified client.
func TestLife(t *testing.T) {
	es, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{script.Serve(t)}})
	if err != nil {
		t.Fatal(err)
	}
	script.Run(t, &client{es})
}

// TestFlows leads every flow through the client's own request types.
func TestFlows(t *testing.T) {
	es, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{script.Serve(t)}})
	if err != nil {
		t.Fatal(err)
	}
	script.RunFlows(t, 8, script.Requests(kinds, func(ctx context.Context, request reflect.Value) (script.Answer, error) {
		return read(request.Interface().(esapi.Request).Do(ctx, es))
	}))
}

type client struct{ es *elasticsearch.Client }

func read(r *esapi.Response, err error) (script.Answer, error) {
	if err != nil {
		return script.Answer{}, err
	}
	return script.Read(r.StatusCode, r.Body, nil)
}

func (c *client) Info() (script.Answer, error) { return read(c.es.Info()) }

func (c *client) PutJob(id, body string) (script.Answer, error) {
	return read(c.es.ML.PutJob(id, strings.NewReader(body)))
}

func (c *client) OpenJob(id string) (script.Answer, error) { return read(c.es.ML.OpenJob(id)) }

func (c *client) PostData(id, body string) (script.Answer, error) {
	return read(c.es.ML.PostData(id, strings.NewReader(body)))
}

func (c *client) Flush(id string, p script.FlushParams) (script.Answer, error) {
	return read(esapi.MLFlushJobRequest{
		JobID: id, CalcInterim: p.CalcInterim,
		Start: p.Start, End: p.End, AdvanceTime: p.AdvanceTime, SkipTime: p.SkipTime,
	}.Do(context.Background(), c.es))
}

func (c *client) FlushBody(id, body string) (script.Answer, error) {
	return read(c.es.ML.FlushJob(id, c.es.ML.FlushJob.WithBody(strings.NewReader(body))))
}

func (c *client) Stats(id string) (script.Answer, error) {
	return read(c.es.ML.GetJobStats(c.es.ML.GetJobStats.WithJobID(id)))
}

func (c *client) Buckets(id string) (script.Answer, error) {
	return read(c.es.ML.GetBuckets(id, c.es.ML.GetBuckets.WithSize(1000), c.es.ML.GetBuckets.WithExcludeInterim(true)))
}

func (c *client) Records(id string) (script.Answer, error) { return read(c.es.ML.GetRecords(id)) }

func (c *client) Influencers(id string) (script.Answer, error) {
	return read(c.es.ML.GetInfluencers(id))
}

func (c *client) CloseJob(id string) (script.Answer, error) { return read(c.es.ML.CloseJob(id)) }

func (c *client) DeleteJob(id string) (script.Answer, error) { return read(c.es.ML.DeleteJob(id)) }
