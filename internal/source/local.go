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

// run makes one search of all the datafeed's indices.
func (l local) run(ctx context.Context, f *wire.Datafeed, body map[string]any, all bool) (*query.Search, error) {
	s, err := query.New(body, l.now())
	if err != nil {
		return nil, err
	}
	if all {
		s.Unlimited()
	}
	err = l.in.Search(ctx, strings.Join(f.Indices, ","), index.Options{IgnoreUnavailable: f.IndicesOptions.IgnoreUnavailable, AllowNone: f.IndicesOptions.AllowNoIndices}, s)
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
