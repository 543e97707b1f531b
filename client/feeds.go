package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"tidemark/wire"
)

// PutDatafeedRequest makes a datafeed. Datafeed.DatafeedID may be empty or equal to
// DatafeedID.
type PutDatafeedRequest struct {
	DatafeedID string // required
	// Datafeed is the configuration as JSON: job_id, indices, query, …
	Datafeed jsontext.Value
}

// PutDatafeed makes a datafeed for a job that has none.
func (c *Client) PutDatafeed(ctx context.Context, r PutDatafeedRequest) (*wire.Datafeed, error) {
	q, err := c.beside("put", "datafeed", "DatafeedID", r.DatafeedID, http.MethodPut, "")
	return sendBeside[wire.Datafeed](ctx, c, q, err, r.Datafeed)
}

// PutDatafeedAsync is PutDatafeed with a listener.
func (c *Client) PutDatafeedAsync(ctx context.Context, r PutDatafeedRequest, l Listener[wire.Datafeed]) *Pending {
	return async(ctx, c, r, l, c.PutDatafeed)
}

// UpdateDatafeedRequest changes a datafeed that is not started.
type UpdateDatafeedRequest struct {
	DatafeedID string // required
	Update     jsontext.Value
}

// UpdateDatafeed changes a datafeed and returns it.
func (c *Client) UpdateDatafeed(ctx context.Context, r UpdateDatafeedRequest) (*wire.Datafeed, error) {
	q, err := c.beside("update", "datafeed", "DatafeedID", r.DatafeedID, http.MethodPost, "/_update")
	return sendBeside[wire.Datafeed](ctx, c, q, err, r.Update)
}

// UpdateDatafeedAsync is UpdateDatafeed with a listener.
func (c *Client) UpdateDatafeedAsync(ctx context.Context, r UpdateDatafeedRequest, l Listener[wire.Datafeed]) *Pending {
	return async(ctx, c, r, l, c.UpdateDatafeed)
}

// DatafeedsRequest chooses datafeeds.
type DatafeedsRequest struct {
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs string
}

// GetDatafeeds returns configurations, by id.
func (c *Client) GetDatafeeds(ctx context.Context, r DatafeedsRequest) (*wire.DatafeedList, error) {
	q, err := c.beside("get", "datafeed", "IDs", orAll(r.IDs), http.MethodGet, "")
	return sendBeside[wire.DatafeedList](ctx, c, q, err, nil)
}

// GetDatafeedsAsync is GetDatafeeds with a listener.
func (c *Client) GetDatafeedsAsync(ctx context.Context, r DatafeedsRequest, l Listener[wire.DatafeedList]) *Pending {
	return async(ctx, c, r, l, c.GetDatafeeds)
}

// GetDatafeedStats returns figures, by id.
func (c *Client) GetDatafeedStats(ctx context.Context, r DatafeedsRequest) (*wire.DatafeedStatsList, error) {
	q, err := c.beside("get the stats of", "datafeed", "IDs", orAll(r.IDs), http.MethodGet, "/_stats")
	return sendBeside[wire.DatafeedStatsList](ctx, c, q, err, nil)
}

// GetDatafeedStatsAsync is GetDatafeedStats with a listener.
func (c *Client) GetDatafeedStatsAsync(ctx context.Context, r DatafeedsRequest, l Listener[wire.DatafeedStatsList]) *Pending {
	return async(ctx, c, r, l, c.GetDatafeedStats)
}

// DeleteDatafeedRequest names a datafeed; Force deletes one that is started, too.
type DeleteDatafeedRequest struct {
	DatafeedID string // required
	Force      bool
}

// DeleteDatafeed removes a datafeed.
func (c *Client) DeleteDatafeed(ctx context.Context, r DeleteDatafeedRequest) (*wire.Acknowledged, error) {
	q, err := c.beside("delete", "datafeed", "DatafeedID", r.DatafeedID, http.MethodDelete, "")
	if r.Force {
		q.query = url.Values{"force": {"true"}}
	}
	return sendBeside[wire.Acknowledged](ctx, c, q, err, nil)
}

// DeleteDatafeedAsync is DeleteDatafeed with a listener.
func (c *Client) DeleteDatafeedAsync(ctx context.Context, r DeleteDatafeedRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteDatafeed)
}

// StartDatafeedRequest starts a datafeed. A zero Start means where it stopped or
// the first document, a zero End means for good.
type StartDatafeedRequest struct {
	DatafeedID string // required
	Start, End time.Time
}

// StartDatafeed lets a datafeed search.
func (c *Client) StartDatafeed(ctx context.Context, r StartDatafeedRequest) (*wire.DatafeedStarted, error) {
	q, err := c.beside("start", "datafeed", "DatafeedID", r.DatafeedID, http.MethodPost, "/_start")
	body := map[string]string{}
	for name, t := range map[string]time.Time{"start": r.Start, "end": r.End} {
		if !t.IsZero() {
			body[name] = wire.TimeString(t)
		}
	}
	return sendBeside[wire.DatafeedStarted](ctx, c, q, err, body)
}

// StartDatafeedAsync is StartDatafeed with a listener.
func (c *Client) StartDatafeedAsync(ctx context.Context, r StartDatafeedRequest, l Listener[wire.DatafeedStarted]) *Pending {
	return async(ctx, c, r, l, c.StartDatafeed)
}

// StopDatafeed stops datafeeds and waits for the batches in hand.
func (c *Client) StopDatafeed(ctx context.Context, r DatafeedsRequest) (*wire.DatafeedStopped, error) {
	q, err := c.beside("stop", "datafeed", "IDs", orAll(r.IDs), http.MethodPost, "/_stop")
	q.repeatable = true
	return sendBeside[wire.DatafeedStopped](ctx, c, q, err, nil)
}

// StopDatafeedAsync is StopDatafeed with a listener.
func (c *Client) StopDatafeedAsync(ctx context.Context, r DatafeedsRequest, l Listener[wire.DatafeedStopped]) *Pending {
	return async(ctx, c, r, l, c.StopDatafeed)
}

// PreviewDatafeed returns the first records that a datafeed would find.
func (c *Client) PreviewDatafeed(ctx context.Context, r DatafeedsRequest) (*[]jsontext.Value, error) {
	q, err := c.beside("preview", "datafeed", "IDs", r.IDs, http.MethodGet, "/_preview")
	return sendBeside[[]jsontext.Value](ctx, c, q, err, nil)
}

// PreviewDatafeedAsync is PreviewDatafeed with a listener.
func (c *Client) PreviewDatafeedAsync(ctx context.Context, r DatafeedsRequest, l Listener[[]jsontext.Value]) *Pending {
	return async(ctx, c, r, l, c.PreviewDatafeed)
}

// SnapshotsRequest chooses model snapshots of a job, the newest first.
type SnapshotsRequest struct {
	JobID string // required
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs        string
	From, Size int
}

// GetModelSnapshots lists a job's model snapshots.
func (c *Client) GetModelSnapshots(ctx context.Context, r SnapshotsRequest) (*wire.ModelSnapshotList, error) {
	q, err := c.job("list the model snapshots of", r.JobID, http.MethodGet, "/model_snapshots/"+url.PathEscape(orAll(r.IDs)))
	return sendBeside[wire.ModelSnapshotList](ctx, c, q.paged(r.From, r.Size), err, nil)
}

// GetModelSnapshotsAsync is GetModelSnapshots with a listener.
func (c *Client) GetModelSnapshotsAsync(ctx context.Context, r SnapshotsRequest, l Listener[wire.ModelSnapshotList]) *Pending {
	return async(ctx, c, r, l, c.GetModelSnapshots)
}

// SnapshotRequest names a model snapshot; Update and DropResults are for the calls
// that read them.
type SnapshotRequest struct {
	JobID, SnapshotID string // required
	Update            wire.ModelSnapshotUpdate
	// DropResults removes the results since the snapshot when the job is reverted.
	DropResults bool
}

// snapshot starts a call about a model snapshot.
func (c *Client) snapshot(verb string, r *SnapshotRequest, method, rest string) (*call, error) {
	q, err := c.job(verb, r.JobID, method, "/model_snapshots/"+url.PathEscape(r.SnapshotID)+rest)
	if err == nil && r.SnapshotID == "" {
		err = &RequestError{Call: q.name, Field: "SnapshotID", Err: errNoID}
	}
	return q, err
}

// UpdateModelSnapshot changes a snapshot's description or whether it is retained.
func (c *Client) UpdateModelSnapshot(ctx context.Context, r SnapshotRequest) (*wire.ModelSnapshotUpdated, error) {
	q, err := c.snapshot("update a model snapshot of", &r, http.MethodPost, "/_update")
	return sendBeside[wire.ModelSnapshotUpdated](ctx, c, q, err, &r.Update)
}

// UpdateModelSnapshotAsync is UpdateModelSnapshot with a listener.
func (c *Client) UpdateModelSnapshotAsync(ctx context.Context, r SnapshotRequest, l Listener[wire.ModelSnapshotUpdated]) *Pending {
	return async(ctx, c, r, l, c.UpdateModelSnapshot)
}

// DeleteModelSnapshot removes a snapshot that is not the active one.
func (c *Client) DeleteModelSnapshot(ctx context.Context, r SnapshotRequest) (*wire.Acknowledged, error) {
	q, err := c.snapshot("delete a model snapshot of", &r, http.MethodDelete, "")
	return sendBeside[wire.Acknowledged](ctx, c, q, err, nil)
}

// DeleteModelSnapshotAsync is DeleteModelSnapshot with a listener.
func (c *Client) DeleteModelSnapshotAsync(ctx context.Context, r SnapshotRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteModelSnapshot)
}

// RevertModelSnapshot makes a closed job's model what it was at a snapshot.
func (c *Client) RevertModelSnapshot(ctx context.Context, r SnapshotRequest) (*wire.ModelReverted, error) {
	q, err := c.snapshot("revert", &r, http.MethodPost, "/_revert")
	return sendBeside[wire.ModelReverted](ctx, c, q, err, map[string]bool{"delete_intervening_results": r.DropResults})
}

// RevertModelSnapshotAsync is RevertModelSnapshot with a listener.
func (c *Client) RevertModelSnapshotAsync(ctx context.Context, r SnapshotRequest, l Listener[wire.ModelReverted]) *Pending {
	return async(ctx, c, r, l, c.RevertModelSnapshot)
}

// ForecastRequest asks for a forecast. Zero values mean the server's defaults: a
// day, kept for 14 days.
type ForecastRequest struct {
	JobID               string // required
	Duration, ExpiresIn time.Duration
}

// Forecast computes what an open job's models expect.
func (c *Client) Forecast(ctx context.Context, r ForecastRequest) (*wire.ForecastStarted, error) {
	q, err := c.job("forecast", r.JobID, http.MethodPost, "/_forecast")
	body := map[string]string{}
	if r.Duration > 0 {
		body["duration"] = wire.FormatDuration(r.Duration)
	}
	if r.ExpiresIn > 0 {
		body["expires_in"] = wire.FormatDuration(r.ExpiresIn)
	}
	return sendBeside[wire.ForecastStarted](ctx, c, q, err, body)
}

// ForecastAsync is Forecast with a listener.
func (c *Client) ForecastAsync(ctx context.Context, r ForecastRequest, l Listener[wire.ForecastStarted]) *Pending {
	return async(ctx, c, r, l, c.Forecast)
}

// DeleteForecastsRequest names forecasts of a job, separated by commas; "" means all.
type DeleteForecastsRequest struct {
	JobID string // required
	IDs   string
}

// DeleteForecasts removes forecasts.
func (c *Client) DeleteForecasts(ctx context.Context, r DeleteForecastsRequest) (*wire.Acknowledged, error) {
	q, err := c.job("delete forecasts of", r.JobID, http.MethodDelete, "/_forecast/"+url.PathEscape(orAll(r.IDs)))
	return sendBeside[wire.Acknowledged](ctx, c, q, err, nil)
}

// DeleteForecastsAsync is DeleteForecasts with a listener.
func (c *Client) DeleteForecastsAsync(ctx context.Context, r DeleteForecastsRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteForecasts)
}

// DeleteExpiredDataRequest chooses jobs by an expression; "" means all.
type DeleteExpiredDataRequest struct{ JobIDs string }

// DeletedExpired is the answer to DeleteExpiredData.
type DeletedExpired struct {
	Deleted bool `json:"deleted"`
}

// DeleteExpiredData removes what the jobs' retention lets go.
func (c *Client) DeleteExpiredData(ctx context.Context, r DeleteExpiredDataRequest) (*DeletedExpired, error) {
	q := c.root("delete expired data", http.MethodDelete, strings.TrimSuffix(c.prefix, "/anomaly_detectors")+"/_delete_expired_data/"+url.PathEscape(orAll(r.JobIDs)))
	return sendBeside[DeletedExpired](ctx, c, q, nil, nil)
}

// DeleteExpiredDataAsync is DeleteExpiredData with a listener.
func (c *Client) DeleteExpiredDataAsync(ctx context.Context, r DeleteExpiredDataRequest, l Listener[DeletedExpired]) *Pending {
	return async(ctx, c, r, l, c.DeleteExpiredData)
}

// root starts a call whose path is given whole.
func (c *Client) root(name, method, path string) *call {
	return &call{name: name, method: method, path: path, repeatable: method == http.MethodGet}
}

// SearchRequest searches documents, those of results included.
type SearchRequest struct {
	// Index is a name, an alias or a pattern, or several separated by commas.
	Index string // required
	// Body is the search as JSON: query, aggs, sort, size, …; nil asks for all.
	Body jsontext.Value
}

var errNoIndex = errors.New("it is empty; name an index")

// Search returns the answer to a search as JSON.
func (c *Client) Search(ctx context.Context, r SearchRequest) (*jsontext.Value, error) {
	q := c.root("search ["+wire.Clip(r.Index)+"]", http.MethodPost, "/"+url.PathEscape(r.Index)+"/_search")
	q.repeatable = true
	if r.Index == "" {
		return nil, &RequestError{Call: q.name, Field: "Index", Err: errNoIndex}
	}
	if r.Body == nil {
		r.Body = jsontext.Value("{}")
	}
	return sendBeside[jsontext.Value](ctx, c, q, nil, r.Body)
}

// SearchAsync is Search with a listener.
func (c *Client) SearchAsync(ctx context.Context, r SearchRequest, l Listener[jsontext.Value]) *Pending {
	return async(ctx, c, r, l, c.Search)
}

// BulkRequest writes documents.
type BulkRequest struct {
	// Index is where documents go whose action names no index.
	Index string
	// Lines are actions and documents, a line each.
	Lines []byte
}

// Bulk makes many changes of documents; the answer says of each what became of it.
func (c *Client) Bulk(ctx context.Context, r BulkRequest) (*jsontext.Value, error) {
	path := "/_bulk"
	if r.Index != "" {
		path = "/" + url.PathEscape(r.Index) + path
	}
	q := c.root("write "+strconv.Itoa(len(r.Lines))+" bytes of documents", http.MethodPost, path)
	q.body, q.header = jsonBody(r.Lines), http.Header{"Content-Type": {mediaLines}}
	return send[jsontext.Value](ctx, c, q)
}

// BulkAsync is Bulk with a listener.
func (c *Client) BulkAsync(ctx context.Context, r BulkRequest, l Listener[jsontext.Value]) *Pending {
	return async(ctx, c, r, l, c.Bulk)
}
