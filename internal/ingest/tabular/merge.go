package tabular

import (
	"bytes"
	"cmp"
	"container/heap"
	"errors"
	"io"
	"math"
	"slices"
)

// Merge yields the records of several files by time, each file in its own
// order. A record without a usable time keeps its place behind the one before
// it in its file. Memory: one record per file.
func Merge(files []*Reader, timeField string, parse func([]byte) (int64, bool)) (func() ([]byte, error), error) {
	if len(files) == 1 {
		return files[0].Next, nil
	}
	m := &merge{timeField: timeField, parse: parse}
	for i, f := range files {
		s := &source{file: f, order: i}
		more, err := m.advance(s)
		if err != nil {
			return nil, err
		}
		if more {
			m.sources = append(m.sources, s)
		}
	}
	heap.Init(m)
	return m.next, nil
}

// source is a file with its next record.
type source struct {
	file  *Reader
	order int
	ms    int64
	line  []byte
}

type merge struct {
	timeField string
	parse     func([]byte) (int64, bool)
	sources   []*source
	out       []byte
}

func (m *merge) next() ([]byte, error) {
	if len(m.sources) == 0 {
		return nil, io.EOF
	}
	s := m.sources[0]
	m.out = append(m.out[:0], s.line...)
	more, err := m.advance(s)
	switch {
	case err != nil:
		return nil, err
	case more:
		heap.Fix(m, 0)
	default:
		heap.Pop(m)
	}
	return m.out, nil
}

// advance reads a source's next record.
func (m *merge) advance(s *source) (more bool, err error) {
	line, err := s.file.Next()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.line = append(s.line[:0], line...)
	if text, ok := Text(line, m.timeField); ok {
		if ms, ok := m.parse([]byte(text)); ok {
			s.ms = ms
		}
	}
	return true, nil
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (m *merge) Len() int { return len(m.sources) }

// Less is by time, then by the files' order.
func (m *merge) Less(i, j int) bool {
	a, b := m.sources[i], m.sources[j]
	if a.ms != b.ms {
		return a.ms < b.ms
	}
	return a.order < b.order
}

// Swap exchanges two sources.
func (m *merge) Swap(i, j int) { m.sources[i], m.sources[j] = m.sources[j], m.sources[i] }

// Push adds a source.
func (m *merge) Push(x any) { m.sources = append(m.sources, x.(*source)) }

// Pop removes the last source.
func (m *merge) Pop() any {
	last := m.sources[len(m.sources)-1]
	m.sources = m.sources[:len(m.sources)-1]
	return last
}

// Sort reads all records and yields them by time, those of one time in their own
// order. A record without a usable time keeps its place behind the one before it.
// Memory: all records.
func Sort(next func() ([]byte, error), timeField string, parse func([]byte) (int64, bool)) (func() ([]byte, error), error) {
	type timed struct {
		ms   int64
		line []byte
	}
	var all []timed
	ms := int64(math.MinInt64)
	for {
		line, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if text, ok := Text(line, timeField); ok {
			if at, ok := parse([]byte(text)); ok {
				ms = at
			}
		}
		all = append(all, timed{ms, bytes.Clone(line)})
	}
	slices.SortStableFunc(all, func(a, b timed) int { return cmp.Compare(a.ms, b.ms) })
	return func() ([]byte, error) {
		if len(all) == 0 {
			return nil, io.EOF
		}
		line := all[0].line
		all = all[1:]
		return line, nil
	}, nil
}
