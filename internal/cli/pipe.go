package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"
)

// pipe reads records ahead of whoever works on them, so that a stream that pauses
// can be told from one that has ended.
type pipe struct {
	ctx   context.Context
	lines chan line
	stop  chan struct{}
	head  [][]byte // looked at, to be yielded again
	end   error
}

type line struct {
	text []byte
	err  error
}

// pipeAhead is how many records are read ahead.
const pipeAhead = 4096

// newPipe begins to read; it yields nothing more once ctx ends.
func newPipe(ctx context.Context, next func() ([]byte, error)) *pipe {
	p := &pipe{ctx: ctx, lines: make(chan line, pipeAhead), stop: make(chan struct{})}
	go func() {
		for {
			text, err := next()
			select {
			case p.lines <- line{bytes.Clone(text), err}:
			case <-p.stop:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

// close lets the reader go.
func (p *pipe) close() { close(p.stop) }

const (
	// pause is how long a stream may be silent before a look at it ends, if there
	// are leastLook records to look at.
	pause     = 2 * time.Second
	leastLook = 20
)

// look yields the first n records, or those before the first pause, then io.EOF.
func (p *pipe) look(n int) func() ([]byte, error) {
	return func() ([]byte, error) {
		if p.end != nil || len(p.head) >= n {
			return nil, io.EOF
		}
		patience := make(<-chan time.Time)
		if len(p.head) >= leastLook {
			patience = time.After(pause)
		}
		select {
		case l := <-p.lines:
			if l.err != nil {
				p.end = l.err
				return nil, l.err
			}
			p.head = append(p.head, l.text)
			return l.text, nil
		case <-patience:
			return nil, io.EOF
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
		}
	}
}

// looked yields the records that were looked at once more, then io.EOF.
func (p *pipe) looked() func() ([]byte, error) {
	i := 0
	return func() ([]byte, error) {
		if i == len(p.head) {
			return nil, io.EOF
		}
		i++
		return p.head[i-1], nil
	}
}

// next yields the records that were looked at and then those behind them.
func (p *pipe) next() ([]byte, error) {
	if len(p.head) > 0 {
		text := p.head[0]
		p.head = p.head[1:]
		return text, nil
	}
	if p.end != nil {
		return nil, p.end
	}
	var l line
	select {
	case l = <-p.lines:
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	}
	if l.err != nil && !errors.Is(l.err, io.EOF) {
		p.end = l.err
	}
	return l.text, l.err
}

// waiting reports whether no record is there yet.
func (p *pipe) waiting() bool { return len(p.head) == 0 && len(p.lines) == 0 }
