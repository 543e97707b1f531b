package document

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
	"tidemark/wire/strict"
)

// Limits of a configuration. They lie far above what a job can use and keep the
// work of one request bounded.
const (
	maxDetectors   = 10_000
	maxInfluencers = 1_000
	maxGroups      = 1_000
	maxText        = 32 << 10 // descriptions
	maxSettings    = 1 << 20  // custom_settings
	// maxLatencyBuckets bounds the buckets that are open at the same time.
	maxLatencyBuckets = 10_000
)

// Defaults that a new job shows.
const (
	defaultBucketSpan         = "5m"
	defaultTimeField          = "time"
	defaultTimeFormat         = "epoch_ms"
	defaultMemoryMiB          = 1024
	defaultExamples           = 4
	defaultRetentionDays      = 10
	defaultDailyRetentionDays = 1
	sharedIndex               = "shared"
	customIndex               = "custom-"
	jobParser                 = "job_details" // named in messages
)

// ParseJob reads the configuration of a new job from a request's body, checks
// it against every rule and fills in the defaults that clients expect to read
// back. The job's id comes from the URL; version is the job_version it gets.
// What the API knows and this release does not compute is refused, never
// ignored. The error is a *wire.Refusal.
func ParseJob(body []byte, urlID, version string) (*wire.Job, error) {
	return ParseJobWithin(body, urlID, version, 0)
}

// ParseJobWithin is ParseJob where memory limits are bounded by so many mebibytes,
// the default one too; 0: they are not.
func ParseJobWithin(body []byte, urlID, version string, maxMiB int64) (*wire.Job, error) {
	d := draft{job: &wire.Job{}, maxMiB: maxMiB}
	if err := strict.Parse(body, jobParser, d.fields()); err != nil {
		return nil, err
	}
	if err := d.check(urlID); err != nil {
		return nil, err
	}
	d.fill(urlID, version)
	if len(d.datafeed) == 0 {
		return d.job, nil
	}
	var err error
	d.job.DatafeedConfig, err = ParseInlineDatafeed(d.datafeed, d.job.JobID)
	if err == nil {
		err = FinishDatafeed(d.job.DatafeedConfig, d.job)
	}
	return d.job, err
}

// CheckJob checks a configuration by the rules of ParseJob. It may lack a job id.
// The error is a *wire.Refusal.
func CheckJob(body []byte) error {
	d := draft{job: &wire.Job{}}
	if err := strict.Parse(body, jobParser, d.fields()); err != nil {
		return err
	}
	id := d.job.JobID
	if id == "" {
		id = "unnamed"
	}
	return d.check(id)
}

// draft is a configuration while it is read.
type draft struct {
	job *wire.Job
	// illegal lists the fields given that only the server sets.
	illegal              []string
	hasAnalysis, hasData bool
	span, latency        time.Duration
	// maxMiB bounds memoryMiB, 0: nothing does.
	memoryMiB, maxMiB int64
	datafeed          jsontext.Value
}

func (d *draft) fields() strict.Fields {
	j := d.job
	fields := strict.Fields{
		"job_id":             strict.Text(&j.JobID),
		"job_type":           jobType(&j.JobType),
		"analysis_config":    d.analysisConfig,
		"data_description":   d.dataDescription,
		"results_index_name": strict.Text(&j.ResultsIndexName),
		"datafeed_config":    strict.RawObject(&d.datafeed, maxQuery),

		"job_version":                d.serverOnly("job_version"),
		"create_time":                d.serverOnly("create_time"),
		"finished_time":              d.serverOnly("finished_time"),
		"last_data_time":             d.serverOnly("last_data_time"),
		"established_model_memory":   d.serverOnly("established_model_memory"),
		"model_snapshot_id":          d.serverOnly("model_snapshot_id"),
		"model_snapshot_min_version": d.serverOnly("model_snapshot_min_version"),
		"blocked":                    d.serverOnly("blocked"),
		"deleting":                   d.serverOnly("deleting"),
	}
	maps.Copy(fields, d.changeable())
	return fields
}

// changeable are the fields that updates of a job have as well.
func (d *draft) changeable() strict.Fields {
	j := d.job
	return strict.Fields{
		"groups":                                    strict.Texts(&j.Groups, maxGroups),
		"description":                               text(&j.Description),
		"analysis_limits":                           d.analysisLimits,
		"model_plot_config":                         modelPlotConfig(j),
		"renormalization_window_days":               days(&j.RenormalizationWindowDays, "renormalization_window_days"),
		"background_persist_interval":               persistInterval(&j.BackgroundPersistInterval),
		"model_snapshot_retention_days":             days(&j.ModelSnapshotRetentionDays, "model_snapshot_retention_days"),
		"daily_model_snapshot_retention_after_days": days(&j.DailyModelSnapshotRetentionAfterDays, "daily_model_snapshot_retention_after_days"),
		"results_retention_days":                    days(&j.ResultsRetentionDays, "results_retention_days"),
		"custom_settings":                           strict.RawObject(&j.CustomSettings, maxSettings),
		"allow_lazy_open":                           strict.Bool(&j.AllowLazyOpen),
	}
}

// serverOnly notes a field that only the server sets.
func (d *draft) serverOnly(field string) strict.Read {
	return func(r *strict.Reader) error {
		d.illegal = append(d.illegal, field)
		return strict.Skip(r)
	}
}

func jobType(to *string) strict.Read {
	return func(r *strict.Reader) error {
		if err := strict.Text(to)(r); err != nil {
			return err
		}
		if *to != wire.JobType {
			return wire.Refuse(wire.TypeIllegalArgument, "[%s] is no type of job; leave it out or give [%s]", wire.Clip(*to), wire.JobType)
		}
		return nil
	}
}

// text reads a description.
func text(to *string) strict.Read {
	return func(r *strict.Reader) error {
		if err := strict.TextOrNull(to)(r); err != nil {
			return err
		}
		if len(*to) > maxText {
			return wire.Refuse(wire.TypeIllegalArgument, "%d bytes; at most %d are kept", len(*to), maxText)
		}
		return nil
	}
}

func days(to **int64, name string) strict.Read {
	return func(r *strict.Reader) error {
		if err := strict.OptionalInt(to)(r); err != nil {
			return err
		}
		return notNegative(name, *to)
	}
}

func notNegative(name string, n *int64) error {
	if n != nil && *n < 0 {
		return wire.Refuse(wire.TypeStatus, "%s cannot be less than 0. Value = %d", name, *n)
	}
	return nil
}

func persistInterval(to *string) strict.Read {
	return func(r *strict.Reader) error {
		var value string
		if err := strict.TextOrNumber(&value)(r); err != nil {
			return err
		}
		interval, shown, err := wire.EchoDuration("background_persist_interval", value)
		if err != nil {
			return err
		}
		if interval < time.Hour {
			return wire.Refuse(wire.TypeStatus, "background_persist_interval cannot be less than 1h. Value = %s", wire.Clip(value))
		}
		*to = shown
		return nil
	}
}

func modelPlotConfig(j *wire.Job) strict.Read {
	return func(r *strict.Reader) error {
		c := wire.ModelPlotConfig{}
		err := strict.Object("model_plot_config", strict.Fields{
			"enabled":             strict.Bool(&c.Enabled),
			"terms":               strict.TextOrNull(&c.Terms),
			"annotations_enabled": strict.OptionalBool(&c.AnnotationsEnabled),
		})(r)
		if err != nil {
			return err
		}
		if c.AnnotationsEnabled == nil {
			annotated := c.Enabled
			c.AnnotationsEnabled = &annotated
		}
		j.ModelPlotConfig = &c
		return nil
	}
}

func (d *draft) analysisLimits(r *strict.Reader) error {
	var memory string
	given := false
	limits := wire.AnalysisLimits{}
	err := strict.Object("analysis_limits", strict.Fields{
		"model_memory_limit": func(r *strict.Reader) error {
			given = true
			return strict.TextOrNumber(&memory)(r)
		},
		"categorization_examples_limit": strict.OptionalInt(&limits.CategorizationExamplesLimit),
	})(r)
	if err == nil {
		err = notNegative("categorization_examples_limit", limits.CategorizationExamplesLimit)
	}
	if err == nil && given {
		d.memoryMiB, err = wire.ParseMemoryLimit("model_memory_limit", memory)
	}
	d.job.AnalysisLimits = &limits
	return err
}

// oneCharacter reads a text of one byte.
func oneCharacter(name string, to *string) strict.Read {
	return func(r *strict.Reader) error {
		if err := strict.Text(to)(r); err != nil {
			return err
		}
		if len(*to) != 1 || (*to)[0] >= 0x80 || *to == "\n" || *to == "\r" {
			return wire.Refuse(wire.TypeIllegalArgument, "String must be a single character, found [%s]: %s is one ASCII character", wire.Clip(*to), name)
		}
		return nil
	}
}

func (d *draft) dataDescription(r *strict.Reader) error {
	d.hasData = true
	data := &d.job.DataDescription
	err := strict.Object("data_description", strict.Fields{
		"format":          strict.Text(&data.Format),
		"time_field":      strict.Text(&data.TimeField),
		"time_format":     strict.Text(&data.TimeFormat),
		"field_delimiter": oneCharacter("field_delimiter", &data.FieldDelimiter),
		"quote_character": oneCharacter("quote_character", &data.QuoteCharacter),
	})(r)
	if err != nil {
		return err
	}
	switch data.Format = strings.ToLower(data.Format); data.Format {
	case "", "xcontent":
		data.FieldDelimiter, data.QuoteCharacter = "", ""
	case "delimited", "delineated":
		data.Format = "delimited"
		data.FieldDelimiter, data.QuoteCharacter = cmp.Or(data.FieldDelimiter, "\t"), cmp.Or(data.QuoteCharacter, `"`)
		if data.FieldDelimiter == data.QuoteCharacter {
			return wire.Refuse(wire.TypeIllegalArgument, "field_delimiter and quote_character cannot be the same: [%s]", data.QuoteCharacter)
		}
	default:
		return wire.Refuse(wire.TypeIllegalArgument, "format [%s] is unknown; leave it out, or give [xcontent] or [delimited]", wire.Clip(data.Format))
	}
	if data.TimeField != "" {
		return checkFieldName("time_field", data.TimeField)
	}
	return nil
}

// check holds the rules that need the whole configuration.
func (d *draft) check(urlID string) error {
	j := d.job
	switch {
	case j.JobID != "" && j.JobID != urlID:
		return wire.Refuse(wire.TypeIllegalArgument, "Inconsistent job_id; '%s' specified in the body differs from '%s' specified as a URL argument",
			wire.Clip(j.JobID), wire.Clip(urlID))
	case len(d.illegal) > 0:
		slices.Sort(d.illegal)
		return wire.Refuse(wire.TypeIllegalArgument, "The job is configured with fields [%s] that are illegal to set at job creation: the server sets them. "+
			"Leave them out; GET with exclude_generated=true shows a job without them.", strings.Join(d.illegal, ", "))
	case !d.hasAnalysis:
		return wire.Refuse(wire.TypeIllegalArgument, "An analysis_config must be set; it names at least one detector")
	case !d.hasData:
		return wire.Refuse(wire.TypeIllegalArgument, "A data_description must be set; it names the time_field, and may be empty: {}")
	}
	if err := wire.CheckID("job_id", urlID); err != nil {
		return err
	}
	if err := d.checkGroups(urlID); err != nil {
		return err
	}
	if j.ResultsIndexName != "" && j.ResultsIndexName != sharedIndex {
		if err := wire.CheckID("results_index_name", strings.TrimPrefix(j.ResultsIndexName, customIndex)); err != nil {
			return err
		}
	}
	if err := d.checkRetention(); err != nil {
		return err
	}
	if err := checkMemory(d.memoryMiB, d.maxMiB); err != nil {
		return err
	}
	if _, err := zoneOf(j); err != nil {
		return err
	}
	return d.checkTimeField()
}

// checkMemory holds a memory limit to the setting that bounds them, 0: there is none.
func checkMemory(mib, most int64) error {
	if most == 0 || mib <= most {
		return nil
	}
	return wire.Refuse(wire.TypeIllegalArgument, "model_memory_limit [%s] must be less than the value of the xpack.ml.max_model_memory_limit setting [%s]; give less, or raise the setting",
		wire.FormatMemoryLimit(mib), wire.FormatMemoryLimit(most))
}

// defaultMemory is the default memory limit in mebibytes under a bound, 0: none.
func defaultMemory(most int64) int64 {
	if most > 0 {
		return min(defaultMemoryMiB, most)
	}
	return defaultMemoryMiB
}

func (d *draft) checkGroups(id string) error {
	for i, g := range d.job.Groups {
		switch {
		case !wire.ValidID(g):
			return wire.Refuse(wire.TypeIllegalArgument, "Invalid group id '%s'; must be non-empty string and may contain lowercase alphanumeric (a-z and 0-9), "+
				"hyphens or underscores; must start and end with alphanumeric", wire.Clip(g))
		case len(g) > wire.MaxIDLength:
			return wire.Refuse(wire.TypeIllegalArgument, "The group id cannot contain more than %d characters: '%s'", wire.MaxIDLength, wire.Clip(g))
		case slices.Contains(d.job.Groups[:i], g):
			return wire.Refuse(wire.TypeIllegalArgument, "groups names [%s] twice; give each group once", g)
		case g == id:
			return wire.Refuse(wire.TypeAlreadyExists, "job and group names must be unique but job [%s] and group [%s] have the same name", id, g)
		}
	}
	return nil
}

func (d *draft) checkRetention() error {
	keep, daily := int64(defaultRetentionDays), d.job.DailyModelSnapshotRetentionAfterDays
	if d.job.ModelSnapshotRetentionDays != nil {
		keep = *d.job.ModelSnapshotRetentionDays
	}
	if daily != nil && *daily > keep {
		return wire.Refuse(wire.TypeStatus, "The value of daily_model_snapshot_retention_after_days [%d] cannot be greater than model_snapshot_retention_days [%d]", *daily, keep)
	}
	return nil
}

func (d *draft) checkTimeField() error {
	c := &d.job.AnalysisConfig
	field := d.job.DataDescription.TimeField
	if field == "" {
		field = defaultTimeField
	}
	used := slices.Contains(c.Influencers, field) || c.SummaryCountFieldName == field
	for i := range c.Detectors {
		x := &c.Detectors[i]
		used = used || slices.Contains([]string{x.FieldName, x.ByFieldName, x.OverFieldName, x.PartitionFieldName}, field)
	}
	if used {
		return wire.Refuse(wire.TypeStatus, "data_description.time_field may not be used in the analysis_config: the field '%s' is the records' time; analyse another field, or name another time_field", field)
	}
	return nil
}

// fill adds what the server sets and the defaults.
func (d *draft) fill(id, version string) {
	j := d.job
	j.JobID, j.JobType, j.JobVersion = id, wire.JobType, version
	if j.AnalysisLimits == nil {
		j.AnalysisLimits = &wire.AnalysisLimits{}
	}
	if d.memoryMiB == 0 {
		d.memoryMiB = defaultMemory(d.maxMiB)
	}
	j.AnalysisLimits.ModelMemoryLimit = wire.FormatMemoryLimit(d.memoryMiB)
	setDefault(&j.AnalysisLimits.CategorizationExamplesLimit, defaultExamples)
	setDefault(&j.ModelSnapshotRetentionDays, defaultRetentionDays)
	setDefault(&j.DailyModelSnapshotRetentionAfterDays, min(defaultDailyRetentionDays, *j.ModelSnapshotRetentionDays))
	if j.DataDescription.TimeField == "" {
		j.DataDescription.TimeField = defaultTimeField
	}
	if j.DataDescription.TimeFormat == "" {
		j.DataDescription.TimeFormat = defaultTimeFormat
	}
	switch {
	case j.ResultsIndexName == "":
		j.ResultsIndexName = sharedIndex
	case j.ResultsIndexName != sharedIndex && !strings.HasPrefix(j.ResultsIndexName, customIndex):
		j.ResultsIndexName = customIndex + j.ResultsIndexName
	}
}

func setDefault(to **int64, value int64) {
	if *to == nil {
		*to = &value
	}
}

// Warnings tells what is unwise about a valid configuration, for the Warning
// header of the answer that created the job.
func Warnings(j *wire.Job) []string {
	span, err := wire.ParseDuration("bucket_span", j.AnalysisConfig.BucketSpan)
	if err != nil || span <= 0 || (24*time.Hour)%span == 0 {
		return nil
	}
	return []string{fmt.Sprintf("bucket_span [%s] does not divide a day: buckets will begin at another time of day each day", j.AnalysisConfig.BucketSpan)}
}
