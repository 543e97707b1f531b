package api

import (
	"net/http"

	"tidemark/internal/document"
	"tidemark/wire"
)

func putFilter(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send the filter's items")
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	f, err := document.ParseFilter(body, q.values["filter_id"])
	if err != nil {
		return err
	}
	made, err := q.h.opt.Jobs.PutFilter(q.Context(), f)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, made)
	return nil
}

func updateFilter(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send add_items, remove_items or description")
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	change, err := document.ParseFilterChange(body, q.values["filter_id"])
	if err != nil {
		return err
	}
	f, err := q.h.opt.Jobs.UpdateFilter(q.Context(), q.values["filter_id"], change)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, f)
	return nil
}

// getFilters answers with the filters of an expression, a page of them.
func getFilters(q *request) error {
	s := &search{}
	if err := q.integer("from", &s.from); err != nil {
		return err
	}
	if err := q.integer("size", &s.size); err != nil {
		return err
	}
	page, err := q.storeQuery(s, false)
	if err != nil {
		return err
	}
	list, err := q.h.opt.Jobs.Filters(q.Context(), q.values["filter_id"])
	if err != nil {
		return err
	}
	from := min(page.From, len(list))
	q.answer(http.StatusOK, wire.FilterList{Count: int64(len(list)), Filters: list[from:min(from+page.Size, len(list))]})
	return nil
}

func deleteFilter(q *request) error {
	if err := q.h.opt.Jobs.DeleteFilter(q.Context(), q.values["filter_id"]); err != nil {
		return err
	}
	q.answer(http.StatusOK, wire.Acknowledged{Acknowledged: true})
	return nil
}
