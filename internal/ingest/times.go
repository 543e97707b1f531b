package ingest

import (
	"time"

	"tidemark/internal/ingest/javatime"
)

// TimeReader returns a function that reads times of a time_format as uploads
// do, in milliseconds since 1970. now gives the year of patterns without one.
func TimeReader(format string, now time.Time) (func(text []byte) (ms int64, ok bool), error) {
	f, err := newTimeFormat(format)
	if err != nil {
		return nil, err
	}
	clock := javatime.Clock{Year: now.UTC().Year()}
	return func(text []byte) (int64, bool) { return f.parse(text, &clock) }, nil
}
