package client

import (
	"context"
	"net/http"
	"time"

	"tidemark/wire"
)

// InfoRequest asks who answers.
type InfoRequest struct{}

// Info returns the server's name and versions.
func (c *Client) Info(ctx context.Context, _ InfoRequest) (*wire.Info, error) {
	return send[wire.Info](ctx, c, at("server info", "", http.MethodGet, ""))
}

// InfoAsync is Info with a listener.
func (c *Client) InfoAsync(ctx context.Context, r InfoRequest, l Listener[wire.Info]) *Pending {
	return async(ctx, c, r, l, c.Info)
}

// MLInfoRequest asks for defaults and limits.
type MLInfoRequest struct{}

// MLInfo returns what a new job gets if it says nothing, and what bounds it.
func (c *Client) MLInfo(ctx context.Context, _ MLInfoRequest) (*wire.MLInfo, error) {
	return send[wire.MLInfo](ctx, c, c.ml("get defaults and limits", "", http.MethodGet, "info"))
}

// MLInfoAsync is MLInfo with a listener.
func (c *Client) MLInfoAsync(ctx context.Context, r MLInfoRequest, l Listener[wire.MLInfo]) *Pending {
	return async(ctx, c, r, l, c.MLInfo)
}

// SetUpgradeModeRequest turns upgrade mode on or off.
type SetUpgradeModeRequest struct {
	Enabled bool
	// Timeout is how long the server waits for it; 0: 30 seconds.
	Timeout time.Duration
}

// SetUpgradeMode turns upgrade mode on, in which nothing is opened and nothing
// taken, or off.
func (c *Client) SetUpgradeMode(ctx context.Context, r SetUpgradeModeRequest) (*wire.Acknowledged, error) {
	q := c.ml("set upgrade mode", "", http.MethodPost, "set_upgrade_mode").again()
	return send[wire.Acknowledged](ctx, c, q.flag("enabled", r.Enabled, false).wait("timeout", r.Timeout))
}

// SetUpgradeModeAsync is SetUpgradeMode with a listener.
func (c *Client) SetUpgradeModeAsync(ctx context.Context, r SetUpgradeModeRequest, l Listener[wire.Acknowledged]) *Pending {
	return async(ctx, c, r, l, c.SetUpgradeMode)
}

// GetMemoryStatsRequest chooses nodes.
type GetMemoryStatsRequest struct {
	// NodeID is a node's name or a filter of nodes; empty: all.
	NodeID string
}

// GetMemoryStats returns what models take on each node.
func (c *Client) GetMemoryStats(ctx context.Context, r GetMemoryStatsRequest) (*wire.MemoryStats, error) {
	segments := []string{"memory", "_stats"}
	if r.NodeID != "" {
		segments = []string{"memory", r.NodeID, "_stats"}
	}
	return send[wire.MemoryStats](ctx, c, c.ml("get memory stats", r.NodeID, http.MethodGet, segments...))
}

// GetMemoryStatsAsync is GetMemoryStats with a listener.
func (c *Client) GetMemoryStatsAsync(ctx context.Context, r GetMemoryStatsRequest, l Listener[wire.MemoryStats]) *Pending {
	return async(ctx, c, r, l, c.GetMemoryStats)
}

// DeleteExpiredDataRequest chooses jobs.
type DeleteExpiredDataRequest struct {
	// JobIDs are ids, groups and patterns with *, separated by commas; empty: all.
	JobIDs string
	// RequestsPerSecond bounds how fast it goes; 0: as fast as it can.
	RequestsPerSecond float64
	// Timeout is how long it may take; 0: 8 hours.
	Timeout time.Duration
}

// DeleteExpiredData removes what the jobs' retention lets go.
func (c *Client) DeleteExpiredData(ctx context.Context, r DeleteExpiredDataRequest) (*wire.DeletedExpired, error) {
	segments := []string{"_delete_expired_data"}
	if r.JobIDs != "" {
		segments = append(segments, r.JobIDs)
	}
	q := c.ml("delete expired data", r.JobIDs, http.MethodDelete, segments...).again()
	return send[wire.DeletedExpired](ctx, c, q.number("requests_per_second", r.RequestsPerSecond).wait("timeout", r.Timeout))
}

// DeleteExpiredDataAsync is DeleteExpiredData with a listener.
func (c *Client) DeleteExpiredDataAsync(ctx context.Context, r DeleteExpiredDataRequest, l Listener[wire.DeletedExpired]) *Pending {
	return async(ctx, c, r, l, c.DeleteExpiredData)
}

// ClusterHealthRequest asks how the server is.
type ClusterHealthRequest struct {
	// WaitForStatus is green, yellow or red; empty: do not wait.
	WaitForStatus string
}

// ClusterHealth returns how the server is.
func (c *Client) ClusterHealth(ctx context.Context, r ClusterHealthRequest) (*wire.ClusterHealth, error) {
	return send[wire.ClusterHealth](ctx, c, at("cluster health", "", http.MethodGet, "_cluster", "health").text("wait_for_status", r.WaitForStatus))
}

// ClusterHealthAsync is ClusterHealth with a listener.
func (c *Client) ClusterHealthAsync(ctx context.Context, r ClusterHealthRequest, l Listener[wire.ClusterHealth]) *Pending {
	return async(ctx, c, r, l, c.ClusterHealth)
}
