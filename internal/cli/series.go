package cli

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json"

	"tidemark/client"
)

// The members of results that name a series: a field and its value. A record has the
// values of its influencers under their own names, too.
var (
	recordSeries     = [][2]string{{"partition_field_name", "partition_field_value"}, {"by_field_name", "by_field_value"}, {"over_field_name", "over_field_value"}}
	influencerSeries = [][2]string{{"influencer_field_name", "influencer_field_value"}}
)

// search reads the results of some series, which only searches can choose by, and how
// many there are.
func search[T any](ctx context.Context, c *client.Client, job, kind, scoreField string, q client.Query, members [][2]string, series []string) (list []T, count int64, err error) {
	if _, err := oneJob(ctx, c, job); err != nil {
		return nil, 0, err
	}
	body, err := json.Marshal(resultSearch(job, kind, scoreField, q, members, series))
	if err != nil {
		return nil, 0, err
	}
	answer, err := c.Search(ctx, client.SearchRequest{Index: resultsOf(job), Body: body})
	if err != nil {
		return nil, 0, err
	}
	list = make([]T, len(answer.Hits.Hits))
	for i := range list {
		if err := json.Unmarshal(answer.Hits.Hits[i].Source, &list[i]); err != nil {
			return nil, 0, err
		}
	}
	if answer.Hits.Total != nil {
		count = answer.Hits.Total.Value
	}
	return list, count, nil
}

// resultsOf is the index in which the results of a job are found.
func resultsOf(job string) string { return ".ml-anomalies-" + job }

type object = map[string]any

// resultSearch is the body of a search for what a query chooses.
func resultSearch(job, kind, scoreField string, q client.Query, members [][2]string, series []string) object {
	filter := []object{{"term": object{"job_id": job}}, {"term": object{"result_type": kind}}, {"range": object{scoreField: object{"gte": q.MinScore}}}}
	times := object{"format": "epoch_millis"}
	if !q.Start.IsZero() {
		times["gte"] = q.Start.UnixMilli()
	}
	if !q.End.IsZero() {
		times["lt"] = q.End.UnixMilli()
	}
	if len(times) > 1 {
		filter = append(filter, object{"range": object{"timestamp": times}})
	}
	if q.ExcludeInterim {
		filter = append(filter, object{"term": object{"is_interim": false}})
	}
	for _, s := range series {
		name, value, _ := strings.Cut(s, "=")
		ways := []object{matching(name, value)}
		for _, m := range members {
			ways = append(ways, object{"bool": object{"filter": []object{{"term": object{m[0]: name}}, matching(m[1], value)}}})
		}
		filter = append(filter, object{"bool": object{"should": ways}})
	}
	order := "asc"
	if q.Desc != nil && *q.Desc {
		order = "desc"
	}
	return object{"size": q.Size, "track_total_hits": true, "sort": []object{{q.Sort: order}, {"timestamp": "asc"}}, "query": object{"bool": object{"filter": filter}}}
}

// matching finds a value, in which * stands for anything.
func matching(field, value string) object {
	if !strings.Contains(value, "*") {
		return object{"term": object{field: value}}
	}
	pattern := strings.NewReplacer(`\`, `\\`, "?", `\?`).Replace(value)
	return object{"wildcard": object{field: object{"value": pattern}}}
}
