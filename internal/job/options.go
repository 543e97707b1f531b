package job

import (
	"errors"
	"io"
	"log/slog"
	"runtime"
	"time"

	"tidemark/engine"
	"tidemark/engine/entry"
	"tidemark/internal/inlog"
	"tidemark/internal/store"
)

// Defaults of Options.
const (
	// DefaultQueueLength is how many requests of one job may wait; the API
	// names this number.
	DefaultQueueLength = 100
	// DefaultSnapshotWork is the replay work, in the units of
	// engine.ReplayCost, after which a snapshot falls due: about half a second.
	DefaultSnapshotWork = 5_000_000
	// DefaultMaxBytesInFlight bounds the encoded uploads of all jobs that wait
	// or are being stored.
	DefaultMaxBytesInFlight = 256 << 20
	// DefaultMinFreeBytes is the free space below which uploads are refused, so
	// that results and snapshots of what was taken still find room.
	DefaultMinFreeBytes = 128 << 20
)

// ApplyFunc applies an entry of the named job to its engine.
type ApplyFunc func(job string, e *engine.Engine, en *entry.Entry, emit engine.Emit) (engine.Applied, error)

// Options configure a Manager. Log and Store are required; zero values of the
// rest mean the defaults.
type Options struct {
	Log   inlog.Log
	Store store.Store
	// Logger gets what an operator must know. Nil: nothing is logged.
	Logger *slog.Logger
	// Build names the binary in snapshots and failure messages.
	Build string
	// Clock is the wall clock of stamps that are outside the engine's state.
	Clock func() time.Time
	// Workers lend goroutines to engines. Nil: one less than GOMAXPROCS.
	Workers *Workers
	// SnapshotWork is the replay work after which a snapshot falls due.
	SnapshotWork int64
	// QueueLength is how many requests of one job may wait.
	QueueLength int
	// MaxBytesInFlight bounds the encoded uploads that are waiting or being
	// stored, over all jobs.
	MaxBytesInFlight int64
	// FreeBytes tells the free space of the data directory. Nil: uploads are
	// not refused before the disk is really full.
	FreeBytes func() (int64, error)
	// MinFreeBytes is the free space below which uploads are refused.
	MinFreeBytes int64
	// LoadsAtOnce is how many jobs are restored side by side. Zero: GOMAXPROCS.
	LoadsAtOnce int
	// Note records what an operator should see of a job; level is info, warning or
	// error. Nil: nothing is recorded.
	Note func(job, level, message string)
	// Apply replaces the engine's Apply, to inject failures in tests.
	Apply ApplyFunc

	// step is told when a job reaches a named point between log, snapshot file
	// and results, so that tests can stop there.
	step func(point string)
}

// Validate reports what is missing.
func (o *Options) Validate() error {
	if o.Log == nil || o.Store == nil {
		return errors.New("a job manager needs a log and a store")
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Workers == nil {
		o.Workers = NewWorkers(-1)
	}
	o.SnapshotWork = orDefault(o.SnapshotWork, DefaultSnapshotWork)
	o.QueueLength = orDefault(o.QueueLength, DefaultQueueLength)
	o.MaxBytesInFlight = orDefault(o.MaxBytesInFlight, DefaultMaxBytesInFlight)
	o.MinFreeBytes = orDefault(o.MinFreeBytes, DefaultMinFreeBytes)
	o.LoadsAtOnce = orDefault(o.LoadsAtOnce, runtime.GOMAXPROCS(0))
	if o.Apply == nil {
		o.Apply = func(_ string, e *engine.Engine, en *entry.Entry, emit engine.Emit) (engine.Applied, error) {
			return e.Apply(en, emit)
		}
	}
	if o.Note == nil {
		o.Note = func(string, string, string) {}
	}
	if o.step == nil {
		o.step = func(string) {}
	}
	return o
}

func orDefault[T int | int64](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}
