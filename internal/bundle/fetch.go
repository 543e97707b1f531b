package bundle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"tidemark/client"
	"tidemark/internal/match"
	"tidemark/wire"
)

// Fetch reads everything a server has.
func Fetch(ctx context.Context, c *client.Client) (*Set, error) {
	s := &Set{}
	read := func(answer any, err error) error {
		if err != nil {
			return err
		}
		raw, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		return s.parse(raw, "the server")
	}
	all := client.Page{Size: new(wire.MaxPage)}
	filters, err := c.GetFilters(ctx, client.GetFiltersRequest{Page: all})
	if err := read(filters, err); err != nil {
		return nil, err
	}
	jobs, err := c.GetJobs(ctx, client.GetJobsRequest{})
	if err == nil {
		for _, j := range jobs.Jobs {
			j.DatafeedConfig = nil // The list of datafeeds has it.
		}
	}
	if err := read(jobs, err); err != nil {
		return nil, err
	}
	feeds, err := c.GetDatafeeds(ctx, client.GetDatafeedsRequest{})
	if err := read(feeds, err); err != nil {
		return nil, err
	}
	calendars, err := c.GetCalendars(ctx, client.GetCalendarsRequest{Page: all})
	if err := read(calendars, err); err != nil {
		return nil, err
	}
	events, err := c.GetEvents(ctx, client.GetEventsRequest{Page: all})
	if err := read(events, err); err != nil {
		return nil, err
	}
	return s, s.finish()
}

// Choose keeps the jobs whose ids match a pattern, with what belongs to them: their
// datafeeds, the filters that their rules name, and the calendars that count for
// them, those without the jobs that are left out.
func (s *Set) Choose(pattern string) *Set {
	out := &Set{}
	filters, groups := map[string]bool{}, map[string]bool{}
	for _, r := range s.Of(Job) {
		if !slices.ContainsFunc(strings.Split(pattern, ","), func(p string) bool { return match.Pattern(strings.TrimSpace(p), r.ID) }) {
			continue
		}
		out.Resources = append(out.Resources, r)
		namedFilters(r.Config["analysis_config"], filters)
		list, _ := r.Config["groups"].([]any)
		for _, g := range list {
			groups[fmt.Sprint(g)] = true
		}
	}
	if len(out.Resources) == 0 {
		return out // A calendar of all jobs belongs to none.
	}
	for _, r := range s.Resources {
		switch r.Kind {
		case Filter:
			if filters[r.ID] {
				out.Resources = append(out.Resources, r)
			}
		case Datafeed:
			if out.Find(Job, r.text("job_id")) != nil {
				out.Resources = append(out.Resources, r)
			}
		case Calendar:
			if kept := chosenJobs(r, out, groups); kept != nil {
				out.Resources = append(out.Resources, kept)
			}
		}
	}
	out.sort()
	return out
}

// chosenJobs is a calendar without the jobs that were not chosen, nil if none is
// left.
func chosenJobs(r *Resource, chosen *Set, groups map[string]bool) *Resource {
	list, _ := r.Config["job_ids"].([]any)
	var kept []any
	var dropped []string
	for _, v := range list {
		id := fmt.Sprint(v)
		if id == "_all" || groups[id] || chosen.Find(Job, id) != nil {
			kept = append(kept, v)
		} else {
			dropped = append(dropped, id)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	out := *r
	out.Config = mapClone(r.Config)
	out.Config["job_ids"] = kept
	if len(dropped) > 0 {
		out.Notes = append(slices.Clone(r.Notes), "without the jobs "+strings.Join(dropped, ", ")+", which are not taken")
	}
	return &out
}

// namedFilters notes the filters that rules name.
func namedFilters(v any, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if id, ok := x.(string); ok && name == "filter_id" {
				found[id] = true
			}
			namedFilters(x, found)
		}
	case []any:
		for _, x := range v {
			namedFilters(x, found)
		}
	}
}

// PointBack lets datafeeds search their indices through the remote cluster of that
// name. Indices that are on a remote cluster already stay.
func (s *Set) PointBack(remote string) {
	for _, r := range s.Of(Datafeed) {
		list, _ := r.Config["indices"].([]any)
		for i, v := range list {
			if text, ok := v.(string); ok && !strings.Contains(text, ":") {
				list[i] = remote + ":" + text
			}
		}
		if len(list) > 0 {
			r.Notes = append(r.Notes, "it searches "+join(list))
		}
	}
}

func join(list []any) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}
