package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestPublish(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	big := strings.Repeat("0123456789", 100_000)
	for _, text := range []string{"one", big} {
		size, err := Publish(path, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
		if err != nil || size != int64(len(text)) {
			t.Fatalf("size %d, error %v", size, err)
		}
		if have, _ := os.ReadFile(path); string(have) != text {
			t.Errorf("the file has %d bytes, not the %d written", len(have), len(text))
		}
	}
	failure := errors.New("failed on purpose")
	_, err := Publish(path, func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return failure
	})
	if !errors.Is(err, failure) {
		t.Errorf("the writer's error is lost: %v", err)
	}
	if have, _ := os.ReadFile(path); string(have) != big {
		t.Error("a failed publication changed the file")
	}
	if list := names(t, dir); len(list) != 1 {
		t.Errorf("a failed publication left %v", list)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	release, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second lock: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(dir)
	if err != nil {
		t.Fatalf("after a release: %v", err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}

func TestPrepare(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := Prepare(dir); err != nil {
		t.Fatal(err)
	}
	if list := names(t, dir); len(list) != 0 {
		t.Errorf("the probe is left: %v", list)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Prepare(filepath.Join(file, "below")); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("a directory below a file: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	if !IsFull(fmt.Errorf("write: %w", syscall.ENOSPC)) || IsFull(io.ErrShortWrite) || IsFull(nil) {
		t.Error("IsFull does not tell a full disk from other errors")
	}
	if free, err := FreeBytes(t.TempDir()); err != nil || free <= 0 {
		t.Errorf("free bytes %d, error %v", free, err)
	}
}
