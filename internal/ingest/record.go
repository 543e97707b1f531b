package ingest

import (
	"bytes"
	"math"

	"tidemark/engine/place"
	"tidemark/engine/record"
	"tidemark/internal/ingest/javatime"
)

// Bounds of what is remembered of the order of keys at one node.
const (
	maxSlots   = 256
	maxSlotKey = 128
)

// slot is a key that was seen at some position of an object: its bytes from
// the opening quote to the colon, and what it stands for. Producers write keys
// in the same order again and again, so comparing with the slot of the last
// record nearly always replaces scanning and looking up the key.
type slot struct {
	text   []byte
	member member
}

// recordReader reads one record at a time into a builder.
type recordReader struct {
	scanner
	schema  *Schema
	builder *record.Builder
	clock   javatime.Clock
	// slots are indexed by node and position.
	slots [][]slot
	// marks say in which record each field was seen last, so that nothing has
	// to be cleared between records.
	marks   []int64
	serial  int64
	present int
	// timeText is the time's text in the current record.
	timeText []byte
	// scratch holds unescaped and joined texts of the current record.
	scratch []byte
}

func newRecordReader(s *Schema) *recordReader {
	r := &recordReader{
		schema:  s,
		builder: record.NewBuilder(s.numbers, s.texts),
		slots:   make([][]slot, s.nodes),
		marks:   make([]int64, len(s.fields)),
	}
	if s.message >= 0 {
		r.builder.Long(s.message)
	}
	return r
}

// record reads the object whose opening brace is at i into the builder's open
// record. Nothing is left in the builder if it fails.
func (r *recordReader) record(b []byte, i int) int {
	r.serial++
	r.present, r.leaves, r.timeText, r.scratch = 0, 0, nil, r.scratch[:0]
	end := r.object(b, i+1, r.schema.root, 1)
	if end < 0 {
		r.builder.Abort()
	}
	return end
}

// object reads an object from behind its opening brace on. n is where it lies.
func (r *recordReader) object(b []byte, i int, n *node, depth int) int {
	if depth > maxDepth {
		return r.fail(i-1, whyDepth)
	}
	i = space(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for position := 0; ; position++ {
		var m member
		if slots := r.slots[n.id]; position < len(slots) && bytes.HasPrefix(b[i:], slots[position].text) {
			i += len(slots[position].text)
			m = slots[position].member
		} else if i, m = r.key(b, i, n, position); i < 0 {
			return -1
		}
		if i = space(b, i); i >= len(b) {
			return r.fail(i, "")
		}
		if i = r.value(b, i, m, depth); i < 0 {
			return -1
		}
		i = space(b, i)
		switch {
		case i >= len(b):
			return r.fail(i, "")
		case b[i] == '}':
			return i + 1
		case b[i] != ',':
			return r.fail(i, whyMember)
		}
		i = space(b, i+1)
	}
}

// key reads a key and its colon and remembers them for the next record.
func (r *recordReader) key(b []byte, i int, n *node, position int) (next int, m member) {
	start := i
	if next = r.keyEnd(b, i); next < 0 {
		return -1, m
	}
	name := b[start+1 : next-1]
	name = name[:bytes.LastIndexByte(name, '"')]
	if bytes.IndexByte(name, '\\') >= 0 {
		from := len(r.scratch)
		r.scratch = unescape(r.scratch, name)
		name = r.scratch[from:]
	}
	m, ok := n.members[string(name)]
	if !ok {
		m.field = -1
	}
	if position < maxSlots && next-start <= maxSlotKey {
		slots := r.slots[n.id]
		if position == len(slots) {
			slots = append(slots, slot{})
		}
		if position < len(slots) {
			slots[position] = slot{append(slots[position].text[:0], b[start:next]...), m}
		}
		r.slots[n.id] = slots
	}
	return next, m
}

// value reads the value of a member and keeps it if a field wants it.
func (r *recordReader) value(b []byte, i int, m member, depth int) int {
	start := i
	switch c := b[i]; {
	case c == '{':
		if m.child != nil {
			return r.object(b, i+1, m.child, depth+1)
		}
		if i = r.skipObject(b, i+1, depth+1); i >= 0 && m.field >= 0 && r.schema.fields[m.field].isPlace {
			r.takePlace(m.field, b[start:i])
		}
		return i
	case c == '[':
		r.leaves++
		if m.field < 0 {
			return r.skipArray(b, i+1, depth+1)
		}
		from := len(r.scratch)
		if i = r.skipArray(b, i+1, depth+1); i >= 0 {
			if r.schema.fields[m.field].isPlace {
				r.takePlace(m.field, b[start:i])
				return i
			}
			r.scratch = join(r.scratch, b[start:i])
			r.take(m.field, r.scratch[from:])
		}
		return i
	case c == '"':
		r.leaves++
		if i = r.str(b, i+1); i >= 0 && m.field >= 0 {
			text := b[start+1 : i-1]
			if r.escaped {
				from := len(r.scratch)
				r.scratch = unescape(r.scratch, text)
				text = r.scratch[from:]
			}
			r.take(m.field, text)
		}
		return i
	case c == '-' || c-'0' <= 9:
		r.leaves++
		if i = r.number(b, i); i >= 0 && m.field >= 0 {
			r.take(m.field, b[start:i])
		}
		return i
	}
	r.leaves++
	if i = r.literal(b, i); i >= 0 && m.field >= 0 {
		text := b[start:i]
		if text[0] == 'n' {
			text = text[:0] // null is an empty text, which is present
		}
		r.take(m.field, text)
	}
	return i
}

// take keeps a field's value. If a record has a field twice, the last value
// stays. A text that is no place is as good as none for a field of places.
func (r *recordReader) take(index int, text []byte) {
	f := &r.schema.fields[index]
	if f.isPlace {
		if _, ok := place.Parse(text); !ok {
			return
		}
	}
	if r.marks[index] != r.serial {
		r.marks[index] = r.serial
		r.present++
	}
	if f.number >= 0 {
		v, ok := parseNumber(text)
		if !ok {
			v = math.NaN()
		}
		r.builder.Number(f.number, v)
	}
	if f.text >= 0 {
		r.builder.Text(f.text, text)
	}
	if f.isTime {
		r.timeText = text
	}
}

// missing is how many fields the last record lacks, the time included.
func (r *recordReader) missing() int { return len(r.marks) - r.present }

// hasTime reports whether the last record had the time field at all.
func (r *recordReader) hasTime() bool { return r.marks[r.schema.timeIndex] == r.serial }

// join appends the scalars of an array that was checked, with commas between
// them. Arrays within it are joined in, objects left out.
func join(dst, array []byte) []byte {
	first, depth := true, 0
	for i := 0; i < len(array); i++ {
		c := array[i]
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == '"':
			end := i + 1
			for array[end] != '"' {
				if array[end] == '\\' {
					end++
				}
				end++
			}
			if depth == 0 {
				dst = unescape(comma(dst, first), array[i+1:end])
				first = false
			}
			i = end
		case depth > 0 || c == '[' || c == ']' || c == ',' || isSpace(c):
		default:
			end := i
			for bytes.IndexByte([]byte(",] \t\r\n"), array[end]) < 0 {
				end++
			}
			dst = comma(dst, first)
			if c != 'n' {
				dst = append(dst, array[i:end]...)
			}
			first = false
			i = end - 1
		}
	}
	return dst
}

func comma(dst []byte, first bool) []byte {
	if first {
		return dst
	}
	return append(dst, ',')
}
