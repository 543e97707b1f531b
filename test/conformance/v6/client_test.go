// Package v6 drives the real binary with the official client of major version 6.
package v6

import (
	"context"
	"reflect"
	"strings"
	"testing"

	elasticsearch "github.com/elastic/go-elasticsearch/v6"
	"github.com/elastic/go-elasticsearch/v6/esapi"

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
	script.RunFlows(t, 6, script.Requests(kinds, func(ctx context.Context, request reflect.Value) (script.Answer, error) {
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
	return read(c.es.XPack.ML.PutJob(id, strings.NewReader(body)))
}

func (c *client) OpenJob(id string) (script.Answer, error) { return read(c.es.XPack.ML.OpenJob(id)) }

func (c *client) PostData(id, body string) (script.Answer, error) {
	return read(c.es.XPack.ML.PostData(id, strings.NewReader(body)))
}

func (c *client) Flush(id string, p script.FlushParams) (script.Answer, error) {
	return read(esapi.XPackMLFlushJobRequest{
		JobID: id, CalcInterim: p.CalcInterim,
		Start: p.Start, End: p.End, AdvanceTime: p.AdvanceTime, SkipTime: p.SkipTime,
	}.Do(context.Background(), c.es))
}

func (c *client) FlushBody(id, body string) (script.Answer, error) {
	return read(c.es.XPack.ML.FlushJob(id, c.es.XPack.ML.FlushJob.WithBody(strings.NewReader(body))))
}

func (c *client) Stats(id string) (script.Answer, error) {
	return read(c.es.XPack.ML.GetJobStats(c.es.XPack.ML.GetJobStats.WithJobID(id)))
}

func (c *client) Buckets(id string) (script.Answer, error) {
	return read(c.es.XPack.ML.GetBuckets(id, c.es.XPack.ML.GetBuckets.WithSize(1000), c.es.XPack.ML.GetBuckets.WithExcludeInterim(true)))
}

func (c *client) Records(id string) (script.Answer, error) { return read(c.es.XPack.ML.GetRecords(id)) }

func (c *client) Influencers(id string) (script.Answer, error) {
	return read(c.es.XPack.ML.GetInfluencers(id))
}

func (c *client) CloseJob(id string) (script.Answer, error) { return read(c.es.XPack.ML.CloseJob(id)) }

func (c *client) DeleteJob(id string) (script.Answer, error) {
	return read(c.es.XPack.ML.DeleteJob(id))
}
