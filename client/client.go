// Package client talks to a Tidemark server: typed requests and answers, each
// call synchronous under a context or asynchronous with a listener.
//
//	c, err := client.New("http://127.0.0.1:7270", client.Options{})
//	...
//	flushed, err := c.FlushJob(ctx, client.FlushJobRequest{JobID: "total-requests", CalcInterim: true})
//
// Every operation of the API has one method, which takes a request and returns an
// answer: PutJob takes a PutJobRequest, and PutJobAsync the same with a Listener.
// The zero value of a field leaves the choice to the server. Shapes that travel are
// those of package wire; where they are large, Raw takes JSON instead. Lists are read
// a Page at a time.
//
// What the server refuses is an *Error with its status, type and reason; what is not
// worth sending a *RequestError that names the field; and a *ConnectionError says
// that there was no answer.
//
// Uploads carry an idempotency key, so that they are repeated safely when an
// answer is lost. All methods may be called from several goroutines.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"tidemark/wire"
)

// Defaults of Options.
const (
	DefaultMaxAttempts = 6
	DefaultMaxWait     = 30 * time.Second
	DefaultMaxBuffer   = 100 << 20
)

// Options change how a client works. The zero value is ready for use.
type Options struct {
	// HTTP sends the requests. Nil: a client of its own, without a time limit,
	// because a flush or a large upload may take long; the context bounds each
	// call. Its redirects and cookies are the caller's business.
	HTTP *http.Client
	// Header is added to every request, such as Authorization.
	Header http.Header
	// OldPaths speaks /_xpack/ml/ instead of /_ml/.
	OldPaths bool
	// MaxAttempts is how often a call is sent at most: once, and again after a
	// lost connection, 429 or 503 where repeating is safe. 0: DefaultMaxAttempts.
	MaxAttempts int
	// MaxWait is the longest wait before a repeat. If the server asks for more,
	// the call fails at once. 0: DefaultMaxWait.
	MaxWait time.Duration
	// MaxBuffer is how many bytes of an upload are held in memory if its body
	// cannot be read a second time. 0: DefaultMaxBuffer.
	MaxBuffer int64
	// OnPanic is told when a listener panics, with the stack. Nil: it is logged
	// by slog.
	OnPanic func(value any, stack []byte)
}

// Client is made by New and ended by Close.
type Client struct {
	base *url.URL
	root string // of the machine learning API: /_ml
	opt  Options
	http *http.Client
	own  bool // http was made here

	ctx     context.Context
	cancel  context.CancelFunc
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // asynchronous calls

	// pause waits between attempts; tests replace it.
	pause func(context.Context, time.Duration) error
}

// ErrClosed is the error of calls after Close.
var ErrClosed = errors.New("tidemark: the client is closed")

// New returns a client of the server at an address such as
// http://127.0.0.1:7270. It does not connect.
func New(address string, opt Options) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("tidemark: server address: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("tidemark: server address %q: give one such as http://127.0.0.1:7270", address)
	}
	if base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("tidemark: server address %q: it must have no query and no fragment", address)
	}
	base.Path = strings.TrimRight(base.Path, "/")
	if opt.MaxAttempts <= 0 {
		opt.MaxAttempts = DefaultMaxAttempts
	}
	if opt.MaxWait <= 0 {
		opt.MaxWait = DefaultMaxWait
	}
	if opt.MaxBuffer <= 0 {
		opt.MaxBuffer = DefaultMaxBuffer
	}
	if opt.OnPanic == nil {
		opt.OnPanic = func(value any, stack []byte) {
			slog.Error("tidemark: a listener panicked", "panic", value, "stack", string(stack))
		}
	}
	c := &Client{base: base, root: strings.TrimSuffix(wire.JobsPath, "/"+jobsSegment), opt: opt, http: opt.HTTP, pause: pause}
	if opt.OldPaths {
		c.root = strings.TrimSuffix(wire.OldJobsPath, "/"+jobsSegment)
	}
	if c.http == nil {
		c.http, c.own = ownHTTP(), true
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// expectTimeout is how long an upload waits for the server's leave to send the
// body. Servers that never answer that cost it once for each upload.
const expectTimeout = time.Second

func ownHTTP() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	transport.ExpectContinueTimeout = expectTimeout
	return &http.Client{
		Transport: transport,
		// The API has no redirects; following one could send an upload to
		// somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close cancels the asynchronous calls, waits until their listeners have
// returned and gives up idle connections. It must not be called by a listener.
// Further calls fail with ErrClosed; further Closes do nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
	if c.own {
		c.http.CloseIdleConnections()
	}
	return nil
}

func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// pause waits, or ends with the context.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
