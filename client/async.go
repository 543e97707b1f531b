package client

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Listener is told how an asynchronous call ended: exactly one of the two is
// called, once, on a goroutine of its own. Either may be nil. A panic in it is
// reported by Options.OnPanic and goes no further.
type Listener[R any] struct {
	OnResponse func(*R)
	OnFailure  func(error)
}

// Pending is an asynchronous call under way.
type Pending struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Cancel ends the call: its listener is told of a failure that is
// context.Canceled, unless the call had already ended. If the request was
// already sent, the server may have acted on it. Cancel does not wait; it may be
// called any number of times and by the listener.
func (p *Pending) Cancel() { p.cancel() }

// Done is closed when the listener has returned.
func (p *Pending) Done() <-chan struct{} { return p.done }

// Wait returns when the listener has returned. It must not be called by it.
func (p *Pending) Wait() { <-p.done }

// async runs a synchronous call on a goroutine of its own.
func async[Q, R any](ctx context.Context, c *Client, q Q, l Listener[R], do func(context.Context, Q) (*R, error)) *Pending {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.ctx, cancel)
	p := &Pending{cancel: cancel, done: make(chan struct{})}
	c.mu.Lock()
	if !c.closed {
		c.running.Add(1)
	}
	counted := !c.closed
	c.mu.Unlock()
	go func() {
		defer func() {
			stop()
			cancel()
			close(p.done)
			if counted {
				c.running.Done()
			}
		}()
		answer, err := protect(ctx, q, do)
		c.tell(func() {
			switch {
			case err == nil && l.OnResponse != nil:
				l.OnResponse(answer)
			case err != nil && l.OnFailure != nil:
				l.OnFailure(err)
			}
		})
	}()
	return p
}

// protect turns a panic below a call, of the user's reader or transport, into a
// failure, so that the listener hears of it.
func protect[Q, R any](ctx context.Context, q Q, do func(context.Context, Q) (*R, error)) (answer *R, err error) {
	defer func() {
		if value := recover(); value != nil {
			answer, err = nil, fmt.Errorf("tidemark: panic in a call: %v\n%s", value, debug.Stack())
		}
	}()
	return do(ctx, q)
}

// errExited is reported for a listener that ended its goroutine.
var errExited = errors.New("the listener called runtime.Goexit")

// tell calls a listener on a goroutine of its own and waits for it, so that
// even one that ends its goroutine leaves this one whole.
func (c *Client) tell(listener func()) {
	var wait sync.WaitGroup
	wait.Go(func() {
		returned := false
		defer func() {
			if returned {
				return
			}
			value := recover()
			if value == nil {
				value = errExited
			}
			c.report(value, debug.Stack())
		}()
		listener()
		returned = true
	})
	wait.Wait()
}

// report hands a panic on; one in the handler itself ends here.
func (c *Client) report(value any, stack []byte) {
	defer func() { _ = recover() }() // nobody is left to tell
	c.opt.OnPanic(value, stack)
}
