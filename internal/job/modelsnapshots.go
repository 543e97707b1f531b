package job

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/internal/document"
	"tidemark/internal/match"
	"tidemark/internal/query"
	"tidemark/internal/store"
	"tidemark/wire"
)

// emptySnapshot is the id of the model as it is before any data.
const emptySnapshot = "empty"

// modelSnapshot is a snapshot as the API shows it, with where it is stored.
type modelSnapshot struct {
	wire.ModelSnapshot
	position uint64
	meta     snapshotMeta
	// written: a client wrote it as a document; there is no state behind it.
	written bool
	docID   string
}

// snapshots lists a job's snapshots, newest first.
func (j *job) snapshots(ctx context.Context) ([]modelSnapshot, error) {
	rows, err := j.m.opt.Store.Snapshots(ctx, j.num)
	if err != nil {
		return nil, err
	}
	var list []modelSnapshot
	known := map[string]bool{}
	for _, row := range rows {
		s := modelSnapshot{position: row.Position}
		if row.Meta == nil || json.Unmarshal(row.Meta, &s.meta) != nil || s.meta.Figures == nil || known[s.meta.ID] {
			continue
		}
		known[s.meta.ID] = true
		size := document.ModelSize(j.id, s.meta.Figures.Size, row.CreateMs)
		s.ModelSnapshot = wire.ModelSnapshot{
			JobID: j.id, MinVersion: wire.Version, Timestamp: wire.Millis(row.CreateMs), Description: s.meta.Description, SnapshotID: s.meta.ID,
			SnapshotDocCount: 1, ModelSizeStats: &size, Retain: s.meta.Retain,
			LatestRecordTimeStamp: millisOf(s.meta.LatestRecordMs), LatestResultTimeStamp: millisOf(s.meta.LatestResultMs),
		}
		list = append(list, s)
	}
	others, err := j.m.opt.Store.Others(ctx, j.num, kindSnapshot)
	for _, o := range others {
		s := modelSnapshot{written: true, docID: o.DocID}
		if json.Unmarshal(o.Doc, &s.ModelSnapshot) != nil {
			s.ModelSnapshot = leniently(o.Doc)
		}
		s.JobID = j.id
		if !known[s.SnapshotID] {
			list = append(list, s)
		}
	}
	return list, err
}

// leniently reads the snapshot of a document whose times are texts.
func leniently(doc []byte) (s wire.ModelSnapshot) {
	for name, to := range map[string]*string{"snapshot_id": &s.SnapshotID, "description": &s.Description, "min_version": &s.MinVersion} {
		for _, v := range query.Values(doc, name) {
			*to = v.Text
		}
	}
	if ms, ok := query.Millis(doc, "timestamp"); ok {
		s.Timestamp = wire.Millis(ms)
	}
	for name, to := range map[string]**wire.Millis{"latest_record_time_stamp": &s.LatestRecordTimeStamp, "latest_result_time_stamp": &s.LatestResultTimeStamp} {
		if ms, ok := query.Millis(doc, name); ok {
			*to = wire.MillisOf(ms)
		}
	}
	for _, v := range query.Values(doc, "retain") {
		s.Retain = v.Num == 1
	}
	return s
}

func millisOf(ms int64) *wire.Millis {
	if ms == record.NoTime || ms < 0 {
		return nil
	}
	return wire.MillisOf(ms)
}

func noSnapshot(job, id string) *Error {
	return &Error{Fault: NotFound, Job: job, Reason: "No model snapshot with id [" + id + "] exists for job [" + job + "]"}
}

// SnapshotQuery selects model snapshots. Zero values do not select.
type SnapshotQuery struct {
	// Expr is a comma list of ids and patterns.
	Expr             string
	StartMs, EndMs   int64
	HasStart, HasEnd bool
	Sort             string
	Desc             bool
	From, Size       int
}

// snapshotSort are the fields that snapshots can be sorted by.
var snapshotSort = map[string]func(a, b *wire.ModelSnapshot) int{
	"":                   func(a, b *wire.ModelSnapshot) int { return cmp.Compare(a.Timestamp, b.Timestamp) },
	"timestamp":          func(a, b *wire.ModelSnapshot) int { return cmp.Compare(a.Timestamp, b.Timestamp) },
	"description":        func(a, b *wire.ModelSnapshot) int { return cmp.Compare(a.Description, b.Description) },
	"snapshot_id":        func(a, b *wire.ModelSnapshot) int { return cmp.Compare(a.SnapshotID, b.SnapshotID) },
	"snapshot_doc_count": func(a, b *wire.ModelSnapshot) int { return cmp.Compare(a.SnapshotDocCount, b.SnapshotDocCount) },
	"min_version":        func(a, b *wire.ModelSnapshot) int { return cmp.Compare(a.MinVersion, b.MinVersion) },
	"latest_record_time_stamp": func(a, b *wire.ModelSnapshot) int {
		return cmp.Compare(timeOr0(a.LatestRecordTimeStamp), timeOr0(b.LatestRecordTimeStamp))
	},
	"latest_result_time_stamp": func(a, b *wire.ModelSnapshot) int {
		return cmp.Compare(timeOr0(a.LatestResultTimeStamp), timeOr0(b.LatestResultTimeStamp))
	},
}

func timeOr0(t *wire.Millis) wire.Millis {
	if t == nil {
		return 0
	}
	return *t
}

// ModelSnapshots returns a page of a job's snapshots and how many match.
func (m *Manager) ModelSnapshots(ctx context.Context, id string, q SnapshotQuery) (*wire.ModelSnapshotList, error) {
	j, err := m.find(id)
	if err != nil {
		return nil, err
	}
	order, ok := snapshotSort[q.Sort]
	if !ok {
		return nil, badRequest(id, "No mapping found for [%s] in order to sort on; sort by timestamp, snapshot_id or description", q.Sort)
	}
	all, err := j.snapshots(ctx)
	if err != nil {
		return nil, err
	}
	things := make([]match.Named, len(all))
	for i := range all {
		things[i].ID = all[i].SnapshotID
	}
	ids, err := match.Resolve(q.Expr, things, true)
	if err != nil {
		return nil, noSnapshot(id, err.(*match.MissingError).Name)
	}
	list := []wire.ModelSnapshot{}
	for i := range all {
		at := int64(all[i].Timestamp)
		if slices.Contains(ids, all[i].SnapshotID) && (!q.HasStart || at >= q.StartMs) && (!q.HasEnd || at < q.EndMs) {
			list = append(list, all[i].ModelSnapshot)
		}
	}
	slices.SortStableFunc(list, func(a, b wire.ModelSnapshot) int {
		n := cmp.Or(order(&a, &b), cmp.Compare(a.SnapshotID, b.SnapshotID))
		if q.Desc {
			return -n
		}
		return n
	})
	from := min(q.From, len(list))
	return &wire.ModelSnapshotList{Count: int64(len(list)), ModelSnapshots: list[from:min(from+q.Size, len(list))]}, nil
}

// oneSnapshot returns a job's snapshot by its id.
func (j *job) oneSnapshot(ctx context.Context, id string) (*modelSnapshot, error) {
	all, err := j.snapshots(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].SnapshotID == id {
			return &all[i], nil
		}
	}
	return nil, noSnapshot(j.id, id)
}

// UpdateModelSnapshot changes a snapshot's description or whether it is retained.
func (m *Manager) UpdateModelSnapshot(ctx context.Context, id, snapshot string, u *wire.ModelSnapshotUpdate) (*wire.ModelSnapshot, error) {
	j, err := m.find(id)
	if err != nil {
		return nil, err
	}
	s, err := j.oneSnapshot(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	if u.Description != nil {
		s.Description, s.meta.Description = *u.Description, *u.Description
	}
	if u.Retain != nil {
		s.Retain, s.meta.Retain = *u.Retain, *u.Retain
	}
	if s.written {
		doc, err := json.Marshal(&s.ModelSnapshot)
		if err == nil {
			_, err = m.opt.Store.Write(ctx, j.num, store.Written{DocID: s.docID, Other: &store.OtherRow{Kind: kindSnapshot, StartMs: int64(s.Timestamp), DocID: s.docID, Doc: doc}})
		}
		return &s.ModelSnapshot, err
	}
	rows, err := j.rowsOf(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		rows[i].meta.Description, rows[i].meta.Retain = s.Description, s.Retain
		if err := j.saveMeta(ctx, &rows[i]); err != nil {
			return nil, err
		}
	}
	return &s.ModelSnapshot, nil
}

// snapshotRow is a stored snapshot with what is known of it.
type snapshotRow struct {
	store.Snapshot
	meta snapshotMeta
	// needed: recovery may need it.
	needed bool
}

// rowsOf are the stored snapshots with an id, newest first: the one that was taken
// is the last, those before it are copies from when a revert went back to it.
func (j *job) rowsOf(ctx context.Context, id string) (list []snapshotRow, err error) {
	rows, err := j.m.opt.Store.Snapshots(ctx, j.num)
	for i := range rows {
		r := snapshotRow{Snapshot: rows[i], needed: i < keepSnapshots}
		if json.Unmarshal(rows[i].Meta, &r.meta) == nil && r.meta.ID == id {
			list = append(list, r)
		}
	}
	return list, err
}

func (j *job) saveMeta(ctx context.Context, r *snapshotRow) error {
	meta, err := json.Marshal(&r.meta)
	if err != nil {
		return err
	}
	return j.m.opt.Store.SetSnapshotMeta(ctx, j.num, r.Position, meta)
}

// DeleteModelSnapshot removes a snapshot that is not the active one. Those that
// recovery needs only stop being shown.
func (m *Manager) DeleteModelSnapshot(ctx context.Context, id, snapshot string) error {
	j, err := m.find(id)
	if err != nil {
		return err
	}
	s, err := j.oneSnapshot(ctx, snapshot)
	if err != nil {
		return err
	}
	if j.changingNow() != "" {
		return conflict(id, "Cannot delete model snapshot [%s] because job [%s] is being %s; try again later", snapshot, id, j.changingNow())
	}
	if j.activeSnapshot() == snapshot {
		return badRequest(id, "Model snapshot '%s' is the active snapshot for job '%s', so cannot be deleted", snapshot, id)
	}
	if s.written {
		_, err := m.opt.Store.Erase(ctx, j.num, s.docID)
		return err
	}
	rows, err := j.rowsOf(ctx, snapshot)
	for i := range rows {
		if err != nil {
			break
		}
		if rows[i].needed {
			rows[i].meta.Figures = nil
			err = j.saveMeta(ctx, &rows[i])
		} else {
			err = m.opt.Store.DeleteSnapshot(ctx, j.num, rows[i].Position)
		}
	}
	return err
}

// activeSnapshot is the id of the snapshot that the next open restores, "" if
// there is none.
func (j *job) activeSnapshot() string {
	if id := j.active.Load(); id != nil {
		return *id
	}
	return ""
}

// revert is a job's way back to a snapshot.
type revert struct {
	snapshot modelSnapshot
	// drop removes the results since then, and the counts with them.
	drop bool
	err  error
}

// RevertModel makes a closed job's model what it was at a snapshot. With drop the
// results since then are removed and their time can be sent again.
func (m *Manager) RevertModel(ctx context.Context, id, snapshot string, drop bool) (*wire.ModelSnapshot, error) {
	j, err := m.find(id)
	if err != nil {
		return nil, err
	}
	plan := &revert{drop: drop}
	if snapshot == emptySnapshot {
		plan.snapshot.ModelSnapshot = wire.ModelSnapshot{JobID: id, MinVersion: wire.Version, SnapshotID: emptySnapshot, Description: "the model before any data"}
		plan.snapshot.written = true
	} else {
		s, err := j.oneSnapshot(ctx, snapshot)
		if err != nil {
			return nil, err
		}
		plan.snapshot = *s
	}
	r, err := j.beginErrand("reverted", "Can only revert to a model snapshot when the job is closed.", func(r *runner) { r.revert = plan })
	if err != nil {
		return nil, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := cmp.Or(plan.err, r.startErr); err != nil {
		return nil, asError(id, err, "reverting it")
	}
	return &plan.snapshot.ModelSnapshot, nil
}

// beginErrand starts a runner that changes a closed job and ends. doing says what
// becomes of the job meanwhile, refusal why it cannot be unless it is closed.
func (j *job) beginErrand(doing, refusal string, set func(*runner)) (*runner, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.m.leaving.Load():
		return nil, stopping(j.id)
	case j.changing != "":
		return nil, conflict(j.id, "job [%s] cannot be %s because it is being %s", j.id, doing, j.changing)
	case j.state != closed:
		return nil, conflict(j.id, "%s", refusal)
	}
	j.state, j.changing = closing, doing
	r := newRunner(j, false)
	set(r)
	j.run.Store(r)
	go r.work()
	return r, nil
}

// goBack carries out a revert. Its entry is what counts: whatever fails after it,
// a recovery catches up on.
func (r *runner) goBack() {
	plan := r.revert
	r.outcome = closed
	s := &plan.snapshot
	if plan.err = r.j.keepForever(r.ctx, s); plan.err != nil {
		return
	}
	en := &entry.Entry{Kind: entry.Revert, Snapshot: s.SnapshotID, Keep: !plan.drop, TimeMs: dropFrom(&s.ModelSnapshot)}
	if s.written {
		en.Snapshot = emptySnapshot // There is no state behind it.
	}
	answer := make(chan error, 1)
	u := &unit{entries: []*entry.Entry{en}, what: "reverting it", done: func(err error, _ *view) { answer <- err }}
	if !r.submit(u) {
		plan.err = r.failure
		return
	}
	if plan.err = <-answer; plan.err != nil {
		return
	}
	r.j.active.Store(&s.SnapshotID)
	r.m.opt.step("reverted")
	f := r.freeze("after a revert")
	if f == nil {
		return
	}
	f.as = s.SnapshotID
	r.save(f)
}

// keepForever makes sure that a snapshot stays until it expires, as one that was
// reverted to must.
func (j *job) keepForever(ctx context.Context, s *modelSnapshot) error {
	if s.written || s.meta.Kept {
		return nil
	}
	s.meta.Kept = true
	rows, err := j.rowsOf(ctx, s.SnapshotID)
	for i := range rows {
		rows[i].meta.Kept = true
		err = cmp.Or(err, j.saveMeta(ctx, &rows[i]))
	}
	return err
}

// dropFrom is the start of the results that came after a snapshot.
func dropFrom(s *wire.ModelSnapshot) int64 {
	if s.LatestResultTimeStamp == nil {
		return 0
	}
	return int64(*s.LatestResultTimeStamp) + 1
}

// applyRevert replaces the engine by the one of the snapshot that the entry names:
// the one that was taken, not what later reverts stored of it.
func (r *runner) applyRevert(position uint64, en *entry.Entry) error {
	next := engine.New(r.m.engineOptions())
	if en.Snapshot != emptySnapshot {
		rows, err := r.j.rowsOf(r.ctx, en.Snapshot)
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[len(rows)-1].Position >= position {
			return fmt.Errorf("the model snapshot [%s], which the job was reverted to, is gone; restore the data directory from a backup, or reset the job", en.Snapshot)
		}
		if next, err = r.read(&rows[len(rows)-1].Snapshot, 0, position); err != nil {
			return err
		}
	}
	next.Inherit(r.eng, en.Keep)
	r.eng = next
	return nil
}

// snapshotID names a new snapshot by the second it was made in, as clients expect,
// or a later one if that is taken.
func (r *runner) snapshotID(ctx context.Context, nowMs int64) (string, error) {
	have, err := r.j.snapshots(ctx)
	if err != nil {
		return "", err
	}
	for n := nowMs / 1000; ; n++ {
		id := strconv.FormatInt(n, 10)
		if !slices.ContainsFunc(have, func(s modelSnapshot) bool { return s.SnapshotID == id }) {
			return id, nil
		}
	}
}

// persistInterval is how often a snapshot is kept for the API, beside those that
// recovery needs.
func (j *job) persistInterval() time.Duration {
	if text := j.conf.Load().wire.BackgroundPersistInterval; text != "" {
		if d, err := wire.ParseDuration("background_persist_interval", text); err == nil {
			return d
		}
	}
	return defaultPersistInterval
}

const defaultPersistInterval = 3 * time.Hour

// UpgradeModelSnapshot answers for a snapshot that every build of this format
// reads: there is nothing to do.
func (m *Manager) UpgradeModelSnapshot(ctx context.Context, id, snapshot string) error {
	j, err := m.find(id)
	if err != nil {
		return err
	}
	s, err := j.oneSnapshot(ctx, snapshot)
	if err != nil {
		return err
	}
	if s.written {
		return nil
	}
	return conflict(id, "Cannot upgrade job [%s] snapshot [%s] as it is already compatible with current version %s", id, snapshot, wire.Version)
}

// expireSnapshots removes the snapshots that the job's retention lets go. Ages
// count from its newest one.
func (j *job) expireSnapshots(ctx context.Context) error {
	all, err := j.snapshots(ctx)
	if err != nil || len(all) == 0 || j.changingNow() != "" {
		return err
	}
	slices.SortFunc(all, func(a, b modelSnapshot) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	newest := len(all) - 1
	conf := j.conf.Load().wire
	keep, daily := days(conf.ModelSnapshotRetentionDays, 10), days(conf.DailyModelSnapshotRetentionAfterDays, 1)
	lastDay := int64(-1)
	for i := range all {
		s := &all[i]
		age, day := int64(all[newest].Timestamp-s.Timestamp), int64(s.Timestamp)/dayMs
		// Once they are old enough, the first one of each day stays.
		expired := age > keep || age > daily && day == lastDay
		if age <= keep {
			lastDay = day
		}
		if i == newest || !expired || s.Retain || s.SnapshotID == j.activeSnapshot() {
			continue
		}
		if err := j.m.DeleteModelSnapshot(ctx, j.id, s.SnapshotID); err != nil {
			return fmt.Errorf("snapshot [%s] of job [%s]: %w", s.SnapshotID, j.id, err)
		}
	}
	return nil
}

const dayMs = 24 * 3600 * 1000

// days is a number of days in milliseconds.
func days(n *int64, fallback int64) int64 {
	if n == nil {
		return fallback * dayMs
	}
	return *n * dayMs
}
