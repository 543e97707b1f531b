package client

import (
	"context"
	"net/http"
	"time"

	"tidemark/wire"
)

// ForecastRequest asks for a forecast.
type ForecastRequest struct {
	JobID string // required
	// Duration is how far it reaches; 0: a day.
	Duration time.Duration
	// ExpiresIn is how long it is kept; nil: 14 days, 0: for good.
	ExpiresIn *time.Duration
	// MaxModelMemory is a size such as 50mb; empty: 20mb.
	MaxModelMemory string
}

// Forecast computes what an open job's models expect.
func (c *Client) Forecast(ctx context.Context, r ForecastRequest) (*wire.ForecastStarted, error) {
	q := c.job("forecast", r.JobID, http.MethodPost, "_forecast").wait("duration", r.Duration).text("max_model_memory", r.MaxModelMemory)
	if r.ExpiresIn != nil {
		q.text("expires_in", wire.FormatDuration(*r.ExpiresIn))
	}
	return send[wire.ForecastStarted](ctx, c, q)
}

// ForecastAsync is Forecast with a listener.
func (c *Client) ForecastAsync(ctx context.Context, r ForecastRequest, l Listener[wire.ForecastStarted]) *Pending {
	return async(ctx, c, r, l, c.Forecast)
}

// DeleteForecastsRequest names forecasts of a job.
type DeleteForecastsRequest struct {
	JobID string // required
	// IDs are the forecasts' ids, separated by commas; empty or _all: all.
	IDs string
	// NoMatchFails makes it a 404 if there is none.
	NoMatchFails bool
}

// DeleteForecasts removes forecasts.
func (c *Client) DeleteForecasts(ctx context.Context, r DeleteForecastsRequest) (*wire.Acknowledged, error) {
	rest := []string{"_forecast"}
	if r.IDs != "" {
		rest = append(rest, r.IDs)
	}
	q := c.job("delete forecasts of", r.JobID, http.MethodDelete, rest...)
	return send[wire.Acknowledged](ctx, c, q.flag("allow_no_forecasts", !r.NoMatchFails, true))
}

// DeleteForecastsAsync is DeleteForecasts with a listener.
func (c *Client) DeleteForecastsAsync(ctx context.Context, r DeleteForecastsRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteForecasts)
}
