// Package docs keeps documents that belong to no job's results: a small index of
// JSON documents for data that fits on a laptop, in one SQLite file. Finding
// documents is a scan in order of insertion, narrowed by one time field an index.
package docs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"tidemark/internal/query"
	"tidemark/internal/sqlite"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("already exists")
	ErrFull     = errors.New("no room for documents")
)

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE indices (
	num INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, uuid TEXT NOT NULL, created INTEGER NOT NULL,
	time_field TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE docs (
	seq INTEGER PRIMARY KEY AUTOINCREMENT, idx INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER, version INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE UNIQUE INDEX docs_id ON docs (idx, id);
CREATE INDEX docs_at ON docs (idx, at);
INSERT INTO meta VALUES ('format', 1), ('syncs', 0);
`

// Index describes one index.
type Index struct {
	Num       int64
	Name      string
	UUID      string
	CreatedMs int64
	// TimeField is the field that searches by time are narrowed by.
	TimeField string
	// Body has mappings, settings and aliases as they were given.
	Body []byte
}

// Store is an index of documents in a file. Its methods may be called from
// several goroutines.
type Store struct {
	mu   sync.Mutex
	file *sqlite.File
}

// Options of a file: as in package sqlite, 4 KB pages suit small documents.
const (
	pageBytes       = 4096
	checkpointPages = 1000
	readers         = 4
)

// Open opens the documents of a data directory.
func Open(ctx context.Context, dir string, maxBytes int64) (*Store, error) {
	file, err := sqlite.Open(ctx, filepath.Join(dir, "docs.db"), sqlite.Options{
		PageBytes: pageBytes, CheckpointPages: checkpointPages, MaxBytes: maxBytes, Readers: readers, Schema: schema, Format: 1,
	})
	if err != nil {
		return nil, err
	}
	return &Store{file: file}, nil
}

// Close releases the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Close()
}

// change runs a write transaction, durable when it returns.
func (s *Store) change(ctx context.Context, do func(context.Context) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.file.Transaction(context.WithoutCancel(ctx), do)
	if sqlite.Full(err) {
		return fmt.Errorf("%w in %s: %w", ErrFull, s.file.Path(), err)
	}
	return err
}

// Create makes an index.
func (s *Store) Create(ctx context.Context, name string, body []byte, nowMs int64) (x Index, err error) {
	err = s.change(ctx, func(ctx context.Context) error {
		if _, err := s.index(ctx, name); err == nil {
			return fmt.Errorf("index [%s]: %w", name, ErrExists)
		}
		x, err = s.create(ctx, name, body, nowMs)
		return err
	})
	return x, err
}

func (s *Store) create(ctx context.Context, name string, body []byte, nowMs int64) (Index, error) {
	if body == nil {
		body = []byte("{}")
	}
	x := Index{Name: name, UUID: strings.ReplaceAll(uuid.NewString(), "-", "")[:22], CreatedMs: nowMs, TimeField: timeField(body), Body: body}
	done, err := s.file.Exec(ctx, "INSERT INTO indices (name, uuid, created, time_field, body) VALUES (?, ?, ?, ?, ?)", name, x.UUID, nowMs, x.TimeField, body)
	if err == nil {
		x.Num, err = done.LastInsertId()
	}
	return x, err
}

// usualTimes are the fields that most documents have their time in.
var usualTimes = []string{"@timestamp", "timestamp", "time"}

// timeField is the date that mappings name, "" if none does.
func timeField(body []byte) string {
	var b struct {
		Mappings struct {
			Properties map[string]struct {
				Type string `json:"type"`
			} `json:"properties"`
		} `json:"mappings"`
	}
	if json.Unmarshal(body, &b) != nil {
		return ""
	}
	for _, name := range usualTimes {
		if b.Mappings.Properties[name].Type == "date" {
			return name
		}
	}
	first := ""
	for name, p := range b.Mappings.Properties { // order-free: the least name wins
		if p.Type == "date" && (first == "" || name < first) {
			first = name
		}
	}
	return first
}

func (s *Store) index(ctx context.Context, name string) (x Index, err error) {
	err = s.file.Row(ctx, "SELECT num, name, uuid, created, time_field, body FROM indices WHERE name = ?", []any{name},
		&x.Num, &x.Name, &x.UUID, &x.CreatedMs, &x.TimeField, &x.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return x, fmt.Errorf("index [%s]: %w", name, ErrNotFound)
	}
	return x, err
}

// SetBody replaces an index's mappings, settings and aliases.
func (s *Store) SetBody(ctx context.Context, name string, body []byte) error {
	return s.change(ctx, func(ctx context.Context) error {
		x, err := s.index(ctx, name)
		if err != nil {
			return err
		}
		field := x.TimeField
		if field == "" {
			field = timeField(body)
		}
		_, err = s.file.Exec(ctx, "UPDATE indices SET body = ?, time_field = ? WHERE num = ?", body, field, x.Num)
		return err
	})
}

// Indices lists all indices by name.
func (s *Store) Indices(ctx context.Context) ([]Index, error) {
	rows, err := s.file.Reads().QueryContext(ctx, "SELECT num, name, uuid, created, time_field, body FROM indices ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Index
	for rows.Next() {
		var x Index
		if err := rows.Scan(&x.Num, &x.Name, &x.UUID, &x.CreatedMs, &x.TimeField, &x.Body); err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, rows.Err()
}

// Delete removes an index with its documents.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.change(ctx, func(ctx context.Context) error {
		x, err := s.index(ctx, name)
		if err != nil {
			return err
		}
		if _, err := s.file.Exec(ctx, "DELETE FROM docs WHERE idx = ?", x.Num); err != nil {
			return err
		}
		if _, err := s.file.Exec(ctx, "DELETE FROM indices WHERE num = ?", x.Num); err != nil {
			return err
		}
		return s.file.GiveBack(ctx, math.MaxInt32)
	})
}

// Op is one change of a document.
type Op struct {
	Index, ID string
	// Create refuses an ID that is taken; Remove removes the document.
	Create, Remove bool
	// Doc is valid, compact JSON.
	Doc []byte
}

// Outcome is what became of an Op.
type Outcome struct {
	ID           string
	Version, Seq int64
	// Created: the ID was free. Found: a document to be removed was there.
	Created, Found bool
	// Err is ErrExists, or nil.
	Err error
}

// Apply makes changes, durable together when it returns. Indices that do not
// exist are made. One refused change does not stop the others.
func (s *Store) Apply(ctx context.Context, ops []Op, nowMs int64) ([]Outcome, error) {
	out := make([]Outcome, len(ops))
	err := s.change(ctx, func(ctx context.Context) error {
		known := map[string]Index{}
		for i := range ops {
			x, ok := known[ops[i].Index]
			if !ok {
				var err error
				if x, err = s.index(ctx, ops[i].Index); errors.Is(err, ErrNotFound) {
					x, err = s.create(ctx, ops[i].Index, nil, nowMs)
				}
				if err != nil {
					return err
				}
			}
			if err := s.apply(ctx, &x, &ops[i], &out[i]); err != nil {
				return err
			}
			known[ops[i].Index] = x
		}
		return nil
	})
	return out, err
}

func (s *Store) apply(ctx context.Context, x *Index, op *Op, out *Outcome) error {
	var seq int64
	out.ID = op.ID
	if out.ID == "" {
		out.ID = strings.ReplaceAll(uuid.NewString(), "-", "")[:20]
	}
	err := s.file.Row(ctx, "SELECT seq, version FROM docs WHERE idx = ? AND id = ?", []any{x.Num, out.ID}, &seq, &out.Version)
	found := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	out.Version, out.Found, out.Created = out.Version+1, found, !found
	if op.Create && found {
		out.Err = ErrExists
		return nil
	}
	if found {
		if _, err := s.file.Exec(ctx, "DELETE FROM docs WHERE seq = ?", seq); err != nil {
			return err
		}
	}
	if op.Remove {
		return nil
	}
	at, err := s.timeOf(ctx, x, op.Doc)
	if err != nil {
		return err
	}
	done, err := s.file.Exec(ctx, "INSERT INTO docs (idx, id, at, version, doc) VALUES (?, ?, ?, ?, ?)", x.Num, out.ID, at, out.Version, op.Doc)
	if err == nil {
		out.Seq, err = done.LastInsertId()
	}
	return err
}

// timeOf is a document's time, nil if it has none or several. The first document
// of an index without mappings decides where times stand.
func (s *Store) timeOf(ctx context.Context, x *Index, doc []byte) (any, error) {
	if x.TimeField == "" {
		for _, name := range usualTimes {
			if _, ok := query.Millis(doc, name); ok {
				x.TimeField = name
				// Documents from before have no time on record and are always looked at.
				if _, err := s.file.Exec(ctx, "UPDATE indices SET time_field = ? WHERE num = ?", name, x.Num); err != nil {
					return nil, err
				}
				break
			}
		}
	}
	if x.TimeField == "" || len(query.Values(doc, x.TimeField)) != 1 {
		return nil, nil
	}
	if ms, ok := query.Millis(doc, x.TimeField); ok {
		return ms, nil
	}
	return nil, nil
}

// Get returns a document.
func (s *Store) Get(ctx context.Context, index, id string) (d query.Doc, seq int64, err error) {
	d = query.Doc{Index: index, ID: id}
	err = s.file.Reads().QueryRowContext(ctx, "SELECT seq, version, doc FROM docs WHERE idx = (SELECT num FROM indices WHERE name = ?) AND id = ?", index, id).
		Scan(&seq, &d.Version, &d.Source)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("document [%s] of [%s]: %w", id, index, ErrNotFound)
	}
	return d, seq, err
}

// Count is how many documents an index has.
func (s *Store) Count(ctx context.Context, x *Index) (n int64, err error) {
	err = s.file.Reads().QueryRowContext(ctx, "SELECT count(*) FROM docs WHERE idx = ?", x.Num).Scan(&n)
	return n, err
}

// Scan calls visit with the documents of an index in the order of their last
// change; those whose time lies outside [fromMs, toMs) may be left out. The
// document is valid until visit returns.
func (s *Store) Scan(ctx context.Context, x *Index, fromMs, toMs int64, visit func(*query.Doc) error) error {
	where, args := "idx = ?", []any{x.Num}
	if fromMs != math.MinInt64 || toMs != math.MaxInt64 {
		// Two arms, so that the index on times is used.
		where = "seq IN (SELECT seq FROM docs WHERE idx = ? AND at >= ? AND at < ? UNION ALL SELECT seq FROM docs WHERE idx = ? AND at IS NULL)"
		args = []any{x.Num, fromMs, toMs, x.Num}
	}
	rows, err := s.file.Reads().QueryContext(ctx, "SELECT id, version, doc FROM docs WHERE "+where+" ORDER BY seq", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	d := query.Doc{Index: x.Name}
	var doc sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&d.ID, &d.Version, &doc); err != nil {
			return err
		}
		d.Source = doc
		if err := visit(&d); err != nil {
			return err
		}
	}
	return rows.Err()
}
