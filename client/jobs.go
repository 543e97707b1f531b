package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// errNoJobID is what requests without a job id fail with.
var errNoJobID = errors.New("a job id is required")

// errNoID is what requests about a filter or calendar without an id fail with.
var errNoID = errors.New("an id is required")

// checkID refuses ids that the server could not know, before they are part of a
// path.
func checkID(call, id string) error {
	if id == "" {
		return &RequestError{Call: call, Field: "JobID", Err: errNoJobID}
	}
	if err := wire.CheckID("job_id", id); err != nil {
		return &RequestError{Call: call, Field: "JobID", Err: err}
	}
	return nil
}

// job starts a call about one job; rest follows its id in the path.
func (c *Client) job(verb, id, method, rest string) (*call, error) {
	q := &call{name: verb + " job [" + wire.Clip(id) + "]", method: method, path: c.prefix + "/" + id + rest}
	return q, checkID(q.name, id)
}

// expression starts a call about the jobs that an expression chooses.
func (c *Client) expression(verb, ids, method, rest string) *call {
	q := &call{name: verb, method: method, path: c.prefix, query: url.Values{}, repeatable: true}
	if ids != "" {
		q.name += " [" + wire.Clip(ids) + "]"
		q.path += "/" + url.PathEscape(ids)
	}
	q.path += rest
	return q
}

func (q *call) encode(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return &RequestError{Call: q.name, Field: "body", Err: err}
	}
	q.body = jsonBody(raw)
	return nil
}

func (q *call) set(name string, value bool) {
	if q.query == nil {
		q.query = url.Values{}
	}
	q.query.Set(name, strconv.FormatBool(value))
}

// InfoRequest asks who answers.
type InfoRequest struct{}

// Info returns the server's name and versions.
func (c *Client) Info(ctx context.Context, _ InfoRequest) (*wire.Info, error) {
	return send[wire.Info](ctx, c, &call{name: "server info", method: http.MethodGet, path: "/", repeatable: true})
}

// InfoAsync is Info with a listener.
func (c *Client) InfoAsync(ctx context.Context, r InfoRequest, l Listener[wire.Info]) *Pending {
	return async(ctx, c, r, l, c.Info)
}

// PutJobRequest creates a job. Job.JobID may be empty or equal to JobID.
type PutJobRequest struct {
	JobID string // required
	Job   wire.Job
}

// PutJob creates a job, closed, and returns it as the server shows it.
func (c *Client) PutJob(ctx context.Context, r PutJobRequest) (*wire.Job, error) {
	q, err := c.job("put", r.JobID, http.MethodPut, "")
	if err == nil {
		err = q.encode(&r.Job)
	}
	if err != nil {
		return nil, err
	}
	return send[wire.Job](ctx, c, q)
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
	q := c.expression("get jobs", r.IDs, http.MethodGet, "")
	if r.NoMatchFails {
		q.set("allow_no_match", false)
	}
	if r.ExcludeGenerated {
		q.set("exclude_generated", true)
	}
	return send[wire.JobList](ctx, c, q)
}

// GetJobsAsync is GetJobs with a listener.
func (c *Client) GetJobsAsync(ctx context.Context, r GetJobsRequest, l Listener[wire.JobList]) *Pending {
	return async(ctx, c, r, l, c.GetJobs)
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
	q := c.expression("get job stats", r.IDs, http.MethodGet, "/_stats")
	if r.NoMatchFails {
		q.set("allow_no_match", false)
	}
	return send[wire.JobStatsList](ctx, c, q)
}

// GetJobStatsAsync is GetJobStats with a listener.
func (c *Client) GetJobStatsAsync(ctx context.Context, r GetJobStatsRequest, l Listener[wire.JobStatsList]) *Pending {
	return async(ctx, c, r, l, c.GetJobStats)
}

// OpenJobRequest opens a job for data.
type OpenJobRequest struct {
	JobID string // required
	// Timeout is how long the server waits for it; 0: 30 minutes.
	Timeout time.Duration
}

// OpenJob returns when the job takes data.
func (c *Client) OpenJob(ctx context.Context, r OpenJobRequest) (*wire.OpenResponse, error) {
	q, err := c.job("open", r.JobID, http.MethodPost, "/_open")
	if err == nil {
		err = q.encode(wire.OpenRequest{JobID: r.JobID, Timeout: duration(r.Timeout)})
	}
	if err != nil {
		return nil, err
	}
	return send[wire.OpenResponse](ctx, c, q)
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
	q := c.expression("close job", r.IDs, http.MethodPost, "/_close")
	if r.IDs == "" {
		return nil, &RequestError{Call: q.name, Field: "IDs", Err: errNoJobID}
	}
	body := wire.CloseRequest{Force: r.Force, Timeout: duration(r.Timeout)}
	if r.NoMatchFails {
		body.AllowNoMatch = new(bool)
	}
	if err := q.encode(body); err != nil {
		return nil, err
	}
	return send[wire.CloseResponse](ctx, c, q)
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
}

// DeleteJob returns when the job is gone for good and its id is free.
func (c *Client) DeleteJob(ctx context.Context, r DeleteJobRequest) (*wire.Acknowledged, error) {
	q, err := c.job("delete", r.JobID, http.MethodDelete, "")
	if err != nil {
		return nil, err
	}
	if r.Force {
		q.set("force", true)
	}
	return send[wire.Acknowledged](ctx, c, q)
}

// DeleteJobAsync is DeleteJob with a listener.
func (c *Client) DeleteJobAsync(ctx context.Context, r DeleteJobRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteJob)
}

// duration writes an optional duration.
func duration(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return wire.FormatDuration(d)
}

// timeString writes an optional time.
func timeString(call, field string, t time.Time) (string, error) {
	if t.IsZero() {
		return "", nil
	}
	if ms := t.UnixMilli(); ms < 0 || ms > wire.MaxTimeMs {
		return "", &RequestError{Call: call, Field: field, Err: errors.New(t.Format(time.RFC3339) + " is not between 1970 and the year 275760")}
	}
	return wire.TimeString(t), nil
}
