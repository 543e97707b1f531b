package engine

import (
	"regexp"
	"slices"
	"strconv"

	"tidemark/engine/category"
	"tidemark/engine/codec"
	"tidemark/engine/names"
	"tidemark/engine/record"
	"tidemark/engine/result"
)

// categorizer groups the messages of one partition, or of the whole job.
type categorizer struct {
	partition names.ID
	own       *category.Categorizer
	// ids are the job's ids of its categories: they are unique in the job.
	ids []int
	// changed are the categories that had messages since they were last told.
	changed []bool
}

// categories are all categorizers of a job.
type categories struct {
	list   []*categorizer
	of     map[names.ID]int
	next   int
	filter []*regexp.Regexp
	// analyzer cuts messages into tokens, nil: by the rules of the package.
	analyzer *category.Analyzer
	failed   int64
}

// useCategories derives what depends on the configuration.
func (e *Engine) useCategories() {
	e.categories.filter = nil
	for _, f := range e.config.CategorizationFilters {
		if re, err := regexp.Compile(f); err == nil { // Validate has compiled it.
			e.categories.filter = append(e.categories.filter, re)
		}
	}
	e.categories.analyzer = nil
	if a := e.config.Analyzer; a != nil {
		e.categories.analyzer, _ = category.NewAnalyzer(a) // Validate has compiled it.
	}
	if e.categories.of == nil {
		e.categories.of = map[names.ID]int{}
	}
}

// categorize gives the records of a run their categories, record by record, so
// that the outcome does not depend on how they were cut into batches. Messages of
// a partial first bucket, which is not analyzed, make categories all the same.
func (e *Engine) categorize(b *record.Batch) {
	s := &e.scratch
	if e.columns.message < 0 {
		return
	}
	s.categories = slices.Grow(s.categories[:0], b.Len())[:b.Len()]
	for _, k := range s.keep {
		s.categories[k] = e.categoryOf(b, k)
	}
}

// categoryOf is the name of one record's category, None without a message or
// without room.
func (e *Engine) categoryOf(b *record.Batch, k int32) names.ID {
	code := b.Texts[e.columns.message].Codes[k]
	if code == 0 {
		return names.None
	}
	partition := names.None
	if column := e.columns.messagePartition; column >= 0 {
		if partition = e.split(b, column, k); partition == names.None {
			return names.None
		}
	}
	c := e.categorizerOf(partition)
	if e.config.StopOnWarn && c.own.Warn() {
		return names.None
	}
	message := b.Texts[e.columns.message].Value(int(code - 1))
	for _, f := range e.categories.filter {
		message = f.ReplaceAll(message, nil)
	}
	if !e.roomForName(categoryRoom) {
		e.categories.failed++
		return names.None
	}
	id, _ := c.own.Categorize(message, e.categories.analyzer)
	if id == 0 {
		return names.None
	}
	if id > len(c.ids) {
		e.categories.next++
		c.ids, c.changed = append(c.ids, e.categories.next), append(c.changed, false)
	}
	c.changed[id-1] = true
	return e.names.Intern(strconv.AppendInt(nil, int64(c.ids[id-1]), 10))
}

// categoryRoom is the memory that a message may take at most, in bytes, when it
// makes a category of its own.
const categoryRoom = 20 << 10

func (e *Engine) categorizerOf(partition names.ID) *categorizer {
	if i, ok := e.categories.of[partition]; ok {
		return e.categories.list[i]
	}
	c := &categorizer{partition: partition, own: category.New(category.Limits{Examples: e.config.CategoryExamples})}
	e.categories.of[partition] = len(e.categories.list)
	e.categories.list = append(e.categories.list, c)
	return c
}

// changedCategories are the definitions of the categories that had messages since
// they were last told, in order of their ids.
func (e *Engine) changedCategories() (list []result.Category) {
	for _, c := range e.categories.list {
		for i, changed := range c.changed {
			if !changed {
				continue
			}
			c.changed[i] = false
			d := c.own.Definition(i + 1)
			x := result.Category{ID: c.ids[i], Terms: d.Terms, Regex: d.Regex, MaxMatchingLength: d.MaxMatchingLength,
				Examples: d.Examples, NumMatches: d.NumMatches}
			for _, p := range d.PreferredTo {
				x.PreferredTo = append(x.PreferredTo, c.ids[p-1])
			}
			if c.partition != names.None {
				x.Partition, x.HasPartition = string(e.names.Value(c.partition)), true
			}
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b result.Category) int { return a.ID - b.ID })
	return list
}

// categoryBytes is the memory charged for categories.
func (e *Engine) categoryBytes() (total int64) {
	for _, c := range e.categories.list {
		total += c.own.Bytes() + int64(len(c.ids))*16
	}
	return total
}

// categoryStats sums up all categorizers.
func (e *Engine) categoryStats() (s result.CategoryStats) {
	for _, c := range e.categories.list {
		x := c.own.Stats()
		s.Documents += x.Documents
		s.Total += x.Total
		s.Frequent += x.Frequent
		s.Rare += x.Rare
		s.Dead += x.Dead
		s.Failed += x.Failed
		s.Warn = s.Warn || x.Warn
	}
	s.Failed += e.categories.failed
	return s
}

// frozenCategories is a copy for a snapshot.
func (c *categories) clone() (list []*categorizer) {
	for _, x := range c.list {
		list = append(list, &categorizer{partition: x.partition, own: x.own.Clone(), ids: slices.Clone(x.ids), changed: slices.Clone(x.changed)})
	}
	return list
}

func (f *Frozen) appendCategories(dst []byte) []byte {
	dst = codec.AppendVarint(dst, f.categoriesFailed)
	dst = codec.AppendUvarint(dst, uint64(len(f.categories)))
	for _, c := range f.categories {
		dst = codec.AppendU32(dst, uint32(c.partition))
		dst = codec.AppendUvarint(dst, uint64(len(c.ids)))
		for i, id := range c.ids {
			dst = codec.AppendBool(codec.AppendUvarint(dst, uint64(id)), c.changed[i])
		}
		dst = c.own.Append(dst)
	}
	return dst
}

func (e *Engine) decodeCategories(r *codec.Reader) {
	e.categories.failed = r.Varint()
	for n := r.Count(6); n > 0 && r.Err() == nil; n-- {
		c := &categorizer{partition: names.ID(r.U32())}
		for m := r.Count(2); m > 0 && r.Err() == nil; m-- {
			id := r.Uvarint()
			c.ids, c.changed = append(c.ids, int(id)), append(c.changed, r.Bool())
			e.categories.next = max(e.categories.next, int(id))
		}
		c.own = category.Decode(r)
		_, twice := e.categories.of[c.partition]
		if r.Err() == nil && (twice || e.categories.of == nil || c.own.Len() != len(c.ids) || int64(c.partition) > int64(e.names.Len())) {
			r.Fail("a categorizer of partition %d with %d categories and %d ids", c.partition, c.own.Len(), len(c.ids))
		}
		if r.Err() != nil {
			return
		}
		e.categories.of[c.partition] = len(e.categories.list)
		e.categories.list = append(e.categories.list, c)
	}
}
