package job

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"

	"tidemark/internal/inlog"
	"tidemark/internal/store"
)

// memLog is an input log in memory: it tells durable entries from pending
// ones, and fails or waits on command.
type memLog struct {
	mu      sync.Mutex
	jobs    map[uint64]*memEntries
	pending []func(error)
	// held keeps tickets pending until release; full refuses appends.
	held   bool
	full   error
	stats  inlog.Stats
	damage map[uint64]uint64 // job → damaged position
	// keeps: nothing is trimmed, as with a long retention.
	keeps bool
}

type memEntries struct {
	first   uint64 // position of entries[0]
	queued  uint64 // last position including pending ones
	entries [][]byte
}

func newMemLog() *memLog {
	return &memLog{jobs: map[uint64]*memEntries{}, damage: map[uint64]uint64{}}
}

func (l *memLog) of(job uint64) *memEntries {
	if l.jobs[job] == nil {
		l.jobs[job] = &memEntries{first: 1}
	}
	return l.jobs[job]
}

func (e *memEntries) last() uint64 { return e.first + uint64(len(e.entries)) - 1 }

func (l *memLog) Append(job, after uint64, entries [][]byte) *inlog.Ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of(job)
	if e.queued < e.last() {
		e.queued = e.last()
	}
	t := inlog.NewTicket(after+1, after+uint64(len(entries)))
	commit := func(err error) {
		switch {
		case err == nil && after != e.last():
			err = inlog.ErrGap
		case err == nil:
			for _, b := range entries {
				e.entries = append(e.entries, bytes.Clone(b))
			}
			l.stats.Entries += uint64(len(entries))
			l.stats.Commits++
			for _, b := range entries {
				l.stats.Bytes += int64(len(b))
			}
		}
		e.queued = e.last()
		t.Resolve(err)
	}
	if l.held {
		l.pending = append(l.pending, commit)
	} else {
		commit(l.full)
	}
	return t
}

// release resolves what is held: durable, or failed with err.
func (l *memLog) release(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, commit := range l.pending {
		commit(err)
	}
	l.pending = nil
}

// releaseFirst makes the oldest held append durable.
func (l *memLog) releaseFirst() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending[0](nil)
	l.pending = l.pending[1:]
}

// held waits until n appends are pending.
func (l *memLog) waitForHeld(n int) {
	for {
		l.mu.Lock()
		have := len(l.pending)
		l.mu.Unlock()
		if have >= n {
			return
		}
		runtime.Gosched()
	}
}

func (l *memLog) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *memLog) Read(ctx context.Context, job, from uint64, visit func(uint64, []byte) error) error {
	l.mu.Lock()
	e := l.of(job)
	first, entries, damaged := e.first, slices.Clone(e.entries), l.damage[job]
	l.mu.Unlock()
	for i, b := range entries {
		position := first + uint64(i)
		if position < from {
			continue
		}
		if position == damaged {
			return &inlog.CorruptError{File: "memory", Job: job, Position: position, Cause: "on purpose"}
		}
		if err := visit(position, b); err != nil {
			return err
		}
	}
	return nil
}

func (l *memLog) Bounds(_ context.Context, job uint64) (first, last uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of(job)
	return e.first, e.last(), nil
}

func (l *memLog) Trim(_ context.Context, job, before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of(job)
	for !l.keeps && e.first < before && len(e.entries) > 0 {
		e.first++
		e.entries = e.entries[1:]
	}
	return nil
}

func (l *memLog) Drop(_ context.Context, job uint64) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of(job)
	gone := (len(e.entries) + 1) / 2
	e.first, e.entries = e.first+uint64(gone), e.entries[gone:]
	return len(e.entries) > 0, nil
}

func (l *memLog) Stats() inlog.Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

func (l *memLog) Close() error { return nil }

// crashed is what a new process finds: the durable entries only.
func (l *memLog) crashed() *memLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := newMemLog()
	c.damage, c.keeps = maps.Clone(l.damage), l.keeps
	for job, e := range l.jobs {
		c.jobs[job] = &memEntries{first: e.first, entries: slices.Clone(e.entries)}
	}
	return c
}

// memStore is a store in memory. Like the real one it may lose commits that
// were not synced: durable is what a power failure leaves.
type memStore struct {
	// What no test of this package needs is not there.
	store.Store
	mu            sync.Mutex
	live, durable memRows
	// full refuses every write, fullRows only commits.
	full, fullRows error
	purgeFails     error
	commits        int
}

type memRows struct {
	nextNum     uint64
	jobs        map[uint64]store.Job
	tombs       map[uint64]bool
	buckets     map[uint64][]store.BucketRow
	records     map[uint64][]store.RecordRow
	influencers map[uint64][]store.InfluencerRow
	snapshots   map[uint64][]memSnapshot // newest first
	shared      map[string]store.Shared
}

type memSnapshot struct {
	store.Snapshot
	data    []byte
	corrupt bool
}

func (r *memRows) clone() memRows {
	c := *r
	c.jobs, c.tombs = maps.Clone(r.jobs), maps.Clone(r.tombs)
	c.buckets, c.records, c.influencers = cloneLists(r.buckets), cloneLists(r.records), cloneLists(r.influencers)
	c.snapshots = cloneLists(r.snapshots)
	return c
}

func cloneLists[T any](m map[uint64][]T) map[uint64][]T {
	c := make(map[uint64][]T, len(m))
	for k, v := range m {
		c[k] = slices.Clone(v)
	}
	return c
}

func newMemStore() *memStore {
	s := &memStore{live: memRows{
		jobs: map[uint64]store.Job{}, tombs: map[uint64]bool{},
		buckets: map[uint64][]store.BucketRow{}, records: map[uint64][]store.RecordRow{},
		influencers: map[uint64][]store.InfluencerRow{}, snapshots: map[uint64][]memSnapshot{},
	}}
	s.durable = s.live.clone()
	return s
}

// sync runs a durable change.
func (s *memStore) sync(change func(*memRows) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full != nil {
		return s.full
	}
	if err := change(&s.live); err != nil {
		return err
	}
	s.durable = s.live.clone()
	return nil
}

func (s *memStore) set(change func(*memRows)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.live)
}

func (s *memStore) CreateJob(_ context.Context, j *store.Job) error {
	return s.sync(func(r *memRows) error {
		for _, have := range r.jobs {
			if have.ID == j.ID {
				return store.ErrExists
			}
		}
		r.nextNum++
		j.Num = r.nextNum
		r.jobs[j.Num] = *j
		return nil
	})
}

func (s *memStore) Jobs(context.Context) ([]store.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Collect(maps.Values(s.live.jobs))
	slices.SortFunc(list, func(a, b store.Job) int { return cmp.Compare(a.ID, b.ID) })
	for i := range list {
		if have := s.live.snapshots[list[i].Num]; len(have) > 0 {
			list[i].Newest, list[i].NewestAt = have[0].Meta, have[0].Position
		}
	}
	return list, nil
}

func (s *memStore) SaveJob(_ context.Context, j *store.Job) error {
	return s.sync(func(r *memRows) error {
		have, ok := r.jobs[j.Num]
		if !ok {
			return store.ErrNotFound
		}
		committed, logEnd := have.Committed, have.LogEnd
		have = *j
		have.Committed, have.LogEnd = committed, logEnd
		r.jobs[j.Num] = have
		return nil
	})
}

func (s *memStore) DeleteJob(_ context.Context, num uint64) error {
	return s.sync(func(r *memRows) error {
		delete(r.jobs, num)
		r.tombs[num] = true
		return nil
	})
}

func (s *memStore) ResetJob(_ context.Context, num uint64) (j store.Job, err error) {
	return j, s.sync(func(r *memRows) error {
		old, ok := r.jobs[num]
		if !ok {
			return store.ErrNotFound
		}
		delete(r.jobs, num)
		r.tombs[num] = true
		r.nextNum++
		j = store.Job{Num: r.nextNum, ID: old.ID, Config: old.Config, State: store.Closed}
		r.jobs[j.Num] = j
		return nil
	})
}

func (s *memStore) Tombstones(context.Context) ([]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.live.tombs)), nil
}

func (s *memStore) PurgeStep(_ context.Context, num uint64) (more bool, err error) {
	err = s.sync(func(r *memRows) error {
		if s.purgeFails != nil {
			return s.purgeFails
		}
		if len(r.buckets[num]) > 0 {
			delete(r.buckets, num)
			more = true
			return nil
		}
		delete(r.records, num)
		delete(r.influencers, num)
		delete(r.snapshots, num)
		delete(r.tombs, num)
		return nil
	})
	return more, err
}

func (s *memStore) Commit(_ context.Context, c *store.Commit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.full, s.fullRows); err != nil {
		return err
	}
	r := &s.live
	j, ok := r.jobs[c.Job]
	if !ok {
		return store.ErrNotFound
	}
	s.commits++
	j.Committed, j.LogEnd = max(j.Committed, c.Committed), max(j.LogEnd, c.LogEnd)
	if c.State != "" {
		j.State = c.State
	}
	if len(c.Stamps) > 0 {
		j.Stamps = c.Stamps
	}
	if len(c.Stats) > 0 {
		j.Stats = c.Stats
	}
	r.jobs[c.Job] = j
	if c.DropInterim {
		r.buckets[c.Job] = slices.DeleteFunc(r.buckets[c.Job], func(b store.BucketRow) bool { return b.Interim })
		r.records[c.Job] = slices.DeleteFunc(r.records[c.Job], func(b store.RecordRow) bool { return b.Interim })
		r.influencers[c.Job] = slices.DeleteFunc(r.influencers[c.Job], func(b store.InfluencerRow) bool { return b.Interim })
	}
	if c.DropFrom {
		r.buckets[c.Job] = slices.DeleteFunc(r.buckets[c.Job], func(b store.BucketRow) bool { return b.StartMs >= c.DropFromMs })
		r.records[c.Job] = slices.DeleteFunc(r.records[c.Job], func(b store.RecordRow) bool { return b.StartMs >= c.DropFromMs })
		r.influencers[c.Job] = slices.DeleteFunc(r.influencers[c.Job], func(b store.InfluencerRow) bool { return b.StartMs >= c.DropFromMs })
		for i := range r.buckets[c.Job] {
			b := &r.buckets[c.Job][i]
			b.Run = min(b.Run, (c.DropFromMs-b.StartMs+b.SpanMs-1)/b.SpanMs)
		}
	}
	for _, b := range c.Buckets {
		for _, have := range r.buckets[c.Job] {
			if have.StartMs == b.StartMs && !have.Interim {
				panic(fmt.Sprintf("bucket %d of job %d written twice", b.StartMs, c.Job))
			}
		}
		r.buckets[c.Job] = append(r.buckets[c.Job], b)
	}
	r.records[c.Job] = append(r.records[c.Job], c.Records...)
	r.influencers[c.Job] = append(r.influencers[c.Job], c.Influencers...)
	return nil
}

func (s *memStore) Sync(context.Context) error {
	return s.sync(func(*memRows) error { return nil })
}

func (s *memStore) Buckets(_ context.Context, job uint64, q store.Query) (store.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p store.Page
	for _, b := range s.live.buckets[job] {
		if q.ExcludeInterim && b.Interim {
			continue
		}
		p.Docs = append(p.Docs, b.Doc)
	}
	p.Total = int64(len(p.Docs))
	return p, nil
}

func (s *memStore) Records(_ context.Context, job uint64, _ store.Query) (store.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p store.Page
	for _, b := range s.live.records[job] {
		p.Docs = append(p.Docs, b.Doc)
	}
	p.Total = int64(len(p.Docs))
	return p, nil
}

func (s *memStore) Influencers(_ context.Context, job uint64, _ store.Query) (store.Page, error) {
	return store.Page{}, nil
}

func (s *memStore) SaveShared(_ context.Context, d store.Shared) error {
	return s.sync(func(r *memRows) error {
		all := maps.Clone(r.shared)
		if all == nil {
			all = map[string]store.Shared{}
		}
		all[d.Kind+" "+d.ID] = d
		r.shared = all
		return nil
	})
}

func (s *memStore) DeleteShared(_ context.Context, kind, id string) error {
	return s.sync(func(r *memRows) error {
		all := maps.Clone(r.shared)
		delete(all, kind+" "+id)
		r.shared = all
		return nil
	})
}

func (s *memStore) AllShared(context.Context) (list []store.Shared, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.live.shared)) {
		list = append(list, s.live.shared[key])
	}
	return list, nil
}

func (s *memStore) Others(context.Context, uint64, string) ([]store.OtherRow, error) { return nil, nil }

func (s *memStore) Scores(context.Context, []uint64, int64, int64, func(uint64, store.ScoreRow) error) error {
	return nil
}

func (s *memStore) Categories(_ context.Context, job uint64, _ store.CategoryQuery) (store.Page, error) {
	return store.Page{}, nil
}

func (s *memStore) SaveSnapshot(_ context.Context, snap store.Snapshot, write func(io.Writer) error) (store.Snapshot, error) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return snap, err
	}
	snap.Bytes = int64(b.Len())
	return snap, s.sync(func(r *memRows) error {
		if j, ok := r.jobs[snap.Job]; !ok {
			return store.ErrNotFound
		} else if j.Committed < snap.Position {
			return fmt.Errorf("snapshot at %d, results only up to %d", snap.Position, j.Committed)
		}
		r.snapshots[snap.Job] = slices.Insert(r.snapshots[snap.Job], 0, memSnapshot{Snapshot: snap, data: b.Bytes()})
		return nil
	})
}

func (s *memStore) Snapshots(_ context.Context, job uint64) ([]store.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []store.Snapshot
	for _, snap := range s.live.snapshots[job] {
		list = append(list, snap.Snapshot)
	}
	return list, nil
}

func (s *memStore) OpenSnapshot(_ context.Context, job, position uint64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, snap := range s.live.snapshots[job] {
		if snap.Position != position {
			continue
		}
		if snap.corrupt {
			return io.NopCloser(io.MultiReader(bytes.NewReader(snap.data), failingReader{store.ErrCorrupt})), nil
		}
		return io.NopCloser(bytes.NewReader(snap.data)), nil
	}
	return nil, store.ErrNotFound
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func (s *memStore) DeleteSnapshot(_ context.Context, job, position uint64) error {
	return s.sync(func(r *memRows) error {
		r.snapshots[job] = slices.DeleteFunc(r.snapshots[job], func(s memSnapshot) bool { return s.Position == position })
		return nil
	})
}

func (s *memStore) SetSnapshotMeta(_ context.Context, job, position uint64, meta []byte) error {
	return s.sync(func(r *memRows) error {
		// The durable rows share the list until it is replaced.
		list := slices.Clone(r.snapshots[job])
		for i := range list {
			if list[i].Position == position {
				list[i].Meta = meta
			}
		}
		r.snapshots[job] = list
		return nil
	})
}

func (s *memStore) Bytes() int64 { return 0 }
func (s *memStore) Close() error { return nil }

// crashed is what a new process finds after a kill, or, with powerLoss, after
// the machine lost what was not synced.
func (s *memStore) crashed(powerLoss bool) *memStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := newMemStore()
	if powerLoss {
		c.live = s.durable.clone()
	} else {
		c.live = s.live.clone()
	}
	c.durable = c.live.clone()
	return c
}

var errTest = errors.New("failed on purpose")
