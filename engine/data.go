package engine

import (
	"fmt"
	"math"
	"slices"

	"tidemark/engine/bucket"
	"tidemark/engine/clockmodel"
	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/record"
	"tidemark/engine/spec"
)

// columns says where each detector finds its values in a batch.
type columns struct {
	numbers, texts int
	summary        int // number column, or -1
	units          []unitColumns
	influencers    []int // text columns
	// adds: some unit notes how its values arrive.
	adds bool
	// message is the text column that categories are made of, messagePartition
	// the one whose values have categories of their own, or -1. The categories
	// themselves are the column behind the last.
	message, messagePartition int
}

type unitColumns struct {
	value               int // number column, or -1
	text                int // text column that is the value, or -1
	partition, by, over int // text columns, or -1
	useNull             bool
	extra               gather.Kind
	// adds: how the value arrives in a bucket is noted.
	adds                     bool
	cycleMs, slotMs, shiftMs int64 // of slots
	// weighted: a value counts as often as its record stands for.
	weighted bool
	// blamed are the influencers that are gathered: those that are not the
	// detector's own splits, whose share is always the whole.
	blamed []uint16
}

func (c *unitColumns) split() bool { return c.partition >= 0 || c.by >= 0 || c.over >= 0 }

func resolveColumns(c *spec.Job, units []unit) columns {
	numbers, texts := c.Columns()
	cols := columns{numbers: len(numbers), texts: len(texts), summary: position(numbers, c.SummaryCountField)}
	cols.message, cols.messagePartition = position(texts, c.CategorizationField), position(texts, c.PerPartition)
	if cols.message >= 0 {
		texts = append(texts, spec.CategoryField)
	}
	for _, f := range c.Influencers {
		cols.influencers = append(cols.influencers, position(texts, f))
	}
	for i := range units {
		u := &units[i]
		d := &c.Detectors[u.detector]
		uc := unitColumns{
			value: -1, text: -1, partition: position(texts, d.PartitionField), by: position(texts, d.ByField), over: position(texts, d.OverField),
			useNull: d.UseNull, weighted: u.fn.Base() == spec.Mean, extra: u.extra,
		}
		if d.Function.ReadsText() {
			uc.text = position(texts, d.FieldName)
		} else {
			uc.value = position(numbers, d.FieldName)
		}
		uc.cycleMs, uc.slotMs, uc.shiftMs = cycleOf(u.fn)
		for n, f := range c.Influencers {
			if f != d.PartitionField && f != d.ByField && f != d.OverField {
				uc.blamed = append(uc.blamed, uint16(n))
			}
		}
		uc.adds = u.arrives()
		cols.adds = cols.adds || uc.adds
		cols.units = append(cols.units, uc)
	}
	return cols
}

// cycleOf is the cycle whose slots a function counts records in, the length of a
// slot, and how far into a cycle 1970 began: weeks begin on Monday, it was a
// Thursday.
func cycleOf(fn spec.Function) (cycleMs, slotMs, shiftMs int64) {
	const dayMs = 24 * 60 * 60 * 1000
	switch fn.Base() {
	case spec.TimeOfDay:
		return dayMs, dayMs / clockmodel.DaySlots, 0
	case spec.TimeOfWeek:
		return 7 * dayMs, 7 * dayMs / clockmodel.WeekSlots, 3 * dayMs
	}
	return 0, 0, 0
}

func position(list []string, name string) int {
	if name == "" {
		return -1
	}
	return slices.Index(list, name)
}

// check refuses a batch that was made for another configuration.
func (c *columns) check(b *record.Batch) error {
	if len(b.Numbers) != c.numbers || len(b.Texts) != c.texts {
		return fmt.Errorf("batch has %d number and %d text columns, the job needs %d and %d", len(b.Numbers), len(b.Texts), c.numbers, c.texts)
	}
	for _, column := range b.Numbers {
		if len(column) != b.Len() {
			return fmt.Errorf("a number column of %d values in a batch of %d records", len(column), b.Len())
		}
	}
	for i := range b.Texts {
		t := &b.Texts[i]
		if len(t.Codes) != b.Len() {
			return fmt.Errorf("a text column of %d codes in a batch of %d records", len(t.Codes), b.Len())
		}
	}
	return nil
}

// scratch is memory that is used again from batch to batch. Nothing in it
// outlives the batch.
type scratch struct {
	ids        [][]names.ID // per text column and dictionary entry
	categories []names.ID   // per record of the batch
	keep       []int32      // indexes of the records of a run that count
	where      []uint8      // per kept record: which open bucket
	parts      []uint8      // per kept record: which part of it the job is in, if that is noted
	// refs and recent are per unit: the series of each kept record, and of
	// each combination of codes seen in the run.
	refs   [][]ref
	recent []map[splitCodes]ref
	order  []int32 // kept records sorted by shard, for one detector
	starts [shardCount + 1]int32
}

// splitCodes are a record's codes of a unit's splits.
type splitCodes struct{ partition, by, over uint32 }

// ref is where a series lives; ok is false if the record has none.
type ref struct {
	touched int64 // bucket number that the series was marked with
	series  uint32
	shard   uint8
	ok      bool
}

// unresolved marks a dictionary entry that was not interned yet.
const unresolved = names.ID(math.MaxUint32)

// parallelFrom is how many records of a run are worth splitting the gathering
// over the shards: below, handing out the work costs more than the work.
const parallelFrom = 4096

// data takes in one batch: runs of records between which no bucket ends are
// gathered at once, and the buckets that end are finalized before the record
// that ends them.
func (e *Engine) data(b *record.Batch, emit Emit) {
	e.cost += recordCost * int64(b.Len())
	e.resetNames(b)
	for i := 0; i < b.Len(); {
		t := b.Times[i]
		if e.late(t) {
			e.reject()
			i++
			continue
		}
		e.clock.Begin(t)
		e.clock.Start(t)
		e.finalizeUntil(t, emit)
		i = e.run(b, i)
	}
}

// late reports whether a record comes after the buckets it could count in, or
// has a time that no clock takes.
func (e *Engine) late(t int64) bool {
	if t < 0 || t > bucket.MaxMs || e.clock.Set && t < e.clock.LastFinalizedMs {
		return true
	}
	latest := e.totals.LatestRecord
	return latest != record.NoTime && t < e.clock.Floor(latest)-e.config.LatencyMs
}

func (e *Engine) reject() {
	for _, c := range []*record.Counts{&e.upload, &e.totals} {
		c.OutOfOrder++
		c.InputRecords++
	}
}

// run gathers the records from i on up to the first that ends a bucket, and
// returns its index.
func (e *Engine) run(b *record.Batch, i int) int {
	s, edge := &e.scratch, e.clock.Edge()
	s.keep, s.where, s.parts = s.keep[:0], s.where[:0], s.parts[:0]
	oldest := e.clock.LastFinalizedMs
	if latest := e.totals.LatestRecord; latest != record.NoTime {
		oldest = max(oldest, e.clock.Floor(latest)-e.config.LatencyMs)
	}
	counted := int64(0)
	latest := e.totals.LatestRecord
	for ; i < b.Len(); i++ {
		t := b.Times[i]
		if t >= edge {
			break
		}
		if t < oldest {
			e.reject()
			continue
		}
		if t > latest {
			latest = t
			oldest = max(oldest, e.clock.Floor(t)-e.config.LatencyMs)
		}
		counted++
		s.keep = append(s.keep, int32(i))
	}
	before := e.totals.LatestRecord
	e.processed(b, counted, latest)
	e.categorize(b)
	e.assign(b, before)
	if len(e.scratch.keep) > 0 {
		e.resolve(b)
		for u := range e.columns.units {
			e.gatherUnit(b, u)
		}
	}
	return i
}

// processed counts the records of a run.
func (e *Engine) processed(b *record.Batch, n, latest int64) {
	if n == 0 {
		return
	}
	if e.totals.EarliestRecord == record.NoTime {
		e.totals.EarliestRecord = b.Times[e.scratch.keep[0]]
		e.upload.EarliestRecord = e.totals.EarliestRecord
	}
	e.totals.LatestRecord = latest
	for _, k := range e.scratch.keep {
		e.upload.LatestRecord = max(e.upload.LatestRecord, b.Times[k])
	}
	for _, c := range []*record.Counts{&e.upload, &e.totals} {
		c.ProcessedRecords += n
		c.InputRecords += n
	}
}

// assign finds each record's open bucket, counts it there and in the bucket
// diagnostics, and drops from the run what belongs to no bucket: records of a
// partial first bucket and those that stand for nothing. latest is the newest
// record before the run.
func (e *Engine) assign(b *record.Batch, latest int64) {
	s := &e.scratch
	var parts partClock
	kept := s.keep[:0]
	inBucket, bucketStart := int64(0), int64(math.MinInt64)
	count := func() {
		if inBucket > 0 {
			e.diag.Add(bucketStart, inBucket, &e.upload, &e.totals)
		}
	}
	for _, k := range s.keep {
		t := b.Times[k]
		if t < bucketStart || t >= bucketStart+e.clock.SpanMs {
			count()
			bucketStart, inBucket = e.clock.Floor(t), 0
		}
		inBucket++
		latest = max(latest, t)
		weight := 1.0
		if e.columns.summary >= 0 {
			weight = math.Round(b.Numbers[e.columns.summary][k])
		}
		if t < e.clock.FirstFullMs || !(weight > 0) || math.IsInf(weight, 0) {
			continue
		}
		at := (t - e.clock.LastFinalizedMs) / e.clock.SpanMs
		e.events[at] += weight
		kept = append(kept, k)
		s.where = append(s.where, uint8(min(at, math.MaxUint8)))
		if e.columns.adds {
			s.parts = append(s.parts, parts.of(latest, bucketStart, e.clock.SpanMs))
		}
	}
	count()
	s.keep = kept
}

// partClock finds which of the parts between the checkpoints of a bucket a time is
// in, fast for times that hardly move.
type partClock struct {
	start, from, to int64
	part            uint8
}

// of is the part of the bucket at start that a time from there on is in, 0 to
// gather.Checkpoints: behind the end of the bucket.
func (c *partClock) of(t, start, span int64) uint8 {
	if c.to > c.from && start == c.start && t >= c.from && t < c.to {
		return c.part
	}
	step := span / gather.Checkpoints // A span is whole seconds: 8 divides its milliseconds.
	part := min((t-start)/step, gather.Checkpoints)
	*c = partClock{start: start, from: start + part*step, to: start + (part+1)*step, part: uint8(part)}
	if part == gather.Checkpoints {
		c.to = math.MaxInt64
	}
	return c.part
}

// resetNames forgets the numbers of the last batch's dictionaries.
func (e *Engine) resetNames(b *record.Batch) {
	s := &e.scratch
	for len(s.ids) < len(b.Texts) {
		s.ids = append(s.ids, nil)
	}
	for i := range b.Texts {
		n := len(b.Texts[i].Ends)
		s.ids[i] = slices.Grow(s.ids[i][:0], n)[:n]
		for j := range s.ids[i] {
			s.ids[i][j] = unresolved
		}
	}
}

// name is the number of a record's value in a text column; None if the field
// is absent, or if the value is new and there is no room for it. Values get
// their numbers in record order.
func (e *Engine) name(b *record.Batch, column int, k int32) names.ID {
	if column == len(b.Texts) {
		return e.scratch.categories[k]
	}
	code := b.Texts[column].Codes[k]
	if code == 0 {
		return names.None
	}
	id := &e.scratch.ids[column][code-1]
	if *id == unresolved {
		value := b.Texts[column].Value(int(code - 1))
		if *id = e.names.Lookup(value); *id == names.None && e.roomForName(len(value)) {
			*id = e.names.Intern(value)
		}
	}
	return *id
}

// resolve finds the series of every kept record for every detector, record by
// record, so that names and series get their numbers in record order however
// the records were cut into batches.
func (e *Engine) resolve(b *record.Batch) {
	s := &e.scratch
	for len(s.refs) < len(e.columns.units) {
		s.refs = append(s.refs, nil)
		s.recent = append(s.recent, map[splitCodes]ref{})
	}
	split := false
	for u := range e.columns.units {
		s.refs[u] = slices.Grow(s.refs[u][:0], len(s.keep))[:len(s.keep)]
		clear(s.recent[u])
		split = split || e.columns.units[u].split()
	}
	for n, k := range s.keep {
		for u := range e.columns.units {
			s.refs[u][n] = e.resolveRecord(b, u, k)
		}
		for _, column := range e.columns.influencers {
			e.name(b, column, k)
		}
		if !split && len(e.columns.influencers) == 0 && e.clock.LatencyBuckets == 0 {
			// All records go where the first went.
			return
		}
	}
}

// resolveRecord finds the series of a record for one unit.
func (e *Engine) resolveRecord(b *record.Batch, u int, k int32) ref {
	c, recent := &e.columns.units[u], e.scratch.recent[u]
	var key splitCodes
	if c.partition >= 0 {
		key.partition = e.code(b, c.partition, k)
	}
	if c.by >= 0 {
		key.by = e.code(b, c.by, k)
	}
	if c.over >= 0 {
		key.over = e.code(b, c.over, k)
	}
	number := e.clock.Number(b.Times[k])
	r, known := recent[key]
	if known && (!r.ok || r.touched >= number) {
		return r
	}
	if !known {
		r = e.lookupRecord(b, u, k)
	}
	if r.ok {
		r.touched = number
		e.shards[r.shard].touch(r.series, number)
	}
	recent[key] = r
	return r
}

// touch notes that a series, and the one that it is judged by, have a record in a
// bucket.
func (s *shard) touch(i uint32, number int64) {
	st := s.series.Get(i)
	if st.touched < number {
		s.series.Mut(i).touched = number
	}
	if st.parent != 0 {
		s.touch(st.parent-1, number)
	}
}

// lookupRecord finds or makes the series of one record.
func (e *Engine) lookupRecord(b *record.Batch, u int, k int32) ref {
	c := &e.columns.units[u]
	partition, by, over := names.None, names.None, names.None
	if c.partition >= 0 {
		if partition = e.split(b, c.partition, k); partition == names.None {
			return e.refuse()
		}
	}
	if c.by >= 0 {
		if e.code(b, c.by, k) == 0 && !c.useNull {
			return ref{}
		}
		if by = e.split(b, c.by, k); by == names.None {
			return e.refuse()
		}
	}
	if c.over >= 0 {
		if e.code(b, c.over, k) == 0 && !c.useNull {
			return ref{}
		}
		if over = e.split(b, c.over, k); over == names.None {
			return e.refuse()
		}
	}
	return e.lookup(u, partition, by, over, b.Times[k])
}

// code tells a record's value in a text column from others of the batch, 0: it
// has none.
func (e *Engine) code(b *record.Batch, column int, k int32) uint32 {
	if column == len(b.Texts) {
		return uint32(e.scratch.categories[k])
	}
	return b.Texts[column].Codes[k]
}

// split is the value a record is split by; an absent field is the empty value.
func (e *Engine) split(b *record.Batch, column int, k int32) names.ID {
	if e.code(b, column, k) == 0 {
		return e.names.Intern(nil)
	}
	return e.name(b, column, k)
}
