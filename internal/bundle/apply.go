package bundle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/client"
	"tidemark/internal/document"
	"tidemark/wire"
)

// Action is what becomes of a resource.
type Action string

// The actions.
const (
	Create    Action = "create"
	Update    Action = "update"
	Unchanged Action = "unchanged"
	// Skipped: it exists and is left as it is.
	Skipped Action = "skipped"
	Refused Action = "refused"
)

// Change is one step towards a set.
type Change struct {
	Kind        Kind         `json:"kind"`
	ID          string       `json:"id"`
	Action      Action       `json:"action"`
	Differences []Difference `json:"differences,omitempty"`
	// Notes say what was changed on the way here, or why it is refused.
	Notes []string `json:"notes,omitempty"`

	// do makes the change; nil for those that need nothing.
	do func(context.Context) error
}

// Plan compares what is wanted with what a server has. With keep, what exists is
// left as it is. Nothing is changed.
func Plan(c *client.Client, have, want *Set, keep bool) []*Change {
	p := &planner{c: c, have: have}
	for _, r := range want.Resources {
		old := have.Find(r.Kind, r.ID)
		x := &Change{Kind: r.Kind, ID: r.ID, Notes: r.Notes}
		switch {
		case old == nil:
			x.Action, x.do = Create, p.create(r)
		default:
			if p.compare(x, old, r); keep && x.Action != Unchanged {
				x.Action, x.do = Skipped, nil
				x.Notes = append(slices.Clone(r.Notes), "there is another one of this id, which is left as it is")
			}
		}
		p.changes = append(p.changes, x)
	}
	return p.changes
}

// Check asks the server, changing nothing, whether it would take the jobs and
// datafeeds that are to be made and the datafeeds that are to change, and notes what
// it would refuse.
func Check(ctx context.Context, c *client.Client, have, want *Set, changes []*Change) error {
	refused := map[string]bool{} // jobs
	for _, x := range changes {
		var err error
		switch r := want.Find(x.Kind, x.ID); {
		case x.Kind == Job && x.Action == Create:
			err = checkJob(ctx, c, have, want, x, r)
			refused[x.ID] = x.Action == Refused
		case x.Kind == Datafeed && (x.Action == Create || x.Action == Update):
			if job := r.text("job_id"); refused[job] {
				_, err := document.ParseDatafeed([]byte(text(r.Config)), r.ID)
				x.Refuse(cmp.Or(err, fmt.Errorf("its job [%s] is refused", job)))
				continue
			}
			err = checkDatafeed(ctx, c, have, want, x, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkJob(ctx context.Context, c *client.Client, have, want *Set, x *Change, r *Resource) error {
	if err := checkFilters(have, want, r); err != nil {
		x.Refuse(err)
		return nil
	}
	config := mapClone(r.Config)
	config["job_id"] = r.ID
	_, err := c.ValidateJob(ctx, client.ValidateJobRequest{Job: wire.Job{JobID: r.ID}, Raw: []byte(text(config))})
	if isRefusal(err) {
		x.Refuse(err)
		return nil
	}
	return err
}

// isRefusal reports whether a server has answered that it does not want to.
func isRefusal(err error) bool {
	var refused *client.Error
	return errors.As(err, &refused)
}

// checkFilters wants the filters that a job's rules name.
func checkFilters(have, want *Set, r *Resource) error {
	named := map[string]bool{}
	namedFilters(r.Config["analysis_config"], named)
	for _, id := range slices.Sorted(maps.Keys(named)) {
		if have.Find(Filter, id) == nil && want.Find(Filter, id) == nil {
			return fmt.Errorf("its rules name the filter [%s], which is neither on the server nor here; make it with 'tidemark filter create %s'", id, id)
		}
	}
	return nil
}

// checkDatafeed lets the server preview a datafeed of no time: it reads the
// configuration and asks what is to be searched. A source that does not answer, or
// where there is nothing yet, is noted and no reason to refuse.
func checkDatafeed(ctx context.Context, c *client.Client, have, want *Set, x *Change, r *Resource) error {
	config := map[string]any{}
	if old := have.Find(Datafeed, r.ID); old != nil {
		config = mapClone(old.Config)
	}
	maps.Copy(config, mapClone(r.Config))
	config["datafeed_id"] = r.ID
	body := map[string]any{"datafeed_config": config}
	job := r.text("job_id")
	switch wanted := want.Find(Job, job); {
	case wanted != nil && have.Find(Job, job) == nil:
		body["job_config"] = mapClone(wanted.Config)
		body["job_config"].(map[string]any)["job_id"] = job
	case have.Find(Job, job) == nil:
		x.Refuse(fmt.Errorf("its job [%s] is neither on the server nor here", job))
		return nil
	}
	_, err := c.PreviewDatafeed(ctx, client.PreviewDatafeedRequest{Raw: []byte(text(body)), Start: longAgo, End: longAgo.Add(time.Millisecond)})
	var refused *client.Error
	switch {
	case err == nil:
	case errors.As(err, &refused) && refused.Status == http.StatusBadRequest && !strings.Contains(refused.Reason, unsearchable):
		x.Refuse(err)
	case isRefusal(err):
		x.Notes = append(x.Notes, "its source cannot be searched at present: "+because(refused.Reason))
	default:
		return err
	}
	return nil
}

// because is the last part of a reason.
func because(reason string) string {
	if _, why, ok := strings.Cut(reason, " because "); ok {
		return why
	}
	return reason
}

// unsearchable is what servers say of a datafeed that is well-formed and has a source
// that does not answer.
const unsearchable = "cannot retrieve data"

// longAgo is a time from which there is nothing to be found.
var longAgo = time.UnixMilli(1)

// Do makes the changes, in order. What the server refuses is noted, and what depends
// on it will be refused too; the rest goes on.
func Do(ctx context.Context, changes []*Change) error {
	for _, x := range changes {
		if x.do == nil {
			continue
		}
		if err := x.do(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			x.Refuse(err)
		}
	}
	return nil
}

// Refuse notes why a change was not made.
func (x *Change) Refuse(err error) {
	x.Action, x.Differences = Refused, nil
	x.Notes = append(x.Notes, strings.TrimPrefix(err.Error(), "tidemark: "))
}

// Count is how many changes have an action.
func Count(changes []*Change, a Action) (n int) {
	for _, x := range changes {
		if x.Action == a {
			n++
		}
	}
	return n
}

type planner struct {
	c       *client.Client
	have    *Set
	changes []*Change
}

// create makes a resource.
func (p *planner) create(r *Resource) func(context.Context) error {
	c := p.c
	return func(ctx context.Context) error {
		config := mapClone(r.Config)
		events := config["events"]
		if r.Kind == Calendar {
			delete(config, "events")
		}
		raw, err := json.Marshal(config, json.Deterministic(true))
		if err != nil {
			return err
		}
		switch r.Kind {
		case Filter:
			var f wire.Filter
			if err = json.Unmarshal(raw, &f); err == nil {
				_, err = c.PutFilter(ctx, client.PutFilterRequest{FilterID: r.ID, Filter: f})
			}
		case Job:
			_, err = c.PutJob(ctx, client.PutJobRequest{JobID: r.ID, Raw: raw})
		case Datafeed:
			_, err = c.PutDatafeed(ctx, client.PutDatafeedRequest{DatafeedID: r.ID, Raw: raw})
		case Calendar:
			var k wire.Calendar
			if err = json.Unmarshal(raw, &k); err != nil {
				return err
			}
			if k.JobIDs == nil {
				k.JobIDs = []string{}
			}
			if _, err = c.PutCalendar(ctx, client.PutCalendarRequest{CalendarID: r.ID, Calendar: k}); err == nil {
				err = p.postEvents(ctx, r.ID, events)
			}
		}
		return err
	}
}

func (p *planner) postEvents(ctx context.Context, id string, list any) error {
	events, err := eventsOf(list)
	if err != nil || len(events) == 0 {
		return err
	}
	_, err = p.c.PostEvents(ctx, client.PostEventsRequest{CalendarID: id, Events: events})
	return err
}

// eventsOf reads a calendar's events.
func eventsOf(list any) (events []wire.CalendarEvent, err error) {
	elements, _ := list.([]any)
	for i, v := range elements {
		e, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("event %d is no object", i+1)
		}
		// Times may be texts, too, as the API takes them.
		e = mapClone(e)
		for _, name := range []string{"start_time", "end_time"} {
			if text, ok := e[name].(string); ok {
				ms, err := wire.ParseTime(name, text, noNow)
				if err != nil {
					return nil, err
				}
				e[name] = ms
			}
		}
		raw, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		var one wire.CalendarEvent
		if err := json.Unmarshal(raw, &one); err != nil {
			return nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		events = append(events, one)
	}
	return events, nil
}
