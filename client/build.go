package client

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"tidemark/wire"
)

// What requests fail with that are not worth sending.
var (
	errNoJobID = errors.New("a job id is required")
	errEmpty   = errors.New("it is required")
)

// ml starts a call of the machine learning API: segments follow its root and are
// escaped. subject, unless empty, is named in messages. Reads may be repeated.
func (c *Client) ml(name, subject, method string, segments ...string) *call {
	q := at(name, subject, method, segments...)
	q.path = c.root + q.path
	return q
}

// at starts a call whose path is given from the server's root.
func at(name, subject, method string, segments ...string) *call {
	q := &call{name: name, method: method, query: url.Values{}, repeatable: method == http.MethodGet || method == http.MethodHead}
	if subject != "" {
		q.name += " [" + wire.Clip(subject) + "]"
	}
	var path strings.Builder
	for _, s := range segments {
		path.WriteString("/" + url.PathEscape(s))
	}
	q.path = path.String()
	return q
}

// job starts a call about one job.
func (c *Client) job(verb, id, method string, rest ...string) *call {
	q := c.ml(verb+" job", id, method, append([]string{jobsSegment, id}, rest...)...)
	switch {
	case id == "":
		q.fail("JobID", errNoJobID)
	default:
		q.fail("JobID", wire.CheckID("job_id", id))
	}
	return q
}

const jobsSegment = "anomaly_detectors"

// orAll is an expression that stands for everything if it is empty.
func orAll(ids string) string {
	if ids == "" {
		return "_all"
	}
	return ids
}

// fail keeps the first thing that is wrong with a request; nil is nothing.
func (q *call) fail(field string, err error) {
	if q.err == nil && err != nil {
		q.err = &RequestError{Call: q.name, Field: field, Err: err}
	}
}

// need refuses an empty value.
func (q *call) need(field, value string) *call {
	if value == "" {
		q.fail(field, errEmpty)
	}
	return q
}

// again marks a call that may be sent twice: the second finds nothing left to do.
func (q *call) again() *call {
	q.repeatable = true
	return q
}

// flag sets a parameter if it is not what the server assumes anyway.
func (q *call) flag(name string, value, assumed bool) *call {
	if value != assumed {
		q.query.Set(name, strconv.FormatBool(value))
	}
	return q
}

// text sets a parameter unless it is empty.
func (q *call) text(name, value string) *call {
	if value != "" {
		q.query.Set(name, value)
	}
	return q
}

// number sets a parameter unless it is 0.
func (q *call) number(name string, value float64) *call {
	if value != 0 {
		q.query.Set(name, strconv.FormatFloat(value, 'f', -1, 64))
	}
	return q
}

// wait sets a duration unless it is 0.
func (q *call) wait(name string, d time.Duration) *call { return q.text(name, duration(d)) }

// time sets a time unless it is the zero time.
func (q *call) time(name, field string, t time.Time) *call {
	return q.text(name, q.timeString(field, t))
}

// page sets which part of a list is wanted.
func (q *call) page(p Page) *call {
	for _, x := range []struct {
		name  string
		value *int
	}{{"from", p.From}, {"size", p.Size}} {
		if x.value != nil {
			q.query.Set(x.name, strconv.Itoa(*x.value))
		}
	}
	return q
}

// encode sets the body.
func (q *call) encode(v any) *call {
	raw, err := json.Marshal(v, json.Deterministic(true))
	q.fail("body", err)
	q.body = jsonBody(raw)
	return q
}

// raw sets a body that is JSON already.
func (q *call) raw(field string, v []byte) *call {
	if len(v) == 0 {
		q.fail(field, errEmpty)
	}
	q.body = jsonBody(v)
	return q
}

// Page chooses a part of a list. From is how many are passed over, 0 if nil; Size
// how many there are at most, 100 if nil. Together they may be 10,000.
type Page struct{ From, Size *int }

// duration writes an optional duration.
func duration(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return wire.FormatDuration(d)
}

// timeString writes an optional time.
func (q *call) timeString(field string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if ms := t.UnixMilli(); ms < 0 || ms > wire.MaxTimeMs {
		q.fail(field, errors.New(t.Format(time.RFC3339)+" is not between 1970 and the year 275760"))
		return ""
	}
	return wire.TimeString(t)
}
