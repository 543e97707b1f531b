// Package durable publishes files that are whole or not there, locks a data
// directory, and knows how a full disk looks.
package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// TempSuffix ends the names of files that are being written.
const TempSuffix = ".tmp"

// Publish writes a file so that after a crash at any moment either all of it or
// the one before it is there: it is written beside its place, synced, renamed,
// and the directory is synced. It returns the file's size. After an error
// nothing new is left.
func Publish(path string, write func(io.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+TempSuffix)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	counted := &counter{w: f}
	buffered := bufio.NewWriterSize(counted, 1<<18)
	if err := write(buffered); err != nil {
		return 0, err
	}
	if err := errors.Join(buffered.Flush(), f.Sync()); err != nil {
		return 0, err
	}
	if err := f.Close(); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, err
	}
	return counted.n, SyncDir(filepath.Dir(path))
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(syncHandle(d), d.Close())
}

// Prepare makes a data directory with everything above it and checks that it
// can be written to.
func Prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory %s cannot be made: %w; choose another one with --data", dir, err)
	}
	probe, err := os.CreateTemp(dir, "probe.*"+TempSuffix)
	if err != nil {
		return fmt.Errorf("data directory %s cannot be written to: %w; give this user the right to, or choose another one with --data", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// lockName is the file that a process holds while it uses a data directory.
const lockName = "lock"

// ErrInUse says that another process holds the lock.
var ErrInUse = errors.New("it is in use by another process")

// Lock takes a data directory for this process until release is called or the
// process ends, however it ends.
func Lock(dir string) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory %s cannot be locked: %w; choose one with --data in which this user may make files", dir, err)
	}
	if err := lockHandle(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("data directory %s: %w; stop that process or choose another directory with --data", dir, err)
	}
	return f.Close, nil
}
