package wire

// MemoryStats is the answer to GET memory/_stats: what models take on each node.
type MemoryStats struct {
	ClusterName string                `json:"cluster_name"`
	Nodes       map[string]NodeMemory `json:"nodes"`
}

// NodeMemory is the memory of one node, in bytes.
type NodeMemory struct {
	Name             string            `json:"name"`
	EphemeralID      string            `json:"ephemeral_id"`
	TransportAddress string            `json:"transport_address"`
	Attributes       map[string]string `json:"attributes"`
	Roles            []string          `json:"roles"`
	Mem              struct {
		AdjustedTotal int64 `json:"adjusted_total_in_bytes"`
		Total         int64 `json:"total_in_bytes"`
		ML            struct {
			Max                  int64 `json:"max_in_bytes"`
			NativeCodeOverhead   int64 `json:"native_code_overhead_in_bytes"`
			AnomalyDetectors     int64 `json:"anomaly_detectors_in_bytes"`
			DataFrameAnalytics   int64 `json:"data_frame_analytics_in_bytes"`
			NativeInferenceBytes int64 `json:"native_inference_in_bytes"`
		} `json:"ml"`
	} `json:"mem"`
}

// DeletedExpired is the answer to deleting expired data.
type DeletedExpired struct {
	Deleted bool `json:"deleted"`
}

// ModelUpgradeList is the answer to GET of the upgrades of snapshots.
type ModelUpgradeList struct {
	Count    int64          `json:"count"`
	Upgrades []ModelUpgrade `json:"model_snapshot_upgrades"`
}

// ModelUpgrade is an upgrade of a snapshot under way.
type ModelUpgrade struct {
	JobID                 string `json:"job_id"`
	SnapshotID            string `json:"snapshot_id"`
	State                 string `json:"state"`
	AssignmentExplanation string `json:"assignment_explanation,omitzero"`
}

// ClusterHealth tells how the server is: green, yellow or red.
type ClusterHealth struct {
	ClusterName   string `json:"cluster_name"`
	Status        string `json:"status"`
	TimedOut      bool   `json:"timed_out"`
	NumberOfNodes int64  `json:"number_of_nodes"`
	ActiveShards  int64  `json:"active_shards"`
}
