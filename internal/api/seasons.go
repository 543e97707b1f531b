package api

import (
	"net/http"

	"tidemark/internal/job"
	"tidemark/wire"
)

// seasonsSize is how many series are listed unless asked otherwise.
const seasonsSize = 100

// getSeasons answers with what a job's series are believed to do by the clock and
// the calendar.
func getSeasons(q *request) error {
	s := &search{}
	for name, to := range map[string]**int64{"from": &s.from, "size": &s.size} { // order-free: any wrong one is named
		if err := q.integer(name, to); err != nil {
			return err
		}
		if *to != nil && **to < 0 {
			return wire.Refuse(wire.TypeIllegalArgument, "Parameter [%s] cannot be < 0", name)
		}
	}
	query := job.SeasonsQuery{Size: seasonsSize}
	if s.from != nil {
		query.From = *s.from
	}
	if s.size != nil {
		query.Size = *s.size
	}
	for name, to := range map[string]**string{"partition_field_value": &query.Partition, "by_field_value": &query.By} { // order-free: each is its own
		if q.query.Has(name) {
			value := q.query.Get(name)
			*to = &value
		}
	}
	found, err := q.h.opt.Jobs.Seasons(q.Context(), q.id(), query)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, found)
	return nil
}
