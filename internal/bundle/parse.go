package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"tidemark/internal/document"
	"tidemark/wire"
)

// Read reads files, and the .json, .yaml and .yml files below folders. "-" is in. A
// resource that is there twice is an error that names both places.
func Read(paths []string, in io.Reader) (*Set, error) {
	s := &Set{}
	for _, path := range paths {
		names, err := files(path)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			raw, err := contents(name, in)
			if err != nil {
				return nil, err
			}
			if err := s.parse(raw, name); err != nil {
				return nil, err
			}
		}
	}
	return s, s.finish()
}

func contents(name string, in io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(in)
	}
	return os.ReadFile(name)
}

// files are a file, or those below a folder in order.
func files(path string) (names []string, err error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains([]string{".json", ".yaml", ".yml"}, strings.ToLower(filepath.Ext(name))) {
			names = append(names, name)
		}
		return err
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s holds no .json, .yaml or .yml file", path)
	}
	return names, err
}

// Parse reads one file: the answer of export, Kibana's export of jobs (a list of
// {job, datafeed}, or one such object), answers of the API, or single configurations;
// JSON, several values one after the other, or YAML.
func Parse(raw []byte, name string) (*Set, error) {
	s := &Set{}
	if err := s.parse(raw, name); err != nil {
		return nil, err
	}
	return s, s.finish()
}

// OneJob reads a file that holds one job, in any form that Parse reads, and returns its
// configuration as JSON, without an id and what only a server sets. The job needs no
// id.
func OneJob(raw []byte, name string) ([]byte, error) {
	s := &Set{}
	values, err := decode(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	if err != nil {
		return nil, fmt.Errorf("%s is neither JSON nor YAML: %w", name, err)
	}
	for _, v := range values {
		if o, ok := v.(map[string]any); ok && o["analysis_config"] != nil && o["job_id"] == nil {
			o["job_id"] = name
		}
		if err := s.take(v, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	jobs := s.Of(Job)
	if len(jobs) != 1 {
		return nil, fmt.Errorf("%s holds %d jobs; give a file with one ('tidemark job show JOB' prints one)", name, len(jobs))
	}
	return []byte(text(jobs[0].Config)), nil
}

// finish gives the events that stood by themselves to their calendars, and puts the
// resources in order.
func (s *Set) finish() error {
	for _, e := range s.events {
		r := s.Find(Calendar, e.calendar)
		if r == nil {
			return fmt.Errorf("%s: an event is of calendar %q, which is not there", e.from, e.calendar)
		}
		list, _ := r.Config["events"].([]any)
		r.Config["events"] = append(list, e.event)
	}
	s.events = nil
	s.sort()
	return nil
}

func (s *Set) parse(raw []byte, name string) error {
	values, err := decode(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	if err != nil {
		return fmt.Errorf("%s is neither JSON nor YAML: %w", name, err)
	}
	for _, v := range values {
		if err := s.take(v, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(values) == 0 {
		return fmt.Errorf("%s is empty", name)
	}
	return nil
}

// decode reads the values of a file.
func decode(raw []byte) (values []any, err error) {
	if begin := bytes.TrimSpace(raw); len(begin) > 0 && (begin[0] == '{' || begin[0] == '[') {
		dec := jsontext.NewDecoder(bytes.NewReader(raw))
		for {
			var v any
			switch err := json.UnmarshalDecode(dec, &v); {
			case errors.Is(err, io.EOF):
				return values, nil
			case err != nil:
				return nil, err
			}
			values = append(values, v)
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var v any
		switch err := dec.Decode(&v); {
		case errors.Is(err, io.EOF):
			return values, nil
		case err != nil:
			return nil, err
		}
		if v == nil {
			continue
		}
		// By way of JSON, so that numbers and times are what they are there.
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		var plain any
		if err := json.Unmarshal(text, &plain); err != nil {
			return nil, err
		}
		values = append(values, plain)
	}
}

// lists are the members of an answer or export that hold resources.
var lists = []string{"filters", "jobs", "datafeeds", "calendars", "events"}

// take adds what a value holds.
func (s *Set) take(v any, name string) error {
	if list, ok := v.([]any); ok {
		for i, x := range list {
			if err := s.take(x, name); err != nil {
				return fmt.Errorf("element %d: %w", i+1, err)
			}
		}
		return nil
	}
	o, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is no configuration, which is an object", wire.Clip(fmt.Sprint(v)))
	}
	switch {
	case o["job"] != nil:
		return s.takePair(o, name)
	case o["analysis_config"] != nil:
		return s.takeJob(o, name)
	case o["filter_id"] != nil:
		return s.add(Filter, "filter_id", o, name)
	case o["datafeed_id"] != nil:
		return s.takeFeed(o, "", name)
	case o["calendar_id"] != nil && o["start_time"] != nil:
		id, _ := o["calendar_id"].(string)
		s.events = append(s.events, lone{id, plainEvent(o), name})
		return nil
	case o["calendar_id"] != nil:
		return s.takeCalendar(o, name)
	}
	found := false
	for _, member := range lists {
		list, ok := o[member].([]any)
		if !ok {
			continue
		}
		found = true
		if err := s.take(list, name); err != nil {
			return fmt.Errorf("%s: %w", member, err)
		}
	}
	if !found && o["analysis"] != nil && o["dest"] != nil {
		return errors.New("this is a data frame analytics job, which Tidemark does not have; it takes anomaly detection jobs")
	}
	if !found {
		return errors.New("this is no configuration: a job has analysis_config, a datafeed datafeed_id, a calendar calendar_id, a filter filter_id, an export a list of jobs")
	}
	return nil
}

// takePair adds a job with its datafeed.
func (s *Set) takePair(o map[string]any, name string) error {
	job, ok := o["job"].(map[string]any)
	if !ok {
		return errors.New("job is no object")
	}
	if err := s.takeJob(job, name); err != nil {
		return err
	}
	feed, ok := o["datafeed"].(map[string]any)
	if !ok || len(feed) == 0 {
		return nil
	}
	id, _ := job["job_id"].(string)
	return s.takeFeed(feed, id, name)
}

// generated are members that a server sets; they cannot be put.
var generated = map[Kind][]string{
	Job: {"job_id", "job_type", "job_version", "create_time", "finished_time", "model_snapshot_id", "model_snapshot_min_version", "blocked",
		"deleting", "deleted", "established_model_memory", "last_data_time", "datafeed_config"},
	Datafeed: {"datafeed_id", "authorization", "create_time"},
	Filter:   {"filter_id"},
	Calendar: {"calendar_id"},
}

func (s *Set) takeJob(o map[string]any, name string) error {
	if err := s.add(Job, "job_id", o, name); err != nil {
		return err
	}
	r := s.Resources[len(s.Resources)-1]
	switch index, _ := r.Config["results_index_name"].(string); {
	case index == "shared":
		delete(r.Config, "results_index_name")
	case index != "":
		r.Config["results_index_name"] = strings.TrimPrefix(index, "custom-")
	}
	plainFilters(r.Config)
	if feed, ok := o["datafeed_config"].(map[string]any); ok {
		return s.takeFeed(feed, r.ID, name)
	}
	return nil
}

// plainFilters writes the default analyzer of a job as the filters in it, which a
// job may be given instead and which may change.
func plainFilters(job map[string]any) {
	analysis, _ := job["analysis_config"].(map[string]any)
	if analysis["categorization_analyzer"] == nil {
		return
	}
	filters, ok := document.FiltersOfAnalyzer([]byte(text(analysis["categorization_analyzer"])))
	if !ok {
		return
	}
	list := make([]any, len(filters))
	for i, f := range filters {
		list[i] = f
	}
	delete(analysis, "categorization_analyzer")
	analysis["categorization_filters"] = list
}

func (s *Set) takeFeed(o map[string]any, job, name string) error {
	o = mapClone(o)
	if o["job_id"] == nil && job != "" {
		o["job_id"] = job
	}
	if id, _ := o["datafeed_id"].(string); id == "" && job != "" {
		o["datafeed_id"] = "datafeed-" + job
	}
	for _, alias := range [][2]string{{"indexes", "indices"}, {"aggs", "aggregations"}} {
		if v, ok := o[alias[0]]; ok {
			delete(o, alias[0])
			o[alias[1]] = v
		}
	}
	return s.add(Datafeed, "datafeed_id", o, name)
}

func (s *Set) takeCalendar(o map[string]any, name string) error {
	if err := s.add(Calendar, "calendar_id", o, name); err != nil {
		return err
	}
	r := s.Resources[len(s.Resources)-1]
	list, _ := r.Config["events"].([]any)
	for i := range list {
		if e, ok := list[i].(map[string]any); ok {
			list[i] = plainEvent(e)
		}
	}
	return nil
}

// plainEvent is an event without what only a server sets.
func plainEvent(o map[string]any) map[string]any {
	o = mapClone(o)
	delete(o, "event_id")
	delete(o, "calendar_id")
	return o
}

func (s *Set) add(kind Kind, idName string, o map[string]any, name string) error {
	id, _ := o[idName].(string)
	if id == "" {
		return fmt.Errorf("a %s has no %s", kind, idName)
	}
	if old := s.Find(kind, id); old != nil {
		return fmt.Errorf("%s %q is there twice, also in %s", kind, id, old.From)
	}
	config := mapClone(o)
	for _, member := range generated[kind] {
		delete(config, member)
	}
	s.Resources = append(s.Resources, &Resource{Kind: kind, ID: id, Config: config, From: name})
	return nil
}

// mapClone copies a tree.
func mapClone(o map[string]any) map[string]any {
	out := make(map[string]any, len(o))
	for name, v := range o {
		out[name] = clone(v)
	}
	return out
}

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return mapClone(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = clone(v[i])
		}
		return list
	}
	return v
}
