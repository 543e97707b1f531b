package job

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/engine/spec"
	"tidemark/internal/document"
	"tidemark/internal/ingest"
	"tidemark/internal/store"
	"tidemark/wire"
)

// config is a job's configuration in the forms its parts need. It is immutable.
type config struct {
	wire *wire.Job
	// spec is nil if the stored configuration cannot be read.
	spec *spec.Job
	// numbers and texts are how many columns a batch for the job has.
	numbers, texts int
	// timeField and timeFormat say where a record's time stands.
	timeField, timeFormat string
	// schema is what reading uploads needs, made when first asked for.
	schema func() (*ingest.Schema, error)
	// idle is after how long without a record time is moved on, future how far
	// ahead of the clock records may be; 0 means off.
	idle, future time.Duration
	// millis is the schema of records from a datafeed.
	millis func() (*ingest.Schema, error)
}

// defaultTimeFormat is what a job without time_format gets.
const defaultTimeFormat = "epoch_ms"

// newConfig needs shared.mu to be held.
func (m *Manager) newConfig(w *wire.Job) (*config, error) {
	s, err := document.SpecOf(w, m.shared.items)
	if err != nil {
		return nil, err
	}
	s.Events = m.shared.events(w)
	c := &config{wire: w, spec: s}
	numbers, texts := s.Columns()
	c.numbers, c.texts = len(numbers), len(texts)
	c.timeField, c.timeFormat = document.TimeOf(w)
	if c.idle, c.future, err = document.ClockOf(w); err != nil {
		return nil, err
	}
	c.millis = c.millisSchema()
	c.schema = sync.OnceValues(func() (*ingest.Schema, error) {
		format := c.timeFormat
		if format == defaultTimeFormat {
			// A stored configuration does not tell the default from the same
			// format given; both mean the same, and to both the warning about
			// seconds read as milliseconds applies.
			format = ""
		}
		schema, err := ingest.NewSchema(s, c.timeField, format)
		if err == nil {
			schema.Future = c.future
			if d := w.DataDescription; d.Format == "delimited" {
				schema.Delimited = &ingest.Delimited{Delimiter: d.FieldDelimiter[0], Quote: d.QuoteCharacter[0]}
			}
		}
		return schema, err
	})
	return c, nil
}

func (m *Manager) decodeConfig(stored []byte) (*config, error) {
	w := &wire.Job{}
	if err := json.Unmarshal(stored, w); err != nil {
		return nil, err
	}
	return m.newConfig(w)
}

// unreadableConfig stands in for a stored configuration that cannot be read, so
// that the job can still be seen and deleted.
func unreadableConfig(id string) *config { return &config{wire: &wire.Job{JobID: id}} }

// Put creates a job from a validated configuration. It is closed and durable
// when Put returns. The answer has the server's own fields.
func (m *Manager) Put(ctx context.Context, w *wire.Job) (*wire.Job, error) {
	if err := m.usable(w.JobID); err != nil {
		return nil, err
	}
	m.shared.mu.RLock()
	defer m.shared.mu.RUnlock()
	if err := m.missingFilter(w); err != nil {
		return nil, err
	}
	if err := m.clashing(w); err != nil {
		return nil, err
	}
	created := *w
	now := wire.Millis(m.opt.Clock().UnixMilli())
	created.CreateTime, created.FinishedTime = &now, nil
	conf, err := m.newConfig(&created)
	if err == nil {
		_, err = conf.schema()
	}
	if err != nil {
		return nil, &Error{Fault: BadRequest, Job: w.JobID, Reason: err.Error(), Cause: nil}
	}
	stored, err := json.Marshal(&created)
	if err != nil {
		return nil, fmt.Errorf("encode the configuration of job [%s]: %w", w.JobID, err)
	}
	if err := m.names.take(w.JobID, w.Groups); err != nil {
		return nil, err
	}
	row := store.Job{ID: w.JobID, Config: stored, State: store.Closed}
	if err := m.opt.Store.CreateJob(ctx, &row); err != nil {
		m.names.free(w.JobID, w.Groups)
		if errors.Is(err, store.ErrExists) {
			return nil, taken(w.JobID)
		}
		return nil, notDurable(w.JobID, "its configuration", err)
	}
	j := &job{m: m, num: row.Num, id: row.ID, row: row, state: closed}
	j.conf.Store(conf)
	j.view.Store(newView())
	m.jobs.Store(row.ID, j)
	return j.document(), nil
}

// clashing refuses a job whose results and those of others cannot stand in one index.
func (m *Manager) clashing(w *wire.Job) error {
	err := document.CheckFields(w)
	m.jobs.Range(func(_, other any) bool {
		if err == nil {
			err = document.CheckClash(w, other.(*job).conf.Load().wire)
		}
		return err == nil
	})
	return err
}

// Get returns the configurations of the jobs that the expression chooses, by
// id.
func (m *Manager) Get(_ context.Context, expr string, allowNoMatch bool) ([]*wire.Job, error) {
	jobs, err := m.choose(expr, allowNoMatch)
	if err != nil {
		return nil, err
	}
	out := make([]*wire.Job, len(jobs))
	for i, j := range jobs {
		out[i] = j.document()
	}
	return out, nil
}

// document is the job's configuration with what the runtime stamps on it.
func (j *job) document() *wire.Job {
	w := *j.conf.Load().wire
	if id := j.activeSnapshot(); id != "" {
		w.ModelSnapshotID, w.ModelSnapshotMinVersion = id, wire.Version
	}
	if v := j.view.Load(); v.FinishedMs > 0 {
		at := wire.Millis(v.FinishedMs)
		w.FinishedTime = &at
	}
	return &w
}
