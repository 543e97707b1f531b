// Package app wires a server together: lock, databases, jobs, API; it starts
// them in order and stops them in the opposite one.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tidemark/internal/api"
	"tidemark/internal/docs"
	"tidemark/internal/durable"
	"tidemark/internal/index"
	"tidemark/internal/inlog/sqlitelog"
	"tidemark/internal/job"
	"tidemark/internal/source"
	"tidemark/internal/store/sqlitestore"
	"tidemark/wire"
)

// Server is a running server.
type Server struct {
	opt   Options
	log   *slog.Logger
	build string

	unlock   func() error
	listener net.Listener
	inlog    *sqlitelog.Log
	store    *sqlitestore.Store
	docs     *docs.Store
	feeds    *source.Feeds
	notes    *index.Notes
	// background ends with cancel.
	background sync.WaitGroup
	cancel     context.CancelFunc
	jobs       *job.Manager
	http       *http.Server
	// ready is set once every job that was open is open again.
	ready  atomic.Bool
	served chan error
}

// Start takes the data directory, listens, and answers requests. Jobs are still
// being recovered when it returns: Recover waits for them.
func Start(ctx context.Context, opt Options, log *slog.Logger, build string) (*Server, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	s := &Server{opt: opt, log: log, build: build, served: make(chan error, 1)}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) (err error) {
	if s.opt.Data, err = filepath.Abs(s.opt.Data); err != nil {
		return err
	}
	if err := durable.Prepare(s.opt.Data); err != nil {
		return err
	}
	if s.unlock, err = durable.Lock(s.opt.Data); err != nil {
		return err
	}
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.opt.Listen); err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another address with --listen", s.opt.Listen, rootOf(err))
	}
	id, err := s.identity()
	if err != nil {
		return err
	}
	if s.inlog, err = sqlitelog.Open(ctx, filepath.Join(s.opt.Data, "log.db"), sqlitelog.Options{
		RetentionAge: s.opt.LogRetentionAge, RetentionBytes: s.opt.LogRetentionBytes, MaxBytes: s.opt.MaxLog,
	}); err != nil {
		return err
	}
	if s.store, err = sqlitestore.Open(ctx, s.opt.Data, sqlitestore.Options{MaxBytes: s.opt.MaxStore}); err != nil {
		return err
	}
	s.jobs = job.NewManager(job.Options{
		Log: s.inlog, Store: s.store, Logger: s.log, Build: s.build,
		Note:         func(id, level, message string) { s.notes.Add(id, level, message) },
		SnapshotWork: s.opt.SnapshotWork, MaxBytesInFlight: s.opt.MaxQueued, MinFreeBytes: s.opt.MinFree,
		FreeBytes: func() (int64, error) { return durable.FreeBytes(s.opt.Data) },
	})
	if s.docs, err = docs.Open(ctx, s.opt.Data, s.opt.MaxStore); err != nil {
		return err
	}
	return s.serve(ctx, id)
}

// rootOf is the innermost error: the operating system's own words.
func rootOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// identity reads the data directory's id, which clients see as the cluster's.
func (s *Server) identity() (string, error) {
	path := filepath.Join(s.opt.Data, "id")
	raw, err := os.ReadFile(path)
	if id := strings.TrimSpace(string(raw)); err == nil && uuid.Validate(id) == nil {
		return id, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	id := uuid.NewString()
	return id, os.WriteFile(path, []byte(id+"\n"), 0o600)
}

// Limits of connections. There is no limit on writing an answer: a flush or a
// close may rightly take long.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
)

// nodeName is what clients see as the node's name.
const nodeName = "tidemark"

func (s *Server) serve(ctx context.Context, id string) error {
	secure, err := s.secure()
	if err != nil {
		return err
	}
	in := index.New(s.docs, s.jobs, time.Now)
	if err := in.Prepare(ctx); err != nil {
		return err
	}
	remotes, err := s.remotes()
	if err != nil {
		return err
	}
	s.notes = index.NewNotes(in, s.log)
	if s.feeds, err = source.New(ctx, source.Options{Jobs: s.jobs, Store: s.store, Index: in, Logger: s.log, Remotes: remotes, Note: s.notes.Add}); err != nil {
		return err
	}
	guard := api.Guard{Loopback: loopback(s.listener.Addr()), AllowOrigins: s.opt.AllowOrigins, AllowHosts: s.opt.AllowHosts}
	handler := api.New(api.Options{
		Jobs: s.jobs, Index: in, Feeds: s.feeds, Note: s.notes.Add, Version: s.opt.APIVersion, Build: s.build, NoCompatHeaders: !s.opt.CompatHeaders,
		NodeName: nodeName, ClusterUUID: id, MaxUploadBytes: s.opt.MaxUpload, MaxReadingBytes: s.opt.MaxReading,
		Guard: guard, Logger: s.log,
	})
	s.http = &http.Server{
		Handler: s.routes(handler, &guard), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	if secure == nil {
		go func() { s.served <- s.http.Serve(s.listener) }()
		return nil
	}
	s.http.TLSConfig = secure
	go func() { s.served <- s.http.ServeTLS(s.listener, "", "") }()
	return nil
}

// secure is how the server speaks TLS, nil if it does not.
func (s *Server) secure() (*tls.Config, error) {
	if s.opt.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(s.opt.TLSCert, s.opt.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be used: %w; --tls-cert and --tls-key name PEM files that belong together", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// remotes are the search clusters that datafeeds may name.
func (s *Server) remotes() (map[string]*source.Remote, error) {
	own, err := netip.ParseAddrPort(s.listener.Addr().String())
	if err != nil {
		return nil, err
	}
	all := map[string]*source.Remote{}
	for _, text := range s.opt.Remotes {
		name, address, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--remote %q: give NAME=http://host:port", text)
		}
		// The key has a variable of its own, so that it stands in no list of processes.
		key := os.Getenv("TIDEMARK_REMOTE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_API_KEY")
		o := source.RemoteOptions{Name: name, URL: address, Key: key, Insecure: slices.Contains(s.opt.RemoteInsecure, name), Own: []netip.AddrPort{own}}
		if o.CA, err = certificates(s.opt.RemoteCAs, name); err != nil {
			return nil, err
		}
		if all[name], err = source.NewRemote(o); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// certificates reads the file of a remote's CA, nil if it has none of its own.
func certificates(files []string, remote string) ([]byte, error) {
	for _, text := range files {
		name, path, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--remote-ca %q: give NAME=FILE", text)
		}
		if name == remote {
			return os.ReadFile(path)
		}
	}
	return nil, nil
}

// routes puts what operators ask for beside the API. The comparison is on the
// path as it came: nothing is cleaned or redirected.
func (s *Server) routes(handler http.Handler, guard *api.Guard) http.Handler {
	metrics := s.metricsHandler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
			s.health(w, true, "ok")
		case "/readyz":
			p := s.jobs.Figures().Recovery
			s.health(w, s.ready.Load(), fmt.Sprintf("recovered %d of %d jobs, replayed %d of %d log entries", p.Done, p.Jobs, p.Replayed, p.Entries))
		case "/metrics":
			if err := guard.Check(r); err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			metrics.ServeHTTP(w, r)
		default:
			handler.ServeHTTP(w, r)
		}
	})
}

func (s *Server) health(w http.ResponseWriter, ok bool, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Server", "Tidemark/"+wire.Release)
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = fmt.Fprintln(w, text) // A client that has gone needs no answer.
}

// URL is where the server answers.
func (s *Server) URL() string {
	scheme := "http://"
	if s.opt.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + s.listener.Addr().String()
}

// Data is the data directory.
func (s *Server) Data() string { return s.opt.Data }

// Open reports whether other machines can reach the server.
func (s *Server) Open() bool { return !loopback(s.listener.Addr()) }

// Recover waits until every job that was open is open again or has failed.
func (s *Server) Recover(ctx context.Context) error {
	if err := s.jobs.Recover(ctx); err != nil {
		return err
	}
	s.feeds.Resume()
	var keep context.Context
	keep, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.background.Go(func() { s.jobs.KeepRetention(keep) })
	s.ready.Store(true)
	return nil
}

// Wait returns when ctx ends or the server can serve no more.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.served:
		s.served <- err
		return fmt.Errorf("serving %s ended: %w", s.URL(), err)
	}
}

// Stop finishes requests, writes a snapshot of each open job and releases the
// data directory. Nothing is closed: the jobs are open again after the next
// start.
func (s *Server) Stop() error {
	s.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), s.opt.StopTimeout)
	defer cancel()
	s.feeds.Close()
	if s.cancel != nil {
		s.cancel()
		s.background.Wait()
	}
	// Jobs go first: they answer the requests that wait for them.
	failed := s.jobs.Shutdown(ctx)
	if err := s.http.Shutdown(ctx); err != nil {
		failed = errors.Join(failed, s.http.Close())
	}
	return errors.Join(failed, s.release())
}

// release gives back whatever was taken.
func (s *Server) release() error {
	var failed []error
	if s.http == nil && s.listener != nil {
		failed = append(failed, s.listener.Close())
	}
	if s.store != nil {
		failed = append(failed, s.store.Close())
	}
	if s.notes != nil {
		s.notes.Close()
	}
	if s.docs != nil {
		failed = append(failed, s.docs.Close())
	}
	if s.inlog != nil {
		failed = append(failed, s.inlog.Close())
	}
	if s.unlock != nil {
		failed = append(failed, s.unlock())
	}
	return errors.Join(failed...)
}
