package client

import (
	"context"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tidemark/wire"
)

// told counts how a listener was called and keeps the last argument.
type told struct {
	responses, failures atomic.Int32
	err                 error
	response            *FlushJobResponse
}

func (n *told) listener() Listener[FlushJobResponse] {
	return Listener[FlushJobResponse]{
		OnResponse: func(r *FlushJobResponse) { n.response = r; n.responses.Add(1) },
		OnFailure:  func(err error) { n.err = err; n.failures.Add(1) },
	}
}

func (n *told) expect(t *testing.T, responses, failures int32) {
	t.Helper()
	if n.responses.Load() != responses || n.failures.Load() != failures {
		t.Errorf("told of %d responses and %d failures, want %d and %d; %v", n.responses.Load(), n.failures.Load(), responses, failures, n.err)
	}
}

var flushed = answer{status: 200, body: `{"flushed":true,"last_finalized_bucket_end":1514804400000}`}

func TestAsyncSuccess(t *testing.T) {
	_, c := serve(t, flushed)
	var n told
	p := c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, n.listener())
	p.Wait()
	p.Cancel() // too late, and harmless
	<-p.Done()
	n.expect(t, 1, 0)
	if !n.response.Flushed {
		t.Error("wrong response")
	}
}

func TestAsyncConflict(t *testing.T) {
	_, c := serve(t, answer{status: 409, body: notOpen})
	var n told
	c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, n.listener()).Wait()
	n.expect(t, 0, 1)
	var refused *Error
	if !errors.As(n.err, &refused) || refused.Status != 409 || refused.Type != wire.TypeStatus {
		t.Error(n.err)
	}
}

func TestAsyncWrongRequest(t *testing.T) {
	_, c := serve(t, flushed)
	var n told
	c.FlushJobAsync(ctx, FlushJobRequest{}, n.listener()).Wait()
	n.expect(t, 0, 1)
	var wrong *RequestError
	if !errors.As(n.err, &wrong) || wrong.Field != "JobID" {
		t.Error(n.err)
	}
}

func TestAsyncLostConnection(t *testing.T) {
	s, c := serve(t, answer{drop: true})
	var n told
	c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, n.listener()).Wait()
	n.expect(t, 0, 1)
	var lost *ConnectionError
	if !errors.As(n.err, &lost) || lost.Attempts != DefaultMaxAttempts || len(s.requests()) != DefaultMaxAttempts {
		t.Error(n.err)
	}
}

func TestAsyncCancelBeforeSending(t *testing.T) {
	s, c := serve(t, flushed)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	var n told
	c.FlushJobAsync(canceled, FlushJobRequest{JobID: "j"}, n.listener()).Wait()
	n.expect(t, 0, 1)
	if !errors.Is(n.err, context.Canceled) || len(s.requests()) > 0 {
		t.Error(n.err)
	}
}

func TestAsyncCancelAfterSending(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	s, c := serve(t, answer{status: 200, hang: hang})
	var n told
	p := c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, n.listener())
	<-s.got // it was sent
	p.Cancel()
	p.Cancel()
	p.Wait()
	n.expect(t, 0, 1)
	if !errors.Is(n.err, context.Canceled) || len(s.requests()) > 0 {
		t.Errorf("%v, repeated %d times", n.err, len(s.requests()))
	}
}

// TestAsyncPanic: for each callback a panic is reported once, the other callback
// is not called, and the client goes on.
func TestAsyncPanic(t *testing.T) {
	s, _ := serve(t, flushed, answer{status: 409, body: notOpen}, flushed, flushed, flushed)
	var reported []any
	var stack string
	c, err := New(s.URL, Options{OnPanic: func(value any, trace []byte) {
		reported, stack = append(reported, value), string(trace)
		panic("the handler too")
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	calls := 0
	panics := Listener[FlushJobResponse]{
		OnResponse: func(*FlushJobResponse) { calls++; panic("response") },
		OnFailure:  func(error) { calls++; panic("failure") },
	}
	for range 2 {
		c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, panics).Wait()
	}
	exits := Listener[FlushJobResponse]{OnResponse: func(*FlushJobResponse) { calls++; runtime.Goexit() }}
	c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, exits).Wait()
	if calls != 3 || len(reported) != 3 || reported[0] != "response" || reported[1] != "failure" || reported[2] != error(errExited) {
		t.Errorf("%d calls, reported %v", calls, reported)
	}
	if !strings.Contains(stack, "async_test.go") && !strings.Contains(stack, "tell") {
		t.Error(stack)
	}
	var n told
	c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, n.listener()).Wait()
	n.expect(t, 1, 0)
}

// TestAsyncPanicBelow: a panic in the caller's GetBody is a failure, not the end
// of the process.
func TestAsyncPanicBelow(t *testing.T) {
	_, c := serve(t, flushed)
	var failed error
	c.PostDataAsync(ctx, PostDataRequest{JobID: "j", GetBody: nil, Body: panicReader{}}, Listener[wire.DataCounts]{OnFailure: func(err error) { failed = err }}).Wait()
	if failed == nil || !strings.Contains(failed.Error(), "panic") {
		t.Error(failed)
	}
}

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("no reader") }

func TestAsyncNobodyListens(t *testing.T) {
	_, c := serve(t, flushed, answer{status: 409, body: notOpen})
	for range 2 {
		c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, Listener[FlushJobResponse]{}).Wait()
	}
}

// TestCloseEndsPending: Close cancels what is under way and waits for listeners.
func TestCloseEndsPending(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	s, c := serve(t, answer{status: 200, hang: hang})
	var n told
	for range 5 {
		c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, n.listener())
		<-s.got
	}
	c.Close()
	n.expect(t, 0, 5)
}

// TestAsyncStorm: cancels at any moment, each listener hears exactly once.
func TestAsyncStorm(t *testing.T) {
	_, c := serve(t, flushed)
	const calls = 200
	listeners := make([]told, calls)
	pending := make([]*Pending, calls)
	for i := range pending {
		pending[i] = c.FlushJobAsync(ctx, FlushJobRequest{JobID: "j"}, listeners[i].listener())
		if i%2 == 0 {
			go pending[i].Cancel()
		}
	}
	for i, p := range pending {
		select {
		case <-p.Done():
		case <-time.After(time.Minute):
			t.Fatal("a call did not end")
		}
		if n := &listeners[i]; n.responses.Load()+n.failures.Load() != 1 || i%2 == 1 && n.responses.Load() != 1 {
			t.Errorf("call %d: %d responses, %d failures: %v", i, n.responses.Load(), n.failures.Load(), n.err)
		}
	}
}

// TestEveryCallHasAnAsynchronousForm that ends as the synchronous one does.
func TestEveryCallHasAnAsynchronousForm(t *testing.T) {
	_, c := serve(t, answer{status: 200, body: `{}`})
	client := reflect.ValueOf(c)
	n := 0
	for i := range client.NumMethod() {
		name := client.Type().Method(i).Name
		call := client.Method(i)
		if name == "Close" || strings.HasSuffix(name, "Async") {
			continue
		}
		n++
		async := client.MethodByName(name + "Async")
		if !async.IsValid() {
			t.Errorf("%s has no %sAsync", name, name)
			continue
		}
		request := fill(t, call.Type().In(1))
		sync := call.Call([]reflect.Value{reflect.ValueOf(ctx), request})
		listener := reflect.New(async.Type().In(2)).Elem()
		answered, failed := 0, 0
		for field, count := range map[string]*int{"OnResponse": &answered, "OnFailure": &failed} {
			f := listener.FieldByName(field)
			f.Set(reflect.MakeFunc(f.Type(), func([]reflect.Value) []reflect.Value { *count++; return nil }))
		}
		if request.Type() != async.Type().In(1) || listener.FieldByName("OnResponse").Type().In(0) != call.Type().Out(0) {
			t.Errorf("%s: %v does not belong to %v", name, async.Type(), call.Type())
			continue
		}
		async.Call([]reflect.Value{reflect.ValueOf(ctx), fill(t, request.Type()), listener})[0].Interface().(*Pending).Wait()
		if want := sync[1].IsNil(); want != (answered == 1) || want != (failed == 0) || answered+failed != 1 {
			t.Errorf("%s: answered %d times, failed %d times; the call itself: %v", name, answered, failed, sync[1].Interface())
		}
		if name != "PreviewDatafeed" && answered != 1 { // Its answer is a list.
			t.Errorf("%s failed: %v", name, sync[1].Interface())
		}
	}
	if n < 45 {
		t.Errorf("only %d calls were tried", n)
	}
}

// fill makes a request whose texts and bodies are not empty.
func fill(t *testing.T, of reflect.Type) reflect.Value {
	v := reflect.New(of).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.String:
			f.SetString("x")
		case f.Type() == reflect.TypeFor[[]byte]():
			f.SetBytes([]byte("{}"))
		case f.Type() == reflect.TypeFor[io.Reader]():
			f.Set(reflect.ValueOf(strings.NewReader("{}")))
		}
	}
	return v
}
