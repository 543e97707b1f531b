package job

import (
	"context"
	"errors"
	"time"

	"tidemark/internal/query"
	"tidemark/internal/store"
)

// pruneStep is how many rows one step of a removal takes: a few milliseconds, so
// that other jobs' commits get their turn.
const pruneStep = 1000

// DeleteExpired removes what the chosen jobs' retention lets go: results by age
// from the newest one, model snapshots by age from the newest one, forecasts by
// the wall clock. Data of long ago does not vanish because it is old.
func (m *Manager) DeleteExpired(ctx context.Context, expr string) error {
	jobs, err := m.choose(expr, true)
	if err != nil {
		return err
	}
	var failed []error
	for _, j := range jobs {
		if err := ctx.Err(); err != nil {
			return err
		}
		failed = append(failed, j.expireResults(ctx), j.expireSnapshots(ctx), j.expireForecasts(ctx))
	}
	return errors.Join(failed...)
}

func (j *job) expireResults(ctx context.Context) error {
	keep := j.conf.Load().wire.ResultsRetentionDays
	if keep == nil {
		return nil
	}
	newest, err := j.newestResult(ctx)
	if err != nil || newest <= 0 {
		return err
	}
	for {
		more, err := j.m.opt.Store.PruneResults(ctx, j.num, newest-days(keep, 0), pruneStep)
		if err != nil || !more {
			return err
		}
	}
}

// newestResult is the start of the latest bucket, 0 if there is none: the job's own
// or one that a client wrote.
func (j *job) newestResult(ctx context.Context) (int64, error) {
	latest, err := j.m.opt.Store.Buckets(ctx, j.num, store.Query{Sort: "timestamp", Desc: true, Size: 1})
	if err != nil || len(latest.Docs) == 0 {
		return 0, err
	}
	at, _ := query.Millis(latest.Docs[0], "timestamp")
	return at, nil
}

func (j *job) expireForecasts(ctx context.Context) error {
	nowMs := j.m.opt.Clock().UnixMilli()
	for _, s := range j.forecastList() {
		if s.ForecastExpiry == 0 || int64(s.ForecastExpiry) > nowMs {
			continue
		}
		if err := j.dropForecast(ctx, s.ForecastID); err != nil {
			return err
		}
	}
	return nil
}

// retentionPeriod is how often expired results are removed without being asked.
const retentionPeriod = time.Hour

// KeepRetention removes what has expired now and then, until ctx ends.
func (m *Manager) KeepRetention(ctx context.Context) {
	tick := time.NewTicker(retentionPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := m.DeleteExpired(ctx, ""); err != nil && ctx.Err() == nil {
				m.log.Warn("expired results could not all be removed; it is tried again within the hour", "error", err)
			}
		}
	}
}
