// Package feed sends the records of files to a job, in uploads of a size that
// suits the server, and shows how far it is.
package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tidemark/client"
)

// chunkBytes is the size of one upload: large enough that its sync does not
// matter, small enough that progress shows and a repeat costs little.
const chunkBytes = 4 << 20

// Source is what is sent.
type Source struct {
	// Next returns the next record as a line of JSON, io.EOF at the end.
	Next func() ([]byte, error)
	// Total is the size of what is read, in bytes, and Done how much of it has
	// been; Total 0: not known.
	Total int64
	Done  func() int64
}

// Sent sums up the server's counts over all uploads.
type Sent struct {
	Uploads                                     int
	Records, Processed, OutOfOrder, InvalidDate int64
	Took                                        time.Duration
}

// chunk is one upload with how much of the source it completes.
type chunk struct {
	body    []byte
	records int64
	done    int64
	err     error
}

// Send sends all records, in order. Records are read while the ones before are
// sent. What was taken before an error stays taken: Sent tells how much.
func Send(ctx context.Context, c *client.Client, job string, s Source, p *Progress) (sent Sent, err error) {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	chunks := make(chan chunk, 1)
	go func() {
		defer close(chunks)
		read(ctx, s, chunks)
	}()
	defer func() {
		cancel()
		for range chunks { // Until the reading goroutine has ended.
		}
		sent.Took = time.Since(began)
	}()
	for part := range chunks {
		if part.err != nil {
			return sent, part.err
		}
		counts, err := c.PostData(ctx, client.PostDataRequest{JobID: job, Body: bytes.NewReader(part.body)})
		if err != nil {
			return sent, fmt.Errorf("after %d records: %w", sent.Records, err)
		}
		sent.Uploads++
		sent.Records += part.records
		sent.Processed += counts.ProcessedRecordCount
		sent.OutOfOrder += counts.OutOfOrderTimestampCount
		sent.InvalidDate += counts.InvalidDateCount
		p.Update(sent.Records, part.done)
	}
	return sent, ctx.Err()
}

func read(ctx context.Context, s Source, to chan<- chunk) {
	for {
		part := chunk{body: make([]byte, 0, chunkBytes+chunkBytes/16)}
		var err error
		for len(part.body) < chunkBytes && err == nil {
			var line []byte
			if line, err = s.Next(); err == nil {
				part.body = append(append(part.body, line...), '\n')
				part.records++
			}
		}
		if !errors.Is(err, io.EOF) {
			part.err = err
		}
		if s.Done != nil {
			part.done = s.Done()
		}
		if part.records == 0 && part.err == nil {
			return
		}
		select {
		case to <- part:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// Counting is a reader that tells how much was read.
type Counting struct {
	R io.Reader
	N int64
}

// Read implements io.Reader.
func (c *Counting) Read(b []byte) (int, error) {
	n, err := c.R.Read(b)
	c.N += int64(n)
	return n, err
}
