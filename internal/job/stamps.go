package job

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/engine/record"
	"tidemark/engine/result"
)

// stamps are all the facts of a job that do not follow from its log: what the
// runtime read from the wall clock or measured. They are stored beside the
// results and are no part of the equality that a replay must reach. This is
// the one place that lists them. (create_time is part of the configuration.)
//
// A stamps value is immutable once it is part of a view.
type stamps struct {
	// OpenedMs is when the job was last opened, FinishedMs when it was last
	// closed, 0 if it is open. Milliseconds since 1970.
	OpenedMs   int64 `json:"opened_ms,omitempty"`
	FinishedMs int64 `json:"finished_ms,omitempty"`
	// LastDataMs is when the last upload was taken, LogMs when the counts were
	// last stored. 0: never.
	LastDataMs int64 `json:"last_data_ms,omitempty"`
	LogMs      int64 `json:"log_ms,omitempty"`
	// ClosedAt is the log position at which the job was closed without a log
	// entry, because the log took none. 0: it was not.
	ClosedAt uint64 `json:"closed_at,omitempty"`
	// Timing is how long buckets took.
	Timing timing `json:"timing,omitzero"`
	// RevertedTo is the model snapshot that the last revert, at log position
	// RevertedAt, went back to.
	RevertedTo string `json:"reverted_to,omitempty"`
	RevertedAt uint64 `json:"reverted_at,omitempty"`
	// LeftOut are the log positions that an operator told replay to leave out.
	// Each is stored here durably before its LeaveOut entry is appended, so
	// that a replay knows whether it has to look for such entries first. The
	// entry in the log decides; a position without one is not left out.
	LeftOut []uint64 `json:"left_out,omitempty"`
}

// Weights of the exponential averages in timing: about the last hundred buckets
// and the last hundred hours count.
const timingDecay = 0.01

const hourMs = 3_600_000

// timing sums up how long the engine took for buckets, in milliseconds.
type timing struct {
	Buckets int64   `json:"buckets,omitempty"`
	TotalMs float64 `json:"total_ms,omitempty"`
	MinMs   float64 `json:"min_ms,omitempty"`
	MaxMs   float64 `json:"max_ms,omitempty"`
	// ExpMs is the exponential average per bucket.
	ExpMs float64 `json:"exp_ms,omitempty"`
	// HourMs is the hour of event time that is being summed, HourSumMs its sum
	// so far, ExpHourMs the exponential average of the hours before.
	HourMs    int64   `json:"hour,omitempty"`
	HourSumMs float64 `json:"hour_sum_ms,omitempty"`
	ExpHourMs float64 `json:"exp_hour_ms,omitempty"`
	Hours     int64   `json:"hours,omitempty"`
}

// add accounts for n buckets from startMs on that took the given time each.
func (t *timing) add(startMs, n int64, each time.Duration) {
	if n <= 0 {
		return
	}
	ms := float64(each) / float64(time.Millisecond)
	if t.Buckets == 0 {
		t.MinMs, t.MaxMs, t.ExpMs = ms, ms, ms
	}
	t.MinMs, t.MaxMs = min(t.MinMs, ms), max(t.MaxMs, ms)
	// A run of equal buckets moves the average as one step: that is a choice
	// for cheapness, runs are empty time.
	t.ExpMs += timingDecay * (ms - t.ExpMs)
	t.Buckets += n
	t.TotalMs += ms * float64(n)
	if hour := startMs / hourMs; hour != t.HourMs {
		t.endHour()
		t.HourMs = hour
	}
	t.HourSumMs += ms * float64(n)
}

func (t *timing) endHour() {
	if t.HourSumMs == 0 {
		return
	}
	if t.Hours == 0 {
		t.ExpHourMs = t.HourSumMs
	}
	t.ExpHourMs += timingDecay * (t.HourSumMs - t.ExpHourMs)
	t.Hours++
	t.HourSumMs = 0
}

// perHour is the exponential average per hour of event time, counting the hour
// under way if no other is complete.
func (t *timing) perHour() float64 {
	if t.Hours == 0 {
		return t.HourSumMs
	}
	return t.ExpHourMs
}

// figures are what the engine says of itself; stored so that a closed job's
// stats need no engine.
type figures struct {
	Counts record.Counts    `json:"counts"`
	Size   result.ModelSize `json:"size"`
	// SourceMs is up to where the job's datafeed has delivered.
	SourceMs int64 `json:"source_ms,omitzero"`
}

// view is what others may see of a job: its figures and stamps as of the last
// position whose results are committed. It is replaced as a whole, never
// changed.
type view struct {
	figures
	stamps
}

func newView() *view {
	v := &view{}
	v.Counts = record.NewCounts()
	v.Size.Status = result.MemoryOK
	v.Size.BucketMs = record.NoTime
	return v
}

// encode returns the two JSON columns of a job's row.
func (v *view) encode() (stampsJSON, statsJSON []byte, err error) {
	if stampsJSON, err = json.Marshal(&v.stamps); err != nil {
		return nil, nil, err
	}
	statsJSON, err = json.Marshal(&v.figures)
	return stampsJSON, statsJSON, err
}

// decodeView reads a row's columns; empty columns are a new job's.
func decodeView(stampsJSON, statsJSON []byte) (*view, error) {
	v := newView()
	if len(stampsJSON) > 0 {
		if err := json.Unmarshal(stampsJSON, &v.stamps); err != nil {
			return nil, fmt.Errorf("stored stamps: %w", err)
		}
	}
	if len(statsJSON) > 0 {
		if err := json.Unmarshal(statsJSON, &v.figures); err != nil {
			return nil, fmt.Errorf("stored figures: %w", err)
		}
	}
	return v, nil
}

// with returns a changed copy.
func (v *view) with(change func(*view)) *view {
	c := *v
	c.LeftOut = slices.Clone(v.LeftOut)
	change(&c)
	return &c
}
