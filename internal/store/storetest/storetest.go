// Package storetest has the tests that every implementation of store.Store
// must pass.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"tidemark/internal/store"
)

// Open opens the store that lives at a place, for the first time or again.
type Open func(t testing.TB, place string) store.Store

// Run runs every test against stores that open makes.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"jobs": jobs, "commit": commit, "runs": runs, "records": records, "influencers": influencers, "categories": categories, "shared": shared, "scores": scores, "counting": counting,
		"interim": interim, "snapshots": snapshots, "purge": purge, "merged runs": mergedRuns, "cursors": cursors,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newJob(t testing.TB, s store.Store, id string) uint64 {
	t.Helper()
	j := store.Job{ID: id, Config: []byte(`{"job_id":"` + id + `"}`), State: store.Closed}
	must(t, s.CreateJob(ctx, &j))
	return j.Num
}

func jobs(t *testing.T, open Open) {
	place := t.TempDir()
	s := open(t, place)
	b, a := newJob(t, s, "b"), newJob(t, s, "a")
	if err := s.CreateJob(ctx, &store.Job{ID: "a"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second job of the same id: %v", err)
	}
	saved := store.Job{Num: b, ID: "b", Config: []byte("{}"), State: store.Failed, Reason: "because", FailedAt: 7, Failures: 2, Stamps: []byte("s"), Stats: []byte("t")}
	must(t, s.SaveJob(ctx, &saved))
	if err := s.SaveJob(ctx, &store.Job{Num: 99}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("saving a job that is not there: %v", err)
	}
	must(t, s.DeleteJob(ctx, a))
	if err := s.DeleteJob(ctx, a); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleting twice: %v", err)
	}
	again := newJob(t, s, "a")
	if again == a || again == b {
		t.Errorf("number %d was used before", again)
	}
	must(t, s.Close())
	must(t, s.Close())
	s = open(t, place)
	defer s.Close()
	list, err := s.Jobs(ctx)
	must(t, err)
	if len(list) != 2 || list[0].ID != "a" || list[0].Num != again || list[1].ID != "b" {
		t.Fatalf("jobs %+v", list)
	}
	if fmt.Sprintf("%+v", list[1]) != fmt.Sprintf("%+v", saved) {
		t.Errorf("saved  %+v\nloaded %+v", saved, list[1])
	}
	if _, err := s.ResetJob(ctx, a); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("resetting a deleted job: %v", err)
	}
	fresh, err := s.ResetJob(ctx, b)
	must(t, err)
	if fresh.Num <= again || fresh.ID != "b" || string(fresh.Config) != "{}" || fresh.State != store.Closed || fresh.Reason != "" || len(fresh.Stamps)+len(fresh.Stats) > 0 {
		t.Errorf("a reset job is %+v", fresh)
	}
	if list, err := s.Jobs(ctx); err != nil || len(list) != 2 || list[1].Num != fresh.Num {
		t.Errorf("after a reset: %+v, %v", list, err)
	}
	tombs, err := s.Tombstones(ctx)
	if err != nil || !slices.Equal(tombs, []uint64{b, a}) && !slices.Equal(tombs, []uint64{a, b}) {
		t.Errorf("tombstones %v, error %v", tombs, err)
	}
}

func commit(t *testing.T, open Open) {
	place := t.TempDir()
	s := open(t, place)
	num := newJob(t, s, "j")
	must(t, s.Commit(ctx, &store.Commit{Job: num, Committed: 5, LogEnd: 6, State: store.Opened, Stamps: []byte("stamps"), Stats: []byte("stats")}))
	must(t, s.Commit(ctx, &store.Commit{Job: num, Committed: 3, LogEnd: 4}))
	if err := s.Commit(ctx, &store.Commit{Job: 99}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a commit of no job: %v", err)
	}
	must(t, s.Sync(ctx))
	must(t, s.Close())
	s = open(t, place)
	defer s.Close()
	list, err := s.Jobs(ctx)
	must(t, err)
	j := list[0]
	if j.Committed != 5 || j.LogEnd != 6 || j.State != store.Opened || string(j.Stamps) != "stamps" || string(j.Stats) != "stats" {
		t.Errorf("job %+v", j)
	}
}

const span = int64(60_000)

func bucketDoc(start int64, score float64, interim bool) []byte {
	return fmt.Appendf(nil, `{"timestamp":%d,"anomaly_score":%g,"is_interim":%t}`, start, score, interim)
}

func bucket(start, run int64, score float64) store.BucketRow {
	return store.BucketRow{StartMs: start, SpanMs: span, Run: run, Score: score, Doc: bucketDoc(start, score, false)}
}

// times lists the timestamps of bucket documents, in spans.
func times(t testing.TB, docs [][]byte) string {
	t.Helper()
	var list []string
	for _, d := range docs {
		var at int64
		if _, err := fmt.Sscanf(string(d), `{"timestamp":%d,`, &at); err != nil {
			t.Fatalf("document %s: %v", d, err)
		}
		list = append(list, fmt.Sprint(at/span))
	}
	return strings.Join(list, " ")
}

// runs checks every window and page over runs against their written-out form.
func runs(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	defer s.Close()
	num := newJob(t, s, "j")
	must(t, s.Commit(ctx, &store.Commit{Job: num, Buckets: []store.BucketRow{
		bucket(2*span, 1, 50), bucket(3*span, 4, 0), bucket(7*span, 1, 80), bucket(10*span, 1_000_000_000, 0),
	}}))
	flat := []int64{2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15}
	for from := int64(0); from < 14; from++ {
		for to := from; to < 15; to++ {
			for _, desc := range []bool{false, true} {
				var want []string
				for _, at := range flat {
					if at >= from && at < to {
						want = append(want, fmt.Sprint(at))
					}
				}
				total := len(want)
				if desc {
					slices.Reverse(want)
				}
				skip, size := min(int(from)%3, total), 4
				page := strings.Join(want[skip:min(skip+size, total)], " ")
				// Bounds between two starts mean the next one.
				q := store.Query{StartMs: from*span - span/2, EndMs: to*span - span/2, HasStart: true, HasEnd: true, From: skip, Size: size, Desc: desc}
				p, err := s.Buckets(ctx, num, q)
				must(t, err)
				if p.Total != int64(total) || times(t, p.Docs) != page {
					t.Fatalf("from %d to %d, desc %t: total %d [%s], want %d [%s]", from, to, desc, p.Total, times(t, p.Docs), total, page)
				}
			}
		}
	}
	p, err := s.Buckets(ctx, num, store.Query{Size: 2, From: 1_000_000_004})
	must(t, err)
	if p.Total != 1_000_000_006 || times(t, p.Docs) != "1000000008 1000000009" {
		t.Errorf("the end of a billion buckets: total %d, %s", p.Total, times(t, p.Docs))
	}
	p, err = s.Buckets(ctx, num, store.Query{Size: 3, Sort: "anomaly_score", Desc: true})
	must(t, err)
	if times(t, p.Docs) != "7 2 1000000009" {
		t.Errorf("by score: %s", times(t, p.Docs))
	}
	p, err = s.Buckets(ctx, num, store.Query{Size: 9, MinScore: 60})
	must(t, err)
	if p.Total != 1 || times(t, p.Docs) != "7" {
		t.Errorf("above 60: %s", times(t, p.Docs))
	}
	if _, err := s.Buckets(ctx, num, store.Query{Sort: "nonsense", Size: 1}); !errors.Is(err, store.ErrSort) {
		t.Errorf("an unknown sort field: %v", err)
	}
}

// mergedRuns: buckets that differ only in time become one run, commit after
// commit; one that differs otherwise begins a new one.
func mergedRuns(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	defer s.Close()
	num := newJob(t, s, "j")
	for i := int64(0); i < 500; i++ {
		b := bucket(i*span, 1, 0)
		if i == 250 {
			b = bucket(i*span, 1, 1)
		}
		must(t, s.Commit(ctx, &store.Commit{Job: num, Buckets: []store.BucketRow{b}}))
	}
	p, err := s.Buckets(ctx, num, store.Query{From: 248, Size: 5})
	must(t, err)
	if p.Total != 500 || times(t, p.Docs) != "248 249 250 251 252" {
		t.Errorf("total %d, %s", p.Total, times(t, p.Docs))
	}
	if n := strings.Count(string(bytes.Join(p.Docs, nil)), `"anomaly_score":1,`); n != 1 {
		t.Errorf("%d of the five have the odd score", n)
	}
}

func recordRow(start int64, score float64, by, partition string, interim bool) store.RecordRow {
	id := fmt.Sprintf("%d/%s/%s", start/span, by, partition)
	return store.RecordRow{StartMs: start, SpanMs: span, Score: score, LogProb: -score, By: by, Partition: partition, Function: "count",
		Interim: interim, DocID: id, Doc: []byte(id)}
}

func page(t testing.TB, p store.Page, err error) string {
	t.Helper()
	must(t, err)
	return fmt.Sprintf("%d: %s", p.Total, bytes.Join(p.Docs, []byte(" ")))
}

func records(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	defer s.Close()
	num, other := newJob(t, s, "j"), newJob(t, s, "k")
	must(t, s.Commit(ctx, &store.Commit{Job: other, Records: []store.RecordRow{recordRow(0, 99, "x", "", false)}}))
	must(t, s.Commit(ctx, &store.Commit{Job: num, Records: []store.RecordRow{
		recordRow(span, 50, "b", "q", false), recordRow(span, 50, "a", "", false), recordRow(span, 50, "a", "p", false),
		recordRow(2*span, 90, "c", "", false), recordRow(3*span, 10, "d", "", true),
	}}))
	for _, c := range []struct {
		name string
		q    store.Query
		want string
	}{
		{"by score", store.Query{Desc: true, Size: 9}, "5: 2/c/ 1/b/q 1/a/p 1/a/ 3/d/"},
		{"page", store.Query{Desc: true, Size: 2, From: 1}, "5: 1/b/q 1/a/p"},
		{"beyond the end", store.Query{Size: 2, From: 7}, "5: "},
		{"range", store.Query{Size: 9, HasStart: true, StartMs: 2 * span, HasEnd: true, EndMs: 3 * span}, "1: 2/c/"},
		{"score", store.Query{Size: 9, MinScore: 60}, "1: 2/c/"},
		{"final only", store.Query{Size: 9, ExcludeInterim: true, Sort: "timestamp", Desc: true}, "4: 2/c/ 1/b/q 1/a/p 1/a/"},
		{"missing last", store.Query{Size: 3, Sort: "partition_field_value"}, "5: 1/a/p 1/b/q 3/d/"},
		{"by probability", store.Query{Size: 1, Sort: "probability"}, "5: 2/c/"},
	} {
		p, err := s.Records(ctx, num, c.q)
		if have := page(t, p, err); have != c.want {
			t.Errorf("%s: %s, want %s", c.name, have, c.want)
		}
	}
}

// shared: documents of no job come back by kind and ID, also after a restart.
func shared(t *testing.T, open Open) {
	ctx := context.Background()
	place := t.TempDir()
	s := open(t, place)
	for _, d := range []store.Shared{{Kind: "b", ID: "1", Doc: []byte("old")}, {Kind: "a", ID: "2", Doc: []byte("two")}, {Kind: "b", ID: "1", Doc: []byte("new")}, {Kind: "a", ID: "1", Doc: []byte("gone")}} {
		must(t, s.SaveShared(ctx, d))
	}
	must(t, s.DeleteShared(ctx, "a", "1"))
	must(t, s.DeleteShared(ctx, "a", "9"))
	must(t, s.Close())
	s = open(t, place)
	defer s.Close()
	list, err := s.AllShared(ctx)
	must(t, err)
	if have := fmt.Sprintf("%s", list); have != "[{a 2 two} {b 1 new}]" {
		t.Error(have)
	}
}

// scores: the rows of a range, by time, runs as they are.
func scores(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, t.TempDir())
	defer s.Close()
	num, other := newJob(t, s, "j"), newJob(t, s, "k")
	row := func(start, run int64, score float64, interim bool) store.BucketRow {
		return store.BucketRow{StartMs: start * span, SpanMs: span, Run: run, Score: score, Interim: interim, Doc: []byte("{}")}
	}
	must(t, s.Commit(ctx, &store.Commit{Job: num, Buckets: []store.BucketRow{row(1, 1, 5, false), row(2, 10, 0, false), row(12, 1, 50, false), row(13, 1, 7, true)}}))
	must(t, s.Commit(ctx, &store.Commit{Job: other, Buckets: []store.BucketRow{row(11, 1, 9, false), row(14, 1, 0, false)}}))
	var have []string
	visit := func(job uint64, r store.ScoreRow) error {
		have = append(have, fmt.Sprintf("%d:%d+%d=%v,%v", job-num, r.StartMs/span, r.Run, r.Score, r.Interim))
		return nil
	}
	must(t, s.Scores(ctx, []uint64{num}, 5*span, 14*span, visit))
	if got := strings.Join(have, " "); got != "0:2+10=0,false 0:12+1=50,false 0:13+1=7,true" {
		t.Error(got)
	}
	have = nil
	must(t, s.Scores(ctx, []uint64{num, other}, 5*span, 14*span, visit))
	if got := strings.Join(have, " "); got != "0:2+10=0,false 1:11+1=9,false 0:12+1=50,false 0:13+1=7,true" {
		t.Error(got)
	}
	if err := s.Scores(ctx, []uint64{num}, 0, 14*span, func(uint64, store.ScoreRow) error { return io.EOF }); !errors.Is(err, io.EOF) {
		t.Errorf("a visit that ends it: %v", err)
	}
}

// categories: a later document takes the place of the one before; a purge leaves
// none.
func categories(t *testing.T, open Open) {
	ctx := context.Background()
	s := open(t, t.TempDir())
	defer s.Close()
	num := newJob(t, s, "j")
	row := func(id int64, partition, doc string) store.CategoryRow {
		return store.CategoryRow{ID: id, Partition: partition, Doc: []byte(doc)}
	}
	must(t, s.Commit(ctx, &store.Commit{Job: num, Categories: []store.CategoryRow{row(1, "a", "old"), row(2, "b", "two"), row(10, "a", "ten")}}))
	must(t, s.Commit(ctx, &store.Commit{Job: num, Categories: []store.CategoryRow{row(1, "a", "one")}}))
	for _, c := range []struct {
		q    store.CategoryQuery
		n    int64
		want string
	}{
		{store.CategoryQuery{Size: 9}, 3, "one two ten"},
		{store.CategoryQuery{Size: 1, From: 1}, 3, "two"},
		{store.CategoryQuery{Size: 9, Partition: "a", HasPartition: true}, 2, "one ten"},
		{store.CategoryQuery{Size: 9, ID: 10}, 1, "ten"},
		{store.CategoryQuery{Size: 9, ID: 11}, 0, ""},
	} {
		p, err := s.Categories(ctx, num, c.q)
		must(t, err)
		if got := string(bytes.Join(p.Docs, []byte(" "))); p.Total != c.n || got != c.want {
			t.Errorf("%+v: %d, %q; want %d, %q", c.q, p.Total, got, c.n, c.want)
		}
	}
	must(t, s.DeleteJob(ctx, num))
	for more := true; more; {
		var err error
		more, err = s.PurgeStep(ctx, num)
		must(t, err)
	}
	if p, err := s.Categories(ctx, num, store.CategoryQuery{Size: 9}); err != nil || p.Total != 0 {
		t.Errorf("after a purge: %d categories, %v", p.Total, err)
	}
}

func influencers(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	defer s.Close()
	num := newJob(t, s, "j")
	row := func(start int64, score float64, field, value string) store.InfluencerRow {
		return store.InfluencerRow{StartMs: start, SpanMs: span, Score: score, Field: field, Value: value, Doc: []byte(field + "=" + value)}
	}
	must(t, s.Commit(ctx, &store.Commit{Job: num, Influencers: []store.InfluencerRow{
		row(span, 20, "host", "a"), row(span, 70, "host", "b"), row(2*span, 40, "user", "a")}}))
	p, err := s.Influencers(ctx, num, store.Query{Size: 9, Desc: true})
	if have := page(t, p, err); have != "3: host=b user=a host=a" {
		t.Error(have)
	}
	p, err = s.Influencers(ctx, num, store.Query{Size: 9, Sort: "influencer_field_value", HasEnd: true, EndMs: 2 * span})
	if have := page(t, p, err); have != "2: host=a host=b" {
		t.Error(have)
	}
}

func interim(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	defer s.Close()
	num := newJob(t, s, "j")
	open1 := store.BucketRow{StartMs: span, SpanMs: span, Run: 1, Interim: true, Doc: bucketDoc(span, 0, true)}
	must(t, s.Commit(ctx, &store.Commit{Job: num, Buckets: []store.BucketRow{bucket(0, 1, 0), open1}, Records: []store.RecordRow{recordRow(span, 9, "a", "", true)}}))
	must(t, s.Commit(ctx, &store.Commit{Job: num, DropInterim: true, Buckets: []store.BucketRow{open1}}))
	p, err := s.Buckets(ctx, num, store.Query{Size: 9})
	must(t, err)
	r, err := s.Records(ctx, num, store.Query{Size: 9})
	must(t, err)
	if times(t, p.Docs) != "0 1" || r.Total != 0 {
		t.Errorf("buckets %s, %d records: older interim results must go", times(t, p.Docs), r.Total)
	}
	must(t, s.Commit(ctx, &store.Commit{Job: num, DropInterim: true, Buckets: []store.BucketRow{bucket(span, 1, 0)}}))
	p, err = s.Buckets(ctx, num, store.Query{Size: 9, ExcludeInterim: true})
	must(t, err)
	if p.Total != 2 || times(t, p.Docs) != "0 1" {
		t.Errorf("after the final bucket: %d, %s", p.Total, times(t, p.Docs))
	}
}

func write(text string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
}

func readSnapshot(t testing.TB, s store.Store, job, position uint64) (string, error) {
	t.Helper()
	r, err := s.OpenSnapshot(ctx, job, position)
	if err != nil {
		return "", err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	return string(raw), err
}

func snapshots(t *testing.T, open Open) {
	place := t.TempDir()
	s := open(t, place)
	num := newJob(t, s, "j")
	if _, err := s.SaveSnapshot(ctx, store.Snapshot{Job: num, Position: 3}, write("early")); err == nil {
		t.Error("a snapshot ahead of the committed results was taken")
	}
	must(t, s.Commit(ctx, &store.Commit{Job: num, Committed: 9, LogEnd: 9}))
	long := strings.Repeat("0123456789", 200_000)
	for position, text := range map[uint64]string{3: "three", 9: long} {
		_, err := s.SaveSnapshot(ctx, store.Snapshot{Job: num, Position: position, CreateMs: 17, Build: "b", Meta: []byte("{}")}, write(text))
		must(t, err)
	}
	failure := errors.New("failed on purpose")
	if _, err := s.SaveSnapshot(ctx, store.Snapshot{Job: num, Position: 8}, func(io.Writer) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("the writer's error is lost: %v", err)
	}
	must(t, s.Close())
	s = open(t, place)
	defer s.Close()
	list, err := s.Snapshots(ctx, num)
	must(t, err)
	if len(list) != 2 || list[0].Position != 9 || list[1].Position != 3 || list[0].Bytes < int64(len(long)) || list[0].CreateMs != 17 || string(list[0].Meta) != "{}" {
		t.Fatalf("snapshots %+v", list)
	}
	if text, err := readSnapshot(t, s, num, 9); err != nil || text != long {
		t.Errorf("read %d bytes back, error %v", len(text), err)
	}
	must(t, s.DeleteSnapshot(ctx, num, 9))
	if _, err := readSnapshot(t, s, num, 9); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted snapshot: %v", err)
	}
	if text, err := readSnapshot(t, s, num, 3); err != nil || text != "three" {
		t.Errorf("the other one: %q, %v", text, err)
	}
}

func purge(t *testing.T, open Open) {
	s := open(t, t.TempDir())
	defer s.Close()
	num, other := newJob(t, s, "j"), newJob(t, s, "k")
	for _, job := range []uint64{num, other} {
		c := &store.Commit{Job: job, Committed: 1, LogEnd: 1}
		for i := range int64(2500) {
			c.Records = append(c.Records, recordRow(i*span, 1, "", "", false))
			c.Buckets = append(c.Buckets, bucket(i*span, 1, float64(i)))
		}
		must(t, s.Commit(ctx, c))
		_, err := s.SaveSnapshot(ctx, store.Snapshot{Job: job, Position: 1}, write("x"))
		must(t, err)
	}
	must(t, s.DeleteJob(ctx, num))
	steps := 0
	for more := true; more; steps++ {
		var err error
		more, err = s.PurgeStep(ctx, num)
		must(t, err)
	}
	if steps < 3 {
		t.Errorf("2,500 buckets and records went in %d steps", steps)
	}
	for job, want := range map[uint64]int64{num: 0, other: 2500} {
		r, err := s.Records(ctx, job, store.Query{Size: 1})
		must(t, err)
		b, err := s.Buckets(ctx, job, store.Query{Size: 1})
		must(t, err)
		if r.Total != want || b.Total != want {
			t.Errorf("job %d has %d records and %d buckets, want %d", job, r.Total, b.Total, want)
		}
	}
	if _, err := readSnapshot(t, s, num, 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the purged job's snapshot: %v", err)
	}
	if _, err := readSnapshot(t, s, other, 1); err != nil {
		t.Errorf("the other job's snapshot: %v", err)
	}
	if tombs, err := s.Tombstones(ctx); err != nil || len(tombs) != 0 {
		t.Errorf("tombstones %v, error %v", tombs, err)
	}
}
