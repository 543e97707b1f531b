// Package bundle holds what a server should have (jobs, datafeeds, calendars with
// their events, filters) as files say it, as another server has it, and brings a
// server there.
package bundle

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Kind is what a resource is.
type Kind string

// The kinds, in the order in which they are made: jobs name filters, datafeeds and
// calendars name jobs.
const (
	Filter   Kind = "filter"
	Job      Kind = "job"
	Datafeed Kind = "datafeed"
	Calendar Kind = "calendar"
)

var order = map[Kind]int{Filter: 0, Job: 1, Datafeed: 2, Calendar: 3}

// Resource is one thing with its configuration, as the API has it. A calendar's has
// its events, too. What only a server sets is not in it.
type Resource struct {
	Kind   Kind
	ID     string
	Config map[string]any
	// From is where it was read, for messages.
	From string
	// Notes say what was changed on the way.
	Notes []string
}

// text is a member that is a text, "" if it is none.
func (r *Resource) text(name string) string {
	text, _ := r.Config[name].(string)
	return text
}

// Set is resources in the order in which they are made, each once.
type Set struct {
	Resources []*Resource
	// events are read and not given to their calendars yet.
	events []lone
}

// lone is an event that stands by itself, as answers of the API have it.
type lone struct {
	calendar string
	event    map[string]any
	from     string
}

// Find is the resource of a kind and id, nil if there is none.
func (s *Set) Find(kind Kind, id string) *Resource {
	for _, r := range s.Resources {
		if r.Kind == kind && r.ID == id {
			return r
		}
	}
	return nil
}

// Of lists the resources of a kind.
func (s *Set) Of(kind Kind) (list []*Resource) {
	for _, r := range s.Resources {
		if r.Kind == kind {
			list = append(list, r)
		}
	}
	return list
}

func (s *Set) sort() {
	slices.SortStableFunc(s.Resources, func(a, b *Resource) int {
		return cmp.Or(cmp.Compare(order[a.Kind], order[b.Kind]), strings.Compare(a.ID, b.ID))
	})
}

// MarshalJSON writes the set as Parse reads it.
func (s *Set) MarshalJSON() ([]byte, error) {
	out := struct {
		Filters   []map[string]any            `json:"filters,omitempty"`
		Jobs      []map[string]map[string]any `json:"jobs"`
		Datafeeds []map[string]any            `json:"datafeeds,omitempty"`
		Calendars []map[string]any            `json:"calendars,omitempty"`
	}{}
	for _, r := range s.Resources {
		named := maps.Clone(r.Config)
		named[string(r.Kind)+"_id"] = r.ID
		switch r.Kind {
		case Filter:
			out.Filters = append(out.Filters, named)
		case Calendar:
			out.Calendars = append(out.Calendars, named)
		case Job:
			pair := map[string]map[string]any{"job": named}
			if feed := s.feedOf(r.ID); feed != nil {
				pair["datafeed"] = maps.Clone(feed.Config)
				pair["datafeed"]["datafeed_id"] = feed.ID
			}
			out.Jobs = append(out.Jobs, pair)
		case Datafeed:
			if s.Find(Job, r.text("job_id")) == nil {
				out.Datafeeds = append(out.Datafeeds, named)
			}
		}
	}
	return json.Marshal(out, json.Deterministic(true))
}

// Pairs are the jobs with their datafeeds, as Kibana exports and imports them.
func (s *Set) Pairs() []map[string]map[string]any {
	pairs := []map[string]map[string]any{}
	for _, r := range s.Of(Job) {
		job := maps.Clone(r.Config)
		job["job_id"] = r.ID
		feed := map[string]any{}
		if f := s.feedOf(r.ID); f != nil {
			feed = maps.Clone(f.Config)
			feed["datafeed_id"] = f.ID
		}
		pairs = append(pairs, map[string]map[string]any{"job": job, "datafeed": feed})
	}
	return pairs
}

func (s *Set) feedOf(job string) *Resource {
	for _, r := range s.Of(Datafeed) {
		if r.text("job_id") == job {
			return r
		}
	}
	return nil
}
