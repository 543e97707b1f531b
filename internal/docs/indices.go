package docs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"

	"tidemark/internal/mapping"
)

// Index describes one index. It does not change: a change makes another.
type Index struct {
	num       int64
	Name      string
	UUID      string
	CreatedMs int64
	// TimeField is the field that documents can be narrowed and ordered by.
	TimeField string
	Fields    *mapping.Fields
	// Settings and Aliases are JSON objects as they were given.
	Settings, Aliases []byte
}

func (x *Index) parse(mappings []byte) (err error) {
	x.Fields, err = mapping.Parse(mappings)
	return err
}

// Definition is what an index is made with. Each is a JSON object or empty.
type Definition struct{ Mappings, Settings, Aliases []byte }

// Create makes an index.
func (s *Store) Create(ctx context.Context, name string, def Definition, nowMs int64) (x *Index, err error) {
	err = s.change(ctx, func(ctx context.Context) error {
		if _, err := s.current(name); err == nil {
			return fmt.Errorf("index [%s]: %w", name, ErrExists)
		}
		x, err = s.create(ctx, name, def, nowMs)
		return err
	})
	return x, err
}

func (s *Store) create(ctx context.Context, name string, def Definition, nowMs int64) (*Index, error) {
	x := &Index{Name: name, UUID: newID(22), CreatedMs: nowMs, Settings: orObject(def.Settings), Aliases: orObject(def.Aliases)}
	if err := x.parse(def.Mappings); err != nil {
		return nil, err
	}
	x.TimeField = x.Fields.TimeField()
	done, err := s.file.Exec(ctx, "INSERT INTO indices (name, uuid, created, time_field, mappings, settings, aliases) VALUES (?, ?, ?, ?, ?, ?, ?)",
		name, x.UUID, nowMs, x.TimeField, []byte(x.Fields.JSON()), x.Settings, x.Aliases)
	if err != nil {
		return nil, err
	}
	x.num, err = done.LastInsertId()
	s.set(x)
	return x, err
}

func orObject(raw []byte) []byte {
	if len(raw) == 0 {
		return []byte("{}")
	}
	return raw
}

// newID is a random id of so many letters.
func newID(letters int) string { return strings.ReplaceAll(uuid.NewString(), "-", "")[:letters] }

// replace stores an index's new state.
func (s *Store) replace(ctx context.Context, x *Index) error {
	s.set(x)
	_, err := s.file.Exec(ctx, "UPDATE indices SET time_field = ?, mappings = ?, settings = ?, aliases = ? WHERE num = ?",
		x.TimeField, []byte(x.Fields.JSON()), x.Settings, x.Aliases, x.num)
	return err
}

// Alter changes an index's mappings, settings or aliases.
func (s *Store) Alter(ctx context.Context, name string, change func(*Index) error) error {
	return s.change(ctx, func(ctx context.Context) error {
		x, err := s.current(name)
		if err != nil {
			return err
		}
		altered := *x
		if err := change(&altered); err != nil {
			return err
		}
		if altered.TimeField == "" {
			// Documents from before have no time on record and are always looked at.
			altered.TimeField = altered.Fields.TimeField()
		}
		return s.replace(ctx, &altered)
	})
}

// Indices lists all indices by name.
func (s *Store) Indices() []*Index {
	return slices.SortedFunc(maps.Values(*s.indices.Load()), func(a, b *Index) int { return strings.Compare(a.Name, b.Name) })
}

// purgeDocs is how many documents one transaction of a delete removes.
const purgeDocs = 20_000

// Delete removes an index with its documents. It is gone at once and durably; its
// documents are removed in steps, so that others can write in between.
func (s *Store) Delete(ctx context.Context, name string) error {
	var num int64
	err := s.change(ctx, func(ctx context.Context) error {
		x, err := s.current(name)
		if err != nil {
			return err
		}
		num = x.num
		return s.drop(ctx, x)
	})
	if err != nil {
		return err
	}
	return s.purge(context.WithoutCancel(ctx), num)
}

// drop removes an index, but not its documents.
func (s *Store) drop(ctx context.Context, x *Index) error {
	if s.made == nil {
		s.made = maps.Clone(*s.indices.Load())
	}
	delete(s.made, x.Name)
	_, err := s.file.Exec(ctx, "DELETE FROM indices WHERE num = ?", x.num)
	return err
}

// purge removes the documents of an index that is gone.
func (s *Store) purge(ctx context.Context, num int64) error {
	for more := true; more; {
		err := s.change(ctx, func(ctx context.Context) error {
			more = false
			for _, table := range []string{"docs", "old"} {
				done, err := s.file.Exec(ctx, "DELETE FROM "+table+" WHERE key IN (SELECT key FROM "+table+" WHERE key BETWEEN ? AND ? LIMIT ?)", firstKey(num), lastKey(num), purgeDocs)
				if err != nil {
					return err
				}
				n, err := done.RowsAffected()
				if err != nil {
					return err
				}
				more = more || n == purgeDocs
			}
			if more {
				return nil
			}
			return s.file.GiveBack(ctx, math.MaxInt32)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// purgeOrphans removes documents whose index was deleted when the process ended.
func (s *Store) purgeOrphans(ctx context.Context) error {
	nums, err := s.file.Numbers(ctx, "SELECT DISTINCT idx FROM docs WHERE idx NOT IN (SELECT num FROM indices)")
	for _, num := range nums {
		err = errors.Join(err, s.purge(ctx, num))
	}
	return err
}

func firstKey(num int64) int64 { return num << seqBits }
func lastKey(num int64) int64  { return num<<seqBits | maxSeq }
