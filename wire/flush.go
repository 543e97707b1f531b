package wire

// FlushAction names the flush in messages about its body.
const FlushAction = "cluster:admin/xpack/ml/job/flush"

// FlushRequest is the body of _flush. Times are time strings; empty ones count
// as absent.
type FlushRequest struct {
	JobID       string `json:"job_id,omitzero"`
	CalcInterim bool   `json:"calc_interim,omitzero"`
	Start       string `json:"start,omitzero"`
	End         string `json:"end,omitzero"`
	AdvanceTime string `json:"advance_time,omitzero"`
	SkipTime    string `json:"skip_time,omitzero"`
}

// FlushResponse is the answer to _flush.
type FlushResponse struct {
	Flushed bool `json:"flushed"`
	// LastFinalizedBucketEnd is the exclusive end of the last final bucket;
	// absent before the job's first record, advance or skip.
	LastFinalizedBucketEnd *Millis `json:"last_finalized_bucket_end,omitzero"`
}
