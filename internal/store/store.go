// Package store keeps what is not input: job configurations, results and model
// snapshots. Results are stored as the wire's documents with key columns
// beside them.
package store

import (
	"context"
	"errors"
	"io"
	"slices"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrFull     = errors.New("no room in the store")
	// ErrSort refuses to sort by a field that results do not have.
	ErrSort = errors.New("results cannot be sorted by")
	// ErrCorrupt marks a row or snapshot whose checksum does not match.
	ErrCorrupt = errors.New("checksum mismatch")
)

// State is the durable state of a job.
type State string

// The durable states.
const (
	Closed State = "closed"
	Opened State = "opened"
	Failed State = "failed"
)

// Job is one job's row.
type Job struct {
	// Num is the internal number, never reused. It keys log, snapshots and
	// results.
	Num uint64
	ID  string
	// Config is the wire's job object, as internal/document writes it.
	Config []byte
	State  State
	// Reason tells why the job failed; FailedAt and Failures where and how
	// often in a row at that log position.
	Reason   string
	FailedAt uint64
	Failures int
	// Committed: results of all log entries up to here are in the store.
	Committed uint64
	// LogEnd is the last log position known to be durable. A log that ends
	// before it is damaged.
	LogEnd uint64
	// Stamps are runtime facts outside the engine's state, as JSON
	// (last_data_time, open_time, timing stats and the like).
	Stamps []byte
	// Stats are the last data counts and model size, as JSON, so that a closed
	// job's stats need no engine.
	Stats []byte
	// Newest is the Meta of the newest snapshot and NewestAt its position, nil and 0
	// without one; only Jobs sets them.
	Newest   []byte
	NewestAt uint64
}

// Snapshot describes one stored model snapshot.
type Snapshot struct {
	Job      uint64
	Position uint64 // all entries up to here are in it
	Bytes    int64
	CreateMs int64
	// Build is the engine version that wrote it.
	Build string
	// Meta is a JSON document for the API (description, size stats, times).
	Meta []byte
}

// BucketRow, RecordRow and InfluencerRow are result documents with their keys.
// Times are milliseconds.
type BucketRow struct {
	StartMs, SpanMs int64
	Run             int64 // consecutive equal buckets, at least 1
	Score           float64
	EventCount      int64
	Interim         bool
	Doc             []byte
}

// RecordRow is an anomaly record's document with its keys.
type RecordRow struct {
	StartMs, SpanMs     int64
	Score, LogProb      float64
	Detector            int
	Function, Field     string
	Partition, By, Over string
	Interim             bool
	// DocID is the deterministic document id (J_record_…).
	DocID string
	Doc   []byte
}

// InfluencerRow is an influencer's document with its keys.
type InfluencerRow struct {
	StartMs, SpanMs int64
	Score, LogProb  float64
	Field, Value    string
	Interim         bool
	DocID           string
	Doc             []byte
}

// CategoryRow is a category's document. It replaces the one with the same ID.
type CategoryRow struct {
	ID        int64
	Partition string
	Doc       []byte
}

// OtherRow is a result document that is no bucket, record, influencer or category:
// a model plot, a forecast, or what a client wrote. It replaces the one with the
// same DocID.
type OtherRow struct {
	// Job is set by Others.
	Job     uint64
	Kind    string
	StartMs int64
	DocID   string
	Doc     []byte
}

// Written is a result document that a client wrote. Exactly one of its rows is
// set. It replaces what was written with the same DocID.
type Written struct {
	DocID      string
	Bucket     *BucketRow
	Record     *RecordRow
	Influencer *InfluencerRow
	Category   *CategoryRow
	Other      *OtherRow
}

// Shared is a document that belongs to no job.
type Shared struct {
	// Kind says what it is, "filter"; ID is unique among its kind.
	Kind, ID string
	Doc      []byte
}

// ScoreRow is the score of a bucket, or of a run of equal ones.
type ScoreRow struct {
	StartMs, SpanMs, Run int64
	Score                float64
	Interim              bool
}

// CategoryQuery selects categories of one job, by ID unless that is 0, and by
// partition value if HasPartition.
type CategoryQuery struct {
	ID           int64
	Partition    string
	HasPartition bool
	From, Size   int
}

// Commit is one atomic change of a job's results.
type Commit struct {
	Job uint64
	// Committed and LogEnd move the row's positions; they never go back.
	Committed, LogEnd uint64
	// DropInterim first removes every interim result of the job.
	DropInterim bool
	Buckets     []BucketRow
	Records     []RecordRow
	Influencers []InfluencerRow
	Categories  []CategoryRow
	Others      []OtherRow
	// DropFrom removes every result that starts at or after DropFromMs first.
	// With KeepForecasts those stay.
	DropFrom      bool
	DropFromMs    int64
	KeepForecasts bool
	// State, Stamps and Stats replace the row's values unless empty.
	State         State
	Stamps, Stats []byte
}

// Query selects results of one job. A zero Start or End does not bound.
type Query struct {
	StartMs, EndMs   int64
	HasStart, HasEnd bool
	MinScore         float64
	ExcludeInterim   bool
	Sort             string // wire field name; empty: the endpoint's default
	// SortDocument lets Sort name any member of the documents, at the cost of
	// reading each of them.
	SortDocument bool
	Desc         bool
	From, Size   int
}

// Page is an answer: how many match in all, and the documents of the page.
type Page struct {
	Total int64
	Docs  [][]byte
}

// ScanRange narrows a scan over result documents.
type ScanRange struct {
	// FromMs and ToMs bound the times [FromMs, ToMs) at which results start;
	// documents without a time are visited all the same.
	FromMs, ToMs int64
	// Types are the result types that are looked for, nil for all documents.
	Types []string
	// Least are the least scores, by result type.
	Least map[string]float64
	// Cursor, unless nil, is where to go on. It moves with the scan: during a visit it
	// stands at the document in hand.
	Cursor *Cursor
}

// Cursor is a place in the scan of a job's documents: behind one of them, or, if
// zero, before all.
type Cursor struct {
	// Part says which kind of document it is; kinds are scanned one after the other.
	Part CursorPart
	// StartMs and ID are the row's key, Run is the bucket's place in its run of
	// buckets, or that of a document in a list.
	StartMs, ID, Run int64
}

// CursorPart is a kind of document in the order of a scan.
type CursorPart uint8

// The kinds of document, in order. PartOwn are those that the store does not have.
const (
	PartBuckets CursorPart = iota + 1
	PartRecords
	PartInfluencers
	PartOthers
	PartCategories
	PartOwn
)

// Moves returns a cursor to move along a scan, and where the scan begins.
func (r *ScanRange) Moves() (moving *Cursor, begin Cursor) {
	if r.Cursor == nil {
		return &Cursor{}, begin
	}
	return r.Cursor, *r.Cursor
}

// Has reports whether documents of a result type are looked for.
func (r *ScanRange) Has(resultType string) bool {
	return r.Types == nil || slices.Contains(r.Types, resultType)
}

// Store is implemented by embedded SQLite here. All methods may be called from
// several goroutines. Methods that change configuration, states or snapshot
// pointers return only when the change is durable; Commit need not be.
type Store interface {
	// CreateJob takes id, config and state from j and sets Num. ErrExists if a
	// live job has the id.
	CreateJob(ctx context.Context, j *Job) error
	// Jobs returns all live jobs by id.
	Jobs(ctx context.Context) ([]Job, error)
	// SaveJob replaces the row's Config, State, Reason, FailedAt, Failures,
	// Stamps and Stats, durably.
	SaveJob(ctx context.Context, j *Job) error
	// DeleteJob writes the tombstone: from then on the id is free.
	DeleteJob(ctx context.Context, num uint64) error
	// ResetJob gives a job a new number with its configuration and nothing else,
	// closed; everything of the old number is left to a purge, as after
	// DeleteJob. Both happen or neither.
	ResetJob(ctx context.Context, num uint64) (Job, error)
	// Tombstones lists deleted jobs whose data is not purged yet.
	Tombstones(ctx context.Context) ([]uint64, error)
	// PurgeStep removes a bounded part of a deleted job's rows and snapshots
	// and reports whether more remain; the last step removes the tombstone.
	PurgeStep(ctx context.Context, num uint64) (more bool, err error)

	// SaveShared stores a document in the place of the one with the same kind and
	// ID, durably. DeleteShared removes it; removing what is not there is no error.
	SaveShared(ctx context.Context, d Shared) error
	DeleteShared(ctx context.Context, kind, id string) error
	// AllShared returns all of them by kind and ID.
	AllShared(ctx context.Context) ([]Shared, error)

	Commit(ctx context.Context, c *Commit) error
	// Sync makes every earlier Commit durable.
	Sync(ctx context.Context) error

	Buckets(ctx context.Context, job uint64, q Query) (Page, error)
	Records(ctx context.Context, job uint64, q Query) (Page, error)
	Influencers(ctx context.Context, job uint64, q Query) (Page, error)

	// Scores calls visit with the rows of the jobs that touch [fromMs, toMs), by
	// time, until it returns an error, which Scores then wraps.
	Scores(ctx context.Context, jobs []uint64, fromMs, toMs int64, visit func(job uint64, r ScoreRow) error) error
	// Categories returns categories by ID, ascending.
	Categories(ctx context.Context, job uint64, q CategoryQuery) (Page, error)

	// Write stores a document that a client wrote, durably, and reports whether it
	// took the place of one. Erase removes one, HasWritten says whether there is one.
	Write(ctx context.Context, job uint64, w Written) (replaced bool, err error)
	Erase(ctx context.Context, job uint64, docID string) (found bool, err error)
	HasWritten(ctx context.Context, job uint64, docID string) (bool, error)
	// Scan calls visit with the documents of a job in a range; what the range leaves
	// out may be among them. docID is "" where it can be derived from the document.
	// Runs of buckets are expanded.
	Scan(ctx context.Context, job uint64, r ScanRange, visit func(docID string, doc []byte) error) error
	// Others returns the documents of a kind, by time; job 0 means those of all jobs.
	Others(ctx context.Context, job uint64, kind string) ([]OtherRow, error)
	// DropOthers removes the documents of a kind whose DocID begins with prefix.
	DropOthers(ctx context.Context, job uint64, kind, prefix string) (int, error)
	// PruneResults removes up to limit rows of results that end at or before
	// beforeMs, and reports whether there may be more.
	PruneResults(ctx context.Context, job uint64, beforeMs int64, limit int) (more bool, err error)

	// SaveSnapshot writes a snapshot through write and publishes it durably:
	// file synced, then the store synced with the pointer.
	SaveSnapshot(ctx context.Context, s Snapshot, write func(io.Writer) error) (Snapshot, error)
	// Snapshots lists a job's snapshots, newest first.
	Snapshots(ctx context.Context, job uint64) ([]Snapshot, error)
	// OpenSnapshot reads one back. A damaged one ends reading with ErrCorrupt.
	OpenSnapshot(ctx context.Context, job, position uint64) (io.ReadCloser, error)
	// SetSnapshotMeta replaces a snapshot's document for the API, durably.
	SetSnapshotMeta(ctx context.Context, job, position uint64, meta []byte) error
	// DeleteSnapshot removes one durably.
	DeleteSnapshot(ctx context.Context, job, position uint64) error

	// Bytes is the size on disk.
	Bytes() int64
	Close() error
}
