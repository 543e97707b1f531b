package tabular

import (
	"bytes"
	"errors"
	"io"
)

// Replay looks at the first records of a stream and yields them again: a pipe
// cannot be read twice.
type Replay struct {
	// Next is the stream.
	Next func() ([]byte, error)
	head [][]byte
	err  error
}

// Look yields the first n records, then io.EOF.
func (p *Replay) Look(n int) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(p.head) >= n {
			return nil, io.EOF
		}
		line, err := p.Next()
		if err != nil {
			p.err = err
			return nil, err
		}
		line = bytes.Clone(line)
		p.head = append(p.head, line)
		return line, nil
	}
}

// Empty reports whether all records that were looked at were yielded again.
func (p *Replay) Empty() bool { return len(p.head) == 0 }

// Again yields the records that were looked at and then those behind them.
func (p *Replay) Again() func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(p.head) > 0 {
			line := p.head[0]
			p.head = p.head[1:]
			return line, nil
		}
		if p.err != nil && errors.Is(p.err, io.EOF) {
			return nil, io.EOF
		}
		return p.Next()
	}
}
