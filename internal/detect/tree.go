package detect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"tidemark/internal/guess"
)

// Tree is Rows for a file, or for every CSV file below a folder: each is
// written under the same relative name below out. It returns the number of files
// and rows. What was made of a single file is said.
func Tree(ctx context.Context, in, out string, o guess.Overrides, say Say) (files, rows int, err error) {
	info, err := os.Stat(in)
	if err != nil {
		return 0, 0, err
	}
	if !info.IsDir() {
		if target, err := os.Stat(out); err == nil && target.IsDir() {
			out = filepath.Join(out, filepath.Base(in))
		}
		rows, err = rowsOfFile(in, out, o, say)
		return 1, rows, err
	}
	names, err := tables(in)
	if err != nil {
		return 0, 0, err
	}
	if len(names) == 0 {
		return 0, 0, fmt.Errorf("%s holds no .csv file", in)
	}
	counts, errs := make([]int, len(names)), make([]error, len(names))
	var wait sync.WaitGroup
	places := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, name := range names {
		if ctx.Err() != nil {
			break
		}
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			counts[i], errs[i] = rowsOfFile(filepath.Join(in, name), filepath.Join(out, name), o, func(string, ...any) {})
		})
	}
	wait.Wait()
	for i, n := range counts {
		rows += n
		if errs[i] == nil {
			files++
		}
	}
	return files, rows, errors.Join(append(errs, ctx.Err())...)
}

// tables lists the CSV files below a folder by their relative names.
func tables(root string) (names []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.EqualFold(filepath.Ext(path), ".csv") {
			return err
		}
		name, err := filepath.Rel(root, path)
		names = append(names, name)
		return err
	})
	return names, err
}

// rowsOfFile writes beside the target and renames, so that nobody takes half a
// file for a whole one.
func rowsOfFile(in, out string, o guess.Overrides, say Say) (n int, err error) {
	source, err := os.Open(in)
	if err != nil {
		return 0, err
	}
	defer source.Close()
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return 0, err
	}
	target, err := os.CreateTemp(filepath.Dir(out), filepath.Base(out)+".part-*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(target.Name()) // The first error is what counts.
		}
	}()
	n, err = Rows(source, target, in, o, say)
	if err = errors.Join(err, target.Close()); err != nil {
		return n, err
	}
	if err := os.Chmod(target.Name(), 0o644); err != nil {
		return n, err
	}
	return n, os.Rename(target.Name(), out)
}
