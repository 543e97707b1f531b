package job

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/go-json-experiment/json"

	"tidemark/internal/match"
	"tidemark/wire"
)

// shared is what jobs have in common. A configuration is made of it while mu is
// held for reading, so that a change that comes later reaches every job.
type shared struct {
	mu        sync.RWMutex
	filters   map[string]*wire.Filter
	calendars map[string]*calendar
}

// loadShared reads what jobs share.
func (m *Manager) loadShared(ctx context.Context) error {
	rows, err := m.opt.Store.AllShared(ctx)
	if err != nil {
		return err
	}
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	m.shared.filters, m.shared.calendars = map[string]*wire.Filter{}, map[string]*calendar{}
	for _, row := range rows {
		var err error
		switch row.Kind {
		case filterKind:
			f := &wire.Filter{}
			err = json.Unmarshal(row.Doc, f)
			m.shared.filters[row.ID] = f
		case modeKind:
			m.upgrade.Store(true)
		case settingsKind:
			err = json.Unmarshal(row.Doc, &m.settings.persistent)
		case calendarKind:
			c := &calendar{}
			err = json.Unmarshal(row.Doc, c)
			m.shared.calendars[row.ID] = c
		}
		if err != nil {
			return fmt.Errorf("stored %s [%s]: %w", row.Kind, row.ID, err)
		}
	}
	return nil
}

// chosen are the values of a map that an expression chooses, in order of their
// names; missing is a name that it asks for and that is not there.
func chosen[T any](all map[string]T, expr string) (list []T, missing string) {
	var things []match.Named
	for _, id := range slices.Sorted(maps.Keys(all)) {
		things = append(things, match.Named{ID: id})
	}
	ids, err := match.Resolve(expr, things, true)
	if err != nil {
		return nil, err.(*match.MissingError).Name
	}
	for _, id := range ids {
		list = append(list, all[id])
	}
	return list, ""
}
