package index

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tidemark/internal/query"
	"tidemark/wire"
)

// Bounds of views: how many are open at once, and how long one may be kept
// without being asked.
const (
	maxViews     = 500
	maxKeepAlive = 24 * time.Hour
)

// View is a point in time, or a scroll: documents as they were when it was
// opened. What jobs write into their results meanwhile may be seen.
type View struct {
	id      string
	targets []Target
	pin     int64
	madeMs  int64
	keep    time.Duration
	until   time.Time
	// busy is held by a page that is being read: a scroll has one at a time.
	busy sync.Mutex
	// Of a scroll: the request, where its next page begins, and what the first page
	// counted.
	body  map[string]any
	after []query.Value
	ended bool
	total any
	// walks: the scroll has no order but that of its walk, which place goes on at.
	walks bool
	place place
}

// ID names the view to clients.
func (v *View) ID() string { return v.id }

// views are those that are open.
type views struct {
	mu   sync.Mutex
	open map[string]*View
}

// CheckKeepAlive reads how long a view is kept.
func CheckKeepAlive(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, wire.Refuse(wire.TypeIllegalArgument, "[%s] is required; give a duration such as 1m", name)
	}
	keep, err := wire.ParseDuration(name, text)
	switch {
	case err != nil:
		return 0, err
	case keep <= 0:
		return 0, wire.Refuse(wire.TypeIllegalArgument, "[%s] must be a positive duration, not [%s]", name, wire.Clip(text))
	case keep > maxKeepAlive:
		return 0, wire.Refuse(wire.TypeIllegalArgument, "Keep alive for request (%s) is too large. It must be less than (1d)", wire.Clip(text))
	}
	return keep, nil
}

// prefixes of ids, so that one is not taken for the other.
const (
	pitPrefix    = "tmp1"
	scrollPrefix = "tms1"
)

// OpenView makes a view of an expression's indices.
func (x *Index) OpenView(ctx context.Context, expr string, opt Options, keep time.Duration) (*View, error) {
	return x.openView(ctx, pitPrefix, expr, opt, keep)
}

func (x *Index) openView(ctx context.Context, prefix, expr string, opt Options, keep time.Duration) (*View, error) {
	targets, err := x.Resolve(expr, opt)
	if err != nil {
		return nil, err
	}
	if err := x.expire(ctx); err != nil {
		return nil, err
	}
	now := x.now()
	x.views.mu.Lock()
	defer x.views.mu.Unlock()
	if len(x.views.open) >= maxViews {
		return nil, &wire.Refusal{Status: 429, Type: wire.TypeRejected, Reason: fmt.Sprintf("Trying to create too many scroll contexts or points in time. Must be less than or equal to: [%d]; close those that are no longer used", maxViews)}
	}
	v := &View{id: prefix + strings.ReplaceAll(uuid.NewString(), "-", ""), targets: targets, pin: x.docs.Pin(), madeMs: now.UnixMilli(), keep: keep, until: now.Add(keep)}
	x.views.open[v.id] = v
	return v, nil
}

// expire closes views that nobody asked for long enough.
func (x *Index) expire(ctx context.Context) error {
	now := x.now()
	var late []*View
	x.views.mu.Lock()
	for id, v := range x.views.open { // order-free: each is judged by itself
		if now.After(v.until) {
			late = append(late, v)
			delete(x.views.open, id)
		}
	}
	x.views.mu.Unlock()
	for _, v := range late {
		if err := x.docs.Release(context.WithoutCancel(ctx), v.pin); err != nil {
			return err
		}
	}
	return nil
}

// view finds an open view, and keeps it for as long again.
func (x *Index) view(ctx context.Context, id string, keep time.Duration) (*View, error) {
	if err := checkViewID(id); err != nil {
		return nil, err
	}
	if err := x.expire(ctx); err != nil {
		return nil, err
	}
	x.views.mu.Lock()
	defer x.views.mu.Unlock()
	v := x.views.open[id]
	if v == nil {
		return nil, &wire.Refusal{Status: 404, Type: wire.TypeSearchPhase, Reason: "all shards failed", Cause: &wire.Refusal{Status: 404, Type: wire.TypeContextMissing,
			Reason: "No search context found for id [" + wire.Clip(id) + "]; it was closed or not asked for longer than its keep_alive"}}
	}
	if keep > 0 {
		v.keep = keep
	}
	v.until = x.now().Add(v.keep)
	return v, nil
}

func checkViewID(id string) error {
	if len(id) != len(pitPrefix)+32 || !strings.HasPrefix(id, pitPrefix) && !strings.HasPrefix(id, scrollPrefix) {
		return wire.Refuse(wire.TypeIllegalArgument, "invalid id: [%s] was not made by this server", wire.Clip(id))
	}
	return nil
}

// SearchView shows the documents of a point in time to a search, whose hits then
// have a total order.
func (x *Index) SearchView(ctx context.Context, id string, keep time.Duration, s *query.Search) error {
	v, err := x.view(ctx, id, keep)
	if err != nil {
		return err
	}
	return x.search(ctx, v.targets, s, v)
}

// CloseViews closes views by their ids, and says how many there were.
func (x *Index) CloseViews(ctx context.Context, ids []string) (closed int, err error) {
	for _, id := range ids {
		if err := checkViewID(id); err != nil {
			return closed, err
		}
	}
	for _, id := range ids {
		x.views.mu.Lock()
		v := x.views.open[id]
		delete(x.views.open, id)
		x.views.mu.Unlock()
		if v == nil {
			continue
		}
		closed++
		if err := x.docs.Release(context.WithoutCancel(ctx), v.pin); err != nil {
			return closed, err
		}
	}
	return closed, nil
}

// CloseScrolls closes all scrolls.
func (x *Index) CloseScrolls(ctx context.Context) (int, error) {
	var ids []string
	x.views.mu.Lock()
	for id := range x.views.open { // order-free: all are closed
		if strings.HasPrefix(id, scrollPrefix) {
			ids = append(ids, id)
		}
	}
	x.views.mu.Unlock()
	return x.CloseViews(ctx, ids)
}

// OpenScroll answers a search's first page and remembers where the next begins.
func (x *Index) OpenScroll(ctx context.Context, expr string, opt Options, keep time.Duration, body map[string]any) (*View, map[string]any, error) {
	if body["from"] != nil && body["from"] != 0.0 {
		return nil, nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: using [from] is not allowed in a scroll context;")
	}
	if body["search_after"] != nil {
		return nil, nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: using [search_after] is not allowed in a scroll context;")
	}
	if body["size"] == 0.0 {
		return nil, nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: [size] cannot be [0] in a scroll context;")
	}
	if body["track_total_hits"] == nil {
		body["track_total_hits"] = true
	} else if body["track_total_hits"] == false {
		return nil, nil, wire.Refuse(wire.TypeActionValidation, "Validation Failed: 1: disabling [track_total_hits] is not allowed in a scroll context;")
	}
	// What cannot be searched opens nothing.
	s, err := query.New(body, x.now())
	if err != nil {
		return nil, nil, err
	}
	v, err := x.openView(ctx, scrollPrefix, expr, opt, keep)
	if err != nil {
		return nil, nil, err
	}
	v.body, v.walks, v.place = body, s.Unordered(), place{job: docsFirst}
	out, err := x.page(ctx, v)
	if err != nil {
		_, _ = x.CloseViews(ctx, []string{v.id}) // The first error says what is wrong.
		return nil, nil, err
	}
	return v, out, nil
}

// Scroll answers the next page.
func (x *Index) Scroll(ctx context.Context, id string, keep time.Duration) (map[string]any, error) {
	v, err := x.view(ctx, id, keep)
	if err != nil {
		return nil, err
	}
	if v.body == nil {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "[%s] is a point in time and no scroll; search with it as [pit]", wire.Clip(id))
	}
	return x.page(ctx, v)
}

// page answers a scroll's next page.
func (x *Index) page(ctx context.Context, v *View) (map[string]any, error) {
	v.busy.Lock()
	defer v.busy.Unlock()
	body := v.body
	if v.total != nil {
		// Later pages neither count nor aggregate again.
		body = map[string]any{}
		for name, value := range v.body { // order-free: a copy
			if name != "aggs" && name != "aggregations" {
				body[name] = value
			}
		}
		body["track_total_hits"] = false
	}
	s, err := query.New(body, time.UnixMilli(v.madeMs))
	if err != nil {
		return nil, err
	}
	shown := s.AddTiebreaker()
	if v.after != nil && !v.walks {
		s.After(v.after)
	}
	if !v.ended {
		if err := x.search(ctx, v.targets, s, v); err != nil {
			return nil, err
		}
	}
	if v.after = s.LastKey(); v.after == nil {
		v.ended = true
	}
	s.HideSort(shown)
	out, err := s.Answer()
	if err != nil {
		return nil, err
	}
	hits := out["hits"].(map[string]any)
	if v.total == nil {
		v.total = hits["total"]
	}
	hits["total"] = v.total
	return out, nil
}
