package engine

import (
	"fmt"
	"math"
	"slices"

	"tidemark/engine/bucket"
	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/record"
	"tidemark/engine/spec"
)

// columns says where each detector finds its values in a batch.
type columns struct {
	numbers, texts int
	summary        int // number column, or -1
	detectors      []detectorColumns
	influencers    []int // text columns
}

type detectorColumns struct {
	value, partition, by int // -1: none
	useNull              bool
	// weighted: a value counts as often as its record stands for.
	weighted bool
	// blamed are the influencers that are gathered: those that are not the
	// detector's own splits, whose share is always the whole.
	blamed []uint16
}

func (c *detectorColumns) split() bool { return c.partition >= 0 || c.by >= 0 }

func resolveColumns(c *spec.Job) columns {
	numbers, texts := c.Columns()
	cols := columns{numbers: len(numbers), texts: len(texts), summary: position(numbers, c.SummaryCountField)}
	for _, f := range c.Influencers {
		cols.influencers = append(cols.influencers, position(texts, f))
	}
	for i := range c.Detectors {
		d := &c.Detectors[i]
		dc := detectorColumns{
			value: position(numbers, d.FieldName), partition: position(texts, d.PartitionField), by: position(texts, d.ByField),
			useNull: d.UseNull, weighted: d.Function.Base() == spec.Mean,
		}
		for n, f := range c.Influencers {
			if f != d.PartitionField && f != d.ByField {
				dc.blamed = append(dc.blamed, uint16(n))
			}
		}
		cols.detectors = append(cols.detectors, dc)
	}
	return cols
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
	ids   [][]names.ID // per text column and dictionary entry
	keep  []int32      // indexes of the records of a run that count
	where []uint8      // per kept record: which open bucket
	// refs and recent are per detector: the series of each kept record, and of
	// each combination of codes seen in the run.
	refs   [][]ref
	recent []map[uint64]ref
	order  []int32 // kept records sorted by shard, for one detector
	starts [shardCount + 1]int32
}

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
	s.keep, s.where = s.keep[:0], s.where[:0]
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
	e.processed(b, counted, latest)
	e.assign(b)
	if len(e.scratch.keep) > 0 {
		e.resolve(b)
		for d := range e.columns.detectors {
			e.gatherDetector(b, d)
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
// partial first bucket and those that stand for nothing.
func (e *Engine) assign(b *record.Batch) {
	s := &e.scratch
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
	}
	count()
	s.keep = kept
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
	for len(s.refs) < len(e.columns.detectors) {
		s.refs = append(s.refs, nil)
		s.recent = append(s.recent, map[uint64]ref{})
	}
	split := false
	for d := range e.columns.detectors {
		s.refs[d] = slices.Grow(s.refs[d][:0], len(s.keep))[:len(s.keep)]
		clear(s.recent[d])
		split = split || e.columns.detectors[d].split()
	}
	for n, k := range s.keep {
		for d := range e.columns.detectors {
			s.refs[d][n] = e.resolveRecord(b, d, n, k)
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

// resolveRecord finds the series of kept record n for one detector.
func (e *Engine) resolveRecord(b *record.Batch, d, n int, k int32) ref {
	c, recent := &e.columns.detectors[d], e.scratch.recent[d]
	key := uint64(0)
	if c.partition >= 0 {
		key = uint64(b.Texts[c.partition].Codes[k]) << 32
	}
	if c.by >= 0 {
		key |= uint64(b.Texts[c.by].Codes[k])
	}
	number := e.clock.Number(b.Times[k])
	r, known := recent[key]
	if known && (!r.ok || r.touched >= number) {
		return r
	}
	if !known {
		r = e.lookupRecord(b, d, k)
	}
	if r.ok {
		r.touched = number
		s := e.shards[r.shard]
		if st := s.cores.Get(r.series); st.touched < number {
			s.cores.Mut(r.series).touched = number
		}
	}
	recent[key] = r
	return r
}

// lookupRecord finds or makes the series of one record.
func (e *Engine) lookupRecord(b *record.Batch, d int, k int32) ref {
	c := &e.columns.detectors[d]
	partition, by := names.None, names.None
	if c.partition >= 0 {
		if partition = e.split(b, c.partition, k); partition == names.None {
			return e.refuse()
		}
	}
	if c.by >= 0 {
		if b.Texts[c.by].Codes[k] == 0 && !c.useNull {
			return ref{}
		}
		if by = e.split(b, c.by, k); by == names.None {
			return e.refuse()
		}
	}
	return e.lookup(d, partition, by, b.Times[k])
}

// split is the value a record is split by; an absent field is the empty value.
func (e *Engine) split(b *record.Batch, column int, k int32) names.ID {
	if b.Texts[column].Codes[k] == 0 {
		return e.names.Intern(nil)
	}
	return e.name(b, column, k)
}

// gatherDetector adds the run's records to one detector's cells.
func (e *Engine) gatherDetector(b *record.Batch, d int) {
	s, c := &e.scratch, &e.columns.detectors[d]
	if !c.split() {
		if r := s.refs[d][0]; r.ok {
			e.gatherOne(b, d, r)
		}
		return
	}
	if len(s.keep) < parallelFrom {
		for n := range s.keep {
			e.gatherRecord(b, d, int32(n))
		}
		return
	}
	e.sortByShard(s.refs[d])
	e.opt.Parallel(shardCount, func(i int) {
		for _, n := range s.order[s.starts[i]:s.starts[i+1]] {
			e.gatherRecord(b, d, n)
		}
	})
}

// sortByShard orders the run's records by shard, keeping record order within
// each.
func (e *Engine) sortByShard(refs []ref) {
	s := &e.scratch
	var counts [shardCount + 1]int32
	for n := range refs {
		if refs[n].ok {
			counts[refs[n].shard+1]++
		}
	}
	for i := range shardCount {
		counts[i+1] += counts[i]
	}
	s.starts = counts
	s.order = slices.Grow(s.order[:0], int(counts[shardCount]))[:counts[shardCount]]
	next := counts
	for n := range refs {
		if r := refs[n]; r.ok {
			s.order[next[r.shard]] = int32(n)
			next[r.shard]++
		}
	}
}

// sample reads one record's value; ok is false if the detector needs a value
// and the record has none.
func (e *Engine) sample(b *record.Batch, c *detectorColumns, k int32) (value, weight, factor float64, ok bool) {
	value, weight, factor = 0, 1, 1
	if e.columns.summary >= 0 {
		weight = math.Round(b.Numbers[e.columns.summary][k])
	}
	if c.value >= 0 {
		if value = b.Numbers[c.value][k]; math.IsNaN(value) {
			return 0, 0, 0, false
		}
	}
	if c.weighted {
		factor = weight
	}
	return value, weight, factor, true
}

// gatherRecord adds record n of the run to its series' cell.
func (e *Engine) gatherRecord(b *record.Batch, d int, n int32) {
	s, c := &e.scratch, &e.columns.detectors[d]
	r, k := s.refs[d][n], s.keep[n]
	if !r.ok {
		return
	}
	value, weight, factor, ok := e.sample(b, c, k)
	if !ok {
		return
	}
	open := e.openBucket(r.shard, b.Times[k], s.where[n])
	if !e.started(r, b.Times[k]) {
		return
	}
	cell := open.Cell(r.series)
	open.At(cell).Add(value, weight, factor)
	for _, f := range c.blamed {
		if id := e.resolved(b, e.columns.influencers[f], k); id != names.None {
			open.Blame(cell, f, id, value, weight, factor)
		}
	}
}

// resolved is name without interning, for workers.
func (e *Engine) resolved(b *record.Batch, column int, k int32) names.ID {
	if code := b.Texts[column].Codes[k]; code != 0 {
		return e.scratch.ids[column][code-1]
	}
	return names.None
}

// openBucket is the bucket of one shard that a time falls into. where is the
// place found before, unless it did not fit.
func (e *Engine) openBucket(shard uint8, t int64, where uint8) *gather.Bucket {
	at := int64(where)
	if where == math.MaxUint8 {
		at = (t - e.clock.LastFinalizedMs) / e.clock.SpanMs
	}
	return e.shards[shard].open[at]
}

// gatherOne is the tight loop of a detector without splits: all records of the
// run go to the cells of one series.
func (e *Engine) gatherOne(b *record.Batch, d int, r ref) {
	s, c := &e.scratch, &e.columns.detectors[d]
	var cell *gather.Cell
	at := -1
	for n, k := range s.keep {
		value, weight, factor, ok := e.sample(b, c, k)
		if !ok {
			continue
		}
		if where := int(s.where[n]); where != at || where == math.MaxUint8 || len(c.blamed) > 0 {
			open := e.openBucket(r.shard, b.Times[k], s.where[n])
			i := open.Cell(r.series)
			cell, at = open.At(i), where
			for _, f := range c.blamed {
				if id := e.name(b, e.columns.influencers[f], k); id != names.None {
					open.Blame(i, f, id, value, weight, factor)
				}
			}
		}
		cell.Add(value, weight, factor)
	}
}
