package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/internal/query"
	"tidemark/wire"
)

// indices are a datafeed's, without the cluster's name.
func (r *Remote) indices(f *wire.Datafeed) string {
	list := make([]string, len(f.Indices))
	for i, name := range f.Indices {
		list[i] = strings.TrimPrefix(name, r.name+":")
	}
	return url.PathEscape(strings.Join(list, ","))
}

// options are the query parameters of a datafeed's searches.
func options(f *wire.Datafeed) string {
	o := f.IndicesOptions
	q := url.Values{"ignore_unavailable": {fmt.Sprint(o.IgnoreUnavailable)}, "allow_no_indices": {fmt.Sprint(o.AllowNoIndices)}}
	if len(o.ExpandWildcards) > 0 {
		q.Set("expand_wildcards", strings.Join(o.ExpandWildcards, ","))
	}
	return q.Encode()
}

func (r *Remote) searchPath(f *wire.Datafeed) string {
	return "/" + r.indices(f) + "/_search?" + options(f)
}

// found maps the answer of a missing index to ours.
func found(err error, f *wire.Datafeed) error {
	var s *statusError
	if errors.As(err, &s) && s.status == http.StatusNotFound && (s.kind == "" || s.kind == string(wire.TypeIndexNotFound)) {
		return &wire.Refusal{Status: 404, Type: wire.TypeIndexNotFound, Reason: "no such index [" + wire.Clip(strings.Join(f.Indices, ",")) + "]"}
	}
	return err
}

// whole is what tells that an answer has all there is.
type whole struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Total    int64          `json:"total"`
		Failed   int64          `json:"failed"`
		Failures jsontext.Value `json:"failures"`
	} `json:"_shards"`
	Clusters struct {
		Skipped int64 `json:"skipped"`
	} `json:"_clusters"`
}

// check refuses an answer with parts missing: its documents would be lost.
func (w *whole) check(r *Remote) error {
	switch {
	case w.TimedOut:
		return fmt.Errorf("a search of remote [%s] timed out there; it is repeated, because its answer has parts missing", r.name)
	case w.Shards.Failed > 0:
		return fmt.Errorf("a search of remote [%s] failed on %d of %d shards; it is repeated, because its answer has parts missing: %s",
			r.name, w.Shards.Failed, w.Shards.Total, wire.Clip(string(w.Shards.Failures)))
	case w.Clusters.Skipped > 0:
		return fmt.Errorf("a search of remote [%s] left out %d clusters; it is repeated, because its answer has parts missing", r.name, w.Clusters.Skipped)
	}
	return nil
}

// search sends a search whose answer is the whole of it.
func (r *Remote) search(ctx context.Context, f *wire.Datafeed, body, out any) error {
	var raw jsontext.Value
	if err := r.call(ctx, http.MethodPost, r.searchPath(f), body, &raw); err != nil {
		return found(err, f)
	}
	var w whole
	if err := json.Unmarshal(raw, &w); err != nil {
		return err
	}
	if err := w.check(r); err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

func (r *Remote) summary(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64) (n, first, last int64, err error) {
	body, err := summaryBody(f, timeField, fromMs, toMs)
	if err != nil {
		return 0, 0, 0, err
	}
	var answer map[string]any
	if err := r.search(ctx, f, body, &answer); err != nil {
		return 0, 0, 0, err
	}
	n, first, last = readSummary(answer)
	return n, first, last, nil
}

func (r *Remote) aggregate(ctx context.Context, f *wire.Datafeed, q, aggs any) (map[string]any, error) {
	var answer struct {
		Aggregations map[string]any `json:"aggregations"`
	}
	return answer.Aggregations, r.search(ctx, f, map[string]any{"size": 0, "query": q, "aggs": aggs}, &answer)
}

// page is a page of hits.
type page struct {
	whole
	PitID    string `json:"pit_id"`
	ScrollID string `json:"_scroll_id"`
	Hits     struct {
		Hits []struct {
			Source jsontext.Value   `json:"_source"`
			Sort   []jsontext.Value `json:"sort"`
		} `json:"hits"`
	} `json:"hits"`
}

// keepAlive is how long a remote keeps a search open between pages.
const keepAlive = "5m"

func (r *Remote) documents(ctx context.Context, f *wire.Datafeed, timeField string, fromMs, toMs int64, visit visitor) error {
	q, err := within(f, timeField, fromMs, toMs)
	if err != nil {
		return err
	}
	p := &pages{r: r, f: f, timeField: timeField, size: sizeOf(f), visit: visit,
		body: map[string]any{"query": q, "size": sizeOf(f), "sort": []any{map[string]any{timeField: "asc"}}}}
	var pit struct {
		ID string `json:"id"`
	}
	err = r.call(ctx, http.MethodPost, "/"+r.indices(f)+"/_pit?keep_alive="+keepAlive+"&"+options(f), nil, &pit)
	if err == nil && pit.ID != "" {
		err = p.byPoint(ctx, pit.ID)
	}
	var s *statusError
	if errors.As(err, &s) && (s.status == http.StatusBadRequest || s.status == http.StatusMethodNotAllowed) && !p.begun {
		// A cluster that knows no points in time, or not how to sort by them.
		return p.byScroll(ctx)
	}
	return found(err, f)
}

// pages reads hits a page after the other.
type pages struct {
	r         *Remote
	f         *wire.Datafeed
	timeField string
	size      int64
	body      map[string]any
	visit     visitor
	// begun is true when the first page has come.
	begun bool
}

// byPoint reads all pages of a point in time.
func (p *pages) byPoint(ctx context.Context, pit string) error {
	defer func() {
		// It would end by itself.
		_ = p.r.once(context.WithoutCancel(ctx), http.MethodDelete, "/_pit", map[string]any{"id": pit}, &map[string]any{})
	}()
	body := map[string]any{"track_total_hits": false}
	for name, v := range p.body { // order-free: a copy
		body[name] = v
	}
	body["sort"] = append(body["sort"].([]any), map[string]any{"_shard_doc": "asc"})
	for {
		body["pit"] = map[string]any{"id": pit, "keep_alive": keepAlive}
		var next page
		if err := p.r.call(ctx, http.MethodPost, "/_search", body, &next); err != nil {
			return err
		}
		if next.PitID != "" {
			pit = next.PitID
		}
		if more, err := p.take(&next); err != nil || !more {
			return err
		}
		body["search_after"] = next.Hits.Hits[len(next.Hits.Hits)-1].Sort
	}
}

// byScroll reads all pages of a scroll. A page is asked for once: the scroll moves
// on even if its answer is lost.
func (p *pages) byScroll(ctx context.Context) error {
	next := &page{}
	err := p.r.call(ctx, http.MethodPost, p.r.searchPath(p.f)+"&scroll="+keepAlive, p.body, next)
	for err == nil {
		id := next.ScrollID
		var more bool
		if more, err = p.take(next); err != nil || !more {
			// It would end by itself.
			_ = p.r.once(context.WithoutCancel(ctx), http.MethodDelete, "/_search/scroll", map[string]any{"scroll_id": id}, &map[string]any{})
			return err
		}
		next = &page{}
		err = p.r.once(ctx, http.MethodPost, "/_search/scroll", map[string]any{"scroll": keepAlive, "scroll_id": id}, next)
	}
	return found(err, p.f)
}

// take passes a page's documents on and reports whether there is another page.
func (p *pages) take(next *page) (more bool, err error) {
	p.begun = true
	if err := next.check(p.r); err != nil {
		return false, err
	}
	for i := range next.Hits.Hits {
		h := &next.Hits.Hits[i]
		if err := h.Source.Compact(); err != nil {
			return false, err
		}
		ms, ok := sortedAt(h.Sort)
		if !ok {
			if ms, ok = query.Millis(h.Source, p.timeField); !ok {
				continue
			}
		}
		if err := p.visit(ms, h.Source); err != nil {
			return false, err
		}
	}
	return int64(len(next.Hits.Hits)) >= p.size, nil
}

// latestMillis is the largest number that is milliseconds; above are nanoseconds.
const latestMillis = 1e15

// sortedAt is the time that a hit was sorted by. A cluster tells it in milliseconds
// or nanoseconds, whatever the format in the document is.
func sortedAt(sort []jsontext.Value) (int64, bool) {
	if len(sort) == 0 || sort[0].Kind() != '0' {
		return 0, false
	}
	var n float64
	if json.Unmarshal(sort[0], &n) != nil {
		return 0, false
	}
	if n > latestMillis {
		n /= 1e6
	}
	return int64(n), true
}

// unknownRemote refuses every search.
type unknownRemote string

func (u unknownRemote) refuse() error {
	return wire.Refuse(wire.TypeIllegalArgument, "no remote cluster [%s] is known; start the server with --remote %s=https://host:port", string(u), string(u))
}

func (u unknownRemote) summary(context.Context, *wire.Datafeed, string, int64, int64) (n, first, last int64, err error) {
	return 0, 0, 0, u.refuse()
}

func (u unknownRemote) documents(context.Context, *wire.Datafeed, string, int64, int64, visitor) error {
	return u.refuse()
}

func (u unknownRemote) aggregate(context.Context, *wire.Datafeed, any, any) (map[string]any, error) {
	return nil, u.refuse()
}
