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

// Bounds of a forecast on its way: a value is held as three numbers until it is
// stored, forecastStep of them at once.
const (
	forecastBytes = 24
	forecastStep  = 2000
)

// The states of a forecast.
const (
	forecastStarted  = "started"
	forecastFinished = "finished"
	forecastFailed   = "failed"
)

// forecastTask asks an open job's owner for a forecast, in the order of its work.
type forecastTask struct {
	request document.ForecastRequest
	answer  chan forecasted
}

type forecasted struct {
	stats  *wire.ForecastStats
	series []forecastSeries
	err    error
}

// forecastSeries are the values of one series, a bucket after the other.
type forecastSeries struct {
	split  result.Split
	values []forecastValue
}

type forecastValue struct{ value, lower, upper float64 }

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
	r, err := m.running(id)
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
	if err := r.j.saveForecast(f.stats); err != nil {
		return "", notDurable(id, "the forecast", err)
	}
	m.background.Go(func() { r.j.storeForecast(f) })
	return f.stats.ForecastID, nil
}

// errForecastRoom says that a forecast has more values than it may hold.
var errForecastRoom = errors.New("no room")

// forecast handles a forecastTask: the values are those of this moment.
func (r *runner) forecast(t *forecastTask) bool {
	began := time.Now()
	span := r.eng.Config().BucketSpanMs
	n := int64(t.request.Duration/time.Millisecond) / span
	var series []forecastSeries
	total, room := int64(0), t.request.MaxModelMemory/forecastBytes
	err := guarded(r.end, func() error {
		full := false
		err := r.eng.Forecast(n, func(f *result.Forecast) bool {
			if total++; total > room {
				full = true
				return false
			}
			if total%n == 1 || n == 1 {
				series = append(series, forecastSeries{split: f.Split, values: make([]forecastValue, 0, n)})
			}
			last := &series[len(series)-1]
			last.values = append(last.values, forecastValue{f.Value, f.Lower, f.Upper})
			return true
		})
		if err == nil && full {
			err = errForecastRoom
		}
		return err
	})
	switch {
	case errors.Is(err, errForecastRoom):
		err = badRequest(r.j.id, "Cannot run forecast: it has more than %d values and does not fit into max_model_memory [%s]; ask for less time or give it more memory",
			room, byteSize(t.request.MaxModelMemory))
	case errors.Is(err, engine.ErrNothingToForecast), errors.Is(err, engine.ErrNoForecast):
		err = badRequest(r.j.id, "Cannot run forecast: %v", err)
	}
	if err != nil {
		t.refuse(err)
		return true
	}
	nowMs := r.m.opt.Clock().UnixMilli()
	s := &wire.ForecastStats{JobID: r.j.id, ForecastID: strings.ReplaceAll(uuid.NewString(), "-", "")[:20], ResultType: wire.ResultForecastStats,
		ForecastMessages: []string{}, Timestamp: wire.Millis(nowMs), ForecastCreate: wire.Millis(nowMs), ForecastStatus: forecastStarted,
		MemoryBytes: total * forecastBytes, ProcessingTimeMs: time.Since(began).Milliseconds()}
	if t.request.ExpiresIn > 0 {
		s.ForecastExpiry = wire.Millis(nowMs + t.request.ExpiresIn.Milliseconds())
	}
	if lf, ok := r.eng.LastFinalized(); ok {
		s.ForecastStart, s.ForecastEnd = wire.Millis(lf), wire.Millis(lf+n*span)
	}
	t.answer <- forecasted{stats: s, series: series}
	return true
}

// byteSize writes a size of whole megabytes.
func byteSize(bytes int64) string { return fmt.Sprintf("%dmb", bytes>>20) }

// storeForecast writes a forecast's values, a step after the other, and how far it
// has come with each step. The end of the process leaves it started; the next start
// says that it failed.
func (j *job) storeForecast(f forecasted) {
	w, span := j.conf.Load().wire, j.conf.Load().spec.BucketSpanMs
	var rows []store.OtherRow
	total, stored := int64(0), int64(0)
	for _, s := range f.series {
		total += int64(len(s.values))
	}
	step := func() error {
		stored += int64(len(rows))
		f.stats.ProcessedRecordCount, f.stats.ForecastProgress = stored, float64(stored)/float64(total)
		if stored == total {
			f.stats.ForecastStatus = forecastFinished
		}
		err := j.saveForecast(f.stats, rows...)
		rows = rows[:0]
		return err
	}
	err := func() error {
		for _, s := range f.series {
			for k, v := range s.values {
				if err := j.m.ctx.Err(); err != nil {
					return err
				}
				x := result.Forecast{Split: s.split, StartMs: int64(f.stats.ForecastStart) + int64(k)*span, Value: v.value, Lower: v.lower, Upper: v.upper}
				d := document.ForecastDoc(w, f.stats.ForecastID, span, &x)
				rows = append(rows, store.OtherRow{Kind: wire.ResultModelForecast, StartMs: d.StartMs, DocID: d.ID, Doc: d.Doc})
				if len(rows) == forecastStep {
					if err := step(); err != nil {
						return err
					}
				}
			}
		}
		return step()
	}()
	if err == nil || errors.Is(err, store.ErrNotFound) || j.m.ctx.Err() != nil {
		return // Done, the job was deleted, or the process ends.
	}
	f.stats.ForecastStatus = forecastFailed
	f.stats.ForecastMessages = append(f.stats.ForecastMessages, "The forecast could not be stored: "+err.Error())
	if err := j.saveForecast(f.stats); err != nil {
		j.m.log.Warn("the end of a forecast could not be stored", "job", j.id, "forecast", f.stats.ForecastID, "error", err)
	}
}

// saveForecast stores values of a forecast together with how far it has come, and
// shows that. If it cannot be stored it is shown all the same.
func (j *job) saveForecast(s *wire.ForecastStats, values ...store.OtherRow) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return err
	}
	rows := append(values[:len(values):len(values)], store.OtherRow{Kind: wire.ResultForecastStats, StartMs: int64(s.Timestamp), DocID: forecastDocID(j.id, s.ForecastID), Doc: doc})
	err = j.m.opt.Store.Commit(context.Background(), &store.Commit{Job: j.num, Others: rows})
	if err == nil && len(values) == 0 {
		err = j.m.opt.Store.Sync(context.Background())
	}
	if err == nil || s.ForecastStatus == forecastFailed {
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
		// A deleted job of the same id may not be purged yet.
		if j, ok := m.jobs.Load(s.JobID); ok && j.(*job).num == row.Job {
			of := j.(*job)
			of.forecasts.Store(s.ForecastID, s)
			if s.ForecastStatus != forecastStarted {
				continue
			}
			s.ForecastStatus, s.ForecastMessages = forecastFailed, append(s.ForecastMessages, "The server ended before the forecast was stored; ask for it again")
			if err := of.saveForecast(s); err != nil {
				m.log.Warn("a forecast that was cut off cannot be marked as failed; the next start tries again", "job", s.JobID, "forecast", s.ForecastID, "error", err)
			}
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
		if s.ForecastStatus == forecastStarted {
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
