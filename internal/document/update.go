package document

import (
	"bytes"
	"maps"
	"slices"

	"tidemark/wire"
	"tidemark/wire/strict"
)

// Update is a checked request to change a job.
type Update struct {
	draft   draft
	given   map[string]bool
	changes []detectorChange
}

// detectorChange changes one detector.
type detectorChange struct {
	index       int64
	description *string
	rules       *[]wire.Rule
}

// ParseUpdate reads a request's body. The error is a *wire.Refusal.
func ParseUpdate(body []byte) (*Update, error) {
	u := &Update{draft: draft{job: &wire.Job{}}, given: map[string]bool{}}
	j := u.draft.job
	fields := strict.Fields{
		"model_prune_window":           givenDuration("model_prune_window", &j.AnalysisConfig.ModelPruneWindow),
		"categorization_filters":       strict.Texts(&j.AnalysisConfig.CategorizationFilters, maxCategorizationFilters),
		"per_partition_categorization": perPartition(&j.AnalysisConfig.PerPartitionCategorization),
		"detectors":                    u.detectors,
	}
	maps.Copy(fields, u.draft.changeable())
	for name, read := range fields { // order-free: each entry is wrapped alone
		fields[name] = func(r *strict.Reader) error {
			u.given[name] = true
			return read(r)
		}
	}
	// The job's id comes from the URL; some clients repeat it.
	fields["job_id"] = strict.Text(&j.JobID)
	if err := strict.Parse(body, "job_update", fields); err != nil {
		return nil, err
	}
	return u, nil
}

// CheckMemory refuses a memory limit of more mebibytes than most, 0: there is no
// bound.
func (u *Update) CheckMemory(most int64) error { return checkMemory(u.draft.memoryMiB, most) }

func (u *Update) detectors(r *strict.Reader) error {
	return strict.List(maxDetectors, func(r *strict.Reader, _ int) error {
		c := detectorChange{index: -1}
		var description string
		var list []wire.Rule
		err := strict.Object("detectors", strict.Fields{
			"detector_index": strict.Int(&c.index),
			"description": func(r *strict.Reader) error {
				c.description = &description
				return text(&description)(r)
			},
			"custom_rules": func(r *strict.Reader) error {
				c.rules = &list
				return rules(&list)(r)
			},
		})(r)
		if err == nil && c.index < 0 {
			err = wire.Refuse(wire.TypeIllegalArgument, "[detector_index] must say which detector is changed; it counts from 0")
		}
		u.changes = append(u.changes, c)
		return err
	})(r)
}

// Apply returns a job's configuration after the change. open says whether the job
// is open, modelBytes what it has learned. The error is a *wire.Refusal, and the
// job is as it was.
func (u *Update) Apply(have *wire.Job, open bool, modelBytes int64) (*wire.Job, error) {
	j := *have
	from := u.draft.job
	for name, set := range map[string]func(){ // order-free: each sets a field of its own
		"groups":                                    func() { j.Groups = from.Groups },
		"description":                               func() { j.Description = from.Description },
		"model_plot_config":                         func() { j.ModelPlotConfig = from.ModelPlotConfig },
		"renormalization_window_days":               func() { j.RenormalizationWindowDays = from.RenormalizationWindowDays },
		"background_persist_interval":               func() { j.BackgroundPersistInterval = from.BackgroundPersistInterval },
		"model_snapshot_retention_days":             func() { j.ModelSnapshotRetentionDays = from.ModelSnapshotRetentionDays },
		"daily_model_snapshot_retention_after_days": func() { j.DailyModelSnapshotRetentionAfterDays = from.DailyModelSnapshotRetentionAfterDays },
		"results_retention_days":                    func() { j.ResultsRetentionDays = from.ResultsRetentionDays },
		"custom_settings":                           func() { j.CustomSettings = from.CustomSettings },
		"allow_lazy_open":                           func() { j.AllowLazyOpen = from.AllowLazyOpen },
		"categorization_filters":                    func() { setFilters(&j.AnalysisConfig, from.AnalysisConfig.CategorizationFilters) },
	} {
		if u.given[name] {
			set()
		}
	}
	for _, step := range []func() error{
		func() error { return u.applyLimits(&j, open, modelBytes) },
		func() error { return u.applyWindow(&j) },
		func() error { return u.applyPartition(&j) },
		func() error { return u.applyDetectors(&j) },
		func() error { return u.checkSettings(have, &j) },
		func() error { return checkCategories(&j.AnalysisConfig) },
		func() error { return (&draft{job: &j}).checkGroups(j.JobID) },
		func() error { return (&draft{job: &j}).checkRetention() },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &j, nil
}

func (u *Update) applyLimits(j *wire.Job, open bool, modelBytes int64) error {
	if !u.given["analysis_limits"] {
		return nil
	}
	limits := wire.AnalysisLimits{}
	if j.AnalysisLimits != nil {
		limits = *j.AnalysisLimits
	}
	if n := u.draft.job.AnalysisLimits.CategorizationExamplesLimit; n != nil {
		limits.CategorizationExamplesLimit = n
	}
	if mib := u.draft.memoryMiB; mib != 0 {
		switch {
		case open:
			return wire.Refuse(wire.TypeIllegalArgument, "Cannot update analysis_limits while the job is open; close it first")
		case mib*wire.MiB < modelBytes:
			return wire.Refuse(wire.TypeIllegalArgument, "Invalid update value for analysis_limits: model_memory_limit cannot be decreased below current usage; current usage [%d mb], update had [%d mb]",
				(modelBytes+wire.MiB-1)/wire.MiB, mib)
		}
		limits.ModelMemoryLimit = wire.FormatMemoryLimit(mib)
	}
	j.AnalysisLimits = &limits
	return nil
}

func (u *Update) applyWindow(j *wire.Job) error {
	if !u.given["model_prune_window"] {
		return nil
	}
	span, err := wire.ParseDuration("bucket_span", j.AnalysisConfig.BucketSpan)
	if err != nil {
		return err
	}
	d := draft{job: j, span: span}
	window := u.draft.job.AnalysisConfig.ModelPruneWindow
	if err := d.latencyAndWindow("", window); err != nil {
		return err
	}
	j.AnalysisConfig.ModelPruneWindow = window
	return nil
}

func (u *Update) applyPartition(j *wire.Job) error {
	p := u.draft.job.AnalysisConfig.PerPartitionCategorization
	if p == nil {
		return nil
	}
	have := j.AnalysisConfig.PerPartitionCategorization
	if (have != nil && have.Enabled) != p.Enabled {
		return wire.Refuse(wire.TypeIllegalArgument, "per_partition_categorization.enabled cannot be changed: the categories so far belong to the other way; make a new job")
	}
	j.AnalysisConfig.PerPartitionCategorization = p
	return nil
}

func (u *Update) applyDetectors(j *wire.Job) error {
	list := slices.Clone(j.AnalysisConfig.Detectors)
	for _, c := range u.changes {
		if c.index >= int64(len(list)) {
			return wire.Refuse(wire.TypeIllegalArgument, "Supplied detector_index [%d] is >= the number of detectors [%d]", c.index, len(list))
		}
		x := &list[c.index]
		if c.description != nil {
			x.DetectorDescription = *c.description
		}
		if c.rules != nil {
			x.CustomRules = slices.Clone(*c.rules)
			f, err := function(x.Function)
			if err != nil {
				return err
			}
			if err := checkRules(x, f); err != nil {
				return err
			}
		}
	}
	j.AnalysisConfig.Detectors = list
	return nil
}

// checkSettings refuses another time zone: what was learned belongs to the days of
// the old one.
func (u *Update) checkSettings(have, j *wire.Job) error {
	before, err := zoneOf(have)
	if err != nil {
		return err
	}
	after, err := zoneOf(j)
	if err != nil {
		return err
	}
	if !bytes.Equal(have.CustomSettings, j.CustomSettings) && !slices.Equal(before, after) {
		return wire.Refuse(wire.TypeIllegalArgument, "custom_settings.tidemark.time_zone cannot be changed: what was learned belongs to the days of the old zone; make a new job")
	}
	return nil
}
