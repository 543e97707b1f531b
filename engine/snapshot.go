package engine

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"tidemark/engine/bucket"
	"tidemark/engine/codec"
	"tidemark/engine/gather"
	"tidemark/engine/names"
	"tidemark/engine/pages"
	"tidemark/engine/result"
	"tidemark/engine/spec"
)

// Snapshot format: magic, version, the build that wrote it, then sections of
// (kind, length, bytes, CRC32C). docs/format/snapshot.md has the details.
const (
	magic           = "TIDESNAP"
	snapshotVersion = 21
)

// Errors of Restore, to be told apart with errors.Is.
var (
	// ErrVersion: the snapshot was written in a format this build cannot read.
	ErrVersion = errors.New("snapshot of another format version")
	// ErrCorrupt: the bytes are not what was written.
	ErrCorrupt = errors.New("snapshot is damaged")
)

// Kinds of sections, in the order they stand.
const (
	sectionHead byte = iota + 1
	sectionNames
	sectionGroups
	sectionCategories
	sectionShard // one per shard
	sectionEnd
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frozen is the state of an engine at one moment. It shares the engine's pages,
// which the engine copies before it changes them, so it may be written by
// another goroutine while the engine goes on.
type Frozen struct {
	build  string
	head   []byte
	names  names.View
	groups pages.View[group]
	shards [shardCount]frozenShard

	categories       []*categorizer
	categoriesFailed int64
}

type frozenShard struct {
	pools    []frozenPool // in the order of a shard's
	bondRefs []bondRef
	active   []uint32
	now      int64
	open     []*gather.Bucket
}

// Freeze returns the state as it is. It costs a step per page and a copy of
// what the open buckets have gathered.
func (e *Engine) Freeze() *Frozen {
	f := e.freeze()
	e.cost = 0
	return f
}

func (e *Engine) freeze() *Frozen {
	f := &Frozen{build: e.opt.Build, head: e.appendHead(nil), names: e.names.Freeze(), groups: e.groups.Freeze(),
		categories: e.categories.clone(), categoriesFailed: e.categories.failed}
	for i, s := range e.shards {
		open := make([]*gather.Bucket, len(s.open))
		for n, b := range s.open {
			open[n] = b.Clone()
		}
		frozen := frozenShard{bondRefs: slices.Clone(s.bondRefs), active: slices.Clone(s.active), now: s.wheel.Now(), open: open}
		for _, p := range s.all {
			frozen.pools = append(frozen.pools, p.freeze())
		}
		f.shards[i] = frozen
	}
	return f
}

// appendHead encodes everything that is not per series.
func (e *Engine) appendHead(dst []byte) []byte {
	dst = codec.AppendUvarint(dst, shardCount)
	dst = codec.AppendBool(dst, e.config != nil)
	if e.config == nil {
		return dst
	}
	dst = e.config.Append(dst)
	dst = codec.AppendBool(dst, e.open)
	dst = codec.AppendBool(dst, e.clock.Set)
	dst = codec.AppendBool(dst, e.clock.Started)
	dst = codec.AppendVarint(dst, e.clock.LastFinalizedMs)
	dst = codec.AppendVarint(dst, e.clock.FirstFullMs)
	dst = e.diag.Append(dst)
	dst = appendCounts(dst, &e.totals)
	dst = appendCounts(dst, &e.upload)
	dst = codec.AppendVarint(dst, e.sourceMs)
	dst = codec.AppendUvarint(dst, uint64(len(e.events)))
	for _, n := range e.events {
		dst = codec.AppendFloat(dst, n)
	}
	m := &e.memory
	dst = codec.AppendString(dst, string(m.status))
	for _, n := range []int64{m.peak, m.evicted, m.refused, m.failures} {
		dst = codec.AppendVarint(dst, n)
	}
	dst = codec.AppendBool(dst, m.failing)
	for i := range e.config.Detectors {
		dst = codec.AppendU64(codec.AppendVarint(dst, e.shifts[i].ms), e.shifts[i].applied)
	}
	dst = codec.AppendUvarint(dst, uint64(len(e.begun)))
	for _, b := range e.begun {
		dst = codec.AppendVarint(codec.AppendVarint(codec.AppendVarint(dst, b.startMs), b.endMs), b.seconds)
	}
	dst = e.agreement.Append(dst)
	return e.keys.append(dst)
}

// WriteTo writes the snapshot. It may run while the engine goes on.
func (f *Frozen) WriteTo(w io.Writer) (int64, error) {
	out := &sections{w: w}
	head := append([]byte(magic), snapshotVersion)
	out.write(codec.AppendString(head, f.build))
	out.section(sectionHead, f.head)
	out.section(sectionNames, f.names.Append(nil))
	out.section(sectionGroups, f.appendGroups(nil))
	out.section(sectionCategories, f.appendCategories(nil))
	var buf []byte
	for i := range f.shards {
		buf = f.shards[i].append(buf[:0])
		out.section(sectionShard, buf)
	}
	out.section(sectionEnd, nil)
	return out.written, out.err
}

type sections struct {
	w       io.Writer
	written int64
	err     error
}

func (s *sections) write(b []byte) {
	if s.err != nil {
		return
	}
	n, err := s.w.Write(b)
	s.written += int64(n)
	s.err = err
}

func (s *sections) section(kind byte, b []byte) {
	s.write(codec.AppendU64([]byte{kind}, uint64(len(b))))
	s.write(b)
	s.write(codec.AppendU32(nil, crc32.Checksum(b, castagnoli)))
}

func (f *Frozen) appendGroups(dst []byte) []byte {
	dst = codec.AppendU32(dst, f.groups.Limit)
	dst = appendNumbers(dst, f.groups.Free)
	for i := uint32(0); i < f.groups.Limit; i++ {
		g := f.groups.Get(i)
		dst = codec.AppendBool(dst, g.used)
		if g.used {
			dst = codec.AppendU32(codec.AppendU32(dst, g.unit), uint32(g.partition))
			dst = codec.AppendVarint(dst, g.startMs)
		}
	}
	return dst
}

func appendNumbers(dst []byte, list []uint32) []byte {
	dst = codec.AppendUvarint(dst, uint64(len(list)))
	for _, n := range list {
		dst = codec.AppendU32(dst, n)
	}
	return dst
}

func decodeNumbers(r *codec.Reader, limit uint32) []uint32 {
	n := r.Count(4)
	var list []uint32
	for range n {
		v := r.U32()
		if v >= limit {
			r.Fail("number %d of %d", v, limit)
			return nil
		}
		list = append(list, v)
	}
	return list
}

// Hash is a hash of the whole state, for tests.
func (e *Engine) Hash() uint64 {
	h := &hasher{}
	build := e.opt.Build
	e.opt.Build = ""
	e.freeze().WriteTo(h)
	e.opt.Build = build
	return h.sum
}

type hasher struct{ sum uint64 }

func (h *hasher) Write(b []byte) (int, error) {
	h.sum = names.Mix(h.sum ^ names.Hash(b))
	return len(b), nil
}

// Restore reads what WriteTo wrote. The engine goes on exactly as the frozen
// one would have.
func Restore(r io.Reader, opt Options) (*Engine, error) {
	e := New(opt)
	in := &sectionReader{r: r}
	if err := in.header(); err != nil {
		return nil, err
	}
	steps := []struct {
		kind byte
		read func(*codec.Reader)
	}{{sectionHead, e.decodeHead}, {sectionNames, e.decodeNames}, {sectionGroups, e.decodeGroups}, {sectionCategories, e.decodeCategories}}
	for i := range e.shards {
		steps = append(steps, struct {
			kind byte
			read func(*codec.Reader)
		}{sectionShard, func(r *codec.Reader) { e.decodeShard(r, i) }})
	}
	for _, step := range append(steps, struct {
		kind byte
		read func(*codec.Reader)
	}{sectionEnd, func(*codec.Reader) {}}) {
		b, err := in.section(step.kind)
		if err != nil {
			return nil, err
		}
		reader := codec.NewReader(b)
		step.read(reader)
		if err := reader.Done(); err != nil {
			return nil, fmt.Errorf("%w: section %d before byte %d: %w", ErrCorrupt, step.kind, in.offset, err)
		}
	}
	return e, nil
}

type sectionReader struct {
	r      io.Reader
	offset int64
}

func (s *sectionReader) full(b []byte) error {
	n, err := io.ReadFull(s.r, b)
	s.offset += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: it ends at byte %d", ErrCorrupt, s.offset)
	}
	return err
}

// header reads what stands before the sections.
func (s *sectionReader) header() error {
	b := make([]byte, len(magic)+1)
	if err := s.full(b); err != nil {
		return err
	}
	if string(b[:len(magic)]) != magic {
		return fmt.Errorf("%w: it does not begin as a snapshot does", ErrCorrupt)
	}
	if v := b[len(magic)]; v != snapshotVersion {
		return fmt.Errorf("%w: version %d, this build reads %d", ErrVersion, v, snapshotVersion)
	}
	var length [1]byte
	if err := s.full(length[:]); err != nil {
		return err
	}
	if length[0] >= 0x80 {
		return fmt.Errorf("%w: the name of its build is too long", ErrCorrupt)
	}
	return s.full(make([]byte, length[0]))
}

// section reads one section and checks it.
func (s *sectionReader) section(kind byte) ([]byte, error) {
	head := make([]byte, 9)
	if err := s.full(head); err != nil {
		return nil, err
	}
	at := s.offset
	if head[0] != kind {
		return nil, fmt.Errorf("%w: section %d at byte %d where %d belongs", ErrCorrupt, head[0], at, kind)
	}
	body, err := s.body(codec.NewReader(head[1:]).U64())
	if err != nil {
		return nil, err
	}
	sum := make([]byte, 4)
	if err := s.full(sum); err != nil {
		return nil, err
	}
	if codec.NewReader(sum).U32() != crc32.Checksum(body, castagnoli) {
		return nil, fmt.Errorf("%w: checksum of section %d at byte %d does not match", ErrCorrupt, kind, at)
	}
	return body, nil
}

// body reads length bytes in steps, so that a forged length cannot allocate
// more than the file holds.
func (s *sectionReader) body(length uint64) ([]byte, error) {
	const step = 16 << 20
	var body []byte
	for length > 0 {
		n := min(length, step)
		at := len(body)
		body = append(body, make([]byte, n)...)
		if err := s.full(body[at:]); err != nil {
			return nil, err
		}
		length -= n
	}
	return body, nil
}

func (e *Engine) decodeHead(r *codec.Reader) {
	if n := r.Uvarint(); n != shardCount {
		r.Fail("%d shards, this build has %d", n, shardCount)
		return
	}
	if !r.Bool() {
		return
	}
	c := spec.Decode(r)
	if r.Err() != nil {
		return
	}
	if c.LatencyBuckets() > int64(r.Left()) {
		r.Fail("a latency of %d ms with %d bytes left", c.LatencyMs, r.Left())
		return
	}
	e.open = r.Bool()
	e.clock.Set, e.clock.Started = r.Bool(), r.Bool()
	e.clock.LastFinalizedMs, e.clock.FirstFullMs = r.Varint(), r.Varint()
	e.diag = bucket.DecodeDiagnostics(r, c.BucketSpanMs)
	e.totals, e.upload = decodeCounts(r), decodeCounts(r)
	e.sourceMs = r.Varint()
	e.events = make([]float64, r.Count(8))
	for i := range e.events {
		e.events[i] = r.Float()
	}
	m := &e.memory
	m.status = result.MemoryStatus(r.Text())
	for _, n := range []*int64{&m.peak, &m.evicted, &m.refused, &m.failures} {
		*n = r.Varint()
	}
	m.failing = r.Bool()
	e.shifts = make([]shift, len(c.Detectors))
	for i := range e.shifts {
		e.shifts[i] = shift{r.Varint(), r.U64()}
	}
	for n := r.Count(3); n > 0 && r.Err() == nil; n-- {
		e.begun = append(e.begun, begun{r.Varint(), r.Varint(), r.Varint()})
	}
	if !e.agreement.Decode(r) {
		r.Fail("impossible agreement of series")
	}
	e.keys = decodeKeys(r)
	if r.Err() == nil && int64(len(e.events)) != c.LatencyBuckets()+1 {
		r.Fail("%d open buckets, the latency asks for %d", len(e.events), c.LatencyBuckets()+1)
	}
	if r.Err() == nil {
		e.useConfig(c)
	}
}

func (e *Engine) decodeNames(r *codec.Reader) { e.names = names.Decode(r) }

func (e *Engine) decodeGroups(r *codec.Reader) {
	limit := r.U32()
	free := decodeNumbers(r, limit)
	if int64(limit) > int64(r.Left()) {
		r.Fail("%d groups in %d bytes", limit, r.Left())
		return
	}
	e.groups.Restore(limit, free)
	for i := uint32(0); i < limit && r.Err() == nil; i++ {
		if !r.Bool() {
			continue
		}
		g := group{unit: r.U32(), partition: names.ID(r.U32()), startMs: r.Varint(), used: true}
		if int64(g.unit) >= int64(len(e.units)) || int64(g.partition) > int64(e.names.Len()) {
			r.Fail("group %d of unit %d and name %d", i, g.unit, g.partition)
			return
		}
		*e.groups.Mut(i) = g
		e.groupByID[groupKey{g.unit, g.partition}] = i
	}
}
