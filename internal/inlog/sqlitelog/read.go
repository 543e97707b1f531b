package sqlitelog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"tidemark/internal/inlog"
	"tidemark/internal/sqlite"
)

const (
	// chunkEntries and chunkBytes bound what is read at a time: a read that
	// stays open would keep the write-ahead log from being emptied.
	chunkEntries = 256
	chunkBytes   = 4 << 20
)

// Bounds implements inlog.Log.
func (l *Log) Bounds(ctx context.Context, job uint64) (first, last uint64, err error) {
	first = 1
	err = l.file.Reads().QueryRowContext(ctx, "SELECT first, last FROM bounds WHERE job = ?", int64(job)).Scan(&first, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return 1, 0, nil
	}
	return first, last, l.explain(err)
}

// stored is an entry as it stands in the file.
type stored struct {
	position uint64
	crc      uint32
	body     []byte
}

// Read implements inlog.Log.
func (l *Log) Read(ctx context.Context, job, from uint64, visit func(position uint64, entry []byte) error) error {
	first, last, err := l.Bounds(ctx, job)
	if err != nil {
		return err
	}
	for next := max(from, first); next <= last; {
		chunk, err := l.chunk(ctx, job, next)
		switch {
		case sqlite.Damaged(err):
			return l.corrupt(job, next, err.Error())
		case err != nil:
			return l.explain(err)
		case len(chunk) == 0:
			return l.corrupt(job, next, "it is missing")
		}
		for i := range chunk {
			e := &chunk[i]
			if e.position != next {
				return l.corrupt(job, next, "it is missing")
			}
			if e.crc != checksum(job, e.position, e.body) {
				return l.corrupt(job, next, "its checksum does not match")
			}
			entry, err := unpack(e.body)
			if err != nil {
				return l.corrupt(job, next, err.Error())
			}
			if err := visit(e.position, entry); err != nil {
				return err
			}
			next++
		}
	}
	return nil
}

func (l *Log) corrupt(job, position uint64, cause string) error {
	return &inlog.CorruptError{File: l.path, Job: job, Position: position, Cause: cause}
}

// chunk reads some entries from a position on.
func (l *Log) chunk(ctx context.Context, job, from uint64) ([]stored, error) {
	rows, err := l.file.Reads().QueryContext(ctx, fmt.Sprintf("SELECT id & %d, crc, body FROM entries WHERE id >= ? AND id <= ? ORDER BY id LIMIT %d", int64(maxPosition), chunkEntries),
		id(job, from), id(job, maxPosition))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []stored
	bytes := 0
	for bytes < chunkBytes && rows.Next() {
		var e stored
		if err := rows.Scan(&e.position, &e.crc, &e.body); err != nil {
			return nil, err
		}
		bytes += len(e.body)
		list = append(list, e)
	}
	return list, rows.Err()
}
