package source

import (
	"context"
	"strings"
	"time"

	"tidemark/internal/index"
	"tidemark/internal/query"
	"tidemark/wire"
)

// local searches the embedded index.
type local struct {
	in  *index.Index
	now func() time.Time
}

func (l local) options(f *wire.Datafeed) index.Options {
	return index.Options{IgnoreUnavailable: f.IndicesOptions.IgnoreUnavailable, AllowNone: f.IndicesOptions.AllowNoIndices}
}

// prepare spares searches by the job's time field documents of other times, unless
// another datafeed needs an index for its own field.
func (r *run) prepare() {
	l, embedded := r.find.(local)
	if !embedded {
		return
	}
	kept := r.s.timeFields(r.conf.DatafeedID)
	err := l.in.OrderBy(r.ctx, strings.Join(r.conf.Indices, ","), l.options(&r.conf), r.info.TimeField, kept)
	if err != nil && r.ctx.Err() == nil {
		r.s.opt.Logger.Warn("searches of a datafeed will look at all documents", "datafeed", r.conf.DatafeedID, "error", err)
	}
}

// timeFields are those of the jobs of all datafeeds but one.
func (s *Feeds) timeFields(but string) map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := map[string]bool{}
	for id, f := range s.feeds { // order-free: a set
		if id == but {
			continue
		}
		if info, err := s.opt.Jobs.FeedInfo(f.Config.JobID); err == nil {
			names[info.TimeField] = true
		}
	}
	return names
}

// run makes one search of all the datafeed's indices.
func (l local) run(ctx context.Context, f *wire.Datafeed, body map[string]any, all bool) (*query.Search, error) {
	s, err := query.New(body, l.now())
	if err != nil {
		return nil, err
	}
	if all {
		s.Unlimited()
	}
	err = l.in.Search(ctx, strings.Join(f.Indices, ","), l.options(f), s)
	return s, err
}

func (l local) summary(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64) (n, first, last int64, err error) {
	body, err := summaryBody(f, timeField, fromMs, toMs)
	if err != nil {
		return 0, 0, 0, err
	}
	s, err := l.run(ctx, f, body, false)
	if err != nil {
		return 0, 0, 0, err
	}
	answer, err := s.Answer()
	if err != nil {
		return 0, 0, 0, err
	}
	n, first, last = readSummary(answer)
	if n == 0 {
		n = s.Total()
	}
	return n, first, last, nil
}

func (l local) documents(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64, visit visitor) error {
	q, err := within(f, timeField, fromMs, toMs)
	if err != nil {
		return err
	}
	s, err := l.run(ctx, f, map[string]any{"query": q, "sort": []any{timeField}}, true)
	if err != nil {
		return err
	}
	for _, d := range s.Raw() {
		at, ok := query.Millis(d.Source, timeField)
		if !ok {
			continue
		}
		if err := visit(at, d.Source); err != nil {
			return err
		}
	}
	return nil
}

func (l local) aggregate(ctx context.Context, f *wire.Datafeed, q, aggs any) (map[string]any, error) {
	s, err := l.run(ctx, f, map[string]any{"size": 0.0, "query": q, "aggs": aggs}, false)
	if err != nil {
		return nil, err
	}
	answer, err := s.Answer()
	out, _ := answer["aggregations"].(map[string]any)
	return out, err
}
