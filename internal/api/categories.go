package api

import (
	"strconv"

	"tidemark/internal/store"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// getCategories answers with the categories of a job's messages, or with one.
func getCategories(q *request) error {
	s := &search{}
	partition, has := q.query.Get("partition_field_value"), q.query.Has("partition_field_value")
	if err := q.integer("from", &s.from); err != nil {
		return err
	}
	if err := q.integer("size", &s.size); err != nil {
		return err
	}
	if q.hasBody {
		body, err := q.body()
		if err != nil {
			return err
		}
		if len(body) > 0 {
			var id, category string
			given := partition
			if err := strict.Parse(body, "categories_request", strict.Fields{
				"job_id": strict.Text(&id), "category_id": strict.TextOrNumber(&category), "partition_field_value": strict.Text(&given),
				"page": strict.Object("page", strict.Fields{"from": strict.OptionalInt(&s.from), "size": strict.OptionalInt(&s.size)}),
			}); err != nil {
				return err
			}
			has = has || given != partition
			partition = given
		}
	}
	query, err := q.storeQuery(s, false)
	if err != nil {
		return err
	}
	out := store.CategoryQuery{Partition: partition, HasPartition: has, From: query.From, Size: query.Size}
	if text := q.values["category_id"]; text != "" {
		if s.from != nil || s.size != nil {
			return wire.Refuse(wire.TypeIllegalArgument, "Both [category_id] and [page] are set: one category has no pages; leave one of them out")
		}
		if out.ID, err = strconv.ParseInt(text, 10, 64); err != nil || out.ID < 1 {
			return wire.Refuse(wire.TypeIllegalArgument, "[category_id] must be a number of 1 or more; it is [%s]", wire.Clip(text))
		}
	}
	p, err := q.h.opt.Jobs.Categories(q.Context(), q.id(), out)
	if err != nil {
		return err
	}
	q.list("categories", p)
	return nil
}
