package document

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
	"tidemark/wire/strict"
)

const (
	maxQuery   = 1 << 20
	maxIndices = 1_000
	// The default delay lies between these: jobs of one source do not all search in
	// the same second.
	minQueryDelay, maxQueryDelay = 60, 120
)

// DatafeedChange is the body of a put or an update: what it sets.
type DatafeedChange struct {
	feed wire.Datafeed
	// given are the members that the body has.
	given map[string]bool
}

// fields are the members of a datafeed's configuration.
func (c *DatafeedChange) fields() strict.Fields {
	f := &c.feed
	c.given = map[string]bool{}
	set := func(name string, read strict.Read) strict.Read {
		return func(r *strict.Reader) error {
			c.given[name] = true
			return read(r)
		}
	}
	refuse := func(what string) strict.Read {
		return strict.Refuse(wire.Refuse(wire.TypeIllegalArgument, "%s are not supported: searches run in an index without scripts; compute the field when the documents are written", what))
	}
	indices := set("indices", oneOrMany(&f.Indices))
	aggs := func(r *strict.Reader) error {
		if c.given["aggregations"] {
			return wire.Refuse(wire.TypeParsing, "Found two aggregation definitions: [aggs] and [aggregations]; give one")
		}
		return set("aggregations", strict.RawObject(&f.Aggregations, maxQuery))(r)
	}
	return strict.Fields{
		"datafeed_id": strict.Text(&f.DatafeedID), "job_id": set("job_id", strict.Text(&f.JobID)),
		"query_delay": set("query_delay", durationText("query_delay", &f.QueryDelay)), "frequency": set("frequency", durationText("frequency", &f.Frequency)),
		"indices": indices, "indexes": indices, "query": set("query", strict.RawObject(&f.Query, maxQuery)),
		"aggregations": aggs, "aggs": aggs,
		"scroll_size":        set("scroll_size", strict.OptionalInt(&f.ScrollSize)),
		"max_empty_searches": set("max_empty_searches", strict.OptionalInt(&f.MaxEmptySearches)),
		"chunking_config": set("chunking_config", strict.Object("chunking_config", strict.Fields{
			"mode": strict.Text(&f.ChunkingConfig.Mode), "time_span": durationText("time_span", &f.ChunkingConfig.TimeSpan)})),
		"delayed_data_check_config": set("delayed_data_check_config", strict.Object("delayed_data_check_config", strict.Fields{
			"enabled": strict.Bool(&f.DelayedDataCheckConfig.Enabled), "check_window": durationText("check_window", &f.DelayedDataCheckConfig.CheckWindow)})),
		"indices_options": set("indices_options", strict.Object("indices_options", strict.Fields{
			"expand_wildcards":   oneOrMany(&f.IndicesOptions.ExpandWildcards),
			"ignore_unavailable": strict.Bool(&f.IndicesOptions.IgnoreUnavailable), "allow_no_indices": strict.Bool(&f.IndicesOptions.AllowNoIndices),
			"ignore_throttled": strict.Bool(&f.IndicesOptions.IgnoreThrottled)})),
		"script_fields": empty(refuse("script_fields")), "runtime_mappings": empty(refuse("runtime_mappings")),
	}
}

// empty lets an empty object through and gives everything else to read.
func empty(read strict.Read) strict.Read {
	return func(r *strict.Reader) error {
		var v jsontext.Value
		if err := strict.RawObject(&v, maxQuery)(r); err != nil {
			return err
		}
		if string(v) == "{}" {
			return nil
		}
		return read(r)
	}
}

// oneOrMany reads a text or a list of texts.
func oneOrMany(to *[]string) strict.Read {
	return func(r *strict.Reader) error {
		*to = nil
		if r.Kind() == '"' {
			var one string
			if err := strict.Text(&one)(r); err != nil {
				return err
			}
			*to = []string{one}
			return nil
		}
		return strict.Texts(to, maxIndices)(r)
	}
}

func durationText(name string, to *string) strict.Read {
	return func(r *strict.Reader) error {
		if err := strict.Text(to)(r); err != nil {
			return err
		}
		d, err := wire.ParseDuration(name, *to)
		if err == nil && d <= 0 && name != "query_delay" {
			err = wire.Refuse(wire.TypeIllegalArgument, "%s cannot be less or equal than 0. Value = %s", name, wire.Clip(*to))
		}
		return err
	}
}

// ParseDatafeed reads the configuration of a new datafeed; urlID "" leaves the id
// to the body. The error is a *wire.Refusal.
func ParseDatafeed(body []byte, urlID string) (*wire.Datafeed, error) {
	c, err := ParseDatafeedUpdate(body)
	if err != nil {
		return nil, err
	}
	f := &c.feed
	switch {
	case f.DatafeedID == "":
		f.DatafeedID = urlID
	case urlID != "" && f.DatafeedID != urlID:
		return nil, wire.Refuse(wire.TypeIllegalArgument, "Inconsistent datafeed_id; '%s' specified in the body differs from '%s' specified as a URL argument", wire.Clip(f.DatafeedID), wire.Clip(urlID))
	}
	if f.DatafeedID != "" {
		if err := wire.CheckID("datafeed_id", f.DatafeedID); err != nil {
			return nil, err
		}
	}
	if f.JobID == "" {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "[job_id] cannot be null; name the job that gets the data")
	}
	return f, nil
}

// ParseInlineDatafeed reads the datafeed in a new job's configuration: its job is
// that one, and its id the job's unless it has one.
func ParseInlineDatafeed(body []byte, jobID string) (*wire.Datafeed, error) {
	c, err := ParseDatafeedUpdate(body)
	if err != nil {
		return nil, err
	}
	f := &c.feed
	if f.JobID != "" && f.JobID != jobID {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "the datafeed's job_id [%s] differs from the job's [%s]; leave it out", wire.Clip(f.JobID), jobID)
	}
	f.JobID = jobID
	if f.DatafeedID == "" {
		f.DatafeedID = jobID
	}
	return f, wire.CheckID("datafeed_id", f.DatafeedID)
}

// ParseDatafeedUpdate reads a change of a datafeed's configuration.
func ParseDatafeedUpdate(body []byte) (*DatafeedChange, error) {
	c := &DatafeedChange{feed: wire.Datafeed{DelayedDataCheckConfig: wire.DelayedDataCheckConfig{Enabled: true}, IndicesOptions: defaultOptions()}}
	if err := strict.Parse(body, "datafeed_config", c.fields()); err != nil {
		return nil, err
	}
	return c, nil
}

func defaultOptions() wire.IndicesOptions {
	return wire.IndicesOptions{ExpandWildcards: []string{"open"}, AllowNoIndices: true, IgnoreThrottled: true}
}

// Apply is the configuration with what the update sets.
func (c *DatafeedChange) Apply(have *wire.Datafeed) (*wire.Datafeed, error) {
	out, f := *have, &c.feed
	if c.given["job_id"] && f.JobID != have.JobID {
		return nil, wire.Refuse(wire.TypeIllegalArgument, "Datafeed's job_id cannot be changed: it is [%s]; make a new datafeed", have.JobID)
	}
	for name, set := range map[string]func(){
		"query_delay": func() { out.QueryDelay = f.QueryDelay }, "frequency": func() { out.Frequency = f.Frequency },
		"indices": func() { out.Indices = f.Indices }, "query": func() { out.Query = f.Query }, "aggregations": func() { out.Aggregations = f.Aggregations },
		"scroll_size": func() { out.ScrollSize = f.ScrollSize }, "chunking_config": func() { out.ChunkingConfig = f.ChunkingConfig },
		"delayed_data_check_config": func() { out.DelayedDataCheckConfig = f.DelayedDataCheckConfig },
		"max_empty_searches":        func() { out.MaxEmptySearches = f.MaxEmptySearches }, "indices_options": func() { out.IndicesOptions = f.IndicesOptions },
	} { // order-free: each sets a member of its own
		if c.given[name] {
			set()
		}
	}
	return &out, nil
}

// FinishDatafeed checks a datafeed against its job and fills in the defaults that
// clients expect to read back. The error is a *wire.Refusal.
func FinishDatafeed(f *wire.Datafeed, j *wire.Job) error {
	refuse := func(format string, args ...any) error {
		return wire.Refuse(wire.TypeIllegalArgument, format, args...)
	}
	span, _ := wire.ParseDuration("bucket_span", j.AnalysisConfig.BucketSpan)
	if latency, err := wire.ParseDuration("latency", j.AnalysisConfig.Latency); j.AnalysisConfig.Latency != "" && (err != nil || latency > 0) {
		return refuse("A job configured with datafeed cannot support latency: job [%s] has [%s]; set query_delay instead", j.JobID, j.AnalysisConfig.Latency)
	}
	if len(f.Indices) == 0 || slices.Contains(f.Indices, "") {
		return refuse("Invalid indices value '%v'; name at least one index", f.Indices)
	}
	if len(f.Query) == 0 {
		f.Query = jsontext.Value(`{"match_all":{"boost":1.0}}`)
	}
	hasAggs := len(f.Aggregations) > 0
	if f.ScrollSize == nil && !hasAggs {
		n := int64(defaultScrollSize)
		f.ScrollSize = &n
	}
	if f.ScrollSize != nil && (*f.ScrollSize <= 0 || *f.ScrollSize > 10_000) {
		return refuse("Invalid scroll_size value '%d'; it must be from 1 to 10000", *f.ScrollSize)
	}
	if f.MaxEmptySearches != nil && *f.MaxEmptySearches == -1 {
		f.MaxEmptySearches = nil
	}
	if f.MaxEmptySearches != nil && *f.MaxEmptySearches < 1 {
		return refuse("Invalid max_empty_searches value '%d'; it must be at least 1, or -1 to clear it", *f.MaxEmptySearches)
	}
	if f.QueryDelay == "" {
		h := fnv.New32a()
		_, _ = h.Write([]byte(f.JobID + f.DatafeedID)) // A hash takes everything.
		f.QueryDelay = fmt.Sprintf("%dms", 1000*(minQueryDelay+h.Sum32()%(maxQueryDelay-minQueryDelay)))
	}
	var interval time.Duration
	if hasAggs {
		var err error
		if interval, err = aggregated(f, j, span); err != nil {
			return err
		}
	}
	if err := checkTimes(f, span, interval); err != nil {
		return err
	}
	return finishChunks(f, hasAggs, interval)
}

func finishChunks(f *wire.Datafeed, hasAggs bool, interval time.Duration) error {
	switch c := &f.ChunkingConfig; {
	case c.Mode == "" && c.TimeSpan == "" && hasAggs:
		*c = wire.ChunkingConfig{Mode: "manual", TimeSpan: fmt.Sprintf("%dms", (1000 * interval).Milliseconds())}
	case c.Mode == "" && c.TimeSpan == "":
		c.Mode = "auto"
	case c.Mode == "" || c.Mode == "manual":
		c.Mode = "manual"
		if c.TimeSpan == "" {
			return wire.Refuse(wire.TypeIllegalArgument, "when chunk mode is manual time_span must be specified")
		}
	case c.Mode != "auto" && c.Mode != "off":
		return wire.Refuse(wire.TypeIllegalArgument, "chunking_config.mode must be auto, manual or off, not [%s]", wire.Clip(c.Mode))
	case c.TimeSpan != "":
		return wire.Refuse(wire.TypeIllegalArgument, "when chunk mode is not manual time_span must not be set")
	}
	return nil
}

// aggregated checks a datafeed's aggregations and returns their interval.
func aggregated(f *wire.Datafeed, j *wire.Job, span time.Duration) (time.Duration, error) {
	refuse := func(format string, args ...any) (time.Duration, error) {
		return 0, wire.Refuse(wire.TypeIllegalArgument, format, args...)
	}
	if j.AnalysisConfig.SummaryCountFieldName == "" {
		return refuse("A job configured with a datafeed with aggregations must set summary_count_field_name; use doc_count or suitable alternative")
	}
	var aggs map[string]map[string]any
	if err := json.Unmarshal(f.Aggregations, &aggs); err != nil || len(aggs) != 1 {
		return refuse("Aggregations can only have 1 date_histogram or composite at the top, found %d aggregations", len(aggs))
	}
	timeField, _ := TimeOf(j)
	for name, a := range aggs { // order-free: there is one
		h := histogramOf(a)
		if h == nil {
			return refuse("A date_histogram (or composite aggregation with a date_histogram source) is required; [%s] is none", wire.Clip(name))
		}
		if field, _ := h["field"].(string); field != timeField {
			return refuse("The date_histogram of [%s] must be on the time_field [%s], not [%s]", wire.Clip(name), timeField, wire.Clip(field))
		}
		inner, _ := a["aggregations"].(map[string]any)
		if inner == nil {
			inner, _ = a["aggs"].(map[string]any)
		}
		if !hasMax(inner, timeField) {
			return refuse("Missing max aggregation for time_field [%s] inside [%s]; without it records have no time", timeField, wire.Clip(name))
		}
		text := intervalText(h)
		interval, err := intervalOf(text)
		if err != nil || interval <= 0 {
			return refuse("Aggregation interval [%s] of [%s] cannot be read; give a fixed_interval such as 5m", wire.Clip(text), wire.Clip(name))
		}
		if span > 0 && (interval > span || span%interval != 0) {
			return refuse("Aggregation interval [%s] must be a divisor of the bucket_span [%s]", wire.Clip(text), j.AnalysisConfig.BucketSpan)
		}
		return interval, nil
	}
	return 0, nil
}

// histogramOf is what a date histogram, or the one among a composite's sources,
// says; nil without one.
func histogramOf(a map[string]any) map[string]any {
	if c, ok := a["composite"].(map[string]any); ok {
		return histogramSource(c)
	}
	h, _ := a["date_histogram"].(map[string]any)
	return h
}

// intervalText is a histogram's interval as it was given.
func intervalText(h map[string]any) string {
	for _, member := range []string{"fixed_interval", "calendar_interval", "interval"} {
		switch v := h[member].(type) {
		case string:
			return v
		case float64:
			return fmt.Sprintf("%dms", int64(v)) // A bare number means milliseconds.
		}
	}
	return ""
}

// AggregationInterval is the interval of a datafeed's histogram, 0 without one.
func AggregationInterval(f *wire.Datafeed) time.Duration {
	var aggs map[string]map[string]any
	if len(f.Aggregations) == 0 || json.Unmarshal(f.Aggregations, &aggs) != nil {
		return 0
	}
	for _, a := range aggs { // order-free: there is one
		// What was put was checked.
		interval, _ := intervalOf(intervalText(histogramOf(a)))
		return interval
	}
	return 0
}

// intervalOf reads a fixed interval, or a unit of the calendar up to a day.
func intervalOf(text string) (time.Duration, error) {
	switch text {
	case "minute":
		text = "1m"
	case "hour":
		text = "1h"
	case "day":
		text = "1d"
	case "second":
		text = "1s"
	}
	return wire.ParseDuration("interval", text)
}

func histogramSource(composite map[string]any) map[string]any {
	sources, _ := composite["sources"].([]any)
	for _, s := range sources {
		o, _ := s.(map[string]any)
		for _, v := range o { // order-free: there is one
			kind, _ := v.(map[string]any)
			if h, ok := kind["date_histogram"].(map[string]any); ok {
				return h
			}
		}
	}
	return nil
}

// hasMax looks for the maximum of the time field, at any depth.
func hasMax(aggs map[string]any, field string) bool {
	for _, v := range aggs { // order-free: any one will do
		a, _ := v.(map[string]any)
		if m, ok := a["max"].(map[string]any); ok && m["field"] == field {
			return true
		}
		for _, member := range []string{"aggregations", "aggs"} {
			if inner, ok := a[member].(map[string]any); ok && hasMax(inner, field) {
				return true
			}
		}
	}
	return false
}

// FrequencyOf is how often a datafeed searches: as set, or by the bucket span and
// in whole intervals of its aggregations.
func FrequencyOf(f *wire.Datafeed, span time.Duration) time.Duration {
	if f.Frequency != "" {
		if d, err := wire.ParseDuration("frequency", f.Frequency); err == nil {
			return d
		}
	}
	frequency := time.Hour
	switch {
	case span <= 2*time.Minute:
		frequency = time.Minute
	case span <= 20*time.Minute:
		frequency = span / 2
	case span <= 12*time.Hour:
		frequency = 10 * time.Minute
	}
	if interval := AggregationInterval(f); interval > 0 {
		frequency = (frequency + interval - 1) / interval * interval
	}
	return frequency
}

// maxCheckedBuckets bounds the buckets that are looked at for late data.
const maxCheckedBuckets = 10_000

// checkTimes holds what the times of a datafeed may be, by its job's bucket span
// and the interval of its aggregations (0: none).
func checkTimes(f *wire.Datafeed, span, interval time.Duration) error {
	refuse := func(format string, args ...any) error {
		return wire.Refuse(wire.TypeIllegalArgument, format, args...)
	}
	if f.Frequency != "" {
		d, err := wire.ParseDuration("frequency", f.Frequency)
		if err != nil {
			return err
		}
		if d < time.Second {
			return refuse("frequency [%s] must be at least 1s", f.Frequency)
		}
		if interval > 0 && d%interval != 0 {
			return refuse("Datafeed frequency [%s] must be a multiple of the aggregation interval [%s]", f.Frequency, wire.FormatDuration(interval))
		}
	}
	if text := f.DelayedDataCheckConfig.CheckWindow; text != "" && f.DelayedDataCheckConfig.Enabled {
		d, err := wire.ParseDuration("check_window", text)
		switch {
		case err != nil:
			return err
		case d < span:
			return refuse("delayed_data_check_config: check_window [%s] must be at least the bucket_span [%s]", text, wire.FormatDuration(span))
		case d > maxCheckedBuckets*span:
			return refuse("delayed_data_check_config: check_window [%s] is more than %d times the bucket_span [%s]", text, maxCheckedBuckets, wire.FormatDuration(span))
		}
	}
	return nil
}
