package job

import (
	"context"
	"strconv"
	"time"

	"tidemark/engine/result"
	"tidemark/wire"
)

// SeasonsQuery says of which series the seasons are wanted. A nil value names all.
type SeasonsQuery struct {
	Partition, By *string
	From, Size    int64
}

// names reports whether a series is one of those that are wanted.
func (q *SeasonsQuery) names(x *result.Split) bool {
	return (q.Partition == nil || x.HasPartition && x.Partition == *q.Partition) && (q.By == nil || x.HasBy && x.By == *q.By)
}

// seasonsTask asks an open job's owner what its series do by the clock, in the order
// of its work.
type seasonsTask struct {
	query  SeasonsQuery
	answer chan seasonsAnswer
}

type seasonsAnswer struct {
	found wire.SeasonsResponse
	err   error
}

func (t *seasonsTask) refuse(err error) { t.answer <- seasonsAnswer{err: err} }

// Seasons says what the series of an open job are believed to do by the clock and
// the calendar.
func (m *Manager) Seasons(ctx context.Context, id string, query SeasonsQuery) (*wire.SeasonsResponse, error) {
	r, err := m.running(id)
	if err != nil {
		return nil, err
	}
	t := &seasonsTask{query: query, answer: make(chan seasonsAnswer, 1)}
	if err := r.enqueue(ctx, t); err != nil {
		return nil, err
	}
	select {
	case a := <-t.answer:
		return &a.found, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// seasons handles a seasonsTask: the answer is that of this moment.
func (r *runner) seasons(t *seasonsTask) bool {
	a := seasonsAnswer{found: wire.SeasonsResponse{Series: []wire.SeriesSeasons{}}}
	a.err = guarded(r.end, func() error {
		detectors := r.j.conf.Load().wire.AnalysisConfig.Detectors
		r.eng.Seasons(func(x *result.Split) bool {
			if !t.query.names(x) {
				return false
			}
			n := a.found.Count
			a.found.Count++
			return n >= t.query.From && n < t.query.From+t.query.Size
		}, func(x *result.Seasons) {
			a.found.Series = append(a.found.Series, seriesSeasons(x, &detectors[x.Detector]))
		})
		return nil
	})
	t.answer <- a
	return true
}

func seriesSeasons(x *result.Seasons, d *wire.Detector) wire.SeriesSeasons {
	s := wire.SeriesSeasons{DetectorIndex: x.Detector, Function: x.Function, FieldName: d.FieldName, Buckets: x.Buckets, Level: x.Level, LevelMoved: x.Moved,
		Periods: []wire.SeasonPeriod{}, Daily: []wire.SeasonJob{}, Monthly: []wire.SeasonDays{}}
	if x.HasPartition {
		s.PartitionFieldName, s.PartitionFieldValue = d.PartitionFieldName, &x.Partition
	}
	if x.HasBy {
		s.ByFieldName, s.ByFieldValue = d.ByFieldName, &x.By
	}
	for _, c := range x.Cycles {
		s.Periods = append(s.Periods, wire.SeasonPeriod{Period: period(c.PeriodMs), Since: date(c.SinceMs), Swing: c.Swing, Strength: c.Strength})
	}
	for _, j := range x.Daily {
		job := wire.SeasonJob{Time: time.UnixMilli(j.AtMs).UTC().Format("15:04:05"), Height: j.Height}
		for i, on := range j.Days {
			if on {
				job.Days = append(job.Days, time.Weekday((i+1)%7).String())
			}
		}
		s.Daily = append(s.Daily, job)
	}
	for _, m := range x.Monthly {
		s.Monthly = append(s.Monthly, wire.SeasonDays{Days: m.Days, Height: m.Height, Times: m.Times, Last: date(m.LastMs)})
	}
	return s
}

func date(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }

// period writes a length of time in days if it is whole days, else in hours.
func period(ms int64) string {
	const dayMs, hourMs = 86_400_000, 3_600_000
	if ms%dayMs == 0 {
		return strconv.FormatInt(ms/dayMs, 10) + "d"
	}
	return strconv.FormatFloat(float64(ms)/hourMs, 'f', 1, 64) + "h"
}
