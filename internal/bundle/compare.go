package bundle

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/client"
	"tidemark/wire"
)

// noNow: events in files have no "now", which would mean another time at each apply.
var noNow = time.Time{}

// Difference is a member that is not what it should be, as JSON; empty if absent.
type Difference struct {
	Path string `json:"path"`
	Have string `json:"have,omitzero"`
	Want string `json:"want,omitzero"`
}

// compare says what has to change of a resource that exists.
func (p *planner) compare(x *Change, old, r *Resource) {
	if r.Kind == Calendar {
		p.compareCalendar(x, old, r)
		return
	}
	x.Differences = differences("", old.Config, r.Config, r.Kind)
	if len(x.Differences) == 0 {
		x.Action = Unchanged
		return
	}
	var fixed []string
	for _, d := range x.Differences {
		if !changeable(r.Kind, d.Path) {
			fixed = append(fixed, d.Path)
		}
	}
	if len(fixed) > 0 {
		x.Action = Refused
		x.Notes = append(x.Notes, fmt.Sprintf("%s cannot change in a %s; give the new one another id, or delete the old one first", strings.Join(fixed, ", "), r.Kind))
		return
	}
	x.Action = Update
	switch r.Kind {
	case Filter:
		x.do = p.updateFilter(old, r)
	case Job:
		x.do = p.updateJob(x, r)
	case Datafeed:
		x.do = p.updateDatafeed(x, r)
	}
}

// differences lists where what is there differs from what is wanted. Members that
// are not wanted may be anything: they are defaults of the server.
func differences(path string, have, want any, kind Kind) (list []Difference) {
	switch w := want.(type) {
	case map[string]any:
		h, isObject := have.(map[string]any)
		if !isObject || whole[path] {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			list = append(list, differences(strings.TrimPrefix(path+"."+name, "."), h[name], w[name], kind)...)
		}
		return list
	case []any:
		h, isList := have.([]any)
		if !isList || len(h) != len(w) || !isObjects(w) || !isObjects(h) {
			break
		}
		for i := range w {
			list = append(list, differences(fmt.Sprintf("%s[%d]", path, i), h[i], w[i], kind)...)
		}
		return list
	}
	if same(path, have, want) {
		return nil
	}
	return []Difference{{path, text(have), text(want)}}
}

// whole are members that are taken as they are, without defaults in them.
var whole = map[string]bool{"custom_settings": true, "query": true, "aggregations": true}

func isObjects(list []any) bool {
	for _, v := range list {
		if _, ok := v.(map[string]any); !ok {
			return false
		}
	}
	return true
}

// same compares values as the server would: sets without order, sizes and durations
// by what they mean, and nothing as an empty value.
func same(path string, have, want any) bool {
	if text(have) == text(want) || have == nil && isEmpty(want) {
		return true
	}
	a, okA := have.(string)
	b := strings.Trim(text(want), `"`)
	name := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case name == "groups" || name == "items" || name == "job_ids":
		return text(sorted(have)) == text(sorted(want))
	case name == "query" && len(text(want)) < len(text(have)):
		return sameQuery(have, want)
	case !okA:
		return false
	case name == "model_memory_limit":
		x, errX := wire.ParseMemoryLimit(name, a)
		y, errY := wire.ParseMemoryLimit(name, b)
		return errX == nil && errY == nil && x == y
	}
	x, errX := wire.ParseDuration(name, a)
	y, errY := wire.ParseDuration(name, b)
	return errX == nil && errY == nil && x == y
}

// sameQuery takes {"match_all":{}} for what the server makes of it.
func sameQuery(have, want any) bool {
	return text(want) == `{"match_all":{}}` && strings.HasPrefix(text(have), `{"match_all":`)
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// sorted is a list of texts in order and without repeats.
func sorted(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = fmt.Sprint(list[i])
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// text is a value as JSON, "" for nothing.
func text(v any) string {
	if v == nil {
		return ""
	}
	var b bytes.Buffer
	if err := json.MarshalWrite(&b, v, json.Deterministic(true)); err != nil {
		return err.Error()
	}
	return b.String()
}

// jobMembers are the members of a job that may change, and how the update names
// those that are not at the top.
var jobMembers = map[string]string{
	"description": "", "groups": "", "custom_settings": "", "model_snapshot_retention_days": "", "daily_model_snapshot_retention_after_days": "",
	"results_retention_days": "", "renormalization_window_days": "", "background_persist_interval": "", "allow_lazy_open": "",
	"model_plot_config": "", "analysis_limits": "",
	"analysis_config.categorization_filters": "categorization_filters", "analysis_config.per_partition_categorization": "per_partition_categorization",
	"analysis_config.model_prune_window": "model_prune_window",
}

// memberOf is the changeable member that a path lies in.
func memberOf(path string) (member, update string, ok bool) {
	for member, update := range jobMembers {
		if path == member || strings.HasPrefix(path, member+".") {
			if update == "" {
				update = member
			}
			return member, update, true
		}
	}
	return "", "", false
}

// detectorAt is the index of the detector whose rules or description a path names.
func detectorAt(path string) (index int, ok bool) {
	rest, inDetector := strings.CutPrefix(path, "analysis_config.detectors[")
	if !inDetector {
		return 0, false
	}
	var member string
	if n, err := fmt.Sscanf(rest, "%d].%s", &index, &member); n != 2 || err != nil {
		return 0, false
	}
	return index, member == "detector_description" || strings.HasPrefix(member, "custom_rules")
}

func changeable(kind Kind, path string) bool {
	switch kind {
	case Job:
		_, _, ok := memberOf(path)
		_, inDetector := detectorAt(path)
		return ok || inDetector
	case Datafeed:
		return path != "job_id"
	}
	return true
}

// at walks into a tree of objects.
func at(tree map[string]any, path string) any {
	var v any = tree
	for part := range strings.SplitSeq(path, ".") {
		o, _ := v.(map[string]any)
		v = o[part]
	}
	return v
}

func (p *planner) updateJob(x *Change, r *Resource) func(context.Context) error {
	update := map[string]any{}
	detectors := map[int]map[string]any{}
	for _, d := range x.Differences {
		if member, name, ok := memberOf(d.Path); ok {
			update[name] = at(r.Config, member)
			continue
		}
		i, _ := detectorAt(d.Path)
		list, _ := at(r.Config, "analysis_config.detectors").([]any)
		wanted, _ := list[i].(map[string]any)
		one := map[string]any{"detector_index": i}
		for member, name := range map[string]string{"custom_rules": "custom_rules", "detector_description": "description"} {
			if v, given := wanted[member]; given {
				one[name] = v
			}
		}
		detectors[i] = one
	}
	for _, i := range slices.Sorted(maps.Keys(detectors)) {
		list, _ := update["detectors"].([]any)
		update["detectors"] = append(list, detectors[i])
	}
	return func(ctx context.Context) error {
		_, err := p.c.UpdateJob(ctx, client.UpdateJobRequest{JobID: r.ID, Raw: []byte(text(update))})
		return err
	}
}

func (p *planner) updateDatafeed(x *Change, r *Resource) func(context.Context) error {
	update := map[string]any{}
	for _, d := range x.Differences {
		name, _, _ := strings.Cut(d.Path, ".")
		name, _, _ = strings.Cut(name, "[")
		update[name] = r.Config[name]
	}
	return func(ctx context.Context) error {
		_, err := p.c.UpdateDatafeed(ctx, client.UpdateDatafeedRequest{DatafeedID: r.ID, Raw: []byte(text(update))})
		return err
	}
}

// texts are the elements of a list as texts.
func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i := range list {
		out[i] = fmt.Sprint(list[i])
	}
	return out
}

// missing are the elements of a that are not in b.
func missing(a, b []string) (list []string) {
	for _, x := range a {
		if !slices.Contains(b, x) {
			list = append(list, x)
		}
	}
	return list
}

func (p *planner) updateFilter(old, r *Resource) func(context.Context) error {
	change := wire.FilterChange{}
	if wanted, given := r.Config["items"]; given {
		have, want := texts(old.Config["items"]), texts(wanted)
		change.AddItems, change.RemoveItems = missing(want, have), missing(have, want)
	}
	if v, ok := r.Config["description"].(string); ok {
		change.Description = &v
	}
	return func(ctx context.Context) error {
		_, err := p.c.UpdateFilter(ctx, client.UpdateFilterRequest{FilterID: r.ID, Change: change})
		return err
	}
}

// compareCalendar compares jobs and events, each of which can be added and removed.
func (p *planner) compareCalendar(x *Change, old, r *Resource) {
	if v, ok := r.Config["description"].(string); ok && v != old.text("description") {
		x.Action = Refused
		x.Differences = []Difference{{"description", text(old.text("description")), text(v)}}
		x.Notes = append(x.Notes, "description cannot change in a calendar; delete the calendar first")
		return
	}
	var steps []func(context.Context) error
	if wanted, given := r.Config["job_ids"]; given {
		have, want := texts(old.Config["job_ids"]), texts(wanted)
		if add := missing(want, have); len(add) > 0 {
			x.Differences = append(x.Differences, Difference{Path: "job_ids", Want: text(add)})
			steps = append(steps, func(ctx context.Context) error {
				_, err := p.c.AddCalendarJobs(ctx, client.AddCalendarJobsRequest{CalendarID: r.ID, JobIDs: strings.Join(add, ",")})
				return err
			})
		}
		if drop := missing(have, want); len(drop) > 0 {
			x.Differences = append(x.Differences, Difference{Path: "job_ids", Have: text(drop)})
			steps = append(steps, func(ctx context.Context) error {
				_, err := p.c.RemoveCalendarJobs(ctx, client.RemoveCalendarJobsRequest{CalendarID: r.ID, JobIDs: strings.Join(drop, ",")})
				return err
			})
		}
	}
	if wanted, given := r.Config["events"]; given {
		step, err := p.compareEvents(x, old, r.ID, wanted)
		if err != nil {
			x.Refuse(err)
			return
		}
		if step != nil {
			steps = append(steps, step)
		}
	}
	if len(x.Differences) == 0 {
		x.Action = Unchanged
		return
	}
	x.Action, x.do = Update, func(ctx context.Context) error {
		for _, step := range steps {
			if err := step(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// eventKey tells events apart: by all that a file says of one.
func eventKey(e *wire.CalendarEvent) string {
	yes := func(v *bool) bool { return v == nil || *v }
	return fmt.Sprintf("%s, %s to %s, skip_result %t, skip_model_update %t", text(e.Description), wire.FormatTime(int64(e.StartTime)), wire.FormatTime(int64(e.EndTime)),
		yes(e.SkipResult), yes(e.SkipModelUpdate))
}

func (p *planner) compareEvents(x *Change, old *Resource, id string, wanted any) (func(context.Context) error, error) {
	want, err := eventsOf(wanted)
	if err != nil {
		return nil, err
	}
	have, err := eventsOf(old.Config["events"])
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for i := range have {
		counts[eventKey(&have[i])]++
	}
	var add []wire.CalendarEvent
	for i := range want {
		key := eventKey(&want[i])
		if counts[key]--; counts[key] < 0 {
			add = append(add, want[i])
			x.Differences = append(x.Differences, Difference{Path: "events", Want: key})
		}
	}
	drop := map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		for range max(0, counts[key]) {
			drop[key]++
			x.Differences = append(x.Differences, Difference{Path: "events", Have: key})
		}
	}
	if len(add)+len(drop) == 0 {
		return nil, nil
	}
	return func(ctx context.Context) error {
		list, err := p.c.GetEvents(ctx, client.GetEventsRequest{CalendarIDs: id, Page: client.Page{Size: new(wire.MaxPage)}})
		if err != nil {
			return err
		}
		for i := range list.Events {
			key := eventKey(&list.Events[i])
			if drop[key] == 0 {
				continue
			}
			drop[key]--
			if _, err := p.c.DeleteEvent(ctx, client.DeleteEventRequest{CalendarID: id, EventID: list.Events[i].EventID}); err != nil {
				return err
			}
		}
		if len(add) == 0 {
			return nil
		}
		_, err = p.c.PostEvents(ctx, client.PostEventsRequest{CalendarID: id, Events: add})
		return err
	}, nil
}
