package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"tidemark/engine"
	"tidemark/engine/result"
	"tidemark/internal/document"
	"tidemark/internal/store"
	"tidemark/wire"
)

// forecastBytes is about what one forecast value takes while it is stored.
const forecastBytes = 400

// forecastStep is how many values are stored at once.
const forecastStep = 2000

// forecastTask asks an open job's owner for a forecast, in the order of its work.
type forecastTask struct {
	request document.ForecastRequest
	answer  chan forecasted
}

type forecasted struct {
	stats  *wire.ForecastStats
	values []result.Forecast
	err    error
}

func (t *forecastTask) refuse(err error) { t.answer <- forecasted{err: err} }

// Span is a job's bucket span.
func (m *Manager) Span(id string) (time.Duration, error) {
	j, err := m.find(id)
	if err != nil {
		return 0, err
	}
	if s := j.conf.Load().spec; s != nil {
		return time.Duration(s.BucketSpanMs) * time.Millisecond, nil
	}
	return 0, nil
}

// Forecast computes what an open job's models expect, and stores it in the
// background. It returns the forecast's id.
func (m *Manager) Forecast(ctx context.Context, id string, request document.ForecastRequest) (string, error) {
	j, err := m.find(id)
	if err != nil {
		return "", err
	}
	r, err := j.runner()
	if err != nil {
		return "", err
	}
	t := &forecastTask{request: request, answer: make(chan forecasted, 1)}
	if err := r.enqueue(ctx, t); err != nil {
		return "", err
	}
	var f forecasted
	select {
	case f = <-t.answer:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if f.err != nil {
		return "", f.err
	}
	if err := j.saveForecast(f.stats); err != nil {
		return "", notDurable(id, "the forecast", err)
	}
	m.background.Go(func() { j.storeForecast(f) })
	return f.stats.ForecastID, nil
}

// forecast handles a forecastTask: the values are those of this moment.
func (r *runner) forecast(t *forecastTask) bool {
	began := time.Now()
	span := r.eng.Config().BucketSpanMs
	n := int64(t.request.Duration/time.Millisecond) / span
	room := t.request.MaxModelMemory / forecastBytes
	nowMs := r.m.opt.Clock().UnixMilli()
	s := &wire.ForecastStats{JobID: r.j.id, ForecastID: strings.ReplaceAll(uuid.NewString(), "-", "")[:20], ResultType: wire.ResultForecastStats,
		ForecastMessages: []string{}, Timestamp: wire.Millis(nowMs), ForecastCreate: wire.Millis(nowMs), ForecastStatus: "started"}
	if t.request.ExpiresIn > 0 {
		s.ForecastExpiry = wire.Millis(nowMs + t.request.ExpiresIn.Milliseconds())
	}
	var values []result.Forecast
	err := guarded(r.end, func() error {
		return r.eng.Forecast(n, func(f *result.Forecast) bool {
			if int64(len(values)) >= room {
				s.ForecastMessages = []string{fmt.Sprintf("The forecast holds %d values, as many as max_model_memory has room for; ask for less time or give it more", room)}
				return false
			}
			values = append(values, *f)
			return true
		})
	})
	if err != nil {
		if errors.Is(err, engine.ErrNothingToForecast) || errors.Is(err, engine.ErrNoForecast) {
			err = badRequest(r.j.id, "Cannot run forecast: %v", err)
		}
		t.refuse(err)
		return true
	}
	if lf, ok := r.eng.LastFinalized(); ok {
		s.ForecastStart, s.ForecastEnd = wire.Millis(lf), wire.Millis(lf+n*span)
	}
	s.MemoryBytes, s.ProcessedRecordCount = int64(len(values))*forecastBytes, int64(len(values))
	s.ProcessingTimeMs = time.Since(began).Milliseconds()
	t.answer <- forecasted{stats: s, values: values}
	return true
}

// storeForecast writes a forecast's values, a step after the other.
func (j *job) storeForecast(f forecasted) {
	w, span := j.conf.Load().wire, j.conf.Load().spec.BucketSpanMs
	total, ctx := len(f.values), context.Background()
	for len(f.values) > 0 && j.m.ctx.Err() == nil {
		n := min(forecastStep, len(f.values))
		commit := &store.Commit{Job: j.num}
		for i := range f.values[:n] {
			d := document.ForecastDoc(w, f.stats.ForecastID, span, &f.values[i])
			commit.Others = append(commit.Others, store.OtherRow{Kind: wire.ResultModelForecast, StartMs: d.StartMs, DocID: d.ID, Doc: d.Doc})
		}
		if err := j.m.opt.Store.Commit(ctx, commit); err != nil {
			if errors.Is(err, store.ErrNotFound) {
				return // The job was deleted.
			}
			f.stats.ForecastStatus = "failed"
			f.stats.ForecastMessages = append(f.stats.ForecastMessages, "The forecast could not be stored: "+err.Error())
			break
		}
		f.values = f.values[n:]
		f.stats.ForecastProgress = 1 - float64(len(f.values))/float64(total)
	}
	if len(f.values) == 0 {
		f.stats.ForecastStatus, f.stats.ForecastProgress = "finished", 1
	}
	if err := j.saveForecast(f.stats); err != nil && !errors.Is(err, store.ErrNotFound) {
		j.m.log.Warn("the end of a forecast could not be stored", "job", j.id, "forecast", f.stats.ForecastID, "error", err)
	}
}

// saveForecast stores how far a forecast has come and shows it.
func (j *job) saveForecast(s *wire.ForecastStats) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return err
	}
	err = j.m.opt.Store.Commit(context.Background(), &store.Commit{Job: j.num, Others: []store.OtherRow{
		{Kind: wire.ResultForecastStats, StartMs: int64(s.Timestamp), DocID: forecastDocID(j.id, s.ForecastID), Doc: doc}}})
	if err == nil {
		err = j.m.opt.Store.Sync(context.Background())
	}
	if err == nil {
		copied := *s
		j.forecasts.Store(s.ForecastID, &copied)
	}
	return err
}

func forecastDocID(job, forecast string) string {
	return job + "_model_forecast_request_stats_" + forecast
}

// loadForecasts reads what forecasts the jobs have. One that the end of a process
// cut off has failed.
func (m *Manager) loadForecasts(ctx context.Context) error {
	rows, err := m.opt.Store.Others(ctx, 0, wire.ResultForecastStats)
	if err != nil {
		return err
	}
	for _, row := range rows {
		s := &wire.ForecastStats{}
		if json.Unmarshal(row.Doc, s) != nil {
			continue
		}
		if j, ok := m.jobs.Load(s.JobID); ok {
			if s.ForecastStatus == "started" {
				s.ForecastStatus, s.ForecastMessages = "failed", append(s.ForecastMessages, "The server ended before the forecast was stored; ask for it again")
			}
			j.(*job).forecasts.Store(s.ForecastID, s)
		}
	}
	return nil
}

// forecastList are a job's forecasts, by id.
func (j *job) forecastList() (list []*wire.ForecastStats) {
	j.forecasts.Range(func(_, s any) bool {
		list = append(list, s.(*wire.ForecastStats))
		return true
	})
	slices.SortFunc(list, func(a, b *wire.ForecastStats) int { return strings.Compare(a.ForecastID, b.ForecastID) })
	return list
}

// forecastStats sums a job's forecasts up.
func (j *job) forecastStats() wire.ForecastsStats {
	list := j.forecastList()
	out := wire.ForecastsStats{Total: int64(len(list))}
	if len(list) == 0 {
		return out
	}
	out.ForecastedJobs, out.Status = 1, map[string]int64{}
	var memory, records, took []float64
	for _, s := range list {
		out.Status[s.ForecastStatus]++
		memory, records, took = append(memory, float64(s.MemoryBytes)), append(records, float64(s.ProcessedRecordCount)), append(took, float64(s.ProcessingTimeMs))
	}
	out.MemoryBytes, out.Records, out.ProcessingTimeMs = spread(memory), spread(records), spread(took)
	return out
}

func spread(values []float64) *wire.Spread {
	s := &wire.Spread{Min: slices.Min(values), Max: slices.Max(values)}
	for _, v := range values {
		s.Total += v
	}
	s.Avg = s.Total / float64(len(values))
	return s
}

// DeleteForecasts removes the forecasts of a comma list, or all of them.
func (m *Manager) DeleteForecasts(ctx context.Context, id, expr string, allowNone bool) error {
	all := expr == "" || expr == "_all" || expr == "*"
	none := func(what string) error {
		return &Error{Fault: NotFound, Job: id, Reason: "No forecast(s) [" + what + "] exists for job [" + id + "]"}
	}
	j, err := m.find(id)
	if err != nil {
		var refused *Error
		if all && allowNone && errors.As(err, &refused) && refused.Fault == NotFound {
			return nil
		}
		return err
	}
	var chosen []*wire.ForecastStats
	for _, s := range j.forecastList() {
		if all || slices.Contains(strings.Split(expr, ","), s.ForecastID) {
			chosen = append(chosen, s)
		}
	}
	switch {
	case len(chosen) == 0 && all && allowNone:
		return nil
	case len(chosen) == 0 || !all && len(chosen) < len(strings.Split(expr, ",")):
		return none(expr)
	}
	for _, s := range chosen {
		if s.ForecastStatus == "started" && j.run.Load() != nil {
			return conflict(id, "Forecast(s) [%s] for job [%s] needs to be either FAILED or FINISHED to be deleted", s.ForecastID, id)
		}
	}
	for _, s := range chosen {
		if err := j.dropForecast(ctx, s.ForecastID); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) dropForecast(ctx context.Context, forecast string) error {
	if _, err := j.m.opt.Store.DropOthers(ctx, j.num, wire.ResultModelForecast, j.id+"_model_forecast_"+forecast+"_"); err != nil {
		return err
	}
	if _, err := j.m.opt.Store.DropOthers(ctx, j.num, wire.ResultForecastStats, forecastDocID(j.id, forecast)); err != nil {
		return err
	}
	j.forecasts.Delete(forecast)
	return nil
}
