package job

import (
	"context"

	"tidemark/internal/store"
)

// modeKind names the mode of the whole server among what is stored for all jobs.
const modeKind, upgradeID = "mode", "upgrade"

// SetUpgradeMode turns the mode on in which no job is opened and none takes data
// or time, or off. It is durable when it returns.
func (m *Manager) SetUpgradeMode(ctx context.Context, on bool) error {
	if err := m.usable(""); err != nil {
		return err
	}
	m.shared.mu.Lock()
	defer m.shared.mu.Unlock()
	var err error
	if on {
		err = m.opt.Store.SaveShared(ctx, store.Shared{Kind: modeKind, ID: upgradeID, Doc: []byte("true")})
	} else {
		err = m.opt.Store.DeleteShared(ctx, modeKind, upgradeID)
	}
	if err != nil {
		return notDurable(upgradeID, "the mode", err)
	}
	m.upgrade.Store(on)
	return nil
}

// UpgradeMode reports whether the mode is on.
func (m *Manager) UpgradeMode() bool { return m.upgrade.Load() }

// upgrading refuses with a reason while the mode is on.
func (m *Manager) upgrading(id, reason string) error {
	if !m.upgrade.Load() {
		return nil
	}
	return &Error{Fault: Busy, Job: id, RetryAfter: retryBusy, Reason: reason}
}
