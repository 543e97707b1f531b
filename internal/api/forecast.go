package api

import (
	"net/http"

	"tidemark/internal/document"
	"tidemark/wire"
)

func forecast(q *request) error {
	var body []byte
	if q.hasBody {
		var err error
		if body, err = q.body(); err != nil {
			return err
		}
	}
	span, err := q.h.opt.Jobs.Span(q.id())
	if err != nil {
		return err
	}
	request, err := document.ParseForecast(body, q.query.Get("duration"), q.query.Get("expires_in"), q.query.Get("max_model_memory"), span)
	if err != nil {
		return err
	}
	id, err := q.h.opt.Jobs.Forecast(q.Context(), q.id(), request)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, wire.ForecastStarted{Acknowledged: true, ForecastID: id})
	return nil
}

func deleteForecast(q *request) error {
	allow, err := q.boolean("allow_no_forecasts", true)
	if err != nil {
		return err
	}
	if _, err := timeout(q.query.Get("timeout"), defaultTimeout); err != nil {
		return err
	}
	return q.acknowledge(q.h.opt.Jobs.DeleteForecasts(q.Context(), q.id(), q.values["forecast_id"], allow))
}
