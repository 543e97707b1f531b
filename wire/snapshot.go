package wire

// ModelSnapshot describes a stored state of what a job has learned.
type ModelSnapshot struct {
	JobID string `json:"job_id"`
	// MinVersion is the API version that can read it.
	MinVersion       string          `json:"min_version"`
	Timestamp        Millis          `json:"timestamp"`
	Description      string          `json:"description,omitzero"`
	SnapshotID       string          `json:"snapshot_id"`
	SnapshotDocCount int64           `json:"snapshot_doc_count"`
	ModelSizeStats   *ModelSizeStats `json:"model_size_stats,omitzero"`
	// LatestRecordTimeStamp and LatestResultTimeStamp are how far data and results
	// had come.
	LatestRecordTimeStamp *Millis `json:"latest_record_time_stamp,omitzero"`
	LatestResultTimeStamp *Millis `json:"latest_result_time_stamp,omitzero"`
	// Retain keeps it from being removed with age.
	Retain bool `json:"retain"`
}

// ModelSnapshotList is the answer to GET model_snapshots.
type ModelSnapshotList struct {
	Count          int64           `json:"count"`
	ModelSnapshots []ModelSnapshot `json:"model_snapshots"`
}

// ModelSnapshotUpdate is the body of an update; nil leaves a member as it is.
type ModelSnapshotUpdate struct {
	Description *string `json:"description,omitzero"`
	Retain      *bool   `json:"retain,omitzero"`
}

// ModelSnapshotUpdated is the answer to an update.
type ModelSnapshotUpdated struct {
	Acknowledged bool          `json:"acknowledged"`
	Model        ModelSnapshot `json:"model"`
}

// ModelReverted is the answer to a revert.
type ModelReverted struct {
	Model ModelSnapshot `json:"model"`
}

// ModelUpgraded is the answer to an upgrade.
type ModelUpgraded struct {
	Completed bool   `json:"completed"`
	Node      string `json:"node"`
}
