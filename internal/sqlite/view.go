package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// View reads many rows at the driver's own speed, all of them from one state of the
// file. It belongs to one goroutine.
type View struct {
	ctx  context.Context
	conn *sql.Conn
}

// View runs queries beside a write. What do reads is one state of the file.
func (f *File) View(ctx context.Context, do func(*View) error) (err error) {
	conn, err := f.reads.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	defer func() {
		_, end := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		err = errors.Join(err, end)
	}()
	return do(&View{ctx, conn})
}

// Rows calls visit with each row until it returns false. The row is used again for
// the next one, but its blobs and texts are visit's to keep.
func (v *View) Rows(query string, args []any, visit func(row []driver.Value) (more bool)) error {
	return v.conn.Raw(func(raw any) (err error) {
		queryer, ok := raw.(driver.QueryerContext)
		if !ok {
			return fmt.Errorf("the driver %T runs no queries", raw)
		}
		named := make([]driver.NamedValue, len(args))
		for i, arg := range args {
			named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
		}
		rows, err := queryer.QueryContext(v.ctx, query, named)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		row := make([]driver.Value, len(rows.Columns()))
		for {
			if err := rows.Next(row); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if !visit(row) {
				return nil
			}
		}
	})
}
