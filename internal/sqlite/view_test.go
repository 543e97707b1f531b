package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
)

// TestEach: rows come in the order of the condition's index, as Rows has them; a
// visitor that has seen enough ends them; several run at once.
func TestEach(t *testing.T) {
	ctx := context.Background()
	f, err := Open(ctx, filepath.Join(t.TempDir(), "f.db"), Options{PageBytes: 4096, CheckpointPages: 1000, Readers: 4, Format: 1,
		Schema: "CREATE TABLE meta (key TEXT, value INTEGER); INSERT INTO meta VALUES ('format', 1); CREATE TABLE t (k INTEGER PRIMARY KEY, a INTEGER, b BLOB, c TEXT); CREATE INDEX t_a ON t (a);"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	err = f.Transaction(ctx, func(ctx context.Context) error {
		for i := range 1000 {
			if _, err := f.Exec(ctx, "INSERT INTO t VALUES (?, ?, ?, ?)", i, i*7919%1000, fmt.Appendf(nil, "b%d", i), fmt.Sprint("c", i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// list reads with one of the two ways, up to so many rows.
	list := func(most int, read func(v *View, visit func([]driver.Value) bool) error) (rows []string) {
		err := f.View(ctx, func(v *View) error {
			return read(v, func(row []driver.Value) bool {
				rows = append(rows, fmt.Sprint(row))
				return len(rows) < most
			})
		})
		if err != nil {
			t.Error(err)
		}
		return rows
	}
	const columns = "k, a, b, c, NULL"
	var all sync.WaitGroup
	for _, c := range []struct{ condition, order string }{{"k BETWEEN ? AND ?", "k"}, {"a BETWEEN ? AND ?", "a, k"}, {"a BETWEEN ? AND ?", "a DESC, k DESC"}} {
		for _, most := range []int{1, 17, 2000} {
			all.Go(func() {
				args := []any{int64(10), int64(900)}
				want := list(most, func(v *View, visit func([]driver.Value) bool) error {
					return v.Rows("SELECT "+columns+" FROM t WHERE "+c.condition+" ORDER BY "+c.order, args, visit)
				})
				have := list(most, func(v *View, visit func([]driver.Value) bool) error {
					return v.Each("t", c.condition, c.order, columns, args, visit)
				})
				if len(have) != min(most, 891) || fmt.Sprint(have) != fmt.Sprint(want) {
					t.Errorf("%+v: %d rows, want %d:\n%s\n%s", c, len(have), len(want), have, want)
				}
			})
		}
	}
	all.Wait()
	err = f.View(ctx, func(v *View) error {
		return v.Each("t", "nothing = ?", "k", "k", []any{int64(1)}, func([]driver.Value) bool { return true })
	})
	if err == nil {
		t.Error("a condition that cannot be read is no error")
	}
	gone, cancel := context.WithCancel(ctx)
	err = f.View(gone, func(v *View) error {
		return v.Each("t", "k >= ?", "k", "k", []any{int64(0)}, func([]driver.Value) bool {
			cancel()
			return true
		})
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
