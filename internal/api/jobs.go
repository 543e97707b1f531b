package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/internal/document"
	"tidemark/internal/match"
	"tidemark/internal/source"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// defaultTimeout is how long opening and closing are waited for.
const defaultTimeout = 30 * time.Minute

// getRoot tells clients whom they talk to.
func getRoot(q *request) error {
	info := wire.NewInfo(q.h.opt.NodeName, q.h.opt.ClusterUUID, q.h.opt.Version, q.h.opt.Build)
	if q.h.opt.NoCompatHeaders {
		info.Version, info.Tagline = nil, ""
	}
	q.answer(http.StatusOK, info)
	return nil
}

func putJob(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send the job's configuration")
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	parsed, err := document.ParseJobWithin(body, q.id(), q.h.opt.Version, q.h.opt.Jobs.MaxMemoryMiB())
	if err != nil {
		return err
	}
	feed := parsed.DatafeedConfig
	parsed.DatafeedConfig = nil
	if err := q.inlineOptions(feed); err != nil {
		return err
	}
	created, err := q.h.opt.Jobs.Put(q.Context(), parsed)
	if err != nil {
		return err
	}
	if feed != nil {
		if created.DatafeedConfig, err = q.h.opt.Feeds.Put(q.Context(), feed); err != nil {
			// A failed put leaves no trace.
			return errors.Join(err, q.h.opt.Jobs.Discard(q.Context(), created.JobID))
		}
	}
	q.h.opt.Note(created.JobID, "info", "Job created")
	for _, text := range document.Warnings(created) {
		q.w.Header().Add("Warning", warning(q.h.opt.Version, text))
	}
	q.answer(http.StatusOK, created)
	return nil
}

// inlineOptions reads what the query says of the indices of a new job's datafeed; feed
// may be nil.
func (q *request) inlineOptions(feed *wire.Datafeed) error {
	if feed == nil {
		feed = &wire.Datafeed{}
	}
	o := &feed.IndicesOptions
	for name, to := range map[string]*bool{ // order-free: each is read by itself
		"allow_no_indices": &o.AllowNoIndices, "ignore_throttled": &o.IgnoreThrottled, "ignore_unavailable": &o.IgnoreUnavailable,
	} {
		value, err := q.boolean(name, *to)
		if err != nil {
			return err
		}
		*to = value
	}
	if !q.query.Has("expand_wildcards") {
		return nil
	}
	o.ExpandWildcards = strings.Split(q.query.Get("expand_wildcards"), ",")
	for _, w := range o.ExpandWildcards {
		if !slices.Contains([]string{"all", "open", "closed", "hidden", "none"}, w) {
			return wire.Refuse(wire.TypeIllegalArgument, "No valid expand wildcard value [%s]; give all, open, closed, hidden or none", wire.Clip(w))
		}
	}
	return nil
}

// validate answers whether a configuration would be taken, without taking it.
func validate(check func(body []byte) error) func(*request) error {
	return func(q *request) error {
		if !q.hasBody {
			return wire.Refuse(wire.TypeParse, "request body is required; send the configuration to be checked")
		}
		body, err := q.body()
		if err != nil {
			return err
		}
		if err := check(body); err != nil {
			return err
		}
		q.answer(http.StatusOK, wire.Acknowledged{Acknowledged: true})
		return nil
	}
}

// estimateMemory answers how much memory a job will need.
func estimateMemory(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send analysis_config and the cardinalities of its fields")
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	mib, err := document.EstimateMemory(body)
	if err != nil {
		return err
	}
	q.answer(http.StatusOK, wire.MemoryEstimate{ModelMemoryEstimate: strconv.FormatInt(mib, 10) + "mb"})
	return nil
}

// mlInfo tells the defaults of new jobs.
func mlInfo(q *request) error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	info := document.Info(q.h.opt.Build, q.h.opt.Jobs.MaxMemoryMiB(), totalMemory(int64(m.Sys))/wire.MiB)
	info.UpgradeMode = q.h.opt.Jobs.UpgradeMode()
	q.answer(http.StatusOK, info)
	return nil
}

// setUpgradeMode stops all work on jobs, or lets it go on.
func setUpgradeMode(q *request) error {
	on, err := q.boolean("enabled", false)
	if err != nil {
		return err
	}
	return q.acknowledge(q.h.opt.Jobs.SetUpgradeMode(q.Context(), on))
}

func updateJob(q *request) error {
	if !q.hasBody {
		return wire.Refuse(wire.TypeParse, "request body is required; send the fields to change")
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	if match.All(q.id()) {
		return wire.Refuse(wire.TypeIllegalArgument, "Cannot update more than 1 job at a time; name one job instead of [%s]", wire.Clip(q.id()))
	}
	update, err := document.ParseUpdate(body)
	if err != nil {
		return err
	}
	if err := update.CheckMemory(q.h.opt.Jobs.MaxMemoryMiB()); err != nil {
		return err
	}
	changed, err := q.h.opt.Jobs.Update(q.Context(), q.id(), update)
	if err != nil {
		return err
	}
	q.h.opt.Note(q.id(), "info", "Job updated")
	q.answer(http.StatusOK, changed)
	return nil
}

func getJobs(q *request) error {
	allow, err := q.either("allow_no_match", "allow_no_jobs", true)
	if err != nil {
		return err
	}
	bare, err := q.boolean("exclude_generated", false)
	if err != nil {
		return err
	}
	list, err := q.h.opt.Jobs.Get(q.Context(), q.id(), allow)
	if err != nil {
		return err
	}
	for i, have := range list {
		have.DatafeedConfig = q.h.opt.Feeds.OfJob(have.JobID)
		if bare {
			list[i] = withoutGenerated(have)
		}
	}
	return sendList(q, "jobs", list)
}

// withoutGenerated is a configuration as it can be put again.
func withoutGenerated(j *wire.Job) *wire.Job {
	bare := *j
	bare.JobType, bare.JobVersion, bare.ModelSnapshotID, bare.ModelSnapshotMinVersion = "", "", "", ""
	bare.CreateTime, bare.FinishedTime, bare.Blocked = nil, nil, nil
	if bare.DatafeedConfig != nil {
		feed := *bare.DatafeedConfig
		feed.DatafeedID, feed.JobID = "", ""
		bare.DatafeedConfig = &feed
	}
	return &bare
}

// statsOfJobs are those of the jobs that the address chooses.
func (q *request) statsOfJobs() ([]*wire.JobStats, error) {
	allow, err := q.either("allow_no_match", "allow_no_jobs", true)
	if err != nil {
		return nil, err
	}
	return q.h.opt.Jobs.Stats(q.Context(), q.id(), allow)
}

func jobStats(q *request) error {
	list, err := q.statsOfJobs()
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.State == wire.StateOpened && s.AssignmentExplanation == "" {
			s.Node = q.node()
		}
	}
	return sendList(q, "jobs", list)
}

func deleteJob(q *request) error {
	force, err := q.boolean("force", false)
	if err != nil {
		return err
	}
	return q.remove("delete", "Job deleted", func() error {
		if err := q.h.opt.Jobs.CanDelete(q.id(), force); err != nil {
			return err
		}
		if err := q.h.opt.Feeds.DeleteForJob(q.Context(), q.id(), force); err != nil {
			return err
		}
		return q.h.opt.Jobs.Delete(q.Context(), q.id(), force)
	})
}

func resetJob(q *request) error {
	return q.remove("reset", "Job reset", func() error { return q.h.opt.Jobs.Reset(q.Context(), q.id()) })
}

// remove runs a removal and answers as the client asked: when it is done, which
// is at once, or with a task.
func (q *request) remove(what, done string, do func() error) error {
	wait, err := q.boolean("wait_for_completion", true)
	if err != nil {
		return err
	}
	users, err := q.boolean("delete_user_annotations", false)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if err := q.h.opt.Index.DropAnnotations(context.WithoutCancel(q.Context()), q.id(), users); err != nil {
		q.h.opt.Logger.Warn("annotations of a job that is gone could not be removed", "job", q.id(), "error", err)
	}
	q.h.opt.Note(q.id(), "info", done)
	if !wait {
		// All but the purge in the background is done already.
		number := q.h.finished.add(task{"cluster:admin/xpack/ml/job/" + what, what + "-job-" + q.id()}, q.h.opt.Now().UnixMilli())
		q.answer(http.StatusOK, map[string]string{"task": fmt.Sprintf("%s:%d", q.h.opt.NodeName, number)})
		return nil
	}
	q.answer(http.StatusOK, wire.Acknowledged{Acknowledged: true})
	return nil
}

func openJob(q *request) error {
	var id string
	value := q.query.Get("timeout")
	if q.hasBody {
		body, err := q.body()
		if err != nil {
			return err
		}
		if err := strict.Parse(body, "open_job_request", strict.Fields{"job_id": strict.Text(&id), "timeout": strict.Text(&value)}); err != nil {
			return err
		}
	}
	wait, err := timeout(value, defaultTimeout)
	if err != nil {
		return err
	}
	if err := q.h.opt.Jobs.Open(q.Context(), q.id(), wait); err != nil {
		return err
	}
	q.h.opt.Note(q.id(), "info", "Job opened")
	q.answer(http.StatusOK, wire.OpenResponse{Opened: true, Node: q.h.opt.NodeName})
	return nil
}

func closeJob(q *request) error {
	r := struct {
		id, timeout string
		force       bool
		allow       *bool
	}{timeout: q.query.Get("timeout")}
	allow := true
	var err error
	if r.force, err = q.boolean("force", false); err != nil {
		return err
	}
	if allow, err = q.either("allow_no_match", "allow_no_jobs", true); err != nil {
		return err
	}
	if q.hasBody {
		body, err := q.body()
		if err != nil {
			return err
		}
		err = strict.Parse(body, "cluster:admin/xpack/ml/job/close", strict.Fields{
			"job_id": strict.Text(&r.id), "timeout": strict.Text(&r.timeout), "force": strict.Bool(&r.force),
			"allow_no_match": strict.OptionalBool(&r.allow), "allow_no_jobs": strict.OptionalBool(&r.allow),
		})
		if err != nil {
			return err
		}
		if r.allow != nil {
			allow = *r.allow
		}
	}
	wait, err := timeout(r.timeout, defaultTimeout)
	if err != nil {
		return err
	}
	list, err := q.h.opt.Jobs.Get(q.Context(), q.id(), allow)
	if err != nil {
		return err
	}
	for _, j := range list {
		if err := q.h.opt.Feeds.StopForJob(q.Context(), j.JobID, source.Halt{Force: r.force, Wait: wait}); err != nil {
			return err
		}
	}
	if err := q.h.opt.Jobs.Close(q.Context(), q.id(), r.force, allow, wait); err != nil {
		return err
	}
	for _, j := range list {
		q.h.opt.Note(j.JobID, "info", "Job closed")
	}
	q.answer(http.StatusOK, wire.CloseResponse{Closed: true})
	return nil
}
