package client

import (
	"context"
	"net/http"
	"time"

	"tidemark/wire"
)

// PutJobRequest creates a job. Job.JobID may be empty or equal to JobID.
type PutJobRequest struct {
	JobID string // required
	Job   wire.Job
	// Raw is sent instead of Job if set: the configuration as JSON.
	Raw []byte
}

// PutJob creates a job, closed, and returns it as the server shows it.
func (c *Client) PutJob(ctx context.Context, r PutJobRequest) (*wire.Job, error) {
	q := c.job("put", r.JobID, http.MethodPut)
	if r.Raw != nil {
		return send[wire.Job](ctx, c, q.raw("Raw", r.Raw))
	}
	return send[wire.Job](ctx, c, q.encode(&r.Job))
}

// PutJobAsync is PutJob with a listener.
func (c *Client) PutJobAsync(ctx context.Context, r PutJobRequest, l Listener[wire.Job]) *Pending {
	return async(ctx, c, r, l, c.PutJob)
}

// GetJobsRequest chooses jobs.
type GetJobsRequest struct {
	// IDs are ids, groups and patterns with *, separated by commas; empty or
	// _all are all jobs.
	IDs string
	// NoMatchFails makes a pattern that matches nothing a 404.
	NoMatchFails bool
	// ExcludeGenerated leaves out what the server set, so that the answer can
	// be put again.
	ExcludeGenerated bool
}

// GetJobs returns configurations, by id.
func (c *Client) GetJobs(ctx context.Context, r GetJobsRequest) (*wire.JobList, error) {
	q := c.expression("get jobs", r.IDs, http.MethodGet)
	return send[wire.JobList](ctx, c, q.flag("allow_no_match", !r.NoMatchFails, true).flag("exclude_generated", r.ExcludeGenerated, false))
}

// GetJobsAsync is GetJobs with a listener.
func (c *Client) GetJobsAsync(ctx context.Context, r GetJobsRequest, l Listener[wire.JobList]) *Pending {
	return async(ctx, c, r, l, c.GetJobs)
}

// expression starts a call about the jobs that an expression chooses; without one
// the path has none.
func (c *Client) expression(name, ids, method string, rest ...string) *call {
	segments := []string{jobsSegment}
	if ids != "" {
		segments = append(segments, ids)
	}
	return c.ml(name, ids, method, append(segments, rest...)...)
}

// GetJobStatsRequest chooses jobs.
type GetJobStatsRequest struct {
	// IDs are ids, groups and patterns with *, separated by commas; empty or
	// _all are all jobs.
	IDs string
	// NoMatchFails makes a pattern that matches nothing a 404.
	NoMatchFails bool
}

// GetJobStats returns states and figures, by id.
func (c *Client) GetJobStats(ctx context.Context, r GetJobStatsRequest) (*wire.JobStatsList, error) {
	q := c.expression("get job stats", r.IDs, http.MethodGet, "_stats")
	return send[wire.JobStatsList](ctx, c, q.flag("allow_no_match", !r.NoMatchFails, true))
}

// GetJobStatsAsync is GetJobStats with a listener.
func (c *Client) GetJobStatsAsync(ctx context.Context, r GetJobStatsRequest, l Listener[wire.JobStatsList]) *Pending {
	return async(ctx, c, r, l, c.GetJobStats)
}

// UpdateJobRequest changes a job.
type UpdateJobRequest struct {
	JobID  string // required
	Update wire.JobUpdate
	// Raw is sent instead of Update if set: the members to change as JSON.
	Raw []byte
}

// UpdateJob changes a job and returns it as the server shows it.
func (c *Client) UpdateJob(ctx context.Context, r UpdateJobRequest) (*wire.Job, error) {
	q := c.job("update", r.JobID, http.MethodPost, "_update")
	if r.Raw != nil {
		return send[wire.Job](ctx, c, q.raw("Raw", r.Raw))
	}
	return send[wire.Job](ctx, c, q.encode(&r.Update))
}

// UpdateJobAsync is UpdateJob with a listener.
func (c *Client) UpdateJobAsync(ctx context.Context, r UpdateJobRequest, l Listener[wire.Job]) *Pending {
	return async(ctx, c, r, l, c.UpdateJob)
}

// OpenJobRequest opens a job for data.
type OpenJobRequest struct {
	JobID string // required
	// Timeout is how long the server waits for it; 0: 30 minutes.
	Timeout time.Duration
}

// OpenJob returns when the job takes data.
func (c *Client) OpenJob(ctx context.Context, r OpenJobRequest) (*wire.OpenResponse, error) {
	q := c.job("open", r.JobID, http.MethodPost, "_open")
	return send[wire.OpenResponse](ctx, c, q.encode(wire.OpenRequest{JobID: r.JobID, Timeout: duration(r.Timeout)}))
}

// OpenJobAsync is OpenJob with a listener.
func (c *Client) OpenJobAsync(ctx context.Context, r OpenJobRequest, l Listener[wire.OpenResponse]) *Pending {
	return async(ctx, c, r, l, c.OpenJob)
}

// CloseJobRequest closes jobs.
type CloseJobRequest struct {
	// IDs are ids, groups and patterns with *, separated by commas; _all is
	// every job. Required.
	IDs string
	// Force closes failed jobs too.
	Force bool
	// NoMatchFails makes a pattern that matches nothing a 404.
	NoMatchFails bool
	// Timeout is how long the server waits for it; 0: 30 minutes.
	Timeout time.Duration
}

// CloseJob returns when the jobs are closed and what they learned is stored.
// Closing a closed job does nothing.
func (c *Client) CloseJob(ctx context.Context, r CloseJobRequest) (*wire.CloseResponse, error) {
	q := c.expression("close job", r.IDs, http.MethodPost, "_close").again()
	if r.IDs == "" {
		q.fail("IDs", errNoJobID)
	}
	body := wire.CloseRequest{Force: r.Force, Timeout: duration(r.Timeout)}
	if r.NoMatchFails {
		body.AllowNoMatch = new(bool)
	}
	return send[wire.CloseResponse](ctx, c, q.encode(body))
}

// CloseJobAsync is CloseJob with a listener.
func (c *Client) CloseJobAsync(ctx context.Context, r CloseJobRequest, l Listener[wire.CloseResponse]) *Pending {
	return async(ctx, c, r, l, c.CloseJob)
}

// DeleteJobRequest deletes a job with its results.
type DeleteJobRequest struct {
	JobID string // required
	// Force deletes it even if it is open.
	Force bool
	// Annotations deletes those that users made, too.
	Annotations bool
	// NoWait answers at once with the task that does it.
	NoWait bool
}

// DeleteJob returns when the job is gone for good and its id is free.
func (c *Client) DeleteJob(ctx context.Context, r DeleteJobRequest) (*wire.TaskOrDone, error) {
	q := c.job("delete", r.JobID, http.MethodDelete)
	return send[wire.TaskOrDone](ctx, c, q.flag("force", r.Force, false).flag("delete_user_annotations", r.Annotations, false).
		flag("wait_for_completion", !r.NoWait, true))
}

// DeleteJobAsync is DeleteJob with a listener.
func (c *Client) DeleteJobAsync(ctx context.Context, r DeleteJobRequest, l Listener[wire.TaskOrDone]) *Pending {
	return async(ctx, c, r, l, c.DeleteJob)
}

// ResetJobRequest makes a closed job what it was when it was created.
type ResetJobRequest struct {
	JobID string // required
	// Annotations deletes those that users made, too.
	Annotations bool
	// NoWait answers at once with the task that does it.
	NoWait bool
}

// ResetJob removes what a closed job has learned and found; its configuration
// stays.
func (c *Client) ResetJob(ctx context.Context, r ResetJobRequest) (*wire.TaskOrDone, error) {
	q := c.job("reset", r.JobID, http.MethodPost, "_reset")
	return send[wire.TaskOrDone](ctx, c, q.flag("delete_user_annotations", r.Annotations, false).flag("wait_for_completion", !r.NoWait, true))
}

// ResetJobAsync is ResetJob with a listener.
func (c *Client) ResetJobAsync(ctx context.Context, r ResetJobRequest, l Listener[wire.TaskOrDone]) *Pending {
	return async(ctx, c, r, l, c.ResetJob)
}

// ValidateJobRequest has a job to be judged.
type ValidateJobRequest struct {
	Job wire.Job
	// Raw is sent instead of Job if set.
	Raw []byte
}

// ValidateJob says what is wrong with a configuration, creating nothing.
func (c *Client) ValidateJob(ctx context.Context, r ValidateJobRequest) (*wire.Acknowledged, error) {
	q := c.ml("validate job", r.Job.JobID, http.MethodPost, jobsSegment, "_validate").again()
	if r.Raw != nil {
		return send[wire.Acknowledged](ctx, c, q.raw("Raw", r.Raw))
	}
	return send[wire.Acknowledged](ctx, c, q.encode(&r.Job))
}

// ValidateJobAsync is ValidateJob with a listener.
func (c *Client) ValidateJobAsync(ctx context.Context, r ValidateJobRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.ValidateJob)
}

// ValidateDetectorRequest has a detector to be judged.
type ValidateDetectorRequest struct{ Detector wire.Detector }

// ValidateDetector says what is wrong with a detector.
func (c *Client) ValidateDetector(ctx context.Context, r ValidateDetectorRequest) (*wire.Acknowledged, error) {
	q := c.ml("validate detector", r.Detector.Function, http.MethodPost, jobsSegment, "_validate", "detector").again()
	return send[wire.Acknowledged](ctx, c, q.encode(&r.Detector))
}

// ValidateDetectorAsync is ValidateDetector with a listener.
func (c *Client) ValidateDetectorAsync(ctx context.Context, r ValidateDetectorRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.ValidateDetector)
}

// EstimateModelMemoryRequest asks what a job would need. The maps tell how many
// values a field has, in all data and in one bucket.
type EstimateModelMemoryRequest struct {
	AnalysisConfig       wire.AnalysisConfig
	OverallCardinality   map[string]int64
	MaxBucketCardinality map[string]int64
}

// EstimateModelMemory returns how much memory a job is expected to need.
func (c *Client) EstimateModelMemory(ctx context.Context, r EstimateModelMemoryRequest) (*wire.MemoryEstimate, error) {
	q := c.ml("estimate model memory", "", http.MethodPost, jobsSegment, "_estimate_model_memory").again()
	return send[wire.MemoryEstimate](ctx, c, q.encode(&wire.MemoryEstimateRequest{
		AnalysisConfig: r.AnalysisConfig, OverallCardinality: r.OverallCardinality, MaxBucketCardinality: r.MaxBucketCardinality}))
}

// EstimateModelMemoryAsync is EstimateModelMemory with a listener.
func (c *Client) EstimateModelMemoryAsync(ctx context.Context, r EstimateModelMemoryRequest, l Listener[wire.MemoryEstimate]) *Pending {
	return async(ctx, c, r, l, c.EstimateModelMemory)
}
