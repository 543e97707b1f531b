//go:build !unix

package durable

import (
	"errors"
	"math"
	"os"
)

// lockHandle does nothing where there is no lock that ends with the process;
// the databases in the directory still refuse a second writer.
func lockHandle(*os.File) error { return nil }

// syncHandle does nothing: directories cannot be synced here.
func syncHandle(*os.File) error { return nil }

// FreeBytes is not known here.
func FreeBytes(string) (int64, error) { return math.MaxInt64, nil }

// IsFull reports whether an error says that a disk is full.
func IsFull(err error) bool { return errors.Is(err, errFull) }

var errFull = errors.New("there is not enough space on the disk")
