package engine

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/engine/entry"
	"tidemark/engine/record"
	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// rec is one input record of a test.
type rec struct {
	ms    int64
	value float64
	host  string // empty: absent
	user  string
}

// batchOf makes a batch for the columns of a job with value, host and user.
func batchOf(job *spec.Job, recs []rec) *record.Batch {
	numbers, texts := job.Columns()
	b := record.NewBuilder(len(numbers), len(texts))
	for _, r := range recs {
		for i := range numbers {
			b.Number(i, r.value)
		}
		for i, name := range texts {
			v := r.host
			switch name {
			case "user":
				v = r.user
			case "message":
				// Other statements from hour to hour.
				k := string(rune('g' + r.ms/3_600_000%19))
				v = strings.Repeat(k, 3) + " " + strings.Repeat(k, 5) + " of " + r.user + " " + strings.Repeat(k, 7)
			case "place":
				v = fmt.Sprintf("%f,%f", float64(len(r.host)*20)+r.value/100, r.value/10)
			}
			if v != "" {
				b.Text(i, []byte(v))
			}
		}
		b.End(r.ms)
	}
	return b.Take()
}

// life collects what an engine emits, runs expanded.
type life struct {
	t       testing.TB
	e       *Engine
	buckets []result.Bucket
}

func (l *life) apply(en *entry.Entry) Applied {
	l.t.Helper()
	a, err := l.e.Apply(en, func(b *result.Bucket) {
		if b.Run > 10_000 {
			l.buckets = append(l.buckets, *b)
			return
		}
		for i := range b.Run {
			one := *b
			one.StartMs, one.Run = b.StartMs+i*b.SpanMs, 1
			l.buckets = append(l.buckets, one)
		}
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return a
}

func (l *life) post(job *spec.Job, recs ...rec) record.Counts {
	l.t.Helper()
	l.apply(&entry.Entry{Kind: entry.Data, Batch: batchOf(job, recs)})
	return *l.apply(&entry.Entry{Kind: entry.UploadEnd, Upload: &entry.Upload{}}).Upload
}

func (l *life) lf() int64 {
	ms, ok := l.e.LastFinalized()
	if !ok {
		return -1
	}
	return ms
}

func start(t testing.TB, job *spec.Job) *life {
	l := &life{t: t, e: New(Options{})}
	l.apply(&entry.Entry{Kind: entry.Open, Config: job})
	return l
}

func hourly(latencyHours int64) *spec.Job {
	return &spec.Job{BucketSpanMs: 3600_000, LatencyMs: latencyHours * 3600_000, Detectors: []spec.Detector{{Function: spec.Count}}}
}

func at(seconds int64) rec { return rec{ms: seconds * 1000, value: 1} }

// TestLastFinalizedBucketEnd follows the rules of the bucket clock through
// data, advance and skip.
func TestLastFinalizedBucketEnd(t *testing.T) {
	job := hourly(0)
	l := start(t, job)
	if l.lf() != -1 {
		t.Fatal("there is no end before anything happened")
	}
	step := func(what string, want int64) {
		t.Helper()
		if got := l.lf(); got != want*1000 {
			t.Errorf("%s: %d, want %d", what, got, want*1000)
		}
	}
	l.post(job, at(1403481600), at(1403481700))
	step("records in one bucket", 1403481600)
	l.post(job, at(1403485200))
	step("a record in the next bucket", 1403485200)
	l.apply(&entry.Entry{Kind: entry.Skip, TimeMs: 1403488700_000})
	step("skip", 1403488800)
	c := l.post(job, at(1403488600), at(1403488700))
	if c.OutOfOrder != 2 || c.ProcessedRecords != 0 || c.InputRecords != 2 {
		t.Errorf("records behind the skip: %+v", c)
	}
	l.post(job, at(1403488900), at(1403492400))
	step("records after the skip", 1403492400)
	l.apply(&entry.Entry{Kind: entry.Advance, TimeMs: 1403490000_000})
	step("an advance into the past", 1403492400)
	l.apply(&entry.Entry{Kind: entry.Close})
	want := []result.Bucket{
		{StartMs: 1403481600_000, SpanMs: 3600_000, Run: 1, EventCount: 2},
		{StartMs: 1403488800_000, SpanMs: 3600_000, Run: 1, EventCount: 1},
	}
	if diff := cmp.Diff(want, l.buckets); diff != "" {
		t.Error(diff)
	}
}

// TestWorkedTimeline is a job's first hours, with a partial first bucket,
// interim results, advances and a late record.
func TestWorkedTimeline(t *testing.T) {
	const h = int64(1_500_001_200)
	job := hourly(0)
	l := start(t, job)
	l.post(job, at(h+100), at(h+3500))
	if len(l.buckets) != 0 || l.lf() != h*1000 {
		t.Fatalf("after the partial hour: %d buckets, end %d", len(l.buckets), l.lf())
	}
	if got := l.interim(0, 0, false); len(got) != 0 {
		t.Fatalf("an initial partial bucket has interim results: %+v", got)
	}
	l.post(job, at(h+3600))
	if len(l.buckets) != 0 {
		t.Fatalf("the partial hour got a bucket: %+v", l.buckets)
	}
	if got := l.interim(0, 0, false); len(got) != 1 || got[0].StartMs != (h+3600)*1000 || !got[0].Interim || got[0].EventCount != 1 {
		t.Fatalf("interim: %+v", got)
	}
	l.apply(&entry.Entry{Kind: entry.Advance, TimeMs: (h + 7200) * 1000})
	if len(l.buckets) != 1 || l.buckets[0].StartMs != (h+3600)*1000 {
		t.Fatalf("after the advance: %+v", l.buckets)
	}
	if got := l.interim(0, 0, false); len(got) != 1 || got[0].EventCount != 0 || len(got[0].Records) != 0 {
		t.Fatalf("interim of an empty open bucket: %+v", got)
	}
	if c := l.post(job, at(h+7199), at(h+7200)); c.OutOfOrder != 1 || c.ProcessedRecords != 1 {
		t.Errorf("late and timely record: %+v", c)
	}
}

func (l *life) interim(from, to int64, hasRange bool) (list []result.Bucket) {
	before := l.e.Hash()
	l.e.Interim(from, to, hasRange, func(b *result.Bucket) { list = append(list, *b) })
	if l.e.Hash() != before {
		l.t.Error("interim results changed the state")
	}
	return list
}

// TestLatency: records within the window count in their own bucket, and interim
// results cover the window.
func TestLatency(t *testing.T) {
	const h = int64(1_500_001_200)
	job := hourly(2)
	l := start(t, job)
	l.post(job, at(h))
	if l.lf() != (h-7200)*1000 {
		t.Fatalf("end %d", l.lf())
	}
	l.post(job, at(h+9000), at(h+3700), at(h+100))
	if got := l.interim(0, 0, false); len(got) != 3 || got[0].EventCount != 2 || got[1].EventCount != 1 || got[2].EventCount != 1 {
		t.Fatalf("interim over the window: %+v", got)
	}
	if got := l.interim((h+3600)*1000, (h+3601)*1000, true); len(got) != 1 || got[0].StartMs != (h+3600)*1000 {
		t.Fatalf("interim of a range: %+v", got)
	}
	l.apply(&entry.Entry{Kind: entry.ClearBuckets, FromMs: (h + 3600) * 1000, ToMs: (h + 3700) * 1000})
	l.apply(&entry.Entry{Kind: entry.Advance, TimeMs: (h + 6*3600) * 1000})
	counts := []int64{}
	for _, b := range l.buckets {
		counts = append(counts, b.EventCount)
	}
	if diff := cmp.Diff([]int64{2, 0, 1, 0}, counts); diff != "" {
		t.Errorf("the cleared bucket lost its records and no other: %s", diff)
	}
}

// TestEmptyTimeIsCheap: years of nothing are one emitted run.
func TestEmptyTimeIsCheap(t *testing.T) {
	for _, fn := range []spec.Function{spec.Count, spec.Sum, spec.Mean} {
		job := &spec.Job{BucketSpanMs: 600_000, Detectors: []spec.Detector{{Function: fn, FieldName: "value"}}}
		if fn == spec.Count {
			job.Detectors[0].FieldName = ""
		}
		l := start(t, job)
		l.post(job, rec{ms: 1490274000_000, value: 40476})
		emitted := 0
		l.e.Apply(&entry.Entry{Kind: entry.Advance, TimeMs: math.MaxInt64}, func(*result.Bucket) { emitted++ })
		if emitted > 300 {
			t.Errorf("%s: an advance to the end of time emitted %d buckets", fn, emitted)
		}
	}
}

// shared is the workload of the determinism tests: days of several hosts with
// spikes, silences and late records.
func workload(n int) []rec {
	rng := rand.New(rand.NewPCG(3, 9))
	now, recs := int64(1_700_000_100_000), make([]rec, 0, n)
	for i := range n {
		now += rng.Int64N(40_000)
		if rng.IntN(500) == 0 {
			now += 3_000_000
		}
		r := rec{ms: now - rng.Int64N(2)*rng.Int64N(400_000), value: 100 + 20*math.Sin(float64(now%86_400_000)/86_400_000*2*math.Pi) + rng.NormFloat64()}
		r.host, r.user = fmt.Sprintf("h%d", rng.IntN(9)), fmt.Sprintf("u%d", rng.IntN(5))
		if rng.IntN(200) == 0 {
			r.value *= 6
		}
		if rng.IntN(50) == 0 {
			r.host = ""
		}
		if i > n*2/3 && r.host == "h3" {
			r.host = "h4"
		}
		recs = append(recs, r)
	}
	return recs
}

func mixedJob() *spec.Job {
	return &spec.Job{
		BucketSpanMs: 300_000, LatencyMs: 400_000, Influencers: []string{"user", "host"}, ModelMemoryLimit: 1 << 30, ModelPruneWindowMs: 600_000_000,
		Detectors: []spec.Detector{
			{Function: spec.Mean, FieldName: "value", PartitionField: "host"},
			{Function: spec.Count, ByField: "user", PartitionField: "host", UseNull: true},
			{Function: "high_sum", FieldName: "value"},
			{Function: spec.Max, FieldName: "value", ByField: "host"},
		},
	}
}

// allKinds has a detector of every kind of model, categories, rules, events and a
// time zone.
func allKinds() *spec.Job {
	job := mixedJob()
	job.CategorizationField, job.CategoryExamples, job.Multivariate = "message", 3, true
	job.Zone = spec.Zone{{FromMs: 0, OffsetMs: 3_600_000}, {FromMs: 1_700_100_000_000, OffsetMs: 7_200_000}}
	job.Events = []spec.Event{{StartMs: 1_700_050_000_000, EndMs: 1_700_055_000_000, Description: "told", SkipResult: true}}
	job.Detectors = append(job.Detectors,
		spec.Detector{Function: spec.DistinctCount, FieldName: "user", PartitionField: "host"},
		spec.Detector{Function: spec.InfoContent, FieldName: "user"},
		spec.Detector{Function: spec.Median, FieldName: "value", ByField: "host"},
		spec.Detector{Function: spec.Varp, FieldName: "value"},
		spec.Detector{Function: spec.Metric, FieldName: "value", ByField: "user"},
		spec.Detector{Function: spec.Rare, ByField: "host"},
		spec.Detector{Function: spec.Rare, ByField: spec.CategoryField, OverField: "user"},
		spec.Detector{Function: spec.FreqRare, ByField: "host", OverField: "user"},
		spec.Detector{Function: spec.Count, OverField: "host", ExcludeFrequent: "over"},
		spec.Detector{Function: "high_mean", FieldName: "value", OverField: "host", ByField: "user"},
		spec.Detector{Function: spec.TimeOfDay, ByField: "host"},
		spec.Detector{Function: spec.TimeOfWeek, OverField: "host"},
		spec.Detector{Function: spec.LatLong, FieldName: "place", ByField: "user", Rules: []spec.Rule{
			{ShiftSeconds: 600, Conditions: []spec.Condition{{AppliesTo: spec.OfTime, Operator: "gt", Value: 1_700_080_000}}}}},
		spec.Detector{Function: spec.Count, ByField: spec.CategoryField, Rules: []spec.Rule{
			{SkipUpdate: true, Scope: []spec.Scope{{Split: "by", FilterID: "f", Items: []string{"1"}}}}}},
	)
	return job
}

// outcome runs the workload as one upload after another of the given sizes.
func outcome(t *testing.T, job *spec.Job, recs []rec, sizes func() int, opt Options, between func(*Engine) *Engine) ([]result.Bucket, uint64) {
	l := &life{t: t, e: New(opt)}
	l.apply(&entry.Entry{Kind: entry.Open, Config: job})
	for at := 0; at < len(recs); {
		n := min(sizes(), len(recs)-at)
		l.apply(&entry.Entry{Kind: entry.Data, Batch: batchOf(job, recs[at:at+n])})
		at += n
		if between != nil {
			l.e = between(l.e)
		}
	}
	l.apply(&entry.Entry{Kind: entry.UploadEnd, Upload: &entry.Upload{Key: "all"}})
	l.apply(&entry.Entry{Kind: entry.Advance, TimeMs: recs[len(recs)-1].ms + 86_400_000})
	l.apply(&entry.Entry{Kind: entry.Close})
	return l.buckets, l.e.Hash()
}

// TestOutcomeIsAFunctionOfTheEntries: batch borders, workers, interim results
// and restarts change neither results nor state.
func TestOutcomeIsAFunctionOfTheEntries(t *testing.T) {
	t.Run("numbers", func(t *testing.T) { sameOutcome(t, mixedJob(), workload(12_000)) })
	t.Run("all kinds", func(t *testing.T) { sameOutcome(t, allKinds(), workload(4_000)) })
}

func sameOutcome(t *testing.T, job *spec.Job, recs []rec) {
	want, wantHash := outcome(t, job, recs, func() int { return len(recs) }, Options{}, nil)
	found := 0
	for _, b := range want {
		found += len(b.Records)
	}
	if len(want) < 200 || found < 20 {
		t.Fatalf("%d buckets and %d records prove little", len(want), found)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	small := func() int { return 1 + rng.IntN(400) }
	restart := func(e *Engine) *Engine {
		if rng.IntN(4) > 0 {
			return e
		}
		var buf bytes.Buffer
		if _, err := e.Freeze().WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		restored, err := Restore(&buf, e.opt)
		if err != nil {
			t.Fatal(err)
		}
		if restored.Hash() != e.Hash() {
			t.Fatal("a restored engine has another state")
		}
		if diff := cmp.Diff(e.ModelSize(), restored.ModelSize()); diff != "" {
			t.Fatalf("a restored engine counts other bytes: %s", diff)
		}
		return restored
	}
	frozen := func(e *Engine) *Engine { e.Freeze(); return e }
	interim := func(e *Engine) *Engine {
		e.Interim(0, 0, false, func(*result.Bucket) {})
		return e
	}
	for name, run := range map[string]struct {
		sizes   func() int
		opt     Options
		between func(*Engine) *Engine
	}{
		"small batches": {small, Options{}, nil},
		"workers":       {func() int { return 9000 }, Options{Parallel: shuffled(rng)}, nil},
		"goroutines":    {func() int { return 9000 }, Options{Parallel: concurrent}, nil},
		"restarts":      {small, Options{}, restart},
		"freezes":       {small, Options{Parallel: shuffled(rng)}, frozen},
		"interim":       {small, Options{}, interim},
	} {
		t.Run(name, func(t *testing.T) {
			got, hash := outcome(t, job, recs, run.sizes, run.opt, run.between)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("results differ: %.2000s", diff)
			}
			if hash != wantHash {
				t.Error("states differ")
			}
		})
	}
}

// shuffled runs the parts in random order.
func shuffled(rng *rand.Rand) Parallel {
	return func(n int, do func(int)) {
		for _, i := range rng.Perm(n) {
			do(i)
		}
	}
}

// concurrent runs every part on a goroutine of its own.
func concurrent(n int, do func(int)) {
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { do(i) })
	}
	wait.Wait()
}

// TestFrozenStateStands: writing a frozen state later gives what it was.
func TestFrozenStateStands(t *testing.T) {
	recs, job := workload(6000), mixedJob()
	l := start(t, job)
	l.apply(&entry.Entry{Kind: entry.Data, Batch: batchOf(job, recs[:3000])})
	var now, later bytes.Buffer
	f := l.e.Freeze()
	f.WriteTo(&now)
	l.apply(&entry.Entry{Kind: entry.Data, Batch: batchOf(job, recs[3000:])})
	l.apply(&entry.Entry{Kind: entry.Close})
	f.WriteTo(&later)
	if !bytes.Equal(now.Bytes(), later.Bytes()) {
		t.Error("the engine changed a frozen state")
	}
}

// TestDamagedSnapshots: every flipped bit and every cut is found.
func TestDamagedSnapshots(t *testing.T) {
	recs, job := workload(800), mixedJob()
	l := start(t, job)
	l.post(job, recs...)
	var buf bytes.Buffer
	l.e.Freeze().WriteTo(&buf)
	whole := buf.Bytes()
	for i := 0; i < len(whole); i += 1 + len(whole)/400 {
		if _, err := Restore(bytes.NewReader(whole[:i]), Options{}); err == nil {
			t.Fatalf("a snapshot cut at byte %d was taken", i)
		}
		if i > len(magic) && i <= len(magic)+1 {
			continue // the name of the build is not part of the state
		}
		flipped := bytes.Clone(whole)
		flipped[i] ^= 0x10
		if _, err := Restore(bytes.NewReader(flipped), Options{}); err == nil {
			t.Fatalf("a snapshot with a flipped bit in byte %d of %d was taken", i, len(whole))
		}
	}
}

// FuzzRestore: no bytes make restoring panic.
func FuzzRestore(f *testing.F) {
	job := mixedJob()
	l := start(f, job)
	l.post(job, workload(50)...)
	var buf bytes.Buffer
	l.e.Freeze().WriteTo(&buf)
	f.Add(buf.Bytes())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Restore(bytes.NewReader(b), Options{})
		if err == nil {
			e.Hash()
		}
	})
}

// TestRefusals: an entry that does not fit leaves the state alone.
func TestRefusals(t *testing.T) {
	job := hourly(0)
	l := start(t, job)
	before := l.e.Hash()
	other := *job
	other.BucketSpanMs *= 2
	for name, en := range map[string]*entry.Entry{
		"columns":       {Kind: entry.Data, Batch: &record.Batch{Numbers: [][]float64{{}}}},
		"other span":    {Kind: entry.Open, Config: &other},
		"no config":     {Kind: entry.Update},
		"unknown entry": {Kind: 99},
	} {
		if _, err := l.e.Apply(en, nil); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if l.e.Hash() != before {
		t.Error("a refused entry changed the state")
	}
	l.apply(&entry.Entry{Kind: entry.Close})
	if _, err := l.e.Apply(&entry.Entry{Kind: entry.Advance, TimeMs: 5}, nil); err != ErrNotOpen {
		t.Errorf("advance of a closed job: %v", err)
	}
}

// TestMemoryLimit: a flood of names stays within the limit, the series in use
// stay, and the job says what happened.
func TestMemoryLimit(t *testing.T) {
	job := &spec.Job{BucketSpanMs: 300_000, ModelMemoryLimit: 2 << 20, Influencers: []string{"user"},
		Detectors: []spec.Detector{{Function: spec.Count, PartitionField: "host"}}}
	l := start(t, job)
	now := int64(1_700_000_100_000)
	for i := range 60 {
		var recs []rec
		for n := range 1500 {
			recs = append(recs, rec{ms: now, host: fmt.Sprintf("once-%d-%d", i, n), user: fmt.Sprintf("u-%d-%d", i, n)})
		}
		recs = append(recs, rec{ms: now, host: "steady"})
		now += 300_000
		l.post(job, recs...)
		if size := l.e.ModelSize(); size.Bytes > 3*size.LimitBytes/2 {
			t.Fatalf("bucket %d: %d bytes with a limit of %d", i, size.Bytes, size.LimitBytes)
		}
	}
	size := l.e.ModelSize()
	if size.Status == result.MemoryOK || size.Evicted == 0 {
		t.Errorf("nothing gave way: %+v", size)
	}
	if e := l.e; e.names.Lookup([]byte("steady")) == 0 {
		t.Error("the series in use was forgotten")
	}
}

// TestPruneAtClose: a stale series is new after close and open; without a close
// it stays.
func TestPruneAtClose(t *testing.T) {
	job := &spec.Job{BucketSpanMs: 3600_000, ModelPruneWindowMs: 10 * 3600_000,
		Detectors: []spec.Detector{{Function: spec.Mean, FieldName: "value", ByField: "host"}}}
	l := start(t, job)
	l.post(job, rec{ms: 1_500_001_200_000, host: "stale"}, rec{ms: 1_500_001_200_000, host: "fresh"})
	l.post(job, rec{ms: 1_500_001_200_000 + 40*3600_000, host: "fresh"})
	if n := l.e.ModelSize().Series; n != 2 {
		t.Fatalf("%d series before the close", n)
	}
	l.apply(&entry.Entry{Kind: entry.Close})
	l.apply(&entry.Entry{Kind: entry.Open, Config: job})
	if n := l.e.ModelSize().Series; n != 1 {
		t.Errorf("%d series after the close, the stale one should be gone", n)
	}
	if l.e.names.Lookup([]byte("stale")) != 0 || l.e.names.Lookup([]byte("fresh")) == 0 {
		t.Error("names of pruned series should go, others stay")
	}
}

// TestKeys: the last keys are remembered in order.
func TestKeys(t *testing.T) {
	var k keyRing
	for i := range maxKeys + 10 {
		k.put(fmt.Sprint(i), uint64(i), record.Counts{InputBytes: int64(i)})
	}
	if _, _, ok := k.get("9"); ok {
		t.Error("an old key is still there")
	}
	if c, h, ok := k.get("10"); !ok || h != 10 || c.InputBytes != 10 {
		t.Error("a recent key is lost")
	}
}
