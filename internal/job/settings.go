package job

import (
	"context"
	"maps"
	"sync"

	"github.com/go-json-experiment/json"

	"tidemark/internal/match"
	"tidemark/internal/store"
	"tidemark/wire"
)

// MaxMemorySetting bounds the model_memory_limit of new and changed jobs.
const MaxMemorySetting = "xpack.ml.max_model_memory_limit"

// settingsKind names the server's settings among what is stored for all jobs.
const settingsKind, persistentID = "settings", "persistent"

// mostSettings bounds how many are kept.
const mostSettings = 1000

// Settings are values by dotted name: texts, or lists. In a change nil removes those
// that the name, which may hold *, stands for.
type Settings map[string]any

// settings are the server's; transient ones win and end with the process.
type settings struct {
	mu                    sync.RWMutex
	persistent, transient Settings
}

func (s Settings) changed(change Settings) Settings {
	out := maps.Clone(s)
	if out == nil {
		out = Settings{}
	}
	for name, value := range change { // order-free: names that are set are not removed
		if value == nil {
			maps.DeleteFunc(out, func(have string, _ any) bool { return match.Pattern(name, have) })
		}
	}
	for name, value := range change { // order-free: each sets a value of its own
		if value != nil {
			out[name] = value
		}
	}
	return out
}

// memoryOf is the bound of memory limits in whole mebibytes; 0: none.
func memoryOf(s Settings) (mib int64, set bool, err error) {
	value, set := s[MaxMemorySetting]
	text, _ := value.(string)
	if !set || text == "0" {
		return 0, set, nil
	}
	mib, err = wire.ParseMemoryLimit(MaxMemorySetting, text)
	return mib, true, err
}

// Settings returns the server's settings. They must not be changed.
func (m *Manager) Settings() (persistent, transient Settings) {
	m.settings.mu.RLock()
	defer m.settings.mu.RUnlock()
	return m.settings.persistent, m.settings.transient
}

// MaxMemoryMiB bounds the memory limit of new and changed jobs, in mebibytes; 0: it
// is not bounded.
func (m *Manager) MaxMemoryMiB() int64 {
	persistent, transient := m.Settings()
	mib, set, _ := memoryOf(transient) // Checked when it was set.
	if !set {
		mib, _, _ = memoryOf(persistent)
	}
	return mib
}

// ChangeSettings sets and removes settings, all or none. Persistent ones are
// durable when it returns.
func (m *Manager) ChangeSettings(ctx context.Context, persistent, transient Settings) error {
	if err := m.usable(""); err != nil {
		return err
	}
	m.settings.mu.Lock()
	defer m.settings.mu.Unlock()
	lasting, passing := m.settings.persistent.changed(persistent), m.settings.transient.changed(transient)
	for _, s := range []Settings{lasting, passing} {
		if _, _, err := memoryOf(s); err != nil {
			return err
		}
		if len(s) > mostSettings {
			return badRequest("", "too many settings: %d, the limit is %d; remove some by setting them to null", len(s), mostSettings)
		}
	}
	if len(persistent) > 0 {
		doc, err := json.Marshal(lasting, json.Deterministic(true))
		if err != nil {
			return err
		}
		if err := m.opt.Store.SaveShared(ctx, store.Shared{Kind: settingsKind, ID: persistentID, Doc: doc}); err != nil {
			return notDurable(persistentID, "the settings", err)
		}
	}
	m.settings.persistent, m.settings.transient = lasting, passing
	return nil
}
