package client

import (
	"context"
	"net/http"
	"time"

	"tidemark/wire"
)

// GetModelSnapshotsRequest chooses model snapshots of a job, by default the newest
// first.
type GetModelSnapshotsRequest struct {
	JobID string // required
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs string
	// Start and End bound the times of the snapshots; the zero time leaves one out.
	Start, End time.Time
	// Sort names a field; Asc turns the order round.
	Sort string
	Asc  bool
	Page
}

// GetModelSnapshots lists a job's model snapshots.
func (c *Client) GetModelSnapshots(ctx context.Context, r GetModelSnapshotsRequest) (*wire.ModelSnapshotList, error) {
	rest := []string{snapshotsSegment}
	if r.IDs != "" {
		rest = append(rest, r.IDs)
	}
	q := c.job("list the model snapshots of", r.JobID, http.MethodGet, rest...)
	return send[wire.ModelSnapshotList](ctx, c, q.time("start", "Start", r.Start).time("end", "End", r.End).
		text("sort", r.Sort).flag("desc", !r.Asc, true).page(r.Page))
}

// GetModelSnapshotsAsync is GetModelSnapshots with a listener.
func (c *Client) GetModelSnapshotsAsync(ctx context.Context, r GetModelSnapshotsRequest, l Listener[wire.ModelSnapshotList]) *Pending {
	return async(ctx, c, r, l, c.GetModelSnapshots)
}

const snapshotsSegment = "model_snapshots"

// snapshot starts a call about a model snapshot.
func (c *Client) snapshot(verb, jobID, id, method string, rest ...string) *call {
	return c.job(verb, jobID, method, append([]string{snapshotsSegment, id}, rest...)...).need("SnapshotID", id)
}

// UpdateModelSnapshotRequest changes a snapshot's description or whether it is
// retained.
type UpdateModelSnapshotRequest struct {
	JobID, SnapshotID string // required
	Update            wire.ModelSnapshotUpdate
}

// UpdateModelSnapshot changes a snapshot and returns it.
func (c *Client) UpdateModelSnapshot(ctx context.Context, r UpdateModelSnapshotRequest) (*wire.ModelSnapshotUpdated, error) {
	q := c.snapshot("update a model snapshot of", r.JobID, r.SnapshotID, http.MethodPost, "_update")
	return send[wire.ModelSnapshotUpdated](ctx, c, q.encode(&r.Update))
}

// UpdateModelSnapshotAsync is UpdateModelSnapshot with a listener.
func (c *Client) UpdateModelSnapshotAsync(ctx context.Context, r UpdateModelSnapshotRequest, l Listener[wire.ModelSnapshotUpdated]) *Pending {
	return async(ctx, c, r, l, c.UpdateModelSnapshot)
}

// DeleteModelSnapshotRequest names a snapshot.
type DeleteModelSnapshotRequest struct {
	JobID, SnapshotID string // required
}

// DeleteModelSnapshot removes a snapshot that is not the active one.
func (c *Client) DeleteModelSnapshot(ctx context.Context, r DeleteModelSnapshotRequest) (*wire.Acknowledged, error) {
	return send[wire.Acknowledged](ctx, c, c.snapshot("delete a model snapshot of", r.JobID, r.SnapshotID, http.MethodDelete))
}

// DeleteModelSnapshotAsync is DeleteModelSnapshot with a listener.
func (c *Client) DeleteModelSnapshotAsync(ctx context.Context, r DeleteModelSnapshotRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.DeleteModelSnapshot)
}

// RevertModelSnapshotRequest names a snapshot.
type RevertModelSnapshotRequest struct {
	JobID, SnapshotID string // required
	// DeleteResults removes the results since the snapshot, so that the time can
	// be sent again.
	DeleteResults bool
}

// RevertModelSnapshot makes a closed job's model what it was at a snapshot.
func (c *Client) RevertModelSnapshot(ctx context.Context, r RevertModelSnapshotRequest) (*wire.ModelReverted, error) {
	q := c.snapshot("revert", r.JobID, r.SnapshotID, http.MethodPost, "_revert")
	return send[wire.ModelReverted](ctx, c, q.flag("delete_intervening_results", r.DeleteResults, false))
}

// RevertModelSnapshotAsync is RevertModelSnapshot with a listener.
func (c *Client) RevertModelSnapshotAsync(ctx context.Context, r RevertModelSnapshotRequest, l Listener[wire.ModelReverted]) *Pending {
	return async(ctx, c, r, l, c.RevertModelSnapshot)
}

// UpgradeModelSnapshotRequest names a snapshot.
type UpgradeModelSnapshotRequest struct {
	JobID, SnapshotID string // required
	// Wait answers when it is done.
	Wait bool
}

// UpgradeModelSnapshot writes a snapshot in the format of this version.
func (c *Client) UpgradeModelSnapshot(ctx context.Context, r UpgradeModelSnapshotRequest) (*wire.ModelUpgraded, error) {
	q := c.snapshot("upgrade a model snapshot of", r.JobID, r.SnapshotID, http.MethodPost, "_upgrade")
	return send[wire.ModelUpgraded](ctx, c, q.flag("wait_for_completion", r.Wait, false))
}

// UpgradeModelSnapshotAsync is UpgradeModelSnapshot with a listener.
func (c *Client) UpgradeModelSnapshotAsync(ctx context.Context, r UpgradeModelSnapshotRequest, l Listener[wire.ModelUpgraded]) *Pending {
	return async(ctx, c, r, l, c.UpgradeModelSnapshot)
}

// GetModelSnapshotUpgradesRequest chooses upgrades.
type GetModelSnapshotUpgradesRequest struct {
	JobID string // required
	// IDs are ids and patterns with *, separated by commas; empty: all.
	IDs string
}

// GetModelSnapshotUpgrades lists the upgrades under way.
func (c *Client) GetModelSnapshotUpgrades(ctx context.Context, r GetModelSnapshotUpgradesRequest) (*wire.ModelUpgradeList, error) {
	q := c.job("list the upgrades of", r.JobID, http.MethodGet, snapshotsSegment, orAll(r.IDs), "_upgrade", "_stats")
	return send[wire.ModelUpgradeList](ctx, c, q)
}

// GetModelSnapshotUpgradesAsync is GetModelSnapshotUpgrades with a listener.
func (c *Client) GetModelSnapshotUpgradesAsync(ctx context.Context, r GetModelSnapshotUpgradesRequest, l Listener[wire.ModelUpgradeList]) *Pending {
	return async(ctx, c, r, l, c.GetModelSnapshotUpgrades)
}
