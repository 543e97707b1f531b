package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"

	"tidemark/internal/document"
	"tidemark/internal/store"
	"tidemark/wire"
	"tidemark/wire/strict"
)

// search is what a results request asks for.
type search struct {
	start, end, sort, timestamp string
	from, size                  *int64
	score                       *float64
	desc                        *bool
	excludeInterim, expand      bool
}

// readSearch reads the parameters from the query and from the body: official
// clients spread them over both. The body is right where both have one.
func (q *request) readSearch(scoreName string) (*search, error) {
	s := &search{start: q.query.Get("start"), end: q.query.Get("end"), sort: q.query.Get("sort"), timestamp: q.query.Get("timestamp")}
	desc, err := q.boolean("desc", false)
	if q.query.Has("desc") {
		s.desc = &desc
	}
	if err == nil {
		s.excludeInterim, err = q.boolean("exclude_interim", false)
	}
	if err == nil {
		s.expand, err = q.boolean("expand", false)
	}
	if err = errors.Join(err, q.integer("from", &s.from), q.integer("size", &s.size), q.float(scoreName, &s.score)); err != nil || !q.hasBody {
		return s, err
	}
	return s, q.searchBody(s, scoreName)
}

func (q *request) searchBody(s *search, scoreName string) error {
	body, err := q.body()
	if err != nil || len(body) == 0 {
		return err
	}
	var id string
	fields := strict.Fields{
		"job_id": strict.Text(&id), "start": strict.TextOrNumber(&s.start), "end": strict.TextOrNumber(&s.end), "sort": strict.Text(&s.sort),
		"desc": strict.OptionalBool(&s.desc), "exclude_interim": strict.Bool(&s.excludeInterim), scoreName: strict.OptionalFloat(&s.score),
		"page": strict.Object("page", strict.Fields{"from": strict.OptionalInt(&s.from), "size": strict.OptionalInt(&s.size)}),
	}
	if scoreName == "anomaly_score" {
		fields["expand"] = strict.Bool(&s.expand)
		fields["timestamp"] = strict.TextOrNumber(&s.timestamp)
	}
	return strict.Parse(body, "results_request", fields)
}

// storeQuery checks the parameters and makes the store's query of them.
func (q *request) storeQuery(s *search, desc bool) (store.Query, error) {
	out := store.Query{Sort: s.sort, Desc: desc, ExcludeInterim: s.excludeInterim, Size: wire.DefaultPageSize}
	if s.desc != nil {
		out.Desc = *s.desc
	}
	if s.score != nil {
		out.MinScore = *s.score
	}
	for _, p := range []struct {
		name string
		have *int64
		to   *int
	}{{"from", s.from, &out.From}, {"size", s.size, &out.Size}} {
		if p.have == nil {
			continue
		}
		if *p.have < 0 {
			return out, wire.Refuse(wire.TypeIllegalArgument, "Parameter [%s] cannot be < 0; it is %d", p.name, *p.have)
		}
		*p.to = int(min(*p.have, wire.MaxPage+1))
	}
	if out.From+out.Size > wire.MaxPage {
		return out, wire.Refuse(wire.TypeIllegalArgument, "The sum of parameters [from] and [size] cannot be higher than %d; narrow the time range instead", wire.MaxPage)
	}
	var err error
	if out.StartMs, out.HasStart, err = q.resultTime("start", s.start); err != nil {
		return out, err
	}
	out.EndMs, out.HasEnd, err = q.resultTime("end", s.end)
	return out, err
}

// resultTime reads a bound of the results' time range, to the millisecond.
func (q *request) resultTime(name, value string) (int64, bool, error) {
	if value == "" {
		return 0, false, nil
	}
	ms, err := wire.ParseTime(name, value, q.h.opt.Now())
	return ms, err == nil, err
}

// page asks for results and turns a wrong sort field into a refusal.
func page(ctx context.Context, id string, query store.Query, read func(context.Context, string, store.Query) (store.Page, error)) (store.Page, error) {
	p, err := read(ctx, id, query)
	if errors.Is(err, store.ErrSort) {
		return p, wire.Refuse(wire.TypeIllegalArgument, "No mapping found for [%s] in order to sort on; sort by a field of the results", wire.Clip(query.Sort))
	}
	return p, err
}

// list writes {"count":n,"name":[…]}.
func (q *request) list(name string, p store.Page) {
	size := 64
	for _, d := range p.Docs {
		size += len(d) + 1
	}
	b := append(make([]byte, 0, size), `{"count":`...)
	b = strconv.AppendInt(b, p.Total, 10)
	b = append(append(append(b, `,"`...), name...), `":[`...)
	b = append(append(b, bytes.Join(p.Docs, []byte{','})...), "]}"...)
	q.send(http.StatusOK, b)
}

func getRecords(q *request) error {
	return q.simple("records", "record_score", q.h.opt.Jobs.Records, document.CompleteRecord)
}

func getInfluencers(q *request) error {
	return q.simple("influencers", "influencer_score", q.h.opt.Jobs.Influencers, document.CompleteInfluencer)
}

// simple answers with records or influencers, by default the worst first.
func (q *request) simple(name, scoreName string, read func(context.Context, string, store.Query) (store.Page, error), complete func([]byte) []byte) error {
	s, err := q.readSearch(scoreName)
	if err != nil {
		return err
	}
	query, err := q.storeQuery(s, true)
	if err != nil {
		return err
	}
	p, err := page(q.Context(), q.id(), query, read)
	if err != nil {
		return err
	}
	for i := range p.Docs {
		p.Docs[i] = complete(p.Docs[i])
	}
	q.list(name, p)
	return nil
}

func getBuckets(q *request) error {
	s, err := q.readSearch("anomaly_score")
	if err != nil {
		return err
	}
	if inURL := q.values["timestamp"]; inURL != "" {
		s.timestamp = inURL
	}
	if s.timestamp != "" {
		return q.oneBucket(s)
	}
	query, err := q.storeQuery(s, false)
	if err != nil {
		return err
	}
	return q.buckets(s, query)
}

// oneBucket answers with the bucket that starts at a time.
func (q *request) oneBucket(s *search) error {
	for _, p := range []struct {
		name  string
		given bool
	}{{"from", s.from != nil}, {"size", s.size != nil}, {"start", s.start != ""}, {"end", s.end != ""}, {"anomaly_score", s.score != nil && *s.score != 0}} {
		if p.given {
			return wire.Refuse(wire.TypeIllegalArgument, "Param [timestamp] is incompatible with [%s]; leave one of them out", p.name)
		}
	}
	at, err := wire.ParseTime("timestamp", s.timestamp, q.h.opt.Now())
	if err != nil {
		return err
	}
	return q.buckets(s, store.Query{StartMs: at, EndMs: at + 1, HasStart: true, HasEnd: true, Size: 1, ExcludeInterim: s.excludeInterim})
}

func (q *request) buckets(s *search, query store.Query) error {
	p, err := page(q.Context(), q.id(), query, q.h.opt.Jobs.Buckets)
	if err != nil {
		return err
	}
	if s.timestamp != "" && p.Total == 0 {
		return &wire.Refusal{Status: 404, Type: wire.TypeNotFound,
			Reason: "Could not find requested buckets: no bucket of job [" + wire.Clip(q.id()) + "] starts at [" + wire.Clip(s.timestamp) + "]"}
	}
	for i := range p.Docs {
		p.Docs[i] = document.CompleteBucket(p.Docs[i])
		if !s.expand {
			continue
		}
		if p.Docs[i], err = q.expand(p.Docs[i], query.ExcludeInterim); err != nil {
			return err
		}
	}
	q.list("buckets", p)
	return nil
}

var eventCount = []byte(`,"event_count":`)

// expand adds a bucket's anomaly records to its document, the least probable
// first.
func (q *request) expand(doc []byte, excludeInterim bool) ([]byte, error) {
	var b struct {
		Timestamp int64 `json:"timestamp"`
	}
	if err := json.Unmarshal(doc, &b); err != nil {
		return nil, err
	}
	records, err := q.h.opt.Jobs.Records(q.Context(), q.id(), store.Query{
		StartMs: b.Timestamp, EndMs: b.Timestamp + 1, HasStart: true, HasEnd: true, Sort: "probability", Size: wire.MaxPage, ExcludeInterim: excludeInterim})
	for i := range records.Docs {
		records.Docs[i] = document.CompleteRecord(records.Docs[i])
	}
	// Inside a string every quote has a backslash before it, so that only the
	// member's name can match.
	at := bytes.Index(doc, eventCount)
	if err != nil || len(records.Docs) == 0 || at < 0 {
		return doc, err
	}
	out := append(append([]byte{}, doc[:at]...), `,"records":[`...)
	out = append(append(out, bytes.Join(records.Docs, []byte{','})...), ']')
	return append(out, doc[at:]...), nil
}
